/*
 * twin/campaign_summary.c - the lines of all parts of a campaign, put together.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "twin/campaign.h"

enum { FIGURES_MAX = 256, NAME_SIZE = 64, CHECKS_MAX = 32, OUTCOMES = 6 };

static const char *const outcomes[OUTCOMES] = {"kept", "violation", "crash", "timeout", "unequal", "no-report"};

struct figure {
    char name[NAME_SIZE];
    double *values;
    uint64_t *seeds;
    size_t count, capacity;
};

struct check_sum {
    char promise[16], text[160];
    uint64_t evaluated, violations, seeds;
};

struct probe_sum {
    char name[NAME_SIZE];
    uint64_t hits, seeds;
};

struct summary {
    struct figure figures[FIGURES_MAX];
    size_t figure_count;
    struct check_sum checks[CHECKS_MAX];
    size_t check_count;
    struct probe_sum probes[1024];
    size_t probe_count;
    uint64_t outcome_count[OUTCOMES], repeated;
    double cpu_s;
    json_t *failures, *settings;
};

static struct figure *figure_of(struct summary *s, const char *name)
{
    for (size_t i = 0; i < s->figure_count; i++)
        if (strcmp(s->figures[i].name, name) == 0)
            return &s->figures[i];
    if (s->figure_count == FIGURES_MAX)
        return NULL;
    struct figure *f = &s->figures[s->figure_count++];
    snprintf(f->name, sizeof f->name, "%s", name);
    return f;
}

static void figure_add(struct summary *s, const char *name, uint64_t seed, double value)
{
    struct figure *f = figure_of(s, name);
    if (!f)
        return;
    if (f->count == f->capacity) {
        f->capacity = f->capacity ? 2 * f->capacity : 64;
        f->values = realloc(f->values, f->capacity * sizeof *f->values);
        f->seeds = realloc(f->seeds, f->capacity * sizeof *f->seeds);
        ASSERT(f->values && f->seeds);
    }
    f->seeds[f->count] = seed;
    f->values[f->count++] = value;
}

static void check_add(struct summary *s, const json_t *check)
{
    const char *promise = json_string_value(json_object_get(check, "promise")), *text = json_string_value(json_object_get(check, "text"));
    size_t i = 0;
    while (promise && i < s->check_count && strcmp(s->checks[i].promise, promise) != 0)
        i++;
    if (!promise || i == CHECKS_MAX)
        return;
    struct check_sum *c = &s->checks[i];
    if (i == s->check_count) {
        s->check_count++;
        snprintf(c->promise, sizeof c->promise, "%s", promise);
        snprintf(c->text, sizeof c->text, "%s", text ? text : "");
    }
    uint64_t violations = (uint64_t)json_integer_value(json_object_get(check, "violations"));
    c->evaluated += (uint64_t)json_integer_value(json_object_get(check, "evaluated"));
    c->violations += violations;
    c->seeds += violations > 0;
}

static void probe_add(struct summary *s, const char *name, uint64_t hits)
{
    size_t i = 0;
    while (i < s->probe_count && strcmp(s->probes[i].name, name) != 0)
        i++;
    if (i == COUNT_OF(s->probes))
        return;
    if (i == s->probe_count)
        snprintf(s->probes[s->probe_count++].name, NAME_SIZE, "%s", name);
    s->probes[i].hits += hits;
    s->probes[i].seeds += hits > 0;
}

static void report_add(struct summary *s, uint64_t seed, json_t *report)
{
    const char *name;
    json_t *v;
    size_t i;
    json_array_foreach(json_object_get(report, "checks"), i, v)
        check_add(s, v);
    json_object_foreach(json_object_get(report, "figures"), name, v)
        if (json_is_number(v))
            figure_add(s, name, seed, json_number_value(v));
    json_object_foreach(json_object_get(report, "probes"), name, v)
        probe_add(s, name, (uint64_t)json_integer_value(v));
    json_array_foreach(json_object_get(report, "probes_never"), i, v)
        if (json_is_string(v))
            probe_add(s, json_string_value(v), 0);
}

static void line_add(struct summary *s, json_t *line)
{
    const char *outcome = json_string_value(json_object_get(line, "outcome"));
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(line, "seed"));
    size_t kind = 0;
    while (outcome && kind < OUTCOMES && strcmp(outcomes[kind], outcome) != 0)
        kind++;
    if (!outcome || kind == OUTCOMES)
        return;
    s->outcome_count[kind]++;
    s->repeated += json_is_true(json_object_get(line, "repeated"));
    s->cpu_s += json_number_value(json_object_get(line, "cpu_s"));
    report_add(s, seed, json_object_get(line, "report"));
    if (kind > 0) {
        char command[PATH_MAX + 128];
        const char *scenario = json_string_value(json_object_get(s->settings, "scenario"));
        snprintf(command, sizeof command, "noct twin run %s --days %g --seed %llu%s", scenario ? scenario : "SCENARIO",
                 json_number_value(json_object_get(s->settings, "days")), (unsigned long long)seed,
                 json_is_true(json_object_get(s->settings, "no_faults")) ? " --no-faults" : "");
        json_array_append_new(s->failures, json_pack("{s:I, s:s, s:O?, s:s}", "seed", (json_int_t)seed, "outcome", outcome, "detail",
                                                     json_object_get(line, "detail"), "command", command));
    }
}

static bool file_add(struct summary *s, const char *folder, const char *name)
{
    char path[PATH_MAX + 300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    char *text = NULL;
    size_t size = 0;
    ssize_t n;
    while ((n = getline(&text, &size, f)) > 0) {
        json_error_t wrong;
        json_t *line = json_loadb(text, (size_t)n, 0, &wrong);
        if (line)
            line_add(s, line);
        json_decref(line);
    }
    free(text);
    fclose(f);
    return true;
}

static bool folder_read(struct summary *s, const char *folder)
{
    char path[PATH_MAX + 64];
    json_error_t wrong;
    snprintf(path, sizeof path, "%s/campaign.json", folder);
    s->settings = json_load_file(path, 0, &wrong);
    s->failures = json_array();
    struct dirent **names;
    int count = s->settings ? scandir(folder, &names, NULL, alphasort) : -1;
    if (count < 0) {
        fprintf(stderr, "noct: %s is no campaign folder (%s)\n", folder, s->settings ? strerror(errno) : wrong.text);
        return false;
    }
    for (int i = 0; i < count; i++) {
        if (strncmp(names[i]->d_name, "results-", 8) == 0)
            file_add(s, folder, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct spread {
    double least, mean, median, p99, most;
    uint64_t least_seed, most_seed;
};

static struct spread spread_of(const struct figure *f)
{
    struct spread r = {.least = f->values[0], .most = f->values[0], .least_seed = f->seeds[0], .most_seed = f->seeds[0]};
    double *sorted = malloc(f->count * sizeof *sorted), sum = 0;
    ASSERT(sorted != NULL);
    for (size_t i = 0; i < f->count; i++) {
        sorted[i] = f->values[i];
        sum += f->values[i];
        if (f->values[i] < r.least) {
            r.least = f->values[i];
            r.least_seed = f->seeds[i];
        }
        if (f->values[i] > r.most) {
            r.most = f->values[i];
            r.most_seed = f->seeds[i];
        }
    }
    qsort(sorted, f->count, sizeof *sorted, by_value);
    r.mean = sum / (double)f->count;
    r.median = sorted[(f->count - 1) / 2];
    r.p99 = sorted[(size_t)ceil(0.99 * (double)f->count) - 1];
    free(sorted);
    return r;
}

static json_t *summary_json(const struct summary *s)
{
    json_t *j = json_object(), *counts = json_object(), *checks = json_array(), *figures = json_object(), *probes = json_object();
    for (size_t i = 0; i < OUTCOMES; i++)
        json_object_set_new(counts, outcomes[i], json_integer((json_int_t)s->outcome_count[i]));
    for (size_t i = 0; i < s->check_count; i++) {
        const struct check_sum *c = &s->checks[i];
        json_array_append_new(checks, json_pack("{s:s, s:s, s:I, s:I, s:I}", "promise", c->promise, "text", c->text, "evaluated",
                                                (json_int_t)c->evaluated, "violations", (json_int_t)c->violations, "seeds",
                                                (json_int_t)c->seeds));
    }
    for (size_t i = 0; i < s->figure_count; i++) {
        struct spread p = spread_of(&s->figures[i]);
        json_object_set_new(figures, s->figures[i].name,
                            json_pack("{s:f, s:I, s:f, s:f, s:f, s:f, s:I}", "least", p.least, "least_seed", (json_int_t)p.least_seed,
                                      "mean", p.mean, "median", p.median, "p99", p.p99, "most", p.most, "most_seed",
                                      (json_int_t)p.most_seed));
    }
    for (size_t i = 0; i < s->probe_count; i++)
        json_object_set_new(probes, s->probes[i].name, json_pack("{s:I, s:I}", "hits", (json_int_t)s->probes[i].hits, "seeds",
                                                                 (json_int_t)s->probes[i].seeds));
    json_object_set(j, "campaign", s->settings);
    json_object_set_new(j, "outcomes", counts);
    json_object_set_new(j, "repeated", json_integer((json_int_t)s->repeated));
    json_object_set_new(j, "cpu_s", json_real(s->cpu_s));
    json_object_set_new(j, "checks", checks);
    json_object_set_new(j, "figures", figures);
    json_object_set_new(j, "probes", probes);
    json_object_set(j, "failures", s->failures);
    return j;
}

static void seeds_csv(const struct summary *s, const char *folder)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/seeds.csv", folder);
    FILE *f = s->figure_count ? fopen(path, "w") : NULL;
    if (!f)
        return;
    fputs("seed", f);
    for (size_t i = 0; i < s->figure_count; i++)
        fprintf(f, ",%s", s->figures[i].name);
    for (size_t row = 0; row < s->figures[0].count; row++) {
        fprintf(f, "\n%llu", (unsigned long long)s->figures[0].seeds[row]);
        for (size_t i = 0; i < s->figure_count; i++) {
            if (row < s->figures[i].count && s->figures[i].seeds[row] == s->figures[0].seeds[row])
                fprintf(f, ",%.10g", s->figures[i].values[row]);
            else
                fputc(',', f);
        }
    }
    fputc('\n', f);
    bool good = !ferror(f);
    if (fclose(f) != 0 || !good)
        fprintf(stderr, "noct: %s is not whole: is the disk full?\n", path);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print_people(const struct summary *s, uint64_t total, const char *folder)
{
    printf("%llu seeds: %llu kept every promise", (unsigned long long)total, (unsigned long long)s->outcome_count[0]);
    for (size_t i = 1; i < OUTCOMES; i++)
        if (s->outcome_count[i])
            printf(", %llu %s", (unsigned long long)s->outcome_count[i], outcomes[i]);
    printf("; %llu repeated; %.1f s of one core per seed\n\n  promise  evaluated  violations  seeds\n", (unsigned long long)s->repeated,
           total ? s->cpu_s / (double)(total + s->repeated) : 0);
    for (size_t i = 0; i < s->check_count; i++)
        printf("  %-7s %10llu %11llu %6llu  %s\n", s->checks[i].promise, (unsigned long long)s->checks[i].evaluated,
               (unsigned long long)s->checks[i].violations, (unsigned long long)s->checks[i].seeds, s->checks[i].text);
    printf("\n  %-30s %12s %12s %12s %12s   seed of the most\n", "figure", "least", "median", "p99", "most");
    for (size_t i = 0; i < s->figure_count; i++) {
        struct spread p = spread_of(&s->figures[i]);
        printf("  %-30s %12.6g %12.6g %12.6g %12.6g   %llu\n", s->figures[i].name, p.least, p.median, p.p99, p.most,
               (unsigned long long)p.most_seed);
    }
    size_t never = 0;
    for (size_t i = 0; i < s->probe_count; i++)
        never += s->probes[i].hits == 0;
    if (s->probe_count)
        printf("\n  probes    %zu of %zu hit%s\n", s->probe_count - never, s->probe_count, never ? "; never:" : "");
    for (size_t i = 0; i < s->probe_count; i++)
        if (s->probes[i].hits == 0)
            printf("            %s\n", s->probes[i].name);
    size_t i;
    json_t *f;
    json_array_foreach(s->failures, i, f) {
        if (i == 0)
            printf("\n  failures\n");
        if (i < 20)
            printf("    seed %lld: %s: %s\n      %s\n", json_integer_value(json_object_get(f, "seed")),
                   text_of(f, "outcome"), text_of(f, "detail"), text_of(f, "command"));
    }
    if (json_array_size(s->failures) > 20)
        printf("    ... and %zu more in %s/summary.json\n", json_array_size(s->failures) - 20, folder);
    printf("\n  files     %s/{summary.json,seeds.csv,results-*.jsonl,failures/}\n", folder);
}

/* An edge of a state machine is named "MACHINE FROM -> TO". */
static bool is_branch(const struct probe_sum *p)
{
    return strstr(p->name, " -> ") == NULL && strcmp(p->name, "EDGE_UNKNOWN") != 0;
}

/* Names on stderr the rare branches that no seed took; true: there is none, and no step that no table has. */
static bool probes_all_hit(const struct summary *s)
{
    bool all = true;
    for (size_t i = 0; i < s->probe_count; i++) {
        const struct probe_sum *p = &s->probes[i];
        bool missed = is_branch(p) && p->hits == 0, unknown = strcmp(p->name, "EDGE_UNKNOWN") == 0 && p->hits > 0;
        if (missed || unknown)
            fprintf(stderr, "noct: %s: %s\n", unknown ? "a state machine took a step that its table does not have" : "no seed took the rare branch",
                    p->name);
        all = all && !missed && !unknown;
    }
    return all && s->probe_count > 0;
}

int campaign_summary(const char *folder, bool json, bool require_probes)
{
    struct summary *s = calloc(1, sizeof *s);
    ASSERT(s != NULL);
    uint64_t total = 0;
    bool good = folder_read(s, folder);
    for (size_t i = 0; i < OUTCOMES; i++)
        total += s->outcome_count[i];
    if (good) {
        char path[PATH_MAX + 64];
        json_t *j = summary_json(s);
        snprintf(path, sizeof path, "%s/summary.json", folder);
        if (json_dump_file(j, path, JSON_INDENT(1)) != 0)
            fprintf(stderr, "noct: cannot write %s: %s\n", path, strerror(errno));
        seeds_csv(s, folder);
        if (json) {
            json_dumpf(j, stdout, JSON_INDENT(1));
            putchar('\n');
        } else {
            print_people(s, total, folder);
        }
        json_decref(j);
    }
    good = good && total == s->outcome_count[0];
    if (require_probes)
        good = probes_all_hit(s) && good;
    for (size_t i = 0; i < s->figure_count; i++) {
        free(s->figures[i].values);
        free(s->figures[i].seeds);
    }
    json_decref(s->failures);
    json_decref(s->settings);
    free(s);
    return good ? 0 : 1;
}
