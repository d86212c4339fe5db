/*
 * storage/index.h - the fold of the storage plane's facts: buckets, objects, uploads, parts and who holds them.
 *
 * Story:    every node folds the same set of facts into the same tables, in whatever order they come. The current version of
 *           a key is the one with the greatest uid; a deletion hides versions up to one uid; a part lives while something
 *           refers to it (copies share parts); holders are what the part's record says, changed by COPY facts, the
 *           latest stamp deciding per chunk and node. Runs of chunks with the same holders and the same policy are linked into
 *           groups, so that the loss of a node touches groups, not objects.
 * Owns:     the tables (heap). Bodies of facts are borrowed for the life of the node.
 * Errors:   none: facts that do not decode are counted and left out; when memory ends `overflow` is set and the plane refuses writes.
 * Threads:  single owner.   Invariant: index_check().
 */
#ifndef NOCT_STORAGE_INDEX_H
#define NOCT_STORAGE_INDEX_H

#include "base/map.h"
#include "core/facts.h"
#include "storage/index_wire.h"

enum { HOLDERS_MAX = 16, GROUP_KEY_MAX = 2 + 4 * HOLDERS_MAX, OBJECT_NAME_MAX = BUCKET_NAME_MAX + 1 + OBJECT_KEY_MAX };

struct index_bucket_instance {
    struct uid uid;
    struct policy policy;
    tai_ns created;
};
struct index_bucket { /* value of `buckets`, by name */
    struct uid deleted;                      /* instances up to this one are gone */
    struct index_bucket_instance *instances; /* later ones, ascending; the first is the bucket */
    uint32_t count;
};
struct index_object { /* value of `objects`, by bucket, zero byte, key */
    struct uid version;
    const uint8_t *body;
    uint32_t body_size;
};

struct index_part;
struct index_group;
struct index_run {
    struct index_part *part;
    struct index_run *next; /* in the part, ascending */
    struct index_run *group_prev, *group_next;
    struct index_group *group;
    uint32_t first, count;
};
struct index_group { /* value of `groups`, by policy and holders */
    struct span key;
    struct index_run *first, *last;
    uint64_t run_count;
    uint8_t copies, where, node_count;
    uint8_t queued;                /* the repair queue's mark */
    node_id nodes[HOLDERS_MAX];    /* ascending */
};
struct index_copy {
    struct index_copy *next; /* by stamp */
    struct uid stamp;
    uint32_t first, count;
    node_id node;
    bool added;
};
struct index_part { /* value of `parts`, by uid */
    const uint8_t *record; /* NULL: referred to, but not yet known */
    uint32_t record_size, refs;
    struct index_run *runs; /* only of live parts */
    struct index_copy *copies;
    tai_ns dead_since;
    uint8_t copies_wanted, where; /* the greatest of all objects that ever referred to it */
};
struct index_upload_part {
    const uint8_t *body;
    uint32_t body_size, number;
    struct uid part;
};
struct index_upload { /* value of `uploads`, by uid */
    const uint8_t *body; /* NULL: not yet known */
    uint32_t body_size;
    bool ended;
    struct index_upload_part *parts; /* by number */
    uint32_t count, capacity;
};

struct index_watcher { /* told about what the rest of the plane must look at */
    void *context;
    void (*group_changed)(void *context, struct index_group *group);           /* a group got its first run */
    void (*group_removed)(void *context, struct index_group *group);           /* and lost its last one */
};

struct index {
    struct heap *heap;
    struct map buckets, objects, graves, uploads, upload_names, parts, groups, node_groups;
    struct index_watcher watcher;
    tai_ns now; /* of the fact being folded */
    uint64_t refused;
    bool overflow;
};

void index_init(struct index *x, struct heap *heap, const struct index_watcher *watcher);
void index_fold(struct index *x, const struct fact *f, tai_ns wall);
uint64_t index_digest(const struct index *x);
bool index_check(const struct index *x);

/* Lookups: NULL when there is none. */
const struct index_bucket_instance *index_bucket(const struct index *x, struct span name);
const struct index_object *index_object(const struct index *x, struct span bucket, struct span key);
struct index_part *index_part(const struct index *x, struct uid part);
struct index_upload *index_upload(const struct index *x, struct uid upload); /* open ones only */
const struct index_upload_part *index_upload_part(const struct index_upload *u, uint32_t number);
bool index_bucket_empty(const struct index *x, struct span bucket);
const struct index_run *index_run_of(const struct index_part *p, uint32_t chunk);
bool index_part_alive(const struct index_part *p);
void index_part_record(const struct index_part *p, struct part_record *out); /* decoded again: it was valid when folded */
void index_object_fact(const struct index_object *o, struct object_fact *out);
bool index_group_holds(const struct index_group *g, node_id node);
struct span index_name(struct span bucket, struct span key, uint8_t out[OBJECT_NAME_MAX]);

#endif
