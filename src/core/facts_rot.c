/*
 * core/facts_rot.c - when the log of facts has lost records: what is kept, when the node may publish again, how the log heals.
 *
 * Story:    facts read behind a hole whose predecessors are missing wait as strays; neighbours send what is missing, as after any
 *           gap, and the strays follow. Meanwhile nothing is published: the lost records may have been our own last facts, and
 *           another fact with one of their sequences would prove us a liar. Publishing goes on when no stray of our own is
 *           left, and the neighbours have shown how much of our chain they hold, and we hold as much. Then the log is made whole: a
 *           census finds which facts it lacks, these are appended, and when they are durable the holes are covered.
 *           A hole that a pass finds in the log of a running node heals in the same way, without any neighbour.
 * Limits:   a node that cannot reach anybody holds for as long (unless it is the only member); a neighbour that claims more of our
 *           chain than it can show delays by HOLD_PATIENCE, if there is another.
 */
#include <string.h>

#include "core/facts_private.h"

#define HOLD_PATIENCE (30 * NS_PER_S)

struct seen { /* value of rot.seen: of one chain, sequences first..last */
    uint8_t *bits;
    uint64_t first, last;
};

void rot_open(struct facts *s)
{
    map_init(&s->rot.strays, s->port->heap, sizeof(struct stray));
    map_init(&s->rot.seen, s->port->heap, sizeof(struct seen));
}

/* ---- strays ------------------------------------------------------------------------------------------------------- */

void rot_stray_add(struct facts *s, const struct fact *f, struct span encoded)
{
    uint8_t key[EARLY_KEY], *copy = heap_alloc_unset(s->port->heap, encoded.size);
    bool added = false;
    struct stray *stray = copy ? map_put(&s->rot.strays, early_key(f->author, f->incarnation, f->seq, key), &added) : NULL;
    if (!added) {
        heap_free(s->port->heap, copy);
        return;
    }
    memcpy(copy, encoded.data, encoded.size);
    *stray = (struct stray){copy, encoded.size};
}

bool rot_stray_next(struct facts *s, const struct chain *c, struct stray *out)
{
    uint8_t key[EARLY_KEY];
    if (s->rot.strays.count == 0)
        return false;
    struct span k = early_key(c->author, c->incarnation, c->seq + 1, key);
    const struct stray *stray = map_find(&s->rot.strays, k);
    if (!stray)
        return false;
    *out = *stray;
    map_remove(&s->rot.strays, k);
    return true;
}

bool rot_stray_take(struct facts *s, struct chain *c)
{
    struct stray stray;
    struct fact f;
    struct chain *taken;
    if (!c->key_known || !rot_stray_next(s, c, &stray))
        return false;
    s->rot.readmitting = true;
    enum take result = facts_take(s, span_of(stray.encoded, stray.size), &f, &taken);
    s->rot.readmitting = false;
    heap_free(s->port->heap, stray.encoded);
    if (result == TAKE_ACCEPTED)
        port_probe(s->port, PROBE_FACT_STRAY_USED);
    return result == TAKE_ACCEPTED;
}

static bool stray_waits(struct facts *s, const struct chain *c)
{
    uint8_t key[EARLY_KEY];
    struct map_node *n = s->rot.strays.count > 0 ? map_seek(&s->rot.strays, early_key(c->author, c->incarnation, c->seq + 1, key)) : NULL;
    return n && memcmp(map_key(n).data, key, 8) == 0;
}

/* ---- holding ------------------------------------------------------------------------------------------------------ */

static bool alone(const struct facts *s)
{
    if (s->config.roster && s->config.roster->count > 1)
        return false;
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        if (c->author != NODE_ROOT && c->author != s->config.self)
            return false;
    }
    return true;
}

/* Has somebody shown what it holds of our chain, and has everybody else who is in touch had time to? */
static bool head_shown(const struct facts *s)
{
    bool any = false, waits = false;
    for (struct map_node *n = map_first(&s->peers); n; n = map_next(&s->peers, n)) {
        const struct peer *p = map_value(n);
        any = any || p->shown;
        waits = waits || (!p->shown && s->port->now.mono < p->up_at + HOLD_PATIENCE + 2 * facts_way(s, p->id));
    }
    return any && !waits;
}

static void heal(struct facts *s);

static void hold_check(struct facts *s)
{
    if (!s->rot.held || !s->own || stray_waits(s, s->own) || !(alone(s) || head_shown(s)))
        return;
    s->rot.held = false;
    port_gauge(s->port, METRIC_PUBLISH_HELD, 0);
    port_probe(s->port, PROBE_PUBLISH_RESUMED);
    port_trace(s->port, TRACE_FACTS_WHOLE, NODE_NONE, "our chain of facts is whole at %llu: publishes again",
               (unsigned long long)s->own->seq);
    heal(s);
}

void rot_shown(struct facts *s, node_id peer, uint64_t seq)
{
    struct peer *p = s->rot.held ? map_find_u64(&s->peers, peer) : NULL;
    if (!p)
        return;
    p->shown = seq <= s->own->seq;
    hold_check(s);
}

void rot_link_up(struct facts *s, node_id peer)
{
    if (s->rot.held && s->own)
        sync_ask_own(s, peer);
}

void rot_alarm(struct facts *s)
{
    if (!s->rot.held || !s->own)
        return;
    for (struct map_node *n = map_first(&s->peers); n; n = map_next(&s->peers, n))
        sync_ask_own(s, (node_id)map_key_u64(n));
    hold_check(s);
}

void rot_begin(struct facts *s)
{
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n))
        sync_drain(s, map_value(n));
    if (s->log.damage.holes == 0)
        return;
    s->rot.held = true;
    port_gauge(s->port, METRIC_PUBLISH_HELD, 1);
    port_trace(s->port, TRACE_LOG_ROT, NODE_NONE, "facts may be missing: publishes nothing until a neighbour has shown our chain");
    rot_alarm(s);
}

/* ---- healing the log ---------------------------------------------------------------------------------------------- */

static void census_clear(struct facts *s)
{
    for (struct map_node *n = map_first(&s->rot.seen); n; n = map_next(&s->rot.seen, n)) {
        const struct seen *seen = map_value(n);
        heap_free(s->port->heap, seen->bits);
    }
    map_clear(&s->rot.seen);
}

static bool census_begin(struct facts *s)
{
    census_clear(s);
    for (struct map_node *n = map_first(&s->chains); n; n = map_next(&s->chains, n)) {
        const struct chain *c = map_value(n);
        uint64_t count = c->durable > c->base_count ? c->durable - c->base_count : 0;
        uint8_t *bits = count > 0 ? heap_alloc(s->port->heap, (size_t)(count + 7) / 8) : NULL;
        struct seen *seen = bits ? map_put_u64(&s->rot.seen, chain_key(c->author, c->incarnation), NULL) : NULL;
        if (!seen)
            heap_free(s->port->heap, bits);
        if (!seen && count > 0)
            return false;
        if (seen)
            *seen = (struct seen){bits, c->base_count + 1, c->base_count + count};
    }
    return log_pass_begin(&s->log, LOG_PASS_CENSUS);
}

/* Begins to make the log whole; what hinders it now (a pass under way, no memory) is met again by the next check. */
static void heal(struct facts *s)
{
    if (!s->rot.held && s->log.damage.holes > 0 && !census_begin(s))
        census_clear(s);
}

void rot_census(void *context, uint16_t type, struct span payload)
{
    struct facts *s = context;
    struct fact f;
    struct fact_parts parts;
    if (type != RECORD_FACT || fact_decode(payload, &f, &parts) != ERR_OK)
        return;
    struct seen *seen = map_find_u64(&s->rot.seen, chain_key(f.author, f.incarnation));
    if (seen && f.seq >= seen->first && f.seq <= seen->last)
        seen->bits[(f.seq - seen->first) / 8] |= (uint8_t)(1u << (f.seq - seen->first) % 8);
}

/* Appends the facts of a chain that the census did not find. */
static err restore(struct facts *s, const struct chain *c, const struct seen *seen)
{
    for (uint64_t seq = seen->first; seq <= MIN(seen->last, c->seq); seq++)
        if (!(seen->bits[(seq - seen->first) / 8] >> (seq - seen->first) % 8 & 1))
            TRY(log_append(&s->log, RECORD_FACT, chain_encoded(c, seq), &s->rot.appended));
    return ERR_OK;
}

static void cover(struct facts *s)
{
    s->rot.telling = false;
    (void)log_pass_begin(&s->log, LOG_PASS_FILL);
}

static void census_end(struct facts *s)
{
    err e = ERR_OK;
    s->rot.appended = 0;
    for (struct map_node *n = map_first(&s->rot.seen); n && e == ERR_OK; n = map_next(&s->rot.seen, n)) {
        uint64_t key = map_key_u64(n);
        const struct chain *c = facts_chain(s, (node_id)(key >> 32), (uint32_t)key);
        if (c)
            e = restore(s, c, map_value(n));
    }
    census_clear(s);
    s->rot.telling = e == ERR_OK && s->rot.appended > s->log.durable_index;
    if (e == ERR_OK && !s->rot.telling)
        cover(s);
}

void rot_durable(struct facts *s, uint64_t index)
{
    if (s->rot.telling && index >= s->rot.appended)
        cover(s);
}

void rot_passed(void *context, enum log_pass_kind kind, bool whole)
{
    struct facts *s = context;
    if (kind == LOG_PASS_CENSUS) {
        census_end(s);
    } else if (kind == LOG_PASS_FILL && whole) {
        s->log.damage.holes = 0;
        port_probe(s->port, PROBE_LOG_HEALED);
        port_trace(s->port, TRACE_LOG_HEALED, NODE_NONE, "the log of facts is whole again");
    } else if (kind == LOG_PASS_CHECK && !whole && !s->rot.held) {
        port_trace(s->port, TRACE_LOG_ROT, NODE_NONE, "the log of facts has lost records: writes them again");
        s->log.damage.holes = MAX(s->log.damage.holes, 1u);
        heal(s);
    }
}
