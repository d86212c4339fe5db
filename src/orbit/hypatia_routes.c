/* hypatia_routes.c - forwarding state of one instant: made, written, read, followed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "orbit/hypatia.h"
#include "orbit/lines.h"
#include "orbit/visibility.h"

static const struct hypatia_hop no_hop = {-1, -1, -1};

err hypatia_routes_init(struct hypatia_routes *r, const struct hypatia *h)
{
    *r = (struct hypatia_routes){.node_count = h->satellite_count + h->station_count, .station_count = h->station_count};
    uint64_t cells = (uint64_t)r->node_count * r->station_count;
    if (cells > HYPATIA_ROUTES_MAX)
        return ERR_NO_MEMORY;
    r->hops = calloc(cells + 1, sizeof *r->hops);
    if (!r->hops)
        return ERR_NO_MEMORY;
    for (uint64_t k = 0; k < cells; k++)
        r->hops[k] = no_hop;
    return ERR_OK;
}

void hypatia_routes_free(struct hypatia_routes *r)
{
    free(r->hops);
    *r = (struct hypatia_routes){0};
}

/* Numbers of interfaces: at each satellite its links in the order of isls.txt, then the one to the ground. */
struct interfaces {
    uint32_t *first;      /* by satellite */
    uint32_t *neighbours; /* in order of interface */
};

static bool interfaces_take(struct interfaces *i, const struct hypatia *h)
{
    i->first = calloc((size_t)h->satellite_count + 2, sizeof *i->first);
    i->neighbours = calloc(2 * h->isl_count + 1, sizeof *i->neighbours);
    uint32_t *next = calloc((size_t)h->satellite_count + 1, sizeof *next);
    bool good = i->first && i->neighbours && next;
    for (size_t k = 0; good && k < h->isl_count; k++) {
        i->first[h->isls[k].a + 1]++;
        i->first[h->isls[k].b + 1]++;
    }
    for (uint32_t n = 0; good && n < h->satellite_count; n++)
        i->first[n + 1] += i->first[n];
    for (size_t k = 0; good && k < h->isl_count; k++) {
        uint32_t a = h->isls[k].a, b = h->isls[k].b;
        i->neighbours[i->first[a] + next[a]++] = b;
        i->neighbours[i->first[b] + next[b]++] = a;
    }
    free(next);
    return good;
}

static int32_t interface_to(const struct interfaces *i, uint32_t from, uint32_t to)
{
    for (uint32_t k = i->first[from]; k < i->first[from + 1]; k++)
        if (i->neighbours[k] == to)
            return (int32_t)(k - i->first[from]);
    return -1;
}

static int32_t interface_count(const struct interfaces *i, uint32_t satellite)
{
    return (int32_t)(i->first[satellite + 1] - i->first[satellite]);
}

static struct hypatia_hop hop_of(const struct interfaces *i, uint32_t satellites, uint32_t node, uint32_t next)
{
    struct hypatia_hop hop = {.next = (int32_t)next};
    hop.my_interface = node >= satellites ? 0 : next >= satellites ? interface_count(i, node) : interface_to(i, node, next);
    hop.next_interface = next >= satellites ? 0 : node >= satellites ? interface_count(i, next) : interface_to(i, next, node);
    return hop;
}

err hypatia_routes_fill(struct hypatia_routes *r, const struct hypatia *h, struct snapshot *s)
{
    ASSERT(r->node_count == h->satellite_count + h->station_count && s->paths.node_count == r->node_count);
    struct interfaces interfaces = {0};
    bool known = interfaces_take(&interfaces, h);
    for (uint32_t station = 0; station < r->station_count && known; station++) {
        paths_from(&s->paths, snapshot_station(s, station));
        for (uint32_t node = 0; node < r->node_count; node++) {
            uint32_t next = s->paths.toward[node];
            r->hops[(size_t)node * r->station_count + station] =
                next == PATHS_NONE ? no_hop : hop_of(&interfaces, h->satellite_count, node, next);
        }
    }
    free(interfaces.first);
    free(interfaces.neighbours);
    return known ? ERR_OK : ERR_NO_MEMORY;
}

void hypatia_write_fstate(const struct hypatia_routes *r, const struct hypatia_routes *before, struct text *out)
{
    uint32_t satellites = r->node_count - r->station_count;
    for (uint32_t node = 0; node < r->node_count; node++)
        for (uint32_t station = 0; station < r->station_count; station++) {
            size_t at = (size_t)node * r->station_count + station;
            const struct hypatia_hop *hop = &r->hops[at];
            if (node == satellites + station || (before && memcmp(hop, &before->hops[at], sizeof *hop) == 0))
                continue;
            text_printf(out, "%u,%u,%d,%d,%d\n", node, satellites + station, hop->next, hop->my_interface, hop->next_interface);
        }
}

static bool hop_number(struct span s, uint64_t most, int32_t *out)
{
    uint64_t value;
    if (span_equal_text(s, "-1")) {
        *out = -1;
        return true;
    }
    if (parse_u64(s, most, &value) != ERR_OK)
        return false;
    *out = (int32_t)value;
    return true;
}

err hypatia_read_fstate(struct hypatia_routes *r, struct span text, struct parse_error *error)
{
    struct lines l = lines_of(text);
    struct span line, f[6];
    uint32_t satellites = r->node_count - r->station_count;
    while (lines_next(&l, &line)) {
        size_t count = lines_split(line, ',', f, 6);
        if (count == 0)
            continue;
        struct hypatia_hop hop;
        int32_t node, to;
        if (count != 5 || r->node_count == 0 || !hop_number(f[0], r->node_count - 1, &node) || !hop_number(f[1], r->node_count - 1, &to) ||
            !hop_number(f[2], r->node_count - 1, &hop.next) || !hop_number(f[3], 1000000, &hop.my_interface) ||
            !hop_number(f[4], 1000000, &hop.next_interface) || node < 0 || to < (int32_t)satellites)
            return parse_fail(error, ERR_INVALID, l.line, 1,
                              "a line is \"NODE,STATION,NEXT,MY_INTERFACE,NEXT_INTERFACE\" with nodes below %u, stations from %u",
                              r->node_count, satellites);
        r->hops[(size_t)node * r->station_count + ((uint32_t)to - satellites)] = hop;
    }
    return ERR_OK;
}

double hypatia_route_km(const struct hypatia_routes *r, const struct snapshot *s, uint32_t from, uint32_t to)
{
    uint32_t satellites = r->node_count - r->station_count, node = satellites + from;
    double km = 0.0;
    for (uint32_t steps = 0; steps <= r->node_count; steps++) {
        if (node == satellites + to)
            return km;
        int32_t next = r->hops[(size_t)node * r->station_count + to].next;
        if (next < 0 || (node >= satellites && (uint32_t)next >= satellites))
            return -1.0;
        const double *a = node < satellites ? s->motions[node].r : s->station_ecef[node - satellites];
        const double *b = (uint32_t)next < satellites ? s->motions[next].r : s->station_ecef[(uint32_t)next - satellites];
        km += visibility_range_km(a, b);
        node = (uint32_t)next;
    }
    return -1.0;
}
