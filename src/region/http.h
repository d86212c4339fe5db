/*
 * region/http.h - one HTTP/1.1 connection and the request that it serves now. Internal to the room.
 *
 * Story:    llhttp parses; the head is collected, then region/route.c picks a handler. The parser is held while a
 *           handler waits for a plane, while body bytes exceed the credit, and until the response is complete; bytes
 *           that arrive meanwhile are kept by reference and reading is paused.
 * Stages:   HEAD -> WAIT (headers done, body not wanted yet) -> BODY -> READ (message complete; at once without a
 *           body); WAIT, BODY -> DISCARD (answered early: the rest of the body is thrown away) -> READ. A response may end in any stage after HEAD.
 * Memory:   a request's strings live in its arena (request_alloc), freed when the next request begins.
 * Failure:  request_alloc and request_copy set q->starved when the heap is full; respond_* turns that into 503.
 */
#ifndef NOCT_REGION_HTTP_H
#define NOCT_REGION_HTTP_H

#include <llhttp.h>

#include "region/payload.h"
#include "region/region.h"
#include "region/sigv4.h"
#include "region/uri.h"

enum { HEADERS_MAX = 128, PENDING_MAX = 16, URL_MAX = 16384, BODY_DISCARD_MAX = 16 << 20 };

enum op {
#define OP(name, text, service) OP_##name,
#include "region/op.def"
#undef OP
    OP_COUNT
};

enum s3_error {
#define S3_ERROR(name, code, status, message) S3_##name,
#include "region/s3_error.def"
#undef S3_ERROR
    S3_ERROR_COUNT,
    S3_OK = S3_ERROR_COUNT
};

enum stage { STAGE_HEAD, STAGE_WAIT, STAGE_BODY, STAGE_READ, STAGE_DISCARD };
enum flavour { FLAVOUR_S3, FLAVOUR_JSON }; /* how errors are spoken */

struct header {
    uint32_t name_at, name_size, value_at, value_size;
};

struct arena_block;
struct connection;

struct request {
    struct region *region;
    struct connection *connection;
    enum op op;
    enum flavour flavour;
    mono_ns started;
    uint64_t number; /* x-amz-request-id */
    /* the head */
    struct text head; /* url, then header names (lower case) and values */
    struct header headers[HEADERS_MAX];
    size_t header_count, url_size;
    uint8_t method;
    bool expects_continue, keep_alive, has_body, starved;
    uint64_t content_length; /* UINT64_MAX: chunked */
    struct span path;        /* decoded, with the leading slash */
    struct span raw_query;
    struct query query;
    struct span bucket, key; /* S3: empty when not named */
    struct sigv4 sign;       /* what the client signed with */
    bool authenticated;
    struct arena_block *arena;
    size_t arena_bytes;
    /* the body */
    struct payload payload;
    struct slice raw;       /* bytes of the body not decoded yet: the credit is used up */
    uint64_t body_credit;   /* decoded bytes that the handler takes now */
    uint64_t body_bytes;    /* decoded so far */
    uint64_t discarded;
    struct text input;      /* collected body */
    bool body_open, body_ended;
    /* the handler */
    uint64_t tag; /* of the latest request to a plane; 0: none yet */
    unsigned tags_live; /* requests to planes without a final reply */
    void (*on_data)(struct request *q, struct slice data);
    void (*on_end)(struct request *q);
    void (*on_object)(struct request *q, const struct object_reply *reply);
    void (*on_task)(struct request *q, const struct task_reply *reply);
    void (*on_room)(struct request *q);  /* bytes of the response were written */
    void (*on_drop)(struct request *q);  /* the request ends before its response did */
    void *state;                         /* in the arena */
    mono_ns plane_since; /* when the running request to a plane was made or last answered */
    /* the response */
    struct text fields, out; /* header lines; body under construction */
    struct slice lead;       /* head of a stream, waiting to travel with the first bytes */
    unsigned status;
    bool responded, response_ended, stream_open, is_event_stream;
    uint64_t stream_left;    /* UINT64_MAX: until close */
};

struct connection {
    struct region *region;
    uint64_t id;
    llhttp_t parser;
    llhttp_settings_t settings;
    enum stage stage;
    struct slice pending[PENDING_MAX]; /* input not parsed yet, each with a reference */
    size_t pending_count;
    size_t pending_bytes;
    struct slice current; /* being parsed */
    uint64_t unsent;      /* handed to the host, not yet written */
    bool paused, dead, running;
    bool closing;         /* told the host to close once all is written; input is ignored */
    bool busy;            /* a request head has begun */
    bool in_name;         /* between the pieces of a header name */
    unsigned head_status; /* why the head was refused: 414, 431, 501; 0: malformed */
    mono_ns last_input, last_output, head_since, linger_until;
    struct connection *dead_next;
    struct request request;
};

/* ---- connection (http.c) ---- */
err connection_open(struct connection *c, struct region *r, uint64_t id) MUST_USE;
void connection_free(struct connection *c);  /* drops the request and all references */
void connection_input(struct connection *c, struct slice data);
void connection_run(struct connection *c);   /* parses on, as far as the request allows */
void connection_close(struct connection *c, bool after_flush);
void connection_send(struct connection *c, struct slice data); /* gives the reference to the host */
void connection_tick(struct connection *c);

/* ---- request (request.c) ---- */
void request_reset(struct request *q); /* frees everything; keeps region and connection */
void *request_alloc(struct request *q, size_t size); /* zeroed; NULL (and starved) when full */
struct span request_copy(struct request *q, struct span s); /* data is never NULL unless starved */
const char *request_string(struct request *q, struct span s); /* zero-terminated copy, "" when starved */
struct span request_header(const struct request *q, const char *lower_name); /* data NULL: absent; the first one */
struct span request_header_name(const struct request *q, size_t index);
struct span request_header_value(const struct request *q, size_t index);
struct span request_query(const struct request *q, const char *name);
bool request_asks(const struct request *q, const char *query_name);
/* Opens the body: S3-style authentication decided how it is coded. `credit` decoded bytes may come. */
void request_body(struct request *q, uint64_t credit);
void request_body_collect(struct request *q, size_t most, void (*then)(struct request *q));
void request_credit(struct request *q, uint64_t more);
void request_body_run(struct request *q); /* decodes as much as the credit allows */
void request_body_message_end(struct request *q);
/* To the planes: fills in client and tag, queues a copy. The reply comes to on_object / on_task. */
uint64_t request_object(struct request *q, struct object_request *o);       /* a new tag */
void request_object_more(struct request *q, uint64_t tag, struct object_request *o); /* DATA, END, ABORT, CREDIT, CANCEL */
uint64_t request_task(struct request *q, struct task_request *t);
void request_forget(struct request *q, uint64_t tag); /* its replies are ignored from now on */

/* ---- response (response.c) ---- */
void respond_header(struct request *q, const char *name, struct span value); /* control characters are dropped */
void respond_header_text(struct request *q, const char *name, const char *value);
void respond_header_u64(struct request *q, const char *name, uint64_t value);
void respond_header_date(struct request *q, const char *name, tai_ns t); /* RFC 9110 IMF-fixdate */
void respond(struct request *q, unsigned status, const char *content_type, struct span body);
void respond_out(struct request *q, unsigned status, const char *content_type); /* the body is q->out */
void respond_empty(struct request *q, unsigned status);
void respond_stream(struct request *q, unsigned status, uint64_t size); /* UINT64_MAX: until the connection closes */
void respond_data(struct request *q, struct slice data); /* takes its own reference */
void respond_stream_end(struct request *q); /* cut short: the connection is closed, so that the client notices */
void respond_error(struct request *q, enum s3_error e, const char *detail); /* in the request's flavour; NULL: the table's text */
void respond_json_error(struct request *q, unsigned status, const char *message);
void respond_object_error(struct request *q, const struct object_reply *reply);
void respond_continue(struct request *q);
const char *http_status_text(unsigned status);
const char *s3_error_code(enum s3_error e);
unsigned s3_error_status(enum s3_error e);

/* ---- routing (route.c) ---- */
void route_request(struct request *q); /* headers are complete */

#endif
