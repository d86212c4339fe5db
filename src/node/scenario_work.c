/*
 * node/scenario_work.c - the sections `buckets` and `workload` of a scenario: where things are kept, and the twin's customers.
 */
#include "node/scenario_parse.h"

#include <string.h>

struct bucket_raw {
    char name[64], place[8];
    uint32_t copies;
    bool best_effort;
};
static const struct yaml_field bucket_fields[] = {
    {.key = "name", .type = YAML_NAME, .offset = offsetof(struct bucket_raw, name), .size = 64, .required = true},
    {.key = "place", .type = YAML_WORD, .offset = offsetof(struct bucket_raw, place), .size = 8, .words = "orbit any"},
    YAML_FIELD(struct bucket_raw, copies, "copies", YAML_U32, 1, OBJECT_COPIES_MAX),
    YAML_FIELD(struct bucket_raw, best_effort, "best_effort", YAML_BOOL, 0, 0),
};

struct workload_raw {
    struct scenario_workload load;
    double object_kib_min, object_kib_max;
};
#define WORK struct workload_raw
static const struct yaml_field workload_fields[] = {
    YAML_FIELD(WORK, load.puts_per_hour, "puts_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, load.gets_per_hour, "gets_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, load.deletes_per_hour, "deletes_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, load.tasks_per_hour, "tasks_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, load.copies_per_hour, "copies_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, load.cancels_per_hour, "cancels_per_hour", YAML_DOUBLE, 0, 1e6),
    YAML_FIELD(WORK, load.task_deadline_ns, "task_deadline", YAML_DURATION, 0, 1e9),
    YAML_FIELD(WORK, object_kib_min, "object_kib_min", YAML_DOUBLE, 0, 1 << 20),
    YAML_FIELD(WORK, object_kib_max, "object_kib_max", YAML_DOUBLE, 0, 1 << 20),
};

static err read_buckets(struct scenario_reader *p, const yaml_node_t *top)
{
    const yaml_node_t *list = yaml_child(&p->yaml, top, "buckets");
    if (!list)
        return ERR_OK;
    TRY(yaml_sequence(&p->yaml, list, "buckets", SCENARIO_BUCKETS_MAX, &p->scenario->bucket_count));
    for (size_t i = 0; i < p->scenario->bucket_count; i++) {
        const yaml_node_t *n = yaml_item(&p->yaml, list, i);
        struct bucket_raw raw = {.place = "orbit", .copies = 2};
        TRY(yaml_fill(&p->yaml, n, "a bucket", bucket_fields, COUNT_OF(bucket_fields), &raw));
        for (size_t j = 0; j < i; j++)
            if (strcmp(p->scenario->buckets[j].name, raw.name) == 0)
                return yaml_fail(&p->yaml, n, "the bucket `%s` appears twice", raw.name);
        struct scenario_bucket *b = &p->scenario->buckets[i];
        memcpy(b->name, raw.name, sizeof b->name);
        b->policy = (struct policy){.copies = (uint8_t)raw.copies, .best_effort = raw.best_effort,
                                    .where = strcmp(raw.place, "any") == 0 ? PLACE_ANY : PLACE_ORBIT};
    }
    return ERR_OK;
}

/* A task that nobody can ever run would never end. */
static err runners_check(struct scenario_reader *p, const yaml_node_t *n)
{
    const struct scenario *s = p->scenario;
    for (size_t i = 0; i < s->satellite_count; i++) {
        const struct member *m = scenario_member(s, s->sites[i].node);
        if (member_cores(m) * 1000 >= SCENARIO_TASK_MILLIS && member_lane_memory_mib(m) >= SCENARIO_TASK_MEMORY_MIB)
            return ERR_OK;
    }
    return yaml_fail(&p->yaml, n,
                     "`tasks_per_hour` asks for tasks of a core and %d MiB, but no satellite has such a lane: give `compute: {cores: 1, "
                     "memory_mib: %d}` or a class with lanes, or leave the tasks out", SCENARIO_TASK_MEMORY_MIB, SCENARIO_TASK_MEMORY_MIB);
}

static err read_workload(struct scenario_reader *p, const yaml_node_t *top)
{
    struct workload_raw raw = {.object_kib_min = 4, .object_kib_max = 64};
    TRY(scenario_section(p, top, "workload", workload_fields, COUNT_OF(workload_fields), &raw));
    if (raw.object_kib_min > raw.object_kib_max)
        return yaml_fail(&p->yaml, yaml_child(&p->yaml, top, "workload"), "`object_kib_min` is above `object_kib_max`");
    if (raw.load.tasks_per_hour > 0)
        TRY(runners_check(p, yaml_child(&p->yaml, top, "workload")));
    raw.load.object_bytes_min = (uint64_t)(raw.object_kib_min * 1024);
    raw.load.object_bytes_max = (uint64_t)(raw.object_kib_max * 1024);
    p->scenario->workload = raw.load;
    return ERR_OK;
}

err scenario_read_work(struct scenario_reader *p, const yaml_node_t *top)
{
    TRY(read_buckets(p, top));
    return read_workload(p, top);
}
