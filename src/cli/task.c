#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/http_client.h"
#include "host/files.h"
#include "host/json_read.h"

static const char help[] =
    "usage: noct task create FILE.json [--wait] | create --image IMAGE [OPTIONS] [--wait] -- COMMAND...\n"
    "       noct task get ID | list | cancel ID | logs ID          [--json] [--state DIR]\n"
    "\n"
    "  create FILE.json     submits a GA4GH TES 1.1 task as it is (- is standard input)\n"
    "  create --image X     app:NAME (an application that comes with noct) or s3://BUCKET/KEY (an image archive)\n"
    "    --name TEXT        a name\n"
    "    --input S3URL=PATH   an object, put at PATH (below /work) before the start; several: separate by commas\n"
    "    --output PATH=S3URL  a file below /work, stored after the end; several: separate by commas\n"
    "    --cpu N, --ram GB    cores and memory\n"
    "  get ID               state, where it runs, what it left\n"
    "  list                 newest first\n"
    "  cancel ID            stops it\n"
    "  logs ID              its output\n";

enum { TASK_FILE_MAX = 1 << 20, PATH_MAX_TASK = 200 };
#define TES_TASKS "/ga4gh/tes/v1/tasks"

struct task_options {
    const char *state, *name, *image, *input, *output, *cpu, *ram;
    bool as_json, wait;
};

static void print_json(const struct http_answer *answer)
{
    struct json_value *root = json_read(text_span(&answer->body), NULL);
    char *text = json_pretty(root);
    puts(text ? text : text_string(&answer->body));
    free(text);
    json_close(root);
}

static const struct json_value *last_log(const struct json_value *task)
{
    const struct json_value *logs = json_member(task, "logs");
    size_t count = json_count(logs);
    return count ? json_item(logs, count - 1) : NULL;
}

static void print_task(const struct json_value *task)
{
    const struct json_value *log = last_log(task), *outputs = json_member(log, "outputs");
    const struct json_value *executors = json_member(log, "logs");
    printf("%s  %-14s %s\n", json_text_of(task, "id", "?"), json_text_of(task, "state", "?"), json_text_of(task, "name", ""));
    if (json_count(executors) > 0)
        printf("  exit code %lld\n", (long long)json_int_of(json_item(executors, json_count(executors) - 1), "exit_code", -1));
    for (size_t i = 0; i < json_count(outputs); i++)
        printf("  output %s  %s bytes\n", json_text_of(json_item(outputs, i), "url", "?"),
               json_text_of(json_item(outputs, i), "size_bytes", "?"));
    const struct json_value *system = json_member(log, "system_logs");
    for (size_t i = 0; i < json_count(system); i++)
        printf("  %s\n", json_item_text(system, i, ""));
}

static void print_logs(const struct json_value *task)
{
    const struct json_value *executors = json_member(last_log(task), "logs");
    for (size_t i = 0; i < json_count(executors); i++) {
        fputs(json_text_of(json_item(executors, i), "stdout", ""), stdout);
        fputs(json_text_of(json_item(executors, i), "stderr", ""), stderr);
    }
}

/* GET of one task in the FULL view; NULL after saying why. */
static struct json_value *fetch(const struct region_of *region, const char *id, struct http_answer *answer)
{
    char path[PATH_MAX_TASK];
    snprintf(path, sizeof path, TES_TASKS "/%.64s", id);
    struct http_request r = {.method = "GET", .path = path, .query_count = 1};
    r.query[0].name = "view";
    r.query[0].value = "FULL";
    http_call(region, &r, answer);
    struct json_value *task = answer->status == 200 ? json_read(text_span(&answer->body), NULL) : NULL;
    if (!task)
        http_fail(answer, "task");
    return task;
}

static bool ended(const char *state)
{
    static const char *const ends[] = {"COMPLETE", "EXECUTOR_ERROR", "SYSTEM_ERROR", "CANCELED", "PREEMPTED"};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (strcmp(state, ends[i]) == 0)
            return true;
    return false;
}

static int wait_for(const struct region_of *region, const char *id)
{
    char shown[32] = "";
    for (;;) {
        struct http_answer answer;
        struct json_value *task = fetch(region, id, &answer);
        http_answer_free(&answer);
        if (!task)
            return CLI_FAILED;
        const char *state = json_text_of(task, "state", "?");
        if (strcmp(state, shown) != 0)
            fprintf(stderr, "%s %s\n", id, state);
        snprintf(shown, sizeof shown, "%s", state);
        bool done = ended(state), good = strcmp(state, "COMPLETE") == 0;
        if (done)
            print_task(task);
        json_close(task);
        if (done)
            return good ? CLI_OK : CLI_FAILED;
        const struct timespec pause = {0, 500000000};
        nanosleep(&pause, NULL);
    }
}

/* "A=B,C=D": s3 URLs and paths, in either order. */
static bool add_files(struct text *t, const char *list, bool input)
{
    json_array(t, input ? "inputs" : "outputs");
    for (const char *at = list; at && *at;) {
        const char *comma = strchr(at, ','), *end = comma ? comma : at + strlen(at);
        const char *equals = memchr(at, '=', (size_t)(end - at));
        if (!equals)
            return false;
        struct span first = span_of(at, (size_t)(equals - at)), second = span_of(equals + 1, (size_t)(end - equals - 1));
        json_object(t, NULL);
        json_span(t, "url", input ? first : second);
        json_span(t, "path", input ? second : first);
        json_end(t);
        at = comma ? comma + 1 : NULL;
    }
    json_end(t);
    return true;
}

static bool compose(const struct task_options *o, const char *const *command, struct text *t)
{
    double cpu = 1, ram = 0.25;
    if ((o->cpu && parse_double(span_text(o->cpu), &cpu) != ERR_OK) || (o->ram && parse_double(span_text(o->ram), &ram) != ERR_OK))
        return false;
    json_object(t, NULL);
    json_string(t, "name", o->name ? o->name : o->image);
    if ((o->input && !add_files(t, o->input, true)) || (o->output && !add_files(t, o->output, false)))
        return false;
    json_object(t, "resources");
    json_int(t, "cpu_cores", (int64_t)(cpu < 1 ? 1 : cpu));
    json_double(t, "ram_gb", ram);
    json_end(t);
    json_array(t, "executors");
    json_object(t, NULL);
    json_string(t, "image", o->image);
    json_array(t, "command");
    for (size_t i = 0; command && command[i]; i++)
        json_string(t, NULL, command[i]);
    json_end(t);
    json_end(t);
    json_end(t);
    json_end(t);
    return text_ok(t);
}

static bool read_document(const char *path, struct text *t)
{
    char piece[4096];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (!file)
        return false;
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) > 0;)
        text_add_span(t, span_of(piece, n));
    bool good = !ferror(file) && text_ok(t);
    if (file != stdin)
        fclose(file);
    return good;
}

static int create(const struct region_of *region, const struct task_options *o, const struct cli_arguments *a)
{
    struct text document = text_new(NULL, TASK_FILE_MAX);
    if (o->image ? !compose(o, a->rest, &document) : !read_document(a->items[1], &document)) {
        text_free(&document);
        return o->image ? cli_usage(help, "--input is S3URL=PATH, --output is PATH=S3URL, --cpu and --ram are numbers")
                        : cli_fail("cannot read %s (at most 1 MiB)", a->items[1]);
    }
    struct http_request r = {.method = "POST", .path = TES_TASKS, .body = text_span(&document), .content_type = "application/json"};
    struct http_answer answer;
    http_call(region, &r, &answer);
    struct json_value *root = answer.status == 200 ? json_read(text_span(&answer.body), NULL) : NULL;
    int code = root ? CLI_OK : http_fail(&answer, "task create");
    if (root) {
        const char *id = json_text_of(root, "id", "?");
        puts(id);
        if (o->wait)
            code = wait_for(region, id);
    }
    json_close(root);
    http_answer_free(&answer);
    text_free(&document);
    return code;
}

static int get(const struct region_of *region, const struct task_options *o, const char *id, bool logs)
{
    struct http_answer answer;
    struct json_value *task = fetch(region, id, &answer);
    if (task && o->as_json)
        print_json(&answer);
    else if (task && logs)
        print_logs(task);
    else if (task)
        print_task(task);
    json_close(task);
    http_answer_free(&answer);
    return task ? CLI_OK : CLI_FAILED;
}

static int list(const struct region_of *region, const struct task_options *o)
{
    struct http_request r = {.method = "GET", .path = TES_TASKS, .query_count = 1};
    r.query[0].name = "view";
    r.query[0].value = "BASIC";
    struct http_answer answer;
    http_call(region, &r, &answer);
    struct json_value *root = answer.status == 200 ? json_read(text_span(&answer.body), NULL) : NULL;
    int code = root ? CLI_OK : http_fail(&answer, "task list");
    const struct json_value *tasks = json_member(root, "tasks");
    if (root && o->as_json)
        print_json(&answer);
    for (size_t i = 0; !o->as_json && i < json_count(tasks); i++)
        print_task(json_item(tasks, i));
    json_close(root);
    http_answer_free(&answer);
    return code;
}

static int cancel(const struct region_of *region, const char *id)
{
    char path[PATH_MAX_TASK];
    snprintf(path, sizeof path, TES_TASKS "/%.64s:cancel", id);
    struct http_answer answer;
    http_call(region, &(struct http_request){.method = "POST", .path = path, .content_type = "application/json"}, &answer);
    int code = answer.status == 200 ? CLI_OK : http_fail(&answer, "task cancel");
    if (code == CLI_OK)
        printf("%s cancelled\n", id);
    http_answer_free(&answer);
    return code;
}

int command_task(int argc, char **argv)
{
    struct task_options o = {0};
    const struct cli_option options[] = {{"state", &o.state, NULL},   {"name", &o.name, NULL},     {"image", &o.image, NULL},
                                         {"input", &o.input, NULL},   {"output", &o.output, NULL}, {"cpu", &o.cpu, NULL},
                                         {"ram", &o.ram, NULL},       {"json", NULL, &o.as_json},  {"wait", NULL, &o.wait}};
    struct cli_arguments a;
    struct region_of region;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &a, &code))
        return code;
    const char *verb = a.count > 0 ? a.items[0] : "";
    bool creating = strcmp(verb, "create") == 0, listing = strcmp(verb, "list") == 0;
    bool one = strcmp(verb, "get") == 0 || strcmp(verb, "logs") == 0 || strcmp(verb, "cancel") == 0;
    if (!creating && !listing && !one)
        return cli_usage(help, a.count ? "there is no `noct task %s`" : "say what to do%s", verb);
    if (a.count != (listing || (creating && o.image) ? 1u : 2u))
        return cli_usage(help, "task %s takes %s", verb, listing ? "no arguments" : creating ? "a file, or --image" : "one id");
    if (!region_find(&region, o.state))
        return CLI_FAILED;
    if (creating)
        return create(&region, &o, &a);
    if (listing)
        return list(&region, &o);
    return strcmp(verb, "cancel") == 0 ? cancel(&region, a.items[1]) : get(&region, &o, a.items[1], strcmp(verb, "logs") == 0);
}
