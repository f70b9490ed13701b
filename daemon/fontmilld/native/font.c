/* Faces and fonts: render/shaping.py's TypeFont, but for bitmap strikes. */

#include "text.h"

#include <structmember.h>

static PyObject *face_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    PyObject *data;
    unsigned int index;
    static char *names[] = {"data", "index", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, named, "OI:Face", names, &data, &index))
        return NULL;
    if (!fm_hb_open) {
        PyErr_SetString(PyExc_RuntimeError, "open_harfbuzz comes first");
        return NULL;
    }
    fm_face *self = (fm_face *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    if (PyObject_GetBuffer(data, &self->data, PyBUF_SIMPLE) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    if (self->data.len > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "the font is too large");
        Py_DECREF(self);
        return NULL;
    }
    /* The bytes are not copied: this object keeps them as long as any font needs them. */
    hb_blob_t *blob = fm_hb.blob_create(self->data.buf, (unsigned int)self->data.len, HB_READONLY, NULL, NULL);
    self->face = fm_hb.face_create(blob, index);
    fm_hb.blob_destroy(blob);
    return (PyObject *)self;
}

static void face_dealloc(fm_face *self)
{
    if (self->face != NULL)
        fm_hb.face_destroy(self->face);
    if (self->data.obj != NULL)
        PyBuffer_Release(&self->data);
    Py_TYPE(self)->tp_free(self);
}

static PyObject *face_glyph_count(fm_face *self, void *unused)
{
    (void)unused;
    return PyLong_FromUnsignedLong(fm_hb.face_get_glyph_count(self->face));
}

static PyGetSetDef face_getters[] = {
    {"glyph_count", (getter)face_glyph_count, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject fm_face_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "fontmilld.native._core.Face",
    .tp_basicsize = sizeof(fm_face),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = face_new,
    .tp_dealloc = (destructor)face_dealloc,
    .tp_getset = face_getters,
};

/* Sets the variations of a dict from tag to design value; 0, or -1 with an exception. */
static int vary(hb_font_t *font, PyObject *axes)
{
    Py_ssize_t count = PyDict_GET_SIZE(axes), at = 0;
    if (count == 0)
        return 0;
    hb_variation_t *variations = PyMem_New(hb_variation_t, count);
    if (variations == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    PyObject *tag, *value;
    Py_ssize_t filled = 0;
    while (filled < count && PyDict_Next(axes, &at, &tag, &value)) {
        const char *name = PyUnicode_Check(tag) ? PyUnicode_AsUTF8(tag) : NULL;
        double wanted = name != NULL ? PyFloat_AsDouble(value) : -1.0;
        if (name == NULL && !PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "axes go by str");
        if (PyErr_Occurred()) {
            PyMem_Free(variations);
            return -1;
        }
        variations[filled].tag = fm_hb.tag_from_string(name, -1);
        variations[filled++].value = (float)wanted;
    }
    fm_hb.font_set_variations(font, variations, (unsigned int)filled);
    PyMem_Free(variations);
    return 0;
}

static PyObject *font_new(PyTypeObject *type, PyObject *args, PyObject *named)
{
    fm_face *face;
    PyObject *axes;
    double bold;
    static char *names[] = {"face", "axes", "bold", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, named, "O!O!d:Font", names, &fm_face_type, &face, &PyDict_Type, &axes, &bold))
        return NULL;
    fm_font *self = (fm_font *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    Py_INCREF(face);
    self->face = face;
    self->font = fm_hb.font_create(face->face);
    fm_hb.font_set_scale(self->font, FM_EM, FM_EM);
    if (vary(self->font, axes) < 0) {
        Py_DECREF(self);
        return NULL;
    }
    if (bold != 0.0)
        fm_hb.font_set_synthetic_bold(self->font, (float)bold, (float)bold, 0);
    uint32_t circle = 0;
    self->circle = fm_hb.font_get_nominal_glyph(self->font, 0x25CC, &circle) && circle != 0 ? (int64_t)circle : -1;
    return (PyObject *)self;
}

static void font_dealloc(fm_font *self)
{
    fm_drop_inks(self);
    PyMem_Free(self->boxes);
    if (self->font != NULL)
        fm_hb.font_destroy(self->font);
    Py_XDECREF(self->face);
    Py_TYPE(self)->tp_free(self);
}

static fm_box_slot *box_slot(fm_box_slot *slots, size_t count, uint32_t gid)
{
    size_t at = (gid * 2654435761u >> 7) & (count - 1);
    while (slots[at].taken != 0 && slots[at].taken != (uint64_t)gid + 1)
        at = (at + 1) & (count - 1);
    return &slots[at];
}

static int grow_boxes(fm_font *font)
{
    size_t count = font->box_slots != 0 ? 2 * font->box_slots : 64;
    fm_box_slot *slots = PyMem_Calloc(count, sizeof *slots);
    if (slots == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t at = 0; at < font->box_slots; at++)
        if (font->boxes[at].taken != 0)
            *box_slot(slots, count, (uint32_t)(font->boxes[at].taken - 1)) = font->boxes[at];
    PyMem_Free(font->boxes);
    font->boxes = slots;
    font->box_slots = count;
    return 0;
}

int fm_box(fm_font *font, uint32_t gid, int64_t box[4])
{
    if (2 * font->box_count >= font->box_slots && grow_boxes(font) < 0)
        return -1;
    fm_box_slot *slot = box_slot(font->boxes, font->box_slots, gid);
    hb_glyph_extents_t *found = &slot->extents;
    if (slot->taken == 0) {
        /* What has no outline is emboldened, too: to a width of -1 and a height of 1, which counts upwards. */
        slot->has_ink = fm_hb.font_get_glyph_extents(font->font, gid, found) && found->width > 0 && found->height < 0;
        slot->taken = (uint64_t)gid + 1;
        font->box_count++;
    }
    if (!slot->has_ink)
        return 0;
    box[FM_LEFT] = found->x_bearing;
    box[FM_BOTTOM] = (int64_t)found->y_bearing + found->height;
    box[FM_RIGHT] = (int64_t)found->x_bearing + found->width;
    box[FM_TOP] = found->y_bearing;
    return 1;
}

/* A glyph id or code point of 32 bits; 0 with an exception if it is none. */
static uint32_t number(PyObject *value)
{
    unsigned long found = PyLong_AsUnsignedLong(value);
    if (!PyErr_Occurred() && found > UINT32_MAX)
        PyErr_SetString(PyExc_OverflowError, "it does not fit 32 bits");
    return (uint32_t)found;
}

static PyObject *font_box(fm_font *self, PyObject *value)
{
    int64_t box[4];
    uint32_t gid = number(value);
    if (PyErr_Occurred())
        return NULL;
    int has_ink = fm_box(self, gid, box);
    if (has_ink < 0)
        return NULL;
    if (!has_ink)
        Py_RETURN_NONE;
    return Py_BuildValue("(LLLL)", (long long)box[0], (long long)box[1], (long long)box[2], (long long)box[3]);
}

static PyObject *font_nominal(fm_font *self, PyObject *value)
{
    uint32_t cp = number(value), gid;
    if (PyErr_Occurred())
        return NULL;
    if (!fm_hb.font_get_nominal_glyph(self->font, cp, &gid))
        Py_RETURN_NONE;
    return PyLong_FromUnsignedLong(gid);
}

/* Of each character of a tuple the glyph, 0 for one without. */
static PyObject *font_nominals(fm_font *self, PyObject *characters)
{
    if (!PyTuple_Check(characters)) {
        PyErr_SetString(PyExc_TypeError, "nominals takes a tuple");
        return NULL;
    }
    const Py_ssize_t count = PyTuple_GET_SIZE(characters);
    PyObject *found = PyList_New(count);
    for (Py_ssize_t at = 0; at < count && found != NULL; at++) {
        uint32_t gid = 0, cp = number(PyTuple_GET_ITEM(characters, at));
        if (!PyErr_Occurred() && !fm_hb.font_get_nominal_glyph(self->font, cp, &gid))
            gid = 0;
        PyObject *item = PyErr_Occurred() ? NULL : PyLong_FromUnsignedLong(gid);
        if (item == NULL)
            Py_CLEAR(found);
        else
            PyList_SET_ITEM(found, at, item);
    }
    return found;
}

static PyObject *font_advance(fm_font *self, PyObject *value)
{
    uint32_t gid = number(value);
    return PyErr_Occurred() ? NULL : PyLong_FromLong(fm_hb.font_get_glyph_h_advance(self->font, gid));
}

static PyObject *font_reckon(fm_font *self, PyObject *text)
{
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "reckon takes a str");
        return NULL;
    }
    int64_t total = 0;
    int kind = PyUnicode_KIND(text);
    const void *characters = PyUnicode_DATA(text);
    for (Py_ssize_t at = 0, length = PyUnicode_GET_LENGTH(text); at < length; at++) {
        uint32_t gid;
        if (!fm_hb.font_get_nominal_glyph(self->font, PyUnicode_READ(kind, characters, at), &gid))
            gid = 0;
        total += fm_hb.font_get_glyph_h_advance(self->font, gid);
    }
    return PyLong_FromLongLong(total);
}

static PyObject *font_kept(fm_font *self, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(self->ink_count);
}

static PyMethodDef font_methods[] = {
    {"box", (PyCFunction)font_box, METH_O, NULL},
    {"nominal", (PyCFunction)font_nominal, METH_O, NULL},
    {"nominals", (PyCFunction)font_nominals, METH_O, NULL},
    {"advance", (PyCFunction)font_advance, METH_O, NULL},
    {"reckon", (PyCFunction)font_reckon, METH_O, NULL},
    {"compose", (PyCFunction)(void (*)(void))fm_font_compose, METH_FASTCALL, NULL},
    {"draw", (PyCFunction)(void (*)(void))fm_font_draw, METH_FASTCALL, NULL},
    {"looks", (PyCFunction)(void (*)(void))fm_font_looks, METH_FASTCALL, NULL},
    {"judge", fm_font_judge, METH_VARARGS, NULL},
    {"thumbnails", fm_font_thumbnails, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef font_members[] = {
    {"face", T_OBJECT, offsetof(fm_font, face), READONLY, NULL},
    {"circle", T_LONGLONG, offsetof(fm_font, circle), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef font_getters[] = {
    {"kept", (getter)font_kept, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject fm_font_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "fontmilld.native._core.Font",
    .tp_basicsize = sizeof(fm_font),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = font_new,
    .tp_dealloc = (destructor)font_dealloc,
    .tp_methods = font_methods,
    .tp_members = font_members,
    .tp_getset = font_getters,
};

int fm_add_font(PyObject *module)
{
    return PyModule_AddType(module, &fm_face_type) < 0 || PyModule_AddType(module, &fm_font_type) < 0 ? -1 : 0;
}
