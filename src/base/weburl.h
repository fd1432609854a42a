/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * weburl: the URL of a web server, read so strictly that no two programs can understand it
 * differently.
 *
 * Floor: base. Meant for URLs of strangers: whoever sends to one has a parser of his own, and what
 * that makes of odd forms must not matter.
 */
#ifndef BASE_WEBURL_H
#define BASE_WEBURL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/network.h"

enum { WEBURL_HOST_SIZE = 256 };

struct weburl {
    bool tls;
    char host[WEBURL_HOST_SIZE]; /* in lower case, without brackets and without a dot at the end */
    unsigned port;
    bool is_address;        /* the host is an IP address … */
    struct network address; /* … which is this */
};

/* Reads http:// or https://, a host, perhaps a port, and any path (RFC 3986). Refused are user and
 * password, a host with percent signs, beyond ASCII or with empty parts, IPv4 in any form but four
 * decimal numbers, zones of IPv6, and spaces, backslashes and control characters anywhere. Returns
 * 0, or -1 with an error of kind ERROR_DATA: what is wrong, as the end of a sentence, without the
 * URL, which may hold a password. */
int weburl_read(const char *text, struct weburl *url, struct error *error);

/* Whether the host is a name by which a machine calls itself: localhost, a name below it (RFC
 * 6761), and those of usual hosts files. */
bool weburl_is_local(const struct weburl *url);

#endif
