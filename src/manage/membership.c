#include <string.h>

#include "base/hash.h"
#include "base/mutation.h"
#include "manage/manage_private.h"
#include "orbit/sky.h"

static uint64_t pair_key(node_id member, node_id observer)
{
    return (uint64_t)member << 32 | observer;
}

static const struct member of_the_roster = {.incarnation = ROSTER_INCARNATION}; /* admitted, and nothing since */

const struct member *member_find(const struct manage *m, node_id id)
{
    const struct member *found = map_find_u64(&m->members, id);
    return found                                      ? found
           : roster_find(m->port->view->roster, id) ? &of_the_roster
                                                      : NULL;
}

struct member *member_get(struct manage *m, node_id id)
{
    const struct roster *roster = m->port->view->roster;
    struct member *found = map_find_u64(&m->members, id);
    bool known = roster_find(roster, id) != NULL;
    if (found || (!known && m->members.count >= m->port->view->capacity))
        return found;
    struct member *fresh = map_put_u64(&m->members, id, NULL);
    if (fresh && known)
        *fresh = of_the_roster;
    return fresh;
}

static bool is_plain(const struct manage *m, node_id id, const struct member *v)
{
    return roster_find(m->port->view->roster, id) && memcmp(v, &of_the_roster, sizeof *v) == 0;
}

struct suspicion *suspicion_find(const struct manage *m, node_id member, node_id observer)
{
    return map_find_u64(&m->suspicions, pair_key(member, observer));
}

size_t suspicion_count(const struct manage *m, node_id member, struct cited *cited, size_t most)
{
    const struct member *about = member_find(m, member);
    uint8_t first[8];
    struct writer w = writer_of(first, sizeof first);
    write_u64_be(&w, pair_key(member, 0));
    size_t count = 0;
    for (struct map_node *n = map_seek(&m->suspicions, span_of(first, 8)); n && count < most; n = map_next(&m->suspicions, n)) {
        const struct suspicion *s = map_value(n);
        node_id observer = (node_id)map_key_u64(n);
        if (map_key_u64(n) >> 32 != member)
            break;
        const struct member *by = member_find(m, observer);
        bool counts = about && by && !s->withdrawn && s->life == about->life && by->convicted_lives <= by->life &&
                      by->left_incarnation < by->incarnation && by->proof_incarnation < by->incarnation;
        if (counts)
            cited[count++] = (struct cited){observer, s->incarnation, s->seq};
    }
    return count;
}

enum member_state member_state_of(const struct manage *m, node_id id, const struct member *member)
{
    struct cited cited[1];
    if (member->left_incarnation >= member->incarnation)
        return MEMBER_LEFT;
    if (member->proof_incarnation >= member->incarnation)
        return MEMBER_QUARANTINED;
    if (member->convicted_lives > member->life)
        return MEMBER_CONVICTED;
    return suspicion_count(m, id, cited, 1) > 0 ? MEMBER_SUSPECT : MEMBER_ALIVE;
}

static enum probe_id edge_of(enum member_state before, enum member_state now)
{
    enum { STATES = MEMBER_LEFT + 1 };
    static const uint8_t edges[STATES][STATES] = {
#define EDGE(machine, from, to) EDGE_##machine(from, to)
#define EDGE_MEMBER(from, to) [MEMBER_##from][MEMBER_##to] = PROBE_MEMBER_##from##_##to,
#define EDGE_HEALTH(from, to)
#define EDGE_LINK(from, to)
#define EDGE_RUN(from, to)
#define EDGE_PUT(from, to)
#define EDGE_GET(from, to)
#include "core/probe.def"
    };
    return (enum probe_id)edges[before][now]; /* EDGE_UNKNOWN is zero */
}

static void state_trace(struct manage *m, node_id id, enum member_state before, enum member_state now)
{
    struct port *p = m->port;
    const char *name = view_name(p->view, id);
    if (now == MEMBER_CONVICTED) {
        port_count(p, METRIC_CONVICTIONS, 1);
        port_trace(p, TRACE_CONVICT, id, "%s is convicted: treated as dead", name);
    } else if (now == MEMBER_QUARANTINED) {
        port_trace(p, TRACE_QUARANTINE, id, "%s signed two facts with one sequence", name);
    } else if (before == MEMBER_CONVICTED && (now == MEMBER_ALIVE || now == MEMBER_SUSPECT)) {
        port_trace(p, TRACE_RETURN, id, "%s is back", name);
    }
}

void member_refresh(struct manage *m, node_id id)
{
    const struct member *member = member_find(m, id);
    if (!view_knows(m->port->view, id) || !member || member->incarnation == 0)
        return;
    enum member_state before = view_state(m->port->view, id), now = member_state_of(m, id, member);
    if (before == now)
        return;
    view_set_state(m->port->view, id, now);
    if (m->ready) {
        port_probe(m->port, edge_of(before, now));
        state_trace(m, id, before, now);
    }
    port_member_changed(m->port, id);
}

/* A member that stops or starts to count as an observer changes what its suspicions are worth. */
static void observed_refresh(struct manage *m, node_id observer)
{
    if (m->suspicions.count == 0)
        return;
    for (struct map_node *n = map_first(&m->suspicions); n; n = map_next(&m->suspicions, n))
        if ((node_id)map_key_u64(n) == observer)
            member_refresh(m, (node_id)(map_key_u64(n) >> 32));
}

static void refresh_both(struct manage *m, node_id id)
{
    member_refresh(m, id);
    observed_refresh(m, id);
}

static void refuse(struct manage *m, const struct fact *f, const char *why)
{
    port_trace(m->port, TRACE_REFUSED, f->author, "%s fact of node %u: %s", fact_type_name(f->type), f->author, why);
}

/* ---- the fold --------------------------------------------------------------------------------------------------- */

static void proofs_retry(struct manage *m);

static void fold_join(struct manage *m, const struct fact *f)
{
    struct manage_join join;
    if (f->author != NODE_ROOT || manage_join_decode(f->body, &join) != ERR_OK) {
        refuse(m, f, "not by the root, or malformed");
        return;
    }
    struct member *member = member_get(m, join.node);
    struct view_member *row = view_find(m->port->view, join.node);
    bool beyond = !row && roster_find(m->port->view->roster, join.node); /* the scope: keeps the name it joined with */
    if (!member || (!row && !beyond && view_add(m->port->view, join.node, &row) != ERR_OK)) {
        refuse(m, f, "the table of members is full");
        return;
    }
    if (join.incarnation >= member->incarnation) {
        member->incarnation = join.incarnation;
    }
    if (row)
        row->neighbour = neighbour_find(m, join.node) != NULL;
    if (row && join.incarnation >= row->incarnation) {
        memcpy(row->name, join.name, sizeof row->name);
        row->role = join.role;
        row->incarnation = join.incarnation;
        memcpy(row->public_key, join.public_key, sizeof row->public_key);
        row->plane = join.plane;
        row->batch = join.batch;
    }
    view_set_state(m->port->view, join.node, member_state_of(m, join.node, member));
    port_member_changed(m->port, join.node);
    observed_refresh(m, join.node);
    facts_key_add(m->port->facts, join.node, join.incarnation, join.public_key);
    proofs_retry(m);
}

static void fold_leave(struct manage *m, const struct fact *f)
{
    struct leave leave;
    struct member *member = NULL;
    if (f->author != NODE_ROOT || leave_read(f->body, &leave) != ERR_OK || !(member = member_get(m, leave.node))) {
        refuse(m, f, "not by the root, malformed, or no room");
        return;
    }
    member->left_incarnation = MAX(member->left_incarnation, leave.incarnation);
    refresh_both(m, leave.node);
}

static bool is_newer(const struct suspicion *s, const struct fact *f)
{
    return f->incarnation > s->incarnation || (f->incarnation == s->incarnation && f->seq > s->seq);
}

static void fold_suspect(struct manage *m, const struct fact *f)
{
    struct suspect v;
    if (suspect_read(f->body, &v) != ERR_OK || v.node == f->author || !member_get(m, v.node)) {
        refuse(m, f, "malformed, about itself, or no room");
        return;
    }
    struct suspicion *s = map_put_u64(&m->suspicions, pair_key(v.node, f->author), NULL);
    if (!s || !is_newer(s, f))
        return;
    *s = (struct suspicion){f->incarnation, f->seq, v.life, v.withdrawn};
    member_refresh(m, v.node);
    detector_fact(m, v.node);
}

static void return_want(struct manage *m)
{
    const struct member *self = member_find(m, m->port->config->self);
    if (!self || !m->ready)
        return;
    m->return_wanted = MAX(self->life, self->convicted_lives) + 1;
    membership_retry(m);
}

static void fold_convict(struct manage *m, const struct fact *f)
{
    struct convict v;
    struct member *member = NULL;
    if (convict_read(f->body, &v) != ERR_OK || v.node == f->author || !(member = member_get(m, v.node))) {
        refuse(m, f, "malformed, about itself, or no room");
        return;
    }
    member->convicted_lives = MAX(member->convicted_lives, v.life + 1);
    refresh_both(m, v.node);
    if (v.node == m->port->config->self && member->convicted_lives > member->life) {
        if (m->ready)
            port_probe(m->port, PROBE_WRONGLY_CONVICTED);
        return_want(m);
    }
}

static void fold_return(struct manage *m, const struct fact *f)
{
    struct comeback v;
    struct member *member = NULL;
    if (comeback_read(f->body, &v) != ERR_OK || !(member = member_get(m, f->author))) {
        refuse(m, f, "malformed, or no room");
        return;
    }
    if (v.life > member->life)
        detector_returned(m, f->author);
    member->life = MAX(member->life, v.life);
    member->boot = MAX(member->boot, v.boot);
    refresh_both(m, f->author);
}

/* ERR_NOT_FOUND: not yet. Anything else is final. */
static err proof_apply(struct manage *m, struct span a, struct span b)
{
    node_id author;
    struct reader r = reader_of(a.data, a.size);
    TRY(facts_proof(m->port->facts, a, b, &author));
    read_span(&r, 8);
    uint32_t incarnation = read_u32(&r);
    struct member *member = reader_ok(&r) ? member_get(m, author) : NULL;
    if (MUTATION(LIAR_BELIEVED))
        return ERR_OK;
    if (!member)
        return ERR_FULL;
    member->proof_incarnation = MAX(member->proof_incarnation, incarnation);
    refresh_both(m, author);
    return ERR_OK;
}

static void proofs_retry(struct manage *m)
{
    for (struct proof **at = &m->proofs; *at;) {
        struct proof *p = *at;
        if (proof_apply(m, p->a, p->b) == ERR_NOT_FOUND) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        heap_free(m->port->heap, p);
    }
}

static void fold_proof(struct manage *m, const struct fact *f)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    struct span a = read_blob(&r, FACT_BODY_MAX), b = read_blob(&r, FACT_BODY_MAX);
    err e = reader_at_end(&r) ? proof_apply(m, a, b) : ERR_INVALID;
    if (e == ERR_NOT_FOUND) {
        struct proof *p = heap_alloc(m->port->heap, sizeof *p);
        if (!p)
            return;
        *p = (struct proof){m->proofs, a, b};
        m->proofs = p;
    } else if (e != ERR_OK) {
        refuse(m, f, "proves nothing");
    }
}

void manage_fact(struct manage *m, const struct fact *f)
{
    switch (f->type) {
    case FACT_JOIN:
        fold_join(m, f);
        break;
    case FACT_LEAVE:
        fold_leave(m, f);
        break;
    case FACT_SUSPECT:
        fold_suspect(m, f);
        break;
    case FACT_CONVICT:
        fold_convict(m, f);
        break;
    case FACT_RETURN:
        fold_return(m, f);
        break;
    case FACT_PROOF:
        fold_proof(m, f);
        break;
    default:
        break;
    }
}

/* ---- what this node says of itself and of liars ------------------------------------------------------------------- */

void membership_retry(struct manage *m)
{
    const struct member *self = m->return_wanted ? member_find(m, m->port->config->self) : NULL;
    if (!self || self->incarnation == 0)
        return;
    uint8_t body[16];
    struct writer w = writer_of(body, sizeof body);
    comeback_write(&w, &(struct comeback){m->port->config->boot, m->return_wanted});
    if (facts_publish(m->port->facts, FACT_RETURN, writer_span(&w), NULL) == ERR_OK)
        m->return_wanted = 0;
}

void manage_equivocation(struct manage *m, node_id author, struct span fact_a, struct span fact_b)
{
    size_t size = 8 + fact_a.size + fact_b.size; /* always news: the chain now ends earlier than any proof before said */
    if (!m->ready || size > FACT_BODY_MAX)
        return;
    uint8_t *body = heap_alloc(m->port->heap, size);
    if (!body)
        return;
    struct writer w = writer_of(body, size);
    write_blob(&w, fact_a);
    write_blob(&w, fact_b);
    err e = facts_publish(m->port->facts, FACT_PROOF, writer_span(&w), NULL);
    if (e != ERR_OK)
        port_trace(m->port, TRACE_REFUSED, author, "a proof could not be published: %s", err_text(e));
    heap_free(m->port->heap, body);
}

/* ---- opening, digest, check ------------------------------------------------------------------------------------------ */

err manage_open(struct manage **out, struct port *port)
{
    struct manage *m = heap_alloc(port->heap, sizeof *m);
    if (!m)
        return ERR_NO_MEMORY;
    m->port = port;
    m->beat_at = TIME_NEVER;
    map_init(&m->members, port->heap, sizeof(struct member));
    map_init(&m->suspicions, port->heap, sizeof(struct suspicion));
    *out = m;
    return ERR_OK;
}

void manage_ready(struct manage *m)
{
    const struct config *c = m->port->config;
    const struct member *self = member_find(m, c->self);
    m->ready = true;
    m->started_at = m->port->now.mono;
    /* Nodes that start together do not beat together. */
    m->beat_at = m->started_at + (duration_ns)rng_below(&m->port->rng, (uint64_t)c->heartbeat_ns) + 1;
    port_alarm(m->port, m->beat_at);
    size_t count = 0;
    const uint32_t *peers = m->port->sky ? sky_peers(m->port->sky, c->self, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        neighbour_get(m, peers[i]);
    if (self && (c->boot > 1 || self->convicted_lives > self->life))
        return_want(m);
}

void manage_alarm(struct manage *m)
{
    if (!m->ready)
        return;
    if (m->port->now.mono >= m->beat_at) {
        if (m->port->now.mono - m->beat_at > m->port->config->heartbeat_ns)
            detector_overslept(m);
        while (m->beat_at <= m->port->now.mono)
            m->beat_at += m->port->config->heartbeat_ns;
        membership_retry(m);
        status_beat(m);
    }
    detector_tick(m);
    port_alarm(m->port, m->beat_at);
}

uint64_t manage_digest(const struct manage *m)
{
    uint64_t digest = 0;
    for (struct map_node *n = map_first(&m->members); n; n = map_next(&m->members, n)) {
        const struct member *v = map_value(n);
        if (is_plain(m, (node_id)map_key_u64(n), v))
            continue; /* a record or none: the same */
        digest = hash_mix(digest, map_key_u64(n));
        digest = hash_mix(digest, (uint64_t)v->incarnation << 32 | v->left_incarnation);
        digest = hash_mix(digest, (uint64_t)v->proof_incarnation << 32 | v->life);
        digest = hash_mix(digest, (uint64_t)v->convicted_lives << 32 | v->boot);
        digest = hash_mix(digest, v->incarnation ? (uint64_t)member_state_of(m, (node_id)map_key_u64(n), v) : 99);
    }
    for (struct map_node *n = map_first(&m->suspicions); n; n = map_next(&m->suspicions, n)) {
        const struct suspicion *s = map_value(n);
        digest = hash_mix(digest, map_key_u64(n));
        digest = hash_mix(digest, s->seq ^ (uint64_t)s->incarnation << 48);
        digest = hash_mix(digest, (uint64_t)s->life << 1 | s->withdrawn);
    }
    return digest;
}

bool manage_check(const struct manage *m)
{
    for (struct map_node *n = map_first(&m->members); n; n = map_next(&m->members, n)) {
        const struct member *v = map_value(n);
        node_id id = (node_id)map_key_u64(n);
        const struct view_member *row = view_find(m->port->view, id);
        if (view_knows(m->port->view, id) != (v->incarnation > 0))
            return false;
        if (v->incarnation > 0 && view_state(m->port->view, id) != member_state_of(m, id, v))
            return false;
        if (row && row->incarnation != v->incarnation)
            return false;
    }
    return m->health <= HEALTH_SURVIVAL && neighbours_check(m);
}
