/*
 * region/region.h - the front door of a gateway: S3, GA4GH TES, metrics, console and admin over HTTP/1.1.
 *
 * Story:    a machine without I/O. The host owns the sockets: it feeds bytes, and writes what the region sends. The
 *           region parses, authenticates (SigV4), and turns requests into object and task requests for the planes of
 *           this node; replies become responses. One request per connection at a time; pipelined bytes wait.
 * Calls:    `send`, `close` and `read_pause` may be called from any region_* function; a host must not call the region
 *           from within them. `object` and `task` are called only from region_flush, and from the end of region_bytes,
 *           region_closed, region_sent and region_tick (which flush); a host may step its node inside them and hand the replies to
 *           region_object / region_task at once. After a host has performed the effects of a node step that it ran
 *           by itself it calls region_flush once.
 * Owns:     everything in the given heap. Borrows: config with all it points to, view, sky and metrics, for its life;
 *           input slices for the call (it takes references).
 * Sent:     the slice in `send` holds a reference that the host gives up (slice_drop) once written; region_sent
 *           reports written bytes, which gives credit back to readers.
 * Units:    bytes; nanoseconds (mono for timeouts); `utc_s` real UTC seconds since 1970, which requests are signed with.
 * Errors:   none come out of inputs: bad input is answered over HTTP, counted, and at worst the connection is closed.
 * Threads:  single owner.   Invariant: region_check().
 */
#ifndef NOCT_REGION_REGION_H
#define NOCT_REGION_REGION_H

#include "core/object_api.h"
#include "core/port.h"
#include "core/task_api.h"

struct region;

struct region_time {
    struct now now; /* scenario time: object dates, task logs; mono paces timeouts */
    int64_t utc_s;  /* real time: signatures, the Date header */
};

struct region_file { /* one static file of the console */
    const char *path; /* "index.html", below /console/ */
    const char *content_type;
    struct span bytes;
};

struct region_config { /* zero in a limit means its default; strings and tables outlive the region */
    const char *name;       /* the region's name: "noct-1" */
    const char *access_key, *secret_key;
    const char *const *host_suffixes; /* virtual-host style: Host "BUCKET.SUFFIX" */
    size_t host_suffix_count;
    size_t connections_max;   /* 1024 */
    size_t header_bytes_max;  /* 32 KiB: request line and headers */
    size_t xml_bytes_max;     /* 1 MiB */
    size_t json_bytes_max;    /* 256 KiB */
    size_t get_window_bytes;  /* 4 MiB: bytes of one GET in flight */
    duration_ns request_timeout_ns; /* mono, 120 s: a plane that does not answer */
    duration_ns idle_timeout_ns;    /* mono, 60 s: a peer that neither sends nor takes a byte */
    const struct region_file *files;
    size_t file_count;
    bool console_open; /* the console API answers without credentials (loopback only) */
    double speed;      /* scenario seconds per real second, for the console; 0: now.wall_rate */
};

struct region_host {
    void *context;
    void (*send)(void *context, uint64_t connection, struct slice data);
    void (*close)(void *context, uint64_t connection, bool after_flush); /* region_closed must follow once the socket is gone */
    void (*read_pause)(void *context, uint64_t connection, bool paused);
    void (*object)(void *context, const struct object_request *request); /* valid during the call only */
    void (*task)(void *context, const struct task_request *request);
};

struct sky;

/* INVALID when the config lacks a name or credentials; NO_MEMORY. `sky` may be NULL: the console then has no positions. */
err region_open(struct region **out, struct heap *heap, const struct region_config *config, const struct region_host *host,
                const struct view *view, const struct sky *sky, const uint64_t *metrics) MUST_USE;
void region_close(struct region *r); /* drops every connection without a word; host callbacks are not called */

void region_connected(struct region *r, const struct region_time *t, uint64_t connection); /* ids are never reused */
void region_bytes(struct region *r, const struct region_time *t, uint64_t connection, struct slice data);
void region_closed(struct region *r, const struct region_time *t, uint64_t connection);
void region_sent(struct region *r, const struct region_time *t, uint64_t connection, size_t bytes);
void region_object(struct region *r, const struct region_time *t, const struct object_reply *reply);
void region_task(struct region *r, const struct region_time *t, const struct task_reply *reply);
void region_trace(struct region *r, const struct region_time *t, const struct effect_trace *trace);
void region_tick(struct region *r, const struct region_time *t); /* about 4 times a second of mono time */
void region_flush(struct region *r); /* hands queued requests to host->object and host->task */

size_t region_connection_count(const struct region *r);
bool region_check(const struct region *r); /* full invariant walk */

#endif
