/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * page: the page that a browser gets at /, compiled in from spool-layout/page/.
 *
 * Floor: httpd. It is for anybody: what it shows it asks for like any other client.
 */
#ifndef HTTPD_PAGE_H
#define HTTPD_PAGE_H

struct page_file {
    const char *path; /* /NAME */
    const char *tag;  /* its ETag, with the quotes */
    const char *text;
};

/* Ended by one without a path. */
extern const struct page_file page_files[];

#endif
