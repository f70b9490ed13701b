/* A zlib stream of tokens, in blocks: each stored, with the fixed codes or with codes of its own, whichever is least. */

#include "png.h"

/* Literals 0 to 255, the end, lengths; distances; lengths of codes. */
enum { MOST_SYMBOLS = 288, USED_SYMBOLS = 286, END = 256, DISTANCES = 30, LENGTH_SYMBOLS = 19 };
enum { LENGTH_LIMIT = 7, FAR_LIMIT = 9, BLOCK = 1 << 16, STORED = 65535 };

static const uint8_t length_order[LENGTH_SYMBOLS] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
static const uint8_t length_extra[LENGTH_SYMBOLS] = {[16] = 2, [17] = 3, [18] = 7};

/* Bits on their way: `held` of them, fewer than 8 after each flush, lowest first. */
typedef struct {
    uint64_t bits;
    unsigned held;
    uint8_t *out;
} stream;

/* The symbol for a length or distance, and the bits that follow it. */
typedef struct {
    uint16_t symbol;
    uint16_t extra;
    uint16_t value;
} coded;

typedef struct {
    uint32_t symbols[MOST_SYMBOLS];
    uint32_t distances[DISTANCES];
    uint64_t extra;
} counted;

typedef struct {
    fm_word symbols[MOST_SYMBOLS];
    fm_word distances[DISTANCES];
} codes;

/* How the lengths of both codes are written: symbols of at most 18, each with its extra bits. */
typedef struct {
    int symbols, distances, size, lengths_sent;
    uint8_t sent[USED_SYMBOLS + DISTANCES], values[USED_SYMBOLS + DISTANCES];
    fm_word words[LENGTH_SYMBOLS];
    uint64_t bits;
} preamble;

static inline void put(stream *to, uint64_t bits, unsigned count)
{
    to->bits |= bits << to->held;
    to->held += count;
}

static inline void put_word(stream *to, fm_word word)
{
    put(to, FM_BITS(word), FM_LENGTH(word));
}

/* Writes 8 bytes, of which the full ones count. */
static inline void flush(stream *to)
{
    memcpy(to->out, &to->bits, 8);
    to->out += to->held >> 3;
    to->bits >>= to->held & ~7u;
    to->held &= 7;
}

static inline coded coded_length(size_t length)
{
    if (length == FM_LONGEST_MATCH)
        return (coded){285, 0, 0};
    unsigned value = (unsigned)length - 3, extra = value < 8 ? 0 : 29 - (unsigned)__builtin_clz(value);
    return (coded){(uint16_t)(END + 1 + 4 * extra + (value >> extra)), (uint16_t)extra, (uint16_t)(value & ((1u << extra) - 1))};
}

static coded coded_distance(size_t distance)
{
    unsigned value = (unsigned)distance - 1, extra = value < 4 ? 0 : 30 - (unsigned)__builtin_clz(value);
    return (coded){(uint16_t)(2 * extra + (value >> extra)), (uint16_t)extra, (uint16_t)(value & ((1u << extra) - 1))};
}

static void count(const fm_rows *rows, const uint8_t *data, const fm_token *tokens, size_t size, counted *found)
{
    /* Four tables: neighbours are often equal, and one counter cannot be raised twice in a row without waiting. */
    uint32_t tables[4][256] = {{0}}, uses[2] = {0};
    memset(found, 0, sizeof *found);
    for (const fm_token *token = tokens; token < tokens + size; token++) {
        const uint8_t *last = data + token->literals;
        for (; last - data >= 4; data += 4)
            for (int n = 0; n < 4; n++)
                tables[n][data[n]]++;
        while (data < last)
            tables[0][*data++]++;
        if (token->length) {
            coded length = coded_length(token->length);
            found->symbols[length.symbol]++;
            found->extra += length.extra;
            uses[token->far]++;
            data += token->length;
        }
    }
    for (int byte = 0; byte < 256; byte++)
        found->symbols[byte] = tables[0][byte] + tables[1][byte] + tables[2][byte] + tables[3][byte];
    found->symbols[END] = 1;
    for (int far = 0; far < 2; far++)
        if (uses[far]) {
            coded distance = coded_distance(rows->distances[far]);
            found->distances[distance.symbol] += uses[far];
            found->extra += (uint64_t)uses[far] * distance.extra;
        }
}

/* Bits of the tokens and the end of the block. */
static uint64_t cost(const counted *found, const codes *with)
{
    uint64_t bits = found->extra;
    for (int n = 0; n < USED_SYMBOLS; n++)
        bits += (uint64_t)found->symbols[n] * FM_LENGTH(with->symbols[n]);
    for (int n = 0; n < DISTANCES; n++)
        bits += (uint64_t)found->distances[n] * FM_LENGTH(with->distances[n]);
    return bits;
}

static void send_lengths(preamble *made, const uint8_t *lengths, int size)
{
    for (int at = 0, run; at < size; at += run) {
        uint8_t length = lengths[at];
        int most = length ? 7 : 138;
        for (run = 1; run < most && at + run < size && lengths[at + run] == length;)
            run++;
        int least = length ? 4 : 3;
        if (run < least)
            run = 1;
        if (run == 1 || length) {
            made->values[made->size] = 0;
            made->sent[made->size++] = length;
        }
        if (run > 1) {
            made->values[made->size] = (uint8_t)(run - (length ? 4 : run < 11 ? 3 : 11));
            made->sent[made->size++] = length ? 16 : run < 11 ? 17 : 18;
        }
    }
}

static void prepare(const codes *with, preamble *made)
{
    uint8_t lengths[USED_SYMBOLS + DISTANCES];
    uint32_t uses[LENGTH_SYMBOLS] = {0};
    made->symbols = USED_SYMBOLS;
    while (made->symbols > END + 1 && !FM_LENGTH(with->symbols[made->symbols - 1]))
        made->symbols--;
    made->distances = DISTANCES;
    while (made->distances > 1 && !FM_LENGTH(with->distances[made->distances - 1]))
        made->distances--;
    for (int n = 0; n < made->symbols; n++)
        lengths[n] = FM_LENGTH(with->symbols[n]);
    for (int n = 0; n < made->distances; n++)
        lengths[made->symbols + n] = FM_LENGTH(with->distances[n]);
    made->size = 0;
    send_lengths(made, lengths, made->symbols + made->distances);
    for (int n = 0; n < made->size; n++)
        uses[made->sent[n]]++;
    fm_prefix_code(uses, LENGTH_SYMBOLS, LENGTH_LIMIT, made->words);
    made->lengths_sent = LENGTH_SYMBOLS;
    while (made->lengths_sent > 4 && !FM_LENGTH(made->words[length_order[made->lengths_sent - 1]]))
        made->lengths_sent--;
    made->bits = 14 + 3 * (uint64_t)made->lengths_sent;
    for (int n = 0; n < LENGTH_SYMBOLS; n++)
        made->bits += (uint64_t)uses[n] * (FM_LENGTH(made->words[n]) + (unsigned)length_extra[n]);
}

static void put_preamble(stream *to, const preamble *made)
{
    put(to, (uint64_t)(made->symbols - 257) | (uint64_t)(made->distances - 1) << 5 | (uint64_t)(made->lengths_sent - 4) << 10, 14);
    flush(to);
    for (int n = 0; n < made->lengths_sent; n++) {
        put(to, FM_LENGTH(made->words[length_order[n]]), 3);
        flush(to);
    }
    for (int n = 0; n < made->size; n++) {
        put_word(to, made->words[made->sent[n]]);
        put(to, made->values[n], length_extra[made->sent[n]]);
        flush(to);
    }
}

/* The code that every reader knows. */
static void fixed_codes(codes *made)
{
    uint8_t lengths[MOST_SYMBOLS];
    memset(lengths, 8, MOST_SYMBOLS);
    memset(lengths + 144, 9, 256 - 144);
    memset(lengths + END, 7, 280 - END);
    fm_number_words(lengths, MOST_SYMBOLS, made->symbols);
    memset(lengths, 5, DISTANCES);
    fm_number_words(lengths, DISTANCES, made->distances);
}

static uint64_t fixed_cost(const counted *found)
{
    uint64_t bits = found->extra;
    for (int n = 0; n < USED_SYMBOLS; n++)
        bits += (uint64_t)found->symbols[n] * (n < 144 ? 8 : n < END ? 9 : n < 280 ? 7 : 8);
    for (int n = 0; n < DISTANCES; n++)
        bits += (uint64_t)found->distances[n] * 5;
    return bits;
}

/* Two by two: what waits for what is shorter than one word after the other. */
static inline stream with_literals(stream at, const fm_word *words, const uint8_t *data, size_t size)
{
    stream *to = &at;
    for (; size >= 4; size -= 4, data += 4) {
        fm_word a = words[data[0]], b = words[data[1]], c = words[data[2]], d = words[data[3]];
        uint64_t low = FM_BITS(a) | (uint64_t)FM_BITS(b) << FM_LENGTH(a), high = FM_BITS(c) | (uint64_t)FM_BITS(d) << FM_LENGTH(c);
        put(to, low | high << FM_LENGTH(a + b), FM_LENGTH(a + b + c + d));
        flush(to);
    }
    for (; size; size--, data++)
        put_word(to, words[*data]);
    flush(to);
    return at;
}

/* The stream goes by value: were it in memory, each byte written might change it, and it would be read anew. */
static stream with_tokens(stream at, const codes *with, const fm_rows *rows, const uint8_t *data, const fm_token *tokens, size_t size)
{
    stream *to = &at;
    const coded distances[2] = {coded_distance(rows->distances[0]), coded_distance(rows->distances[1] ? rows->distances[1] : 1)};
    for (const fm_token *token = tokens; token < tokens + size; token++) {
        at = with_literals(at, with->symbols, data, token->literals);
        data += token->literals + token->length;
        if (token->length) {
            coded length = coded_length(token->length), distance = distances[token->far];
            put_word(to, with->symbols[length.symbol]);
            put(to, length.value, length.extra);
            put_word(to, with->distances[distance.symbol]);
            put(to, distance.value, distance.extra);
            flush(to);
        }
    }
    put_word(to, with->symbols[END]);
    flush(to);
    return at;
}

static void put_stored(stream *to, const uint8_t *data, size_t size, int last)
{
    do {
        size_t piece = size < STORED ? size : STORED;
        put(to, last && piece == size, 3);
        put(to, 0, -to->held & 7);
        flush(to);
        put(to, piece | (~piece & 0xffff) << 16, 32);
        flush(to);
        memcpy(to->out, data, piece);
        to->out += piece;
        data += piece;
        size -= piece;
    } while (size);
}

static void put_block(stream *to, const fm_rows *rows, size_t begin, size_t end, const fm_token *tokens, size_t size)
{
    const uint8_t *data = rows->data + begin;
    counted found;
    codes own;
    preamble made;
    int last = end == rows->size;
    count(rows, data, tokens, size, &found);
    fm_prefix_code(found.symbols, USED_SYMBOLS, FM_CODE_LIMIT, own.symbols);
    fm_prefix_code(found.distances, DISTANCES, FAR_LIMIT, own.distances);
    prepare(&own, &made);
    uint64_t stored = 8 * (uint64_t)(end - begin) + 40 * ((end - begin) / STORED + 1);
    uint64_t own_bits = made.bits + cost(&found, &own), fixed_bits = fixed_cost(&found);
    if (stored <= own_bits && stored <= fixed_bits) {
        put_stored(to, data, end - begin, last);
    } else if (fixed_bits <= own_bits) {
        put(to, 1 << 1 | (uint64_t)last, 3);
        fixed_codes(&own);
        *to = with_tokens(*to, &own, rows, data, tokens, size);
    } else {
        put(to, 2 << 1 | (uint64_t)last, 3);
        put_preamble(to, &made);
        *to = with_tokens(*to, &own, rows, data, tokens, size);
    }
}

static uint8_t *wrapped(stream *to, const fm_rows *rows)
{
    put(to, 0, -to->held & 7);
    flush(to);
    uint32_t sum = fm_adler32(rows->data, rows->size);
    for (int shift = 24; shift >= 0; shift -= 8)
        *to->out++ = (uint8_t)(sum >> shift);
    return to->out;
}

size_t fm_deflate_bound(size_t size)
{
    /* Two bytes before, four of the checksum, at most six a block, and what `flush` writes too much. */
    return size + 6 * (size / FM_LEAST_BLOCK + 2) + 2 + 4 + 8;
}

uint8_t *fm_deflate(const fm_rows *rows, fm_token *tokens, uint8_t *out)
{
    stream to = {0, 0, out};
    put(&to, 0x0178, 16);
    flush(&to);
    for (size_t begin = 0, end; begin < rows->size; begin = end) {
        end = rows->size - begin < 2 * BLOCK ? rows->size : begin + BLOCK;
        size_t size = fm_find_runs(rows, begin, &end, tokens);
        put_block(&to, rows, begin, end, tokens, size);
    }
    return wrapped(&to, rows);
}
