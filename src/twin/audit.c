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

uint64_t audit_digest(struct audit *a, const uint64_t *limits)
{
    uint64_t buckets[AUDIT_BUCKETS] = {0};
    for (node_id author = 0; author <= a->nodes; author++) {
        struct fact f;
        if (limits[author] > 0 && a->fact(a->context, author, limits[author], &f))
            buckets[author % AUDIT_BUCKETS] += contribution(&f);
    }
    return digest_of(buckets);
}

/* ---- one actor's history -------------------------------------------------------------------------------------------------- */

/* Takes in the next fact of a chain. False: it does not exist any more (a crash took it before anybody else had it). */
static bool take(struct audit_state *s, node_id author, uint64_t seq)
{
    struct fact f;
    if (!s->audit->fact(s->audit->context, author, seq, &f))
        return false;
    uint64_t now = contribution(&f);
    s->buckets_digest[author % AUDIT_BUCKETS] += now - s->contribution[author];
    s->contribution[author] = now;
    s->held[author] = seq;
    audit_fold(s, &f);
    return true;
}

static void take_until(struct audit_state *s, node_id author, uint64_t seq)
{
    while (s->held[author] < seq && take(s, author, s->held[author] + 1))
        ;
}

/* The others' facts of one turn, one by one in order of author, until the knowledge is what `cut` says. */
static bool take_until_cut(struct audit_state *s, const struct audit_step *steps, size_t count, uint64_t cut)
{
    for (size_t i = 0; i < count; i++)
        while (steps[i].author != s->actor->id && s->held[steps[i].author] < steps[i].seq) {
            if (digest_of(s->buckets_digest) == cut)
                return true;
            if (!take(s, steps[i].author, s->held[steps[i].author] + 1))
                break;
        }
    return digest_of(s->buckets_digest) == cut;
}

/* Own facts of one turn: each is judged by what was known before it. */
static void act(struct audit_state *s, const struct audit_step *steps, size_t count, uint64_t own_until)
{
    node_id self = s->actor->id;
    while (s->held[self] < own_until) {
        struct fact f;
        if (!s->audit->fact(s->audit->context, self, s->held[self] + 1, &f))
            return;
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
    memset(s->held, 0, (s->audit->nodes + 1) * sizeof *s->held);
    memset(s->contribution, 0, (s->audit->nodes + 1) * sizeof *s->contribution);
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
    uint64_t *left = calloc(s->audit->nodes + 1, sizeof *left);
    ASSERT(left != NULL);
    memcpy(left, s->held, (s->audit->nodes + 1) * sizeof *left);
    for (size_t i = 0; i < count; i++)
        left[steps[i].author] = MIN(left[steps[i].author], (uint64_t)steps[i].seq);
    state_clear(s);
    for (node_id author = 0; author <= s->audit->nodes; author++)
        take_until(s, author, left[author]);
    free(left);
}

static void turn(struct audit_state *s, const struct audit_step *steps, size_t count)
{
    uint64_t own_until = 0;
    bool lost = false;
    for (size_t i = 0; i < count; i++) {
        if (steps[i].author == s->actor->id)
            own_until = steps[i].seq;
        lost = lost || steps[i].seq < s->held[steps[i].author];
    }
    if (lost)
        rewind_to(s, steps, count);
    act(s, steps, count, own_until);
    for (size_t i = 0; i < count; i++)
        take_until(s, steps[i].author, steps[i].seq);
}

static void state_open(struct audit_state *s, struct audit *a, const struct audit_actor *actor)
{
    *s = (struct audit_state){.audit = a, .actor = actor};
    s->memory = mmap(NULL, AUDIT_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT(s->memory != MAP_FAILED);
    s->held = calloc(a->nodes + 1, sizeof *s->held);
    s->contribution = calloc(a->nodes + 1, sizeof *s->contribution);
    s->members = calloc(a->nodes + 1, sizeof *s->members);
    ASSERT(s->held && s->contribution && s->members);
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
    free(s.contribution);
    free(s.members);
}
