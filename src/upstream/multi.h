/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * multi: a libcurl multi handle whose sockets and timer a libuv loop serves.
 *
 * Floor: upstream. The sockets are in an epoll set of their own, and the loop polls that one
 * descriptor: libcurl changes what it waits for several times in each transfer and gives the same
 * descriptor number back within one call, which costs one epoll_ctl(2) here and a handle with its
 * asynchronous close in libuv. Idle connections are in no set: nothing they do wakes the loop.
 */
#ifndef UPSTREAM_MULTI_H
#define UPSTREAM_MULTI_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

struct multi;

/* Called from the loop, outside libcurl, each time something may have ended: the callee drains
 * curl_multi_info_read. code is CURLM_OK, or why libcurl gave up: no transfer can be trusted then,
 * and the callee removes them all. */
typedef void multi_moved(void *context, CURLMcode code);

/* NULL with an error when the system has no descriptor or libcurl no memory left. */
struct multi *multi_open(uv_loop_t *loop, multi_moved *moved, void *context, struct error *error);

/* For curl_multi_add_handle and its like; never called from within a callback of libcurl. */
CURLM *multi_handle(const struct multi *multi);

/* Whether the loop has to stay alive for it; a new one does not hold the loop. */
void multi_hold(struct multi *multi, bool hold);

/* Closes connections and frees; every easy handle was removed. The loop must run once more
 * afterwards so that the handles close. NULL is allowed. */
void multi_close(struct multi *multi);

#endif
