#include "host/clock.h"

#include <stdlib.h>
#include <time.h>

#include "base/text.h"
#include "host/files.h"
#include "host/json_read.h"

enum { CLOCK_FILE_MAX = 4096 };

static int64_t clock_read(clockid_t id)
{
    struct timespec t;
    ASSERT(clock_gettime(id, &t) == 0);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

mono_ns clock_mono(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t clock_utc_s(void)
{
    return clock_read(CLOCK_REALTIME) / NS_PER_S;
}

struct now clock_now(const struct clock *c)
{
    mono_ns mono = clock_mono();
    return (struct now){
        .mono = mono,
        .wall = c->anchor_wall + (mono - c->anchor_mono) * (int64_t)c->speed,
        .wall_error_ns = (uint64_t)NS_PER_MS * c->speed,
        .wall_rate = c->speed,
    };
}

static err load(struct clock *c, tai_ns *reached, const char *path)
{
    uint8_t *data;
    size_t size;
    TRY(file_read(path, CLOCK_FILE_MAX, &data, &size));
    struct json_value *root = json_read(span_of(data, size), NULL);
    free(data);
    int64_t mono = json_int_of(root, "anchor_mono_ns", -1), wall = json_int_of(root, "anchor_wall_ns", -1);
    int64_t last = json_int_of(root, "wall_ns", -1), speed = json_int_of(root, "speed", 0);
    bool good = mono >= 0 && wall >= 0 && last >= wall && speed >= 1 && speed <= CLOCK_SPEED_MAX;
    json_close(root);
    if (!good)
        return ERR_INVALID;
    *c = (struct clock){mono, wall, (uint32_t)speed};
    *reached = last;
    return ERR_OK;
}

err clock_load(struct clock *c, const char *path)
{
    tai_ns reached;
    return load(c, &reached, path);
}

err clock_save(const struct clock *c, const char *path)
{
    struct text t = text_new(NULL, CLOCK_FILE_MAX);
    json_object(&t, NULL);
    json_int(&t, "anchor_mono_ns", c->anchor_mono);
    json_int(&t, "anchor_wall_ns", c->anchor_wall);
    json_int(&t, "wall_ns", clock_now(c).wall);
    json_uint(&t, "speed", c->speed);
    json_end(&t);
    text_add_char(&t, '\n');
    err status = text_ok(&t) ? file_write(path, text_span(&t), 0600) : ERR_NO_MEMORY;
    text_free(&t);
    return status;
}

err clock_start(struct clock *c, const char *path, tai_ns epoch, uint32_t speed)
{
    ASSERT(speed >= 1 && speed <= CLOCK_SPEED_MAX);
    struct clock before;
    tai_ns reached;
    err status = load(&before, &reached, path);
    if (status != ERR_OK && status != ERR_NOT_FOUND)
        return status;
    /* After a hard stop the file is up to a second old: step over what nodes may have seen since. */
    tai_ns wall = status == ERR_OK ? reached + 2 * NS_PER_S * (int64_t)before.speed : epoch;
    *c = (struct clock){clock_mono(), wall, speed};
    return clock_save(c, path);
}
