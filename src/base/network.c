/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * network: IP addresses and networks as text and bytes, and which of them are no address of a
 * stranger on the Internet.
 */
#include "base/network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIR(group) (group) >> 8, (group)&0xff
#define IPV4(a, b, c, d, prefix)                                                                   \
    {                                                                                              \
        {a, b, c, d}, 4, prefix                                                                    \
    }
#define IPV6(a, b, c, d, e, f, g, h, prefix)                                                       \
    {                                                                                              \
        {PAIR(a), PAIR(b), PAIR(c), PAIR(d), PAIR(e), PAIR(f), PAIR(g), PAIR(h)}, 6, prefix        \
    }

/* The first that fits counts, so the narrower stand before the wider. */
/* clang-format off */
static const struct network_special specials[] = {
    /* Where clouds tell any program on a machine what only its owner should know. */
    {IPV4(169, 254, 169, 254, 32), "a metadata address of clouds", true},
    {IPV4(169, 254, 170, 2, 32), "a metadata address of clouds", true},
    {IPV4(169, 254, 170, 23, 32), "a metadata address of clouds", true},
    {IPV4(100, 100, 100, 200, 32), "a metadata address of clouds", true},
    {IPV4(168, 63, 129, 16, 32), "a metadata address of clouds", true},
    {IPV4(192, 0, 0, 192, 32), "a metadata address of clouds", true},
    {IPV6(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254, 128), "a metadata address of clouds", true},
    {IPV6(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23, 128), "a metadata address of clouds", true},
    {IPV6(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254, 128), "a metadata address of clouds", true},
    /* IANA IPv4 Special-Purpose Address Registry. */
    {IPV4(0, 0, 0, 0, 8), "an address of this network (RFC 791)", false},
    {IPV4(10, 0, 0, 0, 8), "a private address (RFC 1918)", false},
    {IPV4(100, 64, 0, 0, 10), "a shared address (RFC 6598)", false},
    {IPV4(127, 0, 0, 0, 8), "a loopback address (RFC 1122)", false},
    {IPV4(169, 254, 0, 0, 16), "a link-local address (RFC 3927)", false},
    {IPV4(172, 16, 0, 0, 12), "a private address (RFC 1918)", false},
    {IPV4(192, 0, 0, 0, 24), "an address of IETF protocols (RFC 6890)", false},
    {IPV4(192, 0, 2, 0, 24), "an address for documentation (RFC 5737)", false},
    {IPV4(192, 88, 99, 0, 24), "a 6to4 relay (RFC 7526)", false},
    {IPV4(192, 168, 0, 0, 16), "a private address (RFC 1918)", false},
    {IPV4(198, 18, 0, 0, 15), "an address for benchmarks (RFC 2544)", false},
    {IPV4(198, 51, 100, 0, 24), "an address for documentation (RFC 5737)", false},
    {IPV4(203, 0, 113, 0, 24), "an address for documentation (RFC 5737)", false},
    {IPV4(224, 0, 0, 0, 4), "a multicast address (RFC 5771)", false},
    {IPV4(255, 255, 255, 255, 32), "the broadcast address (RFC 919)", false},
    {IPV4(240, 0, 0, 0, 4), "a reserved address (RFC 1112)", false},
    /* IANA IPv6 Special-Purpose Address Registry. */
    {IPV6(0, 0, 0, 0, 0, 0, 0, 0, 128), "the unspecified address (RFC 4291)", false},
    {IPV6(0, 0, 0, 0, 0, 0, 0, 1, 128), "a loopback address (RFC 4291)", false},
    {IPV6(0, 0, 0, 0, 0, 0xffff, 0, 0, 96), "an IPv4-mapped address (RFC 4291)", false},
    {IPV6(0, 0, 0, 0, 0, 0, 0, 0, 96), "an IPv4-compatible address (RFC 4291)", false},
    {IPV6(0, 0, 0, 0, 0xffff, 0, 0, 0, 96), "an IPv4-translated address (RFC 2765)", false},
    {IPV6(0x64, 0xff9b, 0, 0, 0, 0, 0, 0, 96), "an address of NAT64 (RFC 6052)", false},
    {IPV6(0x64, 0xff9b, 1, 0, 0, 0, 0, 0, 48), "an address of local NAT64 (RFC 8215)", false},
    {IPV6(0x100, 0, 0, 0, 0, 0, 0, 0, 64), "a discard-only address (RFC 6666)", false},
    {IPV6(0x100, 0, 0, 1, 0, 0, 0, 0, 64), "a dummy address (RFC 9780)", false},
    {IPV6(0x2001, 0, 0, 0, 0, 0, 0, 0, 32), "an address of Teredo (RFC 4380)", false},
    {IPV6(0x2001, 2, 0, 0, 0, 0, 0, 0, 48), "an address for benchmarks (RFC 5180)", false},
    {IPV6(0x2001, 0, 0, 0, 0, 0, 0, 0, 23), "an address of IETF protocols (RFC 2928)", false},
    {IPV6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0, 32), "an address for documentation (RFC 3849)", false},
    {IPV6(0x2002, 0, 0, 0, 0, 0, 0, 0, 16), "an address of 6to4 (RFC 3056)", false},
    {IPV6(0x3fff, 0, 0, 0, 0, 0, 0, 0, 20), "an address for documentation (RFC 9637)", false},
    {IPV6(0x5f00, 0, 0, 0, 0, 0, 0, 0, 16), "an address of segment routing (RFC 9602)", false},
    {IPV6(0xfc00, 0, 0, 0, 0, 0, 0, 0, 7), "a unique local address (RFC 4193)", false},
    {IPV6(0xfe80, 0, 0, 0, 0, 0, 0, 0, 10), "a link-local address (RFC 4291)", false},
    {IPV6(0xfec0, 0, 0, 0, 0, 0, 0, 0, 10), "a site-local address (RFC 3879)", false},
    {IPV6(0xff00, 0, 0, 0, 0, 0, 0, 0, 8), "a multicast address (RFC 4291)", false},
    /* Global unicast addresses are 2000::/3 and nothing else. */
    {IPV6(0, 0, 0, 0, 0, 0, 0, 0, 3), "a reserved address (RFC 4291)", false},
    {IPV6(0x4000, 0, 0, 0, 0, 0, 0, 0, 2), "a reserved address (RFC 4291)", false},
    {IPV6(0x8000, 0, 0, 0, 0, 0, 0, 0, 1), "a reserved address (RFC 4291)", false},
};
/* clang-format on */

static unsigned char family_bits(const struct network *network)
{
    return network->family == 4 ? 32 : 128;
}

/* Whether the first bits of two byte strings are the same. */
static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* The IPv4 address in an IPv4-mapped one; false: it is none. */
static bool unmap(const struct network *address, struct network *inner)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (address->family != 6 || memcmp(address->bytes, mapped, sizeof mapped) != 0)
        return false;
    *inner = (struct network){.family = 4, .prefix = 32};
    memcpy(inner->bytes, address->bytes + sizeof mapped, 4);
    return true;
}

/* Networks through which a translator or a tunnel leads to an IPv4 address, and where it stands. */
static const struct {
    struct network network;
    unsigned char at; /* first of its four bytes */
} carriers[] = {
    {IPV6(0, 0, 0, 0, 0, 0xffff, 0, 0, 96), 12},
    {IPV6(0x64, 0xff9b, 0, 0, 0, 0, 0, 0, 96), 12},
    {IPV6(0x2002, 0, 0, 0, 0, 0, 0, 0, 16), 2},
};

bool network_inner(const struct network *address, struct network *inner)
{
    for (size_t i = 0; address->family == 6 && i < sizeof carriers / sizeof *carriers; i++) {
        if (same_bits(carriers[i].network.bytes, address->bytes, carriers[i].network.prefix)) {
            *inner = (struct network){.family = 4, .prefix = 32};
            memcpy(inner->bytes, address->bytes + carriers[i].at, 4);
            return true;
        }
    }
    return false;
}

static bool read_plain(const char *text, struct network *address)
{
    *address = (struct network){0};
    if (inet_pton(AF_INET, text, address->bytes) == 1)
        address->family = 4;
    else if (inet_pton(AF_INET6, text, address->bytes) == 1)
        address->family = 6;
    else
        return false;
    address->prefix = family_bits(address);
    return true;
}

static bool read_prefix(const char *text, struct network *network)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long bits = strtoul(text, &end, 10);
    if (*end != '\0' || bits > family_bits(network))
        return false;
    network->prefix = (unsigned char)bits;
    return true;
}

/* Clears what stands behind the prefix; false: nothing did. */
static bool clear_rest(struct network *network)
{
    bool any = false;
    for (unsigned bit = network->prefix; bit < family_bits(network); bit++) {
        unsigned char mask = (unsigned char)(0x80 >> bit % 8);
        any = any || (network->bytes[bit / 8] & mask) != 0;
        network->bytes[bit / 8] &= (unsigned char)~mask;
    }
    return any;
}

int network_read(const char *text, struct network *network, struct error *error)
{
    char address[NETWORK_TEXT_SIZE], better[NETWORK_TEXT_SIZE];
    size_t length = strcspn(text, "/");
    if (length < sizeof address) {
        memcpy(address, text, length);
        address[length] = '\0';
    }
    if (length >= sizeof address || !read_plain(address, network) ||
        (text[length] == '/' && !read_prefix(text + length + 1, network))) {
        error_set(error, ERROR_DATA,
                  "\"%.80s\" is no network, such as 10.0.0.0/8 or fd00::/8, and no single address",
                  text);
        return -1;
    }
    if (!clear_rest(network))
        return 0;
    error_set(error, ERROR_DATA, "\"%s\" is no network: with this prefix it is %s", text,
              network_write(network, better));
    return -1;
}

bool network_read_address(const char *text, struct network *address)
{
    char plain[NETWORK_TEXT_SIZE];
    size_t length = strcspn(text, "%");
    if (length >= sizeof plain)
        return false;
    memcpy(plain, text, length);
    plain[length] = '\0';
    return read_plain(plain, address) && (text[length] == '\0' || address->family == 6);
}

bool network_of_socket(const struct sockaddr *socket, socklen_t length, struct network *address)
{
    *address = (struct network){0};
    if (socket->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)socket;
        address->family = 4;
        memcpy(address->bytes, &in->sin_addr, 4);
    } else if (socket->sa_family == AF_INET6 && length >= sizeof(struct sockaddr_in6)) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)socket;
        address->family = 6;
        memcpy(address->bytes, &in6->sin6_addr, 16);
    } else {
        return false;
    }
    address->prefix = family_bits(address);
    return true;
}

const char *network_write(const struct network *network, char out[NETWORK_TEXT_SIZE])
{
    int family = network->family == 4 ? AF_INET : AF_INET6;
    if (inet_ntop(family, network->bytes, out, NETWORK_TEXT_SIZE) == NULL)
        *out = '\0';
    size_t length = strlen(out);
    if (network->prefix < family_bits(network))
        (void)snprintf(out + length, NETWORK_TEXT_SIZE - length, "/%u", network->prefix);
    return out;
}

bool network_holds(const struct network *network, const struct network *address)
{
    struct network inner;
    if (network->family == address->family)
        return same_bits(network->bytes, address->bytes, network->prefix);
    return unmap(address, &inner) && network_holds(network, &inner);
}

const struct network_special *network_special(const struct network *address)
{
    struct network inner;
    const struct network_special *of_inner =
        unmap(address, &inner) ? network_special(&inner) : NULL;
    if (of_inner != NULL)
        return of_inner;
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        if (specials[i].network.family == address->family &&
            network_holds(&specials[i].network, address))
            return &specials[i];
    }
    return NULL;
}
