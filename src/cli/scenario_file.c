/*
 * cli/scenario_file.c - reads a scenario file and the files it names.
 */
#include "cli/scenario_file.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "twin/folder.h"

enum { SCENARIO_BYTES_MAX = 1 << 20, FILE_BYTES_MAX = 64 << 20, LINKS_WORTH_SAYING = 100000, NODE_BYTES_USUAL = 300 << 10 };

struct loader { /* files named by the scenario, relative to it */
    char directory[PATH_MAX];
    const char *keep_in; /* NULL: they are not copied */
    struct {
        char name[256];
        struct span text;
    } loaded[64];
    size_t count;
};

static bool file_write(const char *folder, const char *name, struct span bytes)
{
    char path[2 * PATH_MAX];
    bool fits = snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path;
    FILE *f = fits && folder_make(folder) ? fopen(path, "wb") : NULL;
    bool good = f && fwrite(bytes.data, 1, bytes.size, f) == bytes.size;
    return f && fclose(f) == 0 && good;
}

static const char *name_alone(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Two files of one name from two folders would become one beside a kept scenario. */
static bool name_is_new(const struct loader *l, const char *name, struct span bytes)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(name_alone(l->loaded[i].name), name_alone(name)) == 0 && !span_equal(l->loaded[i].text, bytes)) {
            cli_fail("two different files are called %s: a run keeps its files side by side, so rename one", name_alone(name));
            return false;
        }
    return true;
}

/* As the scenario names it; where it was kept for a run: files/NAME beside it. */
static err load(void *context, const char *name, struct span *out)
{
    struct loader *l = context;
    char path[2 * PATH_MAX];
    if (l->count == COUNT_OF(l->loaded))
        return ERR_FULL;
    snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : l->directory, name[0] == '/' ? "" : "/", name);
    bool found = cli_file_load(path, FILE_BYTES_MAX, out);
    snprintf(path, sizeof path, "%s/files/%s", l->directory, name_alone(name));
    if (!found && !cli_file_load(path, FILE_BYTES_MAX, out))
        return ERR_IO;
    bool is_new = !l->keep_in || name_is_new(l, name, *out);
    snprintf(l->loaded[l->count].name, sizeof l->loaded[l->count].name, "%s", name);
    l->loaded[l->count++].text = *out;
    if (!is_new)
        return ERR_CONFLICT;
    snprintf(path, sizeof path, "%s/files", l->keep_in ? l->keep_in : "");
    return !l->keep_in || file_write(path, name_alone(name), *out) ? ERR_OK : ERR_IO;
}

/* What was wrong in files of elements; the rest flies. */
static void problems_print(const struct scenario *s)
{
    for (size_t i = 0; i < s->file_count; i++) {
        const struct scenario_elements *f = &s->files[i];
        if (f->shown == 0)
            continue;
        fprintf(stderr, "noct: %s: %zu of %zu element sets used;", f->file, f->summary.used, f->summary.sets);
        for (int k = 0; k < ELEMENT_PROBLEM_KINDS; k++)
            if (f->summary.problems[k])
                fprintf(stderr, " %zu %s", f->summary.problems[k], element_problem_name((enum element_problem_kind)k));
        fprintf(stderr, "; `noct orbit check` lists them all\n");
        for (size_t k = 0; k < f->shown; k++)
            fprintf(stderr, "  line %d: %s%s%s\n", f->first[k].line, f->first[k].name, f->first[k].name[0] ? ": " : "", f->first[k].text);
    }
}

/* Large constellations take their time: said before, not found out after minutes. */
static void size_print(const struct scenario *s)
{
    struct scenario_size size = scenario_size(s);
    char plan[32];
    cli_bytes_text(size.plan_bytes, plan);
    if (size.links >= LINKS_WORTH_SAYING)
        fprintf(stderr, "noct: %s: %zu satellites; about %.1f million links between them stand at a time and %.1f million begin an hour; a plan of some hours takes about %s\n",
                s->name, s->satellite_count, size.links / 1e6, size.contacts_per_hour / 1e6, plan);
}

bool cli_scenario_fits(const struct scenario *s)
{
    uint64_t most = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t node = MIN(s->node_memory_bytes, (uint64_t)NODE_BYTES_USUAL), need = scenario_size(s).plan_bytes + node * s->satellite_count;
    char needed[32], have[32];
    if (need <= most)
        return true;
    cli_bytes_text(need, needed);
    cli_bytes_text(most, have);
    cli_fail("%s needs about %s of memory and this machine has %s: fewer satellites, a shorter range_max_km, topology grid, or noct-mpi on several machines",
             s->name, needed, have);
    return false;
}

static struct scenario *read_and_keep(const char *path, const char *keep_in)
{
    struct span text;
    struct loader l = {.keep_in = keep_in};
    if (!cli_file_read(path, SCENARIO_BYTES_MAX, &text))
        return NULL;
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(l.directory, sizeof l.directory, "%s", dirname(copy));
    struct scenario *s = NULL;
    struct scenario_error wrong;
    if (scenario_parse(text, load, &l, &s, &wrong) != ERR_OK)
        cli_fail("%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    else if (keep_in && !file_write(keep_in, "scenario.yaml", text)) {
        cli_fail("%s/scenario.yaml cannot be written", keep_in);
        scenario_free(s);
        s = NULL;
    }
    if (s && !keep_in) { /* when it is kept it was read before */
        problems_print(s);
        size_print(s);
    }
    for (size_t i = 0; i < l.count; i++)
        free((void *)(uintptr_t)l.loaded[i].text.data);
    free((void *)(uintptr_t)text.data);
    return s;
}

struct scenario *cli_scenario_read(const char *path)
{
    return read_and_keep(path, NULL);
}

bool cli_scenario_keep(const char *path, const char *folder)
{
    struct scenario *s = read_and_keep(path, folder);
    if (s)
        scenario_free(s);
    return s != NULL;
}

bool cli_member_read(const char *directory, const char *name, struct member *out)
{
    struct loader l = {.count = 0};
    struct scenario_error wrong;
    snprintf(l.directory, sizeof l.directory, "%s", directory);
    err e = scenario_member_parse(name, load, &l, out, &wrong);
    if (e != ERR_OK)
        cli_fail("%s", wrong.text[0] ? wrong.text : err_text(e));
    for (size_t i = 0; i < l.count; i++)
        free((void *)(uintptr_t)l.loaded[i].text.data);
    return e == ERR_OK;
}
