/* fuzz/facts_message.c - a fact store that gets any messages from a peer: it must keep its invariants. */
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "core/node_core.h"

static bool verify(void *context, const uint8_t public_key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    (void)context;
    (void)public_key;
    (void)message;
    return (signature[0] & 3) != 0; /* let most through, so that the fuzzer gets further */
}
static err sign(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    (void)context;
    (void)message;
    memset(signature, 1, FACT_SIGNATURE_SIZE);
    return ERR_OK;
}
static void accepted(void *context, const struct fact *f) { (void)context; (void)f; }
static void held(void *context, enum service owner, uint64_t tag, node_id node) { (void)context; (void)owner; (void)tag; (void)node; }
static void equivocation(void *context, node_id author, struct span a, struct span b) { (void)context; (void)author; (void)a; (void)b; }
static void ready(void *context) { (void)context; }

struct world {
    struct heap heap;
    struct node_core core;
    struct config config;
    struct view view;
    struct port port;
    struct facts *facts;
};

/* Drops messages, answers every disk operation. */
static void drain(struct world *w)
{
    uint64_t ops[16];
    size_t count;
    do {
        struct delivery d;
        struct now now = w->core.now;
        while (node_core_next(&w->core, &d))
            slice_drop(&d.message.payload);
        count = 0;
        for (size_t i = 0; i < w->core.effect_count; i++)
            if (w->core.effects[i].kind == EFFECT_DISK && count < COUNT_OF(ops)) {
                ops[count++] = w->core.effects[i].disk.op;
                slice_drop(&w->core.effects[i].disk.parts[0]);
            }
        node_core_begin(&w->core, &now);
        for (size_t i = 0; i < count; i++)
            facts_done(w->facts, &(struct event_done){.op = ops[i]});
    } while (count > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MEMORY = 8 << 20 };
    static uint8_t *memory;
    static const uint8_t key[32] = {1};
    if (!memory)
        memory = aligned_alloc(16, MEMORY);
    struct world w = {.config = {.self = 1, .boot = 1, .incarnation = 1}};
    struct now now = {.mono = NS_PER_S, .wall = 1800000000 * NS_PER_S, .wall_rate = 1};
    w.config.area_capacity_bytes[AREA_FACTS] = 1 << 20;
    heap_init(&w.heap, memory, MEMORY);
    ASSERT(node_core_init(&w.core, &w.heap) == ERR_OK && view_init(&w.view, &w.heap, 4, 1) == ERR_OK);
    port_init(&w.port, SERVICE_FACTS, &w.core, &w.config, &w.view, NULL);
    node_core_begin(&w.core, &now);
    w.port.now = now;
    struct facts_config c = {.self = 1, .incarnation = 1, .crypto = {NULL, sign, verify}};
    ASSERT(facts_open(&w.facts, &w.port, &c, &(struct facts_handlers){&w, accepted, held, equivocation, ready, NULL}) == ERR_OK);
    drain(&w);
    facts_key_add(w.facts, 1, 1, key);
    facts_key_add(w.facts, 2, 1, key);
    facts_link(w.facts, 2, true);
    struct reader r = reader_of(data, size);
    while (reader_left(&r) > 3) {
        uint8_t type = read_u8(&r);
        struct span s = read_span(&r, MIN(read_u16(&r), reader_left(&r)));
        struct message m = {.from = 2, .to = 1, .type = type % 8, .body = s, .payload = slice_borrowed(s)};
        if (type >= 0xf0) {
            err e = facts_publish(w.facts, FACT_OBJECT, s, NULL);
            (void)e;
        }
        facts_message(w.facts, &m);
        drain(&w);
    }
    ASSERT(facts_check(w.facts));
    return 0;
}
