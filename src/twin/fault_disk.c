/*
 * twin/fault_disk.c - disks that are full, slow, forgetful or confused.
 */
#include "twin/faults.h"
#include "twin/world.h"

/* Somewhere else within what was written of this area, on the boundary of a sector. */
static uint64_t elsewhere(struct twin_node *n, const struct effect_disk *e)
{
    uint64_t used = n->disk.used_bytes[e->area];
    if (used <= e->size)
        return e->offset;
    return rng_below(&n->faults.write_rng, (used - e->size) / DISK_SECTOR + 1) * DISK_SECTOR;
}

err fault_disk_write(struct twin_node *n, const struct effect_disk *e)
{
    struct node_faults *f = &n->faults;
    if (node_now(n) < f->full_until) {
        node_figures(n)->faults.writes_refused++;
        return ERR_NO_SPACE;
    }
    if (f->lost_writes[e->area] > 0) {
        f->lost_writes[e->area]--;
        node_figures(n)->faults.writes_lost++;
        return ERR_OK;
    }
    if (f->misdirected_writes[e->area] > 0) {
        struct effect_disk astray = *e;
        f->misdirected_writes[e->area]--;
        astray.offset = elsewhere(n, e);
        node_figures(n)->faults.writes_misdirected++;
        return virtual_disk_write(&n->disk, &astray);
    }
    return virtual_disk_write(&n->disk, e);
}

duration_ns fault_disk_latency(const struct twin_node *n, duration_ns latency)
{
    return node_now(n) < n->faults.slow_until ? latency * n->faults.slow_factor : latency;
}
