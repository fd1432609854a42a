/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_mutations: whatever is done to a good job's text, reading it ends with a job that can be
 * written and read again, or with a sentence.
 *
 * The same text is tried as state and output file, too. The seed is fixed, so a failure repeats;
 * LLMSPOOL_SEED gives another one.
 */
#include "unit.h"

#include <string.h>

#include "base/buffer.h"
#include "base/random.h"
#include "base/utf8.h"
#include "job/job.h"
#include "job/record.h"
#include "job/state.h"

enum { MUTATIONS = 20000, SEED = 20261201 };

static const char *const good[] = {
    "{\"model\":\"m\",\"prompt\":\"Hello\",\"type\":\"chat\",\"system\":\"S\",\"params\":"
    "{\"temperature\":0.2,\"max_tokens\":400},\"user\":\"alice\",\"provider\":\"openai\","
    "\"sample\":1,\"name\":\"report-7\",\"priority\":3,\"not_before\":\"2026-12-01T03:00:00Z\","
    "\"expires\":\"2026-12-02T03:00:00+01:00\",\"timeout\":\"10m\",\"max_attempts\":3,"
    "\"max_age\":\"1d\",\"stream\":true,\"webhook\":\"https://x.example/a\",\"keep\":\"90d\","
    "\"on_doubt\":\"hold\",\"metadata\":{\"a\":[1,2.5,null,\"\\u00e9\"]}}",
    "{\"prompt\":\"H\xC3\xA9 \xE2\x82\xAC \\ud83d\\ude02\",\"delay\":\"1h30m\","
    "\"metadata\":{\"n\":[1e20,-123456789012345678.5]}}",
    "{\"messages\":[{\"role\":\"system\",\"content\":\"S\"},{\"role\":\"user\",\"content\":"
    "[{\"type\":\"text\",\"text\":\"T\"}]},{\"role\":\"assistant\",\"content\":null}],"
    "\"model\":\"m\"}",
};

static const char id_text[] = "8f4ef09551a7347196001b88a96351a92976b4e28a5ed4dad9852819b6b6a49c";

#define ATTEMPT                                                                                    \
    "{\"n\":1,\"started\":\"2026-12-01T03:00:00.000Z\",\"ended\":\"2026-12-01T03:00:01.000Z\","    \
    "\"outcome\":\"throttled\",\"http_status\":429,\"code\":\"c\",\"count\":3}"

static const char good_state[] =
    "{\"version\":1,\"id\":\"8f4ef09551a7347196001b88a96351a92976b4e28a5ed4dad9852819b6b6a49c\","
    "\"run\":1,\"tries\":0,\"submitted\":\"2026-12-01T03:00:00.000Z\",\"sends\":3,\"failures\":0,"
    "\"throttled\":3,\"doubts\":0,\"crashes\":0,\"next_try\":null,\"hold\":\"user\","
    "\"attempts\":[" ATTEMPT "],\"priority\":1,\"expires\":\"never\",\"keep_ms\":5,"
    "\"names\":[\"a\"],\"webhooks\":[\"b\"]}";

static size_t below(struct random *random, size_t bound)
{
    return (size_t)random_below(random, bound);
}

/* Changes text in one place: a byte flipped or replaced by one that JSON knows, a piece left out,
 * doubled, or cut off. */
static void mutate(struct buffer *text, struct random *random)
{
    static const char bytes[] = "{}[]\",:\\/0123456789-+.eEunlltrfas \t\n\x80\xFF";
    size_t at = below(random, text->length + 1);
    size_t length = below(random, 12);
    length = length < text->length - at ? length : text->length - at;
    struct buffer rest = {0};
    buffer_append(&rest, text->bytes + at, text->length - at);
    text->length = at;
    switch (random_below(random, 5)) {
    case 0: /* cut off */
        buffer_clear(&rest);
        break;
    case 1: /* left out */
        buffer_drop(&rest, length);
        break;
    case 2: /* doubled */
        buffer_append(text, rest.bytes, length);
        break;
    case 3: /* put in */
        buffer_byte(text, bytes[below(random, sizeof bytes)]);
        break;
    default: /* a bit flipped */
        if (rest.length > 0) {
            rest.bytes[0] = (char)(rest.bytes[0] ^ (1 << random_below(random, 8)));
        }
        break;
    }
    buffer_append(text, rest.bytes, rest.length);
    buffer_free(&rest);
}

static void load(struct buffer *text, const char *original, struct random *random)
{
    buffer_clear(text);
    buffer_text(text, original);
    for (uint64_t times = 1 + random_below(random, 3); times > 0; times--) {
        mutate(text, random);
    }
}

static void start(struct random *random)
{
    const char *seed = getenv("LLMSPOOL_SEED");
    random_init(random, seed != NULL ? strtoull(seed, NULL, 10) : SEED);
}

static void check_sentence(const struct error *error)
{
    assert_int_equal(error->kind, ERROR_DATA);
    assert_true(strlen(error->text) > 0);
    assert_true(utf8_valid(error->text, strlen(error->text)));
    assert_null(strpbrk(error->text, "\n\r\t\033"));
}

/* What was accepted must be what comes out of its own text. */
static void check_job(const struct job *job)
{
    struct error error = {0};
    struct buffer written = {0};
    job_write(job, &written);
    struct job *again = job_read_accepted(written.bytes, written.length, &error);
    if (again == NULL) {
        fail_msg("%s: %s", error.text, written.bytes);
    }
    assert_true(id_equal(&again->id, &job->id));
    job_free(again);
    buffer_free(&written);
}

static void jobs_are_read_or_refused(void **state)
{
    const char *reason;
    const struct job_context context = {
        .default_model = "d", .submitted = {INT64_C(1796094000000)}, .reason = &reason};
    struct buffer text = {0};
    struct random random;
    size_t accepted = 0;
    (void)state;
    start(&random);
    for (size_t i = 0; i < MUTATIONS; i++) {
        struct error error = {0};
        load(&text, good[i % UNIT_COUNT(good)], &random);
        reason = NULL;
        struct job *job = job_read(text.bytes, text.length, &context, &error);
        if (job == NULL) {
            assert_non_null(reason);
            check_sentence(&error);
        } else {
            assert_null(reason);
            check_job(job);
            accepted++;
        }
        job_free(job);
    }
    /* The loop must reach both ends to mean anything. */
    assert_in_range(accepted, MUTATIONS / 100, MUTATIONS - MUTATIONS / 100);
    buffer_free(&text);
}

static void states_are_read_or_refused(void **unused)
{
    struct id id;
    struct buffer text = {0}, written = {0};
    struct random random;
    size_t accepted = 0;
    (void)unused;
    assert_true(id_read(id_text, &id));
    start(&random);
    for (size_t i = 0; i < MUTATIONS; i++) {
        struct error error = {0};
        load(&text, good_state, &random);
        struct state *state = state_read(text.bytes, text.length, &id, &error);
        if (state == NULL) {
            check_sentence(&error);
            continue;
        }
        accepted++;
        buffer_clear(&written);
        state_write(state, &written);
        state_free(state);
        state = state_read(written.bytes, written.length, &id, &error);
        assert_non_null(state);
        state_free(state);
    }
    assert_in_range(accepted, MUTATIONS / 100, MUTATIONS - MUTATIONS / 100);
    buffer_free(&text);
    buffer_free(&written);
}

static void no_changed_answer_counts_as_whole(void **state)
{
    static const char original[] =
        "{\"id\":\"8f4ef09551a7347196001b88a96351a92976b4e28a5ed4dad9852819b6b6a49c\","
        "\"version\":1,\"output\":\"Hello\",\"sha256\":"
        "\"185f8db32271fe25f561a6fc938b2e264306ec304eda518007d1764826381969\"}";
    struct id id;
    struct buffer text = {0};
    struct random random;
    (void)state;
    assert_true(id_read(id_text, &id));
    assert_true(record_output_whole(original, strlen(original), &id, 1));
    start(&random);
    for (size_t i = 0; i < MUTATIONS; i++) {
        load(&text, original, &random);
        if (record_output_whole(text.bytes, text.length, &id, 1)) {
            assert_non_null(strstr(text.bytes, "Hello"));
        }
    }
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_read_or_refused),
        cmocka_unit_test(states_are_read_or_refused),
        cmocka_unit_test(no_changed_answer_counts_as_whole),
    };
    return UNIT_RUN(tests);
}
