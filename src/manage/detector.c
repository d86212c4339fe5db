#include "base/mutation.h"
#include "manage/manage_private.h"
#include "orbit/sky.h"

/* Heartbeat intervals, in hundredths. */
enum {
    GUARD = 200,         /* at the edges of a window */
    ACQUISITION = 1500,  /* a link that should stand by now */
    SLACK = 10,          /* on top of the missed heartbeats */
    OWN_FAULT = 205,
    OWN_FAULT_MOST = 3000, /* then others' word decides, as for any suspicion */
    LINK_FAULT = 3000,   /* a status from elsewhere excuses silence for so long */
    SECOND_PUBLISHER = 20,
    LIGHT_CROSSINGS = 4,   /* of a far link: the hello, its answer, ours, the first heartbeat */
    LIVES_ON_BEATS = 3,  /* so many beats younger than what we heard: no echo of its last words */
    LIVES_DIRECTLY = 2,  /* the same, of who heard it with its own ears */
    ASK_AFTER = 215,     /* large missions: of silence */
    ASK_AGAIN = 400,
    ASKED_FAULT = 800,   /* LINK_FAULT where others can be asked again */
    ASKED_MOST = 4,
    LOOK_MOST = 3000,    /* large missions: a neighbour is looked at this often at least */
};

#define ACQUISITION_LASER (120 * NS_PER_S) /* network/plane.h: ACQUIRE_GRACE_NS */

/* Is a word to everybody dear, and are there others to ask? */
static bool is_large(const struct manage *m)
{
    return m->port->view->large && m->port->sky;
}

static duration_ns beats(const struct manage *m, int64_t hundredths)
{
    return m->port->config->heartbeat_ns / 100 * hundredths;
}

/* How long a link that should stand may take to come up: lasers search, as the network plane knows. */
static duration_ns acquisition(const struct manage *m, const struct neighbour *n)
{
    duration_ns laser = is_large(m) ? MAX(ACQUISITION_LASER, m->port->config->acquire_ns) : ACQUISITION_LASER;
    return n->laser ? MAX(beats(m, ACQUISITION), laser) : beats(m, ACQUISITION);
}

static duration_ns patience(const struct manage *m, bool twice)
{
    int64_t missed = m->port->config->heartbeats_missed > 0 ? m->port->config->heartbeats_missed : 3;
    return beats(m, missed * (twice ? 200 : 100) + SLACK) * (MUTATION(DETECTOR_DEAF) ? 10 : 1);
}

void manage_link(struct manage *m, node_id peer, bool up)
{
    struct neighbour *n = neighbour_get(m, peer);
    if (!n)
        return;
    struct neighbour_slot *slot = neighbour_slot(m, peer);
    slot->link_up = up;
    slot->look_at = 0;
    n->link_up = up;
    n->window_linked = n->window_linked || up;
    m->full_due = true;
}

/* ---- what is scheduled --------------------------------------------------------------------------------------------- */

/* Reads the plan up to the next edge, or to where it stops now. */
static void plan_read(const struct manage *m, node_id id, struct neighbour *n)
{
    const struct sky *sky = m->port->sky;
    node_id self = m->port->config->self;
    tai_ns now = m->port->now.wall, plan_end = sky_plan_end(sky);
    const struct contact *c = sky_contact_at(sky, self, id, now), *next = c ? NULL : sky_contact_next(sky, self, id, now);
    n->plan_from = now;
    n->plan_start = c ? c->start : INT64_MIN;
    n->plan_end = c && c->end < plan_end ? c->end : TIME_NEVER;
    n->plan_until = c ? MIN(c->end + (c->end < plan_end), plan_end) : next ? next->start : plan_end;
    n->plan_light = c ? (duration_ns)c->delay_us_mean * NS_PER_US : 0;
    n->laser = c && c->kind == LINK_ISL;
}

/* The contact that the plan shows now; without a sky any pair that was ever linked is in contact for good. */
static bool contact_now(const struct manage *m, node_id id, struct neighbour *n, tai_ns *start, tai_ns *end, duration_ns *light)
{
    *start = 0;
    *end = TIME_NEVER;
    *light = 0;
    if (!m->port->sky)
        return n->window_linked;
    if (m->port->now.wall < n->plan_from || m->port->now.wall >= n->plan_until)
        plan_read(m, id, n);
    *start = n->plan_start;
    *end = n->plan_end;
    *light = n->plan_light;
    return n->plan_start != INT64_MIN;
}

static bool is_scheduled(struct manage *m, node_id id, struct neighbour *n)
{
    const struct now *now = &m->port->now;
    tai_ns start, end;
    duration_ns light;
    if (!contact_now(m, id, n, &start, &end, &light)) {
        n->window = INT64_MIN;
        n->window_linked = n->link_up;
        return false;
    }
    if (start != n->window) {
        n->window = start;
        n->window_at = m->port->sky ? now->mono - time_wall_to_mono(now, now->wall - start) : m->started_at;
        n->window_at = MAX(n->window_at, m->started_at);
        n->window_linked = n->link_up || !m->port->sky;
    }
    light = time_wall_to_mono(now, light);
    n->lag = light > beats(m, 50) ? LIGHT_CROSSINGS * light : 0;
    tai_ns guard = time_mono_to_wall(now, beats(m, GUARD));
    bool inside = now->mono - n->window_at >= beats(m, GUARD) + n->lag && (end == TIME_NEVER || now->wall <= end - guard);
    return inside && (n->window_linked || now->mono - n->window_at >= acquisition(m, n) + n->lag);
}

static void schedule(struct manage *m, node_id id, struct neighbour *n)
{
    if (!is_scheduled(m, id, n))
        n->scheduled_at = TIME_NEVER;
    else if (n->scheduled_at == TIME_NEVER)
        n->scheduled_at = m->port->now.mono;
}

/* Since when nothing came directly. Only for scheduled neighbours. */
static mono_ns unheard_since(const struct neighbour *n)
{
    return (n->heard ? MAX(n->scheduled_at, n->heard_at) : n->scheduled_at) + n->lag;
}

/* From when silence counts. */
static mono_ns silent_since(const struct manage *m, const struct neighbour *n)
{
    mono_ns since = unheard_since(n);
    duration_ns excused = beats(m, is_large(m) ? ASKED_FAULT : LINK_FAULT);
    return n->link_fault ? MAX(since, n->alive_at + excused - patience(m, false)) : since;
}

void detector_overslept(struct manage *m)
{
    port_probe(m->port, PROBE_OVERSLEPT);
    for (size_t i = 0; i < m->around_count; i++) {
        m->around[i].neighbour->scheduled_at = TIME_NEVER;
        m->around[i].look_at = 0;
    }
}

void detector_returned(struct manage *m, node_id node)
{
    struct neighbour *n = neighbour_find(m, node);
    if (!n)
        return;
    n->window_linked = n->link_up;
    n->window_at = m->port->now.mono;
    n->scheduled_at = TIME_NEVER;
    n->link_fault = false;
    neighbour_slot(m, node)->look_at = 0;
}

/* ---- suspicion ------------------------------------------------------------------------------------------------------ */

static bool we_suspect(const struct manage *m, node_id id, const struct member *member)
{
    const struct suspicion *s = suspicion_find(m, id, m->port->config->self);
    return s && !s->withdrawn && s->life == member->life;
}

static void suspect_publish(struct manage *m, node_id id, const struct member *member, bool withdrawn)
{
    uint8_t body[32];
    struct writer w = writer_of(body, sizeof body);
    suspect_write(&w, &(struct suspect){id, member->life, withdrawn, m->port->now.wall});
    if (facts_publish(m->port->facts, FACT_SUSPECT, writer_span(&w), NULL) != ERR_OK)
        return; /* the next beat tries again */
    const char *name = view_name(m->port->view, id);
    if (!withdrawn)
        port_trace(m->port, TRACE_SUSPECT, id, "%s misses scheduled heartbeats", name);
}

static void withdraw(struct manage *m, node_id id)
{
    const struct view *v = m->port->view;
    if (m->suspicions.count == 0 || (view_state(v, id) == MEMBER_ALIVE && view_state(v, v->self) == MEMBER_ALIVE))
        return; /* nobody's suspicion stands, so ours does not */
    const struct member *member = member_find(m, id);
    if (m->ready && member && we_suspect(m, id, member) && member->convicted_lives <= member->life) {
        port_probe(m->port, PROBE_SUSPICION_WITHDRAWN);
        suspect_publish(m, id, member, true);
    }
}

void detector_heard(struct manage *m, node_id peer, struct neighbour *n, uint32_t boot, uint64_t seq)
{
    n->heard = true;
    n->heard_at = m->port->now.mono;
    n->heard_boot = boot;
    n->heard_seq = seq;
    n->link_fault = false;
    n->evidence_at = TIME_NEVER;
    if (n->edge_at > n->heard_at)
        neighbour_slot(m, peer)->look_at = MIN(n->edge_at, n->heard_at + beats(m, 100));
    withdraw(m, peer);
}

/* A word of it that came another way, `beats` younger than what came directly: its link is at fault, not the node. */
static void excuse(struct manage *m, node_id node, struct neighbour *n, uint32_t boot, uint64_t seq, uint64_t younger)
{
    bool lives_on = boot > n->heard_boot || (boot == n->heard_boot && seq >= n->heard_seq + younger);
    if (!lives_on)
        return;
    if (!n->link_fault)
        port_probe(m->port, PROBE_LIFE_SHOWN_ELSEWHERE);
    n->link_fault = true;
    n->alive_at = m->port->now.mono;
    withdraw(m, node);
}

void detector_elsewhere(struct manage *m, node_id node, const struct status *s)
{
    struct neighbour *n = neighbour_find(m, node);
    if (n)
        excuse(m, node, n, s->boot, s->seq, LIVES_ON_BEATS);
}

/* ---- large missions: a doubt is settled among those who should hear the node before thousands learn of it ------------- */

static void heard_send(struct manage *m, node_id to, enum manage_message_type type, const struct heard *heard)
{
    uint8_t body[HEARD_SIZE_MAX];
    struct writer w = writer_of(body, sizeof body);
    heard_write(&w, heard);
    err e = port_send(m->port, &(struct message){.to = to, .type = (uint16_t)type, .body = writer_span(&w), .no_custody = true});
    (void)e; /* no answer: then the suspicion is published */
}

/* Asks those whom the plan shows in contact with it, the lowest ids first: satellites. */
static void others_ask(struct manage *m, node_id id, struct neighbour *n)
{
    const struct port *p = m->port;
    size_t count = 0, asked = 0;
    const uint32_t *peers = sky_peers(p->sky, id, &count);
    n->asked_at = p->now.mono;
    for (size_t i = 0; i < count && asked < ASKED_MOST; i++) {
        if (peers[i] == p->config->self || !view_alive(p->view, peers[i]) || !sky_contact_at(p->sky, id, peers[i], p->now.wall))
            continue;
        heard_send(m, peers[i], MANAGE_ASK, &(struct heard){id, n->heard_boot, n->heard_seq});
        asked++;
    }
}

void detector_asked(struct manage *m, const struct message *message)
{
    struct heard about;
    if (heard_read(message->body, &about) != ERR_OK) {
        port_trace(m->port, TRACE_REFUSED, message->from, "malformed question after a neighbour");
        return;
    }
    const struct neighbour *n = neighbour_find(m, about.node);
    if (n && n->heard && m->port->now.mono - n->heard_at < beats(m, OWN_FAULT))
        heard_send(m, message->from, MANAGE_LIVES, &(struct heard){about.node, n->heard_boot, n->heard_seq});
}

void detector_told(struct manage *m, const struct message *message)
{
    struct heard about;
    const struct port *p = m->port;
    if (heard_read(message->body, &about) != ERR_OK) {
        port_trace(m->port, TRACE_REFUSED, message->from, "malformed answer after a neighbour");
        return;
    }
    struct neighbour *n = neighbour_find(m, about.node);
    bool asked = n && n->asked_at != 0 && p->now.mono - n->asked_at <= beats(m, ASK_AGAIN);
    if (asked && p->sky && sky_contact_at(p->sky, about.node, message->from, p->now.wall))
        excuse(m, about.node, n, about.boot, about.seq, LIVES_DIRECTLY);
}

/* All neighbours look dead at once: it is us. Those known to live are no witnesses either way. */
static bool own_fault(const struct manage *m)
{
    size_t watched = 0;
    for (size_t i = 0; i < m->around_count; i++) {
        const struct neighbour *n = m->around[i].neighbour;
        if (n->scheduled_at == TIME_NEVER || n->link_fault || !view_alive(m->port->view, m->around[i].id))
            continue;
        if (m->port->now.mono - silent_since(m, n) < beats(m, OWN_FAULT))
            return false;
        watched++;
    }
    return watched >= 2;
}

/* ---- conviction ------------------------------------------------------------------------------------------------------ */

static bool we_are_alone(const struct manage *m, node_id id)
{
    const struct port *p = m->port;
    size_t count = 0;
    if (!p->sky)
        return false;
    const uint32_t *peers = sky_peers(p->sky, id, &count);
    for (size_t i = 0; i < count; i++)
        if (peers[i] != p->config->self && view_alive(p->view, peers[i]) && sky_contact_at(p->sky, id, peers[i], p->now.wall))
            return false;
    return true;
}

static void convict(struct manage *m, node_id id, const struct member *member, const struct cited *cited, size_t count)
{
    uint8_t body[16 + CONVICT_CITED_MAX * 16];
    struct writer w = writer_of(body, sizeof body);
    struct convict v = {.node = id, .life = member->life, .count = count};
    for (size_t i = 0; i < count; i++)
        v.cited[i] = cited[i];
    if (MUTATION(CONVICT_UNFOUNDED))
        v.cited[0].seq = v.cited[0].seq > 1 ? v.cited[0].seq - 1 : 2;
    convict_write(&w, &v);
    err e = facts_publish(m->port->facts, FACT_CONVICT, writer_span(&w), NULL);
    (void)e; /* refused (disk full): the next beat tries again, or the other observer has the room */
}

static void convict_when_due(struct manage *m, node_id id, struct neighbour *n)
{
    struct cited cited[CONVICT_CITED_MAX];
    const struct member *member = member_find(m, id);
    mono_ns now = m->port->now.mono;
    if (!member || !view_alive(m->port->view, id) || !we_suspect(m, id, member))
        return;
    size_t count = suspicion_count(m, id, cited, CONVICT_CITED_MAX);
    if (count >= 2) {
        n->evidence_at = MIN(n->evidence_at, now);
        mono_ns due = cited[0].observer == m->port->config->self ? now : n->evidence_at + beats(m, SECOND_PUBLISHER);
        if (now >= due && cited[0].observer != m->port->config->self)
            port_probe(m->port, PROBE_CONVICTED_BY_SECOND);
        if (now >= due)
            convict(m, id, member, cited, count);
        else
            port_alarm(m->port, due);
    } else if (count == 1 && n->scheduled_at != TIME_NEVER && we_are_alone(m, id)) {
        /* A link that broke is a second sign; on one that stands, heartbeats alone may have been lost. */
        mono_ns due = silent_since(m, n) + patience(m, n->link_up);
        if (now >= due)
            port_probe(m->port, PROBE_CONVICTED_ALONE);
        if (now >= due)
            convict(m, id, member, cited, count);
        else
            port_alarm(m->port, due);
    }
}

void detector_fact(struct manage *m, node_id member)
{
    struct neighbour *n = neighbour_find(m, member);
    if (n)
        neighbour_slot(m, member)->look_at = 0;
    if (m->ready && n)
        convict_when_due(m, member, n);
}

/* ---- each beat, and at deadlines ---------------------------------------------------------------------------------------- */

static void ask_when_due(struct manage *m, node_id id, struct neighbour *n)
{
    mono_ns due = unheard_since(n) + beats(m, ASK_AFTER);
    if (n->asked_at != 0)
        due = MAX(due, n->asked_at + beats(m, ASK_AGAIN));
    if (m->port->now.mono >= due)
        others_ask(m, id, n);
    else
        port_alarm(m->port, due);
}

/* Heard not long ago, or nothing to hear: the next beat is early enough to look again. */
static bool is_well(const struct manage *m, const struct neighbour *n)
{
    return m->suspicions.count == 0 && (n->scheduled_at == TIME_NEVER || m->port->now.mono - unheard_since(n) < patience(m, false) - beats(m, 210));
}

static void watch(struct manage *m, node_id id, struct neighbour *n)
{
    if (is_well(m, n))
        return;
    const struct member *member = member_find(m, id);
    if (!member || !view_alive(m->port->view, id))
        return;
    if (is_large(m) && n->scheduled_at != TIME_NEVER && !we_suspect(m, id, member))
        ask_when_due(m, id, n);
    if (n->scheduled_at != TIME_NEVER && !we_suspect(m, id, member)) {
        mono_ns now = m->port->now.mono, since = silent_since(m, n), due = since + patience(m, false);
        if (now < due)
            port_alarm(m->port, due);
        else if (!own_fault(m) || now - since >= beats(m, OWN_FAULT_MOST))
            suspect_publish(m, id, member, false);
        else
            port_probe(m->port, PROBE_OWN_FAULT_DOUBTED);
    }
    convict_when_due(m, id, n);
}

/* A large mission: until when this neighbour needs no look, if heartbeats come or none are due; 0: with each beat. Its next edge in the plan,
 * or a beat after it was heard last; at most half a minute, for clocks that are set. */
static mono_ns look_after(const struct manage *m, node_id id, const struct neighbour *n)
{
    const struct now *now = &m->port->now;
    const struct member *member = member_find(m, id);
    if (!is_large(m) || !member || we_suspect(m, id, member) || n->link_fault || patience(m, false) < beats(m, 300))
        return 0;
    tai_ns edge = n->plan_until;
    if (n->plan_start != INT64_MIN && n->scheduled_at == TIME_NEVER)
        return 0; /* at the edge of a window, or coming up */
    if (n->plan_start != INT64_MIN && n->plan_end != TIME_NEVER)
        edge = MIN(edge, n->plan_end - time_mono_to_wall(now, beats(m, GUARD)));
    duration_ns rest = edge > now->wall ? MIN(time_wall_to_mono(now, edge - now->wall), beats(m, LOOK_MOST)) : 0;
    return now->mono + rest;
}

static void look(struct manage *m, node_id id, struct neighbour *n)
{
    watch(m, id, n);
    struct neighbour_slot *slot = neighbour_slot(m, id);
    n->edge_at = look_after(m, id, n);
    bool expected = n->scheduled_at != TIME_NEVER;
    slot->look_at = expected ? MIN(n->edge_at, unheard_since(n) + beats(m, 100)) : n->edge_at;
}

void detector_tick(struct manage *m)
{
    mono_ns now = m->port->now.mono;
    for (size_t i = 0; i < m->around_count; i++)
        if (m->around[i].look_at <= now)
            schedule(m, m->around[i].id, m->around[i].neighbour);
    for (size_t i = 0; i < m->around_count; i++)
        if (m->around[i].look_at <= now)
            look(m, m->around[i].id, m->around[i].neighbour);
}
