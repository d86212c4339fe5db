/* The chunk store alone on a fake disk: power cuts after every operation, failing operations, flipped bits, full disks. */
#include "test.h"

#include "fake_disk.h"
#include "storage/chunk_store.h"

enum { DISK_BYTES = 4 << 20, HEAP_BYTES = 24 << 20, CHUNKS = 12 };

struct node_core {
    struct fake_disk disk;
};

struct rig {
    struct node_core core;
    struct heap heap;
    void *memory;
    struct config config;
    struct port port;
    struct chunk_store store;
    bool ready;
    uint64_t acked, failed, corrupt; /* bits by cookie; count */
    err last_status;
    struct slice loaded;
    err loaded_status;
    bool loaded_called;
};

/* ---- the port, as far as the store needs it ---- */

static err keep(struct port *p, struct slice *s)
{
    (void)p;
    if (s->buf || s->size == 0)
        return s->buf ? (buf_ref(s->buf), ERR_OK) : ERR_OK;
    struct buf *b = buf_new_malloc(s->size);
    memcpy(b->data, s->data, s->size);
    *s = slice_of(b, 0, s->size);
    return ERR_OK;
}

static uint64_t disk_put(struct port *p, struct effect_disk e)
{
    e.op = ++p->op_count;
    assert_int_equal(keep(p, &e.parts[0]), ERR_OK);
    assert_int_equal(keep(p, &e.parts[1]), ERR_OK);
    fake_disk_put(&p->core->disk, &e);
    return e.op;
}

uint64_t port_disk_write(struct port *p, enum disk_area area, uint64_t offset, struct slice first, struct slice second)
{
    return disk_put(p, (struct effect_disk){.kind = DISK_WRITE, .area = area, .offset = offset, .size = first.size + second.size,
                                            .parts = {first, second}});
}
uint64_t port_disk_read(struct port *p, enum disk_area area, uint64_t offset, uint64_t size)
{
    return disk_put(p, (struct effect_disk){.kind = DISK_READ, .area = area, .offset = offset, .size = size});
}
uint64_t port_disk_sync(struct port *p, enum disk_area area)
{
    return disk_put(p, (struct effect_disk){.kind = DISK_SYNC, .area = area});
}
void port_trace(struct port *p, enum trace_id id, node_id about, const char *format, ...)
{
    (void)p, (void)id, (void)about, (void)format;
}
void port_probe(struct port *p, enum probe_id id)
{
    (void)p, (void)id;
}
void port_count(struct port *p, enum metric_id id, uint64_t more)
{
    (void)p, (void)id, (void)more;
}
void port_gauge(struct port *p, enum metric_id id, uint64_t value)
{
    (void)p, (void)id, (void)value;
}

/* ---- the rig ---- */

static void on_ready(void *context)
{
    ((struct rig *)context)->ready = true;
}
static void on_written(void *context, uint64_t cookie, err status)
{
    struct rig *r = context;
    if (status == ERR_OK)
        r->acked |= UINT64_C(1) << cookie;
    else
        r->failed |= UINT64_C(1) << cookie;
    r->last_status = status;
}
static void on_loaded(void *context, uint64_t cookie, err status, struct slice data)
{
    struct rig *r = context;
    (void)cookie;
    r->loaded_called = true;
    r->loaded_status = status;
    if (data.buf)
        buf_ref(data.buf);
    r->loaded = data;
}
static void on_corrupt(void *context, struct chunk_key key)
{
    (void)key;
    ((struct rig *)context)->corrupt++;
}

static bool step(struct rig *r)
{
    struct event_done done;
    if (!fake_disk_step(&r->core.disk, &done))
        return false;
    chunk_store_done(&r->store, &done);
    slice_drop(&done.data);
    return true;
}

static void run(struct rig *r)
{
    while (step(r))
        r->port.now.mono += NS_PER_MS;
}

static void boot(struct rig *r)
{
    heap_init(&r->heap, r->memory, HEAP_BYTES);
    r->ready = false;
    r->config.boot++;
    r->config.area_used_bytes[AREA_CHUNKS] = r->core.disk.used;
    r->port = (struct port){.core = &r->core, .heap = &r->heap, .config = &r->config, .now = {.mono = NS_PER_S, .wall = 5, .wall_rate = 1},
                            .rng = rng_stream(r->config.boot, 9), .op_count = (uint64_t)r->config.boot << 32};
    struct chunk_handlers h = {r, on_ready, on_written, on_loaded, on_corrupt};
    assert_int_equal(chunk_store_open(&r->store, &r->port, &h), ERR_OK);
}

static struct rig *rig_new(uint64_t seed)
{
    struct rig *r = calloc(1, sizeof *r);
    fake_disk_init(&r->core.disk, DISK_BYTES, seed);
    r->memory = aligned_alloc(16, HEAP_BYTES);
    r->config.area_capacity_bytes[AREA_CHUNKS] = DISK_BYTES;
    boot(r);
    return r;
}

static void rig_free(struct rig *r)
{
    slice_drop(&r->loaded);
    fake_disk_free(&r->core.disk);
    free(r->memory);
    free(r);
}

static struct chunk_key key_of(unsigned i)
{
    return (struct chunk_key){.part = {{(uint8_t)(i / 4), 7}}, .index = i % 4};
}

static struct buf *bytes_of(unsigned i, size_t size)
{
    struct buf *b = buf_new_malloc(size);
    struct rng rng = rng_stream(i, 3);
    for (size_t k = 0; k < size; k++)
        b->data[k] = (uint8_t)rng_u64(&rng);
    return b;
}

static size_t size_of(unsigned i)
{
    static const size_t sizes[] = {1, 3584, 3585, 70000, 131072, 4096, 200000, 512};
    return sizes[i % COUNT_OF(sizes)];
}

static err put(struct rig *r, unsigned i, size_t size)
{
    struct buf *b = bytes_of(i, size);
    err e = chunk_store_write(&r->store, key_of(i), hash128(b->data, size), 1, slice_of(b, 0, size), false, i);
    buf_unref(b);
    return e;
}

static err get(struct rig *r, unsigned i, size_t size)
{
    slice_drop(&r->loaded);
    r->loaded_called = false;
    err e = chunk_store_read(&r->store, key_of(i), i);
    if (e != ERR_OK)
        return e;
    run(r);
    assert_true(r->loaded_called);
    if (r->loaded_status == ERR_OK) {
        struct buf *b = bytes_of(i, size);
        assert_int_equal(r->loaded.size, size);
        assert_memory_equal(r->loaded.data, b->data, size);
        buf_unref(b);
    }
    return r->loaded_status;
}

static void reads_back_what_was_written(void **state)
{
    (void)state;
    struct rig *r = rig_new(1);
    run(r);
    assert_true(r->ready);
    for (unsigned i = 0; i < CHUNKS; i++)
        assert_int_equal(put(r, i, size_of(i)), ERR_OK);
    run(r);
    assert_int_equal(r->acked, (1u << CHUNKS) - 1);
    assert_true(r->core.disk.syncs < CHUNKS); /* group commit */
    boot(r);
    run(r);
    for (unsigned i = 0; i < CHUNKS; i++)
        assert_int_equal(get(r, i, size_of(i)), ERR_OK);
    assert_true(chunk_store_check(&r->store));
    assert_int_equal(put(r, 1, size_of(1)), ERR_EXISTS);
    rig_free(r);
}

/* A workload of writes and erases; returns when the disk is idle or after `most` completions. */
static uint64_t workload(struct rig *r, uint64_t most, uint64_t *erased)
{
    uint64_t steps = 0;
    unsigned next = 0;
    while (steps < most) {
        if (r->ready && next < 2 * CHUNKS && r->core.disk.queued < 4) {
            if (next % 3 == 2 && (r->acked >> (next / 2) & 1)) {
                *erased |= UINT64_C(1) << (next / 2);
                chunk_store_erase(&r->store, key_of(next / 2));
            }
            (void)!put(r, next, size_of(next));
            next++;
        }
        if (!step(r) && next >= 2 * CHUNKS)
            break;
        steps++;
        assert_true(chunk_store_check(&r->store));
    }
    return steps;
}

static void no_acknowledged_chunk_is_lost_by_a_power_cut_anywhere(void **state)
{
    (void)state;
    for (uint64_t cut = 0;; cut++) {
        struct rig *r = rig_new(cut);
        r->core.disk.shuffle = cut % 2;
        uint64_t erased = 0, steps = workload(r, cut, &erased);
        bool whole = steps < cut;
        uint64_t acked = r->acked;
        fake_disk_cut(&r->core.disk);
        boot(r);
        run(r);
        assert_true(r->ready);
        assert_true(chunk_store_check(&r->store));
        for (unsigned i = 0; i < 2 * CHUNKS; i++) {
            err e = get(r, i, size_of(i)); /* whatever is there has the right bytes */
            assert_true(e == ERR_OK || e == ERR_NOT_FOUND);
            if ((acked >> i & 1) && !(erased >> i & 1))
                assert_int_equal(e, ERR_OK);
        }
        assert_int_equal(r->corrupt, 0);
        rig_free(r);
        if (whole)
            break;
    }
}

static void an_erased_chunk_never_comes_back_once_its_units_are_reused(void **state)
{
    (void)state;
    struct rig *r = rig_new(5);
    run(r);
    assert_int_equal(put(r, 0, 100000), ERR_OK);
    run(r);
    chunk_store_erase(&r->store, key_of(0));
    run(r);
    assert_int_equal(r->store.space.used, 1);
    assert_int_equal(put(r, 1, 10), ERR_OK); /* lands on the same unit */
    fake_disk_cut(&r->core.disk);
    boot(r);
    run(r);
    assert_int_equal(get(r, 0, 100000), ERR_NOT_FOUND);
    rig_free(r);
}

static void a_failed_operation_is_told_and_loses_nothing_else(void **state)
{
    (void)state;
    for (uint64_t nth = 2; nth < 60; nth++) {
        struct rig *r = rig_new(nth);
        r->core.disk.fail_at = nth;
        r->core.disk.fail_with = nth % 2 ? ERR_IO : ERR_NO_SPACE;
        uint64_t erased = 0;
        workload(r, UINT64_MAX, &erased);
        run(r);
        r->core.disk.fail_at = 0;
        assert_int_equal(r->acked & r->failed, 0);
        assert_true(chunk_store_check(&r->store));
        for (unsigned i = 0; i < 2 * CHUNKS; i++)
            if ((r->acked >> i & 1) && !(erased >> i & 1))
                assert_int_equal(get(r, i, size_of(i)), ERR_OK);
            else if (r->failed >> i & 1)
                assert_int_equal(get(r, i, size_of(i)), ERR_NOT_FOUND);
        rig_free(r);
    }
}

static void a_flipped_bit_is_never_returned(void **state)
{
    (void)state;
    struct rng rng = rng_stream(4, 4);
    for (int trial = 0; trial < 60; trial++) {
        struct rig *r = rig_new((uint64_t)trial);
        run(r);
        assert_int_equal(put(r, 3, 70000), ERR_OK);
        run(r);
        uint64_t at = CHUNK_UNIT + rng_below(&rng, CHUNK_HEADER_SIZE + 70000);
        r->core.disk.now[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
        r->core.disk.durable[at] = r->core.disk.now[at];
        if (trial % 2) {
            boot(r);
            run(r);
            assert_int_equal(get(r, 3, 70000), ERR_NOT_FOUND);
        } else {
            assert_int_equal(get(r, 3, 70000), ERR_CORRUPT);
            assert_int_equal(r->corrupt, 1);
        }
        run(r);
        assert_int_equal(r->store.space.used, 1);
        rig_free(r);
    }
}

static void one_bad_read_is_repeated_before_a_chunk_is_given_up(void **state)
{
    (void)state;
    struct rig *r = rig_new(5);
    run(r);
    assert_int_equal(put(r, 3, 70000), ERR_OK);
    run(r);
    r->core.disk.fail_at = r->core.disk.completed + 1;
    r->core.disk.fail_with = ERR_CORRUPT;
    assert_int_equal(get(r, 3, 70000), ERR_OK);
    rig_free(r);
}

static void a_full_disk_refuses_early_and_serves_again_after_an_erase(void **state)
{
    (void)state;
    struct rig *r = rig_new(5);
    run(r);
    unsigned n = 0;
    while (n < 60 && put(r, n, 131072) == ERR_OK)
        n++;
    run(r);
    assert_true(n > 10 && n < 32);
    assert_int_equal(put(r, n, 131072), ERR_NO_SPACE);
    assert_false(chunk_store_has_room(&r->store, 131072));
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(get(r, i, 131072), ERR_OK);
    chunk_store_erase(&r->store, key_of(4));
    run(r);
    assert_int_equal(put(r, n, 131072), ERR_OK);
    run(r);
    assert_int_equal(get(r, n, 131072), ERR_OK);
    rig_free(r);
}

static void bytes_of_a_customer_are_never_taken_for_a_header(void **state)
{
    (void)state;
    struct rig *r = rig_new(5);
    run(r);
    assert_int_equal(put(r, 0, 100), ERR_OK);
    run(r);
    uint8_t image[3 * CHUNK_UNIT];
    memset(image, 0, sizeof image);
    struct chunk_header h;
    assert_int_equal(chunk_header_decode(span_of(r->core.disk.now + CHUNK_UNIT, CHUNK_HEADER_SIZE), &h), ERR_OK);
    h.key = key_of(9);
    h.area ^= 1; /* all that a customer cannot know */
    h.unit = 3;
    uint8_t *inner = image + CHUNK_UNIT - CHUNK_HEADER_SIZE;
    memcpy(inner + CHUNK_HEADER_SIZE, r->core.disk.now + CHUNK_UNIT + CHUNK_HEADER_SIZE, 100);
    chunk_header_encode(&h, inner);
    struct slice data = slice_borrowed(span_of(image, sizeof image));
    assert_int_equal(chunk_store_write(&r->store, key_of(1), hash128(image, sizeof image), 1, data, false, 1), ERR_OK);
    run(r);
    chunk_store_erase(&r->store, key_of(1));
    run(r);
    r->core.disk.used = DISK_BYTES;
    boot(r);
    run(r);
    assert_null(chunk_store_find(&r->store, key_of(9)));
    assert_non_null(chunk_store_find(&r->store, key_of(0)));
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_was_written),
        cmocka_unit_test(no_acknowledged_chunk_is_lost_by_a_power_cut_anywhere),
        cmocka_unit_test(an_erased_chunk_never_comes_back_once_its_units_are_reused),
        cmocka_unit_test(a_failed_operation_is_told_and_loses_nothing_else),
        cmocka_unit_test(a_flipped_bit_is_never_returned),
        cmocka_unit_test(one_bad_read_is_repeated_before_a_chunk_is_given_up),
        cmocka_unit_test(a_full_disk_refuses_early_and_serves_again_after_an_erase),
        cmocka_unit_test(bytes_of_a_customer_are_never_taken_for_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
