/* fuzz/journal.c - any bytes as records of a journal: no crash of the reader, and an event that is read can be written and read again. */
#include <stdlib.h>
#include <string.h>

#include "twin/incident.h"

enum { SEGMENT_MAX = 1 << 20, SCRATCH = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as records with right checksums: first byte the kind, two bytes of size, the body. */
static size_t build(const uint8_t *data, size_t size, uint8_t *segment)
{
    struct reader r = reader_of(data, size);
    size_t at = JOURNAL_HEADER_SIZE;
    uint64_t number = 0;
    journal_header_write(&(struct journal_header){1, 0, 1}, segment);
    while (reader_left(&r) > 3) {
        uint8_t kind = read_u8(&r);
        uint16_t wanted = read_u16(&r);
        struct span body = read_span(&r, MIN((size_t)wanted, reader_left(&r)));
        if (at + 9 + body.size + 9 > SEGMENT_MAX)
            break;
        segment[at + 8] = kind;
        if (body.size)
            memcpy(segment + at + 9, body.data, body.size);
        struct writer w = writer_of(segment + at, 8);
        write_u32(&w, (uint32_t)body.size + 1);
        write_u32(&w, journal_crc(number++, span_of(segment + at + 8, body.size + 1)));
        at += 9 + body.size;
    }
    memset(segment + at, 0, 9);
    return at + 9;
}

static void again(struct span body, struct heap *heap)
{
    struct event e, f;
    struct reader r = reader_of(body.data, body.size);
    journal_event_read(&r, heap, &e);
    if (!reader_ok(&r))
        return;
    size_t room = journal_event_room(&e);
    uint8_t *out = malloc(room);
    struct writer w = writer_of(out, room);
    journal_event_write(&w, &e);
    if (!writer_ok(&w))
        abort();
    r = reader_of(out, w.at);
    journal_event_read(&r, heap, &f);
    if (!reader_ok(&r) || f.kind != e.kind)
        abort();
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t segment[SEGMENT_MAX], memory[SCRATCH] __attribute__((aligned(16)));
    struct journal_reader reader;
    struct journal_record record;
    struct heap heap;
    struct incident_options options = {0};
    struct incident_result result;
    size_t used = build(data, size, segment);
    journal_reader_memory(&reader, span_of(segment, used));
    while (journal_reader_next(&reader, &record)) {
        struct event e;
        heap_init(&heap, memory, sizeof memory);
        again(record.body, &heap);
        if (journal_reader_disk(&reader, &record, &e))
            buf_unref(e.done.data.buf);
    }
    journal_reader_close(&reader);
    journal_reader_memory(&reader, span_of(data, size)); /* and as they are */
    while (journal_reader_next(&reader, &record))
        continue;
    journal_reader_close(&reader);
    journal_reader_memory(&reader, span_of(segment, used));
    incident_replay(&reader, &options, &result); /* without a whole scenario there is no node to be harmed */
    journal_reader_close(&reader);
    return 0;
}
