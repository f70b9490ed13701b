/* What ends a degradation: rounding to 8 bits, and how far that is from what was there before the noise. */

#include "core.h"
#include "floats.h"
#include "picture.h"

/* Signals are in 1/256 of a code, and no farther from 0 than this. */
#define FAR 1048576.0f

typedef struct {
    int64_t power, total, squares;
} Sums;

FM_WIDE static void round_row(const float *restrict codes, uint8_t *restrict out, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++) {
        float code = fm_within(codes[x], 0.0f, 255.0f);
        out[x] = (uint8_t)(int32_t)((code + FM_WHOLE) - FM_WHOLE);
    }
}

FM_WIDE static void add_row(Sums *sums, const float *restrict clean, const uint8_t *restrict noisy, Py_ssize_t count)
{
    int64_t power = 0, total = 0, squares = 0;
    for (Py_ssize_t x = 0; x < count; x++) {
        float fine = fm_within(clean[x] * 256.0f, -FAR, FAR);
        int32_t signal = (int32_t)((fine + FM_WHOLE) - FM_WHOLE), apart = signal - noisy[x] * 256;
        total += signal;
        squares += (int64_t)signal * signal;
        power += (int64_t)apart * apart;
    }
    sums->power += power;
    sums->total += total;
    sums->squares += squares;
}

static int take_both(FmPicture *codes, FmPicture *bytes, PyObject *args, int writable)
{
    PyObject *one, *other;
    if (!PyArg_ParseTuple(args, "OO", &one, &other) || fm_picture(codes, one, "f", 0) < 0 || fm_picture(bytes, other, "B", writable) < 0)
        return -1;
    if (codes->rows == bytes->rows && codes->cols == bytes->cols && codes->channels == bytes->channels)
        return 0;
    PyErr_SetString(PyExc_ValueError, "pictures of different shapes");
    return -1;
}

/* rounded(codes, out) -> None */
static PyObject *rounded(PyObject *self, PyObject *args)
{
    (void)self;
    FmPicture codes = {0}, out = {0};
    int failed = take_both(&codes, &out, args, 1);
    for (Py_ssize_t y = 0; !failed && y < codes.rows; y++)
        round_row((const float *)((const char *)codes.data + y * codes.stride), (uint8_t *)out.data + y * out.stride,
                  codes.cols * codes.channels);
    fm_release(&codes.buffer, &out.buffer, NULL);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

/* compared(clean, noisy) -> sums of squared differences, of the clean signal and of its squares, in 1/256 of a code. */
static PyObject *compared(PyObject *self, PyObject *args)
{
    (void)self;
    FmPicture clean = {0}, noisy = {0};
    Sums sums = {0, 0, 0};
    int failed = take_both(&clean, &noisy, args, 0);
    for (Py_ssize_t y = 0; !failed && y < clean.rows; y++)
        add_row(&sums, (const float *)((const char *)clean.data + y * clean.stride), (const uint8_t *)noisy.data + y * noisy.stride,
                clean.cols * clean.channels);
    fm_release(&clean.buffer, &noisy.buffer, NULL);
    if (failed)
        return NULL;
    return Py_BuildValue("(LLL)", (long long)sums.power, (long long)sums.total, (long long)sums.squares);
}

static PyMethodDef functions[] = {
    {"rounded", rounded, METH_VARARGS, NULL},
    {"compared", compared, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_finish(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
