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

#include "base/err.h"

enum { SPINS = 4000 }; /* some 20 to 100 microseconds */

struct member {
    struct pool *pool;
    unsigned number; /* the caller of pool_run is 0 */
    pthread_t id;
};

struct pool {
    _Atomic uint32_t round;    /* what sleepers wait for */
    _Atomic uint32_t sleepers;
    _Atomic uint32_t finished; /* jobs of this round */
    _Atomic bool closing;
    void (*job)(void *context, size_t index);
    void *context;
    _Atomic uint32_t count;
    _Atomic uint32_t taken[POOL_JOBS_MAX]; /* the last round for which somebody took this job */
    unsigned threads;                      /* besides the caller */
    struct member members[];
};

static void pause_briefly(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Takes the jobs of a round that nobody has, its own first. Who comes late, when the round is over, finds them all taken. */
static void work(struct pool *p, unsigned number, uint32_t round)
{
    uint32_t count = atomic_load(&p->count), first = (uint32_t)((uint64_t)number * count / (p->threads + 1));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = (first + i) % count, before = round - 1;
        if (atomic_load(&p->taken[index]) != before || !atomic_compare_exchange_strong(&p->taken[index], &before, round))
            continue;
        p->job(p->context, index);
        atomic_fetch_add(&p->finished, 1);
    }
}

static void *worker(void *member)
{
    const struct member *m = member;
    struct pool *p = m->pool;
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
        work(p, m->number, seen);
    }
}

static void wake(struct pool *p)
{
    if (atomic_load(&p->sleepers) > 0)
        syscall(SYS_futex, &p->round, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void pool_run(struct pool *p, void (*job)(void *context, size_t index), void *context, size_t count)
{
    /* Nobody works now: all jobs of the last round are done. A job that this round has not is not taken in it: nobody may. */
    ASSERT(count <= POOL_JOBS_MAX);
    uint32_t round = atomic_load(&p->round) + 1;
    p->job = job;
    p->context = context;
    atomic_store(&p->finished, 0);
    atomic_store(&p->count, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        atomic_store(&p->taken[i], round - 1);
    for (size_t i = count; i < POOL_JOBS_MAX; i++)
        atomic_store(&p->taken[i], round);
    atomic_store(&p->round, round);
    wake(p);
    work(p, 0, round);
    for (int i = 0; atomic_load(&p->finished) < count; i++) {
        if (i < SPINS)
            pause_briefly();
        else
            sched_yield(); /* a worker lost its core */
    }
}

struct pool *pool_open(unsigned threads)
{
    struct pool *p = calloc(1, sizeof *p + threads * sizeof(struct member));
    if (!p)
        return NULL;
    unsigned begun = 0;
    while (begun + 1 < threads) {
        struct member *m = &p->members[begun];
        *m = (struct member){.pool = p, .number = begun + 1};
        if (pthread_create(&m->id, NULL, worker, m) != 0)
            break;
        begun++;
    }
    p->threads = begun;
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
        pthread_join(p->members[i].id, NULL);
    free(p);
}
