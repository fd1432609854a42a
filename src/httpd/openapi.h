/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * openapi: spool-layout/openapi.json, compiled in.
 *
 * Floor: httpd.
 */
#ifndef HTTPD_OPENAPI_H
#define HTTPD_OPENAPI_H

extern const char openapi_text[];

#endif
