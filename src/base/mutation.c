#include "base/mutation.h"

#ifdef NOCT_MUTATIONS
#include <string.h>

enum mutation mutation_now = MUTATION_NONE;

static const struct {
    const char *name, *promise;
} rows[MUTATION_COUNT] = {
    {"NONE", "-"},
#define MUTATION_ROW(name, promise, text) {#name, #promise},
#include "base/mutation.def"
#undef MUTATION_ROW
};

bool mutation_choose(const char *name)
{
    for (int m = 0; m < MUTATION_COUNT; m++)
        if (strcmp(rows[m].name, name) == 0) {
            mutation_now = (enum mutation)m;
            return true;
        }
    return false;
}

const char *mutation_name(enum mutation m)
{
    return m < MUTATION_COUNT ? rows[m].name : "?";
}

const char *mutation_promise(enum mutation m)
{
    return m < MUTATION_COUNT ? rows[m].promise : "?";
}
#else
typedef int mutation_is_not_built; /* a translation unit is never empty */
#endif
