#include "node/scope.h"

enum { SPARE = 16 /* rows kept for members that join later */, GROUND_SHARE = 4 };

struct filling {
    struct view *view;
    const struct roster *roster;
    size_t most;
    node_id *order; /* who has a row, as they came */
    size_t count;
};

static bool is_satellite(const struct filling *f, node_id id)
{
    const struct roster_member *m = roster_find(f->roster, id);
    return m && m->role == ROLE_SATELLITE;
}

static void add(struct filling *f, node_id id)
{
    if (f->count < f->most && view_add_roster(f->view, f->roster, id) == ERR_OK)
        f->order[f->count++] = id;
}

/* Hop by hop: satellites around those that are in. */
static void add_around(struct filling *f, const struct sky *sky)
{
    for (size_t i = 0; i < f->count && f->count < f->most; i++) {
        size_t count;
        if (i > 0 && !is_satellite(f, f->order[i]))
            continue; /* the ground sees everybody */
        const uint32_t *peers = sky_peers(sky, f->order[i], &count);
        for (size_t k = 0; k < count; k++)
            if (i == 0 || is_satellite(f, peers[k]))
                add(f, peers[k]);
    }
}

err scope_fill(struct view *v, struct heap *h, const struct sky *sky, const struct roster *roster)
{
    struct filling f = {.view = v, .roster = roster, .most = v->capacity > 4 * SPARE ? v->capacity - SPARE : v->capacity};
    v->roster = roster;
    v->large = roster->count > MISSION_LARGE;
    f.order = heap_alloc(h, v->capacity * sizeof *f.order);
    if (!f.order)
        return ERR_NO_MEMORY;
    if (roster->count <= v->capacity) {
        f.most = v->capacity;
        for (size_t i = 0; i < roster->count; i++)
            add(&f, roster->members[i].id);
    } else {
        size_t ground = 0, count = 0;
        add(&f, v->self);
        const uint32_t *peers = sky ? sky_peers(sky, v->self, &count) : NULL;
        for (size_t i = 0; i < count; i++)
            add(&f, peers[i]);
        for (size_t i = 0; i < roster->count && ground < f.most / GROUND_SHARE; i++)
            if (roster->members[i].role == ROLE_GATEWAY) {
                add(&f, roster->members[i].id);
                ground++;
            }
        if (sky)
            add_around(&f, sky);
    }
    heap_free(h, f.order);
    return ERR_OK;
}
