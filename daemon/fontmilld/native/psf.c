/* Point spread functions of lenses out of focus and shaken hands, in integers; render/psf.py is the equal. */

#include "core.h"
#include "floats.h"
#include "picture.h"
#include "square.h"

#include <math.h>

/* A pixel of a disc is looked at in so many places each way; their coordinates are odd multiples of 1/16 px. */
#define SUPERSAMPLE 8
/* What one moment of a path weighs. */
#define MOMENT 1048576.0
#define MOST_REACH 200.0
#define MOST_POINTS 4096
#define MOST_SIDE 4003

typedef struct {
    Py_ssize_t count;
    double *x, *y;
} Path;

static int refuse(const char *why)
{
    PyErr_SetString(PyExc_ValueError, why);
    return -1;
}

static int open_square(FmSquare *square, Py_ssize_t side)
{
    square->side = side;
    square->sums = PyMem_Calloc((size_t)(side * side), sizeof *square->sums);
    if (square->sums)
        return 0;
    PyErr_NoMemory();
    return -1;
}

FM_WIDE static void count_inside(int64_t *restrict row, Py_ssize_t side, int32_t y, int32_t limit)
{
    int32_t x = (int32_t)(-SUPERSAMPLE * side + 1), rest = limit - y * y;
    for (Py_ssize_t col = 0; col < side; col++) {
        int32_t inside = 0;
        for (int k = 0; k < SUPERSAMPLE; k++, x += 2)
            inside += x * x <= rest;
        row[col] += inside;
    }
}

static int disc(FmSquare *square, double radius)
{
    if (!(radius >= 0 && radius <= MOST_REACH))
        return refuse("a disc's radius is out of range");
    double reach = radius > 0.1 ? radius : 0.1, half = ceil(radius - 0.5);
    Py_ssize_t side = 2 * (Py_ssize_t)(half > 0 ? half : 0) + 1;
    if (open_square(square, side) < 0)
        return -1;
    int32_t limit = (int32_t)floor(reach * reach * (4 * SUPERSAMPLE * SUPERSAMPLE));
    for (Py_ssize_t fine = 0; fine < side * SUPERSAMPLE; fine++)
        count_inside(square->sums + fine / SUPERSAMPLE * side, side, (int32_t)(2 * fine + 1 - SUPERSAMPLE * side), limit);
    return 0;
}

static int take_point(PyObject *object, double *x, double *y)
{
    PyObject *pair = PySequence_Fast(object, "a path is of points (x, y)");
    if (!pair)
        return -1;
    int failed = PySequence_Fast_GET_SIZE(pair) != 2;
    if (failed)
        refuse("a path is of points (x, y)");
    if (!failed) {
        *x = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(pair, 0));
        *y = PyErr_Occurred() ? 0 : PyFloat_AsDouble(PySequence_Fast_GET_ITEM(pair, 1));
        failed = PyErr_Occurred() != NULL;
    }
    Py_DECREF(pair);
    if (!failed && !(fabs(*x) <= MOST_REACH && fabs(*y) <= MOST_REACH))
        return refuse("a path goes too far");
    return failed ? -1 : 0;
}

static int take_path(Path *path, PyObject *object)
{
    PyObject *points = PySequence_Fast(object, "a path is of points (x, y)");
    if (!points)
        return -1;
    path->count = PySequence_Fast_GET_SIZE(points);
    int failed = path->count < 2 || path->count > MOST_POINTS ? refuse("a path is of 2 to 4096 points") : 0;
    if (!failed) {
        path->x = PyMem_Malloc(2 * (size_t)path->count * sizeof *path->x);
        if (!path->x) {
            PyErr_NoMemory();
            failed = -1;
        } else {
            path->y = path->x + path->count;
        }
    }
    for (Py_ssize_t n = 0; !failed && n < path->count; n++)
        failed = take_point(PySequence_Fast_GET_ITEM(points, n), &path->x[n], &path->y[n]);
    Py_DECREF(points);
    return failed;
}

/* Move a coordinate so that its mean over time, equal for all segments, is 0. */
static void centre(double *at, Py_ssize_t count)
{
    double total = 0;
    for (Py_ssize_t n = 0; n + 1 < count; n++)
        total += (at[n] + at[n + 1]) / 2;
    double mean = total / (double)(count - 1);
    for (Py_ssize_t n = 0; n < count; n++)
        at[n] -= mean;
}

static double largest_step(const Path *path)
{
    double most = 0.5;
    for (Py_ssize_t n = 0; n + 1 < path->count; n++) {
        most = fmax(most, fabs(path->x[n + 1] - path->x[n]));
        most = fmax(most, fabs(path->y[n + 1] - path->y[n]));
    }
    return most;
}

/* Visit all moments: find how far they reach, or, with a square, spread each over four pixels. */
static double walk(const Path *path, FmSquare *square)
{
    const double whole = 6755399441055744.0; /* Adding it rounds, halves to even. */
    double reach = 0, middle = square ? (double)(square->side / 2) : 0;
    Py_ssize_t steps = (Py_ssize_t)fmax(2, ceil(4 * largest_step(path)));
    for (Py_ssize_t n = 0; n + 1 < path->count; n++) {
        double across = path->x[n + 1] - path->x[n], down = path->y[n + 1] - path->y[n];
        for (Py_ssize_t k = 0; k < steps; k++) {
            double part = ((double)k + 0.5) / (double)steps;
            double x = path->x[n] + part * across, y = path->y[n] + part * down;
            if (!square) {
                reach = fmax(reach, fmax(fabs(x), fabs(y)));
                continue;
            }
            double left = floor(x), top = floor(y), fx = x - left, fy = y - top;
            int64_t *cell = square->sums + (Py_ssize_t)(top + middle) * square->side + (Py_ssize_t)(left + middle);
            cell[0] += (int64_t)((1 - fx) * (1 - fy) * MOMENT + whole - whole);
            cell[1] += (int64_t)(fx * (1 - fy) * MOMENT + whole - whole);
            cell[square->side] += (int64_t)((1 - fx) * fy * MOMENT + whole - whole);
            cell[square->side + 1] += (int64_t)(fx * fy * MOMENT + whole - whole);
        }
    }
    return reach;
}

static int motion(FmSquare *square, PyObject *points)
{
    Path path = {0};
    int failed = take_path(&path, points);
    if (!failed) {
        centre(path.x, path.count);
        centre(path.y, path.count);
        failed = open_square(square, 2 * (Py_ssize_t)ceil(walk(&path, NULL)) + 3);
    }
    if (!failed)
        walk(&path, square);
    PyMem_Free(path.x);
    return failed;
}

/* The convolution of both; a disc is symmetric. */
static int swept(FmSquare *square, const FmSquare *one, const FmSquare *other)
{
    Py_ssize_t side = one->side + other->side - 1;
    if (open_square(square, side) < 0)
        return -1;
    for (Py_ssize_t y = 0; y < one->side; y++)
        for (Py_ssize_t x = 0; x < one->side; x++) {
            int64_t weight = one->sums[y * one->side + x];
            for (Py_ssize_t row = 0; weight && row < other->side; row++) {
                int64_t *to = square->sums + (y + row) * side + x;
                for (Py_ssize_t col = 0; col < other->side; col++)
                    to[col] += weight * other->sums[row * other->side + col];
            }
        }
    return 0;
}

static int rim_is_empty(const double *taps, Py_ssize_t side)
{
    for (Py_ssize_t n = 0; n < side; n++)
        if (taps[n] != 0 || taps[(side - 1) * side + n] != 0 || taps[n * side] != 0 || taps[n * side + side - 1] != 0)
            return 0;
    return side > 1;
}

static PyObject *as_kernel(const FmSquare *square)
{
    Py_ssize_t side = square->side;
    double *taps = PyMem_Malloc((size_t)(side * side) * sizeof *taps);
    if (!taps)
        return PyErr_NoMemory();
    fm_quantise(square, taps);
    Py_ssize_t rim = rim_is_empty(taps, side), inner = side - 2 * rim;
    PyObject *bytes = PyByteArray_FromStringAndSize(NULL, inner * inner * (Py_ssize_t)sizeof *taps);
    if (bytes)
        for (Py_ssize_t row = 0; row < inner; row++)
            memcpy(PyByteArray_AS_STRING(bytes) + row * inner * (Py_ssize_t)sizeof *taps, taps + (row + rim) * side + rim,
                   (size_t)inner * sizeof *taps);
    PyMem_Free(taps);
    return bytes ? Py_BuildValue("(nN)", inner, bytes) : NULL;
}

/* kernel(path, radius) -> (side, taps as float64); None for no motion, or no disc. */
static PyObject *kernel(PyObject *self, PyObject *args)
{
    (void)self;
    PyObject *path, *radius, *made = NULL;
    FmSquare lens = {0}, hand = {0}, both = {0};
    if (!PyArg_ParseTuple(args, "OO", &path, &radius))
        return NULL;
    if (path == Py_None && radius == Py_None)
        refuse("a kernel is of a path, a disc or both");
    else if (radius != Py_None) {
        double size = PyFloat_AsDouble(radius);
        if (!PyErr_Occurred() && disc(&lens, size) == 0 && path != Py_None && motion(&hand, path) == 0)
            swept(&both, &hand, &lens);
    } else {
        motion(&hand, path);
    }
    if (!PyErr_Occurred())
        made = as_kernel(both.sums ? &both : hand.sums ? &hand : &lens);
    PyMem_Free(lens.sums);
    PyMem_Free(hand.sums);
    PyMem_Free(both.sums);
    return made;
}

/* moments(taps) -> sums of the taps and of taps times x, y, x x, x y and y y from the middle. */
static PyObject *moments(PyObject *self, PyObject *object)
{
    (void)self;
    FmPicture taps = {0};
    int64_t sum = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
    if (fm_picture(&taps, object, "d", 0) < 0 || taps.channels != 1 || taps.rows != taps.cols || taps.rows > MOST_SIDE) {
        PyBuffer_Release(&taps.buffer);
        return PyErr_Occurred() ? NULL : (refuse("a kernel is a square"), NULL);
    }
    for (Py_ssize_t row = 0; row < taps.rows; row++) {
        const double *values = (const double *)((const char *)taps.data + row * taps.stride);
        int64_t along = 0, first = 0, second = 0, y = row - taps.rows / 2;
        for (Py_ssize_t col = 0; col < taps.cols; col++) {
            int64_t x = col - taps.cols / 2, tap = fabs(values[col]) <= 4194304.0 ? (int64_t)values[col] : 0;
            along += tap;
            first += tap * x;
            second += tap * x * x;
        }
        sum += along;
        sx += first;
        sxx += second;
        sy += along * y;
        syy += along * y * y;
        sxy += first * y;
    }
    PyBuffer_Release(&taps.buffer);
    return Py_BuildValue("(LLLLLL)", (long long)sum, (long long)sx, (long long)sy, (long long)sxx, (long long)sxy, (long long)syy);
}

static PyMethodDef functions[] = {
    {"kernel", kernel, METH_VARARGS, NULL},
    {"moments", moments, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_psf(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
