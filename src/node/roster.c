/* node/roster.c - makes the roster of a genesis: checks every fact once, for all nodes of this process. */
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "manage/member_wire.h"
#include "node/node.h"

enum { FACT_SIZE_LEAST = FACT_OVERHEAD + 40 };

/* The next fact of the genesis, when it admits a member for the first time: what the roster takes over. */
static bool join_next(struct reader *r, const struct roster *made, const uint8_t root_public_key[32],
                      const struct fact_crypto *crypto, struct fact *f, struct manage_join *join, const uint8_t **encoded)
{
    struct fact_parts parts;
    struct span bytes = read_blob(r, FACT_ENCODED_MAX);
    if (!reader_ok(r) || fact_decode(bytes, f, &parts) != ERR_OK)
        return false;
    bool next = f->author == NODE_ROOT && f->type == FACT_JOIN && f->seq == made->count + 1 &&
                memcmp(parts.previous, made->head, sizeof made->head) == 0;
    if (!next || manage_join_decode(f->body, join) != ERR_OK || join->incarnation != ROSTER_INCARNATION)
        return false;
    /* In order of id, so that none is there twice. */
    if (join->node == NODE_NONE || (made->count > 0 && join->node <= made->members[made->count - 1].id))
        return false;
    fact_hash(parts.signed_part, f->hash);
    *encoded = bytes.data;
    return crypto->verify(crypto->context, root_public_key, parts.signed_part, parts.signature);
}

err roster_make(struct span genesis, const uint8_t root_public_key[32], const struct fact_crypto *crypto, struct roster **out)
{
    size_t most = genesis.size / FACT_SIZE_LEAST + 1;
    struct roster *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NO_MEMORY;
    r->facts = calloc(most, sizeof *r->facts);
    r->members = calloc(most, sizeof *r->members);
    if (!r->facts || !r->members) {
        roster_free(r);
        return ERR_NO_MEMORY;
    }
    struct reader reader = reader_of(genesis.data, genesis.size);
    struct fact f;
    struct manage_join join;
    const uint8_t *encoded;
    size_t used = 0;
    while (r->count < most && reader_left(&reader) > 0 && join_next(&reader, r, root_public_key, crypto, &f, &join, &encoded)) {
        struct roster_member *m = &r->members[r->count];
        *m = (struct roster_member){.id = join.node, .role = (uint8_t)join.role, .plane = join.plane, .batch = join.batch};
        memcpy(m->public_key, join.public_key, sizeof m->public_key);
        memcpy(m->name, join.name, sizeof m->name);
        memcpy(r->head, f.hash, sizeof r->head);
        r->time_most = MAX(r->time_most, f.time);
        r->facts[r->count++] = encoded;
        used = genesis.size - reader_left(&reader);
    }
    r->rest = span_of(genesis.data + used, genesis.size - used);
    *out = r;
    return ERR_OK;
}

void roster_free(struct roster *r)
{
    if (!r)
        return;
    free((void *)r->facts);
    free(r->members);
    free(r);
}
