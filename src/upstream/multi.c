/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * multi: a libcurl multi handle whose sockets and timer a libuv loop serves.
 */
#include "upstream/multi.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/xalloc.h"

enum { EVENTS_AT_ONCE = 256 }; /* more wait for the loop's next turn */

struct multi {
    CURLM *handle;
    int epoll;
    uv_poll_t poll;   /* on epoll */
    uv_timer_t timer; /* the one that libcurl asks for */
    int open_handles; /* of the two above, until both are closed */
    multi_moved *moved;
    void *context;
};

static uint32_t events_wanted(int what)
{
    switch (what) {
    case CURL_POLL_IN:
        return EPOLLIN;
    case CURL_POLL_OUT:
        return EPOLLOUT;
    case CURL_POLL_INOUT:
        return EPOLLIN | EPOLLOUT;
    default:
        return 0;
    }
}

/* libcurl asks about a socket. It may have closed it already, and the number may be another
 * socket's by now, so what epoll remembers decides between adding and changing. */
static int multi_on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *seen)
{
    struct multi *multi = context;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        /* Gone with its close: just as well. */
        (void)epoll_ctl(multi->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }

    struct epoll_event event = {.events = events_wanted(what), .data.fd = fd};
    int first = seen != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int second = seen != NULL ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(multi->epoll, first, fd, &event) == -1 &&
        ((errno != EEXIST && errno != ENOENT) || epoll_ctl(multi->epoll, second, fd, &event) == -1))
        return -1; /* out of kernel memory: libcurl gives all transfers up */
    if (seen == NULL)
        (void)curl_multi_assign(multi->handle, fd, multi);
    return 0;
}

static void multi_on_timer(uv_timer_t *timer)
{
    struct multi *multi = timer->data;
    int running;
    multi->moved(multi->context,
                 curl_multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running));
}

/* libcurl wants to be called in timeout_ms, -1: not at all. Zero is soon, not now: libcurl may not
 * be entered again from here. */
static int multi_on_timeout(CURLM *handle, long timeout_ms, void *context)
{
    struct multi *multi = context;
    (void)handle;
    if (timeout_ms < 0)
        return uv_timer_stop(&multi->timer);
    if (timeout_ms > 0)
        uv_update_time(multi->timer.loop); /* the loop's time is as old as its turn */
    return uv_timer_start(&multi->timer, multi_on_timer, (uint64_t)timeout_ms, 0);
}

/* After an error libcurl looks for itself what it is. */
static int events_seen(uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP))
        return 0;
    return ((events & EPOLLIN) ? CURL_CSELECT_IN : 0) |
           ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0);
}

static void multi_on_events(uv_poll_t *poll, int status, int events)
{
    struct multi *multi = poll->data;
    (void)status;
    (void)events;
    struct epoll_event ready[EVENTS_AT_ONCE];
    int count = epoll_wait(multi->epoll, ready, EVENTS_AT_ONCE, 0);
    CURLMcode code = CURLM_OK;
    for (int i = 0; i < count && code == CURLM_OK; i++) {
        int running;
        code = curl_multi_socket_action(multi->handle, ready[i].data.fd,
                                        events_seen(ready[i].events), &running);
    }
    multi->moved(multi->context, code);
}

static CURLM *curl_open(struct multi *multi)
{
    CURLM *handle = curl_multi_init();
    if (handle == NULL)
        return NULL;
    if (curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, multi_on_socket) == CURLM_OK &&
        curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, multi) == CURLM_OK &&
        curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, multi_on_timeout) == CURLM_OK &&
        curl_multi_setopt(handle, CURLMOPT_TIMERDATA, multi) == CURLM_OK)
        return handle;
    (void)curl_multi_cleanup(handle);
    return NULL;
}

static void multi_on_close(uv_handle_t *handle)
{
    struct multi *multi = handle->data;
    if (--multi->open_handles == 0) {
        (void)close(multi->epoll);
        free(multi);
    }
}

static void multi_close_handles(struct multi *multi)
{
    uv_close((uv_handle_t *)&multi->timer, multi_on_close);
    uv_close((uv_handle_t *)&multi->poll, multi_on_close);
}

struct multi *multi_open(uv_loop_t *loop, multi_moved *moved, void *context, struct error *error)
{
    struct multi *multi = xmalloc(sizeof *multi);
    *multi = (struct multi){.moved = moved, .context = context, .open_handles = 2};
    multi->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (multi->epoll == -1) {
        error_system(error, errno, "cannot make an epoll descriptor for connections");
        free(multi);
        return NULL;
    }
    int failed = uv_poll_init(loop, &multi->poll, multi->epoll);
    if (failed != 0) {
        error_set(error, ERROR_SYSTEM, "cannot watch connections: %s", uv_strerror(failed));
        (void)close(multi->epoll);
        free(multi);
        return NULL;
    }
    (void)uv_timer_init(loop, &multi->timer); /* always succeeds */
    multi->timer.data = multi->poll.data = multi;
    multi->handle = curl_open(multi);
    if (multi->handle == NULL) {
        error_set(error, ERROR_SYSTEM, "libcurl cannot be set up: out of memory");
        multi_close_handles(multi);
        return NULL;
    }
    failed = uv_poll_start(&multi->poll, UV_READABLE, multi_on_events);
    assert(failed == 0); /* only a descriptor that another handle has is refused */
    multi_hold(multi, false);
    return multi;
}

CURLM *multi_handle(const struct multi *multi)
{
    return multi->handle;
}

void multi_hold(struct multi *multi, bool hold)
{
    if (hold)
        uv_ref((uv_handle_t *)&multi->poll);
    else
        uv_unref((uv_handle_t *)&multi->poll);
}

void multi_close(struct multi *multi)
{
    if (multi == NULL)
        return;
    CURLMcode code = curl_multi_cleanup(multi->handle); /* still calls back */
    assert(code == CURLM_OK);
    multi_close_handles(multi);
}
