/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * networks: a list of networks that open what is closed otherwise.
 *
 * Floor: base.
 */
#ifndef BASE_NETWORKS_H
#define BASE_NETWORKS_H

#include <stddef.h>

#include "base/error.h"
#include "base/network.h"

struct networks {
    struct network *list;
    size_t count;
};

/* Reads a NULL-terminated list of texts, or NULL, as network_read does. Returns 0, and
 * networks_clear frees what is in *networks, or -1 with an error. */
int networks_read(char *const *texts, struct networks *networks, struct error *error);

/* Leaves an empty list. */
void networks_clear(struct networks *networks);

/* The network of special purpose that closes an address, unless one of the list opens it; NULL: it
 * is open. An address that leads to an IPv4 address (network_inner) is open only where that one is,
 * too, or where the list has it by itself: who opens NAT64 opens no private network behind it. */
const struct network_special *networks_closed(const struct networks *networks,
                                              const struct network *address);

#endif
