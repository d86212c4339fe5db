#include "host/camera.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "host/camera_map.h"

static const double KM_PER_DEGREE = 111.195; /* of a sphere of 6371.0 km */
static const double RADIANS = 0.017453292519943295;
static const double NOISE_COUNTS = 1.2;
static const double CLOUD_DRIFT_KM_PER_HOUR = 36.0;

struct camera {
    struct camera_map map;
};

static const char *const map_places[] = {"/usr/share/xplanet/images/earth.jpg",
                                         "/usr/local/share/xplanet/images/earth.jpg"};

err camera_open(struct camera **out, const char *map_path, char why[CAMERA_WHY])
{
    for (size_t i = 0; !map_path && i < COUNT_OF(map_places); i++)
        if (access(map_places[i], R_OK) == 0)
            map_path = map_places[i];
    if (!map_path) {
        snprintf(why, CAMERA_WHY, "no map of the Earth at %s (Debian package xplanet-images)",
                 map_places[0]);
        return ERR_NOT_FOUND;
    }
    struct camera *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NO_MEMORY;
    err result = camera_map_load(&c->map, map_path, why, CAMERA_WHY);
    if (result == ERR_OK)
        *out = c;
    else
        free(c);
    return result;
}

void camera_close(struct camera *c)
{
    if (!c)
        return;
    camera_map_free(&c->map);
    free(c);
}

void picture_free(struct picture *p)
{
    free(p->bytes);
    *p = (struct picture){0};
}

/* ---- value noise: a smooth field over a plane, the same for equal arguments ---- */

static double lattice(uint64_t seed, int64_t x, int64_t y)
{
    return (double)(hash_mix(hash_mix(seed, (uint64_t)x), (uint64_t)y) >> 11) * 0x1p-53;
}

static double value_noise(uint64_t seed, double x, double y)
{
    double fx = floor(x), fy = floor(y), u = x - fx, v = y - fy;
    int64_t ix = (int64_t)fx, iy = (int64_t)fy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    double top = lattice(seed, ix, iy) * (1 - u) + lattice(seed, ix + 1, iy) * u;
    double bottom = lattice(seed, ix, iy + 1) * (1 - u) + lattice(seed, ix + 1, iy + 1) * u;
    return top * (1 - v) + bottom * v;
}

/* Octaves of halving size and weight; mean 0.5. */
static double fractal_noise(uint64_t seed, double x, double y, int octaves)
{
    double sum = 0, weight = 1, total = 0;
    for (int i = 0; i < octaves; i++) {
        sum += weight * value_noise(seed + (uint64_t)i, x, y);
        total += weight;
        weight *= 0.5;
        x *= 2;
        y *= 2;
    }
    return sum / total;
}

/* ---- what stands at a place ---- */

struct scene {
    const struct camera *camera;
    const struct scene_request *request;
    double north, south, west, east; /* degrees */
    double light;                    /* sine of the Sun's elevation, 0 at night */
    double cloud_level;              /* noise above this is cloud */
};

static double distance_km(double lat_a, double lon_a, double lat_b, double lon_b)
{
    double dlat = (lat_b - lat_a) * RADIANS / 2, dlon = (lon_b - lon_a) * RADIANS / 2;
    double h =
        sin(dlat) * sin(dlat) + cos(lat_a * RADIANS) * cos(lat_b * RADIANS) * sin(dlon) * sin(dlon);
    return 2 * 6371.0 * asin(sqrt(h < 1 ? h : 1));
}

static struct colour blend(struct colour a, struct colour b, double t)
{
    return (struct colour){a.red + (b.red - a.red) * t, a.green + (b.green - a.green) * t,
                           a.blue + (b.blue - a.blue) * t};
}

static struct colour ground(const struct scene *s, double lat, double lon)
{
    struct colour c = camera_map_sample(&s->camera->map, lat, lon);
    /* Fixed to the ground, so equal in every picture: features of about 5 km and smaller, +-15 %.
     */
    double wrapped = lon - 360.0 * floor((lon + 180.0) / 360.0);
    double detail = 0.85 + 0.3 * fractal_noise(77, wrapped * 22, lat * 22, 3);
    return (struct colour){c.red * detail, c.green * detail, c.blue * detail};
}

static struct colour with_events(const struct scene *s, struct colour c, double lat, double lon)
{
    static const struct colour char_black = {0.045, 0.035, 0.03}, flood_water = {0.03, 0.06, 0.14};
    for (size_t i = 0; i < s->request->event_count; i++) {
        const struct scene_event *e = &s->request->events[i];
        if (s->request->time < e->start)
            continue;
        double hours = (double)(s->request->time - e->start) / (double)NS_PER_HOUR;
        double radius = e->radius_km + e->growth_km_per_hour * hours;
        if (radius > 0 && distance_km(lat, lon, e->lat_deg, e->lon_deg) <= radius)
            c = blend(c, e->kind == SCENE_BURN ? char_black : flood_water, 0.9);
    }
    return c;
}

static struct colour with_clouds(const struct scene *s, struct colour c, double lat, double lon)
{
    static const struct colour cloud = {0.86, 0.87, 0.89};
    if (s->request->cloud_fraction <= 0)
        return c;
    double hours = (double)(s->request->time % (1000 * NS_PER_DAY)) / (double)NS_PER_HOUR;
    double drift_deg = fmod(hours * CLOUD_DRIFT_KM_PER_HOUR / KM_PER_DEGREE, 3600.0);
    /* The field also changes slowly in place: it is cut by a third coordinate folded into latitude.
     */
    double n = fractal_noise(1234, (lon - drift_deg) * 1.7, lat * 2.3 + hours * 0.02, 5);
    double alpha = (n - s->cloud_level) / 0.04;
    return blend(c, cloud, alpha < 0 ? 0 : alpha > 1 ? 1 : alpha);
}

/* ---- picture ---- */

static bool name_valid(const char *text, size_t size)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._:+-";
    size_t used = strnlen(text, size);
    return used > 0 && used < size && strspn(text, allowed) == used;
}

static err request_check(const struct scene_request *r)
{
    if (!name_valid(r->sensor, sizeof r->sensor) || !name_valid(r->satellite, sizeof r->satellite))
        return ERR_INVALID;
    bool place = fabs(r->center_lat_deg) <= 90 && fabs(r->center_lon_deg) <= 360;
    bool size = r->half_width_km >= 1 && r->half_width_km <= 2000 && r->pixels >= 16 &&
                r->pixels <= CAMERA_PIXELS_MAX;
    bool sky =
        r->cloud_fraction >= 0 && r->cloud_fraction <= 1 && fabs(r->sun_elevation_rad) <= 1.5708;
    for (size_t i = 0; i < r->event_count; i++) {
        const struct scene_event *e = &r->events[i];
        place = place && isfinite(e->lat_deg) && isfinite(e->lon_deg) && isfinite(e->radius_km) &&
                isfinite(e->growth_km_per_hour);
    }
    return place && size && sky ? ERR_OK : ERR_RANGE;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* The noise field's values gather around one half (standard deviation about 0.15): a fraction
 * becomes a level. */
static double cloud_level_of(double fraction)
{
    return clamp(0.5 + 0.35 * (1 - 2 * fraction) + (fraction >= 1 ? -1 : 0), -1, 1);
}

static struct scene scene_of(const struct camera *c, const struct scene_request *r)
{
    double half_lat = r->half_width_km / KM_PER_DEGREE;
    double lat = clamp(r->center_lat_deg, -89.9 + half_lat, 89.9 - half_lat);
    double half_lon = clamp(half_lat / cos(lat * RADIANS), 0, 180);
    double lon = r->center_lon_deg - 360.0 * floor((r->center_lon_deg + 180.0) / 360.0);
    return (struct scene){.camera = c,
                          .request = r,
                          .north = lat + half_lat,
                          .south = lat - half_lat,
                          .west = lon - half_lon,
                          .east = lon + half_lon,
                          .light = r->sun_elevation_rad > 0 ? sin(r->sun_elevation_rad) : 0,
                          .cloud_level = cloud_level_of(r->cloud_fraction)};
}

static size_t write_header(const struct scene *s, char *out, size_t size)
{
    const struct scene_request *r = s->request;
    struct camera_tile tile;
    char time[40];
    time_utc_text(r->time, 3, time);
    err known = camera_tile_of(r->center_lat_deg, r->center_lon_deg, r->half_width_km, &tile);
    ASSERT(known == ERR_OK);
    int used =
        snprintf(out, size,
                 "P6\n# format=noct-picture-1\n# tile=%s\n# time=%s\n# north=%.7f\n# south=%.7f\n# "
                 "west=%.7f\n"
                 "# east=%.7f\n# sun_elevation_deg=%.4f\n# sensor=%s\n# satellite=%s\n%u %u\n255\n",
                 tile.id, time, s->north, s->south, s->west, s->east,
                 r->sun_elevation_rad / RADIANS, r->sensor, r->satellite, r->pixels, r->pixels);
    ASSERT(used > 0 && (size_t)used < size);
    return (size_t)used;
}

/* The sum of four uniform draws is near enough to Gaussian; its deviation is sqrt(1/3). */
static double sensor_noise(struct rng *noise)
{
    double sum = rng_unit(noise) + rng_unit(noise) + rng_unit(noise) + rng_unit(noise) - 2;
    return sum * NOISE_COUNTS * 1.7320508;
}

static uint8_t count_of(double reflectance, double light, struct rng *noise)
{
    return (uint8_t)lround(clamp(255.0 * reflectance * light + sensor_noise(noise), 0, 255));
}

static void render_row(const struct scene *s, uint32_t y, uint8_t *row)
{
    double pixels = s->request->pixels;
    double lat = s->north - (y + 0.5) / pixels * (s->north - s->south);
    /* One stream per row: rows could be rendered in any order. */
    struct rng noise = rng_stream(s->request->noise_seed, y);
    for (uint32_t x = 0; x < s->request->pixels; x++, row += 3) {
        double lon = s->west + (x + 0.5) / pixels * (s->east - s->west);
        struct colour c = with_clouds(s, with_events(s, ground(s, lat, lon), lat, lon), lat, lon);
        row[0] = count_of(c.red, s->light, &noise);
        row[1] = count_of(c.green, s->light, &noise);
        row[2] = count_of(c.blue, s->light, &noise);
    }
}

err camera_capture(const struct camera *c, const struct scene_request *request, struct picture *out)
{
    char header[1024];
    TRY(request_check(request));
    struct scene scene = scene_of(c, request);
    size_t header_size = write_header(&scene, header, sizeof header);
    size_t row_size = (size_t)request->pixels * 3;
    *out = (struct picture){.size = header_size + row_size * request->pixels};
    if (!(out->bytes = malloc(out->size)))
        return ERR_NO_MEMORY;
    memcpy(out->bytes, header, header_size);
    for (uint32_t y = 0; y < request->pixels; y++)
        render_row(&scene, y, out->bytes + header_size + y * row_size);
    return ERR_OK;
}

err camera_tile_of(double lat_deg, double lon_deg, double half_width_km, struct camera_tile *out)
{
    if (!(fabs(lat_deg) <= 90 && fabs(lon_deg) <= 360 && half_width_km >= 1 &&
          half_width_km <= 2000))
        return ERR_RANGE;
    double step = 2 * half_width_km / KM_PER_DEGREE;
    long rows = lround(ceil(180.0 / step)), row = lround(floor((lat_deg + 90.0) / step));
    row = row >= rows ? rows - 1 : row;
    double lat = -90.0 + ((double)row + 0.5) * step;
    lat = clamp(lat, -89.9 + step / 2,
                89.9 - step / 2); /* the polar rows reach over the pole otherwise */
    long columns = MAX(lround(ceil(360.0 * cos(lat * RADIANS) / step)), 1);
    double east = lon_deg + 180.0 - 360.0 * floor((lon_deg + 180.0) / 360.0);
    long column = lround(floor(east / 360.0 * (double)columns));
    column = column >= columns ? columns - 1 : column;
    *out = (struct camera_tile){.center_lat_deg = lat,
                                .center_lon_deg =
                                    -180.0 + ((double)column + 0.5) * 360.0 / (double)columns,
                                .half_width_km = half_width_km};
    snprintf(out->id, sizeof out->id, "H%ld-R%04ld-C%04ld", lround(half_width_km * 1000), row,
             column);
    return ERR_OK;
}
