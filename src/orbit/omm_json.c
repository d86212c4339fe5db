/* omm_json.c - OMM as JSON: one object, or an array of objects, with flat values (CelesTrak,
 * Space-Track). */
#include "orbit/omm_record.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static err value_set(struct omm_record *r, const char *key, const json_t *value, size_t index)
{
    char text[64];
    struct span s = {0};
    switch (json_typeof(value)) {
    case JSON_STRING:
        s = span_of(json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        s = span_text(text);
        break;
    case JSON_REAL:
        snprintf(text, sizeof text, "%.17g", json_real_value(value));
        if (!strpbrk(text, ".eE")) /* 1e5 is a number and no count */
            snprintf(text + strlen(text), 3, ".0");
        s = span_text(text);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        if (!omm_record_needs_value(span_text(key)))
            return ERR_OK; /* says nothing */
        return omm_record_wrong(r, parse_fail(r->error, ERR_INVALID, 0, 0,
                                              "record %zu: %.40s has no value; leave the key out or give a number",
                                              index + 1, key));
    case JSON_OBJECT:
    case JSON_ARRAY:
        return omm_record_wrong(r, parse_fail(r->error, ERR_INVALID, 0, 0,
                                              "record %zu: %.40s is not a plain value", index + 1,
                                              key));
    }
    return omm_record_set(r, span_text(key), s, 0, 0);
}

/* jansson keeps no positions of values: the record's number goes before the reason. */
static err with_index(struct omm_record *r, err code, size_t index)
{
    if (code == ERR_OK || !r->error || r->error->text[0] == 0 ||
        strncmp(r->error->text, "record ", 7) == 0)
        return code;
    char why[sizeof r->error->text];
    memcpy(why, r->error->text, sizeof why);
    return parse_fail(r->error, code, 0, 0, "record %zu: %.130s", index + 1, why);
}

static err object_read(struct omm_record *r, json_t *object, size_t index)
{
    omm_record_begin(r, 0);
    if (!json_is_object(object))
        return omm_record_wrong(
            r, parse_fail(r->error, ERR_INVALID, 0, 0, "record %zu is not an object", index + 1));
    r->number = index + 1;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) TRY(value_set(r, key, value, index));
    return omm_record_end(r);
}

static err root_read(struct omm_record *r, json_t *root)
{
    if (!json_is_array(root))
        return with_index(r, object_read(r, root, 0), 0);
    for (size_t k = 0; k < json_array_size(root); k++)
        TRY(with_index(r, object_read(r, json_array_get(root, k), k), k));
    return ERR_OK;
}

err omm_read_json(struct span text, struct omm_record *r)
{
    json_error_t why;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        return parse_fail(r->error, ERR_INVALID, why.line, why.column, "JSON: %.140s", why.text);
    if (r->error)
        r->error->text[0] = 0;
    err result = root_read(r, root);
    json_decref(root);
    return result;
}
