#include "host/json_read.h"

#include <jansson.h>
#include <stdio.h>

static json_t *tree(const struct json_value *v)
{
    return (json_t *)(uintptr_t)v;
}

struct json_value *json_read(struct span text, char why[160])
{
    json_error_t error;
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!root && why)
        snprintf(why, 160, "line %d, column %d: %.120s", error.line, error.column, error.text);
    return (struct json_value *)root;
}

void json_close(struct json_value *root)
{
    json_decref(tree(root));
}

const struct json_value *json_member(const struct json_value *v, const char *name)
{
    return (const struct json_value *)json_object_get(tree(v), name);
}

const char *json_text_of(const struct json_value *v, const char *name, const char *otherwise)
{
    const char *s = json_string_value(json_object_get(tree(v), name));
    return s ? s : otherwise;
}

int64_t json_int_of(const struct json_value *v, const char *name, int64_t otherwise)
{
    const json_t *member = json_object_get(tree(v), name);
    return json_is_integer(member) ? json_integer_value(member) : otherwise;
}

double json_number_of(const struct json_value *v, const char *name, double otherwise)
{
    const json_t *member = json_object_get(tree(v), name);
    return json_is_number(member) ? json_number_value(member) : otherwise;
}

bool json_bool_of(const struct json_value *v, const char *name, bool otherwise)
{
    const json_t *member = json_object_get(tree(v), name);
    return json_is_boolean(member) ? json_is_true(member) : otherwise;
}

size_t json_count(const struct json_value *array)
{
    return json_array_size(tree(array));
}

const struct json_value *json_item(const struct json_value *array, size_t index)
{
    return (const struct json_value *)json_array_get(tree(array), index);
}

const char *json_item_text(const struct json_value *array, size_t index, const char *otherwise)
{
    const char *s = json_string_value(json_array_get(tree(array), index));
    return s ? s : otherwise;
}

char *json_compact(const struct json_value *v)
{
    return v ? json_dumps(tree(v), JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
}

char *json_pretty(const struct json_value *v)
{
    return v ? json_dumps(tree(v), JSON_INDENT(2) | JSON_ENCODE_ANY) : NULL;
}
