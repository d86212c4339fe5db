#include "twin/incident.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "core/facts.h"
#include "core/object_api.h"
#include "core/task_api.h"
#include "crypto/signature.h"
#include "node/node.h"
#include "node/scenario.h"

enum { FILES_BYTES_MAX = 64 << 20, NAME_SIZE = 128, SCRATCH_BYTES = 4 << 20, SIGNED_MAX = 1 << 16 };
#define SKY_STEP_MAX (48 * NS_PER_HOUR)

struct file {
    char name[NAME_SIZE];
    uint8_t *data;
    size_t size, filled;
};

struct held { /* a slice that the host would still hold: dropped when its operation completes */
    bool is_send;
    uint64_t key;
    struct slice parts[3];
};

struct signed_record {
    uint64_t message_hash;
    uint8_t signature[64];
};

struct incident {
    struct journal_reader *reader;
    const struct incident_options *options;
    struct incident_result *result;
    struct journal_record pending; /* read ahead */
    bool has_pending;
    struct file files[JOURNAL_FILES_MAX];
    size_t file_count;
    struct scenario *scenario;
    struct sky sky;
    bool has_sky;
    void *memory;
    size_t memory_size;
    struct node *node;
    struct journal_start start;
    uint8_t *genesis;
    bool started; /* the START event was fed */
    struct signed_record *given;
    size_t given_count, given_used, given_capacity;
    struct held *held;
    size_t held_count, held_capacity;
    struct heap scratch;
    void *scratch_memory;
    bool signed_otherwise;
};

static bool PRINTF_LIKE(2, 3) stop(struct incident *x, const char *format, ...)
{
    va_list arguments;
    if (!x->result->why[0]) {
        va_start(arguments, format);
        vsnprintf(x->result->why, sizeof x->result->why, format, arguments);
        va_end(arguments);
    }
    return false;
}

static bool bad_record(struct incident *x, const struct journal_record *r, const char *what)
{
    return stop(x, "segment %u, offset %zu: %s", r->segment, r->offset, what);
}

static bool next(struct incident *x, struct journal_record *r)
{
    if (x->has_pending) {
        *r = x->pending;
        x->has_pending = false;
        return true;
    }
    return journal_reader_next(x->reader, r);
}

/* ---- the scenario ---------------------------------------------------------------------------------------------------------- */

static struct file *file_of(struct incident *x, struct span name)
{
    for (size_t i = 0; i < x->file_count; i++)
        if (span_equal_text(name, x->files[i].name))
            return &x->files[i];
    return NULL;
}

static bool take_file(struct incident *x, const struct journal_record *record)
{
    struct reader r = reader_of(record->body.data, record->body.size);
    struct span name = read_blob(&r, NAME_SIZE - 1);
    uint64_t size = read_u64(&r), offset = read_u64(&r);
    struct span bytes = read_blob(&r, JOURNAL_RECORD_MAX);
    if (!reader_at_end(&r) || name.size == 0 || x->node)
        return bad_record(x, record, "not a piece of a scenario file");
    struct file *f = file_of(x, name);
    if (!f && offset == 0 && x->file_count < JOURNAL_FILES_MAX && size <= FILES_BYTES_MAX) {
        f = &x->files[x->file_count++];
        text_copy(f->name, sizeof f->name, name);
        f->size = size;
        f->data = malloc(size + 1);
        ASSERT(f->data);
    }
    if (!f || f->size != size || f->filled != offset || bytes.size > f->size - f->filled)
        return bad_record(x, record, "pieces of a scenario file are out of order, or too many");
    memcpy(f->data + f->filled, bytes.data, bytes.size);
    f->filled += bytes.size;
    return true;
}

static err load_file(void *context, const char *path, struct span *out)
{
    struct incident *x = context;
    const char *slash = strrchr(path, '/');
    struct file *f = file_of(x, span_text(slash ? slash + 1 : path));
    if (!f || f->filled != f->size)
        return ERR_NOT_FOUND;
    *out = span_of(f->data, f->size);
    return ERR_OK;
}

static bool parse_scenario(struct incident *x, const struct journal_record *record)
{
    struct file *f = file_of(x, SPAN_LITERAL("scenario.yaml"));
    struct scenario_error wrong = {0};
    if (!f || f->filled != f->size)
        return bad_record(x, record, "START comes before a whole scenario.yaml");
    if (scenario_parse(span_of(f->data, f->size), load_file, x, &x->scenario, &wrong) != ERR_OK)
        return stop(x, "the scenario in the journal, %d:%d: %s", wrong.line, wrong.column, wrong.text);
    return true;
}

/* ---- the node ---------------------------------------------------------------------------------------------------------------- */

static err give_signature(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct incident *x = context;
    memset(signature, 0, FACT_SIGNATURE_SIZE);
    if (x->given_used >= x->given_count || x->given[x->given_used].message_hash != hash64(message.data, message.size)) {
        x->signed_otherwise = true;
        return ERR_OK;
    }
    memcpy(signature, x->given[x->given_used++].signature, FACT_SIGNATURE_SIZE);
    x->result->signatures++;
    return ERR_OK;
}

static bool check_signature(void *context, const uint8_t key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    (void)context;
    return ed25519_verify(key, message, signature);
}

static bool open_node(struct incident *x, const struct journal_record *record)
{
    const struct scenario *s = x->scenario;
    struct start start = {.sky = &x->sky, .crypto = {x, give_signature, check_signature}, .genesis = x->start.genesis};
    if (x->start.node > s->site_count)
        return bad_record(x, record, "the node is none of the scenario's");
    if (sky_init(&x->sky, NULL, s->sites, s->site_count, &s->links, x->start.plan_start) != ERR_OK)
        return bad_record(x, record, "the contact plan cannot begin where START says");
    x->has_sky = true;
    scenario_config(s, x->start.node, x->start.boot, &start.config);
    start.config.seed = x->start.seed;
    memcpy(start.config.area_used_bytes, x->start.area_used_bytes, sizeof x->start.area_used_bytes);
    for (int i = 0; i < AREA_COUNT; i++)
        if (start.config.area_used_bytes[i] > start.config.area_capacity_bytes[i])
            return bad_record(x, record, "a disk area is used beyond its capacity");
    memcpy(start.root_public_key, x->start.root_public_key, sizeof start.root_public_key);
    x->memory_size = scenario_is_gateway(s, x->start.node) ? s->gateway_memory_bytes : s->node_memory_bytes;
    x->memory = mmap(NULL, x->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (x->memory == MAP_FAILED) {
        x->memory = NULL;
        return stop(x, "no room for the node's %zu bytes", x->memory_size);
    }
    err status = node_open(&x->node, x->memory, x->memory_size, &start);
    if (status != ERR_OK)
        return stop(x, "the node cannot be opened: %s", err_text(status));
    snprintf(x->result->node, sizeof x->result->node, "%s", scenario_name(s, x->start.node));
    return true;
}

static bool take_start(struct incident *x, const struct journal_record *record)
{
    struct reader r = reader_of(record->body.data, record->body.size);
    if (x->scenario)
        return bad_record(x, record, "a second START");
    journal_start_read(&r, &x->start);
    if (!reader_at_end(&r))
        return bad_record(x, record, "not a START");
    text_copy(x->result->commit, sizeof x->result->commit, x->start.commit);
    x->result->boot = x->start.boot;
    x->genesis = malloc(x->start.genesis.size + 1); /* the record goes, the span stays */
    ASSERT(x->genesis);
    if (x->start.genesis.size)
        memcpy(x->genesis, x->start.genesis.data, x->start.genesis.size);
    x->start.genesis = span_of(x->genesis, x->start.genesis.size);
    return parse_scenario(x, record) && open_node(x, record);
}

static bool take_sky(struct incident *x, const struct journal_record *record)
{
    struct reader r = reader_of(record->body.data, record->body.size);
    uint8_t what = read_u8(&r);
    tai_ns t = (tai_ns)read_u64(&r);
    if (!reader_at_end(&r) || what > 1 || !x->node || t < sky_plan_start(&x->sky) - SKY_STEP_MAX)
        return bad_record(x, record, "not a change of the contact plan");
    if (what == 1) {
        sky_plan_forget(&x->sky, t);
        return true;
    }
    if (t > sky_plan_end(&x->sky) + SKY_STEP_MAX)
        return bad_record(x, record, "the contact plan is extended by more than two days at once");
    return sky_plan_extend(&x->sky, t) == ERR_OK || stop(x, "no memory for the contact plan");
}

/* ---- what the host would hold ------------------------------------------------------------------------------------------------ */

static void hold(struct incident *x, bool is_send, uint64_t key, const struct slice *parts, size_t count)
{
    if (x->held_count == x->held_capacity) {
        x->held_capacity = MAX(2 * x->held_capacity, (size_t)64);
        x->held = realloc(x->held, x->held_capacity * sizeof *x->held);
        ASSERT(x->held);
    }
    struct held *h = &x->held[x->held_count++];
    *h = (struct held){.is_send = is_send, .key = key};
    memcpy(h->parts, parts, count * sizeof *parts);
}

static void release(struct incident *x, bool is_send, uint64_t key)
{
    for (size_t i = 0; i < x->held_count; i++) {
        struct held *h = &x->held[i];
        if (h->is_send != is_send || h->key != key)
            continue;
        for (size_t k = 0; k < COUNT_OF(h->parts); k++)
            slice_drop(&h->parts[k]);
        *h = x->held[--x->held_count];
        return;
    }
}

static void perform(struct incident *x, const struct effect *e)
{
    if (e->kind == EFFECT_DISK && e->disk.kind == DISK_WRITE) {
        hold(x, false, e->disk.op, e->disk.parts, COUNT_OF(e->disk.parts));
    } else if (e->kind == EFFECT_SEND) {
        hold(x, true, e->send.transfer, e->send.parts, COUNT_OF(e->send.parts));
    } else if (e->kind == EFFECT_LANE) {
        struct slice data = e->lane.data;
        slice_drop(&data);
    } else if (e->kind == EFFECT_WORK) {
        e->work.run(e->work.argument);
    }
}

/* ---- steps --------------------------------------------------------------------------------------------------------------------- */

/* Bulk bytes as the real host gives them: in a counted buffer that the node may keep. */
static struct buf *own_bytes(struct slice *s)
{
    if (s->size == 0)
        return NULL;
    struct buf *b = buf_new_malloc(s->size);
    memcpy(b->data, s->data, s->size);
    *s = slice_of(b, 0, s->size);
    return b;
}

static struct buf *own_event(struct event *e)
{
    switch (e->kind) {
    case EVENT_FRAME: return own_bytes(&e->frame.data);
    case EVENT_DONE: return own_bytes(&e->done.data);
    case EVENT_SCENE: return own_bytes(&e->scene.data);
    case EVENT_LANE: return own_bytes(&e->lane.data);
    case EVENT_OBJECT: return own_bytes(&((struct object_request *)(uintptr_t)e->object)->data);
    case EVENT_START: case EVENT_ALARM: case EVENT_STOP: case EVENT_LINK: case EVENT_SENT: case EVENT_WORKED: case EVENT_CRAFT:
    case EVENT_TASK: case EVENT_COUNT: break;
    }
    return NULL;
}

static void effect_line(FILE *out, const struct scenario *s, const struct effect *e)
{
    fprintf(out, "  %-12s", journal_effect_name(e->kind));
    switch (e->kind) {
    case EFFECT_ALARM: fprintf(out, " at %lld", (long long)e->alarm); break;
    case EFFECT_DISK:
        fprintf(out, " op %llx kind %d area %d offset %llu size %llu", (unsigned long long)e->disk.op, (int)e->disk.kind,
                (int)e->disk.area, (unsigned long long)e->disk.offset, (unsigned long long)e->disk.size);
        break;
    case EFFECT_POINT: fprintf(out, " %s %s", scenario_name(s, e->point.peer), e->point.on ? "on" : "off"); break;
    case EFFECT_SEND:
        fprintf(out, " to %s transfer %llu, %zu bytes, priority %u", scenario_name(s, e->send.peer), (unsigned long long)e->send.transfer,
                e->send.parts[0].size + e->send.parts[1].size + e->send.parts[2].size, e->send.priority);
        break;
    case EFFECT_ACCEPT:
        fprintf(out, " from %s receipt %llu: %s", scenario_name(s, e->accept.peer), (unsigned long long)e->accept.receipt,
                err_name(e->accept.status));
        break;
    case EFFECT_LANE: fprintf(out, " lane %llx kind %d", (unsigned long long)e->lane.lane, (int)e->lane.kind); break;
    case EFFECT_CAPTURE: fprintf(out, " op %llx at %.3f %.3f", (unsigned long long)e->capture.op, e->capture.center_lat_deg, e->capture.center_lon_deg); break;
    case EFFECT_LOAD: fprintf(out, " lanes %u millis, radios %u", e->load.lanes_busy_millis, e->load.radios_on); break;
    case EFFECT_WORK: fprintf(out, " op %llx", (unsigned long long)e->work.op); break;
    case EFFECT_TRACE: fprintf(out, " %s %.*s", trace_name((enum trace_id)e->trace.id), (int)e->trace.text.size, (const char *)e->trace.text.data); break;
    case EFFECT_OBJECT_REPLY: fprintf(out, " tag %llu: %s", (unsigned long long)e->object_reply->tag, err_name(e->object_reply->status)); break;
    case EFFECT_TASK_REPLY: fprintf(out, " tag %llu: %s", (unsigned long long)e->task_reply->tag, err_name(e->task_reply->status)); break;
    case EFFECT_RESTART:
    case EFFECT_COUNT: break;
    }
    fputc('\n', out);
}

static void print_step(const struct incident *x, const struct event *e, const struct effects *effects)
{
    char when[40];
    time_utc_text(e->now.wall, 9, when);
    fprintf(x->options->out, "step %llu, %s, %s, %zu effects\n", (unsigned long long)x->result->steps, when, journal_event_name(e->kind),
            effects->count);
    for (size_t i = 0; i < effects->count; i++)
        effect_line(x->options->out, x->scenario, &effects->items[i]);
}

static bool differ(struct incident *x, const struct event *e, const struct effects *effects, const char *what)
{
    char when[40];
    time_utc_text(e->now.wall, 6, when);
    x->result->diverged = true;
    if (x->options->out)
        print_step(x, e, effects);
    return stop(x, "step %llu, %s, event %s: %s", (unsigned long long)x->result->steps, when, journal_event_name(e->kind), what);
}

/* Compares the step with its RESULT; a missing one is the node's last step. */
static bool compare(struct incident *x, const struct event *e, const struct effects *effects)
{
    struct journal_record record;
    char what[200];
    if (x->signed_otherwise)
        return differ(x, e, effects, "it signs another message than the node did");
    if (!next(x, &record)) {
        x->result->died = true;
        return true;
    }
    struct reader r = reader_of(record.body.data, record.body.size);
    (void)read_u64(&r);
    uint32_t count = read_u32(&r);
    uint64_t digest = read_u64(&r);
    bool has_state = read_u8(&r) != 0;
    uint64_t state = read_u64(&r);
    if (record.kind != JOURNAL_RESULT || !reader_at_end(&r)) {
        x->pending = record;
        x->has_pending = true;
        x->result->died = record.kind == JOURNAL_END;
        return record.kind == JOURNAL_END || bad_record(x, &record, "a RESULT was due here");
    }
    uint64_t ours = journal_effects_digest(effects);
    if (count != effects->count || digest != ours) {
        snprintf(what, sizeof what, "%zu effects with digest %016llx instead of %u with %016llx", effects->count,
                 (unsigned long long)ours, count, (unsigned long long)digest);
        return differ(x, e, effects, what);
    }
    if (has_state && state != node_digest(x->node))
        return differ(x, e, effects, "the effects are equal but the state is not");
    x->result->states += has_state;
    return true;
}

static bool gather_signatures(struct incident *x)
{
    struct journal_record record;
    x->given_count = x->given_used = 0;
    while (next(x, &record)) {
        if (record.kind != JOURNAL_SIGNED) {
            x->pending = record;
            x->has_pending = true;
            break;
        }
        if (record.body.size != 72 || x->given_count == SIGNED_MAX)
            return bad_record(x, &record, "not a signature, or too many in one step");
        if (x->given_count == x->given_capacity) {
            x->given_capacity = MAX(2 * x->given_capacity, (size_t)64);
            x->given = realloc(x->given, x->given_capacity * sizeof *x->given);
            ASSERT(x->given);
        }
        struct reader r = reader_of(record.body.data, record.body.size);
        struct signed_record *s = &x->given[x->given_count++];
        s->message_hash = read_u64(&r);
        read_bytes(&r, s->signature, sizeof s->signature);
    }
    return true;
}

static void note_time(struct incident *x, const struct event *e)
{
    struct incident_result *r = x->result;
    if (r->steps++ == 0) {
        r->first_wall = e->now.wall;
        r->first_mono = e->now.mono;
    }
    r->last_wall = e->now.wall;
    r->last_mono = e->now.mono;
}

/* The event of a record, its bulk bytes in a counted buffer. */
static bool read_event(struct incident *x, const struct journal_record *record, struct event *e, struct buf **owned)
{
    *owned = NULL;
    if (record->kind == JOURNAL_DISK) {
        if (!journal_reader_disk(x->reader, record, e))
            return false;
        *owned = e->done.data.buf;
        return true;
    }
    struct reader r = reader_of(record->body.data, record->body.size);
    heap_init(&x->scratch, x->scratch_memory, SCRATCH_BYTES);
    journal_event_read(&r, &x->scratch, e);
    if (!reader_ok(&r))
        return false;
    *owned = own_event(e);
    return true;
}

static void step(struct incident *x, const struct event *e, bool *good)
{
    struct effects effects = {0};
    note_time(x, e);
    if (e->kind == EVENT_DONE)
        release(x, false, e->done.op);
    else if (e->kind == EVENT_SENT)
        release(x, true, e->sent.transfer);
    node_step(x->node, e, &effects);
    if (x->options->out && x->options->print_step == x->result->steps)
        print_step(x, e, &effects);
    *good = compare(x, e, &effects);
    for (size_t i = 0; i < effects.count; i++)
        perform(x, &effects.items[i]);
}

static bool take_event(struct incident *x, const struct journal_record *record)
{
    struct event e;
    struct buf *owned;
    if (!x->node || !read_event(x, record, &e, &owned))
        return bad_record(x, record, "not an event");
    bool good = (e.kind == EVENT_START) != x->started && e.now.mono >= x->result->last_mono;
    if (!good)
        bad_record(x, record, "an event that cannot come here: START twice or not first, or time runs backwards");
    x->started = true;
    x->result->bytes_in += record->body.size;
    if (good && (good = gather_signatures(x)))
        step(x, &e, &good);
    buf_unref(owned);
    return good && !(x->options->stop_step && x->result->steps >= x->options->stop_step);
}

static bool take(struct incident *x, const struct journal_record *record)
{
    switch (record->kind) {
    case JOURNAL_FILE: return take_file(x, record);
    case JOURNAL_START: return take_start(x, record);
    case JOURNAL_SKY: return take_sky(x, record);
    case JOURNAL_EVENT:
    case JOURNAL_DISK: return take_event(x, record);
    case JOURNAL_SIGNED:
    case JOURNAL_RESULT: return bad_record(x, record, "it belongs to no step");
    case JOURNAL_END: return false;
    }
    return bad_record(x, record, "unknown");
}

static void finish(struct incident *x)
{
    struct incident_result *r = x->result;
    r->good = !r->diverged && !r->why[0] && r->steps > 0;
    if (!r->why[0])
        snprintf(r->why, sizeof r->why, "%s", r->steps ? x->reader->why : x->reader->why[0] ? x->reader->why : "there is not one step in it");
    if (x->node && x->started)
        r->end_state = node_digest(x->node);
    for (size_t i = 0; i < x->held_count; i++)
        for (size_t k = 0; k < COUNT_OF(x->held[i].parts); k++)
            slice_drop(&x->held[i].parts[k]);
    if (x->node)
        node_close(x->node);
    if (x->memory)
        munmap(x->memory, x->memory_size);
    if (x->has_sky)
        sky_free(&x->sky);
    if (x->scenario)
        scenario_free(x->scenario);
    for (size_t i = 0; i < x->file_count; i++)
        free(x->files[i].data);
    free(x->genesis);
    free(x->held);
    free(x->given);
    free(x->scratch_memory);
}

void incident_replay(struct journal_reader *reader, const struct incident_options *options, struct incident_result *result)
{
    struct journal_record record;
    struct incident x = {.reader = reader, .options = options, .result = result};
    *result = (struct incident_result){0};
    x.scratch_memory = aligned_alloc(16, SCRATCH_BYTES);
    ASSERT(x.scratch_memory);
    while (next(&x, &record) && take(&x, &record))
        continue;
    finish(&x);
}
