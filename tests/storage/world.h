/*
 * world.h - several storage planes joined by a small network: real ports, fake disks, fake facts (a list per author that reaches
 * whoever is linked), a clock that the test moves. Replies to the region are collected by tag.
 */
#ifndef NOCT_TESTS_STORAGE_WORLD_H
#define NOCT_TESTS_STORAGE_WORLD_H

#include "core/node_core.h"
#include "fake_disk.h"
#include "storage/internal.h"

enum { WORLD_NODES = 6, WORLD_HEAP = 160 << 20, WORLD_DISK = 24 << 20, WORLD_FACTS = 8192, WORLD_TAGS = 512 };

struct world_watch {
    bool used;
    uint64_t tag;
    node_id author;
    uint64_t seq;
    uint32_t nodes, told; /* bit per node id */
};

struct world_mail { /* a message on its way */
    struct message message;
    uint8_t body[64];
};

struct world_reply {
    bool got;
    struct object_reply last;
    struct object_reply first_info;
    uint32_t count;
    uint8_t *data;
    size_t size;
    uint64_t credit;
    char names[64][64];
    bool prefix[64];
    size_t name_count;
    struct object_entry entries[64];
    struct object_holder holders[64];
    char next[128];
};

struct world;
struct world_node {
    struct world *world;
    node_id id;
    bool up;
    struct heap heap;
    void *memory;
    struct node_core core;
    struct config config;
    struct view view;
    struct port port;
    struct fake_disk disk;
    struct storage *storage;
    uint32_t seen[WORLD_NODES + 1]; /* facts per author, delivered */
    uint64_t uid_counter;
    char traces[TRACE_COUNT];
    uint64_t messages, drop_after; /* drop_after: messages to this node beyond that many vanish */
};

struct world {
    struct world_node nodes[WORLD_NODES + 1]; /* 1..4 satellites, 5..6 gateways */
    bool linked[WORLD_NODES + 1][WORLD_NODES + 1];
    struct now now;
    struct {
        struct fact facts[WORLD_FACTS];
        uint32_t count;
    } log[WORLD_NODES + 1];
    struct world_watch watches[256];
    struct world_reply replies[WORLD_TAGS];
    uint64_t next_tag, hlc;
    struct world_mail mail[4096]; /* a ring */
    size_t mail_head, mail_count;
};

static struct world *the_world; /* facts_* have no way to the world but the port of `facts` */

/* ---- facts -------------------------------------------------------------------------------------------------------- */

static struct world_node *node_of_facts(struct facts *s)
{
    return (struct world_node *)(void *)s;
}

struct uid facts_uid(struct facts *s)
{
    struct world_node *n = node_of_facts(s);
    struct uid u;
    struct writer w = writer_of(u.bytes, sizeof u.bytes);
    n->world->hlc = hlc_next(n->world->hlc, n->world->now.wall);
    write_u64_be(&w, n->world->hlc);
    write_u32_be(&w, n->id);
    write_u32_be(&w, (uint32_t)++n->uid_counter);
    return u;
}

err facts_publish(struct facts *s, enum fact_type type, struct span body, struct fact *out)
{
    struct world_node *n = node_of_facts(s);
    struct world *w = n->world;
    uint32_t at = w->log[n->id].count;
    if (at == WORLD_FACTS || body.size > FACT_BODY_MAX)
        return ERR_FULL;
    uint8_t *copy = malloc(body.size);
    memcpy(copy, body.data, body.size);
    w->log[n->id].facts[at] = (struct fact){.author = n->id, .seq = at + 1, .type = (uint16_t)type, .body = span_of(copy, body.size)};
    w->log[n->id].count++;
    *out = w->log[n->id].facts[at];
    n->seen[n->id] = at + 1;
    storage_fact(n->storage, out);
    return ERR_OK;
}

err facts_publish_watched(struct facts *s, enum fact_type type, struct span body, const node_id *nodes, size_t node_count,
                          enum service owner, uint64_t tag)
{
    struct fact f;
    struct world_node *n = node_of_facts(s);
    (void)owner;
    TRY(facts_publish(s, type, body, &f));
    for (size_t i = 0; i < COUNT_OF(n->world->watches); i++) {
        struct world_watch *watch = &n->world->watches[i];
        if (watch->used)
            continue;
        *watch = (struct world_watch){.used = true, .tag = tag, .author = n->id, .seq = f.seq};
        for (size_t k = 0; k < node_count; k++)
            watch->nodes |= 1u << nodes[k];
        return ERR_OK;
    }
    abort();
}

void facts_unwatch(struct facts *s, enum service owner, uint64_t tag)
{
    struct world_node *n = node_of_facts(s);
    (void)owner;
    for (size_t i = 0; i < COUNT_OF(n->world->watches); i++)
        if (n->world->watches[i].used && n->world->watches[i].author == n->id && n->world->watches[i].tag == tag)
            n->world->watches[i].used = false;
}

const char *fact_type_name(uint16_t type)
{
    (void)type;
    return "fact";
}

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

static inline bool world_path(const struct world *w, node_id a, node_id b)
{
    return w->nodes[a].up && w->nodes[b].up && (a == b || w->linked[a][b]);
}

static inline void world_views(struct world *w)
{
    for (node_id a = 1; a <= WORLD_NODES; a++)
        for (size_t i = 0; i < w->nodes[a].view.count; i++) {
            struct view_member *m = &w->nodes[a].view.members[i];
            bool path = world_path(w, a, m->id);
            m->link_up = path && m->id != a;
            m->reach_ns = path ? 10 * NS_PER_MS : TIME_NEVER;
            m->reach_wall = path ? w->now.wall : w->now.wall + NS_PER_HOUR;
            m->status_known = true;
            m->status.disk_capacity_bytes = chunk_store_capacity_bytes(&w->nodes[m->id].storage->chunks);
            m->status.disk_free_bytes = chunk_store_free_bytes(&w->nodes[m->id].storage->chunks);
        }
}

static inline void world_boot(struct world *w, node_id id)
{
    struct world_node *n = &w->nodes[id];
    heap_init(&n->heap, n->memory, WORLD_HEAP);
    n->config.self = id;
    n->config.boot++;
    n->config.role = id <= 4 ? ROLE_SATELLITE : ROLE_GATEWAY;
    n->config.seed = id;
    n->config.limits = (struct limits){.streams_max = 32};
    n->config.area_capacity_bytes[AREA_CHUNKS] = n->disk.size;
    n->config.area_used_bytes[AREA_CHUNKS] = n->disk.used;
    n->config.scrub_interval_ns = 7 * NS_PER_DAY;
    if (node_core_init(&n->core, &n->heap) != ERR_OK || view_init(&n->view, &n->heap, 8, id) != ERR_OK)
        abort();
    for (node_id m = 1; m <= WORLD_NODES; m++) {
        struct view_member *member;
        if (view_add(&n->view, m, &member) != ERR_OK)
            abort();
        member->role = m <= 4 ? ROLE_SATELLITE : ROLE_GATEWAY;
        member->plane = (uint16_t)(m % 2);
    }
    n->core.now = w->now;
    port_init(&n->port, SERVICE_STORAGE, &n->core, &n->config, &n->view, NULL);
    n->port.facts = (struct facts *)(void *)n;
    n->port.now = w->now;
    n->up = true;
    node_core_begin(&n->core, &w->now);
    if (storage_open(&n->storage, &n->port) != ERR_OK)
        abort();
    memset(n->seen, 0, sizeof n->seen);
    for (node_id a = 1; a <= WORLD_NODES; a++) /* what it had on disk: everything, here */
        for (uint32_t i = 0; i < w->log[a].count; i++) {
            storage_fact(n->storage, &w->log[a].facts[i]);
            n->seen[a] = i + 1;
        }
}

static bool world_discard; /* benchmarks: count the data of replies, do not keep it */

static inline void world_take_reply(struct world *w, const struct object_reply *r)
{
    struct world_reply *to = &w->replies[r->tag % WORLD_TAGS];
    to->count++;
    if (r->op == OBJECT_GET || r->op == OBJECT_HEAD || r->op == OBJECT_PUT_END)
        to->first_info = *r;
    if (world_discard) {
        to->size += r->data.size;
    } else if (r->data.size) {
        to->data = realloc(to->data, to->size + r->data.size);
        memcpy(to->data + to->size, r->data.data, r->data.size);
        to->size += r->data.size;
    }
    to->credit += r->credit;
    to->name_count = 0;
    for (size_t i = 0; i < r->entry_count && i < 64; i++) {
        if (r->entries[i].name.size)
            memcpy(to->names[i], r->entries[i].name.data, MIN(r->entries[i].name.size, (size_t)63));
        to->names[i][MIN(r->entries[i].name.size, (size_t)63)] = 0;
        to->prefix[i] = r->entries[i].is_prefix;
        to->entries[i] = r->entries[i];
        to->name_count++;
    }
    for (size_t i = 0; i < r->holder_count && i < 64; i++)
        to->holders[i] = r->holders[i];
    memcpy(to->next, r->next.data ? r->next.data : (const uint8_t *)"", MIN(r->next.size, (size_t)127));
    to->next[MIN(r->next.size, (size_t)127)] = 0;
    to->last = *r;
    to->got = to->got || r->final;
}

static bool world_busy;

/* After any call into a node: its effects and messages leave it; its step memory may be recycled then. */
static inline void world_drain(struct world *w, struct world_node *n)
{
    for (size_t i = 0; i < n->core.effect_count; i++) {
        struct effect *e = &n->core.effects[i];
        if (e->kind == EFFECT_DISK)
            fake_disk_put(&n->disk, &e->disk);
        else if (e->kind == EFFECT_OBJECT_REPLY)
            world_take_reply(w, e->object_reply);
        else if (e->kind == EFFECT_TRACE && n->traces[e->trace.id] < 100)
            n->traces[e->trace.id]++;
        world_busy = true;
    }
    n->core.effect_count = 0;
    struct delivery d;
    while (node_core_next(&n->core, &d)) {
        if (d.kind != DELIVER_MESSAGE)
            continue;
        if (w->mail_count == COUNT_OF(w->mail) || d.message.body.size > sizeof w->mail[0].body)
            abort();
        struct world_mail *mail = &w->mail[(w->mail_head + w->mail_count++) % COUNT_OF(w->mail)];
        mail->message = d.message;
        memcpy(mail->body, d.message.body.data, d.message.body.size);
        world_busy = true;
    }
}

static inline void world_begin(struct world *w, struct world_node *n)
{
    node_core_begin(&n->core, &w->now);
    n->port.now = w->now;
}

static inline void world_messages(struct world *w)
{
    while (w->mail_count > 0) {
        struct world_mail mail = w->mail[w->mail_head];
        w->mail_head = (w->mail_head + 1) % COUNT_OF(w->mail);
        w->mail_count--;
        struct message *m = &mail.message;
        struct world_node *to = &w->nodes[m->to];
        if (world_path(w, m->from, to->id) && (to->drop_after == 0 || to->messages < to->drop_after)) {
            to->messages++;
            m->body.data = mail.body;
            world_begin(w, to);
            storage_message(to->storage, m);
            world_drain(w, to);
        }
        slice_drop(&m->payload);
    }
}

static inline void world_facts(struct world *w, struct world_node *n)
{
    for (node_id a = 1; n->up && a <= WORLD_NODES; a++)
        while (n->seen[a] < w->log[a].count && world_path(w, a, n->id)) {
            world_busy = true;
            world_begin(w, n);
            storage_fact(n->storage, &w->log[a].facts[n->seen[a]++]);
            world_drain(w, n);
        }
    for (size_t i = 0; n->up && i < COUNT_OF(w->watches); i++) {
        struct world_watch *watch = &w->watches[i];
        for (node_id m = 1; m <= WORLD_NODES && watch->used && watch->author == n->id; m++) {
            bool there = w->nodes[m].seen[n->id] >= watch->seq && world_path(w, n->id, m);
            if (!(watch->nodes >> m & 1) || (watch->told >> m & 1) || !there)
                continue;
            watch->told |= 1u << m;
            world_busy = true;
            world_begin(w, n);
            storage_held(n->storage, watch->tag, m);
            world_drain(w, n);
        }
    }
}

static inline void world_disk(struct world *w, struct world_node *n)
{
    struct event_done done;
    while (n->up && fake_disk_step(&n->disk, &done)) {
        world_busy = true;
        world_begin(w, n);
        storage_done(n->storage, &done);
        slice_drop(&done.data);
        world_drain(w, n);
    }
}

/* Everything that can happen without time passing. */
static inline void world_settle(struct world *w)
{
    do {
        world_busy = false;
        for (node_id id = 1; id <= WORLD_NODES; id++) {
            struct world_node *n = &w->nodes[id];
            if (!n->up)
                continue;
            world_drain(w, n);
            world_messages(w);
            world_disk(w, n);
            world_facts(w, n);
        }
    } while (world_busy);
}

static inline void world_run(struct world *w, duration_ns mono)
{
    mono_ns end = w->now.mono + mono;
    while (w->now.mono < end) {
        duration_ns step = MIN(end - w->now.mono, 100 * NS_PER_MS);
        w->now.mono += step;
        w->now.wall += step * w->now.wall_rate;
        world_views(w);
        for (node_id id = 1; id <= WORLD_NODES; id++) {
            struct world_node *n = &w->nodes[id];
            if (!n->up || n->port.alarm_at > w->now.mono)
                continue;
            n->port.alarm_at = TIME_NEVER;
            world_begin(w, n);
            storage_alarm(n->storage);
            world_drain(w, n);
        }
        world_settle(w);
    }
}

static inline struct world *world_new_sized(uint64_t seed, uint64_t disk)
{
    struct world *w = calloc(1, sizeof *w);
    the_world = w;
    w->now = (struct now){.mono = NS_PER_S, .wall = 1000 * NS_PER_DAY, .wall_rate = 1};
    for (node_id id = 1; id <= WORLD_NODES; id++) {
        struct world_node *n = &w->nodes[id];
        n->world = w;
        n->id = id;
        n->memory = aligned_alloc(16, WORLD_HEAP);
        fake_disk_init(&n->disk, disk, seed * 100 + id);
        for (node_id m = 1; m <= WORLD_NODES; m++)
            w->linked[id][m] = true;
    }
    for (node_id id = 1; id <= WORLD_NODES; id++)
        world_boot(w, id);
    world_views(w);
    for (node_id id = 1; id <= WORLD_NODES; id++)
        storage_ready(w->nodes[id].storage);
    world_settle(w);
    return w;
}

static inline struct world *world_new(uint64_t seed)
{
    return world_new_sized(seed, WORLD_DISK);
}

static inline void world_free(struct world *w)
{
    for (node_id id = 1; id <= WORLD_NODES; id++) {
        struct world_node *n = &w->nodes[id];
        for (size_t i = 0; i < CACHE_SLOTS; i++) /* references to buffers of the host */
            slice_drop(&n->storage->cache[i].data);
        while (n->storage->gets)
            get_request(n->storage, &(struct object_request){.op = OBJECT_GET_CANCEL, .client = n->storage->gets->client, .tag = n->storage->gets->tag});
        world_drain(w, n);
        node_core_begin(&n->core, &w->now);
        fake_disk_free(&n->disk);
        for (uint32_t i = 0; i < w->log[id].count; i++)
            free((void *)(uintptr_t)w->log[id].facts[i].body.data);
    }
    for (; w->mail_count > 0; w->mail_count--, w->mail_head++)
        slice_drop(&w->mail[w->mail_head % COUNT_OF(w->mail)].message.payload);
    for (node_id id = 1; id <= WORLD_NODES; id++)
        free(w->nodes[id].memory);
    for (size_t i = 0; i < WORLD_TAGS; i++)
        free(w->replies[i].data);
    free(w);
}

static inline void world_state(struct world *w, node_id id, enum member_state state)
{
    world_views(w);
    for (node_id a = 1; a <= WORLD_NODES; a++) {
        view_find(&w->nodes[a].view, id)->state = state;
        if (!w->nodes[a].up)
            continue;
        world_begin(w, &w->nodes[a]);
        storage_member(w->nodes[a].storage, id);
        world_drain(w, &w->nodes[a]);
    }
    world_settle(w);
}

/* The process dies: nothing of it runs, its disk keeps what was synced. */
static inline void world_kill(struct world *w, node_id id)
{
    struct world_node *n = &w->nodes[id];
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        slice_drop(&n->storage->cache[i].data);
    node_core_begin(&n->core, &w->now);
    fake_disk_cut(&n->disk);
    n->up = false;
    world_views(w);
}

static inline void world_revive(struct world *w, node_id id)
{
    world_boot(w, id);
    world_views(w);
    storage_ready(w->nodes[id].storage);
    world_settle(w);
}

/* ---- clients ------------------------------------------------------------------------------------------------------- */

static inline struct world_reply *world_ask(struct world *w, node_id at, struct object_request r, uint64_t *tag)
{
    struct world_node *n = &w->nodes[at];
    r.client = SERVICE_REGION;
    r.tag = *tag ? *tag : ++w->next_tag;
    struct world_reply *reply = &w->replies[r.tag % WORLD_TAGS];
    if (!*tag) {
        free(reply->data);
        memset(reply, 0, sizeof *reply);
    }
    *tag = r.tag;
    world_begin(w, n);
    storage_request(n->storage, &r);
    world_drain(w, n);
    return reply;
}

static inline struct world_reply *world_do(struct world *w, node_id at, struct object_request r)
{
    uint64_t tag = 0;
    struct world_reply *reply = world_ask(w, at, r, &tag);
    world_settle(w);
    for (int i = 0; i < 600 && !reply->got; i++)
        world_run(w, 100 * NS_PER_MS);
    return reply;
}

static inline void world_bytes(uint64_t seed, uint8_t *out, size_t size)
{
    struct rng rng = rng_stream(seed, 11);
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)rng_u64(&rng);
}

static inline struct object_request world_put_begin(const char *bucket, const char *key, size_t size)
{
    return (struct object_request){.op = OBJECT_PUT_BEGIN, .bucket = span_text(bucket), .key = span_text(key), .size = size};
}

/* Sends data within the credit until all is sent or the stream ended. */
static inline void world_send(struct world *w, node_id at, uint64_t tag, struct world_reply *r, const uint8_t *data, size_t size, size_t piece)
{
    size_t sent = 0;
    for (int idle = 0; sent < size && !r->got && idle < 300;) {
        size_t now = MIN(MIN(piece, size - sent), (size_t)r->credit);
        if (now == 0) {
            world_run(w, 100 * NS_PER_MS);
            idle++;
            continue;
        }
        r->credit -= now;
        world_ask(w, at, (struct object_request){.op = OBJECT_PUT_DATA, .data = slice_borrowed(span_of(data + sent, now))}, &tag);
        sent += now;
        if (sent % (3 * piece) < piece)
            world_settle(w);
    }
}

static inline struct world_reply *world_put_request(struct world *w, node_id at, struct object_request begin, const uint8_t *data, size_t size)
{
    uint64_t tag = 0;
    struct world_reply *r = world_ask(w, at, begin, &tag);
    world_settle(w);
    world_send(w, at, tag, r, data, size, 100000);
    if (!r->got)
        world_ask(w, at, (struct object_request){.op = OBJECT_PUT_END, .md5 = {1, 2, (uint8_t)size}}, &tag);
    world_settle(w);
    for (int i = 0; i < 600 && !r->got; i++)
        world_run(w, 100 * NS_PER_MS);
    return r;
}

static inline err world_put(struct world *w, node_id at, const char *bucket, const char *key, uint64_t seed, size_t size)
{
    uint8_t *data = malloc(size + 1);
    world_bytes(seed, data, size);
    struct world_reply *r = world_put_request(w, at, world_put_begin(bucket, key, size), data, size);
    free(data);
    return r->got ? r->last.status : ERR_TIMEOUT;
}

static inline struct world_reply *world_get(struct world *w, node_id at, const char *bucket, const char *key, uint64_t offset, uint64_t size)
{
    return world_do(w, at, (struct object_request){.op = OBJECT_GET, .bucket = span_text(bucket), .key = span_text(key), .offset = offset,
                                                   .size = size, .credit = UINT64_MAX});
}

/* ERR_OK only when the whole object has exactly these bytes; CORRUPT when it came and differs. */
static inline err world_verify(struct world *w, node_id at, const char *bucket, const char *key, uint64_t seed, size_t size)
{
    struct world_reply *r = world_get(w, at, bucket, key, 0, 0);
    if (!r->got)
        return ERR_TIMEOUT;
    if (r->last.status != ERR_OK)
        return r->last.status;
    uint8_t *data = malloc(size + 1);
    world_bytes(seed, data, size);
    bool same = r->size == size && (size == 0 || memcmp(data, r->data, size) == 0);
    free(data);
    return same ? ERR_OK : ERR_CORRUPT;
}

static inline err world_bucket(struct world *w, node_id at, const char *bucket, uint8_t copies)
{
    return world_do(w, at, (struct object_request){.op = OBJECT_BUCKET_CREATE, .bucket = span_text(bucket),
                                                   .policy = {.copies = copies, .where = PLACE_ORBIT}})->last.status;
}

static inline struct world_reply *world_simple(struct world *w, node_id at, enum object_op op, const char *bucket, const char *key)
{
    return world_do(w, at, (struct object_request){.op = op, .bucket = span_text(bucket), .key = span_text(key)});
}

#endif
