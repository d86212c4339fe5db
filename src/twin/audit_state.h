/*
 * twin/audit_state.h - what the auditor has folded of one actor's knowledge; shared by the auditor's own files only.
 */
#ifndef NOCT_TWIN_AUDIT_STATE_H
#define NOCT_TWIN_AUDIT_STATE_H

#include "base/map.h"
#include "twin/audit.h"

enum { AUDIT_BUCKETS = 16 };

struct audit_member { /* 0: never; the highest incarnation of each */
    uint32_t joined, left, lied;
    bool satellite;
    uint32_t life, convicted_lives, boot;
    tai_ns convicted_at; /* of the latest life: by its first CONVICT */
};
struct audit_suspicion { /* key: member << 32 | observer; the latest by incarnation and sequence */
    uint64_t seq;
    uint32_t incarnation, life;
    bool withdrawn;
};
struct audit_lease {
    uint32_t epoch;
    node_id author, owner, successors[2];
    duration_ns duration;
    hlc time;
};
struct audit_attempt { /* key: uid, epoch (BE), node (BE) */
    bool awarded, ended, reported;
    uint8_t state;
};
struct audit_task { /* key: uid */
    bool known, cancelled, stood_in; /* ended by another node than its sink */
    uint32_t receipts, reported_epoch; /* by the actor itself */
    struct audit_lease lease;
};
struct audit_bucket { /* key: name; policies of all instances that stand, the weakest counts */
    uint32_t instances;
    uint8_t copies, where;
};

struct audit_state {
    struct audit *audit;
    struct heap heap;
    void *memory;
    const struct audit_actor *actor;
    struct audit_chain self;
    uint64_t *held;               /* by chain: how far it is known */
    uint64_t *limit;              /* what lies behind it counts for nothing: a proof is known */
    uint64_t *contribution;       /* to the digest */
    uint64_t buckets_digest[AUDIT_BUCKETS];
    struct audit_member *members; /* by id */
    struct map suspicions, tasks, attempts, buckets, parts;
};

/* audit_fold.c: takes a fact in. */
void audit_fold(struct audit_state *s, const struct fact *f);
bool audit_member_alive(const struct audit_state *s, node_id id); /* joined, not convicted, gone or proven to lie */
bool audit_member_left(const struct audit_member *m);
bool audit_member_lied(const struct audit_member *m);
void audit_chain_limit(struct audit_state *s, uint32_t chain, uint64_t limit); /* audit.c */
struct audit_member *audit_member(const struct audit_state *s, node_id id); /* NULL: no such id */
struct audit_attempt *audit_attempt(struct audit_state *s, struct uid id, uint32_t epoch, node_id node, bool make);

/* audit_rules.c: judges an act of the actor by what it knew; `exact`: the knowledge is known to the last fact. */
void audit_judge(struct audit_state *s, const struct fact *f, bool exact);

/* audit_body.c: bodies by their format pages. False: malformed. */
struct audit_policy { uint8_t copies, where; bool best_effort; };
struct audit_run { uint32_t chunks; uint8_t nodes; node_id node[8]; };
struct audit_record { struct uid part; uint64_t size; struct audit_policy policy; uint16_t runs; struct reader at; };
struct audit_object {
    struct span bucket, key;
    struct uid version;
    uint64_t size;
    struct audit_policy policy;
    uint32_t parts;
    bool inlined;
    struct audit_record record;    /* when inlined and there is data */
    struct reader references;      /* when not */
};
struct audit_award { struct uid id; uint32_t epoch; node_id owner, successors[2]; duration_ns lease; };
struct audit_report { struct uid id; uint32_t epoch; node_id node; uint8_t state; };
struct audit_convict { node_id node; uint32_t life; uint8_t cited; struct reader at; };
bool audit_read_object(struct span body, struct audit_object *out);
bool audit_read_part(struct span body, struct uid *upload, struct audit_record *out);
bool audit_run_next(struct audit_record *r, struct audit_run *out);
bool audit_read_bucket(struct span body, struct span *name, struct audit_policy *policy);
bool audit_read_name_end(struct span body, struct span *bucket, struct span *key, struct uid *upto);
bool audit_read_upload(struct span body, struct span *bucket, struct audit_policy *policy, struct uid *id);
bool audit_read_copy(struct span body, struct uid *part, node_id *node, bool *added);
bool audit_read_award(struct span body, struct audit_award *out);
bool audit_read_report(struct span body, struct audit_report *out); /* TASK_STATE and the head of TASK_RESULT */
bool audit_read_receipt(struct span body, struct audit_report *out);
bool audit_read_uid(struct span body, struct uid *out);             /* TASK, TASK_CANCEL: version and uid */
bool audit_read_convict(struct span body, struct audit_convict *out);

#endif
