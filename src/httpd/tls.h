/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tls: the certificate and key that handshakes use, and reading them again while connections go on.
 *
 * Floor: httpd. By GnuTLS, which libmicrohttpd does TLS with. A connection keeps what its handshake
 * was given.
 */
#ifndef HTTPD_TLS_H
#define HTTPD_TLS_H

#include <gnutls/abstract.h>

#include "base/clock.h"
#include "base/error.h"

/* TLS 1.2 and 1.3, as GnuTLS finds them sound. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct tls;

/* Reads a chain and its key, PEM files. NULL with an error. */
struct tls *tls_open(const char *certificate, const char *key, const struct clock *clock,
                     struct error *error);

/* Reads both again, for handshakes from now on. Returns 0, or -1 with an error; then the former
 * stay. */
int tls_reload(struct tls *tls, struct error *error);

/* What a handshake is given (gnutls_certificate_retrieve_function2); owned by tls. */
void tls_retrieve(const struct tls *tls, gnutls_pcert_st **chain, unsigned *length,
                  gnutls_privkey_t *key);

/* After the last connection; NULL is allowed. */
void tls_close(struct tls *tls);

#endif
