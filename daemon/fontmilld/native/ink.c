/* Glyphs rendered by HarfBuzz, and kept for text that lies on a grid. */

#include "text.h"

#include <math.h>

/* So many glyphs, and so many bytes of them, are kept with a font; beyond that they are all drawn anew. */
enum { MOST_INKS = 4096, MOST_INK_BYTES = 4 << 20, MOST_SIDE = 1 << 16, FEW_PIXELS = 1 << 13 };

void fm_drop_inks(fm_font *font)
{
    for (size_t at = 0; at < font->ink_slots; at++)
        PyMem_Free(font->inks[at].pixels);
    PyMem_Free(font->inks);
    font->inks = NULL;
    font->ink_slots = font->ink_count = font->ink_bytes = 0;
}

fm_area fm_ink_area(const uint8_t *pixels, Py_ssize_t height, Py_ssize_t width, Py_ssize_t stride)
{
    fm_area found = {width, 0, 0, 0};
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
    return found.bottom == 0 ? (fm_area){0, 0, 0, 0} : found;
}

void fm_add_glyph(hb_raster_draw_t *draw, const fm_font *font, uint32_t gid, const fm_matrix *m)
{
    fm_hb.raster_draw_set_transform(draw, (float)m->xx, (float)m->yx, (float)m->xy, (float)m->yy, (float)m->x0, (float)m->y0);
    fm_hb.raster_draw_glyph_or_fail(draw, font->font, gid);
}

hb_raster_image_t *fm_render_rows(hb_raster_draw_t *draw, Py_ssize_t height, Py_ssize_t width)
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

int fm_out_of_range(void)
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
    fm_area found = {0, 0, 0, 0};
    double left = 0, top = 0;
    uint8_t few[FEW_PIXELS];
    const uint8_t *pixels = few;
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
            return fm_out_of_range();
        height = (Py_ssize_t)down;
        width = (Py_ssize_t)across;
        const fm_drawn glyph = {.gid = ink->gid, .matrix = {scale, 0.0, 0.0, -scale, x - left, y - top}};
        if (height * width > FEW_PIXELS || !fm_scan(font, &glyph, 1, height, width, few)) {
            if ((draw = fm_take_raster()) == NULL)
                return -1;
            fm_add_glyph(draw, font, ink->gid, &glyph.matrix);
            if ((image = fm_render_rows(draw, height, width)) == NULL)
                return -1;
            pixels = fm_hb.raster_image_get_buffer(image);
        }
        found = fm_ink_area(pixels, height, width, width);
    }
    ink->left = (int32_t)left + (int32_t)found.left;
    ink->top = (int32_t)top + (int32_t)found.top;
    ink->width = (int32_t)(found.right - found.left);
    ink->height = (int32_t)(found.bottom - found.top);
    ink->pixels = PyMem_Malloc((size_t)ink->width * (size_t)ink->height + 1);
    for (int32_t row = 0; row < ink->height && ink->pixels != NULL; row++)
        memcpy(ink->pixels + (size_t)row * (size_t)ink->width,
               pixels + (found.top + row) * width + found.left, (size_t)ink->width);
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

const fm_ink *fm_find_ink(fm_font *font, const fm_ink *key)
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

