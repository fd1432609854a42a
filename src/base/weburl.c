/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * weburl: the URL of a web server, read so strictly that no two programs can understand it
 * differently.
 */
#include "base/weburl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PORT_MOST = 65535, LABEL_MOST = 63 };

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyz"

static int refuse(struct error *error, const char *problem)
{
    error_set(error, ERROR_DATA, "%s", problem);
    return -1;
}

static int check_bytes(const char *text, struct error *error)
{
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        if (byte <= 0x20 || byte == 0x7f || byte == '\\')
            return refuse(error, "it holds a space, a backslash or a control character");
        if (byte > 0x7f)
            return refuse(error, "it holds characters beyond ASCII: a host is written in its xn--"
                                 " form, all else with percent signs");
    }
    return 0;
}

/* Takes the host out of text, which has this many bytes and no port any more. */
static void take_host(const char *text, size_t length, struct weburl *url)
{
    for (size_t i = 0; i < length; i++)
        url->host[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + ('a' - 'A') : text[i]);
    url->host[length] = '\0';
}

static int read_port(const char *text, size_t length, struct weburl *url, struct error *error)
{
    char *end = NULL;
    unsigned long port = strspn(text, DIGITS) >= length ? strtoul(text, &end, 10) : 0;
    if (end != text + length || length > 5 || port == 0 || port > PORT_MOST)
        return refuse(error, "its port is no number from 1 to 65535");
    url->port = (unsigned)port;
    return 0;
}

/* The end of "[…]", or NULL with an error. */
static const char *read_bracketed(const char *text, size_t length, struct weburl *url,
                                  struct error *error)
{
    const char *end = memchr(text, ']', length);
    if (end == NULL || (size_t)(end - text) > sizeof url->host) {
        (void)refuse(error, "the bracket of its host is never closed");
        return NULL;
    }
    take_host(text + 1, (size_t)(end - text) - 1, url);
    url->is_address = strchr(url->host, '%') == NULL && strchr(url->host, ':') != NULL &&
                      network_read_address(url->host, &url->address);
    if (url->is_address)
        return end + 1;
    (void)refuse(error, "what its brackets hold is no IPv6 address without a zone");
    return NULL;
}

/* Whether a label is one that makes parsers take the host for an IPv4 address. */
static bool is_number(const char *label)
{
    return label[strspn(label, DIGITS)] == '\0' ||
           (strncmp(label, "0x", 2) == 0 && label[2 + strspn(label + 2, DIGITS "abcdef")] == '\0');
}

static int check_labels(const char *host, struct error *error)
{
    const char *label = host;
    for (;;) {
        size_t length = strcspn(label, ".");
        if (length == 0)
            return refuse(error, "its host has an empty part");
        if (length > LABEL_MOST)
            return refuse(error, "a part of its host is longer than 63 characters");
        if (label[length] == '\0')
            return 0;
        label += length + 1;
    }
}

static int read_name(struct weburl *url, struct error *error)
{
    size_t length = strlen(url->host);
    if (strchr(url->host, '%') != NULL)
        return refuse(error, "its host holds a percent sign");
    if (url->host[strspn(url->host, LETTERS DIGITS "-._")] != '\0')
        return refuse(error, "its host holds a character that no name of a host has");
    if (length > 1 && url->host[length - 1] == '.')
        url->host[length - 1] = '\0';
    if (check_labels(url->host, error) == -1)
        return -1;
    const char *last = strrchr(url->host, '.');
    if (!is_number(last != NULL ? last + 1 : url->host))
        return 0;
    url->is_address = network_read_address(url->host, &url->address);
    return url->is_address ? 0
                           : refuse(error, "its host is a number that programs read differently:"
                                           " write an IPv4 address as four decimal numbers");
}

static int read_plain(const char *text, size_t length, struct weburl *url, struct error *error)
{
    const char *colon = memchr(text, ':', length);
    size_t host = colon != NULL ? (size_t)(colon - text) : length;
    if (host == 0)
        return refuse(error, "it has no host");
    if (host >= sizeof url->host)
        return refuse(error, "its host is longer than 255 characters");
    take_host(text, host, url);
    if (read_name(url, error) == -1)
        return -1;
    return colon == NULL ? 0 : read_port(colon + 1, length - host - 1, url, error);
}

static int read_authority(const char *text, size_t length, struct weburl *url, struct error *error)
{
    if (memchr(text, '@', length) != NULL)
        return refuse(error, "it holds a user or password");
    if (length == 0 || *text != '[')
        return read_plain(text, length, url, error);
    const char *end = read_bracketed(text, length, url, error);
    if (end == NULL)
        return -1;
    if (end == text + length)
        return 0;
    if (*end != ':')
        return refuse(error, "something follows the brackets of its host");
    return read_port(end + 1, length - (size_t)(end + 1 - text), url, error);
}

int weburl_read(const char *text, struct weburl *url, struct error *error)
{
    bool tls = strncasecmp(text, "https://", 8) == 0;
    if (!tls && strncasecmp(text, "http://", 7) != 0)
        return refuse(error, "it begins neither with https:// nor with http://");
    if (check_bytes(text, error) == -1)
        return -1;
    const char *authority = text + (tls ? 8 : 7);
    *url = (struct weburl){.tls = tls, .port = tls ? 443 : 80};
    return read_authority(authority, strcspn(authority, "/?#"), url, error);
}

/* Whether text ends with a name, as itself or as a name below. */
static bool is_below(const char *text, const char *name)
{
    size_t length = strlen(text), tail = strlen(name);
    return length >= tail && strcmp(text + length - tail, name) == 0 &&
           (length == tail || text[length - tail - 1] == '.');
}

bool weburl_is_local(const struct weburl *url)
{
    static const char *const names[] = {
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost6",
        "ip6-localhost",
        "ip6-loopback",
        "localhost4.localdomain4",
        "localhost6.localdomain6",
    };
    for (size_t i = 0; !url->is_address && i < sizeof names / sizeof *names; i++) {
        if (is_below(url->host, names[i]))
            return true;
    }
    return false;
}
