#include "twin/check_reach.h"

#include <stdlib.h>
#include <string.h>

#include "twin/check_inner.h"
#include "twin/shard.h"

enum { WILLING = 0 }; /* in the place of a peer: no node has this number */

struct row { /* `node` has a link to `peer` that stands on its side */
    node_id node, peer;
};
struct reach {
    struct world *world;
    struct row *rows; /* sorted */
    size_t count, capacity;
};

static bool lane_is_willing(const struct world *w, const struct twin_node *n)
{
    if (scenario_is_gateway(w->scenario, n->id) || !node_promised(n) || !n->node || !node_ready(n->node) || n->lanes_busy_millis > 0)
        return false;
    struct config c;
    scenario_config(w->scenario, n->id, 1, &c);
    struct craft_state craft = craft_state_of(&n->craft, &scenario_member(w->scenario, n->id)->craft);
    const uint64_t *m = node_metrics(n->node);
    bool may_sign = w->now >= n->faults.full_until;
    bool charged = craft.battery_mwh >= (c.battery_floor_mwh + craft.battery_capacity_mwh) / 2;
    bool cool = c.core_limit_mk == 0 || craft.core_mk + 10000 <= c.core_limit_mk;
    return c.lanes_millis >= 1000 && may_sign && charged && cool && m[METRIC_TASKS_RUNNING] == 0;
}

static void row_add(struct reach *r, node_id node, node_id peer)
{
    if (r->count == r->capacity) {
        r->capacity = MAX((size_t)256, 2 * r->capacity);
        r->rows = realloc(r->rows, r->capacity * sizeof *r->rows);
        ASSERT(r->rows != NULL);
    }
    r->rows[r->count++] = (struct row){node, peer};
}

static int by_node(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->peer < y->peer ? -1 : x->peer > y->peer;
}

/* Of all ranks. */
static void gather(struct reach *r)
{
    uint64_t sizes[SHARDS_MAX];
    size_t size = 0;
    const uint8_t *came = ranks_share(r->world, r->rows, r->count * sizeof *r->rows, sizes);
    for (unsigned k = 0; k < r->world->ranks->count; k++)
        size += sizes[k];
    r->rows = realloc(r->rows, MAX(size, sizeof *r->rows));
    ASSERT(r->rows != NULL);
    memcpy(r->rows, came, size);
    r->count = size / sizeof *r->rows;
}

struct reach *check_reach_open(struct world *w)
{
    struct reach *r = calloc(1, sizeof *r);
    ASSERT(r != NULL);
    r->world = w;
    for (size_t i = 0; i < w->node_count; i++) {
        const struct twin_node *n = &w->nodes[i];
        if (!n->node)
            continue;
        if (lane_is_willing(w, n))
            row_add(r, n->id, WILLING);
        for (size_t k = 0; k < n->link_count; k++)
            if (link_stands_at(n, n->links[k].peer))
                row_add(r, n->id, n->links[k].peer);
    }
    if (w->ranks)
        gather(r);
    if (r->count > 0)
        qsort(r->rows, r->count, sizeof *r->rows, by_node);
    return r;
}

void check_reach_close(struct reach *r)
{
    free(r->rows);
    free(r);
}

static bool has(const struct reach *r, node_id node, node_id peer)
{
    return r->count > 0 && bsearch(&(struct row){node, peer}, r->rows, r->count, sizeof *r->rows, by_node) != NULL;
}

/* The first row of a node, or of the next one that has any. */
static size_t first_of(const struct reach *r, node_id node)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->rows[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

duration_ns check_reach_willing(const struct reach *r, node_id from)
{
    struct world *w = r->world;
    node_id *queue = calloc(w->node_count, sizeof *queue);
    bool *in = calloc(w->node_count, sizeof *in);
    ASSERT(queue && in);
    size_t count = 0;
    duration_ns nearest = -1;
    queue[count++] = from;
    in[from - 1] = true;
    for (size_t at = 0; at < count && nearest != 0; at++) {
        node_id node = queue[at];
        if (has(r, node, WILLING)) {
            duration_ns light = sky_far_light(w->sky, from, node, world_wall(w));
            nearest = nearest < 0 ? light : MIN(nearest, light);
        }
        for (size_t i = first_of(r, node); i < r->count && r->rows[i].node == node; i++) {
            node_id peer = r->rows[i].peer;
            if (peer == WILLING || in[peer - 1] || !has(r, peer, node))
                continue;
            in[peer - 1] = true;
            queue[count++] = peer;
        }
    }
    free(queue);
    free(in);
    return nearest;
}
