#include "twin/audit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "base/rng.h"
#include "twin/audit_state.h"

#define AUDIT_MEMORY_BYTES (1ull << 30) /* mapped, touched as far as it is used */

/* ---- digests of knowledge: docs/format/fact.md --------------------------------------------------------------------------- */

static uint64_t contribution(const struct fact *f)
{
    uint8_t bytes[16 + FACT_HASH_SIZE];
    struct writer w = writer_of(bytes, sizeof bytes);
    write_u64(&w, (uint64_t)f->author << 32 | f->incarnation);
    write_u64(&w, f->seq);
    write_bytes(&w, f->hash, FACT_HASH_SIZE);
    return hash64(bytes, sizeof bytes);
}

static uint64_t digest_of(const uint64_t buckets[AUDIT_BUCKETS])
{
    uint64_t digest = 0;
    for (size_t i = 0; i < AUDIT_BUCKETS; i++)
        digest = hash_mix(digest, buckets[i]);
    return digest;
}

uint32_t audit_chain_of(const struct audit *a, node_id author, uint32_t incarnation)
{
    if (author <= a->nodes && a->chains[author].incarnation == incarnation)
        return author;
    for (size_t i = a->nodes + 1; i < a->chain_count; i++)
        if (a->chains[i].author == author && a->chains[i].incarnation == incarnation)
            return (uint32_t)i;
    return AUDIT_CHAIN_NONE;
}

uint64_t audit_digest(struct audit *a, const uint64_t *limits)
{
    uint64_t buckets[AUDIT_BUCKETS] = {0};
    for (uint32_t chain = 0; chain < a->chain_count; chain++) {
        struct fact f;
        if (limits[chain] > 0 && a->fact(a->context, chain, limits[chain], &f))
            buckets[a->chains[chain].author % AUDIT_BUCKETS] += contribution(&f);
    }
    return digest_of(buckets);
}

/* Two facts with one author, incarnation and sequence, and different bytes: the author is a liar, whoever says so. */
bool audit_proof(const struct audit *a, const struct fact *f, uint32_t *chain, uint64_t *twice)
{
    struct reader r = reader_of(f->body.data, f->body.size);
    struct span one = read_blob(&r, f->body.size), two = read_blob(&r, f->body.size);
    bool whole = f->type == FACT_PROOF && reader_ok(&r) && one.size > 24 && two.size > 24;
    if (!whole || memcmp(one.data + 4, two.data + 4, 8) != 0 || memcmp(one.data + 16, two.data + 16, 8) != 0 || span_equal(one, two))
        return false;
    struct reader head = reader_of(one.data + 4, 20);
    node_id author = read_u32(&head);
    uint32_t incarnation = read_u32(&head);
    read_u32(&head); /* clock uncertainty */
    *twice = read_u64(&head);
    *chain = audit_chain_of(a, author, incarnation);
    return *chain != AUDIT_CHAIN_NONE && *twice > 0;
}

/* ---- one actor's history -------------------------------------------------------------------------------------------------- */

static void contribute(struct audit_state *s, uint32_t chain, uint64_t now)
{
    s->buckets_digest[s->audit->chains[chain].author % AUDIT_BUCKETS] += now - s->contribution[chain];
    s->contribution[chain] = now;
}

void audit_chain_limit(struct audit_state *s, uint32_t chain, uint64_t limit)
{
    struct fact f;
    if (limit >= s->limit[chain])
        return;
    s->limit[chain] = limit;
    if (s->held[chain] > limit)
        contribute(s, chain, limit > 0 && s->audit->fact(s->audit->context, chain, limit, &f) ? contribution(&f) : 0);
}

/* Takes in the next fact of a chain. False: it does not exist any more (a crash took it before anybody else had it). */
static bool take(struct audit_state *s, uint32_t chain, uint64_t seq)
{
    struct fact f;
    if (!s->audit->fact(s->audit->context, chain, seq, &f))
        return false;
    if (seq <= s->limit[chain])
        contribute(s, chain, contribution(&f));
    s->held[chain] = seq;
    audit_fold(s, &f);
    return true;
}

static void take_until(struct audit_state *s, uint32_t chain, uint64_t seq)
{
    while (s->held[chain] < seq && take(s, chain, s->held[chain] + 1))
        ;
}

/* The others' facts of one turn, one by one in order of chains, until the knowledge is what `cut` says. */
static bool take_until_cut(struct audit_state *s, const struct audit_step *steps, size_t count, uint64_t cut)
{
    for (size_t i = 0; i < count; i++)
        while (steps[i].chain != s->actor->chain && s->held[steps[i].chain] < steps[i].seq) {
            if (digest_of(s->buckets_digest) == cut)
                return true;
            if (!take(s, steps[i].chain, s->held[steps[i].chain] + 1))
                break;
        }
    return digest_of(s->buckets_digest) == cut;
}

/* Who publishes a proof has stopped the liar's chain just before. */
static void proof_foresee(struct audit_state *s, const struct fact *f)
{
    uint32_t liar;
    uint64_t twice;
    if (audit_proof(s->audit, f, &liar, &twice))
        audit_chain_limit(s, liar, twice - 1);
}

/* Own facts of one turn: each is judged by what was known before it. */
static void act(struct audit_state *s, const struct audit_step *steps, size_t count, uint64_t own_until)
{
    uint32_t self = s->actor->chain;
    while (s->held[self] < own_until) {
        struct fact f;
        if (!s->audit->fact(s->audit->context, self, s->held[self] + 1, &f))
            return;
        proof_foresee(s, &f);
        bool exact = take_until_cut(s, steps, count, f.cut);
        s->audit->facts++;
        s->audit->cuts_exact += exact;
        audit_judge(s, &f, exact);
        take(s, self, f.seq);
    }
}

static void state_clear(struct audit_state *s)
{
    heap_init(&s->heap, s->memory, AUDIT_MEMORY_BYTES);
    memset(s->buckets_digest, 0, sizeof s->buckets_digest);
    memset(s->held, 0, s->audit->chain_count * sizeof *s->held);
    memset(s->limit, 0xff, s->audit->chain_count * sizeof *s->limit);
    memset(s->contribution, 0, s->audit->chain_count * sizeof *s->contribution);
    memset(s->members, 0, (s->audit->nodes + 1) * sizeof *s->members);
    map_init(&s->suspicions, &s->heap, sizeof(struct audit_suspicion));
    map_init(&s->tasks, &s->heap, sizeof(struct audit_task));
    map_init(&s->attempts, &s->heap, sizeof(struct audit_attempt));
    map_init(&s->buckets, &s->heap, sizeof(struct audit_bucket));
    map_init(&s->parts, &s->heap, 1);
}

/* A crash took facts that were not yet on disk: the state is folded again from what was left. */
static void rewind_to(struct audit_state *s, const struct audit_step *steps, size_t count)
{
    size_t chains = s->audit->chain_count;
    uint64_t *left = malloc(chains * sizeof *left);
    ASSERT(left != NULL);
    memcpy(left, s->held, chains * sizeof *left);
    for (size_t i = 0; i < count; i++)
        left[steps[i].chain] = MIN(left[steps[i].chain], (uint64_t)steps[i].seq);
    state_clear(s);
    for (uint32_t chain = 0; chain < chains; chain++)
        take_until(s, chain, left[chain]);
    free(left);
}

static void turn(struct audit_state *s, const struct audit_step *steps, size_t count)
{
    uint64_t own_until = 0;
    bool lost = false;
    for (size_t i = 0; i < count; i++) {
        if (steps[i].chain == s->actor->chain)
            own_until = steps[i].seq;
        lost = lost || steps[i].seq < s->held[steps[i].chain];
    }
    if (lost)
        rewind_to(s, steps, count);
    act(s, steps, count, own_until);
    for (size_t i = 0; i < count; i++)
        take_until(s, steps[i].chain, steps[i].seq);
}

static void state_open(struct audit_state *s, struct audit *a, const struct audit_actor *actor)
{
    *s = (struct audit_state){.audit = a, .actor = actor, .self = a->chains[actor->chain]};
    s->memory = mmap(NULL, AUDIT_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(s->memory != MAP_FAILED);
    s->held = calloc(a->chain_count, sizeof *s->held);
    s->limit = calloc(a->chain_count, sizeof *s->limit);
    s->contribution = calloc(a->chain_count, sizeof *s->contribution);
    s->members = calloc(a->nodes + 1, sizeof *s->members);
    ASSERT(s->held && s->limit && s->contribution && s->members);
    state_clear(s);
}

void audit_actor_replay(struct audit *a, const struct audit_actor *actor)
{
    struct audit_state s;
    state_open(&s, a, actor);
    for (size_t from = 0, to; from < actor->count; from = to) {
        for (to = from + 1; to < actor->count && actor->steps[to].turn == actor->steps[from].turn; to++)
            ;
        turn(&s, actor->steps + from, to - from);
    }
    munmap(s.memory, AUDIT_MEMORY_BYTES);
    free(s.held);
    free(s.limit);
    free(s.contribution);
    free(s.members);
}
