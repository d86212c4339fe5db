/*
 * Queues: every bundle this node is responsible for is an item; it waits in the queue of its next
 * hop (or parked, without a way), is loaded from disk if need be, flies, and ends when the next hop
 * has it.
 *
 *   WAITING → LOADING → FLYING → (end)      LOADING, FLYING → WAITING when reading or sending
 * failed
 */
#include "network/plane.h"

/* ---- lists
 * ---------------------------------------------------------------------------------------------------------
 */

static void queue_remove(struct network *n, struct item *item)
{
    if (!item->queued)
        return;
    struct queue *q = item->link ? &item->link->queues[item->priority] : &n->parked;
    *(item->previous ? &item->previous->next : &q->first) = item->next;
    *(item->next ? &item->next->previous : &q->last) = item->previous;
    item->previous = item->next = NULL;
    item->link = NULL;
    item->queued = false;
}

static void queue_append(struct network *n, struct item *item, struct link *l)
{
    ASSERT(!item->queued && item->state == ITEM_WAITING);
    struct queue *q = l ? &l->queues[item->priority] : &n->parked;
    item->link = l;
    item->previous = q->last;
    item->next = NULL;
    *(q->last ? &q->last->next : &q->first) = item;
    q->last = item;
    item->queued = true;
}

/* ---- items
 * -----------------------------------------------------------------------------------------------------------
 */

struct item *item_new(struct network *n)
{
    if (n->items.count >= n->items_max)
        return NULL;
    struct item *item = heap_alloc(n->heap, sizeof *item);
    if (!item)
        return NULL;
    item->id = ++n->next_id;
    item->queued_at = n->port->now.mono;
    item->received = n->port->now.wall;
    return item;
}

bool item_index(struct network *n, struct item *item)
{
    struct item **by_id = map_put_u64(&n->items, item->id, NULL);
    if (!by_id)
        return false;
    *by_id = item;
    if (!item->link_only) {
        struct item **by_key = map_put_u64(&n->keys, item->key, NULL);
        if (!by_key) {
            map_remove_u64(&n->items, item->id);
            return false;
        }
        *by_key = item;
    }
    item->all_previous = n->newest;
    *(n->newest ? &n->newest->all_next : &n->oldest) = item;
    n->newest = item;
    n->memory_bytes += item->resident;
    network_tick_soon(n);
    return true;
}

void item_drop_bytes(struct network *n, struct item *item)
{
    for (size_t i = 0; i < 3; i++)
        slice_drop(&item->parts[i]);
    ASSERT(n->memory_bytes >= item->resident);
    n->memory_bytes -= item->resident;
    item->resident = 0;
}

/* Ends an item that was indexed. Whoever still waits for an acknowledgement must have been
 * answered. */
void item_free(struct network *n, struct item *item)
{
    ASSERT(item->upstream_count == 0 && item->state == ITEM_WAITING);
    queue_remove(n, item);
    spool_release(n, item);
    item_drop_bytes(n, item);
    *(item->all_previous ? &item->all_previous->all_next : &n->oldest) = item->all_next;
    *(item->all_next ? &item->all_next->all_previous : &n->newest) = item->all_previous;
    map_remove_u64(&n->items, item->id);
    struct item **by_key = item->link_only ? NULL : map_find_u64(&n->keys, item->key);
    if (by_key && *by_key == item)
        map_remove_u64(&n->keys, item->key);
    heap_free(n->heap, item);
}

static void answer_upstream(struct network *n, struct item *item, err status)
{
    for (size_t i = 0; i < item->upstream_count; i++)
        network_accept(n, item->upstream[i].peer, item->upstream[i].receipt, status);
    item->upstream_count = 0;
}

/* ---- the way out
 * --------------------------------------------------------------------------------------------------------
 */

static struct link *next_link(struct network *n, const struct item *item)
{
    struct link *direct = link_find(n, item->destination);
    if (item->link_only || (direct && direct->up))
        return direct;
    struct route_way way;
    if (!route_to(&n->route, route_class_of(item->size), n->port->now.wall, item->destination,
                  &way))
        return NULL;
    /* Straight back to where it came from: views differ; let them agree before it bounces. */
    if (way.first == item->from && n->port->now.mono < item->queued_at + TICK_NS)
        return NULL;
    return link_find(n, way.first);
}

void queue_route(struct network *n, struct item *item)
{
    if (item->state != ITEM_WAITING)
        return;
    struct link *l = item->retry_at > n->port->now.mono ? NULL : next_link(n, item);
    if (item->queued && item->link == l)
        return;
    queue_remove(n, item);
    queue_append(n, item, l);
}

static bool window_is_open(const struct link *l, const struct item *item)
{
    if (!l->up)
        return false;
    if (item->priority == 0)
        return l->flying_count < LINK_WINDOW_CONTROL;
    return l->flying_count < LINK_WINDOW_COUNT &&
           (l->flying_bytes == 0 || l->flying_bytes + item->size <= LINK_WINDOW_BYTES);
}

static void lift_off(struct network *n, struct item *item, struct link *l, enum item_state state)
{
    queue_remove(n, item);
    item->link = l;
    item->state = state;
    l->flying_bytes += item->size;
    l->flying_count++;
    n->flying_count++;
}

static void land(struct network *n, struct item *item)
{
    struct link *l = item->link;
    ASSERT(l && item->state != ITEM_WAITING && l->flying_count > 0 &&
           l->flying_bytes >= item->size);
    l->flying_bytes -= item->size;
    l->flying_count--;
    n->flying_count--;
    item->link = NULL;
    item->state = ITEM_WAITING;
}

/* A relayed bundle: new head and tail around the payload block as it came. False: no memory, or not
 * ours to repair. */
static bool relay_parts(struct network *n, const struct item *item, struct slice out[3], err *why)
{
    struct slice raw = item->parts[0];
    struct bundle b;
    *why = bundle_decode(slice_span(raw), (struct bundle_policy){.trusted = true}, &b);
    if (*why != ERR_OK)
        return false;
    struct span block = b.blocks[b.block_count - 1].whole;
    size_t room = MIN(raw.size - block.size + 64, (size_t)BUNDLE_HEAD_MAX);
    struct buf *head = buf_new_heap(n->heap, room + 1);
    *why = ERR_NO_MEMORY;
    if (!head)
        return false;
    tai_ns stayed = MAX(n->port->now.wall - item->received, 0);
    struct writer w = writer_of(head->data, room);
    if (!bundle_relay(&b, n->port->config->self, (uint64_t)(stayed / NS_PER_MS), &w)) {
        *why = ERR_TOO_LARGE;
        buf_unref(head);
        return false;
    }
    head->data[w.at] = BUNDLE_BREAK.data[0];
    out[0] = slice_of(head, 0, w.at);
    out[1] = slice_of(buf_ref(raw.buf), (size_t)(block.data - raw.buf->data), block.size);
    out[2] = slice_of(buf_ref(head), w.at, 1);
    return true;
}

static err send_now(struct network *n, struct item *item, struct link *l)
{
    struct effect e = {.kind = EFFECT_SEND,
                       .send = {.peer = l->peer, .transfer = item->id, .priority = item->priority}};
    err why = ERR_OK;
    if (!item->own && !relay_parts(n, item, e.send.parts, &why))
        return why;
    for (size_t i = 0; item->own && i < 3; i++) {
        e.send.parts[i] = item->parts[i];
        if (item->parts[i].buf)
            buf_ref(item->parts[i].buf);
    }
    port_effect(n->port, &e);
    return ERR_OK;
}

static void put_off(struct network *n, struct item *item)
{
    item->tries = (uint8_t)MIN(item->tries + 1, 200);
    duration_ns wait = 250 * NS_PER_MS << MIN(item->tries, 8);
    item->retry_at = n->port->now.mono + MIN(wait, 60 * NS_PER_S);
    queue_route(n, item);
}

static void give_up(struct network *n, struct item *item, err why)
{
    port_count(n->port, METRIC_BUNDLES_REFUSED, 1);
    port_trace(n->port, TRACE_REFUSED, item->destination, "a bundle for %s is dropped: %s",
               view_name(n->port->view, item->destination), err_text(why));
    answer_upstream(n, item, ERR_OK);
    item_free(n, item);
}

/* Sends or loads the first of the queue; false when nothing moved. */
static bool pump_one(struct network *n, struct link *l, struct item *item)
{
    if (!window_is_open(l, item))
        return false;
    if (item->resident == 0) {
        lift_off(n, item, l, ITEM_LOADING);
        if (spool_load(n, item))
            return true;
        land(n, item);
        put_off(n, item);
        return true;
    }
    err e = send_now(n, item, l);
    if (e == ERR_OK) {
        lift_off(n, item, l, ITEM_FLYING);
    } else if (e == ERR_NO_MEMORY) {
        put_off(n, item);
    } else {
        give_up(n, item, e);
    }
    return true;
}

void queue_pump(struct network *n, struct link *l)
{
    for (size_t priority = 0; l->up && priority < PRIORITIES; priority++)
        while (l->queues[priority].first && pump_one(n, l, l->queues[priority].first))
            ;
}

static void route_and_pump(struct network *n, struct item *item)
{
    queue_route(n, item);
    struct link *l = item->link;
    if (l && l->up)
        queue_pump(n, l);
    else if (!item->no_custody && !item->link_only)
        spool_want(n, item);
}

/* ---- bundles of our own
 * ---------------------------------------------------------------------------------------------------
 */

void bundle_own(struct network *n, const struct message *m, struct bundle *out)
{
    const struct port *p = n->port;
    duration_ns lifetime = m->lifetime_ns > 0 ? m->lifetime_ns : LIFETIME_DEFAULT_NS;
    out->flags = BUNDLE_NO_FRAGMENT;
    out->destination = eid_ipn(m->to, m->service);
    out->source = eid_ipn(p->config->self, m->service);
    out->report_to = (struct eid){.kind = EID_NULL};
    out->creation_ms = MAX(bundle_dtn_time_ms(p->now.wall), 1u);
    out->sequence = (uint64_t)p->config->boot << 32 | (++n->next_sequence & UINT32_MAX);
    out->lifetime_ms = (uint64_t)(lifetime + NS_PER_MS - 1) / (uint64_t)NS_PER_MS;
    out->fragment_offset = out->total_size = 0;
    out->priority = MIN(m->priority, PRIORITIES - 1);
    out->no_custody = m->no_custody;
}

static err encode_own(struct network *n, const struct message *m, struct item *item)
{
    struct port *p = n->port;
    size_t first_size = MESSAGE_HEAD + m->body.size, room = first_size + 256;
    struct buf *first = buf_new_heap(n->heap, first_size),
               *head = buf_new_heap(n->heap, room + BUNDLE_TAIL_MAX);
    struct slice payload = m->payload;
    if (!first || !head || slice_keep(&payload, n->heap) != ERR_OK) {
        buf_unref(first);
        buf_unref(head);
        return ERR_FULL;
    }
    struct writer w = writer_of(first->data, first_size);
    write_u16(&w, m->type);
    write_u64(&w, m->request);
    write_blob(&w, m->body);
    ASSERT(writer_ok(&w) && w.at == first_size);
    struct bundle b;
    bundle_own(n, m, &b);
    struct writer hw = writer_of(head->data, room),
                  tw = writer_of(head->data + room, BUNDLE_TAIL_MAX);
    bool fits = bundle_encode(&b, writer_span(&w), slice_span(payload), CRC_32C, &hw, &tw);
    ASSERT(fits);
    buf_unref(first);
    item->parts[0] = slice_of(head, 0, hw.at);
    item->parts[1] = payload;
    item->parts[2] = slice_of(buf_ref(head), room, tw.at);
    item->size = item->resident = hw.at + payload.size + tw.at;
    item->key = bundle_key(&b, n->seen_salt);
    item->expiry = bundle_expiry(&b, p->now.wall);
    item->priority = b.priority;
    return ERR_OK;
}

err queue_send(struct network *n, const struct message *m)
{
    struct link *direct = link_find(n, m->to);
    bool known = (direct && direct->up) || view_knows(n->port->view, m->to); /* links come up with members only */
    if (!known || m->to == n->port->config->self)
        return ERR_NOT_FOUND;
    if (m->body.size > MESSAGE_BODY_MAX || m->payload.size > MESSAGE_PAYLOAD_MAX)
        return ERR_TOO_LARGE;
    if (m->link_only && (!direct || !direct->up || direct->flying_count >= LINK_WINDOW_CONTROL))
        return ERR_UNREACHABLE;
    if (m->link_only && m->unanswered && m->payload.size == 0)
        return cast_send(n, m);
    uint64_t about = m->body.size + m->payload.size + 256;
    struct item *item = n->memory_bytes + about > n->memory_max ? NULL : item_new(n);
    if (!item)
        return ERR_FULL;
    item->own = true;
    item->from = n->port->config->self;
    item->destination = m->to;
    item->link_only = m->link_only;
    item->no_custody = m->no_custody || m->link_only;
    if (encode_own(n, m, item) != ERR_OK || !item_index(n, item)) {
        for (size_t i = 0; i < 3; i++)
            slice_drop(&item->parts[i]);
        heap_free(n->heap, item);
        return ERR_FULL;
    }
    route_and_pump(n, item);
    return ERR_OK;
}

/* ---- bundles of others
 * ------------------------------------------------------------------------------------------------------
 */

/* A relayed bundle, checked by frame.c: becomes an item or is told that there is no room. */
static err take_relay(struct network *n, const struct event_frame *e, const struct bundle *b,
                      uint64_t key)
{
    if (n->memory_bytes + e->data.size > n->memory_max)
        return ERR_FULL;
    struct item *item = item_new(n);
    if (!item)
        return ERR_FULL;
    item->from = e->peer;
    item->destination = b->destination.node;
    item->priority = b->priority;
    item->no_custody = b->no_custody;
    item->key = key;
    item->expiry = bundle_expiry(b, n->port->now.wall);
    item->parts[0] = e->data;
    item->size = item->resident = e->data.size;
    if (slice_keep(&item->parts[0], n->heap) != ERR_OK) {
        heap_free(n->heap, item);
        return ERR_FULL;
    }
    if (!item_index(n, item)) {
        slice_drop(&item->parts[0]);
        heap_free(n->heap, item);
        return ERR_FULL;
    }
    port_count(n->port, METRIC_BUNDLES_FORWARDED, 1);
    item->upstream[0].peer = e->peer;
    item->upstream[0].receipt = e->receipt;
    item->upstream_count = 1;
    if (item->no_custody)
        answer_upstream(n, item, ERR_OK);
    route_and_pump(n, item);
    return ERR_OK;
}

err queue_relay(struct network *n, const struct event_frame *e, const struct bundle *b,
                uint64_t key)
{
    struct item **held = map_find_u64(&n->keys, key);
    if (!held)
        return take_relay(n, e, b, key);
    struct item *item = *held; /* a copy of one that is here: the same answer serves both */
    port_probe(n->port, PROBE_BUNDLE_COPY_HELD);
    if (item->spool == SPOOL_DURABLE || item->no_custody || item->own) {
        network_accept(n, e->peer, e->receipt, ERR_OK);
        return ERR_OK;
    }
    if (item->upstream_count == UPSTREAM_MAX)
        return ERR_FULL;
    item->upstream[item->upstream_count].peer = e->peer;
    item->upstream[item->upstream_count++].receipt = e->receipt;
    return ERR_OK;
}

/* ---- answers
 * ------------------------------------------------------------------------------------------------------------------
 */

void queue_sent(struct network *n, const struct event_sent *e)
{
    struct item **found = map_find_u64(&n->items, e->transfer);
    struct item *item = found ? *found : NULL;
    if (!item || item->state != ITEM_FLYING || item->link->peer != e->peer)
        return; /* from before a restart */
    struct link *l = item->link;
    land(n, item);
    if (e->status == ERR_OK) {
        port_count(n->port, METRIC_BUNDLES_SENT, 1);
        port_count(n->port, METRIC_BYTES_SENT, item->size);
        answer_upstream(n, item, ERR_OK);
        item_free(n, item);
    } else if (item->link_only) {
        item_free(n, item);
    } else if (e->status == ERR_UNREACHABLE) {
        route_and_pump(n, item);
    } else {
        put_off(n, item);
    }
    queue_pump(n, l);
}

void queue_loaded(struct network *n, struct item *item, err status, struct slice data)
{
    ASSERT(item->state == ITEM_LOADING);
    struct link *l = item->link;
    land(n, item);
    if (status == ERR_CORRUPT)
        port_probe(n->port, PROBE_SPOOL_DAMAGED);
    if (status == ERR_CORRUPT || (status != ERR_OK && item->tries > 5)) {
        give_up(n, item, status);
    } else if (status != ERR_OK || slice_keep(&data, n->heap) != ERR_OK) {
        put_off(n, item);
    } else {
        port_probe(n->port, PROBE_SPOOL_LOADED);
        item->parts[0] = data;
        item->resident = data.size;
        n->memory_bytes += data.size;
        route_and_pump(n, item);
    }
    queue_pump(n, l);
}

void queue_durable(struct network *n, struct item *item)
{
    port_probe(n->port, PROBE_SPOOL_WRITTEN);
    answer_upstream(n, item, ERR_OK);
    if (item->state == ITEM_WAITING && n->memory_bytes > n->memory_max / 2)
        item_drop_bytes(n, item);
}

/* ---- time
 * -------------------------------------------------------------------------------------------------------------------------
 */

void queue_reroute_all(struct network *n)
{
    for (struct item *item = n->oldest; item; item = item->all_next)
        queue_route(n, item);
    n->routed_builds = n->route.builds;
    for (struct map_node *node = map_first(&n->links); node; node = map_next(&n->links, node))
        queue_pump(n, map_value(node));
}

static void expire(struct network *n, struct item *item)
{
    port_probe(n->port, PROBE_BUNDLE_EXPIRED);
    port_trace(n->port, TRACE_BUNDLE_EXPIRED, item->destination,
               "a bundle for %s outlived its time", view_name(n->port->view, item->destination));
    answer_upstream(n, item, ERR_OK); /* deleted for good: nobody shall keep it */
    item_free(n, item);
}

/* One item, once a second. */
static void tend(struct network *n, struct item *item)
{
    mono_ns age = n->port->now.mono - item->queued_at;
    bool waits = item->state == ITEM_WAITING;
    if (waits && n->port->now.wall >= item->expiry) {
        expire(n, item);
    } else if (waits && item->no_custody && age >= BRIEF_WAIT_NS) {
        port_probe(n->port, PROBE_BUNDLE_BRIEF_ENDED);
        item_free(n, item);
    } else if (waits && item->upstream_count > 0 && age >= CUSTODY_REFUSE_NS &&
               item->spool == SPOOL_NONE) {
        port_probe(n->port, PROBE_BUNDLE_REFUSED_FULL);
        answer_upstream(n, item, ERR_FULL); /* it stays with the one before us */
        port_count(n->port, METRIC_BUNDLES_REFUSED, 1);
        item_free(n, item);
    } else {
        if (!item->no_custody && age >= CUSTODY_WAIT_NS)
            spool_want(n, item);
        if (waits && n->memory_bytes > n->memory_max / 2 && item->spool == SPOOL_DURABLE &&
            item->resident > 0)
            item_drop_bytes(n, item);
    }
}

void queue_tick(struct network *n)
{
    struct item *next;
    for (struct item *item = n->oldest; item; item = next) {
        next = item->all_next;
        tend(n, item);
    }
    if (n->parked.first || n->routed_builds != n->route.builds)
        queue_reroute_all(n);
    port_gauge(n->port, METRIC_BUNDLES_QUEUED, n->items.count - n->flying_count);
}
