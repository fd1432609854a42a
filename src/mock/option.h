/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * option: the table of all settings by name, and how each kind of them is read, reset and shown.
 *
 * Floor: mock. For settings.c, which applies them, and for usage texts.
 */
#ifndef MOCK_OPTION_H
#define MOCK_OPTION_H

#include "mock/settings.h"

/* What can be done with an option of a kind. */
struct settings_kind {
    /* Takes one value as the command line writes it; a repeatable option adds it. Returns 0, or -1
     * with *error. */
    int (*apply)(struct settings *settings, const struct settings_option *option, const char *value,
                 struct error *error);
    /* Puts the default back. */
    void (*reset)(struct settings *settings, const struct settings_option *option);
    /* Appends the value as JSON. */
    void (*write)(const struct settings *settings, const struct settings_option *option,
                  struct buffer *out);
};

/* Takes a JSON list, or an object of names and rates. */
extern const struct settings_kind option_models;
extern const struct settings_kind option_faults;

#endif
