/*
 * picture.h - reads a georeferenced picture (docs/format/picture.md) from a stranger; part of
 * change-detection.
 *
 * Story:  everything is bounded and checked; whatever is wrong ends the program with a sentence
 * that names the file and the fault. Included once, by change-detection.c: an application is one
 * source file to the build.
 */
#ifndef CHANGE_DETECTION_PICTURE_H
#define CHANGE_DETECTION_PICTURE_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Exit codes. */
enum {
    DONE = 0,
    USAGE = 2,
    NOTHING = 3, /* with --only-alerts: nothing to report */
    MALFORMED = 4,
    MISMATCH = 5,
    UNUSABLE = 6,
    NO_OUTPUT = 7,
    NO_INPUT = 8,
};
enum { SIDE_MAX = 4096, HEADER_MAX = 8192, TEXT = 96 };

struct picture {
    char path[512], tile[TEXT], time[TEXT], sensor[TEXT], satellite[TEXT];
    double north, south, west, east, sun_elevation_deg;
    unsigned seen; /* which keys the header had */
    int width, height;
    uint8_t *rgb;
    float *value[3]; /* reflectance, smoothed */
};

__attribute__((format(printf, 2, 3))) static _Noreturn void stop(int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fputs("change-detection: ", stderr);
    vfprintf(stderr, format, list);
    fputc('\n', stderr);
    va_end(list);
    exit(code);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory)
        stop(UNUSABLE, "out of memory for %zu bytes", count * size);
    return memory;
}

/* Text from a stranger goes into logs and JSON: only plain characters pass. */
static void take_text(const struct picture *p, const char *key, const char *value, char out[TEXT])
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ._:+-";
    size_t size = strlen(value);
    if (size == 0 || size >= TEXT || strspn(value, plain) != size)
        stop(MALFORMED, "%s: header value of '%s' is empty, too long or holds strange characters",
             p->path, key);
    memcpy(out, value, size + 1);
}

static double take_number(const struct picture *p, const char *key, const char *value, double low,
                          double high)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !(number >= low && number <= high))
        stop(MALFORMED, "%s: header value of '%s' is not a number in %g..%g", p->path, key, low,
             high);
    return number;
}

static void take_pair(struct picture *p, char *line)
{
    static const char *const keys[] = {"tile",  "time", "sensor", "satellite",        "north",
                                       "south", "west", "east",   "sun_elevation_deg"};
    char *equals = strchr(line, '=');
    if (!equals)
        return; /* a plain remark */
    *equals++ = 0;
    while (*line == ' ')
        line++;
    for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char *texts[] = {p->tile, p->time, p->sensor, p->satellite};
        double *numbers[] = {&p->north, &p->south, &p->west, &p->east, &p->sun_elevation_deg};
        double low[] = {-90, -90, -360, -360, -90}, high[] = {90, 90, 540, 540, 90};
        if (strcmp(line, keys[i]) != 0)
            continue;
        if (p->seen & 1u << i)
            stop(MALFORMED, "%s: header key '%s' occurs twice", p->path, line);
        p->seen |= 1u << i;
        if (i < 4)
            take_text(p, line, equals, texts[i]);
        else
            *numbers[i - 4] = take_number(p, line, equals, low[i - 4], high[i - 4]);
    }
}

struct header_reader {
    FILE *file;
    long used;
};

static int next_byte(struct picture *p, struct header_reader *h)
{
    int c = getc(h->file);
    if (c == EOF || ++h->used > HEADER_MAX)
        stop(MALFORMED, "%s: %s in the header", p->path,
             c == EOF ? "the file ends" : "too many bytes");
    return c;
}

static void read_comment(struct picture *p, struct header_reader *h)
{
    char line[256];
    size_t size = 0;
    for (int c; (c = next_byte(p, h)) != '\n';) {
        if (c == 0 || size >= sizeof line - 1)
            stop(MALFORMED, "%s: a comment line is too long or holds a zero byte", p->path);
        line[size++] = (char)c;
    }
    line[size] = 0;
    take_pair(p, line);
}

/* PPM: numbers are parted by white space and comments; one white space ends the header. */
static int read_number(struct picture *p, struct header_reader *h, const char *what)
{
    int c = next_byte(p, h), number = 0, digits = 0;
    for (; c == '#' || c == ' ' || c == '\n' || c == '\t' || c == '\r'; c = next_byte(p, h))
        if (c == '#')
            read_comment(p, h);
    for (; c >= '0' && c <= '9' && digits < 6; digits++, c = next_byte(p, h))
        number = number * 10 + (c - '0');
    if (digits == 0 || !(c == ' ' || c == '\n' || c == '\t' || c == '\r'))
        stop(MALFORMED, "%s: %s is not a number", p->path, what);
    return number;
}

static void check_header(const struct picture *p, int most)
{
    if (p->seen != 0x1ff)
        stop(MALFORMED,
             "%s: the header lacks one of tile, time, sensor, satellite, north, south, west, east, "
             "sun_elevation_deg",
             p->path);
    if (most != 255 || p->width < 16 || p->height < 16 || p->width > SIDE_MAX ||
        p->height > SIDE_MAX)
        stop(MALFORMED, "%s: %d x %d with maximum %d; wanted 16..%d on each side and 255", p->path,
             p->width, p->height, most, SIDE_MAX);
    if (p->north <= p->south || p->east <= p->west)
        stop(MALFORMED, "%s: the corners do not span an area", p->path);
}

static void read_picture(struct picture *p, const char *path)
{
    snprintf(p->path, sizeof p->path, "%s", path);
    struct stat st;
    struct header_reader h = {.file = fopen(path, "rb")};
    if (!h.file || fstat(fileno(h.file), &st) < 0 || !S_ISREG(st.st_mode))
        stop(NO_INPUT, "cannot read %s: %s", path, h.file ? "not a regular file" : strerror(errno));
    if (next_byte(p, &h) != 'P' || next_byte(p, &h) != '6')
        stop(MALFORMED, "%s: not a binary PPM (P6)", path);
    p->width = read_number(p, &h, "the width");
    p->height = read_number(p, &h, "the height");
    check_header(p, read_number(p, &h, "the maximum value"));
    size_t size = (size_t)p->width * (size_t)p->height * 3;
    p->rgb = allocate(size, 1);
    size_t got = fread(p->rgb, 1, size, h.file);
    if (got != size || getc(h.file) != EOF)
        stop(MALFORMED, "%s: %s after %zu of %zu bytes of pixels", path,
             got != size ? "the file ends" : "more bytes", got, size);
    fclose(h.file);
    printf("read %s: tile %s, %s, %s of %s, Sun at %.1f deg\n", path, p->tile, p->time, p->sensor,
           p->satellite, p->sun_elevation_deg);
}

#endif
