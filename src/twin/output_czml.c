/*
 * CZML for Cesium: satellites as sparse Earth-fixed samples for Lagrange interpolation of degree 5, ground stations, and links
 * that are shown while they stood.
 *
 * Sparse:  the step of each satellite is the longest of a list whose interpolated positions stay within ERROR_BOUND_M of the
 *          propagated ones at every point that was tried (three between any two samples of the first revolutions). Three
 *          samples beyond either end keep the window of the interpolation centred. A circular orbit at 550 km: 300 s.
 * Files:   constellation.czml; with more than ENTITIES_MAX entities constellation-01.czml, -02 ..., satellites by plane, links with
 *          the satellites of their file where both are there, the others in links-NN.czml. Load the first with
 *          CzmlDataSource.load, the others with process() into the same source.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "twin/outputs.h"

enum { ENTITIES_MAX = 1000, FILES_MAX = 20, SAMPLES_MAX = 4000000, TRIED_SAMPLES = 40, EDGE_SAMPLES = 3, TEXT_MAX = 512 << 20 };
#define ERROR_BOUND_M 50.0

struct czml {
    struct output_context *c;
    struct text t;
    tai_ns start, end;
    size_t entities, file_number, file_count;
    uint32_t *file_of; /* node id - 1 -> number of its file */
    size_t samples;
    double worst_m;
};

/* ---- sampling ------------------------------------------------------------------------------------------------------------------- */

static bool position_m(const struct sky *sky, node_id id, tai_ns t, double out[3])
{
    struct state s;
    if (sky_position(sky, id, t, &s) != ERR_OK)
        return false;
    for (int i = 0; i < 3; i++)
        out[i] = s.r_ecef_km[i] * 1000;
    return true;
}

/* Lagrange through six equidistant samples; `u` in steps from the first. */
static void interpolate(double (*p)[3], double u, double out[3])
{
    out[0] = out[1] = out[2] = 0;
    for (int i = 0; i < 6; i++) {
        double weight = 1;
        for (int k = 0; k < 6; k++)
            if (k != i)
                weight *= (u - k) / (i - k);
        for (int a = 0; a < 3; a++)
            out[a] += weight * p[i][a];
    }
}

/* The worst error of interpolation in metres with this step; negative where there is no position. */
static double step_error_m(const struct czml *z, node_id id, int64_t step_s)
{
    double worst = 0, p[6][3], truth[3], guess[3];
    tai_ns from = z->start - EDGE_SAMPLES * step_s * NS_PER_S;
    for (int64_t i = 0; i < TRIED_SAMPLES; i++) {
        tai_ns first = from + i * step_s * NS_PER_S;
        if (first > z->end)
            break;
        for (int k = 0; k < 6; k++)
            if (!position_m(z->c->sky, id, first + k * step_s * NS_PER_S, p[k]))
                return -1;
        for (int k = 1; k <= 3; k++) {
            double u = 2 + k / 4.0; /* the middle interval, which the window of six is centred on */
            if (!position_m(z->c->sky, id, first + (tai_ns)(u * (double)(step_s * NS_PER_S)), truth))
                return -1;
            interpolate(p, u, guess);
            double d[3] = {guess[0] - truth[0], guess[1] - truth[1], guess[2] - truth[2]};
            worst = fmax(worst, sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]));
        }
    }
    return worst;
}

static int64_t step_choose(struct czml *z, node_id id)
{
    static const int64_t steps[] = {3600, 1800, 1200, 900, 600, 480, 360, 300, 240, 180, 120, 60, 30, 15, 5};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        double error = step_error_m(z, id, steps[i]);
        if (error < 0)
            return 0;
        if (error <= ERROR_BOUND_M) {
            z->worst_m = fmax(z->worst_m, error);
            return steps[i];
        }
    }
    return steps[COUNT_OF(steps) - 1];
}

/* ---- packets -------------------------------------------------------------------------------------------------------------------- */

static void interval_text(tai_ns from, tai_ns to, char out[88])
{
    char a[40], b[40];
    time_utc_text(from, 3, a);
    time_utc_text(to, 3, b);
    snprintf(out, 88, "%s/%s", a, b);
}

static void colour(struct text *t, int r, int g, int b, int a)
{
    json_array(t, "rgba");
    json_int(t, NULL, r);
    json_int(t, NULL, g);
    json_int(t, NULL, b);
    json_int(t, NULL, a);
    json_end(t);
}

static void document_packet(struct czml *z)
{
    char span[88], start[40];
    interval_text(z->start, z->end, span);
    time_utc_text(z->start, 3, start);
    json_object(&z->t, NULL);
    json_string(&z->t, "id", "document");
    json_string(&z->t, "name", z->c->scenario->name);
    json_string(&z->t, "version", "1.0");
    json_object(&z->t, "clock");
    json_string(&z->t, "interval", span);
    json_string(&z->t, "currentTime", start);
    json_int(&z->t, "multiplier", 60);
    json_string(&z->t, "range", "LOOP_STOP");
    json_end(&z->t);
    json_end(&z->t);
}

static void look(struct text *t, const char *name, bool gateway)
{
    json_object(t, "point");
    json_int(t, "pixelSize", gateway ? 7 : 5);
    json_object(t, "color");
    if (gateway)
        colour(t, 255, 196, 77, 255);
    else
        colour(t, 120, 200, 255, 255);
    json_end(t);
    json_end(t);
    json_object(t, "label");
    json_string(t, "text", name);
    json_string(t, "font", "11px sans-serif");
    json_object(t, "pixelOffset");
    json_array(t, "cartesian2");
    json_int(t, NULL, 10);
    json_int(t, NULL, 0);
    json_end(t);
    json_end(t);
    json_string(t, "horizontalOrigin", "LEFT");
    json_object(t, "distanceDisplayCondition");
    json_array(t, "distanceDisplayCondition");
    json_int(t, NULL, 0);
    json_int(t, NULL, 20000000);
    json_end(t);
    json_end(t);
    json_end(t);
}

static void place_fixed(struct czml *z, node_id id)
{
    double p[3];
    if (!position_m(z->c->sky, id, z->start, p))
        return;
    json_object(&z->t, "position");
    json_array(&z->t, "cartesian");
    for (int i = 0; i < 3; i++)
        json_double(&z->t, NULL, round(p[i] * 10) / 10);
    json_end(&z->t);
    json_end(&z->t);
}

static void place_moving(struct czml *z, node_id id)
{
    char start[40];
    int64_t step = step_choose(z, id);
    if (step == 0)
        return; /* decayed: no position, and Cesium shows none */
    time_utc_text(z->start, 3, start);
    json_object(&z->t, "position");
    json_string(&z->t, "interpolationAlgorithm", "LAGRANGE");
    json_int(&z->t, "interpolationDegree", 5);
    json_string(&z->t, "referenceFrame", "FIXED");
    json_string(&z->t, "epoch", start);
    json_array(&z->t, "cartesian");
    int64_t last = (z->end - z->start + step * NS_PER_S - 1) / (step * NS_PER_S) + EDGE_SAMPLES;
    for (int64_t i = -EDGE_SAMPLES; i <= last && z->samples < SAMPLES_MAX; i++) {
        double p[3];
        if (!position_m(z->c->sky, id, z->start + i * step * NS_PER_S, p))
            break;
        z->samples++;
        json_int(&z->t, NULL, i * step);
        for (int k = 0; k < 3; k++)
            json_double(&z->t, NULL, round(p[k]));
    }
    json_end(&z->t);
    json_end(&z->t);
}

static void node_packet(struct czml *z, const struct track_node *n)
{
    char span[88];
    interval_text(z->start, z->end, span);
    json_object(&z->t, NULL);
    json_string(&z->t, "id", n->name);
    json_string(&z->t, "name", n->name);
    json_string(&z->t, "availability", span);
    look(&z->t, n->name, n->gateway);
    if (n->gateway)
        place_fixed(z, n->id);
    else
        place_moving(z, n->id);
    json_end(&z->t);
    z->entities++;
}

static void link_packet(struct czml *z, const struct track_link *const *rows, size_t count)
{
    const struct track *t = z->c->track;
    char id[80], reference[64], span[88];
    snprintf(id, sizeof id, "link %s %s", track_name(t, rows[0]->a), track_name(t, rows[0]->b));
    json_object(&z->t, NULL);
    json_string(&z->t, "id", id);
    json_array(&z->t, "availability");
    for (size_t i = 0; i < count; i++) {
        if (!rows[i]->up)
            continue;
        interval_text(rows[i]->t, i + 1 < count && !rows[i + 1]->up ? rows[i + 1]->t : z->end, span);
        json_string(&z->t, NULL, span);
    }
    json_end(&z->t);
    json_object(&z->t, "polyline");
    json_object(&z->t, "positions");
    json_array(&z->t, "references");
    for (int end = 0; end < 2; end++) {
        snprintf(reference, sizeof reference, "%s#position", track_name(t, end ? rows[0]->b : rows[0]->a));
        json_string(&z->t, NULL, reference);
    }
    json_end(&z->t);
    json_end(&z->t);
    /* A cable lies on the ground; a straight line would run through the Earth. */
    enum link_kind kind = sky_link_kind(z->c->sky, rows[0]->a, rows[0]->b);
    json_string(&z->t, "arcType", kind == LINK_FIBRE ? "GEODESIC" : "NONE");
    json_int(&z->t, "width", 2);
    json_object(&z->t, "material");
    json_object(&z->t, "solidColor");
    json_object(&z->t, "color");
    if (kind == LINK_ISL)
        colour(&z->t, 92, 202, 255, 220);
    else if (kind == LINK_FIBRE)
        colour(&z->t, 180, 143, 255, 160);
    else
        colour(&z->t, 255, 181, 84, 220);
    json_end(&z->t);
    json_end(&z->t);
    json_end(&z->t);
    json_end(&z->t);
    json_end(&z->t);
    z->entities++;
}

/* ---- files ------------------------------------------------------------------------------------------------------------------------- */

static void file_begin(struct czml *z)
{
    z->t = text_new(NULL, TEXT_MAX);
    z->entities = 0;
    json_array(&z->t, NULL);
    document_packet(z);
}

static bool file_end(struct czml *z, const char *stem, size_t number)
{
    char name[48];
    json_end(&z->t);
    snprintf(name, sizeof name, number ? "%s-%02zu.czml" : "%s.czml", stem, number);
    bool good = text_ok(&z->t);
    FILE *f = good ? output_create(z->c, name) : NULL;
    if (f) {
        fwrite(z->t.data, 1, z->t.size, f);
        fputc('\n', f);
        good = output_close(z->c, f, name);
    }
    text_free(&z->t);
    return f && good;
}

static int by_file_and_pair(const void *a, const void *b)
{
    const struct track_link *p = *(const struct track_link *const *)a, *q = *(const struct track_link *const *)b;
    if (p->a != q->a)
        return p->a < q->a ? -1 : 1;
    if (p->b != q->b)
        return p->b < q->b ? -1 : 1;
    return p < q ? -1 : p > q;
}

static int by_plane(const void *a, const void *b)
{
    const struct track_node *p = *(const struct track_node *const *)a, *q = *(const struct track_node *const *)b;
    if (p->gateway != q->gateway)
        return p->gateway ? -1 : 1;
    if (p->plane != q->plane)
        return p->plane < q->plane ? -1 : 1;
    return p->id < q->id ? -1 : 1;
}

/* Each group of rows of one pair; returns how many groups were written. `inside`: links within file `number`, or else those between files. */
static size_t write_links(struct czml *z, const struct track_link **rows, size_t *from, bool inside, size_t number, size_t room)
{
    const struct track *t = z->c->track;
    size_t written = 0;
    while (*from < t->link_count && written < room) {
        size_t i = *from, end = i + 1;
        while (end < t->link_count && rows[end]->a == rows[i]->a && rows[end]->b == rows[i]->b)
            end++;
        uint32_t fa = z->file_of[rows[i]->a - 1], fb = z->file_of[rows[i]->b - 1];
        *from = end;
        if (inside ? fa != number || fb != number : fa == fb)
            continue;
        link_packet(z, rows + i, end - i);
        written++;
    }
    return written;
}

static size_t pair_count(const struct track *t, const struct track_link *const *rows)
{
    size_t count = 0;
    for (size_t i = 0; i < t->link_count; i++)
        count += i == 0 || rows[i]->a != rows[i - 1]->a || rows[i]->b != rows[i - 1]->b;
    return count;
}

static bool write_nodes(struct czml *z, const struct track_node **nodes, const struct track_link **rows, size_t per_file, bool one)
{
    const struct track *t = z->c->track;
    for (size_t first = 0, number = 1; first < t->node_count; first += per_file, number++) {
        size_t from = 0;
        if (number > FILES_MAX) {
            fprintf(stderr, "twin: czml: %d files of at most %d entities; %zu nodes are left out\n", FILES_MAX, ENTITIES_MAX,
                    t->node_count - first);
            return true;
        }
        for (size_t i = first; i < MIN(first + per_file, t->node_count); i++)
            z->file_of[nodes[i]->id - 1] = (uint32_t)number;
        file_begin(z);
        for (size_t i = first; i < MIN(first + per_file, t->node_count); i++)
            node_packet(z, nodes[i]);
        (void)write_links(z, rows, &from, true, number, ENTITIES_MAX - z->entities);
        if (!file_end(z, "constellation", one ? 0 : number))
            return false;
    }
    return true;
}

static bool write_between(struct czml *z, const struct track_link **rows)
{
    size_t from = 0;
    for (size_t number = 1; number <= FILES_MAX; number++) {
        file_begin(z);
        if (write_links(z, rows, &from, false, 0, ENTITIES_MAX) == 0) {
            text_free(&z->t);
            return true;
        }
        if (!file_end(z, "links", number))
            return false;
    }
    return true;
}

bool output_czml(struct output_context *c)
{
    const struct track *t = c->track;
    struct czml z = {.c = c, .start = t->epoch, .end = MAX(t->last, t->epoch + NS_PER_MINUTE)};
    const struct track_link **rows = malloc((t->link_count + 1) * sizeof *rows);
    const struct track_node **nodes = malloc(t->node_count * sizeof *nodes);
    z.file_of = calloc(t->node_count, sizeof *z.file_of);
    ASSERT(rows != NULL && nodes != NULL && z.file_of != NULL);
    for (size_t i = 0; i < t->link_count; i++)
        rows[i] = &t->links[i];
    for (size_t i = 0; i < t->node_count; i++)
        nodes[i] = &t->nodes[i];
    qsort(rows, t->link_count, sizeof *rows, by_file_and_pair);
    qsort(nodes, t->node_count, sizeof *nodes, by_plane);
    bool one = t->node_count + pair_count(t, rows) <= ENTITIES_MAX;
    /* Two links per satellite stay in its file when planes do: a third of the entities are satellites. */
    bool good = write_nodes(&z, nodes, rows, one ? t->node_count : ENTITIES_MAX / 3, one) && (one || write_between(&z, rows));
    if (z.samples >= SAMPLES_MAX)
        fprintf(stderr, "twin: czml: %d samples are the limit; later positions are left out (export a shorter run)\n", SAMPLES_MAX);
    free(rows);
    free(nodes);
    free(z.file_of);
    return good;
}
