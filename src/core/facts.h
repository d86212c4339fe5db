/*
 * core/facts.h - how nodes agree without a majority: signed chains, sync by version vectors, deterministic fold.
 *
 * Story:    a fact is a small signed record. Each author's facts form a chain (sequence from 1, hash of the previous).
 *           A node keeps every fact it has seen of its cells, in memory and in an append-only log. At every contact two
 *           nodes compare version vectors (or one digest when equal) and send the missing suffixes; fresh facts are
 *           also pushed to linked neighbours at once. State is the fold of the set: planes get each fact exactly once
 *           per boot (also on recovery), authors in order of sequence, authors among each other in any order; so folds
 *           must commute between authors.
 * Durable:  a watched publish calls back once for every node (this one included) on whose disk the fact now is.
 * Equivocation: two facts of one author and sequence with different hashes are kept as a proof; the author's chain stops.
 *           What a node folded behind the fork before the proof came is undone by a new start (EFFECT_RESTART, once the
 *           proof is durable): recovery applies the limits before it folds. Until then facts_refolding is true.
 * Errors:   of publishing: ERR_FULL (memory limit, or the disk does not keep up), ERR_NO_SPACE (log area or disk full),
 *           ERR_TOO_LARGE (body above FACT_BODY_MAX), ERR_BUSY (before `ready`, or this node has not joined),
 *           ERR_EQUIVOCATION (this node's chain is stopped). Nothing is changed then.
 * Source:   ARCHITECTURE.md.
 */
#ifndef NOCT_CORE_FACTS_H
#define NOCT_CORE_FACTS_H

#include "base/map.h"
#include "core/ids.h"
#include "core/machine.h"
#include "core/roster.h"

struct port;
struct message;

enum { FACT_BODY_MAX = 256 * 1024, FACT_HASH_SIZE = 32, FACT_SIGNATURE_SIZE = 64 };

enum fact_type {
#define FACT(name, number, owner, text) FACT_##name = number,
#include "core/fact.def"
#undef FACT
};
const char *fact_type_name(uint16_t type);            /* "OBJECT"; "?" when unknown */
enum service fact_owner(uint16_t type);               /* SERVICE_NONE when unknown */

struct fact { /* decoded; spans point into the store and stay valid for the life of the node */
    node_id author;
    uint32_t incarnation;
    uint64_t seq;
    hlc time;
    uint32_t error_us; /* clock uncertainty of the author */
    uint64_t cut;      /* digest of the author's version vector before this fact */
    uint16_t type;
    struct span body;
    uint8_t hash[FACT_HASH_SIZE]; /* SHA-256 of the encoded fact without its signature */
};

struct facts; /* opaque: src/core/facts_private.h */

/* Signing and checking come from the host: real Ed25519, or with a memo in the twin (checking is a pure function). */
struct fact_crypto {
    void *context;
    err (*sign)(void *context, struct span message, uint8_t signature[FACT_SIGNATURE_SIZE]);
    bool (*verify)(void *context, const uint8_t public_key[32], struct span message,
                   const uint8_t signature[FACT_SIGNATURE_SIZE]);
};

struct facts_handlers {
    void *context;
    void (*accepted)(void *context, const struct fact *f); /* in order per author; also during recovery */
    void (*held)(void *context, enum service owner, uint64_t tag, node_id node); /* durable there */
    void (*equivocation)(void *context, node_id author, struct span fact_a, struct span fact_b);
    void (*ready)(void *context); /* recovery from disk is complete */
    duration_ns (*light)(void *context, node_id node); /* mono: one way to a node so far that it counts, else 0; NULL: all are near */
};

struct facts_config {
    node_id self;
    uint32_t incarnation;
    uint8_t root_public_key[32];
    struct fact_crypto crypto;
    struct span genesis; /* encoded root facts back to back (u32 size, fact); taken over at first start */
    const struct roster *roster; /* the root's facts before those: referenced in place, neither logged nor folded; NULL: none */
    uint64_t memory_max_bytes;
    duration_ns sync_interval_ns; /* mono: how often linked neighbours compare digests, default 5 s */
    bool casts; /* small pushes to neighbours are casts: heartbeats carry facts_sum, so what is lost is soon found */
};

err facts_open(struct facts **out, struct port *port, const struct facts_config *config,
               const struct facts_handlers *handlers) MUST_USE; /* starts recovery; `ready` is called later */

/* Appends a fact of this node to its chain, folds it (accepted is called before this returns), logs and pushes it. */
err facts_publish(struct facts *s, enum fact_type type, struct span body, struct fact *out) MUST_USE;
/* The same, and makes the fact durable on `nodes` as fast as can be; `held(owner, tag, node)` per node incl. self. */
err facts_publish_watched(struct facts *s, enum fact_type type, struct span body, const node_id *nodes, size_t node_count,
                          enum service owner, uint64_t tag) MUST_USE;
void facts_unwatch(struct facts *s, enum service owner, uint64_t tag);

/* Driven by the node: */
void facts_message(struct facts *s, const struct message *m);
void facts_done(struct facts *s, const struct event_done *done);
void facts_alarm(struct facts *s);
void facts_expect(const struct facts *s, unsigned stage, node_id peer); /* base/expect.h; peer: of a frame, or NODE_NONE for an alarm */
void facts_link(struct facts *s, node_id peer, bool up); /* a direct link changed: sync at once */
void facts_key_add(struct facts *s, node_id author, uint32_t incarnation, const uint8_t public_key[32]); /* by manage's fold of JOIN */
void facts_author_stop(struct facts *s, node_id author); /* quarantined: accept nothing more of it */
/* Checks a proof of misbehaviour (two facts with one sequence); when it holds, stops the chain before that sequence.
 * ERR_NOT_FOUND: the author's key is not known yet; ERR_INVALID, ERR_TRUNCATED, ERR_SIGNATURE: no proof. */
err facts_proof(struct facts *s, struct span fact_a, struct span fact_b, node_id *author) MUST_USE;

bool facts_refolding(const struct facts *s); /* this node's state is ahead of its facts: it waits for its new start */
uint64_t facts_digest(const struct facts *s);  /* of the version vector with chain heads: equal sets, equal digests */
uint64_t facts_sum(const struct facts *s);     /* the same of what others may be told, cheap */
void facts_compare(struct facts *s, node_id peer); /* its sum differs: sends it a DIGEST */
uint64_t facts_count(const struct facts *s);
uint64_t facts_seq_of(const struct facts *s, node_id author); /* the highest sequence held; 0 none */
hlc facts_clock(struct facts *s);              /* next HLC; moves the clock */
struct uid facts_uid(struct facts *s);         /* fresh unique id */
bool facts_check(const struct facts *s);       /* full invariant walk */
/* Walk all facts of an author from `seq_from` on; returns false when there is none with that sequence. */
bool facts_get(const struct facts *s, node_id author, uint64_t seq, struct fact *out);
/* The same of one chain: those two take an author's latest incarnation of which a fact is held. */
uint64_t facts_chain_seq(const struct facts *s, node_id author, uint32_t incarnation);
bool facts_chain_get(const struct facts *s, node_id author, uint32_t incarnation, uint64_t seq, struct fact *out);

#endif
