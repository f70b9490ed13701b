/* The Paeth filter of PNG, and when to use it: what is left of a smooth picture has fewer different values, but
   what repeats in a flat one repeats no more. */

#include "png.h"

enum { PIECE = 32, CELL = 256, MOST_PIECES = 256, GROUP = 8 };

/* What the left, upper and upper left neighbours do not foretell of `size` bytes. */
static inline void residues(const uint8_t *data, size_t near, size_t far, size_t size, uint8_t *out)
{
    const uint8_t *left = data - near, *above = data - far, *corner = above - near;
    for (size_t n = 0; n < size; n++) {
        int16_t a = left[n], b = above[n], c = corner[n];
        int16_t by_left = (int16_t)(b - c), by_above = (int16_t)(a - c), by_corner = (int16_t)(by_left + by_above);
        by_left = by_left < 0 ? (int16_t)-by_left : by_left;
        by_above = by_above < 0 ? (int16_t)-by_above : by_above;
        by_corner = by_corner < 0 ? (int16_t)-by_corner : by_corner;
        int16_t other = by_above <= by_corner ? b : c, least = by_above <= by_corner ? by_above : by_corner;
        out[n] = (uint8_t)(data[n] - (by_left <= least ? a : other));
    }
}

/* The same of a row: in whole pieces, the last of which may lie over the one before. */
FM_WIDE static void row_residues(const uint8_t *data, size_t near, size_t far, size_t size, uint8_t *out)
{
    size_t n = 0;
    for (; n + PIECE <= size; n += PIECE)
        residues(data + n, near, far, PIECE, out + n);
    if (n < size && size >= PIECE)
        residues(data + size - PIECE, near, far, PIECE, out + size - PIECE);
    else
        residues(data + n, near, far, size - n, out + n);
}

void fm_paeth(const uint8_t *rows, size_t count, size_t length, size_t channels, uint8_t *out)
{
    for (size_t row = 0; row < count; row++, rows += length, out += length) {
        size_t edge = 1 + channels < length ? 1 + channels : length;
        out[0] = 4;
        for (size_t n = 1; n < edge; n++)
            out[n] = row ? (uint8_t)(rows[n] - rows[n - length]) : rows[n];
        if (row)
            row_residues(rows + edge, channels, length, length - edge, out + edge);
        else
            for (size_t n = edge; n < length; n++)
                out[n] = (uint8_t)(rows[n] - rows[n - channels]);
    }
}

static uint64_t group(const uint8_t *at)
{
    uint64_t found;
    memcpy(&found, at, GROUP);
    return found;
}

/* log2(number) in 1/256, number > 0; a straight line between powers of two. */
static uint32_t log2_fine(uint32_t number)
{
    uint32_t whole = 31 - (uint32_t)__builtin_clz(number);
    return 256 * whole + (uint32_t)((((uint64_t)number << 8) >> whole) & 255);
}

/* Bits, in 1/256, that the bytes counted take. */
static uint64_t bits(uint16_t counts[2][256])
{
    uint64_t found = 0;
    uint32_t all = 0;
    for (int byte = 0; byte < 256; byte++) {
        uint32_t one = (uint32_t)counts[0][byte] + counts[1][byte];
        all += one;
        found += (uint64_t)one * log2_fine(one + !one);
    }
    return all ? (uint64_t)all * log2_fine(all) - found : 0;
}

static void add(uint16_t counts[2][256], const uint8_t *at)
{
    for (int n = 0; n < GROUP; n++)
        counts[n & 1][at[n]]++;
}

/* Where pieces of a picture lie: one in each of `count` cells from `first` on, at places that follow no pattern of rows. */
typedef struct {
    size_t first, cell, count;
} sample;

static const uint8_t *piece(const uint8_t *data, const sample *of, size_t n)
{
    return data + of->first + n * of->cell + ((n * 40503 & 65535) * (of->cell - PIECE) >> 16);
}

static int repeats(const uint8_t *at, size_t near, size_t far)
{
    return group(at) == group(at - near) || group(at) == group(at - far);
}

/* Whether most of the picture are runs, so that there is nothing to win. */
static int is_flat(const uint8_t *data, const sample *of, size_t near, size_t far)
{
    size_t others = 0;
    for (size_t n = 0; n < of->count; n++)
        for (size_t m = 0; m < PIECE; m += GROUP)
            others += !repeats(piece(data, of, n) + m, near, far);
    return others * 16 < of->count * (PIECE / GROUP) * 3;
}

int fm_paeth_pays(const uint8_t *data, size_t size, size_t length, size_t channels)
{
    uint16_t plain[2][256] = {{0}}, filtered[2][256] = {{0}};
    sample of = {length + channels, 0, 0};
    if (size < of.first + CELL)
        return 0;
    of.count = (size - of.first) / CELL < MOST_PIECES ? (size - of.first) / CELL : MOST_PIECES;
    of.cell = (size - of.first) / of.count;
    if (is_flat(data, &of, channels, length))
        return 0;
    for (size_t n = 0; n < of.count; n++) {
        const uint8_t *at = piece(data, &of, n);
        uint8_t left[PIECE];
        row_residues(at, channels, length, PIECE, left);
        for (int m = 0; m < PIECE; m += GROUP) {
            if (!repeats(at + m, channels, length))
                add(plain, at + m);
            if (group(left + m))
                add(filtered, left + m);
        }
    }
    return bits(filtered) < bits(plain);
}
