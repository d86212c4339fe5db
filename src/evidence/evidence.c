#include "evidence/experiment.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "evidence/page.h"
#include "twin/folder.h"

enum { PATH_SIZE = 1024 };

const struct claim_text claims[CLAIM_COUNT] = {
#define CLAIM(id_, rows_, text_, by_) {#id_, rows_, text_, by_},
#include "evidence/claim.def"
#undef CLAIM
};

static const struct {
    const char *name;
    void (*run)(struct evidence *e);
} experiments[] = {
    {"region", experiment_region},     {"links", experiment_links},       {"gaps", experiment_gaps},         {"loss", experiment_loss},   {"degradation", experiment_degradation},
    {"latency", experiment_latency},
    {"campaign", experiment_campaign}, {"scale", experiment_scale},
};

const char *evidence_state_name(enum evidence_state s)
{
    static const char *const names[EVIDENCE_STATES] = {"open", "shown", "failed", "partly"};
    return names[s];
}

void evidence_result(struct evidence *e, enum claim c, enum evidence_state state, const char *scenario, const char *seeds, const char *command,
                     const char *format, ...)
{
    struct evidence_result *r = &e->results[c];
    va_list list;
    r->state = state;
    snprintf(r->scenario, sizeof r->scenario, "%s", scenario);
    snprintf(r->seeds, sizeof r->seeds, "%s", seeds);
    snprintf(r->command, sizeof r->command, "%s", command);
    va_start(list, format);
    vsnprintf(r->figure, sizeof r->figure, format, list);
    va_end(list);
}

static bool wanted(const char *only, const char *name)
{
    size_t size = strlen(name);
    for (const char *at = only; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, name, size) == 0 && (at[size] == ',' || at[size] == 0))
            return true;
    return !only;
}

/* Says the first word of --only that is no experiment. */
static bool only_good(const char *only)
{
    for (const char *at = only; at && *at;) {
        size_t size = strcspn(at, ","), i = 0;
        while (i < sizeof experiments / sizeof experiments[0] &&
               (strlen(experiments[i].name) != size || strncmp(experiments[i].name, at, size) != 0))
            i++;
        if (i == sizeof experiments / sizeof experiments[0]) {
            fprintf(stderr, "noct: --only: \"%.*s\" is none of region, links, gaps, loss, degradation, latency, campaign, scale\n", (int)size, at);
            return false;
        }
        at += size + (at[size] == ',');
    }
    return !only || *only;
}

static void results_default(struct evidence *e)
{
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        evidence_result(e, (enum claim)i, EVIDENCE_OPEN, "", "", "", "not measured in this report");
}

static json_t *results_json(const struct evidence *e)
{
    json_t *list = json_array();
    for (size_t i = 0; i < CLAIM_COUNT; i++) {
        const struct evidence_result *r = &e->results[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "claim", claims[i].id, "mission", claims[i].rows,
                                              "text", claims[i].text, "state", evidence_state_name(r->state), "figure", r->figure,
                                              "scenario", r->scenario, "seeds", r->seeds, "command", r->command));
    }
    return json_pack("{s:s, s:b, s:o}", "commit", e->options->commit, "quick", e->options->quick ? 1 : 0, "claims", list);
}

static bool page_write(struct evidence *e, const char *sections)
{
    char path[PATH_SIZE];
    evidence_path(e, path, sizeof path, "index.html");
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    page_begin(f, e);
    page_claims(f, e);
    fputs(sections, f);
    page_end(f);
    return fclose(f) == 0;
}

static void table_print(const struct evidence *e)
{
    printf("  %-12s %-8s %-10s figure\n", "claim", "state", "mission");
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        printf("  %-12s %-8s %-10s %s\n", claims[i].id, evidence_state_name(e->results[i].state), claims[i].rows, e->results[i].figure);
    printf("\n  report    %s/index.html\n", e->options->folder);
}

int evidence_run(const struct evidence_options *options, bool json)
{
    struct evidence e = {.options = options};
    char path[PATH_SIZE], *sections = NULL;
    size_t size = 0, failed = 0;
    if (!only_good(options->only))
        return 2;
    evidence_path(&e, path, sizeof path, "runs");
    if (!folder_make(path)) {
        fprintf(stderr, "noct: cannot make the folder %s: %s\n", path, strerror(errno));
        return 1;
    }
    results_default(&e);
    e.page = open_memstream(&sections, &size);
    if (!e.page)
        return 1;
    for (size_t i = 0; i < sizeof experiments / sizeof experiments[0]; i++) {
        if (!wanted(options->only, experiments[i].name))
            continue;
        e.experiment = experiments[i].name;
        if (!options->quiet)
            fprintf(stderr, "%s\n", e.experiment);
        experiments[i].run(&e);
    }
    fclose(e.page);
    bool good = page_write(&e, sections);
    free(sections);
    json_t *results = results_json(&e);
    evidence_path(&e, path, sizeof path, "evidence.json");
    good = json_dump_file(results, path, JSON_INDENT(1)) == 0 && good;
    if (!good)
        fprintf(stderr, "noct: cannot write into %s: %s\n", options->folder, strerror(errno));
    if (json) {
        json_dumpf(results, stdout, JSON_INDENT(1));
        putchar('\n');
    } else {
        table_print(&e);
    }
    json_decref(results);
    for (size_t i = 0; i < CLAIM_COUNT; i++)
        failed += e.results[i].state == EVIDENCE_FAILED;
    return good && failed == 0 ? 0 : 1;
}
