#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/port.h"
#include "twin/outputs.h"
#include "twin/track.h"
#include "twin/world.h"

static char folder[64];
static struct scenario *scenario;

static struct scenario *first_mesh(void)
{
    static char text[1 << 16];
    struct scenario *s = NULL;
    struct scenario_error wrong;
    FILE *f = fopen("scenarios/first-mesh.yaml", "r");
    assert_non_null(f);
    size_t size = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_int_equal(scenario_parse(span_of(text, size), NULL, NULL, &s, &wrong), ERR_OK);
    return s;
}

/* A quarter of an hour of first-mesh with its track; `shards` must not matter. */
static uint64_t run(size_t shards, bool traffic)
{
    struct world *w;
    struct recorder *r;
    assert_int_equal(world_open(&w, scenario, 7, 15 * NS_PER_MINUTE, true), ERR_OK);
    w->threads = 1;
    w->shards_wanted = shards;
    assert_int_equal(recorder_open(&r, w, folder, traffic, false), ERR_OK);
    world_run(w);
    recorder_close(r, w);
    uint64_t digest = world_end_digest(w);
    world_close(w);
    return digest;
}

static int folder_new(void **state)
{
    (void)state;
    scenario = first_mesh();
    snprintf(folder, sizeof folder, "/tmp/noct-track-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_gone(void **state)
{
    char path[128];
    (void)state;
    scenario_free(scenario);
    snprintf(path, sizeof path, "%s/%s", folder, TRACK_FILE);
    unlink(path);
    return rmdir(folder);
}

static struct span file_bytes(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, TRACK_FILE);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    uint8_t *data = malloc(8 << 20);
    size_t size = fread(data, 1, 8 << 20, f);
    fclose(f);
    return span_of(data, size);
}

static void count_link(void *context, node_id a, node_id b, tai_ns since)
{
    assert_true(a < b);
    assert_true(since > 0);
    ++*(size_t *)context;
}

static void holds_what_happened_in_a_run(void **state)
{
    (void)state;
    struct track t;
    size_t links = 0, puts = 0;
    uint64_t digest = run(1, true);
    assert_int_equal(track_open(&t, folder), ERR_OK);
    assert_int_equal(t.node_count, scenario->site_count);
    assert_string_equal(track_name(&t, 1), scenario_name(scenario, 1));
    assert_true(t.ended);
    assert_true(t.digest == digest);
    assert_true(t.sample_count >= 15);
    struct track_row first = track_row_of(&t, 0, 1);
    assert_true(first.up && first.battery_permille > 500 && first.core_k > 250 && first.core_k < 330);
    track_links_at(&t, t.epoch + 10 * NS_PER_MINUTE, count_link, &links);
    assert_true(links >= 4); /* four satellites in sight of each other, and the cable */
    for (size_t i = 0; i < t.event_count; i++)
        puts += t.events[i].id == TRACE_OBJECT_PUT;
    assert_true(puts > 0);
    assert_true(t.traffic_count > 10);
    assert_true(t.promises_count >= 15 && t.promise_count > 4);
    assert_string_equal(t.promise_id[0], "I1");
    assert_int_equal(track_sample_at(&t, t.epoch), 0);
    assert_int_equal(track_sample_at(&t, TIME_NEVER), t.sample_count - 1);
    track_close(&t);
}

static void is_the_same_bytes_for_any_number_of_shards(void **state)
{
    (void)state;
    run(1, false);
    struct span one = file_bytes();
    run(3, false);
    struct span three = file_bytes();
    assert_int_equal(one.size, three.size);
    assert_memory_equal(one.data, three.data, one.size);
    free((void *)(uintptr_t)one.data);
    free((void *)(uintptr_t)three.data);
}

static void does_not_change_the_run(void **state)
{
    (void)state;
    struct world *w;
    uint64_t observed = run(1, true);
    assert_int_equal(world_open(&w, scenario, 7, 15 * NS_PER_MINUTE, true), ERR_OK);
    w->threads = 1;
    w->shards_wanted = 1;
    world_run(w);
    assert_true(world_end_digest(w) == observed);
    world_close(w);
}

static void stops_at_a_torn_end_and_says_where_it_is_damaged(void **state)
{
    (void)state;
    struct track t;
    run(1, false);
    struct span whole = file_bytes();
    for (size_t cut = 48; cut < whole.size; cut += whole.size / 40) { /* as while it is being written */
        assert_int_equal(track_read(&t, span_of(whole.data, cut)), ERR_OK);
        assert_false(t.ended);
        track_close(&t);
    }
    ((uint8_t *)(uintptr_t)whole.data)[whole.size / 2] ^= 1;
    assert_int_equal(track_read(&t, whole), ERR_CORRUPT);
    assert_non_null(strstr(t.why, "offset"));
    track_close(&t);
    ((uint8_t *)(uintptr_t)whole.data)[3] ^= 1;
    assert_int_equal(track_read(&t, whole), ERR_CORRUPT);
    track_close(&t);
    free((void *)(uintptr_t)whole.data);
}

static void takes_lists_of_outputs_apart(void **state)
{
    (void)state;
    char wrong[32];
    assert_int_equal(outputs_parse("csv,oem", wrong), OUTPUT_SERIES | OUTPUT_TRACK | OUTPUT_CSV | OUTPUT_OEM);
    assert_int_equal(outputs_parse("none", wrong), OUTPUT_SERIES);
    assert_true(outputs_parse("all", wrong) & OUTPUT_CZML);
    assert_int_equal(outputs_parse("csv,parquet", wrong), 0);
    assert_string_equal(wrong, "parquet");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, folder_new, folder_gone)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_what_happened_in_a_run),
        TEST(is_the_same_bytes_for_any_number_of_shards),
        TEST(does_not_change_the_run),
        TEST(stops_at_a_torn_end_and_says_where_it_is_damaged),
        cmocka_unit_test(takes_lists_of_outputs_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
