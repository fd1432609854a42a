/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_openai_embed: OpenAI's embeddings. */
#include "unit.h"

#include <float.h>
#include <math.h>

#include "exchange.h"

#include "base/random.h"
#include "provider/openai_embed.h"

#define JOB(input) "{'type':'embed','model':'e','input':" input "}"

static const struct provider *embed(void)
{
    const struct provider *provider = provider_find("openai", "embed");
    assert_non_null(provider);
    return provider;
}

static void it_is_found_and_cannot_be_streamed(void **state)
{
    (void)state;
    assert_string_equal(embed()->type, "embed");
    assert_string_equal(embed()->key_header, "Authorization: Bearer ");
    assert_null(embed()->stream);
}

static void base64_is_asked_for_unless_the_job_says_otherwise(void **state)
{
    static const struct exchange_request rows[] = {
        {JOB("'x'"), "{'model':'e','input':'x','encoding_format':'base64'}", {0}},
        {JOB("['x','y']"), "{'model':'e','input':['x','y'],'encoding_format':'base64'}", {0}},
        {JOB("[[1,2],[3]]"), "{'model':'e','input':[[1,2],[3]],'encoding_format':'base64'}", {0}},
        {"{'type':'embed','model':'e','input':'x','user':'alice','params':{'dimensions':3,"
         "'encoding_format':'float','zeta':1}}",
         "{'model':'f','input':'x','dimensions':3,'encoding_format':'float','zeta':1,"
         "'user':'alice'}",
         {.model = "f"}},
        {"{'type':'embed','model':'e','input':'x','user':'alice','params':{'user':'bob',"
         "'input':'y'}}",
         "{'model':'e','input':'x','user':'bob','encoding_format':'base64'}",
         {.stream = true}},
        {"{'model':'m','prompt':'x'}", "needs an \"input\"", {0}},
    };
    struct provider_request request;
    struct job *job = exchange_job(JOB("'x'"));
    const struct provider_ask ask = {.model = "e"};
    (void)state;
    exchange_check_requests(embed(), rows, UNIT_COUNT(rows));
    assert_int_equal(embed()->build(job, &ask, &request, NULL), 0);
    assert_string_equal(request.path, "/embeddings");
    provider_request_clear(&request);
    job_free(job);
}

static void vectors_come_in_the_order_of_the_inputs(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB("'x'"),
         "{'object':'list','model':'e','data':[{'object':'embedding','index':0,'embedding':"
         "[0.5,-1,0]}],'usage':{'prompt_tokens':3,'total_tokens':3}}",
         "[[0.5,-1,0]]|||0|3/0/-1/-1", OUTCOME_OK, 0},
        {JOB("['x','y','z']"),
         "{'data':[{'index':2,'embedding':[3]},{'index':0,'embedding':[1]},{'index':1,"
         "'embedding':[2]}]}",
         "[[1],[2],[3]]|||0|-1/0/-1/-1", OUTCOME_OK, 0},
        {JOB("['x','y']"), "{'data':[{'embedding':[1]},{'embedding':[2]}]}",
         "[[1],[2]]|||0|-1/0/-1/-1", OUTCOME_OK, 0},
        {JOB("[1,2,3]"), "{'data':[{'index':0,'embedding':[1]}]}", "[[1]]|||0|-1/0/-1/-1",
         OUTCOME_OK, 0},
        {JOB("[[1,2],[3]]"),
         "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':'AACAPw=='}]}",
         "[[1],[1]]|||0|-1/0/-1/-1", OUTCOME_OK, 0},
    };
    (void)state;
    exchange_check_answers(embed(), rows, UNIT_COUNT(rows));
}

/* 0.1f, -2.5f, 0, 3e-8f, in the order of bytes that OpenAI sends. */
static void base64_is_little_endian_floats_in_their_fewest_digits(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB("'x'"), "{'data':[{'index':0,'embedding':'zczMPQAAIMAAAAAAWdkAMw=='}]}",
         "[[0.1,-2.5,0,3e-8]]|||0|-1/0/-1/-1", OUTCOME_OK, 0},
    };
    (void)state;
    exchange_check_answers(embed(), rows, UNIT_COUNT(rows));
}

static void what_is_not_one_vector_for_each_input_is_unusable(void **state)
{
    static const char *const bodies[] = {
        "{}",
        "[]",
        "{'data':[]}",
        "{'data':{}}",
        "{'data':[{'index':0,'embedding':[1]}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':0,'embedding':[2]}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':2,'embedding':[2]}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':-1,'embedding':[2]}]}",
        "{'data':[{'index':0,'embedding':[1]},{'embedding':[2]}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':[]}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':['2']}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':null}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':1}]}",
        "{'data':[{'index':0,'embedding':[1]},7]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':''}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':'AACA'}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':'AACA*w=='}]}",
        "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':'AACAfw=='}]}", /* infinity */
        "{'data':[{'index':0,'embedding':[1]},{'index':1,'embedding':[1]},{'index':2}]}",
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(bodies); i++) {
        const struct exchange_answer row = {JOB("['x','y']"), bodies[i], "no_vectors",
                                            OUTCOME_UNUSABLE, 0};
        exchange_check_answers(embed(), &row, 1);
    }
}

static void errors_are_those_of_openai(void **state)
{
    static const struct exchange_answer rows[] = {
        {JOB("'x'"), "nonsense", "not_json", OUTCOME_UNUSABLE, 0},
        {JOB("'x'"),
         "{'error':{'message':'slow down','type':'requests','code':"
         "'rate_limit_exceeded'}}",
         "rate_limit_exceeded", OUTCOME_THROTTLED, 429},
        {JOB("'x'"), "{'error':{'message':'too long','type':'invalid_request_error','code':null}}",
         "invalid_request_error", OUTCOME_JOB, 400},
        {JOB("'x'"), "{'error':{'message':'no key','code':'invalid_api_key'}}", "invalid_api_key",
         OUTCOME_UPSTREAM, 401},
    };
    (void)state;
    exchange_check_answers(embed(), rows, UNIT_COUNT(rows));
}

static void a_float_is_written_in_its_fewest_digits(void **state)
{
    static const struct {
        float number;
        double written;
    } rows[] = {
        {0.0f, 0.0},
        {1.0f, 1.0},
        {0.1f, 0.1},
        {-0.3f, -0.3},
        {16777216.0f, 16777216.0},
        {1e10f, 1e10},
        {0.015625f, 0.015625},
        {1.1754944e-5f, 1.1754944e-5},
    };
    struct random random;
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        assert_true(openai_embed_shortest(rows[i].number) == rows[i].written);
    }
    random_init(&random, 5);
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)random_below(&random, UINT32_MAX);
        float number;
        memcpy(&number, &bits, sizeof number);
        double found = openai_embed_shortest(number);
        if (isfinite(number)) {
            assert_true((float)found == number);
        }
    }
}

static void the_components_of_vectors_take_no_more_digits_than_c_needs(void **state)
{
    struct random random;
    (void)state;
    random_init(&random, 6);
    for (int i = 0; i < 20000; i++) {
        float number = (float)random_below(&random, 1000000007) / 1e10f - 0.05f;
        char shortest[JSONTEXT_NUMBER_SIZE], text[40];
        double found = openai_embed_shortest(number);
        size_t length = jsontext_number(found, shortest);
        int digits = 1;
        do {
            snprintf(text, sizeof text, "%.*e", digits - 1, (double)number);
        } while (strtof(text, NULL) != number && ++digits <= 9);
        assert_int_equal(jsontext_number(strtod(text, NULL), text), length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_found_and_cannot_be_streamed),
        cmocka_unit_test(base64_is_asked_for_unless_the_job_says_otherwise),
        cmocka_unit_test(vectors_come_in_the_order_of_the_inputs),
        cmocka_unit_test(base64_is_little_endian_floats_in_their_fewest_digits),
        cmocka_unit_test(what_is_not_one_vector_for_each_input_is_unusable),
        cmocka_unit_test(errors_are_those_of_openai),
        cmocka_unit_test(a_float_is_written_in_its_fewest_digits),
        cmocka_unit_test(the_components_of_vectors_take_no_more_digits_than_c_needs),
    };
    xalloc_jansson();
    return UNIT_RUN(tests);
}
