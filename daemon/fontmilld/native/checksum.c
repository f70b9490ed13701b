/* The two checksums of a PNG file: Adler-32 of what is compressed, CRC-32 of each chunk. */

#include "png.h"

enum { LANES = 32, ROWS = 128 };
static const uint32_t MODULUS = 65521;

/* Add `rows` (at most ROWS) of LANES bytes: both sums stay below 2^32 until they are reduced. */
FM_WIDE static void add_rows(const uint8_t *data, size_t rows, uint32_t *low, uint32_t *high)
{
    uint16_t sums[LANES] = {0};
    uint32_t before[LANES] = {0};
    for (size_t row = 0; row < rows; row++, data += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            before[lane] += sums[lane];
            sums[lane] = (uint16_t)(sums[lane] + data[lane]);
        }
    uint64_t first = *low, second = *high + (uint64_t)*low * rows * LANES;
    for (int lane = 0; lane < LANES; lane++) {
        first += sums[lane];
        second += (uint64_t)before[lane] * LANES + (uint64_t)sums[lane] * (uint64_t)(LANES - lane);
    }
    *low = (uint32_t)(first % MODULUS);
    *high = (uint32_t)(second % MODULUS);
}

uint32_t fm_adler32(const uint8_t *data, size_t size)
{
    uint32_t low = 1, high = 0;
    while (size >= LANES) {
        size_t rows = size / LANES < ROWS ? size / LANES : ROWS;
        add_rows(data, rows, &low, &high);
        data += rows * LANES;
        size -= rows * LANES;
    }
    for (; size; size--) {
        low += *data++;
        high += low;
    }
    return (high % MODULUS) << 16 | low % MODULUS;
}

static uint32_t tables[8][256];

void fm_crc32_tables(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        tables[0][byte] = crc;
    }
    for (int ahead = 1; ahead < 8; ahead++)
        for (int byte = 0; byte < 256; byte++)
            tables[ahead][byte] = tables[ahead - 1][byte] >> 8 ^ tables[0][tables[ahead - 1][byte] & 255];
}

/* The register of the CRC (not inverted) after `size` bytes more. */
static uint32_t through_tables(uint32_t crc, const uint8_t *data, size_t size)
{
    for (; size >= 8; size -= 8, data += 8) {
        uint32_t sum = 0;
        for (int n = 0; n < 4; n++)
            sum ^= tables[7 - n][data[n] ^ (crc >> 8 * n & 255)] ^ tables[3 - n][data[4 + n]];
        crc = sum;
    }
    for (; size; size--)
        crc = crc >> 8 ^ tables[0][(crc ^ *data++) & 255];
    return crc;
}

#if defined(__x86_64__) && !defined(FM_PORTABLE)
#include <immintrin.h>

/* 128 bits carried over other 128 that follow at a distance that is in `powers`. */
__attribute__((target("pclmul"))) static inline __m128i folded(__m128i sum, __m128i powers, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(sum, powers, 0x00), high = _mm_clmulepi64_si128(sum, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* The same by multiplication of polynomials: folds 64 bytes into the 64 that follow; the last 16 go through the tables. */
__attribute__((target("pclmul"))) static uint32_t by_folding(uint32_t crc, const uint8_t *data, size_t size)
{
    /* x^(512 + 32), x^(512 - 32), x^(128 + 32) and x^(128 - 32) modulo the CRC's polynomial, lowest bit first. */
    const __m128i far = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), near = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i *next = (const __m128i *)data;
    __m128i sums[4];
    for (int n = 0; n < 4; n++)
        sums[n] = _mm_loadu_si128(next++);
    sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128((int)crc));
    for (size -= 64; size >= 64; size -= 64)
        for (int n = 0; n < 4; n++)
            sums[n] = folded(sums[n], far, _mm_loadu_si128(next++));
    __m128i sum = sums[0];
    for (int n = 1; n < 4; n++)
        sum = folded(sum, near, sums[n]);
    for (; size >= 16; size -= 16)
        sum = folded(sum, near, _mm_loadu_si128(next++));
    uint8_t last[16];
    _mm_storeu_si128((__m128i *)last, sum);
    return through_tables(through_tables(0, last, sizeof last), (const uint8_t *)next, size);
}
#endif

uint32_t fm_crc32(uint32_t crc, const uint8_t *data, size_t size)
{
#if defined(__x86_64__) && !defined(FM_PORTABLE)
    if (size >= 64 && __builtin_cpu_supports("pclmul"))
        return ~by_folding(~crc, data, size);
#endif
    return ~through_tables(~crc, data, size);
}
