/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fields: a JSON Schema made of names: "name,amount:number,tags:string[],note?".
 *
 * Floor: job. Pure.
 */
#ifndef JOB_FIELDS_H
#define JOB_FIELDS_H

#include <jansson.h>

#include "base/error.h"

enum { FIELDS_COUNT_LIMIT = 200, FIELDS_NAME_LIMIT = 100 /* bytes */ };

/* The schema of an object that has the fields that value names: a text as above, an array of such
 * texts, or an object of names and types. A type is string (when none is said), number, integer or
 * boolean; [] behind it makes an array of these, and ? behind all lets the value be null. Each
 * member is required and none else is allowed, as providers want it who keep to schemas strictly.
 * Returns a new object, or NULL with an error of kind ERROR_DATA, a phrase that begins with
 * "fields". */
json_t *fields_schema(json_t *value, struct error *error);

#endif
