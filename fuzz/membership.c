/* fuzz/membership.c - the decoders of membership facts and of statuses: what they accept encodes back to the same meaning. */
#include <string.h>

#include "manage/member_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[JOIN_SIZE_MAX];
    if (size == 0)
        return 0;
    struct span body = span_of(data + 1, size - 1);
    struct writer w = writer_of(out, sizeof out);
    struct reader r = reader_of(body.data, body.size);
    struct manage_join join;
    struct suspect suspect;
    struct convict convict;
    struct comeback comeback;
    struct leave leave;
    struct status status;
    struct pulse pulse;
    struct heard heard;
    struct span again = {0};
    bool taken = false;
    switch (data[0] % 8) {
    case 0:
        taken = manage_join_decode(body, &join) == ERR_OK;
        ASSERT(!taken || manage_join_encode(&join, out, sizeof out, &again) == ERR_OK);
        break;
    case 1:
        if ((taken = suspect_read(body, &suspect) == ERR_OK))
            suspect_write(&w, &suspect);
        break;
    case 2:
        if ((taken = convict_read(body, &convict) == ERR_OK))
            convict_write(&w, &convict);
        break;
    case 3:
        if ((taken = comeback_read(body, &comeback) == ERR_OK))
            comeback_write(&w, &comeback);
        break;
    case 4:
        if ((taken = leave_read(body, &leave) == ERR_OK))
            leave_write(&w, &leave);
        break;
    case 5:
        if ((taken = pulse_read(&r, &pulse) && reader_at_end(&r)))
            pulse_write(&w, &pulse);
        break;
    case 6:
        if ((taken = heard_read(body, &heard) == ERR_OK))
            heard_write(&w, &heard);
        break;
    default:
        if ((taken = status_read(&r, &status) && reader_at_end(&r)))
            status_write(&w, &status);
    }
    if (taken)
        ASSERT(span_equal(body, again.size ? again : writer_span(&w)));
    return 0;
}
