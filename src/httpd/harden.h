/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harden: the header fields of answers that tell a browser what not to do with them.
 *
 * Floor: httpd.
 */
#ifndef HTTPD_HARDEN_H
#define HTTPD_HARDEN_H

struct request;

/* For the page (HTML) and its files: what it may load and who may show it, by a
 * Content-Security-Policy. script and style are the sources of those that are allowed, such as
 * "'sha256-…'" for one that stands in the page; NULL: files of this server. Called before the
 * answer. */
void harden_page(struct request *request, const char *script, const char *style);

/* For every answer, what the handler did not say itself; called by the server. */
void harden_answer(struct request *request);

#endif
