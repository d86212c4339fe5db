/*
 * change-detection - compares two pictures of one tile and reports what changed on the ground, and
 * where.
 *
 * Reads exactly two pictures (/work/in/ *.ppm, or the two files named), writes OUT/alert.json and
 * OUT/alert.ppm, logs to stdout. Bounded memory: about 70 bytes per pixel, pictures up to 4096 x
 * 4096. See README.md beside this file for the method, the options and the exit codes.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "picture.h"

enum { REGIONS_MAX = 64, CROP_MAX = 256, CLOUD_MARGIN = 4, RING = 8 };

struct region {
    int x0, y0, x1, y1; /* inclusive */
    long pixels;
    double change, x_sum, y_sum, before[3], after[3];
};

static struct {
    const char *in, *out, *files[2];
    int file_count;
    double threshold, min_area_km2, min_usable;
    bool only_alerts;
    long min_pixels;
} options = {
    .in = "/work/in", .out = "/work/out", .threshold = 0.04, .min_pixels = 12, .min_usable = 0.2};

static struct picture before, after;
static uint8_t *masked; /* 1: not to be judged; 2: visited */
static float *change;
static struct region regions[REGIONS_MAX];
static int region_count;
static long regions_found, regions_cloudy;

/* ---- which pictures ---- */

static void find_files(void)
{
    static char names[2][512];
    DIR *directory = opendir(options.in);
    if (!directory)
        stop(NO_INPUT, "cannot read directory %s: %s", options.in, strerror(errno));
    for (struct dirent *entry; (entry = readdir(directory));) {
        size_t size = strlen(entry->d_name);
        if (size < 5 || strcmp(entry->d_name + size - 4, ".ppm") != 0)
            continue;
        if (options.file_count == 2)
            stop(NO_INPUT, "%s holds more than two pictures; name the two to compare", options.in);
        snprintf(names[options.file_count], sizeof names[0], "%.240s/%.255s", options.in,
                 entry->d_name);
        options.files[options.file_count] = names[options.file_count];
        options.file_count++;
    }
    closedir(directory);
    if (options.file_count != 2)
        stop(NO_INPUT, "%s holds %d pictures (*.ppm); two are needed", options.in,
             options.file_count);
}

static void check_match(void)
{
    const double tolerance = 1e-6;
    if (strcmp(before.tile, after.tile) != 0)
        stop(MISMATCH, "the pictures show different tiles: %s and %s", before.tile, after.tile);
    if (before.width != after.width || before.height != after.height ||
        fabs(before.north - after.north) > tolerance ||
        fabs(before.south - after.south) > tolerance ||
        fabs(before.west - after.west) > tolerance || fabs(before.east - after.east) > tolerance)
        stop(MISMATCH, "the pictures differ in size or corners");
    if (strcmp(before.time, after.time) == 0)
        stop(MISMATCH, "both pictures are of %s", before.time);
}

/* ---- judging ---- */

static size_t pixel_count(void)
{
    return (size_t)before.width * (size_t)before.height;
}

/* Counts become reflectance by the Sun's elevation; a 3 x 3 mean takes most of the sensor's noise
 * out. */
static void reflectance(struct picture *p)
{
    double light = sin(p->sun_elevation_deg * 0.017453292519943295);
    if (light < 0.08)
        stop(UNUSABLE, "%s: too dark, the Sun stands at %.1f deg", p->path, p->sun_elevation_deg);
    for (int c = 0; c < 3; c++) {
        p->value[c] = allocate(pixel_count(), sizeof(float));
        for (int y = 0; y < p->height; y++)
            for (int x = 0; x < p->width; x++) {
                int sum = 0, n = 0;
                for (int v = y > 0 ? y - 1 : 0; v <= y + 1 && v < p->height; v++)
                    for (int u = x > 0 ? x - 1 : 0; u <= x + 1 && u < p->width; u++, n++)
                        sum += p->rgb[((size_t)v * (size_t)p->width + (size_t)u) * 3 + (size_t)c];
                p->value[c][(size_t)y * (size_t)p->width + (size_t)x] =
                    (float)(sum / (255.0 * n * light));
            }
    }
}

static bool is_cloud(const struct picture *p, size_t i)
{
    float r = p->value[0][i], g = p->value[1][i], b = p->value[2][i];
    float low = fminf(r, fminf(g, b)), high = fmaxf(r, fmaxf(g, b));
    return low > 0.42f && high - low < 0.18f;
}

static bool is_water(const struct picture *p, size_t i)
{
    return p->value[2][i] > 1.35f * p->value[0][i] && p->value[1][i] < 1.1f * p->value[2][i] &&
           p->value[0][i] < 0.2f;
}

/* A cloud's thin edge is no cloud by colour: the mask grows by a few pixels. */
static void mask_around(int x, int y)
{
    for (int v = y - CLOUD_MARGIN; v <= y + CLOUD_MARGIN; v++)
        for (int u = x - CLOUD_MARGIN; u <= x + CLOUD_MARGIN; u++)
            if (u >= 0 && v >= 0 && u < before.width && v < before.height)
                masked[(size_t)v * (size_t)before.width + (size_t)u] = 1;
}

static double mask_make(void)
{
    long clouds = 0, water = 0, usable = 0;
    masked = allocate(pixel_count(), 1);
    for (int y = 0; y < before.height; y++)
        for (int x = 0; x < before.width; x++) {
            size_t i = (size_t)y * (size_t)before.width + (size_t)x;
            if (is_cloud(&before, i) || is_cloud(&after, i)) {
                clouds++;
                mask_around(x, y);
            } else if (is_water(&before, i) && is_water(&after, i)) {
                water++; /* waves and glint come and go; water in both pictures is no change on land
                          */
                masked[i] = 1;
            }
        }
    for (size_t i = 0; i < pixel_count(); i++)
        usable += !masked[i];
    double share = (double)usable / (double)pixel_count();
    printf("clouds %.1f %%, water %.1f %%, usable %.1f %%\n",
           100.0 * (double)clouds / (double)pixel_count(),
           100.0 * (double)water / (double)pixel_count(), 100.0 * share);
    return share;
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double median_of(const float *values, float *scratch)
{
    size_t n = 0;
    for (size_t i = 0; i < pixel_count(); i++)
        if (!masked[i])
            scratch[n++] = values[i];
    qsort(scratch, n, sizeof *scratch, by_value);
    return n ? (double)scratch[n / 2] : 0;
}

/* Haze, exposure and the Sun's height change a whole picture: medians of the usable pixels are made
 * equal. */
static void normalise(void)
{
    float *scratch = allocate(pixel_count(), sizeof(float));
    for (int c = 0; c < 3; c++) {
        double a = median_of(before.value[c], scratch), b = median_of(after.value[c], scratch);
        double gain = a > 0.004 && b > 0.004 ? a / b : 1;
        gain = gain < 0.5 ? 0.5 : gain > 2 ? 2 : gain;
        printf("channel %d: medians %.4f and %.4f, gain %.3f\n", c, a, b, gain);
        for (size_t i = 0; i < pixel_count(); i++)
            after.value[c][i] *= (float)gain;
    }
    free(scratch);
}

/* Returns the threshold: the option's, or five robust deviations of the picture's own noise if that
 * is more. */
static double change_make(void)
{
    float *scratch = allocate(pixel_count(), sizeof(float));
    change = allocate(pixel_count(), sizeof(float));
    for (size_t i = 0; i < pixel_count(); i++) {
        float sum = 0;
        for (int c = 0; c < 3; c++) {
            float d = after.value[c][i] - before.value[c][i];
            sum += d * d;
        }
        change[i] = sqrtf(sum / 3);
    }
    double typical = median_of(
        change, scratch); /* 0.67 to 1.2 deviations, by how the channels share the noise */
    free(scratch);
    double threshold = fmax(options.threshold, 5 * typical);
    printf("typical change %.4f, threshold %.4f\n", typical, threshold);
    return threshold;
}

static void region_add(struct region *r, int x, int y)
{
    size_t i = (size_t)y * (size_t)before.width + (size_t)x;
    r->x0 = x < r->x0 ? x : r->x0;
    r->x1 = x > r->x1 ? x : r->x1;
    r->y0 = y < r->y0 ? y : r->y0;
    r->y1 = y > r->y1 ? y : r->y1;
    r->pixels++;
    r->change += (double)change[i];
    r->x_sum += x;
    r->y_sum += y;
    for (int c = 0; c < 3; c++) {
        r->before[c] += (double)before.value[c][i];
        r->after[c] += (double)after.value[c][i];
    }
}

/* Collects the connected pixels above the threshold; `queue` holds them all afterwards. Returns how
 * many. */
static size_t region_grow(uint32_t *queue, double threshold, int x, int y)
{
    size_t used = 0, width = (size_t)before.width;
    queue[used++] = (uint32_t)((size_t)y * width + (size_t)x);
    masked[queue[0]] = 2;
    for (size_t at = 0; at < used; at++) {
        int cx = (int)(queue[at] % width), cy = (int)(queue[at] / width);
        for (int v = cy - 1; v <= cy + 1; v++)
            for (int u = cx - 1; u <= cx + 1; u++) {
                if (u < 0 || v < 0 || u >= before.width || v >= before.height)
                    continue;
                size_t next = (size_t)v * width + (size_t)u;
                if (masked[next] == 0 && (double)change[next] > threshold) {
                    masked[next] = 2;
                    queue[used++] = (uint32_t)next;
                }
            }
    }
    return used;
}

/* The edge of a region stands where the change falls to half: the smoothing blurs a sharp edge to
 * both sides. */
static struct region region_measure(const uint32_t *queue, size_t count)
{
    double mean = 0;
    struct region r = {.x0 = before.width, .y0 = before.height, .x1 = -1, .y1 = -1};
    for (size_t i = 0; i < count; i++)
        mean += (double)change[queue[i]] / (double)count;
    for (size_t i = 0; i < count; i++)
        if ((double)change[queue[i]] > mean / 2)
            region_add(&r, (int)(queue[i] % (uint32_t)before.width),
                       (int)(queue[i] / (uint32_t)before.width));
    for (int c = 0; c < 3; c++) {
        r.before[c] /= (double)r.pixels;
        r.after[c] /= (double)r.pixels;
    }
    return r;
}

/* Mean reflectance of the unchanged surroundings. */
static bool ring_means(const struct region *r, double was[3], double is[3])
{
    long pixels = 0;
    for (int c = 0; c < 3; c++)
        was[c] = is[c] = 0;
    for (int y = r->y0 - RING < 0 ? 0 : r->y0 - RING; y <= r->y1 + RING && y < before.height; y++)
        for (int x = r->x0 - RING < 0 ? 0 : r->x0 - RING; x <= r->x1 + RING && x < before.width;
             x++) {
            size_t i = (size_t)y * (size_t)before.width + (size_t)x;
            if (masked[i] != 0)
                continue;
            pixels++;
            for (int c = 0; c < 3; c++) {
                was[c] += (double)before.value[c][i];
                is[c] += (double)after.value[c][i];
            }
        }
    for (int c = 0; c < 3 && pixels; c++) {
        was[c] /= (double)pixels;
        is[c] /= (double)pixels;
    }
    return pixels > 0;
}

static double distance(const double a[3], const double b[3])
{
    return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                (a[2] - b[2]) * (a[2] - b[2]));
}

/* A thin cloud that came or went: the brighter picture is the darker one mixed with white, equally
 * in each channel, and it is the brighter one that does not fit its surroundings. */
static bool is_thin_cloud(const struct region *r)
{
    double ring_before[3], ring_after[3], share[3], low = 1, high = 0, mean = 0;
    bool brighter_after =
        r->after[0] + r->after[1] + r->after[2] > r->before[0] + r->before[1] + r->before[2];
    const double *bright = brighter_after ? r->after : r->before,
                 *dark = brighter_after ? r->before : r->after;
    for (int c = 0; c < 3; c++) {
        share[c] = (bright[c] - dark[c]) / fmax(0.87 - dark[c], 0.05);
        low = fmin(low, share[c]);
        high = fmax(high, share[c]);
        mean += share[c] / 3;
    }
    if (low <= 0 || high - low > 0.5 * mean || !ring_means(r, ring_before, ring_after))
        return false;
    double misfit_bright = distance(bright, brighter_after ? ring_after : ring_before);
    double misfit_dark = distance(dark, brighter_after ? ring_before : ring_after);
    return misfit_bright > misfit_dark;
}

/* Keeps the largest REGIONS_MAX, largest first. */
static void region_keep(const struct region *r)
{
    int at = region_count < REGIONS_MAX ? region_count++ : REGIONS_MAX;
    while (at > 0 && regions[at - 1].pixels < r->pixels) {
        if (at < REGIONS_MAX)
            regions[at] = regions[at - 1];
        at--;
    }
    if (at < REGIONS_MAX)
        regions[at] = *r;
}

static double latitude(double y)
{
    return before.north - y / before.height * (before.north - before.south);
}

static double longitude(double x)
{
    double lon = before.west + x / before.width * (before.east - before.west);
    return lon - 360 * floor((lon + 180) / 360);
}

static double area_km2(const struct region *r)
{
    const double km = 111.195;
    double middle = latitude((r->y0 + r->y1 + 1) / 2.0) * 0.017453292519943295;
    return (double)r->pixels * (before.north - before.south) * km / before.height *
           (before.east - before.west) * km * cos(middle) / before.width;
}

static void regions_find(double threshold)
{
    uint32_t *queue = allocate(pixel_count(), sizeof *queue); /* each pixel enters at most once */
    for (int y = 0; y < before.height; y++)
        for (int x = 0; x < before.width; x++) {
            size_t i = (size_t)y * (size_t)before.width + (size_t)x;
            if (masked[i] || (double)change[i] <= threshold)
                continue;
            struct region r = region_measure(queue, region_grow(queue, threshold, x, y));
            if (r.pixels < options.min_pixels || area_km2(&r) < options.min_area_km2)
                continue;
            if (is_thin_cloud(&r)) {
                regions_cloudy++;
                continue;
            }
            regions_found++;
            region_keep(&r);
        }
    free(queue);
}

static const char *kind_of(const struct region *r)
{
    double was = r->before[0] + r->before[1] + r->before[2],
           is = r->after[0] + r->after[1] + r->after[2];
    if (is > was)
        return "bright";
    return r->after[2] > 1.5 * r->after[0] && r->after[2] > 1.2 * r->after[1] ? "flood" : "burn";
}

/* ---- writing ---- */

static FILE *create(const char *name)
{
    char path[600];
    if (mkdir(options.out, 0755) < 0 && errno != EEXIST)
        stop(NO_OUTPUT, "cannot make %s: %s", options.out, strerror(errno));
    snprintf(path, sizeof path, "%.500s/%s", options.out, name);
    FILE *file = fopen(path, "wb");
    if (!file)
        stop(NO_OUTPUT, "cannot write %s: %s", path, strerror(errno));
    return file;
}

static void finish(FILE *file, const char *name)
{
    bool failed = ferror(file) || fflush(file) == EOF;
    if (fclose(file) == EOF || failed)
        stop(NO_OUTPUT, "cannot write %s/%s: %s", options.out, name, strerror(errno));
}

static void write_side(FILE *file, const char *name, const struct picture *p)
{
    fprintf(file, "  \"%s\": {\"time\": \"%s\", \"satellite\": \"%s\", \"sensor\": \"%s\"},\n",
            name, p->time, p->satellite, p->sensor);
}

static void write_region(FILE *file, const struct region *r, const char *comma)
{
    fprintf(
        file,
        "    {\"kind\": \"%s\", \"north\": %.6f, \"south\": %.6f, \"west\": %.6f, \"east\": %.6f, "
        "\"center_lat\": %.6f, \"center_lon\": %.6f, \"area_km2\": %.3f, \"mean_change\": %.4f, "
        "\"pixels\": %ld, "
        "\"box\": [%d, %d, %d, %d]}%s\n",
        kind_of(r), latitude(r->y0), latitude(r->y1 + 1), longitude(r->x0), longitude(r->x1 + 1),
        latitude(r->y_sum / (double)r->pixels + 0.5), longitude(r->x_sum / (double)r->pixels + 0.5),
        area_km2(r), r->change / (double)r->pixels, r->pixels, r->x0, r->y0, r->x1, r->y1, comma);
}

static void write_json(double usable, double threshold)
{
    FILE *file = create("alert.json");
    fprintf(file, "{\n  \"format\": \"noct-alert-1\",\n  \"alert\": %s,\n  \"tile\": \"%s\",\n",
            region_count ? "true" : "false", before.tile);
    write_side(file, "before", &before);
    write_side(file, "after", &after);
    fprintf(file,
            "  \"usable_fraction\": %.4f,\n  \"threshold\": %.4f,\n  \"regions_found\": %ld,\n"
            "  \"thin_clouds_passed_over\": %ld,\n  \"regions\": [\n",
            usable, threshold, regions_found, regions_cloudy);
    for (int i = 0; i < region_count; i++)
        write_region(file, &regions[i], i + 1 < region_count ? "," : "");
    fprintf(file, "  ]\n}\n");
    finish(file, "alert.json");
}

static bool on_frame(int x, int y)
{
    for (int i = 0; i < region_count; i++) {
        const struct region *r = &regions[i];
        bool inside = x >= r->x0 - 2 && x <= r->x1 + 2 && y >= r->y0 - 2 && y <= r->y1 + 2;
        bool core = x > r->x0 - 2 && x < r->x1 + 2 && y > r->y0 - 2 && y < r->y1 + 2;
        if (inside && !core)
            return true;
    }
    return false;
}

/* The later picture around the largest region (the whole tile when nothing changed), every region
 * framed in red. */
static void write_crop(void)
{
    int x0 = 0, y0 = 0, x1 = after.width - 1, y1 = after.height - 1;
    if (region_count) {
        const struct region *r = &regions[0];
        int margin = 8 + (r->x1 - r->x0 > r->y1 - r->y0 ? r->x1 - r->x0 : r->y1 - r->y0);
        x0 = r->x0 > margin ? r->x0 - margin : 0;
        y0 = r->y0 > margin ? r->y0 - margin : 0;
        x1 = r->x1 + margin < x1 ? r->x1 + margin : x1;
        y1 = r->y1 + margin < y1 ? r->y1 + margin : y1;
    }
    int longest = x1 - x0 > y1 - y0 ? x1 - x0 + 1 : y1 - y0 + 1,
        step = (longest + CROP_MAX - 1) / CROP_MAX;
    int width = (x1 - x0) / step + 1, height = (y1 - y0) / step + 1;
    FILE *file = create("alert.ppm");
    fprintf(file,
            "P6\n# format=noct-alert-crop-1\n# tile=%s\n# time=%s\n# north=%.7f\n# south=%.7f\n# "
            "west=%.7f\n# east=%.7f\n"
            "%d %d\n255\n",
            after.tile, after.time, latitude(y0), latitude(y0 + height * step), longitude(x0),
            longitude(x0 + width * step), width, height);
    for (int y = y0; y <= y1; y += step)
        for (int x = x0; x <= x1; x += step) {
            static const uint8_t red[3] = {255, 40, 30};
            const uint8_t *pixel = after.rgb + ((size_t)y * (size_t)after.width + (size_t)x) * 3;
            bool framed = false;
            for (int v = y; v < y + step; v++)
                for (int u = x; u < x + step; u++)
                    framed = framed || on_frame(u, v);
            fwrite(framed ? red : pixel, 1, 3, file);
        }
    finish(file, "alert.ppm");
}

/* ---- command line ---- */

static void usage(void)
{
    fputs("usage: change-detection [--in DIR] [--out DIR] [--threshold REFLECTANCE] [--min-pixels "
          "N] [--min-area KM2]\n"
          "                        [--min-usable FRACTION] [--only-alerts] [BEFORE.ppm AFTER.ppm]\n",
          stderr);
    exit(USAGE);
}

static double option_number(const char *text, double low, double high)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !(number >= low && number <= high))
        stop(USAGE, "'%s' is not a number in %g..%g", text, low, high);
    return number;
}

static void parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (name[0] != '-') {
            if (options.file_count == 2)
                usage();
            options.files[options.file_count++] = name;
            continue;
        }
        if (strcmp(name, "--only-alerts") == 0) {
            options.only_alerts = true;
            continue;
        }
        if (++i == argc)
            usage();
        if (strcmp(name, "--in") == 0)
            options.in = argv[i];
        else if (strcmp(name, "--out") == 0)
            options.out = argv[i];
        else if (strcmp(name, "--threshold") == 0)
            options.threshold = option_number(argv[i], 0.001, 1);
        else if (strcmp(name, "--min-pixels") == 0)
            options.min_pixels = (long)option_number(argv[i], 1, 1e7);
        else if (strcmp(name, "--min-area") == 0)
            options.min_area_km2 = option_number(argv[i], 0, 1e7);
        else if (strcmp(name, "--min-usable") == 0)
            options.min_usable = option_number(argv[i], 0, 1);
        else
            usage();
    }
    if (options.file_count == 1)
        usage();
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    parse(argc, argv);
    if (options.file_count == 0)
        find_files();
    read_picture(&before, options.files[0]);
    read_picture(&after, options.files[1]);
    check_match();
    if (strcmp(before.time, after.time) > 0) { /* ISO 8601 sorts as text */
        struct picture swap = before;
        before = after;
        after = swap;
    }
    reflectance(&before);
    reflectance(&after);
    double usable = mask_make();
    if (usable < options.min_usable)
        stop(options.only_alerts ? NOTHING : UNUSABLE, "only %.1f %% of the tile can be judged; %.1f %% are needed", usable * 100,
             options.min_usable * 100);
    normalise();
    double threshold = change_make();
    regions_find(threshold);
    if (options.only_alerts && region_count == 0)
        stop(NOTHING, "nothing to report: no region changed");
    write_json(usable, threshold);
    write_crop();
    printf("%ld changed regions%s; %ld thin clouds passed over\n", regions_found,
           region_count ? "" : ": no alert", regions_cloudy);
    for (int i = 0; i < region_count && i < 8; i++)
        printf("  %s, %.2f km2 at %.4f, %.4f\n", kind_of(&regions[i]), area_km2(&regions[i]),
               latitude(regions[i].y_sum / (double)regions[i].pixels + 0.5),
               longitude(regions[i].x_sum / (double)regions[i].pixels + 0.5));
    return DONE;
}
