/* Point spread functions as sums (psf.c), and their taps (quantise.c). */

#ifndef FONTMILL_SQUARE_H
#define FONTMILL_SQUARE_H

#include "core.h"

/* A square of sums, `side` = 2 * radius + 1 each way. */
typedef struct {
    Py_ssize_t side;
    int64_t *sums;
} FmSquare;

/* Make side x side taps that sum to 65536. */
void fm_quantise(const FmSquare *square, double *taps);

#endif
