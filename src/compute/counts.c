#include "compute/internal.h"

struct compute_counts compute_counts_of(const struct compute *c)
{
    struct compute_counts counts = {.tasks_open = (uint32_t)c->table.open_count, .tasks_ended = (uint32_t)c->table.ended.count};
    for (struct map_node *n = map_first(&c->table.tasks); n; n = map_next(&c->table.tasks, n)) {
        const struct task *t = map_value(n);
        counts.receipts_most = MAX(counts.receipts_most, t->receipts);
    }
    return counts;
}
