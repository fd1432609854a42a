/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_send: a flow from its file into the spool, and waiting for its end.
 *
 * Floor: client.
 */
#ifndef CLIENT_FLOW_SEND_H
#define CLIENT_FLOW_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "spool/spool.h"

/* What is wanted of a flow. */
struct flow_wish {
    const char *program;  /* whose messages these are */
    const char *file;     /* the flow's, or "-" */
    bool check;           /* judge it, and drop nothing */
    bool wait;            /* until all of its steps have ended */
    int64_t timeout_ms;   /* of waiting; -1: none */
    bool fail_fast;       /* do not wait where no daemon runs */
    bool json;
};

/* Judges the flow as the daemon will, drops it durably, and prints its steps: names, and IDs where they are
 * known. With wait the answers of the steps that nothing is after are printed at the end. Returns the
 * exit code; errors are told. */
int flow_send(const struct spool *spool, const struct flow_wish *wish);

#endif
