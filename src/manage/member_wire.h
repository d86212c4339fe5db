/*
 * manage/member_wire.h - the bytes of membership facts and heartbeats. Layouts: docs/protocol/membership.md.
 *
 * Story:   decoders are strict (exact size, every range checked) and borrow from their input; encoders write into a
 *          caller's writer, whose ok says whether it fitted.
 * Errors:  ERR_INVALID for everything that does not have the form.
 * Threads: pure.
 */
#ifndef NOCT_MANAGE_MEMBER_WIRE_H
#define NOCT_MANAGE_MEMBER_WIRE_H

#include "core/view.h"

enum {
    JOIN_BLOB_MAX = 4096,
    JOIN_SIZE_MAX = 64 + 32 + JOIN_BLOB_MAX,
    CONVICT_CITED_MAX = 16,
    HEARTBEAT_OTHERS_MAX = 8,   /* of a large mission; else HEARTBEAT_OTHERS */
    HEARTBEAT_OTHERS = 4,
    STATUS_SIZE_MAX = 240,
    HEARTBEAT_SIZE_MAX = 32 + (1 + HEARTBEAT_OTHERS_MAX) * (STATUS_SIZE_MAX + 4),
    HEARD_SIZE_MAX = 4 + 5 + 10,
};
enum manage_message_type { MANAGE_HEARTBEAT = 1, MANAGE_ASK, MANAGE_LIVES };

struct manage_join {
    node_id node;
    uint32_t incarnation;
    enum member_role role;
    uint16_t plane, batch;
    uint8_t public_key[32];
    char name[32];
    struct span blob; /* orbit or site, opaque here */
};
/* Host: the body of a JOIN fact for the genesis. */
err manage_join_encode(const struct manage_join *join, uint8_t *out, size_t capacity, struct span *body) MUST_USE;
err manage_join_decode(struct span body, struct manage_join *out) MUST_USE;

struct leave { node_id node; uint32_t incarnation; };
struct suspect { node_id node; uint32_t life; bool withdrawn; tai_ns wall; };
struct cited { node_id observer; uint32_t incarnation; uint64_t seq; };
struct convict { node_id node; uint32_t life; size_t count; struct cited cited[CONVICT_CITED_MAX]; };
struct comeback { uint32_t boot, life; };

void leave_write(struct writer *w, const struct leave *v);
err leave_read(struct span body, struct leave *out) MUST_USE;
void suspect_write(struct writer *w, const struct suspect *v);
err suspect_read(struct span body, struct suspect *out) MUST_USE;
void convict_write(struct writer *w, const struct convict *v);
err convict_read(struct span body, struct convict *out) MUST_USE;
void comeback_write(struct writer *w, const struct comeback *v);
err comeback_read(struct span body, struct comeback *out) MUST_USE;

struct pulse { uint32_t boot; uint64_t seq, facts; bool full; }; /* the head of a heartbeat of a large mission */
struct heard { node_id node; uint32_t boot; uint64_t seq; };     /* ASK and LIVES: the latest word that came directly */

void pulse_write(struct writer *w, const struct pulse *v);
bool pulse_read(struct reader *r, struct pulse *out); /* behind the version; false: malformed */
void heard_write(struct writer *w, const struct heard *v);
err heard_read(struct span body, struct heard *out) MUST_USE;
void status_write(struct writer *w, const struct status *s);
bool status_read(struct reader *r, struct status *out); /* false: malformed */

#endif
