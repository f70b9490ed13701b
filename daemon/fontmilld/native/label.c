/* The JSON of the clusters of a label; render/labels.py has the same in Python. */

#include "text.h"

#include <math.h>

#define MOST 128      /* characters of one cluster: [start,characters,left,top,right,bottom], */
#define FARTHEST 1e12 /* below it, hundredths have no more digits than a double keeps */

/* Returns the end. */
static char *digits(char *at, uint64_t n)
{
    char found[20];
    int count = 0;
    do
        found[count++] = (char)('0' + n % 10);
    while (n /= 10);
    while (count)
        *at++ = found[--count];
    return at;
}

/* Write n/100 as orjson writes that double: the fewest digits, at least one behind the point. Returns the end. */
static char *hundredths(char *at, int64_t n)
{
    if (n < 0)
        *at++ = '-';
    uint64_t size = (uint64_t)(n < 0 ? -n : n), cents = size % 100;
    at = digits(at, size / 100);
    *at++ = '.';
    *at++ = (char)('0' + cents / 10);
    if (cents % 10)
        *at++ = (char)('0' + cents % 10);
    return at;
}

/* Reads (start, (left, top, right, bottom)); -1 with an exception set. */
static int read_cluster(PyObject *pair, fm_cluster *found)
{
    PyObject *corners = PyTuple_Check(pair) && PyTuple_GET_SIZE(pair) == 2 ? PyTuple_GET_ITEM(pair, 1) : NULL;
    if (!corners || !PyTuple_Check(corners) || PyTuple_GET_SIZE(corners) != 4) {
        PyErr_SetString(PyExc_TypeError, "a cluster is a tuple of its start and a box (left, top, right, bottom)");
        return -1;
    }
    found->start = PyLong_AsSsize_t(PyTuple_GET_ITEM(pair, 0));
    for (int side = 0; side < 4 && !PyErr_Occurred(); side++)
        found->corners[side] = PyFloat_AsDouble(PyTuple_GET_ITEM(corners, side));
    return PyErr_Occurred() ? -1 : 0;
}

/* Reads a tuple of clusters; NULL with an exception set. */
static fm_cluster *read_clusters(PyObject *pairs)
{
    Py_ssize_t count = PyTuple_GET_SIZE(pairs);
    fm_cluster *found = PyMem_New(fm_cluster, count + 1);
    if (!found) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t number = 0; number < count; number++)
        if (read_cluster(PyTuple_GET_ITEM(pairs, number), &found[number]) < 0) {
            PyMem_Free(found);
            return NULL;
        }
    return found;
}

/* Writes a cluster that ends before `end`. Returns the end, or NULL with an exception set. */
static char *cluster(char *at, PyObject *text, const fm_cluster *one, int64_t end)
{
    const int64_t start = one->start, length = PyUnicode_GET_LENGTH(text);
    if (start < 0 || start > length || end < 0 || end > length) {
        PyErr_SetString(PyExc_ValueError, "a cluster starts outside the text");
        return NULL;
    }
    /* A space or a line's end before the next cluster belongs to none. */
    while (end > start && Py_UNICODE_ISSPACE(PyUnicode_READ_CHAR(text, end - 1)))
        end--;
    *at++ = '[';
    at = digits(at, (uint64_t)start);
    *at++ = ',';
    at = digits(at, (uint64_t)(end > start ? end - start : 1));
    for (int side = 0; side < 4; side++) {
        const double edge = one->corners[side] * 100;
        if (!(edge > -FARTHEST && edge < FARTHEST)) {
            PyErr_SetString(PyExc_ValueError, "a box lies too far off");
            return NULL;
        }
        *at++ = ',';
        at = hundredths(at, (int64_t)(side < 2 ? floor(edge) : ceil(edge)));
    }
    *at++ = ']';
    return at;
}

static PyObject *written(PyObject *text, const fm_cluster *clusters, Py_ssize_t count)
{
    if (count > PY_SSIZE_T_MAX / MOST - 1)
        return PyErr_NoMemory();
    PyObject *found = PyBytes_FromStringAndSize(NULL, count * MOST + 2);
    if (!found)
        return NULL;
    char *begin = PyBytes_AS_STRING(found), *at = begin;
    *at++ = '[';
    for (Py_ssize_t number = 0; number < count && at; number++) {
        if (number)
            *at++ = ',';
        at = cluster(at, text, &clusters[number], number + 1 < count ? clusters[number + 1].start : PyUnicode_GET_LENGTH(text));
    }
    if (!at) {
        Py_DECREF(found);
        return NULL;
    }
    *at++ = ']';
    return _PyBytes_Resize(&found, at - begin) < 0 ? NULL : found;
}

static PyObject *cluster_json(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count == 2 && PyUnicode_Check(args[0]) && Py_IS_TYPE(args[1], &fm_placed_type)) {
        const fm_placed *placed = (const fm_placed *)args[1];
        return written(args[0], placed->clusters, placed->cluster_count);
    }
    if (count != 2 || !PyUnicode_Check(args[0]) || !PyTuple_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "a text and a Placed or a tuple of clusters are needed");
    fm_cluster *clusters = read_clusters(args[1]);
    if (!clusters)
        return NULL;
    PyObject *found = written(args[0], clusters, PyTuple_GET_SIZE(args[1]));
    PyMem_Free(clusters);
    return found;
}

static PyMethodDef functions[] = {
    {"cluster_json", (PyCFunction)(void (*)(void))cluster_json, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_label(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
