/*
 * orbit/plan_io.h - contact plans as text: CSV, ION's ionrc commands, HDTN's JSON; written and read.
 *
 * Story:   a plan that our geometry predicts can be given to other people's nodes, and a plan that somebody else made can
 *          take the place of our geometry (scenario key `links.plan`). Writers take one contact after the other, so that
 *          millions need no memory; the reader takes a whole text, checks it, and hands back contacts sorted by pair and
 *          start, disjoint within a pair. Links are two-way here: ION's and HDTN's contacts have a direction, so each is
 *          written twice, and on reading either direction makes the link stand. Formats: docs/format/contact-plan.md.
 * Owns:    a `struct contact_plan` owns its contacts (malloc'd: hosts and tools read plans, not machines).
 * Units:   TAI ns, bit/s, us; ION and HDTN have whole seconds (rounded inwards) after the reference time.
 * Errors:  ERR_INVALID with line and what would be right; ERR_NO_MEMORY.   Limits: CONTACT_PLAN_CONTACTS_MAX.
 * Threads: single owner.
 */
#ifndef NOCT_ORBIT_PLAN_IO_H
#define NOCT_ORBIT_PLAN_IO_H

#include "base/text.h"
#include "orbit/sky.h"

enum { CONTACT_PLAN_CONTACTS_MAX = 4 << 20 };

enum contact_plan_format { CONTACT_PLAN_CSV, CONTACT_PLAN_IONRC, CONTACT_PLAN_HDTN };
/* "csv", "ionrc" or "hdtn". */
err contact_plan_format_parse(const char *name, enum contact_plan_format *out) MUST_USE;

/* ---- writing ---- */

struct contact_plan_writer {
    enum contact_plan_format format;
    tai_ns reference; /* second 0 of ION and HDTN */
    const struct sky *sky; /* names for CSV; NULL: numbers */
    struct text *out;
    uint64_t written; /* contacts; shorter ones than the format's resolution are left out */
};

void contact_plan_write_begin(struct contact_plan_writer *w);
void contact_plan_write_contact(struct contact_plan_writer *w, const struct contact *c);
void contact_plan_write_end(struct contact_plan_writer *w);

/* ---- reading ---- */

struct contact_plan {
    struct contact *contacts; /* by (a, b, start) */
    size_t count;
};
void contact_plan_free(struct contact_plan *p);

/* Tells the node of a name or number; 0: there is none. */
typedef uint32_t contact_plan_node_of(const void *context, struct span name);

struct contact_plan_source {
    enum contact_plan_format format;
    tai_ns reference;
    contact_plan_node_of *node_of;
    const void *context;
};
err contact_plan_read(const struct contact_plan_source *r, struct span text, struct contact_plan *out, struct parse_error *error) MUST_USE;
/* ERR_INVALID unless sorted and disjoint. */
err contact_plan_check(const struct contact_plan *p) MUST_USE;

/* Contacts of one pair, in order of start. */
const struct contact *contact_plan_pair(const struct contact_plan *p, uint32_t a, uint32_t b, size_t *count);

#endif
