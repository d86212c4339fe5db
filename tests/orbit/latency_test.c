#include "test.h"

#include <math.h>

#include "orbit/latency.h"
#include "orbit/walker.h"
#include "tables.h"

#define START time_from_utc(2026, 11, 21, 6, 0, 0.0)

static struct latency_pair pairs[LATENCY_PAIRS_MAX];

static size_t pairs_load(void)
{
    size_t count;
    struct parse_error error = {0};
    struct span text = file_read("scenarios/city-pairs.csv");
    assert_int_equal(latency_pairs_read(text, pairs, LATENCY_PAIRS_MAX, &count, &error), ERR_OK);
    file_free(text);
    return count;
}

static void fibre_takes_what_it_takes(void **state)
{
    (void)state;
    assert_int_equal(pairs_load(), 20);
    struct latency_summary s = latency_summary_of(&pairs[0]); /* New York-London */
    assert_true(fabs(s.great_circle_km - 5570.0) < 5.0);
    assert_true(fabs(s.fibre_ms / 1.468 - 37.16) < 0.02 && fabs(s.fibre_ms - 54.56) < 0.03 && fabs(s.fibre_stretched_ms - 81.84) < 0.04);
}

static void satellites_are_never_faster_than_light_and_the_same_both_ways(void **state)
{
    (void)state;
    static struct site sites[1584];
    struct walker w = {.inclination_deg = 53, .total = 1584, .planes = 72, .phasing = 17, .altitude_km = 550, .epoch = START};
    for (uint32_t k = 0; k < 1584; k++) {
        sites[k] = (struct site){.node = k + 1, .kind = SITE_SATELLITE, .plane = k / 22, .slot = k % 22};
        assert_int_equal(walker_elements(&w, k, &sites[k].elements), ERR_OK);
    }
    struct link_rules rules = link_rules_default();
    rules.topology = TOPOLOGY_GRID;
    rules.min_elevation_rad = 25 * DEGREE_RAD;
    struct sky sky;
    struct snapshot snapshot;
    static struct latency_summary summaries[LATENCY_PAIRS_MAX], back[LATENCY_PAIRS_MAX];
    size_t count = pairs_load();
    pairs[count] = (struct latency_pair){pairs[0].to, pairs[0].from};
    assert_int_equal(sky_init(&sky, NULL, sites, 1584, &rules, START), ERR_OK);
    assert_int_equal(latency_snapshot(&sky, pairs, count + 1, &snapshot), ERR_OK);
    for (size_t k = 0; k <= count; k++)
        summaries[k] = back[k] = latency_summary_of(&pairs[k]);
    for (int step = 0; step < 40; step++)
        assert_int_equal(latency_step(&snapshot, count + 1, START + step * 30 * NS_PER_S, summaries, NULL, NULL), ERR_OK);
    for (size_t k = 0; k < count; k++) {
        const struct latency_summary *s = &summaries[k];
        double straight_ms = s->fibre_ms / 1.468;
        assert_int_equal(s->samples, 40);
        assert_true(s->reachable > 35); /* St Petersburg is at the edge of the shell */
        assert_true(s->rtt_least_ms > 0.9 * straight_ms && s->rtt_least_ms <= latency_mean_ms(s) && latency_mean_ms(s) <= s->rtt_most_ms);
        assert_true(s->hops_least >= 2 && s->hops_most < 40 && s->changes < 40);
    }
    assert_true(fabs(summaries[0].rtt_sum_ms - summaries[count].rtt_sum_ms) < 1e-6);
    assert_true(summaries[0].faster_samples == 40); /* New York-London beats a cable 1.5 times as long */
    assert_true(summaries[4].faster_samples == 0);  /* London-Paris never does */
    snapshot_free(&snapshot);
    sky_free(&sky);
}

static void bad_pairs_are_refused_with_their_line(void **state)
{
    (void)state;
#define HEADER "from,from_latitude_deg,from_longitude_deg,to,to_latitude_deg,to_longitude_deg\n"
    static const struct {
        const char *text;
        int line;
    } bad[] = {{"", 1}, {"a,b\n", 1}, {HEADER, 1}, {HEADER "X,1,2,Y,3\n", 2}, {HEADER "X,91,2,Y,3,4\n", 2}, {HEADER "\n,1,2,Y,3,4\n", 3}};
    for (size_t k = 0; k < COUNT_OF(bad); k++) {
        size_t count;
        struct parse_error error = {0};
        assert_int_equal(latency_pairs_read(span_text(bad[k].text), pairs, LATENCY_PAIRS_MAX, &count, &error), ERR_INVALID);
        assert_int_equal(error.line, bad[k].line);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fibre_takes_what_it_takes),
        cmocka_unit_test(satellites_are_never_faster_than_light_and_the_same_both_ways),
        cmocka_unit_test(bad_pairs_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
