/* A link between two network namespaces: packets leave one tun device and arrive at the other after
 * a delay, no faster than a rate, some of them lost, with a bounded queue before the bottleneck.
 *
 *     link NEAR FAR DELAY_US BYTES_PER_S LOSS QUEUE_BYTES SEED
 *
 * NEAR and FAR are names of namespaces (`ip netns add`); each gets a device `wan0`, to be
 * configured by the caller once "ready" has been printed. DELAY_US is that of one direction. LOSS
 * is a share of the packets, 0 to 1. SIGUSR1 prints the counters of both directions, a line of
 * JSON; SIGTERM ends.
 *
 * TCP is not touched: what its sender does about the delay and the losses is what is measured.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 1500, SLOTS = 1 << 15 };

/* Nanoseconds between two looks while packets are on their way: a wake-up for each packet would
 * take most of a processor. It is 1% of the shortest round trip that is measured. */
static const int64_t TICK = 200000;

struct packet {
    int64_t due;
    uint16_t length;
    unsigned char bytes[MTU];
};

struct direction {
    const char *name;
    int from, to;
    /* A ring in the order of arrival, which is that of departure as well. */
    struct packet *packets;
    unsigned head, count;
    /* When the bottleneck has sent all that is queued. */
    int64_t free_at;
    uint64_t random;
    uint64_t passed, bytes, lost, dropped;
};

static int64_t delay, queue;
static double rate, loss;
static volatile sig_atomic_t ending, asked;

static void on_signal(int signal) {
    if (signal == SIGUSR1)
        asked = 1;
    else
        ending = 1;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

/* xorshift64: the same losses for the same seed and the same packets. */
static double chance(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (double)(*state >> 11) / (double)(1ULL << 53);
}

static int open_tun(const char *namespace) {
    char path[256];
    snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
    int entry = open(path, O_RDONLY | O_CLOEXEC);
    if (entry < 0 || setns(entry, CLONE_NEWNET) != 0)
        fail(path);
    close(entry);
    int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tun < 0)
        fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strcpy(request.ifr_name, "wan0");
    if (ioctl(tun, TUNSETIFF, &request) != 0)
        fail("TUNSETIFF");
    return tun;
}

/* Takes what has come, and says when each packet arrives, or lets it go. */
static void take(struct direction *way) {
    while (way->count < SLOTS) {
        struct packet *packet = &way->packets[(way->head + way->count) % SLOTS];
        ssize_t length = read(way->from, packet->bytes, MTU);
        if (length <= 0)
            return;
        int64_t at = now();
        if (way->free_at < at)
            way->free_at = at;
        double queued = (double)(way->free_at - at) * rate / 1e9;
        if (queued + (double)length > (double)queue) {
            way->dropped++;
            continue;
        }
        way->free_at += (int64_t)((double)length * 1e9 / rate);
        way->passed++;
        way->bytes += (uint64_t)length;
        if (chance(&way->random) < loss) {
            way->lost++;
            continue;
        }
        packet->due = way->free_at + delay;
        packet->length = (uint16_t)length;
        way->count++;
    }
}

/* Hands over what has arrived by now. */
static void deliver(struct direction *way) {
    int64_t at = now();
    while (way->count > 0 && way->packets[way->head].due <= at) {
        struct packet *packet = &way->packets[way->head];
        /* A receiver that cannot take it has lost it, as a full network card would. */
        if (write(way->to, packet->bytes, packet->length) < 0)
            way->lost++;
        way->head = (way->head + 1) % SLOTS;
        way->count--;
    }
}

static void print_counters(const struct direction *ways) {
    printf("{");
    for (int i = 0; i < 2; i++)
        printf("%s\"%s\": {\"packets\": %lu, \"bytes\": %lu, \"lost\": %lu, \"dropped\": %lu}", i ? ", " : "",
               ways[i].name, ways[i].passed, ways[i].bytes, ways[i].lost, ways[i].dropped);
    printf("}\n");
    fflush(stdout);
}

int main(int count, char **arguments) {
    if (count != 8) {
        fprintf(stderr, "usage: link NEAR FAR DELAY_US BYTES_PER_S LOSS QUEUE_BYTES SEED\n");
        return 2;
    }
    delay = atoll(arguments[3]) * 1000;
    rate = atof(arguments[4]);
    loss = atof(arguments[5]);
    queue = atoll(arguments[6]);
    uint64_t seed = strtoull(arguments[7], NULL, 10) * 2 + 1;
    prctl(PR_SET_TIMERSLACK, 1);
    /* It ends with whoever started it. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);

    int near = open_tun(arguments[1]), far = open_tun(arguments[2]);
    struct direction ways[2] = {
        {.name = "up", .from = near, .to = far, .random = seed * 0x9e3779b97f4a7c15ULL},
        {.name = "down", .from = far, .to = near, .random = seed * 0xbf58476d1ce4e5b9ULL},
    };
    for (int i = 0; i < 2; i++) {
        ways[i].packets = calloc(SLOTS, sizeof *ways[i].packets);
        if (!ways[i].packets)
            fail("calloc");
    }
    /* Signals come only while it waits, so that none is missed. */
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked, open_mask;
    sigemptyset(&blocked);
    int signals[] = {SIGUSR1, SIGTERM, SIGINT};
    for (int i = 0; i < 3; i++) {
        sigaction(signals[i], &action, NULL);
        sigaddset(&blocked, signals[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &open_mask);
    printf("ready\n");
    fflush(stdout);

    while (!ending) {
        int64_t next = INT64_MAX;
        for (int i = 0; i < 2; i++)
            if (ways[i].count > 0 && ways[i].packets[ways[i].head].due < next)
                next = ways[i].packets[ways[i].head].due;
        int is_idle = next == INT64_MAX;
        int64_t wait = is_idle ? 1000000000LL : TICK;
        struct timespec timeout = {.tv_sec = wait / 1000000000LL, .tv_nsec = wait % 1000000000LL};
        struct pollfd polled[2] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
        if (ppoll(polled, is_idle ? 2 : 0, &timeout, &open_mask) < 0 && errno != EINTR)
            fail("ppoll");
        if (asked) {
            asked = 0;
            print_counters(ways);
        }
        for (int i = 0; i < 2; i++) {
            deliver(&ways[i]);
            take(&ways[i]);
            deliver(&ways[i]);
        }
    }
    return 0;
}
