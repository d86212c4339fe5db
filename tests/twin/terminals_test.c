/* What terminals, weather and jammers make of a contact, and of a run. */
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "twin/shard.h"
#include "twin/terminals.h"

#define HEAD "name: t\nepoch: 2026-11-21T06:00:00Z\nfact_security: modelled\nmemory: {satellite_mib: 8, gateway_mib: 32}\n"
#define SHELLS \
    "constellation:\n" \
    "  - {kind: string, prefix: a, count: 4, altitude_km: 550, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 12}\n" \
    "  - {kind: string, prefix: b, count: 2, altitude_km: 560, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 12, anomaly_deg: 24,\n" \
    "     craft: {class: box-4kw, terminals: {ground_optical: true, optical: {losses_per_hour: 20}}}}\n"
#define GROUND "gateways:\n  - {name: gw-a, latitude_deg: 78.2, longitude_deg: 15.4}\n  - {name: gw-b, latitude_deg: -72.0, longitude_deg: 2.5}\n"
#define LINKS "links: {range_max_km: 5000, elevation_min_deg: 10, isl_rate_gbps: 100, ground_rate_gbps: 10}\n"
#define FLEET HEAD SHELLS GROUND LINKS

enum { BOX = 1, BOX_NEXT = 2, LASER = 5, GATEWAY = 7 };
#define LIGHT(km) ((duration_ns)((km) / LIGHT_KM_S * 1e9))

static struct world *open(const char *text)
{
    static struct scenario *s;
    struct scenario_error wrong;
    struct world *w;
    if (scenario_parse(span_text(text), NULL, NULL, &s, &wrong) != ERR_OK)
        fail_msg("line %d: %s", wrong.line, wrong.text);
    assert_int_equal(world_open(&w, s, 3, NS_PER_HOUR, false), ERR_OK);
    return w;
}

static void shut(struct world *w)
{
    struct scenario *s = (struct scenario *)(uintptr_t)w->scenario;
    world_close(w);
    scenario_free(s);
}

static void lines_have_the_rate_of_the_ladder_at_their_distance(void **state)
{
    (void)state;
    struct world *w = open(FLEET "terminals: {rates: ladder}\n");
    const struct optical_terminal *t = &scenario_member(w->scenario, BOX)->optical;
    struct rate_ladder *steps = terminal_steps_of(w, BOX, BOX_NEXT, LINK_ISL);
    assert_non_null(steps);
    for (double km = 100; km < 9000; km += 97)
        assert_true(terminal_rate_bps(steps, UINT64_MAX, LIGHT(km)) == optical_rate_bps(t, t, km, 0.0));
    assert_true(terminal_rate_bps(steps, 7000000000, LIGHT(1000)) == 7000000000); /* never more than the plan says */
    free(steps);
    uint64_t before = UINT64_MAX;
    for (int optical = 0; optical < 2; optical++) {
        steps = terminal_steps_of(w, optical ? LASER : BOX, GATEWAY, LINK_GROUND);
        before = UINT64_MAX;
        for (double km = 560; km < 1800; km += 40) {
            uint64_t rate = terminal_rate_bps(steps, UINT64_MAX, LIGHT(km));
            assert_true(rate > 0 && rate <= before);
            before = rate;
        }
        assert_true(optical ? before >= 2500000000 : before < 1500000000);
        free(steps);
    }
    assert_null(terminal_steps_of(w, GATEWAY, GATEWAY + 1, LINK_FIBRE));
    shut(w);
    w = open(FLEET);
    assert_null(terminal_steps_of(w, BOX, BOX_NEXT, LINK_ISL)); /* without a word the plan's rates count */
    shut(w);
}

static void clouds_stop_lasers_to_the_ground_and_nothing_else(void **state)
{
    (void)state;
    struct world *w = open(FLEET "terminals:\n  stations:\n    - {gateway: gw-a, december_to_february: 1, march_to_may: 1, june_to_august: 1, september_to_november: 1}\n"
                                 "    - {gateway: gw-b, december_to_february: 0.5, march_to_may: 0.5, june_to_august: 0.5, september_to_november: 0.5}\n");
    tai_ns t = w->scenario->epoch, next, changes = 0;
    assert_false(terminal_open(w, LASER, GATEWAY, LINK_GROUND, t, &next));
    assert_false(terminal_open(w, GATEWAY, LASER, LINK_GROUND, t, &next));
    assert_true(terminal_open(w, BOX, GATEWAY, LINK_GROUND, t, &next) && next == TIME_NEVER); /* radio */
    assert_true(terminal_open(w, LASER, BOX, LINK_ISL, t, &next));
    bool open_now = terminal_open(w, LASER, GATEWAY + 1, LINK_GROUND, t, &next);
    for (int hour = 0; hour < 500; hour++) { /* it says itself when to look again */
        assert_true(next > t && next <= t + 48 * NS_PER_HOUR);
        bool then = terminal_open(w, LASER, GATEWAY + 1, LINK_GROUND, next - 1, &(tai_ns){0});
        assert_int_equal(then, open_now);
        t = next;
        bool after = terminal_open(w, LASER, GATEWAY + 1, LINK_GROUND, t, &next);
        changes += after != open_now;
        open_now = after;
    }
    assert_true(changes > 450);
    shut(w);
    w = open(FLEET "terminals: {clouds: false}\n");
    assert_true(terminal_open(w, LASER, GATEWAY, LINK_GROUND, w->scenario->epoch, &next));
    shut(w);
}

static void a_jammer_drowns_radio_while_it_sees_the_satellite(void **state)
{
    (void)state;
    struct world *w = open(FLEET "terminals:\n  jammers:\n    - {band: radio, latitude_deg: 78, longitude_deg: 20, eirp_dbw: 90, start: 10m, duration: 3h}\n"
                                 "    - {band: optical, latitude_deg: 78, longitude_deg: 20, eirp_dbw: 120}\n");
    tai_ns epoch = w->scenario->epoch, next;
    int closed = 0, opened = 0;
    assert_true(terminal_open(w, BOX, GATEWAY, LINK_GROUND, epoch, &next) && next == epoch + 10 * NS_PER_MINUTE);
    for (tai_ns t = epoch + 10 * NS_PER_MINUTE; t < epoch + 190 * NS_PER_MINUTE; t += NS_PER_MINUTE) {
        bool goes = terminal_open(w, BOX, GATEWAY, LINK_GROUND, t, &next);
        double range = sky_range_km(w->sky, BOX, GATEWAY, t);
        assert_true(goes || range < 3000); /* only near the jammer */
        assert_true(!goes || range > 1500);
        closed += !goes;
        opened += goes;
        assert_true(terminal_open(w, BOX, BOX_NEXT, LINK_ISL, t, &next)); /* a laser looks elsewhere */
        assert_true(next <= t + 30 * NS_PER_S);
    }
    assert_true(closed > 10 && opened > 60);
    assert_true(terminal_open(w, BOX, GATEWAY, LINK_GROUND, epoch + 4 * NS_PER_HOUR, &next) && next == TIME_NEVER);
    shut(w);
}

static void searching_takes_its_mean_and_turning_its_angle(void **state)
{
    (void)state;
    struct world *w = open(FLEET);
    const struct optical_terminal *t = &scenario_member(w->scenario, BOX)->optical;
    double sum = 0.0;
    duration_ns slew;
    for (uint64_t k = 0; k < 20000; k++) {
        struct aim aims[2] = {0};
        struct optical_acquisition a = terminal_acquire(w, BOX, BOX_NEXT, k, w->scenario->epoch, aims, &slew);
        sum += (double)a.duration / 1e9;
        if (k < 50) {
            struct aim other[2] = {0};
            assert_true(terminal_acquire(w, BOX_NEXT, BOX, k, w->scenario->epoch, other, &slew).duration == a.duration);
        }
    }
    assert_true(fabs(sum / 20000.0 / optical_acquisition_mean_s(t) - 1.0) < 0.03);
    struct aim aims[2] = {0};
    (void)terminal_acquire(w, BOX, BOX_NEXT, 1, w->scenario->epoch, aims, &slew);
    /* One of the two looks back along the orbit: half a turn from stowed, less the angle between them. */
    assert_true(fabs((double)slew / 1e9 - (1.0 + (M_PI - 6.0 * DEGREE_RAD) / t->slew_rad_s)) < 0.1);
    (void)terminal_acquire(w, BOX, BOX_NEXT, 2, w->scenario->epoch + NS_PER_HOUR, aims, &slew);
    assert_true(slew < 2 * NS_PER_S); /* within a plane it still looks there */
    shut(w);
}

static struct figures figures_of(const char *text, unsigned threads, size_t shards, uint64_t *digest)
{
    struct world *w = open(text);
    w->threads = threads;
    w->shards_wanted = shards;
    world_run(w);
    *digest = world_end_digest(w);
    struct figures f = w->figures;
    shut(w);
    return f;
}

static void tracking_is_lost_and_found_in_a_run_of_any_number_of_shards(void **state)
{
    (void)state;
    uint64_t one, three;
    struct figures a = figures_of(FLEET "terminals: {rates: ladder}\n", 1, 1, &one);
    struct figures b = figures_of(FLEET "terminals: {rates: ladder}\n", 2, 3, &three);
    assert_true(one == three && a.acquisitions == b.acquisitions && a.tracking_losses == b.tracking_losses);
    assert_true(a.acquisitions >= 5 && a.acquisition_searches >= a.acquisitions && a.slew_sum > 0);
    assert_true(a.tracking_losses > 10);
    uint64_t counted = 0;
    for (size_t i = 0; i < ACQUISITION_CELLS; i++)
        counted += a.acquisition_cells[i];
    assert_true(counted == a.acquisitions);
}

static void tracking_that_is_found_again_before_its_loss_is_noticed_leaves_both_ends_up(void **state)
{
    (void)state;
    struct world *w = open(HEAD "constellation:\n"
                                "  - {kind: string, prefix: a, count: 4, altitude_km: 550, inclination_deg: 97.6, ltan_h: 10.5, spacing_deg: 12,\n"
                                "     craft: {class: box-4kw, terminals: {optical: {losses_per_hour: 60, reacquire_s: 0.002}}}}\n" GROUND LINKS);
    world_run(w);
    assert_true(w->figures.tracking_losses > 60);
    int standing = 0;
    for (node_id a = 1; a <= 4; a++)
        for (node_id b = 1; b <= 4; b++) {
            bool here = a != b && link_stands_at(world_node(w, a), b);
            assert_true(!here || link_stands_at(world_node(w, b), a));
            standing += here;
        }
    assert_true(standing >= 6);
    shut(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_the_rate_of_the_ladder_at_their_distance),
        cmocka_unit_test(clouds_stop_lasers_to_the_ground_and_nothing_else),
        cmocka_unit_test(a_jammer_drowns_radio_while_it_sees_the_satellite),
        cmocka_unit_test(searching_takes_its_mean_and_turning_its_angle),
        cmocka_unit_test(tracking_is_lost_and_found_in_a_run_of_any_number_of_shards),
        cmocka_unit_test(tracking_that_is_found_again_before_its_loss_is_noticed_leaves_both_ends_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
