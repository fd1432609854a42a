/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dialect: OpenAI's, Azure's and Anthropic's. */
#include "mock/dialect.h"

#include <stddef.h>
#include <string.h>

#include "base/jsontext.h"

static void write_text(struct buffer *out, const char *text)
{
    if (text != NULL) {
        jsontext_write_string(out, text, strlen(text));
    } else {
        buffer_text(out, "null");
    }
}

static void write_openai(struct buffer *out, const struct dialect_error *error)
{
    buffer_text(out, "{\"error\":{\"message\":");
    write_text(out, error->message);
    buffer_text(out, ",\"type\":");
    write_text(out, error->type);
    buffer_text(out, ",\"param\":");
    write_text(out, error->param);
    buffer_text(out, ",\"code\":");
    write_text(out, error->code);
    buffer_text(out, "}}\n");
}

static bool has_code(const struct dialect_error *error, const char *code)
{
    return error->code != NULL && strcmp(error->code, code) == 0;
}

/* The service says why it blocked a prompt in a member of its own. */
static void write_azure_filter(struct buffer *out, const struct dialect_error *error)
{
    buffer_text(out, "{\"error\":{\"message\":");
    write_text(out, error->message);
    buffer_text(out,
                ",\"type\":null,\"param\":\"prompt\",\"code\":\"content_filter\",\"status\":400,"
                "\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\","
                "\"content_filter_result\":{\"hate\":{\"filtered\":false,\"severity\":\"safe\"},"
                "\"violence\":{\"filtered\":true,\"severity\":\"high\"}}}}}\n");
}

/* What the gateway answers has two members and the status as its code; what the model's server
 * answers looks like OpenAI's. */
static void write_azure(struct buffer *out, const struct dialect_error *error)
{
    const char *code = NULL;

    if (error->status == 401) {
        code = "401";
    } else if (error->status == 404) {
        code = has_code(error, "model_not_found") ? "DeploymentNotFound" : "404";
    } else if (error->status == 429 && !has_code(error, "insufficient_quota")) {
        code = "429";
    }
    if (has_code(error, "content_filter")) {
        write_azure_filter(out, error);
    } else if (code == NULL) {
        write_openai(out, error);
    } else {
        buffer_printf(out, "{\"error\":{\"code\":\"%s\",\"message\":", code);
        write_text(out, error->message);
        buffer_text(out, "}}\n");
    }
}

/* The service has a type for each status (its documentation, "Errors"). */
static const char *anthropic_type(const struct dialect_error *error)
{
    static const struct {
        unsigned status;
        const char *type;
    } types[] = {
        {400, "invalid_request_error"}, {401, "authentication_error"},
        {402, "billing_error"},         {403, "permission_error"},
        {404, "not_found_error"},       {408, "timeout_error"},
        {409, "conflict_error"},        {413, "request_too_large"},
        {422, "invalid_request_error"}, {429, "rate_limit_error"},
        {504, "timeout_error"},         {529, "overloaded_error"},
    };

    if (strcmp(error->type, "overloaded_error") == 0) {
        return error->type;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].status == error->status) {
            return types[i].type;
        }
    }
    return error->status >= 400 && error->status < 500 ? "invalid_request_error" : "api_error";
}

static void write_anthropic(struct buffer *out, const struct dialect_error *error)
{
    buffer_printf(
        out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", anthropic_type(error));
    write_text(out, error->message);
    if (has_code(error, "enforced_spend_limit_reached")) {
        buffer_printf(out, ",\"details\":{\"error_code\":\"%s\"}", error->code);
    }
    buffer_printf(out, "},\"request_id\":\"%s\"}\n", error->request_id);
}

const struct dialect dialect_openai = {
    .id_header = "x-request-id",
    .no_key = "You didn't provide an API key. Put it into the Authorization header: "
              "Authorization: Bearer YOUR_KEY.",
    .bad_key = "Incorrect API key provided.",
    .unknown_model = {"The model `", "` does not exist or you do not have access to it."},
    .in_milliseconds = true,
    .write_error = write_openai,
};

const struct dialect dialect_azure = {
    .key_header = "api-key",
    .id_header = "x-request-id",
    .no_key = "Access denied due to missing subscription key. Make sure to include subscription "
              "key when making requests to an API.",
    .bad_key = "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
               "provide a valid key for an active subscription and use a correct regional API "
               "endpoint for your resource.",
    .unknown_model = {"The API deployment ",
                      " for this resource does not exist. If you created the deployment within "
                      "the last 5 minutes, please wait a moment and try again."},
    .in_milliseconds = true,
    .write_error = write_azure,
};

const struct dialect dialect_anthropic = {
    .key_header = "x-api-key",
    .id_header = "request-id",
    .no_key = "x-api-key header is required",
    .bad_key = "invalid x-api-key",
    .unknown_model = {"model: ", ""},
    .dated_limits = true,
    .write_error = write_anthropic,
};
