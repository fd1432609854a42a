/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * network: IP addresses and networks as text and bytes, and which of them are no address of a
 * stranger on the Internet.
 *
 * Floor: base.
 */
#ifndef BASE_NETWORK_H
#define BASE_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"

/* An address, or the first one of a network. */
struct network {
    unsigned char bytes[16]; /* of IPv4 the first four */
    unsigned char family;    /* 4 or 6 */
    unsigned char prefix;    /* bits; 32 or 128: a single address */
};

enum { NETWORK_TEXT_SIZE = 52 };

/* Reads "10.0.0.0/8", "fd00::/8" or a single address; IPv4 as four decimal numbers only, no zone.
 * Returns 0, or -1 with an error of kind ERROR_DATA that repeats the text. */
int network_read(const char *text, struct network *network, struct error *error);

/* Reads an address: as network_read without a prefix, but a zone ("fe80::1%eth0") is passed over.
 * false: it is none. */
bool network_read_address(const char *text, struct network *address);

/* The address of a socket; false: it is neither IPv4 nor IPv6. */
bool network_of_socket(const struct sockaddr *socket, socklen_t length, struct network *address);

/* Writes it as network_read takes it. Returns out. */
const char *network_write(const struct network *network, char out[NETWORK_TEXT_SIZE]);

/* Whether a network holds an address. An IPv4-mapped IPv6 address is held by the IPv4 networks that
 * hold what it maps, too. */
bool network_holds(const struct network *network, const struct network *address);

/* The IPv4 address to which an IPv6 address leads that is IPv4-mapped, of NAT64 (64:ff9b::/96) or of
 * 6to4. false: it is none of these. */
bool network_inner(const struct network *address, struct network *inner);

/* A network of special purpose. */
struct network_special {
    struct network network;
    const char *what; /* "a loopback address" */
    bool single;      /* opened by its own address only, not by a network around it */
};

/* The network of special purpose that holds an address, or NULL for one that the Internet can route
 * to. By the IANA registries of special-purpose addresses (RFC 6890 and its updates), multicast
 * (RFC 5771, RFC 4291), what is not allocated (RFC 1112, RFC 4291), and addresses at which clouds
 * tell their guests secrets. */
const struct network_special *network_special(const struct network *address);

#endif
