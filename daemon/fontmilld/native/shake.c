/* Stream, the random numbers of render/stream.py: SHAKE-128 read in blocks of 21 words. */

#include "number.h"
#include "shake.h"

#define LANES FM_SHAKE_LANES
#define RATE FM_SHAKE_RATE
#define RATE_BYTES (8 * RATE)
#define PLACE_BYTES 8
#define ROUNDS 24

static const uint64_t iota[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};

static inline uint64_t turned(uint64_t lane, int by)
{
    return by ? lane << by | lane >> (64 - by) : lane;
}

/* Keccak-f[1600]. Rho and pi are written out, so that all 25 lanes have a fixed place. */
void fm_shake_permute(uint64_t a[LANES])
{
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t c[5], d[5], b[LANES];
        for (int x = 0; x < 5; x++)
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (int x = 0; x < 5; x++)
            d[x] = c[(x + 4) % 5] ^ turned(c[(x + 1) % 5], 1);
#define MOVE(to, from, by) b[to] = turned(a[from] ^ d[from % 5], by)
        MOVE(0, 0, 0), MOVE(1, 6, 44), MOVE(2, 12, 43), MOVE(3, 18, 21), MOVE(4, 24, 14);
        MOVE(5, 3, 28), MOVE(6, 9, 20), MOVE(7, 10, 3), MOVE(8, 16, 45), MOVE(9, 22, 61);
        MOVE(10, 1, 1), MOVE(11, 7, 6), MOVE(12, 13, 25), MOVE(13, 19, 8), MOVE(14, 20, 18);
        MOVE(15, 4, 27), MOVE(16, 5, 36), MOVE(17, 11, 10), MOVE(18, 17, 15), MOVE(19, 23, 56);
        MOVE(20, 2, 62), MOVE(21, 8, 55), MOVE(22, 14, 39), MOVE(23, 15, 41), MOVE(24, 21, 2);
#undef MOVE
        for (int y = 0; y < LANES; y += 5)
            for (int x = 0; x < 5; x++)
                a[y + x] = b[y + x] ^ (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]);
        a[0] ^= iota[round];
    }
}

typedef struct {
    PyObject_HEAD
    uint64_t words[LANES];
    uint64_t start[RATE]; /* the input's lanes, padded, with 0 for the block's number */
    uint32_t block;
    int place; /* of the block's number, in bytes from the start */
    int left;
} Stream;

static void absorb(uint64_t *lanes, int at, uint64_t value, int bytes)
{
    for (int n = 0; n < bytes; n++, at++, value >>= 8)
        lanes[at / 8] ^= (value & 0xff) << 8 * (at % 8);
}

static uint64_t next_word(Stream *self)
{
    if (!self->left) {
        memcpy(self->words, self->start, sizeof self->start);
        memset(self->words + RATE, 0, sizeof self->words - sizeof self->start);
        absorb(self->words, self->place, self->block++, 4);
        fm_shake_permute(self->words);
        self->left = RATE;
    }
    return self->words[RATE - self->left--];
}

static double next_unit(Stream *self)
{
    return (double)(next_word(self) >> 11) * 0x1p-53;
}

static PyObject *stream_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Py_buffer key;
    int concern, attempt;
    if (kwargs && PyDict_GET_SIZE(kwargs))
        return PyErr_Format(PyExc_TypeError, "Stream takes no keywords");
    if (!PyArg_ParseTuple(args, "y*ii", &key, &concern, &attempt))
        return NULL;
    Stream *self = NULL;
    if (key.len > RATE_BYTES - PLACE_BYTES - 1 || concern < 0 || concern > 0xffff || attempt < 0 || attempt > 0xffff)
        PyErr_SetString(PyExc_ValueError, "a key of at most 159 bytes, a concern and an attempt below 65536");
    else
        self = (Stream *)type->tp_alloc(type, 0);
    if (self) {
        const unsigned char *bytes = key.buf;
        int length = (int)key.len;
        for (int n = 0; n < length; n++)
            absorb(self->start, n, bytes[n], 1);
        absorb(self->start, length, (uint64_t)concern | (uint64_t)attempt << 16, 4);
        self->place = length + 4;
        absorb(self->start, length + PLACE_BYTES, 0x1f, 1);
        absorb(self->start, RATE_BYTES - 1, 0x80, 1);
    }
    PyBuffer_Release(&key);
    return (PyObject *)self;
}

static void stream_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static int takes(Py_ssize_t given, Py_ssize_t wanted)
{
    if (given == wanted)
        return 1;
    PyErr_Format(PyExc_TypeError, "%zd arguments are needed, not %zd", wanted, given);
    return 0;
}

static PyObject *rounded(double value)
{
    return fm_round(value, 4, &value) < 0 ? NULL : PyFloat_FromDouble(value);
}

static PyObject *stream_word(Stream *self, PyObject *Py_UNUSED(none))
{
    return PyLong_FromUnsignedLongLong(next_word(self));
}

static PyObject *stream_unit(Stream *self, PyObject *Py_UNUSED(none))
{
    return PyFloat_FromDouble(next_unit(self));
}

static PyObject *stream_uniform(Stream *self, PyObject *const *args, Py_ssize_t count)
{
    if (!takes(count, 2))
        return NULL;
    double low = PyFloat_AsDouble(args[0]), high = PyFloat_AsDouble(args[1]);
    if (PyErr_Occurred())
        return NULL;
    return rounded(low + (high - low) * next_unit(self));
}

static PyObject *stream_below(Stream *self, PyObject *bound)
{
    long long most = PyLong_AsLongLong(bound);
    if (most == -1 && PyErr_Occurred())
        return NULL;
    if (most < 1 || most > 0xffffffffLL)
        return PyErr_Format(PyExc_ValueError, "the bound %lld is not between 1 and 2**32 - 1", most);
    return PyLong_FromUnsignedLongLong((next_word(self) >> 32) * (uint64_t)most >> 32);
}

static PyObject *stream_normal(Stream *self, PyObject *sigma)
{
    double scale = PyFloat_AsDouble(sigma), log, cos;
    if (scale == -1.0 && PyErr_Occurred())
        return NULL;
    double first = next_unit(self), second = next_unit(self);
    if (fm_log(1.0 - first, &log) < 0 || fm_cos(2.0 * Py_MATH_PI * second, &cos) < 0)
        return NULL;
    double deviate = sqrt(-2.0 * log) * cos;
    return rounded(scale * (deviate < -3.0 ? -3.0 : deviate > 3.0 ? 3.0 : deviate));
}

static PyObject *stream_chance(Stream *self, PyObject *probability)
{
    double part = PyFloat_AsDouble(probability);
    if (part == -1.0 && PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(next_unit(self) < part);
}

static PyObject *stream_choice(Stream *self, PyObject *items)
{
    Py_ssize_t length = PySequence_Size(items);
    if (length < 0)
        return NULL;
    if (length < 1 || length > 0xffffffffLL)
        return PyErr_Format(PyExc_IndexError, "nothing can be chosen from %zd items", length);
    Py_ssize_t at = (Py_ssize_t)((next_word(self) >> 32) * (uint64_t)length >> 32);
    return PySequence_GetItem(items, at);
}

static PyObject *pair_part(PyObject *items, Py_ssize_t number, int part)
{
    PyObject *pair = PySequence_Fast_GET_ITEM(items, number);
    if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2)
        return PyErr_Format(PyExc_TypeError, "pairs (item, weight) are needed");
    return PyTuple_GET_ITEM(pair, part);
}

static int weight_of(PyObject *items, Py_ssize_t number, double *weight)
{
    PyObject *found = pair_part(items, number, 1);
    if (!found)
        return 0;
    *weight = PyFloat_AsDouble(found);
    return *weight != -1.0 || !PyErr_Occurred();
}

static PyObject *weighed(Stream *self, PyObject *items)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(items), number = 0;
    double total = 0.0, weight;
    if (!count)
        return PyErr_Format(PyExc_IndexError, "nothing can be chosen from 0 items");
    for (Py_ssize_t n = 0; n < count; n++) {
        if (!weight_of(items, n, &weight))
            return NULL;
        total += weight;
    }
    for (double at = next_unit(self) * total; number < count - 1; number++) {
        if (!weight_of(items, number, &weight))
            return NULL;
        at -= weight;
        if (at < 0)
            break;
    }
    return Py_XNewRef(pair_part(items, number, 0));
}

static PyObject *stream_weighted(Stream *self, PyObject *given)
{
    PyObject *items = PySequence_Fast(given, "a sequence of (item, weight) is needed");
    if (!items)
        return NULL;
    PyObject *found = weighed(self, items);
    Py_DECREF(items);
    return found;
}

#define METHOD(name, flags) {#name, (PyCFunction)(void (*)(void))stream_##name, flags, NULL}
static PyMethodDef methods[] = {
    METHOD(word, METH_NOARGS), METHOD(unit, METH_NOARGS), METHOD(uniform, METH_FASTCALL), METHOD(below, METH_O),
    METHOD(normal, METH_O), METHOD(chance, METH_O), METHOD(choice, METH_O), METHOD(weighted, METH_O), {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, stream_new}, {Py_tp_dealloc, stream_dealloc}, {Py_tp_methods, methods},
    {Py_tp_doc, "See render/stream.py."}, {0, NULL},
};

static PyType_Spec spec = {
    .name = "fontmilld.native._core.Stream", .basicsize = sizeof(Stream), .flags = Py_TPFLAGS_DEFAULT, .slots = slots,
};

int fm_add_shake(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&spec);
    if (!type)
        return -1;
    int done = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return done;
}
