/*
 * twin/fault_wire.c - frames that are damaged, repeated, forged, doubled or late.
 *
 * Model:   everything is done where a frame leaves, on its bytes. Damage is 1 to 16 flipped bits: the bundle's CRC-32C must
 *          find it. A replayed frame is one of the last 32 that left for the same peer while a replay was on. A doubled frame comes
 *          again within 2 s. A late one comes up to 2 s after its time, behind younger ones. Forgery is what somebody can do
 *          without the keys of a session: garbage, foreign names, facts without a good signature, chunks with
 *          other bytes; not the messages that only an authenticated neighbour can say (that neighbour would be Byzantine).
 */
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"
#include "twin/frame_craft.h"
#include "twin/world.h"

enum { FACTS_PUSH = 3, GARBAGE_MAX = 2048 };
#define LATE_MOST (2 * NS_PER_S)

void fault_wire_add(struct twin_node *n, const struct fault *f, mono_ns until)
{
    struct node_faults *s = &n->faults;
    size_t at = 0;
    while (at < s->wire_count && s->wires[at].until > node_now(n))
        at++;
    if (at == WIRE_FAULTS_MAX)
        return;
    s->wire_count = MAX(s->wire_count, at + 1);
    s->wires[at] = (struct wire_fault){.peer = f->peer, .kind = f->kind, .until = until, .permille = (uint32_t)f->value,
                                       .rng = rng_stream(f->draw, 0x77697265)};
}

void fault_wires_free(struct twin_node *n)
{
    for (size_t i = 0; i < OLD_FRAMES_MAX; i++)
        free(n->faults.old[i].bytes);
}

static struct host_buf *copy_of(struct twin_node *n, const void *bytes, size_t size)
{
    struct host_buf *h = host_buf_frame(n, size);
    memcpy(h->buf.data, bytes, size);
    return h;
}

/* A frame that no SEND stands behind: its serial is 0, so that nobody waits for the answer. */
static void inject(struct twin_node *n, struct twin_node *peer, uint32_t epoch, struct host_buf *h, mono_ns arrives)
{
    if (!h)
        return;
    h->serial = 0;
    h->epoch = epoch;
    node_post(n, peer, arrives, HAPPEN_FRAME, 0, h);
}

static void damage(struct twin_node *n, struct wire_fault *f, struct host_buf *frame)
{
    for (uint64_t i = 1 + rng_below(&f->rng, 16); i > 0; i--) {
        uint64_t bit = rng_below(&f->rng, 8 * MAX(frame->buf.size, (size_t)1));
        frame->buf.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    node_figures(n)->faults.frames_damaged++;
}

/* ---- replay ---------------------------------------------------------------------------------------------------------- */

static void remember(struct twin_node *n, node_id peer, const struct host_buf *frame)
{
    if (frame->buf.size > OLD_FRAME_BYTES_MAX)
        return;
    struct old_frame *o = &n->faults.old[n->faults.old_next++ % OLD_FRAMES_MAX];
    free(o->bytes);
    *o = (struct old_frame){.peer = peer, .size = frame->buf.size, .bytes = malloc(MAX(frame->buf.size, (size_t)1))};
    ASSERT(o->bytes != NULL);
    memcpy(o->bytes, frame->buf.data, frame->buf.size);
}

static void replay(struct twin_node *n, struct twin_node *peer, uint32_t epoch, struct wire_fault *f, mono_ns arrives)
{
    const struct old_frame *o = &n->faults.old[rng_below(&f->rng, OLD_FRAMES_MAX)];
    if (!o->bytes || o->peer != peer->id)
        return;
    inject(n, peer, epoch, copy_of(n, o->bytes, o->size), arrives + (duration_ns)rng_below(&f->rng, LATE_MOST));
    node_figures(n)->faults.frames_replayed++;
}

/* ---- forgery ----------------------------------------------------------------------------------------------------------- */

static struct host_buf *garbage(struct twin_node *n, struct rng *r)
{
    struct host_buf *h = host_buf_frame(n, 1 + rng_below(r, GARBAGE_MAX));
    for (size_t i = 0; i < h->buf.size; i++)
        h->buf.data[i] = (uint8_t)rng_u64(r);
    return h;
}

static struct crafted message_to(struct twin_node *n, struct twin_node *peer, struct rng *r, uint64_t service)
{
    return (struct crafted){.source = eid_ipn(n->id, service), .destination = eid_ipn(peer->id, service),
                            .sequence = rng_u64(r) | 1ull << 63, .wall = node_wall(n)};
}

/* From, or to, a node that is none. */
static struct host_buf *stranger(struct twin_node *n, struct twin_node *peer, struct rng *r)
{
    struct crafted c = message_to(n, peer, r, 1 + rng_below(r, 6));
    uint32_t nobody = (uint32_t)n->world->node_count + 1 + (uint32_t)rng_below(r, 1000000);
    if (rng_chance(r, 0.5))
        c.source.node = nobody;
    else
        c.destination.node = nobody;
    c.type = (uint16_t)rng_below(r, 16);
    return frame_craft(n, &c);
}

/* A fact of some author, with another sequence or body, and so without its signature. */
static struct host_buf *false_fact(struct twin_node *n, struct twin_node *peer, struct rng *r)
{
    const struct facts *facts = n->node ? node_facts(n->node) : NULL;
    node_id author = (node_id)rng_below(r, n->world->node_count + 1); /* 0: the root */
    uint64_t held = facts ? facts_seq_of(facts, author) : 0;
    struct fact fact;
    if (held == 0 || !facts_get(facts, author, held, &fact))
        return NULL;
    size_t size = FACT_OVERHEAD + fact.body.size;
    uint8_t *bytes = malloc(4 + size);
    ASSERT(bytes != NULL);
    struct writer w = writer_of(bytes, 4);
    write_u32(&w, (uint32_t)size);
    memcpy(bytes + 4, fact.body.data - FACT_HEADER_SIZE, size);
    if (rng_chance(r, 0.5)) {
        struct writer sequence = writer_of(bytes + 4 + 16, 8);
        write_u64(&sequence, held + 1);
    } else {
        bytes[4 + FACT_HEADER_SIZE + rng_below(r, fact.body.size + FACT_SIGNATURE_SIZE)] ^= 1; /* in body or signature */
    }
    struct crafted c = message_to(n, peer, r, SERVICE_FACTS);
    c.type = FACTS_PUSH;
    c.payload = span_of(bytes, 4 + size);
    struct host_buf *h = frame_craft(n, &c);
    free(bytes);
    return h;
}

/* The same message as `frame`, in a bundle of another name, with other bulk bytes. */
static struct host_buf *false_bulk(struct twin_node *n, struct rng *r, const struct host_buf *frame)
{
    struct opened o;
    if (!frame_open(span_of(frame->buf.data, frame->buf.size), &o) || o.bundle.source.node != n->id ||
        o.bundle.destination.service != SERVICE_STORAGE || o.payload.size < 64)
        return NULL;
    uint8_t *bytes = malloc(o.payload.size);
    ASSERT(bytes != NULL);
    memcpy(bytes, o.payload.data, o.payload.size);
    bytes[rng_below(r, o.payload.size)] ^= (uint8_t)(1 + rng_below(r, 255));
    o.bundle.sequence = rng_u64(r) | 1ull << 63;
    struct host_buf *h = frame_rebuild(n, &o, o.body, span_of(bytes, o.payload.size));
    free(bytes);
    return h;
}

static struct host_buf *forgery(struct twin_node *n, struct twin_node *peer, struct rng *r, const struct host_buf *frame)
{
    switch (rng_below(r, 4)) {
    case 0:
        return garbage(n, r);
    case 1:
        return stranger(n, peer, r);
    case 2:
        return false_bulk(n, r, frame);
    default:
        return false_fact(n, peer, r);
    }
}

/* ---- all together -------------------------------------------------------------------------------------------------------- */

static mono_ns strike(struct twin_node *n, struct twin_node *peer, uint32_t epoch, struct wire_fault *f, struct host_buf *frame,
                      mono_ns arrives)
{
    struct fault_figures *figures = &node_figures(n)->faults;
    if (f->kind == FAULT_REPLAY)
        remember(n, peer->id, frame);
    if (rng_below(&f->rng, 1000) >= f->permille)
        return arrives;
    if (f->kind == FAULT_CORRUPT) {
        damage(n, f, frame);
    } else if (f->kind == FAULT_REPLAY) {
        replay(n, peer, epoch, f, arrives);
    } else if (f->kind == FAULT_DUPLICATE) {
        inject(n, peer, epoch, copy_of(n, frame->buf.data, frame->buf.size), arrives + (duration_ns)rng_below(&f->rng, LATE_MOST));
        figures->frames_doubled++;
    } else if (f->kind == FAULT_REORDER) {
        figures->frames_late++;
        return arrives + (duration_ns)rng_below(&f->rng, LATE_MOST);
    } else if (f->kind == FAULT_FORGE) {
        struct host_buf *h = forgery(n, peer, &f->rng, frame);
        figures->frames_forged += h != NULL;
        inject(n, peer, epoch, h, arrives + (duration_ns)rng_below(&f->rng, NS_PER_S));
    }
    return arrives;
}

mono_ns fault_frame(struct twin_node *n, struct twin_node *peer, uint32_t epoch, struct host_buf **frame, mono_ns arrives)
{
    if (node_now(n) < n->faults.lie_until)
        *frame = byzantine_lie(n, *frame);
    for (size_t i = 0; i < n->faults.wire_count; i++) {
        struct wire_fault *f = &n->faults.wires[i];
        if (f->peer == peer->id && node_now(n) < f->until)
            arrives = strike(n, peer, epoch, f, *frame, arrives);
    }
    return arrives;
}
