/* Convolution of pictures with integer kernels: exact sums, whatever the order, rounded once. */

#include "picture.h"
#include "taps.h"

#define TOTAL 65536
/* So many values behind a row's end are read, never used. */
#define SPARE 80

/* One channel as 16-bit integers, `stride` values a row. */
typedef struct {
    Py_ssize_t rows, cols, stride;
    int16_t *values;
} Plane;

/* How values are taken from the picture and put back. */
typedef struct {
    const uint16_t *decode;
    const float *encode;
    float *to;
    Py_ssize_t channels;
} Coding;

enum part { CODES, SHIFTED, HIGH, LOW };

static int16_t as_part(uint16_t level, enum part part)
{
    switch (part) {
    case SHIFTED:
        return (int16_t)(level ^ 0x8000);
    case HIGH:
        return (int16_t)(level >> 8);
    case LOW:
        return (int16_t)(level & 255);
    default:
        return (int16_t)level;
    }
}

static void fill_plane(Plane *plane, const FmPicture *picture, Py_ssize_t channel, const Coding *coding, enum part part)
{
    int16_t table[256];
    for (int code = 0; code < 256; code++)
        table[code] = as_part(coding->decode ? coding->decode[code] : (uint16_t)code, part);
    for (Py_ssize_t y = 0; y < plane->rows; y++) {
        const char *row = (const char *)picture->data + y * picture->stride;
        int16_t *to = plane->values + y * plane->stride;
        Py_ssize_t step = picture->channels;
        if (picture->itemsize == 1)
            for (Py_ssize_t x = 0; x < plane->cols; x++)
                to[x] = table[((const uint8_t *)row)[x * step + channel]];
        else
            for (Py_ssize_t x = 0; x < plane->cols; x++)
                to[x] = as_part(((const uint16_t *)row)[x * step + channel], part);
    }
}

FM_WIDE static void round_levels(const int32_t *restrict sums, uint16_t *restrict levels, Py_ssize_t count, uint32_t bias)
{
    for (Py_ssize_t x = 0; x < count; x++) {
        uint32_t sum = (uint32_t)sums[x] + bias;
        levels[x] = (uint16_t)((sum + 0x7fff + (sum >> 16 & 1)) >> 16);
    }
}

static void round_parts(const int32_t *high, const int32_t *low, uint16_t *levels, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++) {
        int64_t sum = 256 * (int64_t)high[x] + low[x];
        int64_t level = (sum + 0x7fff + (sum >> 16 & 1)) >> 16;
        levels[x] = (uint16_t)(level < 0 ? 0 : level > 65535 ? 65535 : level);
    }
}

static void put_levels(const Coding *coding, float *to, const uint16_t *levels, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        to[x * coding->channels] = coding->encode[levels[x]];
}

static void put_codes(const Coding *coding, float *to, const int32_t *sums, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x++)
        to[x * coding->channels] = (float)sums[x] * (1.0f / TOTAL);
}

/* What one call works in: planes, sums and levels, all of one allocation each. */
typedef struct {
    Plane one, two;
    int32_t *sums, *more, *wide;
    uint16_t *levels;
} Room;

static void leave(Room *room)
{
    PyMem_Free(room->one.values);
    PyMem_Free(room->two.values);
    PyMem_Free(room->sums);
    PyMem_Free(room->wide);
    PyMem_Free(room->levels);
}

static int16_t *plane_values(const Plane *plane)
{
    return PyMem_Calloc((size_t)(plane->rows * plane->stride + SPARE), sizeof(int16_t));
}

static int enter(Room *room, const FmPicture *picture, int two, Py_ssize_t wide)
{
    Plane plane = {picture->rows, picture->cols, picture->cols + SPARE, NULL};
    size_t width = (size_t)plane.stride;
    *room = (Room){plane, plane, NULL, NULL, NULL, NULL};
    room->one.values = plane_values(&plane);
    room->two.values = two ? plane_values(&plane) : NULL;
    room->sums = PyMem_Malloc(2 * width * sizeof(int32_t));
    room->wide = wide ? PyMem_Malloc((size_t)picture->rows * width * sizeof(int32_t)) : NULL;
    room->levels = PyMem_Malloc(width * sizeof(uint16_t));
    if (room->one.values && (room->two.values || !two) && room->sums && (room->wide || !wide) && room->levels) {
        room->more = room->sums + width;
        return 0;
    }
    leave(room);
    PyErr_NoMemory();
    return -1;
}

static void put_row(Room *room, const Coding *coding, Py_ssize_t row, Py_ssize_t channel, Py_ssize_t count, uint32_t bias)
{
    float *to = coding->to + row * count * coding->channels + channel;
    if (!coding->encode) {
        put_codes(coding, to, room->sums, count);
        return;
    }
    if (room->two.values)
        round_parts(room->sums, room->more, room->levels, count);
    else
        round_levels(room->sums, room->levels, count, bias);
    put_levels(coding, to, room->levels, count);
}

static void convolve_plane(Room *room, const FmTaps *taps, const Coding *coding, Py_ssize_t channel)
{
    Py_ssize_t rows = room->one.rows - taps->side + 1, cols = room->one.cols - taps->side + 1;
    for (Py_ssize_t y = 0; y < rows; y++) {
        fm_taps_sum(room->one.values + y * room->one.stride, taps, room->sums, cols);
        if (room->two.values)
            fm_taps_sum(room->two.values + y * room->two.stride, taps, room->more, cols);
        put_row(room, coding, y, channel, cols, (uint32_t)taps->sum << 15);
    }
}

FM_WIDE static void sum_down(const int32_t *restrict wide, Py_ssize_t stride, const uint32_t *restrict axis, Py_ssize_t side,
                             int32_t *restrict sums, Py_ssize_t count)
{
    for (Py_ssize_t x = 0; x < count; x += 16) {
        uint32_t sum[16] = {0};
        for (Py_ssize_t n = 0; n < side; n++)
            for (int k = 0; k < 16; k++)
                sum[k] += axis[n] * (uint32_t)wide[n * stride + x + k];
        for (int k = 0; k < 16; k++)
            sums[x + k] = (int32_t)sum[k];
    }
}

/* The same where the kernel is the outer product of `axis` with itself: along rows, then down columns. */
static void convolve_axis(Room *room, const FmTaps *along, const uint32_t *axis, const Coding *coding, Py_ssize_t channel)
{
    Py_ssize_t stride = room->one.stride, rows = room->one.rows, cols = room->one.cols - along->side + 1;
    for (Py_ssize_t y = 0; y < rows; y++)
        fm_taps_sum(room->one.values + y * stride, along, room->wide + y * stride, cols);
    for (Py_ssize_t y = 0; y + along->side <= rows; y++) {
        sum_down(room->wide + y * stride, stride, axis, along->side, room->sums, cols);
        put_row(room, coding, y, channel, cols, (uint32_t)(along->sum * along->sum) << 15);
    }
}

static int run_taps(const FmPicture *picture, FmTaps *taps, const double *kernel, const Coding *coding)
{
    Room room;
    if (fm_taps_turned(taps, kernel, picture->cols + SPARE) < 0)
        return -1;
    if (taps->absolute >= 1 << 23) {
        PyErr_SetString(PyExc_ValueError, "the taps are too large");
        return -1;
    }
    int two = coding->encode && (taps->absolute != taps->sum || taps->sum > TOTAL);
    if (enter(&room, picture, two, 0) < 0)
        return -1;
    for (Py_ssize_t channel = 0; channel < picture->channels; channel++) {
        fill_plane(&room.one, picture, channel, coding, !coding->encode ? CODES : two ? HIGH : SHIFTED);
        if (two)
            fill_plane(&room.two, picture, channel, coding, LOW);
        convolve_plane(&room, taps, coding, channel);
    }
    leave(&room);
    return 0;
}

static int run_axis(const FmPicture *picture, FmTaps *along, const double *axis, const Coding *coding)
{
    Room room;
    uint32_t *down = PyMem_Malloc((size_t)along->side * sizeof *down);
    if (!down || fm_taps_row(along, axis, 1, 0) < 0 || along->absolute != along->sum || along->sum > 256) {
        if (down && !PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "an axis is of integers, none below 0, that sum to no more than 256");
        else if (!down)
            PyErr_NoMemory();
        PyMem_Free(down);
        return -1;
    }
    for (Py_ssize_t n = 0; n < along->side; n++)
        down[n] = (uint32_t)axis[n];
    int failed = enter(&room, picture, 0, 1);
    for (Py_ssize_t channel = 0; !failed && channel < picture->channels; channel++) {
        fill_plane(&room.one, picture, channel, coding, coding->encode ? SHIFTED : CODES);
        convolve_axis(&room, along, down, coding, channel);
    }
    if (!failed)
        leave(&room);
    PyMem_Free(down);
    return failed;
}

/* convolve(codes, kernel, axis, decode, encode, blurred) -> None */
static PyObject *convolve(PyObject *self, PyObject *args)
{
    (void)self;
    FmPicture codes = {0}, blurred = {0};
    FmVector kernel = {0}, axis = {0}, decode = {0}, encode = {0};
    FmTaps taps = {0};
    PyObject *given[6];
    int failed = -1;
    if (!PyArg_ParseTuple(args, "OOOOOO", &given[0], &given[1], &given[2], &given[3], &given[4], &given[5]))
        return NULL;
    if (fm_picture(&codes, given[0], given[4] == Py_None ? "B" : "BH", 0) < 0 || fm_vector(&kernel, given[1], 'd') < 0
        || fm_vector(&axis, given[2], 'd') < 0 || fm_vector(&decode, given[3], 'H') < 0
        || fm_vector(&encode, given[4], 'f') < 0 || fm_picture(&blurred, given[5], "f", 1) < 0)
        goto done;
    Py_ssize_t side = blurred.rows > codes.rows ? 0 : codes.rows - blurred.rows + 1;
    const FmVector *used = axis.data ? &axis : &kernel;
    if (side < 1 || side % 2 == 0 || codes.cols - blurred.cols != side - 1 || codes.channels != blurred.channels
        || !blurred.packed || used->count != (axis.data ? side : side * side) || (decode.data && decode.count != 256)
        || (encode.data && encode.count != 65536) || (codes.itemsize == 1 && !encode.data != !decode.data)) {
        PyErr_SetString(PyExc_ValueError, "picture, kernel and tables do not fit together");
        goto done;
    }
    Coding coding = {decode.data, encode.data, blurred.data, codes.channels};
    taps.side = side;
    failed = axis.data ? run_axis(&codes, &taps, axis.data, &coding) : run_taps(&codes, &taps, kernel.data, &coding);
done:
    PyMem_Free(taps.pairs);
    fm_release(&codes.buffer, &blurred.buffer, &kernel.buffer, &axis.buffer, &decode.buffer, &encode.buffer, NULL);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"convolve", convolve, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

int fm_add_convolve(PyObject *module)
{
    return PyModule_AddFunctions(module, functions);
}
