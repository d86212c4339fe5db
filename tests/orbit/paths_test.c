#include "test.h"

#include <math.h>

#include "orbit/cells.h"
#include "orbit/paths.h"

enum { NODES = 60, LINKS = 200 };

static double unit(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

/* Bellman-Ford over the same links, stations (the last ten) pass nothing on. */
static void plain(const struct paths *p, uint32_t root, double out[NODES])
{
    for (size_t k = 0; k < NODES; k++)
        out[k] = k == root ? 0.0 : HUGE_VAL;
    for (int round = 0; round < NODES; round++)
        for (size_t k = 0; k < p->link_count; k++) {
            const struct paths_link *l = &p->links[k];
            if (p->relay[l->a] || l->a == root)
                out[l->b] = fmin(out[l->b], out[l->a] + l->km);
            if (p->relay[l->b] || l->b == root)
                out[l->a] = fmin(out[l->a], out[l->b] + l->km);
        }
}

static void ways_are_the_shortest_whatever_the_lengths(void **state)
{
    (void)state;
    uint64_t seed = 7;
    struct paths p;
    assert_int_equal(paths_init(&p, NULL, NODES, LINKS), ERR_OK);
    for (uint32_t k = 50; k < NODES; k++)
        paths_set_relay(&p, k, false);
    for (int round = 0; round < 200; round++) {
        paths_clear(&p);
        double spread = pow(10.0, 6.0 * unit(&seed)); /* lengths from alike to a million to one */
        size_t links = (size_t)(unit(&seed) * LINKS);
        while (p.link_count < links) {
            uint32_t a = (uint32_t)(unit(&seed) * NODES), b = (uint32_t)(unit(&seed) * NODES);
            if (a != b)
                assert_int_equal(paths_link(&p, a, b, 1.0 + spread * unit(&seed)), ERR_OK);
        }
        uint32_t root = (uint32_t)(unit(&seed) * NODES);
        double expected[NODES];
        paths_from(&p, root);
        paths_check(&p);
        plain(&p, root, expected);
        for (uint32_t k = 0; k < NODES; k++) {
            assert_true(isinf(expected[k]) ? isinf(p.distance_km[k]) : fabs(expected[k] - p.distance_km[k]) < 1e-6);
            uint32_t way[NODES];
            size_t count = paths_way(&p, k, way, NODES);
            assert_true((count == 0) == isinf(expected[k]));
            if (count)
                assert_true(way[0] == k && way[count - 1] == root);
        }
    }
    paths_free(&p);
}

static void many_roots_at_once_give_the_distances_of_each(void **state)
{
    (void)state;
    uint64_t seed = 11;
    struct paths p;
    uint32_t order[NODES], roots[PATHS_LANES];
    assert_int_equal(paths_init(&p, NULL, NODES, LINKS), ERR_OK);
    for (uint32_t k = 0; k < NODES; k++)
        order[k] = k * 7 % NODES;
    for (int round = 0; round < 100; round++) {
        if (round == 50)
            assert_int_equal(paths_set_order(&p, order), ERR_OK);
        for (uint32_t k = 40; k < NODES; k++)
            paths_set_relay(&p, k, unit(&seed) < 0.5);
        paths_clear(&p);
        while (p.link_count < LINKS) {
            uint32_t a = (uint32_t)(unit(&seed) * NODES), b = (uint32_t)(unit(&seed) * NODES);
            if (a != b)
                assert_int_equal(paths_link(&p, a, b, 100.0 * unit(&seed)), ERR_OK);
        }
        size_t count = 1 + (size_t)(unit(&seed) * PATHS_LANES);
        for (size_t lane = 0; lane < count; lane++)
            roots[lane] = (uint32_t)(unit(&seed) * NODES);
        assert_int_equal(paths_from_each(&p, roots, count), ERR_OK);
        for (size_t lane = 0; lane < count; lane++) {
            paths_from(&p, roots[lane]);
            for (uint32_t k = 0; k < NODES; k++) {
                double one = p.distance_km[k], other = p.lanes_km[k][lane];
                assert_true(isinf(one) ? isinf(other) : fabs(one - other) < 1e-9);
            }
        }
    }
    paths_free(&p);
}

static void links_of_no_length_and_unreachable_nodes_are_fine(void **state)
{
    (void)state;
    struct paths p;
    assert_int_equal(paths_init(&p, NULL, 4, 3), ERR_OK);
    assert_int_equal(paths_link(&p, 0, 1, 0.0), ERR_OK);
    assert_int_equal(paths_link(&p, 1, 2, 0.0), ERR_OK);
    paths_from(&p, 0);
    paths_check(&p);
    assert_true(p.distance_km[2] == 0.0 && isinf(p.distance_km[3]));
    assert_int_equal(paths_link(&p, 1, 1, 5.0), ERR_INVALID);
    assert_int_equal(paths_link(&p, 1, 4, 5.0), ERR_INVALID);
    assert_int_equal(paths_link(&p, 1, 3, (double)NAN), ERR_INVALID);
    assert_int_equal(paths_link(&p, 1, 3, 5.0), ERR_OK);
    assert_int_equal(paths_link(&p, 2, 3, 5.0), ERR_FULL);
    paths_free(&p);
}

struct points {
    double r[500][3];
    bool seen[500];
};

static const double *point_at(const void *context, uint32_t k)
{
    return k % 17 == 3 ? NULL : ((const struct points *)context)->r[k];
}

static void point_seen(void *context, uint32_t k)
{
    struct points *all = context;
    assert_false(all->seen[k]); /* each once */
    all->seen[k] = true;
}

static void nobody_within_the_radius_is_missed(void **state)
{
    (void)state;
    static struct points all;
    uint64_t seed = 3;
    struct cells c;
    assert_int_equal(cells_init(&c, NULL, 500, 700.0), ERR_OK);
    for (int k = 0; k < 500; k++)
        for (int axis = 0; axis < 3; axis++)
            all.r[k][axis] = 14000.0 * unit(&seed) - 7000.0;
    cells_build(&c, 500, point_at, &all);
    size_t found = 0;
    for (uint32_t k = 0; k < 500; k++) {
        for (int i = 0; i < 500; i++)
            all.seen[i] = false;
        cells_near(&c, all.r[k], 1500.0, k, point_seen, &all);
        for (uint32_t i = 0; i < 500; i++) {
            double d = hypot(hypot(all.r[k][0] - all.r[i][0], all.r[k][1] - all.r[i][1]), all.r[k][2] - all.r[i][2]);
            if (d <= 1500.0 && i >= k && point_at(&all, i))
                assert_true(all.seen[i]);
            found += all.seen[i];
            assert_false(all.seen[i] && (i < k || !point_at(&all, i)));
        }
    }
    assert_true(found > 500 && found < 500 * 100);
    cells_free(&c);
}

static void a_radius_beyond_all_costs_a_look_at_everybody_and_no_more(void **state)
{
    (void)state;
    static struct points all;
    uint64_t seed = 5;
    struct cells c;
    assert_int_equal(cells_init(&c, NULL, 500, 50.0), ERR_OK);
    for (int k = 0; k < 500; k++)
        for (int axis = 0; axis < 3; axis++)
            all.r[k][axis] = 14000.0 * unit(&seed) - 7000.0;
    cells_build(&c, 500, point_at, &all);
    const double centre[3] = {0};
    cells_near(&c, centre, 1e9, 100, point_seen, &all); /* 6e22 cubes */
    for (uint32_t k = 0; k < 500; k++)
        assert_int_equal(all.seen[k], k >= 100 && point_at(&all, k));
    cells_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_are_the_shortest_whatever_the_lengths),
        cmocka_unit_test(many_roots_at_once_give_the_distances_of_each),
        cmocka_unit_test(links_of_no_length_and_unreachable_nodes_are_fine),
        cmocka_unit_test(nobody_within_the_radius_is_missed),
        cmocka_unit_test(a_radius_beyond_all_costs_a_look_at_everybody_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
