#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "host/http_server.h"
#include "host/process.h"
#include "host/static_files.h"
#include "region/region.h"

enum { REGION_MEMORY = 256 << 20 };

struct gateway {
    struct process *process;
    struct http_server *server;
    struct region *region;
    struct heap heap;
    struct static_files *files;
};

static struct region_time time_of(const struct gateway *g)
{
    return (struct region_time){clock_now(&g->process->clock), clock_utc_s()};
}

/* ---- what the region asks of us ---------------------------------------------------------------------------------------------- */

static void on_send(void *context, uint64_t connection, struct slice data)
{
    struct gateway *g = context;
    http_server_send(g->server, connection, data);
}

static void on_close(void *context, uint64_t connection, bool after_flush)
{
    struct gateway *g = context;
    http_server_finish(g->server, connection, after_flush);
}

static void on_read_pause(void *context, uint64_t connection, bool paused)
{
    struct gateway *g = context;
    http_server_pause(g->server, connection, paused);
}

/* Called from region_flush only, never while the node steps. */
static void on_object(void *context, const struct object_request *request)
{
    struct gateway *g = context;
    process_step(g->process, &(struct event){.kind = EVENT_OBJECT, .object = request});
}

static void on_task(void *context, const struct task_request *request)
{
    struct gateway *g = context;
    process_step(g->process, &(struct event){.kind = EVENT_TASK, .task = request});
}

/* ---- what the sockets say ---------------------------------------------------------------------------------------------------- */

static void on_connected(void *context, uint64_t connection)
{
    struct gateway *g = context;
    struct region_time t = time_of(g);
    region_connected(g->region, &t, connection);
    http_server_flush(g->server);
}

static void on_bytes(void *context, uint64_t connection, struct slice data)
{
    struct gateway *g = context;
    struct region_time t = time_of(g);
    region_bytes(g->region, &t, connection, data);
    http_server_flush(g->server);
}

static void on_sent(void *context, uint64_t connection, size_t bytes)
{
    struct gateway *g = context;
    struct region_time t = time_of(g);
    region_sent(g->region, &t, connection, bytes);
    http_server_flush(g->server);
}

static void on_closed(void *context, uint64_t connection)
{
    struct gateway *g = context;
    struct region_time t = time_of(g);
    region_closed(g->region, &t, connection);
    http_server_flush(g->server);
}

/* ---- what the node says ------------------------------------------------------------------------------------------------------ */

void gateway_object(struct gateway *g, const struct object_reply *reply)
{
    struct region_time t = time_of(g);
    region_object(g->region, &t, reply);
}

void gateway_task(struct gateway *g, const struct task_reply *reply)
{
    struct region_time t = time_of(g);
    region_task(g->region, &t, reply);
}

void gateway_trace(struct gateway *g, const struct effect_trace *trace)
{
    struct region_time t = time_of(g);
    region_trace(g->region, &t, trace);
}

void gateway_settle(struct gateway *g)
{
    region_flush(g->region);
    http_server_flush(g->server);
}

void gateway_tick(struct gateway *g)
{
    struct region_time t = time_of(g);
    region_tick(g->region, &t);
    http_server_flush(g->server);
}

size_t gateway_connections(const struct gateway *g)
{
    return region_connection_count(g->region);
}

/* ---- coming and going ---------------------------------------------------------------------------------------------------------- */

static err open_region(struct gateway *g)
{
    static const char *const suffixes[] = {"localhost", "s3.localhost"};
    struct process *p = g->process;
    void *memory = mmap(NULL, REGION_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return ERR_NO_MEMORY;
    heap_init(&g->heap, memory, REGION_MEMORY);
    g->files = static_files_load();
    struct region_config config = {
        .name = p->state.scenario->region,
        .access_key = p->state.access_key,
        .secret_key = p->state.secret_key,
        .host_suffixes = suffixes,
        .host_suffix_count = COUNT_OF(suffixes),
        .files = g->files->items,
        .file_count = g->files->count,
        .console_open = true, /* the listener is on loopback only */
        .speed = p->clock.speed,
    };
    struct region_host host = {g, on_send, on_close, on_read_pause, on_object, on_task};
    return region_open(&g->region, &g->heap, &config, &host, node_view(p->node), &p->sky, node_metrics(p->node));
}

err gateway_open(struct gateway **out, struct process *p, uint16_t port, char why[STATE_WHY])
{
    struct gateway *g = calloc(1, sizeof *g);
    ASSERT(g);
    g->process = p;
    struct http_server_events events = {g, on_connected, on_bytes, on_sent, on_closed};
    err status = open_region(g);
    if (status != ERR_OK) {
        snprintf(why, STATE_WHY, "the region cannot be opened");
    } else {
        status = http_server_open(&g->server, &p->loop, "127.0.0.1", port, &events);
        snprintf(why, STATE_WHY, "port %u is taken; choose another with --port", port);
    }
    if (status != ERR_OK) {
        static_files_free(g->files);
        free(g);
        return status;
    }
    *out = g;
    return ERR_OK;
}

void gateway_close(struct gateway *g)
{
    http_server_close(g->server);
    region_close(g->region);
    static_files_free(g->files);
    free(g);
}
