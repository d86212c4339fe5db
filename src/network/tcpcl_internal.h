/* network/tcpcl_internal.h - shared by tcpcl.c (session and input) and tcpcl_out.c (output). */
#ifndef NOCT_NETWORK_TCPCL_INTERNAL_H
#define NOCT_NETWORK_TCPCL_INTERNAL_H

#include "network/tcpcl.h"

enum tcpcl_type {
    TCPCL_XFER_SEGMENT = 1,
    TCPCL_XFER_ACK,
    TCPCL_XFER_REFUSE,
    TCPCL_KEEPALIVE,
    TCPCL_SESS_TERM,
    TCPCL_MSG_REJECT,
    TCPCL_SESS_INIT
};
enum {
    TCPCL_FLAG_END = 1,
    TCPCL_FLAG_START = 2,
    TCPCL_TERM_REPLY = 1,
    TCPCL_EXTENSION_CRITICAL = 1,
    TCPCL_EXTENSION_LENGTH = 1
};
enum tcpcl_reject { TCPCL_REJECT_TYPE = 1, TCPCL_REJECT_UNSUPPORTED, TCPCL_REJECT_UNEXPECTED };

void tcpcl_put_contact(struct tcpcl *t);
void tcpcl_put_init(struct tcpcl *t);
void tcpcl_put_ack(struct tcpcl *t, uint8_t flags, uint64_t id, uint64_t size);
void tcpcl_put_refuse(struct tcpcl *t, uint64_t id, enum tcpcl_refusal reason);
void tcpcl_put_keepalive(struct tcpcl *t);
void tcpcl_put_term(struct tcpcl *t, bool reply, enum tcpcl_end reason);
void tcpcl_put_reject(struct tcpcl *t, enum tcpcl_reject reason, uint8_t type);
bool tcpcl_control_has_room(const struct tcpcl *t);

err tcpcl_out_ack(struct tcpcl *t, uint8_t flags, uint64_t id,
                  uint64_t size);                                    /* NOT_FOUND, INVALID */
err tcpcl_out_refused(struct tcpcl *t, uint64_t id, uint8_t reason); /* NOT_FOUND */
void tcpcl_out_settle(
    struct tcpcl *t); /* answers what is decided and no longer referenced by the output */
void tcpcl_out_fail(struct tcpcl *t,
                    bool all); /* answers UNREACHABLE: all, or only those that did not start */
void tcpcl_finish_if_done(struct tcpcl *t);

#endif
