/*
 * compute/spec.c - a task's specification: the rules that every one obeys, and its bytes (layout: wire.h).
 */
#include "compute/wire.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/object_api.h"

enum { SPEC_VERSION = 1, FLAG_IGNORE_ERROR = 1 };
#define SPEC_BYTES_MOST (1ull << 44)

struct check { /* where we are, for the reason */
    char *reason;
    const char *group;
    size_t index;
};

static err fail(const struct check *c, const char *what)
{
    if (c->group)
        snprintf(c->reason, 160, "%s[%zu]: %s", c->group, c->index, what);
    else
        snprintf(c->reason, 160, "%s", what);
    return ERR_INVALID;
}

static bool starts_with(struct span s, const char *prefix)
{
    size_t size = strlen(prefix);
    return s.size >= size && memcmp(s.data, prefix, size) == 0;
}

static bool printable(struct span s)
{
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i] < 0x20 || s.data[i] == 0x7f)
            return false;
    return utf8_valid(s);
}

static bool without_zero(struct span s)
{
    return s.size == 0 || memchr(s.data, 0, s.size) == NULL;
}

/* Every component is there and is neither "." nor "..". */
static bool components_sound(struct span path)
{
    size_t start = 1;
    for (size_t i = 1; i <= path.size; i++) {
        if (i < path.size && path.data[i] != '/')
            continue;
        struct span part = {path.data + start, i - start};
        if (part.size == 0 || part.size > 255 || span_equal_text(part, ".") || span_equal_text(part, ".."))
            return false;
        start = i + 1;
    }
    return true;
}

static bool path_sound(struct span path)
{
    return path.size > 0 && path.size <= COMPUTE_PATH_MAX && path.data[0] == '/' && printable(path) &&
           components_sound(path);
}

#define WORK "/work"

static bool below_work(struct span path)
{
    return path.size > sizeof WORK && starts_with(path, WORK) && path.data[sizeof WORK - 1] == '/';
}

struct span compute_spec_relative(struct span path)
{
    ASSERT(below_work(path));
    return span_of(path.data + sizeof WORK, path.size - sizeof WORK);
}

/* .noct is where the plane puts staged images. */
static bool work_path_sound(struct span path)
{
    if (!path_sound(path) || !below_work(path))
        return false;
    struct span relative = compute_spec_relative(path);
    return !starts_with(relative, ".noct/") && !span_equal_text(relative, ".noct");
}

static bool bucket_sound(struct span s)
{
    if (s.size < 1 || s.size > BUCKET_NAME_MAX)
        return false;
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
            return false;
    }
    return true;
}

static bool key_sound(struct span s)
{
    return s.size >= 1 && s.size <= OBJECT_KEY_MAX && utf8_valid(s);
}

bool compute_spec_s3(struct span url, struct span *bucket, struct span *key)
{
    if (!starts_with(url, "s3://"))
        return false;
    struct span rest = {url.data + 5, url.size - 5};
    const uint8_t *slash = memchr(rest.data, '/', rest.size);
    if (!slash)
        return false;
    *bucket = span_of(rest.data, (size_t)(slash - rest.data));
    *key = span_of(slash + 1, rest.size - bucket->size - 1);
    return bucket_sound(*bucket) && key_sound(*key);
}

static bool image_sound(struct span image)
{
    struct span bucket, key;
    if (!starts_with(image, "app:"))
        return compute_spec_s3(image, &bucket, &key);
    if (image.size < 5 || image.size > 4 + 64)
        return false;
    for (size_t i = 4; i < image.size; i++) {
        uint8_t c = image.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 4)))
            return false;
    }
    return true;
}

static err executor_check(const struct check *c, const struct task_executor *e)
{
    if (!image_sound(e->image))
        return fail(c, "image must be app:NAME or s3://BUCKET/KEY");
    if (e->argument_count > TASK_ARGUMENTS_MAX || e->environment_count > TASK_ENVIRONMENT_MAX)
        return fail(c, "at most 64 arguments and 64 environment entries");
    for (size_t i = 0; i < e->argument_count; i++)
        if (e->arguments[i].size > COMPUTE_TEXT_MAX || !without_zero(e->arguments[i]))
            return fail(c, "an argument is longer than 8192 bytes or holds a zero byte");
    for (size_t i = 0; i < e->environment_count; i++) {
        struct span entry = e->environment[i];
        if (entry.size > COMPUTE_TEXT_MAX || !without_zero(entry) || entry.size < 2 || entry.data[0] == '=' ||
            !memchr(entry.data, '=', entry.size))
            return fail(c, "an environment entry must be NAME=VALUE, at most 8192 bytes, no zero byte");
    }
    if (e->workdir.size && !path_sound(e->workdir))
        return fail(c, "workdir must be an absolute path without . or ..");
    if ((e->stdout_path.size && !work_path_sound(e->stdout_path)) ||
        (e->stderr_path.size && !work_path_sound(e->stderr_path)))
        return fail(c, "stdout and stderr must be absolute paths below /work");
    return ERR_OK;
}

static err input_check(const struct check *c, const struct task_file *f)
{
    if (!work_path_sound(f->path))
        return fail(c, "path must be absolute, below /work, without . or ..");
    if (f->bucket.size == 0 && f->key.size == 0)
        return ERR_OK;
    if (f->content.size)
        return fail(c, "give either url or content, not both");
    return bucket_sound(f->bucket) && key_sound(f->key) ? ERR_OK : fail(c, "url must be s3://BUCKET/KEY");
}

static err output_check(const struct check *c, const struct task_file *f)
{
    if (!work_path_sound(f->path))
        return fail(c, "path must be absolute, below /work, without . or ..");
    return bucket_sound(f->bucket) && key_sound(f->key) ? ERR_OK : fail(c, "url must be s3://BUCKET/KEY");
}

static bool path_repeats(const struct task_file *files, size_t count, size_t *where)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (span_equal(files[i].path, files[j].path)) {
                *where = i;
                return true;
            }
    return false;
}

static err files_check(struct check *c, const struct task_spec *s)
{
    size_t content_bytes = 0;
    c->group = "inputs";
    for (c->index = 0; c->index < s->input_count; c->index++) {
        TRY(input_check(c, &s->inputs[c->index]));
        content_bytes += s->inputs[c->index].content.size;
        if (content_bytes > COMPUTE_CONTENT_MAX) {
            (void)fail(c, "literal contents together are larger than 128 KiB");
            return ERR_TOO_LARGE;
        }
    }
    if (path_repeats(s->inputs, s->input_count, &c->index))
        return fail(c, "two inputs have the same path");
    c->group = "outputs";
    for (c->index = 0; c->index < s->output_count; c->index++)
        TRY(output_check(c, &s->outputs[c->index]));
    c->group = NULL;
    return ERR_OK;
}

static err numbers_check(const struct check *c, const struct task_spec *s)
{
    if (s->name.size > COMPUTE_NAME_MAX || !printable(s->name))
        return fail(c, "name must be text of at most 256 bytes without control characters");
    if (s->document.size > TASK_DOCUMENT_MAX) {
        (void)fail(c, "the task document is larger than 32 KiB");
        return ERR_TOO_LARGE;
    }
    if (s->cpu_millis > 1000000 || s->memory_bytes > SPEC_BYTES_MOST || s->disk_bytes > SPEC_BYTES_MOST)
        return fail(c, "resources are out of range (1000 cores, 16 TiB)");
    if (s->deadline < 0 || s->expected_ns < 0 || s->expected_ns > COMPUTE_EXPECTED_MAX)
        return fail(c, "deadline or expected duration is out of range (30 days of compute)");
    if (s->priority > 9)
        return fail(c, "priority must be 0 (first) to 9");
    if (s->mode != TASK_RESTART)
        return fail(c, "replication: only restart is offered; standby, active and vote3 are not offered by this region yet");
    if (s->executor_count < 1 || s->executor_count > TASK_EXECUTORS_MAX)
        return fail(c, "a task has 1 to 4 executors");
    if (s->input_count > TASK_FILES_MAX || s->output_count > TASK_FILES_MAX)
        return fail(c, "a task has at most 32 inputs and 32 outputs");
    return ERR_OK;
}

err compute_spec_check(const struct task_spec *s, char reason[160])
{
    struct check c = {.reason = reason};
    TRY(numbers_check(&c, s));
    c.group = "executors";
    for (c.index = 0; c.index < s->executor_count; c.index++)
        TRY(executor_check(&c, &s->executors[c.index]));
    return files_check(&c, s);
}

static void executor_write(struct writer *w, const struct task_executor *e)
{
    write_blob(w, e->image);
    write_u8(w, (uint8_t)e->argument_count);
    for (size_t i = 0; i < e->argument_count; i++)
        write_blob(w, e->arguments[i]);
    write_u8(w, (uint8_t)e->environment_count);
    for (size_t i = 0; i < e->environment_count; i++)
        write_blob(w, e->environment[i]);
    write_blob(w, e->workdir);
    write_blob(w, e->stdout_path);
    write_blob(w, e->stderr_path);
    write_u8(w, e->ignore_error ? FLAG_IGNORE_ERROR : 0);
}

void compute_spec_write(struct writer *w, struct uid id, const struct task_spec *s)
{
    write_u8(w, SPEC_VERSION);
    write_bytes(w, id.bytes, sizeof id.bytes);
    write_u8(w, (uint8_t)s->mode);
    write_u8(w, s->priority);
    write_u32(w, s->cpu_millis);
    write_u64(w, s->memory_bytes);
    write_u64(w, s->disk_bytes);
    write_u64(w, (uint64_t)s->deadline);
    write_u64(w, (uint64_t)s->expected_ns);
    write_blob(w, s->name);
    write_blob(w, s->document);
    write_u8(w, (uint8_t)s->executor_count);
    for (size_t i = 0; i < s->executor_count; i++)
        executor_write(w, &s->executors[i]);
    write_u8(w, (uint8_t)s->input_count);
    for (size_t i = 0; i < s->input_count; i++) {
        write_blob(w, s->inputs[i].bucket);
        write_blob(w, s->inputs[i].key);
        write_blob(w, s->inputs[i].path);
        write_blob(w, s->inputs[i].content);
    }
    write_u8(w, (uint8_t)s->output_count);
    for (size_t i = 0; i < s->output_count; i++) {
        write_blob(w, s->outputs[i].bucket);
        write_blob(w, s->outputs[i].key);
        write_blob(w, s->outputs[i].path);
    }
}

static size_t count_read(struct reader *r, size_t most)
{
    size_t count = read_u8(r);
    if (count > most) {
        r->failed = true;
        return 0;
    }
    return count;
}

static void executor_read(struct reader *r, struct task_executor *e)
{
    e->image = read_blob(r, OBJECT_KEY_MAX + 128);
    e->argument_count = count_read(r, TASK_ARGUMENTS_MAX);
    for (size_t i = 0; i < e->argument_count; i++)
        e->arguments[i] = read_blob(r, COMPUTE_TEXT_MAX);
    e->environment_count = count_read(r, TASK_ENVIRONMENT_MAX);
    for (size_t i = 0; i < e->environment_count; i++)
        e->environment[i] = read_blob(r, COMPUTE_TEXT_MAX);
    e->workdir = read_blob(r, COMPUTE_PATH_MAX);
    e->stdout_path = read_blob(r, COMPUTE_PATH_MAX);
    e->stderr_path = read_blob(r, COMPUTE_PATH_MAX);
    uint8_t flags = read_u8(r);
    e->ignore_error = flags == FLAG_IGNORE_ERROR;
    if (flags > FLAG_IGNORE_ERROR)
        r->failed = true;
}

static void file_read(struct reader *r, struct task_file *f, bool input)
{
    f->bucket = read_blob(r, BUCKET_NAME_MAX);
    f->key = read_blob(r, OBJECT_KEY_MAX);
    f->path = read_blob(r, COMPUTE_PATH_MAX);
    f->content = input ? read_blob(r, COMPUTE_CONTENT_MAX) : (struct span){0};
}

err compute_spec_read(struct span body, struct uid *id, struct task_spec *out)
{
    struct reader r = reader_of(body.data, body.size);
    memset(out, 0, sizeof *out);
    if (read_u8(&r) != SPEC_VERSION || body.size > COMPUTE_SPEC_MAX)
        return ERR_INVALID;
    read_bytes(&r, id->bytes, sizeof id->bytes);
    uint8_t mode = read_u8(&r);
    out->mode = (enum task_mode)mode;
    out->priority = read_u8(&r);
    out->cpu_millis = read_u32(&r);
    out->memory_bytes = read_u64(&r);
    out->disk_bytes = read_u64(&r);
    out->deadline = (tai_ns)read_u64(&r);
    out->expected_ns = (duration_ns)read_u64(&r);
    out->name = read_blob(&r, COMPUTE_NAME_MAX);
    out->document = read_blob(&r, TASK_DOCUMENT_MAX);
    out->executor_count = count_read(&r, TASK_EXECUTORS_MAX);
    for (size_t i = 0; i < out->executor_count; i++)
        executor_read(&r, &out->executors[i]);
    out->input_count = count_read(&r, TASK_FILES_MAX);
    for (size_t i = 0; i < out->input_count; i++)
        file_read(&r, &out->inputs[i], true);
    out->output_count = count_read(&r, TASK_FILES_MAX);
    for (size_t i = 0; i < out->output_count; i++)
        file_read(&r, &out->outputs[i], false);
    if (!reader_at_end(&r) || mode > TASK_VOTE3 || uid_is_zero(*id) || out->cpu_millis == 0 || out->expected_ns == 0 ||
        out->memory_bytes == 0)
        return ERR_INVALID;
    char reason[160];
    return compute_spec_check(out, reason);
}
