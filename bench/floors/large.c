/* The floor for one large file: a loop that receives as much as a MiB and writes what came.
 *
 *     floor-large URL DIR
 *
 * URL is of the form http://ADDRESS:PORT/PATH. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: floor-large URL DIR\n");
        return 2;
    }
    char *url = arguments[1], *path = strchr(url + 7, '/');
    char host[64] = {0};
    strncat(host, url + 7, path - url - 7);
    struct sockaddr_in address = {.sin_family = AF_INET};
    char *colon = strchr(host, ':');
    address.sin_port = htons(atoi(colon + 1));
    *colon = 0;
    if (!inet_aton(host, &address.sin_addr)) return 2;
    *colon = ':';

    int connection = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address)) fail("connect");
    char request[2048];
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host);
    if (send(connection, request, length, 0) != length) fail("send");

    char *buffer = malloc(BUFFER + 1);
    size_t held = 0;
    char *end;
    do {
        ssize_t got = recv(connection, buffer + held, BUFFER - held, 0);
        if (got <= 0) fail("recv");
        held += got;
        end = memmem(buffer, held, "\r\n\r\n", 4);
    } while (!end);
    *end = 0;
    char *said = strcasestr(buffer, "\r\nContent-Length:");
    if (strncmp(buffer, "HTTP/1.1 200", 12) || !said) return 2;
    size_t left = strtoull(said + 17, NULL, 10);

    mkdir(arguments[2], 0755);
    int directory = open(arguments[2], O_DIRECTORY | O_PATH);
    const char *name = strrchr(path, '/') + 1;
    int file = openat(directory, ".part", O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0) fail(arguments[2]);
    char *from = end + 4;
    ssize_t got = held - (from - buffer);
    for (;;) {
        if (write(file, from, got) != got) fail("write");
        left -= got;
        if (!left) break;
        got = recv(connection, buffer, BUFFER, 0);
        if (got <= 0) fail("recv");
        from = buffer;
    }
    close(file);
    return renameat(directory, ".part", directory, name) ? 1 : 0;
}
