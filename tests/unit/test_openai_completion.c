/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_openai_completion: OpenAI's text completions. */
#include "unit.h"

#include "exchange.h"

#define JOB            "{'type':'completion','model':'b','prompt':'Once'}"
#define JOB_OF(params) "{'type':'completion','model':'b','prompt':'Once','params':" params "}"

static const struct provider *completion(void)
{
    const struct provider *provider = provider_find("openai", "completion");
    assert_non_null(provider);
    return provider;
}

static void a_prompt_is_sent_as_it_is(void **state)
{
    static const struct exchange_request rows[] = {
        {JOB, "{'model':'b','prompt':'Once'}", {0}},
        {JOB, "{'model':'c','prompt':'Once'}", {.model = "c"}},
        {JOB_OF("{'max_tokens':9,'n':2,'echo':true,'model_options':{}}"),
         "{'model':'b','prompt':'Once','n':2,'echo':true,'model_options':{},'max_tokens':9}",
         {0}},
        {JOB_OF("{'max_tokens':9}"),
         "{'model':'b','prompt':'Once','max_tokens':20}",
         {.max_tokens = 20}},
        {JOB_OF("{'max_completion_tokens':9}"),
         "{'model':'b','prompt':'Once','max_tokens':9}",
         {0}},
        {JOB_OF("{'prompt':'other','stream_options':{}}"), "{'model':'b','prompt':'Once'}", {0}},
        {"{'type':'completion','model':'gpt-5','prompt':'x','user':'alice',"
         "'params':{'max_tokens':1}}",
         "{'model':'gpt-5','prompt':'x','max_tokens':1,'user':'alice','stream':true,"
         "'stream_options':{'include_usage':true}}",
         {.stream = true}},
        {"{'type':'embed','model':'e','input':'x'}", "needs a \"prompt\"", {0}},
    };
    struct provider_request request;
    struct job *job = exchange_job(JOB);
    const struct provider_ask ask = {.model = "b"};
    (void)state;
    exchange_check_requests(completion(), rows, UNIT_COUNT(rows));
    assert_int_equal(completion()->build(job, &ask, &request, NULL), 0);
    assert_string_equal(request.path, "/completions");
    provider_request_clear(&request);
    job_free(job);
}

static void texts_are_read(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB,
         "{'object':'text_completion','model':'b','choices':[{'text':' upon a time','index':0,"
         "'logprobs':null,'finish_reason':'length'}],'usage':{'prompt_tokens':1,"
         "'completion_tokens':3,'total_tokens':4}}",
         "' upon a time'||length|1|1/3/-1/-1", OUTCOME_OK, 0},
        {JOB, "{'choices':[{'text':'','finish_reason':'stop'}]}", "''||stop|0|-1/-1/-1/-1",
         OUTCOME_OK, 0},
        {JOB_OF("{'n':2}"),
         "{'choices':[{'text':'b','index':1,'finish_reason':'stop'},{'text':'a','index':0,"
         "'finish_reason':'stop'}]}",
         "['a','b']||stop|0|-1/-1/-1/-1", OUTCOME_OK, 0},
        {JOB_OF("{'response_format':{'type':'json_object'}}"),
         "{'choices':[{'text':'{}','finish_reason':'stop'}]}", "{}||stop|0|-1/-1/-1/-1", OUTCOME_OK,
         0},
        {JOB, "{'choices':[]}", "no_choices", OUTCOME_UNUSABLE, 0},
        {JOB, "[1,2]", "no_choices", OUTCOME_UNUSABLE, 0},
        {JOB, "{'choices':[7]}", "no_message", OUTCOME_UNUSABLE, 0},
        {JOB, "{'choices':[{'finish_reason':'stop'}]}", "no_message", OUTCOME_UNUSABLE, 0},
        {JOB, "{'choices':[{'text':null,'finish_reason':'stop'}]}", "no_content", OUTCOME_UNUSABLE,
         0},
        {JOB, "{'choices':[{'text':'a','finish_reason':null}]}", "no_finish_reason",
         OUTCOME_UNUSABLE, 0},
        {JOB, "<html>", "http_502", OUTCOME_TRANSIENT, 502},
    };
    (void)state;
    exchange_check_answers(completion(), rows, UNIT_COUNT(rows));
}

static void the_response_is_kept_as_it_came(void **state)
{
    struct job *job = exchange_job(JOB);
    char *body = exchange_json("{'choices':[{'text':'a','finish_reason':'stop'}],'x':1}");
    const struct provider_reply reply = {.status = 200, .body = body, .body_length = strlen(body)};
    struct answer answer;
    struct buffer response = {0};
    (void)state;
    assert_int_equal(completion()->read(job, &reply, exchange_now, &answer).outcome, OUTCOME_OK);
    jsontext_write(&response, answer.response);
    assert_string_equal(response.bytes, body);
    buffer_free(&response);
    answer_clear(&answer);
    free(body);
    job_free(job);
}

#define CHUNK(choices) "data: {'object':'text_completion','model':'b','choices':[" choices "]}\n\n"

static void streams_are_put_together(void **state)
{
    static const struct exchange_stream_row rows[] = {
        {{JOB,
          CHUNK("{'text':' upon','index':0,'finish_reason':null}")
              CHUNK("{'text':' a time','index':0,'finish_reason':null}")
                  CHUNK("{'text':'','index':0,'finish_reason':'stop'}") "data: "
                                                                        "{'choices':[],'usage':{'"
                                                                        "prompt_tokens':1,'"
                                                                        "completion_tokens':3}}\n\n"
                                                                        "data: [DONE]\n\n",
          "' upon a time'||stop|0|1/3/-1/-1", OUTCOME_OK, 0},
         " upon a time"},
        {{JOB_OF("{'n':2}"),
          CHUNK("{'text':'B','index':1}") CHUNK("{'text':'a','index':0}")
              CHUNK("{'text':'b','index':1,'finish_reason':'stop'}")
                  CHUNK("{'text':'','index':0,'finish_reason':'length'}") "data: [DONE]\n\n",
          "['a','Bb']||length|1|-1/-1/-1/-1", OUTCOME_OK, 0},
         "a"},
        {{JOB, CHUNK("{'text':' upon','index':0}") "data: [DONE]\n\n", "stream_cut",
          OUTCOME_TRANSIENT, 0},
         " upon"},
        {{JOB, CHUNK("{'text':' upon','index':0}"), "stream_cut", OUTCOME_TRANSIENT, 0}, " upon"},
        {{JOB,
          CHUNK("{'text':' upon','index':0}") "data: {'error':{'message':'gone','type':"
                                              "'server_error'}}\n\ndata: [DONE]\n\n",
          "server_error", OUTCOME_TRANSIENT, 0},
         " upon"},
        {{JOB, "data: {'choices':[7]}\n\n", "bad_event", OUTCOME_UNUSABLE, 0}, ""},
    };
    (void)state;
    exchange_check_streams(completion(), rows, UNIT_COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prompt_is_sent_as_it_is),
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(the_response_is_kept_as_it_came),
        cmocka_unit_test(streams_are_put_together),
    };
    xalloc_jansson();
    return UNIT_RUN(tests);
}
