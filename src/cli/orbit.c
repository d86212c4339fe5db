/*
 * cli/orbit.c - `noct orbit`: look at files of orbits and turn one notation into another.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "orbit/element_file.h"
#include "orbit/oem.h"
#include "orbit/sgp4.h"
#include "orbit/tle.h"

enum { FILE_BYTES_MAX = 64 << 20, OUT_BYTES_MAX = 1 << 30, STEP_DEFAULT_S = 60, POINTS_MAX = 100000 };

static const char help[] =
    "usage: noct orbit check FILE [--at TIME] [--age DAYS] [--json]\n"
    "       noct orbit convert IN OUT [--at TIME] [--hours H] [--step SECONDS]\n"
    "\n"
    "check reads TLE, OMM (KVN, XML, JSON, CSV) or OEM (KVN, XML) and lists what is wrong, set by set, with lines: checksums,\n"
    "malformed fields, satellites that have decayed, epochs too old. convert writes what can be used; the ending of OUT says how:\n"
    "  .tle              two-line elements (catalogue numbers to 339999)\n"
    "  .omm .kvn         OMM as KVN;   .xml, .json, .csv: OMM in these\n"
    "  .oem, .oem.xml    ephemeris as KVN or XML: TEME, from --at on\n"
    "\n"
    "  --at TIME     when the sets shall be used, as 2026-11-21T00:00:00Z (default: now)\n"
    "  --age DAYS    epochs farther from that are called old (default 30)\n"
    "  --hours H     span of an OEM (default 24)      --step SECONDS  between its states (default 60)\n"
    "  --json        the findings as JSON on stdout\n"
    "\n"
    "Exit codes: 0 all sets are good, 1 something was left out or the file cannot be read, 2 usage.\n";

struct collection { /* everything that was read */
    struct elements *sets;
    size_t count, room;
    struct element_problem *problems;
    size_t problem_count, problem_room;
};

static void *room_for(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    *room = *room ? 2 * *room : 256;
    void *wider = realloc(items, *room * size);
    ASSERT(wider != NULL);
    return wider;
}

static err set_add(void *context, const struct elements *e)
{
    struct collection *c = context;
    c->sets = room_for(c->sets, c->count, &c->room, sizeof *c->sets);
    c->sets[c->count++] = *e;
    return ERR_OK;
}

static void problem_add(void *context, const struct element_problem *p)
{
    struct collection *c = context;
    c->problems = room_for(c->problems, c->problem_count, &c->problem_room, sizeof *c->problems);
    c->problems[c->problem_count++] = *p;
}

static void collection_free(struct collection *c)
{
    free(c->sets);
    free(c->problems);
}

struct options {
    const char *at_text, *age_text, *hours_text, *step_text;
    tai_ns at;
    duration_ns age_max;
    double hours, step_s;
    bool json;
};

static bool number(const char *text, double least, double most, double *out)
{
    return !text || (parse_double(span_text(text), out) == ERR_OK && *out >= least && *out <= most);
}

static int options_check(struct options *o)
{
    double age_days = 30;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    o->at = ((tai_ns)now.tv_sec + TAI_MINUS_UTC_S) * NS_PER_S;
    o->hours = 24;
    o->step_s = STEP_DEFAULT_S;
    if (o->at_text && time_utc_parse(o->at_text, &o->at) != ERR_OK)
        return cli_usage(help, "--at \"%s\" is no time like 2026-11-21T00:00:00Z", o->at_text);
    if (!number(o->age_text, 0.01, 36500, &age_days) || !number(o->hours_text, 0.01, 8760, &o->hours) ||
        !number(o->step_text, 1, 3600, &o->step_s))
        return cli_usage(help, "--age takes 0.01 to 36500 days, --hours 0.01 to 8760, --step 1 to 3600 seconds");
    if (o->hours * 3600 / o->step_s >= POINTS_MAX)
        return cli_usage(help, "--hours and --step ask for more than %d states of each satellite", POINTS_MAX);
    o->age_max = (duration_ns)(age_days * (double)NS_PER_DAY);
    return CLI_OK;
}

static bool is_oem(struct span text)
{
    size_t most = MIN(text.size, (size_t)4096);
    for (size_t at = 0; at + 14 < most; at++)
        if (memcmp(text.data + at, "CCSDS_OEM_VERS", 14) == 0 || memcmp(text.data + at, "<oem", 4) == 0)
            return true;
    return false;
}

/* ---- check ------------------------------------------------------------------------------------------------------ */

static void problems_print(const char *path, const struct collection *c)
{
    for (size_t k = 0; k < c->problem_count; k++) {
        const struct element_problem *p = &c->problems[k];
        printf("%s:%d:%d: %s: ", path, p->line, p->column, element_problem_name(p->kind));
        if (p->catalog)
            printf("%u ", p->catalog);
        printf("%s%s%s\n", p->name, p->name[0] ? ": " : "", p->text);
    }
}

static void check_text(const char *path, const struct collection *c, const struct element_summary *s, tai_ns at)
{
    problems_print(path, c);
    printf("%s: %s, %zu sets, %zu can be used", path, s->tle ? "TLE" : "OMM", s->sets, s->used);
    for (int k = 0; k < ELEMENT_PROBLEM_KINDS; k++)
        if (s->problems[k])
            printf(", %zu %s", s->problems[k], element_problem_name((enum element_problem_kind)k));
    if (s->used)
        printf("; epochs %.1f to %.1f days before the time asked for", (double)(at - s->newest) / (double)NS_PER_DAY,
               (double)(at - s->oldest) / (double)NS_PER_DAY);
    printf("\n");
}

static void check_json(const char *path, const struct collection *c, const struct element_summary *s)
{
    struct text t = text_new(NULL, OUT_BYTES_MAX);
    char time[40];
    json_object(&t, NULL);
    json_string(&t, "file", path);
    json_string(&t, "format", s->tle ? "tle" : "omm");
    json_uint(&t, "sets", s->sets);
    json_uint(&t, "used", s->used);
    for (int k = 0; k < ELEMENT_PROBLEM_KINDS; k++)
        json_uint(&t, element_problem_name((enum element_problem_kind)k), s->problems[k]);
    if (s->used) {
        time_utc_text(s->oldest, 3, time);
        json_string(&t, "oldest_epoch", time);
        time_utc_text(s->newest, 3, time);
        json_string(&t, "newest_epoch", time);
    }
    json_array(&t, "problems");
    for (size_t k = 0; k < c->problem_count; k++) {
        const struct element_problem *p = &c->problems[k];
        json_object(&t, NULL);
        json_string(&t, "kind", element_problem_name(p->kind));
        json_int(&t, "line", p->line);
        json_int(&t, "column", p->column);
        json_uint(&t, "catalog", p->catalog);
        json_string(&t, "name", p->name);
        json_string(&t, "text", p->text);
        json_end(&t);
    }
    json_end(&t);
    json_end(&t);
    printf("%s\n", text_string(&t));
    text_free(&t);
}

static void table_json(const char *path, const struct oem *o)
{
    struct text t = text_new(NULL, 1 << 20);
    json_object(&t, NULL);
    json_string(&t, "file", path);
    json_string(&t, "format", "oem");
    json_uint(&t, "segments", o->segment_count);
    json_uint(&t, "states", o->point_count);
    json_end(&t);
    printf("%s\n", text_string(&t));
    text_free(&t);
}

static int check_table(const char *path, struct span text, bool json)
{
    struct oem o;
    struct parse_error wrong = {0};
    if (oem_read(text, &o, &wrong) != ERR_OK)
        return cli_fail("%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    if (json)
        table_json(path, &o);
    else
        printf("%s: OEM, %zu segments, %zu states\n", path, o.segment_count, o.point_count);
    for (size_t k = 0; k < o.segment_count && !json; k++) {
        char start[40], stop[40];
        time_utc_text(o.segments[k].start, 0, start);
        time_utc_text(o.segments[k].stop, 0, stop);
        printf("  %-24s %s to %s, %zu states\n", o.segments[k].name, start, stop, o.segments[k].count);
    }
    oem_free(&o);
    return CLI_OK;
}

static int check(const char *path, const struct options *o)
{
    struct span text;
    struct collection c = {0};
    struct element_summary s;
    struct parse_error wrong = {0};
    if (!cli_file_read(path, FILE_BYTES_MAX, &text))
        return CLI_FAILED;
    const struct element_rules rules = {.at = o->at, .age_max = o->age_max, .once = true};
    int code;
    if (is_oem(text)) {
        code = check_table(path, text, o->json);
    } else if (element_file_read(text, &rules, set_add, problem_add, &c, &s, &wrong) != ERR_OK) {
        code = cli_fail("%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    } else {
        if (o->json)
            check_json(path, &c, &s);
        else
            check_text(path, &c, &s, o->at);
        code = s.used == s.sets && s.sets > 0 ? CLI_OK : CLI_FAILED;
    }
    collection_free(&c);
    cli_file_free(text);
    return code;
}

/* ---- convert ---------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcmp(path + n - m, ending) == 0;
}

static size_t tle_fill(struct text *t, const struct collection *c)
{
    size_t refused = 0;
    for (size_t k = 0; k < c->count; k++) {
        char one[TLE_LINE_SIZE], two[TLE_LINE_SIZE];
        if (tle_write(&c->sets[k], one, two) != ERR_OK) {
            fprintf(stderr, "noct: %u %s has no place in a TLE: left out\n", c->sets[k].catalog, c->sets[k].name);
            refused++;
            continue;
        }
        text_printf(t, "%s%s%s\n%s\n", c->sets[k].name, c->sets[k].name[0] ? "\n" : "", one, two);
    }
    return refused;
}

static size_t omm_fill(struct text *t, const struct collection *c, const char *path)
{
    enum omm_notation notation = ends_with(path, ".xml")    ? OMM_XML
                                 : ends_with(path, ".json") ? OMM_JSON
                                 : ends_with(path, ".csv")  ? OMM_CSV
                                                            : OMM_KVN;
    omm_write_begin(t, notation);
    for (size_t k = 0; k < c->count; k++)
        omm_write_one(t, notation, &c->sets[k], k == 0);
    omm_write_end(t, notation);
    return 0;
}

static size_t oem_fill(struct text *t, const struct collection *c, const char *path, const struct options *o)
{
    enum oem_notation notation = ends_with(path, ".xml") ? OEM_XML : OEM_KVN;
    size_t refused = 0, points = (size_t)(o->hours * 3600 / o->step_s) + 1;
    struct oem_point *p = calloc(points, sizeof *p);
    ASSERT(p != NULL);
    oem_write_begin(t, notation, o->at);
    for (size_t k = 0; k < c->count; k++) {
        struct sgp4 s;
        size_t n = 0;
        err e = sgp4_init(&s, &c->sets[k]);
        ASSERT(e == ERR_OK); /* the reader has checked it */
        for (; n < points; n++) {
            p[n].t = o->at + (tai_ns)((double)n * o->step_s * 1e9);
            if (sgp4_at(&s, p[n].t, p[n].r_km, p[n].v_km_s) != SGP4_OK)
                break;
        }
        if (n < 2) {
            fprintf(stderr, "noct: %u %s decays at once: left out\n", c->sets[k].catalog, c->sets[k].name);
            refused++;
            continue;
        }
        oem_write_object(t, notation, c->sets[k].name[0] ? c->sets[k].name : "UNKNOWN", c->sets[k].designator, p, n);
    }
    oem_write_end(t, notation);
    free(p);
    return refused;
}

static bool file_write(const char *path, const struct text *t)
{
    FILE *f = fopen(path, "wb");
    struct span s = text_span(t);
    bool good = f && fwrite(s.data, 1, s.size, f) == s.size;
    if (f && fclose(f) != 0)
        good = false;
    if (!good)
        cli_fail("%s cannot be written (%s)", path, strerror(errno));
    return good;
}

static int write_out(const char *path, const struct collection *c, const struct options *o)
{
    struct text t = text_new(NULL, OUT_BYTES_MAX);
    size_t refused;
    if (ends_with(path, ".tle") || ends_with(path, ".txt"))
        refused = tle_fill(&t, c);
    else if (ends_with(path, ".oem") || ends_with(path, ".oem.xml"))
        refused = oem_fill(&t, c, path, o);
    else if (ends_with(path, ".xml") || ends_with(path, ".json") || ends_with(path, ".csv") || ends_with(path, ".omm") ||
             ends_with(path, ".kvn"))
        refused = omm_fill(&t, c, path);
    else
        return cli_usage(help, "the ending of \"%s\" names no notation", path);
    bool good = text_ok(&t) ? file_write(path, &t) : cli_fail("the result is larger than a gibibyte; shorten --hours") == CLI_OK;
    text_free(&t);
    return good && refused == 0 ? CLI_OK : CLI_FAILED;
}

static int convert(const char *from, const char *to, const struct options *o)
{
    struct span text;
    struct collection c = {0};
    struct element_summary s;
    struct parse_error wrong = {0};
    /* Old sets are kept as they are; only an ephemeris depends on the time. */
    bool ephemeris = ends_with(to, ".oem") || ends_with(to, ".oem.xml");
    const struct element_rules rules = {.at = ephemeris ? o->at : 0, .age_max = o->age_max};
    if (!cli_file_read(from, FILE_BYTES_MAX, &text))
        return CLI_FAILED;
    int code = CLI_FAILED;
    if (is_oem(text))
        cli_fail("%s is an OEM: positions do not turn back into elements", from);
    else if (element_file_read(text, &rules, set_add, problem_add, &c, &s, &wrong) != ERR_OK)
        cli_fail("%s:%d:%d: %s", from, wrong.line, wrong.column, wrong.text);
    else if (c.count == 0)
        cli_fail("%s holds no element set that can be used", from);
    else
        code = write_out(to, &c, o);
    if (c.problem_count > 0) {
        problems_print(from, &c);
        code = code == CLI_OK && s.used < s.sets ? CLI_FAILED : code;
    }
    if (code != CLI_USAGE && c.count > 0)
        printf("%s: %zu of %zu sets\n", to, c.count, s.sets);
    collection_free(&c);
    cli_file_free(text);
    return code;
}

int command_orbit(int argc, char **argv)
{
    struct options o = {0};
    const struct cli_option options[] = {{.name = "at", .value = &o.at_text},       {.name = "age", .value = &o.age_text},
                                         {.name = "hours", .value = &o.hours_text}, {.name = "step", .value = &o.step_text},
                                         {.name = "json", .flag = &o.json}};
    struct cli_arguments a;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &a, &code))
        return code;
    code = options_check(&o);
    if (code != CLI_OK)
        return code;
    if (a.count == 2 && strcmp(a.items[0], "check") == 0)
        return check(a.items[1], &o);
    if (a.count == 3 && strcmp(a.items[0], "convert") == 0)
        return convert(a.items[1], a.items[2], &o);
    return cli_usage(help, "`noct orbit` takes `check FILE` or `convert IN OUT`");
}
