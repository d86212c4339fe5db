/* bench/disk.c - durable writes through host/disk: MB/s of 1 MiB writes, and small commits per second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/disk.h"

enum { PIECE = 1 << 20, PIECES = 512, COMMITS = 4000, WINDOW = 16 };

static size_t answered, failed;

static void on_done(void *context, const struct event_done *done)
{
    (void)context;
    answered++;
    failed += done->status != ERR_OK;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void submit(struct disk *d, enum disk_area area, enum disk_kind kind, uint64_t offset, struct buf *b)
{
    struct effect_disk e = {.op = 1, .kind = kind, .area = area, .offset = offset, .size = b ? b->size : 0};
    if (b)
        e.parts[0] = slice_of(buf_ref(b), 0, b->size);
    disk_submit(d, &e);
}

static void wait_below(uv_loop_t *loop, const struct disk *d, size_t most)
{
    while (disk_pending(d) > most)
        uv_run(loop, UV_RUN_ONCE);
}

static void report(const char *name, const char *unit, double value, int n)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.1f,\"n\":%d}\n", name, unit, value, n);
}

static void stream(uv_loop_t *loop, struct disk *d, const char *name)
{
    struct buf *b = buf_new_malloc(PIECE);
    memset(b->data, 0x5a, PIECE);
    double start = seconds();
    for (uint64_t i = 0; i < PIECES; i++) {
        submit(d, AREA_CHUNKS, DISK_WRITE, i * PIECE, b);
        if (i % 4 == 3)
            submit(d, AREA_CHUNKS, DISK_SYNC, 0, NULL);
        wait_below(loop, d, WINDOW);
    }
    wait_below(loop, d, 0);
    report(name, "MB/s", PIECES * (PIECE / 1e6) / (seconds() - start), PIECES);
    buf_unref(b);
}

static void commits(uv_loop_t *loop, struct disk *d)
{
    struct buf *b = buf_new_malloc(4096);
    memset(b->data, 0x5a, 4096);
    double start = seconds();
    for (uint64_t i = 0; i < COMMITS; i++) {
        submit(d, AREA_FACTS, DISK_WRITE, i * 512, b);
        submit(d, AREA_FACTS, DISK_SYNC, 0, NULL);
        wait_below(loop, d, 64); /* 32 clients */
    }
    wait_below(loop, d, 0);
    report("disk_durable_commits_32_clients", "1/s", COMMITS / (seconds() - start), COMMITS);
    buf_unref(b);
}

int main(int argc, char **argv)
{
    char directory[] = "disk-bench-XXXXXX";
    const char *where = argc > 1 ? argv[1] : mkdtemp(directory);
    uv_loop_t loop;
    struct disk *d;
    uv_loop_init(&loop);
    struct disk_config config = {.directory = where, .prepare = true, .loop = &loop, .done = on_done};
    for (int i = 0; i < AREA_COUNT; i++)
        config.capacity_bytes[i] = 1u << 30;
    if (!where || disk_open(&d, &config) != ERR_OK)
        return 1;
    stream(&loop, d, "disk_durable_write_new_segments");
    stream(&loop, d, "disk_durable_write_reused_segments");
    commits(&loop, d);
    disk_close(d);
    uv_run(&loop, UV_RUN_DEFAULT);
    char command[64];
    snprintf(command, sizeof command, "rm -rf ./%s", directory);
    return (argc > 1 || system(command) == 0) && failed == 0 ? 0 : 1;
}
