/*
 * checksum - prints and stores the FNV-1a 64-bit hash and the size of every input; the smallest
 * useful workload.
 *
 * Reads each regular file in /work/in (or DIR given), in the order of names; writes
 * /work/out/checksums.txt with lines "HASH SIZE NAME" and the same to stdout. Exit: 0 done, 2
 * usage, 3 no input, 7 cannot write. Not for security.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILES_MAX = 10000 };

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int hash_file(const char *path, uint64_t *hash, uint64_t *size)
{
    static unsigned char bytes[1 << 16];
    struct stat st;
    FILE *file = fopen(path, "rb");
    if (!file || fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode)) {
        if (file)
            fclose(file);
        return -1;
    }
    *hash = 0xcbf29ce484222325u;
    *size = 0;
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, file)) > 0; *size += got)
        for (size_t i = 0; i < got; i++)
            *hash = (*hash ^ bytes[i]) * 0x100000001b3u;
    int failed = ferror(file);
    fclose(file);
    return failed ? -1 : 0;
}

int main(int argc, char **argv)
{
    const char *in = argc > 1 ? argv[1] : "/work/in", *out = argc > 2 ? argv[2] : "/work/out";
    char path[1024];
    struct dirent **entries;
    if (argc > 3) {
        fprintf(stderr, "usage: checksum [IN [OUT]]\n");
        return 2;
    }
    int count = scandir(in, &entries, is_visible, alphasort);
    if (count <= 0 || count > FILES_MAX) {
        fprintf(stderr, "checksum: %s: %s\n", in,
                count < 0 ? strerror(errno)
                : count   ? "too many files"
                          : "no files");
        return 3;
    }
    snprintf(path, sizeof path, "%.700s/checksums.txt", out);
    mkdir(out, 0755);
    FILE *list = fopen(path, "w");
    if (!list) {
        fprintf(stderr, "checksum: cannot write %s: %s\n", path, strerror(errno));
        return 7;
    }
    for (int i = 0; i < count; i++) {
        uint64_t hash, size;
        snprintf(path, sizeof path, "%.700s/%.255s", in, entries[i]->d_name);
        if (hash_file(path, &hash, &size) < 0)
            continue;
        fprintf(list, "%016llx %llu %s\n", (unsigned long long)hash, (unsigned long long)size,
                entries[i]->d_name);
        printf("%016llx %llu %s\n", (unsigned long long)hash, (unsigned long long)size,
               entries[i]->d_name);
    }
    return fclose(list) == 0 ? 0 : 7;
}
