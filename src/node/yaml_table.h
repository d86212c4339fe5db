/*
 * node/yaml_table.h - strict reading of YAML mappings by tables: unknown keys, wrong types and values outside their range
 * are errors with line and column.
 *
 * Story:   a table says for each key where its value goes, of which type it is and between which bounds. Why not a
 *          schema library: see docs/adr/0001-scenario-yaml.md (places of values that are well formed but wrong).
 * Errors:  ERR_INVALID with the error filled.
 */
#ifndef NOCT_NODE_YAML_TABLE_H
#define NOCT_NODE_YAML_TABLE_H

#include "base/time.h"
#include "node/scenario.h"

#include <yaml.h>

enum yaml_type { YAML_DOUBLE, YAML_U64, YAML_U32, YAML_BOOL, YAML_NAME, YAML_WORD, YAML_UTC, YAML_DURATION, YAML_SUB };

struct yaml_field {
    const char *key;
    enum yaml_type type;
    size_t offset, size; /* NAME and WORD: size of the char array */
    double low, high;    /* numbers and durations (seconds); both 0: no bounds */
    bool required;
    const char *words;   /* WORD: allowed words separated by blanks; NULL: any. NAME: letters, digits, - and _ */
};

struct yaml_reader {
    yaml_document_t *document;
    struct scenario_error *error;
};

#define YAML_FIELD(structure, member, key_text, kind, lowest, highest)                                                  \
    {                                                                                                                   \
        .key = key_text, .type = kind, .offset = offsetof(structure, member), .size = sizeof(((structure *)0)->member), \
        .low = lowest, .high = highest                                                                                  \
    }

/*
 * Text into a document, which yaml_document_delete gives back. At most a mebibyte, 64 levels and 1,000 anchors; ERR_INVALID with
 * the error filled, and then no document.
 */
err yaml_load(struct span text, yaml_document_t *document, struct scenario_error *error) MUST_USE;
/* Notes an error at a node (NULL: no place) and returns ERR_INVALID. */
err yaml_fail(struct yaml_reader *r, const yaml_node_t *at, const char *format, ...) PRINTF_LIKE(3, 4);
/* Fills a struct from a mapping. Keys of type YAML_SUB are allowed and skipped: fetch them with yaml_child. */
err yaml_fill(struct yaml_reader *r, const yaml_node_t *mapping, const char *what, const struct yaml_field *fields, size_t count,
              void *out) MUST_USE;
/* Only this field, from a mapping whose other keys are another table's. */
err yaml_fill_one(struct yaml_reader *r, const yaml_node_t *mapping, const struct yaml_field *field, void *out) MUST_USE;
const yaml_node_t *yaml_child(struct yaml_reader *r, const yaml_node_t *mapping, const char *key); /* NULL: absent */
bool yaml_has(struct yaml_reader *r, const yaml_node_t *mapping, const char *key);
err yaml_sequence(struct yaml_reader *r, const yaml_node_t *node, const char *what, size_t most, size_t *count) MUST_USE;
const yaml_node_t *yaml_item(struct yaml_reader *r, const yaml_node_t *sequence, size_t index);

#endif
