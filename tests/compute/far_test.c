/*
 * far_test.c - auctions over light-minutes: two or three satellites about Mars, one about the Earth, the gateway in Goldstone. Light
 * needs six minutes. Messages, facts and confirmations take their time; the plane must neither give up early nor wait in vain.
 */
#include "world_impl.h"

#include "compute/internal.h"
#include "orbit/sky.h"

enum { COUNT = 5, GATEWAY = COUNT, TIME_STEP_MS = 50 };

static struct sky sky;

static struct site orbiter(node_id id, enum body body, double phase_deg, tai_ns epoch)
{
    return (struct site){.node = id,
                         .kind = SITE_SATELLITE,
                         .trajectory = {.kind = TRAJECTORY_ORBITER,
                                        .body = body,
                                        .orbiter = {.altitude_km = 6000, .inclination_deg = 60, .phase_deg = phase_deg, .epoch = epoch}}};
}

/* Satellites 1 to `at_mars` are about Mars, those up to 4 about the Earth. Inputs lie on 2 and 3. */
static struct world *far_world(node_id at_mars)
{
    const tai_ns epoch = time_from_utc(2027, 1, 20, 0, 0, 0);
    struct site sites[COUNT];
    struct link_rules rules = link_rules_default();
    struct world *w = world_new(COUNT);
    w->now.wall = epoch;
    w->step = TIME_STEP_MS * NS_PER_MS;
    for (node_id id = 1; id < COUNT; id++)
        sites[id - 1] = orbiter(id, id <= at_mars ? BODY_MARS : BODY_EARTH, 90.0 * id, epoch);
    sites[COUNT - 1] = (struct site){.node = GATEWAY, .kind = SITE_GROUND, .latitude_deg = 35.43, .longitude_deg = -116.89};
    assert_int_equal(sky_init(&sky, NULL, sites, COUNT, &rules, epoch), ERR_OK);
    w->sky = &sky;
    for (node_id a = 1; a <= COUNT; a++)
        for (node_id b = 1; b <= COUNT; b++)
            w->way[a][b] = a == b ? 0 : sky_far_light(&sky, a, b, epoch);
    for (node_id id = 1; id <= COUNT; id++) {
        w->nodes[id].port.sky = &sky;
        reach_refresh(&w->nodes[id]);
    }
    return w;
}

static void far_world_free(struct world *w)
{
    world_free(w);
    sky_free(&sky);
}

static struct uid submit(struct world *w, const struct task_spec *spec)
{
    struct uid id = world_create(&w->nodes[GATEWAY], spec);
    assert_int_equal(w->nodes[GATEWAY].reply.status, ERR_OK);
    return id;
}

static void light_is_counted_from_half_a_second_on(void **state)
{
    (void)state;
    struct world *w = far_world(3);
    assert_true(w->way[GATEWAY][1] > 5 * NS_PER_MINUTE && w->way[GATEWAY][1] < 7 * NS_PER_MINUTE);
    assert_true(w->way[GATEWAY][1] % NS_PER_MS == 0);
    assert_true(w->way[GATEWAY][4] == 0);
    assert_true(w->way[1][2] == 0);
    assert_true(sky_far_light(&sky, 4, 1, w->now.wall) == sky_far_light(&sky, 1, 4, w->now.wall));
    assert_true(sky_far_light(&sky, 4, 77, w->now.wall) == 0);
    far_world_free(w);
}

static void one_announcement_is_enough_to_place_a_task_at_mars(void **state)
{
    (void)state;
    struct world *w = far_world(3);
    world_kill(&w->nodes[4]);
    world_convict(w, 4);
    world_put(w, "eo", "T/a.ppm", "0123456789abcdefghij", 2, 3);
    struct task_spec spec = world_spec();
    struct uid id = submit(w, &spec);
    duration_ns light = w->way[GATEWAY][1];
    world_run(w, 2 * light - NS_PER_S);
    assert_int_equal(world_state(&w->nodes[GATEWAY], id), TASK_QUEUED); /* bids are on their way */
    world_run(w, 2 * light + NS_PER_MINUTE); /* the award; staging, the run; the result */
    const struct task_view *v = world_get(&w->nodes[GATEWAY], id);
    assert_int_equal(v->state, TASK_COMPLETE);
    assert_int_equal(v->owner, 2);
    assert_int_equal(v->epoch, 1);
    assert_int_equal(w->announced, 3); /* each was asked once */
    far_world_free(w);
}

static void nobody_waits_for_a_bid_from_mars_that_cannot_win(void **state)
{
    (void)state;
    struct world *w = far_world(2);
    struct task_spec spec = world_spec();
    spec.input_count = 0;
    struct uid id = submit(w, &spec);
    world_run(w, 2 * NS_PER_S);
    const struct task_view *v = world_get(&w->nodes[GATEWAY], id);
    assert_true(v->owner == 3 || v->owner == 4);
    far_world_free(w);
}

static void a_task_goes_to_mars_when_its_inputs_lie_there(void **state)
{
    (void)state;
    struct world *w = far_world(3);
    world_put(w, "eo", "T/a.ppm", "0123456789abcdefghij", 2, 3);
    struct task_spec spec = world_spec();
    struct uid id = submit(w, &spec);
    world_run(w, 4 * w->way[GATEWAY][2] + NS_PER_MINUTE); /* satellite 4 is near, but would have to fetch them from Mars: light there and back */
    const struct task_view *v = world_get(&w->nodes[GATEWAY], id);
    assert_int_equal(v->owner, 2);
    assert_int_equal(v->state, TASK_COMPLETE);
    far_world_free(w);
}

static void a_far_bid_holds_its_lane_until_the_award_can_be_there(void **state)
{
    (void)state;
    struct world *w = far_world(3);
    struct announce a = {.id = {{1}}, .cpu_millis = 2000, .memory_bytes = 1 << 20, .expected = 60 * NS_PER_S};
    uint8_t memory[COMPUTE_SMALL_MAX];
    struct writer body = writer_of(memory, sizeof memory);
    compute_announce_write(&body, &a);
    world_step(&w->nodes[1]);
    compute_message(w->nodes[1].compute, &(struct message){.from = GATEWAY, .to = 1, .type = COMPUTE_ANNOUNCE, .body = writer_span(&body)});
    world_drain(&w->nodes[1]);
    struct announce other = a;
    other.id.bytes[0] = 2;
    world_run(w, 2 * w->way[GATEWAY][1]);
    world_step(&w->nodes[1]);
    w->nodes[1].port.now = w->now;
    assert_true(compute_forecast(w->nodes[1].compute, &other).finish >= w->now.wall + 2 * a.expected); /* behind the first */
    world_run(w, NS_PER_MINUTE);
    world_step(&w->nodes[1]);
    assert_true(compute_forecast(w->nodes[1].compute, &other).finish < w->now.wall + 2 * a.expected); /* the award never came */
    far_world_free(w);
}

static void a_bidder_convicted_meanwhile_gets_no_award(void **state)
{
    (void)state;
    struct world *w = far_world(3);
    world_kill(&w->nodes[4]);
    world_convict(w, 4);
    world_put(w, "eo", "T/a.ppm", "0123456789abcdefghij", 2, 3);
    struct task_spec spec = world_spec();
    struct uid id = submit(w, &spec);
    w->way[1][GATEWAY] += NS_PER_S; /* the window is open until its bid is here */
    world_run(w, 2 * w->way[GATEWAY][2] + NS_PER_S / 2);
    world_kill(&w->nodes[2]);
    world_convict(w, 2);
    world_run(w, NS_PER_S);
    const struct task_view *v = world_get(&w->nodes[GATEWAY], id);
    assert_int_equal(v->owner, 3);
    assert_true(v->successors[0] == 1 && v->successors[1] == NODE_NONE);
    far_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(light_is_counted_from_half_a_second_on),
        cmocka_unit_test(one_announcement_is_enough_to_place_a_task_at_mars),
        cmocka_unit_test(nobody_waits_for_a_bid_from_mars_that_cannot_win),
        cmocka_unit_test(a_task_goes_to_mars_when_its_inputs_lie_there),
        cmocka_unit_test(a_bidder_convicted_meanwhile_gets_no_award),
        cmocka_unit_test(a_far_bid_holds_its_lane_until_the_award_can_be_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
