/*
 * core/task_api.h - tasks, as the region sees them: what it asks the compute plane of the same node, and the answers.
 *
 * Source: GA4GH Task Execution Service 1.1.0 (states, views); policy by backend_parameters.
 * Borrowed: all spans and arrays are valid during the call only.
 */
#ifndef NOCT_CORE_TASK_API_H
#define NOCT_CORE_TASK_API_H

#include "base/buf.h"
#include "core/ids.h"

enum {
    TASK_FILES_MAX = 32,
    TASK_ARGUMENTS_MAX = 64,
    TASK_ENVIRONMENT_MAX = 64,
    TASK_EXECUTORS_MAX = 4,
    TASK_DOCUMENT_MAX = 32768,
    TASK_LOG_MAX = 16384, /* of stdout and stderr each, the tail */
    TASK_LIST_MAX = 256,
    TASK_ATTEMPTS_MAX = 8,
};

enum task_state { /* the TES states */
    TASK_UNKNOWN, TASK_QUEUED, TASK_INITIALIZING, TASK_RUNNING, TASK_PAUSED, TASK_COMPLETE, TASK_EXECUTOR_ERROR,
    TASK_SYSTEM_ERROR, TASK_CANCELED, TASK_PREEMPTED, TASK_CANCELING, TASK_STATE_COUNT
};
const char *task_state_name(enum task_state s); /* "EXECUTOR_ERROR" */

enum task_mode { TASK_RESTART, TASK_STANDBY, TASK_ACTIVE, TASK_VOTE3 }; /* replication mode; RESTART is the default */

struct task_file { /* an input or an output */
    struct span bucket, key; /* from s3://BUCKET/KEY */
    struct span path;        /* inside the container: absolute; must lie below /work for outputs and inputs */
    struct span content;     /* inputs: literal content instead of an object (bucket empty) */
};

struct task_executor {
    struct span image; /* "app:NAME" or "s3://BUCKET/KEY" of an image archive */
    struct span arguments[TASK_ARGUMENTS_MAX];
    size_t argument_count;
    struct span environment[TASK_ENVIRONMENT_MAX]; /* "NAME=VALUE" */
    size_t environment_count;
    struct span workdir, stdout_path, stderr_path; /* may be empty */
    bool ignore_error;
};

struct task_spec {
    struct span document; /* the TES task as submitted (JSON text), kept for the FULL view */
    struct span name;
    struct task_executor executors[TASK_EXECUTORS_MAX];
    size_t executor_count;
    struct task_file inputs[TASK_FILES_MAX], outputs[TASK_FILES_MAX];
    size_t input_count, output_count;
    uint32_t cpu_millis; /* default 1000 */
    uint64_t memory_bytes, disk_bytes;
    tai_ns deadline;      /* wall; 0: none */
    uint8_t priority;     /* 0 (first) .. 9, default 5 */
    enum task_mode mode;
    duration_ns expected_ns; /* wall time of compute expected by the customer; 0: unknown (60 s is assumed) */
};

enum task_op { TASK_CREATE, TASK_GET, TASK_LIST, TASK_CANCEL };
struct task_request {
    enum task_op op;
    enum service client;
    uint64_t tag;
    const struct task_spec *spec; /* CREATE */
    struct uid id;                /* GET, CANCEL */
    struct span name_prefix;      /* LIST */
    enum task_state state_filter; /* LIST: TASK_UNKNOWN = all */
    struct uid after;             /* LIST: page token */
    uint32_t most;
};

struct task_attempt {
    node_id node;
    uint32_t epoch;
    tai_ns started, ended; /* 0: not yet */
    enum task_state state;
    int32_t exit_code;
    uint64_t cpu_us, memory_peak_bytes;
    struct span output, error_output, reason;
};

struct task_view {
    struct uid id;
    enum task_state state;
    tai_ns created;
    struct span name, document;
    node_id owner;          /* who has the lease; NODE_NONE while queued */
    node_id successors[2];
    uint32_t epoch;
    tai_ns promised;        /* quoted completion, 0 when none */
    struct task_attempt attempts[TASK_ATTEMPTS_MAX]; /* the last one decides */
    size_t attempt_count;
    struct {
        struct span bucket, key, path;
        uint64_t size;
    } outputs[TASK_FILES_MAX];
    size_t output_count;
};

struct task_reply {
    enum task_op op;
    enum service client;
    uint64_t tag;
    err status; /* NOT_FOUND, INVALID, FULL */
    char reason[160];
    struct uid id;
    const struct task_view *views; /* GET: one; LIST: newest first */
    size_t view_count;
    bool more;
};

#endif
