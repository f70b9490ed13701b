/* Convolution of pictures with integer kernels: exact sums, whatever the order, rounded once. */

#include "core.h"
#include "picture.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FM_PORTABLE)
#include <immintrin.h>
#define HAS_MADD 1
#endif

#define TOTAL 65536
/* So many values behind a row's end are read, never used. */
#define SPARE 80

/* Two taps side by side: `at` is where the left one lies from the place of the sum. */
typedef struct {
    Py_ssize_t at;
    int16_t left, right;
} Pair;

typedef struct {
    Py_ssize_t side, count, room;
    Pair *pairs;
    int64_t sum, absolute;
} Taps;

/* One channel as 16-bit integers, `stride` values a row. */
typedef struct {
    Py_ssize_t rows, cols, stride;
    int16_t *values;
} Plane;

static int whole(double tap, int64_t *value)
{
    if (!(tap >= -4194304.0 && tap <= 4194304.0) || tap != (double)(int64_t)tap) {
        PyErr_SetString(PyExc_ValueError, "taps are integers");
        return -1;
    }
    *value = (int64_t)tap;
    return 0;
}

static int16_t narrow(int64_t tap)
{
    return (int16_t)(tap > INT16_MAX ? INT16_MAX : tap < -INT16_MAX ? -INT16_MAX : tap);
}

static int push(Taps *taps, Py_ssize_t at, int16_t left, int16_t right)
{
    if (taps->count == taps->room) {
        Py_ssize_t room = 2 * taps->room + 64;
        Pair *larger = PyMem_Realloc(taps->pairs, (size_t)room * sizeof *larger);
        if (!larger) {
            PyErr_NoMemory();
            return -1;
        }
        taps->pairs = larger;
        taps->room = room;
    }
    taps->pairs[taps->count++] = (Pair){at, left, right};
    return 0;
}

/* Add one row of taps; `step` -1 turns it. A tap of more than 15 bits becomes several. */
static int push_row(Taps *taps, const double *row, Py_ssize_t step, Py_ssize_t at)
{
    for (Py_ssize_t col = 0; col < taps->side;) {
        int64_t left = 0, right = 0;
        if (row[step * col] == 0.0) {
            col++;
            continue;
        }
        if (whole(row[step * col], &left) < 0 || (col + 1 < taps->side && whole(row[step * (col + 1)], &right) < 0))
            return -1;
        taps->sum += left + right;
        taps->absolute += llabs(left) + llabs(right);
        while (left || right) {
            if (push(taps, at + col, narrow(left), narrow(right)) < 0)
                return -1;
            left -= narrow(left);
            right -= narrow(right);
        }
        col += 2;
    }
    return 0;
}

/* The turned kernel, as what is multiplied with the values around a place is. */
static int turned(Taps *taps, const double *kernel, Py_ssize_t stride)
{
    for (Py_ssize_t row = 0; row < taps->side; row++)
        if (push_row(taps, kernel + (taps->side - row) * taps->side - 1, -1, row * stride) < 0)
            return -1;
    return 0;
}

static void sums_portable(const int16_t *restrict from, const Taps *taps, int32_t *restrict sums, Py_ssize_t count)
{
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (Py_ssize_t n = 0; n < taps->count; n++) {
        const int16_t *at = from + taps->pairs[n].at;
        uint32_t left = (uint32_t)taps->pairs[n].left, right = (uint32_t)taps->pairs[n].right;
        for (Py_ssize_t x = 0; x < count; x++)
            sums[x] = (int32_t)((uint32_t)sums[x] + left * (uint32_t)at[x] + right * (uint32_t)at[x + 1]);
    }
}

#ifdef HAS_MADD
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline void store_turns(int32_t *to, __m256i even, __m256i odd)
{
    __m256i low = _mm256_unpacklo_epi32(even, odd), high = _mm256_unpackhi_epi32(even, odd);
    _mm256_storeu_si256((__m256i *)to, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256((__m256i *)(to + 8), _mm256_permute2x128_si256(low, high, 0x31));
}

AVX2 static inline __m256i added(__m256i sum, const int16_t *at, __m256i taps)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)at), taps));
}

AVX2 static inline __m256i both(const Pair *pair)
{
    return _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)pair->left | (uint32_t)(uint16_t)pair->right << 16));
}

AVX2 static void sums64(const int16_t *from, const Taps *taps, int32_t *sums)
{
    __m256i even[4], odd[4];
    for (int k = 0; k < 4; k++)
        even[k] = odd[k] = _mm256_setzero_si256();
    for (Py_ssize_t n = 0; n < taps->count; n++) {
        const int16_t *at = from + taps->pairs[n].at;
        __m256i pair = both(&taps->pairs[n]);
        for (int k = 0; k < 4; k++) {
            even[k] = added(even[k], at + 16 * k, pair);
            odd[k] = added(odd[k], at + 16 * k + 1, pair);
        }
    }
    for (int k = 0; k < 4; k++)
        store_turns(sums + 16 * k, even[k], odd[k]);
}

AVX2 static void sums16(const int16_t *from, const Taps *taps, int32_t *sums)
{
    __m256i even = _mm256_setzero_si256(), odd = even;
    for (Py_ssize_t n = 0; n < taps->count; n++) {
        const int16_t *at = from + taps->pairs[n].at;
        __m256i pair = both(&taps->pairs[n]);
        even = added(even, at, pair);
        odd = added(odd, at + 1, pair);
    }
    store_turns(sums, even, odd);
}

static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#endif

/* The sums, modulo 2**32, of taps times values at `count` places; `sums` has room for 63 more. */
static void sum_row(const int16_t *from, const Taps *taps, int32_t *sums, Py_ssize_t count)
{
#ifdef HAS_MADD
    if (has_avx2()) {
        Py_ssize_t x = 0;
        for (; x + 48 < count; x += 64)
            sums64(from + x, taps, sums + x);
        for (; x < count; x += 16)
            sums16(from + x, taps, sums + x);
        return;
    }
#endif
    sums_portable(from, taps, sums, count);
}

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

static void convolve_plane(Room *room, const Taps *taps, const Coding *coding, Py_ssize_t channel)
{
    Py_ssize_t rows = room->one.rows - taps->side + 1, cols = room->one.cols - taps->side + 1;
    for (Py_ssize_t y = 0; y < rows; y++) {
        sum_row(room->one.values + y * room->one.stride, taps, room->sums, cols);
        if (room->two.values)
            sum_row(room->two.values + y * room->two.stride, taps, room->more, cols);
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
static void convolve_axis(Room *room, const Taps *along, const uint32_t *axis, const Coding *coding, Py_ssize_t channel)
{
    Py_ssize_t stride = room->one.stride, rows = room->one.rows, cols = room->one.cols - along->side + 1;
    for (Py_ssize_t y = 0; y < rows; y++)
        sum_row(room->one.values + y * stride, along, room->wide + y * stride, cols);
    for (Py_ssize_t y = 0; y + along->side <= rows; y++) {
        sum_down(room->wide + y * stride, stride, axis, along->side, room->sums, cols);
        put_row(room, coding, y, channel, cols, (uint32_t)(along->sum * along->sum) << 15);
    }
}

static int run_taps(const FmPicture *picture, Taps *taps, const double *kernel, const Coding *coding)
{
    Room room;
    if (turned(taps, kernel, picture->cols + SPARE) < 0)
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

static int run_axis(const FmPicture *picture, Taps *along, const double *axis, const Coding *coding)
{
    Room room;
    uint32_t *down = PyMem_Malloc((size_t)along->side * sizeof *down);
    if (!down || push_row(along, axis, 1, 0) < 0 || along->absolute != along->sum || along->sum > 256) {
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
    Taps taps = {0};
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
