/* Clouds: coarse noise of several sizes, stretched to a picture's size by straight lines, and summed. */

#include "core.h"
#include "noise.h"
#include "picture.h"

#define MOST_CELL 64

typedef struct {
    unsigned long long seed;
    Py_ssize_t cell;
    float share;
} Octave;

typedef struct {
    FmVector pool;
    /* Values of a coarse row, of the row that is made of it, and where coarse rows begin in the pool. */
    int32_t *coarse, *line;
    uint32_t *starts;
} Source;

/* A row between two of the pool's, `part` of 2 * cell away from the upper one. */
FM_WIDE static void between(const int16_t *restrict upper, const int16_t *restrict lower, int32_t whole, int32_t part,
                            int32_t *restrict row, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        row[x] = upper[x] * (whole - part) + lower[x] * part;
}

static inline void stretch(const int32_t *restrict coarse, Py_ssize_t cells, int32_t cell, int32_t *restrict line)
{
    for (Py_ssize_t n = 0; n < cells; n++) {
        int32_t base = coarse[n] * 2 * cell, step = coarse[n + 1] - coarse[n];
        for (int32_t k = 0; k < cell; k++)
            line[n * cell + k] = base + step * (2 * k + 1);
    }
}

/* A cell's width is a constant where it can be: the loops are a quarter as long. */
FM_WIDE static void stretch_row(const int32_t *restrict coarse, Py_ssize_t cells, Py_ssize_t cell, int32_t *restrict line)
{
    if (cell == 2)
        stretch(coarse, cells, 2, line);
    else if (cell == 8)
        stretch(coarse, cells, 8, line);
    else if (cell == 24)
        stretch(coarse, cells, 24, line);
    else
        stretch(coarse, cells, (int32_t)cell, line);
}

FM_WIDE static void add_row(const int32_t *restrict line, float share, float *restrict total, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        total[x] += (float)line[x] * share;
}

static Py_ssize_t cells_of(Py_ssize_t length, Py_ssize_t cell)
{
    return (length + cell - 1) / cell;
}

static void add_octave(const Source *from, const Octave *octave, const FmPicture *total)
{
    Py_ssize_t cells = cells_of(total->cols, octave->cell), twice = 2 * octave->cell;
    const int16_t *pool = from->pool.data;
    fm_noise_starts(octave->seed, (uint32_t)(from->pool.count - cells - 1), cells_of(total->rows, octave->cell) + 1, from->starts);
    for (Py_ssize_t y = 0; y < total->rows; y++) {
        Py_ssize_t at = (2 * y + 1) / twice;
        between(pool + from->starts[at], pool + from->starts[at + 1], (int32_t)twice, (int32_t)((2 * y + 1) % twice),
                from->coarse, cells + 1);
        stretch_row(from->coarse, cells, octave->cell, from->line);
        add_row(from->line, octave->share, (float *)((char *)total->data + y * total->stride), total->cols);
    }
}

static int take_octave(Octave *octave, PyObject *object)
{
    if (!PyTuple_Check(object) || !PyArg_ParseTuple(object, "Knf", &octave->seed, &octave->cell, &octave->share)
        || octave->cell < 1 || octave->cell > MOST_CELL) {
        PyErr_SetString(PyExc_ValueError, "an octave is a seed, a cell and a share");
        return -1;
    }
    return 0;
}

static int add_all(Source *from, PyObject *octaves, const FmPicture *total)
{
    size_t room = (size_t)total->cols + 2 * MOST_CELL;
    from->coarse = PyMem_Malloc(2 * room * sizeof *from->coarse);
    from->starts = PyMem_Malloc(((size_t)total->rows + 1) * sizeof *from->starts);
    if (!from->coarse || !from->starts) {
        PyErr_NoMemory();
        return -1;
    }
    from->line = from->coarse + room;
    for (Py_ssize_t n = 0; n < PyTuple_GET_SIZE(octaves); n++) {
        Octave octave;
        if (take_octave(&octave, PyTuple_GET_ITEM(octaves, n)) < 0)
            return -1;
        add_octave(from, &octave, total);
    }
    return 0;
}

/* clouds(pool, octaves, total) -> None: adds to `total`. */
static PyObject *clouds(PyObject *self, PyObject *args)
{
    (void)self;
    Source from = {0};
    FmPicture total = {0};
    PyObject *pool, *octaves, *sum;
    int failed = -1;
    if (!PyArg_ParseTuple(args, "OO!O", &pool, &PyTuple_Type, &octaves, &sum))
        return NULL;
    if (fm_vector(&from.pool, pool, 'h') == 0 && fm_picture(&total, sum, "f", 1) == 0) {
        if (from.pool.data && from.pool.count > total.cols + 1 && from.pool.count <= INT32_MAX && total.channels == 1)
            failed = add_all(&from, octaves, &total);
        else
            PyErr_SetString(PyExc_ValueError, "clouds are of one channel, from a pool larger than a row");
    }
    PyMem_Free(from.coarse);
    PyMem_Free(from.starts);
    fm_release(&from.pool.buffer, &total.buffer, NULL);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"clouds", clouds, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

int fm_add_clouds(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
