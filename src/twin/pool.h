/*
 * twin/pool.h - a few threads that share out small jobs many thousand times a second.
 *
 * Story:   pool_run() gives each thread, the caller too, its share of a round's jobs, the same in each round, so that what a job
 *          touches stays in that core's caches; who is done helps the others. The round is over when all are done. A thread without work spins for some microseconds, then sleeps; a round never waits for
 *          a sleeper, only for jobs that somebody began.
 * Owns:    its threads.   Threads: pool_run from one thread at a time.
 */
#ifndef NOCT_TWIN_POOL_H
#define NOCT_TWIN_POOL_H

#include <stddef.h>

enum { POOL_JOBS_MAX = 64 };
struct pool;
struct pool *pool_open(unsigned threads); /* the caller counts as one of them; NULL: the system gives no threads */
void pool_close(struct pool *p);          /* NULL is allowed */
/* Calls job(context, 0) … job(context, count - 1), each once, at most POOL_JOBS_MAX, on any of the threads; what they wrote is seen afterwards. */
void pool_run(struct pool *p, void (*job)(void *context, size_t index), void *context, size_t count);

#endif
