#include "core/roster.h"

const struct roster_member *roster_find(const struct roster *r, node_id id)
{
    if (!r)
        return NULL;
    size_t low = 0, high = r->count;
    if ((size_t)id - 1 < high && r->members[id - 1].id == id) /* ids mostly count from 1 */
        return &r->members[id - 1];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->members[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count && r->members[low].id == id ? &r->members[low] : NULL;
}
