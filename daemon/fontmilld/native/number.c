/* Numbers as Python has them, and the path of a shaken hand (render/presets.py), which is made of such. */

#include "number.h"

#define LARGEST 0x1p30 /* up to here the integers below have room */
#define MOST_STEPS 64

static PyObject *math_log, *math_cos, *math_sin;

static int value_of(PyObject *number, double *result)
{
    if (!number)
        return -1;
    *result = PyFloat_AsDouble(number);
    Py_DECREF(number);
    return PyErr_Occurred() ? -1 : 0;
}

static int called(PyObject *function, double of, double *result)
{
    PyObject *boxed = PyFloat_FromDouble(of), *found = boxed ? PyObject_CallOneArg(function, boxed) : NULL;
    Py_XDECREF(boxed);
    return value_of(found, result);
}

int fm_log(double of, double *result)
{
    return called(math_log, of, result);
}

int fm_cos(double of, double *result)
{
    return called(math_cos, of, result);
}

int fm_sin(double of, double *result)
{
    return called(math_sin, of, result);
}

/* Exactly: the multiple of 1/10**digits that is nearest to the double's own value, of two the even one. */
int fm_round(double value, int digits, double *rounded)
{
    static const int units[] = {1, 10, 100, 1000, 10000};
    if (!(value > -LARGEST && value < LARGEST)) { /* or not a number */
        PyObject *boxed = PyFloat_FromDouble(value);
        PyObject *found = boxed ? PyObject_CallMethod(boxed, "__round__", "i", digits) : NULL;
        Py_XDECREF(boxed);
        return value_of(found, rounded);
    }
    int exponent;
    double part = frexp(value, &exponent);
    int shift = 53 - exponent;
    uint64_t nearest = 0;
    if (value != 0.0 && shift < 127) {
        unsigned __int128 exact = (unsigned __int128)(uint64_t)ldexp(part < 0 ? -part : part, 53) * (unsigned)units[digits];
        unsigned __int128 half = (unsigned __int128)1 << (shift - 1), rest = exact & (2 * half - 1);
        nearest = (uint64_t)(exact >> shift);
        nearest += rest > half || (rest == half && nearest & 1);
    }
    *rounded = copysign((double)nearest / units[digits], value);
    return 0;
}

typedef struct {
    double at[MOST_STEPS + 1];
    double least, most, mean;
} Axis;

static void move(Axis *axis, int step, double by)
{
    double to = axis->at[step] + by;
    axis->at[step + 1] = to;
    axis->least = to < axis->least ? to : axis->least;
    axis->most = to > axis->most ? to : axis->most;
}

static int scale(Axis *axis, int steps, double factor)
{
    double total = 0.0;
    for (int n = 0; n <= steps; n++) {
        if (fm_round(axis->at[n] * factor, 3, &axis->at[n]) < 0)
            return -1;
        if (n)
            total += (axis->at[n - 1] + axis->at[n]) / 2;
    }
    return fm_round(total / steps, 3, &axis->mean);
}

static PyObject *points(const Axis *x, const Axis *y, int steps)
{
    PyObject *path = PyTuple_New(steps + 1);
    for (int n = 0; path && n <= steps; n++) {
        PyObject *point = Py_BuildValue("(dd)", x->at[n], y->at[n]);
        if (point)
            PyTuple_SET_ITEM(path, n, point);
        else
            Py_CLEAR(path);
    }
    return path ? Py_BuildValue("N(dd)", path, x->mean, y->mean) : NULL;
}

static PyObject *walked(PyObject *units, double heading, double wander, double support)
{
    Axis x = {.least = 0.0}, y = {.least = 0.0};
    int steps = (int)(PyList_GET_SIZE(units) / 3);
    for (int n = 0; n < steps; n++) {
        double drawn[3], cosine, sine;
        for (int k = 0; k < 3; k++)
            drawn[k] = PyFloat_AsDouble(PyList_GET_ITEM(units, 3 * n + k));
        if (PyErr_Occurred())
            return NULL;
        heading += wander * (drawn[0] + drawn[1] - 1.0) * 2.0;
        double step = 0.3 + drawn[2];
        if (fm_cos(heading, &cosine) < 0 || fm_sin(heading, &sine) < 0)
            return NULL;
        move(&x, n, step * cosine);
        move(&y, n, step * sine);
    }
    double width = x.most - x.least, height = y.most - y.least;
    double factor = (support > 1.0 ? support - 1.0 : 0.0) / (width > height ? width : height);
    if (scale(&x, steps, factor) < 0 || scale(&y, steps, factor) < 0)
        return NULL;
    return points(&x, &y, steps);
}

static PyObject *walk(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *units;
    double heading, wander, support;
    if (!PyArg_ParseTuple(args, "O!ddd", &PyList_Type, &units, &heading, &wander, &support))
        return NULL;
    Py_ssize_t count = PyList_GET_SIZE(units);
    if (count < 3 || count % 3 || count > 3 * MOST_STEPS)
        return PyErr_Format(PyExc_ValueError, "three numbers a step are needed, for 1 to 64 steps");
    return walked(units, heading, wander, support);
}

static PyMethodDef functions[] = {
    {"walk", walk, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_number(PyObject *module)
{
    PyObject *math = PyImport_ImportModule("math");
    if (!math)
        return -1;
    Py_XSETREF(math_log, PyObject_GetAttrString(math, "log"));
    Py_XSETREF(math_cos, PyObject_GetAttrString(math, "cos"));
    Py_XSETREF(math_sin, PyObject_GetAttrString(math, "sin"));
    Py_DECREF(math);
    if (!math_log || !math_cos || !math_sin)
        return -1;
    return PyModule_AddFunctions(module, functions);
}
