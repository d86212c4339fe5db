#include "compute/wire.h"

enum { WIRE_VERSION = 1 };

static void head_write(struct writer *w, struct uid id)
{
    write_u8(w, WIRE_VERSION);
    write_bytes(w, id.bytes, sizeof id.bytes);
}

static struct uid head_read(struct reader *r)
{
    struct uid id;
    if (read_u8(r) != WIRE_VERSION)
        r->failed = true;
    read_bytes(r, id.bytes, sizeof id.bytes);
    if (uid_is_zero(id))
        r->failed = true;
    return id;
}

static err verdict(const struct reader *r, bool sound)
{
    return reader_at_end(r) && sound ? ERR_OK : ERR_INVALID;
}

static int64_t read_i64(struct reader *r)
{
    return (int64_t)read_u64(r);
}

static bool epoch_sound(uint32_t epoch)
{
    return epoch >= 1 && epoch <= COMPUTE_EPOCH_MAX;
}

void compute_award_write(struct writer *w, const struct award *a)
{
    head_write(w, a->id);
    write_u32(w, a->epoch);
    write_u32(w, a->owner);
    write_u32(w, a->successors[0]);
    write_u32(w, a->successors[1]);
    write_u64(w, (uint64_t)a->promised);
    write_u64(w, (uint64_t)a->lease);
}

err compute_award_read(struct span body, struct award *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->id = head_read(&r);
    out->epoch = read_u32(&r);
    out->owner = read_u32(&r);
    out->successors[0] = read_u32(&r);
    out->successors[1] = read_u32(&r);
    out->promised = read_i64(&r);
    out->lease = read_i64(&r);
    return verdict(&r, epoch_sound(out->epoch) && out->owner != NODE_NONE && out->promised >= 0 &&
                           out->lease > 0 && out->lease <= 10 * COMPUTE_EXPECTED_MAX);
}

void compute_report_write(struct writer *w, const struct report *p)
{
    head_write(w, p->id);
    write_u32(w, p->epoch);
    write_u8(w, (uint8_t)p->state);
    write_u64(w, (uint64_t)p->wall);
}

err compute_report_read(struct span body, struct report *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->id = head_read(&r);
    out->epoch = read_u32(&r);
    out->state = (enum task_state)read_u8(&r);
    out->wall = read_i64(&r);
    bool known = out->state == TASK_INITIALIZING || out->state == TASK_RUNNING || out->state == TASK_PAUSED ||
                 out->state == TASK_CANCELED;
    return verdict(&r, epoch_sound(out->epoch) && known && out->wall >= 0);
}

void compute_outcome_write(struct writer *w, const struct outcome *o)
{
    head_write(w, o->id);
    write_u32(w, o->epoch);
    write_u8(w, (uint8_t)o->state);
    write_u32(w, (uint32_t)o->exit_code);
    write_u64(w, (uint64_t)o->started);
    write_u64(w, (uint64_t)o->ended);
    write_u64(w, o->cpu_us);
    write_u64(w, o->memory_peak_bytes);
    write_blob(w, o->output);
    write_blob(w, o->error_output);
    write_blob(w, o->reason);
    write_u8(w, o->output_count);
    for (size_t i = 0; i < o->output_count; i++) {
        write_u8(w, o->outputs[i].index);
        write_u64(w, o->outputs[i].size);
    }
}

static bool outcome_state_sound(enum task_state s)
{
    return s == TASK_COMPLETE || s == TASK_EXECUTOR_ERROR || s == TASK_SYSTEM_ERROR || s == TASK_PREEMPTED;
}

err compute_outcome_read(struct span body, struct outcome *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->id = head_read(&r);
    out->epoch = read_u32(&r);
    out->state = (enum task_state)read_u8(&r);
    out->exit_code = (int32_t)read_u32(&r);
    out->started = read_i64(&r);
    out->ended = read_i64(&r);
    out->cpu_us = read_u64(&r);
    out->memory_peak_bytes = read_u64(&r);
    out->output = read_blob(&r, TASK_LOG_MAX);
    out->error_output = read_blob(&r, TASK_LOG_MAX);
    out->reason = read_blob(&r, COMPUTE_REASON_MAX);
    out->output_count = read_u8(&r);
    bool sound = epoch_sound(out->epoch) && outcome_state_sound(out->state) && out->started >= 0 && out->ended >= 0 &&
                 out->output_count <= TASK_FILES_MAX;
    for (size_t i = 0; sound && i < out->output_count; i++) {
        out->outputs[i].index = read_u8(&r);
        out->outputs[i].size = read_u64(&r);
        sound = out->outputs[i].index < TASK_FILES_MAX && (i == 0 || out->outputs[i].index > out->outputs[i - 1].index);
    }
    return verdict(&r, sound);
}

void compute_cancel_write(struct writer *w, struct uid id)
{
    head_write(w, id);
}

err compute_cancel_read(struct span body, struct uid *out)
{
    struct reader r = reader_of(body.data, body.size);
    *out = head_read(&r);
    return verdict(&r, true);
}

void compute_receipt_write(struct writer *w, const struct receipt *p)
{
    head_write(w, p->id);
    write_u32(w, p->epoch);
    write_u32(w, p->node);
    write_u8(w, (uint8_t)p->state);
    write_blob(w, p->reason);
}

err compute_receipt_read(struct span body, struct receipt *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->id = head_read(&r);
    out->epoch = read_u32(&r);
    out->node = read_u32(&r);
    out->state = (enum task_state)read_u8(&r);
    out->reason = read_blob(&r, COMPUTE_REASON_MAX);
    bool ended = out->state == TASK_COMPLETE || out->state == TASK_EXECUTOR_ERROR || out->state == TASK_SYSTEM_ERROR ||
                 out->state == TASK_CANCELED;
    bool attempt = epoch_sound(out->epoch) && out->node != NODE_NONE;
    bool none = out->epoch == 0 && out->node == NODE_NONE && out->state != TASK_COMPLETE;
    return verdict(&r, ended && (attempt || none));
}

static bool size_sound(uint64_t bytes)
{
    return bytes <= (1ull << 50);
}

void compute_announce_write(struct writer *w, const struct announce *a)
{
    head_write(w, a->id);
    write_u8(w, a->priority);
    write_u32(w, a->cpu_millis);
    write_u64(w, a->memory_bytes);
    write_u64(w, (uint64_t)a->deadline);
    write_u64(w, (uint64_t)a->expected);
    write_u64(w, a->input_bytes);
    write_u64(w, a->held_bytes);
}

err compute_announce_read(struct span body, struct announce *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->id = head_read(&r);
    out->priority = read_u8(&r);
    out->cpu_millis = read_u32(&r);
    out->memory_bytes = read_u64(&r);
    out->deadline = read_i64(&r);
    out->expected = read_i64(&r);
    out->input_bytes = read_u64(&r);
    out->held_bytes = read_u64(&r);
    bool sound = out->priority <= 9 && out->cpu_millis > 0 && out->cpu_millis <= 1000000 && out->deadline >= 0 &&
                 out->expected > 0 && out->expected <= COMPUTE_EXPECTED_MAX && size_sound(out->memory_bytes) &&
                 size_sound(out->input_bytes) && out->held_bytes <= out->input_bytes;
    return verdict(&r, sound);
}

void compute_bid_write(struct writer *w, const struct bid *b)
{
    head_write(w, b->id);
    write_u8(w, (uint8_t)b->verdict);
    write_u64(w, (uint64_t)b->finish);
    write_u64(w, b->energy_mwh);
}

err compute_bid_read(struct span body, struct bid *out)
{
    struct reader r = reader_of(body.data, body.size);
    out->id = head_read(&r);
    uint8_t number = read_u8(&r);
    out->verdict = (enum compute_verdict)number;
    out->finish = read_i64(&r);
    out->energy_mwh = read_u64(&r);
    return verdict(&r, number < VERDICT_COUNT && out->finish >= 0 && out->energy_mwh <= (1ull << 50));
}
