/*
 * manage/manage_private.h - the inside of the manage plane, shared by its own files only.
 *
 * Story:    a `member` is what facts say about a node, the same everywhere after equal facts; of whom the roster says all
 *           there is to say there is no record. A `neighbour` is what this node sees of it.
 */
#ifndef NOCT_MANAGE_PRIVATE_H
#define NOCT_MANAGE_PRIVATE_H

#include "manage/manage.h"

struct member { /* key: node */
    /* folded: */
    uint32_t incarnation;      /* 0: no JOIN seen yet */
    uint32_t left_incarnation; /* the highest one that left */
    uint32_t proof_incarnation; /* the highest one proven to lie */
    uint32_t life;             /* returns so far */
    uint32_t convicted_lives;  /* 1 + the highest life convicted; 0: never */
    uint32_t boot;             /* of the last RETURN */
};

struct suspicion { /* key: member, observer */
    uint32_t incarnation; /* of the observer, and its sequence: the latest wins */
    uint64_t seq;
    uint32_t life;
    bool withdrawn;
};

struct neighbour { /* key: node; whom the plan may join with us, or who had a link */
    bool link_up;
    bool window_linked;   /* the link stood at some time in this window */
    bool laser;           /* the contact that stands is between satellites */
    bool heard;           /* directly, since our start */
    bool link_fault;      /* it lives, but not over our link */
    tai_ns plan_from, plan_until; /* what the plan shows of us two is known for this time: */
    tai_ns plan_start, plan_end;  /* the contact; INT64_MIN: none */
    duration_ns plan_light;
    tai_ns window;        /* start of the contact that stands */
    mono_ns window_at;    /* the same as a mono instant, not before our start */
    duration_ns lag;      /* what light takes to set a far link up and bring the first heartbeat; 0: it is near */
    mono_ns scheduled_at; /* since when its heartbeats are scheduled; TIME_NEVER: they are not */
    mono_ns heard_at;
    mono_ns alive_at;     /* when a status from elsewhere last showed that it lives (link_fault) */
    mono_ns edge_at;      /* large missions: of the plan: looked at again; 0: with each beat */
    mono_ns evidence_at;  /* when two suspicions were first seen; TIME_NEVER: not yet */
    uint32_t heard_boot;  /* of the last status that came directly */
    uint64_t heard_seq;
    mono_ns asked_at;     /* large missions: when others were last asked whether they hear it */
    uint64_t facts_theirs, facts_ours; /* sums of facts when it last beat */
};

struct neighbour_slot { /* by id, side by side: what each beat looks at */
    node_id id;
    bool link_up;    /* as the neighbour's */
    mono_ns look_at; /* large missions: nothing to watch before */
    struct neighbour *neighbour;
};

struct proof { /* waits for the author's key */
    struct proof *next;
    struct span a, b; /* in the fact store */
};

struct manage {
    struct port *port;
    bool ready;
    struct map members, suspicions;
    struct neighbour_slot *around; /* sorted by id */
    size_t around_count;
    struct proof *proofs;
    struct status status; /* our own */
    enum health health;
    struct event_craft craft; /* zeros until the first one */
    mono_ns beat_at;       /* TIME_NEVER before ready */
    uint64_t *news;    /* bits by row of the view: its status may have advanced since it was passed on */
    size_t news_rows, news_at; /* rows when the bits were laid out; where the next beat goes on */
    bool full_due;     /* our status changed: the next heartbeat carries it */
    mono_ns started_at;
    uint32_t return_wanted; /* 1 + the life to end by a RETURN; 0: none */
};

/* membership.c */
const struct member *member_find(const struct manage *m, node_id id);
struct member *member_get(struct manage *m, node_id id); /* creates; NULL when full */
enum member_state member_state_of(const struct manage *m, node_id id, const struct member *member);
void member_refresh(struct manage *m, node_id id);       /* folded state -> view */
struct suspicion *suspicion_find(const struct manage *m, node_id member, node_id observer);
/* Alive observers whose suspicion of this member's life stands; fills up to `most` citations, in order of observer. */
size_t suspicion_count(const struct manage *m, node_id member, struct cited *cited, size_t most);
void membership_retry(struct manage *m); /* RETURN that could not be published yet */

/* neighbours.c */
struct neighbour *neighbour_get(struct manage *m, node_id id); /* creates; NULL when full */
struct neighbour *neighbour_find(const struct manage *m, node_id id); /* NULL: none */
struct neighbour_slot *neighbour_slot(const struct manage *m, node_id id); /* the same; until the next is created */
bool neighbours_check(const struct manage *m);

/* detector.c */
void detector_heard(struct manage *m, node_id peer, struct neighbour *n, uint32_t boot, uint64_t seq);
void detector_asked(struct manage *m, const struct message *message); /* ASK: do we hear a node? */
void detector_told(struct manage *m, const struct message *message);  /* LIVES: another hears it */
void detector_elsewhere(struct manage *m, node_id node, const struct status *s); /* a status came another way */
void detector_tick(struct manage *m);    /* looks at every neighbour; sets the alarm for the next deadline */
void detector_overslept(struct manage *m); /* we stood still ourselves: silence so far says nothing */
void detector_returned(struct manage *m, node_id node); /* begins a new life: its links get time to come up */
void detector_fact(struct manage *m, node_id member); /* suspicions of it changed: convict? */

/* status.c */
void status_beat(struct manage *m);      /* own status, heartbeats to neighbours */
void status_message(struct manage *m, const struct message *message);

/* health.c */
enum health health_next(enum health now, const struct event_craft *craft, const struct config *config);

#endif
