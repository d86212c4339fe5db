/* fuzz/fault_plan.c - any bytes as a fault plan: no crash; what is refused has a place; what is read is written and read again alike. */
#include <stdlib.h>
#include <string.h>

#include "twin/fault_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char scenario_text[] =
    "name: small\nepoch: 2026-11-21T09:00:00Z\n"
    "constellation:\n  - {kind: walker-delta, prefix: sat, count: 4, planes: 2, phasing: 1, altitude_km: 1200, inclination_deg: 60}\n"
    "gateways:\n  - {name: gw-a, latitude_deg: 10, longitude_deg: 20}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct scenario *s;
    struct scenario_error error;
    if (!s && scenario_parse(span_text(scenario_text), NULL, NULL, &s, &error) != ERR_OK)
        abort();
    struct fault_plan plan, again;
    if (fault_plan_read(s, span_of(data, size), &plan, &error) != ERR_OK) {
        if (error.line < 1 || error.column < 1 || error.text[0] == 0)
            abort();
        return 0;
    }
    struct text one = text_new(NULL, 64 << 20), two = text_new(NULL, 64 << 20);
    fault_plan_write(s, &plan, "fuzz", &one);
    if (fault_plan_read(s, text_span(&one), &again, &error) != ERR_OK)
        abort();
    fault_plan_write(s, &again, "fuzz", &two);
    if (!span_equal(text_span(&one), text_span(&two)))
        abort();
    fault_plan_free(&plan);
    fault_plan_free(&again);
    text_free(&one);
    text_free(&two);
    return 0;
}
