/*
 * node/genesis.c - the facts with which a mission begins: the root admits every node of the scenario and makes its buckets.
 */
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "manage/manage.h"
#include "node/scenario.h"
#include "storage/index_wire.h"

enum { PLANE_UNKNOWN = 0xffff };

static err join_add(const struct scenario *s, size_t index, const uint8_t public_key[32], struct genesis *g)
{
    const struct site *site = &s->sites[index];
    uint8_t body[JOIN_SIZE_MAX];
    struct span encoded;
    struct manage_join join = {
        .node = site->node,
        .incarnation = 1,
        .role = site->kind == SITE_GROUND ? ROLE_GATEWAY : ROLE_SATELLITE,
        .plane = (uint16_t)MIN(site->plane, (uint32_t)PLANE_UNKNOWN),
    };
    memcpy(join.name, site->name, sizeof join.name);
    memcpy(join.public_key, public_key, sizeof join.public_key);
    TRY(manage_join_encode(&join, body, sizeof body, &encoded));
    return genesis_add(g, FACT_JOIN, hlc_next(0, s->epoch), encoded);
}

static err bucket_add(const struct scenario *s, size_t index, struct genesis *g)
{
    const struct scenario_bucket *b = &s->buckets[index];
    uint8_t body[512];
    struct bucket_fact fact = {.name = span_text(b->name), .policy = b->policy, .created = s->epoch};
    struct writer uid = writer_of(fact.uid.bytes, sizeof fact.uid.bytes); /* of the root: node 0, counters from 1 */
    write_u64_be(&uid, hlc_next(0, s->epoch));
    write_u32_be(&uid, NODE_ROOT);
    write_u32_be(&uid, (uint32_t)index + 1);
    struct writer w = writer_of(body, sizeof body);
    bucket_fact_encode(&w, &fact);
    if (!writer_ok(&w))
        return ERR_TOO_LARGE;
    return genesis_add(g, FACT_BUCKET, hlc_next(0, s->epoch), writer_span(&w));
}

err scenario_genesis(const struct scenario *s, const uint8_t (*public_keys)[32], const struct fact_crypto *root,
                     struct text *out)
{
    size_t capacity = s->site_count * (JOIN_SIZE_MAX - JOIN_BLOB_MAX + FACT_OVERHEAD + 64) +
                      s->bucket_count * (512 + FACT_OVERHEAD);
    uint8_t *memory = malloc(capacity);
    ASSERT(memory != NULL);
    struct genesis g = genesis_of(memory, capacity, root);
    err e = ERR_OK;
    for (size_t i = 0; i < s->site_count && e == ERR_OK; i++)
        e = join_add(s, i, public_keys[i], &g);
    for (size_t i = 0; i < s->bucket_count && e == ERR_OK; i++)
        e = bucket_add(s, i, &g);
    if (e == ERR_OK)
        text_add_span(out, writer_span(&g.writer));
    free(memory);
    return e != ERR_OK ? e : text_ok(out) ? ERR_OK : ERR_FULL;
}
