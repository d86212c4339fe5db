/*
 * host/launcher.h - runs a workload in a sandbox of Linux namespaces, and says truly which limits
 * hold.
 *
 * Story:    launcher_start makes a child in new pid, mount, net, ipc and uts namespaces (and a user
 * namespace when the host is not root), puts it into cgroups (version 1 or 2, whichever is there),
 * and lets the small static program lane-init build a read-only root, drop every right and run the
 * workload: seccomp allow-list, Landlock where the kernel has it, no new privileges, no
 * capabilities, an unprivileged user id of its own, no network. The pid and pidfd returned fit an
 * event loop: when the pidfd is readable, launcher_reap gives exit code and use. Nothing of it
 * blocks but the few hundred microseconds of clone and exec. Inside:   / read-only (the entries of
 * root_dir, or only /app/NAME), /work read-write (the host's work_dir), /tmp (tmpfs, bounded),
 * private /proc, /dev with null zero full random urandom. ORB_CKPT_DIR=/work/checkpoint.
 * Convention: exit code 85 = "checkpoint written, restart me". SIGUSR1 = checkpoint soon. SIGTERM =
 * checkpoint now and leave within grace_ms; after that everything inside is killed. Owns:     its
 * cgroups (noct-lane.INSTANCE.*), the state directory's `stage`, the pidfds. Mounts live in the
 * child's namespace and die with it. When the host dies, the kernel kills its sandboxes
 * (parent-death signal). Limits:   the sum of what is written to /work is bounded only by
 * file_limit_bytes for each file; watch the disk. Where a cgroup controller is not available or not
 * writable, rlimits take its place and `limits_enforced` says so: RLIMIT_AS for memory,
 * RLIMIT_NPROC for pids, RLIMIT_CPU as a total in place of a share of cpu. Errors:   ERR_INVALID,
 * ERR_RANGE, ERR_TOO_LARGE (the request); ERR_FULL (lanes used up); ERR_IO, ERR_DENIED (the system
 * refused); launcher_why tells what and where. Faults inside the child come as usage.failure.
 * Threads:  single owner: the thread that starts a sandbox must outlive it (parent-death signal).
 */
#ifndef NOCT_HOST_LAUNCHER_H
#define NOCT_HOST_LAUNCHER_H

#include <sys/types.h>

#include "base/err.h"

enum {
    LAUNCH_EXIT_CHECKPOINTED = 85,
    LAUNCH_LANES_MAX = 256,
    LAUNCH_LIMITS_TEXT = 512,
};

struct launch_request {
    const char *root_dir;         /* a directory that becomes the read-only root, or NULL: */
    const char *app_path;         /* one static program, to be seen as /app/NAME */
    const char *const *arguments; /* NULL-terminated; arguments[0] is the program (PATH is
                                     searched). NULL with app_path: /app/NAME without arguments */
    const char *const
        *environment; /* NULL-terminated "NAME=value"; NULL: only PATH, HOME and ORB_CKPT_DIR */
    const char *work_dir_host; /* becomes /work; its files are given to the sandbox's user; NULL:
                                  /work is empty */
    const char *working_dir;   /* inside; NULL: /work */
    uint64_t memory_bytes;     /* 0: 256 MiB */
    uint64_t tmp_bytes;        /* 0: a quarter of memory_bytes */
    uint32_t cpu_millis;       /* 1000 = one core; 0: no limit */
    uint32_t pids_max;         /* 0: 64 */
    uint64_t wall_limit_ms;    /* 0: none */
    uint64_t grace_ms;         /* between SIGTERM and SIGKILL; 0: 2000 */
    uint64_t
        output_limit_bytes;    /* stdout and stderr together; 0: 1 MiB; more is dropped and said */
    uint64_t file_limit_bytes; /* for each file written; 0: no limit */
    const char *stdout_path,
        *stderr_path; /* host files, made anew with mode 0600; NULL: /dev/null; may be equal */
};

struct launch_handle {
    pid_t pid; /* in the host's view: the guardian of the sandbox */
    int pidfd; /* readable when everything inside is dead; closed by launcher_reap; -1 on kernels
                  before 5.3 */
    char limits_enforced[LAUNCH_LIMITS_TEXT];
};

struct launch_usage {
    int exit_code; /* -1 when ended by a signal */
    int signal;    /* 0 when it exited */
    bool oom_killed, timed_out, output_truncated, checkpointed;
    bool killed; /* the whole sandbox was killed by launcher_signal(SIGKILL) or after grace */
    uint64_t cpu_user_us, cpu_system_us, memory_peak_bytes, wall_ms, output_bytes;
    char failure[160]; /* not empty: the sandbox or program could not be started, and why */
    char limits_enforced[LAUNCH_LIMITS_TEXT];
};

struct launcher;

/* `state_dir` exists and is the host's; `init_path` is lane-init's file (NULL: app-lane-init beside
 * this program); `instance` ([A-Za-z0-9_-]) tells this host's groups from others': groups left by
 * its earlier life are removed. */
err launcher_open(struct launcher **out, const char *state_dir, const char *init_path,
                  const char *instance) MUST_USE;
void launcher_close(struct launcher *l);            /* kills and reaps what still runs */
const char *launcher_why(const struct launcher *l); /* the last failure, for people */
err launcher_start(struct launcher *l, const struct launch_request *request,
                   struct launch_handle *handle) MUST_USE;
/* Any signal but SIGKILL reaches the workload (SIGTERM starts the grace time); SIGKILL ends the
 * whole sandbox. */
err launcher_signal(struct launcher *l, pid_t pid, int signal_number) MUST_USE;
/* ERR_BUSY while it runs; ERR_NOT_FOUND for a pid that is not a sandbox of this launcher. */
err launcher_reap(struct launcher *l, pid_t pid, struct launch_usage *usage) MUST_USE;
/* The same, waiting at most `timeout_ms` (for tools and tests). */
err launcher_wait(struct launcher *l, pid_t pid, uint64_t timeout_ms,
                  struct launch_usage *usage) MUST_USE;

/* Opens a file that a workload left: `path` relative to `work_dir`; links, devices and ways out are
 * refused. */
err launcher_output_open(const char *work_dir, const char *path, int *fd) MUST_USE;

#endif
