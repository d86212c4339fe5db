/*
 * compute/bid.c - this node's calendar: when a task could be finished here, and whether power and heat allow it (power.c).
 */
#include "compute/internal.h"

/* Staging: what links and disks carry per second of wall time, for the estimate. */
#define STAGE_BYTES_PER_S (20ull * 1000 * 1000)
#define HOLD_TIME (5 * NS_PER_S)
const char *compute_verdict_text(enum compute_verdict v)
{
    static const char *const texts[VERDICT_COUNT] = {"yes", "the battery forecast is too low",
                                                     "the temperature forecast is too high", "no lane is large enough or the calendar is full",
                                                     "this node is in its safe state"};
    return (unsigned)v < VERDICT_COUNT ? texts[v] : "?";
}

/* Work ahead of a new task, in thousandths of a core times nanoseconds of wall time; saturates. */
static uint64_t work_ahead(const struct compute *c, const struct announce *a, uint64_t *cpu_claimed)
{
    uint64_t work = 0;
    *cpu_claimed = 0;
    for (struct map_node *n = map_first(&c->runs); n; n = map_next(&c->runs, n)) {
        const struct run *r = map_value(n);
        if (r->phase == RUN_REPORTING || r->phase == RUN_STOPPING || uid_equal(r->id, a->id))
            continue;
        duration_ns left = r->expected_ns;
        if (r->started)
            left = MAX(left - (c->port->now.wall - r->started), r->expected_ns / 10);
        if (r->phase != RUN_WAITING || r->priority <= a->priority) {
            work += (uint64_t)left * r->cpu_millis / 1000;
            *cpu_claimed += r->cpu_millis;
        }
    }
    for (size_t i = 0; i < HOLDS_MAX; i++) {
        const struct hold *h = &c->holds[i];
        if (h->until > c->port->now.mono && !uid_equal(h->id, a->id)) {
            work += (uint64_t)h->expected_ns * h->cpu_millis / 1000;
            *cpu_claimed += h->cpu_millis;
        }
    }
    return work;
}

struct forecast compute_forecast(const struct compute *c, const struct announce *a)
{
    const struct config *config = c->port->config;
    tai_ns now = c->port->now.wall;
    struct forecast f = {.verdict = VERDICT_YES};
    uint64_t seconds = (uint64_t)((a->expected + NS_PER_S - 1) / NS_PER_S);
    f.energy_mwh = MIN(config->lane_power_mw, 1ull << 30) * MIN(a->cpu_millis, 1000000u) / 1000 * seconds / 3600;
    uint64_t claimed, ahead = work_ahead(c, a, &claimed);
    duration_ns wait = 0;
    if (config->lanes_millis && claimed + a->cpu_millis > config->lanes_millis)
        wait = (duration_ns)MIN(ahead * 1000 / config->lanes_millis, (uint64_t)COMPUTE_EXPECTED_MAX);
    duration_ns staging =
        (duration_ns)MIN((a->input_bytes - a->held_bytes) / STAGE_BYTES_PER_S, 1000000u) * NS_PER_S;
    f.finish = now + wait + staging + a->expected;
    if (compute_health(c, config->self) >= HEALTH_SAFE)
        f.verdict = VERDICT_HEALTH;
    else if (a->cpu_millis > config->lanes_millis || a->memory_bytes > config->lane_memory_bytes ||
             c->runs.count >= RUNS_MAX)
        f.verdict = VERDICT_LANES;
    else
        f.verdict = compute_power_verdict(c, MIN(claimed + a->cpu_millis, (uint64_t)config->lanes_millis), wait + staging + a->expected);
    return f;
}

/* Until the award can be here: the bid's way to the manager, and back. */
static void hold_add(struct compute *c, const struct announce *a, node_id manager)
{
    struct hold *best = &c->holds[0];
    for (size_t i = 0; i < HOLDS_MAX; i++) {
        if (uid_equal(c->holds[i].id, a->id)) {
            best = &c->holds[i];
            break;
        }
        if (c->holds[i].until < best->until)
            best = &c->holds[i];
    }
    *best = (struct hold){.id = a->id,
                          .until = c->port->now.mono + HOLD_TIME + compute_far_light(c, manager),
                          .cpu_millis = a->cpu_millis,
                          .expected_ns = a->expected};
}

void compute_hold_drop(struct compute *c, struct uid id)
{
    for (size_t i = 0; i < HOLDS_MAX; i++)
        if (uid_equal(c->holds[i].id, id))
            c->holds[i] = (struct hold){0};
}

void compute_bid_answer(struct compute *c, const struct message *m)
{
    struct announce a;
    if (compute_announce_read(m->body, &a) != ERR_OK) {
        port_trace(c->port, TRACE_REFUSED, m->from, "malformed announcement");
        return;
    }
    struct forecast f = compute_forecast(c, &a);
    if (f.verdict == VERDICT_YES) {
        hold_add(c, &a, m->from);
    } else if (f.verdict == VERDICT_POWER || f.verdict == VERDICT_HEAT) {
        char text[UID_TEXT_SIZE];
        uid_text(a.id, text);
        port_trace(c->port, TRACE_TASK_DEFERRED, c->port->config->self, "task %s not taken: %s", text,
                   compute_verdict_text(f.verdict));
    }
    uint8_t memory[COMPUTE_SMALL_MAX];
    struct writer w = writer_of(memory, sizeof memory);
    struct bid b = {.id = a.id, .verdict = f.verdict, .finish = f.finish, .energy_mwh = f.energy_mwh};
    compute_bid_write(&w, &b);
    struct message answer = {.to = m->from, .type = COMPUTE_BID, .request = m->request, .body = writer_span(&w), .no_custody = true};
    if (port_send(c->port, &answer) != ERR_OK)
        compute_hold_drop(c, a.id); /* a bid less; the manager's window ends by itself */
}
