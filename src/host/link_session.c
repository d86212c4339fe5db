#include "host/link_session.h"

#include <stdlib.h>
#include <string.h>

#include "network/tcpcl.h"

struct outgoing { /* a bundle that is not answered yet */
    struct outgoing *next;
    uint64_t transfer;
    struct slice parts[3];
    uint8_t priority;
};

struct incoming {
    struct incoming *next;
    uint64_t id; /* the protocol's transfer id: also the receipt's low part */
    struct buf *data;
    uint64_t receipt; /* 0: not complete yet */
};

struct link_session {
    struct link_session_handlers handlers;
    const struct wire_identity *identity;
    struct wire *wire;
    uv_timer_t timer;
    struct tcpcl tcpcl;
    bool dialled, admitted, secure_due, wire_gone, finished, established;
    bool busy; /* inside the protocol or settling */
    err why;
    node_id expected, peer;
    struct outgoing *waiting; /* sorted by priority, then age */
    struct incoming *incoming;
    uint64_t incoming_bytes;
    uint8_t *held; /* bytes that the protocol did not take yet */
    size_t held_size, held_capacity;
};

static uint64_t receipt_next; /* unique in the process, so that a late answer never meets another session's bundle */

static void settle(struct link_session *s);

static mono_ns mono(void)
{
    return (mono_ns)uv_hrtime();
}

/* ---- what the protocol asks -------------------------------------------------------------------------------------------- */

static void on_secure(void *context)
{
    struct link_session *s = context;
    s->secure_due = true; /* done by settle, after the contact header went out */
}

static bool on_established(void *context, uint32_t peer, struct span name)
{
    struct link_session *s = context;
    (void)name;
    if (peer != s->peer) /* RFC 9174 §4.4.2: the NODE-ID of the certificate is the one of SESS_INIT */
        return false;
    s->established = true;
    s->handlers.established(s->handlers.context, s);
    return true;
}

static struct incoming **incoming_find(struct link_session *s, uint64_t id)
{
    struct incoming **at = &s->incoming;
    while (*at && ((*at)->id != id))
        at = &(*at)->next;
    return at;
}

static void incoming_remove(struct link_session *s, struct incoming **at)
{
    struct incoming *gone = *at;
    *at = gone->next;
    s->incoming_bytes -= gone->data ? gone->data->size : 0;
    buf_unref(gone->data);
    free(gone);
}

static uint8_t *on_room(void *context, uint64_t transfer, uint64_t size, uint64_t have)
{
    struct link_session *s = context;
    struct incoming *in = *incoming_find(s, transfer);
    uint64_t old = in ? in->data->size : 0;
    if (in && size <= old)
        return in->data->data;
    uint64_t wanted = in ? MAX(size, MIN(2 * old, (uint64_t)SESSION_TRANSFER_MAX)) : MAX(size, 1u);
    if (wanted > SESSION_TRANSFER_MAX || s->incoming_bytes + wanted - old > SESSION_RECEIVE_MAX)
        return NULL;
    struct buf *data = buf_new_malloc((size_t)wanted);
    if (in) {
        memcpy(data->data, in->data->data, (size_t)MIN(have, old));
        buf_unref(in->data);
    } else {
        in = calloc(1, sizeof *in);
        ASSERT(in);
        in->id = transfer;
        in->next = s->incoming;
        s->incoming = in;
    }
    in->data = data;
    s->incoming_bytes += wanted - old;
    return data->data;
}

static void on_received(void *context, uint64_t transfer, uint64_t size)
{
    struct link_session *s = context;
    struct incoming *in = *incoming_find(s, transfer);
    ASSERT(in && size <= in->data->size);
    in->receipt = ++receipt_next;
    s->handlers.frame(s->handlers.context, s, in->receipt, slice_of(buf_ref(in->data), 0, (size_t)size));
}

static void on_dropped(void *context, uint64_t transfer)
{
    struct link_session *s = context;
    struct incoming **at = incoming_find(s, transfer);
    if (*at)
        incoming_remove(s, at);
}

static void outgoing_free(struct outgoing *out)
{
    for (size_t i = 0; i < COUNT_OF(out->parts); i++)
        slice_drop(&out->parts[i]);
    free(out);
}

static void on_sent(void *context, uint64_t cookie, err status)
{
    struct link_session *s = context;
    struct outgoing *out = (struct outgoing *)(uintptr_t)cookie;
    s->handlers.sent(s->handlers.context, s, out->transfer, status);
    outgoing_free(out);
}

static void on_protocol_closed(void *context, err why)
{
    struct link_session *s = context;
    s->finished = true;
    if (s->why == ERR_OK)
        s->why = why;
}

/* ---- moving bytes ---------------------------------------------------------------------------------------------------------- */

static void feed_waiting(struct link_session *s)
{
    while (s->waiting && s->established && !s->finished) {
        struct outgoing *out = s->waiting;
        struct span parts[3] = {slice_span(out->parts[0]), slice_span(out->parts[1]), slice_span(out->parts[2])};
        err status = tcpcl_send(&s->tcpcl, (uintptr_t)out, parts, out->priority);
        if (status == ERR_FULL)
            return;
        s->waiting = out->next;
        if (status != ERR_OK) {
            s->handlers.sent(s->handlers.context, s, out->transfer, status == ERR_TOO_LARGE ? ERR_INVALID : status);
            outgoing_free(out);
        }
    }
}

static void write_out(struct link_session *s)
{
    struct span pieces[TCPCL_PIECES_MAX];
    size_t count, room;
    while (!s->wire_gone && (room = wire_room(s->wire)) > 0 && (count = tcpcl_output(&s->tcpcl, pieces)) > 0) {
        size_t written = 0;
        for (size_t i = 0; i < count && written < room; i++) {
            size_t size = MIN(pieces[i].size, room - written);
            wire_send(s->wire, pieces[i].data, size);
            written += size;
        }
        tcpcl_written(&s->tcpcl, mono(), written);
        feed_waiting(s);
    }
    if (!s->wire_gone)
        wire_flush(s->wire);
}

static void hold(struct link_session *s, const uint8_t *data, size_t size)
{
    if (s->held_size + size > s->held_capacity) {
        s->held_capacity = MAX(2 * s->held_capacity, s->held_size + size);
        s->held = realloc(s->held, s->held_capacity);
        ASSERT(s->held);
    }
    memcpy(s->held + s->held_size, data, size);
    s->held_size += size;
}

static void take_held(struct link_session *s)
{
    size_t taken = 1;
    while (s->held_size > 0 && s->admitted && !s->finished && taken > 0) {
        tcpcl_receive(&s->tcpcl, mono(), span_of(s->held, s->held_size), &taken);
        s->held_size -= taken;
        memmove(s->held, s->held + taken, s->held_size);
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct link_session *s = timer->data;
    s->busy = true;
    tcpcl_tick(&s->tcpcl, mono());
    s->busy = false;
    settle(s);
}

static void move_bytes(struct link_session *s)
{
    size_t held;
    do {
        held = s->held_size;
        feed_waiting(s);
        write_out(s);
        if (s->secure_due) {
            s->secure_due = false;
            wire_secure(s->wire, s->identity, s->dialled);
        }
        take_held(s);
    } while (s->held_size != held);
    write_out(s);
}

/* After every call into the protocol: write what it has, go on with what waits, arm its timer. A call from within one of
 * the protocol's handlers does nothing: the outer one does it all. */
static void settle(struct link_session *s)
{
    if (s->wire_gone || s->busy)
        return;
    s->busy = true;
    move_bytes(s);
    s->busy = false;
    wire_read_pause(s->wire, s->held_size > 0);
    mono_ns deadline = tcpcl_deadline(&s->tcpcl);
    if (s->finished && tcpcl_output(&s->tcpcl, (struct span[TCPCL_PIECES_MAX]){{0}}) == 0)
        wire_close(s->wire);
    else if (deadline == TIME_NEVER)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_deadline, (uint64_t)MAX((deadline - mono()) / NS_PER_MS + 1, 1), 0);
}

/* ---- what the wire says ------------------------------------------------------------------------------------------------------ */

static void on_connected(void *context)
{
    settle(context);
}

static size_t on_bytes(void *context, const uint8_t *data, size_t size)
{
    struct link_session *s = context;
    size_t taken = 0;
    bool clear = s->peer == NODE_NONE;
    if (s->finished)
        return size;
    if ((clear || s->admitted) && s->held_size == 0) {
        s->busy = true;
        tcpcl_receive(&s->tcpcl, mono(), span_of(data, size), &taken);
        s->busy = false;
    }
    if (clear) {
        settle(s); /* may turn to TLS: the rest belongs to it */
        return taken;
    }
    if (taken < size)
        hold(s, data + taken, size - taken);
    settle(s);
    return size;
}

static void on_secured(void *context, node_id peer)
{
    struct link_session *s = context;
    if (s->dialled && peer != s->expected) {
        s->why = ERR_DENIED;
        wire_close(s->wire);
        return;
    }
    s->peer = peer;
    s->handlers.identified(s->handlers.context, s, peer);
}

static void on_room_again(void *context)
{
    settle(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct link_session *s = handle->data;
    while (s->incoming)
        incoming_remove(s, &s->incoming);
    free(s->held);
    free(s);
}

static void on_wire_closed(void *context, err why)
{
    struct link_session *s = context;
    s->wire_gone = true;
    if (s->why == ERR_OK)
        s->why = why;
    s->busy = true;
    tcpcl_abort(&s->tcpcl, ERR_UNREACHABLE);
    for (struct outgoing *out; (out = s->waiting);) {
        s->waiting = out->next;
        s->handlers.sent(s->handlers.context, s, out->transfer, ERR_UNREACHABLE);
        outgoing_free(out);
    }
    s->handlers.gone(s->handlers.context, s, s->why);
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

/* ---- the owner's side --------------------------------------------------------------------------------------------------------- */

static struct link_session *session_new(uv_loop_t *loop, node_id self, bool dialled, const struct wire_identity *identity,
                                        const struct link_session_handlers *handlers)
{
    struct link_session *s = calloc(1, sizeof *s);
    ASSERT(s);
    s->handlers = *handlers;
    s->identity = identity;
    s->dialled = dialled;
    ASSERT(uv_timer_init(loop, &s->timer) == 0);
    s->timer.data = s;
    struct tcpcl_config config = {
        .node = self,
        .passive = !dialled,
        .tls_offered = true,
        .tls_required = true,
        .keepalive_s = SESSION_KEEPALIVE_S,
        .segment_mru = SESSION_TRANSFER_MAX,
        .transfer_mru = SESSION_TRANSFER_MAX,
        .handshake_ns = 10 * NS_PER_S,
    };
    struct tcpcl_handlers protocol = {s,           on_secure,  on_established, on_room,
                                      on_received, on_dropped, on_sent,        on_protocol_closed};
    tcpcl_init(&s->tcpcl, &config, &protocol, mono());
    return s;
}

static struct wire_events wire_events_of(struct link_session *s)
{
    return (struct wire_events){s, on_connected, on_bytes, on_secured, on_room_again, on_wire_closed};
}

struct link_session *link_session_dial(uv_loop_t *loop, uint16_t port, node_id self, node_id expected,
                                       const struct wire_identity *identity, const struct link_session_handlers *handlers)
{
    struct link_session *s = session_new(loop, self, true, identity, handlers);
    struct wire_events events = wire_events_of(s);
    s->expected = expected;
    s->wire = wire_dial(loop, port, &events);
    return s;
}

struct link_session *link_session_accept(uv_loop_t *loop, uv_stream_t *listener, node_id self,
                                         const struct wire_identity *identity,
                                         const struct link_session_handlers *handlers)
{
    struct link_session *s = session_new(loop, self, false, identity, handlers);
    struct wire_events events = wire_events_of(s);
    s->wire = wire_accept(loop, listener, &events);
    if (!s->wire) {
        uv_close((uv_handle_t *)&s->timer, on_timer_closed);
        return NULL;
    }
    settle(s);
    return s;
}

void link_session_admit(struct link_session *s)
{
    if (s->admitted || s->wire_gone)
        return;
    s->admitted = true;
    tcpcl_secured(&s->tcpcl, mono());
    settle(s);
}

void link_session_shape(struct link_session *s, double rate_bps, duration_ns delay)
{
    if (!s->wire_gone)
        link_shaper_set(wire_shaper(s->wire), rate_bps, delay);
}

static void keep_part(struct slice *part)
{
    if (part->buf || part->size == 0)
        return;
    struct buf *copy = buf_new_malloc(part->size);
    memcpy(copy->data, part->data, part->size);
    *part = slice_of(copy, 0, copy->size);
}

void link_session_send(struct link_session *s, const struct effect_send *effect)
{
    struct outgoing *out = calloc(1, sizeof *out);
    ASSERT(out);
    out->transfer = effect->transfer;
    out->priority = effect->priority;
    for (size_t i = 0; i < COUNT_OF(out->parts); i++) {
        out->parts[i] = effect->parts[i];
        keep_part(&out->parts[i]);
    }
    struct outgoing **at = &s->waiting;
    while (*at && (*at)->priority <= out->priority)
        at = &(*at)->next;
    out->next = *at;
    *at = out;
    settle(s);
}

void link_session_answer(struct link_session *s, uint64_t receipt, err status)
{
    struct incoming **at = &s->incoming;
    while (*at && (*at)->receipt != receipt)
        at = &(*at)->next;
    if (!*at || receipt == 0)
        return; /* the session that it came by is gone */
    uint64_t id = (*at)->id;
    incoming_remove(s, at);
    if (status == ERR_OK)
        tcpcl_accept(&s->tcpcl, id);
    else
        tcpcl_refuse(&s->tcpcl, id, status == ERR_FULL ? TCPCL_REFUSE_NO_RESOURCES : TCPCL_REFUSE_NOT_ACCEPTABLE);
    settle(s);
}

void link_session_end(struct link_session *s)
{
    if (s->wire_gone)
        return;
    if (!s->established) {
        wire_close(s->wire);
        return;
    }
    tcpcl_end(&s->tcpcl, TCPCL_END_CONTACT);
    settle(s);
}

void link_session_close(struct link_session *s)
{
    if (!s->wire_gone)
        wire_close(s->wire);
}

node_id link_session_peer(const struct link_session *s)
{
    return s->peer;
}

uint64_t link_session_bytes_out(const struct link_session *s)
{
    return s->tcpcl.bytes_out;
}

uint64_t link_session_bytes_in(const struct link_session *s)
{
    return s->tcpcl.bytes_in;
}
