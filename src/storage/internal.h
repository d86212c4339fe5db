/*
 * storage/internal.h - the state of the storage plane and what its files share. Nothing outside src/storage includes it.
 *
 * Files:  storage.c (entry points), transfer.c (chunks to and from nodes, this one included), put.c, get.c, copy.c (streams),
 *         request.c (everything answered at once or after one fact), list.c, multipart.c, publish.c (watched facts),
 *         repair.c, upkeep.c (sweep, audit, scrub), release.c (ground copies given back), cache.c.
 */
#ifndef NOCT_STORAGE_INTERNAL_H
#define NOCT_STORAGE_INTERNAL_H

#include "storage/chunk_store.h"
#include "storage/index.h"
#include "storage/placement.h"
#include "storage/storage.h"
#include "storage/wire.h"

enum {
    PUT_WINDOW = 8,      /* chunks on their way per stream */
    GET_WINDOW = 4,
    REPAIR_JOBS = 4,
    REPAIR_WINDOW = 4,
    CACHE_SLOTS = 64,
    REQUESTS_MAX = 8192, /* chunk operations under way, for others and for ourselves */
    TICK_BUSY_MS = 100,
    TICK_IDLE_MS = 1000,
    TICK_EMPTY_MS = 10000, /* nothing to do and nothing to look after */
    TIMEOUT_S = 2,       /* plus four times the reach */
    INDEX_TIMEOUT_S = 30,
};

/* ---- chunk operations (transfer.c) ---------------------------------------------------------------------------- */

enum request_kind { REQUEST_PUT, REQUEST_GET, REQUEST_REPAIR_READ, REQUEST_REPAIR_STORE, REQUEST_CONFIRM, REQUEST_SCRUB, REQUEST_SERVE_STORE,
                    REQUEST_SERVE_FETCH, REQUEST_SERVE_CONFIRM };
struct request { /* value of `requests`, by our id */
    void *owner;          /* struct stream, struct get or struct repair_job; NULL when serving */
    uint64_t remote;      /* SERVE: the asker's id */
    mono_ns deadline;     /* TIME_NEVER for local ones */
    node_id node;         /* who works for us, or who asked */
    uint32_t slot;
    uint32_t generation;  /* of the owner, so that a reused job ignores the old */
    uint8_t kind;
};

struct stream;
struct get;
struct copy;

/* ---- watched facts (publish.c) --------------------------------------------------------------------------------- */

struct watch { /* value of `watches`, by tag: a reply that waits until a fact is durable on `need` nodes */
    struct stream *stream; /* or NULL: then `reply` goes out */
    struct object_reply reply;
    mono_ns deadline;
    uint8_t need, have;
    node_id nodes[PLACEMENT_MAX]; /* that have it */
};

/* ---- streams (put.c) -------------------------------------------------------------------------------------------- */

enum copy_state { COPY_NONE, COPY_SENT, COPY_DONE };
struct put_copy {
    uint64_t request;
    node_id node;
    uint8_t state;
};
struct put_flight {
    struct slice data;
    struct digest128 digest;
    uint32_t chunk;
    bool used;
    struct put_copy copies[OBJECT_COPIES_MAX];
};
struct stream {
    struct stream *next;
    uint64_t tag;
    enum service client;
    struct span bucket, key, metadata; /* in `names` */
    uint8_t *names;
    struct policy policy;
    struct object_condition condition;
    struct uid upload, part;
    uint32_t part_number, etag_parts;
    uint64_t expected, received, landed, granted; /* bytes; expected UINT64_MAX when not known */
    uint64_t name_hash;
    struct places places;
    bool bad[PLACEMENT_MAX];
    err bad_reason;
    struct buf *fill;
    uint32_t filled;
    struct put_flight flights[PUT_WINDOW + 2];
    uint64_t *digests;
    uint8_t *holders;      /* per chunk: index into sets */
    uint32_t chunk_count, chunk_capacity;
    struct part_run sets[32];
    uint8_t set_count;
    uint8_t md5[16];
    uint64_t watch;
    tai_ns modified;
    struct uid version;
    bool ended, deciding;
};

/* ---- readers (get.c) --------------------------------------------------------------------------------------------- */

enum get_slot_state { SLOT_FREE, SLOT_FETCHING, SLOT_READY };
struct get_slot {
    struct chunk_key key;
    struct slice data;
    uint64_t request, digest;
    uint32_t skip, take; /* of the chunk's bytes: what the range wants */
    uint8_t state, tried_count, round;
    node_id tried[HOLDERS_MAX];
};
struct get {
    struct get *next;
    uint64_t tag;
    enum service client;
    struct object_fact object;
    uint64_t begin, at, end, credit; /* bytes of the object */
    struct reader parts;             /* the fetch cursor */
    struct part_record part;
    uint64_t part_at, fetch_at;
    bool part_known, told;
    struct get_slot slots[GET_WINDOW];
    uint32_t head, fetching; /* slots in use: head .. head + fetching - 1 */
    uint32_t sent;           /* of the head slot's bytes */
};

/* ---- repair -------------------------------------------------------------------------------------------------------- */

struct repair_entry { /* value of `endangered`, by live copies and group */
    struct index_group *group;
    mono_ns retry_at;
};
struct repair_job {
    struct uid part;
    uint32_t first, count, next, landed, in_flight, generation;
    node_id target;
    bool active;
    struct index_group *group; /* only compared, never followed */
};

/* ---- ground copies that are given back (release.c) ------------------------------------------------------------------- */

struct release { /* one run at a time, chunk after chunk */
    struct uid part;
    uint32_t first, count, next, generation;
    uint8_t asked, answered, good, wanted;                       /* holders, about the chunk `next` */
    uint8_t after[4 + GROUP_KEY_MAX], after_size, runs_left;     /* of this walk over the groups: where it stands */
    bool active;
};

struct cache_slot {
    struct chunk_key key;
    struct slice data;
    uint64_t used;
};

struct storage {
    struct port *port;
    struct chunk_store chunks;
    struct index index;
    struct map requests, watches, endangered;
    uint64_t next_request, next_watch;
    struct stream *streams;
    struct get *gets;
    struct copy *copies;
    uint32_t stream_count;
    struct repair_job jobs[REPAIR_JOBS];
    struct release release;
    uint64_t repairs;       /* runs queued, as of the last tick */
    bool repairs_told;
    struct cache_slot cache[CACHE_SLOTS];
    uint64_t cache_bytes, cache_most, cache_clock;
    struct {
        uint8_t sweep[CHUNK_KEY_SIZE], audit[16], scrub[CHUNK_KEY_SIZE];
        tai_ns sweep_at, audit_at, scrub_at; /* when the next walk (or chunk) is due, wall */
        tai_ns audit_often_until;
        uint64_t scrub_request;
        bool sweeping, auditing, audit_again;
    } upkeep;
    mono_ns tick_at;
    bool chunks_ready, facts_ready;
};

/* storage.c */
bool storage_idle_memory(const struct storage *s); /* false: refuse new work, the heap is nearly full */
void storage_reply(struct storage *s, const struct object_reply *r);
void storage_tick_soon(struct storage *s);
uint64_t storage_window_bytes(const struct storage *s);

/* transfer.c */
struct request *request_new(struct storage *s, enum request_kind kind, void *owner, uint32_t slot, node_id node, uint64_t *id);
void request_end(struct storage *s, uint64_t id); /* the answer is not wanted any more */
err transfer_store(struct storage *s, struct request *q, uint64_t id, const struct wire_store *m, struct slice data) MUST_USE;
err transfer_fetch(struct storage *s, struct request *q, uint64_t id, struct chunk_key key) MUST_USE;
err transfer_confirm(struct storage *s, struct request *q, uint64_t id, struct chunk_key key) MUST_USE;
void transfer_drop(struct storage *s, node_id node, struct uid part); /* a part that will have no fact */
void transfer_written(void *context, uint64_t cookie, err status);
void transfer_loaded(void *context, uint64_t cookie, err status, struct slice data);
void transfer_message(struct storage *s, const struct message *m);
void transfer_tick(struct storage *s);
void transfer_member_lost(struct storage *s, node_id node);

/* publish.c */
err publish(struct storage *s, enum fact_type type, struct span body) MUST_USE;
/* Publishes and answers `reply` (or stream) once `need` of `nodes` have it on disk. */
err publish_watched(struct storage *s, enum fact_type type, struct span body, const node_id *nodes, uint8_t count, uint8_t need,
                    struct stream *stream, const struct object_reply *reply) MUST_USE;
/* The same for facts about names only: this node and its nearest neighbours. */
err publish_near(struct storage *s, enum fact_type type, struct span body, const struct object_reply *reply) MUST_USE;
void publish_held(struct storage *s, uint64_t tag, node_id node);
void publish_tick(struct storage *s);
void publish_forget(struct storage *s, uint64_t tag);
void publish_copy(struct storage *s, struct uid part, uint32_t first, uint32_t count, node_id node, bool added);

/* put.c */
void put_request(struct storage *s, const struct object_request *r);
void put_stored(struct storage *s, struct stream *st, uint32_t slot, node_id node, err status);
void put_published(struct storage *s, struct stream *st, err status);
bool put_check(const struct storage *s);

/* get.c */
void get_request(struct storage *s, const struct object_request *r);
void get_fetched(struct storage *s, struct get *g, uint32_t slot, node_id node, err status, struct slice data);

/* copy.c: into a stricter policy the bytes are copied, otherwise parts are shared */
void copy_request(struct storage *s, const struct object_request *r);
void copy_reply(struct storage *s, const struct object_reply *r);
void copy_run(struct storage *s); /* moves what waits; called when an entry point ends */

/* request.c, list.c, multipart.c */
void request_simple(struct storage *s, const struct object_request *r);
void request_list(struct storage *s, const struct object_request *r);
void request_multipart(struct storage *s, const struct object_request *r);
struct object_reply reply_to(const struct object_request *r, err status);
void reply_error(struct storage *s, const struct object_request *r, err status, enum object_missing missing, const char *reason);
void info_of(const struct storage *s, const struct object_fact *f, struct object_info *out);
err condition_check(const struct index_object *current, const struct object_condition *c) MUST_USE;
uint8_t run_alive(const struct storage *s, const struct index_run *r, uint8_t *satellites);

/* repair.c */
void repair_group_changed(void *context, struct index_group *g);
void repair_group_removed(void *context, struct index_group *g);
void repair_member(struct storage *s, node_id node);
void repair_all(struct storage *s);
void repair_tick(struct storage *s);
void repair_loaded(struct storage *s, struct repair_job *j, uint32_t generation, uint32_t chunk, err status, struct slice data);
void repair_stored(struct storage *s, struct repair_job *j, uint32_t generation, err status);

/* upkeep.c */
void upkeep_tick(struct storage *s);
void upkeep_audit_soon(struct storage *s);
void upkeep_corrupt(void *context, struct chunk_key key);
void upkeep_scrubbed(struct storage *s, err status);

/* release.c */
void release_walk(struct storage *s);
void release_confirmed(struct storage *s, uint32_t generation, err status);

/* cache.c */
void cache_put(struct storage *s, struct chunk_key key, struct slice data);
bool cache_get(struct storage *s, struct chunk_key key, struct slice *out); /* takes a reference */

#endif
