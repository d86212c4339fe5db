/* The fold alone: any order of a history's facts gives the same state; what an object costs in memory. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "storage/index.h"

enum { FACTS = 600, HEAP_BYTES = 32 << 20 };

struct history {
    struct fact facts[FACTS];
    size_t count;
    struct rng rng;
    uint64_t clock;
    struct uid objects[FACTS], parts[FACTS], uploads[8], buckets[FACTS];
    uint64_t sizes[FACTS];
    size_t object_count, part_count, upload_count, bucket_count;
};

static void ignore(void *context, struct index_group *g)
{
    (void)context, (void)g;
}

static struct uid uid_new(struct history *h)
{
    struct uid u;
    struct writer w = writer_of(u.bytes, sizeof u.bytes);
    write_u64_be(&w, ++h->clock);
    write_u64_be(&w, rng_u64(&h->rng));
    return u;
}

static void add(struct history *h, enum fact_type type, const struct writer *w)
{
    assert_true(writer_ok(w));
    uint8_t *body = malloc(w->at);
    memcpy(body, w->data, w->at);
    h->facts[h->count++] = (struct fact){.author = 1, .type = (uint16_t)type, .body = span_of(body, w->at)};
}

static struct span pick_key(struct history *h, char *out)
{
    snprintf(out, 8, "k%u", (unsigned)rng_below(&h->rng, 5));
    return span_text(out);
}

static void record(struct history *h, struct writer *w, struct uid part, uint64_t size)
{
    uint64_t digests[4] = {1, 2, 3, 4};
    struct part_run runs[2] = {{1, 2, {1, 2}}, {part_chunk_count(size) - 1, 2, {2, (node_id)(3 + rng_below(&h->rng, 3))}}};
    part_record_encode(w, part, size, (struct policy){.copies = 2, .where = PLACE_ORBIT}, runs, part_chunk_count(size) > 1 ? 2 : 1, digests);
    h->parts[h->part_count] = part;
    h->sizes[h->part_count++] = size;
}

static void object(struct history *h, bool shared)
{
    uint8_t bytes[2048];
    char key[8];
    struct writer w = writer_of(bytes, sizeof bytes);
    size_t source = h->part_count ? (size_t)rng_below(&h->rng, h->part_count) : 0;
    shared = shared && h->part_count;
    uint64_t size = shared ? h->sizes[source] : 1 + rng_below(&h->rng, 4u * CHUNK_DATA_MAX - 1);
    struct object_fact f = {.bucket = span_text("eo"), .key = pick_key(h, key), .version = uid_new(h), .size = size, .inline_part = !shared,
                            .part_count = 1, .policy = {.copies = (uint8_t)(1 + rng_below(&h->rng, 3)), .where = PLACE_ORBIT}};
    if (h->upload_count && rng_chance(&h->rng, 0.1))
        f.upload = h->uploads[rng_below(&h->rng, h->upload_count)];
    object_fact_encode_head(&w, &f);
    if (shared)
        object_part_encode(&w, h->parts[source], size);
    else
        record(h, &w, uid_new(h), size);
    h->objects[h->object_count++] = f.version;
    add(h, FACT_OBJECT, &w);
}

static void one_fact(struct history *h)
{
    uint8_t bytes[2048];
    char key[8];
    struct writer w = writer_of(bytes, sizeof bytes);
    uint64_t kind = rng_below(&h->rng, 10);
    if (kind < 3) {
        object(h, kind == 2);
    } else if (kind == 3 && h->object_count) {
        struct uid upto = h->objects[rng_below(&h->rng, h->object_count)];
        name_end_fact_encode(&w, &(struct name_end_fact){span_text("eo"), pick_key(h, key), upto});
        add(h, FACT_OBJECT_DELETE, &w);
    } else if (kind < 6 && h->part_count) {
        copy_fact_encode(&w, &(struct copy_fact){h->parts[rng_below(&h->rng, h->part_count)], uid_new(h), (uint32_t)rng_below(&h->rng, 3),
                                                 1 + (uint32_t)rng_below(&h->rng, 3), 1 + (node_id)rng_below(&h->rng, 20), rng_chance(&h->rng, 0.6)});
        add(h, FACT_COPY, &w);
    } else if (kind == 6 && h->upload_count < 8) {
        struct upload_fact f = {uid_new(h), span_text("eo"), pick_key(h, key), {0}, 1, {.copies = 2}};
        h->uploads[h->upload_count++] = f.uid;
        upload_fact_encode(&w, &f);
        add(h, FACT_UPLOAD, &w);
    } else if (kind == 7 && h->upload_count) {
        struct part_fact f = {.upload = h->uploads[rng_below(&h->rng, h->upload_count)], .number = 1 + (uint32_t)rng_below(&h->rng, 3)};
        part_fact_encode_head(&w, &f);
        record(h, &w, uid_new(h), 100);
        add(h, FACT_PART, &w);
    } else if (kind == 8 && h->upload_count && rng_chance(&h->rng, 0.2)) {
        upload_end_encode(&w, h->uploads[rng_below(&h->rng, h->upload_count)]);
        add(h, FACT_UPLOAD_END, &w);
    } else if (kind == 9) {
        struct bucket_fact f = {span_text("eo"), uid_new(h), {.copies = 1 + (uint8_t)(h->clock % 3)}, 5};
        h->buckets[h->bucket_count++] = f.uid;
        bucket_fact_encode(&w, &f);
        add(h, FACT_BUCKET, &w);
        if (rng_chance(&h->rng, 0.3)) {
            w.at = 0;
            name_end_fact_encode(&w, &(struct name_end_fact){span_text("eo"), {0}, h->buckets[rng_below(&h->rng, h->bucket_count)]});
            add(h, FACT_BUCKET_DELETE, &w);
        }
    }
}

static struct history *history_new(uint64_t seed, size_t count)
{
    struct history *h = calloc(1, sizeof *h);
    h->rng = rng_stream(seed, 2);
    while (h->count + 2 < count)
        one_fact(h);
    return h;
}

static void history_free(struct history *h)
{
    for (size_t i = 0; i < h->count; i++)
        free((void *)(uintptr_t)h->facts[i].body.data);
    free(h);
}

static uint64_t fold(const struct history *h, const size_t *order, void *memory)
{
    struct heap heap;
    struct index x;
    heap_init(&heap, memory, HEAP_BYTES);
    index_init(&x, &heap, &(struct index_watcher){NULL, ignore, ignore});
    for (size_t i = 0; i < h->count; i++)
        index_fold(&x, &h->facts[order[i]], (tai_ns)i + 1);
    assert_int_equal(x.refused, 0);
    assert_false(x.overflow);
    assert_true(index_check(&x));
    return index_digest(&x);
}

static void any_order_of_facts_gives_the_same_state(void **state)
{
    (void)state;
    void *memory = aligned_alloc(16, HEAP_BYTES);
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct history *h = history_new(seed, 20 + seed * 5);
        size_t order[FACTS];
        for (size_t i = 0; i < h->count; i++)
            order[i] = i;
        uint64_t first = fold(h, order, memory);
        for (int turn = 0; turn < 8; turn++) {
            for (size_t i = h->count; i > 1; i--) {
                size_t k = (size_t)rng_below(&h->rng, i), swap = order[i - 1];
                order[i - 1] = order[k];
                order[k] = swap;
            }
            assert_true(fold(h, order, memory) == first);
        }
        history_free(h);
    }
    free(memory);
}

static void bodies_cut_short_or_with_flipped_bytes_are_refused_or_decode(void **state)
{
    (void)state;
    struct history *h = history_new(7, 100);
    void *memory = aligned_alloc(16, HEAP_BYTES);
    for (size_t i = 0; i < h->count; i++)
        for (size_t cut = 0; cut < h->facts[i].body.size; cut++) {
            struct heap heap;
            struct index x;
            heap_init(&heap, memory, HEAP_BYTES);
            index_init(&x, &heap, &(struct index_watcher){NULL, ignore, ignore});
            struct fact f = h->facts[i];
            f.body.size = cut;
            index_fold(&x, &f, 1);
            assert_int_equal(x.refused, 1);
        }
    history_free(h);
    free(memory);
}

static void a_small_object_costs_less_than_600_bytes_beside_its_fact(void **state)
{
    (void)state;
    enum { OBJECTS = 2000 };
    void *memory = aligned_alloc(16, HEAP_BYTES);
    uint8_t *bodies = malloc(OBJECTS * 512);
    struct heap heap;
    struct index x;
    heap_init(&heap, memory, HEAP_BYTES);
    index_init(&x, &heap, &(struct index_watcher){NULL, ignore, ignore});
    struct history h = {.rng = rng_stream(1, 1)};
    for (unsigned i = 0; i < OBJECTS; i++) {
        char key[64];
        struct writer w = writer_of(bodies + i * 512, 512);
        snprintf(key, sizeof key, "2026/11/21/eo-1/%08u.ppm", i);
        struct object_fact f = {.bucket = span_text("eo"), .key = span_text(key), .version = uid_new(&h), .size = 4096, .inline_part = true,
                                .part_count = 1, .policy = {.copies = 2, .where = PLACE_ORBIT}};
        object_fact_encode_head(&w, &f);
        struct part_run run = {1, 2, {1 + i % 4, 5 + i % 3}};
        uint64_t digest = i;
        part_record_encode(&w, uid_new(&h), 4096, f.policy, &run, 1, &digest);
        struct fact fact = {.type = FACT_OBJECT, .author = 1, .body = writer_span(&w)};
        index_fold(&x, &fact, 1);
    }
    printf("index memory per object: %zu bytes\n", heap.used_bump / OBJECTS);
    assert_true(heap.used_bump / OBJECTS < 600);
    free(bodies);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_of_facts_gives_the_same_state),
        cmocka_unit_test(bodies_cut_short_or_with_flipped_bytes_are_refused_or_decode),
        cmocka_unit_test(a_small_object_costs_less_than_600_bytes_beside_its_fact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
