#include "orbit/element_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orbit/sgp4.h"
#include "orbit/tle.h"

#define AGE_DEFAULT (30 * NS_PER_DAY)

struct reading {
    const struct element_rules *rules;
    element_sink *sink;
    element_problem_sink *problem;
    void *context;
    struct element_summary *summary;
    int line;
    struct seen { /* catalogue numbers that came; a hash table of a power of two */
        uint32_t *numbers;
        int *lines;
        size_t count, room;
    } seen;
};

const char *element_problem_name(enum element_problem_kind kind)
{
    static const char *const names[ELEMENT_PROBLEM_KINDS] = {"malformed", "checksum", "decayed",
                                                             "old", "twice"};
    return (unsigned)kind < ELEMENT_PROBLEM_KINDS ? names[kind] : "?";
}

static void tell(struct reading *r, struct element_problem *p)
{
    r->summary->problems[p->kind]++;
    if (r->problem)
        r->problem(r->context, p);
}

static void tell_wrong(struct reading *r, enum element_problem_kind kind,
                       const struct parse_error *e)
{
    struct element_problem p = {.kind = kind, .line = e->line, .column = e->column};
    memcpy(p.text, e->text, sizeof p.text);
    r->summary->sets++;
    tell(r, &p);
}

static struct element_problem problem_of(const struct reading *r, enum element_problem_kind kind,
                                         const struct elements *e)
{
    struct element_problem p = {.kind = kind, .line = r->line, .catalog = e->catalog};
    memcpy(p.name, e->name, sizeof p.name);
    return p;
}

/* Whether the set can be used, and what there is to say about it. */
static bool judge(struct reading *r, const struct elements *e)
{
    struct sgp4 s;
    double position[3], velocity[3];
    tai_ns at = r->rules->at ? r->rules->at : e->epoch;
    enum sgp4_status status = SGP4_ECCENTRICITY;
    if (sgp4_init(&s, e) == ERR_OK)
        status = sgp4_at(&s, at, position, velocity);
    if (status != SGP4_OK) {
        struct element_problem p = problem_of(r, ELEMENT_DECAYED, e);
        snprintf(p.text, sizeof p.text, "no position at the time asked for: %s; left out",
                 sgp4_status_text(status));
        tell(r, &p);
        return false;
    }
    duration_ns most = r->rules->age_max ? r->rules->age_max : AGE_DEFAULT;
    duration_ns age;
    if (__builtin_sub_overflow(at, e->epoch, &age)) /* three centuries */
        age = INT64_MAX;
    if (age > most || age < -most) {
        struct element_problem p = problem_of(r, ELEMENT_OLD, e);
        snprintf(p.text, sizeof p.text,
                 "the epoch is %.1f days %s the time asked for: expect errors of many kilometres",
                 (double)(age < 0 ? -age : age) / (double)NS_PER_DAY, age < 0 ? "after" : "before");
        tell(r, &p);
    }
    return true;
}

/* Where the number is, or would be; 0 stands for free and is no catalogue number. */
static size_t seen_place(const struct seen *s, uint32_t number)
{
    size_t at = (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (s->room - 1);
    while (s->numbers[at] && s->numbers[at] != number)
        at = (at + 1) & (s->room - 1);
    return at;
}

static bool seen_grow(struct seen *s)
{
    struct seen grown = {.room = s->room ? 2 * s->room : 64, .count = s->count};
    grown.numbers = calloc(grown.room, sizeof *grown.numbers);
    grown.lines = calloc(grown.room, sizeof *grown.lines);
    for (size_t k = 0; grown.numbers && grown.lines && k < s->room; k++)
        if (s->numbers[k]) {
            size_t at = seen_place(&grown, s->numbers[k]);
            grown.numbers[at] = s->numbers[k];
            grown.lines[at] = s->lines[k];
        }
    bool good = grown.numbers && grown.lines;
    struct seen *left = good ? s : &grown;
    free(left->numbers);
    free(left->lines);
    if (good)
        *s = grown;
    return good;
}

/* One satellite flies once: further sets of a catalogue number are told and left out. *twice says so. */
static err once(struct reading *r, const struct elements *e, bool *twice)
{
    struct seen *s = &r->seen;
    *twice = false;
    if (!r->rules->once || e->catalog == 0)
        return ERR_OK;
    if (2 * s->count >= s->room && !seen_grow(s))
        return ERR_NO_MEMORY;
    size_t at = seen_place(s, e->catalog);
    *twice = s->numbers[at] != 0;
    if (*twice) {
        struct element_problem p = problem_of(r, ELEMENT_TWICE, e);
        snprintf(p.text, sizeof p.text, "catalogue number %u is there twice, first at line %d; left out", e->catalog, s->lines[at]);
        tell(r, &p);
        return ERR_OK;
    }
    s->numbers[at] = e->catalog;
    s->lines[at] = r->line;
    s->count++;
    return ERR_OK;
}

static err take(void *context, const struct elements *e)
{
    struct reading *r = context;
    struct element_summary *s = r->summary;
    bool twice;
    s->sets++;
    if (!judge(r, e))
        return ERR_OK;
    TRY(once(r, e, &twice));
    if (twice)
        return ERR_OK;
    s->oldest = s->used == 0 || e->epoch < s->oldest ? e->epoch : s->oldest;
    s->newest = s->used == 0 || e->epoch > s->newest ? e->epoch : s->newest;
    s->used++;
    return r->sink(r->context, e);
}

static void wrong(void *context, const struct parse_error *error)
{
    tell_wrong(context, ELEMENT_MALFORMED, error);
}

static err tle_read(struct span text, struct reading *r)
{
    size_t at = 0;
    int line = 0;
    for (;;) {
        struct elements e;
        struct parse_error why = {0};
        err status = tle_next(text, &at, &line, TLE_STRICT, &e, &why);
        if (status == ERR_NOT_FOUND)
            return ERR_OK;
        if (status != ERR_OK) {
            tell_wrong(r, status == ERR_CORRUPT ? ELEMENT_CHECKSUM : ELEMENT_MALFORMED, &why);
            continue;
        }
        r->line = line - 1; /* of line 1 */
        TRY(take(r, &e));
    }
}

/* A TLE file holds a line that begins with "1 " and is as long as one, before anything that looks
 * like an OMM. */
static bool looks_like_tle(struct span text)
{
    for (size_t at = 0, lines = 0; at < text.size && lines < 64; lines++) {
        const uint8_t *start = text.data + at, *end = memchr(start, '\n', text.size - at);
        size_t size = end ? (size_t)(end - start) : text.size - at;
        if (size >= 60 && start[0] == '1' && start[1] == ' ')
            return true;
        at += size + 1;
    }
    return false;
}

err element_file_read(struct span text, const struct element_rules *rules, element_sink *sink,
                      element_problem_sink *problem, void *context, struct element_summary *summary,
                      struct parse_error *error)
{
    struct parse_error spare;
    text = text_without_mark(text);
    *summary = (struct element_summary){.tle = looks_like_tle(text)};
    struct reading r = {
        .rules = rules, .sink = sink, .problem = problem, .context = context, .summary = summary};
    err result = summary->tle ? tle_read(text, &r) : omm_read_each(text, OMM_AUTO, take, wrong, &r, &r.line, error ? error : &spare);
    free(r.seen.numbers);
    free(r.seen.lines);
    return result;
}
