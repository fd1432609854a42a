/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * traffic: what llmspool-httpd counts of its own requests, for /metrics.
 *
 * Floor: httpd. Counted by the route's pattern, never by a path, so there are as many rows as
 * routes.
 */
#ifndef HTTPD_TRAFFIC_H
#define HTTPD_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct connections;
struct request;
struct traffic;

struct traffic *traffic_open(void);
void traffic_close(struct traffic *traffic);

/* A stream began; its end is told by traffic_ended. */
void traffic_streams(struct traffic *traffic);

/* A request ended. Its time counts unless it was a stream, whose length
 * says nothing. */
void traffic_ended(struct traffic *traffic, const struct request *request);

/* Appends the families llmspool_http_*, also of connections. */
void traffic_write(struct buffer *out, const struct traffic *traffic,
                   const struct connections *connections);

#endif
