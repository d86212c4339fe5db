#include "core/view.h"

#include <string.h>

const char *member_state_name(enum member_state s)
{
    static const char *const names[] = {"alive", "suspect", "convicted", "quarantined", "left"};
    return (unsigned)s < COUNT_OF(names) ? names[s] : "unknown";
}

const char *health_name(enum health h)
{
    static const char *const names[] = {"nominal", "economy", "safe", "survival"};
    return (unsigned)h < COUNT_OF(names) ? names[h] : "unknown";
}

err view_init(struct view *v, struct heap *h, size_t capacity, node_id self)
{
    *v = (struct view){.capacity = capacity, .self = self};
    v->members = heap_alloc(h, capacity * sizeof *v->members);
    return v->members ? ERR_OK : ERR_NO_MEMORY;
}

/* Index of the first member with an id not below `id`. */
static size_t lower_bound(const struct view *v, node_id id)
{
    size_t low = 0, high = v->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->members[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct view_member *view_find(const struct view *v, node_id id)
{
    size_t at = lower_bound(v, id);
    return at < v->count && v->members[at].id == id ? &v->members[at] : NULL;
}

err view_add(struct view *v, node_id id, struct view_member **out)
{
    size_t at = lower_bound(v, id);
    if (at < v->count && v->members[at].id == id)
        return ERR_EXISTS;
    if (v->count == v->capacity)
        return ERR_FULL;
    memmove(v->members + at + 1, v->members + at, (v->count - at) * sizeof *v->members);
    v->count++;
    v->members[at] = (struct view_member){.id = id, .reach_ns = TIME_NEVER, .reach_wall = TIME_NEVER};
    *out = &v->members[at];
    return ERR_OK;
}

bool view_alive(const struct view *v, node_id id)
{
    const struct view_member *m = view_find(v, id);
    return m && (m->state == MEMBER_ALIVE || m->state == MEMBER_SUSPECT);
}

bool view_reachable(const struct view *v, node_id id, duration_ns within_mono_ns)
{
    if (id == v->self)
        return true;
    const struct view_member *m = view_find(v, id);
    return m && view_alive(v, id) && m->reach_ns <= within_mono_ns;
}

const char *view_name(const struct view *v, node_id id)
{
    const struct view_member *m = view_find(v, id);
    return m && m->name[0] ? m->name : "?";
}
