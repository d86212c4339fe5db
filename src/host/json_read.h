/*
 * host/json_read.h - reads small trusted-format JSON (state files, control lines) by jansson, with defaults.
 *
 * Story:    parse once, ask for members by name; a missing or mistyped member gives the default that the caller names.
 * Owns:     the tree, until json_close of the root. Members are borrowed from it.
 * Note:     a room of its own because base/text.h (the writer) and jansson share names.
 */
#ifndef NOCT_HOST_JSON_READ_H
#define NOCT_HOST_JSON_READ_H

#include "base/bytes.h"

struct json_value; /* jansson's json_t */

/* `why` (may be NULL) receives line, column and what is wrong. NULL: not JSON. */
struct json_value *json_read(struct span text, char why[160]);
void json_close(struct json_value *root); /* NULL is allowed */
const struct json_value *json_member(const struct json_value *v, const char *name); /* NULL: none; v may be NULL */
const char *json_text_of(const struct json_value *v, const char *name, const char *otherwise);
int64_t json_int_of(const struct json_value *v, const char *name, int64_t otherwise);
double json_number_of(const struct json_value *v, const char *name, double otherwise);
bool json_bool_of(const struct json_value *v, const char *name, bool otherwise);
size_t json_count(const struct json_value *array); /* 0 for NULL and for what is no array */
const struct json_value *json_item(const struct json_value *array, size_t index);
const char *json_item_text(const struct json_value *array, size_t index, const char *otherwise);
char *json_compact(const struct json_value *v); /* malloc'ed text of any value; NULL for NULL */
char *json_pretty(const struct json_value *v);

#endif
