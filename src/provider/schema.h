/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schema: whether a value fits a JSON Schema: what is sent for structured output comes back and is
 * held to it.
 *
 * Floor: provider. Of draft 2020-12 what providers accept: type, enum, const, properties, required,
 * additionalProperties, minProperties, maxProperties, items, prefixItems (also as an array in
 * items), minItems, maxItems, uniqueItems, minimum, maximum, exclusiveMinimum, exclusiveMaximum,
 * multipleOf, minLength, maxLength (in code points), pattern, anyOf, oneOf, allOf, not, $ref within
 * the document, and true and false for a schema.
 *
 * What else a schema says (format, patternProperties, if …) is not judged, nor are a pattern that
 * pattern.h cannot rewrite, a reference that leads nowhere or elsewhere, and whatever is left when
 * SCHEMA_DEPTH or SCHEMA_WORK is used up: what is not judged fits. Schemas and values may be
 * hostile.
 */
#ifndef PROVIDER_SCHEMA_H
#define PROVIDER_SCHEMA_H

#include <jansson.h>

#include "base/error.h"

enum {
    SCHEMA_DEPTH = 200,    /* schemas within schemas */
    SCHEMA_WORK = 5000000, /* looks at a value, a keyword or a state of a pattern */
};

/* Returns 0 when value fits, or -1 with an error of kind ERROR_DATA that names the place and the
 * rule: `$.items[3].name does not fit "minLength": it must have at least 1 character`. */
int schema_check(const json_t *schema, const json_t *value, struct error *error);

#endif
