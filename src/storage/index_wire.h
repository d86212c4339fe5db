/*
 * storage/index_wire.h - the bodies of the storage plane's facts, decoded and encoded.
 *
 * Story:    buckets, versions of objects, uploads and their parts, and who holds what, travel as facts. Bytes come from other
 *           nodes: every decoder checks each size and returns spans into the body, which lives as long as the node.
 * Layout:   the comment on top of index_wire.c; docs/format/index.md.
 * Errors:   INVALID (wrong form or a value out of range), VERSION.
 */
#ifndef NOCT_STORAGE_INDEX_WIRE_H
#define NOCT_STORAGE_INDEX_WIRE_H

#include "core/object_api.h"
#include "storage/chunk_format.h"

enum {
    PART_CHUNKS_MAX = 28000, /* so that a part's digests fit into one fact: 27 GiB */
    PART_RUNS_MAX = 4096,
    PART_RECORD_HEAD = 16 + 8 + 3 + 2,
};

struct part_record { /* where the bytes of a part are: chunks, runs of chunks with the same holders */
    struct uid uid;
    uint64_t size;
    struct policy policy;
    uint32_t chunk_count;
    uint16_t run_count;
    struct span runs, digests; /* encoded */
    struct span whole;
};

struct part_run { /* one run while reading or writing a record */
    uint32_t count;
    uint8_t node_count;
    node_id nodes[OBJECT_COPIES_MAX]; /* ascending */
};

struct bucket_fact {
    struct span name;
    struct uid uid;
    struct policy policy;
    tai_ns created;
};
struct name_end_fact { /* BUCKET_DELETE (key empty), OBJECT_DELETE */
    struct span bucket, key;
    struct uid upto;
};
struct object_fact {
    struct span bucket, key, metadata;
    struct uid version, upload; /* upload: zero when not a completed multipart upload */
    tai_ns modified;
    uint64_t size;
    uint8_t md5[16];
    uint32_t etag_parts; /* "-N" of the ETag; 0 for single puts */
    struct policy policy;
    uint32_t part_count;
    bool inline_part;
    struct part_record part; /* when inline */
    struct span parts;       /* when not: encoded references, 24 bytes each */
};
struct part_fact {
    struct uid upload;
    uint32_t number;
    uint8_t md5[16];
    tai_ns modified;
    struct part_record part;
};
struct upload_fact {
    struct uid uid;
    struct span bucket, key, metadata;
    tai_ns created;
    struct policy policy;
};
struct copy_fact {
    struct uid part, stamp;
    uint32_t first, count;
    node_id node;
    bool added;
};

err part_record_decode(struct reader *r, struct part_record *out) MUST_USE;
bool part_run_next(struct reader *runs, struct part_run *out); /* reader over record.runs */
uint64_t part_digest(const struct part_record *p, uint32_t chunk);
uint32_t part_chunk_size(uint64_t part_size, uint32_t chunk);
uint32_t part_chunk_count(uint64_t part_size);
/* Writes a record: `digests` one per chunk. */
void part_record_encode(struct writer *w, struct uid uid, uint64_t size, struct policy policy, const struct part_run *runs,
                        uint16_t run_count, const uint64_t *digests);

err bucket_fact_decode(struct span body, struct bucket_fact *out) MUST_USE;
void bucket_fact_encode(struct writer *w, const struct bucket_fact *f);
err name_end_fact_decode(struct span body, struct name_end_fact *out) MUST_USE;
void name_end_fact_encode(struct writer *w, const struct name_end_fact *f);
err object_fact_decode(struct span body, struct object_fact *out) MUST_USE;
void object_fact_encode_head(struct writer *w, const struct object_fact *f); /* parts follow: a record, or references */
void object_part_encode(struct writer *w, struct uid part, uint64_t size);
bool object_part_next(struct reader *parts, struct uid *part, uint64_t *size); /* reader over fact.parts */
err part_fact_decode(struct span body, struct part_fact *out) MUST_USE;
void part_fact_encode_head(struct writer *w, const struct part_fact *f); /* the record follows */
err upload_fact_decode(struct span body, struct upload_fact *out) MUST_USE;
void upload_fact_encode(struct writer *w, const struct upload_fact *f);
err upload_end_decode(struct span body, struct uid *upload) MUST_USE;
void upload_end_encode(struct writer *w, struct uid upload);
err copy_fact_decode(struct span body, struct copy_fact *out) MUST_USE;
void copy_fact_encode(struct writer *w, const struct copy_fact *f);

void etag_text(const uint8_t md5[16], uint32_t parts, char out[40]);

#endif
