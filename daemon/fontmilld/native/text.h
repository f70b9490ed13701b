/* Fonts, shaped text and where it is drawn. Lengths called units are 1/16384 em, y upwards, as in render/shaping.py. */

#ifndef FONTMILL_TEXT_H
#define FONTMILL_TEXT_H

#include "harfbuzz.h"

enum { FM_EM = 16384 };
enum { FM_LEFT, FM_BOTTOM, FM_RIGHT, FM_TOP };

/* Open addressing, a power of two of slots, at most half of them taken; gid + 1 marks a taken one. */
typedef struct {
    uint64_t taken;
    hb_glyph_extents_t extents;
    int has_ink;
} fm_box_slot;

/* The coverage of a glyph drawn on a grid, by what it depends on; pixels are NULL in an empty slot. */
typedef struct {
    double scale, x, y;
    uint32_t gid;
    int32_t left, top, width, height;
    uint8_t *pixels;
} fm_ink;

typedef struct {
    PyObject_HEAD
    Py_buffer data;
    hb_face_t *face;
} fm_face;

typedef struct {
    PyObject_HEAD
    fm_face *face;
    hb_font_t *font;
    int64_t circle; /* glyph of U+25CC, -1 without one */
    fm_box_slot *boxes;
    size_t box_slots, box_count;
    fm_ink *inks;
    size_t ink_slots, ink_count, ink_bytes;
} fm_font;

/* A glyph whose origin is at (x, y) in units; `start` is where its cluster begins in the text. */
typedef struct {
    uint32_t gid;
    int has_ink;
    int64_t x, y, start;
    int64_t box[4];
} fm_glyph;

typedef struct {
    PyObject_HEAD
    fm_glyph *glyphs;
    Py_ssize_t count, room;
    int64_t ink[4];
    int is_complete;
} fm_block;

/* (x, y) in units goes to (xx x + xy y + x0, yx x + yy y + y0) in px, y downwards. */
typedef struct {
    double xx, yx, xy, yy, x0, y0;
} fm_matrix;

typedef struct {
    uint32_t gid;
    int64_t start;
    fm_matrix matrix;
} fm_drawn;

typedef struct {
    int64_t start;
    double corners[4]; /* left, top, right, bottom in px */
} fm_cluster;

typedef struct {
    PyObject_HEAD
    fm_drawn *glyphs;
    fm_cluster *clusters;
    Py_ssize_t count, cluster_count;
} fm_placed;

extern PyTypeObject fm_face_type, fm_font_type, fm_block_type, fm_placed_type;

/* The box (left, bottom, right, top) of a glyph's outline in units: 1, 0 without ink, -1 with an exception. */
int fm_box(fm_font *font, uint32_t gid, int64_t box[4]);

/* Methods of Font that have files of their own. */
PyObject *fm_font_compose(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *fm_font_draw(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *fm_font_looks(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *fm_font_judge(PyObject *self, PyObject *args);
PyObject *fm_font_thumbnails(PyObject *self, PyObject *gids);

/* 1 if a glyph drawn at `scale` px a unit certainly has a pixel of at least `least` (of 255), whatever the others; 0 if drawing must tell. */
int fm_surely_inked(fm_font *font, uint32_t gid, double scale, int least);

typedef struct {
    Py_ssize_t left, top, right, bottom; /* right <= left: nothing */
} fm_area;

/* The smallest area that has all that is not 0. */
fm_area fm_ink_area(const uint8_t *pixels, Py_ssize_t height, Py_ssize_t width, Py_ssize_t stride);

void fm_add_glyph(hb_raster_draw_t *draw, const fm_font *font, uint32_t gid, const fm_matrix *m);

/* Renders what was added as `height` rows of `width`, top row first as y runs downwards; NULL with an exception. */
hb_raster_image_t *fm_render_rows(hb_raster_draw_t *draw, Py_ssize_t height, Py_ssize_t width);

/* Draws glyphs as the library would, as `height` rows of `width`, both above 0: 1, or 0 if that is left to the library. */
int fm_scan(const fm_font *font, const fm_drawn *glyphs, Py_ssize_t count, Py_ssize_t height, Py_ssize_t width, uint8_t *out);

/* The same, by the library where need be: 0, or -1 with an exception. */
int fm_cover(const fm_font *font, const fm_drawn *glyphs, Py_ssize_t count, Py_ssize_t height, Py_ssize_t width, uint8_t *out);

/* The kept coverage of a key, drawn if need be, valid until the next call; NULL with an exception. */
const fm_ink *fm_find_ink(fm_font *font, const fm_ink *key);
void fm_drop_inks(fm_font *font);

/* -1 with a ValueError. */
int fm_out_of_range(void);

#endif
