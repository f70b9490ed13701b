/* HarfBuzz as uharfbuzz brings it along: its functions by name, from the library that is loaded anyway. */

#ifndef FONTMILL_HARFBUZZ_H
#define FONTMILL_HARFBUZZ_H

#include "core.h"

typedef struct hb_blob_t hb_blob_t;
typedef struct hb_face_t hb_face_t;
typedef struct hb_font_t hb_font_t;
typedef struct hb_buffer_t hb_buffer_t;
typedef struct hb_raster_draw_t hb_raster_draw_t;
typedef struct hb_raster_image_t hb_raster_image_t;
typedef struct hb_draw_funcs_t hb_draw_funcs_t;
typedef struct hb_draw_state_t hb_draw_state_t;
typedef const struct hb_language_impl_t *hb_language_t;

enum { HB_READONLY = 1, HB_LTR = 4, HB_RTL = 5 };

typedef struct { int32_t x_bearing, y_bearing, width, height; } hb_glyph_extents_t;
typedef struct { uint32_t gid, mask, cluster, private1, private2; } hb_glyph_info_t;
typedef struct { int32_t x_advance, y_advance, x_offset, y_offset; uint32_t private1; } hb_glyph_position_t;
typedef struct { uint32_t tag; float value; } hb_variation_t;
typedef struct { int x_origin, y_origin; unsigned int width, height, stride; } hb_raster_extents_t;

/* What a glyph's outline is told to: points in the font's units. */
typedef void (*hb_point_func)(hb_draw_funcs_t *, void *, hb_draw_state_t *, float, float, void *);
typedef void (*hb_quadratic_func)(hb_draw_funcs_t *, void *, hb_draw_state_t *, float, float, float, float, void *);
typedef void (*hb_cubic_func)(hb_draw_funcs_t *, void *, hb_draw_state_t *, float, float, float, float, float, float, void *);

/* (result, name without hb_, arguments) of each function in use. */
#define FM_HARFBUZZ(f)                                                                                             \
    f(void, version, (unsigned int *, unsigned int *, unsigned int *))                                             \
    f(hb_blob_t *, blob_create, (const char *, unsigned int, int, void *, void (*)(void *)))               \
    f(void, blob_destroy, (hb_blob_t *))                                                                           \
    f(hb_face_t *, face_create, (hb_blob_t *, unsigned int))                                                       \
    f(void, face_destroy, (hb_face_t *))                                                                           \
    f(unsigned int, face_get_glyph_count, (hb_face_t *))                                                           \
    f(hb_font_t *, font_create, (hb_face_t *))                                                                     \
    f(void, font_destroy, (hb_font_t *))                                                                           \
    f(void, font_set_scale, (hb_font_t *, int, int))                                                               \
    f(void, font_set_variations, (hb_font_t *, const hb_variation_t *, unsigned int))                              \
    f(void, font_set_synthetic_bold, (hb_font_t *, float, float, int))                                             \
    f(int, font_get_nominal_glyph, (hb_font_t *, uint32_t, uint32_t *))                                            \
    f(int32_t, font_get_glyph_h_advance, (hb_font_t *, uint32_t))                                                  \
    f(int, font_get_glyph_extents, (hb_font_t *, uint32_t, hb_glyph_extents_t *))                                  \
    f(int, font_draw_glyph_or_fail, (hb_font_t *, uint32_t, hb_draw_funcs_t *, void *))                            \
    f(hb_draw_funcs_t *, draw_funcs_create, (void))                                                                \
    f(void, draw_funcs_set_move_to_func, (hb_draw_funcs_t *, hb_point_func, void *, void (*)(void *)))             \
    f(void, draw_funcs_set_line_to_func, (hb_draw_funcs_t *, hb_point_func, void *, void (*)(void *)))             \
    f(void, draw_funcs_set_quadratic_to_func, (hb_draw_funcs_t *, hb_quadratic_func, void *, void (*)(void *)))    \
    f(void, draw_funcs_set_cubic_to_func, (hb_draw_funcs_t *, hb_cubic_func, void *, void (*)(void *)))            \
    f(uint32_t, tag_from_string, (const char *, int))                                                              \
    f(uint32_t, script_from_string, (const char *, int))                                                           \
    f(hb_language_t, language_from_string, (const char *, int))                                                    \
    f(hb_buffer_t *, buffer_create, (void))                                                                        \
    f(void, buffer_destroy, (hb_buffer_t *))                                                                       \
    f(void, buffer_clear_contents, (hb_buffer_t *))                                                                \
    f(void, buffer_add_latin1, (hb_buffer_t *, const uint8_t *, int, unsigned int, int))                           \
    f(void, buffer_add_utf32, (hb_buffer_t *, const uint32_t *, int, unsigned int, int))                           \
    f(int, buffer_allocation_successful, (hb_buffer_t *))                                                          \
    f(void, buffer_set_script, (hb_buffer_t *, uint32_t))                                                          \
    f(void, buffer_set_language, (hb_buffer_t *, hb_language_t))                                                   \
    f(void, buffer_set_direction, (hb_buffer_t *, int))                                                            \
    f(hb_glyph_info_t *, buffer_get_glyph_infos, (hb_buffer_t *, unsigned int *))                                  \
    f(hb_glyph_position_t *, buffer_get_glyph_positions, (hb_buffer_t *, unsigned int *))                          \
    f(void, shape, (hb_font_t *, hb_buffer_t *, const void *, unsigned int))                                       \
    f(hb_raster_draw_t *, raster_draw_create_or_fail, (void))                                                      \
    f(void, raster_draw_destroy, (hb_raster_draw_t *))                                                             \
    f(void, raster_draw_clear, (hb_raster_draw_t *))                                                               \
    f(void, raster_draw_set_transform, (hb_raster_draw_t *, float, float, float, float, float, float))             \
    f(void, raster_draw_set_extents, (hb_raster_draw_t *, const hb_raster_extents_t *))                            \
    f(int, raster_draw_glyph_or_fail, (hb_raster_draw_t *, hb_font_t *, uint32_t))                                 \
    f(hb_raster_image_t *, raster_draw_render, (hb_raster_draw_t *))                                               \
    f(void, raster_draw_recycle_image, (hb_raster_draw_t *, hb_raster_image_t *))                                  \
    f(const uint8_t *, raster_image_get_buffer, (hb_raster_image_t *))                                             \
    f(void, raster_image_get_extents, (hb_raster_image_t *, hb_raster_extents_t *))                                \
    f(void, raster_image_destroy, (hb_raster_image_t *))

typedef struct {
#define FM_MEMBER(result, name, arguments) result(*name) arguments;
    FM_HARFBUZZ(FM_MEMBER)
#undef FM_MEMBER
} fm_harfbuzz;

/* All members are set once `open_harfbuzz` has returned True, before which nothing here may be used. */
extern fm_harfbuzz fm_hb;
extern int fm_hb_open;

/* Functions that are told of an outline piece by piece; for ever. Without memory the library gives ones that do nothing. */
hb_draw_funcs_t *fm_hb_draw_funcs(hb_point_func move_to, hb_point_func line_to, hb_quadratic_func quadratic_to, hb_cubic_func cubic_to);

/* An empty buffer that all share; NULL with MemoryError. Whoever filled it gives it back. */
hb_buffer_t *fm_take_buffer(void);
void fm_give_buffer(hb_buffer_t *buffer, Py_ssize_t length);

/* A cleared rasterizer that all share; NULL with MemoryError. */
hb_raster_draw_t *fm_take_raster(void);

/* What was drawn, or NULL with MemoryError; to be given back with the number of its pixels. */
hb_raster_image_t *fm_render(hb_raster_draw_t *draw);
void fm_give_image(hb_raster_draw_t *draw, hb_raster_image_t *image, Py_ssize_t pixels);

#endif
