/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * admission: whether a request is let in, judged by its head alone, before a byte of its body is
 * read.
 *
 * Floor: httpd. In this order: is the head sound, are we meant (Host), may that page ask (Origin),
 * who is it (token or cookie), is it too often, may he (scope), is the body too long.
 */
#ifndef HTTPD_ADMISSION_H
#define HTTPD_ADMISSION_H

#include <stdbool.h>

struct request;
struct head;

/* The cookie of sessions (see session.c): it is for one host and for HTTPS alone where we are asked
 * so. */
const char *admission_cookie(const struct request *request);

/* Answers that a token is needed, or what is wrong with the one that came. */
void admission_refuse_stranger(struct request *request);

/* Judges; fills request->caller, token_id and by_cookie. Returns false when the request was
 * answered instead. */
bool admission_judge(struct request *request, const struct head *head);

/* Whether a request that was let in would be now: its token, and the session that stood for it, are
 * there, have not expired, and still allow the same user all that they did. */
bool admission_holds(const struct request *request);

#endif
