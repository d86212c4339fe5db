/*
 * orbit/omm.h - orbit mean-elements messages (CCSDS 502.0-B-3) as KVN, XML, JSON and CSV.
 *
 * Story:   the same seventeen fields in four notations, as CelesTrak and Space-Track deliver them.
 * Each complete record is handed to a sink as `struct elements`. Catalogue numbers may have nine
 * digits. Only SGP4 elements in TEME with UTC epochs are taken; anything else is refused with the
 * place and the reason. Format:  docs/format/elements.md. Errors:  ERR_INVALID (malformed, missing
 * or repeated field, other theory or frame), ERR_TOO_LARGE (limits below), or what the sink
 * returned. `error` holds line, column (1-based; 0 where the notation gives none) and why. Limits:
 * text up to OMM_TEXT_MAX bytes; values up to 127 characters; CSV rows up to 64 columns. Memory:
 * expat and jansson allocate with malloc while they parse: use at the border (host, tools), not in
 * a step. Threads: pure.
 */
#ifndef NOCT_ORBIT_OMM_H
#define NOCT_ORBIT_OMM_H

#include "base/bytes.h"
#include "orbit/elements.h"

enum { OMM_TEXT_MAX = 64 << 20, OMM_VALUE_SIZE = 128, OMM_COLUMNS_MAX = 64 };

enum omm_notation { OMM_AUTO, OMM_KVN, OMM_XML, OMM_JSON, OMM_CSV };

typedef err omm_sink(void *context, const struct elements *e);

/* AUTO looks at the first character and line: '<' XML, '[' or '{' JSON, a header with commas CSV,
 * else KVN. */
err omm_read(struct span text, enum omm_notation notation, omm_sink *sink, void *context,
             struct parse_error *error) MUST_USE;

/*
 * The same, but a record that is wrong is told to `problem` and left out, and reading goes on
 * behind it. What is not a record (broken XML, no header) still ends the reading. `line` (may be
 * NULL) holds the line on which the record began while the sink is called.
 */
typedef void omm_problem(void *context, const struct parse_error *error);
err omm_read_each(struct span text, enum omm_notation notation, omm_sink *sink,
                  omm_problem *problem, void *context, int *line,
                  struct parse_error *error) MUST_USE;
enum omm_notation omm_notation_of(struct span text);

/* Writing: omm_write_begin, omm_write_one for each set, omm_write_end. AUTO is no notation here. */
struct text;
void omm_write_begin(struct text *out, enum omm_notation notation);
void omm_write_one(struct text *out, enum omm_notation notation, const struct elements *e,
                   bool first);
void omm_write_end(struct text *out, enum omm_notation notation);

#endif
