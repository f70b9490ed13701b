/* What an outline says about its picture before it is drawn: that there must be ink, as so much area cannot be spread so thin. */

#include "text.h"

#include <math.h>

/* What is larger or has more pieces is left to the rasterizer. */
enum { MOST_PX = 64, MOST_PIECES = 4096 };

/* How many px the rasterizer may draw beside a line, a quadratic and a cubic curve, for each px of them: it draws chords, with
   ends in 256ths of a pixel, and along a row of pixels what it leaves out of a division adds up. */
static const double OFF_LINE = 6.0 / 512, OFF_QUADRATIC = 0.1, OFF_CUBIC = 0.2, OFF_ROW = 1.0 / 512;

/* So much longer may a piece become as its ends are rounded. */
static const double ROUNDING = 1.0 / 128;

/* A walk around an outline in px: twice its signed area, by how much that drawn may be less, the most its length can be, and its
   extent with all control points. */
typedef struct {
    double scale, x, y, area, stray, length, left, right, bottom, top;
    int pieces, contours;
} walk;

static double cross(double x0, double y0, double x1, double y1)
{
    return x0 * y1 - x1 * y0;
}

static void reach(walk *w, double x, double y)
{
    w->left = x < w->left ? x : w->left;
    w->right = x > w->right ? x : w->right;
    w->bottom = y < w->bottom ? y : w->bottom;
    w->top = y > w->top ? y : w->top;
}

/* To a point, past control points of a curve that is drawn at most `off` px a px beside its place. */
static void step(walk *w, const double (*points)[2], int count, double off)
{
    double across = 0, way = 0, x = w->x, y = w->y;
    for (int at = 0; at < count; at++) {
        reach(w, points[at][0], points[at][1]);
        across += fabs(points[at][0] - x);
        way += fabs(points[at][0] - x) + fabs(points[at][1] - y);
        x = points[at][0];
        y = points[at][1];
    }
    w->length += way;
    w->stray += way * (off + OFF_LINE + OFF_ROW * across);
    w->x = x;
    w->y = y;
    w->pieces++;
}

static void move_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float x, float y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    walk *w = data;
    w->x = x * w->scale;
    w->y = y * w->scale;
    reach(w, w->x, w->y);
    w->contours++;
}

static void line_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    walk *w = data;
    const double to[1][2] = {{to_x * w->scale, to_y * w->scale}};
    w->area += cross(w->x, w->y, to[0][0], to[0][1]);
    step(w, to, 1, 0);
}

static void quadratic_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float by_x, float by_y, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    walk *w = data;
    const double to[2][2] = {{by_x * w->scale, by_y * w->scale}, {to_x * w->scale, to_y * w->scale}};
    const double sides = cross(w->x, w->y, to[0][0], to[0][1]) + cross(to[0][0], to[0][1], to[1][0], to[1][1]);
    w->area += (2 * sides + cross(w->x, w->y, to[1][0], to[1][1])) / 3;
    step(w, to, 2, OFF_QUADRATIC);
}

static void cubic_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float b_x, float b_y, float c_x, float c_y, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    walk *w = data;
    const double to[3][2] = {{b_x * w->scale, b_y * w->scale}, {c_x * w->scale, c_y * w->scale}, {to_x * w->scale, to_y * w->scale}};
    const double near = cross(w->x, w->y, to[0][0], to[0][1]) + cross(to[1][0], to[1][1], to[2][0], to[2][1]);
    const double far = cross(w->x, w->y, to[1][0], to[1][1]) + cross(to[0][0], to[0][1], to[1][0], to[1][1]) + cross(to[0][0], to[0][1], to[2][0], to[2][1]);
    w->area += (6 * near + 3 * far + cross(w->x, w->y, to[2][0], to[2][1])) / 10;
    step(w, to, 3, OFF_CUBIC);
}

/* Made once and kept, like the rasterizer; without memory it does nothing, and every outline has no area. */
static hb_draw_funcs_t *walking(void)
{
    static hb_draw_funcs_t *funcs = NULL;
    if (funcs == NULL)
        funcs = fm_hb_draw_funcs(move_to, line_to, quadratic_to, cubic_to);
    return funcs;
}

int fm_surely_inked(fm_font *font, uint32_t gid, double scale, int least)
{
    walk w = {.scale = scale, .left = INFINITY, .right = -INFINITY, .bottom = INFINITY, .top = -INFINITY};
    if (!fm_hb.font_draw_glyph_or_fail(font->font, gid, walking(), &w) || w.pieces > MOST_PIECES)
        return 0;
    const double width = w.right - w.left, height = w.top - w.bottom;
    if (!(width <= MOST_PX && height <= MOST_PX))
        return 0;
    /* The rasterizer sums signed areas, so some pixel has at least an equal share of the total: among those of the extent and,
       as what lies wholly inside is full, among those that the outline passes, which are three for each px of it at most. */
    const double sure = fabs(w.area) / 2 - w.stray, inside = (width + 2.02) * (height + 2.02);
    const double passed = 3 * (w.length + ROUNDING * w.pieces) * 1.05 + 5 * w.contours;
    return sure > 0 && sure * 255 >= (inside < passed ? inside : passed) * (least + 1);
}
