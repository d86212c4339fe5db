#include "core/view.h"

#include <string.h>

#include "base/expect.h"

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

/* ---- rows by id ----------------------------------------------------------------------------------------------------- */

static size_t places_of(size_t capacity)
{
    size_t places = 8;
    while (places < 2 * capacity)
        places *= 2;
    return places;
}

static struct view_place *place_of(const struct view *v, node_id id)
{
    size_t mask = v->index->mask, at = id * 2654435761u & mask;
    while (v->index->places[at].id != NODE_NONE && v->index->places[at].id != id)
        at = (at + 1) & mask;
    return &v->index->places[at];
}

static void index_build(const struct view *v)
{
    memset(v->index->places, 0, (v->index->mask + 1) * sizeof v->index->places[0]);
    v->index->rows = v->count;
    for (size_t i = 0; i < v->count; i++)
        *place_of(v, v->members[i].id) = (struct view_place){v->members[i].id, (uint32_t)i};
}

err view_init(struct view *v, struct heap *h, size_t capacity, node_id self)
{
    *v = (struct view){.capacity = capacity, .self = self};
    map_init(&v->others, h, sizeof(uint8_t));
    v->members = heap_alloc(h, capacity * sizeof *v->members);
    v->index = heap_alloc(h, sizeof *v->index + places_of(capacity) * sizeof v->index->places[0]);
    if (!v->members || !v->index)
        return ERR_NO_MEMORY;
    v->index->mask = places_of(capacity) - 1;
    return ERR_OK;
}

/* Index of the first member with an id not below `id`. */
static size_t lower_bound(const struct view *v, node_id id)
{
    size_t low = 0, high = v->count;
    if (high == 0 || v->members[high - 1].id < id)
        return high; /* mostly they come in order */
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
    if ((size_t)id - 1 < v->count && v->members[id - 1].id == id)
        return &v->members[id - 1];
    if (id == NODE_NONE)
        return NULL;
    if (v->index->rows != v->count)
        index_build(v);
    const struct view_place *p = place_of(v, id);
    return p->id == id ? &v->members[p->row] : NULL;
}

void view_expect(const struct view *v, node_id id, unsigned stage)
{
    if (stage == 2) {
        expect(v->index, sizeof *v->index);
    } else if (stage == 3) {
        __builtin_prefetch(&v->index->places[id * 2654435761u & v->index->mask]);
    } else if (stage == 4 && v->index->rows == v->count) {
        const struct view_place *p = place_of(v, id);
        if (p->id == id)
            expect(&v->members[p->row], offsetof(struct view_member, role));
    }
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

err view_add_roster(struct view *v, const struct roster *r, node_id id)
{
    const struct roster_member *from = roster_find(r, id);
    struct view_member *row;
    if (!from)
        return ERR_NOT_FOUND;
    TRY(view_add(v, id, &row));
    row->role = (enum member_role)from->role;
    row->incarnation = ROSTER_INCARNATION;
    row->plane = from->plane;
    row->batch = from->batch;
    memcpy(row->public_key, from->public_key, sizeof row->public_key);
    memcpy(row->name, from->name, sizeof row->name);
    return ERR_OK;
}

bool view_knows(const struct view *v, node_id id)
{
    return view_find(v, id) || roster_find(v->roster, id);
}

enum member_state view_state(const struct view *v, node_id id)
{
    const struct view_member *m = view_find(v, id);
    if (m)
        return m->state;
    const uint8_t *other = v->others.count ? map_find_u64(&v->others, id) : NULL;
    if (other)
        return (enum member_state)*other;
    return roster_find(v->roster, id) ? MEMBER_ALIVE : MEMBER_LEFT;
}

void view_set_state(struct view *v, node_id id, enum member_state state)
{
    struct view_member *m = view_find(v, id);
    if (m) {
        m->state = state;
    } else if (state == MEMBER_ALIVE) {
        map_remove_u64(&v->others, id);
    } else {
        uint8_t *other = map_put_u64(&v->others, id, NULL);
        if (other) /* no memory: it counts as alive here, and what is sent to it comes back */
            *other = (uint8_t)state;
    }
}

enum member_role view_role(const struct view *v, node_id id)
{
    const struct view_member *m = view_find(v, id);
    const struct roster_member *from = m ? NULL : roster_find(v->roster, id);
    return m ? m->role : from ? (enum member_role)from->role : ROLE_SATELLITE;
}

bool view_alive(const struct view *v, node_id id)
{
    enum member_state state = view_state(v, id);
    return state == MEMBER_ALIVE || state == MEMBER_SUSPECT;
}

node_id view_first_alive(const struct view *v)
{
    node_id first = NODE_NONE;
    for (size_t i = 0; i < v->count && first == NODE_NONE; i++)
        if (v->members[i].id == v->self || view_alive(v, v->members[i].id))
            first = v->members[i].id;
    for (size_t i = 0; v->roster && i < v->roster->count; i++) {
        node_id id = v->roster->members[i].id;
        if (first != NODE_NONE && id >= first)
            break;
        if (view_alive(v, id))
            return id;
    }
    return first;
}

void view_refresh(const struct view *v)
{
    if (v->reach_fresh)
        v->reach_fresh(v->reach_context);
}

void view_reach(const struct view *v, node_id id, duration_ns *reach_ns, tai_ns *reach_wall)
{
    view_refresh(v);
    const struct view_member *m = view_find(v, id);
    *reach_ns = m ? m->reach_ns : TIME_NEVER;
    *reach_wall = m ? m->reach_wall : TIME_NEVER;
    if (!m && v->reach_find && roster_find(v->roster, id))
        v->reach_find(v->reach_context, id, reach_ns, reach_wall);
}

bool view_reachable(const struct view *v, node_id id, duration_ns within_mono_ns)
{
    duration_ns reach_ns;
    tai_ns reach_wall;
    if (id == v->self)
        return true;
    if (!view_alive(v, id))
        return false;
    view_reach(v, id, &reach_ns, &reach_wall);
    return reach_ns <= within_mono_ns;
}

const char *view_name(const struct view *v, node_id id)
{
    const struct view_member *m = view_find(v, id);
    const struct roster_member *from = m ? NULL : roster_find(v->roster, id);
    const char *name = m ? m->name : from ? from->name : "";
    return name[0] ? name : "?";
}
