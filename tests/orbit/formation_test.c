#include "test.h"

#include <math.h>

#include "orbit/ephemeris.h"
#include "orbit/walker.h"

enum { CLUSTER = 81 };

/* Suncatcher: 650 km, dawn-dusk, sun-synchronous. */
static struct elements suncatcher_chief(void)
{
    struct pearls p = {.altitude_km = 650,
                       .use_local_time = true,
                       .local_time_h = 6,
                       .spacing_deg = 10,
                       .count = 1,
                       .epoch = time_from_utc(2026, 11, 21, 0, 0, 0)};
    struct elements e;
    assert_int_equal(sun_synchronous_inclination_deg(650, &p.inclination_deg), ERR_OK);
    assert_int_equal(pearls_elements(&p, 0, &e), ERR_OK);
    return e;
}

static double distance_m(const double a[3], const double b[3])
{
    double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return 1000.0 * vector_length(d);
}

/* Hill's equations of relative motion, integrated numerically: the independent truth. */
static void hill(const double s[6], double n, double out[6])
{
    out[0] = s[3];
    out[1] = s[4];
    out[2] = s[5];
    out[3] = 3.0 * n * n * s[0] + 2.0 * n * s[4];
    out[4] = -2.0 * n * s[3];
    out[5] = -n * n * s[2];
}

static void hill_step(double s[6], double n, double h)
{
    double k1[6], k2[6], k3[6], k4[6], p[6];
    hill(s, n, k1);
    for (int i = 0; i < 6; i++)
        p[i] = s[i] + 0.5 * h * k1[i];
    hill(p, n, k2);
    for (int i = 0; i < 6; i++)
        p[i] = s[i] + 0.5 * h * k2[i];
    hill(p, n, k3);
    for (int i = 0; i < 6; i++)
        p[i] = s[i] + h * k3[i];
    hill(p, n, k4);
    for (int i = 0; i < 6; i++)
        s[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
}

static void offsets_solve_hills_equations(void **state)
{
    (void)state;
    const double n = 2.0 * M_PI / 5863.8, a_km = 7028.0;
    const struct formation cases[] = {formation_at_node(400, 800, 0, 0, false),
                                      formation_at_node(-300, 100, 250, 60, false),
                                      formation_ring(8, 500, 3, false),
                                      {.da_m = 20, .dl_m = -90, .ex_m = 100, .iy_m = 30}};
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        struct offset o = formation_offset(&cases[c], 0.0, 0.0, n, 1.7, a_km);
        double s[6];
        for (int k = 0; k < 3; k++) {
            s[k] = o.r_km[k];
            s[k + 3] = o.v_km_s[k];
        }
        for (int step = 0; step < 20000; step++) {
            hill_step(s, n, 1.0);
            if (step % 1000)
                continue;
            double u = n * (step + 1);
            o = formation_offset(&cases[c], u, u, n, 1.7, a_km);
            for (int k = 0; k < 3; k++) {
                assert_true(fabs(s[k] - o.r_km[k]) < 1e-8); /* 0.01 mm */
                assert_true(fabs(s[k + 3] - o.v_km_s[k]) < 1e-11);
            }
        }
    }
}

static void a_closed_ellipse_returns_within_a_centimetre_per_orbit(void **state)
{
    (void)state;
    struct elements chief = suncatcher_chief();
    struct ephemeris c, d;
    struct trajectory still = {0};
    assert_int_equal(ephemeris_init(&c, &chief, &still), ERR_OK);
    double n_rad_s = (c.sgp4.m_dot + c.sgp4.argp_dot) / 60.0;
    double period_s = 2.0 * M_PI / n_rad_s;
    for (uint32_t k = 0; k < CLUSTER; k++) {
        struct formation f = formation_lattice(100, k, false);
        struct offset first = formation_offset(&f, 0.3, 0.0, n_rad_s, c.sgp4.i, 7028.0);
        struct offset again = formation_offset(&f, 0.3 + n_rad_s * period_s, n_rad_s * period_s,
                                               n_rad_s, c.sgp4.i, 7028.0);
        assert_true(distance_m(first.r_km, again.r_km) < 0.01);
        /* And through the ephemeris: the distance from the chief comes back, too. */
        struct trajectory t = {.kind = TRAJECTORY_FORMATION, .formation = f};
        assert_int_equal(ephemeris_init(&d, &chief, &t), ERR_OK);
        double rc[3], rd[3], v[3], before, after;
        assert_true(ephemeris_state(&c, chief.epoch, 1000, rc, v) &&
                    ephemeris_state(&d, chief.epoch, 1000, rd, v));
        before = distance_m(rc, rd);
        assert_true(ephemeris_state(&c, chief.epoch, 1000 + period_s, rc, v) &&
                    ephemeris_state(&d, chief.epoch, 1000 + period_s, rd, v));
        after = distance_m(rc, rd);
        assert_true(fabs(before - after) < 0.01);
    }
}

static void the_lattice_keeps_a_hundred_metres_within_one_kilometre(void **state)
{
    (void)state;
    struct elements chief = suncatcher_chief();
    static struct ephemeris e[CLUSTER];
    static double r[CLUSTER][3];
    double centre[3], v[3], nearest = 1e9, farthest = 0.0;
    struct sgp4 c;
    assert_int_equal(sgp4_init(&c, &chief), ERR_OK);
    for (uint32_t k = 0; k < CLUSTER; k++) {
        struct trajectory t = {.kind = TRAJECTORY_FORMATION,
                               .formation = formation_lattice(100, k, true)};
        assert_int_equal(ephemeris_init(&e[k], &chief, &t), ERR_OK);
    }
    for (int step = 0; step <= 100; step++) {
        assert_int_equal(sgp4_at(&c, chief.epoch + step * NS_PER_MINUTE, centre, v), SGP4_OK);
        for (int k = 0; k < CLUSTER; k++) {
            assert_true(ephemeris_state(&e[k], chief.epoch, 60.0 * step, r[k], v));
            farthest = fmax(farthest, distance_m(r[k], centre));
            for (int j = 0; j < k; j++)
                nearest = fmin(nearest, distance_m(r[k], r[j]));
        }
    }
    print_message("81 satellites over an orbit: nearest %.1f m, farthest from the chief %.1f m\n",
                  nearest, farthest);
    assert_true(nearest > 98.0 && nearest < 102.0);
    assert_true(farthest > 990.0 && farthest < 1001.0);
}

static void j2_drifts_agree_with_differences_of_sgp4(void **state)
{
    (void)state;
    /* Two SGP4 orbits whose inclinations differ by 100 m at the surface of the orbit: their nodes
     * and arguments of latitude part as the relative elements say. */
    struct elements chief = suncatcher_chief(), other = chief;
    const double a_km = 7028.135, ix_m = 100.0, days = 3.0;
    other.inclination_deg += ix_m / (a_km * 1e3) / DEGREE_RAD;
    struct sgp4 c, o;
    assert_int_equal(sgp4_init(&c, &chief), ERR_OK);
    assert_int_equal(sgp4_init(&o, &other), ERR_OK);
    double minutes = days * 1440.0, rate = c.m_dot + c.argp_dot;
    double node_m = (o.node_dot - c.node_dot) * minutes * sin(c.i) * a_km * 1e3;
    double along_m =
        ((o.argp_dot - c.argp_dot) * minutes + (o.node_dot - c.node_dot) * minutes * cos(c.i)) *
        a_km * 1e3;
    struct formation f = {.ix_m = ix_m, .j2 = true};
    /* At u = 0 the cross-track offset is -iy, and the along-track offset is dl. */
    struct offset at = formation_offset(&f, 0.0, rate * minutes, rate / 60.0, c.i, a_km);
    assert_true(fabs(-at.r_km[2] * 1e3 - node_m) < 0.01 * fabs(node_m));
    /* The mean motion's own share (Kozai to Brouwer) is held equal by the file's mean motion. */
    double brouwer_m = (o.n - c.n) * minutes * a_km * 1e3;
    double mean_m = (o.m_dot - c.m_dot) * minutes * a_km * 1e3 - brouwer_m;
    print_message("3 days, 100 m of inclination: node %.3f m, along %.3f m, ours %.3f m\n", node_m,
                  along_m + mean_m, at.r_km[1] * 1e3);
    assert_true(fabs(at.r_km[1] * 1e3 - along_m - mean_m) < 0.02 * fabs(along_m + mean_m));
    /* The relative eccentricity vector turns as SGP4's perigee does. */
    struct formation g = {.ex_m = 100.0, .j2 = true};
    struct offset turned = formation_offset(&g, 0.0, rate * minutes, rate / 60.0, c.i, a_km);
    double angle = atan2(-turned.r_km[1] / 2.0, -turned.r_km[0]);
    assert_true(fabs(angle - c.argp_dot * minutes) < 0.01 * fabs(c.argp_dot * minutes));
}

static void velocities_are_the_rates_of_positions(void **state)
{
    (void)state;
    struct elements chief = suncatcher_chief();
    struct trajectory t = {.kind = TRAJECTORY_FORMATION,
                           .formation = formation_at_node(400, -300, 200, 50, true)};
    struct ephemeris e;
    assert_int_equal(ephemeris_init(&e, &chief, &t), ERR_OK);
    for (double at = 0; at < 20000; at += 777) {
        double before[3], after[3], r[3], v[3], w[3];
        assert_true(ephemeris_state(&e, chief.epoch, at - 1, before, w));
        assert_true(ephemeris_state(&e, chief.epoch, at + 1, after, w));
        assert_true(ephemeris_state(&e, chief.epoch, at, r, v));
        for (int k = 0; k < 3; k++) /* SGP4's own velocity is not quite the rate of its position */
            assert_true(fabs((after[k] - before[k]) / 2.0 - v[k]) < 2e-5);
    }
}

static void refuses_offsets_beyond_the_linear_theory(void **state)
{
    (void)state;
    struct elements chief = suncatcher_chief();
    struct trajectory t = {.kind = TRAJECTORY_FORMATION, .formation = {.dl_m = 2e5}};
    struct ephemeris e;
    assert_int_equal(ephemeris_init(&e, &chief, &t), ERR_INVALID);
    t.formation.dl_m = NAN;
    assert_int_equal(ephemeris_init(&e, &chief, &t), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_solve_hills_equations),
        cmocka_unit_test(a_closed_ellipse_returns_within_a_centimetre_per_orbit),
        cmocka_unit_test(the_lattice_keeps_a_hundred_metres_within_one_kilometre),
        cmocka_unit_test(j2_drifts_agree_with_differences_of_sgp4),
        cmocka_unit_test(velocities_are_the_rates_of_positions),
        cmocka_unit_test(refuses_offsets_beyond_the_linear_theory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
