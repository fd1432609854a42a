/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addresses: where requests to strangers' URLs may go: anywhere but to addresses of loopback, of
 * private networks and of special purpose, unless a network is allowed. A public address that this
 * machine has itself is a public one: who connects to it comes to what all the world may come to,
 * unless a firewall says otherwise.
 */
#include "upstream/addresses.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/network.h"
#include "base/xalloc.h"

struct addresses {
    struct webhook_rules rules;
};

struct addresses *addresses_open(char *const *allow, const char *place, struct error *error)
{
    struct webhook_rules rules;
    if (webhook_rules_make(&rules, allow, NULL, place, error) == -1)
        return NULL;
    struct addresses *addresses = xmalloc(sizeof *addresses);
    *addresses = (struct addresses){.rules = rules};
    return addresses;
}

int addresses_set(struct addresses *addresses, char *const *allow, const char *place,
                  struct error *error)
{
    struct webhook_rules rules;
    if (webhook_rules_make(&rules, allow, NULL, place, error) == -1)
        return -1;
    webhook_rules_clear(&addresses->rules);
    addresses->rules = rules;
    return 0;
}

void addresses_close(struct addresses *addresses)
{
    if (addresses == NULL)
        return;
    webhook_rules_clear(&addresses->rules);
    free(addresses);
}

static bool forbid_other(const char *what, char *words)
{
    (void)snprintf(words, ADDRESSES_WORDS_SIZE, "%s is no address of IPv4 or IPv6", what);
    return true;
}

bool addresses_forbid(const struct addresses *addresses, const struct sockaddr *socket,
                      socklen_t length, char *words)
{
    struct network address;
    if (!network_of_socket(socket, length, &address))
        return forbid_other("what the name leads to", words);
    return webhook_forbids(&addresses->rules, &address, words);
}

bool addresses_forbid_text(const struct addresses *addresses, const char *text, char *words)
{
    struct network address;
    if (!network_read_address(text, &address))
        return forbid_other("what the connection leads to", words);
    return webhook_forbids(&addresses->rules, &address, words);
}
