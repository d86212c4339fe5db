/*
 * craft/portable.h - exponential, logarithm and keyed random numbers that have the same bits everywhere.
 *
 * Story:   a rate, an acquisition time or a cloudy hour decides what happens in a run, so it must not depend on which
 *          mathematical library or processor computed it. These functions use additions, multiplications and divisions
 *          only, which IEEE 754 rounds in one way (square roots too); the build forbids contraction.
 * Method:  argument reduction by powers of two and a Taylor series; within 2 units of the last place.
 *          Keyed numbers are a hash of (key, index): whoever asks first or last gets the same number.
 * Threads: pure.
 */
#ifndef NOCT_CRAFT_PORTABLE_H
#define NOCT_CRAFT_PORTABLE_H

#include "base/err.h"

double portable_exp(double x);              /* saturates below -700 (0) and above 700 (the value at 700) */
double portable_log(double x);              /* x > 0 and finite */
double portable_log1m(double x);            /* log(1 - x), 0 <= x < 1, exact for small x */
double portable_decibel(double ratio);      /* 10 log10(ratio), ratio > 0 */
double portable_ratio(double decibel);      /* 10^(decibel / 10) */
double portable_power(double x, double y);  /* x^y, x > 0 */

uint64_t keyed_key(uint64_t seed, uint64_t node, uint64_t process);
uint64_t keyed_u64(uint64_t key, uint64_t index);
double keyed_unit(uint64_t key, uint64_t index);        /* uniform in [0, 1), 53 bits */
double keyed_exponential(uint64_t key, uint64_t index); /* mean 1 */

#endif
