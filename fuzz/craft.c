/*
 * fuzz/craft.c - arbitrary bytes as the file of a class of craft: an error with a text, or a member that has a budget.
 */
#include <string.h>

#include "node/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err load(void *context, const char *path, struct span *out)
{
    if (strcmp(path, "it.yaml") != 0 && strcmp(path, "craft/it.yaml") != 0) /* it may name itself */
        return ERR_NOT_FOUND;
    *out = *(const struct span *)context;
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct scenario_error wrong;
    struct member m;
    if (size > 8192)
        return 0;
    if (scenario_member_parse("it.yaml", load, &text, &m, &wrong) != ERR_OK) {
        ASSERT(wrong.text[0] != 0);
        return 0;
    }
    ASSERT(member_check(&m) == ERR_OK);
    struct member_budget b = member_budget_at(&m, 550.0, 5.0);
    ASSERT(b.load_w >= 0.0);
    return 0;
}
