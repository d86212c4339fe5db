/*
 * host/clock.h - the two clocks of a node on a real machine, and the anchor that all its processes share.
 *
 * Story:    mono is CLOCK_MONOTONIC. Wall is the scenario's time: the anchor's wall plus the time since the anchor times
 *           the speed. The supervisor writes the anchor to STATE/clock.json when it starts, and the wall reached once a
 *           second; nodes read it. A restart continues where the last run stopped: while nothing runs no scenario time
 *           passes, so that satellites are where they were. On this machine all processes share CLOCK_MONOTONIC, so
 *           their walls agree to the microsecond; wall_error says 1 ms of machine time all the same.
 * Units:    nanoseconds; speed: wall seconds per second of the machine, 1..600.
 * Errors:   NOT_FOUND, INVALID (not a clock file), and those of host/files.h.
 */
#ifndef NOCT_HOST_CLOCK_H
#define NOCT_HOST_CLOCK_H

#include "base/time.h"

enum { CLOCK_SPEED_MAX = 600 };

struct clock {
    mono_ns anchor_mono;
    tai_ns anchor_wall;
    uint32_t speed;
};

mono_ns clock_mono(void);
int64_t clock_utc_s(void); /* real time, for signatures of clients */
struct now clock_now(const struct clock *c);

/* Starts or continues: the wall of the file, or `epoch` when there is none. Writes the new anchor. */
err clock_start(struct clock *c, const char *path, tai_ns epoch, uint32_t speed) MUST_USE;
err clock_load(struct clock *c, const char *path) MUST_USE; /* what clock_start wrote */
err clock_save(const struct clock *c, const char *path) MUST_USE; /* keeps the anchor, records the wall reached */

#endif
