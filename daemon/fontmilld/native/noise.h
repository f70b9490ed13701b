/* Where the rows of a noise field lie in the pool of deviates. */

#ifndef FONTMILL_NOISE_H
#define FONTMILL_NOISE_H

#include "core.h"

/* Fills `starts` with the places, all below `span` (not 0), at which `rows` rows of the field of `seed` begin. */
void fm_noise_starts(uint64_t seed, uint32_t span, Py_ssize_t rows, uint32_t *starts);

#endif
