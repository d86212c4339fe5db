#include "evidence/pass_gaps.h"

#include <stdlib.h>

#include "node/scenario.h"

struct window {
    tai_ns start, end;
};

static int by_start(const void *a, const void *b)
{
    const struct window *x = a, *y = b;
    return x->start != y->start ? (x->start > y->start) - (x->start < y->start) : (x->end > y->end) - (x->end < y->end);
}

static size_t ground_windows(const struct sky *sky, struct window **out)
{
    size_t count = 0, capacity = 0;
    struct window *list = NULL;
    for (size_t i = 0; i < sky_pair_count(sky); i++) {
        size_t n;
        const struct contact *c = sky_pair_contacts(sky, i, &n);
        for (size_t j = 0; j < n; j++) {
            if (c[j].kind != LINK_GROUND)
                continue;
            if (count == capacity) {
                capacity = capacity ? 2 * capacity : 256;
                list = realloc(list, capacity * sizeof *list);
                ASSERT(list != NULL);
            }
            list[count++] = (struct window){c[j].start, c[j].end};
        }
    }
    if (count)
        qsort(list, count, sizeof *list, by_start);
    *out = list;
    return count;
}

size_t pass_gaps(const struct scenario *s, double days, struct pass_gap **out)
{
    struct sky *sky;
    tai_ns end = s->epoch + (tai_ns)(days * 86400e9), at = s->epoch;
    *out = NULL;
    if (scenario_sky(s, NULL, &sky) != ERR_OK)
        return 0;
    struct window *list = NULL;
    size_t windows = sky_plan_extend(sky, end) == ERR_OK ? ground_windows(sky, &list) : 0, count = 0;
    struct pass_gap *gaps = calloc(windows + 1, sizeof *gaps);
    ASSERT(gaps != NULL);
    for (size_t i = 0; i <= windows && at < end; i++) {
        tai_ns next = i < windows ? MIN(list[i].start, end) : end;
        if (next > at)
            gaps[count++] = (struct pass_gap){(double)(at - s->epoch) / 3.6e12, (double)(next - s->epoch) / 3.6e12};
        if (i < windows)
            at = MAX(at, list[i].end);
    }
    free(list);
    sky_free(sky);
    free(sky);
    *out = gaps;
    return count;
}
