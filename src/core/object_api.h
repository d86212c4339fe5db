/*
 * core/object_api.h - objects, as their users see them: what the region, the sensor and the compute plane ask the
 * storage plane of the same node, and what it answers.
 *
 * Story:    a request carries an op and a tag; each gets one final reply with that tag (GET also gets data replies
 *           before it, PUT_BEGIN opens a stream). Everything is asynchronous: the answer may come in the same step
 *           or much later. Borrowed: all spans and slices are valid during the call only; data slices may be kept by
 *           reference.
 * PUT:      PUT_BEGIN(tag) -> reply PUT_BEGIN with `credit` bytes allowed; PUT_DATA(tag, data) in order, never more
 *           than the credit; reply PUT_DATA grants more credit; PUT_END(tag, md5) -> final reply PUT_END once policy
 *           holds: that many durable copies in distinct failure domains and the index entry durable on as many nodes.
 *           PUT_END may carry metadata that replaces that of PUT_BEGIN (data != NULL): checksums come behind the body.
 *           PUT_ABORT(tag) ends it without a reply. With `upload`+`part` set the stream is a part of a multipart upload.
 * GET:      GET(tag, offset, size) -> reply GET with info (final = false), then replies GET_DATA in order, then a final
 *           GET_DATA with status. Data flows only within credit: the request grants `credit`, GET_CREDIT grants more.
 *           GET_CANCEL(tag) ends it without a reply.
 * Errors:   status: NOT_FOUND (with `missing` = bucket, key or upload), EXISTS, CONFLICT (a condition failed), UNREACHABLE
 *           (policy cannot be met now: `retry_at` says when it can), NO_SPACE, TOO_LARGE, INVALID, CORRUPT, TIMEOUT, BUSY.
 */
#ifndef NOCT_CORE_OBJECT_API_H
#define NOCT_CORE_OBJECT_API_H

#include "base/buf.h"
#include "core/ids.h"

enum {
    BUCKET_NAME_MAX = 63,
    OBJECT_KEY_MAX = 1024,
    OBJECT_METADATA_MAX = 8192,
    OBJECT_PARTS_MAX = 10000,
    OBJECT_COPIES_MAX = 8,
    OBJECT_LIST_MAX = 1000,
};
#define OBJECT_SIZE_MAX (5ull << 40)

enum placement { PLACE_ANY, PLACE_ORBIT }; /* ORBIT: copies end up on satellites; ground copies only bridge a gap */
struct policy {
    uint8_t copies;         /* 1..OBJECT_COPIES_MAX, default 2 */
    uint8_t where;          /* enum placement, default PLACE_ORBIT */
    bool best_effort;       /* acknowledge with fewer copies rather than refuse */
};

enum object_op {
    OBJECT_BUCKET_CREATE, OBJECT_BUCKET_DELETE, OBJECT_BUCKET_HEAD, OBJECT_BUCKET_LIST,
    OBJECT_PUT_BEGIN, OBJECT_PUT_DATA, OBJECT_PUT_END, OBJECT_PUT_ABORT,
    OBJECT_GET, OBJECT_GET_DATA, OBJECT_GET_CREDIT, OBJECT_GET_CANCEL,
    OBJECT_HEAD, OBJECT_DELETE, OBJECT_LIST, OBJECT_COPY,
    OBJECT_UPLOAD_CREATE, OBJECT_UPLOAD_COMPLETE, OBJECT_UPLOAD_ABORT, OBJECT_UPLOAD_LIST, OBJECT_PART_LIST,
    OBJECT_SHOW, OBJECT_OP_COUNT
};

enum object_missing { MISSING_NOTHING, MISSING_BUCKET, MISSING_KEY, MISSING_UPLOAD };

struct object_condition { /* evaluated against the current version when the write is decided or the read begins */
    bool if_absent;           /* If-None-Match: * on writes */
    bool if_match;            /* If-Match: etag must equal */
    char etag[40];            /* without quotes */
};

struct object_part_name { /* for UPLOAD_COMPLETE: as the client listed them */
    uint32_t part;
    char etag[40];
};

struct object_request {
    enum object_op op;
    enum service client; /* who gets the reply */
    uint64_t tag;
    struct span bucket, key;
    struct policy policy;      /* BUCKET_CREATE */
    bool policy_given;         /* PUT_BEGIN: `policy` overrides the bucket's for this object */
    struct span metadata;      /* opaque block of the client, stored and given back as it is */
    struct object_condition condition;
    uint64_t offset, size;     /* GET: size 0 with offset 0 = all; PUT_BEGIN: size = total if known, else UINT64_MAX */
    uint64_t credit;           /* GET, GET_CREDIT */
    struct slice data;         /* PUT_DATA */
    uint8_t md5[16];           /* PUT_END: of the whole stream; becomes the ETag */
    struct uid upload;
    uint32_t part;             /* 1..OBJECT_PARTS_MAX; PART_LIST: list after this one */
    const struct object_part_name *parts;
    size_t part_count;
    struct span source_bucket, source_key; /* COPY (metadata.data NULL: keep the source's) */
    struct span prefix, delimiter, after;  /* LIST, UPLOAD_LIST: strictly after `after` */
    uint32_t most;
};

struct object_info {
    uint64_t size;
    tai_ns modified;
    char etag[40]; /* hex md5, or md5-of-md5s and "-N"; without quotes */
    struct uid version;
    struct span metadata;
    uint32_t part_count; /* 0 for single puts */
    struct policy policy;
    uint8_t copies_now; /* of the least copied chunk, counting live holders */
};

struct object_entry { /* one row of LIST, UPLOAD_LIST, PART_LIST or BUCKET_LIST */
    struct span name;    /* key, or common prefix, or bucket */
    bool is_prefix;
    struct object_info info;
    struct uid upload;
    uint32_t part;
};

struct object_holder { /* SHOW: one row per run of chunks with the same holders */
    uint32_t chunk_first, chunk_count;
    node_id nodes[OBJECT_COPIES_MAX];
    uint8_t node_count;
    uint8_t alive_count; /* of those, not convicted */
    bool bridging;       /* holds ground copies until satellites have it */
};

struct object_reply {
    enum object_op op;
    enum service client;
    uint64_t tag;
    bool final;
    err status;
    enum object_missing missing;
    char reason[160]; /* for people */
    tai_ns retry_at;  /* wall time when it can work; 0 unknown */
    struct span bucket, key;
    struct object_info info;
    uint64_t credit;
    uint64_t offset;
    struct slice data;
    struct uid upload;
    const struct object_entry *entries;
    size_t entry_count;
    bool truncated;
    struct span next; /* LIST: resume strictly after this */
    const struct object_holder *holders;
    size_t holder_count;
};

#endif
