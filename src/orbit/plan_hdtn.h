/*
 * orbit/plan_hdtn.h - the contacts of HDTN's JSON, one after the other (apart, because jansson and base/text.h share names).
 *
 * Errors: ERR_INVALID with line and column; what the sink returns, with the line of its item if it left `error->line` at the
 * item's index.   Units: seconds, bit/s.   Threads: pure.
 */
#ifndef NOCT_ORBIT_PLAN_HDTN_H
#define NOCT_ORBIT_PLAN_HDTN_H

#include "base/bytes.h"
#include "orbit/elements.h"

struct plan_hdtn_item {
    int index;
    double source, dest, start_s, end_s, rate_bps, owlt_s; /* all from 0 and bounded */
};
typedef err plan_hdtn_sink(void *context, const struct plan_hdtn_item *item);

err plan_hdtn_read(struct span text, plan_hdtn_sink *sink, void *context, struct parse_error *error) MUST_USE;
/* The line on which item `index` begins. */
int plan_hdtn_line(struct span text, size_t index);

#endif
