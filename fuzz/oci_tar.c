/* fuzz-oci_tar: any bytes through the tar reader; checks that paths it lets pass stay inside. */
#include <stdlib.h>
#include <string.h>

#include "host/oci_tar.h"

static err read_span_source(void *context, void *out, size_t size, size_t *got)
{
    struct reader *r = context;
    *got = MIN(size, reader_left(r));
    read_bytes(r, out, *got);
    return ERR_OK;
}

static void check_path(const char *path)
{
    ASSERT(path[0] != 0 && path[0] != '/' && strlen(path) < TAR_PATH_MAX);
    for (const char *part = path; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        ASSERT(!(part[0] == '.' && part[1] == '.' && (part[2] == 0 || part[2] == '/')));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tar_reader tar;
    struct reader input = reader_of(data, size);
    struct tar_entry entry;
    tar_init(&tar, (struct tar_source){&input, read_span_source});
    uint64_t total = 0;
    while (tar_next(&tar, &entry) == ERR_OK) {
        uint8_t bytes[777];
        size_t got = 1;
        check_path(entry.path);
        if (entry.kind == TAR_HARDLINK)
            check_path(entry.link);
        for (uint64_t body = 0; got > 0; body += got) {
            if (tar_body(&tar, bytes, sizeof bytes, &got) != ERR_OK)
                return 0;
            ASSERT(body + got <= entry.size_bytes);
            total += got;
        }
        ASSERT(total <= size);
    }
    return 0;
}
