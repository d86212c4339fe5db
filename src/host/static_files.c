#include "host/static_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/files.h"

enum { DEPTH_MAX = 4 };

static const char *content_type(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
        {".json", "application/json"}, {".svg", "image/svg+xml"}, {".png", "image/png"}, {".jpg", "image/jpeg"},
        {".ico", "image/x-icon"}, {".woff2", "font/woff2"}, {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < COUNT_OF(types); i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return NULL;
}

static void add(struct static_files *f, const char *path, const char *name)
{
    uint8_t *data;
    size_t size;
    const char *type = content_type(name);
    if (!type || f->count == STATIC_FILES_MAX || file_read(path, STATIC_FILE_MAX, &data, &size) != ERR_OK)
        return;
    char *copy = strdup(name);
    ASSERT(copy);
    f->items[f->count++] = (struct region_file){copy, type, span_of(data, size)};
}

static void add_folder(struct static_files *f, const char *folder, const char *prefix, int depth)
{
    DIR *listing = opendir(folder);
    char path[PATH_SIZE], name[PATH_SIZE];
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (entry->d_name[0] == '.' || !path_join(path, folder, entry->d_name))
            continue;
        int n = snprintf(name, sizeof name, "%s%s", prefix, entry->d_name);
        if (n < 0 || n >= PATH_SIZE - 1)
            continue;
        if (entry->d_type == DT_DIR && depth < DEPTH_MAX) {
            name[n] = '/';
            name[n + 1] = 0;
            add_folder(f, path, name, depth + 1);
        } else if (entry->d_type == DT_REG) {
            add(f, path, name);
        }
    }
    closedir(listing);
}

struct static_files *static_files_load(void)
{
    static const char *const modules[] = {"three.module.js", "three.core.js"};
    struct static_files *f = calloc(1, sizeof *f);
    char path[PATH_SIZE], name[PATH_SIZE];
    ASSERT(f);
    if (program_file("console", path))
        add_folder(f, path, "", 0);
    for (size_t i = 0; i < COUNT_OF(modules); i++) {
        snprintf(name, sizeof name, "node_modules/three/build/%s", modules[i]);
        if (!program_file(name, path))
            continue;
        snprintf(name, sizeof name, "vendor/%s", modules[i]);
        add(f, path, name);
    }
    return f;
}

void static_files_free(struct static_files *f)
{
    for (size_t i = 0; f && i < f->count; i++) {
        free((char *)(uintptr_t)f->items[i].path);
        free((uint8_t *)(uintptr_t)f->items[i].bytes.data);
    }
    free(f);
}
