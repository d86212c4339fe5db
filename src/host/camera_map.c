#include "host/camera_map.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "host/camera.h"

struct decoder {
    struct jpeg_error_mgr errors; /* first: libjpeg hands back a pointer to it */
    struct jpeg_decompress_struct jpeg;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
};

static void decoder_fail(j_common_ptr jpeg)
{
    struct decoder *d = jpeg->client_data;
    jpeg->err->format_message(jpeg, d->message);
    longjmp(d->failed, 1);
}

/* A damaged map is refused, not patched up with grey. */
static void decoder_message(j_common_ptr jpeg, int level)
{
    if (level < 0)
        decoder_fail(jpeg);
}

static err header_check(const struct jpeg_decompress_struct *jpeg, char *why, size_t why_size)
{
    uint64_t pixels = (uint64_t)jpeg->image_width * jpeg->image_height;
    if (pixels > CAMERA_MAP_PIXELS_MAX) {
        snprintf(why, why_size, "the map has %llu pixels, more than %d", (unsigned long long)pixels,
                 (int)CAMERA_MAP_PIXELS_MAX);
        return ERR_TOO_LARGE;
    }
    if (jpeg->image_height < 16 || jpeg->image_width != 2 * jpeg->image_height) {
        snprintf(why, why_size, "the map is %ux%u; an equirectangular map is twice as wide as high",
                 jpeg->image_width, jpeg->image_height);
        return ERR_INVALID;
    }
    return ERR_OK;
}

static err decode(struct decoder *d, FILE *file, struct camera_map *m, char *why, size_t why_size)
{
    if (setjmp(d->failed)) {
        snprintf(why, why_size, "libjpeg: %.150s", d->message);
        return ERR_INVALID;
    }
    jpeg_create_decompress(&d->jpeg);
    d->jpeg.mem->max_memory_to_use = 64 << 20;
    jpeg_stdio_src(&d->jpeg, file);
    jpeg_read_header(&d->jpeg, TRUE);
    TRY(header_check(&d->jpeg, why, why_size));
    d->jpeg.out_color_space = JCS_RGB;
    d->jpeg.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&d->jpeg);
    m->width = d->jpeg.output_width;
    m->height = d->jpeg.output_height;
    m->rgb = malloc((size_t)m->width * m->height * 3);
    if (!m->rgb)
        return ERR_NO_MEMORY;
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        JSAMPROW row = m->rgb + (size_t)d->jpeg.output_scanline * m->width * 3;
        jpeg_read_scanlines(&d->jpeg, &row, 1);
    }
    jpeg_finish_decompress(&d->jpeg);
    return ERR_OK;
}

err camera_map_load(struct camera_map *m, const char *path, char *why, size_t why_size)
{
    *m = (struct camera_map){0};
    FILE *file = fopen(path, "rbe");
    if (!file) {
        snprintf(why, why_size, "cannot read map %s: %s", path, strerror(errno));
        return ERR_NOT_FOUND;
    }
    struct decoder *d = calloc(1, sizeof *d);
    err result = ERR_NO_MEMORY;
    if (d) {
        d->jpeg.err = jpeg_std_error(&d->errors);
        d->jpeg.client_data = d;
        d->errors.error_exit = decoder_fail;
        d->errors.emit_message = decoder_message;
        result = decode(d, file, m, why, why_size);
        jpeg_destroy_decompress(&d->jpeg);
        free(d);
    }
    fclose(file);
    if (result != ERR_OK)
        camera_map_free(m);
    return result;
}

void camera_map_free(struct camera_map *m)
{
    free(m->rgb);
    *m = (struct camera_map){0};
}

static struct colour texel(const struct camera_map *m, int64_t x, int64_t y)
{
    int64_t width = m->width, height = m->height;
    x = ((x % width) + width) % width;
    y = y < 0 ? 0 : y >= height ? height - 1 : y;
    const uint8_t *p = m->rgb + (size_t)(y * width + x) * 3;
    return (struct colour){p[0] / 255.0, p[1] / 255.0, p[2] / 255.0};
}

static struct colour mix(struct colour a, struct colour b, double t)
{
    return (struct colour){a.red + (b.red - a.red) * t, a.green + (b.green - a.green) * t,
                           a.blue + (b.blue - a.blue) * t};
}

struct colour camera_map_sample(const struct camera_map *m, double lat_deg, double lon_deg)
{
    double x = (lon_deg + 180.0) / 360.0 * m->width - 0.5,
           y = (90.0 - lat_deg) / 180.0 * m->height - 0.5;
    double fx = floor(x), fy = floor(y);
    int64_t ix = (int64_t)fx, iy = (int64_t)fy;
    struct colour top = mix(texel(m, ix, iy), texel(m, ix + 1, iy), x - fx);
    struct colour bottom = mix(texel(m, ix, iy + 1), texel(m, ix + 1, iy + 1), x - fx);
    return mix(top, bottom, y - fy);
}
