/* Prefix codes of limited length, as deflate numbers them; in time proportional to the number of symbols. */

#include "png.h"

enum { MOST = 288, LONGEST = 15, FEW = 20 };

/* Order `keys` (count << 9 | symbol) by count, equal counts as they came; returns where the result lies. */
static uint32_t *by_count(uint32_t *keys, uint32_t *other, int size)
{
    if (size <= FEW) {
        for (int n = 1; n < size; n++) {
            uint32_t key = keys[n];
            int at = n;
            for (; at && keys[at - 1] > key; at--)
                keys[at] = keys[at - 1];
            keys[at] = key;
        }
        return keys;
    }
    uint32_t most = 0;
    for (int n = 0; n < size; n++)
        most = keys[n] > most ? keys[n] : most;
    for (int shift = 9; shift < 32 && most >> shift; shift += 8) {
        uint32_t starts[257] = {0};
        for (int n = 0; n < size; n++)
            starts[((keys[n] >> shift) & 255) + 1]++;
        for (int n = 1; n < 256; n++)
            starts[n] += starts[n - 1];
        for (int n = 0; n < size; n++)
            other[starts[(keys[n] >> shift) & 255]++] = keys[n];
        uint32_t *swap = keys;
        keys = other;
        other = swap;
    }
    return keys;
}

/* How many words of each length (1 to `limit`; all longer ones count as that) the best code has; `keys` are ordered. */
static void best_lengths(const uint32_t *keys, int size, int limit, int *found)
{
    uint32_t weights[MOST], depths[MOST];
    uint16_t parents[MOST];
    int leaf = 0, inner = 0;
    memset(weights, 255, sizeof weights);
    for (int made = 0; made < size - 1; made++) {
        uint32_t sum = 0;
        for (int half = 0; half < 2; half++) {
            /* No branches: which of the two is lighter cannot be foretold. A parent noted too early is noted again. */
            uint32_t light = leaf < size ? keys[leaf] >> 9 : UINT32_MAX;
            int is_leaf = light <= weights[inner];
            parents[inner] = (uint16_t)made;
            sum += is_leaf ? light : weights[inner];
            leaf += is_leaf;
            inner += !is_leaf;
        }
        weights[made] = sum;
    }
    memset(found, 0, sizeof(int) * (LONGEST + 1));
    depths[size - 2] = 0;
    found[1] = 2;
    for (int node = size - 3; node >= 0; node--) {
        uint32_t depth = depths[parents[node]] + 1;
        depths[node] = depth;
        found[depth < (uint32_t)limit ? depth : (uint32_t)limit]--;
        found[depth + 1 < (uint32_t)limit ? depth + 1 : (uint32_t)limit] += 2;
    }
}

/* Make room where words were cut to `limit`: a shorter word grows by a bit and takes one of the longest beside it. */
static void fit(int *lengths, int limit)
{
    int64_t excess = -((int64_t)1 << limit);
    for (int length = 1; length <= limit; length++)
        excess += (int64_t)lengths[length] << (limit - length);
    for (; excess > 0; excess--) {
        int length = limit - 1;
        while (lengths[length] == 0)
            length--;
        lengths[length]--;
        lengths[length + 1] += 2;
        lengths[limit]--;
    }
}

static uint16_t reversed(uint32_t code, int length)
{
    code = ((code & 0x5555) << 1) | ((code >> 1) & 0x5555);
    code = ((code & 0x3333) << 2) | ((code >> 2) & 0x3333);
    code = ((code & 0x0f0f) << 4) | ((code >> 4) & 0x0f0f);
    code = ((code & 0x00ff) << 8) | ((code >> 8) & 0x00ff);
    return (uint16_t)(code >> (16 - length));
}

void fm_number_words(const uint8_t *lengths, int symbols, fm_word *words)
{
    uint32_t sizes[LONGEST + 1] = {0}, next[LONGEST + 2] = {0};
    for (int symbol = 0; symbol < symbols; symbol++)
        sizes[lengths[symbol]]++;
    sizes[0] = 0;
    for (int length = 1; length <= LONGEST; length++)
        next[length + 1] = (next[length] + sizes[length]) << 1;
    for (int symbol = 0; symbol < symbols; symbol++) {
        uint8_t length = lengths[symbol];
        words[symbol] = length ? FM_WORD(reversed(next[length]++, length), length) : 0;
    }
}

void fm_prefix_code(const uint32_t *counts, int symbols, int limit, fm_word *words)
{
    uint32_t room[2][MOST], *keys = room[0];
    uint8_t lengths[MOST] = {0};
    int sizes[LONGEST + 1], size = 0;
    for (int symbol = 0; symbol < symbols; symbol++)
        if (counts[symbol])
            keys[size++] = counts[symbol] << 9 | (uint32_t)symbol;
    if (size < 2) {
        uint32_t used = size ? keys[0] & 511 : 0;
        lengths[used] = lengths[used ? 0 : 1] = 1;
    } else {
        keys = by_count(keys, room[1], size);
        best_lengths(keys, size, limit, sizes);
        fit(sizes, limit);
        for (int length = limit, n = 0; length > 0; length--)
            for (int left = sizes[length]; left > 0; left--)
                lengths[keys[n++] & 511] = (uint8_t)length;
    }
    fm_number_words(lengths, symbols, words);
}
