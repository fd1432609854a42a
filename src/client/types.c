/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * types: see types.h.
 */
#include "client/types.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/jsontext.h"
#include "base/xalloc.h"
#include "client/show.h"
#include "job/templates.h"

enum { INDENT = 4 };

/* Those that are no templates. */
static const struct plain {
    const char *name, *asks, *description;
} plain[] = {
    {"chat", "prompt", "A chat, as without a type."},
    {"completion", "prompt", "The text that comes after a prompt."},
    {"embed", "input", "The vector of a text."},
};

/* --- what is known of a type, as JSON ----------------------------------------------------------- */

static json_t *plain_json(const struct plain *type)
{
    return json_pack("{s:s, s:s, s:s, s:[{s:s, s:b}]}", "type", type->name, "from", "llmspool",
                     "description", type->description, "variables", "name", type->asks, "required",
                     1);
}

struct listing {
    const struct template *template;
    json_t *variables;
};

static int list_variable(void *context, const char *name)
{
    struct listing *listing = context;
    bool required;
    json_t *otherwise = template_default(listing->template, name, &required);
    const json_t *declared = json_object_get(listing->template->variables, name);
    json_t *variable = json_pack("{s:s, s:b}", "name", name, "required", required);

    json_object_set(variable, "default", otherwise);
    json_object_set(variable, "description", json_object_get(declared, "description"));
    return json_array_append_new(listing->variables, variable);
}

static json_t *template_json(const struct template *template)
{
    static const char *const outputs[] = {
        [TEMPLATE_OUTPUT_TEXT] = "text",
        [TEMPLATE_OUTPUT_SCHEMA] = "schema",
        [TEMPLATE_OUTPUT_FIELDS] = "fields",
        [TEMPLATE_OUTPUT_LABELS] = "labels",
    };
    struct listing listing = {.template = template, .variables = json_array()};
    json_t *type = json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", template->name, "from",
                             template->built_in ? "built_in" : "spool", "makes", template->type,
                             "output", outputs[template->output], "sha256", template->sha256);

    if (template->description != NULL) {
        json_object_set_new(type, "description", json_string(template->description));
    }
    template_variables(template, list_variable, &listing);
    json_object_set_new(type, "variables", listing.variables);
    return type;
}

/* All types, as an array. */
static json_t *all_types(const struct spool *spool)
{
    struct templates *templates = templates_new(spool, &clock_system);
    json_t *types = json_array();
    size_t count;
    char **names = templates_names(templates, &count);

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        json_array_append_new(types, plain_json(&plain[i]));
    }
    for (size_t i = 0; i < count; i++) {
        struct error error;
        const struct template *template = templates_find(templates, names[i], &error);

        json_array_append_new(types, template != NULL
                                         ? template_json(template)
                                         : json_pack("{s:s, s:s, s:s}", "type", names[i], "from",
                                                     "spool", "error", error.text));
        free(names[i]);
    }
    free(names);
    templates_free(templates);
    return types;
}

/* --- for a person ------------------------------------------------------------------------------- */

static const char *where_from(const json_t *type, char **owned)
{
    const char *from = jsontext_get_text(type, "from", "");

    *owned = NULL;
    if (strcmp(from, "spool") != 0) {
        return strcmp(from, "built_in") == 0 ? "built in" : "no template";
    }
    *owned = xasprintf("%s/%s.json", folder_name(FOLDER_TEMPLATES),
                       jsontext_get_text(type, "type", ""));
    return *owned;
}

static void print_variable(const struct screen *screen, const json_t *variable)
{
    const json_t *otherwise = json_object_get(variable, "default");
    const char *description = jsontext_get_text(variable, "description", "");
    struct buffer text = {0};
    struct buffer label = {0};

    buffer_text(&text, description);
    if (otherwise != NULL) {
        buffer_text(&text, *description != '\0' ? "; " : "");
        if (json_is_string(otherwise)) {
            buffer_text(&text, json_string_value(otherwise));
        } else {
            jsontext_write(&text, otherwise);
        }
        buffer_text(&text, " when not said");
    } else if (!jsontext_get_bool(variable, "required", true)) {
        buffer_text(&text, *description != '\0' ? "; may be left out" : "may be left out");
    }
    buffer_printf(&label, "%*s%s  ", INDENT, "", jsontext_get_text(variable, "name", ""));
    screen_paragraph(screen, TONE_PLAIN, label.bytes, 2 * INDENT,
                     text.bytes != NULL ? text.bytes : "");
    buffer_free(&label);
    buffer_free(&text);
}

static void print_type(const struct screen *screen, const json_t *type)
{
    const char *trouble = jsontext_get_text(type, "error", NULL);
    const char *description = jsontext_get_text(type, "description", trouble);
    char *owned;
    size_t i;
    const json_t *variable;

    screen_line(screen, TONE_STRONG, "%s (%s)", jsontext_get_text(type, "type", ""),
                where_from(type, &owned));
    free(owned);
    if (description != NULL) {
        screen_paragraph(screen, trouble != NULL ? TONE_BAD : TONE_PLAIN, "    ", INDENT,
                         description);
    }
    json_array_foreach(json_object_get(type, "variables"), i, variable)
    {
        print_variable(screen, variable);
    }
}

void types_print(const struct spool *spool, bool json, const struct screen *screen)
{
    json_t *types = all_types(spool);
    size_t i;
    const json_t *type;

    json_array_foreach(types, i, type)
    {
        if (json) {
            show_json(screen->out, type);
        } else {
            print_type(screen, type);
        }
    }
    json_decref(types);
}
