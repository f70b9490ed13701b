/* Between the files of the PNG compressor: png.c (the file), filter.c, deflate.c (the stream), runs.c (what repeats),
   prefixcode.c (the codes), checksum.c. Only png.c knows Python and allocates; memory is read only where it was written. */

#ifndef FONTMILL_PNG_H
#define FONTMILL_PNG_H

#include "core.h"

/* A code word as deflate writes it, first bit lowest: its bits, shifted left by 8, plus its length. 0 for what does not occur. */
typedef uint32_t fm_word;
#define FM_WORD(bits, length) ((fm_word)(bits) << 8 | (fm_word)(length))
#define FM_BITS(word) ((word) >> 8)
#define FM_LENGTH(word) ((word) & 63)

/* Literals, then `length` (3 to 258) bytes like those before at the distance numbered `far`; length 0: literals only. */
typedef struct {
    uint32_t literals;
    uint16_t length;
    uint16_t far;
} fm_token;

/* What runs are looked for at: the pixel before (`distances[0]`) and the row above (`distances[1]`; 0: too far for deflate). */
typedef struct {
    const uint8_t *data;
    size_t size;
    size_t distances[2];
} fm_rows;

enum { FM_TOKENS = 8192, FM_LONGEST_MATCH = 258, FM_CODE_LIMIT = 12, FM_LEAST_BLOCK = 32000 };

/* Bytes that a stream of `size` bytes takes at most, and that fm_deflate may write. */
size_t fm_deflate_bound(size_t size);

/* Write `rows` as a zlib stream to `out`; returns its end. `tokens` has room for FM_TOKENS. */
uint8_t *fm_deflate(const fm_rows *rows, fm_token *tokens, uint8_t *out);

/* Split data[begin:end] into tokens, all literals that pay as matches found; returns their number.
   Goes to `*end` or until the tokens are full, and sets `*end` to where it stopped. */
size_t fm_find_runs(const fm_rows *rows, size_t begin, size_t *end, fm_token *tokens);

/* Make the code with the fewest bits for symbols that occur `counts` times (each below 2^23), no word longer
   than `limit` (2^limit >= symbols, symbols <= 288). Fewer than two symbols get a code of two. */
void fm_prefix_code(const uint32_t *counts, int symbols, int limit, fm_word *words);

/* Give symbols with words of these lengths (0: none, 15 at most) their words, in the order that deflate wants. */
void fm_number_words(const uint8_t *lengths, int symbols, fm_word *words);

/* Filter `count` rows of `length` bytes, each after its filter byte (0 in `rows`, 4 in `out`). */
void fm_paeth(const uint8_t *rows, size_t count, size_t length, size_t channels, uint8_t *out);

/* Whether that makes a smaller file, judged by a sample. */
int fm_paeth_pays(const uint8_t *rows, size_t size, size_t length, size_t channels);

uint32_t fm_adler32(const uint8_t *data, size_t size);

/* To be called once before fm_crc32. */
void fm_crc32_tables(void);
uint32_t fm_crc32(uint32_t crc, const uint8_t *data, size_t size);

#endif
