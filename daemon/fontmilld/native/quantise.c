/* Sums of a point spread function rounded to integer taps. */

#include "floats.h"
#include "square.h"

#include <math.h>

#define TOTAL 65536.0
/* What rounding may leave to one tap (nor more than a third of the largest), and how far it may move the centroid (times TOTAL: 0.01 px). */
#define MOST_REST 128.0
#define MOST_MOMENT 655

static Py_ssize_t largest(const double *taps, Py_ssize_t count)
{
    Py_ssize_t at = 0;
    for (Py_ssize_t n = 1; n < count; n++)
        if (taps[n] > taps[at])
            at = n;
    return at;
}

static int is_centred(const double *taps, Py_ssize_t side)
{
    int64_t along = 0, down = 0;
    for (Py_ssize_t row = 0; row < side; row++)
        for (Py_ssize_t col = 0; col < side; col++) {
            int64_t tap = (int64_t)taps[row * side + col];
            along += tap * (col - side / 2);
            down += tap * (row - side / 2);
        }
    return llabs(along) <= MOST_MOMENT && llabs(down) <= MOST_MOMENT;
}

/* Round one by one, or say that what that leaves would show or move the centroid; it goes to the middle, or to the largest. */
static int round_each(const FmSquare *square, double total, double *taps)
{
    Py_ssize_t count = square->side * square->side, at = count / 2;
    double rest = TOTAL;
    for (Py_ssize_t n = 0; n < count; n++) {
        taps[n] = rint((double)square->sums[n] / total * TOTAL);
        rest -= taps[n];
    }
    Py_ssize_t most = largest(taps, count);
    if (fabs(rest) > MOST_REST || 3 * fabs(rest) > taps[most])
        return 0;
    taps[taps[at] + rest < 0 ? most : at] += rest;
    return is_centred(taps, square->side);
}

/* Where the n-th is on the way to and fro, row by row. */
static Py_ssize_t winding(Py_ssize_t n, Py_ssize_t side)
{
    Py_ssize_t row = n / side, col = n % side;
    return row * side + (row % 2 ? side - 1 - col : col);
}

/* Round so that each takes over what was left before it, from both ends to the middle. */
static void carry(const FmSquare *square, double total, double *taps)
{
    Py_ssize_t side = square->side, count = side * side, middle = count / 2;
    double rest = TOTAL;
    for (int back = 0; back < 2; back++) {
        double sum = 0, before = 0;
        for (Py_ssize_t n = 0; n < middle; n++) {
            Py_ssize_t at = winding(back ? count - 1 - n : n, side);
            sum += (double)square->sums[at];
            double end = rint(sum / total * TOTAL);
            taps[at] = end - before;
            before = end;
        }
        rest -= before;
    }
    taps[middle] = 0;
    Py_ssize_t most = 0;
    for (Py_ssize_t n = 1; rest < 0 && n < count; n++)
        if (taps[winding(n, side)] > taps[winding(most, side)])
            most = n;
    taps[rest >= 0 ? middle : winding(most, side)] += rest;
}

void fm_quantise(const FmSquare *square, double *taps)
{
    double total = 0;
    for (Py_ssize_t n = 0; n < square->side * square->side; n++)
        total += (double)square->sums[n];
    if (!round_each(square, total, taps))
        carry(square, total, taps);
}
