/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check_form: what members a record must have and of which types: the schemas of
 * spool-layout/schema, as tables.
 *
 * Floor: retain. Beneath check. Members that are not in a table are let through: later releases may
 * add some.
 */
#ifndef RETAIN_CHECK_FORM_H
#define RETAIN_CHECK_FORM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum form { FORM_OUTPUT, FORM_ERROR, FORM_REFUSAL, FORM_DEBT, FORM_HOOK_DEBT, FORM_EVENT };

/* Whether a document has the form; if not, why says what is missing or wrong, as a phrase. */
bool form_fits(enum form form, const json_t *document, char *why, size_t size);

#endif
