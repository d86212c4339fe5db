/* Step tests: six storage planes (four satellites, two gateways) joined by a small network. */
#include "test.h"

#include <stdio.h>

#include "world.h"

static const size_t MIB = 1 << 20;

static void all_checks(struct world *w)
{
    for (node_id id = 1; id <= WORLD_NODES; id++)
        if (w->nodes[id].up)
            assert_true(storage_check(w->nodes[id].storage));
}

static void all_equal(struct world *w)
{
    for (node_id id = 2; id <= WORLD_NODES; id++)
        assert_true(storage_digest(w->nodes[id].storage) == storage_digest(w->nodes[1].storage));
}

static void an_object_put_at_a_gateway_is_held_by_two_satellites(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    assert_int_equal(world_bucket(w, 5, "eo", 2), ERR_OK);
    assert_int_equal(world_put(w, 5, "eo", "small", 1, 4096), ERR_OK);
    assert_int_equal(world_put(w, 5, "eo", "large", 2, 3 * MIB + 17), ERR_OK);
    assert_int_equal(world_put(w, 5, "eo", "empty", 3, 0), ERR_OK);
    for (node_id id = 1; id <= WORLD_NODES; id++) {
        assert_int_equal(world_verify(w, id, "eo", "small", 1, 4096), ERR_OK);
        assert_int_equal(world_verify(w, id, "eo", "large", 2, 3 * MIB + 17), ERR_OK);
        assert_int_equal(world_verify(w, id, "eo", "empty", 3, 0), ERR_OK);
    }
    struct world_reply *r = world_simple(w, 6, OBJECT_SHOW, "eo", "large");
    assert_int_equal(r->last.holder_count, 1);
    assert_int_equal(r->holders[0].node_count, 2);
    assert_true(r->holders[0].nodes[1] <= 4 && r->holders[0].nodes[0] < r->holders[0].nodes[1]);
    assert_false(r->holders[0].bridging);
    assert_int_equal(r->last.info.copies_now, 2);
    all_equal(w);
    all_checks(w);
    world_free(w);
}

static void a_satellite_keeps_the_first_copy_itself(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    world_bucket(w, 2, "eo", 2);
    assert_int_equal(world_put(w, 2, "eo", "a", 1, 5000), ERR_OK);
    struct world_reply *r = world_simple(w, 2, OBJECT_SHOW, "eo", "a");
    assert_true(r->holders[0].nodes[0] == 2 || r->holders[0].nodes[1] == 2);
    world_free(w);
}

static void a_stream_gets_credit_to_its_last_byte_whatever_its_size(void **state)
{
    (void)state;
    struct world *w = world_new_sized(1, 64 << 20);
    world_bucket(w, 5, "eo", 1);
    static const size_t tails[] = {0, 1, CHUNK_DATA_MAX / 2 - 1, CHUNK_DATA_MAX - 1};
    for (size_t i = 0; i < COUNT_OF(tails); i++)
        assert_int_equal(world_put(w, 5, "eo", "a", 9, (size_t)9 * CHUNK_DATA_MAX + tails[i]), ERR_OK);
    struct object_request begin = world_put_begin("eo", "b", 0); /* and when the size is not announced */
    begin.size = UINT64_MAX;
    size_t size = (size_t)9 * CHUNK_DATA_MAX + 77;
    uint8_t *data = malloc(size);
    world_bytes(3, data, size);
    assert_int_equal(world_put_request(w, 5, begin, data, size)->last.status, ERR_OK);
    free(data);
    assert_int_equal(world_verify(w, 6, "eo", "b", 3, size), ERR_OK);
    all_checks(w);
    world_free(w);
}

static void ranges_come_as_asked_and_within_credit(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    size_t size = 3 * MIB + 500;
    world_bucket(w, 5, "eo", 2);
    assert_int_equal(world_put(w, 5, "eo", "a", 9, size), ERR_OK);
    uint8_t *data = malloc(size);
    world_bytes(9, data, size);
    static const uint64_t ranges[][2] = {{0, 1}, {1, 100}, {CHUNK_DATA_MAX - 1, 2}, {CHUNK_DATA_MAX, 5}, {MIB, 2 * MIB}, {3 * MIB + 400, 1000}, {17, 0}};
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        struct world_reply *r = world_get(w, 6, "eo", "a", ranges[i][0], ranges[i][1]);
        size_t want = ranges[i][1] ? (size_t)MIN(ranges[i][1], size - ranges[i][0]) : size - (size_t)ranges[i][0];
        assert_int_equal(r->last.status, ERR_OK);
        assert_int_equal(r->size, want);
        assert_memory_equal(r->data, data + ranges[i][0], want);
    }
    assert_int_equal(world_get(w, 6, "eo", "a", size, 1)->last.status, ERR_RANGE);
    uint64_t tag = 0;
    struct world_reply *r = world_ask(w, 6, (struct object_request){.op = OBJECT_GET, .bucket = span_text("eo"), .key = span_text("a"), .credit = 1000}, &tag);
    world_settle(w);
    assert_int_equal(r->size, 1000);
    assert_false(r->got);
    world_ask(w, 6, (struct object_request){.op = OBJECT_GET_CREDIT, .credit = UINT64_MAX}, &tag);
    world_settle(w);
    assert_true(r->got && r->size == size && memcmp(r->data, data, size) == 0);
    free(data);
    all_checks(w);
    world_free(w);
}

static void a_holder_that_dies_during_a_put_is_replaced(void **state)
{
    (void)state;
    for (uint64_t after = 1; after < 9; after++) {
        struct world *w = world_new(after);
        world_bucket(w, 5, "eo", 2);
        for (node_id id = 1; id <= 2; id++) { /* deaf after so many messages */
            w->nodes[id].messages = 0;
            w->nodes[id].drop_after = after;
        }
        assert_int_equal(world_put(w, 5, "eo", "a", 7, 4 * MIB), ERR_OK);
        w->nodes[1].drop_after = w->nodes[2].drop_after = 0;
        assert_int_equal(world_verify(w, 6, "eo", "a", 7, 4 * MIB), ERR_OK);
        all_checks(w);
        world_free(w);
    }
}

static void a_put_without_enough_nodes_is_refused_with_the_time_when_it_can_work(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    world_bucket(w, 5, "eo", 3);
    for (node_id id = 1; id <= 4; id++)
        for (node_id m = 5; m <= 6; m++)
            w->linked[id][m] = w->linked[m][id] = false;
    world_views(w);
    assert_int_equal(world_put(w, 5, "eo", "a", 7, 1000), ERR_UNREACHABLE);
    struct world_reply *r = world_put_request(w, 5, world_put_begin("eo", "a", 0), NULL, 0);
    assert_true(r->last.retry_at > w->now.wall && r->last.retry_at <= w->now.wall + NS_PER_HOUR);
    assert_true(strlen(r->last.reason) > 0);
    struct object_request begin = world_put_begin("eo", "b", 4);
    begin.policy = (struct policy){.copies = 3, .where = PLACE_ORBIT, .best_effort = true};
    begin.policy_given = true;
    assert_int_equal(world_put_request(w, 5, begin, (const uint8_t *)"abcd", 4)->last.status, ERR_OK);
    world_free(w);
}

static void ground_copies_bridge_a_gap_and_move_to_satellites_later(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    world_bucket(w, 5, "eo", 2);
    for (node_id id = 1; id <= 4; id++)
        for (node_id m = 5; m <= 6; m++)
            w->linked[id][m] = w->linked[m][id] = false;
    world_views(w);
    assert_int_equal(world_put(w, 5, "eo", "a", 7, 2 * MIB), ERR_OK);
    struct world_reply *r = world_simple(w, 5, OBJECT_SHOW, "eo", "a");
    assert_true(r->holders[0].bridging);
    assert_int_equal(r->holders[0].nodes[0], 5);
    for (node_id id = 1; id <= 4; id++)
        for (node_id m = 5; m <= 6; m++)
            w->linked[id][m] = w->linked[m][id] = true;
    world_run(w, 20 * NS_PER_S);
    r = world_simple(w, 5, OBJECT_SHOW, "eo", "a");
    assert_false(r->holders[0].bridging);
    assert_int_equal(r->holders[0].node_count, 4);
    assert_int_equal(r->holders[0].nodes[2], 5);
    all_equal(w);
    all_checks(w);
    world_free(w);
}

static void link_ground(struct world *w, bool on)
{
    for (node_id id = 1; id <= 4; id++)
        for (node_id m = 5; m <= 6; m++)
            w->linked[id][m] = w->linked[m][id] = on;
    world_views(w);
}

/* How many disks have the chunks of the object's first part, and what the ground holds. */
static uint32_t disks_with(struct world *w, struct uid part, uint64_t *ground_bytes)
{
    uint32_t count = 0;
    *ground_bytes = 0;
    for (node_id id = 1; id <= WORLD_NODES; id++) {
        const struct chunk_store *c = &w->nodes[id].storage->chunks;
        count += chunk_store_find(c, (struct chunk_key){part, 0}) && chunk_store_find(c, (struct chunk_key){part, 1});
        *ground_bytes += id > 4 ? c->durable_bytes : 0;
    }
    return count;
}

static void ground_copies_are_given_back_only_when_satellites_confirm_theirs(void **state)
{
    (void)state;
    struct world *w = world_new(1);
    char key[16];
    uint64_t before, ground;
    world_bucket(w, 5, "eo", 2);
    link_ground(w, false);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(world_put(w, 5, "eo", key, i, 2 * MIB - 60000), ERR_OK);
    }
    link_ground(w, true);
    world_run(w, 60 * NS_PER_S);
    struct world_reply *r = world_simple(w, 5, OBJECT_SHOW, "eo", "k0");
    assert_int_equal(r->holders[0].node_count, 4); /* two satellites, and the ground still */
    node_id poor = r->holders[0].nodes[0];
    struct uid part = chunk_key_decode(map_key(map_first(&w->nodes[5].storage->chunks.table))).part; /* k0 was the first */
    assert_int_equal(disks_with(w, part, &before), 4);
    for (uint32_t i = 0; i < 2; i++) /* lost, and the facts do not say so */
        chunk_store_erase(&w->nodes[poor].storage->chunks, (struct chunk_key){part, i});
    w->now.wall_rate = 60;
    for (int i = 0; i < 300; i++) {
        world_run(w, 100 * NS_PER_MS);
        assert_true(disks_with(w, part, &ground) >= 2);
    }
    assert_true(ground < before - 8 * MIB / 2); /* the rest was given back */
    r = world_simple(w, 5, OBJECT_SHOW, "eo", "k0");
    assert_true(r->last.info.copies_now >= 2 && !r->holders[0].bridging);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(world_verify(w, 6, "eo", key, i, 2 * MIB - 60000), ERR_OK);
    }
    all_checks(w);
    world_free(w);
}

static void a_small_run_is_copied_to_a_disk_with_less_room_than_a_full_chunk(void **state)
{
    (void)state;
    struct world *w = world_new_sized(3, 2 * MIB);
    world_bucket(w, 5, "all", 4);
    world_bucket(w, 5, "eo", 2);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(world_put(w, 5, "all", i % 2 ? "odd" : "even", i, 100000), ERR_OK); /* what is overwritten stays for a while */
    for (node_id id = 1; id <= 4; id++)
        assert_true(chunk_store_free_bytes(&w->nodes[id].storage->chunks) < MIB);
    assert_int_equal(world_put(w, 5, "eo", "a", 1, 20000), ERR_OK);
    struct world_reply *r = world_simple(w, 5, OBJECT_SHOW, "eo", "a");
    node_id lost = r->holders[0].nodes[0];
    world_kill(w, lost);
    world_state(w, lost, MEMBER_CONVICTED);
    world_run(w, 20 * NS_PER_S);
    r = world_simple(w, 5, OBJECT_SHOW, "eo", "a");
    assert_int_equal(r->last.info.copies_now, 2);
    assert_false(r->holders[0].bridging);
    all_checks(w);
    world_free(w);
}

static void a_lost_satellites_copies_are_rebuilt_elsewhere(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 2);
    char key[16];
    for (unsigned i = 0; i < 24; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(world_put(w, 5, "eo", key, i, 1000 + i * 100000), ERR_OK);
    }
    world_kill(w, 2);
    world_state(w, 2, MEMBER_CONVICTED);
    for (unsigned i = 0; i < 24; i++) { /* reads go on at once */
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(world_verify(w, 6, "eo", key, i, 1000 + i * 100000), ERR_OK);
    }
    world_run(w, 30 * NS_PER_S);
    for (unsigned i = 0; i < 24; i++) {
        snprintf(key, sizeof key, "k%u", i);
        struct world_reply *r = world_simple(w, 5, OBJECT_SHOW, "eo", key);
        assert_int_equal(r->last.info.copies_now, 2);
    }
    for (node_id id = 1; id <= WORLD_NODES; id++)
        assert_int_equal(w->nodes[id].up ? storage_repairs_queued(w->nodes[id].storage) : 0, 0);
    world_kill(w, 1); /* and a second one: still everything is there */
    world_state(w, 1, MEMBER_CONVICTED);
    for (unsigned i = 0; i < 24; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(world_verify(w, 6, "eo", key, i, 1000 + i * 100000), ERR_OK);
    }
    world_revive(w, 2);
    world_state(w, 2, MEMBER_ALIVE);
    world_run(w, 30 * NS_PER_S);
    assert_int_equal(world_simple(w, 5, OBJECT_SHOW, "eo", "k3")->last.info.copies_now >= 2, 1);
    all_checks(w);
    world_free(w);
}

static void a_node_whose_disk_was_lost_says_so_and_is_made_whole(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 2);
    assert_int_equal(world_put(w, 5, "eo", "a", 1, 2 * MIB), ERR_OK);
    node_id holder = world_simple(w, 5, OBJECT_SHOW, "eo", "a")->holders[0].nodes[0];
    world_kill(w, holder);
    memset(w->nodes[holder].disk.now, 0, WORLD_DISK);
    memset(w->nodes[holder].disk.durable, 0, WORLD_DISK);
    w->nodes[holder].disk.used = 0;
    world_revive(w, holder);
    world_run(w, 20 * NS_PER_S);
    for (node_id id = 1; id <= WORLD_NODES; id++)
        assert_int_equal(world_verify(w, id, "eo", "a", 1, 2 * MIB), ERR_OK);
    assert_int_equal(world_simple(w, 5, OBJECT_SHOW, "eo", "a")->last.info.copies_now, 2);
    all_checks(w);
    world_free(w);
}

static void a_corrupt_chunk_is_read_from_another_holder_and_repaired(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 2);
    assert_int_equal(world_put(w, 5, "eo", "a", 1, 300000), ERR_OK);
    node_id holder = world_simple(w, 5, OBJECT_SHOW, "eo", "a")->holders[0].nodes[0];
    w->nodes[holder].disk.now[CHUNK_UNIT + 150000] ^= 4;
    assert_int_equal(world_verify(w, holder, "eo", "a", 1, 300000), ERR_OK);
    assert_int_equal(w->nodes[holder].traces[TRACE_CHUNK_CORRUPT], 1);
    world_run(w, 10 * NS_PER_S);
    assert_int_equal(world_simple(w, 5, OBJECT_SHOW, "eo", "a")->last.info.copies_now, 2);
    assert_int_equal(world_verify(w, 5, "eo", "a", 1, 300000), ERR_OK);
    all_equal(w);
    world_free(w);
}

static void the_scrub_finds_corruption_that_nobody_reads(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    w->now.wall_rate = 600;
    world_bucket(w, 5, "eo", 2);
    assert_int_equal(world_put(w, 5, "eo", "a", 1, 300000), ERR_OK);
    node_id holder = world_simple(w, 5, OBJECT_SHOW, "eo", "a")->holders[0].nodes[1];
    w->nodes[holder].disk.now[CHUNK_UNIT + 1000] ^= 4;
    world_run(w, 2100 * NS_PER_S);
    assert_int_equal(w->nodes[holder].traces[TRACE_CHUNK_CORRUPT], 1);
    assert_int_equal(world_simple(w, 5, OBJECT_SHOW, "eo", "a")->last.info.copies_now, 2);
    world_free(w);
}

static void deleted_objects_give_their_space_back_after_a_grace(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 2);
    assert_int_equal(world_put(w, 5, "eo", "a", 1, 3 * MIB), ERR_OK);
    assert_int_equal(world_put(w, 5, "eo", "b", 2, 3 * MIB), ERR_OK);
    assert_int_equal(world_do(w, 6, (struct object_request){.op = OBJECT_COPY, .bucket = span_text("eo"), .key = span_text("c"),
                                                            .source_bucket = span_text("eo"), .source_key = span_text("b")})->last.status, ERR_OK);
    assert_int_equal(world_simple(w, 5, OBJECT_DELETE, "eo", "a")->last.status, ERR_OK);
    assert_int_equal(world_simple(w, 5, OBJECT_DELETE, "eo", "a")->last.status, ERR_OK);
    assert_int_equal(world_simple(w, 5, OBJECT_DELETE, "eo", "b")->last.status, ERR_OK);
    assert_int_equal(world_simple(w, 5, OBJECT_HEAD, "eo", "a")->last.status, ERR_NOT_FOUND);
    w->now.wall_rate = 60;
    world_run(w, 40 * NS_PER_S);
    uint64_t bytes = 0;
    for (node_id id = 1; id <= WORLD_NODES; id++)
        bytes += w->nodes[id].storage->chunks.durable_bytes;
    assert_int_equal(bytes, 2 * 3 * MIB); /* the copy lives on the shared chunks */
    assert_int_equal(world_verify(w, 6, "eo", "c", 2, 3 * MIB), ERR_OK);
    assert_int_equal(world_simple(w, 6, OBJECT_BUCKET_DELETE, "eo", "")->last.status, ERR_CONFLICT);
    world_simple(w, 6, OBJECT_DELETE, "eo", "c");
    assert_int_equal(world_simple(w, 6, OBJECT_BUCKET_DELETE, "eo", "")->last.status, ERR_OK);
    assert_int_equal(world_simple(w, 5, OBJECT_BUCKET_HEAD, "eo", "")->last.status, ERR_NOT_FOUND);
    all_equal(w);
    all_checks(w);
    world_free(w);
}

static void a_copy_into_a_stricter_bucket_gets_its_copies(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "one", 1);
    world_bucket(w, 5, "three", 3);
    assert_int_equal(world_put(w, 5, "one", "a", 1, 5 * MIB), ERR_OK);
    struct world_reply *r = world_do(w, 5, (struct object_request){.op = OBJECT_COPY, .bucket = span_text("three"), .key = span_text("b"),
                                                                   .source_bucket = span_text("one"), .source_key = span_text("a")});
    assert_true(r->got);
    assert_int_equal(r->last.status, ERR_OK);
    assert_int_equal(world_verify(w, 6, "three", "b", 1, 5 * MIB), ERR_OK);
    assert_int_equal(world_simple(w, 5, OBJECT_SHOW, "three", "b")->last.info.copies_now, 3);
    assert_string_equal(world_simple(w, 5, OBJECT_HEAD, "three", "b")->last.info.etag, world_simple(w, 5, OBJECT_HEAD, "one", "a")->last.info.etag);
    assert_null(w->nodes[5].storage->copies);
    all_checks(w);
    world_free(w);
}

static void conditions_are_checked_when_the_write_is_decided(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 2);
    struct object_request begin = world_put_begin("eo", "lock", 3);
    begin.condition.if_absent = true;
    uint64_t first = 0, second = 0;
    struct world_reply *a = world_ask(w, 5, begin, &first), *b = world_ask(w, 5, begin, &second);
    world_settle(w);
    world_send(w, 5, first, a, (const uint8_t *)"one", 3, 3);
    world_send(w, 5, second, b, (const uint8_t *)"two", 3, 3);
    world_ask(w, 5, (struct object_request){.op = OBJECT_PUT_END}, &first);
    world_ask(w, 5, (struct object_request){.op = OBJECT_PUT_END}, &second);
    world_run(w, NS_PER_S);
    assert_true(a->got && b->got);
    assert_true((a->last.status == ERR_OK) != (b->last.status == ERR_OK));
    assert_true(a->last.status == ERR_CONFLICT || b->last.status == ERR_CONFLICT);
    assert_int_equal(world_put_request(w, 6, begin, (const uint8_t *)"x", 1)->last.status, ERR_CONFLICT);
    world_free(w);
}

static void lists_walk_prefixes_in_byte_order_and_pages(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 1);
    static const char *const keys[] = {"a", "b/1", "b/2", "b/c/3", "b0", "c/1", "c/2", "d"};
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        assert_int_equal(world_put(w, 5, "eo", keys[i], i, 10), ERR_OK);
    struct object_request r = {.op = OBJECT_LIST, .bucket = span_text("eo"), .delimiter = span_text("/"), .most = 2};
    static const char *const expected[] = {"a", "b/", "b0", "c/", "d"};
    char after[128] = "";
    size_t seen = 0;
    for (bool more = true; more;) {
        r.after = span_text(after);
        struct world_reply *reply = world_do(w, 5, r);
        for (size_t i = 0; i < reply->name_count; i++) {
            assert_string_equal(reply->names[i], expected[seen]);
            assert_int_equal(reply->prefix[i], strchr(expected[seen], '/') != NULL);
            seen++;
        }
        more = reply->last.truncated;
        snprintf(after, sizeof after, "%s", reply->next);
    }
    assert_int_equal(seen, 5);
    r = (struct object_request){.op = OBJECT_LIST, .bucket = span_text("eo"), .prefix = span_text("b/"), .most = 100};
    struct world_reply *reply = world_do(w, 5, r);
    assert_int_equal(reply->name_count, 3);
    assert_string_equal(reply->names[2], "b/c/3");
    r.delimiter = span_text("/");
    reply = world_do(w, 5, r);
    assert_int_equal(reply->name_count, 3);
    assert_string_equal(reply->names[2], "b/c/");
    reply = world_do(w, 5, (struct object_request){.op = OBJECT_BUCKET_LIST, .most = 10});
    assert_int_equal(reply->name_count, 1);
    assert_int_equal(world_do(w, 5, (struct object_request){.op = OBJECT_LIST, .bucket = span_text("no"), .most = 1})->last.missing, MISSING_BUCKET);
    world_free(w);
}

static struct uid upload_new(struct world *w, const char *key)
{
    return world_simple(w, 5, OBJECT_UPLOAD_CREATE, "eo", key)->last.upload;
}

static struct world_reply *part_put(struct world *w, struct uid upload, const char *key, uint32_t part, uint64_t seed, size_t size)
{
    uint8_t *data = malloc(size);
    world_bytes(seed, data, size);
    struct object_request begin = world_put_begin("eo", key, size);
    begin.upload = upload;
    begin.part = part;
    struct world_reply *r = world_put_request(w, 5, begin, data, size);
    free(data);
    return r;
}

static void multipart_uploads_become_one_object(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 2);
    struct uid up = upload_new(w, "big");
    struct object_part_name names[3] = {{.part = 1}, {.part = 2}, {.part = 7}};
    part_put(w, up, "big", 2, 99, 5 * MIB); /* will be replaced */
    strcpy(names[2].etag, part_put(w, up, "big", 7, 3, 1000)->last.info.etag);
    strcpy(names[1].etag, part_put(w, up, "big", 2, 2, 5 * MIB + 1)->last.info.etag);
    strcpy(names[0].etag, part_put(w, up, "big", 1, 1, 5 * MIB)->last.info.etag);
    struct world_reply *r = world_do(w, 6, (struct object_request){.op = OBJECT_PART_LIST, .bucket = span_text("eo"), .key = span_text("big"), .upload = up, .most = 10});
    assert_int_equal(r->name_count, 3);
    assert_int_equal(r->entries[2].part, 7);
    r = world_do(w, 6, (struct object_request){.op = OBJECT_UPLOAD_LIST, .bucket = span_text("eo"), .most = 10});
    assert_int_equal(r->name_count, 1);
    assert_string_equal(r->names[0], "big");
    struct object_request complete = {.op = OBJECT_UPLOAD_COMPLETE, .bucket = span_text("eo"), .key = span_text("big"), .upload = up, .parts = names, .part_count = 3};
    struct object_part_name swapped[2] = {names[1], names[0]};
    struct object_request wrong = complete;
    wrong.parts = swapped;
    wrong.part_count = 2;
    r = world_do(w, 6, wrong);
    assert_int_equal(r->last.status, ERR_INVALID);
    assert_memory_equal(r->last.reason, "InvalidPartOrder", 16);
    struct object_part_name lie[1] = {names[0]};
    lie[0].etag[0] ^= 1;
    wrong.parts = lie;
    wrong.part_count = 1;
    assert_memory_equal(world_do(w, 6, wrong)->last.reason, "InvalidPart:", 12);
    r = world_do(w, 6, complete);
    assert_int_equal(r->last.status, ERR_OK);
    assert_string_equal(r->last.info.etag + 32, "-3");
    size_t size = 10 * MIB + 1001;
    uint8_t *all = malloc(size);
    world_bytes(1, all, 5 * MIB);
    world_bytes(2, all + 5 * MIB, 5 * MIB + 1);
    world_bytes(3, all + 10 * MIB + 1, 1000);
    r = world_get(w, 6, "eo", "big", 0, 0);
    assert_true(r->size == size && memcmp(r->data, all, size) == 0);
    r = world_get(w, 2, "eo", "big", 5 * MIB - 3, 5 * MIB + 10);
    assert_true(r->size == 5 * MIB + 10 && memcmp(r->data, all + 5 * MIB - 3, r->size) == 0);
    free(all);
    assert_int_equal(world_do(w, 6, complete)->last.missing, MISSING_UPLOAD);
    all_equal(w);
    all_checks(w);
    world_free(w);
}

static void a_small_part_that_is_not_the_last_is_refused_and_an_abort_frees(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 2);
    struct uid up = upload_new(w, "big");
    struct object_part_name names[2] = {{.part = 1}, {.part = 2}};
    strcpy(names[0].etag, part_put(w, up, "big", 1, 1, 1000)->last.info.etag);
    strcpy(names[1].etag, part_put(w, up, "big", 2, 1, 1000)->last.info.etag);
    struct world_reply *r = world_do(w, 6, (struct object_request){.op = OBJECT_UPLOAD_COMPLETE, .bucket = span_text("eo"), .key = span_text("big"),
                                                                   .upload = up, .parts = names, .part_count = 2});
    assert_memory_equal(r->last.reason, "EntityTooSmall", 14);
    r = world_do(w, 6, (struct object_request){.op = OBJECT_UPLOAD_ABORT, .bucket = span_text("eo"), .key = span_text("big"), .upload = up});
    assert_int_equal(r->last.status, ERR_OK);
    assert_int_equal(world_do(w, 6, (struct object_request){.op = OBJECT_UPLOAD_LIST, .bucket = span_text("eo"), .most = 10})->name_count, 0);
    w->now.wall_rate = 60;
    world_run(w, 40 * NS_PER_S);
    for (node_id id = 1; id <= WORLD_NODES; id++)
        assert_int_equal(w->nodes[id].storage->chunks.durable_bytes, 0);
    world_free(w);
}

static void an_aborted_put_leaves_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 2);
    uint64_t tag = 0;
    struct world_reply *r = world_ask(w, 5, world_put_begin("eo", "a", 3 * MIB), &tag);
    uint8_t *data = calloc(1, 2 * MIB);
    world_send(w, 5, tag, r, data, 2 * MIB, 100000);
    free(data);
    world_settle(w);
    world_ask(w, 5, (struct object_request){.op = OBJECT_PUT_ABORT}, &tag);
    world_run(w, NS_PER_S);
    for (node_id id = 1; id <= WORLD_NODES; id++)
        assert_int_equal(w->nodes[id].storage->chunks.table.count, 0);
    assert_int_equal(world_simple(w, 5, OBJECT_HEAD, "eo", "a")->last.status, ERR_NOT_FOUND);
    all_checks(w);
    world_free(w);
}

static void full_disks_refuse_writes_and_lose_nothing(void **state)
{
    (void)state;
    struct world *w = world_new_sized(3, 6 << 20);
    world_bucket(w, 5, "eo", 2);
    char key[16];
    unsigned held = 0;
    err e = ERR_OK;
    for (; held < 60; held++) {
        snprintf(key, sizeof key, "k%u", held);
        world_views(w);
        e = world_put(w, 5, "eo", key, held, 900000);
        if (e != ERR_OK)
            break;
    }
    assert_int_equal(e, ERR_NO_SPACE);
    assert_true(held >= 6);
    for (unsigned i = 0; i < held; i++) {
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(world_verify(w, 6, "eo", key, i, 900000), ERR_OK);
    }
    all_checks(w);
    world_free(w);
}

static void an_acknowledged_object_survives_a_crash_of_any_node_at_any_disk_operation(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 24; nth++) {
        struct world *w = world_new(nth);
        world_bucket(w, 5, "eo", 2);
        node_id victim = (node_id)(1 + nth % 4);
        uint64_t tag = 0;
        size_t size = 2 * MIB;
        uint8_t *data = malloc(size);
        world_bytes(5, data, size);
        struct world_reply *r = world_ask(w, 5, world_put_begin("eo", "a", size), &tag);
        w->nodes[victim].disk.fail_at = w->nodes[victim].disk.completed + nth / 4 + 1;
        w->nodes[victim].disk.fail_with = ERR_IO;
        world_send(w, 5, tag, r, data, size, 100000);
        if (!r->got)
            world_ask(w, 5, (struct object_request){.op = OBJECT_PUT_END}, &tag);
        for (int i = 0; i < 300 && !r->got; i++)
            world_run(w, 100 * NS_PER_MS);
        assert_true(r->got);
        assert_int_equal(r->last.status, ERR_OK);
        world_kill(w, victim);
        world_revive(w, victim);
        assert_int_equal(world_verify(w, victim, "eo", "a", 5, size), ERR_OK);
        assert_int_equal(world_verify(w, 6, "eo", "a", 5, size), ERR_OK);
        free(data);
        all_checks(w);
        world_free(w);
    }
}

static void the_names_on_both_sides_of_a_partition_come_together(void **state)
{
    (void)state;
    struct world *w = world_new(3);
    world_bucket(w, 5, "eo", 1);
    for (node_id a = 1; a <= WORLD_NODES; a++)
        for (node_id b = 1; b <= WORLD_NODES; b++)
            w->linked[a][b] = (a % 2) == (b % 2);
    world_views(w);
    assert_int_equal(world_put(w, 5, "eo", "x", 1, 1000), ERR_OK);
    assert_int_equal(world_put(w, 6, "eo", "x", 2, 1000), ERR_OK);
    assert_int_equal(world_bucket(w, 5, "both", 1), ERR_OK);
    assert_int_equal(world_bucket(w, 6, "both", 2), ERR_OK);
    for (node_id a = 1; a <= WORLD_NODES; a++)
        for (node_id b = 1; b <= WORLD_NODES; b++)
            w->linked[a][b] = true;
    world_run(w, NS_PER_S);
    all_equal(w);
    for (node_id id = 1; id <= WORLD_NODES; id++)
        assert_int_equal(world_verify(w, id, "eo", "x", 2, 1000), ERR_OK); /* the later version */
    assert_int_equal(world_simple(w, 6, OBJECT_BUCKET_HEAD, "both", "")->last.info.policy.copies, 1); /* the earlier bucket */
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_put_at_a_gateway_is_held_by_two_satellites),
        cmocka_unit_test(a_satellite_keeps_the_first_copy_itself),
        cmocka_unit_test(a_stream_gets_credit_to_its_last_byte_whatever_its_size),
        cmocka_unit_test(ranges_come_as_asked_and_within_credit),
        cmocka_unit_test(a_holder_that_dies_during_a_put_is_replaced),
        cmocka_unit_test(a_put_without_enough_nodes_is_refused_with_the_time_when_it_can_work),
        cmocka_unit_test(ground_copies_bridge_a_gap_and_move_to_satellites_later),
        cmocka_unit_test(ground_copies_are_given_back_only_when_satellites_confirm_theirs),
        cmocka_unit_test(a_small_run_is_copied_to_a_disk_with_less_room_than_a_full_chunk),
        cmocka_unit_test(a_lost_satellites_copies_are_rebuilt_elsewhere),
        cmocka_unit_test(a_node_whose_disk_was_lost_says_so_and_is_made_whole),
        cmocka_unit_test(a_corrupt_chunk_is_read_from_another_holder_and_repaired),
        cmocka_unit_test(the_scrub_finds_corruption_that_nobody_reads),
        cmocka_unit_test(deleted_objects_give_their_space_back_after_a_grace),
        cmocka_unit_test(a_copy_into_a_stricter_bucket_gets_its_copies),
        cmocka_unit_test(conditions_are_checked_when_the_write_is_decided),
        cmocka_unit_test(lists_walk_prefixes_in_byte_order_and_pages),
        cmocka_unit_test(multipart_uploads_become_one_object),
        cmocka_unit_test(a_small_part_that_is_not_the_last_is_refused_and_an_abort_frees),
        cmocka_unit_test(an_aborted_put_leaves_nothing),
        cmocka_unit_test(full_disks_refuse_writes_and_lose_nothing),
        cmocka_unit_test(an_acknowledged_object_survives_a_crash_of_any_node_at_any_disk_operation),
        cmocka_unit_test(the_names_on_both_sides_of_a_partition_come_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
