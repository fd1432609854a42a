/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_anthropic_answer: the answers and the streams of Anthropic's Messages. */
#include "unit.h"

#include "exchange.h"

#define JOB            "{'prompt':'hi'}"
#define JOB_OF(params) "{'prompt':'hi','params':{" params "}}"
#define USE(id, input) "{'type':'tool_use','id':'" id "','name':'add','input':" input "}"

static const struct provider *anthropic(void)
{
    const struct provider *provider = provider_find("anthropic", "chat");
    assert_non_null(provider);
    return provider;
}

#define MESSAGE(content, rest)                                                                     \
    "{'id':'msg_1','type':'message','role':'assistant','model':'claude','content':[" content       \
    "]," rest "}"
#define TEXT(text)  "{'type':'text','text':'" text "'}"
#define END(reason) "'stop_reason':'" reason "'"
#define NO_USAGE    "-1/-1/-1/-1"
#define SCHEMA_JOB                                                                                 \
    JOB_OF("'response_format':{'type':'json_schema','json_schema':{'schema':{'type':'object',"     \
           "'required':['a']}}}")

static void texts_and_calls_are_read(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB, MESSAGE(TEXT("a") "," TEXT("b"), END("end_turn")), "'ab'||stop|0|" NO_USAGE,
         OUTCOME_OK, 0},
        {JOB,
         MESSAGE("{'type':'thinking','thinking':'hm','signature':'s'}," TEXT("a"),
                 END("stop_sequence")),
         "'a'||stop|0|" NO_USAGE, OUTCOME_OK, 0},
        {JOB, MESSAGE(TEXT("a"), END("max_tokens")), "'a'||length|1|" NO_USAGE, OUTCOME_OK, 0},
        {JOB, MESSAGE(TEXT("a"), END("model_context_window_exceeded")), "'a'||length|1|" NO_USAGE,
         OUTCOME_OK, 0},
        {JOB, MESSAGE(TEXT("a"), END("pause_turn")), "'a'||pause_turn|0|" NO_USAGE, OUTCOME_OK, 0},
        {JOB, MESSAGE("", END("end_turn")), "''||stop|0|" NO_USAGE, OUTCOME_OK, 0},
        {JOB, MESSAGE("{'type':'new_kind','text':'x'}", END("end_turn")), "''||stop|0|" NO_USAGE,
         OUTCOME_OK, 0},
        {JOB, MESSAGE(USE("t1", "{'x':[1]}") "," USE("t2", "{}"), END("tool_use")),
         "null "
         "[{'id':'t1','type':'function','function':{'name':'add','arguments':'{\\'x\\':[1]}'}},"
         "{'id':'t2','type':'function','function':{'name':'add','arguments':'{}'}}]|"
         "|tool_calls|0|" NO_USAGE,
         OUTCOME_OK, 0},
        {JOB, MESSAGE(TEXT("see") "," USE("t1", "{}"), END("tool_use")),
         "'see' [{'id':'t1','type':'function','function':{'name':'add','arguments':'{}'}}]|"
         "|tool_calls|0|" NO_USAGE,
         OUTCOME_OK, 0},
        {SCHEMA_JOB, MESSAGE(TEXT("{\\u0022a\\u0022:") "," TEXT("1}"), END("end_turn")),
         "{'a':1}||stop|0|" NO_USAGE, OUTCOME_OK, 0},
        {SCHEMA_JOB, MESSAGE(TEXT("{}"), END("end_turn")), "schema_mismatch", OUTCOME_UNUSABLE, 0},
        {SCHEMA_JOB, MESSAGE(TEXT("so"), END("end_turn")), "invalid_json", OUTCOME_UNUSABLE, 0},
        {SCHEMA_JOB, MESSAGE("", END("end_turn")), "invalid_json", OUTCOME_UNUSABLE, 0},
        {SCHEMA_JOB, MESSAGE(USE("t1", "{}"), END("tool_use")),
         "null [{'id':'t1','type':'function','function':{'name':'add','arguments':'{}'}}]|"
         "|tool_calls|0|" NO_USAGE,
         OUTCOME_OK, 0},
        {JOB, "{'type':'message','stop_reason':'end_turn'}", "no_message", OUTCOME_UNUSABLE, 0},
        {JOB, "[]", "no_message", OUTCOME_UNUSABLE, 0},
        {JOB, MESSAGE(TEXT("a"), "'stop_reason':null"), "no_finish_reason", OUTCOME_UNUSABLE, 0},
        {JOB, "<html>", "not_json", OUTCOME_UNUSABLE, 0},
    };
    (void)state;
    exchange_check_answers(anthropic(), rows, UNIT_COUNT(rows));
}

static void all_of_the_input_is_counted(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB,
         MESSAGE(TEXT("a"),
                 END("end_turn") ",'usage':{'input_tokens':10,'cache_creation_input_tokens':5,"
                                 "'cache_read_input_tokens':100,'output_tokens':7,"
                                 "'output_tokens_details':{'thinking_tokens':3}}"),
         "'a'||stop|0|115/7/100/3", OUTCOME_OK, 0},
        {JOB,
         MESSAGE(TEXT("a"), END("end_turn") ",'usage':{'input_tokens':10,'output_tokens':7,"
                                            "'cache_read_input_tokens':null}"),
         "'a'||stop|0|10/7/-1/-1", OUTCOME_OK, 0},
        {JOB,
         MESSAGE(TEXT("a"), END("end_turn") ",'usage':{'input_tokens':9223372036854775807,"
                                            "'cache_read_input_tokens':9223372036854775807}"),
         "'a'||stop|0|9223372036854775807/-1/9223372036854775807/-1", OUTCOME_OK, 0},
    };
    (void)state;
    exchange_check_answers(anthropic(), rows, UNIT_COUNT(rows));
}

static void a_refusal_is_told_in_the_words_there_are(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB, MESSAGE(TEXT("I will not."), END("refusal")), "null|I will not.|refusal|0|" NO_USAGE,
         OUTCOME_OK, 0},
        {JOB,
         MESSAGE(TEXT("First,"),
                 END("refusal") ",'stop_details':{'type':'refusal','category':'bio',"
                                "'explanation':'It is dangerous.'}"),
         "null|It is dangerous.|refusal|0|" NO_USAGE, OUTCOME_OK, 0},
        {JOB, MESSAGE("", END("refusal") ",'stop_details':{'category':'bio','explanation':null}"),
         "null|the model refused to answer: bio|refusal|0|" NO_USAGE, OUTCOME_OK, 0},
        {SCHEMA_JOB, MESSAGE("", END("refusal")),
         "null|the model refused to answer|refusal|0|" NO_USAGE, OUTCOME_OK, 0},
    };
    (void)state;
    exchange_check_answers(anthropic(), rows, UNIT_COUNT(rows));
}

#define FAULT(type, more) "{'type':'error','error':{'type':'" type "','message':'m'" more "}}"

static void errors_have_their_class(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB, FAULT("invalid_request_error", ""), "invalid_request_error", OUTCOME_JOB, 400},
        {JOB, FAULT("authentication_error", ""), "authentication_error", OUTCOME_UPSTREAM, 401},
        {JOB, FAULT("billing_error", ""), "billing_error", OUTCOME_UPSTREAM, 402},
        {JOB, FAULT("not_found_error", ""), "not_found_error", OUTCOME_UPSTREAM, 404},
        {JOB, FAULT("request_too_large", ""), "request_too_large", OUTCOME_JOB, 413},
        {JOB, FAULT("rate_limit_error", ""), "rate_limit_error", OUTCOME_THROTTLED, 429},
        {JOB, FAULT("rate_limit_error", ",'details':{'error_code':'enforced_spend_limit_reached'}"),
         "enforced_spend_limit_reached", OUTCOME_UPSTREAM, 429},
        {JOB, FAULT("api_error", ""), "api_error", OUTCOME_TRANSIENT, 500},
        {JOB, FAULT("api_error", ""), "api_error", OUTCOME_THROTTLED, 503},
        {JOB, FAULT("overloaded_error", ""), "overloaded_error", OUTCOME_THROTTLED, 529},
        {JOB, FAULT("overloaded_error", ""), "overloaded_error", OUTCOME_THROTTLED, 0},
        {JOB, "<html>", "http_413", OUTCOME_JOB, 413},
    };
    (void)state;
    exchange_check_answers(anthropic(), rows, UNIT_COUNT(rows));
}

#define EVENT(type, more) "event: " type "\ndata: {'type':'" type "'" more "}\n\n"
#define START                                                                                      \
    EVENT("message_start",                                                                         \
          ",'message':{'id':'msg_1','type':'message','role':'assistant','model':'claude',"         \
          "'content':[],'stop_reason':null,'usage':{'input_tokens':10,'cache_read_input_tokens':"  \
          "5,'output_tokens':1}}")
#define OPEN(index, block)                                                                         \
    EVENT("content_block_start", ",'index':" #index ",'content_block':" block)
#define DELTA(index, delta) EVENT("content_block_delta", ",'index':" #index ",'delta':{" delta "}")
#define SAY(index, text)    DELTA(index, "'type':'text_delta','text':'" text "'")
#define CLOSE(index)        EVENT("content_block_stop", ",'index':" #index)
#define FINISH(reason)                                                                             \
    EVENT("message_delta", ",'delta':{'stop_reason':'" reason "','stop_sequence':null},'usage':"   \
                           "{'input_tokens':null,'output_tokens':7}")
#define STOP EVENT("message_stop", "")
#define PING EVENT("ping", "")

static void streams_are_put_together(void **state)
{
    static const struct exchange_stream_row rows[] = {
        {{JOB,
          START OPEN(0, TEXT("")) PING SAY(0, "Grü\xc3\x9f") SAY(0, " Gott") CLOSE(0)
              FINISH("end_turn") STOP,
          "'Grü\xc3\x9f Gott'||stop|0|15/7/5/-1", OUTCOME_OK, 0},
         "Grü\xc3\x9f Gott"},
        {{JOB,
          START OPEN(0, "{'type':'thinking','thinking':'','signature':''}")
              DELTA(0, "'type':'thinking_delta','thinking':'hm'")
                  DELTA(0, "'type':'signature_delta','signature':'s'") CLOSE(0) OPEN(1, TEXT("a"))
                      SAY(1, "b") DELTA(1, "'type':'citations_delta','citation':{'c':1}")
                          DELTA(1, "'type':'new_delta','text':'z'") CLOSE(1)
                              EVENT("new_event", ",'x':1") FINISH("max_tokens") STOP,
          "'ab'||length|1|15/7/5/-1", OUTCOME_OK, 0},
         "ab"},
        {{JOB,
          START OPEN(0, USE("t1", "{}")) DELTA(0, "'type':'input_json_delta','partial_json':''")
              DELTA(0, "'type':'input_json_delta','partial_json':'{\\u0022x\\u0022'")
                  DELTA(0, "'type':'input_json_delta','partial_json':':[1]}'") CLOSE(0)
                      OPEN(1, USE("t2", "{}")) CLOSE(1) OPEN(2, USE("t3", "{}"))
                          DELTA(2, "'type':'input_json_delta','partial_json':''") CLOSE(2)
                              FINISH("tool_use") STOP,
          "null [{'id':'t1','type':'function','function':{'name':'add','arguments':"
          "'{\\'x\\':[1]}'}},{'id':'t2','type':'function','function':{'name':'add','arguments':'{}'"
          "}},{'id':'t3','type':'function','function':{'name':'add','arguments':'{}'}}]|"
          "|tool_calls|0|15/7/5/-1",
          OUTCOME_OK, 0},
         ""},
        {{JOB,
          START OPEN(0, USE("t1", "{}"))
              DELTA(0, "'type':'input_json_delta','partial_json':'{\\u0022x'") CLOSE(0)
                  FINISH("max_tokens") STOP,
          "null [{'id':'t1','type':'function','function':{'name':'add','arguments':'{\\'x'}}]|"
          "|length|1|15/7/5/-1",
          OUTCOME_OK, 0},
         ""},
        {{JOB, START FINISH("refusal") STOP, "null|the model refused to answer|refusal|0|15/7/5/-1",
          OUTCOME_OK, 0},
         ""},
        {{SCHEMA_JOB, START OPEN(0, TEXT("")) SAY(0, "{}") FINISH("end_turn") STOP,
          "schema_mismatch", OUTCOME_UNUSABLE, 0},
         "{}"},
        {{JOB, START OPEN(0, TEXT("")) SAY(0, "a") FINISH("end_turn") STOP SAY(0, "b") "nonsense",
          "'a'||stop|0|15/7/5/-1", OUTCOME_OK, 0},
         "a"},
    };
    (void)state;
    exchange_check_streams(anthropic(), rows, UNIT_COUNT(rows));
}

static void a_stream_without_its_end_is_cut(void **state)
{
    static const struct exchange_stream_row rows[] = {
        {{JOB, START, "stream_cut", OUTCOME_TRANSIENT, 0}, ""},
        {{JOB, START OPEN(0, TEXT("")) SAY(0, "a"), "stream_cut", OUTCOME_TRANSIENT, 0}, "a"},
        {{JOB, START OPEN(0, TEXT("")) SAY(0, "a") CLOSE(0) FINISH("end_turn"), "stream_cut",
          OUTCOME_TRANSIENT, 0},
         "a"},
        {{JOB, START OPEN(0, TEXT("")) SAY(0, "a") "data: [DONE]\n\n", "stream_cut",
          OUTCOME_TRANSIENT, 0},
         "a"},
        {{JOB,
          START OPEN(0, TEXT(""))
              SAY(0, "a") "event: error\ndata: " FAULT("overloaded_error", "") "\n\n",
          "overloaded_error", OUTCOME_THROTTLED, 0},
         "a"},
        {{JOB, "event: error\ndata: " FAULT("api_error", "") "\n\n", "api_error", OUTCOME_TRANSIENT,
          0},
         ""},
    };
    (void)state;
    exchange_check_streams(anthropic(), rows, UNIT_COUNT(rows));
}

static void events_out_of_place_are_not_of_the_protocol(void **state)
{
    static const char *const bodies[] = {
        SAY(0, "a"),
        STOP,
        START START,
        EVENT("message_start", ",'message':7"),
        START SAY(0, "a"),
        START OPEN(1, TEXT("")),
        START OPEN(0, "7"),
        START OPEN(0, TEXT("")) SAY(1, "a"),
        START OPEN(0, TEXT("")) SAY(-1, "a"),
        "data: 7\n\n",
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(bodies); i++) {
        const struct exchange_stream_row row = {{JOB, bodies[i], "bad_event", OUTCOME_UNUSABLE, 0},
                                                ""};
        exchange_check_streams(anthropic(), &row, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_calls_are_read),
        cmocka_unit_test(all_of_the_input_is_counted),
        cmocka_unit_test(a_refusal_is_told_in_the_words_there_are),
        cmocka_unit_test(errors_have_their_class),
        cmocka_unit_test(streams_are_put_together),
        cmocka_unit_test(a_stream_without_its_end_is_cut),
        cmocka_unit_test(events_out_of_place_are_not_of_the_protocol),
    };
    xalloc_jansson();
    return UNIT_RUN(tests);
}
