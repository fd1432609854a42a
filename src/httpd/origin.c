/* SPDX-License-Identifier: GPL-2.0-or-later */
/* origin: see origin.h. */
#include "httpd/origin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/xalloc.h"

struct origins {
    char *own_host; /* where we listen, without the port and brackets */
    char *public;   /* the origin of the public URL, or NULL */
    char *public_host;
    char **hosts; /* borrowed, as cors */
    char **cors;
    const char *scheme;
};

/* --- HOST[:PORT] --- */

struct authority {
    const char *host; /* without brackets */
    size_t length;
    bool has_port;
};

static bool read_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 5 && text[digits] == '\0';
}

/* Of a name or IPv4 address, or of an IPv6 address in brackets, whose zone is never meant (RFC
 * 9110, 4.2.3). */
static bool read_authority(const char *text, struct authority *authority)
{
    static const char six[] = "0123456789abcdefABCDEF:.";
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    bool bracket = text[0] == '[';
    const char *rest;

    authority->host = text + bracket;
    authority->length = strspn(authority->host, bracket ? six : name);
    rest = authority->host + authority->length;
    if (authority->length == 0 || authority->length > 255 || (bracket && *rest++ != ']'))
        return false;
    authority->has_port = *rest == ':';
    return *rest == '\0' || (*rest == ':' && read_port(rest + 1));
}

/* Names are compared without their final dot. */
static bool host_is(const struct authority *authority, const char *wanted)
{
    struct in6_addr a, b;
    char text[INET6_ADDRSTRLEN];
    size_t length = authority->length;

    if (length > 1 && authority->host[length - 1] == '.')
        length--;
    if (strlen(wanted) == length && strncasecmp(authority->host, wanted, length) == 0)
        return true;
    if (length >= sizeof text || memchr(authority->host, ':', length) == NULL)
        return false;
    memcpy(text, authority->host, length);
    text[length] = '\0';
    return inet_pton(AF_INET6, text, &a) == 1 && inet_pton(AF_INET6, wanted, &b) == 1 &&
           memcmp(&a, &b, sizeof a) == 0;
}

static char *copy_host(const char *authority_text)
{
    struct authority authority;

    return read_authority(authority_text, &authority) ? xstrndup(authority.host, authority.length)
                                                      : NULL;
}

/* --- rules --- */

/* The part of a URL that is its origin: scheme, host and port; NULL if it is none. */
static char *copy_origin(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    char *origin = scheme == 0 ? NULL : xstrndup(url, scheme + strcspn(url + scheme, "/?#"));
    struct authority authority;

    if (origin != NULL && read_authority(origin + scheme, &authority))
        return origin;
    free(origin);
    return NULL;
}

static int check_lists(const struct origins *origins, struct error *error)
{
    struct authority authority;

    for (size_t i = 0; origins->hosts != NULL && origins->hosts[i] != NULL; i++) {
        if (!read_authority(origins->hosts[i], &authority)) {
            error_set(error, ERROR_DATA, "hosts: \"%s\" is no name such as spool.example.org",
                      origins->hosts[i]);
            return -1;
        }
    }
    for (size_t i = 0; origins->cors != NULL && origins->cors[i] != NULL; i++) {
        char *origin = copy_origin(origins->cors[i]);
        bool good = origin != NULL && strcmp(origin, origins->cors[i]) == 0;

        free(origin);
        if (!good) {
            error_set(error, ERROR_DATA,
                      "cors_origins: \"%s\" is no origin such as https://app.example.org",
                      origins->cors[i]);
            return -1;
        }
    }
    return 0;
}

struct origins *origins_open(const char *url, bool secure, const char *public_url, char **hosts,
                             char **cors, struct error *error)
{
    struct origins *origins = xmalloc(sizeof *origins);

    *origins = (struct origins){.own_host = copy_host(strstr(url, "://") + 3),
                                .hosts = hosts,
                                .cors = cors,
                                .scheme = secure ? "https" : "http"};
    if (public_url != NULL) {
        origins->public = copy_origin(public_url);
        if (origins->public == NULL) {
            error_set(error, ERROR_DATA,
                      "public_url: \"%s\" is no URL such as https://spool.example.org", public_url);
            origins_close(origins);
            return NULL;
        }
        origins->public_host = copy_host(strstr(origins->public, "://") + 3);
    }
    if (check_lists(origins, error) != 0) {
        origins_close(origins);
        return NULL;
    }
    return origins;
}

void origins_close(struct origins *origins)
{
    if (origins == NULL)
        return;
    free(origins->own_host);
    free(origins->public);
    free(origins->public_host);
    free(origins);
}

/* A name of the configuration with a port means that port alone. */
static bool is_listed(const struct origins *origins, const char *host,
                      const struct authority *authority)
{
    for (size_t i = 0; origins->hosts != NULL && origins->hosts[i] != NULL; i++) {
        struct authority listed;
        char *name;
        bool same;

        if (!read_authority(origins->hosts[i], &listed))
            continue;
        if (listed.has_port) {
            same = strcasecmp(host, origins->hosts[i]) == 0;
        } else {
            name = xstrndup(listed.host, listed.length);
            same = host_is(authority, name);
            free(name);
        }
        if (same)
            return true;
    }
    return false;
}

bool origins_own_host(const struct origins *origins, const char *host, const char *local)
{
    struct authority authority;

    if (!read_authority(host, &authority))
        return false;
    return host_is(&authority, "localhost") ||
           (origins->own_host != NULL && host_is(&authority, origins->own_host)) ||
           (local != NULL && host_is(&authority, local)) ||
           (origins->public_host != NULL && host_is(&authority, origins->public_host)) ||
           is_listed(origins, host, &authority);
}

bool origins_own(const struct origins *origins, const char *origin, const char *host)
{
    size_t scheme = strlen(origins->scheme);

    if (origins->public != NULL && strcasecmp(origin, origins->public) == 0)
        return true;
    return host != NULL && strncmp(origin, origins->scheme, scheme) == 0 &&
           strncmp(origin + scheme, "://", 3) == 0 && strcasecmp(origin + scheme + 3, host) == 0;
}

bool origins_cors(const struct origins *origins, const char *origin)
{
    for (size_t i = 0; origins->cors != NULL && origins->cors[i] != NULL; i++)
        if (strcasecmp(origins->cors[i], origin) == 0)
            return true;
    return false;
}

/* --- requests --- */

static bool is(const char *value, const char *word)
{
    return value != NULL && strcmp(value, word) == 0;
}

const char *origins_problem(const struct origins *origins, const struct origin_claim *claim)
{
    bool own = claim->origin != NULL && origins_own(origins, claim->origin, claim->host);
    bool friend = claim->origin != NULL && !claim->cookie && origins_cors(origins, claim->origin);
    bool told = claim->changes || claim->cookie;

    if (own || friend)
        return NULL;
    if (claim->origin != NULL && told)
        return "pages of another origin may not do this; cors_origins of the configuration lists "
               "those that may";
    if (claim->bearer || claim->site == NULL)
        return claim->cookie && claim->changes
                   ? "a change that a session's cookie allows needs the Origin of this server"
                   : NULL;
    if (is(claim->site, "same-origin"))
        return NULL;
    /* What a person types or follows is shown to him, and tells nobody else. */
    if (!claim->changes && (is(claim->site, "none") || is(claim->mode, "navigate")))
        return NULL;
    return "pages of another site may not ask this server";
}
