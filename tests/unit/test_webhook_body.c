/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_webhook_body: what webhooks say, within their bound. */
#include "unit.h"

#include <jansson.h>

#include "base/jsontext.h"
#include "daemon/webhook_body.h"

static const struct webhook_debt debt = {
    .id = "00112233",
    .run = 2,
    .event = "completed",
    .record = "done/00112233.v2.json",
    .time = "2026-12-01T03:00:00.000Z",
};

/* The body for a record (NULL: none), parsed. */
static json_t *told(const char *record, size_t limit, const char *public_url)
{
    struct buffer body = {0}, again = {0};
    const struct jsonspan span = {record, record != NULL ? strlen(record) : 0};
    const struct webhook_form form = {.limit = limit, .public_url = public_url};
    webhook_body_write(&body, &debt, span, &form);
    webhook_body_write(&again, &debt, span, &form);
    assert_int_equal(body.length, again.length);
    assert_memory_equal(body.bytes, again.bytes, body.length);
    json_t *document = jsontext_read(body.bytes, body.length, NULL);
    assert_non_null(document);
    assert_true(record == NULL || limit < 1000 || body.length <= limit);
    buffer_free(&body);
    buffer_free(&again);
    return document;
}

static void assert_text(const json_t *object, const char *key, const char *text)
{
    assert_string_equal(jsontext_get_text(object, key, "(none)"), text);
}

static void a_record_is_told(void **state)
{
    json_t *body = told("{\"id\":\"00112233\",\"version\":2,\"status\":\"completed\","
                        "\"output\":{\"a\":[1,\"\\u20ac \xe2\x82\xac\"]},\"finish_reason\":\"stop\","
                        "\"truncated\":false,\"model\":{\"asked\":\"m\",\"answered\":\"m-1\"},"
                        "\"metadata\":{\"k\":\"v\"},\"names\":[\"n\"],\"attempts\":[{\"n\":1}],"
                        "\"response\":{\"secret\":1},\"sha256\":\"ff\"}",
                        20480, "https://llm.example");
    const json_t *data = json_object_get(body, "data");
    (void)state;
    assert_text(body, "type", "job.completed");
    assert_text(body, "timestamp", "2026-12-01T03:00:00.000Z");
    assert_text(data, "id", "00112233");
    assert_int_equal(jsontext_get_int(data, "run", 0), 2);
    assert_text(data, "record", "done/00112233.v2.json");
    assert_text(data, "url", "https://llm.example/v1/jobs/00112233");
    assert_text(data, "status", "completed");
    const json_t *list = json_object_get(json_object_get(data, "output"), "a");
    assert_string_equal(json_string_value(json_array_get(list, 1)),
                        "\xe2\x82\xac \xe2\x82\xac");
    assert_text(json_object_get(data, "model"), "answered", "m-1");
    assert_text(json_object_get(data, "metadata"), "k", "v");
    assert_null(json_object_get(data, "omitted"));
    assert_null(json_object_get(data, "attempts"));
    assert_null(json_object_get(data, "response"));
    json_decref(body);
}

static void an_error_file_names_its_model_as_an_output_does(void **state)
{
    json_t *body = told("{\"id\":\"00112233\",\"run\":2,\"status\":\"failed\",\"model\":\"m\","
                        "\"reason\":\"http_400\",\"message\":\"no\"}",
                        20480, NULL);
    const json_t *data = json_object_get(body, "data");
    (void)state;
    assert_text(json_object_get(data, "model"), "asked", "m");
    assert_true(json_is_null(json_object_get(json_object_get(data, "model"), "answered")));
    assert_text(data, "reason", "http_400");
    assert_null(json_object_get(data, "url"));
    json_decref(body);
}

static void what_is_too_large_is_left_out_and_named(void **state)
{
    char record[8000];
    (void)state;
    (void)snprintf(record, sizeof record,
                   "{\"status\":\"completed\",\"output\":\"%04000d\",\"metadata\":{\"k\":\"v\"},"
                   "\"message\":\"%02000d\",\"truncated\":false}",
                   0, 0);
    json_t *body = told(record, 20480, NULL);
    assert_null(json_object_get(json_object_get(body, "data"), "omitted"));
    json_decref(body);

    body = told(record, 4096, NULL);
    const json_t *data = json_object_get(body, "data");
    assert_null(json_object_get(data, "output"));
    assert_non_null(json_object_get(data, "message"));
    assert_text(json_object_get(data, "metadata"), "k", "v");
    assert_int_equal(json_array_size(json_object_get(data, "omitted")), 1);
    assert_string_equal(json_string_value(json_array_get(json_object_get(data, "omitted"), 0)),
                        "output");
    assert_false(jsontext_get_bool(data, "truncated", true)); /* of the answer, not of this */
    json_decref(body);

    body = told(record, 1024, NULL);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(body, "data"), "omitted")), 2);
    json_decref(body);
}

static void the_smallest_bound_leaves_what_matters(void **state)
{
    json_t *body = told("{\"status\":\"completed\",\"output\":\"x\",\"model\":{\"asked\":\"m\"},"
                        "\"user\":\"u\",\"truncated\":true}",
                        1, NULL);
    const json_t *data = json_object_get(body, "data");
    (void)state;
    assert_text(data, "status", "completed");
    assert_true(jsontext_get_bool(data, "truncated", false));
    assert_int_equal(json_array_size(json_object_get(data, "omitted")), 3);
    json_decref(body);
}

static void without_a_record_the_debt_is_told(void **state)
{
    static const char *const none[] = {NULL, "", "{", "[1]", "{\"status\":\"completed\""};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(none); i++) {
        json_t *body = told(none[i], 20480, NULL);
        const json_t *data = json_object_get(body, "data");
        assert_text(data, "id", "00112233");
        assert_text(data, "status", "completed");
        assert_null(json_object_get(data, "output"));
        json_decref(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_told),
        cmocka_unit_test(an_error_file_names_its_model_as_an_output_does),
        cmocka_unit_test(what_is_too_large_is_left_out_and_named),
        cmocka_unit_test(the_smallest_bound_leaves_what_matters),
        cmocka_unit_test(without_a_record_the_debt_is_told),
    };
    return UNIT_RUN(tests);
}
