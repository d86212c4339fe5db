#include "test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/http_server.h"

enum { ECHO_BYTES = 3 << 20 };

struct world {
    uv_loop_t loop;
    struct http_server *server;
    uint16_t port;
    uint64_t last, received, sent;
    int connected, closed;
    bool close_at_once;
};

static void on_connected(void *context, uint64_t connection)
{
    struct world *w = context;
    assert_true(connection > w->last); /* never reused */
    w->last = connection;
    w->connected++;
}

static void on_bytes(void *context, uint64_t connection, struct slice data)
{
    struct world *w = context;
    w->received += data.size;
    buf_ref(data.buf);
    http_server_send(w->server, connection, data);
    if (w->close_at_once)
        http_server_finish(w->server, connection, true);
    http_server_flush(w->server);
}

static void on_sent(void *context, uint64_t connection, size_t bytes)
{
    (void)connection;
    ((struct world *)context)->sent += bytes;
}

static void on_closed(void *context, uint64_t connection)
{
    (void)connection;
    ((struct world *)context)->closed++;
}

static void setup(struct world *w)
{
    struct http_server_events events = {w, on_connected, on_bytes, on_sent, on_closed};
    memset(w, 0, sizeof *w);
    uv_loop_init(&w->loop);
    err status = ERR_BUSY;
    for (w->port = 21000; status != ERR_OK && w->port < 21100; w->port++)
        status = http_server_open(&w->server, &w->loop, "127.0.0.1", (uint16_t)(w->port + 1), &events);
    assert_int_equal(status, ERR_OK);
}

static void teardown(struct world *w)
{
    http_server_close(w->server);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static int dial(const struct world *w)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(w->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(s, (struct sockaddr *)&address, sizeof address), 0);
    return s;
}

static void *writer(void *argument)
{
    int s = *(int *)argument;
    uint8_t piece[4096];
    for (size_t at = 0; at < ECHO_BYTES; at += sizeof piece) {
        for (size_t i = 0; i < sizeof piece; i++)
            piece[i] = (uint8_t)((at + i) * 31 >> 3);
        for (size_t done = 0; done < sizeof piece;) {
            ssize_t n = write(s, piece + done, sizeof piece - done);
            if (n <= 0)
                return NULL;
            done += (size_t)n;
        }
    }
    return NULL;
}

static void a_long_stream_comes_back_in_order(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    int s = dial(&w);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, writer, &s), 0);
    size_t got = 0, wrong = 0;
    uint8_t *in = malloc(ECHO_BYTES);
    while (got < ECHO_BYTES) {
        uv_run(&w.loop, UV_RUN_NOWAIT);
        ssize_t n = recv(s, in + got, ECHO_BYTES - got, MSG_DONTWAIT);
        if (n > 0)
            got += (size_t)n;
    }
    for (size_t i = 0; i < ECHO_BYTES; i++)
        wrong += in[i] != (uint8_t)(i * 31 >> 3);
    assert_int_equal(wrong, 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 100 && w.sent < ECHO_BYTES; i++)
        uv_run(&w.loop, UV_RUN_NOWAIT);
    assert_int_equal(w.sent, ECHO_BYTES);
    close(s);
    while (w.closed == 0)
        uv_run(&w.loop, UV_RUN_ONCE);
    free(in);
    teardown(&w);
}

static void finishing_writes_everything_first(void **state)
{
    (void)state;
    struct world w;
    char in[16] = "";
    setup(&w);
    w.close_at_once = true;
    int s = dial(&w);
    assert_int_equal(write(s, "goodbye", 7), 7);
    while (w.closed == 0)
        uv_run(&w.loop, UV_RUN_ONCE);
    assert_int_equal(recv(s, in, sizeof in, MSG_WAITALL), 7);
    assert_string_equal(in, "goodbye");
    close(s);
    teardown(&w);
}

static void a_taken_port_is_reported(void **state)
{
    (void)state;
    struct world w;
    struct http_server *second = NULL;
    setup(&w);
    struct http_server_events events = {&w, on_connected, on_bytes, on_sent, on_closed};
    assert_int_equal(http_server_open(&second, &w.loop, "127.0.0.1", w.port, &events), ERR_BUSY);
    teardown(&w);
}

static void bytes_for_a_gone_connection_are_dropped(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    struct buf *b = buf_new_malloc(10);
    memset(b->data, 1, 10);
    http_server_send(w.server, 12345, slice_of(b, 0, 10)); /* the leak checker tells if it is kept */
    http_server_finish(w.server, 12345, true);
    http_server_pause(w.server, 12345, true);
    http_server_flush(w.server);
    teardown(&w);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_stream_comes_back_in_order),
        cmocka_unit_test(finishing_writes_everything_first),
        cmocka_unit_test(a_taken_port_is_reported),
        cmocka_unit_test(bytes_for_a_gone_connection_are_dropped),
    };
    return cmocka_run_group_tests_name("host/http_server", tests, NULL, NULL);
}
