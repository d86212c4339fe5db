#include "crypto/drbg.h"

#include <string.h>

#include "crypto/mac.h"

/* SP 800-90A §10.1.2.2 HMAC_DRBG_Update */
static void update(struct drbg *d, struct span input)
{
    for (uint8_t round = 0; round < 2; round++) {
        hmac_sha256_parts(span_of(d->key, 32), span_of(d->value, 32), span_of(&round, 1), input, d->key);
        hmac_sha256(span_of(d->key, 32), span_of(d->value, 32), d->value);
        if (input.size == 0)
            return;
    }
}

struct drbg drbg_of(struct span seed)
{
    struct drbg d = {.calls = 1};
    memset(d.value, 1, sizeof d.value);
    update(&d, seed);
    return d;
}

void drbg_reseed(struct drbg *d, struct span seed)
{
    update(d, seed);
    d->calls = 1;
}

void drbg_bytes(struct drbg *d, void *out, size_t size)
{
    ASSERT(size <= 65536 && d->calls < (1ull << 48));
    uint8_t *at = out;
    while (size > 0) {
        hmac_sha256(span_of(d->key, 32), span_of(d->value, 32), d->value);
        size_t take = MIN(size, sizeof d->value);
        memcpy(at, d->value, take);
        at += take;
        size -= take;
    }
    update(d, (struct span){0});
    d->calls++;
}
