/*
 * node/genesis.c - the facts with which a mission begins: the root admits every node of the scenario.
 */
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "manage/manage.h"
#include "node/scenario.h"

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

err scenario_genesis(const struct scenario *s, const uint8_t (*public_keys)[32], const struct fact_crypto *root,
                     struct text *out)
{
    size_t capacity = s->site_count * (JOIN_SIZE_MAX - JOIN_BLOB_MAX + FACT_OVERHEAD + 64);
    uint8_t *memory = malloc(capacity);
    ASSERT(memory != NULL);
    struct genesis g = genesis_of(memory, capacity, root);
    err e = ERR_OK;
    for (size_t i = 0; i < s->site_count && e == ERR_OK; i++)
        e = join_add(s, i, public_keys[i], &g);
    if (e == ERR_OK)
        text_add_span(out, writer_span(&g.writer));
    free(memory);
    return e != ERR_OK ? e : text_ok(out) ? ERR_OK : ERR_FULL;
}
