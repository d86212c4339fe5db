/*
 * host/trace_log.h - a node's trace: a bounded log file for people, and the last thousand lines in memory for a panic.
 *
 * Story:    every trace becomes one line "UTC LEVEL NAME about: text". The file is rotated once at LOG_BYTES_MAX (log,
 *           log.1), so that it never holds more than twice that. When an assertion fails, trace_log_panic writes the ring
 *           (the flight recorder) to NODE/panic.txt with plain write calls, and the process ends.
 * Owns:     the file, the ring. No secrets reach it: planes do not trace them.
 * Threads:  the loop's; the panic hook runs on the thread that failed.
 */
#ifndef NOCT_HOST_TRACE_LOG_H
#define NOCT_HOST_TRACE_LOG_H

#include "base/time.h"
#include "core/machine.h"

enum { LOG_BYTES_MAX = 8 << 20, LOG_RING = 1000, LOG_LINE_MAX = 400 };

err trace_log_open(const char *node_directory) MUST_USE; /* one per process; also installs the panic hook */
void trace_log_add(tai_ns wall, const struct effect_trace *trace, const char *about);
void trace_log_say(tai_ns wall, char level, const char *name, const char *format, ...) PRINTF_LIKE(4, 5);
void trace_log_close(void);

#endif
