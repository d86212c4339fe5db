/*
 * lane-probe - tries from the inside what a sandbox must forbid or bound; used by tests and by
 * operators.
 *
 * Usage:  lane-probe MODE [ARGUMENT]. Says on stdout what it found; exit 0 means "the sandbox held"
 * (or the mode did its work), 1 means "got through", 2 means wrong usage.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= 1e9)) {
        fprintf(stderr, "lane-probe: '%s' is not a number in 0..1e9\n", text);
        exit(2);
    }
    return value;
}

static int held(const char *what, int got_through)
{
    printf("%s: %s (%s)\n", what, got_through ? "GOT THROUGH" : "held",
           got_through ? "no error" : strerror(errno));
    return got_through ? 1 : 0;
}

static int probe_socket(const char *argument)
{
    (void)argument;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return held("socket", 0);
    return held("connect", connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
}

static int probe_interfaces(const char *argument)
{
    (void)argument;
    /* With seccomp a socket is refused; the table in /proc would show the interfaces of our
     * namespace. */
    char line[256];
    FILE *table = fopen("/proc/self/net/dev", "r");
    int others = 0;
    while (table && fgets(line, sizeof line, table))
        others += strchr(line, ':') && !strstr(line, "lo:");
    return held("foreign interfaces", others > 0);
}

static int write_file(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    if (fd < 0)
        return 0;
    ssize_t put = write(fd, "x", 1);
    close(fd);
    return put == 1;
}

static int probe_write(const char *path)
{
    return held(path, write_file(path));
}

static int probe_writable(const char *path)
{
    printf("%s: %s\n", path, write_file(path) ? "written" : strerror(errno));
    return access(path, F_OK) == 0 ? 0 : 1;
}

static int probe_see(const char *path)
{
    return held(path, access(path, F_OK) == 0);
}

static int probe_list(const char *path)
{
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        printf("%s\n", entry->d_name);
    return directory ? 0 : 1;
}

static int probe_rights(const char *argument)
{
    (void)argument;
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "Cap", 3) || !strncmp(line, "NoNewPrivs", 10) ||
            !strncmp(line, "Seccomp:", 8) || !strncmp(line, "Uid", 3) ||
            !strncmp(line, "Groups", 6))
            fputs(line, stdout);
    printf("pid %d\n", (int)getpid());
    return status ? 0 : 1;
}

static int probe_mount(const char *argument)
{
    (void)argument;
    return held("mount", mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
}

static int probe_namespace(const char *argument)
{
    (void)argument;
    static char stack[65536];
    pid_t pid = clone((int (*)(void *))(void (*)(void))getpid, stack + sizeof stack,
                      CLONE_NEWUSER | SIGCHLD, NULL);
    return held("clone into a user namespace", pid > 0);
}

static int probe_hog(const char *argument)
{
    size_t megabytes = (size_t)number(argument), step = 1 << 20;
    for (size_t i = 0; i < megabytes; i++) {
        char *block = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED) {
            printf("refused at %zu MiB: %s\n", i, strerror(errno));
            return 3;
        }
        memset(block, (int)i | 1, step);
    }
    printf("got %zu MiB\n", megabytes);
    return 0;
}

static int probe_forks(const char *argument)
{
    int wanted = (int)number(argument), made = 0;
    for (; made < wanted; made++) {
        pid_t pid = fork();
        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (pid < 0)
            break;
    }
    printf("forks %d\n", made);
    return 0; /* the children stay behind: the sandbox must end them */
}

static int probe_burn(const char *argument)
{
    double seconds = number(argument);
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) * 1e-9 <
           seconds);
    return 0;
}

static int probe_sleep(const char *argument)
{
    sleep((unsigned)number(argument));
    return 0;
}

static int probe_deaf(const char *argument)
{
    signal(SIGTERM, SIG_IGN);
    for (int left = (int)number(argument); left > 0;)
        left = (int)sleep((unsigned)left);
    return 0;
}

static int probe_exit(const char *argument)
{
    return (int)number(argument);
}

static int probe_abort(const char *argument)
{
    (void)argument;
    abort();
}

static int probe_output(const char *argument)
{
    for (long left = (long)number(argument); left > 0; left--)
        putchar("abcdefghij"[left % 10]);
    return 0;
}

static int probe_show(const char *name)
{
    char directory[256];
    printf("%s=%s\n", name, getenv(name) ? getenv(name) : "");
    printf("cwd=%s\n", getcwd(directory, sizeof directory) ? directory : "?");
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const char *argument);
} modes[] = {{"socket", probe_socket},
             {"interfaces", probe_interfaces},
             {"write", probe_write},
             {"writable", probe_writable},
             {"see", probe_see},
             {"list", probe_list},
             {"rights", probe_rights},
             {"mount", probe_mount},
             {"namespace", probe_namespace},
             {"hog", probe_hog},
             {"forks", probe_forks},
             {"burn", probe_burn},
             {"sleep", probe_sleep},
             {"deaf", probe_deaf},
             {"exit", probe_exit},
             {"abort", probe_abort},
             {"output", probe_output},
             {"show", probe_show}};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    for (size_t i = 0; argc >= 2 && i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(argv[1], modes[i].name) == 0) {
            int code = modes[i].run(argc > 2 ? argv[2] : "0");
            fflush(stdout);
            return code;
        }
    fprintf(stderr, "usage: lane-probe MODE [ARGUMENT]\n");
    return 2;
}
