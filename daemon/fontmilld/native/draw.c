/* Drawing glyphs: render/raster.py's Rasterizer. HarfBuzz turns outlines into coverage; what is here pastes it. */

#include "text.h"

#include <math.h>

typedef struct {
    uint8_t *pixels; /* rows one after the other */
    Py_ssize_t height, width;
} picture;

int fm_cover(const fm_font *font, const fm_drawn *glyphs, Py_ssize_t count, Py_ssize_t height, Py_ssize_t width, uint8_t *out)
{
    if (fm_scan(font, glyphs, count, height, width, out))
        return 0;
    hb_raster_draw_t *draw = fm_take_raster();
    if (draw == NULL)
        return -1;
    for (Py_ssize_t at = 0; at < count; at++)
        fm_add_glyph(draw, font, glyphs[at].gid, &glyphs[at].matrix);
    hb_raster_image_t *image = fm_render_rows(draw, height, width);
    if (image == NULL)
        return -1;
    memcpy(out, fm_hb.raster_image_get_buffer(image), (size_t)(height * width));
    fm_give_image(draw, image, height * width);
    return 0;
}

static int draw_outlines(const fm_font *font, const fm_drawn *glyphs, Py_ssize_t count, picture to, fm_area *box)
{
    if (fm_cover(font, glyphs, count, to.height, to.width, to.pixels) < 0)
        return -1;
    *box = fm_ink_area(to.pixels, to.height, to.width, to.width);
    return 0;
}

/* Adds coverage up to full, its upper left corner at (x, y), cut off at the edges; 1 if something was cut off. */
static int paste(picture to, const fm_ink *ink, int64_t x, int64_t y)
{
    const int64_t left = x < 0 ? -x : 0, top = y < 0 ? -y : 0;
    const int64_t right = x + ink->width > to.width ? to.width - x : ink->width;
    const int64_t bottom = y + ink->height > to.height ? to.height - y : ink->height;
    for (int64_t row = top; row < bottom; row++) {
        const uint8_t *from = ink->pixels + row * ink->width;
        uint8_t *onto = to.pixels + (y + row) * to.width + x;
        for (int64_t at = left; at < right; at++) {
            unsigned int sum = (unsigned int)onto[at] + from[at];
            onto[at] = (uint8_t)(sum > 255 ? 255 : sum);
        }
    }
    return left != 0 || top != 0 || right != ink->width || bottom != ink->height;
}

static int paste_all(fm_font *font, const fm_drawn *glyphs, Py_ssize_t count, picture to, fm_area *box)
{
    int cut = 0;
    memset(to.pixels, 0, (size_t)(to.height * to.width));
    *box = (fm_area){to.width, to.height, 0, 0};
    for (Py_ssize_t at = 0; at < count; at++) {
        const fm_matrix *m = &glyphs[at].matrix;
        const double column = floor(m->x0), row = floor(m->y0);
        if (!(fabs(column) < 1e9 && fabs(row) < 1e9))
            return fm_out_of_range();
        const fm_ink key = {.scale = m->xx, .x = m->x0 - column + 0.0, .y = m->y0 - row + 0.0, .gid = glyphs[at].gid};
        const fm_ink *ink = fm_find_ink(font, &key);
        if (ink == NULL)
            return -1;
        if (ink->width == 0)
            continue;
        const int64_t x = (int64_t)column + ink->left, y = (int64_t)row + ink->top;
        cut |= paste(to, ink, x, y);
        box->left = x < box->left ? (Py_ssize_t)x : box->left;
        box->top = y < box->top ? (Py_ssize_t)y : box->top;
        box->right = x + ink->width > box->right ? (Py_ssize_t)(x + ink->width) : box->right;
        box->bottom = y + ink->height > box->bottom ? (Py_ssize_t)(y + ink->height) : box->bottom;
    }
    /* Rows and columns of a glyph that is cut off may be empty where they end. */
    if (cut)
        *box = fm_ink_area(to.pixels, to.height, to.width, to.width);
    else if (box->right <= box->left)
        *box = (fm_area){0, 0, 0, 0};
    return 0;
}

static int read_glyph(PyObject *item, fm_drawn *glyph)
{
    fm_matrix *m = &glyph->matrix;
    long long gid = 0;
    if (!PyTuple_Check(item))
        PyErr_SetString(PyExc_TypeError, "a glyph is a tuple of its id and its matrix");
    else if (PyArg_ParseTuple(item, "L(dddddd)", &gid, &m->xx, &m->yx, &m->xy, &m->yy, &m->x0, &m->y0) && (gid < 0 || gid > UINT32_MAX))
        PyErr_SetString(PyExc_OverflowError, "a glyph id does not fit 32 bits");
    glyph->gid = (uint32_t)gid;
    return PyErr_Occurred() ? -1 : 0;
}

/* Reads (glyph id, matrix) of each item of a sequence; NULL with an exception. */
static fm_drawn *read_glyphs(PyObject *sequence, Py_ssize_t *count)
{
    PyObject *items = PySequence_Fast(sequence, "glyphs are a Placed or a sequence");
    if (items == NULL)
        return NULL;
    *count = PySequence_Fast_GET_SIZE(items);
    fm_drawn *glyphs = PyMem_New(fm_drawn, *count + 1);
    if (glyphs == NULL)
        PyErr_NoMemory();
    for (Py_ssize_t at = 0; at < *count && glyphs != NULL; at++) {
        if (read_glyph(PySequence_Fast_GET_ITEM(items, at), &glyphs[at]) < 0) {
            PyMem_Free(glyphs);
            glyphs = NULL;
        }
    }
    Py_DECREF(items);
    return glyphs;
}

static PyObject *draw_into(fm_font *font, PyObject *what, Py_buffer *view, int on_grid)
{
    if (view->ndim != 2 || view->itemsize != 1 || view->shape[0] < 1 || view->shape[1] < 1 || view->shape[0] > INT32_MAX || view->shape[1] > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "a picture is an array of bytes with rows and columns");
        return NULL;
    }
    const int is_placed = Py_IS_TYPE(what, &fm_placed_type);
    Py_ssize_t count = is_placed ? ((fm_placed *)what)->count : 0;
    fm_drawn *read = is_placed ? NULL : read_glyphs(what, &count);
    const fm_drawn *glyphs = is_placed ? ((fm_placed *)what)->glyphs : read;
    if (!is_placed && read == NULL)
        return NULL;
    const picture to = {view->buf, view->shape[0], view->shape[1]};
    fm_area box;
    int result = on_grid ? paste_all(font, glyphs, count, to, &box) : draw_outlines(font, glyphs, count, to, &box);
    PyMem_Free(read);
    return result < 0 ? NULL : Py_BuildValue("(nnnn)", box.left, box.top, box.right - box.left, box.bottom - box.top);
}

PyObject *fm_font_draw(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    Py_buffer view;
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "draw takes glyphs, a picture and on_grid");
        return NULL;
    }
    const int on_grid = PyObject_IsTrue(args[2]);
    if (on_grid < 0 || PyObject_GetBuffer(args[1], &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS) < 0)
        return NULL;
    PyObject *box = draw_into((fm_font *)self, args[0], &view, on_grid);
    PyBuffer_Release(&view);
    return box;
}
