#include "network/tcpcl_internal.h"

#include <stdio.h>
#include <string.h>

enum { OUT_QUEUED, OUT_SENDING, OUT_WAITING, OUT_DECIDED };
enum {
    BATCH_BYTES = 1024 * 1024,
    SEGMENT_HEADER_MAX = 64,
    CONTROL_INPUT_MAX = TCPCL_CONTROL_MAX / 2
};

/* ---- control messages
 * -------------------------------------------------------------------------------------- */

/* Input is taken while control output is at most half full; the other half holds the final
 * acknowledgements of TCPCL_IN_MAX transfers and what a session's end needs. */
bool tcpcl_control_has_room(const struct tcpcl *t)
{
    return t->control_size <= CONTROL_INPUT_MAX;
}

static struct writer control_begin(struct tcpcl *t)
{
    return writer_of(t->control + t->control_size, sizeof t->control - t->control_size);
}

static void control_end(struct tcpcl *t, const struct writer *w)
{
    ASSERT(writer_ok(w));
    t->control_size += w->at;
}

void tcpcl_put_contact(struct tcpcl *t)
{
    struct writer w = control_begin(t);
    write_bytes(&w, "dtn!", 4);
    write_u8(&w, 4);
    write_u8(&w, t->config.tls_offered ? 1 : 0);
    control_end(t, &w);
    t->contact_sent = true;
}

void tcpcl_put_init(struct tcpcl *t)
{
    char name[32];
    int size = snprintf(name, sizeof name, "ipn:%lu.0", (unsigned long)t->config.node);
    struct writer w = control_begin(t);
    write_u8(&w, TCPCL_SESS_INIT);
    write_u16_be(&w, t->config.keepalive_s);
    write_u64_be(&w, t->config.segment_mru);
    write_u64_be(&w, t->config.transfer_mru);
    write_u16_be(&w, (uint16_t)size);
    write_bytes(&w, name, (size_t)size);
    write_u32_be(&w, 0);
    control_end(t, &w);
    t->init_sent = true;
}

void tcpcl_put_ack(struct tcpcl *t, uint8_t flags, uint64_t id, uint64_t size)
{
    struct writer w = control_begin(t);
    write_u8(&w, TCPCL_XFER_ACK);
    write_u8(&w, flags);
    write_u64_be(&w, id);
    write_u64_be(&w, size);
    control_end(t, &w);
}

void tcpcl_put_refuse(struct tcpcl *t, uint64_t id, enum tcpcl_refusal reason)
{
    struct writer w = control_begin(t);
    write_u8(&w, TCPCL_XFER_REFUSE);
    write_u8(&w, (uint8_t)reason);
    write_u64_be(&w, id);
    control_end(t, &w);
}

void tcpcl_put_keepalive(struct tcpcl *t)
{
    struct writer w = control_begin(t);
    write_u8(&w, TCPCL_KEEPALIVE);
    control_end(t, &w);
}

void tcpcl_put_term(struct tcpcl *t, bool reply, enum tcpcl_end reason)
{
    if (t->term_sent)
        return;
    struct writer w = control_begin(t);
    write_u8(&w, TCPCL_SESS_TERM);
    write_u8(&w, reply ? TCPCL_TERM_REPLY : 0);
    write_u8(&w, (uint8_t)reason);
    control_end(t, &w);
    t->term_sent = true;
}

void tcpcl_put_reject(struct tcpcl *t, enum tcpcl_reject reason, uint8_t type)
{
    struct writer w = control_begin(t);
    write_u8(&w, TCPCL_MSG_REJECT);
    write_u8(&w, (uint8_t)reason);
    write_u8(&w, type);
    control_end(t, &w);
    t->rejected++;
}

/* ---- transfers
 * -----------------------------------------------------------------------------------------------
 */

err tcpcl_send(struct tcpcl *t, uint64_t cookie, const struct span parts[3], uint8_t priority)
{
    if (t->state != TCPCL_ESTABLISHED)
        return ERR_UNREACHABLE;
    uint64_t total = (uint64_t)parts[0].size + parts[1].size + parts[2].size;
    ASSERT(total > 0);
    if (total > t->peer_transfer_mru)
        return ERR_TOO_LARGE;
    if (t->out_count == TCPCL_OUT_MAX)
        return ERR_FULL;
    t->out[t->out_count++] = (struct tcpcl_out){.cookie = cookie,
                                                .total = total,
                                                .order = t->next_order++,
                                                .parts = {parts[0], parts[1], parts[2]},
                                                .priority = priority,
                                                .state = OUT_QUEUED};
    return ERR_OK;
}

static struct tcpcl_out *find_by_id(struct tcpcl *t, uint64_t id)
{
    for (size_t i = 0; i < t->out_count; i++)
        if (t->out[i].id == id &&
            (t->out[i].state == OUT_SENDING || t->out[i].state == OUT_WAITING))
            return &t->out[i];
    return NULL;
}

err tcpcl_out_ack(struct tcpcl *t, uint8_t flags, uint64_t id, uint64_t size)
{
    struct tcpcl_out *o = find_by_id(t, id);
    if (!o)
        return ERR_NOT_FOUND;
    if (size < o->acked || size > o->staged || ((flags & TCPCL_FLAG_END) && size != o->total))
        return ERR_INVALID;
    o->acked = size;
    if (size == o->total) {
        o->state = OUT_DECIDED;
        o->verdict = ERR_OK;
    }
    return ERR_OK;
}

err tcpcl_out_refused(struct tcpcl *t, uint64_t id, uint8_t reason)
{
    struct tcpcl_out *o = find_by_id(t, id);
    if (!o)
        return ERR_NOT_FOUND;
    o->state = OUT_DECIDED;
    o->verdict = reason == TCPCL_REFUSE_COMPLETED ? ERR_OK
                 : reason == TCPCL_REFUSE_NOT_ACCEPTABLE || reason == TCPCL_REFUSE_EXTENSION
                     ? ERR_INVALID
                     : ERR_BUSY;
    return ERR_OK;
}

void tcpcl_out_settle(struct tcpcl *t)
{
    for (size_t i = 0; i < t->out_count;) {
        struct tcpcl_out o = t->out[i];
        if (o.state != OUT_DECIDED || t->stream_written < o.staged_at) {
            i++;
            continue;
        }
        t->out[i] = t->out[--t->out_count];
        t->handlers.sent(t->handlers.context, o.cookie, o.verdict);
        i = 0; /* the handler may have sent more */
    }
}

void tcpcl_out_fail(struct tcpcl *t, bool all)
{
    for (size_t i = 0; i < t->out_count;) {
        struct tcpcl_out o = t->out[i];
        if (!all && o.state != OUT_QUEUED) {
            i++;
            continue;
        }
        t->out[i] = t->out[--t->out_count];
        t->handlers.sent(t->handlers.context, o.cookie,
                         o.state == OUT_DECIDED ? o.verdict : ERR_UNREACHABLE);
        i = 0;
    }
}

/* The transfer under way, else the best that waits: segments of two transfers never mix (RFC 9174
 * §5.2.2). */
static struct tcpcl_out *next_to_send(struct tcpcl *t)
{
    struct tcpcl_out *best = NULL;
    for (size_t i = 0; i < t->out_count; i++) {
        struct tcpcl_out *o = &t->out[i];
        if (o->state == OUT_SENDING)
            return o;
        if (o->state == OUT_QUEUED && t->state == TCPCL_ESTABLISHED &&
            (!best || o->priority < best->priority ||
             (o->priority == best->priority && o->order < best->order)))
            best = o;
    }
    return best;
}

static void add_piece(struct tcpcl *t, const uint8_t *data, size_t size)
{
    if (size == 0)
        return;
    ASSERT(t->piece_count < TCPCL_PIECES_MAX);
    t->pieces[t->piece_count++] = span_of(data, size);
    t->stream_staged += size;
}

/* Adds bytes [from, from + size) of the transfer's parts. */
static void add_data(struct tcpcl *t, const struct tcpcl_out *o, uint64_t from, uint64_t size)
{
    for (size_t p = 0; p < 3 && size > 0; p++) {
        uint64_t here = o->parts[p].size;
        if (from >= here) {
            from -= here;
            continue;
        }
        uint64_t take = MIN(size, here - from);
        add_piece(t, o->parts[p].data + from, (size_t)take);
        size -= take;
        from = 0;
    }
    ASSERT(size == 0);
}

static uint64_t stage_segment(struct tcpcl *t, struct tcpcl_out *o, struct writer *w)
{
    bool start = o->state == OUT_QUEUED;
    uint64_t size = MIN(o->total - o->staged, MIN((uint64_t)TCPCL_SEGMENT, t->peer_segment_mru));
    bool end = o->staged + size == o->total;
    size_t from = w->at;
    if (start) {
        o->id = t->next_id++;
        o->state = OUT_SENDING;
    }
    write_u8(w, TCPCL_XFER_SEGMENT);
    write_u8(w, (uint8_t)((start ? TCPCL_FLAG_START : 0) | (end ? TCPCL_FLAG_END : 0)));
    write_u64_be(w, o->id);
    if (start && end) {
        write_u32_be(w, 0);
    } else if (start) { /* RFC 9174 §5.2.5.1 */
        write_u32_be(w, 13);
        write_u8(w, TCPCL_EXTENSION_CRITICAL);
        write_u16_be(w, TCPCL_EXTENSION_LENGTH);
        write_u16_be(w, 8);
        write_u64_be(w, o->total);
    }
    write_u64_be(w, size);
    ASSERT(writer_ok(w));
    add_piece(t, w->data + from, w->at - from);
    add_data(t, o, o->staged, size);
    o->staged += size;
    o->staged_at = t->stream_staged;
    if (end)
        o->state = OUT_WAITING;
    return size;
}

static void build_batch(struct tcpcl *t)
{
    t->piece_count = t->piece_at = 0;
    struct writer w = writer_of(t->stage, sizeof t->stage);
    write_bytes(&w, t->control, t->control_size);
    t->control_size = 0;
    add_piece(t, t->stage, w.at);
    if (t->state != TCPCL_ESTABLISHED && t->state != TCPCL_ENDING)
        return;
    uint64_t bytes = 0;
    while (bytes < BATCH_BYTES && t->piece_count + 4 <= TCPCL_PIECES_MAX &&
           sizeof t->stage - w.at >= SEGMENT_HEADER_MAX) {
        struct tcpcl_out *o = next_to_send(t);
        if (!o)
            break;
        bytes += stage_segment(t, o, &w) + 1;
    }
}

size_t tcpcl_output(struct tcpcl *t, struct span pieces[TCPCL_PIECES_MAX])
{
    if (t->piece_at == t->piece_count)
        build_batch(t);
    size_t count = t->piece_count - t->piece_at;
    memcpy(pieces, t->pieces + t->piece_at, count * sizeof *pieces);
    return count;
}

void tcpcl_written(struct tcpcl *t, mono_ns now, size_t size)
{
    t->now = now;
    if (size == 0)
        return;
    t->spoke_at = now;
    t->stream_written += size;
    t->bytes_out += size;
    while (size > 0) {
        ASSERT(t->piece_at < t->piece_count);
        struct span *p = &t->pieces[t->piece_at];
        size_t n = MIN(size, p->size);
        *p = span_of(p->data + n, p->size - n);
        size -= n;
        if (p->size == 0)
            t->piece_at++;
    }
    tcpcl_out_settle(t);
    tcpcl_finish_if_done(t);
}
