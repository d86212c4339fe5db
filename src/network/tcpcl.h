/*
 * network/tcpcl.h - one session of the TCP convergence layer version 4 (RFC 9174), without any
 * input or output.
 *
 * Story:   the owner of a TCP connection feeds the bytes it reads (tcpcl_receive) and writes what
 * tcpcl_output shows (scatter list; nothing is copied but headers), then says how much went out
 * (tcpcl_written). Both sides send a contact header; if both offer TLS the owner is asked to
 * upgrade the stream and calls tcpcl_secured. After SESS_INIT transfers flow both ways, pipelined,
 * in segments; a received transfer is copied once, into memory that the owner provides for its
 * announced length. Its last segment is acknowledged only when the owner calls tcpcl_accept: that
 * is how custody moves. A sent transfer is answered by `sent`, exactly once. Use:     tcpcl_init →
 * loop { read → tcpcl_receive; tcpcl_output → write → tcpcl_written; at tcpcl_deadline → tcpcl_tick
 * } → `closed` → close the connection (after writing what tcpcl_output still has). After any call
 * the owner should look at tcpcl_output again. Back-pressure: tcpcl_receive may take less than it
 * was given (TLS is due, TCPCL_IN_MAX transfers wait for acceptance, or our own output is stuck):
 * stop reading, offer the rest again after tcpcl_accept, tcpcl_secured or tcpcl_written. Owns:
 * nothing outside the struct (about 16 KiB). Borrows parts of sent transfers until `sent`, and
 * rooms of incoming transfers until `received` or `dropped`. Units:   bytes; mono ns; seconds on
 * the wire. Errors:  tcpcl_send: FULL (TCPCL_OUT_MAX transfers under way), UNREACHABLE (not
 * established, or ending), TOO_LARGE (for the peer). `sent`: OK (the peer has it), BUSY (refused
 * for lack of resources or for another passing reason), INVALID (refused as not acceptable),
 * UNREACHABLE (session ended first). `closed`: OK (agreed end), TIMEOUT, INVALID (peer broke the
 * protocol), VERSION, DENIED (TLS is required and not offered), UNREACHABLE (tcpcl_abort:
 * connection lost). Threads: single owner. Handlers are called from within the functions below;
 * they may call tcpcl_send, _accept, _refuse. Invariant: tcpcl_check().
 */
#ifndef NOCT_NETWORK_TCPCL_H
#define NOCT_NETWORK_TCPCL_H

#include "base/bytes.h"
#include "base/time.h"

enum {
    TCPCL_OUT_MAX = 128,
    TCPCL_IN_MAX = 64,
    TCPCL_PIECES_MAX = 32,
    TCPCL_SEGMENT = 256 * 1024,
    TCPCL_NAME_MAX = 255,
    TCPCL_HEADER_MAX = 2048,
    TCPCL_CONTROL_MAX = 4096
};

enum tcpcl_state {
    TCPCL_CONTACT,  /* contact headers are exchanged */
    TCPCL_SECURING, /* both offered TLS: the owner upgrades the stream */
    TCPCL_INIT,     /* SESS_INIT are exchanged */
    TCPCL_ESTABLISHED,
    TCPCL_ENDING, /* SESS_TERM was sent: transfers under way are finished */
    TCPCL_CLOSED
};
enum tcpcl_refusal { /* XFER_REFUSE reasons */
                     TCPCL_REFUSE_UNKNOWN,
                     TCPCL_REFUSE_COMPLETED,
                     TCPCL_REFUSE_NO_RESOURCES,
                     TCPCL_REFUSE_RETRANSMIT,
                     TCPCL_REFUSE_NOT_ACCEPTABLE,
                     TCPCL_REFUSE_EXTENSION,
                     TCPCL_REFUSE_ENDING
};
enum tcpcl_end { /* SESS_TERM reasons */
                 TCPCL_END_UNKNOWN,
                 TCPCL_END_IDLE,
                 TCPCL_END_VERSION,
                 TCPCL_END_BUSY,
                 TCPCL_END_CONTACT,
                 TCPCL_END_RESOURCES
};

struct tcpcl_handlers {
    void *context;
    /* Upgrade to TLS: write out what tcpcl_output still has, do the handshake, call tcpcl_secured.
     */
    void (*secure)(void *context);
    /* SESS_INIT of the peer: its node number if the name is `ipn:N.0`, else 0; compare it with the
     * certificate here. False ends the session. */
    bool (*established)(void *context, uint32_t peer, struct span name);
    /* Memory for at least `size` bytes of this transfer with the first `have` bytes kept; asked
     * once when the peer announced the length, else before each segment. NULL: no room, the
     * transfer is refused. */
    uint8_t *(*room)(void *context, uint64_t transfer, uint64_t size, uint64_t have);
    void (*received)(void *context, uint64_t transfer,
                     uint64_t size); /* whole: answer by tcpcl_accept or tcpcl_refuse */
    void (*dropped)(
        void *context,
        uint64_t transfer); /* will not be completed or cannot be answered any more: free it */
    void (*sent)(void *context, uint64_t cookie, err status); /* the parts are yours again */
    void (*closed)(void *context, err why);
};

struct tcpcl_config {
    uint32_t node; /* we are ipn:NODE.0 */
    bool passive;  /* we accepted the connection */
    bool tls_offered, tls_required;
    uint16_t keepalive_s;               /* 0: none; the session uses the smaller of both sides */
    uint64_t segment_mru, transfer_mru; /* the largest we take */
    duration_ns handshake_ns; /* until established, and for an orderly end; default 10 s */
};

struct tcpcl_out {
    uint64_t cookie, id, total, staged, acked;
    uint64_t staged_at; /* place in the output stream after the last staged byte */
    uint64_t order;
    struct span parts[3];
    uint8_t priority, state; /* see tcpcl_out.c */
    err verdict;
};
struct tcpcl_in {
    uint64_t id, total;
    uint8_t flags; /* of its last segment */
};

struct tcpcl {
    struct tcpcl_config config;
    struct tcpcl_handlers handlers;
    enum tcpcl_state state;
    mono_ns now, started_at, heard_at, spoke_at, ending_at;
    uint32_t peer;
    uint64_t peer_segment_mru, peer_transfer_mru;
    uint16_t keepalive_s; /* agreed */
    bool contact_sent, init_sent, term_sent, term_received;
    bool blocked; /* we do not read, so the peer's silence means nothing */
    /* input */
    uint8_t header[TCPCL_HEADER_MAX];
    size_t header_have;
    bool in_open, in_discarding, in_announced, in_segment;
    uint64_t in_id, in_total, in_have, segment_left, discarded_id;
    uint8_t segment_flags;
    uint8_t *in_base;
    struct tcpcl_in waiting[TCPCL_IN_MAX];
    size_t waiting_count;
    /* output */
    struct tcpcl_out out[TCPCL_OUT_MAX];
    size_t out_count;
    uint64_t next_id, next_order, stream_staged, stream_written;
    uint8_t control[TCPCL_CONTROL_MAX];
    size_t control_size;
    uint8_t stage[TCPCL_CONTROL_MAX + 1024];
    struct span pieces[TCPCL_PIECES_MAX];
    size_t piece_count, piece_at;
    /* numbers */
    uint64_t bytes_in, bytes_out, rejected;
};

void tcpcl_init(struct tcpcl *t, const struct tcpcl_config *config,
                const struct tcpcl_handlers *handlers, mono_ns now);
void tcpcl_receive(struct tcpcl *t, mono_ns now, struct span bytes, size_t *consumed);
size_t tcpcl_output(struct tcpcl *t,
                    struct span pieces[TCPCL_PIECES_MAX]);     /* what to write next; 0: nothing */
void tcpcl_written(struct tcpcl *t, mono_ns now, size_t size); /* so many bytes of it went out */
void tcpcl_secured(struct tcpcl *t, mono_ns now);
void tcpcl_tick(struct tcpcl *t, mono_ns now);
mono_ns tcpcl_deadline(const struct tcpcl *t); /* call tcpcl_tick then; TIME_NEVER: no timer runs */
err tcpcl_send(struct tcpcl *t, uint64_t cookie, const struct span parts[3],
               uint8_t priority) MUST_USE;
void tcpcl_accept(struct tcpcl *t, uint64_t transfer);
void tcpcl_refuse(struct tcpcl *t, uint64_t transfer, enum tcpcl_refusal reason);
void tcpcl_end(struct tcpcl *t,
               enum tcpcl_end reason); /* agreed end: what is under way is finished */
void tcpcl_abort(struct tcpcl *t,
                 err why); /* the connection is gone: everything is answered at once */
bool tcpcl_check(const struct tcpcl *t);

#endif
