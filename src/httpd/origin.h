/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * origin: which names we are called by, and which web pages may ask us (DNS rebinding, CSRF, CORS).
 *
 * Floor: httpd. A page of a stranger can make a browser send requests to us: to our loopback
 * address under the stranger's own name, once it resolves to it, or with the browser's cookie. What
 * gives it away is what no page can change: Host, Origin and Sec-Fetch-Site.
 */
#ifndef HTTPD_ORIGIN_H
#define HTTPD_ORIGIN_H

#include <stdbool.h>

#include "base/error.h"

struct origins;

/* The rules: url is where we listen, http://HOST:PORT; public_url may be NULL, hosts and cors are
 * NULL-terminated or NULL. NULL with an error when one of them is no URL, name or origin. */
struct origins *origins_open(const char *url, bool secure, const char *public_url, char **hosts,
                             char **cors, struct error *error);

/* NULL is allowed. */
void origins_close(struct origins *origins);

/* Whether the value of Host is one of our names; local is the address that the connection came to,
 * as text, which is one, too. */
bool origins_own_host(const struct origins *origins, const char *host, const char *local);

/* Whether an Origin is ours: that of the Host that was asked, or of the public URL. */
bool origins_own(const struct origins *origins, const char *origin, const char *host);

/* Whether an Origin may use us from another site. */
bool origins_cors(const struct origins *origins, const char *origin);

/* What a request tells of the page that makes it; values of header fields, or NULL. */
struct origin_claim {
    const char *host, *origin, *site /* Sec-Fetch-Site */, *mode /* Sec-Fetch-Mode */;
    bool changes; /* its method is not safe (RFC 9110, 9.2.1) */
    bool cookie;  /* it is allowed by a cookie, which browsers add by themselves */
    bool bearer;  /* … or by a token that the page has to know */
};

/* Why a request is refused, as words for a person, or NULL. */
const char *origins_problem(const struct origins *origins, const struct origin_claim *claim);

#endif
