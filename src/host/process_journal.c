/* The journal of a node process: which inputs beside events decide what the node does (its start, its sky, its signatures). */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "host/process.h"
#include "host/trace_log.h"

enum { SCENARIO_FILE_MAX = 64 << 20 };

static void record_file(struct process *p, const char *folder, const char *name)
{
    char path[PATH_SIZE];
    uint8_t *data;
    size_t size;
    if (!path_join(path, folder, name) || file_read(path, SCENARIO_FILE_MAX, &data, &size) != ERR_OK)
        return;
    journal_file(p->journal, name, span_of(data, size));
    free(data);
}

/* The scenario as the state directory keeps it, with the files it names. */
static void record_scenario(struct process *p)
{
    char folder[PATH_SIZE];
    record_file(p, p->state.directory, "scenario.yaml");
    DIR *d = path_join(folder, p->state.directory, "files") ? opendir(folder) : NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.')
            record_file(p, folder, e->d_name);
    if (d)
        closedir(d);
}

err process_journal_open(struct process *p, char why[STATE_WHY])
{
    snprintf(why, STATE_WHY, "the journal cannot be opened in %.200s", p->directory);
    TRY(journal_open(&p->journal, p->directory, p->self, p->config.boot, (uint64_t)p->options.journal_mib << 20));
    record_scenario(p);
    return ERR_OK;
}

void process_journal_start(struct process *p, const struct start *start)
{
    struct journal_start s = {
        .commit = span_text(p->options.commit ? p->options.commit : "unknown"),
        .node = p->self,
        .boot = start->config.boot,
        .seed = start->config.seed,
        .plan_start = p->plan_start,
        .genesis = start->genesis,
    };
    memcpy(s.area_used_bytes, start->config.area_used_bytes, sizeof s.area_used_bytes);
    memcpy(s.root_public_key, start->root_public_key, sizeof s.root_public_key);
    journal_start(p->journal, &s);
    journal_sky(p->journal, false, sky_plan_end(&p->sky));
}

static err sign(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct process *p = context;
    TRY(p->crypto.sign(p->crypto.context, message, signature));
    journal_signed(p->journal, message, signature);
    return ERR_OK;
}

static bool verify(void *context, const uint8_t public_key[32], struct span message, const uint8_t signature[FACT_SIGNATURE_SIZE])
{
    struct process *p = context;
    return p->crypto.verify(p->crypto.context, public_key, message, signature);
}

struct fact_crypto process_journal_crypto(struct process *p)
{
    p->crypto = state_fact_crypto(p->identity.signer);
    return p->journal ? (struct fact_crypto){p, sign, verify} : p->crypto;
}

void process_journal_watch(struct process *p)
{
    enum journal_end why;
    if (!p->journal || p->journal_end_said || !journal_ended(p->journal, &why))
        return;
    p->journal_end_said = true;
    trace_log_say(clock_now(&p->clock).wall, 'W', "JOURNAL", "the recording ended after %llu MiB: %s",
                  (unsigned long long)(journal_bytes(p->journal) >> 20),
                  why == JOURNAL_END_FULL ? "this boot alone fills --journal MIB" : "no space on the disk");
}

void process_sky_extend(struct process *p, tai_ns until)
{
    tai_ns before = sky_plan_end(&p->sky);
    if (sky_plan_extend(&p->sky, until) != ERR_OK)
        trace_log_say(clock_now(&p->clock).wall, 'E', "SKY", "the contact plan could not be extended");
    if (sky_plan_end(&p->sky) != before)
        journal_sky(p->journal, false, sky_plan_end(&p->sky));
}

void process_sky_forget(struct process *p, tai_ns before)
{
    sky_plan_forget(&p->sky, before);
    journal_sky(p->journal, true, before);
}
