/*
 * host/control.h - the line protocol of the supervisor's socket: docs/protocol/control.md.
 *
 * Errors:  control_call: NOT_FOUND (nothing runs there), TIMEOUT, IO, TOO_LARGE.
 */
#ifndef NOCT_HOST_CONTROL_H
#define NOCT_HOST_CONTROL_H

#include "base/bytes.h"

enum { CONTROL_LINE_MAX = 1 << 20, CONTROL_PATH_MAX = 100 };

/* A name for STATE/control.sock that fits into a socket address however deep STATE is; keep *fd open while it is used. */
err control_path(const char *state_directory, char out[CONTROL_PATH_MAX], int *fd) MUST_USE;
/* Sends one request line, gives back the answer (malloc'ed, zero-terminated, without the newline). */
err control_call(const char *state_directory, const char *request, char **answer) MUST_USE;

#endif
