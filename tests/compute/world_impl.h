/* world_impl.h - the body of world.h, included once by each test program. */
#include "world.h"

struct world *world;

/* ---- facts: the functions of core/facts.h that the plane uses; `struct facts` is the node ---- */

static struct world_node *node_of_facts(struct facts *s)
{
    return (struct world_node *)(void *)s;
}

const char *fact_type_name(uint16_t type)
{
    (void)type;
    return "fact";
}

struct uid facts_uid(struct facts *s)
{
    struct world_node *n = node_of_facts(s);
    uint8_t bytes[16];
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u64_be(&w, (uint64_t)(world->now.wall / NS_PER_MS) << 16);
    write_u32_be(&w, n->id);
    write_u32_be(&w, ++n->uid_count);
    struct uid id;
    memcpy(id.bytes, bytes, 16);
    return id;
}

static void fold_at(struct world_node *n, struct stored_fact *f)
{
    ASSERT(n->known[f->fact.author] + 1 == f->fact.seq);
    n->known[f->fact.author] = f->fact.seq;
    compute_fact(n->compute, &f->fact);
}

err facts_publish(struct facts *s, enum fact_type type, struct span body, struct fact *out)
{
    struct world_node *n = node_of_facts(s);
    if (world->publish_fails != ERR_OK)
        return world->publish_fails;
    ASSERT(world->fact_count < FACTS_MAX && body.size <= FACT_BODY_MAX);
    struct stored_fact *f = &world->facts[world->fact_count++];
    f->published = world->now.mono;
    f->body = malloc(body.size);
    memcpy(f->body, body.data, body.size);
    f->fact = (struct fact){.author = n->id,
                            .seq = ++world->published[n->id],
                            .type = (uint16_t)type,
                            .time = (uint64_t)(world->now.wall / NS_PER_MS) << 16,
                            .body = span_of(f->body, body.size)};
    fold_at(n, f);
    *out = f->fact;
    return ERR_OK;
}

err facts_publish_watched(struct facts *s, enum fact_type type, struct span body, const node_id *nodes, size_t count,
                          enum service owner, uint64_t tag)
{
    struct world_node *n = node_of_facts(s);
    struct fact f;
    ASSERT(owner == SERVICE_COMPUTE);
    TRY(facts_publish(s, type, body, &f));
    struct watch *w = &n->watches[n->watch_count++ % COUNT_OF(n->watches)];
    *w = (struct watch){.tag = tag, .seq = f.seq, .count = count, .live = true, .published = world->now.mono};
    memcpy(w->nodes, nodes, count * sizeof *nodes);
    return ERR_OK;
}

void facts_unwatch(struct facts *s, enum service owner, uint64_t tag)
{
    (void)s;
    (void)owner;
    (void)tag;
}

/* ---- nodes ---- */

static bool connected(node_id a, node_id b)
{
    return world->nodes[a].up && world->nodes[b].up && !world->cut[a][b] && !world->cut[b][a];
}

static void object_reply_to(void *context, const struct object_reply *r)
{
    (void)context;
    (void)r;
}

void world_step(struct world_node *n)
{
    node_core_begin(&n->core, &world->now);
    n->port.now = world->now;
}

static void reach_refresh(struct world_node *n)
{
    for (size_t i = 0; i < n->view.count; i++) {
        struct view_member *m = &n->view.members[i];
        m->link_up = m->id != n->id && connected(n->id, m->id);
        m->reach_ns = m->link_up ? MAX(5 * NS_PER_MS, world->way[n->id][m->id]) : TIME_NEVER;
    }
}

void world_boot(struct world_node *n)
{
    n->memory = n->memory ? n->memory : aligned_alloc(64, HEAP_BYTES);
    heap_init(&n->heap, n->memory, HEAP_BYTES);
    uint32_t members = (uint32_t)world->count;
    ASSERT(view_init(&n->view, &n->heap, members, n->id) == ERR_OK);
    for (node_id id = 1; id <= members; id++) {
        struct view_member *m;
        ASSERT(view_add(&n->view, id, &m) == ERR_OK);
        snprintf(m->name, sizeof m->name, id < members ? "sat-%u" : "gateway-%u", id);
        m->role = id < members ? ROLE_SATELLITE : ROLE_GATEWAY;
        m->status_known = true;
        m->status.lanes_millis = id < members ? 2000 : 0;
    }
    n->config.boot++;
    n->core = (struct node_core){0};
    ASSERT(node_core_init(&n->core, &n->heap) == ERR_OK);
    n->core.object_reply = object_reply_to;
    port_init(&n->port, SERVICE_COMPUTE, &n->core, &n->config, &n->view, NULL);
    n->port.facts = (struct facts *)(void *)n;
    n->port.sky = world->sky;
    n->up = true;
    n->lane_count = 0;
    memset(n->lanes, 0, sizeof n->lanes);
    memset(n->watches, 0, sizeof n->watches);
    reach_refresh(n);
    world_step(n);
    ASSERT(compute_open(&n->compute, &n->port) == ERR_OK);
    n->was_open = true;
    uint64_t known[NODES_MAX + 1];
    memcpy(known, n->known, sizeof known);
    memset(n->known, 0, sizeof n->known);
    for (size_t i = 0; i < world->fact_count; i++)
        if (world->facts[i].fact.seq <= known[world->facts[i].fact.author])
            fold_at(n, &world->facts[i]);
    compute_ready(n->compute);
    world_drain(n);
}

void world_kill(struct world_node *n)
{
    n->up = false;
    if (n->was_open)
        compute_close(n->compute);
    n->was_open = false;
    for (size_t i = 0; i < COUNT_OF(n->puts); i++)
        n->puts[i].open = false;
    for (node_id id = 1; id <= world->count; id++)
        if (world->nodes[id].compute)
            reach_refresh(&world->nodes[id]);
}

struct world *world_new(size_t count)
{
    struct world *w = calloc(1, sizeof *w);
    world = w;
    w->count = count;
    w->step = 10 * NS_PER_MS;
    w->facts = calloc(FACTS_MAX, sizeof *w->facts);
    w->now = (struct now){.mono = NS_PER_S, .wall = 2000000000ll * NS_PER_S, .wall_rate = 1};
    for (node_id id = 1; id <= count; id++) {
        struct world_node *n = &w->nodes[id];
        n->id = id;
        n->config = (struct config){.self = id, .role = id < count ? ROLE_SATELLITE : ROLE_GATEWAY, .lanes_millis = id < count ? 2000 : 0,
                                    .lane_memory_bytes = 4ull << 30, .lane_power_mw = 20000, .limits = {.tasks_max = 100}};
        n->up = true;
        n->output_exists = true;
        n->run_time = 2 * NS_PER_S;
    }
    for (node_id id = 1; id <= count; id++)
        world_boot(&w->nodes[id]);
    for (node_id id = 1; id <= count; id++)
        reach_refresh(&w->nodes[id]);
    world_run(w, 1100 * NS_PER_MS);
    return w;
}

void world_free(struct world *w)
{
    for (node_id id = 1; id <= w->count; id++) {
        struct world_node *n = &w->nodes[id];
        world_step(n);
        if (n->was_open)
            compute_close(n->compute);
        for (size_t i = 0; i < COUNT_OF(n->puts); i++)
            free(n->puts[i].data);
        free(n->memory);
    }
    for (size_t i = 0; i < w->fact_count; i++)
        free(w->facts[i].body);
    for (size_t i = 0; i < w->mail_count; i++)
        free(w->mail[i].body);
    for (size_t i = 0; i < w->shelf_count; i++)
        free(w->shelf[i].data);
    free(w->facts);
    free(w);
    world = NULL;
}

/* ---- objects ---- */

static bool same(const char *text, struct span s)
{
    return span_equal_text(s, text);
}

static struct shelf_object *shelf_find(struct span bucket, struct span key)
{
    for (size_t i = 0; i < world->shelf_count; i++)
        if (same(world->shelf[i].bucket, bucket) && same(world->shelf[i].key, key))
            return &world->shelf[i];
    return NULL;
}

const struct shelf_object *world_find(struct world *w, const char *bucket, const char *key)
{
    (void)w;
    return shelf_find(span_text(bucket), span_text(key));
}

static void shelf_put(struct span bucket, struct span key, const uint8_t *data, size_t size)
{
    struct shelf_object *o = shelf_find(bucket, key);
    if (!o) {
        ASSERT(world->shelf_count < SHELF_MAX);
        o = &world->shelf[world->shelf_count++];
        snprintf(o->bucket, sizeof o->bucket, "%.*s", (int)bucket.size, (const char *)bucket.data);
        snprintf(o->key, sizeof o->key, "%.*s", (int)key.size, (const char *)key.data);
    }
    free(o->data);
    o->data = malloc(size + 1);
    if (size)
        memcpy(o->data, data, size);
    o->size = size;
}

void world_put(struct world *w, const char *bucket, const char *key, const char *text, node_id a, node_id b)
{
    (void)w;
    shelf_put(span_text(bucket), span_text(key), (const uint8_t *)text, strlen(text));
    struct shelf_object *o = shelf_find(span_text(bucket), span_text(key));
    o->holders[0] = a;
    o->holders[1] = b;
    o->holder_count = 2;
}

static void object_get(struct world_node *n, const struct object_request *q, struct object_reply *r)
{
    const struct shelf_object *o = shelf_find(q->bucket, q->key);
    r->final = true;
    if (world->objects_fail || !o) {
        r->status = world->objects_fail ? ERR_UNREACHABLE : ERR_NOT_FOUND;
        compute_object(n->compute, r);
        return;
    }
    r->final = false;
    r->info.size = o->size;
    compute_object(n->compute, r);
    r->op = OBJECT_GET_DATA;
    size_t half = o->size / 2;
    r->data = slice_borrowed(span_of(o->data, half));
    compute_object(n->compute, r);
    r->data = slice_borrowed(span_of(o->data + half, o->size - half));
    r->offset = half;
    r->final = true;
    compute_object(n->compute, r);
}

static struct fake_put *put_of(struct world_node *n, uint64_t tag, bool fresh)
{
    for (size_t i = 0; i < COUNT_OF(n->puts); i++)
        if (fresh ? !n->puts[i].open : n->puts[i].open && n->puts[i].tag == tag)
            return &n->puts[i];
    return NULL;
}

static void object_put_begin(struct world_node *n, const struct object_request *q, struct object_reply *r)
{
    if (world->buckets_missing) {
        r->status = ERR_NOT_FOUND;
        r->missing = MISSING_BUCKET;
        r->final = true;
        compute_object(n->compute, r);
        return;
    }
    struct fake_put *p = put_of(n, 0, true);
    ASSERT(p != NULL);
    free(p->data);
    *p = (struct fake_put){.tag = q->tag, .open = true, .data = malloc(1 << 20), .capacity = 1 << 20};
    snprintf(p->bucket, sizeof p->bucket, "%.*s", (int)q->bucket.size, (const char *)q->bucket.data);
    snprintf(p->key, sizeof p->key, "%.*s", (int)q->key.size, (const char *)q->key.data);
    r->credit = 10; /* small, so that credit matters */
    compute_object(n->compute, r);
}

static void object_answer(struct world_node *n, struct object_request *q)
{
    struct object_reply r = {.op = q->op, .client = q->client, .tag = q->tag};
    struct fake_put *p;
    switch ((int)q->op) {
    case OBJECT_SHOW: {
        const struct shelf_object *o = shelf_find(q->bucket, q->key);
        struct object_holder h = {.chunk_count = 1};
        r.final = true;
        r.status = o ? ERR_OK : ERR_NOT_FOUND;
        if (o) {
            r.info.size = o->size;
            h.node_count = o->holder_count;
            memcpy(h.nodes, o->holders, sizeof o->holders);
            r.holders = &h;
            r.holder_count = 1;
        }
        compute_object(n->compute, &r);
        break;
    }
    case OBJECT_GET:
        object_get(n, q, &r);
        break;
    case OBJECT_PUT_BEGIN:
        object_put_begin(n, q, &r);
        break;
    case OBJECT_PUT_DATA:
        p = put_of(n, q->tag, false);
        ASSERT(p && q->data.size <= 10 && p->size + q->data.size <= p->capacity);
        memcpy(p->data + p->size, q->data.data, q->data.size);
        p->size += q->data.size;
        r.credit = q->data.size;
        slice_drop(&q->data);
        compute_object(n->compute, &r);
        break;
    case OBJECT_PUT_END: {
        p = put_of(n, q->tag, false);
        ASSERT(p != NULL);
        uint8_t md5_now[16];
        md5(span_of(p->data, p->size), md5_now);
        r.final = true;
        r.status = memcmp(md5_now, q->md5, 16) == 0 ? ERR_OK : ERR_INVALID;
        shelf_put(span_text(p->bucket), span_text(p->key), p->data, p->size);
        p->open = false;
        compute_object(n->compute, &r);
        break;
    }
    case OBJECT_PUT_ABORT:
        p = put_of(n, q->tag, false);
        if (p)
            p->open = false;
        break;
    default:
        break;
    }
}

/* ---- lanes ---- */

#define LANE_OUTPUT "{\"alert\":\"burn scar\"}"

static struct lane *lane_of(struct world_node *n, uint64_t lane)
{
    for (size_t i = 0; i < n->lane_count; i++)
        if (n->lanes[i].lane == lane)
            return &n->lanes[i];
    ASSERT(n->lane_count < LANES_MAX);
    n->lanes[n->lane_count].lane = lane;
    return &n->lanes[n->lane_count++];
}

static void lane_exit(struct world_node *n, struct lane *l, int32_t code, int32_t signal)
{
    l->running = false;
    struct event_lane e = {.lane = l->lane, .kind = LANE_EXITED, .usage = {.exit_code = code, .signal = signal, .cpu_us = 1000},
                           .output = span_text("hello\n"), .error_output = span_text("")};
    compute_lane(n->compute, &e);
}

static void lane_effect(struct world_node *n, struct effect_lane *e)
{
    struct lane *l = lane_of(n, e->lane);
    struct event_lane v = {.lane = e->lane, .kind = LANE_DATA, .path = e->path, .offset = e->offset};
    switch ((int)e->kind) {
    case LANE_FILE:
        l->file_bytes += e->size;
        l->file_count++;
        slice_drop(&e->data);
        break;
    case LANE_START:
        l->started = l->running = true;
        l->starts++;
        snprintf(l->image, sizeof l->image, "%.*s", (int)e->image.size, (const char *)e->image.data);
        l->exit_at = world->now.mono + n->run_time;
        v.kind = LANE_STARTED;
        compute_lane(n->compute, &v);
        break;
    case LANE_STOP:
        if (l->running)
            lane_exit(n, l, -1, 15);
        break;
    case LANE_READ:
        v.status = n->output_exists ? ERR_OK : ERR_NOT_FOUND;
        v.size = strlen(LANE_OUTPUT);
        if (n->output_exists && e->size > 0)
            v.data = slice_borrowed(span_of(LANE_OUTPUT + e->offset, MIN(e->size, strlen(LANE_OUTPUT) - e->offset)));
        compute_lane(n->compute, &v);
        break;
    case LANE_REMOVE:
        l->removed = true;
        l->running = false;
        break;
    default:
        break;
    }
}

/* ---- routing ---- */

static void post(struct world_node *from, struct message *m)
{
    if (world->mail_count == MAIL_MAX || !connected(from->id, m->to))
        return;
    struct mail *mail = &world->mail[world->mail_count++];
    *mail = (struct mail){.from = from->id, .to = m->to, .m = *m, .body = malloc(m->body.size + 1)};
    memcpy(mail->body, m->body.data, m->body.size);
    mail->m.body = span_of(mail->body, m->body.size);
    mail->m.from = from->id;
    mail->due = world->now.mono + world->way[from->id][m->to];
    world->announced += m->type == COMPUTE_ANNOUNCE;
}

static void remember_reply(struct world_node *n, const struct task_reply *r)
{
    n->reply = *r;
    n->reply_count++;
    for (size_t i = 0; i < r->view_count; i++)
        n->views[i] = r->views[i];
    n->reply.views = n->views;
}

void world_drain(struct world_node *n)
{
    struct delivery d;
    size_t effect = 0;
    bool more = true;
    while (more) {
        more = false;
        while (node_core_next(&n->core, &d)) {
            more = true;
            if (d.kind == DELIVER_MESSAGE)
                post(n, &d.message);
            else if (d.kind == DELIVER_OBJECT)
                object_answer(n, d.object);
            else if (d.kind == DELIVER_TASK_REPLY)
                remember_reply(n, d.task_reply);
        }
        for (; effect < n->core.effect_count; effect++) {
            struct effect e = n->core.effects[effect];
            more = true;
            if (e.kind == EFFECT_LANE)
                lane_effect(n, &e.lane);
            else if (e.kind == EFFECT_LOAD)
                n->load_millis = e.load.lanes_busy_millis;
            else if (e.kind == EFFECT_TASK_REPLY)
                remember_reply(n, e.task_reply);
            else if (e.kind == EFFECT_TRACE && world->trace_count < TRACES_MAX)
                snprintf(world->traces[world->trace_count++], 200, "%u %s %.*s", n->id, trace_name((enum trace_id)e.trace.id),
                         (int)e.trace.text.size, (const char *)e.trace.text.data);
        }
    }
}

static bool facts_flow(void)
{
    bool moved = false;
    for (size_t i = 0; i < world->fact_count; i++)
        for (node_id id = 1; id <= world->count; id++) {
            struct world_node *n = &world->nodes[id];
            struct stored_fact *f = &world->facts[i];
            if (!n->up || f->fact.seq != n->known[f->fact.author] + 1 || world->now.mono < f->published + world->way[f->fact.author][id])
                continue;
            bool near = false; /* some connected node has it */
            for (node_id other = 1; other <= world->count; other++)
                near |= connected(other, id) && world->nodes[other].known[f->fact.author] >= f->fact.seq;
            if (!near)
                continue;
            world_step(n);
            fold_at(n, f);
            world_drain(n);
            moved = true;
        }
    return moved;
}

static bool holds_flow(void)
{
    bool moved = false;
    for (node_id id = 1; id <= world->count; id++) {
        struct world_node *n = &world->nodes[id];
        for (size_t i = 0; n->up && i < COUNT_OF(n->watches); i++) {
            struct watch *w = &n->watches[i];
            for (size_t j = 0; w->live && j < w->count; j++) {
                node_id at = w->nodes[j];
                if (at != NODE_NONE && world->now.mono < w->published + 2 * world->way[id][at])
                    continue;
                if (at == NODE_NONE || world->nodes[at].known[id] < w->seq || (at != id && !connected(at, id)))
                    continue;
                w->nodes[j] = NODE_NONE;
                world_step(n);
                compute_held(n->compute, w->tag, at);
                world_drain(n);
                moved = true;
            }
        }
    }
    return moved;
}

static bool mail_flow(void)
{
    size_t at = 0;
    while (at < world->mail_count && world->mail[at].due > world->now.mono)
        at++;
    if (at == world->mail_count)
        return false;
    struct mail mail = world->mail[at];
    memmove(world->mail + at, world->mail + at + 1, (--world->mail_count - at) * sizeof mail);
    struct world_node *n = &world->nodes[mail.to];
    if (n->up && !(world->mute_bids && mail.m.type == COMPUTE_BID)) {
        world_step(n);
        compute_message(n->compute, &mail.m);
        world_drain(n);
    }
    free(mail.body);
    return true;
}

void world_settle(struct world *w)
{
    (void)w;
    while (facts_flow() || holds_flow() || mail_flow())
        ;
}

static void tick(struct world_node *n)
{
    world_step(n);
    for (size_t i = 0; i < n->lane_count; i++)
        if (n->lanes[i].running && n->lanes[i].exit_at <= world->now.mono)
            lane_exit(n, &n->lanes[i], n->exit_code, 0);
    if (n->port.alarm_at <= world->now.mono) {
        n->port.alarm_at = TIME_NEVER;
        compute_alarm(n->compute);
    }
    world_drain(n);
}

void world_run(struct world *w, duration_ns mono)
{
    mono_ns until = w->now.mono + mono;
    world_settle(w);
    while (w->now.mono < until) {
        w->now.mono += w->step;
        w->now.wall += w->step * w->now.wall_rate;
        for (node_id id = 1; id <= w->count; id++)
            if (w->nodes[id].up)
                tick(&w->nodes[id]);
        world_settle(w);
        world_check(w);
    }
}

/* ---- what tests say and ask ---- */

static void member_set(struct world *w, node_id id, enum member_state state)
{
    for (node_id at = 1; at <= w->count; at++) {
        struct world_node *n = &w->nodes[at];
        if (!n->up)
            continue;
        view_find(&n->view, id)->state = state;
        reach_refresh(n);
        world_step(n);
        compute_member(n->compute, id);
        world_drain(n);
    }
}

void world_convict(struct world *w, node_id id)
{
    member_set(w, id, MEMBER_CONVICTED);
}

void world_return(struct world *w, node_id id)
{
    member_set(w, id, MEMBER_ALIVE);
}

static void request(struct world_node *n, const struct task_request *r)
{
    world_step(n);
    compute_request(n->compute, r);
    world_drain(n);
}

struct uid world_create(struct world_node *n, const struct task_spec *spec)
{
    size_t before = n->reply_count;
    request(n, &(struct task_request){.op = TASK_CREATE, .client = SERVICE_REGION, .tag = 7, .spec = spec});
    for (int i = 0; i < 400 && n->reply_count == before; i++)
        world_run(world, 10 * NS_PER_MS);
    assert_int_equal(n->reply_count, before + 1);
    return n->reply.id;
}

const struct task_view *world_get(struct world_node *n, struct uid id)
{
    request(n, &(struct task_request){.op = TASK_GET, .client = SERVICE_REGION, .tag = 8, .id = id});
    return n->reply.status == ERR_OK ? &n->views[0] : NULL;
}

enum task_state world_state(struct world_node *n, struct uid id)
{
    const struct task_view *v = world_get(n, id);
    return v ? v->state : TASK_UNKNOWN;
}

bool world_traced(const struct world *w, const char *text)
{
    for (size_t i = 0; i < w->trace_count; i++)
        if (strstr(w->traces[i], text))
            return true;
    return false;
}

void world_check(struct world *w)
{
    for (node_id id = 1; id <= w->count; id++) {
        struct world_node *n = &w->nodes[id];
        if (!n->up)
            continue;
        assert_true(compute_check(n->compute));
        struct compute_summary s;
        for (size_t i = 0; compute_summary_at(n->compute, i, &s); i++)
            assert_true(s.receipts <= 1);
    }
}

struct task_spec world_spec(void)
{
    struct task_spec s = {.name = span_text("change detection"), .document = span_text("{}"), .executor_count = 1, .input_count = 2,
                          .output_count = 1, .priority = 5};
    s.executors[0].image = span_text("app:change-detection");
    s.executors[0].arguments[0] = span_text("/work/in/a.ppm");
    s.executors[0].argument_count = 1;
    s.inputs[0] = (struct task_file){.bucket = span_text("eo"), .key = span_text("T/a.ppm"), .path = span_text("/work/in/a.ppm")};
    s.inputs[1] = (struct task_file){.path = span_text("/work/in/b.txt"), .content = span_text("literal")};
    s.outputs[0] = (struct task_file){.bucket = span_text("alerts"), .key = span_text("T/x.json"), .path = span_text("/work/out/alert.json")};
    return s;
}
