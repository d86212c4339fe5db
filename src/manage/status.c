#include <string.h>

#include "manage/manage_private.h"

enum { VERSION = 1, VERSION_PULSE = 2, FULL_EVERY = 8 /* heartbeats of a large mission */ };

/* ---- our own status ---------------------------------------------------------------------------------------------- */

static void links_fill(const struct manage *m, struct status *s)
{
    s->link_count = 0;
    s->radios_on = 0;
    for (size_t i = 0; i < m->around_count; i++) {
        if (!m->around[i].link_up)
            continue;
        s->radios_on = (uint8_t)MIN(s->radios_on + 1, 255);
        if (s->link_count < STATUS_LINKS_MAX)
            s->links[s->link_count++] = m->around[i].id;
    }
}

static uint32_t metric32(const struct port *p, enum metric_id id)
{
    return (uint32_t)MIN(port_metric(p, id), (uint64_t)UINT32_MAX);
}

static void status_fill(struct manage *m)
{
    const struct port *p = m->port;
    const struct event_craft *c = &m->craft;
    struct status *s = &m->status;
    *s = (struct status){.boot = p->config->boot, .seq = s->seq + 1, .wall = p->now.wall,
                         .battery_mwh = c->battery_mwh, .battery_capacity_mwh = c->battery_capacity_mwh,
                         .generation_mw = c->generation_mw, .load_mw = c->load_mw, .core_mk = c->core_mk,
                         .radiator_mk = c->radiator_mk, .sunlit_permille = (uint16_t)MIN(c->sunlit_permille, 1000),
                         .health = (uint8_t)m->health, .lanes_millis = p->config->lanes_millis};
    s->disk_free_bytes = port_metric(p, METRIC_DISK_FREE);
    s->disk_capacity_bytes = port_metric(p, METRIC_DISK_CAPACITY);
    s->lanes_busy_millis = metric32(p, METRIC_LANES_BUSY);
    s->tasks_running = metric32(p, METRIC_TASKS_RUNNING);
    s->objects_held = metric32(p, METRIC_OBJECTS);
    s->repairs_queued = metric32(p, METRIC_REPAIRS_QUEUED);
    links_fill(m, s);
    struct view_member *row = view_find(p->view, p->config->self);
    if (row) {
        row->status_known = true;
        row->status = *s;
    }
}

/* ---- passing on ---------------------------------------------------------------------------------------------------- */

static bool is_newer(uint32_t boot, uint64_t seq, uint32_t than_boot, uint64_t than_seq)
{
    return boot > than_boot || (boot == than_boot && seq > than_seq);
}

/* Rows move when a member joins: then everything may be news. */
static bool news_open(struct manage *m)
{
    const struct view *v = m->port->view;
    if (!m->news)
        m->news = heap_alloc(m->port->heap, (v->capacity / 64 + 1) * sizeof *m->news);
    if (m->news && m->news_rows != v->count) {
        memset(m->news, 0xff, (v->capacity / 64 + 1) * sizeof *m->news);
        m->news_rows = v->count;
        m->news_at = 0;
    }
    return m->news != NULL;
}

static void news_note(struct manage *m, const struct view_member *row)
{
    size_t at = (size_t)(row - m->port->view->members);
    if (news_open(m))
        m->news[at / 64] |= UINT64_C(1) << at % 64;
}

/* The next row with news from `at` on, which has none any more; `rows`: there is none. */
static size_t news_take(struct manage *m, size_t at)
{
    while (at < m->news_rows) {
        uint64_t rest = m->news[at / 64] >> at % 64;
        if (rest) {
            at += (size_t)__builtin_ctzll(rest);
            if (at < m->news_rows)
                m->news[at / 64] &= ~(UINT64_C(1) << at % 64);
            return MIN(at, m->news_rows);
        }
        at = (at / 64 + 1) * 64;
    }
    return m->news_rows;
}

/* Up to `most` statuses of others that advanced since they were passed on last, in turn. */
static void others_write(struct manage *m, struct writer *w, uint8_t most)
{
    const struct view *v = m->port->view;
    size_t count_at = write_hole(w, 1);
    uint8_t count = 0;
    bool wrapped = !news_open(m);
    while (count < most) {
        size_t at = m->news ? news_take(m, m->news_at) : 0;
        if (at >= m->news_rows) {
            m->news_at = 0;
            if (wrapped)
                break;
            wrapped = true;
            continue;
        }
        m->news_at = at + 1;
        struct view_member *row = &v->members[at];
        if (!row->status_known || row->id == v->self ||
            !is_newer(row->status.boot, row->status.seq, row->forwarded_boot, row->forwarded_seq))
            continue;
        row->forwarded_boot = row->status.boot;
        row->forwarded_seq = row->status.seq;
        write_u32(w, row->id);
        status_write(w, &row->status);
        count++;
    }
    if (writer_ok(w))
        w->data[count_at] = count;
}

/* Of a large mission: a word of life each time, how we are each eighth time and when that changed. */
static void pulse_beat(struct manage *m, struct writer *w)
{
    const struct config *c = m->port->config;
    bool full = m->full_due || (m->status.seq + c->self) % FULL_EVERY == 0;
    m->full_due = false;
    if (full)
        status_fill(m);
    else
        m->status.seq++;
    write_u8(w, VERSION_PULSE);
    pulse_write(w, &(struct pulse){c->boot, m->status.seq, facts_sum(m->port->facts), full});
    if (!full)
        return;
    status_write(w, &m->status);
    others_write(m, w, HEARTBEAT_OTHERS_MAX);
}

void status_beat(struct manage *m)
{
    uint8_t body[HEARTBEAT_SIZE_MAX];
    struct writer w = writer_of(body, sizeof body);
    if (m->port->view->large) {
        pulse_beat(m, &w);
    } else {
        status_fill(m);
        write_u8(&w, VERSION);
        status_write(&w, &m->status);
        others_write(m, &w, HEARTBEAT_OTHERS);
    }
    ASSERT(writer_ok(&w));
    for (size_t i = 0; i < m->around_count; i++) {
        if (!m->around[i].link_up)
            continue;
        err e = port_send(m->port, &(struct message){.to = m->around[i].id, .type = MANAGE_HEARTBEAT,
                                                     .body = writer_span(&w), .link_only = true, .no_custody = true, .unanswered = true});
        (void)e; /* out of memory: a lost heartbeat, which the detector is made for */
    }
}

/* ---- receiving -------------------------------------------------------------------------------------------------------- */

/* A node's own word replaces whatever others said of it, so a forged status does not outlive the next contact. */
static void take_status(struct manage *m, struct view_member *row, const struct status *s)
{
    if (!row)
        return;
    row->status = *s;
    row->status_known = true;
    news_note(m, row);
}

/* False: an old message that was late, which says nothing about now. */
static bool take_life(struct manage *m, node_id from, uint32_t boot, uint64_t seq, struct neighbour **neighbour)
{
    struct neighbour *n = neighbour_get(m, from);
    *neighbour = n;
    if (n && n->heard && !is_newer(boot, seq, n->heard_boot, n->heard_seq))
        return false;
    if (n)
        detector_heard(m, from, n, boot, seq);
    return true;
}

/* Sums that differ and did not move on either side for a beat: something was lost on the way. */
static void take_sum(struct manage *m, node_id from, struct neighbour *n, uint64_t theirs)
{
    uint64_t ours = facts_sum(m->port->facts);
    if (ours != theirs && n->facts_ours == ours && n->facts_theirs == theirs)
        facts_compare(m->port->facts, from);
    n->facts_ours = ours;
    n->facts_theirs = theirs;
}

static void take_elsewhere(struct manage *m, struct view_member *row, const struct status *s)
{
    if (row->status_known && !is_newer(s->boot, s->seq, row->status.boot, row->status.seq))
        return;
    take_status(m, row, s);
    if (row->neighbour)
        detector_elsewhere(m, row->id, s);
}

struct beat { /* of another node, decoded */
    struct pulse pulse;
    bool has_sum;
    struct status own, others[HEARTBEAT_OTHERS_MAX];
    node_id ids[HEARTBEAT_OTHERS_MAX];
    uint8_t count;
};

static bool others_read(struct reader *r, struct beat *b, uint8_t most)
{
    bool sound = status_read(r, &b->own);
    b->count = read_u8(r);
    sound = sound && b->count <= most;
    for (uint8_t i = 0; sound && i < b->count; i++) {
        b->ids[i] = read_u32(r);
        sound = status_read(r, &b->others[i]);
    }
    return sound;
}

static bool beat_read(struct span body, struct beat *b)
{
    struct reader r = reader_of(body.data, body.size);
    uint8_t version = read_u8(&r);
    b->count = 0;
    b->has_sum = version == VERSION_PULSE;
    if (version == VERSION_PULSE) {
        bool sound = pulse_read(&r, &b->pulse);
        return sound && (!b->pulse.full || others_read(&r, b, HEARTBEAT_OTHERS_MAX)) && reader_at_end(&r);
    }
    bool sound = version == VERSION && others_read(&r, b, HEARTBEAT_OTHERS) && reader_at_end(&r);
    b->pulse = (struct pulse){b->own.boot, b->own.seq, 0, true};
    return sound;
}

static bool is_member(const struct manage *m, node_id id)
{
    const struct view *v = m->port->view;
    return (v->large && neighbour_find(m, id)) || view_knows(v, id); /* large: the plan names members of the roster only */
}

void status_message(struct manage *m, const struct message *message)
{
    struct beat b;
    struct neighbour *n = NULL;
    if (!is_member(m, message->from))
        return; /* its JOIN has not arrived yet */
    if (!beat_read(message->body, &b)) {
        port_trace(m->port, TRACE_REFUSED, message->from, "malformed heartbeat");
        return;
    }
    bool news = take_life(m, message->from, b.pulse.boot, b.pulse.seq, &n);
    if (news && b.pulse.full)
        take_status(m, view_find(m->port->view, message->from), &b.own);
    if (news && n && b.has_sum)
        take_sum(m, message->from, n, b.pulse.facts);
    for (uint8_t i = 0; i < b.count; i++) {
        struct view_member *row = view_find(m->port->view, b.ids[i]);
        if (row && b.ids[i] != m->port->view->self && b.ids[i] != message->from)
            take_elsewhere(m, row, &b.others[i]);
    }
}

void manage_message(struct manage *m, const struct message *message)
{
    if (!m->ready || message->from == m->port->view->self)
        return;
    switch (message->type) {
    case MANAGE_HEARTBEAT:
        status_message(m, message);
        break;
    case MANAGE_ASK:
        detector_asked(m, message);
        break;
    case MANAGE_LIVES:
        detector_told(m, message);
        break;
    default:
        break;
    }
}
