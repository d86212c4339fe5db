/*
 * fuzz/scenario.c - arbitrary bytes as a scenario file: an error with a place, or a scenario that is whole.
 */
#include "node/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario *s = NULL;
    struct scenario_error wrong;
    if (size > 65536)
        return 0;
    if (scenario_parse(span_of(data, size), NULL, NULL, &s, &wrong) != ERR_OK) {
        ASSERT(wrong.text[0] != 0);
        return 0;
    }
    ASSERT(s->site_count > s->satellite_count && s->satellite_count > 0);
    struct config c;
    scenario_config(s, (node_id)s->site_count, 1, &c);
    scenario_free(s);
    return 0;
}
