#include "test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <openssl/evp.h>

#include "base/text.h"
#include "host/launcher.h"
#include "host/oci_image.h"

static char home[] = "/tmp/noct-oci-test-XXXXXX";
static char archive[64], target[64];
static struct oci_config config;
static struct oci_why why;

/* ---- a small tar writer that also writes what no honest one would ---- */

static struct tar {
    uint8_t bytes[1 << 17];
    size_t size;
} layer, outer;

static void tar_put(struct tar *t, char type, const char *name, const char *link, const void *body,
                    size_t size)
{
    uint8_t *block = t->bytes + t->size;
    unsigned sum = 0;
    assert_true(t->size + 1024 + size + 512 <= sizeof t->bytes);
    memset(block, 0, 512);
    snprintf((char *)block, 100, "%s", name);
    memcpy(block + 100, "0000755", 8);
    snprintf((char *)block + 124, 12, "%011lo", (unsigned long)size);
    block[156] = (uint8_t)type;
    snprintf((char *)block + 157, 100, "%s", link);
    memcpy(block + 257, "ustar\00000", 8);
    memset(block + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
    t->size += 512;
    if (size)
        memcpy(t->bytes + t->size, body, size);
    memset(t->bytes + t->size + size, 0, (512 - size % 512) % 512);
    t->size += (size + 511) / 512 * 512;
}

static void tar_file(struct tar *t, const char *name, const char *text)
{
    tar_put(t, '0', name, "", text, strlen(text));
}

static void tar_end(struct tar *t)
{
    memset(t->bytes + t->size, 0, 1024);
    t->size += 1024;
}

static void save(const void *bytes, size_t size)
{
    FILE *file = fopen(archive, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void digest_text(const void *bytes, size_t size, char out[80])
{
    uint8_t digest[32];
    unsigned length;
    assert_int_equal(EVP_Digest(bytes, size, digest, &length, EVP_sha256(), NULL), 1);
    strcpy(out, "sha256:");
    hex_encode(digest, 32, out + 7);
}

static void put_blob(const void *bytes, size_t size, char digest[80])
{
    char path[100];
    digest_text(bytes, size, digest);
    snprintf(path, sizeof path, "blobs/sha256/%s", digest + 7);
    tar_put(&outer, '0', path, "", bytes, size);
}

/* An OCI archive with the layers put so far; `manifest_extra` is spliced into the manifest. */
static char layers_json[2048];

static void image_begin(void)
{
    outer.size = layer.size = 0;
    layers_json[0] = 0;
    tar_file(&outer, "oci-layout", "{\"imageLayoutVersion\": \"1.0.0\"}");
}

static void image_layer(bool gzip, const char *type)
{
    static uint8_t packed[1 << 16];
    char digest[80], descriptor[300];
    const void *bytes = layer.bytes;
    tar_end(&layer);
    size_t size = layer.size;
    if (gzip) {
        z_stream z = {.next_in = layer.bytes,
                      .avail_in = (uInt)layer.size,
                      .next_out = packed,
                      .avail_out = sizeof packed};
        assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                         Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        size = sizeof packed - z.avail_out;
        deflateEnd(&z);
        bytes = packed;
    }
    put_blob(bytes, size, digest);
    snprintf(descriptor, sizeof descriptor,
             "%s{\"mediaType\": \"%s\", \"digest\": \"%s\", \"size\": %zu}",
             layers_json[0] ? ", " : "", type, digest, size);
    strcat(layers_json, descriptor);
    layer.size = 0;
}

static void image_end(const char *config_json, const char *platform)
{
    char config_digest[80], manifest_digest[80], manifest[4096], index[600];
    put_blob(config_json, strlen(config_json), config_digest);
    snprintf(
        manifest, sizeof manifest,
        "{\"schemaVersion\": 2, \"config\": {\"digest\": \"%s\", \"size\": %zu}, \"layers\": [%s]}",
        config_digest, strlen(config_json), layers_json);
    put_blob(manifest, strlen(manifest), manifest_digest);
    snprintf(index, sizeof index,
             "{\"schemaVersion\": 2, \"manifests\": [{\"digest\": \"%s\", \"size\": %zu%s}]}",
             manifest_digest, strlen(manifest), platform);
    tar_file(&outer, "index.json", index);
    tar_end(&outer);
    save(outer.bytes, outer.size);
}

/* ---- looking at the result ---- */

static err unpack_with(const struct oci_limits *limits)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s %s.partial", target, target);
    assert_int_equal(system(command), 0);
    return oci_image_unpack(archive, target, limits, &config, &why);
}

static err unpack_root(void)
{
    tar_end(&layer);
    save(layer.bytes, layer.size);
    layer.size = 0;
    return unpack_with(NULL);
}

static const char *content(const char *name)
{
    static char text[256];
    char path[160];
    snprintf(path, sizeof path, "%s/%s", target, name);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return NULL;
    ssize_t size = read(fd, text, sizeof text - 1);
    text[size > 0 ? size : 0] = 0;
    close(fd);
    return text;
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(home))
        return -1;
    snprintf(archive, sizeof archive, "%s/image.tar", home);
    snprintf(target, sizeof target, "%s/root", home);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command);
}

static const char CONFIG[] = "{\"architecture\": \"any\", \"config\": {\"Entrypoint\": "
                             "[\"/bin/tool\"], \"Cmd\": [\"--fast\"], "
                             "\"Env\": [\"A=1\", \"B=2\"], \"WorkingDir\": \"/srv\"}}";

static void unpacks_a_plain_root(void **state)
{
    (void)state;
    tar_put(&layer, '5', "./", "", "", 0);
    tar_put(&layer, '5', "bin/", "", "", 0);
    tar_file(&layer, "./bin/tool", "program");
    tar_put(&layer, '1', "bin/same", "bin/tool", "", 0);
    tar_put(&layer, '2', "sbin", "bin", "", 0);
    tar_file(&layer, "sbin/late", "through a link");
    tar_put(&layer, '3', "dev/sda", "", "", 0);
    assert_int_equal(unpack_root(), ERR_OK);
    assert_string_equal(content("bin/tool"), "program");
    assert_string_equal(content("bin/same"), "program");
    assert_string_equal(content("bin/late"), "through a link");
    assert_int_equal(config.passed_over, 1);
    assert_null(config.entrypoint[0]);
    const char *arguments[2 * OCI_TEXTS_MAX + 1];
    assert_int_equal(oci_image_arguments(&config, NULL, arguments), ERR_INVALID);
}

static void unpacks_an_oci_archive_with_its_config(void **state)
{
    (void)state;
    image_begin();
    tar_file(&layer, "bin/tool", "one");
    tar_file(&layer, "etc/old", "goes");
    tar_file(&layer, "var/cache/a", "goes too");
    image_layer(true, "application/vnd.oci.image.layer.v1.tar+gzip");
    tar_file(&layer, "bin/tool", "two");
    tar_file(&layer, "var/cache/b", "new");
    tar_file(&layer, "etc/.wh.old", "");
    tar_file(&layer, "var/cache/.wh..wh..opq", "");
    image_layer(false, "application/vnd.oci.image.layer.v1.tar");
    image_end(CONFIG, "");
    if (unpack_with(NULL) != ERR_OK)
        fail_msg("%s", why.text);
    assert_string_equal(content("bin/tool"), "two");
    assert_null(content("etc/old"));
    assert_null(content("var/cache/a"));
    assert_string_equal(content("var/cache/b"), "new");
    const char *arguments[2 * OCI_TEXTS_MAX + 1], *given[] = {"--slow", NULL};
    assert_int_equal(oci_image_arguments(&config, NULL, arguments), ERR_OK);
    assert_string_equal(arguments[0], "/bin/tool");
    assert_string_equal(arguments[1], "--fast");
    assert_null(arguments[2]);
    assert_int_equal(oci_image_arguments(&config, given, arguments), ERR_OK);
    assert_string_equal(arguments[1], "--slow");
    assert_string_equal(config.environment[1], "B=2");
    assert_string_equal(config.working_dir, "/srv");
}

static void a_flipped_byte_in_a_layer_is_found(void **state)
{
    (void)state;
    image_begin();
    tar_file(&layer, "bin/tool", "precious");
    image_layer(false, "application/vnd.oci.image.layer.v1.tar");
    image_end(CONFIG, "");
    uint8_t *at = memmem(outer.bytes, outer.size, "precious", 8);
    at[0] ^= 1;
    save(outer.bytes, outer.size);
    assert_int_equal(unpack_with(NULL), ERR_CORRUPT);
    assert_non_null(strstr(why.text, "does not match its digest"));
    assert_false(exists(target));
}

static void other_machines_and_types_are_refused(void **state)
{
    (void)state;
    image_begin();
    tar_file(&layer, "a", "b");
    image_layer(false, "application/vnd.oci.image.layer.v1.tar+zstd");
    image_end(CONFIG, "");
    assert_int_equal(unpack_with(NULL), ERR_UNSUPPORTED);
    image_begin();
    image_end(CONFIG, ", \"platform\": {\"os\": \"linux\", \"architecture\": \"pdp11\"}");
    assert_int_equal(unpack_with(NULL), ERR_UNSUPPORTED);
    assert_non_null(strstr(why.text, "no manifest for linux/"));
    layer.size = 0;
    tar_file(&layer, "manifest.json", "[]");
    assert_int_equal(unpack_root(), ERR_UNSUPPORTED);
}

static void no_path_leads_out(void **state)
{
    (void)state;
    char outside[96], absolute[96];
    snprintf(outside, sizeof outside, "%s/outside", home);
    tar_file(&layer, "../outside", "x");
    assert_int_equal(unpack_root(), ERR_DENIED);
    tar_file(&layer, "a/../../outside", "x");
    assert_int_equal(unpack_root(), ERR_DENIED);
    assert_non_null(strstr(why.text, "at byte"));
    tar_put(&layer, '2', "door", "..", "", 0); /* resolves to the root itself, as in a chroot */
    tar_file(&layer, "door/outside", "x");
    assert_int_equal(unpack_root(), ERR_OK);
    assert_string_equal(content("outside"), "x");
    assert_false(exists(outside));
    tar_put(&layer, '2', "door", home, "", 0);
    tar_file(&layer, "door/outside", "x");
    assert_int_equal(unpack_root(), ERR_INVALID); /* inside the root the link leads nowhere */
    assert_false(exists(outside));
    snprintf(absolute, sizeof absolute, "%s", outside);
    tar_file(&layer, absolute, "x");
    assert_int_equal(unpack_root(), ERR_OK);
    assert_false(exists(outside));
}

static void no_link_is_written_through(void **state)
{
    (void)state;
    char victim[96];
    snprintf(victim, sizeof victim, "%s/victim", home);
    FILE *file = fopen(victim, "w");
    fputs("untouched", file);
    fclose(file);
    tar_put(&layer, '2', "file", victim, "", 0);
    tar_file(&layer, "file", "overwritten");
    assert_int_equal(unpack_root(), ERR_OK);
    assert_string_equal(content("file"), "overwritten");
    tar_put(&layer, '1', "hard", victim, "", 0);
    assert_int_equal(unpack_root(), ERR_INVALID);
    tar_put(&layer, '1', "hard", "../victim", "", 0);
    assert_int_equal(unpack_root(), ERR_DENIED);
    char text[32] = "";
    file = fopen(victim, "r");
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "untouched");
}

static void whiteouts_remove_links_not_their_targets(void **state)
{
    (void)state;
    char kept[96];
    snprintf(kept, sizeof kept, "%s/kept", home);
    fclose(fopen(kept, "w"));
    image_begin();
    tar_put(&layer, '2', "link", home, "", 0);
    image_layer(false, "tar");
    tar_file(&layer, ".wh.link", "");
    tar_file(&layer, ".wh...", "");
    image_layer(false, "tar");
    image_end(CONFIG, "");
    assert_int_equal(unpack_with(NULL), ERR_INVALID);
    assert_true(exists(kept));
}

static void limits_hold(void **state)
{
    (void)state;
    struct oci_limits few = {.entries = 3}, small = {.bytes = 10};
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        tar_file(&layer, name, "12345");
    }
    tar_end(&layer);
    save(layer.bytes, layer.size);
    layer.size = 0;
    assert_int_equal(unpack_with(&few), ERR_TOO_LARGE);
    assert_string_equal(why.text, "the image has too many entries at f3");
    assert_int_equal(unpack_with(&small), ERR_TOO_LARGE);
    assert_string_equal(why.text, "the image has too many bytes at f2");
    assert_false(exists(target));
}

static void a_deep_tree_built_with_links_is_bounded(void **state)
{
    (void)state;
    char path[400] = "";
    for (int i = 0; i < 45; i++)
        strcat(path, "d/");
    for (int i = 0; i < 4; i++) { /* each link leads 45 levels below the one before */
        char from[16], record[900], name[450];
        snprintf(from, sizeof from, "l%d", i);
        snprintf(name, sizeof name, "%s%s%sx", i ? "l" : "",
                 i ? (char[]){(char)('0' + i - 1), '/', 0} : "", path);
        int length = snprintf(record, sizeof record, "%03zu path=%s\n", strlen(name) + 10, name);
        tar_put(&layer, 'x', "pax", "", record, (size_t)length);
        tar_put(&layer, '5', "long", "", "", 0);
        tar_put(&layer, '2', from, name, "", 0);
    }
    assert_int_equal(unpack_root(), ERR_TOO_LARGE);
    char partial[80];
    snprintf(partial, sizeof partial, "%s.partial", target);
    assert_false(exists(partial));
}

static void every_cut_of_an_archive_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    image_begin();
    tar_file(&layer, "bin/tool", "one");
    image_layer(true, "tar+gzip");
    image_end(CONFIG, "");
    for (size_t size = 0; size <= outer.size - 1024; size += 64) {
        save(outer.bytes, size);
        assert_true(unpack_with(NULL) != ERR_OK);
        assert_true(why.text[0] != 0 && !exists(target));
    }
}

/* The whole way: a root packed by the system's tar and gzip, unpacked here, run by the launcher. */
static void an_unpacked_root_runs_in_the_sandbox(void **state)
{
    (void)state;
    char command[1500], self[400], init_program[512];
    struct launcher *launcher;
    struct launch_handle handle;
    struct launch_usage usage;
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = 0;
    *strrchr(self, '/') = 0;
    snprintf(init_program, sizeof init_program, "%s/app-lane-init", self);
    snprintf(command, sizeof command,
             "cd %s && mkdir -p pack/usr/bin && cp %s/app-lane-probe pack/usr/bin/probe && ln -s "
             "usr/bin pack/bin && "
             "chmod 700 pack/usr/bin/probe && tar -C pack -czf image.tar .",
             home, self);
    assert_int_equal(system(command), 0);
    assert_int_equal(unpack_with(NULL), ERR_OK);
    assert_int_equal(launcher_open(&launcher, home, init_program, "oci-test"), ERR_OK);
    const char *arguments[] = {"/bin/probe", "exit", "42", NULL};
    struct launch_request request = {
        .root_dir = target, .arguments = arguments, .wall_limit_ms = 30000};
    assert_int_equal(launcher_start(launcher, &request, &handle), ERR_OK);
    assert_int_equal(launcher_wait(launcher, handle.pid, 30000, &usage), ERR_OK);
    assert_string_equal(usage.failure, "");
    assert_int_equal(usage.exit_code, 42);
    launcher_close(launcher);
}

static void bad_headers_say_where(void **state)
{
    (void)state;
    tar_file(&layer, "good", "1");
    tar_file(&layer, "bad", "2");
    layer.bytes[1024 + 3] ^= 0x20;
    assert_int_equal(unpack_root(), ERR_CORRUPT);
    assert_string_equal(why.text, "not a readable tar at byte 1536: a checksum does not match");
    assert_int_equal(oci_image_unpack("/nonexistent", target, NULL, &config, &why), ERR_NOT_FOUND);
    assert_string_equal(why.text, "cannot read image /nonexistent: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpacks_a_plain_root),
        cmocka_unit_test(unpacks_an_oci_archive_with_its_config),
        cmocka_unit_test(a_flipped_byte_in_a_layer_is_found),
        cmocka_unit_test(other_machines_and_types_are_refused),
        cmocka_unit_test(no_path_leads_out),
        cmocka_unit_test(no_link_is_written_through),
        cmocka_unit_test(whiteouts_remove_links_not_their_targets),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_deep_tree_built_with_links_is_bounded),
        cmocka_unit_test(every_cut_of_an_archive_is_an_error_and_leaves_nothing),
        cmocka_unit_test(an_unpacked_root_runs_in_the_sandbox),
        cmocka_unit_test(bad_headers_say_where),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
