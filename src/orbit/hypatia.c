#include "orbit/hypatia.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orbit/lines.h"
#include "orbit/tle.h"
#include "orbit/visibility.h"

/* WGS72, as Hypatia's stations are placed. */
#define WGS72_FLATTENING (1.0 / 298.26)

const struct hypatia_shell hypatia_starlink_550 = {"Starlink-550", 72, 22, 53.0, 15.19, 550.0, 1089.6864181956203};
const struct hypatia_shell hypatia_kuiper_630 = {"Kuiper-630", 34, 34, 51.9, 14.80, 630.0, 1260.0};
const struct hypatia_shell hypatia_telesat_1015 = {"Telesat-1015", 27, 13, 98.98, 13.66, 1015.0, 5845.152040390789};

void hypatia_free(struct hypatia *h)
{
    free(h->satellites);
    free(h->stations);
    free(h->isls);
    free(h->interfaces);
    *h = (struct hypatia){0};
}

/* The longest link that stays 80 km above a sphere. */
static double longest_clear_km(double altitude_km)
{
    double r = SGP4_EARTH_RADIUS_KM + altitude_km, low = SGP4_EARTH_RADIUS_KM + 80.0;
    return r > low ? 2.0 * sqrt(r * r - low * low) : 0.0;
}

static double rounded(double value, double digits)
{
    return floor(value * digits + 0.5) / digits;
}

static err interfaces_make(struct hypatia *h)
{
    size_t nodes = (size_t)h->satellite_count + h->station_count;
    struct hypatia_interfaces *made = calloc(nodes + 1, sizeof *made);
    if (!made)
        return ERR_NO_MEMORY;
    for (size_t k = 0; k < nodes; k++)
        made[k] = (struct hypatia_interfaces){1, 1.0};
    free(h->interfaces);
    h->interfaces = made;
    return ERR_OK;
}

err hypatia_make(struct hypatia *h, const struct hypatia_shell *shell)
{
    if (shell->planes < 3 || shell->per_plane < 3 || (uint64_t)shell->planes * shell->per_plane > HYPATIA_SATELLITES_MAX)
        return ERR_INVALID;
    *h = (struct hypatia){.planes = shell->planes, .per_plane = shell->per_plane, .ground_max_m = 1000.0 * shell->ground_max_km};
    text_copy(h->name, sizeof h->name, span_text(shell->name));
    h->isl_max_m = 1000.0 * longest_clear_km(shell->altitude_km);
    h->satellite_count = shell->planes * shell->per_plane;
    h->satellites = calloc(h->satellite_count, sizeof *h->satellites);
    h->isls = calloc(2 * (size_t)h->satellite_count, sizeof *h->isls);
    if (!h->satellites || !h->isls) {
        hypatia_free(h);
        return ERR_NO_MEMORY;
    }
    for (uint32_t plane = 0; plane < shell->planes; plane++)
        for (uint32_t slot = 0; slot < shell->per_plane; slot++) {
            uint32_t k = plane * shell->per_plane + slot;
            double shift = plane % 2 ? 360.0 / (shell->per_plane * 2.0) : 0.0;
            struct elements *e = &h->satellites[k];
            *e = (struct elements){.catalog = k + 1,
                                   .classification = 'U',
                                   .designator = "00000ABC",
                                   .epoch = time_from_utc(2000, 1, 1, 0, 0, 0.0),
                                   .mean_motion_rev_day = rounded(shell->mean_motion_rev_day, 1e8),
                                   .eccentricity = 1e-7,
                                   .inclination_deg = rounded(shell->inclination_deg, 1e4),
                                   .raan_deg = rounded(plane * 360.0 / shell->planes, 1e4),
                                   .mean_anomaly_deg = rounded(shift + slot * 360.0 / shell->per_plane, 1e4)};
            struct text name = text_new(NULL, ELEMENTS_NAME_SIZE);
            text_printf(&name, "%s %u", shell->name, k);
            text_copy(e->name, sizeof e->name, text_span(&name));
            text_free(&name);
            uint32_t next = plane * shell->per_plane + (slot + 1) % shell->per_plane;
            uint32_t across = (plane + 1) % shell->planes * shell->per_plane + slot;
            h->isls[h->isl_count++] = (struct snapshot_link){MIN(k, next), MAX(k, next), false};
            h->isls[h->isl_count++] = (struct snapshot_link){MIN(k, across), MAX(k, across), true};
        }
    return interfaces_make(h);
}

/* ---- reading ---- */

static err wrong(struct parse_error *error, const struct lines *l, const char *what)
{
    return parse_fail(error, ERR_INVALID, l->line, 1, "%s", what);
}

static bool number(struct span s, double low, double high, double *out)
{
    return parse_double(s, out) == ERR_OK && *out >= low && *out <= high;
}

static bool whole(struct span s, uint64_t most, uint32_t *out)
{
    uint64_t value;
    if (parse_u64(s, most, &value) != ERR_OK)
        return false;
    *out = (uint32_t)value;
    return true;
}

static err tles_fill(struct hypatia *h, struct lines *l, struct parse_error *error)
{
    struct span name, one, two, fields[3];
    while (lines_next(l, &name)) {
        if (lines_split(name, ' ', fields, 3) == 0)
            continue;
        if (h->satellite_count == h->planes * h->per_plane)
            return wrong(error, l, "more satellites than the first line says");
        uint32_t id;
        if (lines_split(name, ' ', fields, 3) != 2 || !whole(fields[1], HYPATIA_SATELLITES_MAX, &id) || id != h->satellite_count)
            return wrong(error, l, "a name line is \"NAME NUMBER\", with numbers that count up from 0");
        int line = l->line;
        if (!lines_next(l, &one) || !lines_next(l, &two))
            return wrong(error, l, "the file ends within an element set");
        struct elements *e = &h->satellites[h->satellite_count];
        err result = tle_parse_lines(name, one, two, TLE_STRICT, e, error);
        if (result != ERR_OK) {
            if (error)
                error->line += line - 1;
            return result;
        }
        if (e->epoch != h->satellites[0].epoch)
            return wrong(error, l, "all element sets must have the same epoch");
        if (h->satellite_count == 0)
            text_copy(h->name, sizeof h->name, fields[0]);
        h->satellite_count++;
    }
    return h->satellite_count == h->planes * h->per_plane ? ERR_OK : wrong(error, l, "fewer satellites than the first line says");
}

err hypatia_read_tles(struct hypatia *h, struct span text, struct parse_error *error)
{
    struct lines l = lines_of(text);
    struct span line, fields[3];
    uint32_t planes, per_plane;
    if (!lines_next(&l, &line) || lines_split(line, ' ', fields, 3) != 2 || !whole(fields[0], HYPATIA_SATELLITES_MAX, &planes) ||
        !whole(fields[1], HYPATIA_SATELLITES_MAX, &per_plane) || planes == 0 || per_plane == 0 ||
        (uint64_t)planes * per_plane > HYPATIA_SATELLITES_MAX)
        return wrong(error, &l, "the first line is \"ORBITS SATELLITES_PER_ORBIT\", together at most 100000 satellites");
    if ((uint64_t)planes * per_plane > text.size / 140) /* each takes more: no table for what cannot be there */
        return wrong(error, &l, "fewer satellites than the first line says");
    hypatia_free(h);
    h->planes = planes;
    h->per_plane = per_plane;
    h->satellites = calloc((size_t)planes * per_plane, sizeof *h->satellites);
    if (!h->satellites)
        return ERR_NO_MEMORY;
    return tles_fill(h, &l, error);
}

static size_t lines_count(struct span text)
{
    size_t count = 1;
    for (size_t k = 0; k < text.size; k++)
        count += text.data[k] == '\n';
    return count;
}

static int link_compare(const struct snapshot_link *a, const struct snapshot_link *b)
{
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return a->b < b->b ? -1 : a->b > b->b;
}

/* A hash set of pairs, to find duplicates without sorting what must keep its order. */
static bool seen_before(struct snapshot_link *set, size_t mask, struct snapshot_link l)
{
    size_t at = (((uint64_t)l.a << 32 | l.b) * 0x9e3779b97f4a7c15u >> 20) & mask;
    while (set[at].b != 0) { /* b > a >= 0: zero is free */
        if (link_compare(&set[at], &l) == 0)
            return true;
        at = (at + 1) & mask;
    }
    set[at] = l;
    return false;
}

static err isls_fill(struct hypatia *h, struct span text, struct snapshot_link *set, size_t mask, struct parse_error *error)
{
    struct lines l = lines_of(text);
    struct span line, fields[3];
    while (lines_next(&l, &line)) {
        size_t count = lines_split(line, ' ', fields, 3);
        uint32_t a, b;
        if (count == 0)
            continue;
        if (count != 2 || !whole(fields[0], UINT32_MAX - 1, &a) || !whole(fields[1], UINT32_MAX - 1, &b))
            return wrong(error, &l, "a line is \"SATELLITE SATELLITE\", two numbers");
        if (a >= b || b >= h->satellite_count)
            return wrong(error, &l, "the second satellite must be above the first and below the number of satellites");
        struct snapshot_link link = {a, b, h->per_plane && a / h->per_plane != b / h->per_plane};
        if (seen_before(set, mask, link))
            return wrong(error, &l, "this link was there before");
        if (h->isl_count == HYPATIA_LINKS_MAX)
            return wrong(error, &l, "more than 1000000 links");
        h->isls[h->isl_count++] = link;
    }
    return ERR_OK;
}

err hypatia_read_isls(struct hypatia *h, struct span text, struct parse_error *error)
{
    size_t most = MIN(lines_count(text), (size_t)HYPATIA_LINKS_MAX) + 1, slots = 64;
    while (slots < 2 * most)
        slots *= 2;
    free(h->isls);
    h->isl_count = 0;
    h->isls = calloc(most, sizeof *h->isls);
    struct snapshot_link *set = calloc(slots, sizeof *set);
    err result = h->isls && set ? isls_fill(h, text, set, slots - 1, error) : ERR_NO_MEMORY;
    free(set);
    return result;
}

static void station_place(struct hypatia_station *s)
{
    double e2 = WGS72_FLATTENING * (2.0 - WGS72_FLATTENING);
    double latitude = s->latitude_deg * DEGREE_RAD, longitude = s->longitude_deg * DEGREE_RAD, height = s->altitude_m / 1000.0;
    double n = SGP4_EARTH_RADIUS_KM / sqrt(1.0 - e2 * sin(latitude) * sin(latitude));
    s->ecef_km[0] = (n + height) * cos(latitude) * cos(longitude);
    s->ecef_km[1] = (n + height) * cos(latitude) * sin(longitude);
    s->ecef_km[2] = (n * (1.0 - e2) + height) * sin(latitude);
}

err hypatia_read_stations(struct hypatia *h, struct span text, struct parse_error *error)
{
    struct lines l = lines_of(text);
    struct span line, f[8];
    free(h->stations);
    free(h->interfaces);
    h->interfaces = NULL;
    h->station_count = 0;
    h->stations = calloc(MIN(lines_count(text), (size_t)HYPATIA_STATIONS_MAX) + 1, sizeof *h->stations);
    if (!h->stations)
        return ERR_NO_MEMORY;
    while (lines_next(&l, &line)) {
        size_t count = lines_split(line, ',', f, 8);
        if (count == 0)
            continue;
        struct hypatia_station s = {0};
        uint32_t id;
        if (count != 5 && count != 8)
            return wrong(error, &l, "a station has 5 columns (number, name, latitude, longitude, elevation) or 8 (and x, y, z)");
        if (!whole(f[0], HYPATIA_STATIONS_MAX - 1, &id) || id != h->station_count)
            return wrong(error, &l, "stations must count up from 0, to at most 9999");
        if (f[1].size == 0 || !text_copy(s.name, sizeof s.name, f[1]) || !utf8_valid(f[1]))
            return wrong(error, &l, "the name must have 1 to 63 bytes of UTF-8");
        if (!number(f[2], -90, 90, &s.latitude_deg) || !number(f[3], -360, 360, &s.longitude_deg) ||
            !number(f[4], -1000, 100000, &s.altitude_m))
            return wrong(error, &l, "latitude is -90..90, longitude -360..360 degrees, elevation -1000..100000 metres");
        s.latitude_deg = rounded(s.latitude_deg, 1e6); /* what ground_stations.txt keeps, and so what Hypatia uses */
        s.longitude_deg = rounded(s.longitude_deg, 1e6);
        station_place(&s);
        double given;
        for (size_t k = 5; k < count; k++) /* the place is reckoned from the angles; the columns must agree with it */
            if (!number(f[k], -1e7, 1e7, &given) || fabs(given / 1000.0 - s.ecef_km[k - 5]) > 1.0)
                return wrong(error, &l, "x, y, z (metres) do not belong to this latitude, longitude and elevation");
        h->stations[h->station_count++] = s;
    }
    return ERR_OK;
}

err hypatia_read_description(struct hypatia *h, struct span text, struct parse_error *error)
{
    struct lines l = lines_of(text);
    struct span line, f[3];
    h->ground_max_m = h->isl_max_m = 0.0;
    while (lines_next(&l, &line)) {
        size_t count = lines_split(line, '=', f, 3);
        if (count == 0 || line.data[0] == '#')
            continue;
        double *value = NULL;
        if (count == 2 && span_equal_text(f[0], "max_gsl_length_m"))
            value = &h->ground_max_m;
        else if (count == 2 && span_equal_text(f[0], "max_isl_length_m"))
            value = &h->isl_max_m;
        if (!value || *value != 0.0)
            return wrong(error, &l, "the keys are max_gsl_length_m and max_isl_length_m, each once");
        if (!number(f[1], 1.0, 1e10, value))
            return wrong(error, &l, "a length in metres, 1..1e10");
    }
    return h->ground_max_m > 0.0 && h->isl_max_m > 0.0 ? ERR_OK : wrong(error, &l, "max_gsl_length_m and max_isl_length_m are both needed");
}

err hypatia_read_interfaces(struct hypatia *h, struct span text, struct parse_error *error)
{
    TRY(interfaces_make(h));
    struct lines l = lines_of(text);
    struct span line, f[4];
    uint32_t at = 0, node;
    while (lines_next(&l, &line)) {
        size_t count = lines_split(line, ',', f, 4);
        if (count == 0)
            continue;
        if (at == h->satellite_count + h->station_count)
            return wrong(error, &l, "more lines than satellites and stations");
        struct hypatia_interfaces *i = &h->interfaces[at];
        if (count != 3 || !whole(f[0], UINT32_MAX - 1, &node) || node != at || !whole(f[1], 1000000, &i->count) || i->count == 0 ||
            !number(f[2], 1e-9, 1e18, &i->bandwidth))
            return wrong(error, &l, "a line is \"NODE,INTERFACES,BANDWIDTH\"; nodes count up from 0, the others are above 0");
        at++;
    }
    return at == h->satellite_count + h->station_count ? ERR_OK : wrong(error, &l, "fewer lines than satellites and stations");
}

/* ---- writing ---- */

err hypatia_write_tles(const struct hypatia *h, struct text *out)
{
    text_printf(out, "%u %u\n", h->planes, h->per_plane);
    for (uint32_t k = 0; k < h->satellite_count; k++) {
        char one[TLE_LINE_SIZE], two[TLE_LINE_SIZE];
        TRY(tle_write(&h->satellites[k], one, two));
        text_printf(out, "%s %u\n%s\n%s\n", h->name[0] ? h->name : "Satellite", k, one, two);
    }
    return ERR_OK;
}

void hypatia_write_isls(const struct hypatia *h, struct text *out)
{
    for (size_t k = 0; k < h->isl_count; k++)
        text_printf(out, "%u %u\n", h->isls[k].a, h->isls[k].b);
}

void hypatia_write_stations(const struct hypatia *h, struct text *out)
{
    for (uint32_t k = 0; k < h->station_count; k++) {
        const struct hypatia_station *s = &h->stations[k];
        text_printf(out, "%u,%s,%f,%f,%f,%f,%f,%f\n", k, s->name, s->latitude_deg, s->longitude_deg, s->altitude_m,
                    1000.0 * s->ecef_km[0], 1000.0 * s->ecef_km[1], 1000.0 * s->ecef_km[2]);
    }
}

void hypatia_write_description(const struct hypatia *h, struct text *out)
{
    text_printf(out, "max_gsl_length_m=%.10f\nmax_isl_length_m=%.10f\n", h->ground_max_m, h->isl_max_m);
}

void hypatia_write_interfaces(const struct hypatia *h, struct text *out)
{
    for (uint32_t k = 0; k < h->satellite_count + h->station_count; k++) {
        struct hypatia_interfaces i = h->interfaces ? h->interfaces[k] : (struct hypatia_interfaces){1, 1.0};
        text_printf(out, "%u,%u,%f\n", k, i.count, i.bandwidth);
    }
}

/* ---- the network ---- */

err hypatia_check(const struct hypatia *h, tai_ns t, double graze_km, struct parse_error *error)
{
    for (size_t k = 0; k < h->isl_count; k++) {
        struct sgp4 one, two;
        struct motion a, b;
        TRY(sgp4_init(&one, &h->satellites[h->isls[k].a]));
        TRY(sgp4_init(&two, &h->satellites[h->isls[k].b]));
        if (!visibility_motion(&one, t, 0.0, &a) || !visibility_motion(&two, t, 0.0, &b))
            return parse_fail(error, ERR_INVALID, (int)k + 1, 1, "link %u-%u: a satellite has no position", h->isls[k].a, h->isls[k].b);
        double graze = visibility_graze_km(a.r, b.r), range = visibility_range_km(a.r, b.r);
        if (graze < graze_km)
            return parse_fail(error, ERR_INVALID, (int)k + 1, 1,
                              "link %u-%u dips to %.0f km above the Earth, below %.0f km: is the seam or the phase wrong?",
                              h->isls[k].a, h->isls[k].b, graze, graze_km);
        if (1000.0 * range > h->isl_max_m)
            return parse_fail(error, ERR_INVALID, (int)k + 1, 1, "link %u-%u is %.0f km long, longer than max_isl_length_m (%.0f km)",
                              h->isls[k].a, h->isls[k].b, range, h->isl_max_m / 1000.0);
    }
    return ERR_OK;
}

/* Ways run along planes and across them: the second order of sweeps has the slots of each plane backwards. */
static err order_set(const struct hypatia *h, struct snapshot *s)
{
    uint32_t nodes = s->paths.node_count, *order = calloc((size_t)nodes + 1, sizeof *order);
    if (!order)
        return ERR_NO_MEMORY;
    for (uint32_t k = 0; k < nodes; k++)
        order[k] = k < h->satellite_count ? k - k % h->per_plane + (h->per_plane - 1 - k % h->per_plane) : k;
    err result = paths_set_order(&s->paths, order);
    free(order);
    return result;
}

err hypatia_snapshot(const struct hypatia *h, struct heap *heap, struct snapshot *out)
{
    double(*ecef)[3] = calloc((size_t)h->station_count + 1, sizeof *ecef);
    struct snapshot_rules rules = {.isl_max_km = h->isl_max_m / 1000.0 * (1.0 + 1e-15),
                                   .ground_max_km = h->ground_max_m / 1000.0,
                                   .graze_min_km = -1.0,
                                   .sin_mask = -1.0,
                                   .sin_latitude_max = 1.0};
    if (!ecef)
        return ERR_NO_MEMORY;
    for (uint32_t k = 0; k < h->station_count; k++)
        memcpy(ecef[k], h->stations[k].ecef_km, sizeof ecef[k]);
    err result = snapshot_init(out, heap, h->satellites, h->satellite_count, (const double(*)[3])ecef, (const double(*)[3])ecef,
                               h->station_count, &rules);
    free(ecef);
    TRY(result);
    for (size_t k = 0; k < h->isl_count && result == ERR_OK; k++)
        result = snapshot_add_link(out, h->isls[k].a, h->isls[k].b, false);
    if (result == ERR_OK)
        result = order_set(h, out);
    if (result != ERR_OK)
        snapshot_free(out);
    return result;
}
