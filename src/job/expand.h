/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * expand: a job whose type is a template's, made into a job that says everything.
 *
 * Floor: job. Used by job before keys are checked and the ID is computed.
 */
#ifndef JOB_EXPAND_H
#define JOB_EXPAND_H

#include <jansson.h>
#include <stdbool.h>

#include "job/refusal.h"
#include "job/template.h"

/* Expands document, an object whose type is the template's name: prompt (or input), system, params,
 * type and model are what the template makes of the job's text and variables, `variables` is gone,
 * and metadata tells type and template. What the job says itself wins: its params member by member,
 * its model. Returns 0, or -1 with *refusal; document is then half changed. */
int expand(json_t *document, const struct template *template, struct refusal *refusal);

/* Whether two jobs' metadata tell of one template that was edited in between. */
bool expand_edited(const json_t *before, const json_t *after);

/* Refuses a job for want of a usable template: the error is templates_find's. Returns -1. */
int expand_refuse(const struct error *problem, struct refusal *refusal);

#endif
