/* SPDX-License-Identifier: GPL-2.0-or-later */
/* template: reading what a file of templates/ says. */
#include "job/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/nearest.h"
#include "base/xalloc.h"
#include "job/question.h"
#include "job/refusal.h"

enum { SCHEMA_NAME_LIMIT = 64 }; /* bytes of a json_schema's name, by OpenAI's rules */

static int bad(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int bad(struct error *error, const char *format, ...)
{
    char sentence[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    error_set(error, ERROR_DATA, "%s", sentence);
    return -1;
}

/* --- keys ------------------------------------------------------------------------------------- */

static int refuse_unknown(const char *name, const char *const *known, size_t count,
                          struct error *error)
{
    const char *nearest = nearest_word(name, known, count);
    char shown[REFUSAL_QUOTE_SIZE];
    refusal_quote(name, shown);
    if (nearest != NULL) {
        error_set(error, ERROR_DATA, "unknown key \"%s\" (did you mean \"%s\"?)", shown, nearest);
    } else {
        error_set(error, ERROR_DATA, "unknown key \"%s\"", shown);
    }
    return -1;
}

static int check_keys(json_t *object, const char *const *known, size_t count, struct error *error)
{
    const char *name;
    const json_t *value;
    json_object_foreach (object, name, value) {
        size_t i = 0;
        while (i < count && strcmp(known[i], name) != 0) {
            i++;
        }
        if (i == count) {
            return refuse_unknown(name, known, count, error);
        }
    }
    return 0;
}

/* A text, or NULL; -1 with an error when it is something else. */
static int take_text(const json_t *document, const char *key, const char **text,
                     struct error *error)
{
    const json_t *value = json_object_get(document, key);
    *text = json_string_value(value);
    return value == NULL || *text != NULL ? 0 : bad(error, "\"%s\" must be text", key);
}

static int take_stencil(const json_t *document, const char *key, struct stencil **stencil,
                        struct error *error)
{
    const char *text;
    if (take_text(document, key, &text, error) != 0) {
        return -1;
    }
    if (text == NULL) {
        return 0;
    }
    *stencil = stencil_read(text, strlen(text), error);
    if (*stencil == NULL) {
        error_prefix(error, "\"%s\"", key);
        return -1;
    }
    if (stencil_count(*stencil) > TEMPLATE_PLACES_LIMIT) {
        error_set(error, ERROR_DATA, "\"%s\" has %zu different places, and the limit is %d", key,
                  stencil_count(*stencil), TEMPLATE_PLACES_LIMIT);
        return -1;
    }
    return 0;
}

static int take_type(struct template *template, struct error *error)
{
    char shown[REFUSAL_QUOTE_SIZE];
    const char *word;
    if (take_text(template->document, "type", &word, error) != 0) {
        return -1;
    }
    template->type = question_type(word != NULL ? word : "chat");
    return template->type != NULL
               ? 0
               : bad(error, "\"type\" must be chat, completion or embed, and is \"%s\"",
                     refusal_quote(word, shown));
}

static int take_texts(struct template *template, struct error *error)
{
    static const char otherwise[] = "{" TEMPLATE_TEXT "}";
    json_t *document = template->document;
    bool embed = strcmp(template->type, "embed") == 0;
    bool chat = strcmp(template->type, "chat") == 0;
    if (!chat && json_object_get(document, "system") != NULL) {
        return bad(error, "\"system\" has no place in a template of type %s", template->type);
    }
    if (json_object_get(document, embed ? "prompt" : "input") != NULL) {
        return bad(error,
                   embed ? "a template of type %s asks with \"input\", not with \"prompt\""
                         : "a template of type %s asks with \"prompt\", not with \"input\"",
                   template->type);
    }
    if (take_stencil(document, "system", &template->system, error) != 0 ||
        take_stencil(document, embed ? "input" : "prompt", &template->prompt, error) != 0) {
        return -1;
    }
    if (template->prompt == NULL) {
        template->prompt = stencil_read(otherwise, sizeof otherwise - 1, error);
    }
    return 0;
}

static int take_objects(struct template *template, struct error *error)
{
    static const char *const names[] = {"params", "variables"};
    json_t **places[] = {&template->params, &template->variables};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *places[i] = json_object_get(template->document, names[i]);
        if (*places[i] != NULL && !json_is_object(*places[i])) {
            return bad(error, "\"%s\" must be an object", names[i]);
        }
    }
    template->model = json_object_get(template->document, "model");
    return take_text(template->document, "description", &template->description, error);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* The name that a provider wants a schema to have: its title, where that may be one. It must not
 * come from a file's name, because it decides the job's identity. */
static const char *schema_name(const json_t *schema)
{
    const char *title = jsontext_get_text(schema, "title", "");
    size_t length = strspn(title, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_-");
    return length > 0 && length <= SCHEMA_NAME_LIMIT && title[length] == '\0' ? title : "answer";
}

json_t *template_schema_format(json_t *schema, bool strict)
{
    json_t *named = json_pack("{s:s}", "name", schema_name(schema));
    if (strict) {
        json_object_set_new(named, "strict", json_true());
    }
    json_object_set(named, "schema", schema);
    return json_pack("{s:s, s:o}", "type", "json_schema", "json_schema", named);
}

/* Deeper in a job than here, a schema may come below the levels that a job may have. */
static int check_depth(json_t *format, struct error *error)
{
    json_t *job = json_pack("{s:{s:O}}", "params", "response_format", format);
    struct buffer text = {0};
    jsontext_write(&text, job);
    json_t *read = jsontext_read(text.bytes, text.length, error);
    int result = read != NULL ? 0 : -1;
    if (result != 0) {
        error_prefix(error, "\"schema\" in \"output\", put into a job's params");
    }
    json_decref(read);
    json_decref(job);
    buffer_free(&text);
    return result;
}

static int take_schema(struct template *template, json_t *schema, struct error *error)
{
    if (!json_is_object(schema)) {
        return bad(error, "\"%s\" in \"output\" must be a JSON Schema", "schema");
    }
    template->output = TEMPLATE_OUTPUT_SCHEMA;
    template->format = template_schema_format(schema, false);
    return check_depth(template->format, error);
}

static int take_output(struct template *template, struct error *error)
{
    static const char *const kinds[] = {"fields", "labels", "schema"};
    json_t *output = json_object_get(template->document, "output");
    if (output == NULL) {
        return 0;
    }
    if (!json_is_object(output) || json_object_size(output) != 1) {
        return bad(error,
                   "\"%s\" must be an object with one of \"schema\", \"fields\" and \"labels\"",
                   "output");
    }
    if (check_keys(output, kinds, sizeof kinds / sizeof kinds[0], error) != 0) {
        error_prefix(error, "\"output\"");
        return -1;
    }
    if (strcmp(template->type, "embed") == 0) {
        return bad(error, "\"output\" has no place in a template of type %s", template->type);
    }
    if (json_object_get(template->params, "response_format") != NULL) {
        return bad(error, "\"output\" and \"%s\" in \"params\" exclude each other",
                   "response_format");
    }
    if (json_object_get(output, "schema") != NULL) {
        return take_schema(template, json_object_get(output, "schema"), error);
    }
    bool labels = json_object_get(output, "labels") != NULL;
    const char *kind = labels ? "labels" : "fields";
    template->output = labels ? TEMPLATE_OUTPUT_LABELS : TEMPLATE_OUTPUT_FIELDS;
    template->source = jsontext_get_text(output, kind, NULL);
    return template->source != NULL ? 0
                                    : bad(error, "\"%s\" in \"output\" must name a variable", kind);
}

/* --- variables -------------------------------------------------------------------------------- */

static bool has_place(const struct stencil *stencil, const char *name)
{
    bool text = strcmp(name, TEMPLATE_TEXT) == 0;
    for (size_t i = 0; stencil != NULL && i < stencil_count(stencil); i++) {
        const char *place = stencil_name(stencil, i);
        if (strcmp(place, name) == 0 || (text && *place == '\0')) {
            return true;
        }
    }
    return false;
}

bool template_takes(const struct template *template, const char *name)
{
    return strcmp(name, TEMPLATE_SCHEMA) != 0 &&
           (has_place(template->system, name) || has_place(template->prompt, name) ||
            (template->source != NULL && strcmp(template->source, name) == 0));
}

json_t *template_default(const struct template *template, const char *name, bool *required)
{
    const json_t *declared = json_object_get(template->variables, name);
    json_t *value = json_object_get(declared, "default");
    *required = value == NULL && jsontext_get_bool(declared, "required", true);
    return value;
}

static int check_variable(const struct template *template, const char *name, json_t *declared,
                          struct error *error)
{
    static const char *const keys[] = {"default", "description", "required"};
    const json_t *required = json_object_get(declared, "required");
    const json_t *value = json_object_get(declared, "default");
    const char *description;
    if (strcmp(name, TEMPLATE_SCHEMA) == 0) {
        return bad(error, "{" TEMPLATE_SCHEMA "} is the place of the output's schema");
    }
    if (!json_is_object(declared)) {
        return bad(error, "what is said of it must be an object");
    }
    if (check_keys(declared, keys, sizeof keys / sizeof keys[0], error) != 0 ||
        take_text(declared, "description", &description, error) != 0) {
        return -1;
    }
    if (required != NULL && !json_is_boolean(required)) {
        return bad(error, "\"required\" must be true or false");
    }
    if (value != NULL && (json_is_true(required) || json_is_null(value))) {
        return bad(error, json_is_null(value) ? "\"default\" must not be null"
                                              : "\"default\" and \"required\" exclude each other");
    }
    return template_takes(template, name)
               ? 0
               : bad(error, "it is declared, but there is no place for it");
}

static int check_variables(const struct template *template, struct error *error)
{
    bool schema =
        template->output == TEMPLATE_OUTPUT_SCHEMA || template->output == TEMPLATE_OUTPUT_FIELDS;
    const char *name;
    json_t *declared;
    json_object_foreach (template->variables, name, declared) {
        if (check_variable(template, name, declared, error) != 0) {
            char shown[REFUSAL_QUOTE_SIZE];
            error_prefix(error, "variable \"%s\"", refusal_quote(name, shown));
            return -1;
        }
    }
    if (!schema && (has_place(template->system, TEMPLATE_SCHEMA) ||
                    has_place(template->prompt, TEMPLATE_SCHEMA))) {
        return bad(error, "{" TEMPLATE_SCHEMA
                          "} is the place of the output's schema, and \"output\" has none");
    }
    return 0;
}

static int tell_places(const struct template *template, const struct stencil *stencil,
                       const struct stencil *before, int (*each)(void *context, const char *name),
                       void *context)
{
    for (size_t i = 0; stencil != NULL && i < stencil_count(stencil); i++) {
        const char *place = stencil_name(stencil, i);
        const char *name = *place == '\0' ? TEMPLATE_TEXT : place;
        bool told = json_object_get(template->variables, name) != NULL ||
                    (before != NULL && has_place(before, name));
        for (size_t k = 0; k < i && !told; k++) {
            const char *other = stencil_name(stencil, k);
            told = strcmp(*other == '\0' ? TEMPLATE_TEXT : other, name) == 0;
        }
        int result = told || strcmp(name, TEMPLATE_SCHEMA) == 0 ? 0 : each(context, name);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int template_variables(const struct template *template,
                       int (*each)(void *context, const char *name), void *context)
{
    const char *name;
    const json_t *declared;
    int result = 0;
    json_object_foreach (template->variables, name, declared) {
        if (result == 0) {
            result = each(context, name);
        }
    }
    if (result == 0) {
        result = tell_places(template, template->prompt, NULL, each, context);
    }
    if (result == 0) {
        result = tell_places(template, template->system, template->prompt, each, context);
    }
    bool extra = template->source != NULL &&
                 json_object_get(template->variables, template->source) == NULL &&
                 !has_place(template->prompt, template->source) &&
                 !has_place(template->system, template->source);
    return result == 0 && extra ? each(context, template->source) : result;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int take_all(struct template *template, struct error *error)
{
    static const char *const keys[] = {"description", "input",  "model", "output",   "params",
                                       "prompt",      "system", "type",  "variables"};
    if (!json_is_object(template->document)) {
        return bad(error, "a template must be a JSON object");
    }
    if (check_keys(template->document, keys, sizeof keys / sizeof keys[0], error) != 0 ||
        take_type(template, error) != 0 || take_objects(template, error) != 0 ||
        take_texts(template, error) != 0 || take_output(template, error) != 0) {
        return -1;
    }
    return check_variables(template, error);
}

struct template *template_read(const char *name, const char *text, size_t length,
                               struct error *error)
{
    json_t *document;
    if (length > TEMPLATE_SIZE_LIMIT) {
        error_set(error, ERROR_DATA, "it has %zu bytes, and the limit is %d", length,
                  TEMPLATE_SIZE_LIMIT);
        return NULL;
    }
    document = jsontext_read(text, length, error);
    if (document == NULL) {
        return NULL;
    }
    struct template *template = xcalloc(1, sizeof *template);
    template->document = document;
    template->name = xstrdup(name);
    sha256_hex(text, length, template->sha256);
    if (take_all(template, error) != 0) {
        template_free(template);
        return NULL;
    }
    return template;
}

void template_free(struct template *template)
{
    if (template == NULL) {
        return;
    }
    stencil_free(template->system);
    stencil_free(template->prompt);
    json_decref(template->format);
    json_decref(template->document);
    free(template->name);
    free(template);
}
