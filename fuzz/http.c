/*
 * The whole region with a fake host. First byte: even = raw bytes to the socket; odd = "METHOD TARGET\nheader lines\n\nbody",
 * which is signed here, so that the operations behind the signature are reached. Second byte: how input is cut.
 */
#include "../tests/region/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct fake fake;
static struct client client;

static bool target_ok(struct span target)
{
    static uint8_t memory[8192];
    static struct query query;
    struct span rest = target, path;
    size_t n;
    if (target.size == 0 || target.size > 2000 || target.data[0] != '/')
        return false;
    span_cut(&rest, '?', &path);
    return uri_decode(path, false, memory, &n) == ERR_OK && query_parse(rest, memory + n, &query) == ERR_OK;
}

static void feed(const uint8_t *p, size_t size, size_t step)
{
    static uint64_t connection = 1;
    fake_connect(&fake, connection += FAKE_CONNECTIONS);
    while (size && !fake.connections[connection % FAKE_CONNECTIONS].closed) {
        size_t n = MIN(size, step);
        fake_bytes(&fake, connection, p, n);
        p += n;
        size -= n;
        fake.time.now.mono += 10 * NS_PER_MS;
        region_tick(fake.region, &fake.time);
        ASSERT(region_check(fake.region));
    }
    region_closed(fake.region, &fake.time, connection);
    ASSERT(region_check(fake.region));
}

static void signed_request(struct span s, size_t step)
{
    static const char *const hashes[] = {"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
                                         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};
    struct span rest = s, target, method;
    char method_text[16], target_text[2048], extra[2048] = "";
    size_t lines = 0, used = 0;
    if (s.size < 2)
        return;
    const char *hash = hashes[rest.data[0] % 4];
    rest = span_from(rest, 1);
    span_cut(&rest, '\n', &target);
    span_cut(&target, ' ', &method);
    if (!target_ok(target) || method.size == 0 || !text_copy(method_text, sizeof method_text, method) ||
        !text_copy(target_text, sizeof target_text, target))
        return;
    struct span line;
    while (lines++ < 20 && span_cut(&rest, '\n', &line) && line.size) {
        if (used + line.size + 3 >= sizeof extra || memchr(line.data, 0, line.size))
            return;
        memcpy(extra + used, line.data, line.size);
        memcpy(extra + used + line.size, "\r\n", 3);
        used += line.size + 2;
    }
    client_sign(&client, method_text, target_text, extra, hash);
    struct text t = text_new(NULL, 1 << 20);
    text_add(&t, client.request);
    if (rest.size)
        text_printf(&t, "content-length: %zu\r\n", rest.size);
    text_add(&t, "\r\n");
    text_add_span(&t, rest);
    if (text_ok(&t))
        feed((const uint8_t *)t.data, t.size, step);
    text_free(&t);
}

static void store_something(void)
{
    struct fake_object o = {.used = true, .bucket = "bucket", .key = "a/key"};
    text_copy(fake.buckets[fake.bucket_count++], 64, SPAN_LITERAL("bucket"));
    fake_append(&o.blob, SPAN_LITERAL("0123456789"));
    o.info.size = 10;
    text_copy(o.info.etag, sizeof o.info.etag, SPAN_LITERAL("781e5e245d69b566979b86e28d23f2c7"));
    fake_insert(&fake, &o);
    fake.uploads[0].used = true;
    fake.uploads[0].id.bytes[0] = 1;
    text_copy(fake.uploads[0].object.bucket, 64, SPAN_LITERAL("bucket"));
    text_copy(fake.uploads[0].object.key, 64, SPAN_LITERAL("m"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    client_open(&client, &fake);
    store_something();
    fake.put_credit = 7;
    fake.piece_size = 3;
    size_t step = data[1] ? data[1] : 4096;
    if (data[0] % 2)
        signed_request(span_of(data + 2, size - 2), step);
    else
        feed(data + 2, size - 2, step);
    client_close(&client);
    return 0;
}
