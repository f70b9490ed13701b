/* SHAKE-128: 25 lanes of 64 bits, of which input and output are the first 21 (FIPS 202). */

#ifndef FONTMILL_SHAKE_H
#define FONTMILL_SHAKE_H

#include "core.h"

enum { FM_SHAKE_LANES = 25, FM_SHAKE_RATE = 21 };

/* Keccak-f[1600], in place. */
void fm_shake_permute(uint64_t lanes[FM_SHAKE_LANES]);

#endif
