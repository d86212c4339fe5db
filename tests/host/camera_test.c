#include "test.h"

#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/camera.h"
#include "host/launcher.h"

static struct camera *camera;
static struct launcher *launcher;
static char home[] = "/tmp/noct-camera-test-XXXXXX";
static char work[80], out_path[80], program[512], init_program[512];
static tai_ns noon;

static void beside(char out[512], const char *name)
{
    char self[400];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = 0;
    *strrchr(self, '/') = 0;
    snprintf(out, 512, "%s/%s", self, name);
}

static int set_up(void **state)
{
    (void)state;
    char why[CAMERA_WHY];
    noon = time_from_utc(2026, 11, 21, 19, 0, 0);
    if (!mkdtemp(home) || camera_open(&camera, NULL, why) != ERR_OK)
        return -1;
    beside(program, "app-change-detection");
    beside(init_program, "app-lane-init");
    snprintf(out_path, sizeof out_path, "%s/log.txt", home);
    return launcher_open(&launcher, home, init_program, "camera-test") == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    launcher_close(launcher);
    camera_close(camera);
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command);
}

/* A tile in the forests north of Sacramento, 100 km wide, in the early afternoon. */
static struct scene_request scene(void)
{
    struct camera_tile tile;
    assert_int_equal(camera_tile_of(40.0, -122.0, 50, &tile), ERR_OK);
    return (struct scene_request){.center_lat_deg = tile.center_lat_deg,
                                  .center_lon_deg = tile.center_lon_deg,
                                  .half_width_km = 50,
                                  .pixels = 256,
                                  .time = noon,
                                  .sun_elevation_rad = 0.7,
                                  .noise_seed = 1,
                                  .sensor = "eye-1",
                                  .satellite = "sat-1"};
}

static struct picture capture(const struct scene_request *request)
{
    struct picture p;
    assert_int_equal(camera_capture(camera, request, &p), ERR_OK);
    return p;
}

static double mean_count(const struct picture *p)
{
    double sum = 0;
    size_t pixels = 256 * 256 * 3;
    for (size_t i = p->size - pixels; i < p->size; i++)
        sum += p->bytes[i];
    return sum / (double)pixels;
}

static void equal_requests_give_equal_bytes(void **state)
{
    (void)state;
    struct scene_request request = scene();
    struct picture a = capture(&request), b = capture(&request);
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.bytes, b.bytes, a.size);
    request.noise_seed = 2;
    picture_free(&b);
    b = capture(&request);
    assert_memory_not_equal(a.bytes, b.bytes, a.size);
    picture_free(&a);
    picture_free(&b);
}

static void the_header_says_where_and_when(void **state)
{
    (void)state;
    struct scene_request request = scene();
    struct picture p = capture(&request);
    assert_memory_equal(p.bytes, "P6\n# format=noct-picture-1\n# tile=H50000-R", 42);
    const char *text = (const char *)p.bytes;
    assert_non_null(strstr(text, "# time=2026-11-21T19:00:00.000Z\n"));
    assert_non_null(strstr(text, "# sensor=eye-1\n# satellite=sat-1\n256 256\n255\n"));
    double north = atof(strstr(text, "# north=") + 8), south = atof(strstr(text, "# south=") + 8);
    assert_true(fabs((north + south) / 2 - request.center_lat_deg) < 1e-6);
    assert_true(fabs((north - south) * 111.195 - 100) < 1e-3);
    picture_free(&p);
}

static void night_is_black_and_low_sun_is_dim(void **state)
{
    (void)state;
    struct scene_request request = scene();
    struct picture day = capture(&request);
    request.sun_elevation_rad = 0.1;
    struct picture dusk = capture(&request);
    request.sun_elevation_rad = -0.2;
    struct picture night = capture(&request);
    assert_true(mean_count(&day) > 30);
    assert_true(mean_count(&dusk) > 2 && mean_count(&dusk) < mean_count(&day) / 3);
    assert_true(mean_count(&night) < 1);
    picture_free(&day);
    picture_free(&dusk);
    picture_free(&night);
}

static void the_map_stands_the_right_way_round(void **state)
{
    (void)state;
    static const struct {
        double lat, lon;
    } places[] = {{23, 5}, {0, -30}, {-80, 60}}; /* Sahara, Atlantic, Antarctica */
    double mean[COUNT_OF(places)];
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        struct scene_request request = scene();
        request.center_lat_deg = places[i].lat;
        request.center_lon_deg = places[i].lon;
        struct picture p = capture(&request);
        mean[i] = mean_count(&p);
        picture_free(&p);
    }
    assert_true(mean[0] > 2 * mean[1]);
    assert_true(mean[2] > 2 * mean[1]);
}

static void more_cloud_is_brighter(void **state)
{
    (void)state;
    double last = 0;
    for (int tenth = 0; tenth <= 10; tenth += 5) {
        double sum = 0;
        for (int i = 0; i < 8;
             i++) { /* over many places: a fraction is of the sky, not of a tile */
            struct scene_request request = scene();
            request.center_lat_deg = -30 + 8 * i;
            request.center_lon_deg = -150 + 37 * i;
            request.cloud_fraction = tenth / 10.0;
            struct picture p = capture(&request);
            sum += mean_count(&p);
            picture_free(&p);
        }
        assert_true(sum > last * 1.1);
        last = sum;
    }
}

static void the_grid_covers_the_globe_once(void **state)
{
    (void)state;
    for (double lat = -90; lat <= 90; lat += 7.3)
        for (double lon = -180; lon < 360; lon += 11.9) {
            struct camera_tile tile, again;
            assert_int_equal(camera_tile_of(lat, lon, 50, &tile), ERR_OK);
            assert_int_equal(camera_tile_of(tile.center_lat_deg, tile.center_lon_deg, 50, &again),
                             ERR_OK);
            assert_string_equal(tile.id, again.id);
            if (fabs(lat) < 88)
                assert_true(fabs(tile.center_lat_deg - lat) <= 50 / 111.195 + 1e-9);
        }
    struct camera_tile tile;
    assert_int_equal(camera_tile_of(91, 0, 50, &tile), ERR_RANGE);
    assert_int_equal(camera_tile_of(0, 0, 0.5, &tile), ERR_RANGE);
    assert_int_equal(camera_tile_of(NAN, 0, 50, &tile), ERR_RANGE);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    struct picture p;
    struct scene_request request = scene();
    request.pixels = 5000;
    assert_int_equal(camera_capture(camera, &request, &p), ERR_RANGE);
    request = scene();
    strcpy(request.sensor, "a\nb");
    assert_int_equal(camera_capture(camera, &request, &p), ERR_INVALID);
    request = scene();
    request.center_lat_deg = NAN;
    assert_int_equal(camera_capture(camera, &request, &p), ERR_RANGE);
}

static void a_damaged_map_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct camera *none = NULL;
    char why[CAMERA_WHY], path[96], command[256];
    assert_int_equal(camera_open(&none, "/nonexistent.jpg", why), ERR_NOT_FOUND);
    assert_string_equal(why, "cannot read map /nonexistent.jpg: No such file or directory");
    assert_int_equal(camera_open(&none, program, why), ERR_INVALID);
    assert_non_null(strstr(why, "Not a JPEG"));
    snprintf(path, sizeof path, "%s/short.jpg", home);
    snprintf(command, sizeof command, "head -c 60000 /usr/share/xplanet/images/earth.jpg >%s",
             path);
    assert_int_equal(system(command), 0);
    assert_int_equal(camera_open(&none, path, why), ERR_INVALID);
}

/* ---- the whole way: two pictures, the real program, in the sandbox ---- */

static void store(const char *name, const struct picture *p)
{
    char path[160];
    snprintf(path, sizeof path, "%s/in/%s", work, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(p->bytes, 1, p->size, file), p->size);
    fclose(file);
}

static json_t *detect(const char *directory, const struct scene_request *first,
                      const struct scene_request *second)
{
    char path[160];
    struct picture a = capture(first), b = capture(second);
    snprintf(work, sizeof work, "%s/%s", home, directory);
    snprintf(path, sizeof path, "%s/in", work);
    assert_int_equal(mkdir(work, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    store("pass-1.ppm", &a);
    store("pass-2.ppm", &b);
    picture_free(&a);
    picture_free(&b);
    struct launch_request request = {.app_path = program,
                                     .work_dir_host = work,
                                     .memory_bytes = 64u << 20,
                                     .pids_max = 4,
                                     .wall_limit_ms = 60000,
                                     .stdout_path = out_path,
                                     .stderr_path = out_path};
    struct launch_handle handle;
    struct launch_usage usage;
    assert_int_equal(launcher_start(launcher, &request, &handle), ERR_OK);
    assert_int_equal(launcher_wait(launcher, handle.pid, 60000, &usage), ERR_OK);
    if (usage.exit_code != 0) {
        snprintf(path, sizeof path, "cat %s", out_path);
        fail_msg("change-detection: exit %d, signal %d, %s; %d", usage.exit_code, usage.signal,
                 usage.failure, system(path));
    }
    int fd = -1;
    assert_int_equal(launcher_output_open(work, "out/alert.ppm", &fd), ERR_OK);
    close(fd);
    assert_int_equal(launcher_output_open(work, "out/alert.json", &fd), ERR_OK);
    json_t *alert = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
    close(fd);
    assert_non_null(alert);
    return alert;
}

static double number(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void assert_one_region(json_t *alert, const struct scene_event *event, double pixel_km,
                              const char *kind)
{
    json_t *regions = json_object_get(alert, "regions");
    assert_true(json_is_true(json_object_get(alert, "alert")));
    assert_int_equal(json_array_size(regions), 1);
    json_t *region = json_array_get(regions, 0);
    double lat = (number(region, "north") + number(region, "south")) / 2;
    double lon = (number(region, "west") + number(region, "east")) / 2;
    double north_km = (lat - event->lat_deg) * 111.195;
    double east_km = (lon - event->lon_deg) * 111.195 * cos(lat * 0.017453292519943295);
    assert_true(hypot(north_km, east_km) < 2 * pixel_km);
    assert_true(fabs((number(region, "north") - number(region, "south")) * 111.195 / 2 -
                     event->radius_km) < 2 * pixel_km);
    assert_string_equal(json_string_value(json_object_get(region, "kind")), kind);
}

static void a_fire_between_two_passes_is_found_at_its_place(void **state)
{
    (void)state;
    struct scene_request first = scene(), second = scene();
    struct scene_event fire = {.kind = SCENE_BURN,
                               .lat_deg = first.center_lat_deg + 0.12,
                               .lon_deg = first.center_lon_deg - 0.2,
                               .radius_km = 5,
                               .start = noon + NS_PER_HOUR};
    first.events = second.events = &fire;
    first.event_count = second.event_count = 1;
    second.time = noon + 2 * NS_PER_HOUR;
    second.noise_seed = 99;
    second.sun_elevation_rad = 0.5; /* another light: must not count as a change */
    strcpy(second.satellite, "sat-2");
    json_t *alert = detect("fire", &first, &second);
    assert_one_region(alert, &fire, 100.0 / 256, "burn");
    json_t *region = json_array_get(json_object_get(alert, "regions"), 0);
    assert_true(fabs(number(region, "area_km2") - 78.54) < 8);
    json_decref(alert);
}

static void a_flood_is_told_from_a_fire(void **state)
{
    (void)state;
    struct scene_request first = scene(), second = scene();
    struct scene_event flood = {.kind = SCENE_FLOOD,
                                .lat_deg = first.center_lat_deg - 0.2,
                                .lon_deg = first.center_lon_deg + 0.1,
                                .radius_km = 6,
                                .start = noon + NS_PER_HOUR};
    second.events = &flood;
    second.event_count = 1;
    second.time = noon + 2 * NS_PER_HOUR;
    second.noise_seed = 7;
    json_t *alert = detect("flood", &first, &second);
    assert_one_region(alert, &flood, 100.0 / 256, "flood");
    json_decref(alert);
}

static void nothing_happened_gives_no_alert(void **state)
{
    (void)state;
    struct scene_request first = scene(), second = scene();
    second.time = noon + 2 * NS_PER_HOUR;
    second.noise_seed = 99;
    second.sun_elevation_rad = 0.45;
    json_t *alert = detect("quiet", &first, &second);
    assert_true(json_is_false(json_object_get(alert, "alert")));
    assert_int_equal(json_array_size(json_object_get(alert, "regions")), 0);
    json_decref(alert);
}

static void passing_clouds_are_no_change(void **state)
{
    (void)state;
    struct scene_request first = scene(), second = scene();
    first.cloud_fraction = second.cloud_fraction = 0.3;
    second.noise_seed = 5;
    unsigned judged = 0;
    for (int hour = 1; hour <= 6; hour++) {
        char name[32];
        second.time = noon + hour * NS_PER_HOUR;
        snprintf(name, sizeof name, "clouds-%d", hour);
        json_t *alert = detect(name, &first, &second);
        if (!json_is_false(json_object_get(alert, "alert")))
            fail_msg("after %d hours: %s", hour, json_dumps(alert, 0));
        judged += number(alert, "usable_fraction") < 0.995;
        json_decref(alert);
    }
    assert_true(judged > 0); /* there were clouds */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_requests_give_equal_bytes),
        cmocka_unit_test(the_header_says_where_and_when),
        cmocka_unit_test(night_is_black_and_low_sun_is_dim),
        cmocka_unit_test(the_map_stands_the_right_way_round),
        cmocka_unit_test(more_cloud_is_brighter),
        cmocka_unit_test(the_grid_covers_the_globe_once),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(a_damaged_map_is_refused_with_the_reason),
        cmocka_unit_test(a_fire_between_two_passes_is_found_at_its_place),
        cmocka_unit_test(a_flood_is_told_from_a_fire),
        cmocka_unit_test(nothing_happened_gives_no_alert),
        cmocka_unit_test(passing_clouds_are_no_change),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
