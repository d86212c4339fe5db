#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_fail(const char *format, ...)
{
    va_list arguments;
    fputs("noct: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return CLI_FAILED;
}

int cli_usage(const char *help, const char *format, ...)
{
    va_list arguments;
    fputs("noct: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n\n%s", help);
    return CLI_USAGE;
}

static const struct cli_option *find(const struct cli_option *options, size_t count, const char *name, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(options[i].name) == size && memcmp(options[i].name, name, size) == 0)
            return &options[i];
    return NULL;
}

/* One "--name", "--name=value" or "--name value"; 0 when it is none of them, else how many arguments it took. */
static int take_option(int left, char **argv, const struct cli_option *options, size_t count)
{
    const char *name = argv[0] + 2, *equals = strchr(name, '=');
    const struct cli_option *o = find(options, count, name, equals ? (size_t)(equals - name) : strlen(name));
    if (!o || (o->flag && equals) || (o->value && !equals && left < 2))
        return 0;
    if (o->flag) {
        *o->flag = true;
        return 1;
    }
    *o->value = equals ? equals + 1 : argv[1];
    return equals ? 1 : 2;
}

bool cli_parse(int argc, char **argv, const char *help, const struct cli_option *options, size_t option_count,
               struct cli_arguments *out, int *code)
{
    *out = (struct cli_arguments){0};
    for (int i = 1; i < argc;) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(help, stdout);
            *code = CLI_OK;
            return false;
        }
        if (strcmp(argv[i], "--") == 0) {
            out->rest = (const char *const *)(argv + i + 1);
            break;
        }
        if (strncmp(argv[i], "--", 2) == 0) {
            int taken = take_option(argc - i, argv + i, options, option_count);
            if (taken == 0) {
                *code = cli_usage(help, "\"%s\" is no option here, or lacks its value", argv[i]);
                return false;
            }
            i += taken;
            continue;
        }
        if (out->count == CLI_ARGUMENTS_MAX) {
            *code = cli_usage(help, "too many arguments");
            return false;
        }
        out->items[out->count++] = argv[i++];
    }
    return true;
}

FILE *cli_file_open(const char *path)
{
    struct stat about;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode))
        return fdopen(fd, "rb");
    if (fd >= 0)
        close(fd);
    return NULL;
}

bool cli_file_load(const char *path, size_t most, struct span *out)
{
    errno = 0;
    FILE *f = cli_file_open(path);
    size_t capacity = MIN(most + 1, (size_t)1 << 16), size = 0;
    uint8_t *data = f ? malloc(capacity) : NULL;
    while (data) {
        size += fread(data + size, 1, capacity - size, f);
        if (size < capacity || capacity > most)
            break;
        capacity = MIN(2 * capacity, most + 1);
        uint8_t *grown = realloc(data, capacity);
        if (!grown)
            free(data);
        data = grown;
    }
    bool good = data && !ferror(f) && size <= most;
    if (f)
        fclose(f);
    if (!good) {
        errno = data && size > most ? EFBIG : errno ? errno : EINVAL;
        free(data);
        return false;
    }
    *out = span_of(data, size);
    return true;
}

bool cli_file_read(const char *path, size_t most, struct span *out)
{
    if (cli_file_load(path, most, out))
        return true;
    char size[32];
    cli_bytes_text(most, size);
    if (errno == EFBIG)
        cli_fail("%s cannot be read: it is larger than %s", path, size);
    else
        cli_fail("%s cannot be read: %s", path, errno == EINVAL ? "it is no ordinary file" : strerror(errno));
    return false;
}

void cli_file_free(struct span s)
{
    free((void *)(uintptr_t)s.data);
}

const char *cli_commit(void)
{
#ifdef NOCT_COMMIT
    return NOCT_COMMIT;
#else
    return "unknown";
#endif
}

bool cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    return parse_u64(span_text(text), most, out) == ERR_OK && *out >= least;
}

void cli_bytes_text(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < COUNT_OF(units)) {
        value /= 1024;
        unit++;
    }
    snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}
