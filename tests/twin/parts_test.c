#include "test.h"

#include <string.h>

#include "twin/queue.h"
#include "twin/virtual_disk.h"

static void equal_instants_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    struct queue q = {0};
    for (uint64_t i = 0; i < 1000; i++)
        queue_add(&q, (mono_ns)(i % 7), 0, 0, i, NULL);
    struct queue_entry last = {.at = -1}, e;
    while (queue_take(&q, &e)) {
        assert_true(e.at > last.at || (e.at == last.at && e.number > last.number));
        last = e;
    }
    queue_free(&q);
}

static struct effect_disk write_of(uint64_t offset, const char *text)
{
    return (struct effect_disk){.kind = DISK_WRITE, .area = AREA_CHUNKS, .offset = offset, .size = strlen(text),
                                .parts = {slice_borrowed(span_text(text))}};
}

static void a_crash_keeps_what_was_synced_and_tears_what_was_not(void **state)
{
    (void)state;
    const uint64_t capacity[AREA_COUNT] = {1 << 20, 1 << 20, 1 << 20};
    int torn = 0, kept = 0;
    for (uint64_t seed = 0; seed < 64; seed++) {
        struct virtual_disk d;
        struct rng r = rng_stream(seed, 0);
        uint8_t out[4];
        virtual_disk_init(&d, capacity);
        struct effect_disk a = write_of(0, "safe"), b = write_of(0, "late"), c = write_of(8192, "more");
        assert_int_equal(virtual_disk_write(&d, &a), ERR_OK);
        virtual_disk_sync(&d, AREA_CHUNKS, d.sequence);
        assert_int_equal(virtual_disk_write(&d, &b), ERR_OK);
        assert_int_equal(virtual_disk_write(&d, &c), ERR_OK);
        virtual_disk_crash(&d, &r);
        virtual_disk_read_into(&d, AREA_CHUNKS, 0, out, 4);
        assert_true(memcmp(out, "safe", 4) == 0 || memcmp(out, "late", 4) == 0);
        torn += memcmp(out, "safe", 4) == 0;
        kept += memcmp(out, "late", 4) == 0;
        virtual_disk_free(&d);
    }
    assert_true(torn > 10 && kept > 10);
}

static void a_write_beyond_the_capacity_is_refused(void **state)
{
    (void)state;
    const uint64_t capacity[AREA_COUNT] = {100, 100, 100};
    struct virtual_disk d;
    virtual_disk_init(&d, capacity);
    struct effect_disk e = write_of(98, "wide");
    assert_int_equal(virtual_disk_write(&d, &e), ERR_NO_SPACE);
    virtual_disk_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_instants_come_out_in_the_order_they_went_in),
        cmocka_unit_test(a_crash_keeps_what_was_synced_and_tears_what_was_not),
        cmocka_unit_test(a_write_beyond_the_capacity_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
