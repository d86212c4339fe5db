#include "craft/cloud.h"

#include <math.h>

#include "test.h"

#define YEARS 40
#define START (1577836800LL * NS_PER_S) /* 2020-01-01 */

static void each_season_has_its_share(void **state)
{
    (void)state;
    struct cloud_site s = {.blocked = {0.7, 0.5, 0.3, 0.6}, .persistence_h = 6.0, .zenith_loss_db = 1.0};
    double hours[4] = {0}, blocked[4] = {0};
    for (int64_t h = 0; h < YEARS * 8766LL; h++) {
        tai_ns t = START + h * NS_PER_HOUR;
        int season = time_utc_fields(t).month % 12 / 3;
        hours[season]++;
        blocked[season] += cloud_blocked(&s, 3, 9, t);
        assert_true(cloud_probability(&s, t) == s.blocked[season]);
    }
    for (int k = 0; k < 4; k++) { /* neighbouring hours are alike: 2 * 6 - 1 of them count as one */
        double error = sqrt(0.25 * 11.0 / hours[k]);
        assert_true(fabs(blocked[k] / hours[k] - s.blocked[k]) < 4.0 * error);
    }
}

static void the_state_is_a_markov_chain_with_its_persistence(void **state)
{
    (void)state;
    struct cloud_site s = {.blocked = {0.4, 0.4, 0.4, 0.4}, .persistence_h = 5.0};
    enum { HOURS = 200000 };
    double cleared = 0.0, blocked = 0.0, lag2 = 0.0, mean = 0.0;
    bool before[2] = {0};
    for (int h = 0; h < HOURS; h++) {
        bool now = cloud_blocked(&s, 4, 1, START + h * NS_PER_HOUR);
        blocked += before[0];
        cleared += before[0] && !now;
        lag2 += now && before[1];
        mean += now;
        before[1] = before[0];
        before[0] = now;
    }
    mean /= HOURS;
    assert_true(fabs(cleared / blocked - 0.2 * 0.6) < 0.006); /* ends with 1/persistence times what is open */
    double correlation = (lag2 / HOURS - mean * mean) / (mean * (1.0 - mean));
    assert_true(fabs(correlation - 0.8 * 0.8) < 0.03);
}

static void the_order_of_questions_does_not_matter(void **state)
{
    (void)state;
    struct cloud_site s = cloud_site_at(45.0);
    bool forward[2000];
    for (int h = 0; h < 2000; h++)
        forward[h] = cloud_blocked(&s, 7, 2, START + h * NS_PER_HOUR + NS_PER_MINUTE);
    for (int h = 2000; h-- > 0;)
        assert_int_equal(cloud_blocked(&s, 7, 2, START + h * NS_PER_HOUR), forward[h]);
    int different = 0;
    for (int h = 0; h < 2000; h++)
        different += cloud_blocked(&s, 7, 3, START + h * NS_PER_HOUR) != forward[h];
    assert_true(different > 500); /* stations have their own weather */
}

static void the_next_change_is_the_next_change(void **state)
{
    (void)state;
    struct cloud_site s = cloud_site_at(-20.0);
    tai_ns t = START + 17 * NS_PER_MINUTE, until = START + 500 * NS_PER_HOUR;
    for (int changes = 0;; changes++) {
        tai_ns next = cloud_change(&s, 8, 1, t, until);
        tai_ns end = next == TIME_NEVER ? until : next;
        bool now = cloud_blocked(&s, 8, 1, t);
        for (tai_ns at = t; at < end; at += 10 * NS_PER_MINUTE)
            assert_int_equal(cloud_blocked(&s, 8, 1, at), now);
        if (next == TIME_NEVER) {
            assert_true(changes > 20);
            break;
        }
        assert_int_equal(cloud_blocked(&s, 8, 1, next), !now);
        t = next;
    }
}

static void air_costs_more_towards_the_horizon(void **state)
{
    (void)state;
    struct cloud_site s = cloud_site_at(0.0);
    assert_true(fabs(cloud_air_loss_db(&s, M_PI / 2.0) - 1.0) < 1e-12);
    assert_true(fabs(cloud_air_loss_db(&s, M_PI / 6.0) - 2.0) < 1e-12);
    assert_true(cloud_air_loss_db(&s, 0.0) < 20.0);
}

static void refuses_sites_without_meaning(void **state)
{
    (void)state;
    for (double latitude = -90.0; latitude <= 90.0; latitude += 7.5) {
        struct cloud_site s = cloud_site_at(latitude);
        assert_int_equal(cloud_check(&s), ERR_OK);
    }
    struct cloud_site s = cloud_site_at(0.0);
    s.blocked[2] = 1.1;
    assert_int_equal(cloud_check(&s), ERR_RANGE);
    s = cloud_site_at(0.0);
    s.persistence_h = 0.5;
    assert_int_equal(cloud_check(&s), ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_season_has_its_share),
        cmocka_unit_test(the_state_is_a_markov_chain_with_its_persistence),
        cmocka_unit_test(the_order_of_questions_does_not_matter),
        cmocka_unit_test(the_next_change_is_the_next_change),
        cmocka_unit_test(air_costs_more_towards_the_horizon),
        cmocka_unit_test(refuses_sites_without_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
