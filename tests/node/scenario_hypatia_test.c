/* A network of Hypatia becomes a scenario that has the same round-trip times. */
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "node/scenario.h"
#include "node/scenario_hypatia.h"
#include "../orbit/tables.h"

static struct text tles, isls;

static err load(void *context, const char *path, struct span *out)
{
    (void)context;
    if (strcmp(path, "x.tle") != 0 && strcmp(path, "x.isls") != 0)
        return ERR_NOT_FOUND;
    *out = text_span(path[2] == 't' ? &tles : &isls);
    return ERR_OK;
}

static struct scenario *imported(const struct hypatia *h)
{
    struct text yaml = text_new(NULL, 1 << 20);
    struct parse_error error = {0};
    struct scenario_error wrong;
    struct scenario *s;
    tles = text_new(NULL, 1 << 24);
    isls = text_new(NULL, 1 << 24);
    assert_int_equal(hypatia_scenario_write(h, "x.tle", "x.isls", &yaml, &error), ERR_OK);
    assert_int_equal(hypatia_scenario_tles(h, &tles), ERR_OK);
    hypatia_write_isls(h, &isls);
    if (scenario_parse(text_span(&yaml), load, NULL, &s, &wrong) != ERR_OK)
        fail_msg("line %d: %s\n%s", wrong.line, wrong.text, text_string(&yaml));
    text_free(&yaml);
    text_free(&tles);
    text_free(&isls);
    return s;
}

static double rtt_us(struct snapshot *s, uint32_t from, uint32_t to)
{
    paths_from(&s->paths, snapshot_station(s, from));
    return 2.0 * s->paths.distance_km[snapshot_station(s, to)] / LIGHT_KM_S * 1e6;
}

static void kuiper_has_the_same_round_trip_times_as_a_scenario(void **state)
{
    (void)state;
    struct hypatia h;
    struct snapshot theirs, ours;
    struct parse_error error = {0};
    struct sky *sky;
    double worst = 0.0;
    size_t reached = 0;
    assert_int_equal(hypatia_make(&h, &hypatia_kuiper_630), ERR_OK);
    struct span cities = file_read("tests/data/cities_100.csv");
    assert_int_equal(hypatia_read_stations(&h, cities, &error), ERR_OK);
    file_free(cities);
    struct scenario *s = imported(&h);
    assert_true(s->satellite_count == 1156 && s->site_count == 1256 && s->epoch == h.satellites[0].epoch && s->list.count == h.isl_count);
    assert_true(s->sites[1155].plane - s->sites[0].plane == 33 && s->sites[1155].slot == 33);
    assert_int_equal(hypatia_snapshot(&h, NULL, &theirs), ERR_OK);
    assert_int_equal(scenario_sky(s, NULL, &sky), ERR_OK);
    assert_int_equal(snapshot_of_sky(&ours, NULL, sky), ERR_OK);
    for (int step = 0; step < 4; step++) {
        assert_int_equal(snapshot_at(&theirs, s->epoch + step * 50 * NS_PER_S), ERR_OK);
        assert_int_equal(snapshot_at(&ours, s->epoch + step * 50 * NS_PER_S), ERR_OK);
        for (uint32_t from = 0; from < 100; from += 9)
            for (uint32_t to = from + 1; to < 100; to++) {
                double a = rtt_us(&theirs, from, to), b = rtt_us(&ours, from, to);
                assert_int_equal(isinf(a), isinf(b));
                worst = isinf(a) ? worst : fmax(worst, fabs(a - b));
                reached += !isinf(a);
            }
    }
    print_message("%zu ways, at most %.4f us apart\n", reached, worst);
    assert_true(reached > 2000 && worst < 1.0);
    snapshot_free(&theirs);
    snapshot_free(&ours);
    sky_free(sky);
    free(sky);
    scenario_free(s);
    hypatia_free(&h);
}

static void the_plan_of_an_imported_network_is_its_links_and_distances(void **state)
{
    (void)state;
    const struct hypatia_shell small = {"Mini", 4, 6, 70.0, 13.0, 1250.0, 3500.0};
    const char *cities = "0,Sao Paulo,-23.5,-46.6,700\n1,Sao Paulo,48,11,500\n2,,1,1,1\n";
    struct hypatia h;
    struct parse_error error = {0};
    struct sky *sky;
    size_t count, ground = 0;
    assert_int_equal(hypatia_make(&h, &small), ERR_OK);
    assert_int_equal(hypatia_read_stations(&h, span_text(cities), &error), ERR_INVALID);
    assert_int_equal(hypatia_read_stations(&h, span_of(cities, strlen(cities) - 9), &error), ERR_OK);
    struct scenario *s = imported(&h);
    assert_string_equal(s->sites[24].name, "Sao-Paulo");
    assert_string_equal(s->sites[25].name, "station-1");
    assert_int_equal(scenario_sky(s, NULL, &sky), ERR_OK);
    assert_int_equal(sky_plan_extend(sky, s->epoch + 2 * NS_PER_HOUR), ERR_OK);
    sky_check(sky);
    for (uint32_t a = 1; a <= 24; a++)
        for (uint32_t b = a + 1; b <= 24; b++) {
            bool listed = false;
            for (size_t k = 0; k < h.isl_count; k++)
                listed = listed || (h.isls[k].a + 1 == a && h.isls[k].b + 1 == b);
            assert_int_equal(sky_link_kind(sky, a, b) == LINK_ISL, listed);
        }
    for (uint32_t a = 1; a <= 24; a++) {
        const struct contact *c = sky_contacts(sky, a, 26, &count);
        for (size_t i = 0; i < count; i++, ground++) {
            assert_true(sky_range_km(sky, a, 26, c[i].start) <= 3500.0 && sky_range_km(sky, a, 26, c[i].end) <= 3500.0);
            assert_false(c[i].start > s->epoch && sky_visible(sky, a, 26, c[i].start - 2 * NS_PER_MS));
        }
    }
    assert_true(ground > 10);
    sky_free(sky);
    free(sky);
    scenario_free(s);
    hypatia_free(&h);
}

static void what_no_scenario_can_be_is_said(void **state)
{
    (void)state;
    struct hypatia h;
    struct parse_error error = {0};
    struct text out = text_new(NULL, 1 << 20);
    assert_int_equal(hypatia_make(&h, &hypatia_telesat_1015), ERR_OK);
    assert_int_equal(hypatia_scenario_write(&h, "a", "b", &out, &error), ERR_INVALID);
    assert_non_null(strstr(error.text, "1 to 256 gateways"));
    assert_int_equal(hypatia_read_stations(&h, span_text("0,Everest,28,87,9500\n"), &error), ERR_OK);
    assert_int_equal(hypatia_scenario_write(&h, "a", "b", &out, &error), ERR_INVALID);
    assert_non_null(strstr(error.text, "Everest"));
    text_free(&out);
    hypatia_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kuiper_has_the_same_round_trip_times_as_a_scenario),
        cmocka_unit_test(the_plan_of_an_imported_network_is_its_links_and_distances),
        cmocka_unit_test(what_no_scenario_can_be_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
