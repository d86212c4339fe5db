/*
 * evidence/experiment_region.c - the region as real processes, used with the tools that people use for other clouds.
 *
 * Nothing here is simulated: `noct up` on this machine, each client as its makers ship it. A client that is not installed is said so.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "evidence/page.h"

enum { COMMAND_SIZE = 4096, PATH_SIZE = 1024, PORT_FIRST = 11000, PORT_STEP = 10, PORT_COUNT = 2000, STARTS_MOST = 5, CLIENT_S = 300 };

#define TASK \
    "'{\"name\": \"evidence\", \"inputs\": [{\"url\": \"s3://evidence-boto/in\", \"path\": \"/work/in/data\"}], " \
    "\"resources\": {\"cpu_cores\": 1, \"ram_gb\": 0.1}, \"executors\": [{\"image\": \"app:checksum\", \"command\": [\"checksum\"]}]}'"

/* Each is a program of the shell with -e: the first command that fails ends it. $URL is the endpoint; AWS_... are set. */
static const struct client {
    const char *name, *what, *installed, *program;
} clients[] = {
    {"aws", "bucket, 20 MiB in parts there and back, list, remove", "command -v aws",
     "export AWS_CONFIG_FILE=$PWD/aws-config AWS_PAGER=; aws configure set default.s3.addressing_style path; a=\"aws --endpoint-url $URL\"; "
     "head -c 20971520 /dev/urandom >big; $a s3 mb s3://evidence-aws; $a s3 cp big s3://evidence-aws/big --only-show-errors; "
     "$a s3 ls s3://evidence-aws | grep -q ' big'; $a s3 cp s3://evidence-aws/big back --only-show-errors; cmp big back; "
     "$a s3 rm s3://evidence-aws/big; $a s3 rb s3://evidence-aws"},
    {"boto3", "put with metadata, conditional get, range, listing", "python3 -c 'import boto3'",
     "python3 - <<'END'\n"
     "import boto3, os\n"
     "from botocore.config import Config\n"
     "from botocore.exceptions import ClientError\n"
     "s3 = boto3.client('s3', endpoint_url=os.environ['URL'], config=Config(s3={'addressing_style': 'path'}, read_timeout=200))\n"
     "s3.create_bucket(Bucket='evidence-boto')\n"
     "tag = s3.put_object(Bucket='evidence-boto', Key='in', Body=b'0123456789' * 1000, Metadata={'pass': '7'})['ETag']\n"
     "got = s3.get_object(Bucket='evidence-boto', Key='in', Range='bytes=5-14')\n"
     "assert got['Body'].read() == b'5678901234' and got['Metadata'] == {'pass': '7'}\n"
     "assert [o['Key'] for o in s3.list_objects_v2(Bucket='evidence-boto')['Contents']] == ['in']\n"
     "try:\n"
     "    s3.get_object(Bucket='evidence-boto', Key='in', IfNoneMatch=tag)\n"
     "    raise SystemExit('a conditional GET was answered')\n"
     "except ClientError as e:\n"
     "    assert e.response['ResponseMetadata']['HTTPStatusCode'] == 304\n"
     "END\n"},
    {"s3cmd", "put, list, get, delete", "command -v s3cmd",
     "h=${URL#http://}; s=\"s3cmd --no-ssl --access_key=$AWS_ACCESS_KEY_ID --secret_key=$AWS_SECRET_ACCESS_KEY --host=$h --host-bucket=$h --region=$AWS_DEFAULT_REGION "
     "--no-progress -c /dev/null\"; head -c 100000 /dev/urandom >small; $s mb s3://evidence-s3cmd; $s put small s3://evidence-s3cmd/a/small; "
     "$s ls -r s3://evidence-s3cmd | grep -q a/small; $s get --force s3://evidence-s3cmd/a/small small-back; cmp small small-back; "
     "$s del s3://evidence-s3cmd/a/small; $s rb s3://evidence-s3cmd"},
    {"rclone", "a tree copied and checked", "command -v rclone",
     "export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_X_TYPE=s3 RCLONE_CONFIG_X_PROVIDER=Other RCLONE_CONFIG_X_ACCESS_KEY_ID=$AWS_ACCESS_KEY_ID "
     "RCLONE_CONFIG_X_SECRET_ACCESS_KEY=$AWS_SECRET_ACCESS_KEY RCLONE_CONFIG_X_ENDPOINT=$URL RCLONE_CONFIG_X_FORCE_PATH_STYLE=true "
     "RCLONE_CONFIG_X_REGION=$AWS_DEFAULT_REGION; mkdir -p tree/sub; for i in 1 2 3 4 5; do head -c ${i}000 /dev/urandom >tree/sub/$i; done; "
     "rclone mkdir X:evidence-rclone; rclone copy tree X:evidence-rclone/tree; rclone check tree X:evidence-rclone/tree; rclone purge X:evidence-rclone"},
    {"curl, TES", "a GA4GH task reads an object and completes", "command -v curl && python3 -c 'import boto3'",
     "t=$(curl -fsS -u $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY $URL/ga4gh/tes/v1/tasks -d " TASK ")\n"
     "id=$(printf %s \"$t\" | tr -d '{}\" ' | cut -d: -f2)\n"
     "for i in $(seq 280); do s=$(curl -fsS -u $AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY $URL/ga4gh/tes/v1/tasks/$id); "
     "case $s in *COMPLETE*) exit 0;; *ERROR*) echo \"$s\"; exit 1;; esac; sleep 1; done; echo \"$s\"; exit 1"},
    {"curl, Prometheus", "metrics with help and types", "command -v curl",
     "curl -fsS $URL/metrics >metrics; grep -q '^# TYPE noct_' metrics; grep -q '^# HELP noct_' metrics"},
};
enum { CLIENTS = sizeof clients / sizeof clients[0] };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool shell_good(const char *script)
{
    const char *line[] = {"sh", "-c", script, NULL};
    int code = -1;
    return evidence_program("/bin/sh", line, "/dev/null", "/dev/null", &code) && code == 0;
}

/* `noct up` at a few ports until one is free. */
static bool region_up(struct evidence *e, const char *state, unsigned *port)
{
    char scenario[PATH_SIZE], out[PATH_SIZE], log[PATH_SIZE], number[16];
    evidence_scenario(e, scenario, sizeof scenario, "first-mesh");
    evidence_path(e, out, sizeof out, "runs/region-up.txt");
    evidence_path(e, log, sizeof log, "runs/region-up.log");
    for (unsigned i = 0; i < STARTS_MOST; i++) {
        int code = -1;
        *port = PORT_FIRST + PORT_STEP * (((unsigned)getpid() + i) % PORT_COUNT);
        snprintf(number, sizeof number, "%u", *port);
        const char *up[] = {"noct", "up", scenario, "--state", state, "--port", number, "--speed", "300", "--detach", NULL};
        if (evidence_program(NULL, up, out, log, &code) && code == 0)
            return true;
    }
    return false;
}

static bool client_passes(struct evidence *e, const struct client *c, size_t number, unsigned port)
{
    char script[COMMAND_SIZE], log[PATH_SIZE], folder[PATH_SIZE], limit[16];
    int code = -1;
    evidence_path(e, log, sizeof log, "runs/region-%zu.log", number);
    evidence_path(e, folder, sizeof folder, "runs/region.work");
    snprintf(script, sizeof script, "set -e; unset AWS_CA_BUNDLE AWS_PROFILE AWS_SESSION_TOKEN; cd '%s'; . ./state/env; export URL=http://127.0.0.1:%u\n%s", folder, port, c->program);
    snprintf(limit, sizeof limit, "%d", CLIENT_S);
    const char *line[] = {"timeout", limit, "sh", "-c", script, NULL};
    return evidence_program("/usr/bin/timeout", line, log, log, &code) && code == 0;
}

void experiment_region(struct evidence *e)
{
    char folder[PATH_SIZE], state[PATH_SIZE], command[2 * PATH_SIZE + 32], failed[300] = "", missing[300] = "";
    size_t passed = 0;
    unsigned port;
    page_section(e->page, "region", "Region API");
    page_paragraph(e->page, "Real processes on this machine (first-mesh at 300 times real time, four satellites and two gateways), and other people's clients as they are shipped. The longer list, "
                            "with faults and kills, is ./dev e2e.");
    evidence_path(e, folder, sizeof folder, "runs/region.work");
    int length = snprintf(command, sizeof command, "rm -rf '%s' && mkdir -p '%s'", folder, folder);
    evidence_path(e, state, sizeof state, "runs/region.work/state");
    if (strchr(folder, '\'') || length < 0 || (size_t)length >= sizeof command || !shell_good(command) || !region_up(e, state, &port)) {
        page_paragraph(e->page, "The region did not start: see runs/region-up.log.");
        evidence_result(e, CLAIM_PARITY, EVIDENCE_FAILED, "first-mesh.yaml, real processes", "", "./dev e2e", "the region did not start: see runs/region-up.log");
        return;
    }
    page_table(e->page, "client", "what it does", "outcome", "seconds", NULL);
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct client *c = &clients[i];
        bool there = shell_good(c->installed);
        double from = now_s();
        if (there && !e->options->quiet)
            fprintf(stderr, "  %-14s %s\n", e->experiment, c->name);
        bool good = there && client_passes(e, c, i, port);
        char *list = there ? failed : missing;
        passed += good;
        if (!good)
            snprintf(list + strlen(list), sizeof failed - strlen(list), "%s%s", *list ? ", " : "", c->name);
        page_row(e->page, c->name, c->what, good ? "passed" : there ? cell("failed: runs/region-%zu.log", i) : "not installed here", there ? cell("%.1f", now_s() - from) : "", NULL);
    }
    page_table_end(e->page);
    int code = -1;
    const char *down[] = {"noct", "down", "--state", state, NULL};
    if (!evidence_program(NULL, down, "/dev/null", "/dev/null", &code) || code != 0)
        page_paragraph(e->page, "The region did not stop cleanly.");
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (!shell_good(command))
        page_paragraph(e->page, "Its folder could not be removed.");
    evidence_result(e, CLAIM_PARITY, *failed ? EVIDENCE_FAILED : *missing ? EVIDENCE_PARTLY : EVIDENCE_SHOWN, "first-mesh.yaml, real processes", "", "noct evidence --only region; ./dev e2e",
                    "%zu of %zu clients pass against real processes%s%s%s%s", passed, (size_t)CLIENTS, *failed ? "; failed: " : "", failed, *missing ? "; not installed here: " : "", missing);
}
