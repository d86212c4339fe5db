#include "host/lanes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "host/files.h"
#include "host/launcher.h"
#include "host/oci_image.h"

enum { ARGUMENTS_MAX = 80 };

struct start { /* a START, copied: it may wait for an image */
    char image[LANE_PATH_MAX + 8], working_directory[LANE_PATH_MAX];
    char *arguments[ARGUMENTS_MAX + 1], *environment[ARGUMENTS_MAX + 1];
    struct lane_limits limits;
};

struct lane {
    struct lane *next;
    struct lanes *owner;
    uint64_t id;
    char directory[PATH_SIZE], work[PATH_SIZE];
    struct start *start;
    bool unpacking, stop_asked, removed;
    pid_t pid;
    struct run *run; /* while it runs */
    uv_work_t unpack;
    struct oci_config image;
    struct oci_why unpack_why;
    err unpack_status;
    char unpacked[LANE_PATH_MAX + 8]; /* the image that `root` holds */
};

struct run { /* the handle outlives the run by a turn of the loop */
    uv_poll_t poll;
    struct lane *lane;
};

struct lanes {
    struct lanes_config config;
    struct launcher *launcher;
    struct lane *first;
    size_t count;
    char directory[PATH_SIZE];
    bool closing;
};

/* ---- telling ------------------------------------------------------------------------------------------------------------ */

static void say(struct lanes *l, struct event_lane e)
{
    if (!l->closing)
        l->config.event(l->config.context, &e);
    slice_drop(&e.data);
}

static void say_failed(struct lanes *l, uint64_t lane, err status, const char *reason)
{
    say(l, (struct event_lane){.lane = lane, .kind = LANE_FAILED, .status = status, .reason = span_text(reason)});
}

/* ---- lanes ---------------------------------------------------------------------------------------------------------------- */

static struct lane *find(const struct lanes *l, uint64_t id)
{
    struct lane *k = l->first;
    while (k && k->id != id)
        k = k->next;
    return k;
}

static struct lane *make(struct lanes *l, uint64_t id)
{
    char name[32];
    if (l->count >= LANES_MAX)
        return NULL;
    struct lane *k = calloc(1, sizeof *k);
    ASSERT(k);
    k->id = id;
    k->owner = l;
    snprintf(name, sizeof name, "%llx", (unsigned long long)id);
    if (!path_join(k->directory, l->directory, name) || !path_join(k->work, k->directory, "work") ||
        directory_make(k->directory) != ERR_OK || directory_make(k->work) != ERR_OK) {
        free(k);
        return NULL;
    }
    k->next = l->first;
    l->first = k;
    l->count++;
    return k;
}

static void start_free(struct start *s)
{
    if (!s)
        return;
    for (size_t i = 0; i <= ARGUMENTS_MAX; i++) {
        free(s->arguments[i]);
        free(s->environment[i]);
    }
    free(s);
}

static void lane_free(struct lane *k)
{
    struct lanes *l = k->owner;
    struct lane **at = &l->first;
    while (*at != k)
        at = &(*at)->next;
    *at = k->next;
    l->count--;
    directory_remove(k->directory);
    start_free(k->start);
    free(k);
}

static void signal_run(const struct lane *k, int number)
{
    /* It may have ended a moment ago: then there is nothing to signal, and on_exit_ready follows. */
    if (launcher_signal(k->owner->launcher, k->pid, number) != ERR_OK)
        return;
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* ---- files ------------------------------------------------------------------------------------------------------------------ */

static bool path_valid(struct span path)
{
    if (path.size == 0 || path.size >= LANE_PATH_MAX || path.data[0] == '/' || memchr(path.data, 0, path.size))
        return false;
    for (size_t at = 0; at <= path.size;) {
        const uint8_t *slash = at < path.size ? memchr(path.data + at, '/', path.size - at) : NULL;
        size_t end = slash ? (size_t)(slash - path.data) : path.size;
        struct span part = {path.data + at, end - at};
        if (part.size == 0 || span_equal_text(part, ".") || span_equal_text(part, ".."))
            return false;
        at = end + 1;
    }
    return true;
}

/* Opens work/PATH for writing and makes its folders, never through a link. */
static int open_staged(const struct lane *k, struct span path)
{
    char text[LANE_PATH_MAX];
    ASSERT(text_copy(text, sizeof text, path));
    int at = open(k->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char *part = text;
    for (char *slash; at >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
        *slash = 0;
        if (mkdirat(at, part, 0755) != 0 && errno != EEXIST)
            break;
        int next = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = next;
    }
    if (at < 0)
        return -1;
    int file = strchr(part, '/') ? -1 : openat(at, part, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    close(at);
    return file;
}

static err write_at(int file, uint64_t offset, struct slice data)
{
    while (data.size > 0) {
        ssize_t n = pwrite(file, data.data, data.size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
        offset += (uint64_t)n;
        data = (struct slice){data.buf, data.data + n, data.size - (size_t)n};
    }
    return ERR_OK;
}

static void perform_file(struct lanes *l, const struct effect_lane *e)
{
    struct lane *k = find(l, e->lane);
    if (!path_valid(e->path)) {
        say_failed(l, e->lane, ERR_INVALID, "an input path must be relative and without \"..\"");
        return;
    }
    if (!k && !(k = make(l, e->lane))) {
        say_failed(l, e->lane, ERR_FULL, "no more lanes here");
        return;
    }
    int file = open_staged(k, e->path);
    err status = file < 0 ? ERR_IO : write_at(file, e->offset, e->data);
    if (file >= 0)
        close(file);
    if (status != ERR_OK)
        say_failed(l, e->lane, status, "an input file could not be written");
}

static void perform_read(struct lanes *l, const struct effect_lane *e)
{
    struct event_lane answer = {.lane = e->lane, .kind = LANE_DATA, .path = e->path, .offset = e->offset};
    struct lane *k = find(l, e->lane);
    char path[LANE_PATH_MAX];
    int file = -1;
    struct stat info;
    answer.status = k && path_valid(e->path) && text_copy(path, sizeof path, e->path)
                        ? launcher_output_open(k->work, path, &file)
                        : ERR_NOT_FOUND;
    if (answer.status == ERR_OK && fstat(file, &info) == 0) {
        answer.size = (uint64_t)info.st_size;
        uint64_t left = answer.size - MIN(e->offset, answer.size);
        size_t most = (size_t)MIN(MIN(e->size, left), (uint64_t)LANE_READ_MAX), at = 0;
        struct buf *data = buf_new_malloc(most);
        for (ssize_t n; at < most && (n = pread(file, data->data + at, most - at, (off_t)(e->offset + at))) > 0;)
            at += (size_t)n;
        answer.data = slice_of(data, 0, at);
    }
    if (file >= 0)
        close(file);
    say(l, answer);
}

/* ---- running ------------------------------------------------------------------------------------------------------------------ */

static size_t read_tail(const char *directory, const char *name, uint8_t *out)
{
    char path[PATH_SIZE];
    int file = path_join(path, directory, name) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (file < 0)
        return 0;
    off_t size = lseek(file, 0, SEEK_END);
    off_t from = MAX(size - LANE_OUTPUT_MAX, 0);
    ssize_t n = pread(file, out, LANE_OUTPUT_MAX, from);
    close(file);
    return n > 0 ? (size_t)n : 0;
}

static void say_exited(struct lane *k, const struct launch_usage *u)
{
    static uint8_t output[LANE_OUTPUT_MAX], error_output[LANE_OUTPUT_MAX]; /* loop thread only */
    struct event_lane e = {.lane = k->id, .kind = LANE_EXITED};
    e.usage = (struct lane_usage){
        .exit_code = u->exit_code,
        .signal = u->signal,
        .out_of_memory = u->oom_killed,
        .timed_out = u->timed_out,
        .cpu_us = u->cpu_user_us + u->cpu_system_us,
        .memory_peak_bytes = u->memory_peak_bytes,
        .wall_us = u->wall_ms * 1000,
    };
    e.output = span_of(output, read_tail(k->directory, "stdout", output));
    e.error_output = span_of(error_output, read_tail(k->directory, "stderr", error_output));
    say(k->owner, e);
}

static void on_exit_ready(uv_poll_t *poll, int status, int events)
{
    struct run *run = poll->data;
    struct lane *k = run->lane;
    struct launch_usage usage;
    (void)status;
    (void)events;
    if (launcher_reap(k->owner->launcher, k->pid, &usage) == ERR_BUSY)
        return;
    k->run = NULL;
    uv_close((uv_handle_t *)poll, on_poll_closed);
    if (k->removed)
        lane_free(k);
    else if (usage.failure[0])
        say_failed(k->owner, k->id, ERR_IO, usage.failure);
    else
        say_exited(k, &usage);
}

/* What to run: app_path, arguments and environment of the request. False: said why not. */
static bool fill_program(struct lane *k, struct launch_request *request, char app[PATH_SIZE], const char **arguments)
{
    struct start *s = k->start;
    const char *const *given = s->arguments[0] ? (const char *const *)s->arguments : NULL;
    request->environment = s->environment[0] ? (const char *const *)s->environment : NULL;
    request->working_dir = s->working_directory[0] ? s->working_directory : NULL;
    if (strncmp(s->image, "app:", 4) == 0) {
        char name[LANE_PATH_MAX + 8];
        snprintf(name, sizeof name, "app-%s", s->image + 4);
        if (strchr(name, '/') || !program_file(name, app)) {
            say_failed(k->owner, k->id, ERR_NOT_FOUND, "no bundled application has this name");
            return false;
        }
        request->app_path = app;
        request->arguments = given;
        return true;
    }
    if (oci_image_arguments(&k->image, given, arguments) != ERR_OK) {
        say_failed(k->owner, k->id, ERR_INVALID, "neither the task nor the image says what to run");
        return false;
    }
    request->arguments = arguments;
    if (!request->environment && k->image.environment[0])
        request->environment = k->image.environment;
    if (!request->working_dir && k->image.working_dir && k->image.working_dir[0])
        request->working_dir = k->image.working_dir;
    return true;
}

static void watch(struct lane *k, int pidfd)
{
    k->run = calloc(1, sizeof *k->run);
    ASSERT(k->run && uv_poll_init(k->owner->config.loop, &k->run->poll, pidfd) == 0);
    k->run->poll.data = k->run;
    k->run->lane = k;
    uv_poll_start(&k->run->poll, UV_READABLE, on_exit_ready);
}

static void launch(struct lane *k)
{
    struct lanes *l = k->owner;
    const struct lane_limits *limits = &k->start->limits;
    char app[PATH_SIZE] = "", output[PATH_SIZE], errors[PATH_SIZE], root[PATH_SIZE];
    const char *arguments[2 * OCI_TEXTS_MAX + 1];
    struct launch_handle handle;
    struct launch_request request = {
        .work_dir_host = k->work,
        .memory_bytes = limits->memory_bytes,
        .cpu_millis = limits->cpu_millis,
        .wall_limit_ms = (uint64_t)MAX(limits->wall_max_ns / NS_PER_MS, 0),
        .output_limit_bytes = limits->output_bytes,
        .file_limit_bytes = limits->disk_bytes,
        .stdout_path = output,
        .stderr_path = errors,
    };
    if (!path_join(output, k->directory, "stdout") || !path_join(errors, k->directory, "stderr") ||
        !path_join(root, k->directory, "root") || !fill_program(k, &request, app, arguments))
        return;
    request.root_dir = request.app_path ? NULL : root;
    err status = launcher_start(l->launcher, &request, &handle);
    if (status != ERR_OK) {
        say_failed(l, k->id, status, launcher_why(l->launcher));
        return;
    }
    k->pid = handle.pid;
    watch(k, handle.pidfd);
    say(l, (struct event_lane){.lane = k->id, .kind = LANE_STARTED});
    if (k->stop_asked)
        signal_run(k, SIGTERM);
}

/* ---- images ------------------------------------------------------------------------------------------------------------------- */

static void unpack_work(uv_work_t *work)
{
    struct lane *k = work->data;
    char root[PATH_SIZE], archive[PATH_SIZE];
    struct oci_limits limits = {.bytes = MAX(k->start->limits.disk_bytes, (uint64_t)1 << 30)};
    k->unpack_status = path_join(root, k->directory, "root") && path_join(archive, k->work, k->start->image + 5)
                           ? oci_image_unpack(archive, root, &limits, &k->image, &k->unpack_why)
                           : ERR_TOO_LARGE;
}

static void unpack_done(uv_work_t *work, int cancelled)
{
    struct lane *k = work->data;
    (void)cancelled;
    k->unpacking = false;
    if (k->removed)
        lane_free(k);
    else if (k->unpack_status != ERR_OK)
        say_failed(k->owner, k->id, k->unpack_status, k->unpack_why.text);
    else {
        snprintf(k->unpacked, sizeof k->unpacked, "%s", k->start->image);
        launch(k);
    }
}

static void unpack(struct lane *k)
{
    char root[PATH_SIZE];
    if (strcmp(k->unpacked, k->start->image) == 0) { /* a further executor of the task, in the same image */
        launch(k);
        return;
    }
    if (k->unpacked[0] && path_join(root, k->directory, "root"))
        directory_remove(root);
    k->unpacked[0] = 0;
    k->unpacking = true;
    k->unpack.data = k;
    ASSERT(uv_queue_work(k->owner->config.loop, &k->unpack, unpack_work, unpack_done) == 0);
}

static void copy_list(char *out[ARGUMENTS_MAX + 1], const struct span *list, size_t count)
{
    for (size_t i = 0; i < MIN(count, (size_t)ARGUMENTS_MAX); i++)
        out[i] = strndup((const char *)list[i].data, list[i].size);
}

static struct start *start_copy(const struct effect_lane *e)
{
    struct start *s = calloc(1, sizeof *s);
    ASSERT(s);
    s->limits = e->limits;
    if (!text_copy(s->image, sizeof s->image, e->image) ||
        !text_copy(s->working_directory, sizeof s->working_directory, e->working_directory)) {
        free(s);
        return NULL;
    }
    copy_list(s->arguments, e->arguments, e->argument_count);
    copy_list(s->environment, e->environment, e->environment_count);
    return s;
}

static void perform_start(struct lanes *l, const struct effect_lane *e)
{
    struct lane *k = find(l, e->lane);
    if (!k && !(k = make(l, e->lane))) {
        say_failed(l, e->lane, ERR_FULL, "no more lanes here");
        return;
    }
    if (k->run || k->unpacking) {
        say_failed(l, e->lane, ERR_BUSY, "this lane runs already");
        return;
    }
    start_free(k->start);
    k->stop_asked = false;
    if (!(k->start = start_copy(e)))
        say_failed(l, e->lane, ERR_TOO_LARGE, "the image name or the working directory is too long");
    else if (strncmp(k->start->image, "app:", 4) == 0)
        launch(k);
    else if (strncmp(k->start->image, "file:", 5) == 0 && path_valid(span_text(k->start->image + 5)))
        unpack(k);
    else
        say_failed(l, e->lane, ERR_INVALID, "an image is \"app:NAME\" or a staged archive");
}

static void perform_stop(struct lanes *l, uint64_t id)
{
    struct lane *k = find(l, id);
    if (!k)
        return;
    k->stop_asked = true;
    if (k->run)
        signal_run(k, SIGTERM);
}

static void perform_remove(struct lanes *l, uint64_t id)
{
    struct lane *k = find(l, id);
    if (!k || k->removed)
        return;
    k->removed = true;
    if (k->run)
        signal_run(k, SIGKILL);
    else if (!k->unpacking)
        lane_free(k);
}

void lanes_perform(struct lanes *l, const struct effect_lane *effect)
{
    switch (effect->kind) {
    case LANE_FILE: perform_file(l, effect); break;
    case LANE_START: perform_start(l, effect); break;
    case LANE_STOP: perform_stop(l, effect->lane); break;
    case LANE_READ: perform_read(l, effect); break;
    case LANE_REMOVE: perform_remove(l, effect->lane); break;
    case LANE_STARTED:
    case LANE_EXITED:
    case LANE_DATA:
    case LANE_FAILED: ASSERT(false && "an event is no effect"); break;
    }
    struct slice data = effect->data;
    slice_drop(&data);
}

err lanes_open(struct lanes **out, const struct lanes_config *config)
{
    struct lanes *l = calloc(1, sizeof *l);
    ASSERT(l);
    l->config = *config;
    snprintf(l->directory, sizeof l->directory, "%s", config->directory);
    directory_remove(l->directory);
    char state[PATH_SIZE];
    err status = directory_make(l->directory);
    if (status == ERR_OK && !path_join(state, l->directory, "launcher"))
        status = ERR_TOO_LARGE;
    if (status == ERR_OK)
        status = directory_make(state);
    if (status == ERR_OK)
        status = launcher_open(&l->launcher, state, NULL, config->instance);
    if (status != ERR_OK) {
        free(l);
        return status;
    }
    *out = l;
    return ERR_OK;
}

void lanes_close(struct lanes *l)
{
    if (!l)
        return;
    l->closing = true;
    launcher_close(l->launcher);
    for (struct lane *k = l->first, *next; k; k = next) {
        next = k->next;
        if (k->run)
            uv_close((uv_handle_t *)&k->run->poll, on_poll_closed);
        if (!k->unpacking)
            lane_free(k);
    }
    free(l);
}
