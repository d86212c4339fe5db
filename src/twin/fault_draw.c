#include "twin/fault_draw.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "twin/fault_atlas.h"

#define STREAM 0x6661756c74000000u
#define SWIZZLE_STREAM (STREAM + 0xff00)
#define SWARM_STREAM (STREAM + 0xff01)
enum { SWIZZLE_LINKS_MAX = 8 };

struct draw {
    const struct scenario *s;
    const struct sky *sky;
    duration_ns duration;
    uint64_t seed;
    bool beyond;
    struct fault_plan plan; /* everything that was drawn, fair or not */
};

static double exponential(struct rng *r, double mean)
{
    return -log1p(-rng_unit(r)) * mean;
}

/* Planes are numbered with gaps; satellites of one stand together. */
static size_t plane_count(const struct scenario *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->satellite_count; i++)
        count += i == 0 || s->sites[i].plane != s->sites[i - 1].plane;
    return count;
}

/* How many things a kind may strike. A crash of any node is drawn for satellites; gateways have their own kind. */
static size_t target_count(const struct draw *d, enum fault_kind kind)
{
    size_t satellites = d->s->satellite_count, nodes = d->s->site_count;
    switch (fault_kind_info(kind)->target) {
    case FAULT_AT_NODE:
        return kind == FAULT_CRASH ? satellites : nodes;
    case FAULT_AT_SATELLITE:
        return satellites;
    case FAULT_AT_GATEWAY:
        return nodes - satellites;
    case FAULT_AT_LINK:
        return sky_pair_count(d->sky);
    case FAULT_AT_PLANE:
        return plane_count(d->s);
    case FAULT_AT_WORLD:
        break;
    }
    return 1;
}

static bool link_draw(const struct draw *d, struct rng *r, node_id *a, node_id *b)
{
    size_t peers;
    *a = (node_id)(1 + rng_below(r, d->s->site_count));
    const uint32_t *peer = sky_peers(d->sky, *a, &peers);
    if (peers == 0)
        return false;
    *b = peer[rng_below(r, peers)];
    return true;
}

static double mean_of(const struct draw *d, enum fault_kind kind)
{
    const struct scenario_faults *f = &d->s->faults;
    return kind == FAULT_CRASH ? f->crash_down_mean_s
           : kind == FAULT_GATEWAY_CRASH ? f->gateway_down_mean_s
           : kind == FAULT_CUT ? f->link_down_mean_s : fault_kind_info(kind)->mean_s;
}

/* The parameter: around the usual value, both ways where it has a sign. */
static int64_t value_draw(const struct draw *d, struct rng *r, enum fault_kind kind)
{
    const struct fault_kind_info *k = fault_kind_info(kind);
    if (kind == FAULT_LOSS)
        return rng_chance(r, d->s->faults.replaced_share) ? 600 + (int64_t)rng_below(r, 3600) : 0;
    if (!k->parameter[0])
        return 0;
    double scaled = (double)k->usual * exp2(2 * rng_unit(r) - 1);
    int64_t v = MIN(MAX((int64_t)scaled, MAX(k->low, (int64_t)1)), k->high);
    return k->low < 0 && rng_chance(r, 0.5) ? -v : v;
}

static void target_draw(const struct draw *d, struct rng *r, struct fault *f)
{
    size_t satellites = d->s->satellite_count;
    switch (fault_kind_info(f->kind)->target) {
    case FAULT_AT_NODE:
    case FAULT_AT_SATELLITE:
        f->node = (node_id)(1 + rng_below(r, target_count(d, f->kind)));
        break;
    case FAULT_AT_PLANE: /* that of any satellite, plus one */
        f->node = 1 + d->s->sites[rng_below(r, satellites)].plane;
        break;
    case FAULT_AT_GATEWAY:
        f->node = (node_id)(satellites + 1 + rng_below(r, d->s->site_count - satellites));
        break;
    case FAULT_AT_LINK:
        if (!link_draw(d, r, &f->node, &f->peer))
            f->node = NODE_NONE;
        break;
    case FAULT_AT_WORLD:
        break;
    }
}

static void kind_draw(struct draw *d, enum fault_kind kind, double per_day)
{
    struct rng r = rng_stream(d->seed, STREAM + kind);
    const struct fault_kind_info *k = fault_kind_info(kind);
    double all = per_day * (double)target_count(d, kind), end = (double)(d->duration - FAULT_REST) / 1e9;
    if (all <= 0)
        return;
    for (double at = (double)FAULT_FIRST / 1e9 + exponential(&r, 86400 / all); at < end && d->plan.count < FAULT_PLAN_MAX;
         at += exponential(&r, 86400 / all)) {
        struct fault f = {.at = (mono_ns)(at * 1e9), .kind = kind};
        target_draw(d, &r, &f);
        if (k->mean_s > 0)
            f.duration = (duration_ns)(1e9 * (1 + exponential(&r, mean_of(d, kind))));
        f.value = value_draw(d, &r, kind);
        if (k->choices[0]) /* fair rot strikes chunks, or bits of the log of facts */
            f.choice = (uint32_t)rng_below(&r, d->beyond ? AREA_COUNT : kind == FAULT_FLIP ? 2 : 1);
        if (kind == FAULT_FLIP && f.choice == 1 && rng_chance(&r, 0.0625))
            f.value = MAX(f.value, 4); /* in one record: more than it mends alone */
        f.draw = rng_u64(&r);
        if (f.node != NODE_NONE || k->target == FAULT_AT_WORLD)
            fault_plan_add(&d->plan, &f);
    }
}

/* A random set of links is cut one by one, and heals one by one in another order (FoundationDB's swizzle-clogging). */
static void swizzle_draw(struct draw *d)
{
    struct rng r = rng_stream(d->seed, SWIZZLE_STREAM);
    double per_day = d->s->faults.swizzles_per_day, end = (double)(d->duration - FAULT_REST) / 1e9;
    for (double at = (double)FAULT_FIRST / 1e9; per_day > 0;) {
        at += exponential(&r, 86400 / per_day);
        if (at >= end || d->plan.count + SWIZZLE_LINKS_MAX > FAULT_PLAN_MAX)
            return;
        size_t count = 2 + rng_below(&r, SWIZZLE_LINKS_MAX - 1), order[SWIZZLE_LINKS_MAX];
        double gap = 5 + exponential(&r, 30);
        for (size_t i = 0; i < count; i++) {
            size_t j = rng_below(&r, i + 1);
            order[i] = i;
            order[i] = order[j];
            order[j] = i;
        }
        for (size_t i = 0; i < count; i++) {
            struct fault f = {.kind = FAULT_CUT, .at = (mono_ns)(1e9 * (at + gap * (double)i))};
            f.duration = (duration_ns)(1e9 * gap * (double)(count - i + order[i]));
            f.draw = rng_u64(&r);
            if (link_draw(d, &r, &f.node, &f.peer))
                fault_plan_add(&d->plan, &f);
        }
    }
}

static void admit_all(const struct draw *d, struct fault_plan *out, size_t refused[FAULT_KIND_COUNT])
{
    struct fault_atlas atlas;
    fault_atlas_open(&atlas, d->s, d->duration, d->beyond);
    for (size_t i = 0; i < d->plan.count; i++) {
        const struct fault *f = &d->plan.faults[i];
        if (fault_atlas_admit(&atlas, f) == NULL)
            fault_plan_add(out, f);
        else
            refused[f->kind]++;
    }
    fault_atlas_close(&atlas);
}

static void remark(const struct draw *d, const double rates[FAULT_KIND_COUNT], const struct fault_plan *plan,
                   const size_t refused[FAULT_KIND_COUNT], struct text *out)
{
    text_printf(out, "scenario %s, seed %llu, %.6g days, %s\n", d->s->name, (unsigned long long)d->seed,
                (double)d->duration / 86400e9, d->beyond ? "beyond the policy" : "fair");
    if (d->s->faults.swarm)
        text_add(out, "swarm: this seed leaves out random kinds and draws the rates of the others\n");
    for (size_t k = 0; k < FAULT_KIND_COUNT; k++) {
        size_t count = 0;
        for (size_t i = 0; i < plan->count; i++)
            count += plan->faults[i].kind == k;
        if (d->s->faults.per_day[k] > 0 || count > 0)
            text_printf(out, "%s %.6g: %zu faults, %zu not fair and left out\n", fault_kind_info((enum fault_kind)k)->key, rates[k],
                        count, refused[k]);
    }
}

void fault_draw(const struct scenario *s, const struct sky *sky, uint64_t seed, duration_ns duration, bool beyond,
                struct fault_plan *out, struct text *remarks)
{
    struct draw d = {.s = s, .sky = sky, .seed = seed, .duration = duration, .beyond = beyond};
    struct rng swarm = rng_stream(seed, SWARM_STREAM);
    double rates[FAULT_KIND_COUNT];
    size_t refused[FAULT_KIND_COUNT] = {0};
    *out = (struct fault_plan){0};
    for (size_t k = 0; k < FAULT_KIND_COUNT; k++) {
        double scale = rng_chance(&swarm, 0.5) ? exp2(4 * rng_unit(&swarm) - 2) : 0;
        rates[k] = s->faults.per_day[k] * (s->faults.swarm ? scale : 1);
        kind_draw(&d, (enum fault_kind)k, rates[k]);
    }
    swizzle_draw(&d);
    if (s->faults.radiation)
        fault_radiation_draw(s, sky, seed, duration, &d.plan);
    fault_plan_sort(&d.plan);
    admit_all(&d, out, refused);
    remark(&d, rates, out, refused, remarks);
    fault_plan_free(&d.plan);
}
