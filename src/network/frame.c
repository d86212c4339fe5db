/*
 * Bundles that come in: checked at the border, then delivered here, taken for another node, or
 * refused with a reason.
 */
#include "network/plane.h"

void network_accept(struct network *n, node_id peer, uint64_t receipt, err status)
{
    if (receipt == 0)
        return; /* nobody waits for an answer */
    port_effect(n->port,
                &(struct effect){.kind = EFFECT_ACCEPT,
                                 .accept = {.peer = peer, .receipt = receipt, .status = status}});
}

static void refuse(struct network *n, const struct event_frame *e, err why, const char *what)
{
    port_count(n->port, METRIC_BUNDLES_REFUSED, 1);
    if (why != ERR_FULL) /* back-pressure is not news */
        port_trace(n->port, TRACE_REFUSED, e->peer, "a bundle from %s is refused: %s (%s)",
                   view_name(n->port->view, e->peer), what, err_text(why));
    network_accept(n, e->peer, e->receipt, why);
}

/* ---- copies
 * -------------------------------------------------------------------------------------------------------
 */

static bool was_seen(const struct network *n, uint64_t key)
{
    const uint64_t *set = n->seen + key % SEEN_SETS * SEEN_WAYS;
    for (size_t i = 0; i < SEEN_WAYS; i++)
        if (set[i] == key)
            return true;
    return false;
}

static void remember(struct network *n, uint64_t key)
{
    uint8_t *turn = &n->seen_turn[key % SEEN_SETS];
    n->seen[key % SEEN_SETS * SEEN_WAYS + *turn] = key;
    *turn = (uint8_t)((*turn + 1) % SEEN_WAYS);
}

/* ---- for this node
 * --------------------------------------------------------------------------------------------------
 */

static err parse_message(const struct network *n, const struct event_frame *e,
                         const struct bundle *b, struct message *m)
{
    if (b->flags & BUNDLE_IS_FRAGMENT)
        return ERR_UNSUPPORTED;
    uint64_t service = b->destination.service;
    if (service == SERVICE_NONE || service >= SERVICE_REGION || b->source.service != service)
        return ERR_NOT_FOUND;
    struct reader r = reader_of(b->payload.data, b->payload.size);
    *m = (struct message){
        .from = b->source.node, .to = n->port->config->self, .service = (enum service)service};
    m->type = read_u16(&r);
    m->request = read_u64(&r);
    m->body = read_blob(&r, MESSAGE_BODY_MAX);
    size_t rest = reader_left(&r);
    struct span payload = read_span(&r, rest);
    if (!reader_ok(&r))
        return ERR_INVALID;
    if (payload.size > MESSAGE_PAYLOAD_MAX)
        return ERR_TOO_LARGE;
    m->payload = (struct slice){e->data.buf, payload.data, payload.size};
    m->priority = b->priority;
    return ERR_OK;
}

static void deliver(struct network *n, const struct event_frame *e, const struct bundle *b,
                    uint64_t key)
{
    bool cast = e->receipt == 0; /* never repeated, and harmless if it were */
    if (!cast && was_seen(n, key)) {
        port_probe(n->port, PROBE_BUNDLE_COPY_SEEN);
        network_accept(n, e->peer, e->receipt, ERR_OK);
        return;
    }
    struct message m;
    err why = parse_message(n, e, b, &m);
    if (why != ERR_OK) {
        refuse(n, e, why, "not a message for a plane of this node");
        return;
    }
    if (!cast)
        remember(n, key);
    network_accept(n, e->peer, e->receipt, ERR_OK);
    if (m.service == SERVICE_NETWORK)
        near_take(n, &m);
    else
        n->deliver(n->context, &m);
}

/* ---- the border
 * ---------------------------------------------------------------------------------------------------------
 */

static bool is_trusted_member(const struct network *n, node_id id)
{
    const struct view_member *row = view_find(n->port->view, id);
    if (row)
        return row->state != MEMBER_QUARANTINED;
    return view_knows(n->port->view, id) && view_state(n->port->view, id) != MEMBER_QUARANTINED;
}

/* Who it says it is from, to and by way of. Returns what is wrong, or NULL. */
static const char *wrong_address(const struct network *n, const struct event_frame *e,
                                 const struct bundle *b)
{
    if (b->has_previous && !eid_equal(b->previous, eid_ipn(e->peer, 0)))
        return "the previous node is not the peer";
    if (b->source.kind != EID_IPN || b->source.allocator != 0 ||
        (b->source.node != e->peer && !is_trusted_member(n, b->source.node)))
        return "the source is not a member";
    if (b->destination.kind != EID_IPN || b->destination.allocator != 0 ||
        (b->destination.node != n->port->config->self && !view_knows(n->port->view, b->destination.node)))
        return "the destination is not a member";
    return NULL;
}

static void drop_and_accept(struct network *n, const struct event_frame *e, enum trace_id id,
                            const char *what)
{
    port_trace(n->port, id, e->peer, "a bundle from %s is dropped: %s",
               view_name(n->port->view, e->peer), what);
    network_accept(n, e->peer, e->receipt, ERR_OK);
}

void frame_take(struct network *n, const struct event_frame *e)
{
    port_count(n->port, METRIC_BUNDLES_RECEIVED, 1);
    port_count(n->port, METRIC_BYTES_RECEIVED, e->data.size);
    struct bundle b;
    if (!n->ready) { /* members and keys are not known yet */
        refuse(n, e, ERR_FULL, "not ready");
        return;
    }
    if (!is_trusted_member(n, e->peer)) {
        refuse(n, e, ERR_DENIED, "the peer is not a member");
        return;
    }
    err why = bundle_decode(slice_span(e->data), (struct bundle_policy){0}, &b);
    if (why != ERR_OK) {
        refuse(n, e, why, "malformed");
        return;
    }
    const char *wrong = wrong_address(n, e, &b);
    if (wrong) {
        refuse(n, e, ERR_DENIED, wrong);
        return;
    }
    if (n->port->now.wall >= bundle_expiry(&b, n->port->now.wall)) {
        port_probe(n->port, PROBE_BUNDLE_EXPIRED);
        drop_and_accept(n, e, TRACE_BUNDLE_EXPIRED, "it outlived its time");
        return;
    }
    uint64_t key = e->receipt ? bundle_key(&b, n->seen_salt) : 0;
    if (b.destination.node == n->port->config->self) {
        deliver(n, e, &b, key);
    } else if (e->receipt == 0) {
        drop_and_accept(n, e, TRACE_REFUSED, "a cast for another node");
    } else if (b.has_hops && b.hop_count >= b.hop_limit) {
        drop_and_accept(n, e, TRACE_REFUSED, "too many hops");
    } else if (e->data.size - b.blocks[b.block_count - 1].whole.size > BUNDLE_HEAD_MAX - 64) {
        refuse(n, e, ERR_TOO_LARGE, "too much besides the payload");
    } else if (queue_relay(n, e, &b, key) != ERR_OK) {
        port_probe(n->port, PROBE_BUNDLE_REFUSED_FULL);
        refuse(n, e, ERR_FULL, "no room");
    }
}
