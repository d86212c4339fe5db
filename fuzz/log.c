/*
 * fuzz/log.c - a record log whose disk was changed in any way: recovery gives back records that were written, in order, and
 * nothing else; what is appended then comes back with them; a pass that fills holes loses none of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/log.h"
#include "core/node_core.h"

enum { MEMORY = 8 << 20, DISK = 64 << 10, RECORDS_MAX = 64 };

struct world {
    struct heap heap;
    struct node_core core;
    struct config config;
    struct view view;
    struct port port;
    struct log log;
    bool recovered;
    uint64_t seen[4 * RECORDS_MAX];
    size_t seen_count;
};

static uint8_t disk[DISK];
static uint64_t used;

static void record(void *context, uint16_t type, struct span payload)
{
    struct world *w = context;
    ASSERT(type == 1 && w->seen_count < COUNT_OF(w->seen));
    w->seen[w->seen_count++] = hash64(payload.data, payload.size);
}
static void recovered(void *context) { ((struct world *)context)->recovered = true; }
static void durable(void *context, uint64_t index) { (void)context; (void)index; }
static void census(void *context, uint16_t type, struct span payload) { (void)context; (void)type; (void)payload; }
static void passed(void *context, enum log_pass_kind kind, bool whole) { (void)context; (void)kind; (void)whole; }

static void perform(struct world *w, const struct effect_disk *d, struct event_done *done)
{
    *done = (struct event_done){.op = d->op, .status = d->offset + d->size > DISK ? ERR_NO_SPACE : ERR_OK};
    if (done->status == ERR_OK && d->kind == DISK_READ) {
        struct buf *b = buf_new_malloc(d->size);
        memcpy(b->data, disk + d->offset, d->size);
        done->data = slice_of(b, 0, d->size);
    }
    if (done->status == ERR_OK && d->kind == DISK_WRITE) {
        memcpy(disk + d->offset, d->parts[0].data, d->size);
        used = MAX(used, d->offset + d->size);
    }
    (void)w;
}

static void run(struct world *w)
{
    for (size_t i = 0; w->core.effect_count > 0; i++) {
        struct event_done done[8];
        size_t count = 0;
        struct now now = w->core.now;
        ASSERT(i < 100000); /* it must become quiet */
        for (size_t e = 0; e < w->core.effect_count; e++)
            if (w->core.effects[e].kind == EFFECT_DISK && count < COUNT_OF(done)) {
                perform(w, &w->core.effects[e].disk, &done[count++]);
                slice_drop(&w->core.effects[e].disk.parts[0]);
            }
        node_core_begin(&w->core, &now);
        for (size_t d = 0; d < count; d++) {
            log_done(&w->log, &done[d]);
            buf_unref(done[d].data.buf);
        }
    }
}

static void start(struct world *w, uint32_t boot)
{
    static uint8_t *memory;
    if (!memory)
        memory = aligned_alloc(16, MEMORY);
    struct now now = {.mono = NS_PER_S, .wall = 1800000000 * NS_PER_S, .wall_rate = 1};
    *w = (struct world){.config = {.self = 1, .boot = boot, .incarnation = 1}};
    w->config.area_capacity_bytes[AREA_FACTS] = DISK;
    w->config.area_used_bytes[AREA_FACTS] = used;
    heap_init(&w->heap, memory, MEMORY);
    ASSERT(node_core_init(&w->core, &w->heap) == ERR_OK && view_init(&w->view, &w->heap, 4, 1) == ERR_OK);
    port_init(&w->port, SERVICE_FACTS, &w->core, &w->config, &w->view, NULL);
    node_core_begin(&w->core, &now);
    w->port.now = now;
    log_open(&w->log, &w->port, AREA_FACTS, boot, &(struct log_handlers){w, record, recovered, durable, census, passed});
    run(w);
    ASSERT(w->recovered || w->log.state == LOG_REFUSED);
}

static uint64_t append(struct world *w, uint8_t fill, size_t size)
{
    uint8_t bytes[2048];
    uint64_t index;
    size = 1 + size % sizeof bytes;
    memset(bytes, fill, size);
    bytes[size / 2] ^= 0x5a;
    return log_append(&w->log, 1, span_of(bytes, size), &index) == ERR_OK ? hash64(bytes, size) : 0;
}

static void change(struct reader *r)
{
    uint8_t what = read_u8(r);
    uint64_t at = read_u16(r) % (used + 1);
    uint8_t value = read_u8(r);
    if (what % 4 == 0 && at < used)
        disk[at] ^= (uint8_t)(1u << value % 8);
    else if (what % 4 == 1)
        for (uint64_t i = at; i < MIN(used, at + value); i++)
            disk[i] = (uint8_t)(i * 7 + what);
    else if (what % 4 == 2)
        memset(disk + at / DISK_SECTOR * DISK_SECTOR, 0, DISK_SECTOR);
    else
        memmove(disk + at, disk + 8 * (uint64_t)value, MIN((uint64_t)512, used - at)); /* a misdirected piece */
}

/* Is `few` what is left of `many`, in order? */
static void assert_left_of(const uint64_t *few, size_t few_count, const uint64_t *many, size_t many_count)
{
    size_t at = 0;
    for (size_t i = 0; i < few_count; i++, at++) {
        while (at < many_count && many[at] != few[i])
            at++;
        ASSERT(at < many_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    uint64_t written[RECORDS_MAX];
    size_t count = 0;
    struct reader r = reader_of(data, size);
    memset(disk, 0, sizeof disk);
    used = 0;
    start(&w, 1);
    size_t records = read_u8(&r) % 24;
    for (size_t i = 0; i < records; i++) {
        uint8_t fill = read_u8(&r);
        uint64_t hash = append(&w, fill, read_u16(&r));
        if (hash)
            written[count++] = hash;
        if (fill % 3 == 0)
            run(&w);
    }
    run(&w);
    while (reader_left(&r) >= 4)
        change(&r);
    start(&w, 2);
    if (!w.recovered)
        return 0;
    assert_left_of(w.seen, w.seen_count, written, count);
    uint64_t kept[4 * RECORDS_MAX];
    size_t kept_count = w.seen_count;
    memcpy(kept, w.seen, sizeof kept);
    for (uint8_t i = 0; i < 3; i++) {
        uint64_t hash = append(&w, (uint8_t)(0xe0 + i), 300 + i);
        if (hash)
            kept[kept_count++] = hash;
    }
    run(&w);
    if (log_pass_begin(&w.log, LOG_PASS_FILL))
        run(&w);
    start(&w, 3);
    ASSERT(w.recovered && w.seen_count == kept_count && memcmp(w.seen, kept, kept_count * sizeof *kept) == 0);
    ASSERT(kept_count == 0 || (w.log.damage.holes == 0 && w.log.damage.mended == 0 && !w.log.damage.torn));
    return 0;
}
