/*
 * twin/frame_craft.h - bundles that no node made: built by faults, with checksums as they should be.
 *
 * Owns: the frames it returns belong to nobody yet (host_buf_frame). Errors: NULL when it does not fit.
 */
#ifndef NOCT_TWIN_FRAME_CRAFT_H
#define NOCT_TWIN_FRAME_CRAFT_H

#include "network/bundle.h"
#include "twin/shard.h"

struct crafted { /* one message as a bundle */
    struct eid source, destination;
    uint64_t sequence; /* names the bundle, with source and creation time */
    tai_ns wall;       /* creation time and start of its life of a minute */
    uint16_t type;
    uint64_t request;
    struct span body, payload;
};
struct host_buf *frame_craft(struct twin_node *from, const struct crafted *c);

struct opened { /* a frame, taken apart; spans point into it */
    struct bundle bundle;
    uint16_t type;
    uint64_t request;
    struct span body, payload;
};
bool frame_open(struct span frame, struct opened *out); /* false: no message */
/* The bundle of `o` again, named as before, with another body and payload. */
struct host_buf *frame_rebuild(struct twin_node *from, const struct opened *o, struct span body, struct span payload);

#endif
