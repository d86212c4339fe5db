#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/rng.h"

/* What a map says of key must not depend on whether it has a list beside its tree. */
static void entries_are_found_while_a_map_grows_and_shrinks(void **state)
{
    (void)state;
    size_t size = 1 << 20;
    void *memory = aligned_alloc(16, size);
    struct heap heap;
    heap_init(&heap, memory, size);
    struct map m;
    map_init(&m, &heap, sizeof(uint64_t));
    uint64_t truth[40] = {0};
    struct rng r = rng_stream(7, 1);
    size_t with_list = 0, without = 0;
    for (int step = 0; step < 20000; step++) {
        uint64_t most = step / 2000 % 2 ? 40 : 6, key = rng_below(&r, most);
        if (rng_below(&r, 2)) {
            bool added;
            uint64_t *value = map_put_u64(&m, key << 32 | 5, &added);
            assert_non_null(value);
            assert_int_equal(added, truth[key] == 0);
            *value = truth[key] = (uint64_t)step + 1;
        } else {
            assert_int_equal(map_remove_u64(&m, key << 32 | 5), truth[key] != 0);
            truth[key] = 0;
        }
        if (step % 1000 == 999 && step / 1000 % 3 == 0) {
            map_clear(&m);
            memset(truth, 0, sizeof truth);
        }
        size_t count = 0;
        for (uint64_t k = 0; k < 40; k++) {
            const uint64_t *value = map_find_u64(&m, k << 32 | 5);
            assert_int_equal(value ? *value : 0, truth[k]);
            assert_null(map_find_u64(&m, k << 32 | 4));
            count += truth[k] != 0;
        }
        assert_int_equal(m.count, count);
        assert_true(!m.few || count <= MAP_FEW);
        with_list += m.few != NULL;
        without += m.few == NULL;
        map_expect(&m);
        map_expect_u64(&m, key << 32 | 5);
        map_expect_all(&m);
    }
    assert_true(with_list > 1000 && without > 1000);
    map_clear(&m);
    assert_int_equal(heap.used_bytes, 0);
    free(memory);
}

static void keys_of_other_sizes_need_no_list(void **state)
{
    (void)state;
    size_t size = 1 << 16;
    void *memory = aligned_alloc(16, size);
    struct heap heap;
    heap_init(&heap, memory, size);
    struct map m;
    map_init(&m, &heap, 1);
    assert_non_null(map_put_u64(&m, 3, NULL));
    assert_non_null(m.few);
    assert_null(map_find(&m, span_of("abc", 3)));
    assert_non_null(map_put(&m, span_of("abc", 3), NULL));
    assert_null(m.few);
    assert_non_null(map_find(&m, span_of("abc", 3)));
    assert_non_null(map_find_u64(&m, 3));
    assert_true(map_remove(&m, span_of("abc", 3)) && map_remove_u64(&m, 3));
    assert_non_null(map_put(&m, span_of("key", 3), NULL));
    assert_null(m.few);
    map_clear(&m);
    assert_int_equal(heap.used_bytes, 0);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found_while_a_map_grows_and_shrinks),
        cmocka_unit_test(keys_of_other_sizes_need_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
