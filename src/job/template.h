/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * template: a type of jobs that is made of text: what a file of templates/ says, read strictly.
 *
 * Floor: job. Knows no file. The format is specified in llmspool-spool(5).
 */
#ifndef JOB_TEMPLATE_H
#define JOB_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/sha256.h"
#include "base/stencil.h"

enum {
    TEMPLATE_SIZE_LIMIT = 256 * 1024, /* bytes of a file */
    TEMPLATE_PLACES_LIMIT = 200,      /* different names of places in one text */
};

/* The variable that a job's own prompt or input is, and the place that an output's schema fills. */
#define TEMPLATE_TEXT   "text"
#define TEMPLATE_SCHEMA "schema"

/* What an answer has to be. */
enum template_output {
    TEMPLATE_OUTPUT_TEXT,   /* any text, or what params ask for */
    TEMPLATE_OUTPUT_SCHEMA, /* JSON that fits the template's schema */
    TEMPLATE_OUTPUT_FIELDS, /* a JSON object of the fields that a variable names */
    TEMPLATE_OUTPUT_LABELS, /* one of the labels that a variable lists */
};

/* Plain data; texts are borrowed from document. Made by template_read, freed by template_free. */
struct template
{
    char *name;
    bool built_in;                /* compiled in; the caller of template_read sets it */
    char sha256[SHA256_HEX_SIZE]; /* of the file's bytes */
    json_t *document;
    const char *description; /* or NULL */
    const char *type;        /* chat, completion or embed: of the jobs that it makes */
    struct stencil *system;  /* or NULL */
    struct stencil *prompt;  /* of an embed the input */
    json_t *params;          /* or NULL */
    json_t *model;           /* or NULL */
    enum template_output output;
    json_t *format;     /* response_format of TEMPLATE_OUTPUT_SCHEMA; owned, else NULL */
    const char *source; /* the variable of TEMPLATE_OUTPUT_FIELDS and _LABELS, else NULL */
    json_t *variables;  /* those that are declared, or NULL */
};

/* Reads a template. Returns it, or NULL with an error of kind ERROR_DATA that says what is wrong,
 * and where. */
struct template *template_read(const char *name, const char *text, size_t length,
                               struct error *error);

/* Frees it; NULL is allowed. */
void template_free(struct template *template);

/* Whether a variable of that name means anything to the template. */
bool template_takes(const struct template *template, const char *name);

/* What is declared of a variable: its default (borrowed) or NULL. *required tells whether a job
 * must say it: it must, unless there is a default or the template says "required": false. */
json_t *template_default(const struct template *template, const char *name, bool *required);

/* The names of all variables, each once, in the order in which they matter: those that are
 * declared, then the others of the places. Calls each until it returns other than 0, which is
 * returned. */
int template_variables(const struct template *template,
                       int (*each)(void *context, const char *name), void *context);

/* The response_format that holds an answer to a schema, under the name that its title is where that
 * may be one; strict: providers are to keep to it, too. A new object. */
json_t *template_schema_format(json_t *schema, bool strict);

#endif
