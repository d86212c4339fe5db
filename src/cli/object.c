#include <stdlib.h>
#include <string.h>

#include "cli/http_client.h"
#include "host/json_read.h"

static const char help[] = "usage: noct object show s3://BUCKET/KEY [--json] [--state DIR]\n"
                           "\n"
                           "Says which nodes hold the object, by which policy, why, and how many losses it survives.\n";

static void print_holders(const struct json_value *holders)
{
    for (size_t i = 0; i < json_count(holders); i++) {
        const struct json_value *h = json_item(holders, i), *nodes = json_member(h, "nodes");
        int64_t first = json_int_of(h, "chunk_first", 0), count = json_int_of(h, "chunk_count", 1);
        printf("  chunks %lld-%lld:", (long long)first, (long long)(first + count - 1));
        for (size_t k = 0; k < json_count(nodes); k++)
            printf(" %s", json_item_text(nodes, k, "?"));
        printf("  (%lld alive%s)\n", (long long)json_int_of(h, "alive", 0),
               json_bool_of(h, "bridging", false) ? ", on the ground until satellites have it" : "");
    }
}

static void print_object(const struct json_value *o)
{
    char size[32];
    cli_bytes_text((uint64_t)json_int_of(o, "size", 0), size);
    printf("s3://%s/%s  %s  etag %s\n", json_text_of(o, "bucket", "?"), json_text_of(o, "key", "?"), size,
           json_text_of(o, "etag", "?"));
    printf("  survives the loss of %lld of its holders\n", (long long)json_int_of(o, "survives", 0));
    if (*json_text_of(o, "why", ""))
        printf("  why: %s\n", json_text_of(o, "why", ""));
    print_holders(json_member(o, "holders"));
}

int command_object(int argc, char **argv)
{
    const char *state = NULL;
    bool as_json = false;
    const struct cli_option options[] = {{"state", &state, NULL}, {"json", NULL, &as_json}};
    struct cli_arguments a;
    struct region_of region;
    struct s3_url url;
    int code;
    if (!cli_parse(argc, argv, help, options, COUNT_OF(options), &a, &code))
        return code;
    if (a.count != 2 || strcmp(a.items[0], "show") != 0 || !s3_url_parse(a.items[1], &url) || !*url.key)
        return cli_usage(help, "say: noct object show s3://BUCKET/KEY");
    if (!region_find(&region, state))
        return CLI_FAILED;
    struct http_request r = {.method = "GET", .path = "/noct/v1/object", .query_count = 2};
    r.query[0].name = "bucket";
    r.query[0].value = url.bucket;
    r.query[1].name = "key";
    r.query[1].value = url.key;
    struct http_answer answer;
    http_call(&region, &r, &answer);
    struct json_value *root = answer.status == 200 ? json_read(text_span(&answer.body), NULL) : NULL;
    code = root ? CLI_OK : http_fail(&answer, "object show");
    if (root && as_json) {
        char *text = json_pretty(root);
        puts(text);
        free(text);
    } else if (root) {
        print_object(root);
    }
    json_close(root);
    http_answer_free(&answer);
    return code;
}
