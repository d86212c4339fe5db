/* What a scenario's terminals, weather and jammers make of the contact plan that its nodes know. */
#include "test.h"

#include <math.h>
#include <stdlib.h>

#include "node/scenario.h"

#define HEAD "name: t\nepoch: 2026-11-21T06:00:00Z\n"
#define SHELLS \
    "constellation:\n" \
    "  - {kind: string, prefix: a, count: 2, altitude_km: 550, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 12}\n" \
    "  - {kind: string, prefix: b, count: 2, altitude_km: 560, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 12, anomaly_deg: 24,\n" \
    "     craft: {class: box-4kw, terminals: {ground_optical: true}}}\n"
#define GROUND "gateways:\n  - {name: gw-a, latitude_deg: 78.2, longitude_deg: 15.4}\n  - {name: gw-b, latitude_deg: -72.0, longitude_deg: 2.5}\n"
#define LINKS "links: {range_max_km: 5000, elevation_min_deg: 10, isl_rate_gbps: 100, ground_rate_gbps: 10}\n"
#define FLEET HEAD SHELLS GROUND LINKS
#define CLOUDY "stations:\n    - {gateway: gw-a, september_to_november: 0.6}\n    - {gateway: gw-b, september_to_november: 0.1}\n"
enum { RADIO = 1, LASER = 3, CLOUDED = 5, CLEAR = 6 };

struct planned {
    struct scenario *scenario;
    struct sky *sky;
};

static struct planned plan(const char *text)
{
    struct planned p;
    struct scenario_error wrong;
    if (scenario_parse(span_text(text), NULL, NULL, &p.scenario, &wrong) != ERR_OK)
        fail_msg("line %d: %s", wrong.line, wrong.text);
    assert_int_equal(scenario_sky(p.scenario, NULL, &p.sky), ERR_OK);
    assert_int_equal(sky_plan_extend(p.sky, p.scenario->epoch + 6 * NS_PER_HOUR), ERR_OK);
    return p;
}

static void drop(struct planned p)
{
    sky_free(p.sky);
    free(p.sky);
    scenario_free(p.scenario);
}

static void ground_contacts_have_the_mean_of_what_the_terminals_carry(void **state)
{
    (void)state;
    struct planned p = plan(FLEET "terminals: {rates: ladder, clouds: false}\n");
    uint64_t least = UINT64_MAX, most = 0;
    for (uint32_t satellite = RADIO; satellite <= LASER; satellite += LASER - RADIO) {
        struct rate_ladder l;
        size_t count;
        scenario_ladder(p.scenario, satellite, CLOUDED, LINK_GROUND, &l);
        const struct contact *c = sky_contacts(p.sky, satellite, CLOUDED, &count);
        assert_true(count >= 3);
        for (size_t i = 0; i < count; i++) {
            double sum = 0, highest = 0, lowest = 1e300;
            for (int k = 0; k < 1000; k++) {
                tai_ns t = c[i].start + (c[i].end - c[i].start) / 1000 * k;
                double rate = (double)rate_ladder_at(&l, (uint64_t)(sky_range_km(p.sky, satellite, CLOUDED, t) * 1000), 10000000000u);
                sum += rate / 1000;
                highest = fmax(highest, rate);
                lowest = fmin(lowest, rate);
            }
            assert_true(fabs((double)c[i].rate_bps - sum) < 0.1 * (highest - lowest) + 1);
            least = MIN(least, c[i].rate_bps);
            most = MAX(most, c[i].rate_bps);
            assert_int_equal(c[i].doubt_permille, 0);
        }
    }
    assert_true(least < most && least < 2000000000u && most <= 10000000000u); /* radio far below lasers */
    drop(p);
    p = plan(FLEET "terminals: {clouds: false}\n"); /* without a word: the rates of the links */
    assert_null(p.scenario->links.terminals);
    size_t count;
    assert_true(sky_contacts(p.sky, RADIO, CLOUDED, &count)->rate_bps == 10000000000u);
    drop(p);
}

static void doubt_is_the_clouds_share_over_optical_stations(void **state)
{
    (void)state;
    struct planned p = plan(FLEET "terminals:\n  " CLOUDY);
    size_t count, met = 0;
    for (size_t k = 0; k < sky_pair_count(p.sky); k++) {
        const struct contact *c = sky_pair_contacts(p.sky, k, &count);
        for (size_t i = 0; i < count; i++, met++)
            assert_int_equal(c[i].doubt_permille, c[i].kind != LINK_GROUND || c[i].a < LASER ? 0 : c[i].b == CLOUDED ? 600 : 100);
    }
    assert_true(met > 20);
    uint64_t digest = sky_digest(p.sky);
    drop(p);
    p = plan(FLEET "terminals:\n  clouds: false\n  " CLOUDY);
    assert_true(sky_digest(p.sky) != digest);
    assert_int_equal(sky_contacts(p.sky, LASER, CLOUDED, &count)->doubt_permille, 0);
    drop(p);
}

#define JAMMER(more) FLEET "terminals:\n  jammers: [{band: radio, latitude_deg: 78, longitude_deg: 20, eirp_dbw: 90, start: 1h, duration: 2h" more "}]\n"

static void doubt_is_the_share_of_a_contact_that_an_announced_jammer_drowns(void **state)
{
    (void)state;
    struct planned p = plan(JAMMER(""));
    tai_ns epoch = p.scenario->epoch;
    size_t count, drowned = 0;
    const struct contact *c = sky_contacts(p.sky, RADIO, CLOUDED, &count);
    assert_true(count >= 3);
    for (size_t i = 0; i < count; i++) {
        bool on = c[i].start >= epoch + NS_PER_HOUR && c[i].end < epoch + 3 * NS_PER_HOUR;
        bool off = c[i].end < epoch + NS_PER_HOUR || c[i].start >= epoch + 3 * NS_PER_HOUR;
        drowned += on && c[i].doubt_permille > 800;
        assert_true(!off || c[i].doubt_permille == 0);
        int bad = 0;
        for (int k = 0; k < 400; k++) {
            tai_ns t = c[i].start + (c[i].end - c[i].start) / 400 * k;
            bad += t >= p.scenario->jammers[0].start && t < p.scenario->jammers[0].end &&
                   scenario_drowned(p.scenario, &p.scenario->jammers[0], p.sky, RADIO, CLOUDED, t);
        }
        assert_true(fabs(c[i].doubt_permille - bad * 2.5) <= 130); /* two edges, each within a sixteenth */
    }
    assert_true(drowned > 0);
    c = sky_contacts(p.sky, RADIO, CLEAR, &count); /* the other pole does not hear it */
    for (size_t i = 0; i < count; i++)
        assert_int_equal(c[i].doubt_permille, 0);
    drop(p);
    p = plan(JAMMER(", announced: false")); /* a surprise */
    c = sky_contacts(p.sky, RADIO, CLOUDED, &count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(c[i].doubt_permille, 0);
    drop(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ground_contacts_have_the_mean_of_what_the_terminals_carry),
        cmocka_unit_test(doubt_is_the_clouds_share_over_optical_stations),
        cmocka_unit_test(doubt_is_the_share_of_a_contact_that_an_announced_jammer_drowns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
