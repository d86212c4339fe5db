/* placement_test.c - holders at Mars, seen from a gateway on the Earth: light alone keeps nobody out, and a refusal names the time. */
#include "test.h"

#include <stdlib.h>

#include "orbit/sky.h"
#include "storage/placement.h"

enum { MARS_ONE = 1, MARS_TWO = 2, GATEWAY = 3, COUNT = 3, HEAP_BYTES = 1 << 20 };

struct rig {
    void *memory;
    struct heap heap;
    struct view view;
    struct config config;
    struct sky sky;
    struct port port;
};

static struct site orbiter(node_id id, double phase_deg, tai_ns epoch)
{
    return (struct site){.node = id,
                         .kind = SITE_SATELLITE,
                         .trajectory = {.kind = TRAJECTORY_ORBITER,
                                        .body = BODY_MARS,
                                        .orbiter = {.altitude_km = 6000, .inclination_deg = 60, .phase_deg = phase_deg, .epoch = epoch}}};
}

static struct rig *rig_new(void)
{
    struct rig *r = calloc(1, sizeof *r);
    const tai_ns epoch = time_from_utc(2027, 1, 20, 0, 0, 0);
    struct link_rules rules = link_rules_default();
    struct site sites[COUNT] = {orbiter(MARS_ONE, 0, epoch), orbiter(MARS_TWO, 120, epoch),
                                {.node = GATEWAY, .kind = SITE_GROUND, .latitude_deg = 35.43, .longitude_deg = -116.89}};
    r->memory = aligned_alloc(64, HEAP_BYTES);
    heap_init(&r->heap, r->memory, HEAP_BYTES);
    assert_int_equal(view_init(&r->view, &r->heap, COUNT, GATEWAY), ERR_OK);
    for (node_id id = 1; id <= COUNT; id++) {
        struct view_member *m;
        assert_int_equal(view_add(&r->view, id, &m), ERR_OK);
        m->role = id == GATEWAY ? ROLE_GATEWAY : ROLE_SATELLITE;
        m->plane = (uint16_t)id;
    }
    assert_int_equal(sky_init(&r->sky, NULL, sites, COUNT, &rules, epoch), ERR_OK);
    r->config = (struct config){.self = GATEWAY, .role = ROLE_GATEWAY};
    r->port = (struct port){.config = &r->config, .view = &r->view, .sky = &r->sky, .now = {.mono = NS_PER_S, .wall = epoch, .wall_rate = 1}};
    return r;
}

static void rig_free(struct rig *r)
{
    sky_free(&r->sky);
    free(r->memory);
    free(r);
}

static void reach_set(struct rig *r, node_id id, duration_ns reach)
{
    struct view_member *m = view_find(&r->view, id);
    m->reach_ns = reach;
    m->reach_wall = reach == TIME_NEVER ? TIME_NEVER : r->port.now.wall + reach;
}

static const struct placement_query two_in_orbit = {.part = {{7}}, .policy = {.copies = 2, .where = PLACE_ORBIT}, .self_has_room = true, .no_bridges = true};

static void light_alone_keeps_no_holder_out(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct places out;
    reach_set(r, MARS_ONE, placement_far_light(&r->port, MARS_ONE) / 2);
    reach_set(r, MARS_TWO, placement_far_light(&r->port, MARS_TWO) / 2);
    assert_true(placement_far_light(&r->port, MARS_ONE) > 10 * NS_PER_MINUTE);
    assert_true(placement_far_light(&r->port, GATEWAY) == 0);
    assert_int_equal(placement_choose(&r->port, &two_in_orbit, 2, &out), ERR_OK);
    assert_int_equal(out.count, 2);
    rig_free(r);
}

static void a_refusal_names_the_time_when_enough_are_in_reach(void **state)
{
    (void)state;
    struct rig *r = rig_new();
    struct places out;
    reach_set(r, MARS_ONE, placement_far_light(&r->port, MARS_ONE) / 2);
    reach_set(r, MARS_TWO, 2 * NS_PER_HOUR); /* behind the planet until then */
    assert_int_equal(placement_choose(&r->port, &two_in_orbit, 2, &out), ERR_UNREACHABLE);
    assert_true(out.retry_at == r->port.now.wall + 2 * NS_PER_HOUR);
    reach_set(r, MARS_TWO, TIME_NEVER); /* not within the plan: nobody knows */
    assert_int_equal(placement_choose(&r->port, &two_in_orbit, 2, &out), ERR_UNREACHABLE);
    assert_true(out.retry_at == 0);
    struct placement_query bridged = two_in_orbit;
    bridged.no_bridges = false; /* the gateway itself bridges */
    assert_int_equal(placement_choose(&r->port, &bridged, 2, &out), ERR_OK);
    rig_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(light_alone_keeps_no_holder_out),
        cmocka_unit_test(a_refusal_names_the_time_when_enough_are_in_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
