#include <string.h>

#include "base/hash.h"
#include "core/facts_private.h"

#define CLOCK_AHEAD_MAX (NS_PER_HOUR)
enum { BLOCK_FIRST = 16 * 1024, BLOCK_MOST = 1024 * 1024 };

const char *fact_type_name(uint16_t type)
{
    switch (type) {
#define FACT(name, number, owner, text)                                                                                        \
    case number:                                                                                                               \
        return #name;
#include "core/fact.def"
#undef FACT
    default:
        return "?";
    }
}

enum service fact_owner(uint16_t type)
{
    switch (type) {
#define FACT(name, number, owner, text)                                                                                        \
    case number:                                                                                                               \
        return SERVICE_##owner;
#include "core/fact.def"
#undef FACT
    default:
        return SERVICE_NONE;
    }
}

/* ---- chains -------------------------------------------------------------------------------------------------- */

uint64_t chain_key(node_id author, uint32_t incarnation)
{
    return (uint64_t)author << 32 | incarnation;
}

struct chain *facts_chain(const struct facts *s, node_id author, uint32_t incarnation)
{
    return map_find_u64(&s->chains, chain_key(author, incarnation));
}

uint64_t chain_valid(const struct chain *c)
{
    return MIN(c->seq, c->limit);
}

uint64_t chain_tellable(const struct facts *s, const struct chain *c)
{
    return c == s->own ? MIN(c->durable, c->limit) : chain_valid(c);
}

struct span chain_encoded(const struct chain *c, uint64_t seq)
{
    ASSERT(seq > 0 && seq <= c->seq);
    const uint8_t *encoded = seq <= c->base_count ? c->base[seq - 1] : c->facts[seq - 1 - c->base_count];
    return span_of(encoded, fact_encoded_size(encoded));
}

const uint8_t *chain_hash(const struct chain *c, uint64_t seq)
{
    static const uint8_t zeros[FACT_HASH_SIZE];
    if (seq == 0)
        return zeros;
    return seq == c->seq ? c->head : chain_encoded(c, seq + 1).data + 40; /* the next fact's "previous" */
}

uint64_t chain_contribution(const struct chain *c, uint64_t seq)
{
    if (seq == 0)
        return 0;
    uint8_t bytes[16 + FACT_HASH_SIZE];
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u64(&w, chain_key(c->author, c->incarnation));
    write_u64(&w, seq);
    write_bytes(&w, chain_hash(c, seq), FACT_HASH_SIZE);
    return hash64(bytes, sizeof bytes);
}

static void contribution_update(struct facts *s, struct chain *c)
{
    uint64_t *bucket = &s->buckets[c->author % FACTS_BUCKETS], before = c->contribution;
    c->contribution = chain_contribution(c, chain_valid(c));
    *bucket += c->contribution - before;
    s->sum += c->contribution - before;
}

void chain_shorten(struct facts *s, struct chain *c, uint64_t seq)
{
    ASSERT(seq >= c->base_count && seq < c->seq);
    uint8_t head[FACT_HASH_SIZE];
    memcpy(head, chain_hash(c, seq), sizeof head);
    memcpy(c->head, head, sizeof head);
    s->count -= c->seq - seq;
    c->seq = c->durable = seq;
    contribution_update(s, c);
}

void chain_stop(struct facts *s, struct chain *c, uint64_t limit)
{
    if (limit >= c->limit)
        return;
    port_probe(s->port, PROBE_FACT_CHAIN_STOPPED);
    c->limit = limit;
    contribution_update(s, c);
    if (s->ready && limit < c->seq) /* the planes folded what is behind: all anew, once the proof is durable */
        s->refold_index = s->log.index;
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* Behind those in the current block; nothing is taken until block_used moves. */
uint8_t *store_room(struct facts *s, size_t size)
{
    if (s->block && s->block_size - s->block_used >= size)
        return s->block + s->block_used;
    size_t next = s->block ? MIN(2 * s->block_size, (size_t)BLOCK_MOST) : BLOCK_FIRST;
    next = MAX(next, size);
    uint64_t most = s->config.memory_max_bytes;
    if (most && s->memory_bytes + size > most)
        return NULL;
    if (most)
        next = (size_t)MAX((uint64_t)size, MIN((uint64_t)next, most - s->memory_bytes));
    uint8_t *block = heap_alloc(s->port->heap, next);
    if (!block)
        return NULL;
    s->block = block;
    s->block_size = next;
    s->block_used = 0;
    s->memory_bytes += next;
    return block;
}

bool store_index_room(struct facts *s, struct chain *c)
{
    size_t have = c->facts ? heap_block_size((const void *)c->facts) : 0;
    if (have >= (c->seq + 1 - c->base_count) * sizeof *c->facts)
        return true;
    const uint8_t **wider = heap_grow(s->port->heap, (void *)c->facts, MAX((size_t)8 * sizeof *wider, 2 * have));
    if (!wider)
        return false;
    s->memory_bytes += heap_block_size((const void *)wider) - have;
    c->facts = wider;
    return true;
}

static bool unsynced_add(struct facts *s, struct chain *c)
{
    if (s->unsynced_count == s->unsynced_capacity) {
        size_t capacity = MAX((size_t)64, 2 * s->unsynced_capacity);
        void *grown = heap_alloc(s->port->heap, capacity * sizeof *s->unsynced);
        if (!grown)
            return false;
        __typeof__(s->unsynced) wider = grown;
        for (size_t i = 0; i < s->unsynced_count; i++)
            wider[i] = s->unsynced[(s->unsynced_head + i) % s->unsynced_capacity];
        heap_free(s->port->heap, s->unsynced);
        s->unsynced = wider;
        s->unsynced_capacity = capacity;
        s->unsynced_head = 0;
    }
    size_t at = (s->unsynced_head + s->unsynced_count++) % s->unsynced_capacity;
    s->unsynced[at].chain = c;
    s->unsynced[at].seq = c->seq + 1;
    s->unsynced[at].index = s->log.index + (s->rot.readmitting ? 0 : 1);
    return true;
}

/* ---- accepting --------------------------------------------------------------------------------------------------- */

void store_keep(struct facts *s, struct chain *c, struct fact *f)
{
    ASSERT(f->seq == c->seq + 1);
    uint8_t *encoded = s->block + s->block_used;
    size_t size = fact_encoded_size(encoded);
    f->body.data = encoded + FACT_HEADER_SIZE;
    s->block_used = MIN(s->block_size, s->block_used + ((size + 7) & ~(size_t)7));
    c->facts[c->seq++ - c->base_count] = encoded;
    memcpy(c->head, f->hash, sizeof c->head);
    contribution_update(s, c);
    s->count++;
    port_gauge(s->port, METRIC_FACTS, s->count);
}

void store_fold(struct facts *s, const struct fact *f)
{
    hlc most = hlc_next(0, s->port->now.wall + CLOCK_AHEAD_MAX);
    s->clock = MAX(s->clock, MIN(f->time, most));
    if (f->author == s->config.self)
        s->clock = MAX(s->clock, f->time);
    struct fact copy = *f;
    s->handlers.accepted(s->handlers.context, &copy);
}

/* A fact that recovery read is in the log already, but counts as durable no earlier than those that it continues. */
static err admit_logged(struct facts *s, struct chain *c, struct fact *f)
{
    if (c->durable == c->seq)
        c->durable++;
    else if (!unsynced_add(s, c))
        return ERR_FULL;
    store_keep(s, c, f);
    store_fold(s, f);
    return ERR_OK;
}

/* Copies to memory, logs, accepts. */
static err admit(struct facts *s, struct chain *c, struct span encoded, struct fact *f)
{
    uint8_t *room = store_room(s, encoded.size);
    uint64_t index;
    if (!room || !store_index_room(s, c))
        return ERR_FULL;
    if (room != encoded.data)
        memcpy(room, encoded.data, encoded.size);
    if (s->rot.readmitting)
        return admit_logged(s, c, f);
    TRY(log_room(&s->log, encoded.size));
    if (!unsynced_add(s, c))
        return ERR_FULL;
    err e = log_append(&s->log, RECORD_FACT, span_of(room, encoded.size), &index);
    if (e != ERR_OK) {
        s->unsynced_count--;
        return e;
    }
    store_keep(s, c, f);
    store_fold(s, f);
    return ERR_OK;
}

static bool signature_good(struct facts *s, const struct chain *c, const struct fact_parts *parts)
{
    return s->config.crypto.verify(s->config.crypto.context, c->public_key, parts->signed_part, parts->signature);
}

static enum take refuse(struct facts *s, const struct fact *f, const char *reason)
{
    port_count(s->port, METRIC_FACTS_REFUSED, 1);
    port_trace(s->port, TRACE_REFUSED, f->author, "fact %u/%u/%llu: %s", f->author, f->incarnation,
               (unsigned long long)f->seq, reason);
    return TAKE_REFUSED;
}

/* The chain of a member of the roster from whom nothing was heard so far, begun by a fact that it signed. */
static struct chain *chain_begin(struct facts *s, node_id author, const struct fact_parts *parts)
{
    const struct roster_member *m = roster_find(s->config.roster, author);
    if (!m || !s->config.crypto.verify(s->config.crypto.context, m->public_key, parts->signed_part, parts->signature))
        return NULL;
    facts_key_add(s, author, ROSTER_INCARNATION, m->public_key);
    return facts_chain(s, author, ROSTER_INCARNATION);
}

/* A fact whose sequence is already held: the same, or a proof of misbehaviour. */
static enum take take_old(struct facts *s, struct chain *c, struct span encoded, const struct fact *f,
                          const struct fact_parts *parts)
{
    struct span have = chain_encoded(c, f->seq);
    uint8_t hash[FACT_HASH_SIZE];
    if (span_equal(have, encoded) || f->seq > c->limit)
        return TAKE_KNOWN;
    fact_hash(parts->signed_part, hash);
    if (memcmp(hash, chain_hash(c, f->seq), sizeof hash) == 0)
        return TAKE_KNOWN; /* the same fact; who re-signs it differently gains nothing */
    if (!signature_good(s, c, parts))
        return refuse(s, f, "bad signature");
    port_probe(s->port, PROBE_FACT_EQUIVOCATION);
    chain_stop(s, c, f->seq - 1);
    s->handlers.equivocation(s->handlers.context, f->author, have, encoded);
    if (s->refold_index > 0)
        s->refold_index = s->log.index; /* the proof, published just now */
    return TAKE_KNOWN;
}

enum take facts_take(struct facts *s, struct span encoded, struct fact *f, struct chain **chain)
{
    struct fact_parts parts;
    *chain = NULL;
    if (fact_decode(encoded, f, &parts) != ERR_OK)
        return refuse(s, f, "malformed");
    struct chain *c = facts_chain(s, f->author, f->incarnation);
    if (!c && f->incarnation == ROSTER_INCARNATION && roster_find(s->config.roster, f->author)) {
        c = chain_begin(s, f->author, &parts);
        if (!c)
            return refuse(s, f, "bad signature, or no memory for its chain");
    }
    *chain = c;
    if (!c || !c->key_known)
        return TAKE_EARLY;
    if (f->seq <= c->seq)
        return take_old(s, c, encoded, f, &parts);
    if (f->seq > c->limit)
        return TAKE_KNOWN;
    if (f->seq > c->seq + 1)
        return TAKE_EARLY;
    if (!signature_good(s, c, &parts))
        return refuse(s, f, "bad signature");
    if (memcmp(parts.previous, c->head, FACT_HASH_SIZE) != 0)
        return TAKE_FORKED;
    fact_hash(parts.signed_part, f->hash);
    return admit(s, c, encoded, f) == ERR_OK ? TAKE_ACCEPTED : TAKE_FULL;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void durable(void *context, uint64_t index)
{
    struct facts *s = context;
    while (s->unsynced_count > 0 && s->unsynced[s->unsynced_head].index <= index) {
        struct chain *c = s->unsynced[s->unsynced_head].chain;
        c->durable = s->unsynced[s->unsynced_head].seq;
        s->unsynced_head = (s->unsynced_head + 1) % s->unsynced_capacity;
        s->unsynced_count--;
    }
    sync_durable(s);
    rot_durable(s, index);
    if (s->refold_index > 0 && index >= s->refold_index && !s->refold_asked) {
        s->refold_asked = true;
        port_trace(s->port, TRACE_REFOLD, NODE_NONE, "a proof cut a chain that was folded further: starts anew");
        port_effect(s->port, &(struct effect){.kind = EFFECT_RESTART});
    }
}

/* The first facts of the root lie in the roster: held, durable, and known to the planes that read it. */
static err roster_take(struct facts *s)
{
    const struct roster *r = s->config.roster;
    struct chain *root = facts_chain(s, NODE_ROOT, 0);
    if (!root)
        return ERR_NO_MEMORY;
    if (!r || r->count == 0)
        return ERR_OK;
    root->base = r->facts;
    root->base_count = root->seq = root->durable = r->count;
    memcpy(root->head, r->head, sizeof root->head);
    contribution_update(s, root);
    s->count += r->count;
    s->clock = MAX(s->clock, r->time_most);
    const struct roster_member *self = roster_find(r, s->config.self);
    if (self && s->config.incarnation == ROSTER_INCARNATION)
        facts_key_add(s, s->config.self, ROSTER_INCARNATION, self->public_key);
    port_gauge(s->port, METRIC_FACTS, s->count);
    return ERR_OK;
}

err facts_open(struct facts **out, struct port *port, const struct facts_config *config, const struct facts_handlers *handlers)
{
    struct facts *s = heap_alloc(port->heap, sizeof *s);
    if (!s)
        return ERR_NO_MEMORY;
    s->port = port;
    s->config = *config;
    s->handlers = *handlers;
    map_init(&s->chains, port->heap, sizeof(struct chain));
    sync_open(s);
    rot_open(s);
    facts_key_add(s, NODE_ROOT, 0, config->root_public_key);
    TRY(roster_take(s));
    *out = s;
    log_open(&s->log, port, AREA_FACTS, port->config->boot,
             &(struct log_handlers){s, recovery_record, recovery_end, durable, rot_census, rot_passed});
    return ERR_OK;
}

/* ---- publishing -------------------------------------------------------------------------------------------------- */

err facts_publish(struct facts *s, enum fact_type type, struct span body, struct fact *out)
{
    struct chain *c = s->own;
    if (body.size > FACT_BODY_MAX)
        return ERR_TOO_LARGE;
    if (!s->ready || !c)
        return ERR_BUSY;
    if (s->rot.held) {
        port_probe(s->port, PROBE_PUBLISH_HELD);
        return ERR_BUSY;
    }
    if (c->limit != UINT64_MAX)
        return ERR_EQUIVOCATION;
    size_t size = body.size + FACT_OVERHEAD;
    TRY(log_room(&s->log, size));
    uint8_t *room = store_room(s, size);
    if (!room)
        return ERR_FULL;
    struct fact f = {.author = s->config.self, .incarnation = s->config.incarnation, .seq = c->seq + 1,
                     .time = facts_clock(s), .cut = facts_digest(s), .type = (uint16_t)type, .body = body,
                     .error_us = (uint32_t)MIN(s->port->now.wall_error_ns / 1000, (uint64_t)UINT32_MAX)};
    TRY(fact_encode(&f, c->head, &s->config.crypto, room));
    TRY(admit(s, c, span_of(room, size), &f));
    if (out)
        *out = f;
    return ERR_OK;
}

void facts_key_add(struct facts *s, node_id author, uint32_t incarnation, const uint8_t public_key[32])
{
    bool added;
    struct chain *c = map_put_u64(&s->chains, chain_key(author, incarnation), &added);
    if (!c)
        return; /* no memory: its facts stay refused, sync tries again */
    if (added)
        *c = (struct chain){.author = author, .incarnation = incarnation, .limit = UINT64_MAX};
    if (c->key_known)
        return;
    memcpy(c->public_key, public_key, sizeof c->public_key);
    c->key_known = true;
    if (author == s->config.self && incarnation == s->config.incarnation && author != NODE_ROOT)
        s->own = c;
    sync_drain(s, c);
}

void facts_author_stop(struct facts *s, node_id author)
{
    const struct roster_member *m = roster_find(s->config.roster, author);
    if (m)
        facts_key_add(s, author, ROSTER_INCARNATION, m->public_key);
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        struct chain *c = map_value(n);
        if (c->author == author)
            chain_stop(s, c, c->seq);
    }
}

err store_proof(struct facts *s, struct span fact_a, struct span fact_b, struct chain **chain, uint64_t *seq)
{
    struct fact a, b;
    struct fact_parts parts_a, parts_b;
    TRY(fact_decode(fact_a, &a, &parts_a));
    TRY(fact_decode(fact_b, &b, &parts_b));
    if (a.author != b.author || a.incarnation != b.incarnation || a.seq != b.seq ||
        span_equal(parts_a.signed_part, parts_b.signed_part))
        return ERR_INVALID;
    struct chain *c = facts_chain(s, a.author, a.incarnation);
    if (!c && a.incarnation == ROSTER_INCARNATION)
        c = chain_begin(s, a.author, &parts_a);
    if (!c || !c->key_known)
        return ERR_NOT_FOUND;
    if (!signature_good(s, c, &parts_a) || !signature_good(s, c, &parts_b))
        return ERR_SIGNATURE;
    *chain = c;
    *seq = a.seq;
    return ERR_OK;
}

err facts_proof(struct facts *s, struct span fact_a, struct span fact_b, node_id *author)
{
    struct chain *c;
    uint64_t seq;
    TRY(store_proof(s, fact_a, fact_b, &c, &seq));
    *author = c->author;
    c->proven = c->proven > 0 ? MIN(c->proven, seq) : seq;
    chain_stop(s, c, seq - 1);
    return ERR_OK;
}

bool facts_refolding(const struct facts *s)
{
    return s->refold_index > 0;
}

/* ---- questions ----------------------------------------------------------------------------------------------------- */

uint64_t facts_digest(const struct facts *s)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < FACTS_BUCKETS; i++)
        digest = hash_mix(digest, s->buckets[i]);
    return digest;
}

uint64_t facts_count(const struct facts *s)
{
    return s->count;
}

/* The chain of an author's latest incarnation. */
static const struct chain *latest(const struct facts *s, node_id author)
{
    const struct chain *found = NULL;
    uint8_t first[8] = {(uint8_t)(author >> 24), (uint8_t)(author >> 16), (uint8_t)(author >> 8), (uint8_t)author};
    for (struct map_node *n = map_seek(&s->chains, span_of(first, 8)); n; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        if (c->author != author)
            break;
        if (c->seq > 0 || !found)
            found = c;
    }
    return found;
}

uint64_t facts_seq_of(const struct facts *s, node_id author)
{
    const struct chain *c = latest(s, author);
    return c ? c->seq : 0;
}

uint64_t facts_chain_seq(const struct facts *s, node_id author, uint32_t incarnation)
{
    const struct chain *c = facts_chain(s, author, incarnation);
    return c ? c->seq : 0;
}

hlc facts_clock(struct facts *s)
{
    s->clock = hlc_next(s->clock, s->port->now.wall);
    return s->clock;
}

struct uid facts_uid(struct facts *s)
{
    struct uid id;
    struct writer w = writer_of(id.bytes, sizeof id.bytes);
    write_u64_be(&w, facts_clock(s)); /* unique within a boot; the boot count tells boots apart */
    write_u32_be(&w, s->config.self);
    write_u32_be(&w, s->port->config->boot);
    return id;
}

static bool get(const struct chain *c, uint64_t seq, struct fact *out)
{
    struct fact_parts parts;
    if (!c || seq == 0 || seq > c->seq)
        return false;
    if (fact_decode(chain_encoded(c, seq), out, &parts) != ERR_OK)
        return false;
    memcpy(out->hash, chain_hash(c, seq), sizeof out->hash);
    return true;
}

bool facts_get(const struct facts *s, node_id author, uint64_t seq, struct fact *out)
{
    return get(latest(s, author), seq, out);
}

bool facts_chain_get(const struct facts *s, node_id author, uint32_t incarnation, uint64_t seq, struct fact *out)
{
    return get(facts_chain(s, author, incarnation), seq, out);
}

/* What the roster holds was checked when it was made. */
static bool chain_check(const struct chain *c)
{
    uint8_t hash[FACT_HASH_SIZE] = {0};
    memcpy(hash, chain_hash(c, c->base_count), sizeof hash);
    for (uint64_t seq = c->base_count + 1; seq <= c->seq; seq++) {
        struct fact f;
        struct fact_parts parts;
        if (fact_decode(chain_encoded(c, seq), &f, &parts) != ERR_OK || f.author != c->author ||
            f.incarnation != c->incarnation || f.seq != seq || memcmp(parts.previous, hash, sizeof hash) != 0)
            return false;
        fact_hash(parts.signed_part, hash);
    }
    return memcmp(hash, c->head, sizeof hash) == 0 && c->durable <= c->seq;
}

bool facts_check(const struct facts *s)
{
    uint64_t count = 0, buckets[FACTS_BUCKETS] = {0};
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        if (!chain_check(c) || c->contribution != chain_contribution(c, chain_valid(c)))
            return false;
        count += c->seq;
        buckets[c->author % FACTS_BUCKETS] += c->contribution;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < FACTS_BUCKETS; i++)
        sum += buckets[i];
    return count == s->count && sum == s->sum && memcmp(buckets, s->buckets, sizeof buckets) == 0;
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

void facts_message(struct facts *s, const struct message *m)
{
    if (s->ready)
        sync_message(s, m);
}

void facts_done(struct facts *s, const struct event_done *done)
{
    log_done(&s->log, done);
}

void facts_alarm(struct facts *s)
{
    log_alarm(&s->log);
    recovery_alarm(s);
    if (s->ready)
        sync_alarm(s);
}
