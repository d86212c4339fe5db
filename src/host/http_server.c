#include "host/http_server.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

enum { BACKLOG = 512, BUCKETS = 1024, PIECES = 32, READ_LEAST = 16 * 1024, READ_MOST = 1 << 20 };

struct piece {
    struct piece *next;
    struct slice data;
};

struct connection {
    struct connection *next_in_bucket, *next_dirty;
    struct http_server *server;
    uv_tcp_t tcp;
    uint64_t id;
    struct piece *first, **last; /* to be written at the next flush */
    size_t writes;               /* under way */
    bool dirty, paused, closing, close_after_flush;
    struct buf *in;
    size_t read_size;
};

struct writing {
    uv_write_t request;
    struct connection *connection;
    struct piece *pieces;
    size_t size;
};

struct http_server {
    struct http_server_events events;
    uv_tcp_t listener;
    struct connection *buckets[BUCKETS];
    struct connection *dirty;
    uint64_t last_id;
    size_t count;
    bool closing, listener_closed;
};

static struct connection *find(const struct http_server *h, uint64_t id)
{
    struct connection *c = h->buckets[id % BUCKETS];
    while (c && c->id != id)
        c = c->next_in_bucket;
    return c && !c->closing ? c : NULL;
}

static void maybe_free(struct http_server *h)
{
    if (h->closing && h->count == 0 && h->listener_closed)
        free(h);
}

static void drop_pieces(struct piece *p)
{
    for (struct piece *next; p; p = next) {
        next = p->next;
        slice_drop(&p->data);
        free(p);
    }
}

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;
    struct http_server *h = c->server;
    struct connection **at = &h->buckets[c->id % BUCKETS];
    while (*at != c)
        at = &(*at)->next_in_bucket;
    *at = c->next_in_bucket;
    for (at = &h->dirty; *at; at = &(*at)->next_dirty)
        if (*at == c) {
            *at = c->next_dirty;
            break;
        }
    h->count--;
    if (!h->closing)
        h->events.closed(h->events.context, c->id);
    drop_pieces(c->first);
    buf_unref(c->in);
    free(c);
    maybe_free(h);
}

static void close_connection(struct connection *c)
{
    if (c->closing)
        return;
    c->closing = true;
    uv_close((uv_handle_t *)&c->tcp, on_connection_closed);
}

/* ---- writing ------------------------------------------------------------------------------------------------------------- */

static void finish_if_done(struct connection *c)
{
    if (c->close_after_flush && c->writes == 0 && !c->first)
        close_connection(c);
}

static void on_written(uv_write_t *request, int status)
{
    struct writing *w = (struct writing *)request;
    struct connection *c = w->connection;
    size_t size = w->size;
    drop_pieces(w->pieces);
    free(w);
    c->writes--;
    if (c->closing)
        return;
    if (status < 0) {
        close_connection(c);
        return;
    }
    finish_if_done(c);
    if (!c->closing)
        c->server->events.sent(c->server->events.context, c->id, size);
}

static void write_some(struct connection *c)
{
    uv_buf_t parts[PIECES];
    unsigned count = 0;
    struct writing *w = calloc(1, sizeof *w);
    ASSERT(w);
    w->connection = c;
    w->pieces = c->first;
    struct piece **at = &w->pieces;
    for (; *at && count < PIECES; at = &(*at)->next) {
        parts[count++] = uv_buf_init((char *)(uintptr_t)(*at)->data.data, (unsigned)(*at)->data.size);
        w->size += (*at)->data.size;
    }
    c->first = *at;
    *at = NULL;
    if (!c->first)
        c->last = &c->first;
    c->writes++;
    if (uv_write(&w->request, (uv_stream_t *)&c->tcp, parts, count, on_written) != 0) {
        c->writes--;
        drop_pieces(w->pieces);
        free(w);
        close_connection(c);
    }
}

void http_server_flush(struct http_server *h)
{
    while (h->dirty) {
        struct connection *c = h->dirty;
        h->dirty = c->next_dirty;
        c->dirty = false;
        while (c->first && !c->closing)
            write_some(c);
        if (!c->closing)
            finish_if_done(c);
    }
}

static void mark_dirty(struct connection *c)
{
    if (c->dirty)
        return;
    c->dirty = true;
    c->next_dirty = c->server->dirty;
    c->server->dirty = c;
}

void http_server_send(struct http_server *h, uint64_t connection, struct slice data)
{
    struct connection *c = find(h, connection);
    if (!c || data.size == 0) {
        slice_drop(&data);
        return;
    }
    if (!data.buf) { /* borrowed: valid during this call only */
        struct buf *copy = buf_new_malloc(data.size);
        memcpy(copy->data, data.data, data.size);
        data = slice_of(copy, 0, copy->size);
    }
    struct piece *p = malloc(sizeof *p);
    ASSERT(p);
    *p = (struct piece){NULL, data};
    *c->last = p;
    c->last = &p->next;
    mark_dirty(c);
}

void http_server_finish(struct http_server *h, uint64_t connection, bool after_flush)
{
    struct connection *c = find(h, connection);
    if (!c)
        return;
    if (!after_flush) {
        close_connection(c);
        return;
    }
    c->close_after_flush = true;
    uv_read_stop((uv_stream_t *)&c->tcp);
    mark_dirty(c);
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct connection *c = handle->data;
    if (!c->in)
        c->in = buf_new_malloc(c->read_size);
    *out = uv_buf_init((char *)c->in->data, (unsigned)c->in->size);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    (void)buf;
    struct connection *c = stream->data;
    if (size < 0) {
        close_connection(c);
        return;
    }
    if (size == 0)
        return;
    struct buf *in = c->in;
    c->server->events.bytes(c->server->events.context, c->id, slice_of(in, 0, (size_t)size));
    size_t wanted = (size_t)size == in->size ? MIN(2 * in->size, (size_t)READ_MOST) : in->size;
    if (in->refs > 1 || wanted != in->size) { /* somebody keeps it, or a larger one serves this stream better */
        c->read_size = wanted;
        c->in = NULL;
        buf_unref(in);
    }
}

void http_server_pause(struct http_server *h, uint64_t connection, bool paused)
{
    struct connection *c = find(h, connection);
    if (!c || c->paused == paused || c->close_after_flush)
        return;
    c->paused = paused;
    if (paused)
        uv_read_stop((uv_stream_t *)&c->tcp);
    else
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct http_server *h = listener->data;
    if (status < 0 || h->closing)
        return;
    struct connection *c = calloc(1, sizeof *c);
    ASSERT(c);
    c->server = h;
    c->id = ++h->last_id;
    c->last = &c->first;
    c->read_size = READ_LEAST;
    ASSERT(uv_tcp_init(listener->loop, &c->tcp) == 0);
    c->tcp.data = c;
    c->next_in_bucket = h->buckets[c->id % BUCKETS];
    h->buckets[c->id % BUCKETS] = c;
    h->count++;
    bool good = uv_accept(listener, (uv_stream_t *)&c->tcp) == 0;
    h->events.connected(h->events.context, c->id);
    if (!good || h->count > HTTP_CONNECTIONS_MAX) {
        close_connection(c);
        return;
    }
    uv_os_fd_t file;
    uv_tcp_nodelay(&c->tcp, 1);
    if (uv_fileno((uv_handle_t *)&c->tcp, &file) == 0)
        (void)setsockopt(file, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    if (!c->paused && !c->closing)
        uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct http_server *h = handle->data;
    h->listener_closed = true;
    maybe_free(h);
}

err http_server_open(struct http_server **out, uv_loop_t *loop, const char *address, uint16_t port,
                     const struct http_server_events *events)
{
    struct sockaddr_in where;
    struct http_server *h = calloc(1, sizeof *h);
    ASSERT(h);
    h->events = *events;
    ASSERT(uv_tcp_init(loop, &h->listener) == 0);
    h->listener.data = h;
    if (uv_ip4_addr(address, port, &where) != 0 || uv_tcp_bind(&h->listener, (const struct sockaddr *)&where, 0) != 0 ||
        uv_listen((uv_stream_t *)&h->listener, BACKLOG, on_connection) != 0) {
        http_server_close(h);
        return ERR_BUSY;
    }
    *out = h;
    return ERR_OK;
}

void http_server_close(struct http_server *h)
{
    if (!h || h->closing)
        return;
    h->closing = true;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct connection *c = h->buckets[i]; c; c = c->next_in_bucket)
            close_connection(c);
    uv_close((uv_handle_t *)&h->listener, on_listener_closed);
}
