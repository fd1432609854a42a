/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * templates: which template a type's name means: a file of the spool's templates/, else one that is
 * built in.
 *
 * Floor: job. Files are opened without following links, must belong to the spool's owner or to
 * root, and are read once: again only after templates_look_again, and then only when inode, size,
 * mtime or ctime say that they changed.
 */
#ifndef JOB_TEMPLATES_H
#define JOB_TEMPLATES_H

#include <stddef.h>

#include "base/clock.h"
#include "base/error.h"
#include "job/template.h"
#include "spool/spool.h"

struct templates;

/* Spool and clock must outlive it. */
struct templates *templates_new(const struct spool *spool, const struct clock *clock);

/* Frees it with all templates; NULL is allowed. */
void templates_free(struct templates *templates);

/* From now on what lies in templates/ now counts. Until it is called a template that was found
 * stays what it was, so that all lines of a list are made with one. */
void templates_look_again(struct templates *templates);

/* The template of that name, borrowed until the next templates_look_again; or NULL with an error:
 * of kind ERROR_ABSENT when there is none of that name, the sentence saying which is nearest and
 * which there are; of ERROR_DATA when its file is no template; of ERROR_SYSTEM when it cannot be
 * read. */
const struct template *templates_find(struct templates *templates, const char *name,
                                      struct error *error);

/* The names of all, ordered: files of the spool that may be templates and what is built in. The
 * caller frees each and the array. */
char **templates_names(const struct templates *templates, size_t *count);

#endif
