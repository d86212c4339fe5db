#include "region/jansson.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "region/tes.h"
#include "region/uri.h"

static const char *const modes[] = {"restart", "standby", "active", "vote3"};

const char *tes_mode_name(enum task_mode m)
{
    return (unsigned)m < COUNT_OF(modes) ? modes[m] : "?";
}

static err bad(struct tes_spec *s, const char *format, ...) PRINTF_LIKE(2, 3);
static err bad(struct tes_spec *s, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(s->message, sizeof s->message, format, list);
    va_end(list);
    return ERR_INVALID;
}

static struct span string_span(const json_t *j)
{
    return json_is_string(j) ? span_of(json_string_value(j), json_string_length(j)) : (struct span){0};
}

/* An optional text field; absent and null give an empty span. */
static err text_field(struct tes_spec *s, const json_t *object, const char *where, const char *name, size_t most, struct span *out)
{
    const json_t *j = json_object_get(object, name);
    *out = (struct span){0};
    if (!j || json_is_null(j))
        return ERR_OK;
    *out = string_span(j);
    if (!json_is_string(j) || out->size > most || (out->size && memchr(out->data, 0, out->size)))
        return bad(s, "%s.%s must be a text of at most %zu bytes", where, name, most);
    return ERR_OK;
}

static bool url_split(struct span url, struct span *bucket, struct span *key)
{
    if (!span_starts(url, "s3://"))
        return false;
    struct span rest = span_from(url, 5);
    span_cut(&rest, '/', bucket);
    *key = rest;
    return bucket->size > 0 && bucket->size <= 63 && key->size > 0 && key->size <= 1024;
}

static bool path_ok(struct span path)
{
    if (!span_starts(path, "/work") || path.size > 1024 || path.size < 7 || path.data[5] != '/')
        return false;
    struct span rest = path, part;
    while (span_cut(&rest, '/', &part))
        if (span_equal_text(part, "..") || span_equal_text(part, "."))
            return false;
    return true;
}

static err file_parse(struct tes_spec *s, const json_t *j, const char *where, bool is_input, struct task_file *out)
{
    struct span url, type;
    if (!json_is_object(j))
        return bad(s, "%s must be an object", where);
    TRY(text_field(s, j, where, "url", 2048, &url));
    TRY(text_field(s, j, where, "path", 1024, &out->path));
    TRY(text_field(s, j, where, "type", 16, &type));
    if (is_input)
        TRY(text_field(s, j, where, "content", 128 * 1024, &out->content));
    if (!path_ok(out->path))
        return bad(s, "%s.path must be a file below /work", where);
    if (type.size && !span_equal_text(type, "FILE"))
        return bad(s, "%s.type must be FILE", where);
    if (is_input && json_is_string(json_object_get(j, "content")) && url.size == 0)
        return ERR_OK;
    out->content = (struct span){0};
    if (!url_split(url, &out->bucket, &out->key))
        return bad(s, "%s.url must be s3://BUCKET/KEY", where);
    return ERR_OK;
}

static err files_parse(struct tes_spec *s, const char *name, bool is_input, struct task_file *files, size_t *count)
{
    const json_t *list = json_object_get(s->json, name);
    char where[40];
    if (!list || json_is_null(list))
        return ERR_OK;
    if (!json_is_array(list) || json_array_size(list) > TASK_FILES_MAX)
        return bad(s, "%s must be a list of at most %d files", name, TASK_FILES_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        snprintf(where, sizeof where, "%s[%zu]", name, i);
        TRY(file_parse(s, json_array_get(list, i), where, is_input, &files[i]));
        ++*count;
    }
    return ERR_OK;
}

/* ---- executors ---------------------------------------------------------------------------------------------------------- */

static bool variable_ok(const char *name)
{
    return name[0] && strlen(name) <= 128 && !strchr(name, '=');
}

static err environment_parse(struct tes_spec *s, json_t *map, const char *where, struct task_executor *e, size_t *used)
{
    const char *name;
    json_t *value;
    if (!map || json_is_null(map))
        return ERR_OK;
    if (!json_is_object(map) || json_object_size(map) > TASK_ENVIRONMENT_MAX)
        return bad(s, "%s.env must be an object of at most %d texts", where, TASK_ENVIRONMENT_MAX);
    json_object_foreach (map, name, value) {
        struct span v = string_span(value);
        if (!json_is_string(value) || !variable_ok(name) || (v.size && memchr(v.data, 0, v.size)))
            return bad(s, "%s.env must map names to texts", where);
        size_t name_size = strlen(name), size = name_size + 1 + v.size;
        char *at = s->environment + *used;
        memcpy(at, name, name_size);
        at[name_size] = '=';
        if (v.size)
            memcpy(at + name_size + 1, v.data, v.size);
        e->environment[e->environment_count++] = span_of(at, size);
        *used += size;
    }
    return ERR_OK;
}

static err command_parse(struct tes_spec *s, const json_t *list, const char *where, struct task_executor *e)
{
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > TASK_ARGUMENTS_MAX)
        return bad(s, "%s.command must be a list of 1 to %d texts", where, TASK_ARGUMENTS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct span a = string_span(json_array_get(list, i));
        if (!json_is_string(json_array_get(list, i)) || (a.size && memchr(a.data, 0, a.size)))
            return bad(s, "%s.command[%zu] must be a text", where, i);
        e->arguments[e->argument_count++] = a;
    }
    return ERR_OK;
}

static bool image_ok(struct span image)
{
    struct span bucket, key;
    return (span_starts(image, "app:") && image.size > 4) || url_split(image, &bucket, &key);
}

static err executor_parse(struct tes_spec *s, const json_t *j, const char *where, struct task_executor *e, size_t *used)
{
    struct span input;
    if (!json_is_object(j))
        return bad(s, "%s must be an object", where);
    TRY(text_field(s, j, where, "image", 1200, &e->image));
    if (!image_ok(e->image))
        return bad(s, "%s.image must be app:NAME (bundled) or s3://BUCKET/KEY of an image archive", where);
    TRY(command_parse(s, json_object_get(j, "command"), where, e));
    TRY(text_field(s, j, where, "workdir", 1024, &e->workdir));
    TRY(text_field(s, j, where, "stdout", 1024, &e->stdout_path));
    TRY(text_field(s, j, where, "stderr", 1024, &e->stderr_path));
    TRY(text_field(s, j, where, "stdin", 1024, &input));
    if (input.size)
        return bad(s, "%s.stdin is not supported", where);
    if ((e->stdout_path.size && !path_ok(e->stdout_path)) || (e->stderr_path.size && !path_ok(e->stderr_path)))
        return bad(s, "%s.stdout and stderr must be files below /work", where);
    e->ignore_error = json_is_true(json_object_get(j, "ignore_error"));
    return environment_parse(s, json_object_get(j, "env"), where, e, used);
}

static err executors_parse(struct tes_spec *s)
{
    const json_t *list = json_object_get(s->json, "executors");
    char where[40];
    size_t used = 0;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > TASK_EXECUTORS_MAX)
        return bad(s, "executors must be a list of 1 to %d executors", TASK_EXECUTORS_MAX);
    for (size_t i = 0; i < json_array_size(list); i++) {
        snprintf(where, sizeof where, "executors[%zu]", i);
        TRY(executor_parse(s, json_array_get(list, i), where, &s->spec.executors[i], &used));
        s->spec.executor_count++;
    }
    return ERR_OK;
}

/* ---- resources ---------------------------------------------------------------------------------------------------------- */

static err number_field(struct tes_spec *s, const json_t *object, const char *name, double most, double fallback, double *out)
{
    const json_t *j = json_object_get(object, name);
    *out = fallback;
    if (!j || json_is_null(j))
        return ERR_OK;
    *out = json_number_value(j);
    if (!json_is_number(j) || !(*out >= 0) || *out > most)
        return bad(s, "resources.%s must be a number from 0 to %g", name, most);
    return ERR_OK;
}

/* Parameters are texts by the standard; numbers are taken, too. */
static bool parameter_text(const json_t *value, char out[64])
{
    if (json_is_integer(value))
        snprintf(out, 64, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(out, 64, "%.6f", json_real_value(value));
    else
        return json_is_string(value) && text_copy(out, 64, string_span(value));
    return true;
}

static err deadline_parse(struct tes_spec *s, const char *text, tai_ns wall)
{
    double seconds;
    if (parse_double(span_text(text), &seconds) == ERR_OK && seconds > 0 && seconds < 1e9)
        s->spec.deadline = wall + (tai_ns)(seconds * 1e9);
    else if (time_utc_parse(text, &s->spec.deadline) != ERR_OK)
        return bad(s, "backend_parameters.deadline must be an RFC 3339 time in UTC (Z) or seconds from now");
    return ERR_OK;
}

static err parameter_parse(struct tes_spec *s, const char *name, const char *text, bool strict, tai_ns wall)
{
    uint64_t number;
    double seconds;
    if (strcmp(name, "deadline") == 0)
        return deadline_parse(s, text, wall);
    if (strcmp(name, "priority") == 0) {
        if (parse_u64(span_text(text), 9, &number) != ERR_OK)
            return bad(s, "backend_parameters.priority must be a number from 0 (first) to 9");
        s->spec.priority = (uint8_t)number;
        return ERR_OK;
    }
    if (strcmp(name, "expected_seconds") == 0) {
        if (parse_double(span_text(text), &seconds) != ERR_OK || seconds < 0 || seconds > 1e7)
            return bad(s, "backend_parameters.expected_seconds must be a number of seconds");
        s->spec.expected_ns = (duration_ns)(seconds * 1e9);
        return ERR_OK;
    }
    if (strcmp(name, "replication") == 0) {
        for (size_t i = 0; i < COUNT_OF(modes); i++)
            if (strcmp(text, modes[i]) == 0) {
                s->spec.mode = (enum task_mode)i;
                return ERR_OK;
            }
        return bad(s, "backend_parameters.replication must be restart, standby, active or vote3");
    }
    return strict ? bad(s, "backend_parameters.%.60s is not known, and backend_parameters_strict is set", name) : ERR_OK;
}

static err resources_parse(struct tes_spec *s, tai_ns wall)
{
    json_t *r = json_object_get(s->json, "resources"), *parameters, *value;
    double cores = 1, ram = 0, disk = 0;
    const char *name;
    char text[64];
    if (r && !json_is_null(r) && !json_is_object(r))
        return bad(s, "resources must be an object");
    TRY(number_field(s, r, "cpu_cores", 1024, 1, &cores));
    TRY(number_field(s, r, "ram_gb", 65536, 0, &ram));
    TRY(number_field(s, r, "disk_gb", 1048576, 0, &disk));
    s->spec.cpu_millis = (uint32_t)(cores * 1000 + 0.5);
    s->spec.memory_bytes = (uint64_t)(ram * 1e9);
    s->spec.disk_bytes = (uint64_t)(disk * 1e9);
    s->spec.cpu_millis = s->spec.cpu_millis ? s->spec.cpu_millis : 1000;
    parameters = json_object_get(r, "backend_parameters");
    if (!parameters || json_is_null(parameters))
        return ERR_OK;
    if (!json_is_object(parameters) || json_object_size(parameters) > 32)
        return bad(s, "resources.backend_parameters must be an object of at most 32 texts");
    bool strict = json_is_true(json_object_get(r, "backend_parameters_strict"));
    json_object_foreach (parameters, name, value) {
        if (!parameter_text(value, text))
            return bad(s, "backend_parameters.%.60s must be a text of at most 63 bytes", name);
        TRY(parameter_parse(s, name, text, strict, wall));
    }
    return ERR_OK;
}

static err volumes_check(struct tes_spec *s)
{
    const json_t *list = json_object_get(s->json, "volumes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct span path = string_span(json_array_get(list, i));
        if (!span_equal_text(path, "/work") && !path_ok(path))
            return bad(s, "volumes[%zu] must lie below /work", i);
    }
    return ERR_OK;
}

static err parse_all(struct tes_spec *s, tai_ns wall)
{
    struct span description;
    TRY(text_field(s, s->json, "task", "name", 256, &s->spec.name));
    TRY(text_field(s, s->json, "task", "description", 8192, &description));
    TRY(files_parse(s, "inputs", true, s->spec.inputs, &s->spec.input_count));
    TRY(files_parse(s, "outputs", false, s->spec.outputs, &s->spec.output_count));
    TRY(volumes_check(s));
    TRY(executors_parse(s));
    return resources_parse(s, wall);
}

err tes_spec_parse(struct span body, tai_ns wall, struct tes_spec *out)
{
    json_error_t error;
    memset(out, 0, sizeof *out);
    out->spec.priority = 5;
    out->json = json_loadb((const char *)body.data, body.size, JSON_REJECT_DUPLICATES, &error);
    if (!out->json)
        return bad(out, "not JSON: line %d: %.120s", error.line, error.text);
    if (!json_is_object(out->json))
        return bad(out, "a task must be a JSON object");
    static const char *const server_fields[] = {"id", "state", "logs", "creation_time"};
    for (size_t i = 0; i < COUNT_OF(server_fields); i++)
        json_object_del(out->json, server_fields[i]);
    out->document = json_dumps(out->json, JSON_COMPACT);
    out->environment = malloc(body.size * 2 + 64 * TASK_ENVIRONMENT_MAX);
    if (!out->document || !out->environment)
        return bad(out, "out of memory");
    out->spec.document = span_text(out->document);
    if (out->spec.document.size > TASK_DOCUMENT_MAX)
        return bad(out, "a task is at most %d bytes", TASK_DOCUMENT_MAX);
    return parse_all(out, wall);
}

void tes_spec_free(struct tes_spec *s)
{
    json_decref(s->json);
    free(s->document);
    free(s->environment);
    s->json = NULL;
    s->document = s->environment = NULL;
}
