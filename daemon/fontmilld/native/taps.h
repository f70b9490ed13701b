/* Taps of integer kernels (taps.c), as convolve.c multiplies them with rows of 16-bit values. */

#ifndef FONTMILL_TAPS_H
#define FONTMILL_TAPS_H

#include "core.h"

/* Two taps side by side: `at` is where the left one lies from the place of the sum. */
typedef struct {
    Py_ssize_t at;
    int16_t left, right;
} FmPair;

typedef struct {
    Py_ssize_t side, count, room;
    FmPair *pairs;
    int64_t sum, absolute;
} FmTaps;

/* Both add to `taps`, of which `side` is set, and return 0, or -1 with an exception set; `pairs` is PyMem_Free's then, too. */

/* Add one row of taps; `step` -1 turns it. A tap of more than 15 bits becomes several. */
int fm_taps_row(FmTaps *taps, const double *row, Py_ssize_t step, Py_ssize_t at);

/* Add the turned kernel, as what is multiplied with the values around a place is; rows of those are `stride` apart. */
int fm_taps_turned(FmTaps *taps, const double *kernel, Py_ssize_t stride);

/* The sums, modulo 2**32, of taps times values at `count` places; `sums` has room for 63 more. */
void fm_taps_sum(const int16_t *from, const FmTaps *taps, int32_t *sums, Py_ssize_t count);

#endif
