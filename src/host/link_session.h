/*
 * host/link_session.h - one TCPCLv4 session over one wire: bundles in and out of a connection.
 *
 * Story:    joins network/tcpcl (the protocol, without I/O) to host/wire (socket, TLS, shaping). The owner learns who the
 *           peer is (identified), decides when the session may go on (link_session_admit; until then the peer's bytes
 *           wait), sends bundles and answers received ones.
 * Owns:     the wire, the session, the slices of bundles under way, the memory of incoming ones.
 * Calls:    handlers only queue events or mark state: they may be called from within any function here. `gone` is the
 *           last call and comes from the loop; the session frees itself after it.
 * Limits:   TCPCL_OUT_MAX transfers inside the protocol, more wait here in order of priority; received bundles that are
 *           not answered yet hold at most SESSION_RECEIVE_MAX bytes, beyond that transfers are refused.
 * Threads:  the loop's.
 */
#ifndef NOCT_HOST_LINK_SESSION_H
#define NOCT_HOST_LINK_SESSION_H

#include "core/machine.h"
#include "host/wire.h"

enum { SESSION_RECEIVE_MAX = 64 << 20, SESSION_TRANSFER_MAX = 8 << 20, SESSION_KEEPALIVE_S = 15 };

struct link_session;

struct link_session_handlers {
    void *context;
    void (*identified)(void *context, struct link_session *s, node_id peer); /* certificate checked */
    void (*established)(void *context, struct link_session *s);
    void (*frame)(void *context, struct link_session *s, uint64_t receipt, struct slice data); /* takes the reference */
    void (*sent)(void *context, struct link_session *s, uint64_t transfer, err status);
    void (*gone)(void *context, struct link_session *s, err why);
};

struct link_session *link_session_dial(uv_loop_t *loop, uint16_t port, node_id self, node_id expected,
                                       const struct wire_identity *identity, const struct link_session_handlers *handlers);
struct link_session *link_session_accept(uv_loop_t *loop, uv_stream_t *listener, node_id self,
                                         const struct wire_identity *identity,
                                         const struct link_session_handlers *handlers); /* NULL: gone already */
void link_session_admit(struct link_session *s); /* after identified: go on to SESS_INIT */
void link_session_shape(struct link_session *s, double rate_bps, duration_ns delay);
void link_session_send(struct link_session *s, const struct effect_send *effect); /* takes over the slices */
void link_session_answer(struct link_session *s, uint64_t receipt, err status);
void link_session_end(struct link_session *s);   /* orderly: finish what is under way, then gone */
void link_session_close(struct link_session *s); /* at once: the contact is over */
node_id link_session_peer(const struct link_session *s); /* NODE_NONE until identified */
uint64_t link_session_bytes_out(const struct link_session *s);
uint64_t link_session_bytes_in(const struct link_session *s);

#endif
