/*
 * cli/region_of.h - finds the running region: its supervisor's socket, or the environment.
 *
 * Story:   with `--state DIR` (or the default, if something runs there) the supervisor tells endpoint and credentials;
 *          otherwise NOCT_ENDPOINT (or AWS_ENDPOINT_URL), AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY do.
 */
#ifndef NOCT_CLI_REGION_OF_H
#define NOCT_CLI_REGION_OF_H

#include "cli/cli.h"

struct json_value;

struct region_of {
    char endpoint[256], region[64], access_key[128], secret_key[128];
};

/* The supervisor's answer; NULL after saying what is wrong. */
struct json_value *cli_ask(const char *state_directory, const char *request);
bool region_find(struct region_of *out, const char *state_directory); /* false: said what to do */

/* "s3://BUCKET/KEY"; the key may be empty. */
struct s3_url {
    char bucket[64];
    const char *key;
};
bool s3_url_parse(const char *text, struct s3_url *out);

#endif
