#include "network/tcpcl.h"

#include <string.h>

#include "base/text.h"
#include "network/tcpcl_internal.h"

enum { EXTENSIONS_MAX = 1024, SEGMENT_MRU_MIN = 64 };

void tcpcl_init(struct tcpcl *t, const struct tcpcl_config *config,
                const struct tcpcl_handlers *handlers, mono_ns now)
{
    memset(t, 0, sizeof *t);
    t->config = *config;
    t->handlers = *handlers;
    if (t->config.handshake_ns == 0)
        t->config.handshake_ns = 10 * NS_PER_S;
    t->now = t->started_at = t->heard_at = t->spoke_at = now;
    t->state = TCPCL_CONTACT;
    if (!config->passive)
        tcpcl_put_contact(t);
}

/* ---- the end
 * ---------------------------------------------------------------------------------------------------
 */

static void drop_incoming(struct tcpcl *t)
{
    if (t->in_open) {
        t->in_open = false;
        t->handlers.dropped(t->handlers.context, t->in_id);
    }
    while (t->waiting_count > 0) {
        uint64_t id = t->waiting[--t->waiting_count].id;
        t->handlers.dropped(t->handlers.context, id);
    }
}

static void close_session(struct tcpcl *t, err why)
{
    if (t->state == TCPCL_CLOSED)
        return;
    t->state = TCPCL_CLOSED;
    /* Parts of transfers go back to their owners below: nothing may refer to them any more. Without
     * a clean boundary in the stream nothing more can be said. */
    if (t->piece_at < t->piece_count && t->out_count > 0) {
        t->piece_at = t->piece_count = 0;
        t->control_size = 0;
    }
    tcpcl_out_fail(t, true);
    drop_incoming(t);
    t->handlers.closed(t->handlers.context, why);
}

static void fail_session(struct tcpcl *t, enum tcpcl_end reason, err why)
{
    if (t->contact_sent && t->state != TCPCL_SECURING)
        tcpcl_put_term(t, false, reason);
    close_session(t, why);
}

void tcpcl_abort(struct tcpcl *t, err why)
{
    t->piece_at = t->piece_count = 0;
    t->control_size = 0;
    close_session(t, why);
}

void tcpcl_end(struct tcpcl *t, enum tcpcl_end reason)
{
    if (t->state == TCPCL_ESTABLISHED) {
        tcpcl_put_term(t, false, reason);
        t->state = TCPCL_ENDING;
        t->ending_at = t->now;
        tcpcl_out_fail(t, false);
    } else if (t->state != TCPCL_ENDING) {
        if (t->init_sent)
            tcpcl_put_term(t, false, reason);
        close_session(t, ERR_OK);
    }
}

void tcpcl_finish_if_done(struct tcpcl *t)
{
    if (t->state == TCPCL_ENDING && t->term_sent && t->term_received && t->out_count == 0 &&
        !t->in_open && t->waiting_count == 0)
        close_session(t, ERR_OK);
}

/* ---- input: handshake
 * -------------------------------------------------------------------------------------------- */

static void begin_init(struct tcpcl *t)
{
    t->state = TCPCL_INIT;
    if (!t->config.passive)
        tcpcl_put_init(t);
}

void tcpcl_secured(struct tcpcl *t, mono_ns now)
{
    t->now = now;
    if (t->state == TCPCL_SECURING)
        begin_init(t);
}

static void take_contact(struct tcpcl *t)
{
    if (memcmp(t->header, "dtn!", 4) != 0) {
        close_session(t, ERR_INVALID); /* not one of us: say nothing */
        return;
    }
    if (!t->contact_sent)
        tcpcl_put_contact(t);
    if (t->header[4] != 4) {
        fail_session(t, TCPCL_END_VERSION, ERR_VERSION);
        return;
    }
    bool tls = t->config.tls_offered && (t->header[5] & 1);
    if (t->config.tls_required && !tls) {
        fail_session(t, TCPCL_END_CONTACT, ERR_DENIED);
        return;
    }
    if (!tls) {
        begin_init(t);
        return;
    }
    t->state = TCPCL_SECURING;
    t->handlers.secure(t->handlers.context);
}

/* Walks a list of extension items; `length` receives the transfer length if it is there. */
static err read_extensions(struct span list, bool of_transfer, uint64_t *length)
{
    struct reader r = reader_of(list.data, list.size);
    while (reader_left(&r) > 0) {
        uint8_t flags = read_u8(&r);
        uint16_t type = read_u16_be(&r);
        uint16_t size = read_u16_be(&r);
        struct span value = read_span(&r, size);
        if (!reader_ok(&r))
            return ERR_INVALID;
        if (of_transfer && type == TCPCL_EXTENSION_LENGTH) {
            if (size != 8)
                return ERR_INVALID;
            struct reader v = reader_of(value.data, value.size);
            *length = read_u64_be(&v);
        } else if (flags & TCPCL_EXTENSION_CRITICAL) {
            return ERR_UNSUPPORTED;
        }
    }
    return ERR_OK;
}

/* `ipn:N.0` with N in 1..2^32-1, else 0. */
static uint32_t node_of_name(struct span name)
{
    uint64_t node = 0;
    if (name.size < 7 || memcmp(name.data, "ipn:", 4) != 0 ||
        memcmp(name.data + name.size - 2, ".0", 2) != 0)
        return 0;
    if (parse_u64(span_of(name.data + 4, name.size - 6), UINT32_MAX, &node) != ERR_OK)
        return 0;
    return (uint32_t)node;
}

static void take_init(struct tcpcl *t, size_t size)
{
    struct reader r = reader_of(t->header, size);
    uint64_t unused = 0;
    (void)read_u8(&r);
    uint16_t keepalive_s = read_u16_be(&r);
    t->peer_segment_mru = read_u64_be(&r);
    t->peer_transfer_mru = read_u64_be(&r);
    uint16_t name_size = read_u16_be(&r);
    struct span name = read_span(&r, name_size);
    uint32_t list_size = read_u32_be(&r);
    struct span list = read_span(&r, list_size);
    ASSERT(reader_at_end(&r));
    if (!t->init_sent)
        tcpcl_put_init(t);
    t->keepalive_s = MIN(keepalive_s, t->config.keepalive_s);
    t->peer = node_of_name(name);
    if (read_extensions(list, false, &unused) != ERR_OK || t->peer_segment_mru < SEGMENT_MRU_MIN ||
        !utf8_valid(name)) {
        fail_session(t, TCPCL_END_CONTACT, ERR_INVALID);
        return;
    }
    t->state = TCPCL_ESTABLISHED;
    if (!t->handlers.established(t->handlers.context, t->peer, name))
        fail_session(t, TCPCL_END_CONTACT, ERR_DENIED);
}

/* ---- input: transfers
 * ---------------------------------------------------------------------------------------------- */

static void discard_transfer(struct tcpcl *t, uint64_t id)
{
    t->in_open = false;
    t->in_discarding = true;
    t->discarded_id = id;
}

static void refuse_incoming(struct tcpcl *t, enum tcpcl_refusal reason)
{
    tcpcl_put_refuse(t, t->in_id, reason);
    if (t->in_open)
        t->handlers.dropped(t->handlers.context, t->in_id);
    discard_transfer(t, t->in_id);
}

static void end_segment(struct tcpcl *t)
{
    t->in_segment = false;
    bool end = t->segment_flags & TCPCL_FLAG_END;
    if (!t->in_open) {
        if (end)
            t->in_discarding = false;
        return;
    }
    if (!end) {
        tcpcl_put_ack(t, t->segment_flags, t->in_id, t->in_have);
        return;
    }
    if (t->in_announced && t->in_have != t->in_total) {
        refuse_incoming(t, TCPCL_REFUSE_NOT_ACCEPTABLE);
        t->in_discarding = false;
        return;
    }
    ASSERT(t->waiting_count < TCPCL_IN_MAX);
    t->in_open = false;
    t->waiting[t->waiting_count++] =
        (struct tcpcl_in){.id = t->in_id, .total = t->in_have, .flags = t->segment_flags};
    t->handlers.received(t->handlers.context, t->in_id, t->in_have);
}

/* The first segment of a transfer: make room or refuse. */
static void start_transfer(struct tcpcl *t, uint64_t id, uint64_t size, uint64_t announced,
                           bool is_announced, err extensions)
{
    t->in_id = id;
    t->in_have = 0;
    t->in_discarding = false;
    t->in_announced = is_announced;
    t->in_total = is_announced ? announced : size;
    if (extensions != ERR_OK) {
        refuse_incoming(t, TCPCL_REFUSE_EXTENSION);
    } else if (t->state == TCPCL_ENDING) {
        refuse_incoming(t, TCPCL_REFUSE_ENDING);
    } else if (t->in_total > t->config.transfer_mru || size > t->in_total || t->in_total == 0) {
        refuse_incoming(t, TCPCL_REFUSE_NOT_ACCEPTABLE);
    } else {
        t->in_base = t->handlers.room(t->handlers.context, id, t->in_total, 0);
        if (t->in_base)
            t->in_open = true;
        else
            refuse_incoming(t, TCPCL_REFUSE_NO_RESOURCES);
    }
}

/* A later segment of the transfer under way. */
static void continue_transfer(struct tcpcl *t, uint64_t id, uint64_t size)
{
    if (!t->in_open || id != t->in_id) {
        if (!t->in_discarding || id != t->discarded_id)
            tcpcl_put_reject(t, TCPCL_REJECT_UNEXPECTED, TCPCL_XFER_SEGMENT);
        return;
    }
    uint64_t most = t->in_announced ? t->in_total : t->config.transfer_mru;
    if (size > most - t->in_have) {
        refuse_incoming(t, TCPCL_REFUSE_NOT_ACCEPTABLE);
        return;
    }
    if (t->in_announced)
        return;
    t->in_base = t->handlers.room(t->handlers.context, id, t->in_have + size, t->in_have);
    if (!t->in_base)
        refuse_incoming(t, TCPCL_REFUSE_NO_RESOURCES);
}

static void take_segment(struct tcpcl *t, size_t header_size)
{
    struct reader r = reader_of(t->header, header_size);
    (void)read_u8(&r);
    uint8_t flags = read_u8(&r);
    uint64_t id = read_u64_be(&r), announced = UINT64_MAX;
    err extensions = ERR_OK;
    if (flags & TCPCL_FLAG_START) {
        uint32_t list_size = read_u32_be(&r);
        extensions = read_extensions(read_span(&r, list_size), true, &announced);
    }
    uint64_t size = read_u64_be(&r);
    ASSERT(reader_at_end(&r));
    bool start = flags & TCPCL_FLAG_START, other_is_open = t->in_open && (start || id != t->in_id);
    if (size > t->config.segment_mru || other_is_open) {
        fail_session(t, TCPCL_END_UNKNOWN, ERR_INVALID);
        return;
    }
    t->segment_flags = flags;
    t->segment_left = size;
    t->in_segment = true;
    bool is_announced = announced != UINT64_MAX || (flags & TCPCL_FLAG_END);
    if (start)
        start_transfer(t, id, size, announced == UINT64_MAX ? size : announced, is_announced,
                       extensions);
    else
        continue_transfer(t, id, size);
    if (size == 0 && t->state != TCPCL_CLOSED)
        end_segment(t);
}

/* ---- input: the rest
 * --------------------------------------------------------------------------------------------------
 */

static void take_term(struct tcpcl *t)
{
    t->term_received = true;
    if (t->state == TCPCL_INIT) {
        tcpcl_put_term(t, true, (enum tcpcl_end)t->header[2]);
        close_session(t, ERR_OK);
        return;
    }
    if (t->state == TCPCL_ESTABLISHED) {
        tcpcl_put_term(t, true, (enum tcpcl_end)t->header[2]);
        t->state = TCPCL_ENDING;
        t->ending_at = t->now;
        tcpcl_out_fail(t, false);
    }
    tcpcl_finish_if_done(t);
}

static void take_answer(struct tcpcl *t)
{
    struct reader r = reader_of(t->header + 2, 16);
    uint64_t id = read_u64_be(&r);
    bool ack = t->header[0] == TCPCL_XFER_ACK;
    err e = ack ? tcpcl_out_ack(t, t->header[1], id, read_u64_be(&r))
                : tcpcl_out_refused(t, id, t->header[1]);
    if (e == ERR_INVALID) {
        fail_session(t, TCPCL_END_UNKNOWN, ERR_INVALID);
        return;
    }
    if (e == ERR_NOT_FOUND &&
        ack) /* a refusal may cross our last segment: that one is silently late */
        tcpcl_put_reject(t, TCPCL_REJECT_UNEXPECTED, TCPCL_XFER_ACK);
    tcpcl_out_settle(t);
    tcpcl_finish_if_done(t);
}

static void take_message(struct tcpcl *t, size_t size)
{
    uint8_t type = t->header[0];
    if (t->state == TCPCL_CONTACT) {
        take_contact(t);
        return;
    }
    bool init = t->state == TCPCL_INIT;
    if (type < TCPCL_XFER_SEGMENT || type > TCPCL_SESS_INIT) {
        tcpcl_put_reject(t, TCPCL_REJECT_TYPE, type);
        fail_session(t, TCPCL_END_UNKNOWN,
                     ERR_INVALID); /* its length is unknown: there is no way on */
    } else if (type == TCPCL_SESS_TERM) {
        take_term(t);
    } else if (type == TCPCL_MSG_REJECT) {
        fail_session(t, TCPCL_END_UNKNOWN, ERR_INVALID);
    } else if ((type == TCPCL_SESS_INIT) != init) {
        tcpcl_put_reject(t, TCPCL_REJECT_UNEXPECTED, type);
        fail_session(t, TCPCL_END_UNKNOWN, ERR_INVALID);
    } else if (init) {
        take_init(t, size);
    } else if (type == TCPCL_XFER_SEGMENT) {
        take_segment(t, size);
    } else if (type != TCPCL_KEEPALIVE) {
        take_answer(t);
    }
}

static size_t be(const uint8_t *p, size_t width)
{
    size_t v = 0;
    for (size_t i = 0; i < width; i++)
        v = v << 8 | p[i];
    return v;
}

/* How many bytes the header of the current message has, as far as the `have` first tell; 0: more
 * than we take. */
static size_t header_need(const struct tcpcl *t)
{
    const uint8_t *h = t->header;
    size_t have = t->header_have;
    if (t->state == TCPCL_CONTACT)
        return 6;
    if (have == 0)
        return 1;
    switch (h[0]) {
    case TCPCL_XFER_SEGMENT:
        if (have < 2)
            return 2;
        if (!(h[1] & TCPCL_FLAG_START))
            return 18;
        if (have < 14)
            return 14;
        return be(h + 10, 4) > EXTENSIONS_MAX ? 0 : 14 + be(h + 10, 4) + 8;
    case TCPCL_XFER_ACK:
        return 18;
    case TCPCL_XFER_REFUSE:
        return 10;
    case TCPCL_SESS_TERM:
    case TCPCL_MSG_REJECT:
        return 3;
    case TCPCL_SESS_INIT: {
        if (have < 21)
            return 21;
        size_t name = be(h + 19, 2), at = 21 + name;
        if (name > TCPCL_NAME_MAX)
            return 0;
        if (have < at + 4)
            return at + 4;
        return be(h + at, 4) > EXTENSIONS_MAX ? 0 : at + 4 + be(h + at, 4);
    }
    default:
        return 1;
    }
}

/* A new transfer needs a place among those that wait; everything needs room for its answer. */
static bool must_wait(const struct tcpcl *t)
{
    bool starts = t->state >= TCPCL_ESTABLISHED && t->header[0] == TCPCL_XFER_SEGMENT &&
                  (t->header[1] & TCPCL_FLAG_START);
    return !tcpcl_control_has_room(t) || (starts && t->waiting_count == TCPCL_IN_MAX);
}

/* Takes segment data or header bytes; returns how many. */
static size_t take_bytes(struct tcpcl *t, struct span rest, size_t need)
{
    if (!t->in_segment) {
        size_t n = MIN(rest.size, need - t->header_have);
        memcpy(t->header + t->header_have, rest.data, n);
        t->header_have += n;
        return n;
    }
    size_t n = (size_t)MIN((uint64_t)rest.size, t->segment_left);
    if (t->in_open) {
        memcpy(t->in_base + t->in_have, rest.data, n);
        t->in_have += n;
    }
    t->segment_left -= n;
    if (t->segment_left == 0)
        end_segment(t);
    return n;
}

void tcpcl_receive(struct tcpcl *t, mono_ns now, struct span bytes, size_t *consumed)
{
    t->now = now;
    if (bytes.size > 0)
        t->heard_at = now;
    t->blocked = false;
    size_t at = 0;
    while (t->state != TCPCL_CLOSED && t->state != TCPCL_SECURING) {
        size_t need = t->in_segment ? 0 : header_need(t);
        if (!t->in_segment && need == 0) {
            fail_session(t, TCPCL_END_RESOURCES, ERR_INVALID);
            break;
        }
        if (t->in_segment ? !tcpcl_control_has_room(t) : t->header_have == need && must_wait(t)) {
            t->blocked = true;
            break;
        }
        if (!t->in_segment && t->header_have == need) {
            t->header_have = 0;
            take_message(t, need);
            continue;
        }
        if (at == bytes.size)
            break;
        at += take_bytes(t, span_of(bytes.data + at, bytes.size - at), need);
    }
    t->bytes_in += at;
    *consumed = t->state == TCPCL_CLOSED ? bytes.size : at;
}

static bool take_waiting(struct tcpcl *t, uint64_t id, struct tcpcl_in *out)
{
    for (size_t i = 0; i < t->waiting_count; i++)
        if (t->waiting[i].id == id) {
            *out = t->waiting[i];
            memmove(t->waiting + i, t->waiting + i + 1,
                    (t->waiting_count - i - 1) * sizeof *t->waiting);
            t->waiting_count--;
            return true;
        }
    return false;
}

void tcpcl_accept(struct tcpcl *t, uint64_t transfer)
{
    struct tcpcl_in in;
    if (t->state == TCPCL_CLOSED || !take_waiting(t, transfer, &in))
        return;
    tcpcl_put_ack(t, in.flags, in.id, in.total);
    tcpcl_finish_if_done(t);
}

void tcpcl_refuse(struct tcpcl *t, uint64_t transfer, enum tcpcl_refusal reason)
{
    struct tcpcl_in in;
    if (t->state == TCPCL_CLOSED || !take_waiting(t, transfer, &in))
        return;
    tcpcl_put_refuse(t, in.id, reason);
    tcpcl_finish_if_done(t);
}

/* ---- time
 * -----------------------------------------------------------------------------------------------------------------
 */

static bool alive_session(const struct tcpcl *t)
{
    return (t->state == TCPCL_ESTABLISHED || t->state == TCPCL_ENDING) && t->keepalive_s > 0;
}

mono_ns tcpcl_deadline(const struct tcpcl *t)
{
    mono_ns at = TIME_NEVER;
    if (t->state == TCPCL_CLOSED)
        return at;
    if (t->state < TCPCL_ESTABLISHED)
        at = t->started_at + t->config.handshake_ns;
    if (t->state == TCPCL_ENDING)
        at = t->ending_at + t->config.handshake_ns;
    if (alive_session(t)) {
        duration_ns keepalive_ns = t->keepalive_s * NS_PER_S;
        at = MIN(at, t->spoke_at + keepalive_ns);
        at = MIN(at, t->heard_at + 2 * keepalive_ns);
    }
    return at;
}

void tcpcl_tick(struct tcpcl *t, mono_ns now)
{
    t->now = now;
    if (t->state == TCPCL_CLOSED)
        return;
    if (t->state < TCPCL_ESTABLISHED && now >= t->started_at + t->config.handshake_ns) {
        fail_session(t, TCPCL_END_IDLE, ERR_TIMEOUT);
        return;
    }
    if (t->state == TCPCL_ENDING && now >= t->ending_at + t->config.handshake_ns) {
        close_session(t, ERR_TIMEOUT);
        return;
    }
    if (!alive_session(t))
        return;
    duration_ns keepalive_ns = t->keepalive_s * NS_PER_S;
    if (t->blocked)
        t->heard_at = now;
    if (now >= t->heard_at + 2 * keepalive_ns) {
        fail_session(t, TCPCL_END_IDLE, ERR_TIMEOUT);
        return;
    }
    if (now >= t->spoke_at + keepalive_ns) {
        if (t->control_size == 0 && t->piece_at == t->piece_count)
            tcpcl_put_keepalive(t);
        t->spoke_at = now;
    }
}

bool tcpcl_check(const struct tcpcl *t)
{
    bool ok = t->out_count <= TCPCL_OUT_MAX && t->waiting_count <= TCPCL_IN_MAX &&
              t->control_size <= sizeof t->control && t->piece_at <= t->piece_count &&
              t->piece_count <= TCPCL_PIECES_MAX && t->header_have <= sizeof t->header &&
              t->stream_written <= t->stream_staged;
    uint64_t pending = 0;
    for (size_t i = t->piece_at; i < t->piece_count; i++)
        pending += t->pieces[i].size;
    ok = ok && (t->state == TCPCL_CLOSED || pending == t->stream_staged - t->stream_written);
    ok = ok && (!t->in_open || t->in_have <= t->config.transfer_mru);
    for (size_t i = 0; i < t->out_count; i++)
        ok = ok && t->out[i].staged <= t->out[i].total && t->out[i].acked <= t->out[i].staged;
    return ok;
}
