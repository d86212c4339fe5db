/* put, get, ls, mb, rm: objects for people without an S3 tool. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/http_client.h"

static const char put_help[] = "usage: noct put FILE s3://BUCKET/KEY [--type MIME] [--state DIR]\n"
                               "\n"
                               "Stores a file. A key that ends with / (or is empty) gets the file's name appended.\n";
static const char get_help[] = "usage: noct get s3://BUCKET/KEY [FILE] [--state DIR]\n"
                               "\n"
                               "Fetches an object into FILE (default: its last name here; - is standard output).\n";
static const char ls_help[] = "usage: noct ls [s3://BUCKET[/PREFIX]] [--recursive] [--state DIR]\n"
                              "\n"
                              "Lists buckets, or the objects below a prefix (one level, or all with --recursive).\n";
static const char mb_help[] = "usage: noct mb s3://BUCKET [--state DIR]\n\nMakes a bucket.\n";
static const char rm_help[] = "usage: noct rm s3://BUCKET[/KEY] [--state DIR]\n\nRemoves an object, or an empty bucket.\n";

static char *path_of(const struct s3_url *url, const char *extra)
{
    size_t size = strlen(url->bucket) + strlen(url->key) + strlen(extra) + 3;
    char *path = malloc(size);
    ASSERT(path);
    snprintf(path, size, "/%s%s%s%s", url->bucket, *url->key || *extra ? "/" : "", url->key, extra);
    return path;
}

/* One option --state and the arguments; false with the exit code. */
static bool parse(int argc, char **argv, const char *help, const struct cli_option *more, size_t more_count,
                  const char **state, struct cli_arguments *a, int *code)
{
    struct cli_option options[4] = {{"state", state, NULL}};
    for (size_t i = 0; i < more_count; i++)
        options[i + 1] = more[i];
    return cli_parse(argc, argv, help, options, more_count + 1, a, code);
}

int command_put(int argc, char **argv)
{
    const char *state = NULL, *type = "application/octet-stream";
    struct cli_arguments a;
    struct region_of region;
    struct s3_url url;
    struct stat info;
    int code;
    if (!parse(argc, argv, put_help, &(struct cli_option){"type", &type, NULL}, 1, &state, &a, &code))
        return code;
    if (a.count != 2 || !s3_url_parse(a.items[1], &url))
        return cli_usage(put_help, "give a file and s3://BUCKET/KEY");
    FILE *file = fopen(a.items[0], "rbe");
    if (!file || fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) {
        if (file)
            fclose(file);
        return cli_fail("cannot read %s: %s", a.items[0], errno ? strerror(errno) : "not a regular file");
    }
    if (!region_find(&region, state)) {
        fclose(file);
        return CLI_FAILED;
    }
    const char *slash = strrchr(a.items[0], '/'), *name = slash ? slash + 1 : a.items[0];
    size_t key_size = strlen(url.key);
    bool folder = key_size > 0 && url.key[key_size - 1] == '/';
    char *path = path_of(&url, folder || key_size == 0 ? name : "");
    struct http_request r = {.method = "PUT", .path = path, .upload = file, .upload_size = (uint64_t)info.st_size,
                             .content_type = type, .progress = isatty(STDERR_FILENO)};
    struct http_answer answer;
    http_call(&region, &r, &answer);
    code = answer.status == 200 ? CLI_OK : http_fail(&answer, "put");
    if (code == CLI_OK)
        printf("s3:/%s: %llu bytes stored\n", path, (unsigned long long)r.upload_size);
    http_answer_free(&answer);
    free(path);
    fclose(file);
    return code;
}

int command_get(int argc, char **argv)
{
    const char *state = NULL;
    struct cli_arguments a;
    struct region_of region;
    struct s3_url url;
    int code;
    if (!parse(argc, argv, get_help, NULL, 0, &state, &a, &code))
        return code;
    if (a.count < 1 || a.count > 2 || !s3_url_parse(a.items[0], &url) || !*url.key)
        return cli_usage(get_help, "give s3://BUCKET/KEY");
    const char *slash = strrchr(url.key, '/'), *target = a.count == 2 ? a.items[1] : slash ? slash + 1 : url.key;
    bool to_stdout = strcmp(target, "-") == 0;
    if (!region_find(&region, state))
        return CLI_FAILED;
    /* Into a file beside the target, renamed when whole: a failed get leaves the old file alone. */
    char working[4096];
    snprintf(working, sizeof working, "%.4000s.part", target);
    FILE *file = to_stdout ? stdout : fopen(working, "wbe");
    if (!file)
        return cli_fail("cannot write %s: %s", working, strerror(errno));
    char *path = path_of(&url, "");
    struct http_request r = {.method = "GET", .path = path, .download = file, .progress = !to_stdout && isatty(STDERR_FILENO)};
    struct http_answer answer;
    http_call(&region, &r, &answer);
    code = answer.status == 200 ? CLI_OK : http_fail(&answer, "get");
    bool written = fflush(file) == 0;
    if (!to_stdout)
        written &= fclose(file) == 0;
    if (code == CLI_OK && (!written || (!to_stdout && rename(working, target) != 0)))
        code = cli_fail("cannot write %s: %s", target, strerror(errno));
    if (code == CLI_OK && !to_stdout)
        printf("%s: %llu bytes\n", target, (unsigned long long)answer.bytes);
    else if (code != CLI_OK && !to_stdout)
        unlink(working);
    http_answer_free(&answer);
    free(path);
    return code;
}

static void print_objects(const char *xml)
{
    struct text block, key, size, modified;
    const char *at = xml;
    while (xml_next(&at, "CommonPrefixes", &block)) {
        const char *inner = text_string(&block);
        if (xml_next(&inner, "Prefix", &key)) {
            printf("%20s %12s  %s\n", "", "folder", text_string(&key));
            text_free(&key);
        }
        text_free(&block);
    }
    for (at = xml; xml_next(&at, "Key", &key);) {
        const char *a = at, *b = at;
        bool good = xml_next(&a, "LastModified", &modified) && xml_next(&b, "Size", &size);
        printf("%.19sZ %12s  %s\n", good ? text_string(&modified) : "", good ? text_string(&size) : "", text_string(&key));
        if (good) {
            text_free(&modified);
            text_free(&size);
        }
        text_free(&key);
    }
}

static int list_buckets(const struct region_of *region)
{
    struct http_answer answer;
    struct text name;
    http_call(region, &(struct http_request){.method = "GET", .path = "/"}, &answer);
    int code = answer.status == 200 ? CLI_OK : http_fail(&answer, "ls");
    for (const char *at = text_string(&answer.body); code == CLI_OK && xml_next(&at, "Name", &name); text_free(&name))
        printf("s3://%s\n", text_string(&name));
    http_answer_free(&answer);
    return code;
}

static int list_objects(const struct region_of *region, const struct s3_url *url, bool recursive)
{
    struct s3_url bucket = *url;
    bucket.key = "";
    char *path = path_of(&bucket, "");
    struct text token = text_new(NULL, 8192);
    int code = CLI_OK;
    for (bool more = true; more && code == CLI_OK;) {
        struct http_request r = {.method = "GET", .path = path};
        if (token.size > 0) {
            r.query[r.query_count].name = "continuation-token";
            r.query[r.query_count++].value = text_string(&token);
        }
        if (!recursive) {
            r.query[r.query_count].name = "delimiter";
            r.query[r.query_count++].value = "/";
        }
        r.query[r.query_count].name = "list-type";
        r.query[r.query_count++].value = "2";
        r.query[r.query_count].name = "prefix";
        r.query[r.query_count++].value = url->key;
        struct http_answer answer;
        http_call(region, &r, &answer);
        text_free(&token);
        token = text_new(NULL, 8192);
        if (answer.status != 200)
            code = http_fail(&answer, "ls");
        else
            print_objects(text_string(&answer.body));
        const char *at = text_string(&answer.body);
        more = code == CLI_OK && xml_next(&at, "NextContinuationToken", &token);
        http_answer_free(&answer);
    }
    text_free(&token);
    free(path);
    return code;
}

int command_ls(int argc, char **argv)
{
    const char *state = NULL;
    bool recursive = false;
    struct cli_arguments a;
    struct region_of region;
    struct s3_url url;
    int code;
    if (!parse(argc, argv, ls_help, &(struct cli_option){"recursive", NULL, &recursive}, 1, &state, &a, &code))
        return code;
    if (a.count > 1 || (a.count == 1 && !s3_url_parse(a.items[0], &url)))
        return cli_usage(ls_help, "give nothing, or s3://BUCKET[/PREFIX]");
    if (!region_find(&region, state))
        return CLI_FAILED;
    return a.count == 0 ? list_buckets(&region) : list_objects(&region, &url, recursive);
}

static int simple(int argc, char **argv, const char *help, const char *method, const char *done)
{
    const char *state = NULL;
    struct cli_arguments a;
    struct region_of region;
    struct s3_url url;
    int code;
    if (!parse(argc, argv, help, NULL, 0, &state, &a, &code))
        return code;
    bool making = strcmp(method, "PUT") == 0;
    if (a.count != 1 || !s3_url_parse(a.items[0], &url) || (making && *url.key))
        return cli_usage(help, "give s3://BUCKET%s", making ? "" : " or s3://BUCKET/KEY");
    if (!region_find(&region, state))
        return CLI_FAILED;
    char *path = path_of(&url, "");
    struct http_answer answer;
    http_call(&region, &(struct http_request){.method = method, .path = path}, &answer);
    code = answer.status == 200 || answer.status == 204 ? CLI_OK : http_fail(&answer, argv[0]);
    if (code == CLI_OK)
        printf("%s %s\n", a.items[0], done);
    http_answer_free(&answer);
    free(path);
    return code;
}

int command_mb(int argc, char **argv)
{
    return simple(argc, argv, mb_help, "PUT", "made");
}

int command_rm(int argc, char **argv)
{
    return simple(argc, argv, rm_help, "DELETE", "removed");
}
