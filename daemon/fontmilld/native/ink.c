/* Drawing glyphs: render/shaping.py's Rasterizer. HarfBuzz turns outlines into coverage; what is here keeps and pastes it. */

#include "text.h"

#include <math.h>

/* So many glyphs, and so many bytes of them, are kept with a font; beyond that they are all drawn anew. */
enum { MOST_INKS = 4096, MOST_INK_BYTES = 4 << 20, MOST_SIDE = 1 << 16 };

typedef struct {
    uint8_t *pixels; /* rows one after the other */
    Py_ssize_t height, width;
} picture;

typedef struct {
    Py_ssize_t left, top, right, bottom; /* right <= left: nothing */
} area;

void fm_drop_inks(fm_font *font)
{
    for (size_t at = 0; at < font->ink_slots; at++)
        PyMem_Free(font->inks[at].pixels);
    PyMem_Free(font->inks);
    font->inks = NULL;
    font->ink_slots = font->ink_count = font->ink_bytes = 0;
}

/* The smallest area that has all that is not 0. */
static area ink_area(const uint8_t *pixels, Py_ssize_t height, Py_ssize_t width, Py_ssize_t stride)
{
    area found = {width, 0, 0, 0};
    for (Py_ssize_t y = 0; y < height; y++) {
        const uint8_t *row = pixels + y * stride;
        Py_ssize_t first = 0, last = width;
        uint64_t eight;
        while (first + 8 <= width && (memcpy(&eight, row + first, 8), eight == 0))
            first += 8;
        while (first < width && row[first] == 0)
            first++;
        if (first == width)
            continue;
        while (last - 8 >= found.right && last - 8 > first && (memcpy(&eight, row + last - 8, 8), eight == 0))
            last -= 8;
        while (last > found.right && row[last - 1] == 0)
            last--;
        if (found.bottom == 0)
            found.top = y;
        found.bottom = y + 1;
        found.left = first < found.left ? first : found.left;
        found.right = last > found.right ? last : found.right;
    }
    return found.bottom == 0 ? (area){0, 0, 0, 0} : found;
}

static void add_glyph(hb_raster_draw_t *draw, const fm_font *font, uint32_t gid, const fm_matrix *m)
{
    fm_hb.raster_draw_set_transform(draw, (float)m->xx, (float)m->yx, (float)m->xy, (float)m->yy, (float)m->x0, (float)m->y0);
    fm_hb.raster_draw_glyph_or_fail(draw, font->font, gid);
}

/* Renders what was added as `height` rows of `width`, top row first as y runs downwards; NULL with an exception. */
static hb_raster_image_t *render(hb_raster_draw_t *draw, Py_ssize_t height, Py_ssize_t width)
{
    const hb_raster_extents_t extents = {0, 0, (unsigned int)width, (unsigned int)height, (unsigned int)width};
    hb_raster_extents_t found;
    fm_hb.raster_draw_set_extents(draw, &extents);
    hb_raster_image_t *image = fm_render(draw);
    if (image == NULL)
        return NULL;
    fm_hb.raster_image_get_extents(image, &found);
    if (memcmp(&found, &extents, sizeof found) != 0 || fm_hb.raster_image_get_buffer(image) == NULL) {
        fm_give_image(draw, image, height * width);
        PyErr_SetString(PyExc_RuntimeError, "the rasterizer made another picture than was asked for");
        return NULL;
    }
    return image;
}

static int draw_outlines(fm_font *font, const fm_drawn *glyphs, Py_ssize_t count, picture to, area *box)
{
    hb_raster_draw_t *draw = fm_take_raster();
    if (draw == NULL)
        return -1;
    for (Py_ssize_t at = 0; at < count; at++)
        add_glyph(draw, font, glyphs[at].gid, &glyphs[at].matrix);
    hb_raster_image_t *image = render(draw, to.height, to.width);
    if (image == NULL)
        return -1;
    memcpy(to.pixels, fm_hb.raster_image_get_buffer(image), (size_t)(to.height * to.width));
    fm_give_image(draw, image, to.height * to.width);
    *box = ink_area(to.pixels, to.height, to.width, to.width);
    return 0;
}

static int out_of_range(void)
{
    PyErr_SetString(PyExc_ValueError, "a glyph is too large or has no place");
    return -1;
}

/* Draws the glyph of a slot's key, without empty rows and columns; pixels are never NULL then. */
static int draw_ink(fm_font *font, fm_ink *ink)
{
    int64_t box[4];
    int has_ink = fm_box(font, ink->gid, box);
    if (has_ink < 0)
        return -1;
    area found = {0, 0, 0, 0};
    double left = 0, top = 0;
    hb_raster_draw_t *draw = NULL;
    hb_raster_image_t *image = NULL;
    Py_ssize_t height = 0, width = 0;
    if (has_ink) {
        const double scale = ink->scale, x = ink->x, y = ink->y;
        /* The library's own extents may lie a pixel off the box of the outline. */
        left = floor(x + scale * (double)box[FM_LEFT]) - 1;
        top = floor(y - scale * (double)box[FM_TOP]) - 1;
        const double across = ceil(x + scale * (double)box[FM_RIGHT]) + 1 - left;
        const double down = ceil(y - scale * (double)box[FM_BOTTOM]) + 1 - top;
        if (!(fabs(left) < MOST_SIDE && fabs(top) < MOST_SIDE && across > 0 && down > 0 && across < MOST_SIDE && down < MOST_SIDE))
            return out_of_range();
        height = (Py_ssize_t)down;
        width = (Py_ssize_t)across;
        if ((draw = fm_take_raster()) == NULL)
            return -1;
        add_glyph(draw, font, ink->gid, &(fm_matrix){scale, 0.0, 0.0, -scale, x - left, y - top});
        if ((image = render(draw, height, width)) == NULL)
            return -1;
        found = ink_area(fm_hb.raster_image_get_buffer(image), height, width, width);
    }
    ink->left = (int32_t)left + (int32_t)found.left;
    ink->top = (int32_t)top + (int32_t)found.top;
    ink->width = (int32_t)(found.right - found.left);
    ink->height = (int32_t)(found.bottom - found.top);
    ink->pixels = PyMem_Malloc((size_t)ink->width * (size_t)ink->height + 1);
    for (int32_t row = 0; row < ink->height && ink->pixels != NULL; row++)
        memcpy(ink->pixels + (size_t)row * (size_t)ink->width,
               fm_hb.raster_image_get_buffer(image) + (found.top + row) * width + found.left, (size_t)ink->width);
    if (image != NULL)
        fm_give_image(draw, image, height * width);
    if (ink->pixels != NULL)
        return 0;
    PyErr_NoMemory();
    return -1;
}

static fm_ink *ink_slot(fm_ink *slots, size_t count, const fm_ink *key)
{
    const double parts[3] = {key->x, key->y, key->scale};
    uint64_t hash = key->gid, bits;
    for (int part = 0; part < 3; part++) {
        memcpy(&bits, &parts[part], sizeof bits);
        hash = (hash ^ bits) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 32;
    }
    size_t at = (size_t)hash & (count - 1);
    while (slots[at].pixels != NULL && !(slots[at].gid == key->gid && slots[at].x == key->x && slots[at].y == key->y && slots[at].scale == key->scale))
        at = (at + 1) & (count - 1);
    return &slots[at];
}

static int grow_inks(fm_font *font)
{
    size_t count = font->ink_slots != 0 ? 2 * font->ink_slots : 128;
    fm_ink *slots = PyMem_Calloc(count, sizeof *slots);
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t at = 0; at < font->ink_slots; at++)
        if (font->inks[at].pixels != NULL)
            *ink_slot(slots, count, &font->inks[at]) = font->inks[at];
    PyMem_Free(font->inks);
    font->inks = slots;
    font->ink_slots = count;
    return 0;
}

/* The kept coverage of a key, drawn if need be, valid until the next call; NULL with an exception. */
static const fm_ink *find_ink(fm_font *font, const fm_ink *key)
{
    fm_ink *slot = font->ink_slots != 0 ? ink_slot(font->inks, font->ink_slots, key) : NULL;
    if (slot != NULL && slot->pixels != NULL)
        return slot;
    fm_ink drawn = *key;
    if (draw_ink(font, &drawn) < 0)
        return NULL;
    const size_t bytes = (size_t)drawn.width * (size_t)drawn.height;
    if (font->ink_count >= MOST_INKS || font->ink_bytes + bytes > MOST_INK_BYTES)
        fm_drop_inks(font);
    if (2 * font->ink_count >= font->ink_slots && grow_inks(font) < 0) {
        PyMem_Free(drawn.pixels);
        return NULL;
    }
    slot = ink_slot(font->inks, font->ink_slots, key);
    *slot = drawn;
    font->ink_count++;
    font->ink_bytes += bytes;
    return slot;
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

static int paste_all(fm_font *font, const fm_drawn *glyphs, Py_ssize_t count, picture to, area *box)
{
    int cut = 0;
    memset(to.pixels, 0, (size_t)(to.height * to.width));
    *box = (area){to.width, to.height, 0, 0};
    for (Py_ssize_t at = 0; at < count; at++) {
        const fm_matrix *m = &glyphs[at].matrix;
        const double column = floor(m->x0), row = floor(m->y0);
        if (!(fabs(column) < 1e9 && fabs(row) < 1e9))
            return out_of_range();
        const fm_ink key = {.scale = m->xx, .x = m->x0 - column + 0.0, .y = m->y0 - row + 0.0, .gid = glyphs[at].gid};
        const fm_ink *ink = find_ink(font, &key);
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
        *box = ink_area(to.pixels, to.height, to.width, to.width);
    else if (box->right <= box->left)
        *box = (area){0, 0, 0, 0};
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
    area box;
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

/* The coverage of one glyph at a size, or nothing: render/shaping.py's Rasterizer.glyph_coverage. */
PyObject *fm_font_looks(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    fm_font *font = (fm_font *)self;
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
    fm_hb.raster_draw_set_transform(draw, scale, 0, 0, -scale, 0, 0);
    if (gid > UINT32_MAX || !fm_hb.raster_draw_glyph_or_fail(draw, font->font, (uint32_t)gid))
        return PyBytes_FromStringAndSize(NULL, 0);
    hb_raster_image_t *image = fm_render(draw);
    if (image == NULL)
        return NULL;
    hb_raster_extents_t extents;
    fm_hb.raster_image_get_extents(image, &extents);
    const uint8_t *pixels = fm_hb.raster_image_get_buffer(image);
    Py_ssize_t size = pixels != NULL ? (Py_ssize_t)extents.height * extents.stride : 0, first = 0;
    while (first < size && pixels[first] == 0)
        first++;
    PyObject *found = PyBytes_FromStringAndSize((const char *)pixels, first < size ? size : 0);
    fm_give_image(draw, image, size);
    return found;
}
