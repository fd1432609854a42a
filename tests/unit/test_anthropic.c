/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_anthropic: Anthropic's Messages. */
#include "unit.h"

#include "exchange.h"

#define HI             "'messages':[{'role':'user','content':'hi'}]"
#define JOB            "{'prompt':'hi'}"
#define JOB_OF(params) "{'prompt':'hi','params':{" params "}}"
#define CHAT(messages) "{'messages':[" messages "]}"
#define BODY           "{'model':'m','max_tokens':4096,"

static const struct provider *anthropic(void)
{
    const struct provider *provider = provider_find("anthropic", "chat");
    assert_non_null(provider);
    return provider;
}

static void check_requests(const struct exchange_request *rows, size_t count)
{
    exchange_check_requests(anthropic(), rows, count);
}

static void it_is_found_for_chats_alone(void **state)
{
    (void)state;
    assert_string_equal(anthropic()->key_header, "x-api-key: ");
    assert_non_null(anthropic()->stream);
    assert_null(provider_find("anthropic", "embed"));
    assert_null(provider_find("anthropic", "completion"));
}

static void a_request_names_its_version_and_path(void **state)
{
    struct provider_request request;
    struct job *job = exchange_job(JOB);
    const struct provider_ask asks[] = {{.model = "m"}, {.model = "m", .stream = true}};
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(asks); i++) {
        size_t last = 0;
        assert_int_equal(anthropic()->build(job, &asks[i], &request, NULL), 0);
        assert_string_equal(request.path, "/v1/messages");
        while (request.headers[last + 1] != NULL) {
            last++;
        }
        assert_string_equal(request.headers[0], "Content-Type: application/json");
        assert_string_equal(request.headers[last], "anthropic-version: 2023-06-01");
        provider_request_clear(&request);
    }
    job_free(job);
}

static void prompt_and_system_become_a_message_and_a_text(void **state)
{
    static const struct exchange_request rows[] = {
        {JOB, BODY HI "}", {0}},
        {JOB,
         "{'model':'claude','max_tokens':4096," HI ",'stream':true}",
         {.model = "claude", .stream = true}},
        {"{'prompt':'hi','system':'be brief','user':'alice'}",
         BODY HI ",'system':'be brief','metadata':{'user_id':'alice'}}",
         {0}},
        {"{'system':'a','messages':[{'role':'system','content':'b'},{'role':'user','content':'hi'},"
         "{'role':'developer','content':[{'type':'text','text':'c','cache_control':{}}]}]}",
         BODY HI ",'system':[{'type':'text','text':'a'},{'type':'text','text':'b'},{'type':'text',"
                 "'text':'c','cache_control':{}}]}",
         {0}},
        {CHAT("{'role':'system','content':'b'},{'role':'user','content':'hi'}"),
         BODY HI ",'system':'b'}",
         {0}},
        {CHAT("{'role':'system','content':'b'}"), "a chat without a message", {0}},
        {"{'type':'embed','input':'x'}", "a chat without a message", {0}},
    };
    (void)state;
    check_requests(rows, UNIT_COUNT(rows));
}

static void there_is_always_a_bound(void **state)
{
    static const struct exchange_request rows[] = {
        {JOB_OF("'max_tokens':7"), "{'model':'m','max_tokens':7," HI "}", {0}},
        {JOB_OF("'max_completion_tokens':7"), "{'model':'m','max_tokens':7," HI "}", {0}},
        {JOB_OF("'max_tokens':7"), "{'model':'m','max_tokens':9," HI "}", {.max_tokens = 9}},
        {JOB_OF("'max_tokens':7"),
         "{'model':'m','max_tokens':7," HI "}",
         {.default_max_tokens = 8}},
        {JOB, "{'model':'m','max_tokens':8," HI "}", {.default_max_tokens = 8}},
        {JOB, "{'model':'m','max_tokens':9," HI "}", {.max_tokens = 9, .default_max_tokens = 8}},
    };
    (void)state;
    check_requests(rows, UNIT_COUNT(rows));
}

#define CALL(id, arguments)                                                                        \
    "{'id':'" id "','type':'function','function':{'name':'add','arguments':'" arguments "'}}"
#define USE(id, input) "{'type':'tool_use','id':'" id "','name':'add','input':" input "}"

static void calls_of_tools_and_their_results_are_blocks(void **state)
{
    static const struct exchange_request rows[] = {
        {CHAT("{'role':'user','content':'hi'},{'role':'assistant','content':'so','tool_calls':"
              "[" CALL("a", "{\\u0022x\\u0022:1}") "," CALL(
                  "b",
                  "") "]},{'role':'tool','tool_call_id':'a','content':'1'},{'role':'tool','tool_"
                      "call_id':"
                      "'b','content':[{'type':'text','text':'2'}]},{'role':'user','content':'and'},"
                      "{'role':'tool','tool_call_id':'c','content':null}"),
         BODY "'messages':[{'role':'user','content':'hi'},{'role':'assistant','content':[{'type':"
              "'text','text':'so'}," USE("a", "{'x':1}") "," USE(
                  "b", "{}") "]},{'role':'user','content':[{'type':'tool_result','tool_use_id':'a',"
                             "'content':'1'},"
                             "{'type':'tool_result','tool_use_id':'b','content':[{'type':'text','"
                             "text':'2'}]}]},"
                             "{'role':'user','content':'and'},{'role':'user','content':[{'type':'"
                             "tool_result',"
                             "'tool_use_id':'c','content':[]}]}]}",
         {0}},
        {CHAT("{'role':'assistant','content':null,'tool_calls':[" CALL("a", "{}") "]}"),
         BODY "'messages':[{'role':'assistant','content':[" USE("a", "{}") "]}]}",
         {0}},
        {CHAT("{'role':'assistant','content':'so','tool_calls':[]}"),
         BODY "'messages':[{'role':'assistant','content':'so'}]}",
         {0}},
        {CHAT("{'role':'assistant','content':'','tool_calls':[" CALL("a", "[1]") "]}"),
         "a tool call of message 1",
         {0}},
        {CHAT("{'role':'assistant','content':'','tool_calls':[" CALL("a", "{") "]}"),
         "a tool call of message 1",
         {0}},
        {CHAT("{'role':'assistant','tool_calls':[{'id':'a','type':'custom','custom':{}}]}"),
         "a tool call of message 1",
         {0}},
        {CHAT("{'role':'assistant','content':'','function_call':{'name':'f'}}"),
         "the \"function_call\" of message 1",
         {0}},
        {CHAT("{'role':'user','content':'hi'},{'role':'tool','content':'1'}"),
         "message 2, which has no \"tool_call_id\", cannot be expressed in Anthropic's Messages",
         {0}},
        {CHAT("{'role':'assistant','content':null}"), "message 1, which has no content,", {0}},
        {CHAT("{'role':'user','content':null}"), "message 1, which has no content,", {0}},
        {CHAT("{'role':'user','content':'hi','name':'bob'}"), "the \"name\" of message 1", {0}},
    };
    (void)state;
    check_requests(rows, UNIT_COUNT(rows));
}

#define PART(part)  CHAT("{'role':'user','content':[" part "]}")
#define BLOCK(part) BODY "'messages':[{'role':'user','content':[" part "]}]}"

static void content_parts_are_blocks(void **state)
{
    static const struct exchange_request rows[] = {
        {PART("{'type':'text','text':'a','cache_control':{'type':'ephemeral'}}"),
         BLOCK("{'type':'text','text':'a','cache_control':{'type':'ephemeral'}}"),
         {0}},
        {PART("{'type':'image_url','image_url':{'url':'data:image/"
              "png;base64,iVBO','detail':'low'}}"),
         BLOCK("{'type':'image','source':{'type':'base64','media_type':'image/png','data':"
               "'iVBO'}}"),
         {0}},
        {PART("{'type':'image_url','image_url':{'url':'https://x.example/a.png'},'cache_control':"
              "1}"),
         BLOCK("{'type':'image','source':{'type':'url','url':'https://x.example/a.png'},"
               "'cache_control':1}"),
         {0}},
        {PART("{'type':'image_url','image_url':'HTTP://x.example'}"),
         BLOCK("{'type':'image','source':{'type':'url','url':'HTTP://x.example'}}"),
         {0}},
        {PART("{'type':'refusal','refusal':'no'}"), BLOCK("{'type':'text','text':'no'}"), {0}},
        {PART("{'type':'document','source':{'type':'text'}}"),
         BLOCK("{'type':'document','source':{'type':'text'}}"),
         {0}},
        {PART("{'type':'image_url','image_url':{'url':'data:image/png,iVBO'}}"),
         "the image of message 1",
         {0}},
        {PART("{'type':'image_url','image_url':{'url':'data:image/svg,<a;base64,>'}}"),
         "the image of message 1",
         {0}},
        {PART("{'type':'image_url','image_url':{'url':'data:;base64,iVBO'}}"),
         "the image of message 1",
         {0}},
        {PART("{'type':'image_url','image_url':{'url':'file:///etc/passwd'}}"),
         "the image of message 1",
         {0}},
        {PART("{'type':'image_url'}"), "the image of message 1", {0}},
        {PART("{'type':'input_audio','input_audio':{}}"),
         "the input_audio of message 1 cannot be expressed in Anthropic's Messages",
         {0}},
    };
    (void)state;
    check_requests(rows, UNIT_COUNT(rows));
}

static void params_are_said_in_its_own_words(void **state)
{
    static const struct exchange_request rows[] = {
        {JOB_OF("'temperature':0.5,'top_k':3,'thinking':{'type':'enabled'},'service_tier':'auto'"),
         BODY HI
         ",'temperature':0.5,'top_k':3,'thinking':{'type':'enabled'},'service_tier':'auto'}",
         {0}},
        {JOB_OF("'stop':'END','n':1,'stream_options':{}"),
         BODY HI ",'stop_sequences':['END']}",
         {0}},
        {JOB_OF("'stop':['a','b']"), BODY HI ",'stop_sequences':['a','b']}", {0}},
        {JOB_OF("'stop_sequences':['a'],'stop':null"), BODY HI ",'stop_sequences':['a']}", {0}},
        {"{'prompt':'hi','user':'alice','params':{'user':'bob'}}",
         BODY HI ",'metadata':{'user_id':'bob'}}",
         {0}},
        {"{'prompt':'hi','user':'alice','params':{'metadata':{'user_id':'carol','k':1}}}",
         BODY HI ",'metadata':{'user_id':'carol','k':1}}",
         {0}},
        {"{'prompt':'hi','user':'alice','params':{'metadata':{'k':1}}}",
         BODY HI ",'metadata':{'k':1,'user_id':'alice'}}",
         {0}},
        {JOB_OF("'response_format':{'type':'text'}"), BODY HI "}", {0}},
        {JOB_OF("'response_format':{'type':'json_schema','json_schema':{'name':'a','strict':true,"
                "'schema':{'type':'object'}}},'reasoning_effort':'low'"),
         BODY HI ",'output_config':{'effort':'low','format':{'type':'json_schema','schema':"
                 "{'type':'object'}}}}",
         {0}},
        {JOB_OF("'output_config':{'effort':'max','x':1},'reasoning_effort':null"),
         BODY HI ",'output_config':{'effort':'max','x':1}}",
         {0}},
        {JOB_OF("'frequency_penalty':0,'logprobs':false,'seed':null,'logit_bias':{},'store':false"),
         BODY HI "}",
         {0}},
    };
    (void)state;
    check_requests(rows, UNIT_COUNT(rows));
}

static void tools_are_said_in_its_own_words(void **state)
{
    static const struct exchange_request rows[] = {
        {JOB_OF(
             "'tools':[{'type':'function','function':{'name':'add','description':'d','parameters'"
             ":{'type':'object'},'strict':true}},{'type':'function','function':{'name':'now',"
             "'description':null}},{'type':'web_search_20250305','name':'web_search'}]"),
         BODY HI ",'tools':[{'name':'add','description':'d','strict':true,'input_schema':{'type':"
                 "'object'}},{'name':'now','input_schema':{'type':'object','properties':{}}},"
                 "{'type':'web_search_20250305','name':'web_search'}]}",
         {0}},
        {JOB_OF("'tools':[],'tool_choice':'auto'"), BODY HI ",'tool_choice':{'type':'auto'}}", {0}},
        {JOB_OF("'tool_choice':'none'"), BODY HI ",'tool_choice':{'type':'none'}}", {0}},
        {JOB_OF("'tool_choice':'required'"), BODY HI ",'tool_choice':{'type':'any'}}", {0}},
        {JOB_OF("'tool_choice':{'type':'function','function':{'name':'add'}}"),
         BODY HI ",'tool_choice':{'type':'tool','name':'add'}}",
         {0}},
        {JOB_OF("'tool_choice':{'type':'tool','name':'add'}"),
         BODY HI ",'tool_choice':{'type':'tool','name':'add'}}",
         {0}},
        {JOB_OF("'parallel_tool_calls':false"),
         BODY HI ",'tool_choice':{'type':'auto','disable_parallel_tool_use':true}}",
         {0}},
        {JOB_OF("'parallel_tool_calls':false,'tool_choice':'required'"),
         BODY HI ",'tool_choice':{'type':'any','disable_parallel_tool_use':true}}",
         {0}},
        {JOB_OF("'parallel_tool_calls':true"), BODY HI "}", {0}},
    };
    (void)state;
    check_requests(rows, UNIT_COUNT(rows));
}

static void what_it_has_no_words_for_is_an_error(void **state)
{
    static const struct exchange_request rows[] = {
        {JOB_OF("'n':2"), "more than one answer in \"params\", \"n\", cannot be expressed", {0}},
        {JOB_OF("'seed':7"), "\"seed\", cannot be expressed in Anthropic's Messages", {0}},
        {JOB_OF("'logprobs':true"), "\"logprobs\", cannot be expressed", {0}},
        {JOB_OF("'presence_penalty':0.5"), "\"presence_penalty\", cannot be", {0}},
        {JOB_OF("'response_format':{'type':'json_object'}"), "\"response_format\", cannot be", {0}},
        {JOB_OF("'response_format':{'type':'json_schema'}"), "\"response_format\", cannot be", {0}},
        {JOB_OF("'reasoning_effort':'minimal'"),
         "minimal in \"params\", \"reasoning_effort\",",
         {0}},
        {JOB_OF("'tools':[{'type':'custom','custom':{}}]"), "a custom tool in \"params\"", {0}},
        {JOB_OF("'tool_choice':'sometimes'"), "\"tool_choice\", cannot be", {0}},
        {JOB_OF("'tool_choice':{'type':'allowed_tools'}"), "allowed_tools in \"params\"", {0}},
    };
    (void)state;
    check_requests(rows, UNIT_COUNT(rows));
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
         MESSAGE("", END("refusal") ",'stop_details':{'type':'refusal','category':'bio',"
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
        cmocka_unit_test(it_is_found_for_chats_alone),
        cmocka_unit_test(a_request_names_its_version_and_path),
        cmocka_unit_test(prompt_and_system_become_a_message_and_a_text),
        cmocka_unit_test(there_is_always_a_bound),
        cmocka_unit_test(calls_of_tools_and_their_results_are_blocks),
        cmocka_unit_test(content_parts_are_blocks),
        cmocka_unit_test(params_are_said_in_its_own_words),
        cmocka_unit_test(tools_are_said_in_its_own_words),
        cmocka_unit_test(what_it_has_no_words_for_is_an_error),
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
