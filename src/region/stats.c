#include "region/inside.h"

static const struct {
    const char *name, *service;
} ops[OP_COUNT] = {
#define OP(name, text, service) [OP_##name] = {text, service},
#include "region/op.def"
#undef OP
};

const uint32_t stats_bounds_ms[LATENCY_BUCKETS] = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30000};

const char *op_name(enum op op)
{
    return ops[op].name;
}

const char *op_service(enum op op)
{
    return ops[op].service;
}

void stats_count(struct region *r, enum op op, unsigned status, duration_ns took)
{
    struct op_stats *s = &r->stats[op];
    size_t bucket = 0;
    while (bucket < LATENCY_BUCKETS && took > (duration_ns)stats_bounds_ms[bucket] * NS_PER_MS)
        bucket++;
    s->by_class[MIN(status / 100, 5u)]++;
    s->latency[bucket]++;
    s->latency_us_sum += (uint64_t)(took / NS_PER_US);
}
