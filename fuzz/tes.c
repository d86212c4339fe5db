/* Tasks of customers: what is accepted is within the limits and can be shown again. */
#include <stdlib.h>

#include "base/text.h"
#include "core/view.h"
#include "region/tes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tes_spec s;
    if (tes_spec_parse(span_of(data, size), 0, &s) == ERR_OK) {
        ASSERT(s.spec.executor_count >= 1 && s.spec.executor_count <= TASK_EXECUTORS_MAX);
        ASSERT(s.spec.input_count <= TASK_FILES_MAX && s.spec.output_count <= TASK_FILES_MAX && s.spec.priority <= 9);
        struct view view = {0};
        struct task_view v = {.state = TASK_COMPLETE, .document = s.spec.document, .name = s.spec.name, .attempt_count = 1};
        v.attempts[0].output = span_of(data, size);
        char *text = tes_task_text(&v, &view, TES_FULL);
        ASSERT(text != NULL);
        free(text);
    } else {
        ASSERT(s.message[0]);
    }
    tes_spec_free(&s);
    return 0;
}
