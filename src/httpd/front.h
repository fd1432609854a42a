/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * front: what the parts of llmspool-httpd share.
 *
 * Floor: httpd (above client, below bin). One struct, made by front_open and handed to every part.
 * One thread, one libuv loop; whatever may block for long runs in libuv's pool. No provider keys
 * are known here, and the daemon is spoken to through the spool alone.
 */
#ifndef HTTPD_FRONT_H
#define HTTPD_FRONT_H

#include <stdbool.h>
#include <uv.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "httpd/options.h"
#include "spool/spool.h"

struct glance;
struct connections;
struct jobs;
struct origins;
struct reload;
struct server;
struct sessions;
struct streams;
struct tail;
struct tempo;
struct tls;
struct tokens;
struct traffic;

struct front {
    uv_loop_t *loop;
    const struct front_options *options; /* borrowed */
    const struct clock *clock;
    struct log log;
    struct spool *spool;
    struct glance *glance;
    struct tail *tail; /* the end of the log of events */
    struct streams *streams;
    struct tokens *tokens;
    struct sessions *sessions;
    struct origins *origins;
    struct tempo *tempo; /* or NULL: as often as anybody likes */
    struct tls *tls;     /* or NULL: plain HTTP */
    struct connections *connections;
    struct jobs *jobs;
    struct server *server;
    struct traffic *traffic; /* what it counts */
    struct reload *reload;
    uv_timer_t drain; /* runs while draining */
    struct mono drain_ends;
    size_t bodies; /* bytes of bodies that are held */
    bool secure;   /* clients reach us by HTTPS, here or at a proxy */
    bool draining; /* nothing new is accepted */
};

/* Opens the spool and starts to serve on the loop. The options must outlive it. NULL with an error.
 */
struct front *front_open(uv_loop_t *loop, const struct front_options *options, struct error *error);

/* Its base URL, such as http://127.0.0.1:40001; the front's. */
const char *front_url(const struct front *front);

/* Reads tokens and certificates again. */
void front_reload(struct front *front);

/* Accepts no more connections, ends streams, lets other requests come to their ends for at most 10
 * s, and then stops the loop. */
void front_drain(struct front *front);

/* Ends all connections and frees; the loop must run once more so that the handles close. NULL is
 * allowed. */
void front_close(struct front *front);

#endif
