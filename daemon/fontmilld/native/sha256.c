/* SHA-256 as in FIPS 180-4. `hashlib` is its equal. */

#include "sha256.h"

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};
static const uint32_t START[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static inline uint32_t turned(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static inline uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put_big_endian(uint32_t word, uint8_t *bytes)
{
    for (int n = 0; n < 4; n++)
        bytes[n] = (uint8_t)(word >> (24 - 8 * n));
}

static void schedule(const uint8_t *block, uint32_t words[64])
{
    for (int n = 0; n < 16; n++)
        words[n] = big_endian(block + 4 * n);
    for (int n = 16; n < 64; n++) {
        const uint32_t near = words[n - 2], far = words[n - 15];
        words[n] = (turned(near, 17) ^ turned(near, 19) ^ near >> 10) + words[n - 7] +
                   (turned(far, 7) ^ turned(far, 18) ^ far >> 3) + words[n - 16];
    }
}

static void add_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    uint32_t words[64];
    for (; blocks; blocks--, data += FM_SHA256_BLOCK) {
        schedule(data, words);
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int n = 0; n < 64; n++) {
            const uint32_t one = h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[n] + words[n];
            const uint32_t two = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + one;
            d = c, c = b, b = a, a = one + two;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#if defined(__x86_64__) && !defined(FM_PORTABLE)
#include <cpuid.h>
#include <immintrin.h>

/* Whether the processor has the SHA extensions, and SSE4.1 with SSSE3 for what goes with them. */
static int has_sha(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 29) || !__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    return (c & 1u << 9) && (c & 1u << 19);
}

/* Four rounds; `words` are theirs. `low` is the half of the state that the next two rounds give. */
#define FOUR_ROUNDS(n, words) do {                                                                             \
        __m128i sum = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)(ROUND + 4 * (n))));               \
        low = _mm_sha256rnds2_epu32(low, high, sum);                                                           \
        high = _mm_sha256rnds2_epu32(high, low, _mm_shuffle_epi32(sum, 0x0e));                                 \
    } while (0)

/* The four words of the schedule that follow those of four vectors, in place of the oldest. */
#define NEXT_WORDS(w0, w1, w2, w3) \
    w0 = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4)), w3)

__attribute__((target("sha,sse4.1,ssse3"))) static void add_blocks_by_sha(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    const __m128i swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    /* The instructions want a, b, e, f in one vector and c, d, g, h in the other, the first in the highest lane. */
    __m128i high = _mm_set_epi32((int)state[0], (int)state[1], (int)state[4], (int)state[5]);
    __m128i low = _mm_set_epi32((int)state[2], (int)state[3], (int)state[6], (int)state[7]);
    for (; blocks; blocks--, data += FM_SHA256_BLOCK) {
        const __m128i high_before = high, low_before = low, *block = (const __m128i *)data;
        __m128i w0 = _mm_shuffle_epi8(_mm_loadu_si128(block), swap), w1 = _mm_shuffle_epi8(_mm_loadu_si128(block + 1), swap);
        __m128i w2 = _mm_shuffle_epi8(_mm_loadu_si128(block + 2), swap), w3 = _mm_shuffle_epi8(_mm_loadu_si128(block + 3), swap);
        for (int n = 0; n < 12; n += 4) {
            FOUR_ROUNDS(n, w0);
            NEXT_WORDS(w0, w1, w2, w3);
            FOUR_ROUNDS(n + 1, w1);
            NEXT_WORDS(w1, w2, w3, w0);
            FOUR_ROUNDS(n + 2, w2);
            NEXT_WORDS(w2, w3, w0, w1);
            FOUR_ROUNDS(n + 3, w3);
            NEXT_WORDS(w3, w0, w1, w2);
        }
        FOUR_ROUNDS(12, w0);
        FOUR_ROUNDS(13, w1);
        FOUR_ROUNDS(14, w2);
        FOUR_ROUNDS(15, w3);
        high = _mm_add_epi32(high, high_before);
        low = _mm_add_epi32(low, low_before);
    }
    uint32_t lanes[8];
    _mm_storeu_si128((__m128i *)lanes, high);
    _mm_storeu_si128((__m128i *)(lanes + 4), low);
    const int lane[8] = {3, 2, 7, 6, 1, 0, 5, 4};
    for (int n = 0; n < 8; n++)
        state[n] = lanes[lane[n]];
}
#else
static int has_sha(void)
{
    return 0;
}
#define add_blocks_by_sha add_blocks
#endif

static int by_sha;

void fm_sha256_choose(void)
{
    by_sha = has_sha();
}

static void add_whole(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    (by_sha ? add_blocks_by_sha : add_blocks)(state, data, blocks);
}

void fm_sha256_begin(FmSha256 *sum)
{
    memcpy(sum->state, START, sizeof START);
    sum->size = 0;
}

void fm_sha256_add(FmSha256 *sum, const uint8_t *data, size_t size)
{
    const size_t held = sum->size % FM_SHA256_BLOCK;
    sum->size += size;
    if (held) {
        const size_t wanted = FM_SHA256_BLOCK - held, come = size < wanted ? size : wanted;
        memcpy(sum->rest + held, data, come);
        if (come < wanted)
            return;
        add_whole(sum->state, sum->rest, 1);
        data += come;
        size -= come;
    }
    add_whole(sum->state, data, size / FM_SHA256_BLOCK);
    memcpy(sum->rest, data + size / FM_SHA256_BLOCK * FM_SHA256_BLOCK, size % FM_SHA256_BLOCK);
}

void fm_sha256_end(FmSha256 *sum, uint8_t digest[FM_SHA256_BYTES])
{
    uint8_t tail[2 * FM_SHA256_BLOCK] = {0};
    const size_t held = sum->size % FM_SHA256_BLOCK, blocks = held < FM_SHA256_BLOCK - 8 ? 1 : 2;
    memcpy(tail, sum->rest, held);
    tail[held] = 0x80;
    put_big_endian((uint32_t)(sum->size >> 29), tail + blocks * FM_SHA256_BLOCK - 8);
    put_big_endian((uint32_t)(sum->size << 3), tail + blocks * FM_SHA256_BLOCK - 4);
    add_whole(sum->state, tail, blocks);
    for (int n = 0; n < 8; n++)
        put_big_endian(sum->state[n], digest + 4 * n);
}
