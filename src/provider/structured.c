/* SPDX-License-Identifier: GPL-2.0-or-later */
/* structured: answers that a job wants in the form of a JSON Schema of its own. */
#include "provider/structured.h"

#include <string.h>

#include "base/jsontext.h"
#include "job/label.h"
#include "provider/schema.h"

/* What the params say of the form of the answer, borrowed, or NULL. */
static const json_t *find_format(const struct job *job)
{
    const json_t *params = json_object_get(job->document, "params");
    const json_t *places[] = {
        json_object_get(params, "response_format"),
        json_object_get(json_object_get(params, "text"), "format"),
        json_object_get(json_object_get(params, "output_config"), "format"),
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (json_is_object(places[i])) {
            return places[i];
        }
    }
    return NULL;
}

bool structured_wanted(const struct job *job)
{
    const char *type = jsontext_get_text(find_format(job), "type", "");
    return strcmp(type, "json_object") == 0 || strcmp(type, "json_schema") == 0;
}

const json_t *structured_schema(const struct job *job)
{
    const json_t *format = find_format(job);
    const json_t *named = json_object_get(format, "json_schema");
    if (strcmp(jsontext_get_text(format, "type", ""), "json_schema") != 0) {
        return NULL;
    }
    return json_object_get(named != NULL ? named : format, "schema");
}

const json_t *structured_labels(const struct job *job)
{
    return label_format(
        json_object_get(json_object_get(job->document, "params"), "response_format"));
}

bool structured_is_ours(const char *name, const json_t *value)
{
    return strcmp(name, "response_format") == 0 && label_format(value) != NULL;
}

/* Several choices are an array, in which null stands for one without text. */
static bool has_several(const struct job *job, const struct answer *answer)
{
    const json_t *params = json_object_get(job->document, "params");
    return json_is_array(answer->output) &&
           (jsontext_get_int(params, "n", 1) > 1 ||
            json_array_size(json_object_get(answer->response, "choices")) > 1);
}

int structured_check(const struct job *job, const struct answer *answer, struct error *error)
{
    const json_t *schema = structured_schema(job);
    size_t i;
    const json_t *output;
    if (schema == NULL) {
        return 0;
    }
    if (!has_several(job, answer)) {
        bool other = answer->tool_calls != NULL || answer->refusal != NULL;
        return other ? 0 : schema_check(schema, answer->output, error);
    }
    json_array_foreach (answer->output, i, output) {
        const json_t *calls = json_array_get(answer->tool_calls, i);
        bool other = json_is_null(output) || json_is_array(calls);
        if (!other && schema_check(schema, output, error) != 0) {
            error_prefix(error, "choice %zu", i);
            return -1;
        }
    }
    return 0;
}
