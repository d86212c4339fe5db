#include "host/oci_image.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "host/oci_archive.h"

struct job {
    struct oci_archive archive;
    struct oci_budget budget;
    uint64_t stream_max; /* bytes that one layer may inflate to, headers included */
    int root_fd;
    struct oci_config *config;
    struct oci_why *why;
};

/* ---- JSON members ---- */

static err json_member(const struct job *j, const struct oci_member *m, json_t **out)
{
    json_error_t error;
    if (m->size > OCI_JSON_MAX) {
        oci_why_set(j->why, "%s has %llu bytes; JSON is read up to %d", m->path,
                    (unsigned long long)m->size, (int)OCI_JSON_MAX);
        return ERR_TOO_LARGE;
    }
    char *bytes = malloc((size_t)m->size + 1);
    if (!bytes)
        return ERR_NO_MEMORY;
    ssize_t got = pread(j->archive.fd, bytes, (size_t)m->size, (off_t)m->offset);
    *out = got == (ssize_t)m->size
               ? json_loadb(bytes, (size_t)m->size, JSON_REJECT_DUPLICATES, &error)
               : NULL;
    free(bytes);
    if (got != (ssize_t)m->size)
        return ERR_TRUNCATED;
    if (!*out || !json_is_object(*out)) {
        oci_why_set(j->why, "%s: %.120s", m->path, *out ? "not a JSON object" : error.text);
        json_decref(*out);
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* A descriptor's blob, verified. */
static err descriptor_blob(const struct job *j, const json_t *descriptor, const char *what,
                           const struct oci_member **out)
{
    const char *digest = json_string_value(json_object_get(descriptor, "digest"));
    const json_t *size = json_object_get(descriptor, "size");
    if (!digest || (size && (!json_is_integer(size) || json_integer_value(size) < 0))) {
        oci_why_set(j->why, "the descriptor of %s lacks a digest or has a bad size", what);
        return ERR_INVALID;
    }
    return oci_archive_blob(&j->archive, digest,
                            size ? (uint64_t)json_integer_value(size) : UINT64_MAX, out, j->why);
}

static err descriptor_json(const struct job *j, const json_t *descriptor, const char *what,
                           json_t **out)
{
    const struct oci_member *member;
    TRY(descriptor_blob(j, descriptor, what, &member));
    return json_member(j, member, out);
}

static const char *this_architecture(void)
{
    static struct utsname name;
    if (uname(&name) < 0)
        return "";
    return strcmp(name.machine, "x86_64") == 0    ? "amd64"
           : strcmp(name.machine, "aarch64") == 0 ? "arm64"
                                                  : name.machine;
}

static bool platform_fits(const json_t *descriptor)
{
    const json_t *platform = json_object_get(descriptor, "platform");
    const char *system = json_string_value(json_object_get(platform, "os"));
    const char *machine = json_string_value(json_object_get(platform, "architecture"));
    return !platform || (system && machine && strcmp(system, "linux") == 0 &&
                         strcmp(machine, this_architecture()) == 0);
}

/* Follows an index (which may name another index, three levels at most) to a manifest. */
static err manifest_find(const struct job *j, const json_t *index, int levels, json_t **out)
{
    size_t at;
    json_t *descriptor;
    json_array_foreach(json_object_get(index, "manifests"), at, descriptor)
    {
        if (!platform_fits(descriptor))
            continue;
        json_t *found;
        TRY(descriptor_json(j, descriptor, "the manifest", &found));
        if (json_is_array(json_object_get(found, "layers"))) {
            *out = found;
            return ERR_OK;
        }
        err result = levels > 0 ? manifest_find(j, found, levels - 1, out) : ERR_INVALID;
        json_decref(found);
        return result;
    }
    oci_why_set(j->why, "no manifest for linux/%s", this_architecture());
    return ERR_UNSUPPORTED;
}

/* ---- config ---- */

static err config_text(struct oci_config *c, const char *text, const char **out)
{
    size_t size = strlen(text) + 1;
    if (size > sizeof c->memory - c->used)
        return ERR_TOO_LARGE;
    memcpy(c->memory + c->used, text, size);
    *out = c->memory + c->used;
    c->used += size;
    return ERR_OK;
}

static err config_list(struct oci_config *c, const json_t *list, const char **out)
{
    size_t at;
    const json_t *item;
    if (!list || json_is_null(list))
        return ERR_OK;
    if (!json_is_array(list))
        return ERR_INVALID;
    if (json_array_size(list) > OCI_TEXTS_MAX)
        return ERR_TOO_LARGE;
    json_array_foreach(list, at, item)
    {
        if (!json_is_string(item))
            return ERR_INVALID;
        TRY(config_text(c, json_string_value(item), &out[at]));
        out[at + 1] = NULL;
    }
    return ERR_OK;
}

static err config_lists(struct oci_config *c, const json_t *inner)
{
    const char *directory = json_string_value(json_object_get(inner, "WorkingDir"));
    TRY(config_list(c, json_object_get(inner, "Entrypoint"), c->entrypoint));
    TRY(config_list(c, json_object_get(inner, "Cmd"), c->command));
    TRY(config_list(c, json_object_get(inner, "Env"), c->environment));
    return directory ? config_text(c, directory, &c->working_dir) : ERR_OK;
}

static err config_load(const struct job *j, const json_t *manifest)
{
    json_t *config;
    TRY(descriptor_json(j, json_object_get(manifest, "config"), "the config", &config));
    err result = config_lists(j->config, json_object_get(config, "config"));
    json_decref(config);
    if (result != ERR_OK)
        oci_why_set(j->why, "the image's config: Entrypoint, Cmd or Env: %s", err_text(result));
    return result;
}

/* ---- layers ---- */

static err stream_pass(struct job *j, uint64_t offset, uint64_t size, bool whiteouts)
{
    struct oci_part *part = malloc(sizeof *part);
    if (!part)
        return ERR_NO_MEMORY;
    err result = oci_part_open(part, j->archive.fd, offset, size, j->stream_max);
    if (result == ERR_OK) {
        result = oci_layer_unpack(j->root_fd, oci_part_source(part), whiteouts, &j->budget, j->why);
        oci_part_close(part);
    }
    free(part);
    return result;
}

static err layer_unpack(struct job *j, const json_t *descriptor)
{
    const struct oci_member *member;
    const char *type = json_string_value(json_object_get(descriptor, "mediaType"));
    if (type && strstr(type, "zstd")) {
        oci_why_set(j->why, "layer of type %.100s: only tar and tar+gzip are read", type);
        return ERR_UNSUPPORTED;
    }
    TRY(descriptor_blob(j, descriptor, "a layer", &member));
    TRY(stream_pass(j, member->offset, member->size, true));
    return stream_pass(j, member->offset, member->size, false);
}

static err layers_unpack(struct job *j, const json_t *manifest)
{
    size_t at;
    const json_t *descriptor, *layers = json_object_get(manifest, "layers");
    if (json_array_size(layers) > OCI_LAYERS_MAX) {
        oci_why_set(j->why, "the image has more than %d layers", OCI_LAYERS_MAX);
        return ERR_TOO_LARGE;
    }
    json_array_foreach(layers, at, descriptor) TRY(layer_unpack(j, descriptor));
    return ERR_OK;
}

static err layout_unpack(struct job *j)
{
    json_t *index, *manifest = NULL;
    const struct oci_member *member = oci_archive_find(&j->archive, "index.json");
    if (!member) {
        oci_why_set(j->why, "the archive has oci-layout but no index.json");
        return ERR_INVALID;
    }
    TRY(json_member(j, member, &index));
    err result = manifest_find(j, index, 3, &manifest);
    if (result == ERR_OK)
        result = config_load(j, manifest);
    if (result == ERR_OK)
        result = layers_unpack(j, manifest);
    json_decref(manifest);
    json_decref(index);
    return result;
}

static err any_unpack(struct job *j)
{
    if (oci_archive_find(&j->archive, "oci-layout"))
        return layout_unpack(j);
    if (oci_archive_find(&j->archive, "manifest.json")) {
        oci_why_set(
            j->why,
            "a docker archive; convert it: skopeo copy docker-archive:FILE oci-archive:FILE.oci");
        return ERR_UNSUPPORTED;
    }
    return stream_pass(j, 0, j->archive.size, false);
}

/* ---- target ---- */

static err target_make(struct job *j, const char *partial, const char *target)
{
    struct stat st;
    if (lstat(target, &st) == 0) {
        oci_why_set(j->why, "%.200s exists", target);
        return ERR_EXISTS;
    }
    TRY(oci_tree_remove(AT_FDCWD, partial)); /* of an attempt that was interrupted */
    if (mkdir(partial, 0755) < 0 ||
        (j->root_fd = open(partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        oci_why_set(j->why, "cannot make %.200s: %s", partial, strerror(errno));
        return errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
    }
    return ERR_OK;
}

static err target_finish(struct job *j, const char *partial, const char *target)
{
    if (syncfs(j->root_fd) == 0 && rename(partial, target) == 0)
        return ERR_OK;
    oci_why_set(j->why, "cannot rename to %.200s: %s", target, strerror(errno));
    return ERR_IO;
}

static err job_run(struct job *j, const char *archive_path, const char *target, const char *partial)
{
    TRY(oci_archive_open(&j->archive, archive_path, j->why));
    TRY(target_make(j, partial, target));
    err result = any_unpack(j);
    if (result == ERR_OK)
        result = target_finish(j, partial, target);
    if (result != ERR_OK && oci_tree_remove(AT_FDCWD, partial) != ERR_OK)
        return result; /* the rest is removed by the next attempt */
    return result;
}

err oci_image_unpack(const char *archive_path, const char *target_dir,
                     const struct oci_limits *limits, struct oci_config *config,
                     struct oci_why *why)
{
    char partial[4096];
    uint64_t bytes = limits && limits->bytes ? limits->bytes : 4ull << 30;
    uint64_t entries = limits && limits->entries ? limits->entries : 200000;
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        return ERR_NO_MEMORY;
    why->text[0] = 0;
    *config = (struct oci_config){.working_dir = ""};
    j->archive.fd = j->root_fd = -1;
    j->budget = (struct oci_budget){bytes, entries, 0};
    j->stream_max = bytes + entries * 4 * TAR_BLOCK + (1 << 20);
    j->config = config;
    j->why = why;
    err result = ERR_TOO_LARGE;
    if (snprintf(partial, sizeof partial, "%s.partial", target_dir) < (int)sizeof partial)
        result = job_run(j, archive_path, target_dir, partial);
    if (result != ERR_OK && !why->text[0])
        oci_why_set(why, "%s", err_text(result));
    config->unpacked_bytes = bytes - j->budget.bytes_left;
    config->entries = entries - j->budget.entries_left;
    config->passed_over = j->budget.passed_over;
    oci_archive_close(&j->archive);
    if (j->root_fd >= 0)
        close(j->root_fd);
    free(j);
    return result;
}

err oci_image_arguments(const struct oci_config *config, const char *const *arguments,
                        const char **out)
{
    size_t count = 0;
    if (!arguments)
        arguments = config->command;
    for (size_t i = 0; config->entrypoint[i]; i++)
        out[count++] = config->entrypoint[i];
    for (size_t i = 0; arguments[i]; i++) {
        if (i == OCI_TEXTS_MAX)
            return ERR_TOO_LARGE;
        out[count++] = arguments[i];
    }
    out[count] = NULL;
    return count > 0 ? ERR_OK : ERR_INVALID;
}
