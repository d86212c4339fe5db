/*
 * core/machine.h - the contract between a machine and its host: events in, effects out.
 *
 * Story:    a node is a deterministic machine without I/O. The host stamps the time, feeds one event, then performs
 *           the effects in order. The real host performs them with sockets, disks and containers; the twin with models.
 * Ownership (one sentence each):
 *           - Event bytes are borrowed for the step; slices with a `buf` may be kept by taking a reference.
 *           - Effect slices hold a reference that the host gives up (slice_drop) when it is done with them.
 *           - READ results come in a fresh buffer in DONE; the machine takes a reference if it wants to keep it.
 *           - Spans and pointers inside an effect are lent until the next step.
 * Completion: each op is answered exactly once, in a later step, in any order. Op ids carry plane and boot count, so
 *           an answer from before a restart is ignored by construction.
 * Durable, then tell: a machine waits for the DONE of the SYNC before it acknowledges anything.
 */
#ifndef NOCT_CORE_MACHINE_H
#define NOCT_CORE_MACHINE_H

#include "base/buf.h"
#include "core/ids.h"

/* ---- disk ------------------------------------------------------------------------------------------------ */

/* Each area is one linear space of bytes that starts as zeros and keeps what was written and synced. */
enum disk_area { AREA_FACTS, AREA_CHUNKS, AREA_SPOOL, AREA_COUNT };
enum { DISK_SECTOR = 512 }; /* a write that was not synced may survive a crash in any subset of its sectors */

enum disk_kind { DISK_READ, DISK_WRITE, DISK_SYNC, DISK_DISCARD };
struct effect_disk {
    uint64_t op;
    enum disk_kind kind;
    enum disk_area area;
    uint64_t offset, size;  /* SYNC: ignored. DISCARD: the bytes read as zeros or as before, until written again */
    struct slice parts[2];  /* WRITE: written back to back at offset; size = sum of both */
};
struct event_done {
    uint64_t op;
    err status;       /* ERR_NO_SPACE, ERR_IO; ERR_CORRUPT when the medium reports an unreadable sector */
    struct slice data; /* READ */
};

/* ---- links ----------------------------------------------------------------------------------------------- */

struct effect_point { /* aim a terminal at a peer (or let go): the host tries to bring the link up until told otherwise */
    node_id peer;
    bool on;
    uint64_t rate_bps; /* from the contact plan */
};
struct event_link { /* the link to a peer came up (mutually authenticated) or went down */
    node_id peer;
    bool up;
    uint64_t rate_bps;
};
struct effect_send { /* one whole bundle */
    node_id peer;
    uint64_t transfer;     /* 0: nobody here waits for an answer; the host need not send SENT */
    struct slice parts[3]; /* back to back */
    uint8_t priority;      /* 0 is sent first */
};
struct event_sent { /* the peer has taken responsibility (TCPCLv4 XFER_ACK of the last segment), or not */
    node_id peer;
    uint64_t transfer;
    err status; /* ERR_UNREACHABLE: the link went down before the acknowledgement; ERR_BUSY: refused */
};
struct event_frame { /* one whole bundle came in; must be answered by one ACCEPT, possibly steps later */
    node_id peer;
    uint64_t receipt; /* 0: the host knows that the sender waits for no answer; then there is no ACCEPT */
    struct slice data;
};
struct effect_accept {
    node_id peer;
    uint64_t receipt;
    err status; /* OK: acknowledge. FULL: refuse with "no resources". others: refuse as not acceptable */
};

/* ---- lanes (compute) -------------------------------------------------------------------------------------- */

struct lane_limits {
    uint32_t cpu_millis; /* 1000 is one core */
    uint64_t memory_bytes, disk_bytes, output_bytes;
    duration_ns wall_max_ns; /* mono */
};
struct lane_usage {
    int32_t exit_code; /* -1 when killed by a signal */
    int32_t signal;
    bool out_of_memory, timed_out;
    uint64_t cpu_us, memory_peak_bytes, wall_us;
};
enum lane_kind {
    LANE_FILE,   /* effect: write a piece of a file below /work of this lane (creates it) */
    LANE_START,  /* effect: run; EVENT_LANE(LANE_STARTED) and later EVENT_LANE(LANE_EXITED) */
    LANE_STOP,   /* effect: SIGTERM, then SIGKILL after the grace time */
    LANE_READ,   /* effect: read a piece of an output file -> EVENT_LANE(LANE_DATA) */
    LANE_REMOVE, /* effect: forget the lane and everything below its /work */
    LANE_STARTED,
    LANE_EXITED, /* with usage, and the tails of stdout and stderr */
    LANE_DATA,   /* data; status NOT_FOUND when the file does not exist; size = whole size of the file */
    LANE_FAILED  /* could not be started or staged: status and reason */
};
struct effect_lane {
    uint64_t lane; /* chosen by the compute plane, never reused within a boot */
    enum lane_kind kind;
    struct span path; /* FILE, READ: relative to /work, no "..", no leading slash */
    uint64_t offset, size;
    struct slice data; /* FILE */
    /* START: */
    struct span image;             /* "app:NAME" (bundled) or "file:PATH" (an image archive staged by LANE_FILE) */
    const struct span *arguments;  /* argv; empty: the image's entry point */
    size_t argument_count;
    const struct span *environment; /* "NAME=VALUE" */
    size_t environment_count;
    struct span working_directory; /* may be empty */
    struct lane_limits limits;
    duration_ns modelled_ns; /* how long the twin lets it run (mono); the real host ignores it */
};
struct event_lane {
    uint64_t lane;
    enum lane_kind kind; /* LANE_STARTED, LANE_EXITED, LANE_DATA, LANE_FAILED */
    err status;
    struct lane_usage usage;
    struct span output, error_output, reason; /* stdout and stderr, at most 64 KiB each */
    struct span path;
    uint64_t offset, size;
    struct slice data;
};

/* ---- sensor and craft -------------------------------------------------------------------------------------- */

struct effect_capture { /* take a picture; EVENT_SCENE follows */
    uint64_t op;
    double center_lat_deg, center_lon_deg, half_width_km;
    uint32_t pixels;
    tai_ns wall;
    char tile[24], sensor[24];
};
struct event_scene {
    uint64_t op;
    err status;
    struct slice data; /* a picture file (PPM with its georeference in comments) */
};
struct event_craft { /* the craft's telemetry, quantised; the real host integrates a model and says so in the docs */
    uint64_t battery_mwh, battery_capacity_mwh, battery_floor_mwh;
    uint64_t generation_mw, load_mw;
    uint32_t core_mk, radiator_mk, core_limit_mk;
    uint16_t sunlit_permille;
    uint32_t upset_count;
};
struct effect_load { /* what draws power from now on */
    uint32_t lanes_busy_millis; /* 1000 is one busy core */
    uint8_t radios_on;
    bool heater_on;
};

/* ---- the two unions ------------------------------------------------------------------------------------------ */

enum event_kind {
    EVENT_START, EVENT_ALARM, EVENT_STOP, EVENT_LINK, EVENT_FRAME, EVENT_SENT, EVENT_DONE, EVENT_WORKED, EVENT_LANE,
    EVENT_CRAFT, EVENT_SCENE, EVENT_OBJECT, EVENT_TASK, EVENT_COUNT
};
struct object_request;
struct object_reply;
struct task_request;
struct task_reply;
struct start; /* node/node.h */

struct event {
    enum event_kind kind;
    struct now now;
    union {
        const struct start *start;
        struct event_done done;
        struct event_link link;
        struct event_frame frame;
        struct event_sent sent;
        struct event_lane lane;
        struct event_craft craft;
        struct event_scene scene;
        uint64_t worked;                     /* op of a finished WORK */
        const struct object_request *object; /* a request of the region (or of the twin's customers) */
        const struct task_request *task;
    };
};

enum effect_kind {
    EFFECT_ALARM, EFFECT_DISK, EFFECT_POINT, EFFECT_SEND, EFFECT_ACCEPT, EFFECT_LANE, EFFECT_CAPTURE, EFFECT_LOAD,
    EFFECT_WORK, EFFECT_TRACE, EFFECT_OBJECT_REPLY, EFFECT_TASK_REPLY,
    EFFECT_RESTART, /* end this machine and start it anew from its disk, as after a crash; it goes on until then */
    EFFECT_COUNT
};

/* Heavy pure work over loaned memory: a thread pool in the real host, inline in the twin. */
struct effect_work {
    uint64_t op;
    void (*run)(void *argument); /* pure; touches only the argument */
    void *argument;
};

struct effect_trace { /* something a person would want to know; also the oracle of story tests */
    uint16_t id;      /* enum trace_id of core/trace.h */
    node_id about;    /* NODE_NONE when about no node in particular */
    struct span text;
};

struct effect {
    enum effect_kind kind;
    union {
        mono_ns alarm; /* the one next alarm of the machine; TIME_NEVER for none */
        struct effect_disk disk;
        struct effect_point point;
        struct effect_send send;
        struct effect_accept accept;
        struct effect_lane lane;
        struct effect_capture capture;
        struct effect_load load;
        struct effect_work work;
        struct effect_trace trace;
        const struct object_reply *object_reply;
        const struct task_reply *task_reply;
    };
};

struct effects { /* filled by a step, drained by the host, cleared by the next step */
    struct effect *items;
    size_t count, capacity;
};

#endif
