/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exchange: a request's way through the library's callbacks: its target, its head, its body, its
 * end.
 *
 * Floor: httpd. Belongs to the server.
 */
#ifndef HTTPD_EXCHANGE_H
#define HTTPD_EXCHANGE_H

#include <microhttpd.h>
#include <stddef.h>
#include <sys/queue.h>

struct front;
struct request;

struct exchange {
    struct front *front;
    LIST_HEAD(, request) requests; /* not ended yet */
};

/* The callback of MHD_OPTION_URI_LOG_CALLBACK: the target is there as it was sent, the rest of the
 * head is not. Its context, as of all of these, is the exchange. */
void *exchange_begin(void *context, const char *target, struct MHD_Connection *connection);

/* MHD_AccessHandlerCallback: called with the head, with each piece of the body, with its end, and
 * again after waiting. */
enum MHD_Result exchange_step(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *length, void **state);

/* MHD_RequestCompletedCallback */
void exchange_end(void *context, struct MHD_Connection *connection, void **state,
                  enum MHD_RequestTerminationCode code);

#endif
