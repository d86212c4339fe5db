/*
 * orbit/plan_io.h - contact plans as text: CSV, ION's ionrc commands, HDTN's JSON; written and read.
 *
 * Story:   a plan that our geometry predicts can be given to other people's nodes, and a plan that somebody else made can
 *          take the place of our geometry (scenario key `links.plan`). Writers take one contact after the other, so that
 *          millions need no memory; the reader takes a whole text, checks it, and hands back contacts sorted by pair and
 *          start, disjoint within a pair. Links are two-way here: ION's and HDTN's contacts have a direction, so each is
 *          written twice, and on reading either direction makes the link stand. Formats: docs/format/contact-plan.md.
 * Owns:    a `struct plan` owns its contacts (malloc'd: hosts and tools read plans, not machines).
 * Units:   TAI ns, bit/s, us; ION and HDTN have whole seconds (rounded inwards) after the reference time.
 * Errors:  ERR_INVALID with line and what would be right; ERR_NO_MEMORY.   Limits: PLAN_CONTACTS_MAX.
 * Threads: single owner.
 */
#ifndef NOCT_ORBIT_PLAN_IO_H
#define NOCT_ORBIT_PLAN_IO_H

#include "base/text.h"
#include "orbit/sky.h"

enum { PLAN_CONTACTS_MAX = 4 << 20 };

enum plan_format { PLAN_CSV, PLAN_IONRC, PLAN_HDTN };
/* "csv", "ionrc" or "hdtn". */
err plan_format_parse(const char *name, enum plan_format *out) MUST_USE;

/* ---- writing ---- */

struct plan_writer {
    enum plan_format format;
    tai_ns reference; /* second 0 of ION and HDTN */
    const struct sky *sky; /* names for CSV; NULL: numbers */
    struct text *out;
    uint64_t written; /* contacts; shorter ones than the format's resolution are left out */
};

void plan_write_begin(struct plan_writer *w);
void plan_write_contact(struct plan_writer *w, const struct contact *c);
void plan_write_end(struct plan_writer *w);

/* ---- reading ---- */

struct plan {
    struct contact *contacts; /* by (a, b, start) */
    size_t count;
};
void plan_free(struct plan *p);

/* Tells the node of a name or number; 0: there is none. */
typedef uint32_t plan_node_of(const void *context, struct span name);

struct plan_reader {
    enum plan_format format;
    tai_ns reference;
    plan_node_of *node_of;
    const void *context;
};
err plan_read(const struct plan_reader *r, struct span text, struct plan *out, struct parse_error *error) MUST_USE;
/* ERR_INVALID unless sorted and disjoint. */
err plan_check(const struct plan *p) MUST_USE;

/* Contacts of one pair, in order of start. */
const struct contact *plan_pair(const struct plan *p, uint32_t a, uint32_t b, size_t *count);

#endif
