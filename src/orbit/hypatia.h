/*
 * orbit/hypatia.h - the file set of Hypatia (github.com/snkas/hypatia, satgenpy), read and written.
 *
 * Story:   Hypatia describes a satellite network in five text files (tles.txt, isls.txt, ground_stations.txt,
 *          description.txt, gsl_interfaces_info.txt) and its routes in fstate_<ns>.txt, one per step, the first whole and
 *          the others as changes. Here each file has a reader and a writer, so that a network and its routes can go
 *          either way. Formats: docs/format/hypatia.md.
 * Owns:    the tables of a `struct hypatia` (malloc'd: hosts and tools read such files, not machines).
 * Units:   the files have metres and degrees; the struct has kilometres and degrees.
 * Errors:  ERR_INVALID with line, column and what would be right; ERR_NO_MEMORY.
 * Limits:  HYPATIA_*_MAX.   Threads: single owner.
 */
#ifndef NOCT_ORBIT_HYPATIA_H
#define NOCT_ORBIT_HYPATIA_H

#include "base/text.h"
#include "orbit/snapshot.h"

enum {
    HYPATIA_SATELLITES_MAX = 100000,
    HYPATIA_STATIONS_MAX = 10000,
    HYPATIA_LINKS_MAX = 1000000,
    HYPATIA_ROUTES_MAX = 1 << 26, /* (satellites + stations) * stations */
};

struct hypatia_station {
    char name[64];
    double latitude_deg, longitude_deg, altitude_m;
    double ecef_km[3]; /* on the WGS72 ellipsoid, as Hypatia reckons */
};

struct hypatia_interfaces {
    uint32_t count;
    double bandwidth; /* aggregate; Hypatia leaves the unit open */
};

struct hypatia {
    char name[32];
    uint32_t planes, per_plane;
    struct elements *satellites;
    uint32_t satellite_count;
    struct hypatia_station *stations;
    uint32_t station_count;
    struct snapshot_link *isls;
    size_t isl_count;
    struct hypatia_interfaces *interfaces; /* by node; NULL until read or made */
    double ground_max_m, isl_max_m; /* as in the file, so that they survive it */
};

void hypatia_free(struct hypatia *h);

/* A shell as Hypatia's generator makes it: planes over 360 degrees of node, odd planes shifted by half a slot, angles
 * rounded to the digits of a TLE, epoch 2000-01-01, +Grid with a straight seam. */
struct hypatia_shell {
    const char *name;
    uint32_t planes, per_plane;
    double inclination_deg, mean_motion_rev_day, altitude_km, ground_max_km;
};
extern const struct hypatia_shell hypatia_starlink_550, hypatia_kuiper_630, hypatia_telesat_1015;
err hypatia_make(struct hypatia *h, const struct hypatia_shell *shell) MUST_USE;

/* Readers; each replaces its own table. Read tles.txt first: the others refer to its satellites. */
err hypatia_read_tles(struct hypatia *h, struct span text, struct parse_error *error) MUST_USE;
err hypatia_read_isls(struct hypatia *h, struct span text, struct parse_error *error) MUST_USE;
/* Five columns (basic) or eight (with Cartesian coordinates). */
err hypatia_read_stations(struct hypatia *h, struct span text, struct parse_error *error) MUST_USE;
err hypatia_read_description(struct hypatia *h, struct span text, struct parse_error *error) MUST_USE;
err hypatia_read_interfaces(struct hypatia *h, struct span text, struct parse_error *error) MUST_USE;

/* Writers; text_ok says whether it all fitted. */
err hypatia_write_tles(const struct hypatia *h, struct text *out) MUST_USE;
void hypatia_write_isls(const struct hypatia *h, struct text *out);
void hypatia_write_stations(const struct hypatia *h, struct text *out);
void hypatia_write_description(const struct hypatia *h, struct text *out);
void hypatia_write_interfaces(const struct hypatia *h, struct text *out);

/* Links must not be longer than a ray that stays `graze_km` above the Earth, and no two satellites linked must be apart
 * more than isl_max_km at `t`: a wrong seam or phase shows here. ERR_INVALID and what is wrong. */
err hypatia_check(const struct hypatia *h, tai_ns t, double graze_km, struct parse_error *error) MUST_USE;

/* The same network as a snapshot (graph of one instant). */
err hypatia_snapshot(const struct hypatia *h, struct heap *heap, struct snapshot *out) MUST_USE;

/* Forwarding state of one instant. */
struct hypatia_hop {
    int32_t next, my_interface, next_interface; /* -1, -1, -1: no way */
};
struct hypatia_routes {
    uint32_t node_count, station_count;
    struct hypatia_hop *hops; /* [node * station_count + destination station] */
};
err hypatia_routes_init(struct hypatia_routes *r, const struct hypatia *h) MUST_USE;
void hypatia_routes_free(struct hypatia_routes *r);
/* Shortest ways of a snapshot that snapshot_at has moved. ERR_NO_MEMORY: the routes are as before. */
err hypatia_routes_fill(struct hypatia_routes *r, const struct hypatia *h, struct snapshot *s) MUST_USE;
/* All rows, or those that differ from `before` (may be NULL). */
void hypatia_write_fstate(const struct hypatia_routes *r, const struct hypatia_routes *before, struct text *out);
/* Applies a file's rows over what is there. */
err hypatia_read_fstate(struct hypatia_routes *r, struct span text, struct parse_error *error) MUST_USE;
/* Kilometres along the routes from one station to another in a snapshot; negative: no way (or a loop). */
double hypatia_route_km(const struct hypatia_routes *r, const struct snapshot *s, uint32_t from, uint32_t to);

#endif
