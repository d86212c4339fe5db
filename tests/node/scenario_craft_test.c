#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/scenario.h"

#define HEAD "name: t\nepoch: 2026-11-21T06:00:00Z\n"
#define SHELL "  - {kind: string, count: 2, altitude_km: 550, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 10"
#define GROUND "gateways:\n  - {name: gw-a, latitude_deg: 78.2, longitude_deg: 15.4}\n"

static struct scenario_error wrong;
static char *loaded[64];
static size_t loaded_count;

/* Files of the tests by name; others from scenarios/. */
static const struct {
    const char *name, *text;
} files[] = {
    {"craft/old.yaml", "class: box-4kw\nname: old\npower: {battery_wh: 6000, battery_used: 0.5}\n"},
    {"craft/weak.yaml", "class: pod-100w\nname: weak\npower: {battery_wh: 30}\n"},
    {"craft/loop.yaml", "class: loop\n"},
    {"craft/part/bad.yaml", "terminals:\n  optical:\n    apertur_m: 1\n"},
    {"craft/part/broken.yaml", "power: [\n"},
    {"bare.csv", "start,end,a,b,rate_bps,delay_us\n2026-11-21T06:00:00Z,2026-11-21T07:00:00Z,a-1,b-3,1000000000,3000\n"},
    {"craft/uses-bad.yaml", "class: box-4kw\nparts: [craft/part/bad.yaml]\n"},
};

static err load(void *context, const char *path, struct span *out)
{
    (void)context;
    for (size_t i = 0; i < COUNT_OF(files); i++)
        if (strcmp(path, files[i].name) == 0) {
            *out = span_text(files[i].text);
            return ERR_OK;
        }
    char full[256];
    snprintf(full, sizeof full, "scenarios/%s", path);
    FILE *f = fopen(full, "rb");
    if (!f)
        return ERR_NOT_FOUND;
    char *data = malloc(65536);
    size_t size = fread(data, 1, 65536, f);
    fclose(f);
    assert_true(loaded_count < COUNT_OF(loaded));
    loaded[loaded_count++] = data;
    *out = span_of(data, size);
    return ERR_OK;
}

static int forget(void **state)
{
    (void)state;
    while (loaded_count > 0)
        free(loaded[--loaded_count]);
    return 0;
}

static struct scenario *good(const char *text)
{
    struct scenario *s = NULL;
    if (scenario_parse(span_text(text), load, NULL, &s, &wrong) != ERR_OK)
        fail_msg("line %d: %s", wrong.line, wrong.text);
    return s;
}

static void bad(const char *text, int line, const char *part)
{
    struct scenario *s = NULL;
    assert_int_equal(scenario_parse(span_text(text), load, NULL, &s, &wrong), ERR_INVALID);
    if (wrong.line != line || !strstr(wrong.text, part))
        fail_msg("line %d: %s; expected line %d and `%s`", wrong.line, wrong.text, line, part);
}

static void without_a_word_every_member_is_a_box(void **state)
{
    (void)state;
    struct scenario *s = good(HEAD "constellation:\n" SHELL "}\n" GROUND);
    struct config c;
    scenario_config(s, 2, 1, &c);
    assert_true(c.lanes_millis == 2000 && c.lane_memory_bytes == 512u << 20 && c.lane_power_mw == 15000 && c.radio_power_mw == 8000);
    assert_true(c.area_capacity_bytes[AREA_CHUNKS] == 4ull << 30 && c.battery_floor_mwh == 2400000);
    assert_string_equal(scenario_member(s, 1)->name, "box-4kw");
    scenario_free(s);
}

static void shells_have_classes_and_generations_of_their_own(void **state)
{
    (void)state;
    struct scenario *s = good(HEAD "constellation:\n" SHELL ", prefix: a}\n" SHELL ", prefix: b, craft: cubesat-12u}\n" SHELL
                                   ", prefix: c, craft: {class: old, power: {array_area_m2: 11}}}\n" SHELL
                                   ", prefix: d, craft: {power: {battery_wh: 9000}}}\n" GROUND "craft: {class: node-4kw, battery_start: 0.6}\n");
    assert_true(s->battery_start == 0.6 && s->member_count == 4);
    const char *const names[] = {"node-4kw", "cubesat-12u", "old", "node-4kw"};
    for (node_id id = 1; id <= 8; id++)
        assert_string_equal(scenario_member(s, id)->name, names[(id - 1) / 2]);
    struct config first, cube, gateway;
    scenario_config(s, 1, 1, &first);
    scenario_config(s, 3, 1, &cube);
    scenario_config(s, 9, 1, &gateway);
    assert_true(first.lanes_millis == 8000 && first.area_capacity_bytes[AREA_CHUNKS] == 16ull << 30 && first.radio_power_mw == 60000);
    assert_true(cube.lanes_millis == 2000 && cube.lane_power_mw == 5000 && cube.area_capacity_bytes[AREA_CHUNKS] == 1ull << 30);
    assert_true(gateway.lanes_millis == 0 && gateway.battery_floor_mwh == 0);
    assert_true(scenario_member(s, 5)->craft.array_area_m2 == 11.0 && scenario_member(s, 5)->craft.battery_wh == 6000.0);
    assert_true(scenario_member(s, 7)->craft.battery_wh == 9000.0 && scenario_member(s, 7)->lane_count == 3);
    struct config old;
    scenario_config(s, 5, 1, &old);
    assert_int_equal(old.battery_floor_mwh, 0.3 * 6000000 * 0.9); /* of what is left of it */
    scenario_free(s);
}

static void compute_and_storage_of_the_scenario_stand_above_the_class(void **state)
{
    (void)state;
    struct scenario *s = good(HEAD "constellation:\n" SHELL "}\n" GROUND
                                   "craft: {class: node-4kw}\ncompute: {cores: 3, memory_mib: 100}\nstorage: {satellite_gib: 0.5}\n");
    struct config c;
    scenario_config(s, 1, 1, &c);
    assert_true(c.lanes_millis == 3000 && c.lane_memory_bytes == 100u << 20 && c.lane_power_mw == 30000);
    assert_true(c.area_capacity_bytes[AREA_CHUNKS] == 512ull << 20);
    scenario_free(s);
}

static void each_shipped_class_can_be_read_and_makes_sense(void **state)
{
    (void)state;
    const char *const names[] = {"node-4kw", "node-4kw-gen2", "smallsat-1kw", "pod-flight", "cubesat-12u", "cubesat-3u", "craft/node-4kw.yaml"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct member m;
        if (scenario_member_parse(names[i], load, NULL, &m, &wrong) != ERR_OK)
            fail_msg("%s: %s", names[i], wrong.text);
        struct member_budget b = member_budget_at(&m, 550.0, 5.0);
        bool continuous = strcmp(names[i], "cubesat-3u") != 0; /* that one works by turns */
        assert_true(!continuous || (b.carried_old_w > b.load_w && b.depth < 0.5));
        assert_true(b.floor_margin_wh > 0.0 && b.core_margin_k > 0.0 && b.rest_kg > 0.0);
    }
}

static void wrong_classes_are_named_with_file_and_line(void **state)
{
    (void)state;
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft: {class: bx}\n", 7, "there is no class `bx`: built in are box-4kw pod-100w");
    bad(HEAD "constellation:\n" SHELL ", craft: nothing/here.yaml}\n" GROUND, 4, "nothing/here.yaml");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft:\n  power: {battery_kwh: 3}\n", 8, "did you mean `battery_wh`");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft:\n  class: uses-bad\n", 8,
        "craft/uses-bad.yaml:2:9: craft/part/bad.yaml:3:5: unknown key `apertur_m`");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft:\n  parts: [craft/part/broken.yaml]\n", 8, "not YAML");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft: loop\n", 7, "is built on itself");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft:\n  radiation: {derate_rad: 5000, death_rad: 100}\n", 8, "makes no sense as a whole");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND
             "craft:\n  terminals:\n    optical:\n      rates: [{gbps: 2, photons_per_bit: 9}, {gbps: 1, photons_per_bit: 9}]\n",
        10, "must rise");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft:\n  lanes: [{device: tpu, cores: 1, watts: 1}]\n", 8, "cpu gpu fpga");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft: {battery_start: 0.1}\n", 7, "between 0.2 and 1");
}

static void terminals_must_carry_what_the_plan_promises(void **state)
{
    (void)state;
#define FLEET HEAD "constellation:\n" SHELL "}\n" GROUND
    struct scenario *s = good(FLEET "terminals: {rates: ladder}\nlinks: {elevation_min_deg: 10}\n");
    assert_true(s->rates_by_terminals && s->clouds_on && s->jammer_count == 0);
    /* Nodes count on what the lasers carry: 10 Gb/s is all that the links allow here, at every range. */
    struct rate_ladder l;
    scenario_ladder(s, 1, 2, LINK_ISL, &l);
    assert_true(s->links.terminals->ladder && !s->links.terminals->doubt && rate_ladder_at(&l, 5000000, s->links.isl_rate_bps) == 10000000000);
    assert_true(scenario_altitude_km(s, 1) > 530 && scenario_altitude_km(s, 1) < 560);
    assert_true(scenario_slant_km(550, 0.0) > 2700 && scenario_slant_km(550, 0.0) < 2710 && (int)scenario_slant_km(550, 1.5707963) == 550);
    scenario_free(s);
    s = good(HEAD "constellation:\n" SHELL ", prefix: a}\n" SHELL ", prefix: b, craft: cubesat-12u}\n" GROUND
                  "links: {elevation_min_deg: 20, isl_rate_gbps: 100, range_max_km: 1500}\nterminals: {rates: ladder}\n");
    const struct member *box = scenario_member(s, 1), *cube = scenario_member(s, 3);
    for (node_id other = 2; other <= 3; other++) { /* each pair has the rate of its own terminals */
        scenario_ladder(s, 1, other, LINK_ISL, &l);
        assert_true(l.count >= 1);
        for (double km = 50; km <= 1500; km += 50)
            assert_true(rate_ladder_at(&l, (uint64_t)(km * 1000), UINT64_MAX) == optical_rate_bps(&box->optical, other == 3 ? &cube->optical : &box->optical, km, 0));
    }
    scenario_free(s);
    bad(FLEET "links: {range_max_km: 20000}\nterminals: {rates: ladder}\n", 8, "the lasers of box-4kw and box-4kw reach 10068 km");
    bad(FLEET "craft: {terminals: {radio: {rain_db: 20}}}\nterminals: {rates: ladder}\n", 8, "carries nothing to the ground");
    /* Each gateway counts: clouds and air of the second are thicker than the lasers can take. */
#define TWO_STATIONS(thin, thick) HEAD "constellation:\n" SHELL "}\n" GROUND "  - {name: gw-b, latitude_deg: 0, longitude_deg: 0}\n" \
    "craft: {terminals: {ground_optical: true}}\nlinks: {elevation_min_deg: 20}\nterminals:\n  rates: ladder\n" \
    "  stations: [{gateway: gw-a, zenith_loss_db: " thin "}, {gateway: gw-b, zenith_loss_db: " thick "}]\n"
    scenario_free(good(TWO_STATIONS("1", "1")));
    bad(TWO_STATIONS("1", "40"), 11, "carries nothing to the ground");
    bad(FLEET "terminals:\n  stations: [{gateway: sat-1, march_to_may: 0.5}]\n", 8, "one of the gateways");
    bad(FLEET "terminals:\n  stations: [{gateway: gw-a}, {gateway: gw-a, march_to_may: 0.5}]\n", 8, "given twice");
    bad(FLEET "terminals:\n  stations: [{gateway: gw-a, march: 0.5}]\n", 8, "did you mean `march_to_may`");
    bad(FLEET "terminals:\n  jammers: [{band: sound, latitude_deg: 1, longitude_deg: 1, eirp_dbw: 1}]\n", 8, "radio optical");
    bad(FLEET "terminals: {rates: fast}\n", 7, "plan ladder");
}

static void who_has_no_laser_is_promised_no_satellite(void **state)
{
    (void)state;
#define MIXED "constellation:\n" SHELL ", prefix: a}\n" SHELL ", prefix: b, anomaly_deg: 20, craft: cubesat-3u}\n"
    static const char *const topologies[] = {"mesh", "string", "grid", "mesh"};
    for (size_t i = 0; i < 2 * COUNT_OF(topologies); i++) {
        char text[1024];
        snprintf(text, sizeof text, HEAD MIXED GROUND "links: {topology: %s, elevation_min_deg: 20}\nterminals: {rates: %s}\n",
                 topologies[i / 2], i % 2 ? "ladder" : "plan");
        struct scenario *s = good(text);
        s->links.mesh_dense_max = i / 2 == 3; /* the last: pairs that come and go */
        struct sky *sky;
        assert_int_equal(scenario_sky(s, NULL, &sky), ERR_OK);
        assert_int_equal(sky_plan_extend(sky, s->epoch + 3 * NS_PER_HOUR), ERR_OK);
        size_t count;
        assert_true(sky_contacts(sky, 1, 2, &count) != NULL && count > 0); /* strings do not mix */
        for (node_id bare = 3; bare <= 4; bare++) {
            assert_true(sky_contacts(sky, bare, 5, &count) != NULL && count > 0); /* the ground is seen */
            for (node_id peer = 1; peer <= 4; peer++) {
                sky_contacts(sky, bare, peer, &count);
                assert_int_equal(count, 0);
                assert_int_equal(sky_link_kind(sky, bare, peer), LINK_NONE);
                assert_false(sky_visible(sky, bare, peer, s->epoch));
            }
        }
        sky_free(sky);
        free(sky);
        scenario_free(s);
    }
    bad(HEAD MIXED GROUND "links:\n  plan: bare.csv\n", 9, "b-3 (cubesat-3u) has no laser");
}

/* docs/model/power.md: whoever falls below the floor of its battery through its class alone is refused, with what would do. */
static void who_cannot_feed_itself_is_refused_with_what_would_do(void **state)
{
    (void)state;
#define ONE(craft) HEAD "constellation:\n" SHELL ", craft: " craft "}\n" GROUND
    bad(ONE("{class: pod-100w, power: {array_area_m2: 0.15}}"), 4, "sat-1 (pod-100w) needs 37.6 W (base 15.0, heater 0.0, terminals 22.6), has 29.7 W");
    bad(ONE("{class: pod-100w, power: {array_area_m2: 0.15}}"), 4, "`array_area_m2` of 0.191, not 0.15, would do");
    scenario_free(good(ONE("{class: pod-100w, power: {array_area_m2: 0.191}}")));
    bad(ONE("{class: pod-100w, power: {battery_wh: 40}}"), 4, "dark for 35.8 min needs 30.5 Wh, the margin above the floor is 21.5 Wh");
    bad(ONE("{class: pod-100w, power: {floor: 1}}"), 4, "above a `floor` of 1.00 the battery holds nothing");
    /* The class of all is named where it is said, be it a file. */
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft:\n  class: pod-100w\n  power: {base_load_w: 150}\n", 8, "needs 172.6 W");
    bad(HEAD "constellation:\n" SHELL "}\n" GROUND "craft: weak\n", 7, "sat-1 (weak): dark for");
    /* A box outlasts the Earth's shadow on the Moon and the weak light of Mars, a Pod does not. */
#define ABOUT(body, craft) HEAD "constellation:\n  - {kind: walker-delta, body: " body ", count: 2, planes: 1, altitude_km: 1000, inclination_deg: 90, craft: " craft "}\n" GROUND
    scenario_free(good(ABOUT("moon", "box-4kw")));
    scenario_free(good(ABOUT("mars", "box-4kw")));
    bad(ABOUT("moon", "pod-100w"), 4, "(pod-100w): dark for 299.2 min needs");
    bad(ABOUT("mars", "{class: pod-100w, power: {base_load_w: 50}}"), 4, "needs 126.0 W");
    /* Cells that turn about one axis lose the Sun on an orbit that the year turns away from it. */
    scenario_free(good(ONE("cubesat-3u")));
    bad(HEAD "constellation:\n  - {kind: string, count: 1, altitude_km: 550, inclination_deg: 53, craft: cubesat-3u}\n" GROUND, 4, "the Sun up to 76 degrees off");
}

static void a_battery_that_starts_too_low_is_refused_where_it_starts_dark(void **state)
{
    (void)state;
#define START(anomaly, share) HEAD "constellation:\n  - {kind: string, count: 1, altitude_km: 550, inclination_deg: 97.6, ltan_h: 12, anomaly_deg: " anomaly "}\n" \
                              GROUND "craft:\n  class: pod-100w\n  battery_start: " share "\n"
    bad(START("0", "0.25"), 9, "begins with 50.0 Wh and falls to");
    bad(START("115", "0.32"), 9, "its floor is 60.0 Wh: 0.46 would do"); /* about to enter the shadow */
    scenario_free(good(START("115", "0.46")));
    scenario_free(good(START("300", "0.32"))); /* charged before it gets dark */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(without_a_word_every_member_is_a_box, forget),
        cmocka_unit_test_teardown(shells_have_classes_and_generations_of_their_own, forget),
        cmocka_unit_test_teardown(compute_and_storage_of_the_scenario_stand_above_the_class, forget),
        cmocka_unit_test_teardown(each_shipped_class_can_be_read_and_makes_sense, forget),
        cmocka_unit_test_teardown(terminals_must_carry_what_the_plan_promises, forget),
        cmocka_unit_test_teardown(who_has_no_laser_is_promised_no_satellite, forget),
        cmocka_unit_test_teardown(who_cannot_feed_itself_is_refused_with_what_would_do, forget),
        cmocka_unit_test_teardown(a_battery_that_starts_too_low_is_refused_where_it_starts_dark, forget),
        cmocka_unit_test_teardown(wrong_classes_are_named_with_file_and_line, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
