/* The floor for many small files: an epoll loop over keep-alive connections that asks for each name
 * of a list, takes what it gets to be the file, writes it under a name of its own and renames it.
 * It checks no more than that the status is 200 and that all bytes are there: no names are made
 * safe, nothing is retried, recorded or made durable. Whoever does those things as well can hardly
 * take less.
 *
 *     floor-small LIST DIR CONNECTIONS [splice]
 *
 * With `splice`, what of a body does not come with its head goes to the file through a pipe, and is
 * copied once less.
 *
 * All URLs of LIST are of the form http://ADDRESS:PORT/PATH and name one server. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 16 << 10, BUFFER = 128 << 10, PIPE = 1 << 20 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

struct lane {
    int socket;
    int file;
    const char *name;   /* what is being fetched */
    size_t left;        /* bytes of the body still to come */
    size_t held;        /* bytes of a head that is not whole yet */
    char head[HEAD];
};

static char *next_url, *host;
static int parts, directory;
/* The pipe's two ends; none where bytes go through the buffer. */
static int tube[2] = {-1, -1};
static char buffer[BUFFER];

/* The next line of the list, its end made a zero; none at the end. */
static char *take(void) {
    char *line = next_url;
    if (!line || !*line) return NULL;
    char *end = strchr(line, '\n');
    if (end) *end = 0;
    next_url = end ? end + 1 : NULL;
    return line;
}

static int ask(struct lane *lane) {
    char *url = take();
    if (!url) return 0;
    char *path = strchr(url + 7, '/');
    lane->name = strrchr(url, '/') + 1;
    lane->held = 0;
    char request[2048];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
    if (send(lane->socket, request, length, 0) != length) fail("send");
    return 1;
}

static void part_name(struct lane *lane, char name[16]) { snprintf(name, 16, "%d", lane->socket); }

static void store(struct lane *lane, const char *bytes, size_t count) {
    if (write(lane->file, bytes, count) != (ssize_t)count) fail("write");
    lane->left -= count;
}

static void finish(struct lane *lane) {
    char name[16];
    part_name(lane, name);
    close(lane->file);
    lane->file = -1;
    if (renameat(parts, name, directory, lane->name)) fail(lane->name);
}

/* What came, after the head: whether the file is whole. */
static int begin(struct lane *lane) {
    char *end = memmem(lane->head, lane->held, "\r\n\r\n", 4);
    if (!end) {
        if (lane->held == HEAD) exit(2);
        return 0;
    }
    *end = 0;
    char *length = strcasestr(lane->head, "\r\nContent-Length:");
    if (strncmp(lane->head, "HTTP/1.1 200", 12) || !length) {
        fprintf(stderr, "%s: %.40s\n", lane->name, lane->head);
        exit(2);
    }
    lane->left = strtoull(length + 17, NULL, 10);
    char name[16];
    part_name(lane, name);
    lane->file = openat(parts, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (lane->file < 0) fail(name);
    size_t body = lane->held - (end + 4 - lane->head);
    if (body) store(lane, end + 4, body);
    return lane->left == 0;
}

/* Moves what there is of a body to its file through the pipe; whether there was something. */
static int move(struct lane *lane) {
    ssize_t got = splice(lane->socket, NULL, tube[1], NULL, lane->left, SPLICE_F_NONBLOCK);
    if (got < 0 && errno == EAGAIN) return 0;
    if (got <= 0) fail("splice");
    for (ssize_t left = got; left;) {
        ssize_t put = splice(tube[0], NULL, lane->file, NULL, left, 0);
        if (put <= 0) fail("splice");
        left -= put;
    }
    lane->left -= got;
    return 1;
}

/* Reads until the lane has to wait; whether it has nothing left to ask for. */
static int serve(struct lane *lane) {
    for (;;) {
        if (lane->file >= 0 && tube[0] >= 0) {
            if (!move(lane)) return 0;
            if (lane->left) continue;
            finish(lane);
            return !ask(lane);
        }
        char *place = lane->file < 0 ? lane->head + lane->held : buffer;
        size_t room = lane->file < 0 ? HEAD - lane->held : BUFFER;
        ssize_t got = recv(lane->socket, place, room, 0);
        if (got < 0 && errno == EAGAIN) return 0;
        if (got <= 0) fail("recv");
        int whole;
        if (lane->file < 0) {
            lane->held += got;
            whole = begin(lane);
        } else {
            store(lane, buffer, got);
            whole = lane->left == 0;
        }
        if (whole) {
            finish(lane);
            return !ask(lane);
        }
        if ((size_t)got < room) return 0;
    }
}

static char *slurp(const char *path) {
    int file = open(path, O_RDONLY);
    struct stat about;
    if (file < 0 || fstat(file, &about)) fail(path);
    char *text = malloc(about.st_size + 1);
    for (off_t at = 0; at < about.st_size;) {
        ssize_t got = read(file, text + at, about.st_size - at);
        if (got <= 0) fail(path);
        at += got;
    }
    text[about.st_size] = 0;
    close(file);
    return text;
}

int main(int count, char **arguments) {
    if (count != 4 && count != 5) {
        fprintf(stderr, "usage: floor-small LIST DIR CONNECTIONS [splice]\n");
        return 2;
    }
    if (count == 5) {
        if (pipe(tube)) fail("pipe");
        fcntl(tube[1], F_SETPIPE_SZ, PIPE);
    }
    next_url = slurp(arguments[1]);
    /* ADDRESS:PORT of the first line is everyone's. */
    host = strndup(next_url + 7, strcspn(next_url + 7, "/"));
    struct sockaddr_in address = {.sin_family = AF_INET};
    char *colon = strchr(host, ':');
    address.sin_port = htons(atoi(colon + 1));
    *colon = 0;
    if (!inet_aton(host, &address.sin_addr)) return 2;
    *colon = ':';

    mkdir(arguments[2], 0755);
    directory = open(arguments[2], O_DIRECTORY | O_PATH);
    if (directory < 0 || mkdirat(directory, ".parts", 0755)) fail(arguments[2]);
    parts = openat(directory, ".parts", O_DIRECTORY | O_PATH);

    int lanes = atoi(arguments[3]), busy = 0, poll = epoll_create1(0), one = 1;
    struct lane *all = calloc(lanes, sizeof *all);
    for (int i = 0; i < lanes; i++) {
        struct lane *lane = all + i;
        lane->file = -1;
        lane->socket = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(lane->socket, (struct sockaddr *)&address, sizeof address)) fail("connect");
        setsockopt(lane->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(lane->socket, F_SETFL, O_NONBLOCK);
        struct epoll_event interest = {.events = EPOLLIN, .data.ptr = lane};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, lane->socket, &interest)) fail("epoll_ctl");
        if (!ask(lane)) break;
        busy++;
    }
    while (busy) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, -1);
        for (int i = 0; i < ready; i++) busy -= serve(events[i].data.ptr);
    }
    return unlinkat(directory, ".parts", AT_REMOVEDIR) ? 1 : 0;
}
