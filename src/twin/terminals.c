#include "twin/terminals.h"

#include <math.h>
#include <stdlib.h>

#include "craft/cloud.h"
#include "craft/portable.h"

#define CLOUDS_AHEAD (48 * NS_PER_HOUR)
#define JAM_LOOK_AGAIN (30 * NS_PER_S)
enum { KEY_ACQUIRE = 201, KEY_LOSS = 202 };

static uint64_t pair_key(const struct world *w, node_id a, node_id b, uint64_t process)
{
    return keyed_key(w->seed, (uint64_t)MIN(a, b) << 32 | MAX(a, b), process);
}

static node_id satellite_of(const struct world *w, node_id a, node_id b)
{
    return scenario_is_gateway(w->scenario, a) ? b : a;
}

bool terminal_is_optical(const struct world *w, node_id a, node_id b, enum link_kind kind)
{
    return scenario_link_is_optical(w->scenario, a, b, kind);
}

/* ---- rates -------------------------------------------------------------------------------------------------------- */

struct rate_ladder *terminal_steps_of(const struct world *w, node_id a, node_id b, enum link_kind kind)
{
    struct rate_ladder ladder;
    scenario_ladder(w->scenario, a, b, kind, &ladder);
    if (ladder.count == 0)
        return NULL;
    struct rate_ladder *steps = malloc(sizeof *steps);
    ASSERT(steps != NULL);
    *steps = ladder;
    return steps;
}

uint64_t terminal_rate_bps(const struct rate_ladder *steps, uint64_t plan_bps, duration_ns light)
{
    return steps ? rate_ladder_at(steps, (uint64_t)((double)light * (LIGHT_KM_S * 1e-6)), plan_bps) : plan_bps; /* ns times m/ns */
}

/* ---- clouds and jammers ------------------------------------------------------------------------------------------- */

static bool clouded(const struct world *w, node_id a, node_id b, tai_ns wall, tai_ns *next)
{
    const struct scenario *s = w->scenario;
    node_id satellite = satellite_of(w, a, b), gateway = satellite == a ? b : a;
    const struct cloud_site *site = scenario_cloud(s, a, b);
    tai_ns change = cloud_change(site, w->seed, gateway, wall, wall + CLOUDS_AHEAD);
    *next = MIN(*next, MIN(change, wall + CLOUDS_AHEAD));
    return cloud_blocked(site, w->seed, gateway, wall);
}

static bool jammed(const struct world *w, node_id a, node_id b, bool optical, tai_ns wall, tai_ns *next)
{
    const struct scenario *s = w->scenario;
    bool bad = false;
    for (size_t i = 0; i < s->jammer_count; i++) {
        const struct scenario_jammer *j = &s->jammers[i];
        if (wall < j->start)
            *next = MIN(*next, j->start);
        if (j->optical != optical || wall < j->start || wall >= j->end)
            continue;
        *next = MIN(*next, MIN(j->end, wall + JAM_LOOK_AGAIN));
        bad = bad || scenario_drowned(s, j, w->sky, a, b, wall);
    }
    return bad;
}

bool terminal_open(const struct world *w, node_id a, node_id b, enum link_kind kind, tai_ns wall, tai_ns *next)
{
    *next = TIME_NEVER;
    if (kind != LINK_ISL && kind != LINK_GROUND)
        return true;
    bool optical = terminal_is_optical(w, a, b, kind);
    bool cloud = scenario_link_is_clouded(w->scenario, a, b, kind) && clouded(w, a, b, wall, next);
    return !(w->scenario->jammer_count > 0 && jammed(w, a, b, optical, wall, next)) && !cloud;
}

/* ---- pointing ----------------------------------------------------------------------------------------------------- */

/* Where `to` is, seen from `from`, in axes that turn with the orbit. */
static bool aim_at(const struct state *from, const struct state *to, struct aim *out)
{
    double d[3], across[3];
    const double *r = from->r_teme_km, *v = from->v_teme_km_s;
    for (int k = 0; k < 3; k++) {
        d[k] = to->r_teme_km[k] - r[k];
        across[k] = r[(k + 1) % 3] * v[(k + 2) % 3] - r[(k + 2) % 3] * v[(k + 1) % 3];
    }
    double range = sqrt(vector_dot(d, d)), radius = sqrt(vector_dot(r, r)), momentum = sqrt(vector_dot(across, across));
    if (!(range > 0.0 && radius > 0.0 && momentum > 0.0))
        return false;
    out->axis[0] = vector_dot(d, r) / (range * radius);
    out->axis[2] = vector_dot(d, across) / (range * momentum);
    double ahead[3];
    for (int k = 0; k < 3; k++)
        ahead[k] = (across[(k + 1) % 3] * r[(k + 2) % 3] - across[(k + 2) % 3] * r[(k + 1) % 3]) / (momentum * radius);
    out->axis[1] = vector_dot(d, ahead) / range;
    return true;
}

/* The angle between two aims, in whole microradians; a telescope that never looked anywhere is stowed forward. */
static double turn_rad(const struct aim *was, const struct aim *is)
{
    const struct aim stowed = {{0.0, 1.0, 0.0}};
    bool new = vector_dot(was->axis, was->axis) < 0.5;
    double cosine = vector_dot(new ? stowed.axis : was->axis, is->axis);
    return floor(acos(fmax(-1.0, fmin(1.0, cosine))) * 1e6 + 0.5) / 1e6;
}

struct optical_acquisition terminal_acquire(const struct world *w, node_id a, node_id b, uint64_t attempt, tai_ns wall, struct aim aims[2],
                                            duration_ns *slew)
{
    const node_id ends[2] = {a, b};
    struct state states[2] = {0};
    *slew = 0;
    bool known = sky_position(w->sky, a, wall, &states[0]) == ERR_OK && sky_position(w->sky, b, wall, &states[1]) == ERR_OK;
    for (int end = 0; end < 2; end++) {
        struct aim aim;
        if (scenario_is_gateway(w->scenario, ends[end]) || !known || !aim_at(&states[end], &states[!end], &aim))
            continue; /* a station follows by itself */
        const struct optical_terminal *t = &scenario_member(w->scenario, ends[end])->optical;
        *slew = MAX(*slew, optical_slew_ns(t, turn_rad(&aims[end], &aim)));
        aims[end] = aim;
    }
    const struct member *seeker = scenario_member(w->scenario, satellite_of(w, a, b));
    return optical_acquire(&seeker->optical, pair_key(w, a, b, KEY_ACQUIRE), attempt);
}

duration_ns terminal_reacquire(const struct world *w, node_id a, node_id b, uint64_t attempt)
{
    return optical_reacquire_ns(&scenario_member(w->scenario, satellite_of(w, a, b))->optical, pair_key(w, a, b, KEY_ACQUIRE), attempt);
}

tai_ns terminal_loss(const struct world *w, node_id a, node_id b, tai_ns from, tai_ns until)
{
    return optical_loss_next(&scenario_member(w->scenario, satellite_of(w, a, b))->optical, pair_key(w, a, b, KEY_LOSS), from, until);
}

/* ---- report ------------------------------------------------------------------------------------------------------- */

static double mean_s(duration_ns sum, uint64_t count)
{
    return count ? (double)sum / 1e9 / (double)count : 0.0;
}

void terminals_json(struct text *t, const struct world *w)
{
    const struct figures *f = &w->figures;
    json_uint(t, "acquisitions", f->acquisitions);
    json_uint(t, "acquisition_searches", f->acquisition_searches);
    json_double(t, "acquisition_mean_s", mean_s(f->acquisition_sum, f->acquisitions));
    json_double(t, "acquisition_max_s", (double)f->acquisition_max / 1e9);
    json_double(t, "slew_mean_s", mean_s(f->slew_sum, f->acquisitions));
    json_uint(t, "tracking_losses", f->tracking_losses);
}

void terminals_print(const struct world *w)
{
    const struct figures *f = &w->figures;
    printf("  links     %llu optical links acquired: turned %.1f s, found %.1f s later (mean; %.1f s worst; %llu searches); tracking lost %llu times\n",
           (unsigned long long)f->acquisitions, mean_s(f->slew_sum, f->acquisitions), mean_s(f->acquisition_sum, f->acquisitions), (double)f->acquisition_max / 1e9,
           (unsigned long long)f->acquisition_searches, (unsigned long long)f->tracking_losses);
}

void terminals_csv(const struct world *w, FILE *out)
{
    const struct figures *f = &w->figures;
    uint64_t beyond = f->acquisitions;
    fprintf(out, "from_s,to_s,count,share_beyond\n");
    for (uint64_t i = 0; i < ACQUISITION_CELLS; i++) {
        uint64_t from_s = i * (ACQUISITION_CELL_NS / NS_PER_S);
        beyond -= f->acquisition_cells[i];
        fprintf(out, "%llu,%s%.0llu,%llu,%.6f\n", (unsigned long long)from_s, i + 1 == ACQUISITION_CELLS ? "inf" : "",
                i + 1 == ACQUISITION_CELLS ? 0ull : (unsigned long long)(from_s + ACQUISITION_CELL_NS / NS_PER_S),
                (unsigned long long)f->acquisition_cells[i], f->acquisitions ? (double)beyond / (double)f->acquisitions : 0.0);
    }
}
