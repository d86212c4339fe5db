/* fuzz/plan.c - any bytes as a contact plan in each format: no crash; what is read is sorted and disjoint, and written again it
 * reads again. */
#include <stdlib.h>

#include "orbit/plan_io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t node_of(const void *context, struct span name)
{
    uint64_t node;
    (void)context;
    return parse_u64(name, 1000, &node) == ERR_OK ? (uint32_t)node : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (enum contact_plan_format format = CONTACT_PLAN_CSV; format <= CONTACT_PLAN_HDTN; format++) {
        struct contact_plan_source r = {.format = format, .reference = 1000 * NS_PER_S, .node_of = node_of};
        struct contact_plan plan, again;
        struct parse_error error = {0};
        if (contact_plan_read(&r, span_of(data, size), &plan, &error) != ERR_OK) {
            if (error.text[0] == 0 || error.line < 0)
                abort();
            continue;
        }
        if (contact_plan_check(&plan) != ERR_OK)
            abort();
        struct text text = text_new(NULL, 64 << 20);
        struct contact_plan_writer w = {.format = CONTACT_PLAN_CSV, .reference = r.reference, .out = &text};
        contact_plan_write_begin(&w);
        bool writable = true; /* a calendar has an end */
        for (size_t k = 0; k < plan.count; k++) {
            writable = writable && plan.contacts[k].end < INT64_MAX / 4;
            contact_plan_write_contact(&w, &plan.contacts[k]);
        }
        contact_plan_write_end(&w);
        r.format = CONTACT_PLAN_CSV;
        if (writable && text_ok(&text) && contact_plan_read(&r, text_span(&text), &again, &error) == ERR_OK)
            contact_plan_free(&again);
        text_free(&text);
        contact_plan_free(&plan);
    }
    return 0;
}
