/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * draft: see draft.h.
 */
#include "client/draft.h"

#include <assert.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "client/attached.h"
#include "client/input.h"
#include "client/door.h"
#include "job/expand.h"
#include "job/question.h"
#include "job/templates.h"

struct draft {
    json_t *changes; /* what the flags say, as members of a job */
    const char *default_model;
    struct templates *templates;
    char *owner; /* of what we drop, in a shared spool */
    struct attached *attached;
    struct door *door;
    char *folder; /* of paths in whole jobs; NULL: the working directory */
    struct wall now;
};

/* --- flags ---------------------------------------------------------------------------------------
 */

struct flag {
    const char *name;
    const char *key; /* of the job */

    /* Notes value in changes. Returns 0, or -1 with an error. */
    int (*take)(const struct flag *flag, json_t *changes, const char *value, struct error *error);
};

/* A text of the command line as JSON, or NULL with an error. */
static json_t *text_json(const struct flag *flag, const char *text, struct error *error)
{
    json_t *value = json_string(text);

    if (value == NULL) {
        error_set(error, ERROR_DATA, "--%s: the text is not UTF-8", flag->name);
    }
    return value;
}

static int take_text(const struct flag *flag, json_t *changes, const char *value,
                     struct error *error)
{
    json_t *text = text_json(flag, value, error);

    return text == NULL ? -1 : json_object_set_new(changes, flag->key, text);
}

/* A number is noted as one, anything else as the text that the job's own check then refuses. */
static int take_number(const struct flag *flag, json_t *changes, const char *value,
                       struct error *error)
{
    json_t *number = jsontext_read(value, strlen(value), NULL);

    if (!json_is_number(number)) {
        json_decref(number);
        return take_text(flag, changes, value, error);
    }
    return json_object_set_new(changes, flag->key, number);
}

/* What may be given several times makes an array. */
static int take_item(const struct flag *flag, json_t *changes, const char *value,
                     struct error *error)
{
    json_t *text = text_json(flag, value, error);
    json_t *items = json_object_get(changes, flag->key);

    if (text == NULL) {
        return -1;
    }
    if (items == NULL) {
        items = json_array();
        json_object_set_new(changes, flag->key, items);
    }
    return json_array_append_new(items, text);
}

static int take_true(const struct flag *flag, json_t *changes, const char *value,
                     struct error *error)
{
    (void)value;
    (void)error;
    return json_object_set_new(changes, flag->key, json_true());
}

static int take_fresh(const struct flag *flag, json_t *changes, const char *value,
                      struct error *error)
{
    (void)value;
    return take_text(flag, changes, "0", error);
}

/* Sets a member of a member of changes, which is made when it is not there. */
static void set_inner(json_t *changes, const char *key, const char *member, json_t *value)
{
    json_t *object = json_object_get(changes, key);

    if (object == NULL) {
        object = json_object();
        json_object_set_new(changes, key, object);
    }
    json_object_set_new(object, member, value);
}

/* Takes "member=value" apart. Returns the value, and the member's name, which the caller frees. */
static const char *split_pair(const struct flag *flag, const char *pair, char **member,
                              struct error *error)
{
    const char *equals = strchr(pair, '=');

    if (equals == NULL || equals == pair) {
        error_set(error, ERROR_USAGE, "--%s needs NAME=VALUE, and %s is none", flag->name, pair);
        return NULL;
    }
    *member = xstrndup(pair, (size_t)(equals - pair));
    if (!utf8_valid(*member, strlen(*member))) {
        error_set(error, ERROR_DATA, "--%s: the name is not UTF-8", flag->name);
        free(*member);
        return NULL;
    }
    return equals + 1;
}

/* Whether text is an integer in JSON's sense, of any size. */
static bool is_integer(const char *text)
{
    text += *text == '-';
    return *text >= '1' && *text <= '9' && text[strspn(text, "0123456789")] == '\0';
}

/* JSON where it is JSON, else a text. An integer that JSON cannot carry exactly is no text: who
 * wants one writes its quotes. */
static json_t *param_json(const struct flag *flag, const char *text, struct error *error)
{
    json_t *value = jsontext_read(text, strlen(text), error);

    if (value == NULL && is_integer(text)) {
        error_prefix(error, "--%s", flag->name);
        return NULL;
    }
    return value != NULL ? value : text_json(flag, text, error);
}

static int take_pair(const struct flag *flag, json_t *changes, const char *pair,
                     json_t *(*read)(const struct flag *, const char *, struct error *),
                     struct error *error)
{
    char *member;
    const char *text = split_pair(flag, pair, &member, error);
    json_t *value = text != NULL ? read(flag, text, error) : NULL;

    if (value != NULL) {
        set_inner(changes, flag->key, member, value);
    }
    if (text != NULL) {
        free(member);
    }
    return value != NULL ? 0 : -1;
}

static int take_param(const struct flag *flag, json_t *changes, const char *value,
                      struct error *error)
{
    return take_pair(flag, changes, value, param_json, error);
}

static int take_meta(const struct flag *flag, json_t *changes, const char *value,
                     struct error *error)
{
    return take_pair(flag, changes, value, text_json, error);
}

static int take_schema(const struct flag *flag, json_t *changes, const char *path,
                       struct error *error)
{
    struct buffer text = {0};
    json_t *schema = NULL;

    if (input_read(path, JOB_SIZE_LIMIT, &text, error) == 0) {
        schema = jsontext_read(text.bytes != NULL ? text.bytes : "", text.length, error);
        if (schema == NULL) {
            error_prefix(error, "%s", path);
        } else if (!json_is_object(schema)) {
            error_set(error, ERROR_DATA, "%s: a JSON Schema must be an object", path);
            json_decref(schema);
            schema = NULL;
        }
    }
    buffer_free(&text);
    if (schema == NULL) {
        return -1;
    }
    set_inner(changes, flag->key, "response_format", template_schema_format(schema, false));
    json_decref(schema);
    return 0;
}

/* Variables of templates. */

static int take_variable(const struct flag *flag, json_t *changes, const char *value,
                         struct error *error)
{
    return take_pair(flag, changes, value, text_json, error);
}

/* A flag of a variable's own name. */
static int take_named(const struct flag *flag, json_t *changes, const char *value,
                      struct error *error)
{
    json_t *text = text_json(flag, value, error);

    if (text == NULL) {
        return -1;
    }
    set_inner(changes, flag->key, flag->name, text);
    return 0;
}

/* A number alone is one of words. */
static int take_length(const struct flag *flag, json_t *changes, const char *value,
                       struct error *error)
{
    char *words;
    int result;

    if (!is_integer(value) || *value == '-') {
        return take_named(flag, changes, value, error);
    }
    words = xasprintf("%s word%s", value, strcmp(value, "1") == 0 ? "" : "s");
    result = take_named(flag, changes, words, error);
    free(words);
    return result;
}

static const struct flag flags[] = {
    {"delay", "delay", take_text},
    {"expires", "expires", take_text},
    {"fallback", "fallback", take_item},
    {"fields", "variables", take_named},
    {"fresh", "max_age", take_fresh},
    {"keep", "keep", take_text},
    {"labels", "variables", take_named},
    {"length", "variables", take_length},
    {"max-age", "max_age", take_text},
    {"max-attempts", "max_attempts", take_number},
    {"meta", "metadata", take_meta},
    {"model", "model", take_text},
    {"name", "name", take_text},
    {"not-before", "not_before", take_text},
    {"on-doubt", "on_doubt", take_text},
    {"param", "params", take_param},
    {"priority", "priority", take_number},
    {"provider", "provider", take_text},
    {"sample", "sample", take_number},
    {"schema", "params", take_schema},
    {"stream", "stream", take_true},
    {"system", "system", take_text},
    {"timeout", "timeout", take_text},
    {"to", "variables", take_named},
    {"type", "type", take_text},
    {"user", "user", take_text},
    {"var", "variables", take_variable},
    {"webhook", "webhook", take_text},
};

static const struct flag *find_flag(const char *name)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(flags[i].name, name) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

int draft_flag(struct draft *draft, const char *name, const char *value, struct error *error)
{
    const struct flag *flag = find_flag(name);

    if (strcmp(name, "attach") == 0) {
        return attached_add(draft->attached, value, error);
    }
    assert(flag != NULL);
    return flag->take(flag, draft->changes, value, error);
}

json_t *draft_changes(const struct draft *draft)
{
    return draft->changes;
}

/* --- jobs ----------------------------------------------------------------------------------------
 */

/* The login name that the daemon sees behind files of ours. */
static char *own_name(void)
{
    const struct passwd *entry = getpwuid(geteuid());

    return entry != NULL ? xstrdup(entry->pw_name) : xasprintf("%u", (unsigned)geteuid());
}

struct draft *draft_new(const struct spool *spool, struct wall now)
{
    struct draft *draft = xmalloc(sizeof *draft);

    *draft = (struct draft){
        .changes = json_object(),
        .default_model = spool->default_model,
        .templates = templates_new(spool, &clock_system),
        .owner = spool->shared ? own_name() : NULL,
        .attached = attached_new(spool),
        .door = door_new(spool),
        .now = now,
    };
    return draft;
}

void draft_free(struct draft *draft)
{
    if (draft != NULL) {
        json_decref(draft->changes);
        attached_free(draft->attached);
        door_free(draft->door);
        free(draft->folder);
        templates_free(draft->templates);
        free(draft->owner);
        free(draft);
    }
}

void draft_beside(struct draft *draft, const char *path)
{
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    free(draft->folder);
    draft->folder = slash != NULL ? xstrndup(path, (size_t)(slash - path) + 1) : NULL;
}

int draft_drop_files(const struct draft *draft, const struct job *job, struct error *error)
{
    return attached_drop(draft->attached, job, error);
}

void draft_forget_files(const struct draft *draft)
{
    attached_forget(draft->attached);
}

/* The two ways to say when exclude each other: a flag takes the place of the other one in the job.
 */
static void drop_excluded(const json_t *changes, json_t *document, const char *flag,
                          const char *excluded)
{
    if (json_object_get(changes, flag) != NULL) {
        json_object_del(document, excluded);
    }
}

static void apply(json_t *changes, json_t *document)
{
    const char *key;
    json_t *value;

    drop_excluded(changes, document, "delay", "not_before");
    drop_excluded(changes, document, "not_before", "delay");
    json_object_foreach(changes, key, value)
    {
        json_t *present = json_object_get(document, key);

        if (json_is_object(value) && json_is_object(present)) {
            json_object_update(present, value);
        } else {
            json_object_set_new(document, key, json_deep_copy(value));
        }
    }
}

/* The variables of a template. */
struct variables {
    const char *names[TEMPLATE_PLACES_LIMIT];
    size_t count;
};

static int note_name(void *context, const char *name)
{
    struct variables *variables = context;

    if (variables->count < TEMPLATE_PLACES_LIMIT) {
        variables->names[variables->count++] = name;
    }
    return 0;
}

static int refuse_variable(const struct template *template, const char *name, struct error *error)
{
    struct variables variables = {.count = 0};
    struct buffer list = {0};
    const char *nearest;

    template_variables(template, note_name, &variables);
    nearest = nearest_word(name, variables.names, variables.count);
    for (size_t i = 0; i < variables.count; i++) {
        buffer_printf(&list, "%s%s", i > 0 ? ", " : "", variables.names[i]);
    }
    error_set(error, ERROR_DATA, "type %s has no variable \"%s\"%s%s%s; it has %s", template->name,
              name, nearest != NULL ? " (did you mean \"" : "", nearest != NULL ? nearest : "",
              nearest != NULL ? "\"?)" : "", list.bytes != NULL ? list.bytes : "none");
    buffer_free(&list);
    return -1;
}

/* A row of data may have more than a template takes; what a flag says is meant. */
static int check_variables(const struct draft *draft, const json_t *document, struct error *error)
{
    json_t *variables = json_object_get(draft->changes, "variables");
    const char *type = jsontext_get_text(document, "type", "chat");
    const struct template *template =
        variables != NULL && question_type(type) == NULL
            ? templates_find(draft->templates, type, NULL)
            : NULL;
    const char *name;
    const json_t *value;

    if (template != NULL) {
        json_object_foreach(variables, name, value)
        {
            if (!template_takes(template, name)) {
                return refuse_variable(template, name, error);
            }
        }
    }
    return 0;
}

/* Files for all jobs belong to what is asked, and a template makes that first. */
static int attach(const struct draft *draft, json_t *document, struct error *error)
{
    struct refusal refusal = {"bad_value", error};
    const char *type = jsontext_get_text(document, "type", "chat");
    const struct template *template;
    struct error problem;

    if (question_type(type) == NULL && attached_any(draft->attached)) {
        template = templates_find(draft->templates, type, &problem);
        if (template == NULL) {
            return expand_refuse(&problem, &refusal);
        }
        if (expand(document, template, &refusal) < 0) {
            return -1;
        }
    }
    return attached_apply(draft->attached, draft->folder, document, error);
}

int draft_check_webhook(const struct draft *draft, const char *webhook, struct error *error)
{
    return webhook != NULL ? door_check_webhook(draft->door, webhook, error) : 0;
}

/* Checks and completes a document, which it takes over, in the form in which the daemon would read
 * it. */
static struct job *read_document(const struct draft *draft, json_t *document, struct error *error)
{
    const struct job_context context = {
        .default_model = draft->default_model,
        .submitted = draft->now,
        .owner = draft->owner,
        .trusted = true, /* whether we are is for the daemon to know */
        .templates = draft->templates,
    };
    struct buffer text = {0};
    struct job *job = NULL;

    if (json_is_object(document)) {
        apply(draft->changes, document);
    }
    if (check_variables(draft, document, error) < 0 || attach(draft, document, error) < 0) {
        json_decref(document);
        return NULL;
    }
    jsontext_write(&text, document);
    json_decref(document);
    if (text.length + 1 > JOB_SIZE_LIMIT) {
        error_set(error, ERROR_DATA, "it has %zu bytes, and the limit is %d", text.length + 1,
                  JOB_SIZE_LIMIT);
    } else {
        job = job_read(text.bytes, text.length, &context, error);
        if (job != NULL && draft_check_webhook(draft, job->webhook, error) < 0) {
            job_free(job);
            job = NULL;
        }
        if (job != NULL) {
            attached_measure(draft->attached, job);
        }
    }
    buffer_free(&text);
    return job;
}

/* Where the first byte is that is no text for a prompt; length when all is. */
static size_t text_end(const char *text, size_t length)
{
    size_t at = 0;

    while (at < length && text[at] != '\0') {
        size_t sequence = utf8_sequence(text + at, length - at);

        if (sequence == 0) {
            break;
        }
        at += sequence;
    }
    return at;
}

/* The key of a job that a text on its own is for. */
static const char *text_key(const struct draft *draft)
{
    const char *type = jsontext_get_text(draft->changes, "type", "");

    return strcmp(type, "embed") == 0 ? "input" : "prompt";
}

struct job *draft_prompt(const struct draft *draft, const char *text, size_t length,
                         struct error *error)
{
    const char *key = text_key(draft);
    size_t end = text_end(text, length);

    if (end < length) {
        error_set(error, ERROR_DATA, "the %s is not text in UTF-8: byte %zu is %s", key, end + 1,
                  text[end] == '\0' ? "NUL" : "not part of a character");
        return NULL;
    }
    return read_document(draft, json_pack("{s:o}", key, json_stringn(text, length)), error);
}

struct job *draft_whole(const struct draft *draft, const char *text, size_t length,
                        struct error *error)
{
    json_t *document = jsontext_read(text, length, error);

    return document != NULL ? read_document(draft, document, error) : NULL;
}
