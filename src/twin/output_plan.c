/* The contact plan over the run: every window that the geometry allows, as CSV. */
#include "twin/outputs.h"

bool output_plan(struct output_context *c)
{
    FILE *f = output_create(c, "plan.csv");
    if (!f)
        return false;
    fputs("a,b,kind,start_utc,end_utc,start_s,duration_s,rate_bps,delay_us_mean\n", f);
    for (size_t i = 0; i < sky_pair_count(c->sky); i++) {
        size_t count;
        const struct contact *contacts = sky_pair_contacts(c->sky, i, &count);
        for (size_t k = 0; k < count; k++) {
            const struct contact *x = &contacts[k];
            char start[40], end[40];
            tai_ns until = MIN(x->end, sky_plan_end(c->sky));
            time_utc_text(x->start, 3, start);
            time_utc_text(until, 3, end);
            fprintf(f, "%s,%s,%s,%s,%s,%.3f,%.3f,%llu,%u\n", track_name(c->track, x->a), track_name(c->track, x->b),
                    x->kind == LINK_ISL ? "isl" : x->kind == LINK_GROUND ? "ground" : "fibre", start, end, output_seconds(c, x->start),
                    (double)(until - x->start) / 1e9, (unsigned long long)x->rate_bps, x->delay_us_mean);
        }
    }
    return output_close(c, f, "plan.csv");
}
