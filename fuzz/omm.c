/* fuzz/omm.c - any bytes as an OMM in each notation: no crash; records that pass are fit for SGP4;
 * errors say why. */
#include <stdlib.h>

#include "orbit/omm.h"
#include "orbit/sgp4.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static err take(void *context, const struct elements *e)
{
    size_t *count = context;
    struct sgp4 s;
    if (sgp4_init(&s, e) != ERR_OK)
        abort();
    (*count)++;
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int notation = OMM_AUTO; notation <= OMM_CSV; notation++) {
        struct parse_error error = {0};
        size_t count = 0;
        err result =
            omm_read(span_of(data, size), (enum omm_notation)notation, take, &count, &error);
        if (result != ERR_OK && error.text[0] == 0)
            abort();
    }
    return 0;
}
