/*
 * host/node_process.h - one node as one operating-system process: `noct node --state DIR --name NAME`.
 *
 * Story:    loads what the state directory holds for this node, raises the boot count, computes the sky, opens the node
 *           in a fixed block of memory, and then turns a libuv loop: everything that happens becomes one event, each
 *           event one step, each step's effects are performed in order. A gateway also runs the region machine behind
 *           its HTTP port.
 * Control:  one JSON line per command on standard input, one JSON line of status per second on standard output:
 *           docs/protocol/control.md. The process ends when its supervisor does (parent-death signal).
 * Crash:    crash only. SIGTERM flushes the disk queue and exits; SIGKILL at any moment loses nothing acknowledged. An
 *           assertion writes the flight recorder to NODE/panic.txt.
 * Memory:   the scenario's budget per node, mapped at the start; the region of a gateway has its own block.
 * Errors:   the exit code: 0 ended on request, 1 could not start (a sentence on stderr), 2 usage.
 */
#ifndef NOCT_HOST_NODE_PROCESS_H
#define NOCT_HOST_NODE_PROCESS_H

#include "base/err.h"

struct node_process_options {
    const char *state_directory, *name;
    bool no_emulation; /* no delay and rate on links */
    bool follow_parent; /* die with the parent process */
    uint32_t journal_mib; /* 0: no journal */
    const char *commit;   /* of this build, for the journal */
};

int node_process_main(const struct node_process_options *options);

#endif
