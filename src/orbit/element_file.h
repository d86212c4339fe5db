/*
 * orbit/element_file.h - a whole file of element sets, TLE or OMM, good and bad ones mixed.
 *
 * Story:   catalogues come with damaged lines, stale epochs and satellites that are long down. One
 * bad set must not cost the others: each problem is told with its line and satellite, what cannot
 * be used is left out, and the rest goes to the sink. What is merely old is told and kept. Units:
 * TAI ns. Errors: only what ends the reading: text that is no element file at all (ERR_INVALID),
 * too large (ERR_TOO_LARGE), ERR_NO_MEMORY, or what the sink returned. Threads: pure.
 */
#ifndef NOCT_ORBIT_ELEMENT_FILE_H
#define NOCT_ORBIT_ELEMENT_FILE_H

#include "orbit/omm.h"

enum element_problem_kind {
    ELEMENT_MALFORMED, /* left out */
    ELEMENT_CHECKSUM,  /* TLE: a column was damaged; left out */
    ELEMENT_DECAYED,   /* no position at `at`; left out */
    ELEMENT_OLD,       /* the epoch is far from `at`; kept */
    ELEMENT_TWICE,     /* a catalogue number that was there before; left out */
};
enum { ELEMENT_PROBLEM_KINDS = 5 };

struct element_problem {
    enum element_problem_kind kind;
    int line, column; /* 1-based; 0 where the notation keeps none */
    uint32_t catalog; /* 0: not known */
    char name[ELEMENTS_NAME_SIZE];
    char text[160]; /* a sentence for people */
};

struct element_rules {
    tai_ns at;           /* when the sets shall be used; 0: at their own epochs, no age check */
    duration_ns age_max; /* of an epoch before or after `at`; 0: 30 days */
    bool once;           /* of sets with one catalogue number only the first is used */
};

struct element_summary {
    bool tle;
    size_t sets, used; /* sets that were found; that went to the sink */
    size_t problems[ELEMENT_PROBLEM_KINDS];
    tai_ns oldest, newest; /* epochs of the used ones */
};

typedef err element_sink(void *context, const struct elements *e);
typedef void element_problem_sink(void *context, const struct element_problem *p); /* may be NULL */

err element_file_read(struct span text, const struct element_rules *rules, element_sink *sink,
                      element_problem_sink *problem, void *context, struct element_summary *summary,
                      struct parse_error *error) MUST_USE;
const char *element_problem_name(enum element_problem_kind kind); /* "malformed", "checksum", ... */

#endif
