/* One picture of a strip, row by row. */

#ifndef FONTMILL_ROWS_H
#define FONTMILL_ROWS_H

#include "core.h"

enum { FM_ROWS_SPARE = 64 };

/* What pictures have in common. Lengths are in values: pixels times channels. `taps` are from the middle outwards. */
typedef struct {
    Py_ssize_t rows, row, height, length, margin, channels, radius;
    const uint16_t *taps;
    const int16_t *pool;
} FmFrame;

/* Sums over one picture, of which the ratios are made: see metrics.py. */
typedef struct {
    uint64_t apart, power, total, squares;
} FmSums;

/* Rows under way, each of FM_ROWS_SPARE values more than a scene's, as blocks are computed whole: `low` and `high` are the
   bytes of what is blurred downwards, `fine` is the blurred row, `flat` one without ink; `paper` and `inked` are for scenes. */
typedef struct {
    uint16_t *low, *high;
    int16_t *fine, *flat;
    uint8_t *paper, *inked;
} FmWork;

/* Degrades a scene of `frame`: fills the lines of both PNG files and adds to `sums`. Row y takes the deviates of the pool
   from starts[y] + 1 on, times `gain` (0 to 32767) / 32768. The taps must sum to 256 and reach no further than the margin;
   rows are of at most 32767 values. */
void fm_rows_degrade(const FmFrame *frame, const FmWork *work, const uint8_t *scene, const uint32_t *starts, int gain,
                     uint8_t *clear, uint8_t *blurred, FmSums *sums);

#endif
