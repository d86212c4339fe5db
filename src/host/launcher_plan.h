/*
 * host/launcher_plan.h - what the launcher tells lane-init, and what lane-init reports back.
 *
 * Story:   the launcher (in the big, threaded host) makes a child in new namespaces that at once
 * executes the small static program lane-init. The plan reaches it through a memory file, one byte
 * on the go pipe says that the limits stand, and one report comes back on the report pipe when
 * everything in the sandbox is dead. Layout:  both ends are built from this file and run on one
 * machine, so the structs travel as they are; the magic holds the layout's version. After the
 * struct: bpf_count seccomp instructions of 8 bytes, then zero-terminated texts: stage directory,
 * work directory, working directory, argv (argument_count), environment (environment_count), then
 * mount_count times (kind, source, target). Kinds:   "d" directory, "f" file (both bound
 * read-only), "l" symbolic link whose text is `source`.
 */
#ifndef NOCT_HOST_LAUNCHER_PLAN_H
#define NOCT_HOST_LAUNCHER_PLAN_H

#include <stdint.h>

enum {
    LANE_PLAN_MAGIC = 0x4c4e5031,   /* "LNP1" */
    LANE_REPORT_MAGIC = 0x4c4e5231, /* "LNR1" */
    LANE_PLAN_BYTES_MAX = 1 << 20,
    LANE_TEXTS_MAX = 4096, /* arguments and environment together */
    LANE_MOUNTS_MAX = 64,
};

struct lane_plan {
    uint32_t magic, size_bytes;
    uint32_t bpf_count, argument_count, environment_count, mount_count;
    uint32_t user_namespace; /* 1: made by an unprivileged host, ids are already mapped */
    uint32_t user_id, group_id;
    uint32_t landlock_abi; /* 0: not available */
    uint64_t tmp_bytes;
    uint64_t address_space_bytes; /* RLIMIT_AS; 0: a cgroup bounds memory */
    uint64_t cpu_seconds;         /* RLIMIT_CPU; 0: none */
    uint64_t file_bytes;          /* RLIMIT_FSIZE; 0: none */
    uint64_t processes;           /* RLIMIT_NPROC */
    uint64_t open_files;
    uint64_t wall_limit_ms, grace_ms, output_limit_bytes;
};

enum lane_flags {
    LANE_TIMED_OUT = 1,        /* the wall limit ended it */
    LANE_OUTPUT_TRUNCATED = 2, /* more was written than output_limit_bytes */
    LANE_KILLED_AFTER_GRACE = 4,
};

struct lane_report {
    uint32_t magic;
    int32_t failed_errno; /* not 0: the sandbox could not be made; `stage` says where */
    char stage[56];
    int32_t wait_status; /* of the workload, as from waitpid */
    uint32_t flags;
    uint64_t cpu_user_us, cpu_system_us, resident_peak_bytes, wall_ms, output_bytes;
};

#endif
