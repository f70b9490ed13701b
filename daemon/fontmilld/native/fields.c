/* Fields of noise, each row from its own place in the pool of deviates; render/noise.py is the equal. */

#include "core.h"
#include "floats.h"
#include "noise.h"
#include "picture.h"

#include <math.h>

#define UNIT 4096
#define FINE_CODES (255 * 64 + 1)
#define LEVELS 65536

typedef struct {
    FmVector pool;
    FmPicture out;
    /* Values a row, all channels. */
    Py_ssize_t length;
    uint32_t *starts;
} Field;

static int open_field(Field *field, PyObject *pool, uint64_t seed, PyObject *out, const char *format)
{
    if (fm_vector(&field->pool, pool, 'h') < 0 || fm_picture(&field->out, out, format, 1) < 0)
        return -1;
    field->length = field->out.cols * field->out.channels;
    if (!field->pool.data || field->pool.count <= field->length || field->pool.count - field->length > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "the pool does not fit the field");
        return -1;
    }
    field->starts = PyMem_Malloc((size_t)field->out.rows * sizeof *field->starts);
    if (!field->starts) {
        PyErr_NoMemory();
        return -1;
    }
    fm_noise_starts(seed, (uint32_t)(field->pool.count - field->length), field->out.rows, field->starts);
    return 0;
}

static PyObject *close_field(Field *field, int failed)
{
    PyMem_Free(field->starts);
    fm_release(&field->pool.buffer, &field->out.buffer, NULL);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static int take_codes(FmPicture *codes, PyObject *object, const Field *field)
{
    if (fm_picture(codes, object, "f", 0) < 0)
        return -1;
    if (codes->rows == field->out.rows && codes->cols == field->out.cols && codes->channels == field->out.channels)
        return 0;
    PyErr_SetString(PyExc_ValueError, "codes and field are not of one shape");
    return -1;
}

/* The next row lies anywhere in the pool: it is fetched while this one is worked on. */
static const int16_t *drawn_row(const Field *field, Py_ssize_t y)
{
    const char *pool = field->pool.data;
    if (y + 1 < field->out.rows)
        for (Py_ssize_t at = 0; at < 2 * field->length; at += 64)
            __builtin_prefetch(pool + 2 * (Py_ssize_t)field->starts[y + 1] + at);
    return (const int16_t *)field->pool.data + field->starts[y];
}

FM_WIDE static void put_noise(const int16_t *restrict drawn, float sigma, float *restrict out, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        out[x] = (float)drawn[x] * (1.0f / UNIT) * sigma;
}

FM_WIDE static void add_noise_row(const int16_t *restrict drawn, float sigma, const float *restrict codes, float *restrict out, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        out[x] = (float)drawn[x] * (1.0f / UNIT) * sigma + codes[x];
}

FM_WIDE static void put_bytes(const int16_t *restrict drawn, uint8_t *restrict out, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++) {
        int32_t value = (drawn[x] * 40 + 128 * UNIT + UNIT / 2) >> 12;
        out[x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
}

/* add_noise(pool, seed, sigma, codes, out) -> None; codes of None are 0. */
static PyObject *add_noise(PyObject *self, PyObject *args)
{
    (void)self;
    Field field = {0};
    FmPicture codes = {0};
    PyObject *pool, *from, *out;
    unsigned long long seed;
    float sigma;
    if (!PyArg_ParseTuple(args, "OKfOO", &pool, &seed, &sigma, &from, &out))
        return NULL;
    int failed = open_field(&field, pool, seed, out, "f");
    if (!failed && from != Py_None)
        failed = take_codes(&codes, from, &field);
    for (Py_ssize_t y = 0; !failed && y < field.out.rows; y++) {
        const int16_t *drawn = drawn_row(&field, y);
        float *row = (float *)((char *)field.out.data + y * field.out.stride);
        if (codes.data)
            add_noise_row(drawn, sigma, (const float *)((const char *)codes.data + y * codes.stride), row, field.length);
        else
            put_noise(drawn, sigma, row, field.length);
    }
    PyBuffer_Release(&codes.buffer);
    return close_field(&field, failed);
}

/* noise_bytes(pool, seed, out) -> None */
static PyObject *noise_bytes(PyObject *self, PyObject *args)
{
    (void)self;
    Field field = {0};
    PyObject *pool, *out;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "OKO", &pool, &seed, &out))
        return NULL;
    int failed = open_field(&field, pool, seed, out, "B");
    for (Py_ssize_t y = 0; !failed && y < field.out.rows; y++)
        put_bytes(drawn_row(&field, y), (uint8_t *)field.out.data + y * field.out.stride, field.length);
    return close_field(&field, failed);
}

typedef struct {
    FmVector decode, encode;
    float shot, read;
} Sensor;

FM_WIDE static void light_of(const float *restrict codes, float *restrict room, uint16_t *restrict index, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        room[x] = fm_at_least(codes[x], 0.0f);
    for (Py_ssize_t x = 0; x < count; x++)
        index[x] = (uint16_t)fm_rounded(fm_at_most(room[x], 255.0f) * 64.0f);
}

FM_WIDE static void sense(uint16_t *restrict levels, const int16_t *restrict drawn, float shot, float read, float *restrict room,
                          Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++) {
        float level = (float)levels[x] / 65535.0f, variance = level * shot + read;
        room[x] = fm_at_least(level + sqrtf(variance) * ((float)drawn[x] * (1.0f / UNIT)), 0.0f);
    }
    for (Py_ssize_t x = 0; x < count; x++)
        levels[x] = (uint16_t)fm_rounded(fm_at_most(room[x], 1.0f) * 65535.0f);
}

static int sense_all(const Field *field, const FmPicture *codes, const Sensor *sensor)
{
    float *room = PyMem_Malloc((size_t)field->length * (sizeof *room + sizeof(uint16_t)));
    if (!room) {
        PyErr_NoMemory();
        return -1;
    }
    uint16_t *levels = (uint16_t *)(room + field->length);
    const uint16_t *decode = sensor->decode.data;
    const float *encode = sensor->encode.data;
    for (Py_ssize_t y = 0; y < field->out.rows; y++) {
        float *to = (float *)((char *)field->out.data + y * field->out.stride);
        light_of((const float *)((const char *)codes->data + y * codes->stride), room, levels, field->length);
        for (Py_ssize_t x = 0; x < field->length; x++)
            levels[x] = decode[levels[x]];
        sense(levels, drawn_row(field, y), sensor->shot, sensor->read, room, field->length);
        for (Py_ssize_t x = 0; x < field->length; x++)
            to[x] = encode[levels[x]];
    }
    PyMem_Free(room);
    return 0;
}

static int take_sensor(Sensor *sensor, PyObject *decode, PyObject *encode)
{
    if (fm_vector(&sensor->decode, decode, 'H') < 0 || fm_vector(&sensor->encode, encode, 'f') < 0)
        return -1;
    if (sensor->decode.count == FINE_CODES && sensor->encode.count == LEVELS)
        return 0;
    PyErr_SetString(PyExc_ValueError, "a table is not of its length");
    return -1;
}

/* sensor_noise(pool, seed, shot, read, decode, encode, codes, out) -> None */
static PyObject *sensor_noise(PyObject *self, PyObject *args)
{
    (void)self;
    Field field = {0};
    FmPicture codes = {0};
    Sensor sensor = {0};
    PyObject *pool, *decode, *encode, *from, *out;
    unsigned long long seed;
    if (!PyArg_ParseTuple(args, "OKffOOOO", &pool, &seed, &sensor.shot, &sensor.read, &decode, &encode, &from, &out))
        return NULL;
    int failed = open_field(&field, pool, seed, out, "f");
    if (!failed)
        failed = take_codes(&codes, from, &field);
    if (!failed)
        failed = take_sensor(&sensor, decode, encode);
    if (!failed)
        failed = sense_all(&field, &codes, &sensor);
    fm_release(&codes.buffer, &sensor.decode.buffer, &sensor.encode.buffer, NULL);
    return close_field(&field, failed);
}

static PyMethodDef functions[] = {
    {"add_noise", add_noise, METH_VARARGS, NULL},
    {"sensor_noise", sensor_noise, METH_VARARGS, NULL},
    {"noise_bytes", noise_bytes, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

int fm_add_fields(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
