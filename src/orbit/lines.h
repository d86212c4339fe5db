/*
 * orbit/lines.h - walking through somebody's text line by line and field by field, with bounds.
 *
 * Story:   contact plans and network files are lines of fields. A cursor hands out one line at a time (without its end,
 *          LF or CRLF) and counts them, so that every error can say where; a split hands out at most so many fields.
 * Threads: pure.
 */
#ifndef NOCT_ORBIT_LINES_H
#define NOCT_ORBIT_LINES_H

#include "base/text.h"

struct lines {
    struct span text;
    size_t at;
    int line; /* of the line last given, from 1 */
};

static inline struct lines lines_of(struct span text)
{
    return (struct lines){.text = text_without_mark(text)};
}

/* False at the end. A last line without an end counts. */
static inline bool lines_next(struct lines *l, struct span *out)
{
    if (l->at >= l->text.size)
        return false;
    size_t end = l->at;
    while (end < l->text.size && l->text.data[end] != '\n')
        end++;
    size_t size = end - l->at;
    if (size > 0 && l->text.data[l->at + size - 1] == '\r')
        size--;
    *out = span_of(l->text.data + l->at, size);
    l->at = end + 1;
    l->line++;
    return true;
}

/* Fields between single separators; blanks around each are dropped. With separator ' ' runs of blanks and tabs count as
 * one. Returns how many there are, of which at most `capacity` are filled. */
size_t lines_split(struct span line, char separator, struct span *out, size_t capacity);

#endif
