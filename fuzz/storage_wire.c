/* Bodies of messages and facts: the first byte chooses the decoder; then the body is folded into an index, whose invariants must hold. */
#include <stdlib.h>
#include <string.h>

#include "core/machine.h"
#include "storage/index.h"
#include "storage/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *context, struct index_group *g)
{
    (void)context;
    ASSERT(g->node_count <= HOLDERS_MAX);
}

static void messages(struct span body)
{
    struct wire_store store;
    struct chunk_key key;
    struct uid uid;
    err status;
    uint8_t out[WIRE_BODY_MAX];
    if (wire_store_decode(body, &store) == ERR_OK)
        ASSERT(span_equal(wire_store_encode(&store, out), body));
    if (wire_fetch_decode(body, &key) == ERR_OK)
        ASSERT(span_equal(wire_fetch_encode(key, out), body));
    if (wire_status_decode(body, &status) == ERR_OK)
        ASSERT(span_equal(wire_status_encode(status, out), body));
    if (wire_drop_decode(body, &uid) == ERR_OK)
        ASSERT(span_equal(wire_drop_encode(uid, out), body));
}

/* The input is a list of facts: type, u16 size, body. They are folded forwards and backwards: the digests must agree. */
static uint64_t fold(const uint8_t *data, size_t size, bool backwards)
{
    enum { FACTS_MOST = 64, MEMORY = 4 << 20 };
    static uint8_t memory[MEMORY] __attribute__((aligned(16)));
    struct heap heap;
    struct index x;
    struct fact facts[FACTS_MOST];
    size_t count = 0;
    heap_init(&heap, memory, sizeof memory);
    index_init(&x, &heap, &(struct index_watcher){NULL, ignore, ignore});
    struct reader r = reader_of(data, size);
    while (count < FACTS_MOST && reader_left(&r) > 3) {
        uint16_t type = (uint16_t)(FACT_BUCKET + read_u8(&r) % 8);
        size_t most = read_u16(&r);
        facts[count++] = (struct fact){.type = type, .author = 1, .body = read_span(&r, MIN(most, reader_left(&r)))};
    }
    for (size_t i = 0; i < count; i++)
        index_fold(&x, &facts[backwards ? count - 1 - i : i], 5);
    ASSERT(index_check(&x));
    return x.overflow ? 0 : index_digest(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    messages(span_of(data, size));
    uint64_t forwards = fold(data, size, false), backwards = fold(data, size, true);
    ASSERT(forwards == backwards || forwards == 0 || backwards == 0);
    return 0;
}
