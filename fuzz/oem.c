/* fuzz/oem.c - any bytes as an OEM: no crash; what passes can be interpolated and written; errors
 * say why. */
#include <stdlib.h>

#include "orbit/oem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct oem o, again;
    struct parse_error error = {0};
    if (oem_read(span_of(data, size), &o, &error) != ERR_OK) {
        if (error.text[0] == 0)
            abort();
        return 0;
    }
    struct text t = text_new(NULL, 1 << 24);
    oem_write_begin(&t, OEM_KVN, 0);
    for (size_t k = 0; k < o.segment_count; k++) {
        const struct oem_segment *s = &o.segments[k];
        double r[3], v[3];
        if (!oem_state(&o, k, s->start, r, v) ||
            !oem_state(&o, k, s->start + (s->stop - s->start) / 3, r, v))
            abort();
        oem_write_object(&t, OEM_KVN, s->name, s->designator, o.points + s->first, s->count);
    }
    oem_write_end(&t, OEM_KVN);
    if (text_ok(&t) && oem_read(text_span(&t), &again, &error) == ERR_OK)
        oem_free(&again);
    text_free(&t);
    oem_free(&o);
    return 0;
}
