/* SPDX-License-Identifier: GPL-2.0-or-later */
/* peer: see peer.h. */
#include "httpd/peer.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/listen.h"

/* The address as one of IPv6; unspecified for any other family. */
static struct in6_addr whole_address(const struct sockaddr *address)
{
    struct in6_addr whole = IN6ADDR_ANY_INIT;
    struct sockaddr_in6 six;
    struct sockaddr_in four;

    if (address->sa_family == AF_INET6) {
        memcpy(&six, address, sizeof six);
        whole = six.sin6_addr;
    } else if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        whole.s6_addr[10] = whole.s6_addr[11] = 0xff;
        memcpy(&whole.s6_addr[12], &four.sin_addr, 4);
    }
    return whole;
}

void peer_read(struct peer *peer, const struct sockaddr *address)
{
    struct in6_addr whole = whole_address(address);

    memset(peer, 0, sizeof *peer);
    memcpy(peer->key, &whole, IN6_IS_ADDR_V4MAPPED(&whole) ? 16 : 8);
    peer->loopback = listen_is_loopback(address);
}

void peer_text(const struct sockaddr *address, char out[PEER_TEXT_SIZE])
{
    struct in6_addr whole = whole_address(address);
    const char *text;

    if (IN6_IS_ADDR_V4MAPPED(&whole))
        text = inet_ntop(AF_INET, &whole.s6_addr[12], out, PEER_TEXT_SIZE);
    else
        text = inet_ntop(AF_INET6, &whole, out, PEER_TEXT_SIZE);
    if (text == NULL)
        out[0] = '\0';
}
