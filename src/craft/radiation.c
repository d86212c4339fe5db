#include "craft/radiation.h"

#include <math.h>

#include "base/rng.h"
#include "craft/portable.h"

#define CELL_NS NS_PER_HOUR
#define REFERENCE_ALTITUDE_KM 686.0
#define REFERENCE_INCLINATION_RAD (98.16 * DEGREE_RAD)
#define CUTOFF_GV 14.9      /* vertical cutoff rigidity at the magnetic equator, at one Earth radius */
#define HALF_RIGIDITY_GV 2.5 /* where the background has fallen to half of its polar value */
#define BELOW_SCALE_KM 150.0 /* e-folding of the Anomaly with height, below and above the reference */
#define ABOVE_SCALE_KM 705.0
#define DAYS_PER_YEAR 365.25
enum { DRAW_WAIT, DRAW_KEEP, DRAW_SEVERITY, DRAW_WHICH, DRAWS };

/* Two bumps: the Anomaly and its tail towards Africa. Widths are sines of angles on the globe. */
static const struct {
    double latitude_deg, longitude_deg, width_east, width_north, height;
} bumps[2] = {
    {-26.0, -49.0, 0.34, 0.19, 1.0},
    {-32.0, -15.0, 0.30, 0.17, 0.35},
};

/* North pole of the geomagnetic dipole: 80.7 N, 72.7 W (IGRF-13, 2020). */
static const double dipole[3] = {0.0480569, -0.1542930, 0.9868557};

static const double severity_share[RADIATION_SEVERITIES] = {0.986, 0.0122, 0.0018};

const char *radiation_process_name(enum radiation_process p)
{
    static const char *const names[RADIATION_PROCESS_COUNT] = {"memory-upset", "storage-upset", "memory-uncorrectable", "reset",
                                                               "latch-up"};
    ASSERT((unsigned)p < RADIATION_PROCESS_COUNT);
    return names[p];
}

/* ---- the field ---------------------------------------------------------------------------------------------------- */

/* Cosmic rays above the cutoff rigidity of a tilted dipole, 1 at the poles. */
static double background_shape(const double u[3], double radius)
{
    double s = vector_dot(u, dipole), c2 = 1.0 - s * s;
    double cutoff = CUTOFF_GV * c2 * c2 / (radius * radius);
    return 1.0 / (1.0 + cutoff / HALF_RIGIDITY_GV);
}

static double height_factor(double altitude_km)
{
    double above = altitude_km - REFERENCE_ALTITUDE_KM;
    return portable_exp(above / (above < 0.0 ? BELOW_SCALE_KM : ABOVE_SCALE_KM));
}

static double anomaly_shape(const struct radiation_sky *s, const double u[3])
{
    double sum = 0.0;
    for (int k = 0; k < 2; k++) {
        double x = vector_dot(u, s->bump[k][0]) / bumps[k].width_east, y = vector_dot(u, s->bump[k][1]) / bumps[k].width_north;
        double far = 0.5 * (x * x + y * y);
        if (vector_dot(u, s->bump[k][2]) > 0.0 && far < 20.0)
            sum += bumps[k].height * portable_exp(-far);
    }
    return sum;
}

struct radiation_field radiation_field_at(const struct radiation_sky *s, const double r_ecef_km[3])
{
    double r[3], u[3];
    for (int k = 0; k < 3; k++)
        r[k] = floor(r_ecef_km[k] * 10.0 + 0.5) / 10.0;
    double length = sqrt(vector_dot(r, r));
    for (int k = 0; k < 3; k++)
        u[k] = r[k] / length;
    double anomaly = anomaly_shape(s, u);
    if (anomaly > 0.0)
        anomaly *= height_factor(length - WGS84_RADIUS_KM);
    return (struct radiation_field){.background = s->background_scale * background_shape(u, length / WGS84_RADIUS_KM),
                                    .anomaly = s->anomaly_scale * anomaly};
}

static void bump_axes(double out[3][3], double latitude_rad, double longitude_rad)
{
    double sin_lat = sin(latitude_rad), cos_lat = cos(latitude_rad), sin_lon = sin(longitude_rad), cos_lon = cos(longitude_rad);
    const double axes[3][3] = {{-sin_lon, cos_lon, 0.0},
                               {-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat},
                               {cos_lat * cos_lon, cos_lat * sin_lon, sin_lat}};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            out[i][k] = floor(axes[i][k] * 1e12 + 0.5) / 1e12;
}

/* Means over the reference orbit: uniform along the orbit and, as the Earth turns below, in longitude. */
static void normalise(struct radiation_sky *s)
{
    enum { ALONG = 180, AROUND = 180 };
    const double radius = WGS84_RADIUS_KM + REFERENCE_ALTITUDE_KM;
    double background = 0.0, anomaly = 0.0;
    s->background_scale = s->anomaly_scale = 1.0;
    for (int i = 0; i < ALONG; i++) {
        double along = 2.0 * M_PI * (i + 0.5) / ALONG, z = sin(along) * sin(REFERENCE_INCLINATION_RAD);
        double level = sqrt(1.0 - z * z);
        for (int k = 0; k < AROUND; k++) {
            double around = 2.0 * M_PI * k / AROUND;
            const double r[3] = {radius * level * cos(around), radius * level * sin(around), radius * z};
            struct radiation_field f = radiation_field_at(s, r);
            background += f.background / (ALONG * AROUND);
            anomaly += f.anomaly / (ALONG * AROUND);
        }
    }
    s->background_scale = floor((1.0 - s->saa_share) / background * 1e9 + 0.5) / 1e9;
    s->anomaly_scale = floor(s->saa_share / anomaly * 1e9 + 0.5) / 1e9;
}

err radiation_sky_init(struct radiation_sky *s, double saa_share)
{
    if (!(saa_share >= 0.0 && saa_share <= 1.0))
        return ERR_RANGE;
    *s = (struct radiation_sky){.saa_share = saa_share};
    for (int k = 0; k < 2; k++)
        bump_axes(s->bump[k], bumps[k].latitude_deg * DEGREE_RAD, bumps[k].longitude_deg * DEGREE_RAD);
    normalise(s);
    return ERR_OK;
}

/* ---- storms ------------------------------------------------------------------------------------------------------- */

err radiation_storm_add(struct radiation_sky *s, const struct radiation_storm *storm)
{
    if (!(storm->factor >= 1.0 && storm->factor <= 1e6) || !(storm->dose_rad >= 0.0 && storm->dose_rad <= 1e6) ||
        storm->start >= storm->end)
        return ERR_RANGE;
    if (s->storm_count == RADIATION_STORMS_MAX)
        return ERR_FULL;
    size_t at = s->storm_count;
    while (at > 0 && s->storms[at - 1].start > storm->start)
        at--;
    if ((at > 0 && s->storms[at - 1].end > storm->start) || (at < s->storm_count && s->storms[at].start < storm->end))
        return ERR_CONFLICT;
    for (size_t i = s->storm_count; i > at; i--)
        s->storms[i] = s->storms[i - 1];
    s->storms[at] = *storm;
    s->storm_count++;
    return ERR_OK;
}

err radiation_storms_draw(struct radiation_sky *s, uint64_t seed, double per_year, tai_ns from, tai_ns until)
{
    if (!(per_year >= 0.0 && per_year <= DAYS_PER_YEAR) || from > until || from < 0)
        return ERR_RANGE;
    uint64_t key = keyed_key(seed, 0, RADIATION_PROCESS_COUNT);
    double chance = 1.0 - portable_exp(-per_year / DAYS_PER_YEAR); /* that a storm begins on a day */
    for (int64_t day = from / NS_PER_DAY; day * NS_PER_DAY < until; day++) {
        uint64_t index = (uint64_t)day * 4;
        if (keyed_unit(key, index) >= chance)
            continue;
        tai_ns start = day * NS_PER_DAY + (tai_ns)(keyed_unit(key, index + 1) * 86400.0) * NS_PER_S;
        duration_ns length = NS_PER_DAY + (duration_ns)(keyed_unit(key, index + 2) * 172800.0) * NS_PER_S;
        struct radiation_storm storm = {start, start + length, 2.0 * portable_power(10.0, keyed_unit(key, index + 3)), 30.0};
        err e = radiation_storm_add(s, &storm);
        if (e != ERR_OK && e != ERR_CONFLICT) /* one storm at a time: the earlier goes on */
            return e;
    }
    return ERR_OK;
}

static const struct radiation_storm *storm_at(const struct radiation_sky *s, tai_ns t)
{
    for (size_t i = 0; i < s->storm_count; i++)
        if (t >= s->storms[i].start && t < s->storms[i].end)
            return &s->storms[i];
    return NULL;
}

double radiation_storm_factor(const struct radiation_sky *s, tai_ns t)
{
    const struct radiation_storm *storm = storm_at(s, t);
    return storm ? storm->factor : 1.0;
}

static double storm_factor_max(const struct radiation_sky *s, tai_ns from, tai_ns until)
{
    double most = 1.0;
    for (size_t i = 0; i < s->storm_count; i++)
        if (s->storms[i].start < until && s->storms[i].end > from)
            most = fmax(most, s->storms[i].factor);
    return most;
}

/* ---- members ------------------------------------------------------------------------------------------------------ */

struct radiation_params radiation_params_cots(void)
{
    return (struct radiation_params){
        .memory_bits = 8.0 * 512 * 1048576,
        .storage_bits = 8.0 * 4294967296.0,
        .memory_upsets_per_bit_day = 4.04e-7,
        .storage_upsets_per_bit_day = 3.5e-9,
        .dose_rad_per_year = 150.0,
        .rad_per_uncorrectable = 50.0,
        .memory_chips = 1.0,
        .resets_per_year = 4.0,
        .latch_ups_per_year = 0.5,
        .burn_out_share = 0.05,
        .latch_up_off = 2 * NS_PER_MINUTE,
        .derate_rad = 2000.0,
        .death_rad = 15000.0,
    };
}

struct radiation_params radiation_params_tolerant(void)
{
    struct radiation_params p = radiation_params_cots();
    p.memory_upsets_per_bit_day = 3.5e-9;
    p.storage_upsets_per_bit_day = 3.5e-11;
    p.resets_per_year = 0.2;
    p.latch_ups_per_year = 0.0;
    p.burn_out_share = 0.0;
    p.derate_rad = 30000.0;
    p.death_rad = 100000.0;
    return p;
}

err radiation_params_check(const struct radiation_params *p)
{
    const struct {
        double value, least, most;
    } ranges[] = {
        {p->memory_bits, 0, 1e18},           {p->storage_bits, 0, 1e18},        {p->memory_upsets_per_bit_day, 0, 1},
        {p->storage_upsets_per_bit_day, 0, 1}, {p->dose_rad_per_year, 0, 1e7},  {p->rad_per_uncorrectable, 1e-3, 1e9},
        {p->memory_chips, 0, 1e6},           {p->resets_per_year, 0, 1e5},      {p->latch_ups_per_year, 0, 1e5},
        {p->burn_out_share, 0, 1},           {p->derate_rad, 1e-3, 1e9},        {p->death_rad, 1e-3, 1e9},
    };
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (!(ranges[i].value >= ranges[i].least && ranges[i].value <= ranges[i].most))
            return ERR_RANGE;
    return p->latch_up_off >= 0 && p->derate_rad <= p->death_rad ? ERR_OK : ERR_RANGE;
}

static double severity_tail(enum radiation_severity least)
{
    double sum = 0.0;
    for (int k = RADIATION_SEVERITIES - 1; k >= (int)least; k--)
        sum += severity_share[k];
    return sum;
}

static bool has_severity(enum radiation_process process)
{
    return process == RADIATION_MEMORY_UPSET || process == RADIATION_STORAGE_UPSET;
}

struct radiation_source radiation_source_of(const struct radiation_params *p, enum radiation_process process, uint64_t seed,
                                            uint32_t node, double altitude_max_km, enum radiation_severity severity_least)
{
    ASSERT(radiation_params_check(p) == ERR_OK && severity_least < RADIATION_SEVERITIES);
    const double per_day[RADIATION_PROCESS_COUNT] = {
        [RADIATION_MEMORY_UPSET] = p->memory_bits * p->memory_upsets_per_bit_day,
        [RADIATION_STORAGE_UPSET] = p->storage_bits * p->storage_upsets_per_bit_day,
        [RADIATION_MEMORY_UNCORRECTABLE] = p->memory_chips * p->dose_rad_per_year / p->rad_per_uncorrectable / DAYS_PER_YEAR,
        [RADIATION_RESET] = p->resets_per_year / DAYS_PER_YEAR,
        [RADIATION_LATCH_UP] = p->latch_ups_per_year / DAYS_PER_YEAR,
    };
    struct radiation_source s = {.seed = seed, .node = node, .process = process, .altitude_max_km = altitude_max_km};
    s.severity_least = has_severity(process) ? severity_least : RADIATION_SINGLE;
    s.per_day = per_day[process] * (has_severity(process) ? severity_tail(severity_least) : 1.0);
    if (process == RADIATION_LATCH_UP)
        s.burn_out_share = p->burn_out_share;
    return s;
}

/* ---- thinning ----------------------------------------------------------------------------------------------------- */

bool radiation_where_sky(void *place, tai_ns t, double r_ecef_km[3])
{
    const struct radiation_place *p = place;
    struct state state;
    if (sky_position(p->sky, p->node, t, &state) != ERR_OK)
        return false;
    for (int k = 0; k < 3; k++)
        r_ecef_km[k] = state.r_ecef_km[k];
    return true;
}

static enum radiation_severity severity_of(const struct radiation_source *source, double unit)
{
    if (!has_severity(source->process))
        return RADIATION_SINGLE;
    double left = unit * severity_tail(source->severity_least);
    int k = (int)source->severity_least;
    while (k < RADIATION_SEVERITIES - 1 && left >= severity_share[k])
        left -= severity_share[k++];
    return (enum radiation_severity)k;
}

struct candidate {
    uint64_t key, index; /* of its draws */
    tai_ns at;
    double bound; /* rate over the mean of the reference orbit */
};

static bool keep(const struct radiation_sky *s, const struct radiation_source *source, radiation_where *where, void *context,
                 const struct candidate *c, struct radiation_event *out)
{
    double r[3], storm = radiation_storm_factor(s, c->at), level = keyed_unit(c->key, c->index + DRAW_KEEP) * c->bound;
    if (!where(context, c->at, r))
        return false;
    struct radiation_field f = radiation_field_at(s, r);
    if (level >= storm * (f.anomaly + f.background))
        return false;
    *out = (struct radiation_event){.at = c->at,
                                    .severity = severity_of(source, keyed_unit(c->key, c->index + DRAW_SEVERITY)),
                                    .anomaly = level < storm * f.anomaly,
                                    .storm = storm > 1.0,
                                    .burn_out = keyed_unit(c->key, c->index + DRAW_SEVERITY) < source->burn_out_share,
                                    .draw = keyed_u64(c->key, c->index + DRAW_WHICH)};
    return true;
}

/* The largest rate anywhere up to a height. */
static double bound_of(const struct radiation_sky *s, double altitude_max_km)
{
    double peak = bumps[0].height + bumps[1].height;
    return s->background_scale + s->anomaly_scale * peak * height_factor(altitude_max_km);
}

bool radiation_next(const struct radiation_sky *s, const struct radiation_source *source, radiation_where *where, void *context,
                    tai_ns from, tai_ns until, struct radiation_event *out)
{
    if (source->per_day <= 0.0 || from >= until)
        return false;
    ASSERT(from >= 0 && source->per_day < 1e12);
    const uint64_t key = keyed_key(source->seed, source->node, (uint64_t)source->process);
    const double still = bound_of(s, source->altitude_max_km);
    for (int64_t cell = from / CELL_NS; cell * CELL_NS < until; cell++) {
        tai_ns start = cell * CELL_NS;
        struct candidate c = {.key = hash_mix(key, (uint64_t)cell), .bound = still * storm_factor_max(s, start, start + CELL_NS)};
        double per_cell = source->per_day * c.bound * ((double)CELL_NS / (double)NS_PER_DAY), into = 0.0;
        for (;; c.index += DRAWS) {
            into += keyed_exponential(c.key, c.index + DRAW_WAIT) / per_cell;
            if (into >= 1.0)
                break;
            c.at = start + (tai_ns)(into * (double)CELL_NS);
            if (c.at >= until)
                return false;
            if (c.at >= from && keep(s, source, where, context, &c, out))
                return true;
        }
    }
    return false;
}

/* ---- dose --------------------------------------------------------------------------------------------------------- */

double radiation_dose_rate(const struct radiation_sky *s, const struct radiation_params *p, const double r_ecef_km[3], tai_ns t)
{
    struct radiation_field f = radiation_field_at(s, r_ecef_km);
    double rate = p->dose_rad_per_year / DAYS_PER_YEAR * (f.background + f.anomaly);
    const struct radiation_storm *storm = storm_at(s, t);
    if (storm)
        rate += storm->dose_rad * (double)NS_PER_DAY / (double)(storm->end - storm->start);
    return rate;
}

double radiation_dose_bound(const struct radiation_sky *s, const struct radiation_params *p, double altitude_max_km, double days)
{
    double rad = p->dose_rad_per_year / DAYS_PER_YEAR * bound_of(s, altitude_max_km) * days;
    for (size_t i = 0; i < s->storm_count; i++)
        rad += s->storms[i].dose_rad;
    return rad;
}

enum radiation_health radiation_health(const struct radiation_params *p, uint64_t dose_mrad)
{
    double rad = (double)dose_mrad / 1000.0;
    return rad >= p->death_rad ? RADIATION_DEAD : rad >= p->derate_rad ? RADIATION_DERATED : RADIATION_WELL;
}

uint32_t radiation_memory_permille(const struct radiation_params *p, uint64_t dose_mrad)
{
    double rad = (double)dose_mrad / 1000.0;
    if (rad >= p->death_rad)
        return 0;
    if (rad <= p->derate_rad)
        return 1000;
    return (uint32_t)(1000.0 - 500.0 * (rad - p->derate_rad) / (p->death_rad - p->derate_rad));
}
