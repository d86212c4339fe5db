/*
 * orbit/snapshot.h - the network of a constellation at one instant: positions, who is linked, how far everybody is.
 *
 * Story:   satellites (as propagators), ground stations (as Earth-fixed points) and inter-satellite links (fixed pairs, or
 *          everybody in sight) are given once; snapshot_at moves all to an instant and builds the graph of orbit/paths.h:
 *          node numbers 0..satellites-1, then the stations, which end ways and do not pass on. Visibility from the ground
 *          and neighbours of a mesh come out of a spatial index, not of a look at all pairs.
 * Owns:    everything in the struct (in `heap`, or malloc where NULL).   Units: km, rad, TAI ns.
 * Errors:  ERR_NO_MEMORY; ERR_INVALID (a link to a satellite that is none).
 * Threads: single owner.
 */
#ifndef NOCT_ORBIT_SNAPSHOT_H
#define NOCT_ORBIT_SNAPSHOT_H

#include "orbit/cells.h"
#include "orbit/paths.h"
#include "orbit/sky.h"

struct snapshot_link {
    uint32_t a, b;    /* satellites, by number */
    bool cross_plane; /* stands only below the latitude limit */
};

struct snapshot_rules {
    double isl_max_km, ground_max_km; /* longest links */
    double graze_min_km;              /* lowest ray between satellites; negative: not asked */
    double sin_mask;                  /* of the least elevation at stations; -1: not asked */
    double sin_latitude_max;          /* of cross-plane links; 1: not asked */
    bool mesh;                        /* every pair in sight is linked, besides the fixed ones */
};

struct snapshot {
    struct heap *heap;
    struct snapshot_rules rules;
    uint32_t satellite_count, station_count;
    struct ephemeris *satellites;
    bool *ground_only; /* satellites that a mesh does not link to others */
    double (*station_ecef)[3], (*station_up)[3];
    struct snapshot_link *links;
    size_t link_count, link_capacity;
    /* At `time`. */
    tai_ns time;
    struct motion *motions; /* Earth-fixed axes; v is relative to the Earth */
    bool *known;
    struct cells cells;
    struct paths paths;
    double least_isl_km, most_isl_km; /* over all instants so far */
};

/* Copies what it is given. Node n of the graph: satellite n, or station n - satellite_count. */
err snapshot_init(struct snapshot *s, struct heap *heap, const struct elements *satellites, uint32_t satellite_count,
                  const double (*station_ecef)[3], const double (*station_up)[3], uint32_t station_count,
                  const struct snapshot_rules *rules) MUST_USE;
/* Satellites, stations, candidate pairs and rules of a sky; node n is the n-th satellite, then the n-th station, each in
 * order of node id. */
err snapshot_of_sky(struct snapshot *s, struct heap *heap, const struct sky *sky) MUST_USE;
err snapshot_add_link(struct snapshot *s, uint32_t a, uint32_t b, bool cross_plane) MUST_USE;
void snapshot_free(struct snapshot *s);

/* Moves everything to `t`; a satellite without position has no links. */
err snapshot_at(struct snapshot *s, tai_ns t) MUST_USE;
static inline uint32_t snapshot_station(const struct snapshot *s, uint32_t station)
{
    return s->satellite_count + station;
}

#endif
