/*
 * core/facts_recovery.c - a fact store comes back from its log: first everything is read, then limits, then the fold.
 *
 * Story:    the log is read to its end into chains. Proofs among them set the limits of liars' chains, wherever they lie: a
 *           proof speaks for itself. What lies behind a limit is left out, as if it had never come; only then are the chains
 *           folded, the root's first, since its JOINs hold the keys that proofs are checked with. So a node that folded a
 *           liar's fact before the proof came needs only to start anew. A proof that itself was left out is told again.
 */
#include <string.h>

#include "core/facts_private.h"

enum { FOLDS_PER_STEP = 4096 };

/* The chain that a logged fact belongs to; NULL: it needs none (the roster holds it), or there is no memory. */
static struct chain *chain_of(struct facts *s, const struct fact *f)
{
    struct chain *c = facts_chain(s, f->author, f->incarnation);
    const struct roster_member *m = c || f->incarnation != ROSTER_INCARNATION ? NULL : roster_find(s->config.roster, f->author);
    if (m) {
        facts_key_add(s, f->author, f->incarnation, m->public_key);
        c = facts_chain(s, f->author, f->incarnation);
    }
    if (c)
        return f->seq <= c->base_count ? NULL : c; /* written before there was a roster */
    c = map_put_u64(&s->chains, chain_key(f->author, f->incarnation), NULL); /* keys follow when manage folds the JOIN */
    if (c)
        *c = (struct chain){.author = f->author, .incarnation = f->incarnation, .limit = UINT64_MAX};
    return c;
}

/* False: it does not continue the chain, or does not fit. */
static bool append(struct facts *s, struct chain *c, struct span encoded)
{
    struct fact f;
    struct fact_parts parts;
    uint8_t *room = store_room(s, encoded.size);
    if (fact_decode(encoded, &f, &parts) != ERR_OK || f.seq != c->seq + 1 ||
        memcmp(parts.previous, c->head, FACT_HASH_SIZE) != 0 || !room || !store_index_room(s, c))
        return false;
    memcpy(room, encoded.data, encoded.size);
    fact_hash(parts.signed_part, f.hash);
    store_keep(s, c, &f);
    c->durable = c->seq;
    if (s->log.damage.holes > 0 && c->doubted == 0)
        c->doubted = c->seq;
    return true;
}

/* Our own disk: checksummed, so signatures are not checked again, except behind a hole. A fact may come before the one that
 * it continues, where that was lost and written again later, or must come from a neighbour. */
void recovery_record(void *context, uint16_t type, struct span payload)
{
    struct facts *s = context;
    struct fact f;
    struct fact_parts parts;
    struct stray next;
    if (type != RECORD_FACT || fact_decode(payload, &f, &parts) != ERR_OK)
        return;
    struct chain *c = chain_of(s, &f);
    if (!c || f.seq <= c->seq)
        return;
    if (f.seq > c->seq + 1) {
        rot_stray_add(s, &f, payload);
        return;
    }
    if (!append(s, c, payload)) {
        port_trace(s->port, TRACE_REFUSED, f.author, "logged fact %llu does not continue its chain or does not fit",
                   (unsigned long long)f.seq);
        return;
    }
    for (bool fits = true; fits && rot_stray_next(s, c, &next);) {
        fits = append(s, c, span_of(next.encoded, next.size));
        heap_free(s->port->heap, next.encoded);
    }
}

/* ---- limits ------------------------------------------------------------------------------------------------------ */

/* The two facts of a proof at `seq`, which may lie behind the limit; false: no proof lies there. */
static bool proof_at(const struct chain *c, uint64_t seq, struct span proof[2])
{
    const uint8_t *encoded = c->facts[seq - 1 - c->base_count];
    struct fact f;
    struct fact_parts parts;
    if (fact_decode(span_of(encoded, fact_encoded_size(encoded)), &f, &parts) != ERR_OK || f.type != FACT_PROOF)
        return false;
    struct reader r = reader_of(f.body.data, f.body.size);
    proof[0] = read_blob(&r, FACT_BODY_MAX);
    proof[1] = read_blob(&r, FACT_BODY_MAX);
    return reader_at_end(&r);
}

static void chain_cut(struct facts *s, struct chain *c)
{
    uint64_t last = MAX(c->limit, c->base_count);
    if (last >= c->seq)
        return;
    uint8_t head[FACT_HASH_SIZE];
    memcpy(head, chain_hash(c, last), sizeof head);
    memcpy(c->head, head, sizeof head);
    c->cut += c->seq - last;
    s->count -= c->seq - last;
    c->seq = c->durable = last;
}

/* Chains may be added meanwhile: those of members of the roster of whom only a proof was heard. */
static void limits_apply(struct facts *s)
{
    struct span proof[2];
    struct chain *liar;
    uint64_t twice;
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        for (uint64_t seq = c->base_count + 1; seq <= c->seq + c->cut; seq++)
            if (proof_at(c, seq, proof) && store_proof(s, proof[0], proof[1], &liar, &twice) == ERR_OK)
                chain_stop(s, liar, twice - 1);
    }
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n))
        chain_cut(s, map_value(n));
}

/* Others may know a liar only by a proof that was left out here with the rest of its author's chain. */
static void proofs_tell(struct facts *s)
{
    struct span proof[2];
    struct chain *liar;
    uint64_t twice;
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        for (uint64_t i = 1; i <= c->cut; i++)
            if (proof_at(c, c->seq + i, proof) && store_proof(s, proof[0], proof[1], &liar, &twice) == ERR_OK &&
                (liar->proven == 0 || liar->proven > twice))
                s->handlers.equivocation(s->handlers.context, liar->author, proof[0], proof[1]);
    }
}

/* ---- the fold ------------------------------------------------------------------------------------------------------ */

static void genesis_take(struct facts *s)
{
    struct reader r = reader_of(s->config.genesis.data, s->config.genesis.size);
    while (reader_left(&r) > 0) {
        struct span encoded = read_blob(&r, FACT_ENCODED_MAX);
        struct fact f;
        struct chain *c;
        if (!reader_ok(&r) || facts_take(s, encoded, &f, &c) >= TAKE_EARLY) {
            port_trace(s->port, TRACE_REFUSED, NODE_ROOT, "genesis is damaged or of another mission");
            return;
        }
    }
}

static void finish(struct facts *s)
{
    s->folding = false;
    genesis_take(s);
    s->ready = true;
    rot_begin(s);
    s->pushed = s->own ? s->own->durable : 0;
    s->handlers.ready(s->handlers.context);
    proofs_tell(s);
    sync_begin(s);
}

static struct chain *chain_from(const struct facts *s, uint64_t key)
{
    uint8_t bytes[8];
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u64_be(&w, key);
    struct map_node *n = map_seek(&s->chains, writer_span(&w));
    return n ? map_value(n) : NULL;
}

static void fold_one(struct facts *s, const struct chain *c, uint64_t seq)
{
    struct fact f;
    struct fact_parts parts;
    if (fact_decode(chain_encoded(c, seq), &f, &parts) != ERR_OK)
        return; /* it was decoded when it was read */
    memcpy(f.hash, chain_hash(c, seq), sizeof f.hash);
    store_fold(s, &f);
}

/* Behind a hole the log might hold what only looks like a record of ours. What cannot be checked yet waits for its key. */
static bool doubt_settled(struct facts *s, struct chain *c, uint64_t seq)
{
    struct fact f;
    struct fact_parts parts;
    if (c->doubted == 0 || seq < c->doubted)
        return true;
    if (c->key_known && fact_decode(chain_encoded(c, seq), &f, &parts) == ERR_OK &&
        s->config.crypto.verify(s->config.crypto.context, c->public_key, parts.signed_part, parts.signature))
        return true;
    for (uint64_t i = seq; i <= c->seq && !c->key_known; i++)
        if (fact_decode(chain_encoded(c, i), &f, &parts) == ERR_OK)
            rot_stray_add(s, &f, chain_encoded(c, i));
    chain_shorten(s, c, seq - 1);
    return false;
}

/* In pieces: a step of a node must end. */
static void fold_some(struct facts *s)
{
    struct chain *c;
    for (size_t left = FOLDS_PER_STEP; (c = chain_from(s, s->fold_key)); s->fold_key = chain_key(c->author, c->incarnation) + 1) {
        if (chain_key(c->author, c->incarnation) != s->fold_key) {
            s->fold_key = chain_key(c->author, c->incarnation);
            s->fold_seq = 0;
        }
        for (s->fold_seq = MAX(s->fold_seq, c->base_count); s->fold_seq < c->seq; left--) {
            if (left == 0) {
                port_alarm(s->port, s->port->now.mono);
                return;
            }
            if (doubt_settled(s, c, s->fold_seq + 1))
                fold_one(s, c, ++s->fold_seq);
        }
        s->fold_seq = 0;
        if (c->author == NODE_ROOT)
            limits_apply(s); /* now all keys are known */
    }
    finish(s);
}

void recovery_end(void *context)
{
    struct facts *s = context;
    limits_apply(s);
    s->folding = true;
    fold_some(s);
}

void recovery_alarm(struct facts *s)
{
    if (s->folding)
        fold_some(s);
}
