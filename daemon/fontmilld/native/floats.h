/* Floats that come to the same with every compiler: each operation is rounded on its own. */

#ifndef FONTMILL_FLOATS_H
#define FONTMILL_FLOATS_H

#include <float.h>
#include <stdint.h>

#if FLT_EVAL_METHOD != 0
#error "what a float comes to would depend on the compiler"
#endif

/* Beyond this number there are no fractions: adding it, and taking it away, rounds, halves to even. */
#define FM_WHOLE 12582912.0f

/* The two ends of a range take a loop each: compilers make branches of both in one, and no wide loop. */
static inline float fm_at_least(float value, float low)
{
    return value > low ? value : low;
}

static inline float fm_at_most(float value, float high)
{
    return value < high ? value : high;
}

/* For numbers of no more than 22 bits; halves to even. */
static inline int32_t fm_rounded(float value)
{
    return (int32_t)((value + FM_WHOLE) - FM_WHOLE);
}

#endif
