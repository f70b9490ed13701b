/* Shaping text to a block: render/layout.py's compose and render/shaping.py's shape, one call for all lines. */

#include "text.h"

#include <math.h>

/* What all lines of a text have in common. */
typedef struct {
    uint32_t script;
    hb_language_t language;
    int direction;
    int64_t extra; /* units between clusters */
} manner;

typedef struct {
    Py_ssize_t first, end; /* its glyphs in the block */
    int64_t advance;
    int64_t ink[4];
    int is_complete;
} run;

static const int64_t NO_INK[4] = {(int64_t)1 << 40, (int64_t)1 << 40, -((int64_t)1 << 40), -((int64_t)1 << 40)};

static void widen(int64_t ink[4], const fm_glyph *glyph)
{
    const int64_t box[4] = {glyph->x + glyph->box[FM_LEFT], glyph->y + glyph->box[FM_BOTTOM],
                            glyph->x + glyph->box[FM_RIGHT], glyph->y + glyph->box[FM_TOP]};
    for (int side = FM_LEFT; side <= FM_BOTTOM; side++)
        ink[side] = box[side] < ink[side] ? box[side] : ink[side];
    for (int side = FM_RIGHT; side <= FM_TOP; side++)
        ink[side] = box[side] > ink[side] ? box[side] : ink[side];
}

static int has_ink(const int64_t ink[4])
{
    return ink[FM_RIGHT] > ink[FM_LEFT] && ink[FM_TOP] > ink[FM_BOTTOM];
}

/* Puts characters `start` to `end` of the text into the buffer; -1 with an exception. */
static int fill(hb_buffer_t *buffer, PyObject *text, Py_ssize_t start, Py_ssize_t end)
{
    int length = (int)(end - start);
    const void *data = PyUnicode_DATA(text);
    if (PyUnicode_KIND(text) == PyUnicode_1BYTE_KIND) {
        fm_hb.buffer_add_latin1(buffer, (const uint8_t *)data + start, length, 0, length);
    } else if (PyUnicode_KIND(text) == PyUnicode_4BYTE_KIND) {
        fm_hb.buffer_add_utf32(buffer, (const uint32_t *)data + start, length, 0, length);
    } else {
        uint32_t few[256], *wide = few;
        few[0] = 0;
        if (length > 256 && (wide = PyMem_New(uint32_t, length)) == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        for (int at = 0; at < length; at++)
            wide[at] = ((const uint16_t *)data)[start + at];
        fm_hb.buffer_add_utf32(buffer, wide, length, 0, length);
        if (wide != few)
            PyMem_Free(wide);
    }
    return 0;
}

static int make_room(fm_block *block, Py_ssize_t more)
{
    if (block->count + more <= block->room)
        return 0;
    Py_ssize_t room = block->count + more;
    fm_glyph *glyphs = PyMem_Realloc(block->glyphs, (size_t)room * sizeof *glyphs);
    if (glyphs == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    block->glyphs = glyphs;
    block->room = room;
    return 0;
}

/* Appends the buffer's glyphs to the block; `shows_circle` says that the line asks for a dotted circle. */
static int collect(fm_font *font, fm_block *block, hb_buffer_t *buffer, const manner *how, int shows_circle, run *line)
{
    unsigned int count, positions;
    const hb_glyph_info_t *infos = fm_hb.buffer_get_glyph_infos(buffer, &count);
    const hb_glyph_position_t *moves = fm_hb.buffer_get_glyph_positions(buffer, &positions);
    if (count != positions || (count != 0 && (infos == NULL || moves == NULL))) {
        PyErr_SetString(PyExc_RuntimeError, "the shaper returned no positions");
        return -1;
    }
    if (make_room(block, count) < 0)
        return -1;
    int64_t x = 0, before = -1;
    int complete = 1, any = 0;
    memcpy(line->ink, NO_INK, sizeof line->ink);
    line->first = block->count;
    for (unsigned int at = 0; at < count; at++) {
        fm_glyph *glyph = &block->glyphs[block->count];
        const int64_t cluster = infos[at].cluster;
        if (cluster != before && before >= 0)
            x += how->extra;
        before = cluster;
        glyph->gid = infos[at].gid;
        glyph->x = x + moves[at].x_offset;
        glyph->y = moves[at].y_offset;
        glyph->start = cluster;
        glyph->has_ink = fm_box(font, glyph->gid, glyph->box);
        if (glyph->has_ink < 0)
            return -1;
        block->count++;
        x += moves[at].x_advance;
        complete &= glyph->gid != 0 && (shows_circle || glyph->gid != font->circle);
        if (glyph->has_ink) {
            widen(line->ink, glyph);
            any = 1;
        }
    }
    if (!any || line->ink[FM_RIGHT] < line->ink[FM_LEFT])
        memset(line->ink, 0, sizeof line->ink);
    line->end = block->count;
    line->advance = x;
    line->is_complete = complete && has_ink(line->ink);
    return 0;
}

static int shape(fm_font *font, fm_block *block, PyObject *text, Py_ssize_t start, Py_ssize_t end, const manner *how, run *line)
{
    hb_buffer_t *buffer = fm_take_buffer();
    if (buffer == NULL)
        return -1;
    int result = fill(buffer, text, start, end);
    if (result == 0) {
        fm_hb.buffer_set_script(buffer, how->script);
        fm_hb.buffer_set_language(buffer, how->language);
        fm_hb.buffer_set_direction(buffer, how->direction);
        fm_hb.shape(font->font, buffer, NULL, 0);
        if (fm_hb.buffer_allocation_successful(buffer)) {
            int shows_circle = PyUnicode_FindChar(text, 0x25CC, start, end, 1) >= 0;
            result = collect(font, block, buffer, how, shows_circle, line);
        } else { /* by its own limits: a font can make each glyph many, again and again */
            PyErr_SetString(PyExc_OverflowError, "the shaper gave up");
            result = -1;
        }
    }
    fm_give_buffer(buffer, end - start);
    return result;
}

/* Half to even, as Python's round(); -1 with an exception if it is no number that a picture has room for. */
static int rounded(double value, int64_t *found)
{
    if (!(fabs(value) < 1e15)) {
        PyErr_SetString(PyExc_ValueError, "a distance is out of range");
        return -1;
    }
    *found = (int64_t)rint(value);
    return 0;
}

/* Moves the runs below each other, `leading` em apart, `share` of what a line is shorter to the right. */
static int stack(fm_block *block, run *lines, const Py_ssize_t *starts, Py_ssize_t count, double leading, double share)
{
    int64_t widest = lines[0].advance;
    int any = 0;
    for (Py_ssize_t n = 1; n < count; n++)
        widest = lines[n].advance > widest ? lines[n].advance : widest;
    memcpy(block->ink, NO_INK, sizeof block->ink);
    for (Py_ssize_t n = 0; n < count; n++) {
        int64_t dx, dy;
        if (rounded((double)(widest - lines[n].advance) * share, &dx) < 0 || rounded((double)n * leading * FM_EM, &dy) < 0)
            return -1;
        for (Py_ssize_t at = lines[n].first; at < lines[n].end; at++) {
            fm_glyph *glyph = &block->glyphs[at];
            glyph->x += dx;
            glyph->y -= dy;
            glyph->start += starts[n];
            if (glyph->has_ink) {
                widen(block->ink, glyph);
                any = 1;
            }
        }
    }
    if (!any)
        memset(block->ink, 0, sizeof block->ink);
    return 0;
}

static int compose(fm_font *font, fm_block *block, PyObject *text, const manner *how, double leading, double share)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), count = 1, start = 0;
    for (Py_ssize_t at = 0; (at = PyUnicode_FindChar(text, '\n', at, length, 1)) >= 0; at++)
        count++;
    run one, *lines = &one;
    Py_ssize_t first = 0, *starts = &first;
    if (count > 1) {
        lines = PyMem_New(run, count);
        starts = PyMem_New(Py_ssize_t, count);
    }
    int result = lines != NULL && starts != NULL ? 0 : -1;
    if (result < 0)
        PyErr_NoMemory();
    block->is_complete = 1;
    for (Py_ssize_t n = 0; n < count && result == 0; n++) {
        Py_ssize_t end = n + 1 < count ? PyUnicode_FindChar(text, '\n', start, length, 1) : length;
        starts[n] = start;
        result = shape(font, block, text, start, end, how, &lines[n]);
        if (result == 0)
            block->is_complete &= lines[n].is_complete;
        start = end + 1;
    }
    if (result == 0 && count > 1)
        result = stack(block, lines, starts, count, leading, share);
    else if (result == 0)
        memcpy(block->ink, one.ink, sizeof one.ink);
    if (count > 1) {
        PyMem_Free(lines);
        PyMem_Free(starts);
    }
    return result;
}

PyObject *fm_font_compose(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    if (count != 7 || !PyUnicode_Check(args[0]) || !PyUnicode_Check(args[1]) || !PyUnicode_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "compose takes text, script, language, rtl, extra, leading and share");
        return NULL;
    }
    if (PyUnicode_GET_LENGTH(args[0]) > INT32_MAX / 8) {
        PyErr_NoMemory();
        return NULL;
    }
    const char *script = PyUnicode_AsUTF8(args[1]), *language = script ? PyUnicode_AsUTF8(args[2]) : NULL;
    if (language == NULL)
        return NULL;
    manner how = {fm_hb.script_from_string(script, -1), fm_hb.language_from_string(language, -1), HB_LTR, 0};
    int rtl = PyObject_IsTrue(args[3]);
    how.direction = rtl > 0 ? HB_RTL : HB_LTR;
    how.extra = PyLong_AsLong(args[4]);
    double leading = PyFloat_AsDouble(args[5]), share = PyFloat_AsDouble(args[6]);
    if (PyErr_Occurred())
        return NULL;
    fm_block *block = (fm_block *)fm_block_type.tp_alloc(&fm_block_type, 0);
    if (block != NULL && compose((fm_font *)self, block, args[0], &how, leading, share) < 0) {
        Py_DECREF(block);
        return NULL;
    }
    return (PyObject *)block;
}
