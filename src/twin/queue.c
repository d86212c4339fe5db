#include "twin/queue.h"

#include <stdlib.h>

void queue_add(struct queue *q, const struct queue_entry *e)
{
    if (q->count == q->capacity) {
        q->capacity = MAX((size_t)1024, q->capacity * 2);
        q->entries = realloc(q->entries, q->capacity * sizeof *q->entries);
        ASSERT(q->entries != NULL);
    }
    const struct queue_entry fresh = *e;
    size_t i = q->count++;
    while (i > 0 && queue_before(&fresh, &q->entries[(i - 1) / 4])) {
        q->entries[i] = q->entries[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    q->entries[i] = fresh;
}

bool queue_take(struct queue *q, struct queue_entry *out)
{
    if (q->count == 0)
        return false;
    *out = q->entries[0];
    const struct queue_entry last = q->entries[--q->count];
    size_t i = 0;
    for (;;) {
        size_t child = 4 * i + 1;
        if (child >= q->count)
            break;
        size_t best = child;
        for (size_t j = child + 1; j < child + 4 && j < q->count; j++)
            if (queue_before(&q->entries[j], &q->entries[best]))
                best = j;
        if (!queue_before(&q->entries[best], &last))
            break;
        q->entries[i] = q->entries[best];
        i = best;
    }
    q->entries[i] = last;
    return true;
}

void queue_free(struct queue *q)
{
    free(q->entries);
    *q = (struct queue){0};
}
