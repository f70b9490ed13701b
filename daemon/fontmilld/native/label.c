/* The JSON of the clusters of a label; render/labels.py has the same in Python. */

#include "core.h"

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

/* Returns the end, or NULL with an exception set. */
static char *edges(char *at, PyObject *corners)
{
    if (!PyTuple_Check(corners) || PyTuple_GET_SIZE(corners) != 4) {
        PyErr_SetString(PyExc_TypeError, "a box is a tuple (left, top, right, bottom)");
        return NULL;
    }
    for (int side = 0; side < 4; side++) {
        double edge = PyFloat_AsDouble(PyTuple_GET_ITEM(corners, side)) * 100;
        if (PyErr_Occurred())
            return NULL;
        if (!(edge > -FARTHEST && edge < FARTHEST)) {
            PyErr_SetString(PyExc_ValueError, "a box lies too far off");
            return NULL;
        }
        *at++ = ',';
        at = hundredths(at, (int64_t)(side < 2 ? floor(edge) : ceil(edge)));
    }
    return at;
}

/* Where the cluster `number` begins in a text of `length`, `length` behind the last one; -1 with an exception set. */
static Py_ssize_t start_of(PyObject *boxes, Py_ssize_t number, Py_ssize_t length)
{
    if (number == PyTuple_GET_SIZE(boxes))
        return length;
    PyObject *box = PyTuple_GET_ITEM(boxes, number);
    if (!PyTuple_Check(box) || PyTuple_GET_SIZE(box) != 2) {
        PyErr_SetString(PyExc_TypeError, "a cluster is a tuple (start, box)");
        return -1;
    }
    Py_ssize_t start = PyLong_AsSsize_t(PyTuple_GET_ITEM(box, 0));
    if (start >= 0 && start <= length)
        return start;
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "a cluster starts outside the text");
    return -1;
}

static char *cluster(char *at, PyObject *text, PyObject *boxes, Py_ssize_t number)
{
    Py_ssize_t length = PyUnicode_GET_LENGTH(text), start = start_of(boxes, number, length);
    Py_ssize_t end = start < 0 ? -1 : start_of(boxes, number + 1, length);
    if (end < 0)
        return NULL;
    /* A space or a line's end before the next cluster belongs to none. */
    while (end > start && Py_UNICODE_ISSPACE(PyUnicode_READ_CHAR(text, end - 1)))
        end--;
    if (number)
        *at++ = ',';
    *at++ = '[';
    at = digits(at, (uint64_t)start);
    *at++ = ',';
    at = digits(at, (uint64_t)(end > start ? end - start : 1));
    at = edges(at, PyTuple_GET_ITEM(PyTuple_GET_ITEM(boxes, number), 1));
    if (at)
        *at++ = ']';
    return at;
}

static PyObject *cluster_json(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count != 2 || !PyUnicode_Check(args[0]) || !PyTuple_Check(args[1]))
        return PyErr_Format(PyExc_TypeError, "a text and a tuple of clusters are needed");
    Py_ssize_t clusters = PyTuple_GET_SIZE(args[1]);
    if (clusters > PY_SSIZE_T_MAX / MOST - 1)
        return PyErr_NoMemory();
    PyObject *found = PyBytes_FromStringAndSize(NULL, clusters * MOST + 2);
    if (!found)
        return NULL;
    char *begin = PyBytes_AS_STRING(found), *at = begin;
    *at++ = '[';
    for (Py_ssize_t number = 0; number < clusters && at; number++)
        at = cluster(at, args[0], args[1], number);
    if (!at) {
        Py_DECREF(found);
        return NULL;
    }
    *at++ = ']';
    return _PyBytes_Resize(&found, at - begin) < 0 ? NULL : found;
}

static PyMethodDef functions[] = {
    {"cluster_json", (PyCFunction)(void (*)(void))cluster_json, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_label(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
