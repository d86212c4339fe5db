/* What a heartbeat touches of the manage plane: base/expect.h. */
#include "base/expect.h"
#include "manage/manage_private.h"

enum { FEW = 8 /* neighbours: a satellite's */ };

/* A frame mostly brings a neighbour's heartbeat. */
static void expect_heard(const struct manage *m, unsigned stage, node_id peer)
{
    const struct view *v = m->port->view;
    if (stage == 1)
        expect(m, offsetof(struct manage, proofs));
    if (stage == 2)
        expect(m->around, MIN(m->around_count, (size_t)FEW) * sizeof *m->around);
    const struct neighbour *n = stage == 3 && m->around_count <= FEW ? neighbour_find(m, peer) : NULL;
    if (n)
        expect(n, sizeof *n);
    if (stage >= 2)
        view_expect(v, peer, stage);
}

/* Of whom the next beat will tell. */
static void expect_others(const struct manage *m)
{
    size_t at = m->news_at;
    for (unsigned count = 0; m->news && count < HEARTBEAT_OTHERS_MAX && at < m->news_rows; at++) {
        uint64_t rest = m->news[at / 64] >> at % 64;
        if (rest == 0) {
            at = (at / 64 + 1) * 64 - 1;
            continue;
        }
        at += (size_t)__builtin_ctzll(rest);
        if (at < m->news_rows)
            expect(&m->port->view->members[at], offsetof(struct view_member, role));
        count++;
    }
}

/* An alarm mostly is our own beat. */
static void expect_beat(const struct manage *m, unsigned stage)
{
    const struct view *v = m->port->view;
    if (stage == 1)
        expect(m, sizeof *m);
    if (stage == 2) {
        expect(m->around, MIN(m->around_count, (size_t)FEW) * sizeof *m->around);
        expect(m->news, (v->capacity / 64 + 1) * sizeof *m->news);
    }
    if (stage == 4)
        expect_others(m);
    if (stage >= 2)
        view_expect(v, v->self, stage);
    for (size_t i = 0; stage >= 3 && !v->large && m->around_count <= FEW && i < m->around_count; i++) {
        if (stage == 3)
            expect(m->around[i].neighbour, sizeof *m->around[i].neighbour);
        view_expect(v, m->around[i].id, stage);
    }
}

void manage_expect(const struct manage *m, unsigned stage, node_id peer)
{
    if (peer != NODE_NONE)
        expect_heard(m, stage, peer);
    else
        expect_beat(m, stage);
}
