/*
 * twin/replace.c - a new satellite in the place of a lost one: a new key, admitted by the mission's root under a new incarnation.
 *
 * Story:   what people on the ground do. The root signs a JOIN behind its last fact; the replacement brings it in its genesis, and
 *          the others learn of it when they meet.
 */
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "manage/manage.h"
#include "twin/faults.h"
#include "twin/shard.h"

/* The last fact of the root. The mission knows what it signed, whoever of the nodes has heard of it. */
static bool root_head(const struct world *w, struct fact *out)
{
    struct span genesis = text_span(&w->genesis);
    struct reader r = reader_of(genesis.data, genesis.size);
    struct span last = {0};
    while (reader_left(&r) > 0 && reader_ok(&r))
        last = read_blob(&r, FACT_ENCODED_MAX);
    struct fact_parts parts;
    if (!reader_ok(&r) || fact_decode(last, out, &parts) != ERR_OK)
        return false;
    fact_hash(parts.signed_part, out->hash);
    return true;
}

static err join_encode(struct world *w, const struct twin_node *n, uint8_t *out, size_t capacity, struct span *body)
{
    const struct site *site = &w->scenario->sites[n->id - 1];
    struct manage_join join = {.node = n->id, .incarnation = n->faults.incarnation, .plane = (uint16_t)MIN(site->plane, 0xffffu),
                               .role = site->kind == SITE_GROUND ? ROLE_GATEWAY : ROLE_SATELLITE};
    memcpy(join.name, site->name, sizeof join.name);
    memcpy(join.public_key, n->public_key, sizeof join.public_key);
    return manage_join_encode(&join, out, capacity, body);
}

/* Nodes borrow the genesis and the roster that they booted with: longer ones are new copies, the old ones stay until the world closes. */
static bool genesis_extend(struct world *w, struct span size, struct span fact)
{
    struct text longer = text_new(NULL, 64u << 20);
    struct fact_crypto root = root_crypto(w);
    struct roster *roster = NULL;
    text_add_span(&longer, text_span(&w->genesis));
    text_add_span(&longer, size);
    text_add_span(&longer, fact);
    struct genesis_old *old = realloc(w->genesis_old, (w->genesis_old_count + 1) * sizeof *old);
    if (old)
        w->genesis_old = old;
    if (!old || !text_ok(&longer) || roster_make(text_span(&longer), w->root_public, &root, &roster) != ERR_OK) {
        text_free(&longer);
        return false;
    }
    w->genesis_old[w->genesis_old_count++] = (struct genesis_old){w->genesis, w->roster};
    w->genesis = longer;
    w->roster = roster;
    return true;
}

bool node_replace(struct world *w, struct twin_node *n)
{
    struct fact head;
    struct span body;
    uint8_t encoded[JOIN_SIZE_MAX], fact[JOIN_SIZE_MAX + FACT_OVERHEAD], size[4];
    if (n->node || !root_head(w, &head))
        return false;
    n->faults.incarnation++;
    check_replaced(n);
    signer_close(n->signer);
    if (signer_from(w->seed, 0x6e6f6465000000 + (uint64_t)n->faults.incarnation * 0x100000 + n->id, &n->signer, n->public_key) != ERR_OK ||
        join_encode(w, n, encoded, sizeof encoded, &body) != ERR_OK)
        return false;
    struct fact join = {.author = NODE_ROOT, .seq = head.seq + 1, .time = hlc_next(head.time, world_wall(w)), .type = FACT_JOIN,
                        .cut = head.cut, .body = body};
    struct fact_crypto root = root_crypto(w);
    if (fact_encode(&join, head.hash, &root, fact) != ERR_OK)
        return false;
    struct writer s = writer_of(size, sizeof size);
    write_u32(&s, (uint32_t)(FACT_OVERHEAD + body.size));
    return genesis_extend(w, span_of(size, sizeof size), span_of(fact, FACT_OVERHEAD + body.size));
}
