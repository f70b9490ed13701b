/* What every file of the compiled core shares: the Python API, sized integers, and how loops are made wide. */

#ifndef FONTMILL_CORE_H
#define FONTMILL_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

/* Compiled once for any x86-64 and once for AVX2; the loader picks. Integer arithmetic only: the result is the same. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && !defined(FM_PORTABLE)
#define FM_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define FM_WIDE
#endif

/* Each adds its functions to the module; 0, or -1 with an exception set. */
#define FM_PARTS(part) \
    part(number) \
    part(shake) \
    part(convolve) \
    part(font) \
    part(harfbuzz) \
    part(label) \
    part(text) \
    part(scan) \
    part(png) \
    part(psf) \
    part(strip) \
    part(paint) \
    part(clouds) \
    part(fields) \
    part(finish) \
    part(tone) \
    part(sound)

#endif
