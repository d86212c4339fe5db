#include "twin/pool.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SPINS = 4000 }; /* some 20 to 100 microseconds */

struct pool {
    _Atomic uint64_t ticket;   /* round << 32 | number of the next job */
    _Atomic uint32_t round;    /* what sleepers wait for */
    _Atomic uint32_t sleepers;
    _Atomic uint32_t finished; /* jobs of this round */
    _Atomic bool closing;
    void (*job)(void *context, size_t index);
    void *context;
    _Atomic uint32_t count;
    unsigned threads;
    pthread_t ids[];
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Takes jobs until there are none. A ticket's round says which jobs it is for: one that was drawn late, from a round that is over,
 * has a number beyond its count. */
static void work(struct pool *p)
{
    for (;;) {
        uint64_t ticket = atomic_load(&p->ticket);
        uint32_t index = (uint32_t)ticket;
        if (index >= atomic_load(&p->count))
            return;
        if (!atomic_compare_exchange_weak(&p->ticket, &ticket, ticket + 1))
            continue;
        p->job(p->context, index);
        atomic_fetch_add(&p->finished, 1);
    }
}

static void *worker(void *pool)
{
    struct pool *p = pool;
    uint32_t seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&p->round) == seen; i++)
            pause_briefly();
        if (atomic_load(&p->round) == seen) {
            atomic_fetch_add(&p->sleepers, 1);
            syscall(SYS_futex, &p->round, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
            atomic_fetch_sub(&p->sleepers, 1);
        }
        if (atomic_load(&p->closing))
            return NULL;
        seen = atomic_load(&p->round);
        work(p);
    }
}

static void wake(struct pool *p)
{
    if (atomic_load(&p->sleepers) > 0)
        syscall(SYS_futex, &p->round, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void pool_run(struct pool *p, void (*job)(void *context, size_t index), void *context, size_t count)
{
    /* Nobody works now: all tickets of the last round are drawn and done, and a late look at the ticket finds none. */
    p->job = job;
    p->context = context;
    uint64_t round = (atomic_load(&p->ticket) >> 32) + 1;
    atomic_store(&p->finished, 0);
    atomic_store(&p->ticket, round << 32 | UINT32_MAX / 2);
    atomic_store(&p->count, (uint32_t)count);
    atomic_store(&p->ticket, round << 32);
    atomic_store(&p->round, (uint32_t)round);
    wake(p);
    work(p);
    for (int i = 0; atomic_load(&p->finished) < count; i++) {
        if (i < SPINS)
            pause_briefly();
        else
            sched_yield(); /* a worker lost its core */
    }
}

struct pool *pool_open(unsigned threads)
{
    struct pool *p = calloc(1, sizeof *p + threads * sizeof(pthread_t));
    if (!p)
        return NULL;
    while (p->threads + 1 < threads && pthread_create(&p->ids[p->threads], NULL, worker, p) == 0)
        p->threads++;
    if (p->threads > 0)
        return p;
    free(p);
    return NULL;
}

void pool_close(struct pool *p)
{
    if (!p)
        return;
    atomic_store(&p->closing, true);
    atomic_fetch_add(&p->round, 1);
    syscall(SYS_futex, &p->round, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    for (unsigned i = 0; i < p->threads; i++)
        pthread_join(p->ids[i], NULL);
    free(p);
}
