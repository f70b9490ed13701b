/* Painting: a background and layers of ink over it, in single precision, a row at a time. */

#include "core.h"
#include "floats.h"
#include "picture.h"

#define MOST_CHANNELS 4

typedef struct {
    FmPicture mask;
    float color[MOST_CHANNELS];
} Layer;

typedef struct {
    FmPicture raw, scene;
    float gain, bias, first[MOST_CHANNELS], second[MOST_CHANNELS];
    Layer *layers;
    Py_ssize_t count;
} Work;

FM_WIDE static void mix_row(const float *restrict raw, float gain, float bias, float first, float swing, float *restrict row, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        row[x] = fm_at_least(raw[x] * gain + bias, 0.0f);
    for (Py_ssize_t x = 0; x < count; x++)
        row[x] = first + swing * fm_at_most(row[x], 1.0f);
}

FM_WIDE static int share_row(const uint8_t *restrict mask, float *restrict share, Py_ssize_t count)
{
    uint8_t any = 0;
    for (Py_ssize_t x = 0; x < count; x++)
        any |= mask[x];
    if (any)
        for (Py_ssize_t x = 0; x < count; x++)
            share[x] = (float)mask[x] / 255.0f;
    return any;
}

FM_WIDE static void lay_row(const float *restrict share, float ink, float *restrict row, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        row[x] += (ink - row[x]) * share[x];
}

FM_WIDE static void round_row(float *restrict row, uint8_t *restrict codes, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        row[x] = fm_at_least(row[x], 0.0f);
    for (Py_ssize_t x = 0; x < count; x++)
        codes[x] = (uint8_t)fm_rounded(fm_at_most(row[x], 255.0f));
}

static void begin_row(const Work *work, Py_ssize_t y, float *row, Py_ssize_t channel)
{
    Py_ssize_t count = work->scene.cols;
    float first = work->first[channel];
    if (work->raw.data)
        mix_row((const float *)((const char *)work->raw.data + y * work->raw.stride), work->gain, work->bias, first,
                work->second[channel] - first, row, count);
    else
        for (Py_ssize_t x = 0; x < count; x++)
            row[x] = first;
}

static void put_row(const Work *work, Py_ssize_t y, float *rows, uint8_t *codes)
{
    Py_ssize_t count = work->scene.cols, channels = work->scene.channels;
    uint8_t *to = (uint8_t *)work->scene.data + y * work->scene.stride;
    if (channels == 1) {
        round_row(rows, to, count);
        return;
    }
    round_row(rows, codes, channels * count);
    if (channels == 3)
        for (Py_ssize_t x = 0; x < count; x++) {
            to[3 * x] = codes[x];
            to[3 * x + 1] = codes[count + x];
            to[3 * x + 2] = codes[2 * count + x];
        }
    else
        for (Py_ssize_t x = 0; x < count; x++)
            for (Py_ssize_t c = 0; c < channels; c++)
                to[channels * x + c] = codes[c * count + x];
}

static int paint_all(const Work *work)
{
    Py_ssize_t count = work->scene.cols, channels = work->scene.channels;
    float *rows = PyMem_Malloc((size_t)(count * (channels + 2)) * sizeof *rows);
    if (!rows) {
        PyErr_NoMemory();
        return -1;
    }
    float *share = rows + channels * count;
    uint8_t *codes = PyMem_Malloc((size_t)(count * channels));
    if (!codes) {
        PyMem_Free(rows);
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t y = 0; y < work->scene.rows; y++) {
        for (Py_ssize_t c = 0; c < channels; c++)
            begin_row(work, y, rows + c * count, c);
        for (Py_ssize_t n = 0; n < work->count; n++) {
            const Layer *layer = &work->layers[n];
            if (share_row((const uint8_t *)layer->mask.data + y * layer->mask.stride, share, count))
                for (Py_ssize_t c = 0; c < channels; c++)
                    lay_row(share, layer->color[c], rows + c * count, count);
        }
        put_row(work, y, rows, codes);
    }
    PyMem_Free(codes);
    PyMem_Free(rows);
    return 0;
}

static int take_color(PyObject *object, Py_ssize_t channels, float *color)
{
    PyObject *values = PySequence_Fast(object, "a colour is a sequence of numbers");
    if (!values)
        return -1;
    int failed = PySequence_Fast_GET_SIZE(values) != channels;
    if (failed)
        PyErr_SetString(PyExc_ValueError, "a colour has one number for each channel");
    for (Py_ssize_t c = 0; !failed && c < channels; c++) {
        color[c] = (float)PyFloat_AsDouble(PySequence_Fast_GET_ITEM(values, c));
        failed = PyErr_Occurred() != NULL;
    }
    Py_DECREF(values);
    return failed ? -1 : 0;
}

static int take_layer(Work *work, PyObject *object)
{
    PyObject *mask, *color;
    Layer *layer = &work->layers[work->count];
    if (!PyArg_ParseTuple(object, "OO;a layer is a mask and a colour", &mask, &color))
        return -1;
    memset(layer, 0, sizeof *layer);
    work->count++;
    if (fm_picture(&layer->mask, mask, "B", 0) < 0 || take_color(color, work->scene.channels, layer->color) < 0)
        return -1;
    if (layer->mask.rows != work->scene.rows || layer->mask.cols != work->scene.cols || layer->mask.channels != 1) {
        PyErr_SetString(PyExc_ValueError, "a mask is not of the picture's size");
        return -1;
    }
    return 0;
}

static int take_layers(Work *work, PyObject *list)
{
    Py_ssize_t count = PyList_GET_SIZE(list);
    work->layers = PyMem_Calloc((size_t)count + 1, sizeof *work->layers);
    if (!work->layers) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t n = 0; n < count; n++) {
        PyObject *item = PyList_GetItem(list, n);
        if (!item || !PyTuple_Check(item)) {
            PyErr_SetString(PyExc_ValueError, "a layer is a mask and a colour");
            return -1;
        }
        if (take_layer(work, item) < 0)
            return -1;
    }
    return 0;
}

static int take_raw(Work *work, PyObject *raw)
{
    if (raw == Py_None)
        return 0;
    if (fm_picture(&work->raw, raw, "f", 0) < 0)
        return -1;
    if (work->raw.rows != work->scene.rows || work->raw.cols != work->scene.cols || work->raw.channels != 1) {
        PyErr_SetString(PyExc_ValueError, "the background is not of the picture's size");
        return -1;
    }
    return 0;
}

/* paint(raw, gain, bias, first, second, layers, scene) -> None */
static PyObject *paint(PyObject *self, PyObject *args)
{
    (void)self;
    Work work = {0};
    PyObject *raw, *first, *second, *layers, *scene;
    int failed = -1;
    if (!PyArg_ParseTuple(args, "OffOOO!O", &raw, &work.gain, &work.bias, &first, &second, &PyList_Type, &layers, &scene))
        return NULL;
    if (fm_picture(&work.scene, scene, "B", 1) == 0 && take_raw(&work, raw) == 0
        && take_color(first, work.scene.channels, work.first) == 0
        && take_color(second, work.scene.channels, work.second) == 0 && take_layers(&work, layers) == 0)
        failed = paint_all(&work);
    for (Py_ssize_t n = 0; n < work.count; n++)
        PyBuffer_Release(&work.layers[n].mask.buffer);
    PyMem_Free(work.layers);
    fm_release(&work.raw.buffer, &work.scene.buffer, NULL);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"paint", paint, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

int fm_add_paint(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
