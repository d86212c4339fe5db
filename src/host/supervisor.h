/*
 * host/supervisor.h - `noct up`: one process per node, kept running, told what drills want, stopped together.
 *
 * Story:    makes or opens the state directory, locks it, checks the ports, starts the clock and the nodes, waits until
 *           all of them serve, says in a few lines what runs and how to use it, then watches: a node that ends by itself
 *           is started again (with growing pauses), one that a drill killed stays down until it is revived. Requests
 *           come over STATE/control.sock (docs/protocol/control.md).
 * Owns:     its children, by process id; they die with it (parent-death signal). It ends no other process.
 * Ending:   SIGINT, SIGTERM or `noct down`: SIGTERM to each child, SIGKILL after 10 s to those that are still there.
 * Exit:     0 ended on request, 1 could not start (a sentence on stderr), 2 usage.
 */
#ifndef NOCT_HOST_SUPERVISOR_H
#define NOCT_HOST_SUPERVISOR_H

#include "base/err.h"

struct supervisor_options {
    const char *scenario_path, *state_directory;
    uint16_t port;   /* of the first gateway; the next ones follow */
    uint32_t speed;  /* 0: the scenario's */
    bool detach, no_emulation;
    uint32_t journal_mib;      /* 0: no journals */
    const char *journal_nodes; /* "NAME,NAME": only these; NULL: all */
};

int supervisor_main(const struct supervisor_options *options);

#endif
