#include "test.h"

#include <math.h>

#include "orbit/sky.h"
#include "orbit/sun.h"
#include "orbit/visibility.h"
#include "orbit/walker.h"

#define START time_from_utc(2026, 11, 21, 6, 0, 0.0)
enum { SATELLITES = 40 };

static void sky_make(struct sky *sky, const struct link_rules *rules)
{
    static struct site sites[SATELLITES];
    struct walker w = {.inclination_deg = 70, .total = SATELLITES, .planes = 5, .phasing = 2, .altitude_km = 900, .epoch = START};
    for (uint32_t k = 0; k < SATELLITES; k++) {
        sites[k] = (struct site){.node = k + 1, .kind = SITE_SATELLITE, .plane = k / 8, .slot = k % 8};
        assert_int_equal(walker_elements(&w, k, &sites[k].elements), ERR_OK);
    }
    assert_int_equal(sky_init(sky, NULL, sites, SATELLITES, rules, START), ERR_OK);
}

static void minus(const double a[3], const double b[3], double out[3])
{
    for (int k = 0; k < 3; k++)
        out[k] = a[k] - b[k];
}

static double angle(const double a[3], const double b[3])
{
    return acos(fmax(-1.0, fmin(1.0, vector_dot(a, b) / (vector_length(a) * vector_length(b)))));
}

/* The unit line of sight in the satellite's axes: along, across, up. */
static void in_axes(const struct state *own, const double d[3], double out[3])
{
    double h[3], t[3];
    const double *r = own->r_teme_km, *v = own->v_teme_km_s;
    for (int k = 0; k < 3; k++)
        h[k] = r[(k + 1) % 3] * v[(k + 2) % 3] - r[(k + 2) % 3] * v[(k + 1) % 3];
    for (int k = 0; k < 3; k++)
        t[k] = h[(k + 1) % 3] * r[(k + 2) % 3] - h[(k + 2) % 3] * r[(k + 1) % 3];
    double length = vector_length(d);
    out[0] = vector_dot(d, t) / (length * vector_length(t));
    out[1] = vector_dot(d, h) / (length * vector_length(h));
    out[2] = vector_dot(d, r) / (length * vector_length(r));
}

/* The rules again, by other means: angles, and a turn over a tenth of a second. */
static bool allowed(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    const struct link_rules *r = &sky->rules;
    struct state x, y, x2, y2;
    double d[3], back[3], d2[3], u[3], u2[3], sun[3];
    assert_int_equal(sky_position(sky, a, t, &x), ERR_OK);
    assert_int_equal(sky_position(sky, b, t, &y), ERR_OK);
    assert_int_equal(sky_position(sky, a, t + 100 * NS_PER_MS, &x2), ERR_OK);
    assert_int_equal(sky_position(sky, b, t + 100 * NS_PER_MS, &y2), ERR_OK);
    minus(y.r_teme_km, x.r_teme_km, d);
    minus(x.r_teme_km, y.r_teme_km, back);
    minus(y2.r_teme_km, x2.r_teme_km, d2);
    sun_position(t, sun);
    if (vector_length(d) > r->range_max_km || visibility_graze_km(x.r_teme_km, y.r_teme_km) < r->graze_min_km)
        return false;
    if (angle(d, sun) < r->sun_exclusion_rad && x.sunlit > 0.0) /* in the umbra the Earth hides the Sun */
        return false;
    if (angle(back, sun) < r->sun_exclusion_rad && y.sunlit > 0.0)
        return false;
    for (int end = 0; end < 2; end++) {
        in_axes(end ? &y : &x, d, u);
        in_axes(end ? &y2 : &x2, d2, u2);
        double off = acos(fmin(1.0, fmax(fabs(u[0]), fabs(u[1]))));
        if (r->field_of_regard_rad > 0.0 && off > r->field_of_regard_rad)
            return false;
        if (r->slew_max_rad_s > 0.0 && angle(u, u2) / 0.1 > r->slew_max_rad_s)
            return false;
    }
    return true;
}

/* Contacts against the rules sampled every two seconds; samples next to an edge may differ. */
static void rules_hold(const struct link_rules *rules, size_t contacts_least)
{
    struct sky sky;
    size_t contacts = 0, count;
    sky_make(&sky, rules);
    assert_int_equal(sky_plan_extend(&sky, START + 40 * NS_PER_MINUTE), ERR_OK);
    sky_check(&sky);
    for (uint32_t a = 1; a <= SATELLITES; a += 3)
        for (uint32_t b = a + 1; b <= SATELLITES; b++) {
            (void)sky_contacts(&sky, a, b, &count);
            contacts += count;
            for (tai_ns t = START; t < START + 40 * NS_PER_MINUTE; t += 2 * NS_PER_S) {
                bool planned = sky_contact_at(&sky, a, b, t) != NULL;
                if (planned != allowed(&sky, a, b, t))
                    assert_true(allowed(&sky, a, b, t - 300 * NS_PER_MS) != allowed(&sky, a, b, t + 300 * NS_PER_MS));
            }
        }
    print_message("%zu contacts\n", contacts);
    assert_true(contacts >= contacts_least);
    sky_free(&sky);
}

static struct link_rules rules_of(double sun_deg, double regard_deg, double slew_deg_s)
{
    struct link_rules r = link_rules_default();
    r.range_max_km = 6000;
    r.sun_exclusion_rad = sun_deg * DEGREE_RAD;
    r.field_of_regard_rad = regard_deg * DEGREE_RAD;
    r.slew_max_rad_s = slew_deg_s * DEGREE_RAD;
    return r;
}

static void links_keep_away_from_the_sun(void **state)
{
    (void)state;
    struct link_rules rules = rules_of(25, 0, 0);
    rules_hold(&rules, 50);
}

static void links_keep_within_the_field_of_regard(void **state)
{
    (void)state;
    struct link_rules rules = rules_of(0, 35, 0);
    rules_hold(&rules, 50);
}

static void links_turn_no_faster_than_terminals_can(void **state)
{
    (void)state;
    struct link_rules rules = rules_of(0, 0, 0.12);
    rules_hold(&rules, 50);
}

static void all_limits_hold_together(void **state)
{
    (void)state;
    struct link_rules rules = rules_of(20, 50, 0.2);
    rules_hold(&rules, 50);
}

static void two_rates(const void *context, uint32_t a, uint32_t b, uint8_t kind, struct rate_ladder *out)
{
    (void)context;
    assert_true(a < b && kind != LINK_FIBRE);
    *out = (struct rate_ladder){2, {{kind == LINK_ISL ? 2500000 : 1000000, 100000000000}, {6000000, 10000000000}}};
}

static uint16_t doubt_by_node(const void *context, const struct sky *sky, const struct contact *c)
{
    assert_ptr_equal(sky, context);
    assert_true(c->start < c->end);
    return (uint16_t)c->a;
}

static void a_ladder_gives_the_rate_of_the_longest_range(void **state)
{
    (void)state;
    struct link_rules rules = rules_of(0, 0, 0);
    struct sky sky;
    size_t count, slow = 0, fast = 0;
    const struct sky_terminals terminals = {&sky, two_rates, doubt_by_node};
    rules.terminals = &terminals;
    rules.isl_rate_bps = 200000000000;
    rules.range_max_km = 6000;
    sky_make(&sky, &rules);
    assert_int_equal(sky_plan_extend(&sky, START + 30 * NS_PER_MINUTE), ERR_OK);
    for (size_t k = 0; k < sky_pair_count(&sky); k++) {
        const struct contact *c = sky_pair_contacts(&sky, k, &count);
        for (size_t i = 0; i < count; i++) {
            double most = fmax(sky_range_km(&sky, c[i].a, c[i].b, c[i].start), sky_range_km(&sky, c[i].a, c[i].b, c[i].end));
            assert_true(c[i].rate_bps == 10000000000 || (c[i].rate_bps == 100000000000 && most <= 2500));
            assert_int_equal(c[i].doubt_permille, MIN(c[i].a, 1000u));
            slow += c[i].rate_bps == 10000000000;
            fast += c[i].rate_bps == 100000000000;
        }
    }
    assert_true(slow > 0 && slow + fast > 100);
    sky_free(&sky);
}

static void a_pass_has_the_mean_rate_of_the_ladder(void **state)
{
    (void)state;
    struct link_rules rules = rules_of(0, 0, 0);
    struct sky sky;
    struct site sites[2] = {{.node = 1, .kind = SITE_SATELLITE, .name = "sat"},
                            {.node = 2, .kind = SITE_GROUND, .name = "gw", .latitude_deg = 50, .longitude_deg = 10}};
    sites[0].elements = (struct elements){.epoch = START, .mean_motion_rev_day = 15.0, .inclination_deg = 53, .eccentricity = 1e-4};
    const struct sky_terminals terminals = {&sky, two_rates, NULL};
    rules.terminals = &terminals;
    rules.ground_rate_bps = 50000000000; /* never more than that */
    assert_int_equal(sky_init(&sky, NULL, sites, 2, &rules, START), ERR_OK);
    assert_int_equal(sky_plan_extend(&sky, START + NS_PER_DAY), ERR_OK);
    size_t count, mixed = 0;
    const struct contact *c = sky_contacts(&sky, 1, 2, &count);
    assert_true(count >= 3);
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        enum { SAMPLES = 2000 };
        for (int k = 0; k < SAMPLES; k++) {
            tai_ns t = c[i].start + (c[i].end - c[i].start) / SAMPLES * k;
            sum += sky_range_km(&sky, 1, 2, t) <= 1000.0 ? 5e10 : 1e10;
        }
        double off = ((double)c[i].rate_bps - sum / SAMPLES) / 4e10;
        assert_true(off > -0.13 && off < 0.13); /* two edges, each within a sixteenth */
        mixed += c[i].rate_bps > 10000000000 && c[i].rate_bps < 50000000000;
        assert_int_equal(c[i].doubt_permille, 0);
    }
    assert_true(mixed > 0);
    sky_free(&sky);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_keep_away_from_the_sun),        cmocka_unit_test(links_keep_within_the_field_of_regard),
        cmocka_unit_test(links_turn_no_faster_than_terminals_can), cmocka_unit_test(all_limits_hold_together),
        cmocka_unit_test(a_ladder_gives_the_rate_of_the_longest_range), cmocka_unit_test(a_pass_has_the_mean_rate_of_the_ladder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
