/*
 * region/tes.h - GA4GH Task Execution Service 1.1.0: JSON to struct task_spec, struct task_view to JSON.
 *
 * Source:  ga4gh/task-execution-schemas 1.1.0. Policy travels in resources.backend_parameters: deadline (RFC 3339 or
 *          seconds from now), priority (0..9), replication (restart, standby, active, vote3), expected_seconds.
 * Errors:  INVALID, with a sentence in `message` that says which field and why.
 */
#ifndef NOCT_REGION_TES_H
#define NOCT_REGION_TES_H

#include "base/bytes.h"
#include "core/task_api.h"

enum tes_detail { TES_MINIMAL, TES_BASIC, TES_FULL };

struct tes_spec {
    struct task_spec spec; /* spans point into `json`, `document` and `environment` */
    struct json_t *json;
    char *document;
    char *environment; /* "NAME=VALUE" texts */
    char message[200];
};
/* `wall` is the instant from which a deadline in seconds counts. Free with tes_spec_free, also after an error. */
err tes_spec_parse(struct span body, tai_ns wall, struct tes_spec *out) MUST_USE;
void tes_spec_free(struct tes_spec *s);

struct view;
struct json_t;
/* A task, or a page of tasks, as JSON text; NULL when out of memory. The caller frees it. */
char *tes_task_text(const struct task_view *v, const struct view *members, enum tes_detail detail);
char *tes_page_text(const struct task_view *views, size_t count, bool more, const struct view *members, enum tes_detail detail);
const char *tes_mode_name(enum task_mode m);
enum task_state tes_state_parse(struct span s); /* TASK_STATE_COUNT when unknown */
const char *tes_state_name(enum task_state s);

#endif
