/* What repeats in a picture of text: runs of one colour, and rows like the row above. */

#include "png.h"

/* What is shorter than LEAST is cheaper as literals: in a noisy picture, a value that repeats is a frequent one. */
enum { GROUP = 8, LEAST_NEAR = 10, LEAST_FAR = 12 };

/* Four groups side by side. */
typedef uint64_t groups __attribute__((vector_size(4 * GROUP)));

static uint64_t eight(const uint8_t *at)
{
    uint64_t found;
    memcpy(&found, at, 8);
    return found;
}


/* How many of at most `most` bytes are alike. */
static size_t alike(const uint8_t *one, const uint8_t *other, size_t most)
{
    size_t found = 0;
    while (found + 32 <= most) {
        uint64_t differing = 0;
        for (size_t n = found; n < found + 32; n += 8)
            differing |= eight(one + n) ^ eight(other + n);
        if (differing)
            break;
        found += 32;
    }
    for (; found + 8 <= most; found += 8) {
        uint64_t differing = eight(one + found) ^ eight(other + found);
        if (differing)
            return found + (size_t)__builtin_ctzll(differing) / 8;
    }
    while (found < most && one[found] == other[found])
        found++;
    return found;
}

/* How many of the GROUP bytes before are alike, from the last one back. */
static size_t alike_before(const uint8_t *one, const uint8_t *other)
{
    uint64_t differing = eight(one - GROUP) ^ eight(other - GROUP);
    return differing ? (size_t)__builtin_clzll(differing) / 8 : GROUP;
}

/* Go on from `at` in large steps while no group is like that at `near` or `far`. */
FM_WIDE static size_t passed(const uint8_t *data, size_t at, size_t stop, size_t near, size_t far)
{
    for (; at + sizeof(groups) + GROUP <= stop; at += sizeof(groups)) {
        groups here, before, above;
        memcpy(&here, data + at, sizeof here);
        memcpy(&before, data + at - near, sizeof before);
        memcpy(&above, data + at - far, sizeof above);
        groups any = (groups)(here == before) | (groups)(here == above);
        if (any[0] | any[1] | any[2] | any[3])
            break;
    }
    return at;
}

size_t fm_find_runs(const fm_rows *rows, size_t begin, size_t *end, fm_token *tokens)
{
    const uint8_t *data = rows->data;
    size_t near = rows->distances[0], far = rows->distances[1] ? rows->distances[1] : near;
    size_t made = 0, from = begin, stop = *end, at = begin < near ? near : begin;
    while (at + GROUP <= stop) {
        if (at >= far)
            at = passed(data, at, stop, near, far);
        int is_near = eight(data + at) == eight(data + at - near), is_far = at >= far && eight(data + at) == eight(data + at - far);
        if (!(is_near | is_far)) {
            at += GROUP;
            continue;
        }
        size_t most = stop - at < FM_LONGEST_MATCH ? stop - at : FM_LONGEST_MATCH;
        size_t by_far = is_far ? alike(data + at, data + at - far, most) : 0;
        size_t by_near = is_near && by_far < most ? alike(data + at, data + at - near, most) : 0;
        is_far = by_far > by_near;
        size_t length = is_far ? by_far : by_near, distance = is_far ? far : near, ahead = at + length;
        size_t back = at >= distance + GROUP ? alike_before(data + at, data + at - distance) : 0, most_back = FM_LONGEST_MATCH - length;
        most_back = at - from < most_back ? at - from : most_back;
        back = back < most_back ? back : most_back;
        at -= back;
        length += back;
        if (length >= (is_far ? LEAST_FAR : LEAST_NEAR)) {
            tokens[made++] = (fm_token){(uint32_t)(at - from), (uint16_t)length, (uint16_t)is_far};
            from = ahead;
            if (made == FM_TOKENS - 1) {
                *end = ahead;
                return made;
            }
        }
        at = ahead;
    }
    tokens[made++] = (fm_token){(uint32_t)(stop - from), 0, 0};
    return made;
}
