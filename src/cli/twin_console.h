/*
 * cli/twin_console.h - the console over a simulated world: serves a run's track as if it were a region, with a slider.
 *
 * Story:    the page of console/ asks this server what it asks a gateway; answers come from the track at one instant, positions from the
 *           scenario's orbits. `POST api/twin` moves the instant, plays, pauses, sets the speed. Over a running simulation the instant is
 *           the simulation's own until the slider is moved back; pausing then holds the simulation itself. docs/protocol/twin-console.md.
 * Owns:     the loop, the sockets, the track. Loopback only; no credentials, no secrets, nothing but playback can be changed.
 * Threads:  the caller's; a simulation in another thread shares `struct twin_live` only.
 * Errors:   BUSY when the port is taken; those of track_open.
 */
#ifndef NOCT_CLI_TWIN_CONSOLE_H
#define NOCT_CLI_TWIN_CONSOLE_H

#include <stdatomic.h>

#include "node/scenario.h"

enum { TWIN_SPEED_MOST = 100000 };

struct twin_live { /* between a simulation and the console */
    atomic_llong wall;     /* where the simulation is, TAI ns */
    atomic_uint speed;     /* seconds per second that it should run at */
    atomic_bool paused, done;
};

struct twin_console_options {
    const char *folder;
    const struct scenario *scenario;
    uint16_t port;
    double speed;
    tai_ns at;              /* where to begin; 0: the first instant */
    struct twin_live *live; /* NULL: a finished run, or one of another process */
    bool follow;            /* the track may grow: stay at its end */
};

/* Serves until SIGINT or SIGTERM. Returns an exit code. */
int twin_console_serve(const struct twin_console_options *options);

#endif
