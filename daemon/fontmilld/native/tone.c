/* Text in one colour on paper of another; render/draw.py is its equal. */

#include "picture.h"

enum { RGB = 3, WORD = 8, VALUES = 256 };

/* paper + (ink - paper) coverage / 255, to the nearest; there are no halves. */
static inline uint8_t mixed(uint8_t coverage, uint8_t ink, uint8_t paper)
{
    uint16_t sum = (uint16_t)(paper * (uint8_t)(255 - coverage) + ink * coverage + 127);
    return (uint8_t)((uint16_t)(sum + 1 + (sum >> 8)) >> 8);
}

FM_WIDE static void gray(const uint8_t *restrict coverage, Py_ssize_t count, uint8_t ink, uint8_t paper, uint8_t *restrict scene)
{
    for (Py_ssize_t i = 0; i < count; i++)
        scene[i] = mixed(coverage[i], ink, paper);
}

/* Most of a picture is paper, which is copied, WORD pixels at once. */
static void rgb(const uint8_t *coverage, Py_ssize_t count, const uint8_t *ink, const uint8_t *paper, uint8_t *scene)
{
    uint8_t table[VALUES][RGB + 1], flat[RGB * WORD];
    for (int n = 0; n < RGB; n++) {
        for (int value = 0; value < VALUES; value++)
            table[value][n] = mixed((uint8_t)value, ink[n], paper[n]);
        for (int pixel = 0; pixel < WORD; pixel++)
            flat[RGB * pixel + n] = paper[n];
    }
    for (int value = 0; value < VALUES; value++)
        table[value][RGB] = 0;
    Py_ssize_t at = 0;
    /* One value more than a pixel has is written, as that is faster; the next pixel mends it. */
    for (; at + WORD < count; at += WORD) {
        uint64_t word;
        memcpy(&word, coverage + at, WORD);
        if (!word)
            memcpy(scene + RGB * at, flat, sizeof flat);
        else
            for (int n = 0; n < WORD; n++)
                memcpy(scene + RGB * (at + n), table[coverage[at + n]], RGB + 1);
    }
    for (; at < count; at++)
        memcpy(scene + RGB * at, table[coverage[at]], RGB);
}

static PyObject *drawn(const Py_buffer *coverage, const Py_buffer *ink, const Py_buffer *paper, PyObject *scene)
{
    Py_buffer out;
    if (ink->len != paper->len || (ink->len != 1 && ink->len != RGB))
        return PyErr_Format(PyExc_ValueError, "colours of %zd and %zd values", ink->len, paper->len);
    if (fm_take(scene, &out, 1, coverage->len * ink->len, 1, "the scene") < 0)
        return NULL;
    const uint8_t *first = ink->buf, *second = paper->buf;
    if (ink->len == 1)
        gray(coverage->buf, coverage->len, *first, *second, out.buf);
    else
        rgb(coverage->buf, coverage->len, first, second, out.buf);
    PyBuffer_Release(&out);
    Py_RETURN_NONE;
}

static PyObject *two_tone(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *object, *scene, *found = NULL;
    Py_buffer ink, paper, coverage;
    if (!PyArg_ParseTuple(args, "Oy*y*O", &object, &ink, &paper, &scene))
        return NULL;
    if (fm_take(object, &coverage, 1, -1, 0, "coverage") == 0) {
        found = drawn(&coverage, &ink, &paper, scene);
        PyBuffer_Release(&coverage);
    }
    PyBuffer_Release(&ink);
    PyBuffer_Release(&paper);
    return found;
}

static PyMethodDef functions[] = {
    {"two_tone", two_tone, METH_VARARGS, "See render/draw.py."},
    {NULL, NULL, 0, NULL},
};

int fm_add_tone(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
