/* Blur, noise and what is measured of them, for one picture of a strip.

   A row of the result is made in one go, so that all it needs stays in the cache nearest to the processor. Blurred values
   are 1/64 of a code, rounded half to even from an exact sum; noise is added to those, and the result rounded half up. */

#include "rows.h"

enum { BLOCK = FM_ROWS_SPARE / 2, SHIFT = 6, LINE = 32 };

/* Where a blurred picture may differ from paper: rows `top` to `bottom`, values `left` to `right` in whole blocks. */
typedef struct {
    Py_ssize_t top, bottom, left, right;
} Box;

static inline Py_ssize_t at_least(Py_ssize_t value, Py_ssize_t least)
{
    return value < least ? least : value;
}

static inline Py_ssize_t at_most(Py_ssize_t value, Py_ssize_t most)
{
    return value > most ? most : value;
}

/* Paper is what the first pixel is. Its blur is itself, so that only what is near to something else need be summed. */
static inline __attribute__((always_inline)) Box box_of(const FmFrame *frame, const FmWork *work, const uint8_t *scene)
{
    const Py_ssize_t row = frame->row, reach = frame->radius;
    uint8_t *restrict paper = work->paper, *restrict inked = work->inked;
    Py_ssize_t first = frame->rows, last = 0, left = 0, right = row;
    for (Py_ssize_t i = 0; i < row; i++) {
        paper[i] = scene[i % frame->channels];
        inked[i] = 0;
    }
    for (Py_ssize_t i = 0; i < frame->length; i++)
        work->flat[i] = (int16_t)(paper[i] << SHIFT);
    for (Py_ssize_t y = 0; y < frame->rows; y++) {
        const uint8_t *from = scene + y * row;
        uint8_t other = 0;
        for (Py_ssize_t i = 0; i < row; i++) {
            uint8_t off = from[i] ^ paper[i];
            inked[i] |= off;
            other |= off;
        }
        if (other) {
            first = at_most(first, y);
            last = y + 1;
        }
    }
    while (left < row && !inked[left])
        left++;
    while (right > left && !inked[right - 1])
        right--;
    left -= (frame->margin + reach) * frame->channels;
    right -= (frame->margin - reach) * frame->channels;
    return (Box){
        first - frame->margin - reach, last - frame->margin + reach,
        at_least(left, 0) / BLOCK * BLOCK, at_most((right + BLOCK - 1) / BLOCK * BLOCK, frame->length),
    };
}

static inline __attribute__((always_inline)) void
down_block(const uint8_t *from, const FmFrame *frame, Py_ssize_t count, uint16_t *restrict low, uint16_t *restrict high)
{
    uint16_t sum[BLOCK], tap = frame->taps[0];
    for (Py_ssize_t i = 0; i < count; i++)
        sum[i] = (uint16_t)(tap * from[i]);
    for (Py_ssize_t k = 1; k <= frame->radius; k++) {
        const uint8_t *above = from - k * frame->row, *below = from + k * frame->row;
        tap = frame->taps[k];
        for (Py_ssize_t i = 0; i < count; i++)
            sum[i] = (uint16_t)(sum[i] + (uint16_t)(tap * (uint16_t)(above[i] + below[i])));
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        low[i] = sum[i] & 255;
        high[i] = sum[i] >> 8;
    }
}

/* Blurs a row of a scene downwards, values `at` to `end`: `from` is its first, sums fit 16 bits as the taps sum to 256. */
static inline __attribute__((always_inline)) void
down(const uint8_t *from, const FmFrame *frame, const FmWork *work, Py_ssize_t at, Py_ssize_t end)
{
    for (; at + BLOCK <= end; at += BLOCK)
        down_block(from + at, frame, BLOCK, work->low + at, work->high + at);
    if (at >= end)
        return;
    /* What is left ends a last whole block, if there is room for one. */
    if (end >= BLOCK)
        down_block(from + end - BLOCK, frame, BLOCK, work->low + end - BLOCK, work->high + end - BLOCK);
    else
        down_block(from, frame, end, work->low, work->high);
}

/* Blurs across what `down` left, the two bytes apart, and rounds to 1/64 code; whole blocks from `at` on. */
static inline __attribute__((always_inline)) void across(const FmFrame *frame, const FmWork *work, Py_ssize_t at, Py_ssize_t end)
{
    for (; at < end; at += BLOCK) {
        const uint16_t *low = work->low + frame->margin * frame->channels + at;
        const uint16_t *high = work->high + frame->margin * frame->channels + at;
        uint16_t fine[BLOCK], coarse[BLOCK], tap = frame->taps[0];
        for (int i = 0; i < BLOCK; i++) {
            fine[i] = (uint16_t)(tap * low[i]);
            coarse[i] = (uint16_t)(tap * high[i]);
        }
        for (Py_ssize_t k = 1; k <= frame->radius; k++) {
            const Py_ssize_t step = k * frame->channels;
            tap = frame->taps[k];
            for (int i = 0; i < BLOCK; i++) {
                fine[i] = (uint16_t)(fine[i] + (uint16_t)(tap * (uint16_t)(low[i - step] + low[i + step])));
                coarse[i] = (uint16_t)(coarse[i] + (uint16_t)(tap * (uint16_t)(high[i - step] + high[i + step])));
            }
        }
        for (int i = 0; i < BLOCK; i++) {
            /* The sum is 256 top + (fine & 255); ten bits of it go. */
            uint16_t top = (uint16_t)(coarse[i] + (fine[i] >> 8));
            uint16_t whole = top >> 2, rest = (uint16_t)((top & 3) << 8 | (fine[i] & 255));
            work->fine[at + i] = (int16_t)(whole + ((uint16_t)(rest + 511 + (whole & 1)) >> 10));
        }
    }
}

static inline __attribute__((always_inline)) void
add_noise(const int16_t *restrict fine, const int16_t *restrict deviates, int gain, Py_ssize_t length, uint8_t *restrict noisy)
{
    for (Py_ssize_t i = 0; i < length; i++) {
        int16_t added = (int16_t)((deviates[i] * gain + (1 << 14)) >> 15);
        int16_t code = (int16_t)((int16_t)(fine[i] + added + (1 << (SHIFT - 1))) >> SHIFT);
        code = code < 0 ? 0 : code;
        noisy[i] = (uint8_t)(code > 255 ? 255 : code);
    }
}

/* A blurred value is 64 whole + part; products of these leave room for the sums of a row in 32 bits. */
static inline __attribute__((always_inline)) void
measure(const uint8_t *restrict clear, const int16_t *restrict fine, const uint8_t *restrict noisy, Py_ssize_t length, FmSums *sums)
{
    int32_t apart = 0, total = 0, whole2 = 0, mixed = 0, part2 = 0, gap2 = 0, crossed = 0;
    for (Py_ssize_t i = 0; i < length; i++) {
        int16_t whole = fine[i] >> SHIFT, part = fine[i] & ((1 << SHIFT) - 1);
        int16_t gap = (int16_t)(whole - noisy[i]), off = (int16_t)(clear[i] - noisy[i]);
        apart += off * off;
        total += fine[i];
        whole2 += whole * whole;
        mixed += whole * part;
        part2 += part * part;
        gap2 += gap * gap;
        crossed += gap * part;
    }
    sums->apart += (uint64_t)apart;
    sums->total += (uint64_t)total;
    sums->squares += 4096 * (uint64_t)whole2 + 128 * (uint64_t)mixed + (uint64_t)part2;
    sums->power += (uint64_t)(4096 * (int64_t)gap2 + 128 * (int64_t)crossed + part2);
}

FM_WIDE static void degrade(const FmFrame *frame, const FmWork *work, const uint8_t *scene, const uint32_t *starts, int gain,
                            uint8_t *clear, uint8_t *blurred, FmSums *sums)
{
    const Box box = box_of(frame, work, scene);
    const Py_ssize_t side = frame->margin * frame->channels, reach = frame->radius * frame->channels;
    memcpy(work->fine, work->flat, (size_t)frame->length * sizeof *work->fine);
    for (Py_ssize_t y = 0; y < frame->height; y++) {
        const uint8_t *from = scene + (frame->margin + y) * frame->row;
        const int16_t *fine = work->flat;
        /* The rows of the pool are all over it: by the time the next one is needed, it is near. */
        if (y + 1 < frame->height)
            for (Py_ssize_t i = 0; i <= frame->length; i += LINE)
                __builtin_prefetch(frame->pool + starts[y + 1] + i);
        clear[0] = blurred[0] = 0;
        memcpy(clear + 1, from + side, (size_t)frame->length);
        if (y >= box.top && y < box.bottom && box.left < box.right) {
            down(from, frame, work, side + box.left - reach, side + box.right + reach);
            across(frame, work, box.left, box.right);
            fine = work->fine;
        }
        add_noise(fine, frame->pool + starts[y] + 1, gain, frame->length, blurred + 1);
        measure(clear + 1, fine, blurred + 1, frame->length, sums);
        clear += 1 + frame->length;
        blurred += 1 + frame->length;
    }
}

/* Apart, as compilers differ in what they make of clones that other files call. */
void fm_rows_degrade(const FmFrame *frame, const FmWork *work, const uint8_t *scene, const uint32_t *starts, int gain,
                     uint8_t *clear, uint8_t *blurred, FmSums *sums)
{
    degrade(frame, work, scene, starts, gain, clear, blurred, sums);
}
