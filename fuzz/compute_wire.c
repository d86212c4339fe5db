/* fuzz/compute_wire.c - the compute plane's decoders on any bytes: what they accept must encode back to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "compute/wire.h"

#define ROUND_TRIP(kind, read, write)                                                                                              \
    do {                                                                                                                           \
        struct kind value;                                                                                                         \
        if (read(body, &value) == ERR_OK) {                                                                                        \
            write(&w, &value);                                                                                                     \
            ASSERT(span_equal(writer_span(&w), body));                                                                             \
        }                                                                                                                          \
    } while (0)

static void spec(struct span body, struct writer *w)
{
    struct task_spec s;
    struct uid id;
    if (compute_spec_read(body, &id, &s) != ERR_OK)
        return;
    compute_spec_write(w, id, &s);
    ASSERT(span_equal(writer_span(w), body));
    for (size_t i = 0; i < s.output_count; i++)
        ASSERT(compute_spec_relative(s.outputs[i].path).size > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct span body = {data + 1, size - 1};
    uint8_t *again = malloc(size + 64);
    ASSERT(again != NULL);
    struct writer w = writer_of(again, size + 64);
    struct uid id;
    switch (data[0] % 8) {
    case 0:
        spec(body, &w);
        break;
    case 1:
        ROUND_TRIP(award, compute_award_read, compute_award_write);
        break;
    case 2:
        ROUND_TRIP(report, compute_report_read, compute_report_write);
        break;
    case 3:
        ROUND_TRIP(outcome, compute_outcome_read, compute_outcome_write);
        break;
    case 4:
        if (compute_cancel_read(body, &id) == ERR_OK) {
            compute_cancel_write(&w, id);
            ASSERT(span_equal(writer_span(&w), body));
        }
        break;
    case 5:
        ROUND_TRIP(receipt, compute_receipt_read, compute_receipt_write);
        break;
    case 6:
        ROUND_TRIP(announce, compute_announce_read, compute_announce_write);
        break;
    default:
        ROUND_TRIP(bid, compute_bid_read, compute_bid_write);
        break;
    }
    free(again);
    return 0;
}
