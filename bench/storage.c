/*
 * The storage plane's own cost: objects through one gateway to one satellite with disks and links in memory. What is measured is hashing, checksums,
 * tables, facts without signatures and the copies into and out of the memory disk; the real host adds sockets, TLS and disks.
 */
#include <stdio.h>
#include <time.h>

#include "../tests/storage/world.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print(const char *name, const char *unit, double value, size_t n)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.0f,\"n\":%zu,\"command\":\"bench/run storage\"}\n", name, unit, value, n);
}

static void large(struct world *w, size_t size)
{
    enum { PIECE = 256 * 1024 };
    struct buf *piece = buf_new_malloc(PIECE);
    world_bytes(1, piece->data, PIECE);
    double start = seconds();
    uint64_t tag = 0;
    struct world_reply *r = world_ask(w, 5, world_put_begin("eo", "large", size), &tag);
    for (size_t sent = 0; sent < size;) {
        size_t now = MIN(MIN((size_t)PIECE, size - sent), (size_t)r->credit);
        if (now == 0) {
            world_settle(w);
            continue;
        }
        r->credit -= now;
        world_ask(w, 5, (struct object_request){.op = OBJECT_PUT_DATA, .data = slice_of(piece, 0, now)}, &tag);
        sent += now;
    }
    world_ask(w, 5, (struct object_request){.op = OBJECT_PUT_END}, &tag);
    world_settle(w);
    if (!r->got || r->last.status != ERR_OK)
        abort();
    print("storage_put_64MiB_cpu", "MB/s", (double)size / 1e6 / (seconds() - start), 1);
    start = seconds();
    world_discard = true;
    r = world_get(w, 5, "eo", "large", 0, 0);
    if (!r->got || r->last.status != ERR_OK || r->size != size)
        abort();
    print("storage_get_64MiB_cpu", "MB/s", (double)size / 1e6 / (seconds() - start), 1);
    world_discard = false;
    buf_unref(piece);
}

static void small(struct world *w, unsigned count)
{
    uint8_t data[4096];
    char key[32];
    world_bytes(2, data, sizeof data);
    double start = seconds();
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof key, "small/%06u", i);
        if (world_put_request(w, 5, world_put_begin("eo", key, sizeof data), data, sizeof data)->last.status != ERR_OK)
            abort();
    }
    print("storage_put_4KiB_cpu", "1/s", count / (seconds() - start), count);
    start = seconds();
    for (unsigned i = 0; i < count; i++) {
        snprintf(key, sizeof key, "small/%06u", i * 7919u % count);
        if (world_get(w, 5, "eo", key, 0, 0)->last.status != ERR_OK)
            abort();
    }
    print("storage_get_4KiB_cpu", "1/s", count / (seconds() - start), count);
}

int main(void)
{
    struct world *w = world_new_sized(1, 128 << 20);
    for (node_id id = 1; id <= WORLD_NODES; id++)
        w->nodes[id].disk.plain = true;
    if (world_bucket(w, 5, "eo", 1) != ERR_OK)
        return 1;
    large(w, 64 << 20);
    small(w, 4000);
    world_free(w);
    return 0;
}
