/* SPDX-License-Identifier: GPL-2.0-or-later */
/* listen: reading the address, and opening the socket. */
#include "base/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

bool listen_is_loopback(const struct sockaddr *address)
{
    union address copy;

    if (address->sa_family == AF_INET) {
        memcpy(&copy.v4, address, sizeof copy.v4);
        return ntohl(copy.v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (address->sa_family == AF_INET6) {
        memcpy(&copy.v6, address, sizeof copy.v6);
        return IN6_IS_ADDR_LOOPBACK(&copy.v6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&copy.v6.sin6_addr) && copy.v6.sin6_addr.s6_addr[12] == 127);
    }
    return false;
}

static int read_port(const char *text, in_port_t *port)
{
    char *end = NULL;
    long number = strtol(text, &end, 10);

    if (end == text || *end != '\0' || number < 0 || number > 65535) {
        return -1;
    }
    *port = htons((uint16_t)number);
    return 0;
}

/* Reads HOST:PORT. Returns the address's size, or 0 when it is none. */
static socklen_t read_address(const char *text, union address *address)
{
    const char *colon = strrchr(text, ':');
    char host[64];
    size_t length = colon == NULL ? 0 : (size_t)(colon - text);
    in_port_t port;

    if (length == 0 || length >= sizeof host || read_port(colon + 1, &port) != 0) {
        return 0;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    memset(address, 0, sizeof *address);
    if (host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = '\0';
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = port;
        return inet_pton(AF_INET6, host + 1, &address->v6.sin6_addr) == 1 ? sizeof address->v6 : 0;
    }
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = port;
    return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                     &address->v4.sin_addr) == 1
               ? sizeof address->v4
               : 0;
}

static int write_url(int fd, char url[LISTEN_URL_SIZE])
{
    union address address;
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN];

    if (getsockname(fd, &address.any, &size) != 0) {
        return -1;
    }
    if (address.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof host);
        (void)snprintf(url, LISTEN_URL_SIZE, "http://[%s]:%u", host, ntohs(address.v6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof host);
        (void)snprintf(url, LISTEN_URL_SIZE, "http://%s:%u", host, ntohs(address.v4.sin_port));
    }
    return 0;
}

/* Answers leave at once: connections inherit TCP_NODELAY. SO_REUSEADDR lets a server that is started
 * anew take the port of its predecessor. */
static int prepare(int fd, const union address *address, socklen_t size)
{
    const int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        bind(fd, &address->any, size) != 0 || listen(fd, BACKLOG) != 0) {
        return -1;
    }
    return 0;
}

int listen_open(const char *text, bool remote, char url[LISTEN_URL_SIZE], struct error *error)
{
    union address address;
    socklen_t size = read_address(text, &address);
    int fd;

    if (size == 0) {
        error_set(error, ERROR_USAGE, "\"%s\" is not an address such as 127.0.0.1:8080 or [::1]:0",
                  text);
        return -1;
    }
    if (!remote && !listen_is_loopback(&address.any)) {
        error_set(error, ERROR_USAGE,
                  "%s can be reached from other machines; say --allow-remote if that is meant",
                  text);
        return -1;
    }
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_system(error, errno, "cannot make a socket for %s", text);
        return -1;
    }
    if (prepare(fd, &address, size) != 0 || write_url(fd, url) != 0) {
        error_system(error, errno, "cannot listen on %s", text);
        (void)close(fd);
        return -1;
    }
    return fd;
}

bool listen_is_local(int fd)
{
    union address address;
    socklen_t size = sizeof address;

    return getsockname(fd, &address.any, &size) == 0 && listen_is_loopback(&address.any);
}

int listen_adopt(int fd, bool remote, char url[LISTEN_URL_SIZE], struct error *error)
{
    int listening = 0;
    socklen_t size = sizeof listening;
    int family = AF_UNSPEC;
    socklen_t family_size = sizeof family;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0 ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_size) != 0 ||
        (family != AF_INET && family != AF_INET6)) {
        error_set(error, ERROR_USAGE, "the socket that was passed is no listening TCP socket");
        return -1;
    }
    if (!remote && !listen_is_local(fd)) {
        error_set(error, ERROR_USAGE,
                  "the socket that was passed can be reached from other machines; say "
                  "--allow-remote if that is meant");
        return -1;
    }
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || write_url(fd, url) != 0) {
        error_system(error, errno, "cannot use the socket that was passed");
        return -1;
    }
    return 0;
}
