/*
 * twin/customers.c - modelled customers at the gateways: they put, get, delete and submit tasks, remember what was
 * acknowledged, and never forgive a wrong byte.
 *
 * Story:   each gateway has one customer whose next request comes after an exponential time. A request may be answered,
 *          refused, or lost with its gateway; then the key's content is uncertain: old and new are both right. At the end
 *          everything acknowledged is read back through every gateway.
 * Checks:  I1 on every read, and in the final reading.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "twin/shard.h"

enum { KEYS_MAX = 400, OPERATIONS_MAX = 64, VERIFY_PARALLEL = 16 };
enum { VERIFY_DUE, VERIFY_ASKED, VERIFY_DONE };
/* A refused reading waits twice as long as before; one that another gateway has just answered does not wait. */
#define VERIFY_WAIT_FIRST (4 * NS_PER_S)
#define VERIFY_READABLE (2 * NS_PER_MINUTE)
enum { VERIFY_DOUBLINGS_MAX = 6, TASKS_MAX = 8 };
#define BUCKET "lab"
#define PUT_CREDIT_CHUNK (256 * 1024)

struct content { /* drawn from a seed; size 0 and seed 0: the key does not exist */
    uint64_t seed, size;
};

struct key_state {
    char name[48];
    struct content is;        /* acknowledged */
    struct content maybe[3];  /* what unanswered writes may have left */
    size_t maybe_count;
    bool busy;                /* a write is under way */
};

struct reading { /* of one key through one gateway, after heal */
    uint8_t state, refusals;
    mono_ns at; /* asked again not before; VERIFY_DONE: when it was answered */
};

struct operation {
    bool used;
    enum object_op op;
    uint64_t tag;
    struct key_state *key;
    struct content content;
    uint64_t sent, credit, got;
    uint64_t matching; /* a bit per content that still fits what was read: 0 the acknowledged one, then the maybes */
    mono_ns asked_at;
    bool verifying;
    size_t verify_index;
};

struct customer {
    struct twin_node *gateway;
    struct rng rng;
    struct key_state keys[KEYS_MAX];
    size_t key_count;
    struct operation operations[OPERATIONS_MAX];
    uint64_t tags;
    struct uid tasks[TASKS_MAX]; /* the last that it gave, for cancelling */
    size_t task_count;
    bool bucket_ready;
    /* the final reading: every key of every customer through this gateway */
    struct reading *verify; /* per key */
    struct key_state *served_key; /* beyond the policy: what shows that the region still serves */
    uint64_t serve_seed;
    mono_ns serve_at;
    size_t verify_next, verify_open, verify_total, verify_left;
};

static uint64_t content_word(uint64_t seed, uint64_t index)
{
    return hash_mix(seed, index);
}

static void content_fill(const struct content *c, uint64_t offset, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint64_t at = offset + i;
        if (at % 8 == 0 && size - i >= 8) {
            uint64_t v = content_word(c->seed, at / 8);
            memcpy(out + i, &v, 8);
            i += 7;
            continue;
        }
        out[i] = (uint8_t)(content_word(c->seed, at / 8) >> (8 * (at % 8)));
    }
}

static uint64_t content_hash(const struct content *c)
{
    uint8_t *bytes = malloc(MAX(c->size, (uint64_t)1));
    ASSERT(bytes != NULL);
    content_fill(c, 0, bytes, c->size);
    uint64_t h = hash64(bytes, c->size);
    free(bytes);
    return h;
}

/* Are these the content's bytes from `offset` on? */
static bool content_matches(const struct content *c, uint64_t offset, struct span data)
{
    uint8_t piece[4096];
    for (size_t at = 0; at < data.size; at += sizeof piece) {
        size_t n = MIN(sizeof piece, data.size - at);
        content_fill(c, offset + at, piece, n);
        if (memcmp(piece, data.data + at, n) != 0)
            return false;
    }
    return true;
}

static struct operation *operation_new(struct customer *c, enum object_op op, struct key_state *key)
{
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        struct operation *o = &c->operations[i];
        if (o->used)
            continue;
        *o = (struct operation){.used = true, .op = op, .tag = ++c->tags, .key = key, .asked_at = node_now(c->gateway)};
        return o;
    }
    return NULL;
}

static struct operation *operation_find(struct customer *c, uint64_t tag)
{
    for (size_t i = 0; i < OPERATIONS_MAX; i++)
        if (c->operations[i].used && c->operations[i].tag == tag)
            return &c->operations[i];
    return NULL;
}

static void ask(struct customer *c, struct object_request *r)
{
    r->client = SERVICE_REGION;
    if (!r->bucket.data)
        r->bucket = SPAN_LITERAL(BUCKET);
    struct event e = {.kind = EVENT_OBJECT, .object = r};
    node_event(c->gateway, &e);
}

/* ---- requests -------------------------------------------------------------------------------------------------------- */

static struct key_state *put(struct customer *c, uint64_t *seed)
{
    struct key_state *key;
    if (c->key_count < KEYS_MAX && rng_chance(&c->rng, 0.7)) {
        key = &c->keys[c->key_count++];
        snprintf(key->name, sizeof key->name, "%u/%04zu", c->gateway->id, c->key_count);
    } else {
        key = c->key_count ? &c->keys[rng_below(&c->rng, c->key_count)] : NULL;
    }
    struct operation *o = key && !key->busy ? operation_new(c, OBJECT_PUT_BEGIN, key) : NULL;
    if (!o)
        return NULL;
    const struct scenario_workload *load = &c->gateway->world->scenario->workload;
    *seed = o->content.seed = rng_u64(&c->rng) | 1;
    o->content.size = load->object_bytes_min + rng_below(&c->rng, load->object_bytes_max - load->object_bytes_min + 1);
    key->busy = true;
    ask(c, &(struct object_request){.op = OBJECT_PUT_BEGIN, .tag = o->tag, .key = span_text(key->name), .size = o->content.size});
    return key;
}

static void get(struct customer *c)
{
    struct key_state *key = c->key_count ? &c->keys[rng_below(&c->rng, c->key_count)] : NULL;
    struct operation *o = key && !key->busy ? operation_new(c, OBJECT_GET, key) : NULL;
    if (!o)
        return;
    key->busy = true; /* no write of this customer meanwhile: then the answer is certain */
    ask(c, &(struct object_request){.op = OBJECT_GET, .tag = o->tag, .key = span_text(key->name), .credit = UINT64_MAX / 2});
}

static void erase(struct customer *c)
{
    struct key_state *key = c->key_count ? &c->keys[rng_below(&c->rng, c->key_count)] : NULL;
    struct operation *o = key && !key->busy ? operation_new(c, OBJECT_DELETE, key) : NULL;
    if (!o)
        return;
    key->busy = true;
    ask(c, &(struct object_request){.op = OBJECT_DELETE, .tag = o->tag, .key = span_text(key->name)});
}

/* Of a key that surely holds what was acknowledged. */
static void copy(struct customer *c)
{
    struct key_state *from = c->key_count ? &c->keys[rng_below(&c->rng, c->key_count)] : NULL;
    struct key_state *to = c->key_count ? &c->keys[rng_below(&c->rng, c->key_count)] : NULL;
    if (!from || from == to || from->busy || to->busy || from->is.seed == 0 || from->maybe_count > 0)
        return;
    struct operation *o = operation_new(c, OBJECT_COPY, to);
    if (!o)
        return;
    o->content = from->is;
    o->sent = from->is.size;
    to->busy = true;
    ask(c, &(struct object_request){.op = OBJECT_COPY, .tag = o->tag, .key = span_text(to->name), .source_bucket = SPAN_LITERAL(BUCKET),
                                    .source_key = span_text(from->name)});
}

static void cancel(struct customer *c)
{
    if (c->task_count == 0)
        return;
    size_t at = rng_below(&c->rng, MIN(c->task_count, (size_t)TASKS_MAX));
    struct task_request r = {.op = TASK_CANCEL, .client = SERVICE_REGION, .tag = ++c->tags, .id = c->tasks[at]};
    node_event(c->gateway, &(struct event){.kind = EVENT_TASK, .task = &r});
}

static void task(struct customer *c)
{
    struct key_state *key = c->key_count ? &c->keys[rng_below(&c->rng, c->key_count)] : NULL;
    if (!key || key->is.size == 0)
        return;
    char output[64];
    snprintf(output, sizeof output, "sums/%u-%llu", c->gateway->id, (unsigned long long)c->tags);
    struct task_spec spec = {
        .document = SPAN_LITERAL("{\"name\":\"checksum\"}"),
        .name = SPAN_LITERAL("checksum"),
        .executors = {{.image = SPAN_LITERAL("app:checksum")}},
        .executor_count = 1,
        .inputs = {{.bucket = SPAN_LITERAL(BUCKET), .key = span_text(key->name), .path = SPAN_LITERAL("/work/in/data")}},
        .input_count = 1,
        .outputs = {{.bucket = SPAN_LITERAL(BUCKET), .key = span_text(output), .path = SPAN_LITERAL("/work/out/checksums.txt")}},
        .output_count = 1,
        .cpu_millis = SCENARIO_TASK_MILLIS,
        .memory_bytes = (uint64_t)SCENARIO_TASK_MEMORY_MIB << 20,
        .disk_bytes = 64 << 20,
        .priority = 5,
        .expected_ns = (duration_ns)(20 + rng_below(&c->rng, 100)) * NS_PER_S,
    };
    duration_ns deadline = c->gateway->world->scenario->workload.task_deadline_ns;
    if (deadline > 0 && rng_chance(&c->rng, 0.5))
        spec.deadline = node_wall(c->gateway) + deadline;
    struct task_request r = {.op = TASK_CREATE, .client = SERVICE_REGION, .tag = ++c->tags, .spec = &spec};
    struct event e = {.kind = EVENT_TASK, .task = &r};
    node_event(c->gateway, &e);
}

static double rate_of(const struct scenario_workload *l)
{
    return l->puts_per_hour + l->gets_per_hour + l->deletes_per_hour + l->tasks_per_hour + l->copies_per_hour + l->cancels_per_hour;
}

static void next_request(struct customer *c)
{
    double per_hour = rate_of(&c->gateway->world->scenario->workload);
    if (per_hour <= 0)
        return;
    double wait_s = -log1p(-rng_unit(&c->rng)) * 3600 / per_hour;
    node_later(c->gateway, node_now(c->gateway) + (duration_ns)(wait_s * 1e9) + 1, HAPPEN_CUSTOMER, 0, NULL);
}

static void bucket_create(struct customer *c)
{
    ask(c, &(struct object_request){.op = OBJECT_BUCKET_CREATE, .policy = {.copies = CUSTOMERS_COPIES, .where = PLACE_ORBIT}});
    c->bucket_ready = true;
}

static struct customer *customer_of(const struct twin_node *gateway)
{
    return &gateway->world->customers[gateway->id - 1 - gateway->world->scenario->satellite_count];
}

static void put_push(struct customer *c, struct operation *o);

/* The next request is due or, with a tag, the gateway takes more of an object. */
void customer_happen(struct twin_node *gateway, uint32_t tag)
{
    struct customer *c = customer_of(gateway);
    struct operation *o = tag ? operation_find(c, tag) : NULL;
    if (o && gateway->node && node_ready(gateway->node))
        put_push(c, o);
    if (tag)
        return;
    if (gateway->world->healing)
        return;
    next_request(c);
    if (!c->gateway->node || !node_ready(c->gateway->node) || !c->bucket_ready)
        return;
    const struct scenario_workload *l = &gateway->world->scenario->workload;
    double pick = rng_unit(&c->rng) * rate_of(l);
    if ((pick -= l->puts_per_hour) < 0)
        (void)put(c, &c->serve_seed);
    else if ((pick -= l->gets_per_hour) < 0)
        get(c);
    else if ((pick -= l->deletes_per_hour) < 0)
        erase(c);
    else if ((pick -= l->copies_per_hour) < 0)
        copy(c);
    else if ((pick -= l->cancels_per_hour) < 0)
        cancel(c);
    else
        task(c);
}

/* ---- answers ------------------------------------------------------------------------------------------------------------ */

static void maybe_add(struct key_state *k, struct content content)
{
    if (k->maybe_count < COUNT_OF(k->maybe))
        k->maybe[k->maybe_count++] = content;
}

static void settle(struct key_state *k, struct content content)
{
    k->is = content;
    k->maybe_count = 0;
    k->busy = false;
}

static void put_push(struct customer *c, struct operation *o)
{
    uint64_t tag = o->tag;
    while (o->used && o->tag == tag && o->credit > 0 && o->sent < o->content.size) {
        size_t size = MIN(MIN(o->credit, (uint64_t)PUT_CREDIT_CHUNK), o->content.size - o->sent);
        struct buf *b = host_buf_new(c->gateway, size);
        content_fill(&o->content, o->sent, b->data, size);
        o->sent += size;
        o->credit -= size;
        ask(c, &(struct object_request){.op = OBJECT_PUT_DATA, .tag = tag, .data = slice_of(b, 0, size)});
        buf_unref(b);
    }
    if (o->used && o->tag == tag && o->sent == o->content.size && o->op == OBJECT_PUT_BEGIN) {
        o->op = OBJECT_PUT_END;
        struct object_request r = {.op = OBJECT_PUT_END, .tag = tag};
        uint64_t h = content_hash(&o->content);
        memcpy(r.md5, &h, sizeof h);
        ask(c, &r);
    }
}

static void latency_add(duration_ns latency, duration_ns *sum, duration_ns *max)
{
    *sum += latency;
    *max = MAX(*max, latency);
}

static void told(const struct customer *c, const struct operation *o, enum request_kind kind, err status)
{
    record_request(c->gateway, &(struct request_told){.gateway = c->gateway->id, .kind = kind, .status = status, .verifying = o->verifying,
                                                      .latency = node_now(c->gateway) - o->asked_at});
}

static void put_answer(struct customer *c, struct operation *o, const struct object_reply *r)
{
    if (!r->final) {
        o->credit += r->credit; /* not at once: the effects of this step must be performed before the next begins */
        node_later(c->gateway, node_now(c->gateway), HAPPEN_CUSTOMER, (uint32_t)o->tag, NULL);
        return;
    }
    o->used = false;
    told(c, o, REQUEST_PUT, r->status);
    if (r->status == ERR_OK) {
        node_figures(c->gateway)->puts_acked++;
        latency_add(node_now(c->gateway) - o->asked_at, &node_figures(c->gateway)->put_latency_sum, &node_figures(c->gateway)->put_latency_max);
        settle(o->key, o->content);
        check_put_acknowledged(c->gateway, r->info.version);
    } else {
        node_figures(c->gateway)->puts_refused++;
        if (o->sent > 0)
            maybe_add(o->key, o->content);
        o->key->busy = false;
    }
}

/* May the key hold exactly these bytes? Narrowed down piece by piece. */
static void get_piece(struct operation *o, const struct object_reply *r)
{
    const struct key_state *k = o->key;
    for (size_t i = 0; i <= k->maybe_count; i++) {
        const struct content *c = i == 0 ? &k->is : &k->maybe[i - 1];
        if (o->got + r->data.size > c->size || !content_matches(c, o->got, slice_span(r->data)))
            o->matching &= ~(1ull << i);
    }
    o->got += r->data.size;
}

static bool get_right(const struct operation *o, const struct object_reply *r)
{
    const struct key_state *k = o->key;
    for (size_t i = 0; i <= k->maybe_count; i++) {
        const struct content *c = i == 0 ? &k->is : &k->maybe[i - 1];
        bool absent = c->seed == 0;
        if (r->status == ERR_NOT_FOUND ? absent : !absent && (o->matching >> i & 1) && c->size == o->got)
            return true;
    }
    return false;
}

/* No holder is in reach at this instant: asked again, until the bound is over. */
static void verify_refused(const struct customer *c, struct reading *r)
{
    r->state = VERIFY_DUE;
    r->at = node_now(c->gateway) + (VERIFY_WAIT_FIRST << r->refusals);
    r->refusals = (uint8_t)MIN(r->refusals + 1, VERIFY_DOUBLINGS_MAX);
}

static void get_answer(struct customer *c, struct operation *o, const struct object_reply *r)
{
    if (o->got == 0 && o->matching == 0)
        o->matching = UINT64_MAX;
    if (r->data.size > 0)
        get_piece(o, r);
    if (!r->final)
        return;
    struct operation was = *o;
    o->used = false;
    told(c, &was, REQUEST_GET, r->status);
    if (!was.verifying)
        was.key->busy = false;
    else
        c->verify_open--;
    if (r->status == ERR_OK || r->status == ERR_NOT_FOUND) {
        if (was.verifying) {
            c->verify[was.verify_index] = (struct reading){VERIFY_DONE, 0, node_now(c->gateway)};
            c->verify_left--;
        }
        node_figures(c->gateway)->gets_ok++;
        latency_add(node_now(c->gateway) - was.asked_at, &node_figures(c->gateway)->get_latency_sum, &node_figures(c->gateway)->get_latency_max);
        node_promise(c->gateway, PROMISE_I1, get_right(&was, r), "gateway %u read %s: %s, %llu bytes, which was never acknowledged so",
                     c->gateway->id, was.key->name, err_name(r->status), (unsigned long long)was.got);
    } else {
        node_figures(c->gateway)->gets_refused += !was.verifying;
        if (was.verifying)
            verify_refused(c, &c->verify[was.verify_index]);
    }
}

void customer_object(struct twin_node *gateway, const struct object_reply *r)
{
    struct customer *c = customer_of(gateway);
    struct operation *o = operation_find(c, r->tag);
    if (!o)
        return;
    if (o->op == OBJECT_GET) {
        get_answer(c, o, r);
    } else if (o->op == OBJECT_DELETE) {
        o->used = false;
        told(c, o, REQUEST_DELETE, r->status);
        if (r->status == ERR_OK || r->status == ERR_NOT_FOUND) {
            node_figures(c->gateway)->deletes_acked++;
            settle(o->key, (struct content){0});
        } else {
            maybe_add(o->key, (struct content){0});
            o->key->busy = false;
        }
    } else {
        put_answer(c, o, r);
    }
}

void customer_task(struct twin_node *gateway, const struct task_reply *r)
{
    if (r->op != TASK_CREATE || r->status != ERR_OK)
        return;
    struct customer *c = customer_of(gateway);
    node_figures(gateway)->tasks_created++;
    c->tasks[c->task_count++ % TASKS_MAX] = r->id;
}

/* What was under way when the gateway died is uncertain: the write may or may not have happened. */
void customers_gateway_down(struct twin_node *gateway)
{
    if (!scenario_is_gateway(gateway->world->scenario, gateway->id))
        return;
    struct customer *c = customer_of(gateway);
    for (size_t i = 0; i < OPERATIONS_MAX; i++) {
        struct operation *o = &c->operations[i];
        if (!o->used)
            continue;
        o->used = false;
        if (o->op == OBJECT_DELETE)
            maybe_add(o->key, (struct content){0});
        else if (o->op != OBJECT_GET)
            maybe_add(o->key, o->content);
        o->key->busy = false;
    }
    c->verify_open = 0;
}

void customers_gateway_ready(struct twin_node *gateway)
{
    if (!scenario_is_gateway(gateway->world->scenario, gateway->id))
        return;
    struct customer *c = customer_of(gateway);
    if (!c->bucket_ready)
        bucket_create(c);
}

void customers_open(struct world *w)
{
    w->customer_count = w->scenario->site_count - w->scenario->satellite_count;
    w->customers = calloc(w->customer_count, sizeof *w->customers);
    ASSERT(w->customers != NULL);
    for (size_t i = 0; i < w->customer_count; i++) {
        struct customer *c = &w->customers[i];
        c->gateway = &w->nodes[w->scenario->satellite_count + i];
        c->rng = rng_stream(w->seed, 0x637573746f00 + i);
        next_request(c);
    }
}

void customers_close(struct world *w)
{
    for (size_t i = 0; i < w->customer_count; i++)
        free(w->customers[i].verify);
    free(w->customers);
}

bool customers_idle(const struct world *w)
{
    for (size_t i = 0; i < w->customer_count; i++)
        for (size_t j = 0; j < OPERATIONS_MAX; j++)
            if (w->customers[i].operations[j].used)
                return false;
    return true;
}

/* ---- the final reading ------------------------------------------------------------------------------------------------------ */

static struct key_state *key_at(struct world *w, size_t index)
{
    for (size_t i = 0; i < w->customer_count; i++) {
        if (index < w->customers[i].key_count)
            return &w->customers[i].keys[index];
        index -= w->customers[i].key_count;
    }
    return NULL;
}

/* What one gateway has just read, the others ask for at once: a holder's pass may be short. */
static void verify_wake(struct world *w, size_t index)
{
    mono_ns read_at = 0;
    for (size_t i = 0; i < w->customer_count; i++)
        if (w->customers[i].verify[index].state == VERIFY_DONE)
            read_at = MAX(read_at, w->customers[i].verify[index].at);
    for (size_t i = 0; i < w->customer_count && read_at && w->now - read_at <= VERIFY_READABLE; i++) {
        struct reading *r = &w->customers[i].verify[index];
        if (r->state == VERIFY_DUE)
            *r = (struct reading){.state = VERIFY_DUE, .at = w->now};
    }
}

/* Asks for the next keys that are due, round and round until all are read. */
static void verify_more(struct world *w, struct customer *c)
{
    for (size_t looked = 0; looked < c->verify_total && c->verify_open < VERIFY_PARALLEL; looked++) {
        size_t index = c->verify_next++ % c->verify_total;
        if (c->verify[index].state != VERIFY_DUE || w->now < c->verify[index].at)
            continue;
        struct key_state *k = key_at(w, index);
        struct operation *o = operation_new(c, OBJECT_GET, k);
        if (!o)
            return;
        c->verify[index].state = VERIFY_ASKED;
        c->verify_open++;
        o->verifying = true;
        o->verify_index = index;
        ask(c, &(struct object_request){.op = OBJECT_GET, .tag = o->tag, .key = span_text(k->name), .credit = UINT64_MAX / 2});
    }
}

void customers_verify_begin(struct world *w)
{
    for (size_t i = 0; i < w->customer_count; i++) {
        struct customer *c = &w->customers[i];
        for (size_t j = 0; j < w->customer_count; j++)
            c->verify_total += w->customers[j].key_count;
        c->verify_left = c->verify_total;
        c->verify = calloc(MAX(c->verify_total, (size_t)1), sizeof *c->verify);
        ASSERT(c->verify != NULL);
    }
    for (size_t i = 0; i < w->customer_count; i++)
        verify_more(w, &w->customers[i]);
}

bool customers_verify_done(struct world *w)
{
    size_t left = 0;
    for (size_t k = 0; w->customer_count > 0 && k < w->customers[0].verify_total; k++)
        verify_wake(w, k);
    for (size_t i = 0; i < w->customer_count; i++) {
        verify_more(w, &w->customers[i]);
        left += w->customers[i].verify_left;
    }
    return left == 0;
}

/* Beyond the policy objects may be lost, and then every answer says so: an error, never "not found" or other bytes. What lives on a disk is
 * read by all gateways or by none; what is on no disk any more, one may still give from its cache. */
static void losses_count(struct world *w)
{
    const struct customer *first = &w->customers[0];
    for (size_t k = 0; k < first->verify_total; k++) {
        size_t read = 0;
        for (size_t i = 0; i < w->customer_count; i++)
            read += w->customers[i].verify[k].state == VERIFY_DONE;
        w->figures.objects_lost += read == 0;
        bool agree = read == 0 || read == w->customer_count || !check_object_held(w, span_text(key_at(w, k)->name));
        checks_count(w, PROMISE_I1, agree, "%zu of %zu gateways could read %s within the bound after heal",
                     read, w->customer_count, key_at(w, k)->name);
    }
}

/* What is left must still take an object and give it back at each gateway. */
void customers_serve_begin(struct world *w)
{
    for (size_t i = 0; i < w->customer_count; i++) {
        struct customer *c = &w->customers[i];
        c->served_key = NULL;
        c->serve_at = w->now;
    }
}

bool customers_serve_done(struct world *w)
{
    size_t served = 0;
    for (size_t i = 0; i < w->customer_count; i++) {
        struct customer *c = &w->customers[i];
        bool idle = !c->served_key || !c->served_key->busy;
        if (c->served_key && idle && c->served_key->is.seed == c->serve_seed)
            served++;
        else if (idle && w->now >= c->serve_at) { /* refused: again in a minute */
            c->serve_at = w->now + NS_PER_MINUTE;
            c->served_key = put(c, &c->serve_seed);
        }
    }
    return served == w->customer_count;
}

void customers_serve_end(struct world *w)
{
    for (size_t i = 0; i < w->customer_count; i++) {
        const struct customer *c = &w->customers[i];
        checks_count(w, PROMISE_I1, c->served_key && c->served_key->is.seed == c->serve_seed,
                     "gateway %u took no new object after heal, although satellites are left", c->gateway->id);
    }
}

void customers_verify_end(struct world *w)
{
    if (w->beyond) {
        losses_count(w);
        return;
    }
    for (size_t i = 0; i < w->customer_count; i++) {
        const struct customer *c = &w->customers[i];
        for (size_t k = 0; k < c->verify_total; k++)
            if (c->verify[k].state != VERIFY_DONE)
                checks_count(w, PROMISE_I1, false, "gateway %u could not read %s within the bound after heal", c->gateway->id,
                             key_at(w, k)->name);
    }
}
