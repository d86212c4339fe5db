#include "core/ids.h"

#include <string.h>

#include "base/text.h"

const char *service_name(enum service s)
{
    static const char *const names[SERVICE_COUNT] = {"none",    "facts",  "network", "storage",
                                                     "compute", "sensor", "manage",  "region"};
    return (unsigned)s < SERVICE_COUNT ? names[s] : "unknown";
}

bool uid_equal(struct uid a, struct uid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

int uid_compare(struct uid a, struct uid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

bool uid_is_zero(struct uid a)
{
    return uid_equal(a, (struct uid){{0}});
}

void uid_text(struct uid a, char out[UID_TEXT_SIZE])
{
    hex_encode(a.bytes, sizeof a.bytes, out);
}

err uid_parse(struct span text, struct uid *out)
{
    return hex_decode(text, out->bytes, sizeof out->bytes);
}

struct span uid_span(const struct uid *a)
{
    return span_of(a->bytes, sizeof a->bytes);
}

uint64_t uid_hlc(struct uid a)
{
    struct reader r = reader_of(a.bytes, 8);
    return read_u64_be(&r);
}

node_id uid_node(struct uid a)
{
    struct reader r = reader_of(a.bytes + 8, 4);
    return read_u32_be(&r);
}

hlc hlc_next(hlc last, tai_ns wall)
{
    hlc now = (hlc)(wall > 0 ? wall / NS_PER_MS : 0) << 16;
    return now > last ? now : last + 1;
}

tai_ns hlc_time(hlc t)
{
    return (tai_ns)(t >> 16) * NS_PER_MS;
}
