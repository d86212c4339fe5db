/*
 * twin/signing.c - signatures of facts: real ones, or modelled with the same sizes.
 *
 * Memo:    checking is a pure function, so each distinct (key, message, signature) is computed about once per run: a shard
 *          looks into its own table and into that of all, which changes at serial points only.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "twin/shard.h"

static void modelled_signature(const uint8_t key[32], struct span message, uint8_t out[FACT_SIGNATURE_SIZE])
{
    uint64_t seed = hash64(key, 32);
    struct digest128 d = hash128(message.data, message.size);
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t parts[2] = {hash_mix(d.low ^ i, seed), hash_mix(d.high ^ i, seed)};
        memcpy(out + 16 * i, parts, 16);
    }
}

static err sign_with(struct world *w, struct signer *signer, const uint8_t public_key[32], struct span message,
                     uint8_t signature[FACT_SIGNATURE_SIZE])
{
    if (!w->engine->modelled)
        return signer_sign(signer, message, signature);
    modelled_signature(public_key, message, signature);
    return ERR_OK;
}

static err sign_node(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct twin_node *n = context;
    check_fact_signed(n, message);
    return sign_with(n->world, n->signer, n->public_key, message, signature);
}

static err sign_root(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct world *w = context;
    return sign_with(w, w->root_signer, w->root_public, message, signature);
}

/* ---- the memo: the lowest bit of `high` is the verdict, an entry of zeros is free ------------------------------- */

static struct memo_entry *memo_slot(const struct memo *m, uint64_t low, uint64_t high)
{
    size_t mask = m->capacity - 1;
    for (size_t i = low & mask;; i = (i + 1) & mask) {
        struct memo_entry *e = &m->entries[i];
        if ((e->low == 0 && e->high == 0) || (e->low == low && (e->high | 1) == (high | 1)))
            return e;
    }
}

static bool memo_find(const struct memo *m, const uint64_t key[2], bool *verdict)
{
    if (m->count == 0)
        return false;
    const struct memo_entry *e = memo_slot(m, key[0] | 1, key[1]);
    if (e->low == 0)
        return false;
    *verdict = e->high & 1;
    return true;
}

static void memo_add(struct memo *m, const uint64_t key[2], bool verdict)
{
    if (2 * m->count >= m->capacity) {
        struct memo old = *m;
        m->capacity = MAX((size_t)1024, old.capacity * 2);
        m->entries = calloc(m->capacity, sizeof *m->entries);
        ASSERT(m->entries != NULL);
        for (size_t i = 0; i < old.capacity; i++)
            if (old.entries[i].low)
                *memo_slot(m, old.entries[i].low, old.entries[i].high) = old.entries[i];
        free(old.entries);
    }
    struct memo_entry *e = memo_slot(m, key[0] | 1, key[1]);
    m->count += e->low == 0;
    *e = (struct memo_entry){key[0] | 1, (key[1] & ~1ull) | verdict};
}

void memos_share(struct world *w)
{
    for (size_t s = 0; s < w->shard_count && w->shard_count > 1; s++) {
        struct memo *m = &w->shards[s].memo;
        for (size_t i = 0; i < m->capacity; i++)
            if (m->entries[i].low)
                memo_add(&w->engine->known, (uint64_t[2]){m->entries[i].low, m->entries[i].high}, m->entries[i].high & 1);
        free(m->entries);
        *m = (struct memo){0};
    }
}

void memos_free(struct world *w)
{
    free(w->engine->known.entries);
    for (size_t s = 0; s < w->shard_count; s++)
        free(w->shards[s].memo.entries);
}

static bool verify(struct shard *s, const uint8_t key[32], struct span message, const uint8_t signature[64])
{
    if (s->world->engine->modelled) {
        uint8_t expected[FACT_SIGNATURE_SIZE];
        modelled_signature(key, message, expected);
        return memcmp(expected, signature, sizeof expected) == 0;
    }
    struct digest128 parts[3] = {hash128(message.data, message.size), hash128(signature, 64), hash128(key, 32)};
    struct digest128 d = hash128(parts, sizeof parts);
    const uint64_t memo_key[2] = {d.low, d.high};
    bool verdict;
    if (memo_find(&s->memo, memo_key, &verdict) || memo_find(&s->world->engine->known, memo_key, &verdict))
        return verdict;
    verdict = ed25519_verify(key, message, signature);
    memo_add(&s->memo, memo_key, verdict);
    return verdict;
}

static bool verify_node(void *context, const uint8_t key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct twin_node *n = context;
    check_fact_signed(n, message);
    return verify(n->shard, key, message, signature);
}

static bool verify_root(void *context, const uint8_t key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct world *w = context;
    return verify(&w->shards[0], key, message, signature);
}

struct fact_crypto node_crypto(struct twin_node *n)
{
    return (struct fact_crypto){.context = n, .sign = sign_node, .verify = verify_node};
}

struct fact_crypto root_crypto(struct world *w)
{
    return (struct fact_crypto){.context = w, .sign = sign_root, .verify = verify_root};
}
