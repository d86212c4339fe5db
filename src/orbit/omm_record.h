/*
 * orbit/omm_record.h - one OMM record in the making: named values in, checked elements out; for
 * omm*.c only.
 */
#ifndef NOCT_ORBIT_OMM_RECORD_H
#define NOCT_ORBIT_OMM_RECORD_H

#include "orbit/omm.h"

struct omm_record {
    struct elements elements;
    uint32_t seen; /* bit per known field */
    int line;      /* where the record began */
    omm_sink *sink;
    void *context;
    struct parse_error *error;
    omm_problem *problem; /* NULL: the first wrong record ends the reading */
    bool bad;             /* this record was told to `problem` */
    size_t number;        /* 1-based, where the notation keeps no lines; else 0 */
    int *line_out;
};

/* What a wrong record leads to: told and left out, or the end. The error must be filled. */
err omm_record_wrong(struct omm_record *r, err code) MUST_USE;

void omm_record_begin(struct omm_record *r, int line);
/* Whether the key is a number or time of ours, which must have a value where it is given. */
bool omm_record_needs_value(struct span key);
/* Sets one field; keys that are not ours are ignored. */
err omm_record_set(struct omm_record *r, struct span key, struct span value, int line,
                   int column) MUST_USE;
/* Checks that all required fields came, and hands the elements to the sink. */
err omm_record_end(struct omm_record *r) MUST_USE;
static inline bool omm_record_empty(const struct omm_record *r)
{
    return r->seen == 0;
}

err omm_read_xml(struct span text, struct omm_record *r) MUST_USE;
err omm_read_json(struct span text, struct omm_record *r) MUST_USE;

#endif
