/* sky_import.c - a plan that somebody else made, in the place of geometry. */
#include <string.h>

#include "orbit/plan_io.h"
#include "orbit/sky_inner.h"

static enum link_kind kind_of(const struct sky_site *a, const struct sky_site *b)
{
    bool ground_a = a->site.kind == SITE_GROUND, ground_b = b->site.kind == SITE_GROUND;
    return ground_a && ground_b ? LINK_FIBRE : ground_a || ground_b ? LINK_GROUND : LINK_ISL;
}

err sky_import_pairs(const struct sky *sky, struct sky_pair *pairs, size_t *count)
{
    const struct contact_plan *plan = sky->rules.plan;
    if (contact_plan_check(plan) != ERR_OK || plan->count > CONTACT_PLAN_CONTACTS_MAX)
        return ERR_INVALID;
    *count = 0;
    for (size_t at = 0, end; at < plan->count; at = end) {
        const struct contact *c = &plan->contacts[at];
        for (end = at; end < plan->count && plan->contacts[end].a == c->a && plan->contacts[end].b == c->b;)
            end++;
        ptrdiff_t a = sky_site_index(sky, c->a), b = sky_site_index(sky, c->b);
        if (a < 0 || b < 0)
            return ERR_INVALID;
        if (pairs)
            pairs[*count] = (struct sky_pair){.site_a = (uint32_t)MIN(a, b),
                                              .site_b = (uint32_t)MAX(a, b),
                                              .kind = (uint8_t)kind_of(&sky->sites[a], &sky->sites[b]),
                                              .planned_at = (uint32_t)at,
                                              .planned_end = (uint32_t)end};
        ++*count;
    }
    return ERR_OK;
}

/* What of a planned contact lies within the plan so far; the end is the plan's until it is reached. */
static struct contact seen_so_far(const struct sky *sky, const struct sky_pair *p, const struct contact *planned, tai_ns until)
{
    struct contact c = *planned;
    c.kind = p->kind;
    c.start = MAX(c.start, sky->plan_start);
    c.end = MIN(c.end, until);
    return c;
}

static err pair_extend(struct sky *sky, struct sky_pair *p, tai_ns until)
{
    const struct contact *planned = sky->rules.plan->contacts;
    if (p->open) { /* the last one goes on */
        const struct contact *last = &planned[p->planned_at - 1];
        p->contacts[p->count - 1].end = MIN(last->end, until);
        p->open = last->end > until;
    }
    while (p->planned_at < p->planned_end && planned[p->planned_at].start < until) {
        struct contact c = seen_so_far(sky, p, &planned[p->planned_at], until);
        if (c.start < c.end) {
            TRY(sky_contact_add(sky, p, &c));
            p->open = planned[p->planned_at].end > until;
        }
        p->planned_at++;
    }
    return ERR_OK;
}

err sky_import_extend(struct sky *sky, tai_ns until)
{
    for (; sky->swept_pairs < sky->pair_count; sky->swept_pairs++)
        TRY(pair_extend(sky, &sky->pairs[sky->swept_pairs], until));
    sky->swept_pairs = 0;
    sky->plan_end = until;
    return ERR_OK;
}

bool sky_import_stands(const struct sky *sky, uint32_t a, uint32_t b, tai_ns t)
{
    size_t count;
    const struct contact *c = contact_plan_pair(sky->rules.plan, a, b, &count);
    for (size_t k = 0; k < count && c[k].start <= t; k++)
        if (t <= c[k].end)
            return true;
    return false;
}
