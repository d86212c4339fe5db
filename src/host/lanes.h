/*
 * host/lanes.h - performs a node's EFFECT_LANE: stages files, runs workloads through host/launcher, reads outputs.
 *
 * Story:    each lane has a folder DIR/ID with `work` (seen as /work inside), `root` (an unpacked image) and the two
 *           output streams. Effects of a lane are performed in order; unpacking an image happens in libuv's pool and
 *           later effects of that lane wait for it. "app:NAME" runs the program app-NAME that comes with noct.
 * Owns:     DIR and everything below it; it is emptied at the start, because lanes do not outlive a boot.
 * Errors:   reported as LANE_FAILED with a reason; LANE_DATA with NOT_FOUND for a file that is not there.
 * Limits:   LANES_MAX lanes; paths of LANE_PATH_MAX bytes, relative, without "." and ".." parts.
 * Threads:  the loop's.
 */
#ifndef NOCT_HOST_LANES_H
#define NOCT_HOST_LANES_H

#include <uv.h>

#include "core/machine.h"

enum { LANES_MAX = 64, LANE_PATH_MAX = 512, LANE_OUTPUT_MAX = 64 * 1024, LANE_READ_MAX = 8 << 20 };

struct lanes;

struct lanes_config {
    uv_loop_t *loop;
    const char *directory;
    const char *instance; /* of host/launcher */
    void *context;
    void (*event)(void *context, const struct event_lane *event); /* never from within lanes_perform */
};

err lanes_open(struct lanes **out, const struct lanes_config *config) MUST_USE; /* IO, DENIED: no sandbox here */
void lanes_perform(struct lanes *l, const struct effect_lane *effect); /* takes over effect->data */
void lanes_close(struct lanes *l); /* kills what runs; run the loop once more for the handles */

#endif
