#include "twin/fault_plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER "noct-faults 1"
#define INSTANT_MAX (3660 * NS_PER_DAY)

static const struct fault_kind_info kinds[FAULT_KIND_COUNT] = {
#define FAULT(name, word_, key_, target_, mean, parameter_, low_, high_, usual_, choices_, text_)                              \
    [FAULT_##name] = {.word = word_, .key = key_, .parameter = parameter_, .choices = choices_, .text = text_,                \
                      .target = FAULT_AT_##target_, .mean_s = mean, .low = low_, .high = high_, .usual = usual_},
#include "node/fault.def"
#undef FAULT
};

const struct fault_kind_info *fault_kind_info(enum fault_kind kind)
{
    ASSERT(kind < FAULT_KIND_COUNT);
    return &kinds[kind];
}

void fault_plan_free(struct fault_plan *p)
{
    free(p->faults);
    *p = (struct fault_plan){0};
}

void fault_plan_add(struct fault_plan *p, const struct fault *f)
{
    if (p->count == p->capacity) {
        p->capacity = MAX((size_t)64, 2 * p->capacity);
        p->faults = realloc(p->faults, p->capacity * sizeof *p->faults);
        ASSERT(p->faults != NULL);
    }
    p->faults[p->count++] = *f;
}

static void merge(struct fault *f, struct fault *scratch, size_t count)
{
    if (count < 2)
        return;
    size_t half = count / 2;
    merge(f, scratch, half);
    merge(f + half, scratch, count - half);
    size_t a = 0, b = half;
    for (size_t i = 0; i < count; i++)
        scratch[i] = b == count || (a < half && f[a].at <= f[b].at) ? f[a++] : f[b++];
    memcpy(f, scratch, count * sizeof *f);
}

void fault_plan_sort(struct fault_plan *p)
{
    if (p->count < 2)
        return;
    struct fault *scratch = malloc(p->count * sizeof *scratch);
    ASSERT(scratch != NULL);
    merge(p->faults, scratch, p->count);
    free(scratch);
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* Which word of a list; "" beyond its end. */
static struct span word_at(const char *words, uint32_t index)
{
    for (; *words; words += strspn(words, " ")) {
        size_t n = strcspn(words, " ");
        if (index-- == 0)
            return span_of(words, n);
        words += n;
    }
    return span_text("");
}

static void target_write(const struct scenario *s, const struct fault *f, struct text *out)
{
    switch (fault_kind_info(f->kind)->target) {
    case FAULT_AT_NODE:
    case FAULT_AT_SATELLITE:
    case FAULT_AT_GATEWAY:
        text_printf(out, " %s", scenario_name(s, f->node));
        break;
    case FAULT_AT_LINK:
        text_printf(out, " %s %s", scenario_name(s, f->node), scenario_name(s, f->peer));
        break;
    case FAULT_AT_PLANE:
        text_printf(out, " plane=%u", f->node - 1);
        break;
    case FAULT_AT_WORLD:
        break;
    }
}

static void fault_write(const struct scenario *s, const struct fault *f, struct text *out)
{
    const struct fault_kind_info *k = fault_kind_info(f->kind);
    text_printf(out, "%lld.%09lld %s", (long long)(f->at / NS_PER_S), (long long)(f->at % NS_PER_S), k->word);
    target_write(s, f, out);
    if (k->mean_s > 0)
        text_printf(out, " for=%lld.%09lld", (long long)(f->duration / NS_PER_S), (long long)(f->duration % NS_PER_S));
    if (k->parameter[0])
        text_printf(out, " %s=%lld", k->parameter, (long long)f->value);
    if (k->choices[0]) {
        text_add(out, " area=");
        text_add_span(out, word_at(k->choices, f->choice));
    }
    if (f->draw)
        text_printf(out, " draw=%llu", (unsigned long long)f->draw);
}

void fault_line(const struct scenario *s, const struct fault *f, char out[FAULT_LINE_MAX])
{
    struct text t = text_new(NULL, FAULT_LINE_MAX);
    fault_write(s, f, &t);
    (void)text_copy(out, FAULT_LINE_MAX, text_span(&t));
    text_free(&t);
}

static void remarks_write(const char *remarks, struct text *out)
{
    while (remarks && *remarks) {
        size_t n = strcspn(remarks, "\n");
        text_add(out, "# ");
        text_add_span(out, span_of(remarks, n));
        text_add_char(out, '\n');
        remarks += n + (remarks[n] == '\n');
    }
}

void fault_plan_write(const struct scenario *s, const struct fault_plan *p, const char *remarks, struct text *out)
{
    text_add(out, HEADER "\n");
    remarks_write(remarks, out);
    for (size_t i = 0; i < p->count; i++) {
        fault_write(s, &p->faults[i], out);
        text_add_char(out, '\n');
    }
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

struct plan_reader {
    const struct scenario *scenario;
    struct scenario_error *error;
    struct span line;
    size_t at;   /* within the line */
    int number;  /* of the line, from 1 */
    size_t word; /* where the last word began */
};

static err fail(struct plan_reader *r, const char *format, ...) PRINTF_LIKE(2, 3);
static err fail(struct plan_reader *r, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(r->error->text, sizeof r->error->text, format, list);
    va_end(list);
    r->error->line = r->number;
    r->error->column = (int)r->word + 1;
    return ERR_INVALID;
}

/* The next word of the line; empty at its end or where a comment begins. */
static struct span next_word(struct plan_reader *r)
{
    while (r->at < r->line.size && (r->line.data[r->at] == ' ' || r->line.data[r->at] == '\t'))
        r->at++;
    r->word = r->at;
    if (r->at < r->line.size && r->line.data[r->at] == '#')
        r->at = r->line.size;
    size_t from = r->at;
    while (r->at < r->line.size && r->line.data[r->at] != ' ' && r->line.data[r->at] != '\t')
        r->at++;
    return span_of(r->line.data + from, r->at - from);
}

/* Seconds with at most nine decimals, exactly. */
static bool seconds_parse(struct span s, int64_t most, int64_t *out)
{
    size_t dot = 0;
    while (dot < s.size && s.data[dot] != '.')
        dot++;
    uint64_t whole, fraction = 0;
    if (parse_u64(span_of(s.data, dot), (uint64_t)(most / NS_PER_S), &whole) != ERR_OK)
        return false;
    if (dot < s.size) {
        size_t digits = s.size - dot - 1;
        if (digits == 0 || digits > 9 || parse_u64(span_of(s.data + dot + 1, digits), 999999999, &fraction) != ERR_OK)
            return false;
        for (; digits < 9; digits++)
            fraction *= 10;
    }
    *out = (int64_t)whole * NS_PER_S + (int64_t)fraction;
    return *out <= most;
}

static bool signed_parse(struct span s, int64_t *out)
{
    bool minus = s.size > 0 && s.data[0] == '-';
    uint64_t v;
    if (parse_u64(minus ? span_of(s.data + 1, s.size - 1) : s, INT64_MAX, &v) != ERR_OK)
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

static err node_parse(struct plan_reader *r, enum fault_target target, node_id *out)
{
    struct span w = next_word(r);
    char name[SKY_NAME_SIZE];
    *out = w.size > 0 && text_copy(name, sizeof name, w) && strlen(name) == w.size ? scenario_node(r->scenario, name) : NODE_NONE;
    if (*out == NODE_NONE)
        return fail(r, "`%.*s` is no node of this scenario", (int)MIN(w.size, (size_t)40), (const char *)w.data);
    bool gateway = scenario_is_gateway(r->scenario, *out);
    if (target == FAULT_AT_SATELLITE && gateway)
        return fail(r, "%s is a gateway; this fault strikes satellites", name);
    if (target == FAULT_AT_GATEWAY && !gateway)
        return fail(r, "%s is a satellite; this fault strikes gateways", name);
    return ERR_OK;
}

static bool plane_exists(const struct scenario *s, uint32_t plane)
{
    for (size_t i = 0; i < s->satellite_count; i++)
        if (s->sites[i].plane == plane)
            return true;
    return false;
}

static err target_parse(struct plan_reader *r, struct fault *f)
{
    enum fault_target target = fault_kind_info(f->kind)->target;
    uint64_t plane;
    struct span w;
    switch (target) {
    case FAULT_AT_NODE:
    case FAULT_AT_SATELLITE:
    case FAULT_AT_GATEWAY:
        return node_parse(r, target, &f->node);
    case FAULT_AT_LINK:
        TRY(node_parse(r, target, &f->node));
        TRY(node_parse(r, target, &f->peer));
        return f->node == f->peer ? fail(r, "a link has two different ends") : ERR_OK;
    case FAULT_AT_PLANE:
        w = next_word(r);
        if (w.size < 7 || memcmp(w.data, "plane=", 6) != 0 ||
            parse_u64(span_of(w.data + 6, w.size - 6), UINT32_MAX - 1, &plane) != ERR_OK ||
            !plane_exists(r->scenario, (uint32_t)plane))
            return fail(r, "say which orbital plane: plane=0 and so on, as the scenario numbers them");
        f->node = (node_id)plane + 1;
        return ERR_OK;
    case FAULT_AT_WORLD:
        return ERR_OK;
    }
    return ERR_OK;
}

static err choice_parse(struct plan_reader *r, const struct fault_kind_info *k, struct span word, struct fault *f)
{
    for (uint32_t i = 0; word_at(k->choices, i).size > 0; i++) {
        if (span_equal(word_at(k->choices, i), word)) {
            f->choice = i;
            return ERR_OK;
        }
    }
    return fail(r, "area must be one of: %s", k->choices);
}

/* One `key=value` behind the target. */
static err parameter_parse(struct plan_reader *r, struct span w, struct fault *f, unsigned *seen)
{
    const struct fault_kind_info *k = fault_kind_info(f->kind);
    size_t equals = 0;
    while (equals < w.size && w.data[equals] != '=')
        equals++;
    if (equals == w.size)
        return fail(r, "parameters are written name=value");
    struct span key = span_of(w.data, equals), value = span_of(w.data + equals + 1, w.size - equals - 1);
    unsigned bit = span_equal_text(key, "for") && k->mean_s > 0 ? 1u
                   : k->parameter[0] && span_equal_text(key, k->parameter) ? 2u
                   : k->choices[0] && span_equal_text(key, "area") ? 4u
                   : span_equal_text(key, "draw") ? 8u : 0u;
    if (bit == 0)
        return fail(r, "`%s` takes%s%s%s%s and draw", k->word, k->mean_s > 0 ? " for" : "", k->parameter[0] ? " " : "", k->parameter,
                    k->choices[0] ? " area" : "");
    if (*seen & bit)
        return fail(r, "`%.*s` is given twice", (int)key.size, (const char *)key.data);
    *seen |= bit;
    if (bit == 4)
        return choice_parse(r, k, value, f);
    if (bit == 1 && !seconds_parse(value, INSTANT_MAX, &f->duration))
        return fail(r, "for= takes seconds with at most nine decimals, below %lld", (long long)(INSTANT_MAX / NS_PER_S));
    if (bit == 2 && (!signed_parse(value, &f->value) || f->value < k->low || f->value > k->high))
        return fail(r, "%s must be a whole number from %lld to %lld", k->parameter, (long long)k->low, (long long)k->high);
    if (bit == 8 && parse_u64(value, UINT64_MAX, &f->draw) != ERR_OK)
        return fail(r, "draw must be a whole number below 2^64");
    return ERR_OK;
}

static err line_parse(struct plan_reader *r, struct fault_plan *out)
{
    struct fault f = {0};
    struct span w = next_word(r);
    if (w.size == 0)
        return ERR_OK;
    if (!seconds_parse(w, INSTANT_MAX, &f.at))
        return fail(r, "a line begins with the instant: seconds since the start, at most nine decimals");
    w = next_word(r);
    size_t kind = 0;
    while (kind < FAULT_KIND_COUNT && !span_equal_text(w, kinds[kind].word))
        kind++;
    if (kind == FAULT_KIND_COUNT)
        return fail(r, "`%.*s` is no kind of fault; docs/format/fault-plan.md lists them", (int)MIN(w.size, (size_t)40), (const char *)w.data);
    f.kind = (enum fault_kind)kind;
    f.value = kinds[kind].usual;
    TRY(target_parse(r, &f));
    unsigned seen = 0;
    for (w = next_word(r); w.size > 0; w = next_word(r))
        TRY(parameter_parse(r, w, &f, &seen));
    if (kinds[kind].mean_s > 0 && !(seen & 1))
        return fail(r, "`%s` needs for=SECONDS", kinds[kind].word);
    if (out->count == FAULT_PLAN_MAX)
        return fail(r, "more than %d faults", FAULT_PLAN_MAX);
    fault_plan_add(out, &f);
    return ERR_OK;
}

static err lines_parse(struct plan_reader *r, struct span text, struct fault_plan *out)
{
    for (size_t at = 0; at < text.size; r->number++) {
        size_t end = at;
        while (end < text.size && text.data[end] != '\n')
            end++;
        r->line = span_of(text.data + at, end - at);
        r->at = r->word = 0;
        at = end + 1;
        if (r->line.size >= FAULT_LINE_MAX)
            return fail(r, "the line is longer than %d bytes", FAULT_LINE_MAX - 1);
        if (r->number == 1) {
            if (!span_equal_text(r->line, HEADER))
                return fail(r, "a fault plan begins with the line `" HEADER "`");
            continue;
        }
        TRY(line_parse(r, out));
    }
    return r->number > 1 ? ERR_OK : fail(r, "the file is empty; a fault plan begins with the line `" HEADER "`");
}

err fault_plan_read(const struct scenario *s, struct span text, struct fault_plan *out, struct scenario_error *error)
{
    *out = (struct fault_plan){0};
    *error = (struct scenario_error){0};
    struct plan_reader r = {.scenario = s, .error = error, .number = 1};
    err e = lines_parse(&r, text, out);
    if (e != ERR_OK)
        fault_plan_free(out);
    fault_plan_sort(out);
    return e;
}
