/* sky_pairs.c - which pairs of sites may ever link, by topology. */
#include "orbit/sky_inner.h"

#include <math.h>
#include <string.h>

enum { SORT_ITEM_MAX = 2048 };
_Static_assert(sizeof(struct sky_site) <= SORT_ITEM_MAX, "sites are sorted by value");

static void swap(uint8_t *a, uint8_t *b, size_t size)
{
    uint8_t kept[SORT_ITEM_MAX];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

/* Lets the item at `root` sink until no child is greater. */
static void sift_down(uint8_t *items, size_t root, size_t count, size_t size,
                      int (*compare)(const void *, const void *))
{
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && compare(items + child * size, items + (child + 1) * size) < 0)
            child++;
        if (compare(items + root * size, items + child * size) >= 0)
            return;
        swap(items + root * size, items + child * size, size);
    }
}

void sky_sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    ASSERT(size <= SORT_ITEM_MAX);
    for (size_t k = count / 2; k-- > 0;)
        sift_down(items, k, count, size, compare);
    for (size_t last = count; last-- > 1;) {
        swap(items, (uint8_t *)items + last * size, size);
        sift_down(items, 0, last, size, compare);
    }
}

/* Satellites in order of (shell, plane, slot, node), to find neighbours. */
struct seat {
    uint32_t shell, plane, slot, site;
};

static int seat_compare(const void *a, const void *b)
{
    const struct seat *x = a, *y = b;
    if (x->shell != y->shell)
        return x->shell < y->shell ? -1 : 1;
    if (x->plane != y->plane)
        return x->plane < y->plane ? -1 : 1;
    if (x->slot != y->slot)
        return x->slot < y->slot ? -1 : 1;
    return x->site < y->site ? -1 : x->site > y->site;
}

static int pair_compare(const void *a, const void *b)
{
    const struct sky_pair *x = a, *y = b;
    if (x->site_a != y->site_a)
        return x->site_a < y->site_a ? -1 : 1;
    return x->site_b < y->site_b ? -1 : x->site_b > y->site_b;
}

/* Counts when `pairs` is NULL, fills otherwise. */
struct builder {
    struct sky_pair *pairs;
    size_t count;
};

static void pair_add(struct builder *b, const struct sky *sky, uint32_t x, uint32_t y, enum link_kind kind,
                     bool cross_plane)
{
    if (kind == LINK_ISL && (sky->sites[x].site.ground_only || sky->sites[y].site.ground_only))
        return;
    if (b->pairs)
        b->pairs[b->count] = (struct sky_pair){.site_a = MIN(x, y),
                                               .site_b = MAX(x, y),
                                               .kind = (uint8_t)kind,
                                               .cross_plane = cross_plane};
    b->count++;
}

/* Sites that are paired here with every other: all but satellites whose pairs come from seats or from the index. */
static size_t pairing_sites(const struct sky *sky, uint32_t *out)
{
    size_t count = 0;
    bool dense = sky->rules.topology == TOPOLOGY_MESH;
    for (uint32_t k = 0; k < sky->site_count; k++) {
        const struct site *s = &sky->sites[k].site;
        if (s->kind != SITE_SATELLITE || (dense && !(sky->sparse && s->trajectory.body == BODY_EARTH)))
            out[count++] = k;
    }
    return count;
}

/* `pairing`: the sites of pairing_sites; a pair has one of them, so thousands of satellites are not tried with each other. */
static void pairs_add_ground(struct builder *b, const struct sky *sky, const uint32_t *pairing, size_t pairing_count)
{
    size_t at = 0;
    for (uint32_t x = 0; x < sky->site_count; x++) {
        bool with_all = at < pairing_count && pairing[at] == x;
        at += with_all;
        size_t count = with_all ? sky->site_count - x - 1 : pairing_count - at;
        for (size_t k = 0; k < count; k++) {
            uint32_t y = with_all ? x + 1 + (uint32_t)k : pairing[at + k];
            bool sat_x = sky->sites[x].site.kind == SITE_SATELLITE,
                 sat_y = sky->sites[y].site.kind == SITE_SATELLITE;
            if (sat_x && sat_y) {
                if (sky->rules.topology == TOPOLOGY_MESH && !sky_pair_is_sparse(sky, x, y))
                    pair_add(b, sky, x, y, LINK_ISL, false);
            } else if (sat_x || sat_y) {
                pair_add(b, sky, x, y, LINK_GROUND, false);
            } else if (sky->sites[x].site.trajectory.body == sky->sites[y].site.trajectory.body) {
                pair_add(b, sky, x, y, LINK_FIBRE, false);
            }
        }
    }
}

/* First seat after the plane that starts at `from`. */
static size_t plane_end(const struct seat *seats, size_t count, size_t from)
{
    size_t end = from;
    while (end < count && seats[end].plane == seats[from].plane)
        end++;
    return end;
}

/* Two satellites in a ring are neighbours once; more close the ring. */
static void pairs_add_plane(struct builder *b, const struct sky *sky, const struct seat *seats, size_t from, size_t end,
                            bool ring)
{
    for (size_t k = from; k + 1 < end; k++)
        pair_add(b, sky, seats[k].site, seats[k + 1].site, LINK_ISL, false);
    if (ring && end - from > 2)
        pair_add(b, sky, seats[from].site, seats[end - 1].site, LINK_ISL, false);
}

/* Joins equal slots of two planes. Both slices are sorted by slot. */
static void pairs_add_across(struct builder *b, const struct sky *sky, const struct seat *seats, size_t from, size_t end,
                             size_t other, size_t other_end)
{
    while (from < end && other < other_end) {
        if (seats[from].slot == seats[other].slot)
            pair_add(b, sky, seats[from++].site, seats[other++].site, LINK_ISL, true);
        else if (seats[from].slot < seats[other].slot)
            from++;
        else
            other++;
    }
}

static double latitude_argument_deg(const struct sky *sky, const struct seat *seat)
{
    const struct elements *e = &sky->sites[seat->site].site.elements;
    return e->argument_of_perigee_deg + e->mean_anomaly_deg;
}

/*
 * From the last plane to the first. In a Walker constellation each plane is ahead of the one before by the phase step; once
 * round, that has become a whole number of slots: slot s of the last plane is next to slot s + shift of the first.
 */
static size_t seam_shift(const struct sky *sky, const struct seat *seats, size_t first_end, size_t from, size_t end)
{
    size_t slots = first_end;
    if (slots < 2 || end - from != slots || seats[first_end].slot != seats[0].slot)
        return 0;
    double slot_deg = 360.0 / (double)slots, first = latitude_argument_deg(sky, &seats[0]);
    double step = latitude_argument_deg(sky, &seats[first_end]) - first, last = latitude_argument_deg(sky, &seats[from]);
    step -= 360.0 * floor(step / 360.0 + 0.5);
    double shift = floor((last + step - first) / slot_deg + 0.5);
    return (size_t)(shift - (double)slots * floor(shift / (double)slots)) % slots;
}

static void pairs_add_seam(struct builder *b, const struct sky *sky, const struct seat *seats, size_t from, size_t end)
{
    size_t first_end = 0;
    while (seats[first_end].plane == seats[0].plane)
        first_end++;
    size_t shift = seam_shift(sky, seats, first_end, from, end);
    if (shift == 0) {
        pairs_add_across(b, sky, seats, 0, first_end, from, end);
        return;
    }
    for (size_t k = 0; k < first_end; k++)
        pair_add(b, sky, seats[from + k].site, seats[(k + shift) % first_end].site, LINK_ISL, true);
}

/* False: a pair that is none of satellites here. */
static bool pairs_add_list(struct builder *b, const struct sky *sky)
{
    const struct sky_link_list *list = sky->rules.list;
    for (size_t k = 0; k < list->count; k++) {
        ptrdiff_t x = sky_site_index(sky, list->pairs[k][0]), y = sky_site_index(sky, list->pairs[k][1]);
        if (x < 0 || y < 0 || x == y || sky->sites[x].site.kind != SITE_SATELLITE || sky->sites[y].site.kind != SITE_SATELLITE)
            return false;
        pair_add(b, sky, (uint32_t)x, (uint32_t)y, LINK_ISL, false);
    }
    return true;
}

static bool pairs_differ(const struct builder *b)
{
    for (size_t k = 1; k < b->count; k++)
        if (pair_compare(&b->pairs[k - 1], &b->pairs[k]) == 0)
            return false;
    return true;
}

static void pairs_add_shell(struct builder *b, const struct sky *sky, const struct seat *seats, size_t count)
{
    bool grid = sky->rules.topology == TOPOLOGY_GRID;
    size_t planes = 0;
    for (size_t from = 0, end; from < count; from = end) {
        end = plane_end(seats, count, from);
        pairs_add_plane(b, sky, seats, from, end, grid);
        if (grid && end < count)
            pairs_add_across(b, sky, seats, from, end, end, plane_end(seats, count, end));
        else if (grid && sky->rules.grid_seam && planes >= 2) /* from the last plane to the first */
            pairs_add_seam(b, sky, seats, from, end);
        planes++;
    }
}

static void pairs_add_seats(struct builder *b, const struct sky *sky, const struct seat *seats, size_t count)
{
    for (size_t from = 0, end; from < count; from = end) {
        for (end = from; end < count && seats[end].shell == seats[from].shell;)
            end++;
        pairs_add_shell(b, sky, seats + from, end - from);
    }
}

err sky_peers_build(struct sky *sky)
{
    sky->generation++;
    sky_release(sky, sky->peer_pairs);
    sky_release(sky, sky->peer_nodes);
    sky->peer_pairs = sky->peer_nodes = NULL;
    for (size_t k = 0; k < sky->site_count; k++)
        sky->sites[k].peers_at = sky->sites[k].peer_count = 0;
    if (sky->pair_count == 0)
        return ERR_OK;
    sky->peer_pairs = sky_alloc(sky, 2 * sky->pair_count * sizeof *sky->peer_pairs);
    sky->peer_nodes = sky_alloc(sky, 2 * sky->pair_count * sizeof *sky->peer_nodes);
    if (!sky->peer_pairs || !sky->peer_nodes)
        return ERR_NO_MEMORY;
    for (size_t k = 0; k < sky->pair_count; k++) {
        sky->sites[sky->pairs[k].site_a].peer_count++;
        sky->sites[sky->pairs[k].site_b].peer_count++;
    }
    uint32_t at = 0;
    for (size_t k = 0; k < sky->site_count; k++) {
        sky->sites[k].peers_at = at;
        at += sky->sites[k].peer_count;
        sky->sites[k].peer_count = 0;
    }
    /* Lower peers come first: pairs (a, x) with a < x are seen, in order of a, before those of x
     * with higher sites. */
    for (int pass = 0; pass < 2; pass++)
        for (size_t k = 0; k < sky->pair_count; k++) {
            const struct sky_pair *p = &sky->pairs[k];
            struct sky_site *mine = &sky->sites[pass == 0 ? p->site_b : p->site_a];
            const struct sky_site *peer = &sky->sites[pass == 0 ? p->site_a : p->site_b];
            uint32_t place = mine->peers_at + mine->peer_count++;
            sky->peer_pairs[place] = (uint32_t)k;
            sky->peer_nodes[place] = peer->site.node;
        }
    return ERR_OK;
}

/* The pairs that an imported plan names. */
static err pairs_import(struct sky *sky)
{
    size_t count = 0;
    TRY(sky_import_pairs(sky, NULL, &count));
    sky->pairs = sky_alloc(sky, (count + 1) * sizeof *sky->pairs);
    if (!sky->pairs)
        return ERR_NO_MEMORY;
    TRY(sky_import_pairs(sky, sky->pairs, &sky->pair_count));
    sky_sort(sky->pairs, sky->pair_count, sizeof *sky->pairs, pair_compare);
    sky->pair_capacity = count + 1;
    return sky_peers_build(sky);
}

err sky_pairs_build(struct sky *sky)
{
    if (sky->rules.plan)
        return pairs_import(sky);
    size_t satellites = 0;
    for (size_t k = 0; k < sky->site_count; k++)
        satellites += sky->sites[k].site.kind == SITE_SATELLITE;
    uint32_t dense_max = sky->rules.mesh_dense_max ? sky->rules.mesh_dense_max : SKY_MESH_DENSE_MAX;
    sky->sparse = sky->rules.topology == TOPOLOGY_MESH && satellites > dense_max;
    struct seat *seats = sky_alloc(sky, (satellites + 1) * sizeof *seats);
    uint32_t *pairing = sky_alloc(sky, (sky->site_count + 1) * sizeof *pairing);
    if (!seats || !pairing) {
        sky_release(sky, seats);
        sky_release(sky, pairing);
        return ERR_NO_MEMORY;
    }
    size_t pairing_count = pairing_sites(sky, pairing);
    size_t at = 0;
    for (uint32_t k = 0; k < sky->site_count; k++)
        if (sky->sites[k].site.kind == SITE_SATELLITE)
            seats[at++] = (struct seat){sky->sites[k].site.shell, sky->sites[k].site.plane, sky->sites[k].site.slot, k};
    sky_sort(seats, satellites, sizeof *seats, seat_compare);

    struct builder b = {0};
    bool listed = true;
    for (int pass = 0; pass < 2; pass++) {
        b.count = 0;
        pairs_add_ground(&b, sky, pairing, pairing_count);
        if (sky->rules.topology == TOPOLOGY_LIST)
            listed = pairs_add_list(&b, sky);
        else if (sky->rules.topology != TOPOLOGY_MESH)
            pairs_add_seats(&b, sky, seats, satellites);
        if (pass == 0)
            b.pairs = sky_alloc(sky, (b.count + 1) * sizeof *b.pairs);
        if (!b.pairs)
            break;
    }
    sky_release(sky, seats);
    sky_release(sky, pairing);
    if (!b.pairs)
        return ERR_NO_MEMORY;
    sky_sort(b.pairs, b.count, sizeof *b.pairs, pair_compare);
    sky->pairs = b.pairs;
    sky->pair_count = b.count;
    sky->pair_capacity = b.count + 1;
    return listed && pairs_differ(&b) ? sky_peers_build(sky) : ERR_INVALID;
}
