/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_stream: answers that arrive as a stream of events, in OpenAI's Chat Completions. Every body
 * is fed at once, byte by byte and in random parts: what comes out is the same.
 */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/random.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "provider/fold.h"
#include "provider/stream.h"

static const struct wall now = {INT64_C(1796126400000)};

static struct job *new_job(const char *params)
{
    char text[500];
    struct error error = {0};
    struct job_context context = {.default_model = "m"};
    snprintf(text, sizeof text, "{\"prompt\": \"hi\", \"params\": %s}", params);
    struct job *job = job_read(text, strlen(text), &context, &error);
    if (job == NULL) {
        fail_msg("%s: %s", text, error.text);
    }
    return job;
}

/* How a body is cut into parts. */
enum cut { WHOLE, BYTES, RANDOM, CUTS };

static size_t part_size(enum cut cut, size_t left, struct random *random)
{
    if (cut == WHOLE) {
        return left;
    }
    size_t size = cut == BYTES ? 1 : 1 + (size_t)random_below(random, 40);
    return size < left ? size : left;
}

/* Feeds a body; what is shown must be valid UTF-8 and only grow. */
static void feed(struct stream *stream, const char *body, size_t length, enum cut cut,
                 struct random *random)
{
    size_t shown = 0;
    for (size_t at = 0, size; at < length; at += size) {
        size = part_size(cut, length - at, random);
        char *exact = malloc(size); /* no byte behind: ASan would tell */
        assert_non_null(exact);
        memcpy(exact, body + at, size);
        bool good = stream_feed(stream, exact, size);
        free(exact);
        const struct buffer *text = stream_text(stream);
        assert_true(text->length >= shown);
        assert_true(text->length == 0 || utf8_valid(text->bytes, text->length));
        shown = text->length;
        if (!good) {
            break;
        }
    }
}

/* What became of a stream. */
struct result {
    struct verdict verdict;
    struct answer answer;
    char *text;
};

static void result_clear(struct result *result)
{
    answer_clear(&result->answer);
    free(result->text);
}

static struct result run(const char *params, int status, const char *body, size_t length,
                         enum cut cut, struct random *random)
{
    struct result result;
    struct job *job = new_job(params);
    struct stream *stream = stream_new(provider_find("openai", "chat"));
    const struct provider_header header = {"x-request-id", "req-1"};
    const struct provider_reply reply = {.status = status,
                                         .headers = &header,
                                         .header_count = 1,
                                         .body = body,
                                         .body_length = length};
    feed(stream, body, length, cut, random);
    const struct buffer *text = stream_text(stream);
    result.text = xmemdup(text->length > 0 ? text->bytes : "", text->length + 1);
    result.verdict = stream_end(stream, job, &reply, now, &result.answer);
    assert_string_equal(result.verdict.request_id, "req-1");
    assert_true(result.verdict.outcome == OUTCOME_OK || result.verdict.message[0] != '\0');
    stream_free(stream);
    job_free(job);
    return result;
}

/* An answer as one text: output, tool calls, refusal, finish_reason, truncated, usage. */
static char *describe(const struct answer *answer)
{
    struct buffer out = {0};
    jsontext_write(&out, answer->output);
    buffer_byte(&out, ' ');
    if (answer->tool_calls != NULL) {
        jsontext_write(&out, answer->tool_calls);
    }
    buffer_printf(&out, "|%s|%s|%d|%lld/%lld", answer->refusal != NULL ? answer->refusal : "",
                  answer->finish_reason, answer->truncated, (long long)answer->usage.input_tokens,
                  (long long)answer->usage.output_tokens);
    return buffer_take(&out);
}

struct row {
    const char *params;
    const char *body;
    const char *answer;
    const char *text; /* that a watcher saw */
};

static void check_row(const struct row *row, enum cut cut, struct random *random)
{
    struct result result = run(row->params, 200, row->body, strlen(row->body), cut, random);
    if (result.verdict.outcome != OUTCOME_OK) {
        fail_msg("%s: %s", row->body, result.verdict.code);
    }
    char *answer = describe(&result.answer);
    assert_string_equal(answer, row->answer);
    assert_string_equal(result.text, row->text);
    free(answer);
    result_clear(&result);
}

static void check(const struct row *rows, size_t count)
{
    struct random random;
    random_init(&random, 7);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 30; k++) {
            check_row(&rows[i], k < RANDOM ? (enum cut)k : RANDOM, &random);
        }
    }
}

/* Chunks: the inside of delta, and a finish_reason as JSON. */
#define CHUNK(delta, finish)                                                                       \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m-1\",\"choices\":[{"    \
    "\"index\":0,\"delta\":{" delta "},\"finish_reason\":" finish "}],\"usage\":null}\n\n"
#define TEXT(text)   CHUNK("\"content\":\"" text "\"", "null")
#define ROLE         CHUNK("\"role\":\"assistant\",\"content\":\"\"", "null")
#define FINISH(word) CHUNK("", "\"" word "\"")
#define USAGE(input, output)                                                                       \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":" input ",\"completion_tokens\":" output   \
    "}}\n\n"
#define DONE "data: [DONE]\n\n"

static void pieces_of_text_become_one(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{}", ROLE TEXT("Hel") TEXT("lo \u00e9\u20ac") FINISH("stop") USAGE("3", "4") DONE,
         "\"Hello \u00e9\u20ac\" ||stop|0|3/4", "Hello \u00e9\u20ac"},
        {"{}", TEXT("a\\ud83d\\ude00b\\n") FINISH("stop") DONE,
         "\"a\U0001F600b\\n\" ||stop|0|-1/-1", "a\U0001F600b\n"},
        {"{}", ROLE TEXT("cut") FINISH("length") DONE, "\"cut\" ||length|1|-1/-1", "cut"},
        {"{}", ROLE FINISH("stop") DONE, "\"\" ||stop|0|-1/-1", ""},
        {"{}", CHUNK("\"role\":\"assistant\"", "null") FINISH("length") DONE,
         "\"\" ||length|1|-1/-1", ""},
        {"{\"response_format\":{\"type\":\"json_object\"}}",
         ROLE TEXT("{\\\"a\\\":") TEXT("1}") FINISH("stop") DONE, "{\"a\":1} ||stop|0|-1/-1",
         "{\"a\":1}"},
        {"{}",
         CHUNK("\"content\":[{\"type\":\"text\",\"text\":\"a\"}]", "null") TEXT("b") FINISH("stop")
             DONE,
         "\"ab\" ||stop|0|-1/-1", "ab"},
    };
    check(rows, UNIT_COUNT(rows));
}

static void reasoning_and_refusals_stand_beside_the_text(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{}",
         CHUNK("\"reasoning_content\":\"h\"", "null") CHUNK("\"reasoning_content\":\"m\"", "null")
             TEXT("a") FINISH("stop") DONE,
         "\"a\" ||stop|0|-1/-1", "a"},
        {"{}",
         CHUNK("\"refusal\":\"I \"", "null") CHUNK("\"refusal\":\"will not\"", "null")
             FINISH("stop") DONE,
         "null |I will not|stop|0|-1/-1", ""},
    };
    check(rows, UNIT_COUNT(rows));
    struct result result = run("{}", 200, rows[0].body, strlen(rows[0].body), WHOLE, NULL);
    const json_t *choice = json_array_get(json_object_get(result.answer.response, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    assert_string_equal(jsontext_get_text(message, "reasoning_content", ""), "hm");
    assert_string_equal(jsontext_get_text(result.answer.response, "object", ""), "chat.completion");
    assert_string_equal(result.answer.model, "m-1");
    assert_false(result.verdict.refused);
    result_clear(&result);
    result = run("{}", 200, rows[1].body, strlen(rows[1].body), WHOLE, NULL);
    assert_true(result.verdict.refused);
    result_clear(&result);
}

#define CALL(inside) CHUNK("\"tool_calls\":[{" inside "}]", "null")

static void tool_calls_are_joined_by_their_index(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{}",
         CALL("\"index\":0,\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\","
              "\"arguments\":\"\"}")
             CALL("\"index\":1,\"id\":\"y\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                  "\"arguments\":\"{\"}")
                 CALL("\"index\":0,\"function\":{\"arguments\":\"{\\\"a\\\"\"}") CALL(
                     "\"index\":1,\"id\":\"\",\"function\":{\"name\":null,\"arguments\":\"}\"}")
                     CALL("\"index\":0,\"function\":{\"arguments\":\":1}\"}") FINISH("tool_calls")
                         DONE,
         "null [{\"id\":\"x\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
         "\"{\\\"a\\\":1}\"}},{\"id\":\"y\",\"type\":\"function\",\"function\":{\"name\":\"g\","
         "\"arguments\":\"{}\"}}]||tool_calls|0|-1/-1",
         ""},
        {"{}", /* Gemini: calls that come whole, and all have the number 0 */
         CALL("\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
             CALL("\"index\":0,\"id\":\"y\",\"function\":{\"name\":\"g\",\"arguments\":\"[]\"}")
                 FINISH("stop") DONE,
         "null [{\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"y\","
         "\"function\":{\"name\":\"g\",\"arguments\":\"[]\"}}]||stop|0|-1/-1",
         ""},
        {"{}", /* vLLM of old: a new id with each fragment */
         CALL("\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"[\"}")
             CALL("\"index\":0,\"id\":\"y\",\"function\":{\"name\":\"f\",\"arguments\":\"1\"}")
                 CALL("\"index\":0,\"id\":\"z\",\"function\":{\"name\":\"f\",\"arguments\":\"]\"}")
                     FINISH("stop") DONE,
         "null [{\"id\":\"z\",\"function\":{\"name\":\"f\",\"arguments\":\"[1]\"}}]||stop|0|-1/-1",
         ""},
        {"{}", /* a new id, and nothing that were a call by itself */
         CALL("\"index\":0,\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
             CALL("\"index\":0,\"id\":\"y\",\"function\":{\"name\":\"f\",\"arguments\":\" \"}")
                 FINISH("stop") DONE,
         "null [{\"id\":\"y\",\"function\":{\"name\":\"f\",\"arguments\":\"{} \"}}]||stop|0|-1/-1",
         ""},
        {"{}", /* calls that come whole, and without numbers */
         CALL("\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}")
             CALL("\"id\":\"y\",\"function\":{\"name\":\"g\",\"arguments\":\"[\"}")
                 CALL("\"function\":{\"arguments\":\"]\"}") FINISH("stop") DONE,
         "null [{\"id\":\"x\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"y\","
         "\"function\":{\"name\":\"g\",\"arguments\":\"[]\"}}]||stop|0|-1/-1",
         ""},
        {"{}",
         CHUNK("\"function_call\":{\"name\":\"f\",\"arguments\":\"{\"}", "null")
             CHUNK("\"function_call\":{\"arguments\":\"}\"}", "null") FINISH("function_call") DONE,
         "null [{\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]|"
         "|tool_calls|0|-1/-1",
         ""},
    };
    check(rows, UNIT_COUNT(rows));
}

#define AT(index, text, finish)                                                                    \
    "data: {\"choices\":[{\"index\":" index ",\"delta\":{\"content\":\"" text                      \
    "\"},\"finish_reason\":" finish "}]}\n\n"

static void several_choices_are_kept_apart(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{\"n\":2}",
         AT("1", "x", "null") AT("0", "a", "null") AT("1", "y", "\"stop\"") AT("0", "b", "\"stop\"")
             DONE,
         "[\"ab\",\"xy\"] ||stop|0|-1/-1", "ab"},
        {"{\"n\":2}", AT("0", "a", "\"stop\"") AT("1", "b", "\"length\""),
         "[\"a\",\"b\"] ||stop|1|-1/-1", "a"},
    };
    check(rows, UNIT_COUNT(rows));
}

/* What servers do differently, and what is an answer all the same. */
static void every_servers_way_is_understood(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{}", /* OpenRouter: comments */
         ": OPENROUTER PROCESSING\n\n" TEXT("a") ": OPENROUTER PROCESSING\n\n" FINISH("stop") DONE,
         "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", /* Azure: a first chunk without a choice, filters beside it */
         "data: {\"choices\":[],\"prompt_filter_results\":[{\"prompt_index\":0}]}\n\n"
         "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null,"
         "\"content_filter_results\":{\"hate\":{\"filtered\":false}}}]}\n\n" FINISH("stop") DONE,
         "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", /* llama.cpp, Mistral: the usage in the last chunk */
         TEXT("a") "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
                   "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2},\"timings\":{}}"
                   "\n\n" DONE,
         "\"a\" ||stop|0|1/2", "a"},
        {"{}", /* vLLM: usage all the time */
         USAGE("1", "0") TEXT("a") USAGE("1", "1") FINISH("stop") USAGE("1", "2") DONE,
         "\"a\" ||stop|0|1/2", "a"},
        {"{}", /* Moonshot */
         TEXT("a") "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\","
                   "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}]}\n\n" DONE,
         "\"a\" ||stop|0|1/2", "a"},
        {"{}", /* Groq */
         TEXT("a") "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
                   "\"x_groq\":{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}}\n\n" DONE,
         "\"a\" ||stop|0|1/2", "a"},
        {"{}", /* no [DONE], no line feed behind it, no blank line */
         TEXT("a") FINISH("stop"), "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", TEXT("a") FINISH("stop") "data: [DONE]", "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", TEXT("a") FINISH("stop") "data: [DONE]\n", "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", TEXT("a") "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n",
         "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", TEXT("a") FINISH("stop") DONE "data: {\"error\":\"late\"}\n\nnonsense",
         "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", /* an empty finish_reason and an empty role say nothing */
         CHUNK("\"role\":\"assistant\",\"content\":\"a\"", "\"\"")
             CHUNK("\"role\":\"\",\"content\":\"b\"", "\"\"") FINISH("stop") CHUNK("", "\"\"") DONE,
         "\"ab\" ||stop|0|-1/-1", "ab"},
        {"{}", /* indexes that are no numbers */
         AT("\"0\"", "a", "null") AT("\"0\"", "b", "\"stop\"") DONE, "\"ab\" ||stop|0|-1/-1", "ab"},
        {"{}", /* whole messages in place of deltas */
         "data: "
         "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n" DONE,
         "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", /* proxies: pings, data without text */
         "event: ping\ndata: {}\n\ndata:\n\n" TEXT("a") "event: ping\ndata: x\n\n" FINISH("stop")
             DONE,
         "\"a\" ||stop|0|-1/-1", "a"},
        {"{}", /* one document in place of a stream */
         " {\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n",
         "\"a\" ||stop|0|-1/-1", ""},
        {"{}", /* logprobs are kept, and are no text */
         "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{\"token\":"
         "\"a\",\"text\":\"no\"}],\"refusal\":null}}]}\n\n" FINISH("stop") DONE,
         "\"a\" ||stop|0|-1/-1", "a"},
    };
    check(rows, UNIT_COUNT(rows));
}

static void logprobs_are_put_together(void **state)
{
    (void)state;
    const char *body =
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[1]}}]}\n\n"
        "data: "
        "{\"choices\":[{\"delta\":{\"content\":\"b\"},\"logprobs\":{\"content\":[2]}}]}\n\n" FINISH(
            "stop") DONE;
    struct result result = run("{}", 200, body, strlen(body), WHOLE, NULL);
    const json_t *choice = json_array_get(json_object_get(result.answer.response, "choices"), 0);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(choice, "logprobs"), "content")), 2);
    result_clear(&result);
}

struct bad_row {
    int status;
    const char *body;
    enum outcome outcome;
    const char *code;
};

static void check_bad(const struct bad_row *rows, size_t count)
{
    static const struct answer empty;
    struct random random;
    random_init(&random, 7);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 30; k++) {
            const char *body = rows[i].body;
            struct result result = run("{\"n\":1}", rows[i].status, body, strlen(body),
                                       k < RANDOM ? (enum cut)k : RANDOM, &random);
            if (result.verdict.outcome != rows[i].outcome ||
                strcmp(result.verdict.code, rows[i].code) != 0) {
                fail_msg("%s: %s %s", body, outcome_word(result.verdict.outcome),
                         result.verdict.code);
            }
            assert_memory_equal(&result.answer, &empty, sizeof empty);
            result_clear(&result);
        }
    }
}

static void a_stream_without_its_end_is_cut(void **state)
{
    (void)state;
    static const struct bad_row rows[] = {
        {200, "", OUTCOME_TRANSIENT, STREAM_CUT},
        {200, ": nothing\n\n", OUTCOME_TRANSIENT, STREAM_CUT},
        {200, DONE, OUTCOME_TRANSIENT, STREAM_CUT}, /* vLLM, failed before the first token */
        {200, "data: {\"choices\":[]}\n\n" DONE, OUTCOME_TRANSIENT, STREAM_CUT},
        {200, USAGE("1", "2"), OUTCOME_TRANSIENT, STREAM_CUT},
        {200, ROLE TEXT("a"), OUTCOME_TRANSIENT, STREAM_CUT}, /* Ollama, failed in the middle */
        {200, ROLE TEXT("a") DONE, OUTCOME_TRANSIENT, STREAM_CUT},
        {200, TEXT("a") "data: {\"choices\":[{\"delta\":{},\"finish_re", OUTCOME_TRANSIENT,
         STREAM_CUT},
        {200, TEXT("a") FINISH("stop") "data: {\"choices\":[],\"usa", OUTCOME_TRANSIENT,
         STREAM_CUT},
        {200, AT("0", "a", "\"stop\"") AT("1", "b", "null"), OUTCOME_TRANSIENT, STREAM_CUT},
        {200, AT("0", "a", "\"stop\"") AT("1", "b", "null") DONE, OUTCOME_TRANSIENT, STREAM_CUT},
    };
    check_bad(rows, UNIT_COUNT(rows));
}

static void a_choice_that_never_came_is_missed_without_the_last_word(void **state)
{
    (void)state;
    const char *body = AT("0", "a", "\"stop\"");
    struct result result = run("{\"n\":2}", 200, body, strlen(body), WHOLE, NULL);
    assert_string_equal(result.verdict.code, STREAM_CUT);
    result_clear(&result);
    body = AT("0", "a", "\"stop\"") DONE; /* servers that do not know n */
    result = run("{\"n\":2}", 200, body, strlen(body), WHOLE, NULL);
    assert_int_equal(result.verdict.outcome, OUTCOME_OK);
    result_clear(&result);
}

static void errors_within_a_stream_have_their_class(void **state)
{
    (void)state;
    static const struct bad_row rows[] = {
        {200,
         TEXT("a") "data: {\"error\":{\"message\":\"m\",\"type\":\"BadRequestError\",\"code\":400}}"
                   "\n\n" DONE,
         OUTCOME_JOB, "BadRequestError"}, /* vLLM */
        {200,
         "data: "
         "{\"error\":{\"message\":\"m\",\"type\":\"InternalServerError\",\"code\":500}}\n\n" DONE,
         OUTCOME_TRANSIENT, "InternalServerError"},
        {200, TEXT("a") "error: {\"code\":500,\"message\":\"m\",\"type\":\"server_error\"}\n\n",
         OUTCOME_TRANSIENT, "server_error"}, /* llama.cpp of old */
        {200, TEXT("a") "event: error\ndata: {\"code\":429,\"message\":\"m\"}\n\n",
         OUTCOME_THROTTLED, "http_429"},
        {200, "event: error\ndata: out of memory\n\n", OUTCOME_TRANSIENT, "http_200"},
        {200,
         "data: {\"error\":{\"code\":502,\"message\":\"m\"},\"choices\":[{\"index\":0,\"delta\":{"
         "\"content\":\"\"},\"finish_reason\":\"error\"}]}\n\n" DONE,
         OUTCOME_TRANSIENT, "http_502"}, /* OpenRouter */
        {200, TEXT("a") FINISH("error") DONE, OUTCOME_TRANSIENT, "finish_reason_error"},
        {200, TEXT("a") FINISH("stop") "data: {\"error\":\"oops\"}\n\n" DONE, OUTCOME_TRANSIENT,
         "http_200"},
        {200,
         "data: [{\"error\":{\"code\":429,\"message\":\"m\",\"status\":\"RESOURCE_EXHAUSTED\"}}]"
         "\n\n",
         OUTCOME_THROTTLED, "RESOURCE_EXHAUSTED"}, /* Gemini */
        {200, "{\"error\":{\"message\":\"m\",\"code\":\"invalid_api_key\"}}", OUTCOME_UPSTREAM,
         "invalid_api_key"},
        {200, ROLE FINISH("content_filter") DONE, OUTCOME_JOB, "content_filter"},
        {429, "data: {\"error\":{\"message\":\"m\",\"code\":\"rate_limit_exceeded\"}}\n\n",
         OUTCOME_THROTTLED, "rate_limit_exceeded"},
        {503, "", OUTCOME_THROTTLED, "http_503"},
        {500, TEXT("a") FINISH("stop") DONE, OUTCOME_TRANSIENT, "http_500"},
    };
    check_bad(rows, UNIT_COUNT(rows));
}

static void what_is_no_event_of_the_protocol_is_unusable(void **state)
{
    (void)state;
    static const struct bad_row rows[] = {
        {200, TEXT("a") "data: nonsense\n\n" FINISH("stop") DONE, OUTCOME_UNUSABLE, "bad_event"},
        {200, "data: 7\n\n" DONE, OUTCOME_UNUSABLE, "bad_event"},
        {200, "data: {\"choices\":[7]}\n\n", OUTCOME_UNUSABLE, "bad_event"},
        {200, AT("-1", "a", "null"), OUTCOME_UNUSABLE, "bad_event"},
        {200, AT("128", "a", "null"), OUTCOME_UNUSABLE, "bad_event"},
        {200, AT("4294967296", "a", "null"), OUTCOME_UNUSABLE, "bad_event"},
        {200, CALL("\"index\":512"), OUTCOME_UNUSABLE, "bad_event"},
        {200, TEXT("\xff"), OUTCOME_UNUSABLE, "bad_event"},
        {200,
         CHUNK("\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}", "null"),
         OUTCOME_UNUSABLE, "bad_event"},
        {200, "{\"choices\":[{\"mess", OUTCOME_UNUSABLE, "not_json"},
    };
    check_bad(rows, UNIT_COUNT(rows));
}

/* A stream whose message has this many members with a text each. */
static struct verdict run_texts(size_t count)
{
    struct buffer body = {0};
    buffer_text(&body, "data: {\"choices\":[{\"delta\":{");
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&body, "%s\"k%zu\":{\"data\":\"x\"}", i > 0 ? "," : "", i);
    }
    buffer_text(&body, "}}]}\n\n" TEXT("a") FINISH("stop") DONE);
    struct result result = run("{}", 200, body.bytes, body.length, WHOLE, NULL);
    struct verdict verdict = result.verdict;
    result_clear(&result);
    buffer_free(&body);
    return verdict;
}

static void an_answer_of_too_many_texts_is_not_put_together(void **state)
{
    (void)state;
    assert_int_equal(run_texts(FOLD_TEXT_LIMIT - 1).outcome, OUTCOME_OK); /* and the content */
    assert_string_equal(run_texts(FOLD_TEXT_LIMIT).code, "bad_event");
}

/* Servers that overwrite what earlier chunks began do no harm. */
static void members_may_change_their_kind(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{}",
         TEXT("a") CHUNK("\"content\":{\"arguments\":\"x\"}", "null")
             CHUNK("\"content\":{\"arguments\":\"y\"}", "null") FINISH("stop") DONE,
         "\"a\" ||stop|0|-1/-1", "a"},
        {"{}",
         CALL("\"index\":0,\"function\":{\"arguments\":\"x\"}")
             CHUNK("\"tool_calls\":{\"a\":1},\"content\":\"a\"", "null")
                 CHUNK("\"tool_calls\":7", "null") FINISH("stop") DONE,
         "\"a\" ||stop|0|-1/-1", "a"},
    };
    check(rows, UNIT_COUNT(rows));
}

/* A whole stream cut at each byte is an answer only once its end has come, and then all of it. */
static void no_part_of_a_stream_is_taken_for_all_of_it(void **state)
{
    (void)state;
    const char *whole = ROLE TEXT("a\u00e9") TEXT("b") FINISH("stop") USAGE("3", "4") DONE;
    const char *finish = strstr(whole, "\"stop\"");
    for (size_t length = 0; length < strlen(whole); length++) {
        struct result result = run("{}", 200, whole, length, WHOLE, NULL);
        if (result.verdict.outcome == OUTCOME_OK) {
            char *answer = describe(&result.answer);
            assert_true(length > (size_t)(finish - whole));
            assert_memory_equal(answer, "\"a\u00e9b\" ||stop|0|", 16);
            free(answer);
        } else {
            assert_string_equal(result.verdict.code, STREAM_CUT);
        }
        result_clear(&result);
    }
}

static void a_long_answer_takes_no_longer_at_its_end(void **state)
{
    (void)state;
    struct buffer body = {0};
    for (size_t i = 0; i < 20000; i++) {
        buffer_text(&body, TEXT("word and "));
    }
    buffer_text(&body, FINISH("stop") DONE);
    struct result result = run("{}", 200, body.bytes, body.length, WHOLE, NULL);
    assert_int_equal(result.verdict.outcome, OUTCOME_OK);
    assert_int_equal(json_string_length(result.answer.output), 20000 * 9);
    result_clear(&result);
    buffer_free(&body);
}

static void a_stream_is_known_by_its_content_type(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool stream;
    } rows[] = {
        {"text/event-stream", true},
        {"text/event-stream; charset=utf-8", true},
        {"Text/Event-Stream;a=b", true},
        {" text/event-stream ", true},
        {"text/event-streams", false},
        {"application/json", false},
        {"text/html", false},
        {"", false},
    };
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        const struct provider_header header = {"content-type", rows[i].value};
        const struct provider_reply reply = {.status = 200, .headers = &header, .header_count = 1};
        assert_int_equal(stream_is(&reply), rows[i].stream);
    }
    assert_false(stream_is(&(struct provider_reply){.status = 200}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_text_become_one),
        cmocka_unit_test(reasoning_and_refusals_stand_beside_the_text),
        cmocka_unit_test(tool_calls_are_joined_by_their_index),
        cmocka_unit_test(several_choices_are_kept_apart),
        cmocka_unit_test(every_servers_way_is_understood),
        cmocka_unit_test(logprobs_are_put_together),
        cmocka_unit_test(a_stream_without_its_end_is_cut),
        cmocka_unit_test(a_choice_that_never_came_is_missed_without_the_last_word),
        cmocka_unit_test(errors_within_a_stream_have_their_class),
        cmocka_unit_test(what_is_no_event_of_the_protocol_is_unusable),
        cmocka_unit_test(an_answer_of_too_many_texts_is_not_put_together),
        cmocka_unit_test(members_may_change_their_kind),
        cmocka_unit_test(no_part_of_a_stream_is_taken_for_all_of_it),
        cmocka_unit_test(a_long_answer_takes_no_longer_at_its_end),
        cmocka_unit_test(a_stream_is_known_by_its_content_type),
    };
    return UNIT_RUN(tests);
}
