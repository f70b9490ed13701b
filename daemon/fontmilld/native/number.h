/* Numbers as Python has them. */

#ifndef FONTMILL_NUMBER_H
#define FONTMILL_NUMBER_H

#include "core.h"

/* round(value, digits) for at most 4 digits; 0, or -1 with an exception set. */
int fm_round(double value, int digits, double *rounded);

/* What Python's own `math` gives: how the last digit comes out is for it to say. 0, or -1 with an exception set. */
int fm_log(double of, double *result);
int fm_cos(double of, double *result);
int fm_sin(double of, double *result);

#endif
