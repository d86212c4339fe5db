#include "base/rng.h"

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
    uint64_t state = a ^ (b * 0x9e3779b97f4a7c15u + 0x2545f4914f6cdd1du);
    uint64_t first = splitmix(&state);
    return first ^ splitmix(&state);
}

struct rng rng_stream(uint64_t seed, uint64_t stream)
{
    uint64_t state = hash_mix(seed, stream);
    struct rng r;
    for (int i = 0; i < 4; i++)
        r.s[i] = splitmix(&state);
    return r;
}

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s, out = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return out;
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    ASSERT(bound > 0);
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound, v;
    do {
        v = rng_u64(r);
    } while (v >= limit);
    return v % bound;
}

double rng_unit(struct rng *r)
{
    return (double)(rng_u64(r) >> 11) * 0x1p-53;
}

bool rng_chance(struct rng *r, double probability)
{
    return rng_unit(r) < probability;
}
