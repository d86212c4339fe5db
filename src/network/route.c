#include "network/route_inner.h"

#include <string.h>

#include "network/route_far.h"

/* ---- the plan
 * ----------------------------------------------------------------------------------------------------
 */

static size_t sky_nodes(const void *context)
{
    return context ? sky_site_count(context) : 0;
}

static node_id sky_node(const void *context, size_t index)
{
    return sky_site_at(context, index)->node;
}

static const node_id *sky_node_peers(const void *context, node_id node, size_t *count)
{
    return sky_peers(context, node, count);
}

static const struct contact *sky_node_contacts(const void *context, node_id node,
                                               const node_id *peer, size_t *count)
{
    const struct sky *sky = context;
    (void)node;
    return sky_pair_contacts(sky, sky->peer_pairs[peer - sky->peer_nodes], count);
}

static uint32_t sky_node_generation(const void *context)
{
    return context ? sky_generation(context) : 0;
}

struct route_sky route_sky_of(const struct sky *sky)
{
    return (struct route_sky){sky,           sky_nodes,         sky_node,
                              sky_node_peers, sky_node_contacts, sky_node_generation};
}

/* ---- the index
 * ----------------------------------------------------------------------------------------------------
 */

node_id route_node_of(const struct route *r, uint32_t index)
{
    return r->nodes ? r->nodes[index] : r->sky.node_at(r->sky.context, index);
}

uint32_t route_index_of(const struct route *r, node_id node)
{
    size_t low = 0, high = r->node_count;
    if ((size_t)node - 1 < high && route_node_of(r, node - 1) == node) /* ids mostly count from 1 */
        return node - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (route_node_of(r, (uint32_t)middle) < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->node_count && route_node_of(r, (uint32_t)low) == node ? (uint32_t)low : UINT32_MAX;
}

bool route_knows(const struct route *r, node_id node)
{
    return route_index_of(r, node) != UINT32_MAX;
}

static bool bit_of(const uint64_t *bits, uint32_t index)
{
    return bits[index / 64] >> (index % 64) & 1;
}

bool route_is_closed(const struct route *r, uint32_t index)
{
    return bit_of(r->closed, index);
}

err route_init_far(struct route *r, struct heap *heap, const struct route_sky *sky, node_id self,
                   duration_ns hop_ns, duration_ns acquire_ns)
{
    *r = (struct route){.heap = heap, .sky = *sky, .self = self, .hop_ns = hop_ns, .acquire_ns = acquire_ns, .patient = true};
    map_init(&r->lost, heap, sizeof(tai_ns));
    r->node_count = sky->node_count(sky->context);
    r->closed = heap_alloc(heap, (r->node_count / 64 + 1) * sizeof *r->closed);
    r->linked = heap_alloc(heap, (r->node_count / 64 + 1) * sizeof *r->linked);
    return r->closed && r->linked ? ERR_OK : ERR_NO_MEMORY;
}

static uint32_t generation_of(const struct route *r)
{
    return r->sky.generation ? r->sky.generation(r->sky.context) : 0;
}

/* Each node's peers as indices; again when they have changed (large meshes: pairs come and go). */
static err edges_index(struct route *r)
{
    const struct route_sky *sky = &r->sky;
    size_t edges = 0, count;
    for (size_t i = 0; i < r->node_count; i++) {
        r->edge_first[i] = (uint32_t)edges;
        (void)sky->peers(sky->context, r->nodes[i], &count);
        edges += count;
    }
    r->edge_first[r->node_count] = (uint32_t)edges;
    heap_free(r->heap, r->edge_target);
    r->edge_target = heap_alloc(r->heap, (edges + 1) * sizeof *r->edge_target);
    if (!r->edge_target)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < r->node_count; i++) {
        const node_id *peers = sky->peers(sky->context, r->nodes[i], &count);
        for (size_t j = 0; j < count; j++) {
            r->edge_target[r->edge_first[i] + j] = route_index_of(r, peers[j]);
            ASSERT(r->edge_target[r->edge_first[i] + j] != UINT32_MAX);
        }
    }
    r->generation = generation_of(r);
    return ERR_OK;
}

err route_init(struct route *r, struct heap *heap, const struct route_sky *sky, node_id self,
               duration_ns hop_ns, duration_ns acquire_ns)
{
    TRY(route_init_far(r, heap, sky, self, hop_ns, acquire_ns));
    size_t n = r->node_count;
    r->patient = false;
    r->nodes = heap_alloc(heap, (n + 1) * sizeof *r->nodes);
    r->edge_first = heap_alloc(heap, (n + 1) * sizeof *r->edge_first);
    if (!r->nodes || !r->edge_first)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) {
        r->nodes[i] = sky->node_at(sky->context, i);
        ASSERT(i == 0 || r->nodes[i - 1] < r->nodes[i]);
    }
    return edges_index(r);
}

void route_free(struct route *r)
{
    map_clear(&r->lost);
    for (size_t c = 0; c < ROUTE_CLASSES; c++)
        heap_free(r->heap, r->trees[c].labels);
    route_far_rest(r);
    heap_free(r->heap, r->nodes);
    heap_free(r->heap, r->edge_first);
    heap_free(r->heap, r->edge_target);
    heap_free(r->heap, r->closed);
    heap_free(r->heap, r->linked);
    *r = (struct route){0};
}

/* ---- corrections
 * ---------------------------------------------------------------------------------------------------
 */

void route_stale(struct route *r)
{
    for (size_t c = 0; c < ROUTE_CLASSES; c++)
        r->trees[c].valid = false;
    r->far[0].valid = r->far[1].valid = false;
    r->dirty = false;
}

static void corrected(struct route *r, bool own)
{
    if (own || !r->patient)
        route_stale(r);
    else
        r->dirty = true;
}

static void set_flag(struct route *r, uint64_t *flags, node_id node, bool value, bool own)
{
    uint32_t i = route_index_of(r, node);
    if (i == UINT32_MAX || bit_of(flags, i) == value)
        return;
    flags[i / 64] ^= UINT64_C(1) << i % 64;
    corrected(r, own);
}

void route_set_closed(struct route *r, node_id node, bool closed)
{
    set_flag(r, r->closed, node, closed, false);
}

void route_set_linked(struct route *r, node_id peer, bool up)
{
    set_flag(r, r->linked, peer, up, true);
}

static uint64_t edge_key(node_id a, node_id b)
{
    return a < b ? (uint64_t)a << 32 | b : (uint64_t)b << 32 | a;
}

err route_set_lost(struct route *r, node_id a, node_id b, tai_ns until)
{
    uint64_t key = edge_key(a, b);
    tai_ns *known = map_find_u64(&r->lost, key);
    if ((known ? *known : 0) == until)
        return ERR_OK;
    if (until == 0) {
        map_remove_u64(&r->lost, key);
    } else {
        if (!known)
            known = map_put_u64(&r->lost, key, NULL);
        if (!known)
            return ERR_NO_MEMORY;
        *known = until;
    }
    corrected(r, a == r->self || b == r->self);
    return ERR_OK;
}

/* ---- the search
 * ------------------------------------------------------------------------------------------------------
 */

static duration_ns transmission_ns(uint64_t bits, uint64_t rate_bps)
{
    return rate_bps == 0 ? TIME_NEVER / 4
                         : (duration_ns)(bits * 1000 / MAX(rate_bps / 1000000, (uint64_t)1));
}

enum { NEWS_TIMES = 60 }; /* acquisitions: a contact that began longer ago would have been called lost by now */

/* How much later than planned a bundle arrives on average, because the contact may fail and another must be found. */
static duration_ns doubt_ns(const struct contact *c, tai_ns known)
{
    return c->start > known ? (duration_ns)c->doubt_permille * (ROUTE_AGAIN_NS / 1000) : 0;
}

/* Contacts that began by `known` are sure. */
static tai_ns cross(const struct contact *contacts, size_t count, tai_ns t, uint64_t bits, tai_ns known, const struct contact **used,
                    tai_ns *departure)
{
    size_t low = 0, high = count; /* the first contact that has not ended */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (contacts[middle].end < t)
            low = middle + 1;
        else
            high = middle;
    }
    tai_ns best = TIME_NEVER;
    for (size_t i = low; i < count && contacts[i].start < best; i++) {
        const struct contact *c = &contacts[i];
        tai_ns leave = MAX(t, c->start);
        duration_ns sending = transmission_ns(bits, c->rate_bps);
        if (sending > c->end - leave) /* a transmission may end with the contact */
            continue;
        tai_ns arrival = leave + sending + (duration_ns)c->delay_us_mean * NS_PER_US + doubt_ns(c, known);
        if (arrival >= best)
            continue;
        best = arrival;
        if (used)
            *used = c;
        *departure = leave;
    }
    return best;
}

tai_ns route_cross(const struct contact *contacts, size_t count, tai_ns t, uint64_t bits,
                   const struct contact **used, tai_ns *departure)
{
    return cross(contacts, count, t, bits, INT64_MIN, used, departure);
}

struct front { /* a label as it was when its layer ended */
    struct route_label label;
    uint32_t node;
};

struct search {
    struct route *r;
    struct route_label *best;
    struct front *now, *next;
    uint32_t *place; /* where a node is in `next`, valid if < next_count and it says so itself */
    size_t now_count, next_count;
    uint64_t bits;
    tai_ns start;
};

tai_ns route_cross_own(const struct route *r, uint32_t target, tai_ns start, uint64_t bits, const struct contact *contacts,
                       size_t count, const struct contact **used, tai_ns *departure)
{
    static const struct contact unplanned = {
        .end = TIME_NEVER / 2, .rate_bps = 100000000, .delay_us_mean = 10000};
    const tai_ns *lost =
        r->lost.count ? map_find_u64(&r->lost, edge_key(r->self, route_node_of(r, target))) : NULL;
    if (bit_of(r->linked, target)) {
        tai_ns at = cross(contacts, count, start, bits, start, used, departure); /* it stands: nothing to doubt */
        if (at != TIME_NEVER && *departure == start)
            return at;
        *used = &unplanned;
        return route_cross(&unplanned, 1, start, bits, used, departure);
    }
    tai_ns from = start;
    if (lost && *lost == TIME_NEVER) /* a cable has no end after which it would be tried again */
        return TIME_NEVER;
    if (lost && *lost >= from)
        from = *lost + 1;
    tai_ns at = route_cross(contacts, count, from, bits, used, departure);
    if (at == TIME_NEVER || *departure > start + r->acquire_ns)
        return at;
    return route_cross(contacts, count, MAX(from, start + r->acquire_ns), bits, used, departure);
}

tai_ns route_cross_other(const struct route *r, node_id from, node_id to, tai_ns start, tai_ns t, uint64_t bits,
                         const struct contact *contacts, size_t count, const struct contact **used, tai_ns *departure)
{
    if (r->lost.count > 0) {
        const tai_ns *lost = map_find_u64(&r->lost, edge_key(from, to));
        if (lost && *lost == TIME_NEVER)
            return TIME_NEVER;
        if (lost && *lost >= t)
            t = *lost + 1;
    }
    return cross(contacts, count, t, bits, start - NEWS_TIMES * r->acquire_ns, used, departure);
}

static bool is_better(const struct route_label *a, const struct route_label *b)
{
    if (a->arrival != b->arrival)
        return a->arrival < b->arrival;
    if (a->hops != b->hops)
        return a->hops < b->hops;
    if (a->end != b->end)
        return a->end > b->end;
    return a->first < b->first;
}

static void relax(struct search *s, const struct front *from, uint32_t target,
                  const struct contact *contacts, size_t count)
{
    const struct contact *used = NULL;
    tai_ns departure = 0;
    bool own = from->label.hops == 0;
    tai_ns ready = own ? s->start : from->label.arrival + s->r->hop_ns;
    tai_ns arrival =
        own ? route_cross_own(s->r, target, s->start, s->bits, contacts, count, &used, &departure)
            : route_cross_other(s->r, s->r->nodes[from->node], s->r->nodes[target], s->start, ready, s->bits, contacts, count, &used,
                                &departure);
    if (arrival == TIME_NEVER)
        return;
    struct route_label label = {.arrival = arrival,
                                .hops = (uint16_t)(from->label.hops + 1),
                                .end = MIN(from->label.end, used->end),
                                .first = own ? s->r->nodes[target] : from->label.first,
                                .open = from->label.open && departure == ready,
                                .slack = from->label.slack};
    /* Leaving later changes nothing while this contact still takes it or, at the first wait, until
     * the waiting is over. */
    if (label.open)
        label.slack =
            MIN(label.slack, used->end - departure - transmission_ns(s->bits, used->rate_bps));
    else if (from->label.open)
        label.slack = MIN(label.slack, departure - ready);
    if (!own && used->doubt_permille && used->start > s->start - NEWS_TIMES * s->r->acquire_ns) /* then it is sure, or called lost */
        label.slack = MIN(label.slack, used->start + NEWS_TIMES * s->r->acquire_ns - s->start);
    if (!is_better(&label, &s->best[target]))
        return;
    s->best[target] = label;
    uint32_t at = s->place[target];
    if (at >= s->next_count || s->next[at].node != target) {
        at = (uint32_t)s->next_count++;
        s->place[target] = at;
        s->next[at].node = target;
    }
    s->next[at].label = label;
}

static void expand(struct search *s, const struct front *from)
{
    struct route *r = s->r;
    size_t count;
    const node_id *peers = r->sky.peers(r->sky.context, r->nodes[from->node], &count);
    const uint32_t *targets = r->edge_target + r->edge_first[from->node];
    for (size_t i = 0; i < count; i++) {
        /* Nothing arrives before it leaves: most edges end here. */
        if (s->best[targets[i]].arrival <= from->label.arrival)
            continue;
        size_t contact_count;
        const struct contact *contacts =
            r->sky.contacts(r->sky.context, r->nodes[from->node], &peers[i], &contact_count);
        relax(s, from, targets[i], contacts, contact_count);
    }
}

static void search_all(struct search *s, uint32_t self)
{
    struct route *r = s->r;
    for (size_t i = 0; i < r->node_count; i++)
        s->best[i] = (struct route_label){.arrival = TIME_NEVER, .hops = UINT16_MAX};
    s->best[self] = (struct route_label){.arrival = s->start,
                                         .end = TIME_NEVER,
                                         .slack = TIME_NEVER,
                                         .open = true,
                                         .first = r->self};
    s->now[0] = (struct front){s->best[self], self};
    s->now_count = 1;
    while (s->now_count > 0 && s->now[0].label.hops < UINT16_MAX - 1) {
        s->next_count = 0;
        for (size_t i = 0; i < s->now_count; i++)
            if (!bit_of(r->closed, s->now[i].node) || s->now[i].node == self)
                expand(s, &s->now[i]);
        struct front *swap = s->now;
        s->now = s->next;
        s->next = swap;
        s->now_count = s->next_count;
    }
}

static bool build(struct route *r, enum route_class class, tai_ns now)
{
    struct route_tree *tree = &r->trees[class];
    uint32_t self = route_index_of(r, r->self);
    size_t n = r->node_count;
    if (self == UINT32_MAX)
        return false;
    if (r->nodes && (generation_of(r) != r->generation || !r->edge_target) && edges_index(r) != ERR_OK)
        return false;
    if (!tree->labels)
        tree->labels = heap_alloc(r->heap, n * sizeof *tree->labels);
    struct front *a = heap_alloc(r->heap, n * sizeof *a), *b = heap_alloc(r->heap, n * sizeof *b);
    uint32_t *place = heap_alloc(r->heap, n * sizeof *place);
    bool ok = tree->labels && a && b && place;
    if (ok) {
        struct search s = {.r = r,
                           .best = tree->labels,
                           .now = a,
                           .next = b,
                           .place = place,
                           .start = now,
                           .bits = 8ull *
                                   (class == ROUTE_SMALL ? ROUTE_SMALL_BYTES : ROUTE_BULK_BYTES)};
        search_all(&s, self);
        tai_ns slack = TIME_NEVER;
        for (size_t i = 0; i < n; i++)
            if (tree->labels[i].arrival != TIME_NEVER)
                slack = MIN(slack, tree->labels[i].slack);
        tree->built_at = now;
        tree->valid_until = slack >= TIME_NEVER - now ? TIME_NEVER : now + slack;
        tree->valid = true;
        r->builds++;
    }
    heap_free(r->heap, a);
    heap_free(r->heap, b);
    heap_free(r->heap, place);
    return ok;
}

bool route_is_fresh(const struct route *r, enum route_class class, tai_ns now)
{
    const struct route_tree *tree = &r->trees[class];
    return tree->valid && now >= tree->built_at && now <= tree->valid_until;
}

bool route_to(struct route *r, enum route_class class, tai_ns now, node_id node,
              struct route_way *out)
{
    if (r->patient)
        return route_far_to(r, now, node, out);
    uint32_t i = route_index_of(r, node);
    if (i == UINT32_MAX || (!r->trees[class].valid && !build(r, class, now)))
        return false;
    const struct route_label *l = &r->trees[class].labels[i];
    if (l->arrival == TIME_NEVER)
        return false;
    /* A way without waiting moves with the time of leaving. */
    tai_ns later = l->open && now > r->trees[class].built_at ? now - r->trees[class].built_at : 0;
    *out = (struct route_way){
        .arrival = l->arrival + later, .first = l->first, .hops = l->hops, .open = l->open};
    return true;
}

enum route_class route_class_of(uint64_t size_bytes)
{
    return size_bytes <= ROUTE_SMALL_BYTES ? ROUTE_SMALL : ROUTE_BULK;
}

bool route_check(const struct route *r)
{
    for (size_t c = 0; c < ROUTE_CLASSES; c++) {
        const struct route_tree *tree = &r->trees[c];
        for (size_t i = 0; tree->valid && i < r->node_count; i++) {
            const struct route_label *l = &tree->labels[i];
            if (l->arrival == TIME_NEVER)
                continue;
            if (l->arrival < tree->built_at || (l->hops == 0) != (r->nodes[i] == r->self) ||
                (l->hops > 0 && route_index_of(r, l->first) == UINT32_MAX))
                return false;
        }
    }
    return route_far_check(r);
}
