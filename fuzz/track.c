/* fuzz/track.c - any bytes as a track: no crash, and what was read can be looked at. The checksums of records are put right. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "twin/track.h"

enum { TRACK_MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void link_seen(void *context, node_id a, node_id b, tai_ns since)
{
    (void)since;
    if (a >= b)
        abort();
    ++*(size_t *)context;
}

static void look(struct track *t)
{
    size_t links = 0;
    if (t->nodes_read == t->node_count && t->sample_count) {
        size_t sample = track_sample_at(t, t->last);
        (void)track_row_of(t, sample, (node_id)t->node_count);
    }
    for (size_t i = 0; i < t->event_count; i++)
        if (track_event_text(t, &t->events[i]).size > TRACK_TEXT_MAX || !track_name(t, t->events[i].node)[0])
            (void)0;
    track_links_at(t, t->last, link_seen, &links);
}

static void read_and_look(struct span bytes)
{
    struct track t;
    (void)!track_read(&t, bytes);
    look(&t);
    track_close(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bytes[TRACK_MOST];
    read_and_look(span_of(data, size));
    if (size < 4)
        return 0;
    /* A header of a few nodes, then the input as records: kind, size, body. */
    struct writer w = writer_of(bytes, sizeof bytes);
    write_bytes(&w, "NOCTTRK1", 8);
    write_u64(&w, 1);
    write_u64(&w, 1800000000ull * NS_PER_S);
    write_u64(&w, (uint64_t)NS_PER_HOUR);
    write_u32(&w, 1 + data[0] % 4);
    write_u32(&w, 60);
    write_u32(&w, data[1] % 4);
    write_u32(&w, crc32c(bytes, 44));
    struct reader r = reader_of(data + 2, size - 2);
    while (reader_left(&r) > 2) {
        uint8_t kind = read_u8(&r), length = read_u8(&r);
        struct span body = read_span(&r, MIN((size_t)length, reader_left(&r)));
        if (w.at + 9 + body.size > sizeof bytes)
            break;
        size_t at = w.at;
        write_u32(&w, (uint32_t)body.size + 1);
        write_u32(&w, 0);
        write_u8(&w, kind);
        write_bytes(&w, body.data, body.size);
        writer_patch_u32(&w, at + 4, crc32c(bytes + at + 8, body.size + 1));
    }
    read_and_look(writer_span(&w));
    return 0;
}
