/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_structured: answers that a job wants in the form of a JSON Schema of its own. */
#include "unit.h"

#include "exchange.h"

#include "provider/structured.h"

#define SCHEMA "{'type':'object','properties':{'age':{'type':'integer'}},'required':['age']}"
#define FORMAT                                                                                     \
    "'response_format':{'type':'json_schema','json_schema':{'name':'a','schema':" SCHEMA "}}"
#define JOB   "{'prompt':'x','params':{" FORMAT "}}"
#define TWO   "{'prompt':'x','params':{" FORMAT ",'n':2}}"
#define LOOSE "{'prompt':'x','params':{'response_format':{'type':'json_object'}}}"

#define CHOICE(content) "{'message':{'content':" content "},'finish_reason':'stop'}"
#define ANSWER(content) "{'choices':[" CHOICE(content) "]}"
#define CALL            "{'id':'c','type':'function','function':{'name':'f','arguments':''}}"
#define AGE(n)          "'{\\u0022age\\u0022:" n "}'"

static void an_answer_is_held_to_the_schema_of_its_job(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB, ANSWER(AGE("7")), "{'age':7}||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {JOB, ANSWER(AGE("7.5")), PROVIDER_SCHEMA, OUTCOME_UNUSABLE, 0},
        {JOB, ANSWER("'{}'"), PROVIDER_SCHEMA, OUTCOME_UNUSABLE, 0},
        {JOB, ANSWER("'null'"), PROVIDER_SCHEMA, OUTCOME_UNUSABLE, 0},
        {JOB, ANSWER("'age: 7'"), PROVIDER_INVALID_JSON, OUTCOME_UNUSABLE, 0},
        {LOOSE, ANSWER("'{}'"), "{}||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {"{'prompt':'x','params':{'response_format':{'type':'text'}}}", ANSWER("'7'"),
         "'7'||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {"{'prompt':'x','params':{'response_format':{'type':'json_schema'}}}", ANSWER("'7'"),
         "7||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
    };
    (void)state;
    exchange_check_answers(provider_find("openai", "chat"), rows, UNIT_COUNT(rows));
}

static void each_of_several_choices_is(void **state)
{
    static const struct exchange_answer rows[] = {
        {TWO, "{'choices':[" CHOICE(AGE("7")) "," CHOICE(AGE("8")) "]}",
         "[{'age':7},{'age':8}]||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {TWO, "{'choices':[" CHOICE(AGE("7")) "," CHOICE("'{}'") "]}", PROVIDER_SCHEMA,
         OUTCOME_UNUSABLE, 0},
        {JOB, "{'choices':[" CHOICE(AGE("7")) "," CHOICE("'{}'") "]}", PROVIDER_SCHEMA,
         OUTCOME_UNUSABLE, 0},
        {TWO,
         "{'choices':[" CHOICE(AGE("7")) ",{'message':{'content':'see','tool_calls':[" CALL
                                         "]},'finish_reason':'tool_calls'}]}",
         "[{'age':7},'see'] [null,[" CALL "]]||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
    };
    (void)state;
    exchange_check_answers(provider_find("openai", "chat"), rows, UNIT_COUNT(rows));
}

static void refusals_and_calls_are_not(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB, "{'choices':[{'message':{'content':null,'refusal':'no'},'finish_reason':'stop'}]}",
         "null|no|stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {JOB,
         "{'choices':[{'message':{'content':null,'tool_calls':[" CALL
         "]},'finish_reason':'tool_calls'}]}",
         "null [" CALL "]||tool_calls|0|-1/-1/-1/-1", OUTCOME_OK, 0},
    };
    (void)state;
    exchange_check_answers(provider_find("openai", "chat"), rows, UNIT_COUNT(rows));
}

static void the_sentence_tells_where_and_what(void **state)
{
    struct job *job = exchange_job(TWO);
    struct answer answer = {.output = json_pack("[{s:i},{}]", "age", 7)};
    struct error error = {0};
    (void)state;
    assert_int_equal(structured_check(job, &answer, &error), -1);
    assert_string_equal(error.text,
                        "choice 1: $ does not fit \"required\": it has no member \"age\"");
    answer_clear(&answer);
    job_free(job);
}

static void a_schema_is_found_where_any_protocol_has_it(void **state)
{
    static const struct {
        const char *params;
        bool wanted, schema;
    } rows[] = {
        {"{}", false, false},
        {"{" FORMAT "}", true, true},
        {"{'text':{'format':{'type':'json_schema','name':'a','schema':{}}}}", true, true},
        {"{'output_config':{'format':{'type':'json_schema','schema':{}}}}", true, true},
        {"{'text':{'format':{'type':'json_object'}}}", true, false},
        {"{'text':{'format':{'type':'text'}}}", false, false},
        {"{'response_format':'json'}", false, false},
    };
    char text[500];
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        snprintf(text, sizeof text, "{'prompt':'x','params':%s}", rows[i].params);
        struct job *job = exchange_job(text);
        assert_true(structured_wanted(job) == rows[i].wanted);
        assert_true((structured_schema(job) != NULL) == rows[i].schema);
        job_free(job);
    }
}

#define LABELS "'params':{'response_format':{'type':'labels','labels':['Yes','no']}}"
#define LABELLED "{'prompt':'x'," LABELS "}"

static void an_answer_is_one_of_the_labels(void **state)
{
    static const struct exchange_answer rows[] = {
        {LABELLED, ANSWER("'yes.'"), "'Yes'||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {LABELLED, ANSWER("' no'"), "'no'||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {LABELLED, ANSWER("'maybe'"), PROVIDER_NO_LABEL, OUTCOME_UNUSABLE, 0},
        {LABELLED, "{'choices':[" CHOICE("'yes'") "," CHOICE("'No!'") "]}", PROVIDER_NO_LABEL,
         OUTCOME_UNUSABLE, 0},
        {LABELLED, "{'choices':[" CHOICE("'yes'") "," CHOICE("'No'") "]}",
         "['Yes','no']||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {LABELLED, "{'choices':[{'message':{'content':null,'refusal':'r'},'finish_reason':'stop'}]}",
         "null|r|stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
    };
    (void)state;
    exchange_check_answers(provider_find("openai", "chat"), rows, UNIT_COUNT(rows));
}

/* The form is ours: what a provider gets says nothing of it. */
static void no_provider_sees_the_labels(void **state)
{
    static const struct {
        const char *protocol, *type, *job;
    } rows[] = {
        {"openai", "chat", LABELLED},
        {"openai", "completion", "{'type':'completion','prompt':'x'," LABELS "}"},
        {"openai-responses", "chat", LABELLED},
        {"anthropic", "chat", LABELLED},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        struct job *job = exchange_job(rows[i].job);
        const struct provider *provider = provider_find(rows[i].protocol, rows[i].type);
        struct provider_request request = {0};
        struct error error = {0};
        assert_non_null(provider);
        if (provider->build(job, &(struct provider_ask){.model = "m"}, &request, &error) != 0) {
            fail_msg("%s: %s", rows[i].protocol, error.text);
        }
        assert_null(strstr(request.body.bytes, "format"));
        assert_null(strstr(request.body.bytes, "labels"));
        provider_request_clear(&request);
        job_free(job);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_held_to_the_schema_of_its_job),
        cmocka_unit_test(each_of_several_choices_is),
        cmocka_unit_test(refusals_and_calls_are_not),
        cmocka_unit_test(the_sentence_tells_where_and_what),
        cmocka_unit_test(an_answer_is_one_of_the_labels),
        cmocka_unit_test(no_provider_sees_the_labels),
        cmocka_unit_test(a_schema_is_found_where_any_protocol_has_it),
    };
    xalloc_jansson();
    return UNIT_RUN(tests);
}
