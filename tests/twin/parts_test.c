#include "test.h"

#include <string.h>

#include "twin/queue.h"
#include "twin/virtual_disk.h"

static void entries_come_out_by_instant_destination_source_and_count(void **state)
{
    (void)state;
    struct queue q = {0};
    for (uint32_t i = 0; i < 1000; i++)
        queue_add(&q, &(struct queue_entry){.at = (mono_ns)(i * 7 % 5), .number = i,
                                            .order = queue_order(i * 11 % 3 + 1, 131071 - i * 13 % 4, i)});
    struct queue_entry last = {.at = -1}, e;
    size_t count = 0;
    for (; queue_take(&q, &e); count++) {
        assert_true(e.at > last.at || (e.at == last.at && e.order > last.order));
        assert_int_equal(queue_order_to(e.order), e.number * 11 % 3 + 1);
        assert_int_equal(queue_order_from(e.order), 131071 - e.number * 13 % 4);
        last = e;
    }
    assert_int_equal(count, 1000);
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
        cmocka_unit_test(entries_come_out_by_instant_destination_source_and_count),
        cmocka_unit_test(a_crash_keeps_what_was_synced_and_tears_what_was_not),
        cmocka_unit_test(a_write_beyond_the_capacity_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
