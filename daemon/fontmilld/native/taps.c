/* Taps of integer kernels, two by two, and their sums with 16-bit values. */

#include "taps.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(FM_PORTABLE)
#include <immintrin.h>
#define HAS_MADD 1
#endif

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

static int push(FmTaps *taps, Py_ssize_t at, int16_t left, int16_t right)
{
    if (taps->count == taps->room) {
        Py_ssize_t room = 2 * taps->room + 64;
        FmPair *larger = PyMem_Realloc(taps->pairs, (size_t)room * sizeof *larger);
        if (!larger) {
            PyErr_NoMemory();
            return -1;
        }
        taps->pairs = larger;
        taps->room = room;
    }
    taps->pairs[taps->count++] = (FmPair){at, left, right};
    return 0;
}

int fm_taps_row(FmTaps *taps, const double *row, Py_ssize_t step, Py_ssize_t at)
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

int fm_taps_turned(FmTaps *taps, const double *kernel, Py_ssize_t stride)
{
    for (Py_ssize_t row = 0; row < taps->side; row++)
        if (fm_taps_row(taps, kernel + (taps->side - row) * taps->side - 1, -1, row * stride) < 0)
            return -1;
    return 0;
}

static void sums_portable(const int16_t *restrict from, const FmTaps *taps, int32_t *restrict sums, Py_ssize_t count)
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

AVX2 static inline __m256i both(const FmPair *pair)
{
    return _mm256_set1_epi32((int32_t)((uint32_t)(uint16_t)pair->left | (uint32_t)(uint16_t)pair->right << 16));
}

AVX2 static void sums64(const int16_t *from, const FmTaps *taps, int32_t *sums)
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

AVX2 static void sums16(const int16_t *from, const FmTaps *taps, int32_t *sums)
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

void fm_taps_sum(const int16_t *from, const FmTaps *taps, int32_t *sums, Py_ssize_t count)
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
