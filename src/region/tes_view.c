#include "region/jansson.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "core/view.h"
#include "region/tes.h"

static const char *const states[TASK_STATE_COUNT] = {
    [TASK_UNKNOWN] = "UNKNOWN",
    [TASK_QUEUED] = "QUEUED",
    [TASK_INITIALIZING] = "INITIALIZING",
    [TASK_RUNNING] = "RUNNING",
    [TASK_PAUSED] = "PAUSED",
    [TASK_COMPLETE] = "COMPLETE",
    [TASK_EXECUTOR_ERROR] = "EXECUTOR_ERROR",
    [TASK_SYSTEM_ERROR] = "SYSTEM_ERROR",
    [TASK_CANCELED] = "CANCELED",
    [TASK_PREEMPTED] = "PREEMPTED",
    [TASK_CANCELING] = "CANCELING",
};

const char *tes_state_name(enum task_state s)
{
    return (unsigned)s < TASK_STATE_COUNT ? states[s] : "UNKNOWN";
}

enum task_state tes_state_parse(struct span s)
{
    for (int i = 0; i < TASK_STATE_COUNT; i++)
        if (span_equal_text(s, states[i]))
            return (enum task_state)i;
    return TASK_STATE_COUNT;
}

/* Programs print what they like: bytes that are no UTF-8 become U+FFFD. */
static json_t *clean_text(struct span s)
{
    struct text t = text_new(NULL, 3 * s.size + 16);
    for (size_t i = 0; i < s.size;) {
        size_t n = 1;
        while (n <= 4 && i + n <= s.size && !utf8_valid(span_of(s.data + i, n)))
            n++;
        bool ok = n <= 4 && i + n <= s.size;
        if (ok)
            text_add_span(&t, span_of(s.data + i, n));
        else
            text_add(&t, "\xef\xbf\xbd");
        i += ok ? n : 1;
    }
    json_t *j = json_stringn(text_string(&t), t.size);
    text_free(&t);
    return j;
}

static json_t *time_text(tai_ns t)
{
    char when[40];
    time_utc_text(t, 3, when);
    return json_string(when);
}

static json_t *format_text(const char *format, unsigned long long value)
{
    char text[32];
    snprintf(text, sizeof text, format, value);
    return json_string(text);
}

static json_t *executor_log(const struct task_attempt *a, bool full)
{
    json_t *j = json_object();
    if (a->started)
        json_object_set_new(j, "start_time", time_text(a->started));
    if (a->ended)
        json_object_set_new(j, "end_time", time_text(a->ended));
    json_object_set_new(j, "exit_code", json_integer(a->exit_code));
    if (full) {
        json_object_set_new(j, "stdout", clean_text(a->output));
        json_object_set_new(j, "stderr", clean_text(a->error_output));
    }
    return j;
}

static json_t *output_logs(const struct task_view *v)
{
    json_t *list = json_array();
    for (size_t i = 0; i < v->output_count && i < TASK_FILES_MAX; i++) {
        struct text url = text_new(NULL, 4096);
        text_add(&url, "s3://");
        text_add_span(&url, v->outputs[i].bucket);
        text_add(&url, "/");
        text_add_span(&url, v->outputs[i].key);
        json_t *j = json_object();
        json_object_set_new(j, "url", clean_text(text_span(&url)));
        json_object_set_new(j, "path", clean_text(v->outputs[i].path));
        json_object_set_new(j, "size_bytes", format_text("%llu", v->outputs[i].size));
        json_array_append_new(list, j);
        text_free(&url);
    }
    return list;
}

static json_t *attempt_metadata(const struct task_attempt *a, const struct view *members)
{
    json_t *j = json_object();
    json_object_set_new(j, "node", json_string(view_name(members, a->node)));
    json_object_set_new(j, "epoch", format_text("%llu", a->epoch));
    json_object_set_new(j, "state", json_string(tes_state_name(a->state)));
    json_object_set_new(j, "cpu_us", format_text("%llu", a->cpu_us));
    json_object_set_new(j, "memory_peak_bytes", format_text("%llu", a->memory_peak_bytes));
    return j;
}

static json_t *attempt_log(const struct task_view *v, size_t i, const struct view *members, bool full)
{
    const struct task_attempt *a = &v->attempts[i];
    bool last = i + 1 == v->attempt_count;
    json_t *j = json_object(), *logs = json_array();
    json_array_append_new(logs, executor_log(a, full));
    json_object_set_new(j, "logs", logs);
    json_object_set_new(j, "metadata", attempt_metadata(a, members));
    if (a->started)
        json_object_set_new(j, "start_time", time_text(a->started));
    if (a->ended)
        json_object_set_new(j, "end_time", time_text(a->ended));
    json_object_set_new(j, "outputs", last ? output_logs(v) : json_array());
    if (full && a->reason.size) {
        json_t *system = json_array();
        json_array_append_new(system, clean_text(a->reason));
        json_object_set_new(j, "system_logs", system);
    }
    return j;
}

/* BASIC leaves out what may be large: literal inputs, program output, system logs. */
static void drop_content(json_t *task)
{
    json_t *inputs = json_object_get(task, "inputs");
    for (size_t i = 0; i < json_array_size(inputs); i++)
        json_object_del(json_array_get(inputs, i), "content");
}

/* What the scheduler knows, beside the standard: under tags, whose keys no client's tag uses. */
static void add_schedule(json_t *task, const struct task_view *v, const struct view *members)
{
    json_t *tags = json_object_get(task, "tags");
    if (!json_is_object(tags)) {
        tags = json_object();
        json_object_set_new(task, "tags", tags);
    }
    if (v->owner != NODE_NONE)
        json_object_set_new(tags, "noct.owner", json_string(view_name(members, v->owner)));
    for (size_t i = 0; i < COUNT_OF(v->successors); i++)
        if (v->successors[i] != NODE_NONE)
            json_object_set_new(tags, i ? "noct.successor2" : "noct.successor1",
                                json_string(view_name(members, v->successors[i])));
    if (v->promised)
        json_object_set_new(tags, "noct.promised", time_text(v->promised));
    json_object_set_new(tags, "noct.epoch", format_text("%llu", v->epoch));
}

static json_t *view_json(const struct task_view *v, const struct view *members, enum tes_detail detail)
{
    char id[UID_TEXT_SIZE];
    json_t *task = NULL;
    if (detail != TES_MINIMAL)
        task = json_loadb((const char *)v->document.data, v->document.size, 0, NULL);
    if (!json_is_object(task)) {
        json_decref(task);
        task = json_object();
    }
    uid_text(v->id, id);
    json_object_set_new(task, "id", json_string(id));
    json_object_set_new(task, "state", json_string(tes_state_name(v->state)));
    if (detail == TES_MINIMAL)
        return task;
    json_t *logs = json_array();
    for (size_t i = 0; i < v->attempt_count && i < TASK_ATTEMPTS_MAX; i++)
        json_array_append_new(logs, attempt_log(v, i, members, detail == TES_FULL));
    json_object_set_new(task, "logs", logs);
    json_object_set_new(task, "creation_time", time_text(v->created));
    if (detail == TES_BASIC)
        drop_content(task);
    add_schedule(task, v, members);
    return task;
}

static char *text_of(json_t *j)
{
    char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
    json_decref(j);
    return text;
}

char *tes_task_text(const struct task_view *v, const struct view *members, enum tes_detail detail)
{
    return text_of(view_json(v, members, detail));
}

char *tes_page_text(const struct task_view *views, size_t count, bool more, const struct view *members, enum tes_detail detail)
{
    char token[UID_TEXT_SIZE];
    json_t *all = json_object(), *tasks = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(tasks, view_json(&views[i], members, detail));
    json_object_set_new(all, "tasks", tasks);
    if (more && count) {
        uid_text(views[count - 1].id, token);
        json_object_set_new(all, "next_page_token", json_string(token));
    }
    return text_of(all);
}
