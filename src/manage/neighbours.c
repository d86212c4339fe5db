#include <string.h>

#include "manage/manage_private.h"

/* Where its slot is, or would be. Satellites have a handful, gateways thousands. */
static size_t slot_at(const struct manage *m, node_id id)
{
    size_t low = 0, high = m->around_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (m->around[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct neighbour_slot *neighbour_slot(const struct manage *m, node_id id)
{
    size_t at = slot_at(m, id);
    return at < m->around_count && m->around[at].id == id ? &m->around[at] : NULL;
}

struct neighbour *neighbour_find(const struct manage *m, node_id id)
{
    const struct neighbour_slot *slot = neighbour_slot(m, id);
    return slot ? slot->neighbour : NULL;
}

static bool slots_room(struct manage *m)
{
    size_t have = m->around ? heap_block_size(m->around) : 0;
    if (have >= (m->around_count + 1) * sizeof *m->around)
        return true;
    struct neighbour_slot *wider = heap_grow(m->port->heap, m->around, MAX(2 * have, 8 * sizeof *wider));
    if (wider)
        m->around = wider;
    return wider != NULL;
}

struct neighbour *neighbour_get(struct manage *m, node_id id)
{
    size_t at = slot_at(m, id);
    if (at < m->around_count && m->around[at].id == id)
        return m->around[at].neighbour;
    if (id == m->port->config->self)
        return NULL;
    struct view_member *row = view_find(m->port->view, id);
    if (row)
        row->neighbour = true;
    struct neighbour *n = m->around_count < m->port->view->capacity && slots_room(m) ? heap_alloc(m->port->heap, sizeof *n) : NULL;
    if (!n)
        return NULL;
    *n = (struct neighbour){.window = INT64_MIN, .scheduled_at = TIME_NEVER, .evidence_at = TIME_NEVER};
    memmove(m->around + at + 1, m->around + at, (m->around_count - at) * sizeof *m->around);
    m->around[at] = (struct neighbour_slot){.id = id, .neighbour = n};
    m->around_count++;
    return n;
}

bool neighbours_check(const struct manage *m)
{
    for (size_t i = 0; i < m->around_count; i++)
        if ((i > 0 && m->around[i - 1].id >= m->around[i].id) || m->around[i].link_up != m->around[i].neighbour->link_up)
            return false;
    return true;
}
