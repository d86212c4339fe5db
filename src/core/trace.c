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
