#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *text;
    enum err_remedy remedy;
} err_table[ERR_COUNT] = {
#define ERR(name, remedy, text) [ERR_##name] = {#name, text, REMEDY_##remedy},
#include "base/err.def"
#undef ERR
};

static panic_hook *panic_hook_current;

const char *err_name(err e)
{
    return (unsigned)e < ERR_COUNT ? err_table[e].name : "UNKNOWN";
}

const char *err_text(err e)
{
    return (unsigned)e < ERR_COUNT ? err_table[e].text : "unknown error";
}

enum err_remedy err_remedy_of(err e)
{
    return (unsigned)e < ERR_COUNT ? err_table[e].remedy : REMEDY_SAFE;
}

void noct_panic_hook_set(panic_hook *hook)
{
    panic_hook_current = hook;
}

_Noreturn void noct_panic(const char *file, int line, const char *expression)
{
    if (panic_hook_current)
        panic_hook_current(file, line, expression);
    fprintf(stderr, "panic: %s:%d: %s\n", file, line, expression);
    abort();
}
