#include "orbit/plan_hdtn.h"

#include <jansson.h>

#define SECONDS_MAX 4e9 /* a century */

int plan_hdtn_line(struct span text, size_t index)
{
    size_t depth = 0, seen = 0;
    int line = 1;
    bool quoted = false;
    for (size_t k = 0; k < text.size; k++) {
        uint8_t c = text.data[k];
        line += c == '\n';
        if (quoted) {
            k += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (depth == 2 && c == '{' && seen++ == index)
                return line;
            depth++;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return line;
}

static bool number(json_t *item, const char *key, double most, double *out)
{
    json_t *value = json_object_get(item, key);
    if (!json_is_number(value))
        return false;
    *out = json_number_value(value);
    return *out >= 0.0 && *out <= most;
}

static bool item_fill(json_t *item, struct plan_hdtn_item *out)
{
    return json_is_object(item) && number(item, "source", 4e9, &out->source) && number(item, "dest", 4e9, &out->dest) &&
           number(item, "startTime", SECONDS_MAX, &out->start_s) && number(item, "endTime", SECONDS_MAX, &out->end_s) &&
           number(item, "rateBitsPerSec", 1e15, &out->rate_bps) && number(item, "owlt", 4000.0, &out->owlt_s);
}

static err items_read(struct span text, json_t *contacts, plan_hdtn_sink *sink, void *context, struct parse_error *error)
{
    for (size_t k = 0; k < json_array_size(contacts); k++) {
        struct plan_hdtn_item item = {.index = (int)k};
        if (!item_fill(json_array_get(contacts, k), &item))
            return parse_fail(error, ERR_INVALID, plan_hdtn_line(text, k), 1,
                              "a contact has source, dest, startTime, endTime (seconds), rateBitsPerSec and owlt, numbers from 0");
        err result = sink(context, &item);
        if (result != ERR_OK && error)
            error->line = plan_hdtn_line(text, k);
        TRY(result);
    }
    return ERR_OK;
}

err plan_hdtn_read(struct span text, plan_hdtn_sink *sink, void *context, struct parse_error *error)
{
    json_error_t bad;
    json_t *top = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &bad);
    if (!top)
        return parse_fail(error, ERR_INVALID, MAX(bad.line, 1), MAX(bad.column, 1), "not JSON: %s", bad.text);
    json_t *contacts = json_object_get(top, "contacts");
    err result = json_is_array(contacts) ? items_read(text, contacts, sink, context, error)
                                         : parse_fail(error, ERR_INVALID, 1, 1, "the text is {\"contacts\": [...]}");
    json_decref(top);
    return result;
}
