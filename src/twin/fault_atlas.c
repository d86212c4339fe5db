#include "twin/fault_atlas.h"

#include <stdlib.h>

enum { FACTS_AREA = 1 /* as fault.def orders the areas */, LOG_BITS_MAX = 4 };
enum { CLASS_LINK, CLASS_LOSS, CLASS_ROT, CLASS_CLOCK, CLASS_LOAD, CLASS_LIAR };

static int class_of(enum fault_kind kind)
{
    switch (kind) {
    case FAULT_CRASH:
    case FAULT_GATEWAY_CRASH:
    case FAULT_RESET:
    case FAULT_LATCH_UP:
    case FAULT_LOSS:
    case FAULT_PLANE_LOSS:
    case FAULT_DISK_FULL:
    case FAULT_DISK_SLOW:
        return CLASS_LOSS;
    case FAULT_FLIP:
    case FAULT_WRITE_LOST:
    case FAULT_WRITE_MISDIRECTED:
        return CLASS_ROT;
    case FAULT_DRIFT:
    case FAULT_STEP:
        return CLASS_CLOCK;
    case FAULT_PANEL:
    case FAULT_HEAT:
        return CLASS_LOAD;
    case FAULT_EQUIVOCATE:
    case FAULT_LIE:
    case FAULT_DROP_CUSTODY:
        return CLASS_LIAR;
    case FAULT_CUT:
    case FAULT_POINTING:
    case FAULT_CORRUPT:
    case FAULT_REPLAY:
    case FAULT_FORGE:
    case FAULT_DUPLICATE:
    case FAULT_REORDER:
    case FAULT_STORM:
    case FAULT_STATION:
    case FAULT_KIND_COUNT:
        break;
    }
    return CLASS_LINK;
}

void fault_atlas_open(struct fault_atlas *a, const struct scenario *s, duration_ns duration, bool beyond)
{
    *a = (struct fault_atlas){.scenario = s, .beyond = beyond, .end = duration - FAULT_REST, .satellites_left = s->satellite_count};
    uint32_t least = 2; /* of the customers' own bucket */
    a->copies_max = 2;
    for (size_t i = 0; i < s->bucket_count; i++) {
        const struct policy *p = &s->buckets[i].policy;
        a->copies_max = MAX(a->copies_max, p->copies);
        if (!p->best_effort)
            least = MIN(least, p->copies);
    }
    a->losses_max = MAX(least, 1u) - 1;
    a->nodes = calloc(MAX(s->site_count, (size_t)1), sizeof *a->nodes);
    ASSERT(a->nodes != NULL);
}

void fault_atlas_close(struct fault_atlas *a)
{
    free(a->nodes);
    *a = (struct fault_atlas){0};
}

static bool struck(const struct fault_atlas *a, const struct fault *f, size_t index)
{
    if (f->kind == FAULT_PLANE_LOSS)
        return index < a->scenario->satellite_count && a->scenario->sites[index].plane == f->node - 1;
    return index + 1 == f->node;
}

static bool for_ever(const struct fault *f)
{
    return f->kind == FAULT_LOSS || f->kind == FAULT_EQUIVOCATE;
}

static bool rot_latent(const struct fault_atlas *a, const struct fault *f)
{
    return a->rot_node != NODE_NONE && f->at < a->rot_until;
}

/* Nodes that are down, resting, or struck now. */
static uint32_t losses_with(const struct fault_atlas *a, const struct fault *f)
{
    uint32_t count = 0;
    for (size_t i = 0; i < a->scenario->site_count; i++)
        count += struck(a, f, i) || a->nodes[i].down_until > f->at;
    return count;
}

static const char *loss_refused(const struct fault_atlas *a, const struct fault *f)
{
    /* With a single copy a node's return brings its disk back: one at a time may always go away for a while. */
    uint32_t most = for_ever(f) ? a->losses_max : MAX(a->losses_max, 1u);
    for (size_t i = 0; i < a->scenario->site_count; i++)
        if (struck(a, f, i) && a->nodes[i].down_until > f->at)
            return "this node is down, or has not yet rested from its last fault";
    if (losses_with(a, f) > most)
        return "more nodes down or resting at once than copies - 1";
    if (!for_ever(f))
        return NULL;
    if (a->satellites_left <= a->copies_max)
        return "too few satellites would be left to hold the copies";
    if (rot_latent(a, f) && a->rot_node != f->node)
        return "rot on another node may not have been found yet: both copies would be lost";
    return NULL;
}

static const char *rot_refused(const struct fault_atlas *a, const struct fault *f)
{
    for (size_t i = 0; i < a->scenario->site_count; i++)
        if (a->nodes[i].down_until > f->at)
            return "a node is down or resting: the damage could meet the loss of the other copy";
    if (rot_latent(a, f) && a->rot_node != f->node)
        return "another node's rot may not have been found yet: both copies could be damaged";
    if (a->losses_max == 0)
        return "no second copy is promised";
    if (f->choice == 0)
        return NULL;
    if (f->kind != FAULT_FLIP || f->choice != FACTS_AREA)
        return "a disk that lies about its logs, or rot in the spool, is beyond what a node survives";
    if (f->value > LOG_BITS_MAX)
        return "more bits than one particle flips would strike many records of the log: one may be held by this node only";
    return NULL;
}

static const char *clock_refused(const struct fault_atlas *a, const struct fault *f)
{
    int64_t off = f->kind == FAULT_STEP ? f->value * NS_PER_MS : f->duration / 1000000 * f->value;
    if (off > a->scenario->node.heartbeat_ns || off < -a->scenario->node.heartbeat_ns)
        return "the clock would be off by more than a heartbeat";
    return a->nodes[f->node - 1].clock_until > f->at ? "this node's clock is disturbed already" : NULL;
}

static const char *load_refused(const struct fault_atlas *a, const struct fault *f)
{
    if (f->kind == FAULT_PANEL && f->value > 30)
        return "the craft is built to lose at most 30 percent of its generation";
    if (f->kind == FAULT_HEAT && (double)f->value > scenario_member(a->scenario, f->node)->craft.base_load_w / 2)
        return "more extra heat than half the base load";
    return a->nodes[f->node - 1].load_until > f->at ? "this craft is disturbed already" : NULL;
}

static const char *liar_refused(const struct fault_atlas *a, const struct fault *f)
{
    if (a->scenario->site_count < 4)
        return "one Byzantine node needs three honest ones";
    if (a->liar != NODE_NONE && a->liar_until > f->at)
        return "one Byzantine node at a time";
    return f->kind == FAULT_EQUIVOCATE ? loss_refused(a, f) : NULL;
}

static const char *refused(const struct fault_atlas *a, const struct fault *f)
{
    if (f->at < FAULT_FIRST)
        return "the region has not formed yet";
    if (f->duration > a->end - f->at)
        return "it would not be over, with rest, before the safety phase ends";
    switch (class_of(f->kind)) {
    case CLASS_LOSS:
        return loss_refused(a, f);
    case CLASS_ROT:
        return rot_refused(a, f);
    case CLASS_CLOCK:
        return clock_refused(a, f);
    case CLASS_LOAD:
        return load_refused(a, f);
    case CLASS_LIAR:
        return liar_refused(a, f);
    default:
        return NULL;
    }
}

static void strike(struct fault_atlas *a, const struct fault *f)
{
    duration_ns rest = for_ever(f) ? FAULT_REBUILD : FAULT_REST;
    for (size_t i = 0; i < a->scenario->site_count; i++) {
        if (!struck(a, f, i))
            continue;
        a->nodes[i].down_until = MAX(a->nodes[i].down_until, f->at + f->duration + rest);
        if (for_ever(f)) {
            a->nodes[i].gone = true;
            a->satellites_left--;
        }
    }
    if (for_ever(f) && a->rot_node == f->node)
        a->rot_node = NODE_NONE;
}

static void note(struct fault_atlas *a, const struct fault *f)
{
    struct fault_atlas_node *n = f->node >= 1 && f->node <= a->scenario->site_count ? &a->nodes[f->node - 1] : NULL;
    switch (class_of(f->kind)) {
    case CLASS_LOSS:
        strike(a, f);
        break;
    case CLASS_ROT: /* two scrubs: the first may have passed the place just before */
        a->rot_node = f->node;
        a->rot_until = f->at + 2 * a->scenario->node.scrub_interval_ns + FAULT_REST;
        break;
    case CLASS_CLOCK:
        n->clock_until = f->at + f->duration + FAULT_REST;
        break;
    case CLASS_LOAD:
        n->load_until = f->at + f->duration + FAULT_REBUILD;
        break;
    case CLASS_LIAR:
        a->liar = f->node;
        a->liar_until = f->kind == FAULT_EQUIVOCATE ? TIME_NEVER : f->at + f->duration + FAULT_REST;
        if (f->kind == FAULT_EQUIVOCATE)
            strike(a, f);
        break;
    default:
        break;
    }
}

const char *fault_atlas_admit(struct fault_atlas *a, const struct fault *f)
{
    bool at_node = f->node >= 1 && f->node <= a->scenario->site_count && f->kind != FAULT_PLANE_LOSS;
    if (at_node && a->nodes[f->node - 1].gone)
        return "this node is gone";
    const char *why = a->beyond ? NULL : refused(a, f);
    if (!why)
        note(a, f);
    return why;
}
