#include "orbit/latency.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "orbit/lines.h"
#include "orbit/sky_inner.h"

#define FIBRE_INDEX 1.468
#define FIBRE_STRETCH 1.5

static bool city_read(const struct span f[3], struct latency_city *out)
{
    return f[0].size > 0 && utf8_valid(f[0]) && text_copy(out->name, sizeof out->name, f[0]) &&
           parse_double(f[1], &out->latitude_deg) == ERR_OK && fabs(out->latitude_deg) <= 90.0 &&
           parse_double(f[2], &out->longitude_deg) == ERR_OK && fabs(out->longitude_deg) <= 360.0;
}

err latency_pairs_read(struct span csv, struct latency_pair *out, size_t capacity, size_t *count, struct parse_error *error)
{
    struct lines l = lines_of(csv);
    struct span line, f[6];
    *count = 0;
    if (!lines_next(&l, &line) || lines_split(line, ',', f, 6) != 6 || !span_equal_text(f[0], "from") || !span_equal_text(f[3], "to"))
        return parse_fail(error, ERR_INVALID, 1, 1,
                          "the first line is from,from_latitude_deg,from_longitude_deg,to,to_latitude_deg,to_longitude_deg");
    while (lines_next(&l, &line)) {
        size_t fields = lines_split(line, ',', f, 6);
        if (fields == 0 || line.data[0] == '#')
            continue;
        if (*count == capacity)
            return parse_fail(error, ERR_INVALID, l.line, 1, "more than %zu pairs", capacity);
        struct latency_pair *p = &out[*count];
        *p = (struct latency_pair){0};
        if (fields != 6 || !city_read(f, &p->from) || !city_read(f + 3, &p->to))
            return parse_fail(error, ERR_INVALID, l.line, 1,
                              "a pair is two cities, each a name (1 to 63 bytes), a latitude and a longitude in degrees");
        ++*count;
    }
    return *count ? ERR_OK : parse_fail(error, ERR_INVALID, l.line, 1, "there is no pair in the file");
}

static err cities_fill(const struct sky *sky, const struct latency_pair *pairs, size_t count, struct site *sites, size_t *site_count)
{
    size_t at = 0;
    for (size_t k = 0; k < sky->site_count; k++)
        if (sky->sites[k].site.kind == SITE_SATELLITE) {
            sites[at] = sky->sites[k].site;
            sites[at].node = (uint32_t)at + 1;
            at++;
        }
    for (size_t k = 0; k < 2 * count; k++) {
        const struct latency_city *c = k % 2 ? &pairs[k / 2].to : &pairs[k / 2].from;
        sites[at] = (struct site){.node = (uint32_t)at + 1,
                                  .kind = SITE_GROUND,
                                  .latitude_deg = c->latitude_deg,
                                  .longitude_deg = c->longitude_deg};
        at++;
    }
    *site_count = at;
    return at <= SKY_SITES_MAX ? ERR_OK : ERR_FULL;
}

err latency_snapshot(const struct sky *sky, const struct latency_pair *pairs, size_t count, struct snapshot *out)
{
    struct site *sites = calloc(sky->site_count + 2 * count + 1, sizeof *sites);
    struct link_rules rules = sky->rules;
    struct sky with;
    size_t site_count = 0;
    if (!sites)
        return ERR_NO_MEMORY;
    rules.plan = NULL; /* geometry is what is asked */
    rules.terminals = NULL;
    err result = cities_fill(sky, pairs, count, sites, &site_count);
    if (result == ERR_OK)
        result = sky_init(&with, NULL, sites, site_count, &rules, sky->plan_start);
    free(sites);
    TRY(result);
    result = snapshot_of_sky(out, NULL, &with);
    sky_free(&with);
    return result;
}

struct latency_summary latency_summary_of(const struct latency_pair *pair)
{
    struct geodetic a = {pair->from.latitude_deg * DEGREE_RAD, pair->from.longitude_deg * DEGREE_RAD, 0.0};
    struct geodetic b = {pair->to.latitude_deg * DEGREE_RAD, pair->to.longitude_deg * DEGREE_RAD, 0.0};
    struct latency_summary s = {.great_circle_km = frames_great_circle_km(&a, &b), .rtt_least_ms = HUGE_VAL, .hops_least = UINT32_MAX};
    s.fibre_ms = 2.0 * s.great_circle_km * FIBRE_INDEX / LIGHT_KM_S * 1e3;
    s.fibre_stretched_ms = FIBRE_STRETCH * s.fibre_ms;
    return s;
}

static void summary_add(struct latency_summary *s, const struct latency_sample *sample)
{
    s->samples++;
    if (sample->hops == 0)
        return;
    s->changes += sample->changed && s->reachable > 0;
    s->reachable++;
    s->rtt_least_ms = fmin(s->rtt_least_ms, sample->rtt_ms);
    s->rtt_most_ms = fmax(s->rtt_most_ms, sample->rtt_ms);
    s->rtt_sum_ms += sample->rtt_ms;
    s->hops_least = MIN(s->hops_least, sample->hops);
    s->hops_most = MAX(s->hops_most, sample->hops);
    s->faster_samples += sample->rtt_ms < s->fibre_stretched_ms;
}

err latency_step(struct snapshot *s, size_t count, tai_ns t, struct latency_summary *summaries, latency_sink *sink, void *context)
{
    ASSERT(2 * count <= s->station_count);
    TRY(snapshot_at(s, t));
    for (size_t k = 0; k < count; k++) {
        uint32_t way[LATENCY_HOPS_MAX + 1], from = snapshot_station(s, (uint32_t)(2 * k)), to = from + 1;
        paths_from(&s->paths, to);
        size_t nodes = paths_way(&s->paths, from, way, COUNT_OF(way));
        struct latency_sample sample = {.pair = k, .time = t, .rtt_ms = -1.0};
        if (nodes > 1) {
            uint64_t digest = hash64_seeded(1, way, nodes * sizeof *way);
            sample.rtt_ms = 2.0 * s->paths.distance_km[from] / LIGHT_KM_S * 1e3;
            sample.hops = (uint32_t)nodes - 1;
            sample.changed = digest != summaries[k].way_digest;
            summaries[k].way_digest = digest;
        }
        summary_add(&summaries[k], &sample);
        if (sink)
            sink(context, &sample);
    }
    return ERR_OK;
}

double latency_mean_ms(const struct latency_summary *s)
{
    return s->reachable ? s->rtt_sum_ms / s->reachable : -1.0;
}
