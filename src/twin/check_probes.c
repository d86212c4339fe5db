/*
 * Rare branches and edges of state machines: sums over nodes and boots. What a single run never hit is no fault; a campaign adds its
 * runs up and lists by name what none of them hit.
 */
#include "base/text.h"
#include "twin/check_inner.h"

static bool probe_is_of_hosts(enum probe_id id)
{
    static const enum probe_id of_hosts[] = {
#define HOST_PROBE(name, text) PROBE_##name,
#include "core/probe.def"
    };
    for (size_t i = 0; i < COUNT_OF(of_hosts); i++)
        if (of_hosts[i] == id)
            return true;
    return false;
}

void check_probes_fold(const struct twin_node *n)
{
    const uint32_t *counts = n->node ? node_probes(n->node) : NULL;
    for (size_t i = 0; counts && i < PROBE_COUNT; i++)
        n->world->checks->probes[i] += counts[i];
}

void check_probes_add(struct world *w, const uint64_t counts[PROBE_COUNT])
{
    for (size_t i = 0; i < PROBE_COUNT; i++)
        w->checks->probes[i] += counts[i];
}

const uint64_t *check_probes(const struct world *w)
{
    return w->checks->probes;
}

void check_probes_json(struct text *t, const struct world *w)
{
    json_object(t, "probes");
    for (size_t i = 0; i < PROBE_COUNT; i++)
        if (w->checks->probes[i] > 0)
            json_uint(t, probe_name((enum probe_id)i), w->checks->probes[i]);
    json_end(t);
    json_array(t, "probes_never");
    for (size_t i = 1; i < PROBE_COUNT; i++) /* the first is EDGE_UNKNOWN, which must stay zero */
        if (w->checks->probes[i] == 0 && !probe_is_of_hosts((enum probe_id)i))
            json_string(t, NULL, probe_name((enum probe_id)i));
    json_end(t);
}
