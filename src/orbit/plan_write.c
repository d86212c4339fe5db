/* plan_write.c - contact plans as text. */
#include "orbit/plan_io.h"

#include <string.h>

err contact_plan_format_parse(const char *name, enum contact_plan_format *out)
{
    static const char *const names[] = {[CONTACT_PLAN_CSV] = "csv", [CONTACT_PLAN_IONRC] = "ionrc", [CONTACT_PLAN_HDTN] = "hdtn"};
    for (size_t k = 0; k < COUNT_OF(names); k++)
        if (strcmp(name, names[k]) == 0) {
            *out = (enum contact_plan_format)k;
            return ERR_OK;
        }
    return ERR_INVALID;
}

static const char *kind_name(uint8_t kind)
{
    switch ((enum link_kind)kind) {
    case LINK_ISL:
        return "isl";
    case LINK_GROUND:
        return "ground";
    case LINK_FIBRE:
        return "fibre";
    case LINK_NONE:
        break;
    }
    return "link";
}

void contact_plan_write_begin(struct contact_plan_writer *w)
{
    char utc[40];
    time_utc_text(w->reference, 0, utc);
    switch (w->format) {
    case CONTACT_PLAN_CSV:
        text_add(w->out, "start,end,a,b,rate_bps,delay_us,kind,confidence\n");
        return;
    case CONTACT_PLAN_IONRC:
        text_printf(w->out, "# Contact plan of noct; second 0 is %s.\n@ %.4s/%.2s/%.2s-%.8s\n", utc, utc, utc + 5, utc + 8, utc + 11);
        return;
    case CONTACT_PLAN_HDTN:
        text_add(w->out, "{\n  \"contacts\": [");
        return;
    }
}

static void node_write(const struct contact_plan_writer *w, uint32_t node)
{
    const struct site *site = w->sky ? sky_site_of(w->sky, node) : NULL;
    if (site && site->name[0])
        text_add(w->out, site->name);
    else
        text_printf(w->out, "%u", node);
}

static void confidence_write(const struct contact_plan_writer *w, const struct contact *c)
{
    unsigned sure = 1000u - MIN(c->doubt_permille, (uint16_t)1000);
    if (sure == 1000)
        text_add_char(w->out, '1');
    else
        text_printf(w->out, "0.%03u", sure);
}

static void ion_contact(const struct contact_plan_writer *w, const struct contact *c, bool back, long long start_s, long long end_s)
{
    text_printf(w->out, "a contact +%lld +%lld %u %u %llu", start_s, end_s, back ? c->b : c->a, back ? c->a : c->b,
                (unsigned long long)c->rate_bps / 8);
    if (c->doubt_permille) {
        text_add_char(w->out, ' ');
        confidence_write(w, c);
    }
    text_add_char(w->out, '\n');
}

static void csv_write(struct contact_plan_writer *w, const struct contact *c)
{
    char start[40], end[40];
    time_utc_text(c->start, 3, start);
    time_utc_text(c->end, 3, end);
    text_printf(w->out, "%s,%s,", start, end);
    node_write(w, c->a);
    text_add_char(w->out, ',');
    node_write(w, c->b);
    text_printf(w->out, ",%llu,%u,%s,", (unsigned long long)c->rate_bps, c->delay_us_mean, kind_name(c->kind));
    confidence_write(w, c);
    text_add_char(w->out, '\n');
    w->written++;
}

/* Light seconds, to the nearest. */
static unsigned light_seconds(const struct contact *c)
{
    return (c->delay_us_mean + 500000u) / 1000000u;
}

static void ionrc_write(struct contact_plan_writer *w, const struct contact *c, long long start_s, long long end_s)
{
    ion_contact(w, c, false, start_s, end_s);
    ion_contact(w, c, true, start_s, end_s);
    text_printf(w->out, "a range +%lld +%lld %u %u %u\n", start_s, end_s, c->a, c->b, light_seconds(c));
    w->written++;
}

static void hdtn_write(struct contact_plan_writer *w, const struct contact *c, long long start_s, long long end_s)
{
    for (int way = 0; way < 2; way++)
        text_printf(w->out,
                    "%s\n    {\"contact\": %llu, \"source\": %u, \"dest\": %u, \"startTime\": %lld, \"endTime\": %lld, "
                    "\"rateBitsPerSec\": %llu, \"owlt\": %u}",
                    w->written || way ? "," : "", 2 * (unsigned long long)w->written + (unsigned)way, way ? c->b : c->a,
                    way ? c->a : c->b, start_s, end_s, (unsigned long long)c->rate_bps, light_seconds(c));
    w->written++;
}

void contact_plan_write_contact(struct contact_plan_writer *w, const struct contact *c)
{
    if (w->format == CONTACT_PLAN_CSV) {
        csv_write(w, c);
        return;
    }
    tai_ns from = MAX(c->start - w->reference - 1, (tai_ns)0), until = c->end - w->reference;
    long long start_s = (from + NS_PER_S - 1) / NS_PER_S /* where the rate changes, one begins 1 ns after the other's end */, end_s = until / NS_PER_S;
    if (end_s <= start_s)
        return;
    if (w->format == CONTACT_PLAN_IONRC)
        ionrc_write(w, c, start_s, end_s);
    else
        hdtn_write(w, c, start_s, end_s);
}

void contact_plan_write_end(struct contact_plan_writer *w)
{
    if (w->format == CONTACT_PLAN_HDTN)
        text_add(w->out, "\n  ]\n}\n");
}
