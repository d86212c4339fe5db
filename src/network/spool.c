/*
 * The spool: bundles that wait with custody, on disk, so that their acknowledgement may go out.
 *
 * AREA_SPOOL is a row of groups, each 16 KiB of table and 256 slots of 16 KiB. A bundle lies in
 * consecutive slots of one group; the entry of its first slot describes it. A table sector holds 8
 * entries of 64 bytes (little-endian):
 *
 *   0  u32 magic "NBS1"        16 u64 size of the bundle       32 i64 expiry, TAI ns       48 u32
 * hop it came from 4  u32 CRC-32C of slot     24 u32 CRC-32C of the bundle    40 i64 received, TAI
 * ns     52 u8 priority number (u64), bytes 8.. 28 u32 destination 53 u8 own, 54 u16 0, 56 u64 0 8
 * u64 key
 *
 * One cycle at a time: bodies and table sectors are written, all DONE, then one SYNC; its DONE
 * makes every bundle of the cycle durable (group commit). A crash in between leaves an entry whose
 * bundle does not match its checksum: nobody was told that it is safe, it is dropped when it is
 * loaded. A freed entry is cleared by the next cycle; if that is lost, the bundle is sent again.
 * Slots freed while a cycle runs are reused only after it, because writes may end in any order.
 */
#include <string.h>

#include "base/hash.h"
#include "network/plane.h"

enum {
    SLOT = 16384,
    TABLE = 16384,
    GROUP_SLOTS = 256,
    ENTRY = 64,
    ENTRIES = DISK_SECTOR / ENTRY,
    GROUP = TABLE + GROUP_SLOTS * SLOT,
    SLOTS_MAX = 65536,
    RECOVER_TRIES = 3
};
#define MAGIC 0x3153424eu

static uint64_t slot_offset(uint32_t slot)
{
    return (uint64_t)(slot / GROUP_SLOTS) * GROUP + TABLE + (uint64_t)(slot % GROUP_SLOTS) * SLOT;
}

static uint64_t sector_offset(uint32_t slot)
{
    return (uint64_t)(slot / GROUP_SLOTS) * GROUP + slot % GROUP_SLOTS / ENTRIES * DISK_SECTOR;
}

static uint32_t slots_for(uint64_t size)
{
    return (uint32_t)((size + SLOT - 1) / SLOT);
}

/* ---- which slots are free
 * ------------------------------------------------------------------------------------------- */

static bool slot_taken(const struct spool *s, uint32_t slot)
{
    return s->bitmap[slot / 64] >> (slot % 64) & 1;
}

static void slots_mark(struct spool *s, uint32_t slot, uint32_t count, bool taken)
{
    for (uint32_t i = slot; i < slot + count; i++) {
        ASSERT(i < s->slots && slot_taken(s, i) != taken);
        s->bitmap[i / 64] ^= 1ull << (i % 64);
    }
    s->slots_used = taken ? s->slots_used + count : s->slots_used - count;
}

static bool slots_find_between(const struct spool *s, uint32_t from, uint32_t to, uint32_t count,
                               uint32_t *out)
{
    uint32_t run = 0;
    for (uint32_t i = from; i < to; i++) {
        if (i % GROUP_SLOTS == 0)
            run = 0;
        run = slot_taken(s, i) ? 0 : run + 1;
        if (run == count) {
            *out = i + 1 - count;
            return true;
        }
    }
    return false;
}

static bool slots_take(struct spool *s, uint32_t count, uint32_t *out)
{
    if (count == 0 || count > GROUP_SLOTS || count > s->slots - s->slots_used)
        return false;
    if (!slots_find_between(s, s->hint, s->slots, count, out) &&
        !slots_find_between(s, 0, s->slots, count, out))
        return false;
    slots_mark(s, *out, count, true);
    s->hint = *out + count;
    return true;
}

/* ---- entries
 * ------------------------------------------------------------------------------------------------------------
 */

static uint32_t entry_crc(uint32_t slot, const uint8_t *entry)
{
    uint64_t number = slot;
    return crc32c_more(crc32c(&number, sizeof number), entry + 8, ENTRY - 8);
}

static void write_entry(struct writer *w, uint32_t slot, const struct item *item)
{
    size_t from = w->at;
    write_u32(w, MAGIC);
    size_t crc_at = write_hole(w, 4);
    write_u64(w, item->key);
    write_u64(w, item->size);
    write_u32(w, item->body_crc);
    write_u32(w, item->destination);
    write_u64(w, (uint64_t)item->expiry);
    write_u64(w, (uint64_t)item->received);
    write_u32(w, item->from);
    write_u8(w, item->priority);
    write_u8(w, item->own);
    write_u16(w, 0);
    write_u64(w, 0);
    ASSERT(writer_ok(w) && w->at - from == ENTRY);
    writer_patch_u32(w, crc_at, entry_crc(slot, w->data + from));
}

/* The table sector that holds the entry of `slot`, as it should be now. */
static void build_sector(const struct network *n, uint32_t slot, uint8_t out[DISK_SECTOR])
{
    memset(out, 0, DISK_SECTOR);
    uint32_t first = slot / ENTRIES * ENTRIES;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        struct item **item = map_find_u64(&n->spool.records, first + i);
        struct writer w = writer_of(out + i * ENTRY, ENTRY);
        if (item)
            write_entry(&w, first + i, *item);
    }
}

/* A sector stays in the table of dirty ones until a cycle that wrote it has succeeded: a stale
 * entry must never outlive the reuse of its slots. */
enum { DIRTY = 1, DIRTY_WRITING = 2 };

static bool mark_dirty(struct spool *s, uint32_t slot)
{
    uint8_t *state = map_put_u64(&s->dirty, slot / ENTRIES * ENTRIES, NULL);
    if (state)
        *state |= DIRTY;
    return state != NULL;
}

static void settle_dirty(struct spool *s, bool ok)
{
    struct map_node *next;
    for (struct map_node *node = map_first(&s->dirty); node; node = next) {
        next = map_next(&s->dirty, node);
        uint8_t *state = map_value(node);
        if (!ok)
            *state = DIRTY;
        else if ((*state &= (uint8_t)~DIRTY_WRITING) == 0)
            map_remove_u64(&s->dirty, map_key_u64(node));
    }
}

/* ---- the cycle
 * ------------------------------------------------------------------------------------------------------------
 */

static bool expect(struct spool *s, uint64_t op, enum spool_op_kind kind, uint64_t item)
{
    struct spool_op *o = op ? map_put_u64(&s->ops, op, NULL) : NULL;
    if (!o)
        return false; /* an answer to it will be ignored */
    o->kind = kind;
    o->item = item;
    return true;
}

static bool write_part(struct network *n, uint64_t offset, struct slice data)
{
    struct spool *s = &n->spool;
    uint64_t op = port_disk_write(n->port, AREA_SPOOL, offset, data, (struct slice){0});
    if (!expect(s, op, SPOOL_OP_CYCLE, 0))
        return false;
    s->cycle_pending++;
    return true;
}

/* Our own bundle becomes one piece, like those of others: a record is written in one go. */
static bool flatten(struct network *n, struct item *item)
{
    if (item->parts[0].size == item->size)
        return true;
    struct buf *all = buf_new_heap(n->heap, item->size);
    if (!all)
        return false;
    struct writer w = writer_of(all->data, all->size);
    for (size_t i = 0; i < 3; i++) {
        write_bytes(&w, item->parts[i].data, item->parts[i].size);
        slice_drop(&item->parts[i]);
    }
    ASSERT(writer_ok(&w) && w.at == item->size);
    item->parts[0] = slice_of(all, 0, all->size);
    return true;
}

/* False: no room or no memory; the item is left without a record. */
static bool begin_record(struct network *n, struct item *item)
{
    struct spool *s = &n->spool;
    if (item->resident == 0 || !flatten(n, item) ||
        !slots_take(s, slots_for(item->size), &item->slot))
        return false;
    item->slot_count = slots_for(item->size);
    struct item **record = map_put_u64(&s->records, item->slot, NULL);
    if (!record || !mark_dirty(s, item->slot)) {
        map_remove_u64(&s->records, item->slot);
        slots_mark(s, item->slot, item->slot_count, false);
        return false;
    }
    *record = item;
    item->body_crc = crc32c(item->parts[0].data, item->parts[0].size);
    item->spool = SPOOL_WRITING;
    s->cycle_failed |= !write_part(n, slot_offset(item->slot), item->parts[0]);
    return true;
}

static void forget_record(struct network *n, struct item *item)
{
    struct spool *s = &n->spool;
    map_remove_u64(&s->records, item->slot);
    /* Without memory the entry, and so its slots, stay until the next start: the bundle is sent
     * twice at worst. */
    bool cleared = mark_dirty(s, item->slot);
    uint32_t *count =
        cleared && s->cycle_running ? map_put_u64(&s->deferred, item->slot, NULL) : NULL;
    if (count)
        *count = item->slot_count;
    else if (cleared && !s->cycle_running)
        slots_mark(s, item->slot, item->slot_count, false);
    item->slot_count = 0;
}

static void end_cycle(struct network *n, bool ok)
{
    struct spool *s = &n->spool;
    s->cycle_running = false;
    struct map_node *next;
    for (struct map_node *node = map_first(&s->deferred); node; node = next) {
        next = map_next(&s->deferred, node);
        slots_mark(s, (uint32_t)map_key_u64(node), *(uint32_t *)map_value(node), false);
    }
    map_clear(&s->deferred);
    settle_dirty(s, ok);
    if (!ok)
        s->retry_at = n->port->now.mono + NS_PER_S;
    struct item *after;
    for (struct item *item = n->oldest; item; item = after) {
        after = item->all_next;
        if (item->spool != SPOOL_WRITING)
            continue;
        item->spool = ok ? SPOOL_DURABLE : SPOOL_NONE;
        n->spooled_count += ok;
        if (ok)
            queue_durable(n, item);
        else
            forget_record(n, item);
    }
}

static void finish_writes(struct network *n)
{
    struct spool *s = &n->spool;
    if (s->cycle_pending > 0)
        return;
    uint64_t op = s->cycle_failed ? 0 : port_disk_sync(n->port, AREA_SPOOL);
    if (!expect(s, op, SPOOL_OP_SYNC, 0))
        end_cycle(n, false);
}

/* Starts a cycle if something waits for one and none runs. */
void spool_kick(struct network *n)
{
    struct spool *s = &n->spool;
    if (!s->recovered || s->cycle_running || s->slots == 0 || n->port->now.mono < s->retry_at)
        return;
    s->cycle_failed = false;
    s->cycle_pending = 0;
    bool any = false;
    for (struct item *item = n->oldest; item; item = item->all_next)
        if (item->spool == SPOOL_WANTED) {
            item->spool = SPOOL_NONE;
            s->cycle_running = true; /* from here on freed slots are kept back */
            bool begun = begin_record(n, item);
            if (!begun)
                port_probe(n->port, PROBE_SPOOL_FULL);
            any |= begun;
        }
    if (!any && s->dirty.count == 0) {
        s->cycle_running = false;
        return;
    }
    s->cycle_running = true;
    uint8_t sector[DISK_SECTOR];
    for (struct map_node *node = map_first(&s->dirty); node; node = map_next(&s->dirty, node)) {
        uint32_t slot = (uint32_t)map_key_u64(node);
        build_sector(n, slot, sector);
        *(uint8_t *)map_value(node) = DIRTY_WRITING;
        s->cycle_failed |=
            !write_part(n, sector_offset(slot), slice_borrowed(span_of(sector, sizeof sector)));
    }
    finish_writes(n);
}

void spool_want(struct network *n, struct item *item)
{
    if (item->spool != SPOOL_NONE || item->no_custody || n->spool.slots == 0 || item->resident == 0)
        return;
    item->spool = SPOOL_WANTED;
    spool_kick(n);
}

void spool_release(struct network *n, struct item *item)
{
    if (item->spool == SPOOL_DURABLE)
        n->spooled_count--;
    if (item->spool == SPOOL_DURABLE || item->spool == SPOOL_WRITING)
        forget_record(n, item);
    item->spool = SPOOL_NONE;
}

/* ---- loading
 * ------------------------------------------------------------------------------------------------------------------
 */

bool spool_load(struct network *n, struct item *item)
{
    ASSERT(item->spool == SPOOL_DURABLE);
    return expect(&n->spool,
                  port_disk_read(n->port, AREA_SPOOL, slot_offset(item->slot), item->size),
                  SPOOL_OP_LOAD, item->id);
}

static void take_loaded(struct network *n, uint64_t id, const struct event_done *done)
{
    struct item **found = map_find_u64(&n->items, id);
    if (!found)
        return;
    struct item *item = *found;
    err status = done->status;
    if (status == ERR_OK && (done->data.size != item->size ||
                             crc32c(done->data.data, done->data.size) != item->body_crc))
        status = ERR_CORRUPT;
    struct bundle b;
    if (status == ERR_OK &&
        bundle_decode(slice_span(done->data), (struct bundle_policy){0}, &b) != ERR_OK)
        status = ERR_CORRUPT;
    queue_loaded(n, item, status, done->data);
}

/* ---- recovery
 * --------------------------------------------------------------------------------------------------------------------
 */

static void recover_entry(struct network *n, uint32_t slot, const uint8_t *entry)
{
    struct spool *s = &n->spool;
    struct reader r = reader_of(entry, ENTRY);
    if (read_u32(&r) != MAGIC || read_u32(&r) != entry_crc(slot, entry) || slot >= s->slots)
        return;
    struct item copy = {.slot = slot};
    copy.key = read_u64(&r);
    copy.size = read_u64(&r);
    copy.body_crc = read_u32(&r);
    copy.destination = read_u32(&r);
    copy.expiry = (tai_ns)read_u64(&r);
    copy.received = (tai_ns)read_u64(&r);
    copy.from = read_u32(&r);
    copy.priority = read_u8(&r);
    copy.own = read_u8(&r) != 0;
    uint64_t count = copy.size / SLOT + (copy.size % SLOT != 0);
    if (copy.size == 0 || count > GROUP_SLOTS - slot % GROUP_SLOTS || count > s->slots - slot ||
        copy.priority >= PRIORITIES)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (slot_taken(s, slot + i))
            return;
    copy.slot_count = (uint32_t)count;
    slots_mark(s, slot, copy.slot_count,
               true); /* also if it does not fit into memory now: the next start may find room */
    struct item *item = map_find_u64(&n->keys, copy.key) ? NULL : item_new(n);
    struct item **record = item ? map_put_u64(&s->records, slot, NULL) : NULL;
    if (!record) {
        heap_free(n->heap, item);
        return;
    }
    copy.id = item->id;
    copy.queued_at = item->queued_at;
    copy.spool = SPOOL_DURABLE;
    *item = copy;
    *record = item;
    if (!item_index(n, item)) {
        map_remove_u64(&s->records, slot);
        heap_free(n->heap, item);
        return;
    }
    n->spooled_count++;
    port_probe(n->port, PROBE_SPOOL_RECOVERED);
}

/* A table that cannot be read: leave its group alone. */
static void seal_group(struct spool *s, uint32_t group)
{
    for (uint32_t slot = group * GROUP_SLOTS; slot < s->slots && slot < (group + 1) * GROUP_SLOTS;
         slot++)
        if (!slot_taken(s, slot))
            slots_mark(s, slot, 1, true);
}

static void recover_next(struct network *n)
{
    struct spool *s = &n->spool;
    while (s->group_next < s->groups) {
        uint64_t op = port_disk_read(n->port, AREA_SPOOL, (uint64_t)s->group_next * GROUP, TABLE);
        if (expect(s, op, SPOOL_OP_RECOVER, 0))
            return;
        seal_group(s, s->group_next++); /* no memory even for that */
    }
    s->recovered = true;
    queue_reroute_all(n);
    spool_kick(n);
}

static void take_table(struct network *n, const struct event_done *done)
{
    struct spool *s = &n->spool;
    if (done->status == ERR_OK && done->data.size == TABLE) {
        for (uint32_t i = 0; i < GROUP_SLOTS; i++)
            recover_entry(n, s->group_next * GROUP_SLOTS + i, done->data.data + i * ENTRY);
    } else if (++s->group_tries < RECOVER_TRIES) {
        recover_next(n);
        return;
    } else {
        seal_group(s, s->group_next);
        port_trace(n->port, TRACE_REFUSED, NODE_NONE, "a table of the spool cannot be read: %s",
                   err_text(done->status));
    }
    s->group_tries = 0;
    s->group_next++;
    recover_next(n);
}

err spool_open(struct network *n)
{
    struct spool *s = &n->spool;
    const struct config *c = n->port->config;
    s->capacity = c->area_capacity_bytes[AREA_SPOOL];
    map_init(&s->ops, n->heap, sizeof(struct spool_op));
    map_init(&s->records, n->heap, sizeof(struct item *));
    map_init(&s->dirty, n->heap, 1);
    map_init(&s->deferred, n->heap, sizeof(uint32_t));
    uint64_t groups = s->capacity / GROUP, rest = s->capacity % GROUP;
    uint64_t slots = groups * GROUP_SLOTS + (rest > TABLE ? (rest - TABLE) / SLOT : 0);
    s->slots = (uint32_t)MIN(slots, (uint64_t)SLOTS_MAX);
    s->bitmap = heap_alloc(n->heap, (s->slots / 64 + 1) * sizeof *s->bitmap);
    if (!s->bitmap)
        return ERR_NO_MEMORY;
    uint64_t used = MIN(c->area_used_bytes[AREA_SPOOL], s->capacity);
    s->groups = (uint32_t)MIN((used + GROUP - 1) / GROUP,
                              (uint64_t)(s->slots + GROUP_SLOTS - 1) / GROUP_SLOTS);
    recover_next(n);
    return ERR_OK;
}

/* ---- answers
 * ------------------------------------------------------------------------------------------------------------------------
 */

void spool_done(struct network *n, const struct event_done *done)
{
    struct spool *s = &n->spool;
    const struct spool_op *found = map_find_u64(&s->ops, done->op);
    if (!found)
        return;
    struct spool_op op = *found;
    map_remove_u64(&s->ops, done->op);
    switch (op.kind) {
    case SPOOL_OP_RECOVER:
        take_table(n, done);
        break;
    case SPOOL_OP_LOAD:
        take_loaded(n, op.item, done);
        break;
    case SPOOL_OP_CYCLE:
        s->cycle_pending--;
        s->cycle_failed |= done->status != ERR_OK;
        finish_writes(n);
        break;
    case SPOOL_OP_SYNC:
        end_cycle(n, done->status == ERR_OK);
        spool_kick(n);
        break;
    }
}

bool spool_rests(const struct network *n)
{
    return n->spool.recovered && !n->spool.cycle_running && n->spool.dirty.count == 0 && n->spool.ops.count == 0;
}

bool spool_check(const struct network *n)
{
    const struct spool *s = &n->spool;
    uint64_t taken = 0, owned = 0;
    for (uint32_t i = 0; i < s->slots; i++)
        taken += slot_taken(s, i);
    if (taken != s->slots_used)
        return false;
    for (struct map_node *node = map_first(&s->records); node; node = map_next(&s->records, node)) {
        const struct item *item = *(struct item **)map_value(node);
        if (item->slot != map_key_u64(node) ||
            (item->spool != SPOOL_DURABLE && item->spool != SPOOL_WRITING))
            return false;
        owned += item->slot_count;
        for (uint32_t i = 0; i < item->slot_count; i++)
            if (!slot_taken(s, item->slot + i))
                return false;
    }
    return owned <= taken;
}
