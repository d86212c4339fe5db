/*
 * host/http_server.h - the sockets of a gateway's front door; what the bytes mean is the region's business.
 *
 * Story:    accepts connections on 127.0.0.1, numbers them (never reused), hands bytes in, writes slices out in order.
 *           Slices sent in one turn leave with one system call (http_server_flush).
 * Owns:     sockets and queued slices. A slice given to http_server_send is dropped here once written.
 * Limits:   HTTP_CONNECTIONS_MAX; beyond that new connections are closed at once. The region bounds what is queued by
 *           waiting for `sent`.
 * Calls:    all callbacks come from the loop, never from within send, close or pause.
 * Errors:   http_server_open: BUSY when the port is taken.
 * Threads:  the loop's.
 */
#ifndef NOCT_HOST_HTTP_SERVER_H
#define NOCT_HOST_HTTP_SERVER_H

#include <uv.h>

#include "base/buf.h"

enum { HTTP_CONNECTIONS_MAX = 1024 };

struct http_server;

struct http_server_events {
    void *context;
    void (*connected)(void *context, uint64_t connection);
    void (*bytes)(void *context, uint64_t connection, struct slice data); /* borrowed: take a reference to keep */
    void (*sent)(void *context, uint64_t connection, size_t bytes);
    void (*closed)(void *context, uint64_t connection);
};

err http_server_open(struct http_server **out, uv_loop_t *loop, const char *address, uint16_t port,
                     const struct http_server_events *events) MUST_USE;
void http_server_send(struct http_server *h, uint64_t connection, struct slice data); /* takes the reference */
void http_server_finish(struct http_server *h, uint64_t connection, bool after_flush); /* close it */
void http_server_pause(struct http_server *h, uint64_t connection, bool paused);
void http_server_flush(struct http_server *h); /* writes what was sent since the last flush */
void http_server_close(struct http_server *h); /* closes all; frees itself from the loop; no more callbacks */

#endif
