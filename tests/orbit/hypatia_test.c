#include "test.h"

#include <math.h>

#include "orbit/hypatia.h"
#include "tables.h"

#define EPOCH time_from_utc(2000, 1, 1, 0, 0, 0.0)
enum { LUANDA = 66, PARIS = 24, MANILA = 17, DALIAN = 85, ISTANBUL = 14, NAIROBI = 96, RIO = 18, PETERSBURG = 73, CHICAGO = 37,
       ZHENGZHOU = 87, NEW_YORK = 9, LONDON = 27 };

static void network_make(struct hypatia *h, struct snapshot *s, const struct hypatia_shell *shell)
{
    struct parse_error error = {0};
    assert_int_equal(hypatia_make(h, shell), ERR_OK);
    struct span cities = file_read("tests/data/cities_100.csv");
    assert_int_equal(hypatia_read_stations(h, cities, &error), ERR_OK);
    file_free(cities);
    assert_int_equal(h->station_count, 100);
    assert_int_equal(hypatia_snapshot(h, NULL, s), ERR_OK);
}

static double rtt_ms(struct snapshot *s, uint32_t from, uint32_t to)
{
    paths_from(&s->paths, snapshot_station(s, from));
    return 2.0 * s->paths.distance_km[snapshot_station(s, to)] / LIGHT_KM_S * 1e3;
}

static void case_a_gives_the_published_mean_path(void **state)
{
    (void)state;
    struct hypatia h;
    struct snapshot s;
    network_make(&h, &s, &hypatia_starlink_550);
    assert_int_equal(hypatia_check(&h, EPOCH, 80.0, NULL), ERR_OK);
    double sum = 0.0;
    size_t pairs = 0, unreachable = 0;
    for (int step = 0; step < 60; step++) {
        assert_int_equal(snapshot_at(&s, EPOCH + step * NS_PER_MINUTE), ERR_OK);
        for (uint32_t from = 0; from < 100; from++) {
            paths_from(&s.paths, snapshot_station(&s, from));
            for (uint32_t to = 0; to < 100; to++) {
                double km = s.paths.distance_km[snapshot_station(&s, to)];
                if (to == from)
                    continue;
                pairs++;
                unreachable += isinf(km) != 0;
                sum += isinf(km) ? 0.0 : km;
            }
        }
        paths_check(&s.paths);
        const uint32_t roots[2] = {snapshot_station(&s, PARIS), snapshot_station(&s, 99)};
        assert_int_equal(paths_from_each(&s.paths, roots, 2), ERR_OK);
        for (uint32_t n = 0; n < s.paths.node_count; n++)
            assert_true(fabs(s.paths.lanes_km[n][1] - s.paths.distance_km[n]) < 1e-6);
    }
    print_message("mean %.4f km over %zu pairs\n", sum / (double)pairs, pairs);
    assert_int_equal(pairs, 594000);
    assert_int_equal(unreachable, 0);
    assert_true(fabs(sum / (double)pairs - 11993.3729) < 0.0001);
    print_message("links between satellites: %.3f..%.3f km\n", s.least_isl_km, s.most_isl_km);
    /* The longest are the chords of a plane: 2 a sin(pi / 22). */
    assert_true(fabs(s.most_isl_km - 2.0 * elements_semi_major_axis_km(&h.satellites[0]) * sin(M_PI / 22.0)) < 3.0);
    assert_true(s.least_isl_km > 600.0 && s.least_isl_km < 650.0);
    snapshot_free(&s);
    hypatia_free(&h);
}

struct published {
    uint32_t from, to;
    double least_ms, most_ms, tolerance_ms;
};

static void series_check(const struct hypatia_shell *shell, duration_ns step, const struct published *pairs, size_t count)
{
    struct hypatia h;
    struct snapshot s;
    double least[8], most[8];
    network_make(&h, &s, shell);
    for (size_t k = 0; k < count; k++) {
        least[k] = HUGE_VAL;
        most[k] = 0.0;
    }
    for (tai_ns t = 0; t < 200 * NS_PER_S; t += step) {
        assert_int_equal(snapshot_at(&s, EPOCH + t), ERR_OK);
        for (size_t k = 0; k < count; k++) {
            double ms = rtt_ms(&s, pairs[k].from, pairs[k].to);
            if (isinf(ms))
                continue;
            least[k] = fmin(least[k], ms);
            most[k] = fmax(most[k], ms);
        }
    }
    for (size_t k = 0; k < count; k++) {
        print_message("%s %u-%u: %.4f..%.4f ms, published %.3f..%.3f\n", shell->name, pairs[k].from, pairs[k].to, least[k], most[k],
                      pairs[k].least_ms, pairs[k].most_ms);
        assert_true(fabs(least[k] - pairs[k].least_ms) <= pairs[k].tolerance_ms);
        assert_true(fabs(most[k] - pairs[k].most_ms) <= pairs[k].tolerance_ms);
    }
    snapshot_free(&s);
    hypatia_free(&h);
}

static void pairs_of_cities_give_the_published_ranges(void **state)
{
    (void)state;
    static const struct published kuiper[] = {{MANILA, DALIAN, 25.230, 48.165, 0.0015},
                                              {ISTANBUL, NAIROBI, 46.911, 69.540, 0.0015},
                                              {RIO, PETERSBURG, 95.739, 136.622, 0.0015},
                                              {CHICAGO, ZHENGZHOU, 92.196, 96.794, 0.0015},
                                              {NEW_YORK, LONDON, 42.963, 46.836, 0.0015}};
    static const struct published starlink[] = {
        {PARIS, LUANDA, 85.28, 117.25, 0.01},     {MANILA, DALIAN, 27.12, 47.38, 0.01},  {ISTANBUL, NAIROBI, 56.99, 77.61, 0.01},
        {RIO, PETERSBURG, 107.37, 129.20, 0.01},  {CHICAGO, ZHENGZHOU, 118.52, 124.91, 0.01}, {NEW_YORK, LONDON, 42.20, 46.17, 0.01}};
    static const struct published telesat[] = {
        {PARIS, LUANDA, 48.20, 48.48, 0.01},     {MANILA, DALIAN, 23.68, 24.49, 0.01},   {ISTANBUL, NAIROBI, 36.75, 37.42, 0.01},
        {RIO, PETERSBURG, 82.34, 85.75, 0.01}, {CHICAGO, ZHENGZHOU, 81.32, 82.04, 0.01}, {NEW_YORK, LONDON, 42.08, 42.53, 0.01}};
    series_check(&hypatia_kuiper_630, 100 * NS_PER_MS, kuiper, COUNT_OF(kuiper));
    series_check(&hypatia_starlink_550, NS_PER_S, starlink, COUNT_OF(starlink));
    series_check(&hypatia_telesat_1015, NS_PER_S, telesat, COUNT_OF(telesat));
}

static void paris_luanda_has_the_published_extremes_on_starlink(void **state)
{
    (void)state;
    struct hypatia h;
    struct snapshot s;
    network_make(&h, &s, &hypatia_starlink_550);
    assert_int_equal(snapshot_at(&s, EPOCH + 46800 * NS_PER_MS), ERR_OK);
    assert_true(fabs(rtt_ms(&s, PARIS, LUANDA) - 117.257) < 0.001);
    assert_int_equal(snapshot_at(&s, EPOCH + 139900 * NS_PER_MS), ERR_OK);
    assert_true(fabs(rtt_ms(&s, PARIS, LUANDA) - 85.535) < 0.001);
    snapshot_free(&s);
    hypatia_free(&h);
}

static void paris_luanda_is_hypatias_own_series_within_a_microsecond(void **state)
{
    (void)state;
    struct hypatia h;
    struct snapshot s;
    char line[512], *cells[4];
    size_t count, rows = 0;
    double worst_ns = 0.0;
    network_make(&h, &s, &hypatia_starlink_550);
    FILE *f = table_open("tests/data/hypatia_paris_luanda.csv");
    while (row_next(f, line, cells, 4, &count)) {
        assert_int_equal(count, 2);
        assert_int_equal(snapshot_at(&s, EPOCH + (tai_ns)strtoll(cells[0], NULL, 10)), ERR_OK);
        worst_ns = fmax(worst_ns, fabs(1e6 * rtt_ms(&s, PARIS, LUANDA) - strtod(cells[1], NULL)));
        rows++;
    }
    fclose(f);
    print_message("worst difference %.0f ns\n", worst_ns);
    assert_int_equal(rows, 60);
    assert_true(worst_ns < 1000.0);
    snapshot_free(&s);
    hypatia_free(&h);
}

typedef void writer_fn(const struct hypatia *, struct text *);
typedef err reader_fn(struct hypatia *, struct span, struct parse_error *);

static void again(const struct hypatia *from, struct hypatia *to, writer_fn *write, reader_fn *read)
{
    struct text one = text_new(NULL, 1 << 24), two = text_new(NULL, 1 << 24);
    struct parse_error error = {0};
    write(from, &one);
    assert_int_equal(read(to, text_span(&one), &error), ERR_OK);
    write(to, &two);
    assert_true(text_ok(&one) && text_ok(&two));
    assert_string_equal(text_string(&one), text_string(&two));
    text_free(&one);
    text_free(&two);
}

static void tles_write(const struct hypatia *h, struct text *out)
{
    assert_int_equal(hypatia_write_tles(h, out), ERR_OK);
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    struct hypatia h, other = {0};
    struct snapshot s, t;
    network_make(&h, &s, &hypatia_telesat_1015);
    again(&h, &other, tles_write, hypatia_read_tles);
    again(&h, &other, hypatia_write_isls, hypatia_read_isls);
    again(&h, &other, hypatia_write_stations, hypatia_read_stations);
    again(&h, &other, hypatia_write_description, hypatia_read_description);
    again(&h, &other, hypatia_write_interfaces, hypatia_read_interfaces);
    assert_int_equal(hypatia_snapshot(&other, NULL, &t), ERR_OK);
    assert_int_equal(snapshot_at(&s, EPOCH + NS_PER_HOUR), ERR_OK);
    assert_int_equal(snapshot_at(&t, EPOCH + NS_PER_HOUR), ERR_OK);
    assert_true(fabs(rtt_ms(&s, PARIS, LUANDA) - rtt_ms(&t, PARIS, LUANDA)) < 1e-6);
    snapshot_free(&s);
    snapshot_free(&t);
    hypatia_free(&h);
    hypatia_free(&other);
}

static void routes_are_followed_to_the_shortest_way_and_kept_as_changes(void **state)
{
    (void)state;
    struct hypatia h;
    struct snapshot s;
    struct hypatia_routes before, now, read;
    network_make(&h, &s, &hypatia_telesat_1015);
    assert_int_equal(hypatia_routes_init(&before, &h), ERR_OK);
    assert_int_equal(hypatia_routes_init(&now, &h), ERR_OK);
    assert_int_equal(hypatia_routes_init(&read, &h), ERR_OK);
    struct text whole = text_new(NULL, 1 << 24), changes = text_new(NULL, 1 << 24);
    assert_int_equal(snapshot_at(&s, EPOCH), ERR_OK);
    assert_int_equal(hypatia_routes_fill(&before, &h, &s), ERR_OK);
    hypatia_write_fstate(&before, NULL, &whole);
    assert_int_equal(snapshot_at(&s, EPOCH + 10 * NS_PER_S), ERR_OK);
    assert_int_equal(hypatia_routes_fill(&now, &h, &s), ERR_OK);
    hypatia_write_fstate(&now, &before, &changes);
    assert_true(text_ok(&whole) && text_ok(&changes) && changes.size > 0 && changes.size < whole.size / 4);
    assert_int_equal(hypatia_read_fstate(&read, text_span(&whole), NULL), ERR_OK);
    assert_int_equal(hypatia_read_fstate(&read, text_span(&changes), NULL), ERR_OK);
    for (uint32_t to = 0; to < 100; to++) {
        paths_from(&s.paths, snapshot_station(&s, to));
        for (uint32_t from = 0; from < 100; from++) {
            double km = hypatia_route_km(&read, &s, from, to), shortest = s.paths.distance_km[snapshot_station(&s, from)];
            assert_true(fabs(km - shortest) < 1e-6);
        }
    }
    text_free(&whole);
    text_free(&changes);
    hypatia_routes_free(&before);
    hypatia_routes_free(&now);
    hypatia_routes_free(&read);
    snapshot_free(&s);
    hypatia_free(&h);
}

static void bad_files_are_refused_with_their_line(void **state)
{
    (void)state;
    struct hypatia h;
    assert_int_equal(hypatia_make(&h, &hypatia_telesat_1015), ERR_OK);
    static const struct {
        reader_fn *read;
        const char *text;
        int line;
    } bad[] = {
        {hypatia_read_isls, "0 1\n1 0\n", 2},
        {hypatia_read_isls, "0 1\n\n0 1\n", 3},
        {hypatia_read_isls, "0 351\n", 1},
        {hypatia_read_isls, "0 1 2\n", 1},
        {hypatia_read_stations, "0,Here,91,0,0\n", 1},
        {hypatia_read_stations, "0,Here,1,0,0\n2,There,1,1,1\n", 2},
        {hypatia_read_stations, "0,Here,1,0,0,1,2,3\n", 1},
        {hypatia_read_stations, "0,,1,0,0\n", 1},
        {hypatia_read_description, "max_gsl_length_m=10\nmax_isl_length=5\n", 2},
        {hypatia_read_description, "max_gsl_length_m=0\n", 1},
        {hypatia_read_description, "max_gsl_length_m=10\nmax_gsl_length_m=10\n", 2},
        {hypatia_read_interfaces, "0,1,1\n1,0,1\n", 2},
        {hypatia_read_interfaces, "0,1,1\n", 1},
        {hypatia_read_tles, "", 0},
        {hypatia_read_tles, "4000000000 2\n", 1},
        {hypatia_read_tles, "72 22\nStarlink-550 0\n", 1},
    };
    for (size_t k = 0; k < COUNT_OF(bad); k++) {
        struct parse_error error = {0};
        assert_int_equal(bad[k].read(&h, span_text(bad[k].text), &error), ERR_INVALID);
        assert_int_equal(error.line, bad[k].line);
        assert_true(error.text[0] != 0);
    }
    hypatia_free(&h);
}

static void a_wrong_seam_is_refused(void **state)
{
    (void)state;
    struct hypatia h;
    struct parse_error error = {0};
    assert_int_equal(hypatia_make(&h, &hypatia_starlink_550), ERR_OK);
    assert_int_equal(hypatia_check(&h, EPOCH, 80.0, &error), ERR_OK);
    h.isls[100].b = (h.isls[100].b + 11) % h.satellite_count; /* half a turn off */
    assert_int_equal(hypatia_check(&h, EPOCH, 80.0, &error), ERR_INVALID);
    assert_int_equal(error.line, 101);
    hypatia_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_a_gives_the_published_mean_path),
        cmocka_unit_test(pairs_of_cities_give_the_published_ranges),
        cmocka_unit_test(paris_luanda_has_the_published_extremes_on_starlink),
        cmocka_unit_test(paris_luanda_is_hypatias_own_series_within_a_microsecond),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(routes_are_followed_to_the_shortest_way_and_kept_as_changes),
        cmocka_unit_test(bad_files_are_refused_with_their_line),
        cmocka_unit_test(a_wrong_seam_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
