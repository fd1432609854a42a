/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refresh: a page that fills the terminal and is shown anew again and again (--watch).
 *
 * Floor: client. By hand and not by curses: a page is whole lines, made for any width already, and
 * six sequences that every terminal since the VT220 obeys show it; curses would bring a library, a
 * database and a screen of its own to keep in step. The alternate screen keeps what was there, and
 * the terminal is given back as it was when this ends or is stopped by whatever signal.
 */
#ifndef CLIENT_REFRESH_H
#define CLIENT_REFRESH_H

#include <stdint.h>

#include "base/error.h"
#include "client/screen.h"

/* Prints the page on a screen that says how wide and high it is. Returns 0, or -1 with an error, which is
 * shown in its place. */
typedef int refresh_page(void *context, const struct screen *screen, struct error *error);

/* Shows the page every so many ms, and whenever the terminal's size changes, until q is pressed or
 * a signal ends it. Returns 0, the number of the signal (SIGINT, …), or -1 with an error
 * (ERROR_USAGE: stdout is no terminal, or one that cannot move its cursor). */
int refresh_run(int64_t every_ms, refresh_page *page, void *context, struct error *error);

#endif
