#include "core/port.h"

const char *trace_name(enum trace_id id)
{
    static const char *const names[TRACE_COUNT] = {
#define TRACE(name, level, text) [TRACE_##name] = #name,
#include "core/trace.def"
#undef TRACE
    };
    return (unsigned)id < TRACE_COUNT ? names[id] : "?";
}

char trace_level(enum trace_id id)
{
    static const char levels[] = {
#define TRACE(name, level, text) [TRACE_##name] = (#level)[0],
#include "core/trace.def"
#undef TRACE
    };
    return (unsigned)id < TRACE_COUNT ? levels[id] : 'E';
}

static const struct {
    const char *name;
    bool edge;
} probes[PROBE_COUNT] = {
#define PROBE(name, text) [PROBE_##name] = {#name, false},
#define EDGE(machine, from, to) [PROBE_##machine##_##from##_##to] = {#machine " " #from " -> " #to, true},
#include "core/probe.def"
};

const char *probe_name(enum probe_id id)
{
    return (unsigned)id < PROBE_COUNT ? probes[id].name : "?";
}

bool probe_is_edge(enum probe_id id)
{
    return (unsigned)id < PROBE_COUNT && probes[id].edge;
}
