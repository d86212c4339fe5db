#include "manage/manage_private.h"

enum { NEAR_LIMIT_MK = 5000, AT_LIMIT_MK = 2000, MARGIN_MK = 3000 };

/* The level that energy and heat ask for; `margin` moves the thresholds to the safe side, for climbing up. */
static enum health level(const struct event_craft *c, const struct config *config, bool margin)
{
    uint64_t floor = MAX(config->battery_floor_mwh, c->battery_floor_mwh);
    uint64_t economy = MAX(config->battery_economy_mwh, floor), span = economy - floor;
    uint64_t energy_margin = margin ? c->battery_capacity_mwh / 50 : 0;
    uint64_t limit = config->core_limit_mk ? config->core_limit_mk : c->core_limit_mk;
    uint64_t heat = c->core_mk + (margin ? MARGIN_MK : 0u);
    bool battery = c->battery_capacity_mwh > 0, hot = limit > NEAR_LIMIT_MK;
    uint64_t energy = c->battery_mwh;
    if ((battery && energy < floor + span / 8 + energy_margin) || (hot && heat >= limit))
        return HEALTH_SURVIVAL;
    if ((battery && energy < floor + span / 2 + energy_margin) || (hot && heat > limit - AT_LIMIT_MK))
        return HEALTH_SAFE;
    if ((battery && energy < economy + energy_margin) || (hot && heat > limit - NEAR_LIMIT_MK))
        return HEALTH_ECONOMY;
    return HEALTH_NOMINAL;
}

enum health health_next(enum health now, const struct event_craft *craft, const struct config *config)
{
    enum health worst = level(craft, config, false), best = level(craft, config, true);
    if (worst > now)
        return worst;
    return best < now ? now - 1 : now; /* one step up, with margin */
}

static enum probe_id edge_of(enum health before, enum health now)
{
    enum { LEVELS = HEALTH_SURVIVAL + 1 };
    static const uint8_t edges[LEVELS][LEVELS] = {
#define EDGE(machine, from, to) EDGE_##machine(from, to)
#define EDGE_MEMBER(from, to)
#define EDGE_HEALTH(from, to) [HEALTH_##from][HEALTH_##to] = PROBE_HEALTH_##from##_##to,
#define EDGE_LINK(from, to)
#define EDGE_RUN(from, to)
#define EDGE_PUT(from, to)
#define EDGE_GET(from, to)
#include "core/probe.def"
    };
    return (enum probe_id)edges[before][now]; /* EDGE_UNKNOWN is zero */
}

void manage_craft(struct manage *m, const struct event_craft *craft)
{
    enum health before = m->health;
    m->craft = *craft;
    m->health = health_next(before, craft, m->port->config);
    port_gauge(m->port, METRIC_BATTERY, craft->battery_mwh);
    port_gauge(m->port, METRIC_CORE_TEMPERATURE, craft->core_mk);
    m->full_due = m->full_due || before != m->health;
    if (before != m->health)
        port_probe(m->port, edge_of(before, m->health));
    if (before != m->health)
        port_trace(m->port, TRACE_HEALTH, m->port->config->self, "%s -> %s: battery %llu of %llu mWh, core %u.%u K",
                   health_name(before), health_name(m->health), (unsigned long long)craft->battery_mwh,
                   (unsigned long long)craft->battery_capacity_mwh, craft->core_mk / 1000, craft->core_mk / 100 % 10);
}

enum health manage_health(const struct manage *m)
{
    return m->health;
}
