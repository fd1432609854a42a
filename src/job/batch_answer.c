/* SPDX-License-Identifier: GPL-2.0-or-later */
/* batch_answer: a line of a batch's output.jsonl or errors.jsonl, in the form of OpenAI's Batch API. */
#include "job/batch_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/sha256.h"

#define ID_BEGIN "{\"id\":\"batch_req_"

enum { POSITION_DIGITS = 16, BEGIN_SIZE = sizeof ID_BEGIN - 1 };

/* --- names ------------------------------------------------------------------------------------------ */

static void write_begin(struct buffer *out, const struct batch_place *place)
{
    static const struct id none;
    char hex[ID_TEXT_SIZE];
    id_write(place->id != NULL ? place->id : &none, hex);
    buffer_printf(out, ID_BEGIN "%s%0*" PRIx64 "\",\"custom_id\":", hex, POSITION_DIGITS,
                  place->position);
    jsontext_write_string(out, place->custom_id, strlen(place->custom_id));
}

bool batch_answer_place(const char *text, size_t length, struct id *id, uint64_t *position)
{
    unsigned char bytes[POSITION_DIGITS / 2];
    const char *hex = text + BEGIN_SIZE;
    if (length < BEGIN_SIZE + ID_TEXT_SIZE - 1 + POSITION_DIGITS ||
        memcmp(text, ID_BEGIN, BEGIN_SIZE) != 0 || !hex_read(hex, id->bytes, ID_SIZE) ||
        !hex_read(hex + ID_TEXT_SIZE - 1, bytes, sizeof bytes)) {
        return false;
    }
    *position = 0;
    for (size_t i = 0; i < sizeof bytes; i++) {
        *position = *position << 8 | bytes[i];
    }
    return true;
}

/* --- answers ---------------------------------------------------------------------------------------- */

/* response: consumed, or NULL. code: of an error without a response. */
static void write_line(struct buffer *out, const struct batch_place *place, json_t *response,
                       const char *code, const char *message)
{
    json_t *error = code != NULL ? json_pack("{s:s, s:s}", "code", code, "message", message)
                                 : json_null();
    write_begin(out, place);
    buffer_text(out, ",\"response\":");
    if (response == NULL) {
        response = json_null();
    }
    jsontext_write(out, response);
    buffer_text(out, ",\"error\":");
    jsontext_write(out, error);
    buffer_text(out, "}\n");
    json_decref(response);
    json_decref(error);
}

static json_t *new_response(json_int_t status, const char *request_id, json_t *body)
{
    return json_pack("{s:I, s:s, s:o}", "status_code", status, "request_id",
                     request_id != NULL ? request_id : "", "body", body);
}

void batch_answer_write(struct buffer *out, const struct batch_place *place, json_t *body,
                        const char *request_id)
{
    write_line(out, place, new_response(200, request_id, json_incref(body)), NULL, NULL);
}

/* --- failures --------------------------------------------------------------------------------------- */

/* OpenAI's word for the kind of an error. */
static const char *type_of(json_int_t status)
{
    switch (status) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 429:
        return "rate_limit_error";
    default:
        return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

static json_t *error_body(json_int_t status, const char *code, const char *message)
{
    return json_pack("{s:{s:s, s:s, s:n, s:s}}", "error", "message", message, "type",
                     type_of(status), "param", "code", code);
}

/* What OpenAI calls an end that no answer brought. */
static const char *code_of(const json_t *record)
{
    static const char *const words[][2] = {
        {"expired", "batch_expired"},
        {"cancelled", "batch_cancelled"},
    };
    const char *status = jsontext_get_text(record, "status", "");
    const char *reason = jsontext_get_text(record, "reason", "failed");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(status, words[i][0]) == 0) {
            return words[i][1];
        }
    }
    return strstr(reason, "timeout") != NULL ? "request_timeout" : reason;
}

/* A failure that the provider answered with: its own status, code and words. */
static json_t *provider_response(const json_t *record)
{
    const json_t *attempts = json_object_get(record, "attempts");
    size_t count = json_array_size(attempts);
    const json_t *last = count > 0 ? json_array_get(attempts, count - 1) : NULL;
    json_int_t status = jsontext_get_int(last, "http_status", 0);
    if (status < 400 || strcmp(jsontext_get_text(record, "status", ""), "failed") != 0) {
        return NULL;
    }
    const char *message = jsontext_get_text(record, "message", "");
    const char *reason = jsontext_get_text(record, "reason", "failed");
    return new_response(status, jsontext_get_text(last, "request_id", NULL),
                        error_body(status, jsontext_get_text(last, "code", reason),
                                   jsontext_get_text(last, "message", message)));
}

void batch_answer_write_error(struct buffer *out, const struct batch_place *place,
                              const json_t *record)
{
    const char *message = jsontext_get_text(record, "message", "");
    json_t *response;
    if (record == NULL) {
        write_line(out, place, NULL, "not_found",
                   "The job and its answer are not in the spool any more.");
        return;
    }
    if (strcmp(jsontext_get_text(record, "status", ""), "refused") == 0) {
        const char *reason = jsontext_get_text(record, "reason", "bad_job");
        write_line(out, place, new_response(400, NULL, error_body(400, reason, message)), NULL,
                   NULL);
        return;
    }
    response = provider_response(record);
    write_line(out, place, response, response == NULL ? code_of(record) : NULL, message);
}
