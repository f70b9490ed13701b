/* What an outline says about its picture before it is drawn: that there must be ink, as so much area cannot be spread so thin. */

#include "text.h"

#include <math.h>

/* What is larger or has more pieces is left to the rasterizer, whose own error (see `STRAY`) grows with the width. */
enum { MOST_PX = 32, MOST_PIECES = 4096 };

/* The rasterizer puts a line at most so many px beside the curve: it draws chords, in 256ths of a pixel, and carries
   remainders along a row of at most MOST_PX pixels. */
static const double STRAY = 1.0 / 3;

/* A walk around an outline in px: twice its signed area, the most its length can be, and its extent with all control points. */
typedef struct {
    double scale, x, y, area, length, left, right, bottom, top;
    int pieces;
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

/* To a point, over a curve that is no longer than `way` px. */
static void step(walk *w, double x, double y, double way)
{
    reach(w, x, y);
    w->length += way;
    w->x = x;
    w->y = y;
    w->pieces++;
}

static void move_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float x, float y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    walk *w = data;
    step(w, x * w->scale, y * w->scale, 0);
}

static void line_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    walk *w = data;
    const double x = to_x * w->scale, y = to_y * w->scale;
    w->area += cross(w->x, w->y, x, y);
    step(w, x, y, fabs(x - w->x) + fabs(y - w->y));
}

static void quadratic_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float by_x, float by_y, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    walk *w = data;
    const double bx = by_x * w->scale, by = by_y * w->scale, x = to_x * w->scale, y = to_y * w->scale;
    w->area += (2 * (cross(w->x, w->y, bx, by) + cross(bx, by, x, y)) + cross(w->x, w->y, x, y)) / 3;
    reach(w, bx, by);
    step(w, x, y, fabs(bx - w->x) + fabs(by - w->y) + fabs(x - bx) + fabs(y - by));
}

static void cubic_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float b_x, float b_y, float c_x, float c_y, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    walk *w = data;
    const double bx = b_x * w->scale, by = b_y * w->scale, cx = c_x * w->scale, cy = c_y * w->scale, x = to_x * w->scale, y = to_y * w->scale;
    const double ends = cross(w->x, w->y, x, y), near = cross(w->x, w->y, bx, by) + cross(cx, cy, x, y);
    const double far = cross(w->x, w->y, cx, cy) + cross(bx, by, cx, cy) + cross(bx, by, x, y);
    w->area += (6 * near + 3 * far + ends) / 10;
    reach(w, bx, by);
    reach(w, cx, cy);
    step(w, x, y, fabs(bx - w->x) + fabs(by - w->y) + fabs(cx - bx) + fabs(cy - by) + fabs(x - cx) + fabs(y - cy));
}

/* Made once and kept, like the rasterizer; without memory it does nothing, and every outline has no area. */
static hb_draw_funcs_t *walking(void)
{
    static hb_draw_funcs_t *funcs = NULL;
    if (funcs == NULL) {
        funcs = fm_hb.draw_funcs_create();
        fm_hb.draw_funcs_set_move_to_func(funcs, move_to, NULL, NULL);
        fm_hb.draw_funcs_set_line_to_func(funcs, line_to, NULL, NULL);
        fm_hb.draw_funcs_set_quadratic_to_func(funcs, quadratic_to, NULL, NULL);
        fm_hb.draw_funcs_set_cubic_to_func(funcs, cubic_to, NULL, NULL);
    }
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
    /* The rasterizer sums signed areas: some pixel has as much of their total as each of those touched would have of an equal share. */
    const double sure = fabs(w.area) / 2 - STRAY * w.length, touched = (width + 2.02) * (height + 2.02);
    return sure * 255 >= touched * (least + 1);
}
