/*
 * twin/byzantine.c - a member that has its keys and uses them against the others.
 *
 *   equivocate    signs a second fact with the sequence of its last one, and tells a neighbour: the two are a proof
 *   lie           each heartbeat that it sends says: battery full, cold, in the sun, nothing to do, disk empty
 *   drop custody  acknowledges every bundle that is meant for somebody else, and forgets it
 */
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "manage/member_wire.h"
#include "twin/frame_craft.h"
#include "twin/world.h"

enum { FACTS_PUSH = 3, HEARTBEAT_FORM = 1, TYPE_UNKNOWN = 0xfff0 };

/* ---- custody ----------------------------------------------------------------------------------------------------------- */

bool byzantine_swallows(struct twin_node *n, const struct host_buf *frame)
{
    struct bundle b;
    if (node_now(n) >= n->faults.drop_until || frame->serial == 0 ||
        bundle_decode(span_of(frame->buf.data, frame->buf.size), (struct bundle_policy){.trusted = true}, &b) != ERR_OK ||
        b.destination.node == n->id)
        return false;
    node_figures(n)->faults.frames_swallowed++;
    return true;
}

/* ---- lies ---------------------------------------------------------------------------------------------------------------- */

static void embellish(struct status *s)
{
    s->battery_mwh = s->battery_capacity_mwh;
    s->generation_mw = MAX(s->generation_mw, 2 * s->load_mw);
    s->core_mk = MIN(s->core_mk, 280000u);
    s->sunlit_permille = 1000;
    s->health = 0;
    s->lanes_busy_millis = 0;
    s->tasks_running = 0;
    s->disk_free_bytes = s->disk_capacity_bytes;
}

/* Its own status stands first in a heartbeat; the others behind it are passed on as they are. */
static bool heartbeat_rewrite(struct span body, struct writer *out)
{
    struct reader r = reader_of(body.data, body.size);
    struct status own;
    if (read_u8(&r) != HEARTBEAT_FORM || !status_read(&r, &own))
        return false;
    embellish(&own);
    write_u8(out, HEARTBEAT_FORM);
    status_write(out, &own);
    struct span rest = read_span(&r, reader_left(&r));
    write_bytes(out, rest.data, rest.size);
    return reader_ok(&r) && writer_ok(out);
}

struct host_buf *byzantine_lie(struct twin_node *n, struct host_buf *frame)
{
    uint8_t body[HEARTBEAT_SIZE_MAX + STATUS_SIZE_MAX];
    struct writer w = writer_of(body, sizeof body);
    struct opened o;
    if (!frame_open(span_of(frame->buf.data, frame->buf.size), &o) || o.bundle.source.node != n->id ||
        o.bundle.destination.service != SERVICE_MANAGE || o.type != MANAGE_HEARTBEAT || !heartbeat_rewrite(o.body, &w))
        return frame;
    struct host_buf *lie = frame_rebuild(n, &o, writer_span(&w), o.payload);
    if (!lie)
        return frame;
    lie->serial = frame->serial;
    lie->epoch = frame->epoch;
    shard_free(n->shard, frame);
    node_figures(n)->faults.statuses_forged++;
    return lie;
}

/* ---- equivocation ------------------------------------------------------------------------------------------------------------ */

/* A second fact with the sequence of the last one, well signed; its size, or 0. */
static size_t second_fact(struct twin_node *n, const struct fault *f, uint8_t **out)
{
    struct facts *facts = node_facts(n->node);
    uint64_t held = facts_seq_of(facts, n->id);
    struct fact last;
    if (held == 0 || !facts_get(facts, n->id, held, &last))
        return 0;
    const uint8_t *encoded = last.body.data - FACT_HEADER_SIZE;
    size_t size = fact_encoded_size(encoded);
    struct fact decoded;
    struct fact_parts parts;
    if (fact_decode(span_of(encoded, size), &decoded, &parts) != ERR_OK)
        return 0;
    decoded.time += 1 + f->draw % 1000;
    if (f->draw % 2)
        decoded.type = TYPE_UNKNOWN;
    struct fact_crypto crypto = node_crypto(n);
    *out = malloc(4 + size);
    ASSERT(*out != NULL);
    struct writer w = writer_of(*out, 4);
    write_u32(&w, (uint32_t)size);
    if (fact_encode(&decoded, parts.previous, &crypto, *out + 4) != ERR_OK) {
        free(*out);
        return 0;
    }
    return 4 + size;
}

void byzantine_equivocate(struct world *w, struct twin_node *n, const struct fault *f)
{
    uint8_t *bytes;
    size_t size = n->node && node_ready(n->node) ? second_fact(n, f, &bytes) : 0;
    if (size == 0)
        return;
    n->faults.gone = true;
    for (size_t i = 0; i < w->node_count; i++) {
        struct twin_node *peer = &w->nodes[i];
        if (peer == n || !peer->node)
            continue;
        struct crafted c = {.source = eid_ipn(n->id, SERVICE_FACTS), .destination = eid_ipn(peer->id, SERVICE_FACTS),
                            .sequence = f->draw | 1ull << 63, .wall = world_wall(w), .type = FACTS_PUSH,
                            .payload = span_of(bytes, size)};
        link_inject(n, peer->id, frame_craft(n, &c));
    }
    free(bytes);
}
