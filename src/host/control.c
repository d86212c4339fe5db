#include "host/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { CALL_TIMEOUT_S = 30 };

err control_path(const char *state_directory, char out[CONTROL_PATH_MAX], int *fd)
{
    *fd = open(state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return ERR_NOT_FOUND;
    snprintf(out, CONTROL_PATH_MAX, "/proc/self/fd/%d/control.sock", *fd);
    return ERR_OK;
}

static err dial(const char *state_directory, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int directory;
    char path[CONTROL_PATH_MAX];
    TRY(control_path(state_directory, path, &directory));
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = s >= 0 && connect(s, (const struct sockaddr *)&address, sizeof address) == 0;
    close(directory);
    if (!good) {
        if (s >= 0)
            close(s);
        return ERR_NOT_FOUND;
    }
    struct timeval limit = {.tv_sec = CALL_TIMEOUT_S};
    (void)setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    *out = s;
    return ERR_OK;
}

static err write_line(int s, const char *request)
{
    size_t size = strlen(request);
    for (size_t at = 0; at <= size;) {
        ssize_t n = at < size ? send(s, request + at, size - at, MSG_NOSIGNAL) : send(s, "\n", 1, MSG_NOSIGNAL);
        if (n <= 0)
            return errno == EAGAIN ? ERR_TIMEOUT : ERR_IO;
        at += (size_t)n;
    }
    return ERR_OK;
}

static err read_line(int s, char **answer)
{
    char *line = malloc(CONTROL_LINE_MAX + 1);
    ASSERT(line);
    size_t at = 0;
    err status = ERR_TOO_LARGE;
    while (at < CONTROL_LINE_MAX) {
        ssize_t n = recv(s, line + at, CONTROL_LINE_MAX - at, 0);
        if (n <= 0) {
            status = n < 0 && errno == EAGAIN ? ERR_TIMEOUT : ERR_IO;
            break;
        }
        char *end = memchr(line + at, '\n', (size_t)n);
        at += (size_t)n;
        if (end) {
            *end = 0;
            *answer = line;
            return ERR_OK;
        }
    }
    free(line);
    return status;
}

err control_call(const char *state_directory, const char *request, char **answer)
{
    int s;
    TRY(dial(state_directory, &s));
    err status = write_line(s, request);
    if (status == ERR_OK)
        status = read_line(s, answer);
    close(s);
    return status;
}
