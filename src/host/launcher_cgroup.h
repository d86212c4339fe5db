/*
 * host/launcher_cgroup.h - resource limits through cgroups: version 1, version 2, or both at once
 * (hybrid).
 *
 * Story:   each controller (memory, pids, cpu, cpuacct) is looked up where this machine has it: in
 * a version 1 hierarchy of its own or in the unified one. A sandbox gets one group per hierarchy,
 * named noct-lane.INSTANCE.SERIAL, below the group that the host itself is in, so that limits set
 * on the host hold for its sandboxes too. (Version 2 forbids children beside processes: there the
 * nearest ancestor that passes the controllers on is taken.) What cannot be had is left out of
 * `enforced`, never pretended. Owns:    the groups with its own instance name, nobody else's.
 * Errors:  none are fatal: the caller falls back to rlimits for what is not enforced.
 */
#ifndef NOCT_HOST_LAUNCHER_CGROUP_H
#define NOCT_HOST_LAUNCHER_CGROUP_H

#include <sys/types.h>

#include "base/err.h"

enum cgroup_controller {
    CGROUP_MEMORY,
    CGROUP_PIDS,
    CGROUP_CPU,
    CGROUP_CPUACCT,
    CGROUP_CONTROLLERS
};
enum { CGROUP_PATH_MAX = 512 };

struct cgroup_place {
    int version;                /* 0: not available, 1 or 2 */
    char base[CGROUP_PATH_MAX]; /* directory below which groups are made */
};

struct cgroups {
    char instance[64];
    struct cgroup_place places[CGROUP_CONTROLLERS];
};

struct cgroup_limits {
    uint64_t memory_bytes;
    uint32_t cpu_millis; /* 1000 = one core; 0: no limit */
    uint32_t processes_max;
};

struct cgroup_usage {
    bool oom_killed;
    uint64_t memory_peak_bytes; /* 0: unknown */
    bool cpu_known;
    uint64_t cpu_user_us, cpu_system_us;
};

/* Finds the hierarchies from the text of /proc/self/mountinfo and /proc/self/cgroup. */
void cgroups_find(struct cgroups *c, const char *instance, const char *mountinfo, const char *self);
void cgroups_open(struct cgroups *c, const char *instance); /* the same with this process's files */
/* Kills what is left in groups of this instance from an earlier life and removes them; returns how
 * many. */
unsigned cgroups_clean(const struct cgroups *c);
/* Makes the groups and puts `pid` in; returns a bit (1 << controller) for every limit that really
 * holds. */
unsigned cgroups_enter(const struct cgroups *c, uint64_t serial, const struct cgroup_limits *limits,
                       pid_t pid);
void cgroups_usage(const struct cgroups *c, uint64_t serial, struct cgroup_usage *usage);
/* False while the kernel still holds a group; call again later. */
bool cgroups_remove(const struct cgroups *c, uint64_t serial);

#endif
