/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * builtin: the templates that come with llmspool, compiled in: a spool without any file has them.
 *
 * Floor: job. The table is made from the files in spool-layout/templates/ when llmspool is built.
 */
#ifndef JOB_BUILTIN_H
#define JOB_BUILTIN_H

struct builtin {
    const char *name;
    const char *text; /* of its file, byte for byte */
};

/* All, ordered by name; the last has no name. */
extern const struct builtin builtin_templates[];

#endif
