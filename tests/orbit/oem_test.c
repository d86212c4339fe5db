#include <math.h>

#include "tables.h"

#include "orbit/ephemeris.h"
#include "orbit/oem.h"

enum { POINTS = 200 };

static double distance_km(const double a[3], const double b[3])
{
    double d[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    return vector_length(d);
}

static struct sgp4 satellite(int k)
{
    struct elements e[REFERENCE_SATELLITES];
    struct sgp4 s;
    reference_elements(e);
    assert_int_equal(sgp4_init(&s, &e[k]), ERR_OK);
    return s;
}

static void points_of(const struct sgp4 *s, tai_ns start, int step_s, struct oem_point *out,
                      int count)
{
    for (int k = 0; k < count; k++) {
        out[k].t = start + (tai_ns)k * step_s * NS_PER_S;
        assert_int_equal(sgp4_at(s, out[k].t, out[k].r_km, out[k].v_km_s), SGP4_OK);
    }
}

static void read_back(const struct text *t, struct oem *o)
{
    struct parse_error e = {0};
    if (oem_read(text_span(t), o, &e) != ERR_OK)
        fail_msg("line %d, column %d: %s", e.line, e.column, e.text);
}

static void what_is_written_is_read_back_and_interpolated(void **state)
{
    (void)state;
    for (int notation = OEM_KVN; notation <= OEM_XML; notation++) {
        static struct oem_point points[2][POINTS];
        struct text t = text_new(NULL, 1 << 20);
        struct sgp4 s[2] = {satellite(0), satellite(5)};
        oem_write_begin(&t, (enum oem_notation)notation, REFERENCE_EPOCH);
        for (int k = 0; k < 2; k++) {
            points_of(&s[k], REFERENCE_EPOCH, 60, points[k], POINTS);
            oem_write_object(&t, (enum oem_notation)notation, k ? "B & <C>" : "ISS", "1998-067A",
                             points[k], POINTS);
        }
        oem_write_end(&t, (enum oem_notation)notation);
        assert_true(text_ok(&t));
        struct oem o;
        read_back(&t, &o);
        assert_int_equal(o.segment_count, 2);
        assert_string_equal(o.segments[1].name, "B & <C>");
        assert_string_equal(o.segments[0].designator, "1998-067A");
        double worst_km = 0.0, worst_km_s = 0.0;
        for (int k = 0; k < 2; k++)
            for (int at = 0; at < 60 * (POINTS - 1); at += 7) {
                double r[3], v[3], x[3], w[3];
                tai_ns time = REFERENCE_EPOCH + at * NS_PER_S;
                assert_true(oem_state(&o, (size_t)k, time, r, v));
                assert_int_equal(sgp4_at(&s[k], time, x, w), SGP4_OK);
                worst_km = fmax(worst_km, distance_km(r, x));
                worst_km_s = fmax(worst_km_s, distance_km(v, w));
            }
        print_message("Lagrange 9 over minutes: %.1e km, %.1e km/s\n", worst_km, worst_km_s);
        assert_true(worst_km < 1e-6 && worst_km_s < 1e-8);
        double r[3], v[3];
        assert_false(oem_state(&o, 0, REFERENCE_EPOCH - 1, r, v));
        assert_false(oem_state(&o, 0, REFERENCE_EPOCH + 60 * POINTS * NS_PER_S, r, v));
        oem_free(&o);
        text_free(&t);
    }
}

static void interpolation_follows_the_header(void **state)
{
    (void)state;
    const struct {
        const char *name;
        int degree;
        double most_km;
    } ways[] = {{"LAGRANGE", 9, 1e-4},
                {"LAGRANGE", 5, 1e-2},
                {"HERMITE", 7, 1e-3},
                {"HERMITE", 3, 0.05},
                {"LINEAR", 1, 8.0}};
    struct sgp4 s = satellite(0);
    static struct oem_point p[POINTS];
    points_of(&s, REFERENCE_EPOCH, 60, p, POINTS);
    for (size_t k = 0; k < COUNT_OF(ways); k++) {
        struct text t = text_new(NULL, 1 << 20);
        text_printf(&t,
                    "CCSDS_OEM_VERS = 2.0\nMETA_START\nOBJECT_NAME = A\nCENTER_NAME = "
                    "EARTH\nREF_FRAME = TEME\n"
                    "TIME_SYSTEM = TAI\nINTERPOLATION = %s\nINTERPOLATION_DEGREE = %d\nMETA_STOP\n",
                    ways[k].name, ways[k].degree);
        for (int i = 0; i < POINTS; i++) {
            char time[40];
            time_utc_text(p[i].t + 37 * NS_PER_S, 3, time); /* as TAI */
            text_printf(&t, "%s %.9f %.9f %.9f %.12f %.12f %.12f 0 0 0\n", time, p[i].r_km[0],
                        p[i].r_km[1], p[i].r_km[2], p[i].v_km_s[0], p[i].v_km_s[1], p[i].v_km_s[2]);
        }
        struct oem o;
        read_back(&t, &o);
        double worst = 0.0;
        for (int at = 600; at < 60 * (POINTS - 10); at += 11) {
            double r[3], v[3], x[3], w[3];
            assert_true(oem_state(&o, 0, REFERENCE_EPOCH + at * NS_PER_S, r, v));
            assert_int_equal(sgp4_at(&s, REFERENCE_EPOCH + at * NS_PER_S, x, w), SGP4_OK);
            worst = fmax(worst, distance_km(r, x));
        }
        print_message("%s %d: %.1e km\n", ways[k].name, ways[k].degree, worst);
        assert_true(worst < ways[k].most_km);
        oem_free(&o);
        text_free(&t);
    }
}

static void other_frames_become_teme(void **state)
{
    (void)state;
    /* AIAA 2006-6753, appendix C (Vallado 2013, example 3-15): 2004-04-06 07:51:28.386009 UTC. */
    const double teme[3] = {5094.18010720, 6127.64470520, 6380.34453270};
    const char *text =
        "CCSDS_OEM_VERS = 2.0\nMETA_START\nOBJECT_NAME = A\nCENTER_NAME = EARTH\nREF_FRAME = "
        "EME2000\n"
        "TIME_SYSTEM = UTC\nMETA_STOP\n"
        "2004-04-06T07:51:28.386009 5102.5096 6123.01152 6378.1363 -4.7432196 0.7905366 "
        "5.53375619\n"
        "2004-097T07:52:28.386009 5102.5096 6123.01152 6378.1363 -4.7432196 0.7905366 5.53375619\n";
    struct oem o;
    struct parse_error e = {0};
    assert_int_equal(oem_read(span_text(text), &o, &e), ERR_OK);
    double error_km = distance_km(o.points[0].r_km, teme);
    print_message("EME2000 to TEME: %.1e km\n", error_km);
    assert_true(error_km < 0.01);
    oem_free(&o);

    /* ITRF: from TEME by the house's own rotation and back. */
    struct sgp4 s = satellite(0);
    double r[3], v[3], ecef[3], v_ecef[3];
    tai_ns t = REFERENCE_EPOCH;
    char itrf[1024], time[40];
    int size = snprintf(itrf, sizeof itrf,
                        "CCSDS_OEM_VERS = 2.0\nMETA_START\nOBJECT_NAME = A\nCENTER_NAME = EARTH\n"
                        "REF_FRAME = ITRF2014\nTIME_SYSTEM = UTC\nMETA_STOP\n");
    for (int k = 0; k < 2; k++, t += NS_PER_MINUTE) {
        assert_int_equal(sgp4_at(&s, t, r, v), SGP4_OK);
        frames_teme_to_ecef(frames_gmst(t), r, ecef);
        frames_velocity_to_ecef(frames_gmst(t), v, ecef, v_ecef);
        time_utc_text(t, 6, time);
        size += snprintf(itrf + size, sizeof itrf - (size_t)size,
                         "%s %.9f %.9f %.9f %.12f %.12f %.12f\n", time, ecef[0], ecef[1], ecef[2],
                         v_ecef[0], v_ecef[1], v_ecef[2]);
    }
    assert_int_equal(oem_read(span_text(itrf), &o, &e), ERR_OK);
    assert_true(distance_km(o.points[1].r_km, r) < 1e-8 &&
                distance_km(o.points[1].v_km_s, v) < 1e-11);
    oem_free(&o);
}

static void a_table_about_the_moon_is_geocentric_when_read(void **state)
{
    (void)state;
    const char *text = "CCSDS_OEM_VERS = 2.0\nMETA_START\nOBJECT_NAME = GATE\nCENTER_NAME = "
                       "MOON\nREF_FRAME = EME2000\n"
                       "TIME_SYSTEM = UTC\nMETA_STOP\n2026-11-21T00:00:00 5000 0 0 0 1 "
                       "0\n2026-11-21T01:00:00 5000 3600 0 0 1 0\n";
    struct oem o;
    struct parse_error e = {0};
    double moon[3];
    assert_int_equal(oem_read(span_text(text), &o, &e), ERR_OK);
    body_position(BODY_MOON, o.points[0].t, moon);
    assert_true(fabs(distance_km(o.points[0].r_km, moon) - 5000.0) < 1e-6);
    struct trajectory t = {.kind = TRAJECTORY_TABLE, .body = BODY_MOON, .table = &o};
    struct ephemeris ephemeris;
    const struct elements none = {0};
    assert_int_equal(ephemeris_init(&ephemeris, &none, &t), ERR_OK);
    double r[3], v[3];
    assert_true(ephemeris_state(&ephemeris, o.points[0].t, 1800.0, r, v));
    assert_false(ephemeris_state(&ephemeris, o.points[0].t, 3601.0, r, v));
    oem_free(&o);
}

static void refuses_broken_tables_with_place_and_reason(void **state)
{
    (void)state;
#define HEAD "CCSDS_OEM_VERS = 2.0\nMETA_START\nOBJECT_NAME = A\nCENTER_NAME = EARTH\n"
#define META HEAD "REF_FRAME = TEME\nTIME_SYSTEM = UTC\nMETA_STOP\n"
    const struct {
        const char *text;
        int line;
    } wrong[] = {
        {"", 1},
        {"x", 1},
        {HEAD "REF_FRAME = B1950\n", 5},
        {HEAD "TIME_SYSTEM = SCLK\n", 5},
        {HEAD "INTERPOLATION_DEGREE = 99\n", 5},
        {META "2026-11-21T00:00:00 1 2 3 4 5\n", 8},
        {META "2026-11-21T00:00:00 1 2 3 4 5 x\n", 8},
        {META "2026-11-21T00:00:00 1 2 3 4 5 6\n", 8},
        {META "2026-11-21T00:00:00 1 2 3 4 5 6\n2026-11-21T00:00:00 1 2 3 4 5 6\n", 9},
        {META "2026-13-21T00:00:00 1 2 3 4 5 6\n", 8},
        {META "2026-11-21T00:00:00 1e99 2 3 4 5 6\n", 8},
        {HEAD "META_STOP\n2026-11-21T00:00:00 1 2 3 4 5 6\n", 6},
        {"<oem><body><segment></segment></body></oem>", 1},
        {"<oem><body>", 1},
        {"<!DOCTYPE oem [<!ENTITY a \"b\">]><oem/>", 1},
    };
    for (size_t k = 0; k < COUNT_OF(wrong); k++) {
        struct oem o;
        struct parse_error e = {0};
        assert_int_equal(oem_read(span_text(wrong[k].text), &o, &e), ERR_INVALID);
        if (e.line != wrong[k].line || e.text[0] == 0)
            fail_msg("case %zu: line %d (%s), expected %d", k, e.line, e.text, wrong[k].line);
        assert_null(o.points);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back_and_interpolated),
        cmocka_unit_test(interpolation_follows_the_header),
        cmocka_unit_test(other_frames_become_teme),
        cmocka_unit_test(a_table_about_the_moon_is_geocentric_when_read),
        cmocka_unit_test(refuses_broken_tables_with_place_and_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
