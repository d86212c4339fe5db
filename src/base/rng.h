/*
 * base/rng.h - repeatable random numbers: keyed streams, so that one room's draws never shift another's.
 *
 * Method:  SplitMix64 seeding, xoshiro256** output (Blackman & Vigna 2018). Not for keys or nonces.
 */
#ifndef NOCT_BASE_RNG_H
#define NOCT_BASE_RNG_H

#include "base/err.h"

struct rng {
    uint64_t s[4];
};

struct rng rng_stream(uint64_t seed, uint64_t stream); /* equal arguments: equal draws */
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound);                /* uniform in [0, bound); bound > 0 */
double rng_unit(struct rng *r);                                   /* uniform in [0, 1), 53 bits */
bool rng_chance(struct rng *r, double probability);
uint64_t hash_mix(uint64_t a, uint64_t b);                        /* a good 64-bit mix of two values */

#endif
