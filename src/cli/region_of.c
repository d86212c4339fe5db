#include "cli/region_of.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/control.h"
#include "host/json_read.h"

struct json_value *cli_ask(const char *state_directory, const char *request)
{
    char *answer = NULL;
    err status = control_call(state_directory, request, &answer);
    if (status == ERR_NOT_FOUND) {
        cli_fail("nothing runs in %s; `noct up SCENARIO --state %s` starts a region", state_directory, state_directory);
        return NULL;
    }
    struct json_value *root = status == ERR_OK ? json_read(span_text(answer), NULL) : NULL;
    free(answer);
    if (!root) {
        cli_fail("the supervisor in %s does not answer: %s", state_directory, err_text(status));
        return NULL;
    }
    if (!json_bool_of(root, "ok", false)) {
        cli_fail("%s", json_text_of(root, "error", "the supervisor refused"));
        json_close(root);
        return NULL;
    }
    return root;
}

static bool from_environment(struct region_of *out)
{
    const char *endpoint = getenv("NOCT_ENDPOINT");
    const char *access = getenv("AWS_ACCESS_KEY_ID"), *secret = getenv("AWS_SECRET_ACCESS_KEY");
    const char *region = getenv("AWS_REGION");
    if (!endpoint)
        endpoint = getenv("AWS_ENDPOINT_URL");
    if (!endpoint || !access || !secret)
        return false;
    snprintf(out->endpoint, sizeof out->endpoint, "%s", endpoint);
    snprintf(out->region, sizeof out->region, "%s", region ? region : "noct-1");
    snprintf(out->access_key, sizeof out->access_key, "%s", access);
    snprintf(out->secret_key, sizeof out->secret_key, "%s", secret);
    return true;
}

bool region_find(struct region_of *out, const char *state_directory)
{
    if (!state_directory && from_environment(out))
        return true;
    struct json_value *root = cli_ask(state_directory ? state_directory : CLI_STATE_DEFAULT, "{\"command\":\"status\"}");
    if (!root)
        return false;
    snprintf(out->endpoint, sizeof out->endpoint, "%s", json_text_of(root, "endpoint", ""));
    snprintf(out->region, sizeof out->region, "%s", json_text_of(root, "region", ""));
    snprintf(out->access_key, sizeof out->access_key, "%s", json_text_of(root, "access_key", ""));
    snprintf(out->secret_key, sizeof out->secret_key, "%s", json_text_of(root, "secret_key", ""));
    json_close(root);
    return true;
}

bool s3_url_parse(const char *text, struct s3_url *out)
{
    if (strncmp(text, "s3://", 5) != 0)
        return false;
    const char *bucket = text + 5, *slash = strchr(bucket, '/');
    size_t size = slash ? (size_t)(slash - bucket) : strlen(bucket);
    out->key = slash ? slash + 1 : bucket + size;
    return size > 0 && text_copy(out->bucket, sizeof out->bucket, span_of(bucket, size));
}
