/*
 * base/err.h - error codes, assertions, and the few attributes that every file uses.
 *
 * Story:  an author's mistake is an ASSERT (kept in release builds); an unkind world is an `err`,
 *         which must be looked at. One table (err.def) gives the enum, the name, the text, the remedy.
 * Threads: everything here is pure but noct_panic_hook_set (call it once, at start).
 */
#ifndef NOCT_BASE_ERR_H
#define NOCT_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef enum err {
#define ERR(name, remedy, text) ERR_##name,
#include "base/err.def"
#undef ERR
    ERR_COUNT
} err;

enum err_remedy { REMEDY_NONE, REMEDY_LATER, REMEDY_CALLER, REMEDY_REPAIR, REMEDY_SAFE };

const char *err_name(err e);          /* "NOT_FOUND" */
const char *err_text(err e);          /* a sentence fragment for people */
enum err_remedy err_remedy_of(err e); /* what the receiver should do */

/* Called with file, line and the failed expression before abort(); may dump a flight recorder. */
typedef void panic_hook(const char *file, int line, const char *expression);
void noct_panic_hook_set(panic_hook *hook);
_Noreturn void noct_panic(const char *file, int line, const char *expression);

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            noct_panic(__FILE__, __LINE__, #condition);                                            \
    } while (0)

/* Return early with the error of an expression. */
#define TRY(expression)                                                                            \
    do {                                                                                           \
        err try_error_ = (expression);                                                             \
        if (try_error_ != ERR_OK)                                                                  \
            return try_error_;                                                                     \
    } while (0)

#undef MIN /* sys/param.h has its own */
#undef MAX
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
