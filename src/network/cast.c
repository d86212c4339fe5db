/*
 * Casts: messages over one link that nobody keeps, repeats or acknowledges (heartbeats, digests). No item, no queue; the same words to
 * several neighbours are encoded once.
 */
#include <string.h>

#include "network/plane.h"

enum { FRONT_ROOM = 256, BLOCK_ROOM = 32 };

static bool same_words(const struct cast *c, const struct message *m)
{
    return c->block && c->type == m->type && c->request == m->request && c->body.size == m->body.size &&
           memcmp(c->body.data, m->body.data, m->body.size) == 0;
}

/* Encodes the payload block, unless the last cast had the same. The cast holds one reference. */
static bool words(struct network *n, const struct message *m)
{
    struct cast *c = &n->cast;
    uint8_t head[MESSAGE_HEAD];
    if (same_words(c, m))
        return true;
    buf_unref(c->block);
    *c = (struct cast){.block = buf_new_heap_unset(n->heap, MESSAGE_HEAD + m->body.size + BLOCK_ROOM)};
    if (!c->block)
        return false;
    struct writer w = writer_of(head, sizeof head), block = writer_of(c->block->data, c->block->size);
    write_u16(&w, m->type);
    write_u64(&w, m->request);
    write_u32(&w, (uint32_t)m->body.size);
    bool fits = writer_ok(&w) && bundle_encode_block(writer_span(&w), m->body, &block);
    ASSERT(fits);
    c->size = block.at;
    c->type = m->type;
    c->request = m->request;
    /* The body lies before checksum (1 + 4 bytes) and break. */
    c->body = span_of(c->block->data + block.at - 6 - m->body.size, m->body.size);
    return true;
}

err cast_send(struct network *n, const struct message *m)
{
    struct buf *front = words(n, m) ? buf_new_heap_unset(n->heap, FRONT_ROOM) : NULL;
    if (!front)
        return ERR_FULL;
    struct bundle b;
    bundle_own(n, m, &b);
    struct writer w = writer_of(front->data, front->size);
    bool fits = bundle_encode_front(&b, &w);
    ASSERT(fits);
    port_count(n->port, METRIC_BUNDLES_SENT, 1);
    port_count(n->port, METRIC_BYTES_SENT, w.at + n->cast.size);
    port_effect(n->port, &(struct effect){.kind = EFFECT_SEND,
                                          .send = {.peer = m->to, .priority = b.priority,
                                                   .parts = {slice_of(front, 0, w.at),
                                                             slice_of(buf_ref(n->cast.block), 0, n->cast.size)}}});
    return ERR_OK;
}

void cast_close(struct network *n)
{
    buf_unref(n->cast.block);
    n->cast = (struct cast){0};
}
