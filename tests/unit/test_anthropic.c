/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_anthropic: the requests of Anthropic's Messages. */
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
        {JOB_OF("'max_output_tokens':7"), "{'model':'m','max_tokens':7," HI "}", {0}},
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
        {JOB_OF("'parallel_tool_calls':false,'tool_choice':'none'"),
         BODY HI ",'tool_choice':{'type':'none'}}",
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
    };
    xalloc_jansson();
    return UNIT_RUN(tests);
}
