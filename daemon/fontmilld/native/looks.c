/* What a glyph looks like when it is drawn alone: to tell ink from nothing, and from the missing-glyph box. */

#include "text.h"

enum { EMPTY, TOFU, INK };

static const int64_t MOST_SQUARES = (int64_t)1 << 32;

/* render/sketch.py's: a picture of so many pixels, cells and pixels a cell on each side. */
enum { PIXELS = 32, CELLS = 8, SIDE = PIXELS / CELLS };

/* Draws a glyph alone at a size; its pixels and their number, or NULL: nothing, or an exception. Given back by the caller. */
static hb_raster_image_t *drawn_alone(hb_raster_draw_t *draw, fm_font *font, uint32_t gid, float scale, const uint8_t **pixels, Py_ssize_t *size)
{
    fm_hb.raster_draw_set_transform(draw, scale, 0, 0, -scale, 0, 0);
    if (!fm_hb.raster_draw_glyph_or_fail(draw, font->font, gid))
        return NULL;
    hb_raster_image_t *image = fm_render(draw);
    if (image == NULL)
        return NULL;
    hb_raster_extents_t extents;
    fm_hb.raster_image_get_extents(image, &extents);
    *pixels = fm_hb.raster_image_get_buffer(image);
    *size = *pixels != NULL ? (Py_ssize_t)extents.height * extents.stride : 0;
    return image;
}

/* The coverage of one glyph at a size, or nothing: render/raster.py's Rasterizer.glyph_coverage. */
PyObject *fm_font_looks(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "looks takes a glyph id and px per em");
        return NULL;
    }
    const unsigned long gid = PyLong_AsUnsignedLong(args[0]);
    const float scale = (float)(PyFloat_AsDouble(args[1]) / FM_EM);
    if (PyErr_Occurred())
        return NULL;
    hb_raster_draw_t *draw = fm_take_raster();
    if (draw == NULL)
        return NULL;
    const uint8_t *pixels = NULL;
    Py_ssize_t size = 0, first = 0;
    hb_raster_image_t *image = gid <= UINT32_MAX ? drawn_alone(draw, (fm_font *)self, (uint32_t)gid, scale, &pixels, &size) : NULL;
    if (image == NULL)
        return PyErr_Occurred() ? NULL : PyBytes_FromStringAndSize(NULL, 0);
    while (first < size && pixels[first] == 0)
        first++;
    PyObject *found = PyBytes_FromStringAndSize((const char *)pixels, first < size ? size : 0);
    fm_give_image(draw, image, size);
    return found;
}

typedef struct {
    int64_t box[4];
    int has_box;
    uint8_t *pixels;
    Py_ssize_t size;
} fm_tofu;

/* Whether a glyph can be drawn at all: 1, 0 without ink or larger than `largest` units, -1 with an exception. */
static int is_drawable(fm_font *font, uint32_t gid, int64_t largest, int64_t box[4])
{
    int has_box = fm_box(font, gid, box);
    for (int edge = 0; has_box > 0 && edge < 4; edge++)
        if (box[edge] > largest || box[edge] < -largest)
            return 0;
    return has_box;
}

static int copy_tofu(fm_font *font, float scale, int64_t largest, fm_tofu *tofu)
{
    int drawable = is_drawable(font, 0, largest, tofu->box);
    tofu->has_box = drawable > 0;
    if (drawable <= 0)
        return drawable;
    hb_raster_draw_t *draw = fm_take_raster();
    if (draw == NULL)
        return -1;
    const uint8_t *pixels = NULL;
    hb_raster_image_t *image = drawn_alone(draw, font, 0, scale, &pixels, &tofu->size);
    if (image == NULL)
        return PyErr_Occurred() ? -1 : 0;
    if (tofu->size > 0 && (tofu->pixels = PyMem_Malloc((size_t)tofu->size)) != NULL)
        memcpy(tofu->pixels, pixels, (size_t)tofu->size);
    fm_give_image(draw, image, tofu->size);
    if (tofu->size > 0 && tofu->pixels == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

static int judge(fm_font *font, uint32_t gid, float scale, int64_t largest, int faint, const fm_tofu *tofu, int64_t *area)
{
    int64_t box[4];
    int drawable = gid != 0 ? is_drawable(font, gid, largest, box) : 0;
    if (drawable <= 0)
        return drawable < 0 ? -1 : EMPTY;
    *area += (box[FM_RIGHT] - box[FM_LEFT]) * (box[FM_TOP] - box[FM_BOTTOM]);
    const int like_tofu = tofu->has_box && memcmp(box, tofu->box, sizeof box) == 0;
    if (!like_tofu && fm_surely_inked(font, gid, scale, faint))
        return INK;
    hb_raster_draw_t *draw = fm_take_raster();
    if (draw == NULL)
        return -1;
    const uint8_t *pixels = NULL;
    Py_ssize_t size = 0, at = 0;
    hb_raster_image_t *image = drawn_alone(draw, font, gid, scale, &pixels, &size);
    if (image == NULL)
        return PyErr_Occurred() ? -1 : EMPTY;
    while (at < size && pixels[at] < faint)
        at++;
    int found = at < size ? INK : EMPTY;
    if (found == INK && like_tofu && tofu->size == size && memcmp(pixels, tofu->pixels, (size_t)size) == 0)
        found = TOFU;
    fm_give_image(draw, image, size);
    return found;
}

/* For each glyph 0 (empty), 1 (a copy of glyph 0) or 2 (ink of its own): render/coverage.py's _Probe.judge. For fewer than were asked for
   where their boxes have together more than `most` squares of the em. */
PyObject *fm_font_judge(PyObject *self, PyObject *args)
{
    fm_font *font = (fm_font *)self;
    PyObject *gids;
    double size;
    long long largest, most;
    int faint;
    if (!PyArg_ParseTuple(args, "O!dLiL", &PyList_Type, &gids, &size, &largest, &faint, &most))
        return NULL;
    if (!(size > 0 && size <= 4096) || largest < 0 || largest > (1 << 20) || most < 0 || most > MOST_SQUARES) {
        PyErr_SetString(PyExc_ValueError, "judge takes a size up to 4096 px, a largest box up to 64 em, and at most 2^32 squares of the em");
        return NULL;
    }
    const Py_ssize_t count = PyList_GET_SIZE(gids);
    const float scale = (float)(size / FM_EM);
    const int64_t enough = most * FM_EM * FM_EM;
    int64_t area = 0;
    fm_tofu tofu = {.pixels = NULL};
    PyObject *out = PyBytes_FromStringAndSize(NULL, count);
    int failed = out == NULL || copy_tofu(font, scale, largest, &tofu) < 0;
    Py_ssize_t at = 0;
    for (; at < count && !failed && area <= enough; at++) {
        const unsigned long gid = PyLong_AsUnsignedLong(PyList_GET_ITEM(gids, at));
        failed = PyErr_Occurred() != NULL;
        if (!failed && gid > UINT32_MAX)
            failed = fm_out_of_range() < 0;
        int found = failed ? -1 : judge(font, (uint32_t)gid, scale, largest, faint, &tofu, &area);
        failed = found < 0;
        if (!failed)
            PyBytes_AS_STRING(out)[at] = (char)found;
    }
    PyMem_Free(tofu.pixels);
    if (failed)
        Py_CLEAR(out);
    else if (area > enough)
        _PyBytes_Resize(&out, at - 1);
    return out;
}

/* A glyph's ink stretched to a square, 8 rows of 8 bits: whether a cell is half full or more. 0, or -1 with an exception. */
static int thumbnail(fm_font *font, uint32_t gid, uint8_t rows[CELLS])
{
    int64_t box[4];
    int has_ink = fm_box(font, gid, box);
    if (has_ink <= 0)
        return has_ink;
    const double across = PIXELS / (double)(box[FM_RIGHT] - box[FM_LEFT]), down = PIXELS / (double)(box[FM_TOP] - box[FM_BOTTOM]);
    const fm_drawn glyph = {.gid = gid, .matrix = {across, 0.0, 0.0, -down, (double)-box[FM_LEFT] * across, (double)box[FM_TOP] * down}};
    uint8_t pixels[PIXELS * PIXELS];
    if (fm_cover(font, &glyph, 1, PIXELS, PIXELS, pixels) < 0)
        return -1;
    unsigned int sums[CELLS * CELLS] = {0};
    for (int y = 0; y < PIXELS; y++)
        for (int x = 0; x < PIXELS; x++)
            sums[y / SIDE * CELLS + x / SIDE] += pixels[y * PIXELS + x];
    for (int cell = 0; cell < CELLS * CELLS; cell++)
        rows[cell / CELLS] |= (uint8_t)((sums[cell] >= 128 * SIDE * SIDE) << (CELLS - 1 - cell % CELLS));
    return 0;
}

/* For each glyph 8 bytes, 0 for those without ink: render/sketch.py's _thumbnails. */
PyObject *fm_font_thumbnails(PyObject *self, PyObject *gids)
{
    if (!PyList_Check(gids)) {
        PyErr_SetString(PyExc_TypeError, "thumbnails takes a list of glyph ids");
        return NULL;
    }
    const Py_ssize_t count = PyList_GET_SIZE(gids);
    PyObject *out = count <= PY_SSIZE_T_MAX / CELLS ? PyBytes_FromStringAndSize(NULL, CELLS * count) : PyErr_NoMemory();
    if (out == NULL)
        return NULL;
    uint8_t *rows = (uint8_t *)PyBytes_AS_STRING(out);
    memset(rows, 0, (size_t)(CELLS * count));
    for (Py_ssize_t at = 0; at < count; at++) {
        const unsigned long gid = PyLong_AsUnsignedLong(PyList_GET_ITEM(gids, at));
        if (PyErr_Occurred() || (gid > UINT32_MAX && fm_out_of_range() < 0) || thumbnail((fm_font *)self, (uint32_t)gid, rows + CELLS * at) < 0) {
            Py_DECREF(out);
            return NULL;
        }
    }
    return out;
}
