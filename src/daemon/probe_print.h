/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe_print: what a probe found out, as a line for a person or a program.
 *
 * Floor: daemon. Keys are masked.
 */
#ifndef DAEMON_PROBE_PRINT_H
#define DAEMON_PROBE_PRINT_H

#include "daemon/probe.h"

void probe_print_line(FILE *out, const struct upstream *upstream,
                      const struct probe_finding *finding);

/* As a line of JSON, see llmspoold(8). */
void probe_print_json(FILE *out, const struct upstream *upstream,
                      const struct probe_finding *finding);

/* That a provider was not asked, as it serves none of the models. */
void probe_print_unasked(FILE *out, const char *provider, bool json);

#endif
