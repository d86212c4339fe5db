/*
 * cli/scenario_file.c - reads a scenario file and the files it names.
 */
#include "cli/scenario_file.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

enum { SCENARIO_BYTES_MAX = 1 << 20, FILE_BYTES_MAX = 64 << 20 };

struct loader { /* files named by the scenario, relative to it */
    char directory[PATH_MAX];
    void *loaded[64];
    size_t count;
};

static bool file_read(const char *path, size_t most, struct span *out)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(most + 1);
    if (!f || !data) {
        free(data);
        if (f)
            fclose(f);
        return false;
    }
    size_t size = fread(data, 1, most + 1, f);
    bool good = !ferror(f) && size <= most;
    fclose(f);
    if (!good) {
        free(data);
        return false;
    }
    *out = span_of(data, size);
    return true;
}

static err load(void *context, const char *name, struct span *out)
{
    struct loader *l = context;
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : l->directory, name[0] == '/' ? "" : "/", name);
    if (l->count == COUNT_OF(l->loaded))
        return ERR_FULL;
    if (!file_read(path, FILE_BYTES_MAX, out))
        return ERR_IO;
    l->loaded[l->count++] = (void *)(uintptr_t)out->data;
    return ERR_OK;
}

struct scenario *cli_scenario_read(const char *path)
{
    struct span text;
    struct loader l = {.count = 0};
    if (!file_read(path, SCENARIO_BYTES_MAX, &text)) {
        cli_fail("%s cannot be read (or is larger than a mebibyte)", path);
        return NULL;
    }
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    snprintf(l.directory, sizeof l.directory, "%s", dirname(copy));
    struct scenario *s = NULL;
    struct scenario_error wrong;
    if (scenario_parse(text, load, &l, &s, &wrong) != ERR_OK)
        cli_fail("%s:%d:%d: %s", path, wrong.line, wrong.column, wrong.text);
    for (size_t i = 0; i < l.count; i++)
        free(l.loaded[i]);
    free((void *)(uintptr_t)text.data);
    return s;
}
