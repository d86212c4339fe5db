/* The contact plan over the run: every window that the geometry allows, in the three forms of orbit/plan_io.h. */
#include "orbit/plan_io.h"
#include "twin/outputs.h"

enum { TEXT_MOST = 1 << 30, TEXT_TURN = 1 << 20 };

static bool write_text(FILE *f, struct text *t)
{
    bool good = text_ok(t) && (t->size == 0 || fwrite(t->data, 1, t->size, f) == t->size);
    text_free(t);
    *t = text_new(NULL, TEXT_MOST);
    return good;
}

static bool plan_as(struct output_context *c, enum contact_plan_format format, const char *name)
{
    struct text t = text_new(NULL, TEXT_MOST);
    struct contact_plan_writer w = {.format = format, .reference = c->track->epoch, .sky = c->sky, .out = &t};
    FILE *f = output_create(c, name);
    bool good = f != NULL;
    contact_plan_write_begin(&w);
    for (size_t i = 0; good && i < sky_pair_count(c->sky); i++) {
        size_t count;
        const struct contact *contacts = sky_pair_contacts(c->sky, i, &count);
        for (size_t k = 0; k < count; k++) {
            struct contact x = contacts[k];
            x.end = MIN(x.end, sky_plan_end(c->sky)); /* a cable has no end */
            contact_plan_write_contact(&w, &x);
        }
        if (t.size > TEXT_TURN)
            good = write_text(f, &t);
    }
    contact_plan_write_end(&w);
    good = good && write_text(f, &t);
    text_free(&t);
    return f && output_close(c, f, name) && good;
}

bool output_plan(struct output_context *c)
{
    return plan_as(c, CONTACT_PLAN_CSV, "plan.csv") && plan_as(c, CONTACT_PLAN_IONRC, "plan.ionrc") &&
           plan_as(c, CONTACT_PLAN_HDTN, "plan.hdtn.json");
}
