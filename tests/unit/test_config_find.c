/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config_find: what the configuration says of a model or a user. */
#include "config_fixture.h"

#include "base/buffer.h"

/* Tests: routes. */

static void models_find_their_provider_by_pattern(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a }\n"
                                           "provider b { url = http://b }\n"
                                           "model \"gpt-*\" { provider = b }\n"
                                           "model \"gpt-4*\" { provider = a }\n"
                                           "model \"meta/[lm]*\" { provider = a }\n");
    const struct config_provider *a = &config->providers[0];
    const struct config_provider *b = &config->providers[1];
    assert_ptr_equal(config_route(config, "gpt-4o", NULL), b); /* the first match */
    assert_ptr_equal(config_route(config, "meta/llama/3", NULL), a);
    assert_null(config_route(config, "meta/other", NULL));
    assert_null(config_route(config, "claude-x", NULL));
    assert_ptr_equal(config_route(config, "claude-x", "a"), a); /* the job's own wish */
    assert_null(config_route(config, "gpt-4o", "c"));
    config_free(config);
}

static void the_only_provider_takes_all_models(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a }");
    assert_ptr_equal(config_route(config, "whatever", NULL), &config->providers[0]);
    config_free(config);
    config = accept(*state, "provider a { url = http://a } provider b { url = http://b }");
    assert_null(config_route(config, "whatever", NULL)); /* which one, nobody said */
    config_free(config);
}

static void sections_without_a_provider_do_not_route(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a }\n"
                                           "model \"*\" { price = free }");
    assert_ptr_equal(config_route(config, "whatever", NULL), &config->providers[0]);
    config_free(config);
    config = accept(*state, "provider a { url = http://a }\n"
                            "model \"x*\" { price = free }\n"
                            "model \"*1\" { provider = a }\n");
    assert_ptr_equal(config_route(config, "x1", NULL), &config->providers[0]);
    assert_null(config_route(config, "x2", NULL));
    config_free(config);
}

/* Fallbacks, joined by blanks; the caller frees. */
static char *fallbacks(const struct config *config, const char *model)
{
    const char **names = config_model_fallback(config, model, NULL);
    char *text = xstrdup("");
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        char *longer = xasprintf("%s%s%s", text, i > 0 ? " " : "", names[i]);
        free(text);
        text = longer;
    }
    if (names != NULL)
        assert_non_null(names[0]);
    free(names);
    return text;
}

static void fallbacks_never_go_in_circles(void **state)
{
    struct config *config = accept(*state, "model solo { fallback = {} }\n"
                                           "model self { fallback = {self} }\n"
                                           "model \"a*\" { price = free }\n"
                                           "model a1 { fallback = {b1, c1} }\n"
                                           "model b1 { fallback = {a1} }\n"
                                           "model \"*\" { fallback = {a1, z} }\n");
    static const struct {
        const char *model;
        const char *chain;
    } cases[] = {
        {"a1", "b1 c1"},                 /* and not b1's own */
        {"b1", "a1"},    {"a2", "a1 z"}, /* the first section that says it */
        {"z", "a1"},                     /* without itself */
        {"solo", ""},    {"self", ""},   {"other", "a1 z"},
    };
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        char *chain = fallbacks(config, cases[i].model);
        assert_string_equal(chain, cases[i].chain);
        free(chain);
    }
    config_free(config);
}

static void a_price_is_taken_whole_from_the_first_section_that_has_one(void **state)
{
    struct config *config =
        accept(*state, "model \"gpt-*\" { rpm = 5 }\n"
                       "model \"*-mini\" { input_price = 0.15 output_price = 0.6 }\n"
                       "model \"local*\" { price = free }\n"
                       "model \"gpt-4o*\" { input_price = 2.5 cached_price = 1.25"
                       " output_price = 10 }\n");
    struct config_price price;
    config_model_price(config, "gpt-4o-mini", NULL, &price);
    assert_true(price.given);
    assert_false(price.free);
    assert_int_equal(price.input_nano, 150);
    assert_int_equal(price.cached_nano, -1);
    assert_int_equal(price.output_nano, 600);
    config_model_price(config, "gpt-4o", NULL, &price);
    assert_int_equal(price.input_nano, 2500);
    assert_int_equal(price.cached_nano, 1250);
    assert_int_equal(price.output_nano, 10000);
    config_model_price(config, "local", NULL, &price);
    assert_true(price.given);
    assert_true(price.free);
    assert_int_equal(price.input_nano, 0);
    assert_int_equal(price.cached_nano, -1);
    assert_int_equal(price.output_nano, 0);
    config_model_price(config, "other", NULL, &price);
    assert_false(price.given);
    config_free(config);
}

static void prices_are_rounded_up_to_a_nano_a_token(void **state)
{
    static const struct {
        const char *text;
        int64_t nano;
    } cases[] = {{"0", 0},      {"0.02", 20},       {"0.0375", 38},
                 {"0.0001", 1}, {"0.000000001", 1}, {"1000000", 1000000000},
                 {"0.075", 75}};
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct config_price price;
        char *text = xasprintf("model m { input_price = %s output_price = 0 }", cases[i].text);
        struct config *config = accept(*state, text);
        config_model_price(config, "m", NULL, &price);
        assert_int_equal(price.input_nano, cases[i].nano);
        assert_int_equal(price.output_nano, 0);
        config_free(config);
        free(text);
    }
}

static void each_limit_is_of_the_first_section_that_says_it(void **state)
{
    struct config *config = accept(*state, "provider a { url = http://a max_in_flight = 1 rpm = 2"
                                           " tpm = 3 input_tpm = 4 output_tpm = 5 rpd = 6 }\n"
                                           "model \"x1\" { rpm = 20 tpm = 30 }\n"
                                           "model \"x*\" { rpm = 200 input_tpm = 400"
                                           " max_in_flight = 100 max_output_tokens = 9 }\n");
    struct config_limits limits;
    config_model_limits(config, "x1", &config->providers[0], &limits);
    assert_int_equal(limits.max_in_flight, 100);
    assert_int_equal(limits.rpm, 20);
    assert_int_equal(limits.tpm, 30);
    assert_int_equal(limits.input_tpm, 400);
    assert_int_equal(limits.output_tpm, 5);
    assert_int_equal(limits.rpd, 6);
    config_model_limits(config, "y", NULL, &limits);
    assert_int_equal(limits.max_in_flight, 0);
    assert_int_equal(limits.rpm, 0);
    assert_int_equal(config_model_max_output(config, "x1", NULL), 9);
    assert_int_equal(config_model_max_output(config, "y", NULL), 0);
    config_free(config);
}

static void a_section_with_a_provider_says_nothing_of_models_of_another(void **state)
{
    struct config *config =
        accept(*state, "provider shop { url = http://a rpm = 1 }\n"
                       "provider home { url = http://b }\n"
                       "model \"gpt-*\" { provider = shop }\n"
                       "model \"*\" { provider = home price = free fallback = gpt-x rpm = 7"
                       " max_output_tokens = 9 }\n"
                       "model \"?*\" { max_output_tokens = 8 }\n");
    const struct config_provider *home = &config->providers[1];
    struct config_price price;
    struct config_limits limits;
    config_model_price(config, "gpt-4o", NULL, &price);
    assert_false(price.given);
    assert_null(config_model_fallback(config, "gpt-4o", NULL));
    config_model_limits(config, "gpt-4o", &config->providers[0], &limits);
    assert_int_equal(limits.rpm, 1);
    config_model_limits(config, "gpt-4o", NULL, &limits);
    assert_int_equal(limits.rpm, 0);
    assert_int_equal(config_model_max_output(config, "gpt-4o", NULL), 8);
    config_model_price(config, "llama", NULL, &price);
    assert_true(price.free);
    config_model_limits(config, "llama", home, &limits);
    assert_int_equal(limits.rpm, 7);
    assert_int_equal(config_model_max_output(config, "llama", NULL), 9);
    config_free(config);
}

static void a_job_that_names_its_provider_gets_what_is_said_of_that(void **state)
{
    struct config *config =
        accept(*state, "provider shop { url = http://a }\n"
                       "provider home { url = http://b }\n"
                       "model \"gpt-*\" { provider = shop input_price = 1 output_price = 2 }\n"
                       "model \"*\" { provider = home price = free fallback = gpt-x rpm = 7"
                       " max_output_tokens = 9 }\n");
    struct config_price price;
    struct config_limits limits;
    config_model_price(config, "gpt-4o", "home", &price);
    assert_true(price.free);
    config_model_price(config, "llama", "shop", &price);
    assert_false(price.given);
    config_model_limits(config, "gpt-4o", &config->providers[1], &limits);
    assert_int_equal(limits.rpm, 7);
    assert_int_equal(config_model_max_output(config, "gpt-4o", "home"), 9);
    assert_int_equal(config_model_max_output(config, "llama", "shop"), 0);
    const char **names = config_model_fallback(config, "gpt-4o", "home");
    assert_string_equal(names[0], "gpt-x");
    free(names);
    assert_null(config_model_fallback(config, "llama", "shop"));
    config_free(config);
}

/* The configuration in README that combines providers, without its key, which is none of ours. */
static char *combined_of_readme(void)
{
    FILE *file = unit_data("README");
    struct buffer text = {0};
    char line[200];
    bool inside = false;
    while (fgets(line, sizeof line, file) != NULL && strncmp(line, "A budget ", 9) != 0) {
        inside = inside || strncmp(line, "They combine:", 13) == 0;
        if (inside && strncmp(line, "    ", 4) == 0 && strstr(line, "key_file") == NULL)
            buffer_text(&text, line);
    }
    assert_int_equal(fclose(file), 0);
    return buffer_take(&text);
}

static void in_the_readme_only_the_models_at_home_are_free(void **state)
{
    struct config_price price;
    char *text = combined_of_readme();
    struct config *config = accept(*state, text);
    assert_string_equal(config_route(config, "gpt-4o", NULL)->name, "openai");
    config_model_price(config, "gpt-4o", NULL, &price);
    assert_false(price.given);
    assert_string_equal(config_route(config, "llama", NULL)->name, "gpu");
    config_model_price(config, "llama", NULL, &price);
    assert_true(price.free);
    config_free(config);
    free(text);
}

static void users_are_found_by_name_and_else_as_all_others(void **state)
{
    struct config *config = accept(*state, "user alice { }\nuser '*' { }\n");
    assert_ptr_equal(config_user(config, "alice"), &config->users[0]);
    assert_ptr_equal(config_user(config, "bob"), &config->users[1]);
    assert_ptr_equal(config_user(config, NULL), &config->users[1]);
    assert_ptr_equal(config_user(config, "*"), &config->users[1]);
    config_free(config);
    config = accept(*state, "user alice { }");
    assert_null(config_user(config, "bob"));
    assert_null(config_user(config, NULL));
    config_free(config);
}

static void a_user_may_ask_the_models_that_fit_a_pattern(void **state)
{
    struct config *config = accept(*state, "user alice { models = {'gpt-*', o3} }\n"
                                           "user bob { }\n"
                                           "user carol { models = {} }\n");
    assert_true(config_user_allows(&config->users[0], "gpt-4o"));
    assert_true(config_user_allows(&config->users[0], "o3"));
    assert_false(config_user_allows(&config->users[0], "o3-mini"));
    assert_true(config_user_allows(&config->users[1], "anything"));
    assert_false(config_user_allows(&config->users[2], "anything"));
    assert_true(config_user_allows(NULL, "anything"));
    config_free(config);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        CONFIG_TEST(models_find_their_provider_by_pattern),
        CONFIG_TEST(the_only_provider_takes_all_models),
        CONFIG_TEST(sections_without_a_provider_do_not_route),
        CONFIG_TEST(fallbacks_never_go_in_circles),
        CONFIG_TEST(a_price_is_taken_whole_from_the_first_section_that_has_one),
        CONFIG_TEST(prices_are_rounded_up_to_a_nano_a_token),
        CONFIG_TEST(each_limit_is_of_the_first_section_that_says_it),
        CONFIG_TEST(a_section_with_a_provider_says_nothing_of_models_of_another),
        CONFIG_TEST(a_job_that_names_its_provider_gets_what_is_said_of_that),
        CONFIG_TEST(in_the_readme_only_the_models_at_home_are_free),
        CONFIG_TEST(users_are_found_by_name_and_else_as_all_others),
        CONFIG_TEST(a_user_may_ask_the_models_that_fit_a_pattern),
    };
    return UNIT_RUN(tests);
}
