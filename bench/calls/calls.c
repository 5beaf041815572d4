/* Many clients of a daemon over WebSockets, which call methods at a fixed rate, whether or not
 * answers have come: a daemon that falls behind cannot slow them down.
 *
 *     calls PORT CLIENTS RATE SECONDS < METHODS
 *
 * RATE is that of all clients together, in calls a second. METHODS has a call a line, a name and
 * its JSON, separated by a tab; clients send them in turn. Prints a line of JSON: how many calls
 * were sent and answered, how many notifications came, and for each name the microseconds from
 * when a call was due until its answer began.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* PENDING is how many calls of a client may wait for their answers, a power of 2. */
enum { METHODS = 16, LINE = 4096, PENDING = 1024, READ = 1 << 18, PREFIX = 24 };

struct method {
    char *name;
    unsigned char *frame;
    size_t length;
    uint32_t *times;
    size_t count, room;
};

struct client {
    int socket;
    /* Calls that were sent, oldest first: when each was due, and its method. */
    uint64_t due[PENDING];
    unsigned char method[PENDING];
    unsigned sent, answered;
    /* The frame that is being read: its head, the first bytes of its text, and what is left. */
    unsigned char head[10], prefix[PREFIX];
    int head_length, prefix_length;
    uint64_t left;
};

static struct method methods[METHODS];
static int method_count;
static uint64_t answers, notifications;

static void fail(const char *what) {
    fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void read_methods(void) {
    static char line[LINE];
    while (method_count < METHODS && fgets(line, sizeof line, stdin)) {
        char *text = strchr(line, '\t');
        if (!text) continue;
        *text++ = 0;
        size_t length = strcspn(text, "\n");
        struct method *method = &methods[method_count++];
        method->name = strdup(line);
        /* A text frame (RFC 6455 section 5.2), masked with zeros. */
        unsigned char *frame = method->frame = malloc(length + 14);
        size_t at = 0;
        frame[at++] = 0x81;
        if (length < 126) {
            frame[at++] = 0x80 | length;
        } else {
            frame[at++] = 0x80 | 126;
            frame[at++] = length >> 8;
            frame[at++] = length & 255;
        }
        memset(frame + at, 0, 4);
        memcpy(frame + at + 4, text, length);
        method->length = at + 4 + length;
    }
    if (!method_count) {
        fprintf(stderr, "calls: no methods\n");
        exit(1);
    }
}

static void open_client(struct client *client, int port) {
    static const char request[] =
        "GET /jsonrpc HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (client->socket < 0) fail("socket");
    if (connect(client->socket, (struct sockaddr *)&address, sizeof address)) fail("connect");
    int one = 1;
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (send(client->socket, request, sizeof request - 1, 0) < 0) fail("send");
    /* Byte by byte: notifications may follow. */
    char byte;
    int ends = 0, first = 1;
    char status[13] = "";
    for (int at = 0; ends < 2;) {
        if (recv(client->socket, &byte, 1, 0) != 1) fail("no answer to a WebSocket");
        if (at < 12) status[at++] = byte;
        if (byte == '\n') ends = first ? (first = 0, 1) : ends + 1;
        else if (byte != '\r') ends = 0;
    }
    if (strncmp(status + 9, "101", 3)) {
        fprintf(stderr, "calls: a WebSocket was refused: %s\n", status);
        exit(1);
    }
}

/* A frame has been read. */
static void end_frame(struct client *client, uint64_t time) {
    client->head_length = client->prefix_length = 0;
    if ((client->head[0] & 15) != 1) return;
    static const char notification[] = "{\"jsonrpc\":\"2.0\",\"method";
    if (!strncmp((char *)client->prefix, notification, PREFIX)) {
        notifications++;
        return;
    }
    if (client->answered == client->sent) {
        fprintf(stderr, "calls: an answer without a call: %.*s\n", PREFIX, client->prefix);
        exit(1);
    }
    unsigned at = client->answered++ % PENDING;
    struct method *method = &methods[client->method[at]];
    if (method->count == method->room) {
        method->room = method->room ? method->room * 2 : 1024;
        method->times = realloc(method->times, method->room * sizeof *method->times);
        if (!method->times) fail("memory");
    }
    method->times[method->count++] = time > client->due[at] ? time - client->due[at] : 0;
    answers++;
}

static size_t head_size(const struct client *client) {
    if (client->head_length < 2) return 2;
    int length = client->head[1] & 127;
    return length == 127 ? 10 : length == 126 ? 4 : 2;
}

static void take(struct client *client, const unsigned char *bytes, size_t count, uint64_t time) {
    while (count) {
        if ((size_t)client->head_length < head_size(client)) {
            client->head[client->head_length++] = *bytes++;
            count--;
            if ((size_t)client->head_length < head_size(client)) continue;
            client->left = client->head[1] & 127;
            if (head_size(client) > 2) {
                client->left = 0;
                for (size_t at = 2; at < head_size(client); at++)
                    client->left = client->left << 8 | client->head[at];
            }
            memset(client->prefix, 0, PREFIX);
        } else {
            size_t some = count < client->left ? count : client->left;
            size_t kept = PREFIX - client->prefix_length;
            kept = kept < some ? kept : some;
            memcpy(client->prefix + client->prefix_length, bytes, kept);
            client->prefix_length += kept;
            client->left -= some;
            bytes += some;
            count -= some;
        }
        if (!client->left) end_frame(client, time);
    }
}

static void receive(struct client *client) {
    static unsigned char bytes[READ];
    for (;;) {
        ssize_t count = recv(client->socket, bytes, sizeof bytes, 0);
        if (count < 0 && errno == EAGAIN) return;
        if (count <= 0) fail("the daemon has closed");
        take(client, bytes, count, now());
        if ((size_t)count < sizeof bytes) return;
    }
}

/* Shows the daemon the secret with a first call, which is not counted: it keeps few connections of
 * clients that have not. */
static void introduce(struct client *client) {
    struct method *method = &methods[0];
    static unsigned char bytes[READ];
    if (send(client->socket, method->frame, method->length, 0) != (ssize_t)method->length)
        fail("send");
    client->sent++;
    while (client->answered < client->sent) {
        ssize_t count = recv(client->socket, bytes, sizeof bytes, 0);
        if (count <= 0) fail("the first call has no answer");
        take(client, bytes, count, 0);
    }
    method->count = answers = notifications = 0;
    fcntl(client->socket, F_SETFL, O_NONBLOCK);
}

static int by_value(const void *one, const void *other) {
    uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)other;
    return (a > b) - (a < b);
}

int main(int count, char **words) {
    if (count != 5) {
        fprintf(stderr, "usage: calls PORT CLIENTS RATE SECONDS < METHODS\n");
        return 2;
    }
    int port = atoi(words[1]), client_count = atoi(words[2]);
    double rate = atof(words[3]), seconds = atof(words[4]);
    read_methods();
    struct client *clients = calloc(client_count, sizeof *clients);
    int epoll = epoll_create1(0);
    if (!clients || epoll < 0) fail("start");
    for (int at = 0; at < client_count; at++) {
        open_client(&clients[at], port);
        introduce(&clients[at]);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[at]};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, clients[at].socket, &event)) fail("epoll");
    }
    uint64_t begin = now(), end = begin + seconds * 1e6, total = rate * seconds, sent = 0, held = 0;
    /* After the last call, answers may still come for five seconds. */
    while (answers < sent || sent < total) {
        uint64_t time = now();
        if (time > end + 5000000) break;
        uint64_t due = (time - begin) * (rate / 1e6);
        for (due = due < total ? due : total; sent < due; sent++) {
            struct client *client = &clients[sent % client_count];
            if (client->sent - client->answered == PENDING) {
                held++;
                continue;
            }
            unsigned at = client->sent % PENDING;
            /* Each client sends all methods, in turn. */
            client->method[at] = (client->sent + sent % client_count) % method_count;
            client->due[at] = begin + sent * (1e6 / rate);
            struct method *method = &methods[client->method[at]];
            if (send(client->socket, method->frame, method->length, 0) != (ssize_t)method->length)
                fail("send");
            client->sent++;
        }
        struct epoll_event events[256];
        int ready = epoll_wait(epoll, events, 256, 1);
        for (int at = 0; at < ready; at++) receive(events[at].data.ptr);
    }
    printf("{\"sent\": %lu, \"held\": %lu, \"answered\": %lu, \"notifications\": %lu, \"seconds\": %.3f, \"methods\": {",
           sent, held, answers, notifications, (now() - begin) / 1e6);
    for (int at = 0; at < method_count; at++) {
        struct method *method = &methods[at];
        qsort(method->times, method->count, sizeof *method->times, by_value);
        size_t last = method->count ? method->count - 1 : 0;
        uint32_t zero = 0, *times = method->count ? method->times : &zero;
        printf("%s\"%s\": {\"count\": %zu, \"p50\": %u, \"p99\": %u, \"max\": %u}", at ? ", " : "",
               method->name, method->count, times[last / 2], times[(size_t)(last * 0.99)], times[last]);
    }
    puts("}}");
    return 0;
}
