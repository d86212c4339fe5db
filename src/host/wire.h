/*
 * host/wire.h - one TCP connection between two nodes: plain bytes first, then TLS 1.3, through a link shaper.
 *
 * Story:    a wire begins in the clear (the TCPCLv4 contact header), then wire_secure turns it into mutually
 *           authenticated TLS 1.3. Cipher text is batched in 256 KiB pieces (a TLS record per system call is the
 *           bottleneck otherwise: the OpenSSL BIO here writes into the piece and reads straight out of the receive
 *           buffer), and leaves when the shaper says that it has crossed the link.
 * Identity: the peer's certificate must be issued by the mission root, valid at the scenario's wall time, and name a
 *           node that `allowed` accepts; the handshake fails otherwise. There is no fallback to clear text.
 * Owns:     socket, TLS state, queues. Freed by itself after `closed` was called; do not use it after that.
 * Calls:    all callbacks come on the loop, never from within wire_send or wire_close; `closed` exactly once.
 * Errors:   in `closed`: OK (peer closed or wire_close), UNREACHABLE (connect refused, reset), DENIED (certificate),
 *           CRYPTO (TLS failed), TIMEOUT (no handshake within 10 s).
 * Threads:  single owner: the loop's.
 */
#ifndef NOCT_HOST_WIRE_H
#define NOCT_HOST_WIRE_H

#include <openssl/ssl.h>
#include <uv.h>

#include "core/ids.h"
#include "host/link_shaper.h"

struct wire;

struct wire_identity { /* who we are and whom we trust; shared by all wires of a node, outlives them */
    SSL_CTX *tls;
    X509 *authority;
    void *context;
    tai_ns (*wall)(void *context);
    bool (*allowed)(void *context, node_id peer); /* not revoked, known */
};

err wire_identity_open(struct wire_identity *identity, X509 *authority, X509 *certificate, EVP_PKEY *key) MUST_USE;
void wire_identity_close(struct wire_identity *identity);

struct wire_events {
    void *context;
    void (*connected)(void *context); /* dialled wires only */
    /* Returns how many bytes it took; all but the clear text phase must take all of them. */
    size_t (*bytes)(void *context, const uint8_t *data, size_t size);
    void (*secured)(void *context, node_id peer);
    void (*room)(void *context); /* there is room to send again */
    void (*closed)(void *context, err why);
};

struct wire *wire_dial(uv_loop_t *loop, uint16_t port, const struct wire_events *events); /* 127.0.0.1 */
struct wire *wire_accept(uv_loop_t *loop, uv_stream_t *listener, const struct wire_events *events); /* NULL: gone, no `closed` */
void wire_events_set(struct wire *w, const struct wire_events *events);
void wire_secure(struct wire *w, const struct wire_identity *identity, bool dialled);
struct link_shaper *wire_shaper(struct wire *w);
void wire_send(struct wire *w, const void *data, size_t size); /* copied (sealed) at once; queued until wire_flush */
void wire_flush(struct wire *w);
size_t wire_room(struct wire *w); /* how much may be sent now; after 0, `room` is called when there is some */
void wire_read_pause(struct wire *w, bool paused);
void wire_close(struct wire *w); /* at once; what is queued is lost. `closed` follows. */

#endif
