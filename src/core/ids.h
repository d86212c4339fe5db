/*
 * core/ids.h - names of things: nodes, services (one per plane), unique ids.
 */
#ifndef NOCT_CORE_IDS_H
#define NOCT_CORE_IDS_H

#include "base/bytes.h"
#include "base/time.h"

typedef uint32_t node_id; /* the node number of `ipn:NODE.SERVICE`; 0 is nobody, and the author id of the mission root */
#define NODE_NONE 0u
#define NODE_ROOT 0u

/* One service number per plane; also tells which plane owns an operation or an alarm. */
enum service {
    SERVICE_NONE,
    SERVICE_FACTS,
    SERVICE_NETWORK,
    SERVICE_STORAGE,
    SERVICE_COMPUTE,
    SERVICE_SENSOR,
    SERVICE_MANAGE,
    SERVICE_REGION, /* the region machine or, in the twin, the modelled customers */
    SERVICE_COUNT
};
const char *service_name(enum service s);

/*
 * A unique id that sorts by time: hybrid logical clock (u64 BE), node (u32 BE), counter (u32 BE). Object versions,
 * uploads, tasks and parts are named by it, without coordination.
 */
struct uid {
    uint8_t bytes[16];
};
#define UID_TEXT_SIZE 33 /* 32 hex digits and the final zero */
bool uid_equal(struct uid a, struct uid b);
int uid_compare(struct uid a, struct uid b);
bool uid_is_zero(struct uid a);
void uid_text(struct uid a, char out[UID_TEXT_SIZE]);
err uid_parse(struct span text, struct uid *out) MUST_USE;
struct span uid_span(const struct uid *a);
uint64_t uid_hlc(struct uid a);
node_id uid_node(struct uid a);

/*
 * Hybrid logical clock: TAI milliseconds << 16 | counter. Later than everything seen (Kulkarni et al. 2014).
 */
typedef uint64_t hlc;
hlc hlc_next(hlc last, tai_ns wall);
tai_ns hlc_time(hlc t); /* its wall part */

#endif
