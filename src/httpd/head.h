/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * head: whether a request's head is one that nobody else could read otherwise (RFC 9112, RFC 9110).
 *
 * Floor: httpd. Refused is what two parties to a connection may take apart differently: that is how
 * requests are smuggled past a proxy. Knows no library: works on texts, so that it can be fuzzed.
 */
#ifndef HTTPD_HEAD_H
#define HTTPD_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEAD_FIELDS = 64 };

/* A head as it is gone through, field by field. Plain data: read it. */
struct head {
    const char *wrong; /* why it is refused, as words for a person, or NULL */
    const char *next;  /* where the next field has to begin, or NULL: not looked at */
    const char *host;  /* the value of Host, or NULL */
    size_t fields;     /* seen so far */
    bool old;          /* HTTP/1.0 */
    bool chunked;      /* the body comes in chunks */
    bool has_length;   /* Content-Length is there */
    uint64_t length;   /* … and says so many bytes */
    bool expects;      /* the client waits for 100 (Continue) before it sends its body */
};

/* What is wrong with a target as it was sent (RFC 9112, 3.2), or NULL: it is a path, perhaps with a
 * query, of printable ASCII; what its %XX stand for is UTF-8; no NUL; and in the path no control
 * character, no further / or \, no segment . or .. */
const char *head_target_problem(const char *target);

/* Starts with the request line. Where in_place, the head is one piece of memory as it was received,
 * but for ends of lines and colons, which may have been overwritten: then what lies between its
 * parts is looked at, too (folded fields, bare LF, NUL, more than one space), target_length being
 * what the target had before it was decoded in place. One thing leaves no trace: NUL and LF instead
 * of CRLF. */
void head_start(struct head *head, const char *method, const char *target, size_t target_length,
                const char *version, bool in_place);

/* The next field. Nothing more is looked at when something was wrong before. */
void head_field(struct head *head, const char *name, size_t name_length, const char *value,
                size_t value_length);

/* The end; end is the first byte behind the head, or NULL: not looked at. Returns whether the head
 * is good; head->wrong tells why not. */
bool head_end(struct head *head, const char *end);

/* The token of "Bearer TOKEN" (RFC 6750, 2.1), NULL when the credentials are others or malformed.
 */
const char *head_bearer(const char *authorization);

/* The value of a cookie in the value of Cookie (RFC 6265, 4.2); its length is in *length. NULL when
 * it is not there, or there twice. */
const char *head_cookie(const char *cookies, const char *name, size_t *length);

#endif
