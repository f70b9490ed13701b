/* Coverage of outlines, to the last bit what HarfBuzz' rasterizer makes of them, in a third of its time.

   Both sum, cell by cell, how much of its height an edge crosses and how much area is to its left. HarfBuzz keeps edges
   sorted by rows; here each is added as it comes, as whole numbers sum up to the same in any order. */

#include "text.h"

#include <math.h>

enum { BITS = 8, PIXEL = 1 << BITS, FULL = 2 * PIXEL * PIXEL };

/* What is more than that is left to the library; so are sums that might not fit. */
enum { MOST_CELLS = 1 << 17, MOST_ROWS = 1 << 11, MOST_PIECES = 1 << 13, FARTHEST = 1 << 14, DEEPEST = 16 };

/* The library's version that this is the equal of; with another one, nothing is done here. */
enum { EQUAL_MAJOR = 15, EQUAL_MINOR = 0 };

typedef struct {
    int32_t area, cover;
} cell;

typedef struct {
    int32_t first, last; /* columns with something in them; none where first > last */
} span;

typedef struct {
    float xx, yx, xy, yy, x0, y0; /* from the font's units to px */
    float x, y;                   /* where the pen is, in px */
    int32_t fixed_x, fixed_y;     /* the same in PIXELths */
    int32_t width, height, pieces;
    int is_strange;
    cell *cells;
    span *spans;
} canvas;

static void put(canvas *c, int32_t row, int32_t column, int32_t sides, int32_t tall)
{
    span *touched = &c->spans[row];
    cell *cells = c->cells + (Py_ssize_t)row * c->width;
    if (column >= c->width)
        return;
    if (column < 0)
        column = 0; /* to the left of the picture: all of it is to the right */
    else
        cells[column].area += sides * tall;
    cells[column].cover += tall;
    touched->first = column < touched->first ? column : touched->first;
    touched->last = column > touched->last ? column : touched->last;
}

/* A stretch of an edge within a row, from (x0, y0) to (x1, y1), y counted from the row's top, upwards or downwards as `wind` says. */
static void cross_row(canvas *c, int32_t row, int32_t x0, int32_t y0, int32_t x1, int32_t y1, int32_t wind)
{
    const int32_t last = x1 >> BITS, right = x1 > x0;
    int32_t column = x0 >> BITS;
    if (column == last) {
        put(c, row, column, (x0 & (PIXEL - 1)) + (x1 & (PIXEL - 1)), (y1 - y0) * wind);
        return;
    }
    const int32_t across = right ? x1 - x0 : x0 - x1, down = y1 - y0, each = PIXEL * down / across;
    const int32_t leave = right ? PIXEL : 0, enter = PIXEL - leave, step = right ? 1 : -1;
    const int32_t within = right ? PIXEL - (x0 & (PIXEL - 1)) : x0 & (PIXEL - 1);
    int32_t y = y0 + within * down / across;
    put(c, row, column, (x0 & (PIXEL - 1)) + leave, (y - y0) * wind);
    for (column += step; column != last; column += step, y += each)
        put(c, row, column, PIXEL, each * wind);
    put(c, row, last, enter + (x1 & (PIXEL - 1)), (y1 - y) * wind);
}

static void edge(canvas *c, int32_t x0, int32_t y0, int32_t x1, int32_t y1, int32_t wind)
{
    const int64_t slope = (int64_t)(x1 - x0) * 65536 / (y1 - y0);
    int32_t y = y0 > 0 ? y0 : 0, x = x0 + (int32_t)((y - y0) * slope >> 16);
    for (int32_t row = y >> BITS; y < y1 && row < c->height; row++) {
        const int32_t end = row * PIXEL + PIXEL, next = y1 < end ? y1 : end;
        const int32_t to = x0 + (int32_t)((next - y0) * slope >> 16);
        cross_row(c, row, x, y - row * PIXEL, to, next - row * PIXEL, wind);
        x = to, y = next;
    }
}

/* To the nearest, halves up. */
static int32_t fixed(float px)
{
    const float scaled = px * PIXEL;
    const int32_t whole = (int32_t)scaled;
    const float rest = scaled - (float)whole;
    return whole + (rest >= 0.5f) - (rest < -0.5f);
}

static void line(canvas *c, float x, float y)
{
    const int32_t from_x = c->fixed_x, from_y = c->fixed_y;
    c->fixed_x = fixed(x), c->fixed_y = fixed(y);
    if (++c->pieces > MOST_PIECES)
        c->is_strange = 1;
    else if (c->fixed_y > from_y)
        edge(c, from_x, from_y, c->fixed_x, c->fixed_y, 1);
    else if (c->fixed_y < from_y)
        edge(c, c->fixed_x, c->fixed_y, from_x, from_y, -1);
}

static void quadratic(canvas *c, float x0, float y0, float x1, float y1, float x2, float y2, int depth)
{
    const float bent_x = x0 + x2 - 2.0f * x1, bent_y = y0 + y2 - 2.0f * y1;
    if (depth == DEEPEST || c->is_strange || (fabsf(bent_x) <= 0.25f && fabsf(bent_y) <= 0.25f)) {
        line(c, x2, y2);
        return;
    }
    const float ax = (x0 + x1) * 0.5f, ay = (y0 + y1) * 0.5f, bx = (x1 + x2) * 0.5f, by = (y1 + y2) * 0.5f;
    const float mx = (ax + bx) * 0.5f, my = (ay + by) * 0.5f;
    quadratic(c, x0, y0, ax, ay, mx, my, depth + 1);
    quadratic(c, mx, my, bx, by, x2, y2, depth + 1);
}

/* How far a control point is from where a straight line, walked evenly, would have it; three times that. */
static int is_near(float end, float control, float far_end)
{
    return fabsf(2.0f * end - 3.0f * control + far_end) <= 0.5f;
}

static int is_near_far(float end, float control, float far_end)
{
    return fabsf(end - 3.0f * control + 2.0f * far_end) <= 0.5f;
}

static void cubic(canvas *c, const float x[4], const float y[4], int depth)
{
    const int is_flat = is_near(x[0], x[1], x[3]) && is_near(y[0], y[1], y[3]) && is_near_far(x[0], x[2], x[3]) && is_near_far(y[0], y[2], y[3]);
    if (depth == DEEPEST || c->is_strange || is_flat) {
        line(c, x[3], y[3]);
        return;
    }
    const float *from[2] = {x, y};
    float head[2][4], tail[2][4];
    for (int axis = 0; axis < 2; axis++) {
        const float *p = from[axis], a = (p[0] + p[1]) * 0.5f, b = (p[1] + p[2]) * 0.5f, d = (p[2] + p[3]) * 0.5f;
        const float ab = (a + b) * 0.5f, bd = (b + d) * 0.5f, middle = (ab + bd) * 0.5f;
        head[axis][0] = p[0], head[axis][1] = a, head[axis][2] = ab, head[axis][3] = middle;
        tail[axis][0] = middle, tail[axis][1] = bd, tail[axis][2] = d, tail[axis][3] = p[3];
    }
    cubic(c, head[0], head[1], depth + 1);
    cubic(c, tail[0], tail[1], depth + 1);
}

/* Takes a point to px; 0 if the outline is left to the library. */
static int taken(canvas *c, float x, float y, float *px, float *py)
{
    *px = c->x0 + c->xx * x + c->xy * y;
    *py = c->y0 + c->yx * x + c->yy * y;
    if (!(fabsf(*px) < FARTHEST && fabsf(*py) < FARTHEST))
        c->is_strange = 1;
    return !c->is_strange;
}

static void move_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    canvas *c = data;
    if (taken(c, to_x, to_y, &c->x, &c->y))
        c->fixed_x = fixed(c->x), c->fixed_y = fixed(c->y);
}

static void line_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    canvas *c = data;
    if (taken(c, to_x, to_y, &c->x, &c->y))
        line(c, c->x, c->y);
}

static void quadratic_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float by_x, float by_y, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    canvas *c = data;
    float bx, by, x, y;
    if (!taken(c, by_x, by_y, &bx, &by) || !taken(c, to_x, to_y, &x, &y))
        return;
    quadratic(c, c->x, c->y, bx, by, x, y, 0);
    c->x = x, c->y = y;
}

static void cubic_to(hb_draw_funcs_t *funcs, void *data, hb_draw_state_t *state, float b_x, float b_y, float c_x, float c_y, float to_x, float to_y, void *unused)
{
    (void)funcs, (void)state, (void)unused;
    canvas *c = data;
    float x[4] = {c->x}, y[4] = {c->y};
    if (!taken(c, b_x, b_y, &x[1], &y[1]) || !taken(c, c_x, c_y, &x[2], &y[2]) || !taken(c, to_x, to_y, &x[3], &y[3]))
        return;
    cubic(c, x, y, 0);
    c->x = x[3], c->y = y[3];
}

static uint8_t alpha_of(int32_t twice)
{
    const int32_t size = twice < 0 ? -twice : twice;
    return (uint8_t)(((size < FULL ? size : FULL) * 255 + FULL / 2) >> (2 * BITS + 1));
}

/* Turns what was summed into coverage, and leaves no sums behind. */
static void sweep(canvas *c, uint8_t *out)
{
    for (int32_t row = 0; row < c->height; row++) {
        const span touched = c->spans[row];
        cell *cells = c->cells + (Py_ssize_t)row * c->width;
        uint8_t *to = out + (Py_ssize_t)row * c->width;
        int32_t cover = 0;
        memset(to, 0, (size_t)c->width);
        for (int32_t x = touched.first; x <= touched.last; x++) {
            cover += cells[x].cover;
            to[x] = alpha_of(cover * (2 * PIXEL) - cells[x].area);
        }
        if (touched.first <= touched.last) {
            memset(cells + touched.first, 0, (size_t)(touched.last - touched.first + 1) * sizeof *cells);
            memset(to + touched.last + 1, alpha_of(cover * (2 * PIXEL)), (size_t)(c->width - 1 - touched.last));
        }
    }
}

/* Made once and kept, like the rasterizer. */
static hb_draw_funcs_t *drawing(void)
{
    static hb_draw_funcs_t *funcs = NULL;
    if (funcs == NULL)
        funcs = fm_hb_draw_funcs(move_to, line_to, quadratic_to, cubic_to);
    return funcs;
}

/* Whether the library is one that this is the equal of: rounding of floats and all. */
static int is_equal(void)
{
#if defined(__x86_64__)
    static int found = -1;
    if (found < 0) {
        unsigned int major, minor, micro;
        fm_hb.version(&major, &minor, &micro);
        found = major == EQUAL_MAJOR && minor == EQUAL_MINOR;
    }
    return found;
#else
    return 0; /* there, the library may fuse multiplications and additions */
#endif
}

int fm_scan(const fm_font *font, const fm_drawn *glyphs, Py_ssize_t count, Py_ssize_t height, Py_ssize_t width, uint8_t *out)
{
    static cell *cells = NULL;
    static span spans[MOST_ROWS];
    if (!is_equal() || height > MOST_ROWS || width > MOST_CELLS / height)
        return 0;
    if (cells == NULL && (cells = PyMem_Calloc(MOST_CELLS, sizeof *cells)) == NULL)
        return 0;
    canvas c = {.width = (int32_t)width, .height = (int32_t)height, .cells = cells, .spans = spans};
    for (Py_ssize_t row = 0; row < height; row++)
        spans[row] = (span){INT32_MAX, -1};
    for (Py_ssize_t at = 0; at < count && !c.is_strange; at++) {
        const fm_matrix *m = &glyphs[at].matrix;
        c.xx = (float)m->xx, c.yx = (float)m->yx, c.xy = (float)m->xy, c.yy = (float)m->yy, c.x0 = (float)m->x0, c.y0 = (float)m->y0;
        fm_hb.font_draw_glyph_or_fail(font->font, glyphs[at].gid, drawing(), &c);
    }
    sweep(&c, out);
    return !c.is_strange;
}

static PyObject *scans(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyBool_FromLong(fm_hb_open && is_equal());
}

static PyMethodDef functions[] = {
    {"scans", scans, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_scan(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
