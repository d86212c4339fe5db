/* plan_read.c - contact plans from text: three readers, one check. */
#include <stdlib.h>
#include <string.h>

#include "orbit/lines.h"
#include "orbit/plan_hdtn.h"
#include "orbit/plan_io.h"

#define SECONDS_MAX 4000000000u /* a century */
enum { CSV_COLUMNS = 8 };

struct raw { /* a line of the file; a < b */
    struct contact contact;
    int line;
};

struct reading {
    const struct contact_plan_source *r;
    struct parse_error *error;
    struct raw *raws;
    size_t count, capacity;
    struct raw *ranges; /* ION's: delays */
    size_t range_count, range_capacity;
    tai_ns reference;
};

static err wrong(struct reading *g, int line, const char *what)
{
    return parse_fail(g->error, ERR_INVALID, line, 1, "%s", what);
}

void contact_plan_free(struct contact_plan *p)
{
    free(p->contacts);
    *p = (struct contact_plan){0};
}

static err raw_push(struct raw **list, size_t *count, size_t *capacity, const struct raw *raw)
{
    if (*count == *capacity) {
        size_t grown_to = *capacity ? 2 * *capacity : 256;
        struct raw *grown = realloc(*list, grown_to * sizeof *grown);
        if (!grown)
            return ERR_NO_MEMORY;
        *list = grown;
        *capacity = grown_to;
    }
    (*list)[(*count)++] = *raw;
    return ERR_OK;
}

static err raw_add(struct reading *g, int line, const struct contact *c)
{
    if (g->count >= 2 * (size_t)CONTACT_PLAN_CONTACTS_MAX)
        return wrong(g, line, "more than four million contacts");
    if (c->a == c->b)
        return wrong(g, line, "a contact is between two different nodes");
    if (c->start >= c->end)
        return wrong(g, line, "a contact must end after it starts");
    if (c->rate_bps == 0)
        return wrong(g, line, "the rate must be above 0");
    struct raw raw = {*c, line};
    raw.contact.a = MIN(c->a, c->b);
    raw.contact.b = MAX(c->a, c->b);
    return raw_push(&g->raws, &g->count, &g->capacity, &raw);
}

static err node_read(struct reading *g, int line, struct span name, uint32_t *out)
{
    *out = name.size > 0 && name.size < 64 ? g->r->node_of(g->r->context, name) : 0;
    return *out ? ERR_OK
                : parse_fail(g->error, ERR_INVALID, line, 1, "there is no node `%.*s`", (int)MIN(name.size, (size_t)64),
                             (const char *)name.data);
}

/* ---- CSV ---- */

static err csv_time(struct reading *g, int line, struct span s, tai_ns *out)
{
    char text[40];
    if (text_copy(text, sizeof text, s) && time_utc_parse(text, out) == ERR_OK && *out >= 0)
        return ERR_OK;
    return wrong(g, line, "a time is UTC, like 2026-11-21T06:00:00.250Z");
}

/* 0..1, to a thousandth. */
static err confidence_read(struct reading *g, int line, struct span s, struct contact *c)
{
    double confidence;
    if (parse_double(s, &confidence) != ERR_OK || !(confidence >= 0.0 && confidence <= 1.0))
        return wrong(g, line, "a confidence is a number from 0 to 1");
    c->doubt_permille = (uint16_t)(1000.5 - 1000.0 * confidence);
    return ERR_OK;
}

static err csv_row(struct reading *g, int line, const struct span *f, size_t columns)
{
    struct contact c = {0};
    uint64_t delay_us;
    TRY(csv_time(g, line, f[0], &c.start));
    TRY(csv_time(g, line, f[1], &c.end));
    TRY(node_read(g, line, f[2], &c.a));
    TRY(node_read(g, line, f[3], &c.b));
    if (parse_u64(f[4], 1000000000000000, &c.rate_bps) != ERR_OK || parse_u64(f[5], UINT32_MAX, &delay_us) != ERR_OK)
        return wrong(g, line, "rate_bps and delay_us are whole numbers");
    c.delay_us_mean = (uint32_t)delay_us;
    if (columns == CSV_COLUMNS)
        TRY(confidence_read(g, line, f[7], &c));
    return raw_add(g, line, &c);
}

static err csv_read(struct reading *g, struct span text)
{
    struct lines l = lines_of(text);
    struct span line, f[CSV_COLUMNS];
    static const char *const names[CSV_COLUMNS] = {"start", "end", "a", "b", "rate_bps", "delay_us", "kind", "confidence"};
    static const char first[] = "the first line is start,end,a,b,rate_bps,delay_us[,kind[,confidence]]";
    if (!lines_next(&l, &line))
        return wrong(g, 1, first);
    size_t columns = lines_split(line, ',', f, CSV_COLUMNS);
    for (size_t k = 0; k < MAX(columns, (size_t)6); k++)
        if (columns < 6 || columns > CSV_COLUMNS || (k != 6 && !span_equal_text(f[k], names[k])))
            return wrong(g, 1, first);
    while (lines_next(&l, &line)) {
        size_t count = lines_split(line, ',', f, CSV_COLUMNS);
        if (count == 0 || line.data[0] == '#')
            continue;
        if (count != columns)
            return wrong(g, l.line, "a row has as many fields as the first line");
        TRY(csv_row(g, l.line, f, columns));
    }
    return ERR_OK;
}

/* ---- ION ---- */

static bool after(tai_ns reference, double seconds, tai_ns *out)
{
    return !__builtin_add_overflow(reference, (tai_ns)(seconds * 1e9), out);
}

/* "+seconds" after the reference, or yyyy/mm/dd-hh:mm:ss. */
static bool ion_time(const struct reading *g, struct span s, tai_ns *out)
{
    uint64_t seconds;
    if (s.size > 1 && s.data[0] == '+') {
        if (parse_u64(span_of(s.data + 1, s.size - 1), SECONDS_MAX, &seconds) != ERR_OK)
            return false;
        return after(g->reference, (double)seconds, out);
    }
    char text[24];
    if (s.size != 19 || s.data[4] != '/' || s.data[7] != '/' || s.data[10] != '-')
        return false;
    memcpy(text, s.data, 19);
    text[4] = text[7] = '-';
    text[10] = 'T';
    text[19] = 'Z';
    text[20] = 0;
    return time_utc_parse(text, out) == ERR_OK && *out >= 0;
}

/* What the file says of a pair, apart from its nodes: f = a contact START STOP FROM TO NUMBER [CONFIDENCE]. */
static err ion_interval(struct reading *g, int line, const struct span f[8], struct raw *out)
{
    double number;
    *out = (struct raw){.line = line};
    if (!ion_time(g, f[2], &out->contact.start) || !ion_time(g, f[3], &out->contact.end))
        return wrong(g, line, "a time is +SECONDS or yyyy/mm/dd-hh:mm:ss");
    TRY(node_read(g, line, f[4], &out->contact.a));
    TRY(node_read(g, line, f[5], &out->contact.b));
    if (parse_double(f[6], &number) != ERR_OK || number < 0.0 || number > 1e14)
        return wrong(g, line, "a rate is bytes per second, a range light seconds; both numbers from 0");
    out->contact.rate_bps = (uint64_t)(number * 8.0);
    out->contact.delay_us_mean = (uint32_t)MIN(number * 1e6, 4e9);
    return ERR_OK;
}

static err ion_add(struct reading *g, int line, const struct span *f, size_t count)
{
    struct raw raw;
    bool contact = count >= 2 && span_equal_text(f[1], "contact");
    if (!contact && !(count >= 2 && span_equal_text(f[1], "range")))
        return wrong(g, line, "what can be added is `a contact` or `a range`");
    if (count != 7 && !(contact && count == 8))
        return wrong(g, line, "say: a contact START STOP FROM TO BYTES_PER_SECOND, or: a range START STOP FROM TO LIGHT_SECONDS");
    if (contact && (span_equal_text(f[2], "-1") || span_equal_text(f[3], "0"))) /* a registration; a contact to be discovered */
        return ERR_OK;
    TRY(ion_interval(g, line, f, &raw));
    const struct contact *c = &raw.contact;
    if (contact) {
        raw.contact.delay_us_mean = 0;
        if (count == 8)
            TRY(confidence_read(g, line, f[7], &raw.contact));
        return raw_add(g, line, c);
    }
    raw.contact.a = MIN(c->a, c->b) == c->a ? c->a : c->b;
    raw.contact.b = c->a == raw.contact.a ? c->b : c->a;
    if (g->range_count >= 2 * (size_t)CONTACT_PLAN_CONTACTS_MAX)
        return wrong(g, line, "more than eight million ranges");
    return raw_push(&g->ranges, &g->range_count, &g->range_capacity, &raw);
}

static err ion_read(struct reading *g, struct span text)
{
    struct lines l = lines_of(text);
    struct span line, f[8];
    while (lines_next(&l, &line)) {
        size_t count = lines_split(line, ' ', f, 8);
        if (count == 0 || f[0].data[0] == '#')
            continue;
        if (count > 8)
            return wrong(g, l.line, "too many words for a command of ionadmin");
        if (f[0].size != 1 || !strchr("?#ev1@^acdilmrsxqh", f[0].data[0]))
            return wrong(g, l.line, "a command of ionadmin is one letter (a contact, a range, @, ...)");
        if (f[0].data[0] == '@') {
            if (count != 2 || !ion_time(g, f[1], &g->reference))
                return wrong(g, l.line, "say: @ +SECONDS, or: @ yyyy/mm/dd-hh:mm:ss");
        } else if (f[0].data[0] == 'a') {
            TRY(ion_add(g, l.line, f, count));
        } else if (f[0].data[0] == 'c' || f[0].data[0] == 'd') {
            return wrong(g, l.line, "changes and deletions are not followed: give the plan as it ends up");
        }
    }
    return ERR_OK;
}

/* ---- HDTN ---- */

static err hdtn_node(struct reading *g, int line, double number, uint32_t *out)
{
    struct text name = text_new(NULL, 23);
    text_printf(&name, "%.0f", number);
    err result = node_read(g, line, text_span(&name), out);
    text_free(&name);
    return result;
}

static err hdtn_item(void *context, const struct plan_hdtn_item *i)
{
    struct reading *g = context;
    struct contact c = {.rate_bps = (uint64_t)i->rate_bps, .delay_us_mean = (uint32_t)(i->owlt_s * 1e6)};
    TRY(hdtn_node(g, i->index, i->source, &c.a));
    TRY(hdtn_node(g, i->index, i->dest, &c.b));
    if (!after(g->reference, i->start_s, &c.start) || !after(g->reference, i->end_s, &c.end))
        return wrong(g, i->index, "a time is beyond the year 2262");
    return raw_add(g, i->index, &c);
}

/* ---- all ---- */

static bool before(const struct raw *x, const struct raw *y)
{
    const struct contact *a = &x->contact, *b = &y->contact;
    if (a->a != b->a)
        return a->a < b->a;
    if (a->b != b->b)
        return a->b < b->b;
    if (a->start != b->start)
        return a->start < b->start;
    return a->end < b->end;
}

/* Merge sort, so that equal lines keep their order. */
static err raws_sort(struct raw *items, size_t count)
{
    struct raw *other = malloc((count + 1) * sizeof *other);
    if (!other)
        return ERR_NO_MEMORY;
    struct raw *from = items, *to = other;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t low = 0; low < count; low += 2 * width) {
            size_t middle = MIN(low + width, count), high = MIN(low + 2 * width, count), i = low, j = middle;
            for (size_t k = low; k < high; k++)
                to[k] = i < middle && (j >= high || !before(&from[j], &from[i])) ? from[i++] : from[j++];
        }
        struct raw *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
    free(other);
    return ERR_OK;
}

/* ION says delays apart: each contact takes that of the range that holds its start. */
static void delays_take(struct reading *g)
{
    size_t at = 0;
    for (size_t k = 0; k < g->count; k++) {
        struct contact *c = &g->raws[k].contact;
        while (at < g->range_count) {
            const struct contact *r = &g->ranges[at].contact;
            bool earlier = r->a != c->a ? r->a < c->a : r->b != c->b ? r->b < c->b : r->end <= c->start;
            if (!earlier)
                break;
            at++;
        }
        if (at == g->range_count)
            return;
        const struct contact *r = &g->ranges[at].contact;
        if (r->a == c->a && r->b == c->b && r->start <= c->start)
            c->delay_us_mean = r->delay_us_mean;
    }
}

/* The same contact in both directions is one; contacts that overlap otherwise join if they are alike. */
static err contacts_make(struct reading *g, struct contact_plan *out)
{
    out->contacts = malloc((g->count + 1) * sizeof *out->contacts);
    if (!out->contacts)
        return ERR_NO_MEMORY;
    tai_ns begun = 0; /* where the last contact began in the file */
    for (size_t k = 0; k < g->count; k++) {
        const struct contact *c = &g->raws[k].contact;
        struct contact *last = out->count ? &out->contacts[out->count - 1] : NULL;
        if (!last || last->a != c->a || last->b != c->b || last->end < c->start) {
            out->contacts[out->count++] = *c;
            begun = c->start;
            continue;
        }
        if (last->end == c->start && last->rate_bps != c->rate_bps && c->end - c->start > NS_PER_MS) {
            out->contacts[out->count] = *c; /* a change of rate: the later contact has all but the shared instant, so the link stands on */
            out->contacts[out->count++].start += 1;
            begun = c->start;
            continue;
        }
        bool same_time = begun == c->start && last->end == c->end;
        if (!same_time && last->rate_bps != c->rate_bps)
            return wrong(g, g->raws[k].line, "this contact overlaps another of the pair that has another rate");
        last->rate_bps = MIN(last->rate_bps, c->rate_bps);
        last->delay_us_mean = MAX(last->delay_us_mean, c->delay_us_mean);
        last->doubt_permille = MAX(last->doubt_permille, c->doubt_permille);
        last->end = MAX(last->end, c->end);
    }
    return out->count <= CONTACT_PLAN_CONTACTS_MAX ? ERR_OK : wrong(g, 1, "more than four million contacts");
}

static err read_all(struct reading *g, struct span text, struct contact_plan *out)
{
    switch (g->r->format) {
    case CONTACT_PLAN_CSV:
        TRY(csv_read(g, text));
        break;
    case CONTACT_PLAN_IONRC:
        TRY(ion_read(g, text));
        TRY(raws_sort(g->ranges, g->range_count));
        break;
    case CONTACT_PLAN_HDTN:
        TRY(plan_hdtn_read(text, hdtn_item, g, g->error));
        break;
    }
    TRY(raws_sort(g->raws, g->count));
    if (g->range_count)
        delays_take(g);
    err result = contacts_make(g, out);
    if (result == ERR_INVALID && g->r->format == CONTACT_PLAN_HDTN && g->error)
        g->error->line = plan_hdtn_line(text, (size_t)g->error->line);
    return result;
}

err contact_plan_read(const struct contact_plan_source *r, struct span text, struct contact_plan *out, struct parse_error *error)
{
    struct reading g = {.r = r, .error = error, .reference = r->reference};
    *out = (struct contact_plan){0};
    err result = read_all(&g, text, out);
    free(g.raws);
    free(g.ranges);
    if (result != ERR_OK)
        contact_plan_free(out);
    return result;
}

err contact_plan_check(const struct contact_plan *p)
{
    for (size_t k = 0; k < p->count; k++) {
        const struct contact *c = &p->contacts[k], *last = k ? c - 1 : NULL;
        if (c->a >= c->b || c->start >= c->end)
            return ERR_INVALID;
        if (last && (last->a > c->a || (last->a == c->a && last->b > c->b)))
            return ERR_INVALID;
        if (last && last->a == c->a && last->b == c->b && last->end >= c->start)
            return ERR_INVALID;
    }
    return ERR_OK;
}

const struct contact *contact_plan_pair(const struct contact_plan *p, uint32_t a, uint32_t b, size_t *count)
{
    uint32_t x = MIN(a, b), y = MAX(a, b);
    size_t low = 0, high = p->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct contact *c = &p->contacts[middle];
        if (c->a < x || (c->a == x && c->b < y))
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < p->count && p->contacts[end].a == x && p->contacts[end].b == y)
        end++;
    *count = end - low;
    return *count ? &p->contacts[low] : NULL;
}
