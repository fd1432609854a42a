/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * receiver: an HTTP server that takes every POST with 200 and keeps connections open, for measuring how
 * fast webhooks are delivered.
 *
 * It listens on a free port of loopback and prints it. Each line on standard input is answered by how
 * many it has taken; at its end it leaves.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, ROOM = 64 * 1024, EVENTS = 64 };

/* Of a connection, by its descriptor: what has come of a request. */
static struct {
    char *bytes;
    size_t length;
} connections[CONNECTIONS];

static unsigned long taken;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* The whole length of the request that the bytes begin with, or 0 when it is not all there. */
static size_t request_length(char *bytes)
{
    const char *end = strstr(bytes, "\r\n\r\n");
    const char *at = bytes;

    while (end != NULL && (at = strchr(at, '\n')) != NULL && at < end) {
        at++;
        if (strncasecmp(at, "content-length:", 15) == 0)
            return (size_t)(end + 4 - bytes) + strtoul(at + 15, NULL, 10);
    }
    return 0;
}

static void serve(int fd)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    size_t *length = &connections[fd].length;
    char *bytes = connections[fd].bytes;
    ssize_t got = read(fd, bytes + *length, ROOM - 1 - *length);
    size_t whole;

    if (got <= 0) {
        close(fd);
        return;
    }
    *length += (size_t)got;
    bytes[*length] = '\0';
    whole = request_length(bytes);
    if (whole == 0 || *length < whole)
        return;
    *length = 0;
    taken++;
    if (write(fd, answer, sizeof answer - 1) != (ssize_t)sizeof answer - 1)
        close(fd);
}

static void accept_one(int listener, int epoll)
{
    int fd = accept(listener, NULL, NULL), on = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd < 0 || fd >= CONNECTIONS)
        die("accept");
    if (connections[fd].bytes == NULL && (connections[fd].bytes = malloc(ROOM)) == NULL)
        die("malloc");
    connections[fd].length = 0;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        die("epoll_ctl");
}

static int listen_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(void)
{
    int listener = listen_on_loopback(), epoll = epoll_create1(0);
    struct epoll_event events[EVENTS];
    struct epoll_event first = {.events = EPOLLIN, .data.fd = listener};
    struct epoll_event words = {.events = EPOLLIN, .data.fd = 0};
    char line[64];

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &first) < 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &words) < 0)
        die("epoll");
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;

            if (fd == listener) {
                accept_one(listener, epoll);
            } else if (fd == 0) {
                if (read(0, line, sizeof line) <= 0)
                    return 0;
                printf("%lu\n", taken);
                fflush(stdout);
            } else {
                serve(fd);
            }
        }
    }
}
