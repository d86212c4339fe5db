/*
 * host/launcher_request.h - turns a launch_request into the plan that lane-init reads.
 *
 * Story:   checks every text and number, lists the root directory's entries as mounts, hands the
 * work directory to the sandbox's user, and writes the plan into one block of memory. No namespaces
 * here. Errors:  as launcher.h; `why` receives a sentence.
 */
#ifndef NOCT_HOST_LAUNCHER_REQUEST_H
#define NOCT_HOST_LAUNCHER_REQUEST_H

#include <linux/filter.h>

#include "host/launcher.h"
#include "host/launcher_plan.h"

struct launch_why {
    char text[256];
};

/* Limits as they will be asked for: the request's values with defaults in place of zeros. */
struct launch_limits {
    uint64_t memory_bytes, tmp_bytes, grace_ms, output_limit_bytes;
    uint32_t pids_max;
};

struct plan_builder {
    uint8_t *bytes; /* LANE_PLAN_BYTES_MAX */
    size_t size;
    bool failed;
};

err launch_request_check(const struct launch_request *r, struct launch_limits *limits,
                         struct launch_why *why) MUST_USE;
/* Makes the work directory's tree (and its checkpoint directory) belong to the user; never follows
 * links. */
err launch_work_prepare(const char *work_dir, uid_t uid, gid_t gid,
                        struct launch_why *why) MUST_USE;
/* Writes everything but `header`'s size and counts, which it fills in. Caller frees builder->bytes.
 */
err launch_plan_build(struct plan_builder *b, const struct launch_request *r,
                      struct lane_plan *header, const struct sock_filter *bpf,
                      const char *stage_dir, struct launch_why *why) MUST_USE;
PRINTF_LIKE(2, 3) void launch_why_set(struct launch_why *why, const char *format, ...);

#endif
