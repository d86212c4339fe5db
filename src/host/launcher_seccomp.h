/*
 * host/launcher_seccomp.h - the system calls a sandboxed workload may make, as a classic BPF
 * program.
 *
 * Story:   an allow-list: what computing programs need. Calls that only an attacker needs kill the
 * process (SIGSYS); everything else answers EPERM; clone3 answers ENOSYS, so that the C library
 * falls back to clone, whose namespace flags can be checked; sockets exist only for AF_UNIX.
 * Errors:  ERR_UNSUPPORTED when libseccomp cannot build the filter on this machine; ERR_IO,
 * ERR_TOO_LARGE.
 */
#ifndef NOCT_HOST_LAUNCHER_SECCOMP_H
#define NOCT_HOST_LAUNCHER_SECCOMP_H

#include <linux/filter.h>

#include "base/err.h"

/* Writes at most `most` instructions; `count` receives how many. */
err launcher_seccomp_build(struct sock_filter *program, uint32_t most, uint32_t *count) MUST_USE;

#endif
