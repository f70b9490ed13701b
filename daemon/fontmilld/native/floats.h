/* Floats that come to the same with every compiler: each operation is rounded on its own. */

#ifndef FONTMILL_FLOATS_H
#define FONTMILL_FLOATS_H

#include <float.h>

#if FLT_EVAL_METHOD != 0
#error "what a float comes to would depend on the compiler"
#endif

/* Beyond this number there are no fractions: adding it, and taking it away, rounds, halves to even. */
#define FM_WHOLE 12582912.0f

/* One comparison after the other, so that loops of it can be made wide. */
static inline float fm_within(float value, float low, float high)
{
    value = value > low ? value : low;
    return value < high ? value : high;
}

#endif
