/* fuzz/fact.c - the fact decoder on any bytes: what it accepts must encode back to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "core/fact_codec.h"

static err keep_signature(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    (void)message;
    memcpy(signature, context, FACT_SIGNATURE_SIZE);
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fact f;
    struct fact_parts parts;
    if (fact_decode(span_of(data, size), &f, &parts) != ERR_OK)
        return 0;
    uint8_t signature[FACT_SIGNATURE_SIZE], *again = malloc(size);
    ASSERT(again != NULL && fact_encoded_size(data) == size);
    memcpy(signature, parts.signature, sizeof signature);
    struct fact_crypto crypto = {.context = signature, .sign = keep_signature};
    ASSERT(fact_encode(&f, parts.previous, &crypto, again) == ERR_OK);
    ASSERT(memcmp(again, data, size) == 0);
    free(again);
    return 0;
}
