/* SHA-256, with the processor's own instructions where it has them. */

#ifndef FONTMILL_SHA256_H
#define FONTMILL_SHA256_H

#include "core.h"

enum { FM_SHA256_BLOCK = 64, FM_SHA256_BYTES = 32 };

typedef struct {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    uint8_t rest[FM_SHA256_BLOCK];
} FmSha256;

/* Once, before all others. */
void fm_sha256_choose(void);
void fm_sha256_begin(FmSha256 *sum);
void fm_sha256_add(FmSha256 *sum, const uint8_t *data, size_t size);
void fm_sha256_end(FmSha256 *sum, uint8_t digest[FM_SHA256_BYTES]);

#endif
