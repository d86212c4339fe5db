#include "cli/twin_faults.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "twin/fault_plan.h"

enum { PLAN_BYTES_MAX = 32 << 20 };

static bool plan_read(const char *path, struct shrink_run *run)
{
    FILE *f = cli_file_open(path);
    char *text = malloc(PLAN_BYTES_MAX + 1);
    size_t size = f && text ? fread(text, 1, PLAN_BYTES_MAX + 1, f) : 0;
    bool readable = f && text && !ferror(f) && size <= PLAN_BYTES_MAX;
    if (f)
        fclose(f);
    struct scenario_error wrong;
    bool good = false;
    if (!readable)
        cli_fail("%s cannot be read (or is larger than 32 MiB)", path);
    else if (fault_plan_read(run->scenario, span_of(text, size), &run->plan, &wrong) != ERR_OK)
        cli_fail("%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    else
        good = true;
    free(text);
    return good;
}

/* The next of names separated by commas. */
static bool next_name(const char **at, char *out, size_t size)
{
    if (!*at || !**at)
        return false;
    size_t n = strcspn(*at, ",");
    bool fits = text_copy(out, size, span_of(*at, n));
    *at += n + ((*at)[n] == ',');
    if (!fits)
        out[0] = 0;
    return true;
}

static bool without_read(const char *names, struct shrink_run *run)
{
    char name[64];
    while (next_name(&names, name, sizeof name)) {
        node_id id = scenario_node(run->scenario, name);
        if (id == NODE_NONE || run->without_count == SHRINK_WITHOUT_MAX) {
            cli_fail("--without takes at most %d names of nodes, with commas between; \"%s\" is none", SHRINK_WITHOUT_MAX, name);
            return false;
        }
        run->without[run->without_count++] = id;
    }
    return true;
}

static bool idle_read(const char *names, struct shrink_run *run)
{
    char name[64];
    while (next_name(&names, name, sizeof name)) {
        size_t i = 0;
        while (i < WORK_KINDS && strcmp(shrink_work_names[i], name) != 0)
            i++;
        if (i == WORK_KINDS) {
            cli_fail("--no-work takes puts, gets, deletes and tasks, with commas between; \"%s\" is none of them", name);
            return false;
        }
        run->idle[i] = true;
    }
    return true;
}

bool cli_twin_faults_read(const struct twin_fault_options *o, struct shrink_run *run)
{
    return without_read(o->without, run) && idle_read(o->idle, run) && (!o->plan_path || plan_read(o->plan_path, run));
}

void cli_twin_faults_arguments(const struct shrink_run *run, const char *plan_path, struct text *out)
{
    if (plan_path)
        text_printf(out, " --fault-plan %s", plan_path);
    if (run->beyond)
        text_add(out, " --beyond");
    for (size_t i = 0; i < run->without_count; i++)
        text_printf(out, "%s%s", i ? "," : " --without ", scenario_name(run->scenario, run->without[i]));
    const char *lead = " --no-work ";
    for (size_t i = 0; i < WORK_KINDS; i++) {
        if (!run->idle[i])
            continue;
        text_printf(out, "%s%s", lead, shrink_work_names[i]);
        lead = ",";
    }
}

/* Names as the options take them. */
static void names_json(struct text *t, const struct shrink_run *run)
{
    struct text without = text_new(NULL, 64 << 10), idle = text_new(NULL, 256);
    for (size_t i = 0; i < run->without_count; i++)
        text_printf(&without, "%s%s", i ? "," : "", scenario_name(run->scenario, run->without[i]));
    for (size_t i = 0; i < WORK_KINDS; i++)
        if (run->idle[i])
            text_printf(&idle, "%s%s", idle.size ? "," : "", shrink_work_names[i]);
    json_string(t, "without", text_string(&without));
    json_string(t, "no_work", text_string(&idle));
    text_free(&without);
    text_free(&idle);
}

void cli_twin_run_note(const char *folder, const char *scenario_path, const struct shrink_run *run)
{
    char path[512], full[PATH_MAX];
    struct text t = text_new(NULL, 128 << 10);
    if (!realpath(scenario_path, full) || (size_t)snprintf(path, sizeof path, "%s/run.json", folder) >= sizeof path)
        return;
    json_object(&t, NULL);
    json_string(&t, "scenario", full);
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)run->seed);
    json_string(&t, "seed", seed); /* JSON readers lose large numbers */
    json_int(&t, "duration_ns", run->duration);
    json_bool(&t, "beyond", run->beyond);
    names_json(&t, run);
    json_end(&t);
    text_add(&t, "\n");
    FILE *f = fopen(path, "w");
    bool good = f && fwrite(text_string(&t), 1, t.size, f) == t.size;
    if ((f && fclose(f) != 0) || !good)
        cli_fail("%s cannot be written", path);
    text_free(&t);
}
