#include "host/trace_log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/port.h"
#include "host/files.h"

static struct { /* of the process: the panic hook has no argument */
    int file;
    off_t size;
    char path[PATH_SIZE], panic_path[PATH_SIZE];
    char ring[LOG_RING][LOG_LINE_MAX];
    size_t next;
} trace_log = {.file = -1};

static void write_text(int file, const char *text)
{
    size_t size = strlen(text);
    if (write(file, text, size) != (ssize_t)size)
        return; /* a full disk must not stop the node */
}

static void on_panic(const char *file, int line, const char *expression)
{
    char head[LOG_LINE_MAX];
    int out = open(trace_log.panic_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0)
        return;
    snprintf(head, sizeof head, "panic: %s:%d: %.200s\nthe last traces, oldest first:\n", file, line, expression);
    write_text(out, head);
    for (size_t i = 0; i < LOG_RING; i++)
        write_text(out, trace_log.ring[(trace_log.next + i) % LOG_RING]);
    (void)fsync(out);
    close(out);
}

err trace_log_open(const char *node_directory)
{
    if (!path_join(trace_log.path, node_directory, "log") || !path_join(trace_log.panic_path, node_directory, "panic.txt"))
        return ERR_TOO_LARGE;
    trace_log.file = open(trace_log.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (trace_log.file < 0)
        return ERR_IO;
    trace_log.size = lseek(trace_log.file, 0, SEEK_END);
    noct_panic_hook_set(on_panic);
    return ERR_OK;
}

static void rotate(void)
{
    char old[PATH_SIZE + 8];
    snprintf(old, sizeof old, "%s.1", trace_log.path);
    (void)rename(trace_log.path, old);
    close(trace_log.file);
    trace_log.file = open(trace_log.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    trace_log.size = 0;
}

static void add_line(tai_ns wall, char level, const char *name, const char *about, struct span text)
{
    char when[40], *line = trace_log.ring[trace_log.next];
    time_utc_text(wall, 3, when);
    int n = snprintf(line, LOG_LINE_MAX - 1, "%s %c %s%s%s: %.*s", when, level, name, about[0] ? " " : "", about,
                     (int)MIN(text.size, (size_t)LOG_LINE_MAX), (const char *)text.data);
    size_t size = (size_t)MIN(n, LOG_LINE_MAX - 2);
    for (size_t i = 0; i < size; i++) /* one line, whatever a peer put into a name */
        if ((unsigned char)line[i] < ' ')
            line[i] = ' ';
    line[size++] = '\n';
    line[size] = 0;
    trace_log.next = (trace_log.next + 1) % LOG_RING;
    if (trace_log.file < 0)
        return;
    write_text(trace_log.file, line);
    trace_log.size += (off_t)size;
    if (trace_log.size > LOG_BYTES_MAX)
        rotate();
}

void trace_log_add(tai_ns wall, const struct effect_trace *trace, const char *about)
{
    add_line(wall, trace_level((enum trace_id)trace->id), trace_name((enum trace_id)trace->id), about, trace->text);
}

void trace_log_say(tai_ns wall, char level, const char *name, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    add_line(wall, level, name, "", span_text(text));
}

void trace_log_close(void)
{
    if (trace_log.file >= 0)
        close(trace_log.file);
    trace_log.file = -1;
}
