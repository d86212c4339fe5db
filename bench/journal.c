/* bench/journal.c - what a node's journal costs: small steps, bundles, and pages of the disk that are read again and again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/files.h"
#include "host/journal.h"

enum { SMALL = 200000, BULK = 400, BULK_SIZE = 200 * 1024, SCRUBS = 2000 };

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void print(const char *name, const char *unit, double value, double n)
{
    printf("{\"name\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"n\":%.0f,\"command\":\"./dev bench journal\"}\n", name, unit, value, n);
}

static struct now at(int64_t i)
{
    return (struct now){.mono = i * NS_PER_MS, .wall = i * NS_PER_MS, .wall_error_ns = 1000, .wall_rate = 1};
}

int main(void)
{
    char folder[] = "/tmp/noct-bench-journal-XXXXXX";
    struct journal *j;
    uint8_t *bulk = malloc(BULK_SIZE);
    if (!bulk || !mkdtemp(folder) || journal_open(&j, folder, 1, 1, 1ull << 30) != ERR_OK)
        return 1;
    struct effect effects[3] = {{.kind = EFFECT_ALARM, .alarm = 5},
                                {.kind = EFFECT_SEND, .send = {.peer = 2, .transfer = 1, .parts = {slice_borrowed(span_of(bulk, 185))}}},
                                {.kind = EFFECT_LOAD, .load = {.radios_on = 1}}};
    struct effects three = {effects, 3, 3}, none = {0};
    memset(bulk, 7, BULK_SIZE);
    double before = cpu_seconds();
    for (int64_t i = 0; i < SMALL; i++) {
        journal_event(j, &(struct event){.kind = EVENT_ALARM, .now = at(i)});
        journal_result(j, &three, NULL);
    }
    print("journal_small_step", "ns", (cpu_seconds() - before) * 1e9 / SMALL, SMALL);
    before = cpu_seconds();
    for (int64_t i = 0; i < BULK; i++) {
        memcpy(bulk, &i, sizeof i);
        journal_event(j, &(struct event){.kind = EVENT_FRAME, .now = at(SMALL + i),
                                         .frame = {.peer = 2, .receipt = (uint64_t)i, .data = slice_borrowed(span_of(bulk, BULK_SIZE))}});
        journal_result(j, &none, NULL);
    }
    print("journal_bundles", "MiB/s", (double)BULK * BULK_SIZE / (cpu_seconds() - before) / 1048576, BULK);
    for (size_t i = 0; i < BULK_SIZE; i += 8) {
        uint64_t v = i * 0x9e3779b97f4a7c15u;
        memcpy(bulk + i, &v, 8);
    }
    before = cpu_seconds();
    uint64_t held = journal_bytes(j);
    for (int64_t i = 0; i < SCRUBS; i++) {
        journal_event(j, &(struct event){.kind = EVENT_DONE, .now = at(2 * SMALL + i), .done = {.op = (uint64_t)i, .data = slice_borrowed(span_of(bulk, BULK_SIZE))}});
        journal_result(j, &none, NULL);
    }
    print("journal_disk_reads", "MiB/s", (double)SCRUBS * BULK_SIZE / (cpu_seconds() - before) / 1048576, SCRUBS);
    print("journal_disk_reads_kept", "bytes per byte read", (double)(journal_bytes(j) - held) / ((double)SCRUBS * BULK_SIZE), SCRUBS);
    journal_close(j);
    directory_remove(folder);
    free(bulk);
    return 0;
}
