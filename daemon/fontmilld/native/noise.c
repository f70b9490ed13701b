/* Noise fields from the pool of deviates; render/noise.py is its equal. */

#include "noise.h"
#include "shake.h"

void fm_noise_starts(uint64_t seed, uint32_t span, Py_ssize_t rows, uint32_t *starts)
{
    uint64_t lanes[FM_SHAKE_LANES] = {seed, 0x1f};
    lanes[FM_SHAKE_RATE - 1] = (uint64_t)0x80 << 56;
    for (Py_ssize_t y = 0; y < rows; y++) {
        const int number = (int)(y % (2 * FM_SHAKE_RATE));
        if (number == 0)
            fm_shake_permute(lanes);
        starts[y] = (uint32_t)(lanes[number / 2] >> (number % 2 ? 32 : 0)) % span;
    }
}
