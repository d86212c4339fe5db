/*
 * twin/track.h - what happened in a run, in one small file: written while it runs, read by the console and the exports.
 *
 * Story:    the recorder observes a world and appends samples of all nodes, changes of links, events, faults and promises. A track is
 *           read back as tables; refresh takes in what was appended since. Format: docs/format/track.md.
 * Owns:     recorder: the file. track: the mapped file and its tables; texts are borrowed until the next refresh.
 * Errors:   track_open: NOT_FOUND, CORRUPT with `why`. A file that cannot be written any further ends the track, not the run.
 * Threads:  one each; a track may be read by another thread or process than the recorder's.
 */
#ifndef NOCT_TWIN_TRACK_H
#define NOCT_TWIN_TRACK_H

#include "base/bytes.h"
#include "base/time.h"
#include "core/ids.h"

#define TRACK_FILE "track.noct"
enum { TRACK_ROW_SIZE = 32, TRACK_TEXT_MAX = 400, TRACK_EVENTS_MAX = 1000000, TRACK_NODES_MAX = 65536, TRACK_PROMISES_MAX = 32 };

struct world;
struct recorder;

/* Observes `w` from now on. `traffic`: also count bytes per link. `live`: somebody watches: up to 100 nodes a sample every 10 s. */
err recorder_open(struct recorder **out, struct world *w, const char *folder, bool traffic, bool live) MUST_USE;
void recorder_flush(struct recorder *r); /* what was recorded reaches the file; NULL is allowed */
void recorder_close(struct recorder *r, struct world *w); /* writes END; NULL is allowed */

struct track_row {
    bool up, ready, heater, shedding;
    uint8_t links;
    uint16_t battery_permille, sunlit_permille;
    double core_k, radiator_k;
    uint32_t generation_mw, load_mw;
    uint16_t repairs, tasks, lanes_busy_millis;
    uint32_t objects, facts;
};

struct track_node {
    node_id id;
    bool gateway;
    uint32_t plane;
    char name[32];
};
struct track_sample {
    tai_ns t;
    size_t rows; /* offset in the file */
};
struct track_link {
    tai_ns t;
    node_id a, b;
    bool up;
};
struct track_event {
    tai_ns t;
    node_id node, about;
    uint16_t id;
    uint16_t text_size;
    size_t text; /* offset in the file */
};
struct track_traffic {
    tai_ns t;
    node_id from, to;
    uint64_t bytes;
    uint32_t bundles, lost;
};
struct track_promises {
    tai_ns t;
    uint64_t evaluated[TRACK_PROMISES_MAX], violations[TRACK_PROMISES_MAX];
};
struct track_fault {
    tai_ns t;
    duration_ns duration;
    node_id node, peer;
    char line[TRACK_TEXT_MAX];
};

struct track {
    uint64_t seed;
    tai_ns epoch;
    duration_ns length;
    uint32_t sample_s;
    size_t node_count, promise_count;
    struct track_node *nodes; /* index = id - 1 */
    struct track_sample *samples;
    struct track_link *links;
    struct track_event *events;
    struct track_traffic *traffic;
    struct track_promises *promises;
    struct track_fault *faults;
    size_t sample_count, link_count, event_count, traffic_count, promises_count, fault_count;
    char promise_id[TRACK_PROMISES_MAX][8], promise_text[TRACK_PROMISES_MAX][160];
    tai_ns last; /* of the last record */
    bool ended;
    uint64_t digest;
    char why[200];
    /* inside */
    int file;
    const uint8_t *map;
    size_t map_size, at, nodes_read;
    size_t capacity[6];
};

err track_open(struct track *t, const char *folder) MUST_USE; /* `why` says what is wrong */
err track_read(struct track *t, struct span bytes) MUST_USE;  /* from memory: tests and fuzzing; the bytes stay the caller's */
bool track_refresh(struct track *t);                          /* true: there was more */
void track_close(struct track *t);

size_t track_sample_at(const struct track *t, tai_ns when);   /* index of the last one not after; 0 when none is (check sample_count) */
struct track_row track_row_of(const struct track *t, size_t sample, node_id node);
struct span track_event_text(const struct track *t, const struct track_event *e);
const char *track_name(const struct track *t, node_id id);    /* "?" */
/* Calls for each link that stands at `when`. Cost: all changes before it. */
void track_links_at(const struct track *t, tai_ns when, void (*link)(void *context, node_id a, node_id b, tai_ns since), void *context);

#endif
