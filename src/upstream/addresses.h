/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addresses: where requests to strangers' URLs may go: anywhere but to addresses of loopback, of
 * private networks and of special purpose, unless a network is allowed. A public address that this
 * machine has itself is a public one: who connects to it comes to what all the world may come to,
 * unless a firewall says otherwise.
 *
 * Floor: upstream. transfers opened with addresses judge each connection when it is made, after the
 * name was resolved, and each request on a kept one: what a name led to before does not matter.
 */
#ifndef UPSTREAM_ADDRESSES_H
#define UPSTREAM_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"
#include "job/webhook.h"

struct addresses;

/* allow: networks ("10.0.0.0/8", "fd00::/8") and single addresses that may be reached though they
 * are forbidden otherwise, NULL-terminated, or NULL. place: the configuration in which a person
 * would allow more, for messages (config_place). Returns NULL with an error that repeats what is no
 * network. */
struct addresses *addresses_open(char *const *allow, const char *place, struct error *error);

/* Replaces what is allowed. Returns 0, or -1 with an error and nothing changed. */
int addresses_set(struct addresses *addresses, char *const *allow, const char *place,
                  struct error *error);

/* NULL is allowed. */
void addresses_close(struct addresses *addresses);

enum { ADDRESSES_WORDS_SIZE = WEBHOOK_WORDS_SIZE };

/* Whether a connection to a socket address is forbidden; words (ADDRESSES_WORDS_SIZE bytes) then
 * receive the address, what it is and what would allow it. All that is neither IPv4 nor IPv6 is
 * forbidden. */
bool addresses_forbid(const struct addresses *addresses, const struct sockaddr *address,
                      socklen_t length, char *words);

/* The same of an address as text, such as "::1". What is no address is forbidden. */
bool addresses_forbid_text(const struct addresses *addresses, const char *text, char *words);

#endif
