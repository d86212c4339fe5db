#include <math.h>

#include "tables.h"

#include "base/hash.h"
#include "orbit/sgp4_batch.h"

enum { MOST = 16000 };

struct fleet {
    struct sgp4 *sgp4;
    const struct sgp4 **list;
    size_t count;
};

static bool fleet_load(struct fleet *f, const char *path, int flags)
{
    FILE *there = fopen(path, "r");
    if (!there)
        return false;
    fclose(there);
    struct span text = file_read(path);
    size_t at = 0;
    int line = 0;
    *f = (struct fleet){.sgp4 = calloc(MOST, sizeof *f->sgp4),
                        .list = calloc(MOST, sizeof(struct sgp4 *))};
    for (;;) {
        struct elements e;
        err result = tle_next(text, &at, &line, flags, &e, NULL);
        if (result == ERR_NOT_FOUND)
            break;
        assert_int_equal(result, ERR_OK);
        assert_true(f->count < MOST);
        assert_int_equal(sgp4_init(&f->sgp4[f->count], &e), ERR_OK);
        f->list[f->count] = &f->sgp4[f->count];
        f->count++;
    }
    file_free(text);
    return true;
}

static void fleet_free(struct fleet *f)
{
    free(f->sgp4);
    free(f->list);
}

struct room {
    struct sgp4_states states;
    double *numbers;
    size_t size;
};

static struct room room_of(size_t count)
{
    size_t n = sgp4_batch_room(count);
    double *d = calloc(6 * n + 1, sizeof *d);
    uint8_t *status = calloc(n + 1, 1);
    assert_non_null(d);
    assert_non_null(status);
    return (struct room){{d, d + n, d + 2 * n, d + 3 * n, d + 4 * n, d + 5 * n, status}, d, n};
}

static void room_free(struct room *r)
{
    free(r->numbers);
    free(r->states.status);
}

/* A whole fleet against the scalar path at one time; returns the worst distance in km. */
static double compare(const struct fleet *f, const struct sgp4_batch *b, tai_ns t,
                      const struct room *room)
{
    double worst = 0.0;
    sgp4_batch_at(b, t, 0, b->block_count, &room->states);
    for (size_t k = 0; k < f->count; k++) {
        double r[3], v[3];
        enum sgp4_status status = sgp4_at(f->list[k], t, r, v);
        assert_int_equal(status, room->states.status[k]);
        if (status != SGP4_OK) {
            assert_true(room->states.x[k] == 0.0 && room->states.vz[k] == 0.0);
            continue;
        }
        const struct sgp4_states *s = &room->states;
        worst = fmax(worst, fabs(s->x[k] - r[0]));
        worst = fmax(worst, fabs(s->y[k] - r[1]));
        worst = fmax(worst, fabs(s->z[k] - r[2]));
        assert_true(fabs(s->vx[k] - v[0]) < 1e-8 && fabs(s->vy[k] - v[1]) < 1e-8 &&
                    fabs(s->vz[k] - v[2]) < 1e-8);
    }
    return worst;
}

static void stays_within(const char *path, double most_km)
{
    struct fleet f;
    if (!fleet_load(&f, path, TLE_STRICT)) {
        print_message("%s is not here: skipped\n", path);
        return;
    }
    struct sgp4_batch b;
    assert_int_equal(sgp4_batch_init(&b, NULL, f.list, f.count), ERR_OK);
    struct room room = room_of(f.count);
    double worst = 0.0;
    const int64_t hours[] = {0, 1, 5, 24, 71, 240, 24 * 30, -24 * 30, 24 * 365, 24 * 3650};
    for (size_t k = 0; k < COUNT_OF(hours); k++)
        worst = fmax(worst, compare(&f, &b, f.sgp4[0].epoch + hours[k] * NS_PER_HOUR, &room));
    print_message("%s: %zu satellites, worst %.1e km\n", path, f.count, worst);
    assert_true(worst < most_km);
    room_free(&room);
    sgp4_batch_free(&b);
    fleet_free(&f);
}

static void is_within_a_millimetre_of_the_scalar_path(void **state)
{
    (void)state;
    stays_within("tests/data/starlink_sample.tle", 1e-6);
    stays_within("tests/data/active_sample.tle", 1e-6);
    stays_within("../shared/data/starlink_20260113.tle", 1e-6);
    stays_within("../shared/data/active_nonstarlink_20251003.tle", 1e-6);
}

static void reproduces_the_verification_set(void **state)
{
    (void)state;
    struct fleet f;
    assert_true(fleet_load(&f, "tests/data/sgp4_ver.tle", TLE_IGNORE_CHECKSUM));
    struct sgp4_batch b;
    assert_int_equal(sgp4_batch_init(&b, NULL, f.list, f.count), ERR_OK);
    struct room room = room_of(f.count);
    FILE *table = table_open("tests/data/sgp4_ver_expected.csv");
    char line[512], *cell[9];
    size_t n, compared = 0;
    double worst = 0.0;
    while (row_next(table, line, cell, 9, &n)) {
        size_t k = (size_t)atoi(cell[0]);
        if (k == 30) /* see sgp4_test.c */
            continue;
        tai_ns t = f.sgp4[k].epoch + (tai_ns)llround(atof(cell[2]) * 60e9);
        sgp4_batch_at(&b, t, k / SGP4_BLOCK, 1, &room.states);
        assert_int_equal(room.states.status[k], SGP4_OK);
        worst = fmax(worst, fabs(room.states.x[k] - atof(cell[3])));
        worst = fmax(worst, fabs(room.states.y[k] - atof(cell[4])));
        worst = fmax(worst, fabs(room.states.z[k] - atof(cell[5])));
        compared++;
    }
    fclose(table);
    print_message("%zu states: worst %.1e km\n", compared, worst);
    assert_true(compared >= 660 && worst < 1e-6);
    room_free(&room);
    sgp4_batch_free(&b);
    fleet_free(&f);
}

static void gives_each_satellite_its_published_error_code(void **state)
{
    (void)state;
    struct fleet f;
    assert_true(fleet_load(&f, "tests/data/sgp4_ver.tle", TLE_IGNORE_CHECKSUM));
    struct sgp4_batch b;
    assert_int_equal(sgp4_batch_init(&b, NULL, f.list, f.count), ERR_OK);
    struct room room = room_of(f.count);
    /* All satellites at many times, the ends of their lives among them: codes as the scalar path's,
     * which sgp4_test.c holds against the published list. */
    bool seen[8] = {false};
    const double minutes[] = {0, 25, 55, 440, 494.2028672, 1560, 1e4, 1e5, 1844345, 6e7, -1e5};
    for (size_t k = 0; k < f.count; k++)
        for (size_t m = 0; m < COUNT_OF(minutes); m++) {
            double r[3], v[3];
            tai_ns t = f.sgp4[k].epoch + (tai_ns)llround(minutes[m] * 60e9);
            sgp4_batch_at(&b, t, k / SGP4_BLOCK, 1, &room.states);
            enum sgp4_status status = sgp4_at(&f.sgp4[k], t, r, v);
            assert_int_equal(room.states.status[k], status);
            seen[status] = true;
        }
    for (int code = 0; code < 8; code++)
        if (code != SGP4_MEAN_MOTION && code != SGP4_SUB_ORBITAL) /* no valid elements lead there */
            assert_true(seen[code]);
    room_free(&room);
    sgp4_batch_free(&b);
    fleet_free(&f);
}

static uint64_t digest_of(struct sgp4_batch *b, enum sgp4_width width, const struct room *room,
                          tai_ns start, size_t piece)
{
    uint64_t digest = 0;
    b->width = width;
    for (int step = 0; step < 20; step++) {
        tai_ns t = start + step * 7919 * NS_PER_S;
        for (size_t from = 0; from < b->block_count; from += piece)
            sgp4_batch_at(b, t, from, MIN(piece, b->block_count - from), &room->states);
        digest = hash64_seeded(digest, room->numbers, 6 * room->size * sizeof(double));
        digest = hash64_seeded(digest, room->states.status, room->size);
    }
    return digest;
}

static void is_the_same_to_the_last_bit_at_every_width(void **state)
{
    (void)state;
    const char *const paths[] = {"tests/data/starlink_sample.tle", "tests/data/active_sample.tle"};
    for (size_t p = 0; p < COUNT_OF(paths); p++) {
        struct fleet f;
        assert_true(fleet_load(&f, paths[p], TLE_STRICT));
        struct sgp4_batch b;
        assert_int_equal(sgp4_batch_init(&b, NULL, f.list, f.count), ERR_OK);
        struct room room = room_of(f.count);
        uint64_t narrow = digest_of(&b, SGP4_WIDTH_2, &room, f.sgp4[0].epoch, 1000);
        print_message("digest %016llx\n", (unsigned long long)narrow);
        for (int w = SGP4_WIDTH_4; w <= (int)sgp4_batch_widest(); w++)
            assert_true(digest_of(&b, (enum sgp4_width)w, &room, f.sgp4[0].epoch, 1000) == narrow);
        /* And in pieces, as threads would take it. */
        assert_true(digest_of(&b, sgp4_batch_widest(), &room, f.sgp4[0].epoch, 3) == narrow);
        room_free(&room);
        sgp4_batch_free(&b);
        fleet_free(&f);
    }
}

/* Coefficients come from libm, whose last bits are its own affair; as floats they are the same
 * everywhere. */
static void coefficients_round(struct sgp4 *s)
{
    double *from = &s->e;
    size_t count = (offsetof(struct sgp4, deep) - offsetof(struct sgp4, e)) / sizeof *from;
    for (size_t k = 0; k < count; k++)
        from[k] = (double)(float)from[k];
}

static void is_the_same_to_the_last_bit_with_every_compiler(void **state)
{
    (void)state;
    struct fleet f;
    assert_true(fleet_load(&f, "tests/data/starlink_sample.tle", TLE_STRICT));
    for (size_t k = 0; k < f.count; k++)
        coefficients_round(&f.sgp4[k]);
    struct sgp4_batch b;
    assert_int_equal(sgp4_batch_init(&b, NULL, f.list, f.count), ERR_OK);
    struct room room = room_of(f.count);
    uint64_t digest = digest_of(&b, sgp4_batch_widest(), &room, f.sgp4[0].epoch, 1000);
    print_message("digest %016llx\n", (unsigned long long)digest);
    /* The same with gcc 12 and clang 14, from -O0 to -O3, at all widths. */
    assert_true(digest == UINT64_C(0x2f05f4220be40d79));
    room_free(&room);
    sgp4_batch_free(&b);
    fleet_free(&f);
}

static void a_satellite_does_not_depend_on_its_company(void **state)
{
    (void)state;
    struct fleet f;
    assert_true(fleet_load(&f, "tests/data/active_sample.tle", TLE_STRICT));
    struct sgp4_batch all, one;
    assert_int_equal(sgp4_batch_init(&all, NULL, f.list, f.count), ERR_OK);
    struct room room = room_of(f.count), single = room_of(1);
    tai_ns t = f.sgp4[0].epoch + 3 * NS_PER_HOUR;
    sgp4_batch_at(&all, t, 0, all.block_count, &room.states);
    for (size_t k = 0; k < f.count; k++) {
        const struct sgp4 *list[1] = {f.list[k]};
        assert_int_equal(sgp4_batch_init(&one, NULL, list, 1), ERR_OK);
        sgp4_batch_at(&one, t, 0, 1, &single.states);
        assert_memory_equal(&single.states.x[0], &room.states.x[k], sizeof(double));
        assert_memory_equal(&single.states.vz[0], &room.states.vz[k], sizeof(double));
        sgp4_batch_free(&one);
    }
    room_free(&room);
    room_free(&single);
    sgp4_batch_free(&all);
    fleet_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_within_a_millimetre_of_the_scalar_path),
        cmocka_unit_test(reproduces_the_verification_set),
        cmocka_unit_test(gives_each_satellite_its_published_error_code),
        cmocka_unit_test(is_the_same_to_the_last_bit_at_every_width),
        cmocka_unit_test(is_the_same_to_the_last_bit_with_every_compiler),
        cmocka_unit_test(a_satellite_does_not_depend_on_its_company),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
