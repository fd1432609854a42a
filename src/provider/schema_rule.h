/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * schema_rule: what the rules of a JSON Schema have in common: the check that they are part of, the
 * place that they judge, and how one says that a value does not fit.
 *
 * Floor: provider. Beneath schema alone.
 */
#ifndef PROVIDER_SCHEMA_RULE_H
#define PROVIDER_SCHEMA_RULE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

/* What is known of a value: what cannot be judged must neither refuse it nor, within "not", let it
 * through, so all of several is the least of them, any of several the greatest. */
enum fit { UNFIT, UNKNOWN, FITS };

enum { SCHEMA_SHOWN = 100 }; /* bytes of a word of the schema in an error */

struct check {
    const json_t *root;
    struct error *error;
    struct buffer path; /* of the value, behind the $ */
    size_t work;        /* left; 0: nothing more is judged */
    int depth;
    int quiet; /* above 0: a failure is only tried, and not told */
};

struct rule;

/* A keyword of a schema and the value that it judges. */
struct place {
    const struct rule *rule;
    const json_t *schema; /* that the keyword stands in */
    const json_t *param;  /* the keyword's value */
    const json_t *value;
};

struct rule {
    const char *name;
    unsigned kinds; /* of values that it judges, of SCHEMA_KIND; 0: all */
    enum fit (*judge)(struct check *check, const struct place *at);
    int sign; /* of bounds: -1 least, 1 most */
};

#define SCHEMA_KIND(type) (1U << (type))

/* The rules that look at a value without judging what is in it; ended by one without a name. */
extern const struct rule schema_value_rules[];

/* Takes some work. Returns false when there is not as much left; then there is none at all. */
bool schema_spend(struct check *check, size_t work);

/* Says why the value at the check's path does not fit a rule. Returns UNFIT. */
enum fit schema_fail(struct check *check, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The length of what is shown of a text: not more than limit, and whole characters. */
int schema_shown(const char *text, size_t limit);

/* Lead the path to a member or an item; return the length to which schema_path_cut cuts it again.
 */
size_t schema_path_member(struct check *check, const char *name);
size_t schema_path_item(struct check *check, size_t index);
void schema_path_cut(struct check *check, size_t length);

#endif
