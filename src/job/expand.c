/* SPDX-License-Identifier: GPL-2.0-or-later */
/* expand: filling a template with what a job says. */
#include "job/expand.h"

#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "job/fields.h"
#include "job/job.h"
#include "job/label.h"

/* What places are filled from. */
struct filling {
    const struct template *template;
    json_t *text;            /* what the job asks with, or NULL */
    const json_t *variables; /* of the job, or NULL */
    json_t *labels;          /* of an output of labels, as a list; owned */
    json_t *schema;          /* of an output that has one; owned */
};

int expand_refuse(const struct error *problem, struct refusal *refusal)
{
    return refuse(refusal, problem->kind == ERROR_ABSENT ? "unknown_type" : "bad_template", "%s",
                  problem->text);
}

/* --- values ----------------------------------------------------------------------------------- */

/* What the job says of a variable; null is nothing. */
static json_t *given(const struct filling *filling, const char *name)
{
    json_t *value = json_object_get(filling->variables, name);
    if (value == NULL && strcmp(name, TEMPLATE_TEXT) == 0) {
        value = filling->text;
    }
    return json_is_null(value) ? NULL : value;
}

/* The value of a variable; NULL: it has none, which is fine unless *required. */
static json_t *value_of(const struct filling *filling, const char *name, bool *required)
{
    json_t *value = given(filling, name);
    json_t *otherwise = template_default(filling->template, name, required);
    return value != NULL ? value : otherwise;
}

static int refuse_missing(const struct template *template, const char *name, struct error *error)
{
    char shown[REFUSAL_QUOTE_SIZE];
    bool text = strcmp(name, TEMPLATE_TEXT) == 0;
    bool embed = strcmp(template->type, "embed") == 0;
    error_set(error, ERROR_DATA, "variable \"%s\" of template %s is missing%s",
              refusal_quote(name, shown), template->name,
              !text   ? ""
              : embed ? ": say it as \"input\""
                      : ": say it as \"prompt\"");
    return -1;
}

/* A text as it is, a list with commas, anything else as JSON. */
static void write_value(const json_t *value, struct buffer *out)
{
    size_t i;
    const json_t *item;
    if (json_is_string(value)) {
        buffer_append(out, json_string_value(value), json_string_length(value));
    } else if (json_is_array(value)) {
        json_array_foreach (value, i, item) {
            buffer_text(out, i > 0 ? ", " : "");
            write_value(item, out);
        }
    } else {
        jsontext_write(out, value);
    }
}

/* A place may come often, and a value be long: the bound is kept before memory is asked for. */
static int write_bounded(const json_t *value, struct buffer *out, struct error *error)
{
    struct buffer text = {0};
    write_value(value, &text);
    bool fits = text.length <= JOB_SIZE_LIMIT && out->length <= JOB_SIZE_LIMIT - text.length;
    if (fits) {
        buffer_append(out, text.bytes, text.length);
    } else {
        error_set(error, ERROR_DATA, "the job would have more than %d bytes", JOB_SIZE_LIMIT);
    }
    buffer_free(&text);
    return fits ? 0 : -1;
}

static int fill_place(void *context, const char *place, struct buffer *out, struct error *error)
{
    const struct filling *filling = context;
    const char *name = *place == '\0' ? TEMPLATE_TEXT : place;
    const char *source = filling->template->source;
    bool required = false;
    const json_t *value;
    if (strcmp(name, TEMPLATE_SCHEMA) == 0) {
        value = filling->schema;
    } else if (filling->labels != NULL && strcmp(name, source) == 0) {
        value = filling->labels;
    } else {
        value = value_of(filling, name, &required);
    }
    if (value == NULL && required) {
        return refuse_missing(filling->template, name, error);
    }
    return value != NULL ? write_bounded(value, out, error) : 0;
}

/* The filled text as JSON; NULL with *refusal. */
static json_t *fill(struct filling *filling, const struct stencil *stencil, struct refusal *refusal)
{
    struct buffer text = {0};
    struct error error;
    json_t *filled = NULL;
    if (stencil_fill(stencil, fill_place, filling, &text, &error) != 0) {
        refuse(refusal, "bad_value", "%s", error.text);
    } else {
        filled = json_stringn(text.bytes != NULL ? text.bytes : "", text.length);
    }
    buffer_free(&text);
    return filled;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* The variable that says what the answer has to be. */
static json_t *find_source(const struct filling *filling, struct refusal *refusal)
{
    struct error error;
    bool required;
    json_t *value = value_of(filling, filling->template->source, &required);
    if (value == NULL) {
        refuse_missing(filling->template, filling->template->source, &error);
        refuse(refusal, "bad_value", "%s", error.text);
    }
    return value;
}

/* What the job's own response_format says takes the place of schema and fields. */
static int take_own_format(struct filling *filling, json_t *own, struct refusal *refusal)
{
    json_t *schema = json_object_get(json_object_get(own, "json_schema"), "schema");
    if (filling->template->output == TEMPLATE_OUTPUT_LABELS) {
        return refuse(refusal, "bad_value",
                      "\"response_format\" in \"params\" has no place in a job of type %s, whose "
                      "answer is a label",
                      filling->template->name);
    }
    filling->schema = json_incref(schema != NULL ? schema : own);
    return 0;
}

/* The response_format that the template asks for, in *format: a new reference, or NULL. */
static int make_format(struct filling *filling, json_t *own, json_t **format,
                       struct refusal *refusal)
{
    const struct template *template = filling->template;
    struct error error;
    json_t *source = NULL;
    *format = NULL;
    if (template->output == TEMPLATE_OUTPUT_TEXT) {
        return 0;
    }
    if (own != NULL) {
        return take_own_format(filling, own, refusal);
    }
    if (template->output == TEMPLATE_OUTPUT_SCHEMA) {
        *format = json_incref(template->format);
        filling->schema = json_incref(
            json_object_get(json_object_get(template->format, "json_schema"), "schema"));
        return 0;
    }
    if ((source = find_source(filling, refusal)) == NULL) {
        return -1;
    }
    if (template->output == TEMPLATE_OUTPUT_LABELS) {
        filling->labels = label_list(source, &error);
        *format = filling->labels == NULL
                      ? NULL
                      : json_pack("{s:s, s:O}", "type", "labels", "labels", filling->labels);
    } else {
        filling->schema = fields_schema(source, &error);
        *format = filling->schema == NULL ? NULL : template_schema_format(filling->schema, true);
    }
    return *format != NULL ? 0 : refuse(refusal, "bad_value", "%s", error.text);
}

/* --- the job ---------------------------------------------------------------------------------- */

static int check_object(const json_t *document, const char *key, struct refusal *refusal)
{
    const json_t *value = json_object_get(document, key);
    return value == NULL || json_is_object(value)
               ? 0
               : refuse(refusal, "bad_value", "\"%s\" must be an object", key);
}

static int check_absent(const json_t *document, const struct template *template, const char *key,
                        const char *why, struct refusal *refusal)
{
    return json_object_get(document, key) == NULL
               ? 0
               : refuse(refusal, "bad_value", "\"%s\" has no place in a job of type %s%s", key,
                        template->name, why);
}

/* What the job asks with: the variable text. */
static int take_text(json_t *document, struct filling *filling, struct refusal *refusal)
{
    const struct template *template = filling->template;
    bool embed = strcmp(template->type, "embed") == 0;
    json_t *prompt = json_object_get(document, "prompt");
    json_t *input = embed ? json_object_get(document, "input") : NULL;
    filling->text = input != NULL ? input : prompt;
    if (filling->text == NULL) {
        return 0;
    }
    if (!json_is_string(filling->text)) {
        return refuse(refusal, "bad_value", "\"%s\" must be text",
                      input != NULL ? "input" : "prompt");
    }
    if ((input != NULL && prompt != NULL) ||
        json_object_get(filling->variables, TEMPLATE_TEXT) != NULL) {
        return refuse(refusal, "bad_value",
                      "\"prompt\", \"input\" and variable \"" TEMPLATE_TEXT
                      "\" exclude each other: all are the text of a template");
    }
    if (!template_takes(template, TEMPLATE_TEXT)) {
        return refuse(refusal, "bad_value",
                      "template %s has no place for a text, and the job has one as \"%s\"",
                      template->name, input != NULL ? "input" : "prompt");
    }
    return 0;
}

static int check_keys(const json_t *document, const struct template *template,
                      struct refusal *refusal)
{
    static const char *const objects[] = {"params", "variables", "metadata"};
    bool chat = strcmp(template->type, "chat") == 0;
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        if (check_object(document, objects[i], refusal) != 0) {
            return -1;
        }
    }
    if (check_absent(document, template, "messages",
                     ", which asks with \"prompt\" or \"variables\"", refusal) != 0) {
        return -1;
    }
    if (strcmp(template->type, "embed") != 0 &&
        check_absent(document, template, "input", ", which asks with \"prompt\" or \"variables\"",
                     refusal) != 0) {
        return -1;
    }
    return template->system == NULL && chat
               ? 0
               : check_absent(document, template, "system", chat ? ": its template says it" : "",
                              refusal);
}

/* Two owners of one key would hide one from the other. */
static int note_template(json_t *document, const struct template *template, struct refusal *refusal)
{
    json_t *metadata = json_object_get(document, "metadata");
    json_t *before = json_object_get(metadata, "template");
    bool ours = json_is_string(json_object_get(before, "sha256"));
    if (!ours && (before != NULL || json_object_get(metadata, "type") != NULL)) {
        return refuse(refusal, "bad_value",
                      "\"metadata\" of a job with a template must leave \"type\" and \"template\" "
                      "to llmspool, which tells there what the job was made with");
    }
    metadata = metadata != NULL ? json_copy(metadata) : json_object();
    json_object_set_new(metadata, "type", json_string(template->name));
    json_object_set_new(
        metadata, "template",
        json_pack("{s:s, s:s}", "name", template->name, "sha256", template->sha256));
    return json_object_set_new(document, "metadata", metadata);
}

bool expand_edited(const json_t *before, const json_t *after)
{
    const json_t *old = json_object_get(before, "template");
    const json_t *new = json_object_get(after, "template");
    const char *name = jsontext_get_text(old, "name", "");
    return *name != '\0' && strcmp(name, jsontext_get_text(new, "name", "")) == 0 &&
           strcmp(jsontext_get_text(old, "sha256", ""), jsontext_get_text(new, "sha256", "")) != 0;
}

/* The template's params, those of the job over them, and the form of the answer. */
static void set_params(json_t *document, const struct template *template, json_t *format)
{
    json_t *own = json_object_get(document, "params");
    if (template->params == NULL && format == NULL) {
        return;
    }
    json_t *params = template->params != NULL ? json_copy(template->params) : json_object();
    if (own != NULL) {
        json_object_update(params, own);
    }
    if (format != NULL) {
        json_object_set(params, "response_format", format);
    }
    json_object_set_new(document, "params", params);
}

/* Puts the filled texts into the job. */
static int set_texts(json_t *document, struct filling *filling, struct refusal *refusal)
{
    const struct template *template = filling->template;
    bool embed = strcmp(template->type, "embed") == 0;
    json_t *prompt = fill(filling, template->prompt, refusal);
    json_t *system = NULL;
    if (prompt != NULL && template->system != NULL) {
        system = fill(filling, template->system, refusal);
    }
    if (prompt == NULL || (template->system != NULL && system == NULL)) {
        json_decref(prompt);
        return -1;
    }
    json_object_del(document, "prompt");
    json_object_set_new(document, embed ? "input" : "prompt", prompt);
    if (system != NULL) {
        json_object_set_new(document, "system", system);
    }
    return 0;
}

static int expand_with(json_t *document, struct filling *filling, struct refusal *refusal)
{
    const struct template *template = filling->template;
    json_t *own = json_object_get(json_object_get(document, "params"), "response_format");
    json_t *format = NULL;
    if (check_keys(document, template, refusal) != 0 ||
        take_text(document, filling, refusal) != 0 ||
        make_format(filling, own, &format, refusal) != 0) {
        return -1;
    }
    int result = set_texts(document, filling, refusal);
    if (result == 0) {
        set_params(document, template, format);
        json_object_set_new(document, "type", json_string(template->type));
        if (template->model != NULL && json_object_get(document, "model") == NULL) {
            json_object_set(document, "model", template->model);
        }
        result = note_template(document, template, refusal);
    }
    json_decref(format);
    return result;
}

int expand(json_t *document, const struct template *template, struct refusal *refusal)
{
    json_t *variables = json_incref(json_object_get(document, "variables"));
    struct filling filling = {.template = template, .variables = variables};
    int result = expand_with(document, &filling, refusal);
    json_object_del(document, "variables");
    json_decref(filling.labels);
    json_decref(filling.schema);
    json_decref(variables);
    return result;
}
