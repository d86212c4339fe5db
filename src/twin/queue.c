#include "twin/queue.h"

#include <stdlib.h>
#include <string.h>

static void heap_add(struct queue *q, const struct queue_entry *e)
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

static void heap_take(struct queue *q, struct queue_entry *out)
{
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
}

void queue_add(struct queue *q, const struct queue_entry *e)
{
    if (q->front_count == QUEUE_FRONT && !queue_before(e, &q->front[QUEUE_FRONT - 1])) {
        heap_add(q, e);
        return;
    }
    const struct queue_entry fresh = *e;
    if (q->front_count == QUEUE_FRONT)
        heap_add(q, &q->front[--q->front_count]);
    size_t i = q->front_count++;
    for (; i > 0 && queue_before(&fresh, &q->front[i - 1]); i--)
        q->front[i] = q->front[i - 1];
    q->front[i] = fresh;
}

bool queue_take(struct queue *q, struct queue_entry *out)
{
    if (q->front_count == 0)
        return false;
    *out = q->front[0];
    q->front_count--;
    memmove(q->front, q->front + 1, q->front_count * sizeof q->front[0]);
    if (q->count > 0)
        heap_take(q, &q->front[q->front_count++]);
    return true;
}

void queue_free(struct queue *q)
{
    free(q->entries);
    *q = (struct queue){0};
}
