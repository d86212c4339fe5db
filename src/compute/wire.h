/*
 * compute/wire.h - the bytes of the compute plane: fact bodies and messages.
 *
 * All integers little-endian; `blob` is u32 size + bytes; every body begins with u8 version = 1. A decoder refuses
 * unknown versions, values out of bounds and trailing bytes (ERR_INVALID).
 *
 *   TASK          u8 1, uid[16], u8 mode, u8 priority, u32 cpu_millis, u64 memory, u64 disk, i64 deadline, i64 expected,
 *                 blob name, blob document, u8 n x executor, u8 n x input, u8 n x output
 *     executor    blob image, u8 n x blob argument, u8 n x blob environment, blob workdir, stdout, stderr, u8 flags (1: ignore_error)
 *     input       blob bucket, key, path, content          output  blob bucket, key, path
 *   AWARD         u8 1, uid[16], u32 epoch, u32 owner, u32 successor[2], i64 promised (wall), i64 lease (wall duration)
 *   TASK_STATE    u8 1, uid[16], u32 epoch, u8 state, i64 wall
 *   TASK_RESULT   u8 1, uid[16], u32 epoch, u8 state, i32 exit_code, i64 started, i64 ended, u64 cpu_us, u64 memory_peak,
 *                 blob output, blob error_output, blob reason, u8 n x (u8 index, u64 size)
 *   TASK_CANCEL   u8 1, uid[16]
 *   TASK_RECEIPT  u8 1, uid[16], u32 epoch, u32 node, u8 state, blob reason
 *   message ANNOUNCE (1)  u8 1, uid[16], u8 priority, u32 cpu_millis, u64 memory, i64 deadline, i64 expected,
 *                         u64 input_bytes, u64 held_bytes (of those, on the bidder, by the manager's knowledge)
 *   message BID (2)       u8 1, uid[16], u8 verdict, i64 finish (wall), u64 energy_mwh
 */
#ifndef NOCT_COMPUTE_WIRE_H
#define NOCT_COMPUTE_WIRE_H

#include "core/task_api.h"

enum {
    COMPUTE_EPOCH_MAX = 1000000,
    COMPUTE_NAME_MAX = 256,
    COMPUTE_REASON_MAX = 200,
    COMPUTE_PATH_MAX = 512,
    COMPUTE_TEXT_MAX = 8192,      /* an argument, an environment entry */
    COMPUTE_CONTENT_MAX = 131072, /* literal inputs of a task together */
    COMPUTE_SPEC_MAX = 200 * 1024,
    COMPUTE_RESULT_MAX = 2 * TASK_LOG_MAX + COMPUTE_REASON_MAX + TASK_FILES_MAX * 9 + 128,
    COMPUTE_SMALL_MAX = 512, /* every other body */
};
#define COMPUTE_EXPECTED_MAX (30 * NS_PER_DAY)

enum compute_message { COMPUTE_ANNOUNCE = 1, COMPUTE_BID = 2 };
enum compute_verdict { VERDICT_YES, VERDICT_POWER, VERDICT_HEAT, VERDICT_LANES, VERDICT_HEALTH, VERDICT_COUNT };

struct award {
    struct uid id;
    uint32_t epoch;
    node_id owner, successors[2];
    tai_ns promised;
    duration_ns lease; /* wall */
};
struct report { /* TASK_STATE */
    struct uid id;
    uint32_t epoch;
    enum task_state state;
    tai_ns wall;
};
struct outcome { /* TASK_RESULT */
    struct uid id;
    uint32_t epoch;
    enum task_state state; /* COMPLETE, EXECUTOR_ERROR, SYSTEM_ERROR or PREEMPTED */
    int32_t exit_code;
    tai_ns started, ended;
    uint64_t cpu_us, memory_peak_bytes;
    struct span output, error_output, reason;
    uint8_t output_count;
    struct {
        uint8_t index; /* into the specification's outputs; ascending */
        uint64_t size;
    } outputs[TASK_FILES_MAX];
};
struct receipt {
    struct uid id;
    uint32_t epoch; /* 0 with node 0: ended without an attempt */
    node_id node;
    enum task_state state;
    struct span reason;
};
struct announce {
    struct uid id;
    uint8_t priority;
    uint32_t cpu_millis;
    uint64_t memory_bytes;
    tai_ns deadline;
    duration_ns expected;
    uint64_t input_bytes, held_bytes;
};
struct bid {
    struct uid id;
    enum compute_verdict verdict;
    tai_ns finish;
    uint64_t energy_mwh;
};

void compute_award_write(struct writer *w, const struct award *a);
void compute_report_write(struct writer *w, const struct report *r);
void compute_outcome_write(struct writer *w, const struct outcome *o);
void compute_cancel_write(struct writer *w, struct uid id);
void compute_receipt_write(struct writer *w, const struct receipt *r);
void compute_announce_write(struct writer *w, const struct announce *a);
void compute_bid_write(struct writer *w, const struct bid *b);

err compute_award_read(struct span body, struct award *out) MUST_USE;
err compute_report_read(struct span body, struct report *out) MUST_USE;
err compute_outcome_read(struct span body, struct outcome *out) MUST_USE;
err compute_cancel_read(struct span body, struct uid *out) MUST_USE;
err compute_receipt_read(struct span body, struct receipt *out) MUST_USE;
err compute_announce_read(struct span body, struct announce *out) MUST_USE;
err compute_bid_read(struct span body, struct bid *out) MUST_USE;

/* ---- the specification (spec.c) ---- */

/* Checks what a customer asks for; on failure `reason` says where and what rule. INVALID, TOO_LARGE. */
err compute_spec_check(const struct task_spec *s, char reason[160]) MUST_USE;
void compute_spec_write(struct writer *w, struct uid id, const struct task_spec *s);
/* Spans point into `body`; what comes out has passed compute_spec_check. */
err compute_spec_read(struct span body, struct uid *id, struct task_spec *out) MUST_USE;
/* The part of an absolute path below /work. */
struct span compute_spec_relative(struct span path);
/* Splits "s3://BUCKET/KEY"; false when it is not one. */
bool compute_spec_s3(struct span url, struct span *bucket, struct span *key);

#endif
