/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * climb: how a rate or a window grows after it was cut: back to where it was in four steps, slowly
 * past that, then ever faster, so that a limit that doubled is found within twenty steps. The curve
 * of CUBIC (RFC 9438, 4.2) with the plateau made relative to its height.
 *
 * Floor: upstream. Plain data.
 */
#ifndef UPSTREAM_CLIMB_H
#define UPSTREAM_CLIMB_H

struct climb {
    double low;   /* right after the cut */
    double top;   /* that is thought to be right */
    double steps; /* taken since; the caller's unit. Below 0: it rests */
};

/* The height now. */
double climb_height(const struct climb *climb);

#endif
