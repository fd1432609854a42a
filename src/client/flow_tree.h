/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flow_tree: a flow drawn for a person: each step once, below the first of its parents.
 *
 * Floor: client.
 */
#ifndef CLIENT_FLOW_TREE_H
#define CLIENT_FLOW_TREE_H

#include <stdbool.h>

#include "base/clock.h"
#include "client/flow_view.h"
#include "client/screen.h"

/* Whether this locale's characters are UTF-8: lines are drawn with them, and not in ASCII. */
bool flow_tree_utf8(void);

/* Prints the flow's line and the tree of its steps: names, states, times, money, and parents other than the one
 * that a step stands below. */
void flow_tree_print(const struct screen *screen, const struct flow_view *view, bool utf8,
                     struct wall now);

#endif
