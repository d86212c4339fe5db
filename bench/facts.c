/* bench/facts.c - signed facts: publishing at the author, accepting at a receiver, reading a log back, memory per fact. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/fact_codec.h"
#include "core/node_core.h"
#include "crypto/signature.h"

enum { FACTS = 20000, BODY = 300, MEMORY = 64 << 20, DISK = 16 << 20 };

struct side {
    node_id id;
    struct heap heap;
    struct node_core core;
    struct config config;
    struct view view;
    struct port port;
    struct facts *facts;
    uint8_t *disk;
    uint64_t used, accepted;
};

static struct side author, receiver;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static err sign(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    return signer_sign(context, message, signature);
}
static bool verify(void *context, const uint8_t key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    (void)context;
    return ed25519_verify(key, message, signature);
}
static void accepted(void *context, const struct fact *f)
{
    (void)f;
    ((struct side *)context)->accepted++;
}
static void held(void *context, enum service owner, uint64_t tag, node_id node)
{
    (void)context;
    (void)owner;
    (void)tag;
    (void)node;
}
static void equivocation(void *context, node_id who, struct span a, struct span b)
{
    (void)context;
    (void)who;
    (void)a;
    (void)b;
}
static void ready(void *context)
{
    (void)context;
}

static void begin(struct side *s)
{
    struct now now = {.mono = NS_PER_S, .wall = 1800000000 * NS_PER_S, .wall_rate = 1};
    node_core_begin(&s->core, &now);
    s->port.now = now;
}

static void disk_do(struct side *s, struct effect_disk *d, struct event_done *done)
{
    *done = (struct event_done){.op = d->op};
    if (d->kind == DISK_WRITE) {
        memcpy(s->disk + d->offset, d->parts[0].data, d->parts[0].size);
        s->used = MAX(s->used, d->offset + d->size);
        slice_drop(&d->parts[0]);
    } else if (d->kind == DISK_READ) {
        struct buf *b = buf_new_malloc(d->size);
        memcpy(b->data, s->disk + d->offset, d->size);
        done->data = slice_of(b, 0, d->size);
    }
}

/* Messages of the author go straight to the receiver; disks answer at once. */
static void finish(struct side *s)
{
    for (;;) {
        struct delivery d;
        struct effect_disk op = {0};
        while (node_core_next(&s->core, &d)) {
            if (s == &author && d.message.to == receiver.id && receiver.facts) {
                begin(&receiver);
                facts_message(receiver.facts, &d.message);
                finish(&receiver);
            }
            slice_drop(&d.message.payload);
        }
        for (size_t i = 0; i < s->core.effect_count; i++)
            if (s->core.effects[i].kind == EFFECT_DISK)
                op = s->core.effects[i].disk;
        if (op.op == 0)
            return;
        struct event_done done;
        disk_do(s, &op, &done);
        begin(s);
        facts_done(s->facts, &done);
        buf_unref(done.data.buf);
    }
}

static void open_side(struct side *s, node_id id, struct signer *signer, const uint8_t *author_key)
{
    static uint8_t root[32];
    uint8_t *disk = s->disk ? s->disk : calloc(1, DISK);
    uint64_t used = s->used;
    *s = (struct side){.id = id, .disk = disk, .used = used, .config = {.self = id, .boot = used ? 2 : 1, .incarnation = 1}};
    s->config.area_capacity_bytes[AREA_FACTS] = DISK;
    s->config.area_used_bytes[AREA_FACTS] = used;
    heap_init(&s->heap, aligned_alloc(16, MEMORY), MEMORY);
    ASSERT(node_core_init(&s->core, &s->heap) == ERR_OK && view_init(&s->view, &s->heap, 4, id) == ERR_OK);
    port_init(&s->port, SERVICE_FACTS, &s->core, &s->config, &s->view, NULL);
    begin(s);
    struct facts_config c = {.self = id, .incarnation = 1, .crypto = {signer, sign, verify}};
    memcpy(c.root_public_key, root, sizeof root);
    ASSERT(facts_open(&s->facts, &s->port, &c, &(struct facts_handlers){s, accepted, held, equivocation, ready, NULL}) == ERR_OK);
    finish(s);
    facts_key_add(s->facts, 1, 1, author_key);
}

static void print(const char *name, const char *unit, double value, int n)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.1f,\"n\":%d,\"command\":\"./dev bench facts\"}\n", name, unit, value, n);
}

int main(void)
{
    static const uint8_t seed[32] = {7};
    uint8_t body[BODY];
    struct signer *signer;
    memset(body, 'b', sizeof body);
    ASSERT(signer_open(&signer, seed) == ERR_OK);
    open_side(&author, 1, signer, signer_public_key(signer));
    size_t before = author.heap.used_bytes;
    double start = seconds();
    for (int i = 0; i < FACTS; i++) {
        begin(&author);
        ASSERT(facts_publish(author.facts, FACT_OBJECT, span_of(body, sizeof body), NULL) == ERR_OK);
        finish(&author);
    }
    print("facts_publish", "facts/s", FACTS / (seconds() - start), FACTS);
    print("facts_memory_overhead", "bytes/fact", (double)(author.heap.used_bytes - before) / FACTS - BODY, FACTS);
    open_side(&receiver, 2, signer, signer_public_key(signer));
    start = seconds();
    /* The receiver says what it has (nothing) until it has everything: each answer is at most 1 MiB. */
    while (facts_seq_of(receiver.facts, 1) < FACTS) {
        struct writer w = writer_of(body, sizeof body);
        write_u8(&w, 2);
        write_u16(&w, 0);
        write_varint(&w, 1);
        write_varint(&w, 1);
        write_varint(&w, 1);
        write_varint(&w, facts_seq_of(receiver.facts, 1));
        struct fact last = {0};
        if (facts_get(receiver.facts, 1, facts_seq_of(receiver.facts, 1), &last))
            write_bytes(&w, last.hash, 4);
        else
            write_u32(&w, 0);
        begin(&author);
        facts_message(author.facts, &(struct message){.from = 2, .to = 1, .type = 2, .body = writer_span(&w)});
        finish(&author);
    }
    print("facts_accept", "facts/s", FACTS / (seconds() - start), FACTS);
    start = seconds();
    open_side(&receiver, 2, signer, signer_public_key(signer));
    ASSERT(receiver.accepted == FACTS);
    print("facts_recover", "facts/s", FACTS / (seconds() - start), FACTS);
    ASSERT(facts_digest(author.facts) == facts_digest(receiver.facts));
    return 0;
}
