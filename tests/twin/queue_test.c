#include "test.h"

#include "base/rng.h"
#include "twin/queue.h"

enum { MOST = 300 };

/* Against a plain list: whatever the mixture of adding and taking, the first entry comes first. */
static void entries_come_in_order_however_they_were_added(void **state)
{
    (void)state;
    struct rng r = rng_stream(11, 3);
    struct queue q = {0};
    struct queue_entry truth[MOST];
    size_t count = 0;
    uint32_t sequence = 0;
    mono_ns now = 0;
    for (int step = 0; step < 40000; step++) {
        bool fills = step / 1000 % 2 == 0;
        if (count < MOST && rng_below(&r, 10) < (fills ? 7u : 3u)) {
            uint32_t to = (uint32_t)rng_below(&r, 9) + 1;
            struct queue_entry e = {.at = now + (mono_ns)rng_below(&r, 40), .order = queue_order(to, 1, sequence), .number = sequence};
            sequence++;
            queue_add(&q, &e);
            size_t at = count++;
            for (; at > 0 && queue_before(&e, &truth[at - 1]); at--)
                truth[at] = truth[at - 1];
            truth[at] = e;
        } else {
            struct queue_entry e;
            assert_int_equal(queue_take(&q, &e), count > 0);
            if (count == 0)
                continue;
            assert_int_equal(e.number, truth[0].number);
            now = e.at;
            count--;
            for (size_t i = 0; i < count; i++)
                truth[i] = truth[i + 1];
        }
        assert_true(queue_next(&q) == (count ? truth[0].at : TIME_NEVER));
        assert_int_equal(q.front_count, MIN(count, (size_t)QUEUE_FRONT));
        assert_int_equal(q.front_count + q.count, count);
        for (size_t i = 0; i < q.front_count; i++)
            assert_int_equal(q.front[i].number, truth[i].number);
    }
    queue_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(entries_come_in_order_however_they_were_added)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
