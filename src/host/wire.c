#include "host/wire.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/certificate.h"

enum { PIECE = 256 * 1024, HANDSHAKE_TIMEOUT_MS = 10000, PLAIN_PIECE = 64 * 1024 };

struct wire {
    uv_tcp_t tcp;
    uv_timer_t timer; /* for the shaper */
    uv_timer_t watchdog;
    uv_connect_t connect;
    struct wire_events events;
    const struct wire_identity *identity;
    SSL *tls;
    bool handshaken, closing, reading, connected;
    err why;
    int handles_open;
    struct link_shaper shaper;
    struct buf *out; /* the piece being filled */
    size_t out_used;
    size_t writing_bytes; /* handed to the kernel by uv_write, not yet taken */
    bool starved;         /* wire_room was 0: say when there is room */
    uint8_t *in;          /* receive buffer */
    const uint8_t *in_at;
    size_t in_left;
    uint8_t *plain;
    node_id peer;
};

struct write_request {
    uv_write_t request;
    struct slice data;
    struct wire *wire;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct wire *w = handle->data;
    if (--w->handles_open > 0)
        return;
    w->events.closed(w->events.context, w->why);
    SSL_free(w->tls);
    link_shaper_clear(&w->shaper);
    buf_unref(w->out);
    free(w->in);
    free(w->plain);
    free(w);
}

static void close_with(struct wire *w, err why)
{
    if (w->closing)
        return;
    w->closing = true;
    w->why = why;
    uv_close((uv_handle_t *)&w->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&w->timer, on_handle_closed);
    uv_close((uv_handle_t *)&w->watchdog, on_handle_closed);
}

void wire_close(struct wire *w)
{
    close_with(w, ERR_OK);
}

/* ---- OpenSSL's view of the connection ------------------------------------------------------------------------------ */

static void piece_push(struct wire *w);

static void out_add(struct wire *w, const uint8_t *data, size_t size)
{
    while (size > 0) {
        if (!w->out) {
            w->out = buf_new_malloc(PIECE);
            w->out_used = 0;
        }
        size_t piece = MIN(size, PIECE - w->out_used);
        memcpy(w->out->data + w->out_used, data, piece);
        w->out_used += piece;
        data += piece;
        size -= piece;
        if (w->out_used == PIECE)
            piece_push(w);
    }
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *written)
{
    out_add(BIO_get_data(bio), (const uint8_t *)data, size);
    *written = size;
    return 1;
}

static int bio_read(BIO *bio, char *out, size_t size, size_t *got)
{
    struct wire *w = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *got = MIN(size, w->in_left);
    if (*got == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(out, w->in_at, *got);
    w->in_at += *got;
    w->in_left -= *got;
    return 1;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method; /* made once, by the first wire of the process's loop thread */
    if (!method) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "noct wire");
        ASSERT(method);
        BIO_meth_set_write_ex(method, bio_write);
        BIO_meth_set_read_ex(method, bio_read);
        BIO_meth_set_ctrl(method, bio_control);
        BIO_meth_set_create(method, bio_create);
    }
    return method;
}

/* ---- identity -------------------------------------------------------------------------------------------------------- */

static int check_peer(X509_STORE_CTX *store, void *argument)
{
    (void)argument;
    SSL *tls = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct wire *w = SSL_get_app_data(tls);
    X509 *certificate = X509_STORE_CTX_get0_cert(store);
    node_id peer;
    err status = certificate ? certificate_node_check(certificate, w->identity->authority,
                                                      w->identity->wall(w->identity->context), &peer)
                             : ERR_DENIED;
    if (status == ERR_OK && !w->identity->allowed(w->identity->context, peer))
        status = ERR_DENIED;
    if (status != ERR_OK) {
        w->why = ERR_DENIED;
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    w->peer = peer;
    return 1;
}

err wire_identity_open(struct wire_identity *identity, X509 *authority, X509 *certificate, EVP_PKEY *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_method());
    if (!tls)
        return ERR_CRYPTO;
    bool good = SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) == 1 &&
                SSL_CTX_set_ciphersuites(tls, "TLS_AES_256_GCM_SHA384") == 1 &&
                SSL_CTX_use_certificate(tls, certificate) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1 &&
                SSL_CTX_check_private_key(tls) == 1 && SSL_CTX_set_num_tickets(tls, 0) == 1;
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF); /* every contact proves identity anew */
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(tls, check_peer, NULL);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    if (!good) {
        SSL_CTX_free(tls);
        return ERR_CRYPTO;
    }
    identity->tls = tls;
    identity->authority = authority;
    return ERR_OK;
}

void wire_identity_close(struct wire_identity *identity)
{
    SSL_CTX_free(identity->tls);
    identity->tls = NULL;
}

/* ---- sending ----------------------------------------------------------------------------------------------------------- */

static void pump(struct wire *w);

static void on_written(uv_write_t *request, int status)
{
    struct write_request *r = (struct write_request *)request;
    struct wire *w = r->wire;
    w->writing_bytes -= r->data.size;
    slice_drop(&r->data);
    free(r);
    if (status < 0) {
        close_with(w, ERR_UNREACHABLE);
        return;
    }
    if (w->starved && !w->closing && wire_room(w) > 0) {
        w->starved = false;
        w->events.room(w->events.context);
    }
}

static void write_slice(struct wire *w, struct slice data)
{
    struct write_request *r = malloc(sizeof *r);
    ASSERT(r);
    *r = (struct write_request){.data = data, .wire = w};
    w->writing_bytes += data.size;
    uv_buf_t part = uv_buf_init((char *)(uintptr_t)data.data, (unsigned)data.size);
    if (uv_write(&r->request, (uv_stream_t *)&w->tcp, &part, 1, on_written) != 0) {
        w->writing_bytes -= data.size;
        slice_drop(&r->data);
        free(r);
        close_with(w, ERR_UNREACHABLE);
    }
}

static void on_timer(uv_timer_t *timer)
{
    pump(timer->data);
}

static void pump(struct wire *w)
{
    if (w->closing || !w->connected)
        return;
    mono_ns now = (mono_ns)uv_hrtime();
    struct slice data;
    while (!w->closing && link_shaper_pop(&w->shaper, now, &data))
        write_slice(w, data);
    mono_ns next = link_shaper_next(&w->shaper);
    if (!w->closing && next != TIME_NEVER)
        uv_timer_start(&w->timer, on_timer, (uint64_t)MAX((next - now + NS_PER_MS / 2) / NS_PER_MS, 1), 0);
}

static void piece_push(struct wire *w)
{
    if (!w->out)
        return;
    struct slice data = slice_of(w->out, 0, w->out_used);
    w->out = NULL;
    if (data.size > 0)
        link_shaper_push(&w->shaper, (mono_ns)uv_hrtime(), data);
    else
        slice_drop(&data);
}

void wire_flush(struct wire *w)
{
    piece_push(w);
    pump(w);
}

void wire_send(struct wire *w, const void *data, size_t size)
{
    if (w->closing || size == 0)
        return;
    if (!w->tls) {
        out_add(w, data, size);
        return;
    }
    size_t written = 0;
    if (!w->handshaken || SSL_write_ex(w->tls, data, size, &written) != 1 || written != size)
        close_with(w, ERR_CRYPTO);
}

size_t wire_room(struct wire *w)
{
    size_t window = link_shaper_window(&w->shaper);
    size_t used = w->shaper.queued_bytes + w->writing_bytes + (w->out ? w->out_used : 0);
    if (w->closing || !w->connected || used >= window) {
        w->starved = true;
        return 0;
    }
    return window - used;
}

struct link_shaper *wire_shaper(struct wire *w)
{
    return &w->shaper;
}

/* ---- receiving ----------------------------------------------------------------------------------------------------------- */

static void handshake(struct wire *w)
{
    ERR_clear_error();
    int result = SSL_do_handshake(w->tls);
    int reason = SSL_get_error(w->tls, result);
    wire_flush(w); /* also an alert */
    if (result == 1) {
        w->handshaken = true;
        uv_timer_stop(&w->watchdog);
        w->events.secured(w->events.context, w->peer);
    } else if (reason != SSL_ERROR_WANT_READ) {
        close_with(w, w->why == ERR_DENIED ? ERR_DENIED : ERR_CRYPTO);
    }
}

static void read_sealed(struct wire *w)
{
    while (!w->closing) {
        size_t got = 0;
        ERR_clear_error();
        if (SSL_read_ex(w->tls, w->plain, PLAIN_PIECE, &got) == 1) {
            w->events.bytes(w->events.context, w->plain, got);
            continue;
        }
        int reason = SSL_get_error(w->tls, 0);
        if (reason == SSL_ERROR_ZERO_RETURN)
            close_with(w, ERR_OK);
        else if (reason != SSL_ERROR_WANT_READ)
            close_with(w, ERR_CRYPTO);
        return;
    }
}

static void take(struct wire *w)
{
    while (w->in_left > 0 && !w->tls && !w->closing) {
        size_t taken = w->events.bytes(w->events.context, w->in_at, w->in_left);
        ASSERT(taken <= w->in_left);
        w->in_at += taken;
        w->in_left -= taken;
        if (taken == 0 && !w->tls) {
            close_with(w, ERR_INVALID);
            return;
        }
    }
    if (w->tls && !w->handshaken && !w->closing)
        handshake(w);
    if (w->tls && w->handshaken && !w->closing)
        read_sealed(w);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    struct wire *w = handle->data;
    *out = uv_buf_init((char *)w->in, PIECE);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    (void)buf;
    struct wire *w = stream->data;
    if (size < 0) {
        close_with(w, size == UV_EOF ? ERR_OK : ERR_UNREACHABLE);
        return;
    }
    w->in_at = w->in;
    w->in_left = (size_t)size;
    take(w);
    w->in_left = 0;
}

void wire_read_pause(struct wire *w, bool paused)
{
    if (w->closing || !w->connected || w->reading == !paused)
        return;
    w->reading = !paused;
    if (paused)
        uv_read_stop((uv_stream_t *)&w->tcp);
    else
        uv_read_start((uv_stream_t *)&w->tcp, on_alloc, on_read);
}

/* ---- coming and going ------------------------------------------------------------------------------------------------------ */

static void on_watchdog(uv_timer_t *timer)
{
    close_with(timer->data, ERR_TIMEOUT);
}

static struct wire *wire_new(uv_loop_t *loop, const struct wire_events *events)
{
    struct wire *w = calloc(1, sizeof *w);
    ASSERT(w);
    w->events = *events;
    w->in = malloc(PIECE);
    w->plain = malloc(PLAIN_PIECE);
    ASSERT(w->in && w->plain);
    link_shaper_init(&w->shaper);
    ASSERT(uv_tcp_init(loop, &w->tcp) == 0 && uv_timer_init(loop, &w->timer) == 0 && uv_timer_init(loop, &w->watchdog) == 0);
    w->tcp.data = w->timer.data = w->watchdog.data = w;
    w->handles_open = 3;
    uv_timer_start(&w->watchdog, on_watchdog, HANDSHAKE_TIMEOUT_MS, 0);
    return w;
}

static void set_options(struct wire *w)
{
    uv_os_fd_t file;
    uv_tcp_nodelay(&w->tcp, 1);
    /* The machine's default may be bbr, which paces and halves loopback throughput. */
    if (uv_fileno((uv_handle_t *)&w->tcp, &file) == 0 && setsockopt(file, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) != 0)
        (void)setsockopt(file, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct wire *w = request->data;
    if (w->closing)
        return;
    if (status < 0) {
        close_with(w, ERR_UNREACHABLE);
        return;
    }
    w->connected = true;
    set_options(w);
    wire_read_pause(w, false);
    w->events.connected(w->events.context);
    wire_flush(w);
}

struct wire *wire_dial(uv_loop_t *loop, uint16_t port, const struct wire_events *events)
{
    struct wire *w = wire_new(loop, events);
    struct sockaddr_in address;
    uv_ip4_addr("127.0.0.1", port, &address);
    w->connect.data = w;
    if (uv_tcp_connect(&w->connect, &w->tcp, (const struct sockaddr *)&address, on_connect) != 0)
        close_with(w, ERR_UNREACHABLE);
    return w;
}

static void ignore_closed(void *context, err why)
{
    (void)context;
    (void)why;
}

struct wire *wire_accept(uv_loop_t *loop, uv_stream_t *listener, const struct wire_events *events)
{
    struct wire *w = wire_new(loop, events);
    if (uv_accept(listener, (uv_stream_t *)&w->tcp) != 0) {
        w->events.closed = ignore_closed;
        close_with(w, ERR_UNREACHABLE);
        return NULL;
    }
    w->connected = true;
    set_options(w);
    wire_read_pause(w, false);
    return w;
}

void wire_events_set(struct wire *w, const struct wire_events *events)
{
    w->events = *events;
}

void wire_secure(struct wire *w, const struct wire_identity *identity, bool dialled)
{
    ASSERT(!w->tls);
    piece_push(w); /* what was sent in the clear stays so */
    w->identity = identity;
    w->tls = SSL_new(identity->tls);
    BIO *bio = BIO_new(bio_method());
    ASSERT(w->tls && bio);
    BIO_set_data(bio, w);
    SSL_set_bio(w->tls, bio, bio);
    SSL_set_app_data(w->tls, w);
    if (dialled) {
        SSL_set_connect_state(w->tls);
        if (w->in_left == 0) /* else we are inside take(), which goes on with the handshake */
            handshake(w);
    } else {
        SSL_set_accept_state(w->tls);
    }
}
