#include "node/yaml_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

err yaml_fail(struct yaml_reader *r, const yaml_node_t *at, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(r->error->text, sizeof r->error->text, format, list);
    va_end(list);
    r->error->line = at ? (int)at->start_mark.line + 1 : 0;
    r->error->column = at ? (int)at->start_mark.column + 1 : 0;
    return ERR_INVALID;
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

enum { TEXT_BYTES_MAX = 1 << 20, DEPTH_MAX = 64, ANCHORS_MAX = 1000 };

static err text_fail(struct scenario_error *error, yaml_mark_t at, const char *before, const char *what)
{
    snprintf(error->text, sizeof error->text, "%s%s", before, what);
    error->line = (int)at.line + 1;
    error->column = (int)at.column + 1;
    return ERR_INVALID;
}

/* libyaml takes quadratic time for deep nesting and for many anchors: a mebibyte of either would hold us for minutes. */
static err limits_check(yaml_parser_t *parser, struct scenario_error *error)
{
    size_t depth = 0, anchors = 0, documents = 0;
    for (yaml_event_type_t type = YAML_NO_EVENT; type != YAML_STREAM_END_EVENT;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return text_fail(error, parser->problem_mark, "not YAML: ", parser->problem ? parser->problem : "unreadable");
        type = event.type;
        documents += type == YAML_DOCUMENT_START_EVENT;
        bool opens = type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
        depth += opens;
        depth -= type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT;
        anchors += (type == YAML_SEQUENCE_START_EVENT && event.data.sequence_start.anchor) ||
                   (type == YAML_MAPPING_START_EVENT && event.data.mapping_start.anchor) ||
                   (type == YAML_SCALAR_EVENT && event.data.scalar.anchor);
        yaml_mark_t at = event.start_mark;
        yaml_event_delete(&event);
        if (documents > 1)
            return text_fail(error, at, "a second document (`---`) begins here", "; a file is one document, so nothing of it would be read");
        if (depth > DEPTH_MAX)
            return text_fail(error, at, "lists and mappings are nested too deep", "; a scenario needs no more than 64 levels");
        if (anchors > ANCHORS_MAX)
            return text_fail(error, at, "too many anchors (`&name`)", "; at most 1,000 are allowed");
    }
    return ERR_OK;
}

err yaml_load(struct span text, yaml_document_t *document, struct scenario_error *error)
{
    yaml_parser_t parser;
    if (text.size > TEXT_BYTES_MAX)
        return text_fail(error, (yaml_mark_t){0}, "the file is larger than", " a mebibyte");
    if (!yaml_parser_initialize(&parser))
        return ERR_NO_MEMORY;
    yaml_parser_set_input_string(&parser, text.data, text.size);
    err e = limits_check(&parser, error);
    yaml_parser_delete(&parser);
    TRY(e);
    if (!yaml_parser_initialize(&parser))
        return ERR_NO_MEMORY;
    yaml_parser_set_input_string(&parser, text.data, text.size);
    if (!yaml_parser_load(&parser, document))
        e = text_fail(error, parser.problem_mark, "not YAML: ", parser.problem ? parser.problem : "unreadable");
    yaml_parser_delete(&parser);
    return e;
}

/* ---- nodes ---------------------------------------------------------------------------------------------------------- */

static const yaml_node_t *node_at(struct yaml_reader *r, int id)
{
    return yaml_document_get_node(r->document, id);
}

static struct span scalar(const yaml_node_t *n)
{
    return span_of(n->data.scalar.value, n->data.scalar.length);
}

const yaml_node_t *yaml_child(struct yaml_reader *r, const yaml_node_t *mapping, const char *key)
{
    if (!mapping || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < mapping->data.mapping.pairs.top; p++) {
        const yaml_node_t *k = node_at(r, p->key);
        if (k->type == YAML_SCALAR_NODE && span_equal_text(scalar(k), key))
            return node_at(r, p->value);
    }
    return NULL;
}

bool yaml_has(struct yaml_reader *r, const yaml_node_t *mapping, const char *key)
{
    return yaml_child(r, mapping, key) != NULL;
}

err yaml_sequence(struct yaml_reader *r, const yaml_node_t *node, const char *what, size_t most, size_t *count)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return yaml_fail(r, node, "`%s` must be a list (lines that begin with `- `)", what);
    *count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (*count > most)
        return yaml_fail(r, node, "`%s` has %zu entries; at most %zu are allowed", what, *count, most);
    return ERR_OK;
}

const yaml_node_t *yaml_item(struct yaml_reader *r, const yaml_node_t *sequence, size_t index)
{
    return node_at(r, sequence->data.sequence.items.start[index]);
}

static bool word_allowed(struct span s, const char *words)
{
    while (*words) {
        size_t n = strcspn(words, " ");
        if (span_equal(s, span_of(words, n)))
            return true;
        words += n;
        words += *words == ' ';
    }
    return false;
}

static bool name_good(struct span s)
{
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                    c == '.';
        if (!good)
            return false;
    }
    return s.size > 0 && s.data[0] != '.'; /* names become names of folders: `..` is none */
}

static err number(struct yaml_reader *r, const yaml_node_t *n, const struct yaml_field *f, double *out)
{
    if (parse_double(scalar(n), out) != ERR_OK)
        return yaml_fail(r, n, "`%s` must be a plain number; its unit is part of the key", f->key);
    if ((f->low != 0 || f->high != 0) && (*out < f->low || *out > f->high))
        return yaml_fail(r, n, "`%s` is %g; it must be between %g and %g", f->key, *out, f->low, f->high);
    return ERR_OK;
}

static err whole(struct yaml_reader *r, const yaml_node_t *n, const struct yaml_field *f, uint64_t *out)
{
    double v;
    if (parse_u64(scalar(n), UINT64_MAX, out) != ERR_OK)
        return yaml_fail(r, n, "`%s` must be a whole number", f->key);
    return number(r, n, f, &v);
}

static err duration(struct yaml_reader *r, const yaml_node_t *n, const struct yaml_field *f, duration_ns *out)
{
    char text[40];
    if (!text_copy(text, sizeof text, scalar(n)) || time_duration_parse(text, out) != ERR_OK)
        return yaml_fail(r, n, "`%s` must be a duration with a unit, such as 90s, 10m, 1.5h or 7d", f->key);
    double seconds = (double)*out / 1e9;
    if ((f->low != 0 || f->high != 0) && (seconds < f->low || seconds > f->high))
        return yaml_fail(r, n, "`%s` must be between %g s and %g s", f->key, f->low, f->high);
    return ERR_OK;
}

static err text_value(struct yaml_reader *r, const yaml_node_t *n, const struct yaml_field *f, char *out)
{
    struct span s = scalar(n);
    if (f->type == YAML_NAME && !name_good(s))
        return yaml_fail(r, n, "`%s` must be a name of letters, digits, `-`, `_` and `.` (not at its beginning)", f->key);
    if (f->type == YAML_WORD && f->words && !word_allowed(s, f->words))
        return yaml_fail(r, n, "`%s` is `%.*s`; it must be one of: %s", f->key, (int)MIN(s.size, (size_t)40), (const char *)s.data,
                         f->words);
    if (!text_copy(out, f->size, s))
        return yaml_fail(r, n, "`%s` is longer than %zu characters", f->key, f->size - 1);
    return ERR_OK;
}

static err value(struct yaml_reader *r, const yaml_node_t *n, const struct yaml_field *f, uint8_t *place)
{
    if (f->type == YAML_SUB)
        return ERR_OK;
    if (n->type != YAML_SCALAR_NODE)
        return yaml_fail(r, n, "`%s` must be a single value", f->key);
    uint64_t u = 0;
    char utc[40];
    switch (f->type) {
    case YAML_DOUBLE:
        return number(r, n, f, (double *)(void *)place);
    case YAML_U64:
        return whole(r, n, f, (uint64_t *)(void *)place);
    case YAML_U32:
        TRY(whole(r, n, f, &u));
        if (u > UINT32_MAX)
            return yaml_fail(r, n, "`%s` is too large", f->key);
        *(uint32_t *)(void *)place = (uint32_t)u;
        return ERR_OK;
    case YAML_BOOL:
        if (!word_allowed(scalar(n), "true false yes no"))
            return yaml_fail(r, n, "`%s` must be true or false", f->key);
        *(bool *)place = scalar(n).data[0] == 't' || scalar(n).data[0] == 'y';
        return ERR_OK;
    case YAML_UTC:
        if (!text_copy(utc, sizeof utc, scalar(n)) || time_utc_parse(utc, (tai_ns *)(void *)place) != ERR_OK)
            return yaml_fail(r, n, "`%s` must be a UTC time such as 2026-11-21T06:00:00Z", f->key);
        return ERR_OK;
    case YAML_DURATION:
        return duration(r, n, f, (duration_ns *)(void *)place);
    case YAML_NAME:
    case YAML_WORD:
        return text_value(r, n, f, (char *)place);
    case YAML_SUB:
        break;
    }
    return ERR_OK;
}

/* The known key that looks most like a mistyped one, to help the person. */
static const char *closest(struct span key, const struct yaml_field *fields, size_t count)
{
    const char *best = fields[0].key;
    size_t best_common = 0;
    for (size_t i = 0; i < count; i++) {
        size_t common = 0;
        while (common < key.size && fields[i].key[common] && fields[i].key[common] == (char)key.data[common])
            common++;
        if (common > best_common) {
            best_common = common;
            best = fields[i].key;
        }
    }
    return best;
}

static err keys_check(struct yaml_reader *r, const yaml_node_t *mapping, const char *what, const struct yaml_field *fields,
                      size_t count)
{
    const yaml_node_pair_t *start = mapping->data.mapping.pairs.start, *top = mapping->data.mapping.pairs.top;
    for (const yaml_node_pair_t *p = start; p < top; p++) {
        const yaml_node_t *k = node_at(r, p->key);
        if (k->type != YAML_SCALAR_NODE)
            return yaml_fail(r, k, "a key in %s must be a plain word", what);
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known = known || span_equal_text(scalar(k), fields[i].key);
        if (!known)
            return yaml_fail(r, k, "unknown key `%.*s` in %s; did you mean `%s`?", (int)MIN(scalar(k).size, (size_t)40),
                             (const char *)scalar(k).data, what, closest(scalar(k), fields, count));
        for (const yaml_node_pair_t *q = start; q < p; q++)
            if (span_equal(scalar(node_at(r, q->key)), scalar(k)))
                return yaml_fail(r, k, "the key `%.*s` appears twice in %s", (int)MIN(scalar(k).size, (size_t)40),
                                 (const char *)scalar(k).data, what);
    }
    return ERR_OK;
}

err yaml_fill(struct yaml_reader *r, const yaml_node_t *mapping, const char *what, const struct yaml_field *fields, size_t count,
              void *out)
{
    if (mapping->type != YAML_MAPPING_NODE)
        return yaml_fail(r, mapping, "%s must be a mapping (lines of `key: value`)", what);
    TRY(keys_check(r, mapping, what, fields, count));
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *n = yaml_child(r, mapping, fields[i].key);
        if (!n && fields[i].required)
            return yaml_fail(r, mapping, "%s lacks `%s`", what, fields[i].key);
        if (n)
            TRY(value(r, n, &fields[i], (uint8_t *)out + fields[i].offset));
    }
    return ERR_OK;
}

err yaml_fill_one(struct yaml_reader *r, const yaml_node_t *mapping, const struct yaml_field *field, void *out)
{
    const yaml_node_t *n = yaml_child(r, mapping, field->key);
    return n ? value(r, n, field, (uint8_t *)out + field->offset) : ERR_OK;
}
