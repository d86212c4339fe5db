/*
 * host/files.h - small files that must be whole or absent: read with a bound, written by rename.
 *
 * Errors:  NOT_FOUND, TOO_LARGE, NO_SPACE, DENIED, IO.
 * Threads: pure but for the file system.
 */
#ifndef NOCT_HOST_FILES_H
#define NOCT_HOST_FILES_H

#include <sys/types.h>

#include "base/bytes.h"

enum { PATH_SIZE = 1024 };

/* "DIR/NAME"; false when it does not fit (`out` is then empty). */
bool path_join(char out[PATH_SIZE], const char *directory, const char *name);
/* The whole file, malloc'ed, with a zero behind its end. */
err file_read(const char *path, size_t most, uint8_t **data, size_t *size) MUST_USE;
/* Writes beside the file, syncs, renames, syncs the directory: a crash leaves the old content or the new. */
err file_write(const char *path, struct span data, mode_t mode) MUST_USE;
/* Makes one directory with mode 0700; an existing one is fine. */
err directory_make(const char *path) MUST_USE;
/* Removes a directory and everything below it, without following links. */
void directory_remove(const char *path);
/* The folder of the running program, and files that come with it: beside it, in the source tree, or installed. */
bool program_file(const char *name, char out[PATH_SIZE]); /* false: found nowhere */
int64_t random_u63(void);                                  /* from the operating system */
void random_bytes(void *out, size_t size);

#endif
