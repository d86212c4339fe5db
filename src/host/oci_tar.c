#include "host/oci_tar.h"

#include <string.h>

#include "base/text.h"

/* Offsets of the ustar header block. */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_SIZE = 124,
    AT_SUM = 148,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_PREFIX = 345
};

void tar_init(struct tar_reader *t, struct tar_source source)
{
    memset(t, 0, sizeof *t);
    t->source = source;
}

/* Exactly `size` bytes, or ERR_TRUNCATED; ERR_NOT_FOUND when the source ends before the first byte.
 */
static err take(struct tar_reader *t, void *out, size_t size)
{
    uint8_t *to = out;
    for (size_t done = 0; done < size;) {
        size_t got = 0;
        TRY(t->source.read(t->source.context, to + done, size - done, &got));
        if (got == 0)
            return done == 0 ? ERR_NOT_FOUND : ERR_TRUNCATED;
        ASSERT(got <= size - done);
        done += got;
        t->offset += got;
    }
    return ERR_OK;
}

static err skip(struct tar_reader *t, uint64_t size)
{
    uint8_t bytes[4096];
    while (size > 0) {
        size_t part = (size_t)MIN(size, sizeof bytes);
        err e = take(t, bytes, part);
        if (e != ERR_OK)
            return e == ERR_NOT_FOUND ? ERR_TRUNCATED : e;
        size -= part;
    }
    return ERR_OK;
}

err tar_body(struct tar_reader *t, void *out, size_t size, size_t *got)
{
    size_t part = (size_t)MIN(t->body_left, (uint64_t)size);
    *got = 0;
    if (part == 0)
        return ERR_OK;
    err e = take(t, out, part);
    if (e != ERR_OK)
        return e == ERR_NOT_FOUND ? ERR_TRUNCATED : e;
    t->body_left -= part;
    *got = part;
    return ERR_OK;
}

/* ---- fields ---- */

/* Octal digits ended by blank or zero; or, with the top bit set, a big-endian number (GNU). */
static err number(const uint8_t *field, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    if (field[0] & 0x80) {
        for (size_t i = 0; i < size; i++) {
            uint8_t byte = i == 0 ? field[i] & 0x7f : field[i];
            if (value >> 56)
                return ERR_INVALID;
            value = value << 8 | byte;
        }
    } else {
        size_t i = 0;
        while (i < size && field[i] == ' ')
            i++;
        for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
            value = value << 3 | (uint64_t)(field[i] - '0');
        if (i < size && field[i] != ' ' && field[i] != 0)
            return ERR_INVALID;
    }
    if (value > INT64_MAX)
        return ERR_INVALID;
    *out = value;
    return ERR_OK;
}

static err sum_check(const uint8_t *block)
{
    uint64_t said, sum = 8 * ' ';
    int64_t signed_sum = 8 * ' '; /* some old writers summed signed characters */
    TRY(number(block + AT_SUM, 8, &said));
    for (int i = 0; i < TAR_BLOCK; i++)
        if (i < AT_SUM || i >= AT_SUM + 8) {
            sum += block[i];
            signed_sum += (int8_t)block[i];
        }
    return sum == said || signed_sum == (int64_t)said ? ERR_OK : ERR_CORRUPT;
}

err tar_path_clean(const char *path, char *out)
{
    size_t used = 0;
    while (*path) {
        size_t part = strcspn(path, "/");
        if (part == 2 && path[0] == '.' && path[1] == '.')
            return ERR_DENIED;
        if (part > 255 || used + part + 2 > TAR_PATH_MAX)
            return ERR_TOO_LARGE;
        if (part > 0 && !(part == 1 && path[0] == '.')) {
            if (used)
                out[used++] = '/';
            memcpy(out + used, path, part);
            used += part;
        }
        path += part;
        path += *path == '/';
    }
    if (used == 0)
        out[used++] = '.';
    out[used] = 0;
    return ERR_OK;
}

/* ---- extended headers ---- */

static err copy_name(char out[TAR_PATH_MAX], struct span value)
{
    while (value.size > 0 && value.data[value.size - 1] == 0)
        value.size--;
    if (value.size >= TAR_PATH_MAX)
        return ERR_TOO_LARGE;
    if (memchr(value.data, 0, value.size))
        return ERR_INVALID;
    memcpy(out, value.data, value.size);
    out[value.size] = 0;
    return ERR_OK;
}

static err records_load(struct tar_reader *t, uint64_t size, struct span *out)
{
    if (size > TAR_RECORDS_MAX)
        return ERR_TOO_LARGE;
    err e = size ? take(t, t->records, (size_t)size) : ERR_OK;
    if (e == ERR_OK)
        e = skip(t, (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
    *out = (struct span){t->records, (size_t)size};
    return e == ERR_NOT_FOUND ? ERR_TRUNCATED : e;
}

static err pax_record(struct tar_reader *t, struct span key, struct span value)
{
    if (span_equal_text(key, "path")) {
        t->has_long_path = true;
        return copy_name(t->long_path, value);
    }
    if (span_equal_text(key, "linkpath")) {
        t->has_long_link = true;
        return copy_name(t->long_link, value);
    }
    if (span_equal_text(key, "size")) {
        t->has_long_size = true;
        return parse_u64(value, INT64_MAX, &t->long_size);
    }
    if (key.size >= 10 && memcmp(key.data, "GNU.sparse", 10) == 0)
        return ERR_UNSUPPORTED;
    return ERR_OK;
}

/* "LENGTH KEY=VALUE\n", LENGTH counting itself. */
static err pax_records(struct tar_reader *t, struct span all)
{
    while (all.size > 0) {
        uint64_t length;
        const uint8_t *blank = memchr(all.data, ' ', MIN(all.size, 20u));
        if (!blank)
            return ERR_INVALID;
        size_t digits = (size_t)(blank - all.data);
        TRY(parse_u64(span_of(all.data, digits), all.size, &length));
        if (length < digits + 4 || all.data[length - 1] != '\n')
            return ERR_INVALID;
        struct span pair = {blank + 1, (size_t)length - digits - 2};
        const uint8_t *equals = memchr(pair.data, '=', pair.size);
        if (!equals)
            return ERR_INVALID;
        size_t key = (size_t)(equals - pair.data);
        TRY(pax_record(t, span_of(pair.data, key), span_of(equals + 1, pair.size - key - 1)));
        all = span_of(all.data + length, all.size - (size_t)length);
    }
    return ERR_OK;
}

/* Takes a header that belongs to the next one; *done says that `block` was such. */
static err extension(struct tar_reader *t, const uint8_t *block, uint64_t size, bool *done)
{
    struct span records;
    char type = (char)block[AT_TYPE];
    *done = type == 'x' || type == 'g' || type == 'L' || type == 'K';
    if (!*done)
        return ERR_OK;
    TRY(records_load(t, size, &records));
    if (type == 'x')
        return pax_records(t, records);
    if (type == 'L') {
        t->has_long_path = true;
        return copy_name(t->long_path, records);
    }
    if (type == 'K') {
        t->has_long_link = true;
        return copy_name(t->long_link, records);
    }
    return ERR_OK; /* global records carry comments and times: nothing that is used */
}

/* ---- entries ---- */

static err kind_of(uint8_t type, enum tar_kind *out)
{
    switch (type) {
    case 0:
    case '0':
    case '7':
        *out = TAR_FILE;
        return ERR_OK;
    case '1':
        *out = TAR_HARDLINK;
        return ERR_OK;
    case '2':
        *out = TAR_SYMLINK;
        return ERR_OK;
    case '3':
    case '4':
        *out = TAR_DEVICE;
        return ERR_OK;
    case '5':
        *out = TAR_DIRECTORY;
        return ERR_OK;
    case 'S':
        return ERR_UNSUPPORTED;
    default:
        *out = TAR_OTHER;
        return ERR_OK;
    }
}

static void field_text(char *out, const uint8_t *field, size_t size)
{
    size_t used = strnlen((const char *)field, size);
    memcpy(out, field, used);
    out[used] = 0;
}

static err names(const struct tar_reader *t, const uint8_t *block, struct tar_entry *entry)
{
    char path[TAR_PATH_MAX], link[TAR_PATH_MAX];
    bool ustar =
        memcmp(block + AT_MAGIC, "ustar\0", 6) == 0; /* GNU's old magic has no prefix field */
    path[0] = 0;
    if (t->has_long_path)
        memcpy(path, t->long_path, sizeof path);
    else {
        if (ustar && block[AT_PREFIX]) {
            field_text(path, block + AT_PREFIX, 155);
            path[strlen(path) + 1] = 0;
            path[strlen(path)] = '/';
        }
        field_text(path + strlen(path), block + AT_NAME, 100);
    }
    if (t->has_long_link)
        memcpy(link, t->long_link, sizeof link);
    else
        field_text(link, block + AT_LINK, 100);
    size_t size = strlen(path);
    if (entry->kind == TAR_FILE && size > 0 && path[size - 1] == '/')
        entry->kind = TAR_DIRECTORY; /* before POSIX, directories were files with a slash */
    TRY(tar_path_clean(path, entry->path));
    if (entry->kind == TAR_HARDLINK)
        return tar_path_clean(link, entry->link);
    memcpy(entry->link, link, sizeof link);
    if (entry->kind == TAR_SYMLINK && !link[0])
        return ERR_INVALID;
    return ERR_OK;
}

static err entry_fill(struct tar_reader *t, const uint8_t *block, uint64_t size,
                      struct tar_entry *entry)
{
    uint64_t mode;
    TRY(kind_of(block[AT_TYPE], &entry->kind));
    TRY(number(block + AT_MODE, 8, &mode));
    entry->mode = (uint32_t)mode & 0777;
    TRY(names(t, block, entry));
    if (t->has_long_size)
        size = t->long_size;
    if (entry->kind == TAR_DIRECTORY || entry->kind == TAR_SYMLINK || entry->kind == TAR_HARDLINK ||
        entry->kind == TAR_DEVICE)
        size = 0; /* links may state the size of their target, without content */
    entry->size_bytes = size;
    entry->body_offset = t->offset;
    t->body_left = size;
    t->pad_left = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    t->has_long_path = t->has_long_link = t->has_long_size = false;
    return ERR_OK;
}

err tar_next(struct tar_reader *t, struct tar_entry *entry)
{
    static const uint8_t zeros[TAR_BLOCK];
    if (t->ended)
        return ERR_NOT_FOUND;
    TRY(skip(t, t->body_left));
    TRY(skip(t, t->pad_left));
    t->body_left = t->pad_left = 0;
    memset(entry, 0, sizeof *entry);
    for (;;) {
        uint8_t block[TAR_BLOCK];
        uint64_t size;
        bool extended;
        err e = take(t, block, sizeof block);
        if (e == ERR_NOT_FOUND)
            return ERR_TRUNCATED; /* without a zero block nobody knows whether something is missing
                                   */
        if (e == ERR_OK && memcmp(block, zeros, sizeof block) == 0) {
            t->ended = true; /* two by the book, one is commonly met */
            return ERR_NOT_FOUND;
        }
        TRY(e);
        TRY(sum_check(block));
        TRY(number(block + AT_SIZE, 12, &size));
        TRY(extension(t, block, size, &extended));
        if (!extended)
            return entry_fill(t, block, size, entry);
    }
}
