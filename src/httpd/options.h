/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options: what llmspool-httpd is told, by llmspool-httpd.conf and by its command line.
 *
 * Floor: httpd. Plain data: optionfile fills it, then the command line; nothing changes while it
 * serves.
 */
#ifndef HTTPD_OPTIONS_H
#define HTTPD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* What one caller, or all of them, may take. */
struct front_limits {
    int64_t connections; /* in all */
    int64_t per_address; /* connections of one address (of IPv6: a /64); 0: any */
    int64_t body;        /* bytes of a body, where a route allows more */
    int64_t bodies;      /* … of all of them that are held at once; at least one may always be */
    int64_t waiting;     /* jobs in the spool above which no more are taken; 0: any */
    int64_t rate;        /* requests a second of one token or address; 0: any */
    int64_t burst;       /* requests at once, before the rate counts */
    int64_t head_ms;     /* a head is whole in this time, a TLS handshake included */
    int64_t body_ms;     /* … and a body in this, from its head on */
    int64_t answer_ms;   /* an answer that is no stream is read in this time */
    int64_t idle_ms; /* between the requests of a connection, and without a byte in either way */
    bool limit_loopback; /* per_address, and rate of an address, hold for loopback ones, too */
};

struct front_options {
    char *spool;           /* as given, or NULL: see spool_find */
    char *listen;          /* HOST:PORT */
    bool allow_remote;     /* another address than a loopback one */
    bool insecure;         /* … without TLS, behind a proxy that has it */
    char *public_url;      /* what clients call it, or NULL */
    char **hosts;          /* further names in Host, NULL-terminated, or NULL: none */
    char *tokens;          /* file, or NULL: the default one where it exists */
    char *tls_certificate; /* PEM file of a chain, or NULL: no TLS */
    char *tls_key;         /* PEM file */
    char **cors_origins;   /* NULL-terminated, or NULL: none */
    enum log_level level;
    struct front_limits limits;
};

/* The defaults. */
void options_init(struct front_options *options);

/* Puts a copy of text in the place of an option. */
void options_set(char **option, const char *text);

/* Frees what it holds. */
void options_free(struct front_options *options);

#endif
