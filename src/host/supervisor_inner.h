/*
 * host/supervisor_inner.h - the inside of the supervisor, shared by supervisor.c (life), supervisor_child.c (processes)
 * and supervisor_control.c (requests and status).
 */
#ifndef NOCT_HOST_SUPERVISOR_INNER_H
#define NOCT_HOST_SUPERVISOR_INNER_H

#include <uv.h>

#include "base/text.h"
#include "host/clock.h"
#include "host/control.h"
#include "host/state.h"
#include "host/supervisor.h"

struct json_value;
struct supervisor;

enum child_state { CHILD_STOPPED, CHILD_STARTING, CHILD_RUNNING, CHILD_KILLED, CHILD_CRASHED };

struct child {
    struct supervisor *owner;
    size_t site;
    const char *name;
    enum child_state state;
    bool alive, kill_asked, revive_asked;
    uv_process_t process;
    uv_pipe_t input, output;
    int handles_open;
    uv_timer_t retry;
    char *line; /* of its output, being read */
    size_t line_size;
    struct json_value *status; /* its last report */
    unsigned restarts, failures; /* failures in a row */
    mono_ns started_at;
};

enum { CUTS_MAX = 256 };
struct cut {
    node_id a, b; /* a < b */
    tai_ns until;
};

struct supervisor {
    struct supervisor_options options;
    struct host_state state;
    struct clock clock;
    char clock_path[PATH_SIZE], program[PATH_SIZE], endpoint[64];
    uv_loop_t loop;
    uv_signal_t on_interrupt, on_terminate;
    uv_timer_t second, give_up;
    uv_pipe_t control;
    int control_directory;
    struct child children[STATE_NODES_MAX];
    size_t child_count;
    struct cut cuts[CUTS_MAX];
    size_t cut_count;
    bool ready, stopping, failed;
    int ready_pipe; /* --detach: the parent waits on it; -1 */
    unsigned seconds;
};

/* supervisor_child.c */
void child_start(struct child *c);
void child_kill(struct child *c, int signal_number);
void child_tell(struct child *c, const char *line); /* with its newline */
void child_free(struct child *c);
const char *child_state_name(enum child_state s);
/* supervisor_control.c */
err supervisor_control_open(struct supervisor *s) MUST_USE;
void supervisor_control_close(struct supervisor *s);
void supervisor_cuts_tell(struct supervisor *s, struct child *c); /* a node that (re)started learns the cuts */
/* supervisor.c */
void supervisor_stop(struct supervisor *s);
void supervisor_child_ready(struct supervisor *s, struct child *c);
void supervisor_child_failed(struct supervisor *s, struct child *c); /* it ended before it was ever ready */
void supervisor_child_gone(struct supervisor *s);
void supervisor_say(struct supervisor *s, const char *format, ...) PRINTF_LIKE(2, 3); /* progress, one line */

#endif
