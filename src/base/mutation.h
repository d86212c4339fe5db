/*
 * base/mutation.h - seeded bugs that prove the checkers: `if (MUTATION(ACK_BEFORE_SYNC))` in product code.
 *
 * Story:   a checker that never failed proves nothing. Each row of mutation.def is a bug that somebody might have written; in a
 *          build with `-Dmutations=true` one of them can be chosen at start (`noct twin run --mutation NAME`), and the promise
 *          named in its row must break. In every other build MUTATION is the constant false: no code, no state.
 * Threads: chosen once before the run, read-only afterwards.
 */
#ifndef NOCT_BASE_MUTATION_H
#define NOCT_BASE_MUTATION_H

#include <stdbool.h>

#ifdef NOCT_MUTATIONS
enum mutation {
    MUTATION_NONE,
#define MUTATION_ROW(name, promise, text) MUTATION_##name,
#include "base/mutation.def"
#undef MUTATION_ROW
    MUTATION_COUNT
};
extern enum mutation mutation_now;
#define MUTATION(name) (mutation_now == MUTATION_##name)
bool mutation_choose(const char *name);                    /* false: no such row */
const char *mutation_name(enum mutation m);                /* "ACK_BEFORE_SYNC" */
const char *mutation_promise(enum mutation m);             /* "I1" */
#else
#define MUTATION(name) false
#endif

#endif
