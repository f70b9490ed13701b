/* What ends a degradation: rounding to 8 bits, and how far that is from what was there before the noise. */

#include "core.h"
#include "floats.h"
#include "picture.h"

#define CHUNK 512

typedef struct {
    uint64_t power, total, squares;
} Sums;

FM_WIDE static void round_chunk(const float *restrict codes, uint8_t *restrict out, Py_ssize_t count)
{
    float kept[CHUNK];
    for (Py_ssize_t x = 0; x < count; x++)
        kept[x] = fm_at_least(codes[x], 0.0f);
    for (Py_ssize_t x = 0; x < count; x++)
        out[x] = (uint8_t)fm_rounded(fm_at_most(kept[x], 255.0f));
}

FM_WIDE static void add_chunk(Sums *sums, const float *restrict clean, const uint8_t *restrict noisy, Py_ssize_t count)
{
    uint64_t power = 0, squares = 0, total = 0;
    float kept[CHUNK];
    for (Py_ssize_t x = 0; x < count; x++)
        kept[x] = fm_at_least(clean[x], 0.0f);
    for (Py_ssize_t x = 0; x < count; x++) {
        /* Both are below 2**16, so squares fit 32 bits. */
        int32_t signal = fm_rounded(fm_at_most(kept[x], 255.0f) * 256.0f);
        int32_t apart = signal - noisy[x] * 256;
        total += (uint32_t)signal;
        squares += (uint32_t)signal * (uint32_t)signal;
        power += (uint32_t)apart * (uint32_t)apart;
    }
    sums->power += power;
    sums->total += total;
    sums->squares += squares;
}

static Py_ssize_t chunk(Py_ssize_t left)
{
    return left < CHUNK ? left : CHUNK;
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
    for (Py_ssize_t y = 0; !failed && y < codes.rows; y++) {
        const float *from = (const float *)((const char *)codes.data + y * codes.stride);
        uint8_t *to = (uint8_t *)out.data + y * out.stride;
        for (Py_ssize_t x = 0, count = codes.cols * codes.channels; x < count; x += CHUNK)
            round_chunk(from + x, to + x, chunk(count - x));
    }
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
    for (Py_ssize_t y = 0; !failed && y < clean.rows; y++) {
        const float *one = (const float *)((const char *)clean.data + y * clean.stride);
        const uint8_t *other = (const uint8_t *)noisy.data + y * noisy.stride;
        for (Py_ssize_t x = 0, count = clean.cols * clean.channels; x < count; x += CHUNK)
            add_chunk(&sums, one + x, other + x, chunk(count - x));
    }
    fm_release(&clean.buffer, &noisy.buffer, NULL);
    if (failed)
        return NULL;
    return Py_BuildValue("(KKK)", (unsigned long long)sums.power, (unsigned long long)sums.total, (unsigned long long)sums.squares);
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
