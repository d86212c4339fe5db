/*
 * fuzz/scenario.c - arbitrary bytes as a scenario file: an error with a place, or a scenario that is whole. At most so many
 * satellites: thousands are the same code for a thousand times as long.
 */
#include "node/scenario.h"

enum { SITES_MAX = 150, TEXT_MAX = 16384 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario *s = NULL;
    struct scenario_error wrong;
    if (size > TEXT_MAX)
        return 0;
    if (scenario_parse_within(SITES_MAX, span_of(data, size), NULL, NULL, &s, &wrong) != ERR_OK) {
        ASSERT(wrong.text[0] != 0);
        return 0;
    }
    ASSERT(s->site_count > s->satellite_count && s->satellite_count > 0 && s->site_count <= SITES_MAX);
    struct config c;
    scenario_config(s, (node_id)s->site_count, 1, &c);
    scenario_free(s);
    return 0;
}
