#include "twin/frame_craft.h"

#include <string.h>

enum { MESSAGE_HEAD_SIZE = 14, FIRST_MAX = MESSAGE_HEAD_SIZE + 4096 };

static struct host_buf *build(struct twin_node *from, const struct bundle *b, uint16_t type, uint64_t request, struct span body,
                              struct span payload)
{
    uint8_t first[FIRST_MAX], head[FIRST_MAX + 512], tail[BUNDLE_TAIL_MAX];
    struct writer m = writer_of(first, sizeof first), hw = writer_of(head, sizeof head), tw = writer_of(tail, sizeof tail);
    write_u16(&m, type);
    write_u64(&m, request);
    write_u32(&m, (uint32_t)body.size);
    write_bytes(&m, body.data, body.size);
    if (!writer_ok(&m) || !bundle_encode(b, writer_span(&m), payload, CRC_32C, &hw, &tw))
        return NULL;
    struct host_buf *out = host_buf_frame(from, hw.at + payload.size + tw.at);
    memcpy(out->buf.data, head, hw.at);
    if (payload.size)
        memcpy(out->buf.data + hw.at, payload.data, payload.size);
    memcpy(out->buf.data + hw.at + payload.size, tail, tw.at);
    return out;
}

struct host_buf *frame_craft(struct twin_node *from, const struct crafted *c)
{
    struct bundle b = {.flags = BUNDLE_NO_FRAGMENT, .source = c->source, .destination = c->destination,
                       .creation_ms = MAX(bundle_dtn_time_ms(c->wall), (uint64_t)1), .sequence = c->sequence,
                       .lifetime_ms = 60000, .no_custody = true};
    return build(from, &b, c->type, c->request, c->body, c->payload);
}

bool frame_open(struct span frame, struct opened *out)
{
    if (bundle_decode(frame, (struct bundle_policy){.trusted = true}, &out->bundle) != ERR_OK)
        return false;
    struct reader r = reader_of(out->bundle.payload.data, out->bundle.payload.size);
    out->type = read_u16(&r);
    out->request = read_u64(&r);
    out->body = read_blob(&r, 300 * 1024);
    size_t rest = reader_left(&r);
    out->payload = read_span(&r, rest);
    return reader_ok(&r) && out->bundle.source.kind == EID_IPN && out->bundle.destination.kind == EID_IPN;
}

struct host_buf *frame_rebuild(struct twin_node *from, const struct opened *o, struct span body, struct span payload)
{
    return build(from, &o->bundle, o->type, o->request, body, payload);
}
