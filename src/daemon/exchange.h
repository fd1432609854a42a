/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exchange: a provider's request as an HTTP request to an upstream, and what came back as the
 * reply that a provider reads.
 *
 * Floor: daemon. Knows no jobs that wait and no gates: flight and probe send by it.
 */
#ifndef DAEMON_EXCHANGE_H
#define DAEMON_EXCHANGE_H

#include "daemon/upstreams.h"
#include "provider/provider.h"
#include "upstream/transfer.h"

/* The code of a request that met the time-out before the first byte of an answer. */
#define EXCHANGE_FIRST_BYTE "timeout_first_byte"

/* Starts a request to an upstream whose route is set: its URL, headers, key, proxy and certificates
 * come from the configuration. key is sent in the protocol's header, or the one that the
 * configuration names; NULL: none is sent. limits holds time-outs, the answer's limit and who
 * listens; the rest of it is filled in here. Otherwise as transfer_start. */
struct transfer *exchange_start(struct transfers *transfers, const struct upstream *upstream,
                                const struct provider *protocol, const char *key,
                                struct provider_request *request,
                                const struct transfer_request *limits, transfer_done *done,
                                void *context, struct error *error);

/* Overwrites the key wherever a server repeats it: it must not get into a file or log. A key that
 * is shorter than any real one could be a word of the answer, and stays. */
void exchange_conceal(const char *key, const struct buffer *body);

/* What came back, for a provider to read; borrowed from result. *headers is the caller's to free.
 */
struct provider_reply exchange_reply(const struct transfer_result *result,
                                     struct provider_header **headers);

/* What a request without a whole answer means. */
struct verdict exchange_verdict(const struct transfer_result *result);

#endif
