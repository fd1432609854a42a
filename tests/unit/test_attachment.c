/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_attachment: content parts that name files: measured, and sent by each protocol. */
#include "unit.h"

#include "exchange.h"
#include "job/attachment.h"
#include "job/tokens.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

#define IMAGE "{'type':'file','blob':'" A "','media_type':'image/png','filename':'a.png'}"
#define PDF   "{'type':'file','blob':'" B "','media_type':'application/pdf'}"
#define TEXT  "{'type':'file','blob':'" C "','media_type':'text/plain','filename':'c.txt'}"
#define ASK   "{'type':'text','text':'Why?'}"
#define JOB(parts)                                                                                 \
    "{'model':'m','messages':[{'role':'system','content':'Be brief.'},"                            \
    "{'role':'user','content':[" parts "]}]}"

static const char png[] = "\x89PNG\r\n\x1a\n";
static const char pdf[] = "%PDF-1";
static const char text[] = "a \"b\"\n";

static int load(void *context, const struct attachment *attachment, struct buffer *bytes,
                struct error *error)
{
    unsigned *calls = context;
    ++*calls;
    switch (attachment->blob.bytes[0]) {
    case 0xaa:
        buffer_text(bytes, png);
        return 0;
    case 0xbb:
        buffer_text(bytes, pdf);
        return 0;
    case 0xcc:
        buffer_text(bytes, text);
        return 0;
    default:
        error_set(error, ERROR_ABSENT, "gone");
        return -1;
    }
}

static int64_t size(void *context, const struct id *blob)
{
    (void)context;
    return blob->bytes[0] == 0xaa ? 5000 : blob->bytes[0] == 0xbb ? 200000 : 4000;
}

static void check_body(const char *protocol, const char *job_text, const char *body)
{
    struct provider_ask ask = {.model = "m"};
    struct provider_request request = {0};
    struct error error = {0};
    unsigned calls = 0;
    struct job *job = exchange_job(job_text);
    struct job whole = *job;
    char *expected = exchange_json(body);
    struct buffer before = {0}, after = {0};

    job_write(job, &before);
    whole.document = attachments_expand(job->document, load, &calls, &error);
    assert_non_null(whole.document);
    assert_int_equal(calls, job->attachments);
    if (provider_find(protocol, "chat")->build(&whole, &ask, &request, &error) != 0) {
        fail_msg("%s: %s", protocol, error.text);
    }
    assert_string_equal(request.body.bytes, expected);
    job_write(job, &after); /* the job itself stays as it is */
    assert_string_equal(before.bytes, after.bytes);
    provider_request_clear(&request);
    buffer_free(&before);
    buffer_free(&after);
    json_decref(whole.document);
    free(expected);
    job_free(job);
}

static void chat_completions_get_image_urls_files_and_texts(void **state)
{
    (void)state;
    check_body("openai", JOB(IMAGE "," PDF "," TEXT "," ASK),
               "{'model':'m','messages':[{'role':'system','content':'Be brief.'},"
               "{'role':'user','content':["
               "{'type':'image_url','image_url':{'url':'data:image/png;base64,iVBORw0KGgo='}},"
               "{'type':'file','file':{'filename':'attachment.pdf',"
               "'file_data':'data:application/pdf;base64,JVBERi0x'}},"
               "{'type':'text','text':'c.txt:\\n'},{'type':'text','text':'a \\'b\\'\\n'},"
               "{'type':'text','text':'Why?'}]}]}");
}

static void responses_get_input_images_and_files(void **state)
{
    (void)state;
    check_body("openai-responses", JOB(IMAGE "," PDF "," TEXT "," ASK),
               "{'model':'m','input':[{'role':'system','content':'Be brief.'},"
               "{'role':'user','content':["
               "{'type':'input_image','image_url':'data:image/png;base64,iVBORw0KGgo=',"
               "'detail':'auto'},"
               "{'type':'input_file','filename':'attachment.pdf',"
               "'file_data':'data:application/pdf;base64,JVBERi0x'},"
               "{'type':'input_text','text':'c.txt:\\n'},{'type':'input_text','text':'a \\'b\\'\\n'},"
               "{'type':'input_text','text':'Why?'}]}],'store':false}");
}

static void messages_get_images_and_documents(void **state)
{
    (void)state;
    check_body("anthropic", JOB(IMAGE "," PDF "," TEXT "," ASK),
               "{'model':'m','max_tokens':4096,'messages':[{'role':'user','content':["
               "{'type':'image','source':{'type':'base64','media_type':'image/png',"
               "'data':'iVBORw0KGgo='}},"
               "{'type':'document','source':{'type':'base64','media_type':'application/pdf',"
               "'data':'JVBERi0x'}},"
               "{'type':'document','source':{'type':'text','media_type':'text/plain',"
               "'data':'a \\'b\\'\\n'},'title':'c.txt'},"
               "{'type':'text','text':'Why?'}]}],'system':'Be brief.'}");
}

static void openais_own_files_pass_and_become_documents(void **state)
{
    static const char own[] = "{'type':'file','file':{'filename':'r.pdf',"
                              "'file_data':'data:application/pdf;base64,JVBERi0x'}}";
    struct buffer job = {0};
    (void)state;
    buffer_printf(&job, "{'model':'m','messages':[{'role':'user','content':[%s]}]}", own);
    check_body("openai", job.bytes, job.bytes);
    check_body("anthropic", job.bytes,
               "{'model':'m','max_tokens':4096,'messages':[{'role':'user','content':["
               "{'type':'document','source':{'type':'base64','media_type':'application/pdf',"
               "'data':'JVBERi0x'},'title':'r.pdf'}]}]}");
    buffer_free(&job);
}

static void refused(const char *job_text, enum error_kind kind, const char *words)
{
    struct error error = {0};
    unsigned calls = 0;
    struct job *job = exchange_job(job_text);
    assert_null(attachments_expand(job->document, load, &calls, &error));
    assert_int_equal(error.kind, kind);
    if (strstr(error.text, words) == NULL) {
        fail_msg("%s", error.text);
    }
    job_free(job);
}

static void other_bytes_than_the_job_says_are_not_sent(void **state)
{
    (void)state;
    refused(JOB("{'type':'file','blob':'" A "','media_type':'image/jpeg'}"), ERROR_DATA,
            "is image/png by its content, and the job says image/jpeg");
    refused(JOB("{'type':'file','blob':'" C "','media_type':'application/pdf'}"), ERROR_DATA,
            "is text/plain");
    refused(JOB("{'type':'file','blob':'dddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
                "dddddddd','media_type':'image/png'}"),
            ERROR_ABSENT, "gone");
}

static void they_count_as_tokens(void **state)
{
    struct job *bare = exchange_job(JOB(ASK));
    struct job *job = exchange_job(JOB(IMAGE "," PDF "," TEXT "," ASK));
    (void)state;
    int64_t before = tokens_of_job(bare), unmeasured = tokens_of_job(job);
    assert_int_equal(bare->attachments, 0);
    assert_int_equal(job->attachments, 3);
    assert_true(unmeasured >= before + TOKENS_IMAGE && unmeasured < before + TOKENS_IMAGE + 100);
    attachments_measure(job, size, NULL);
    assert_int_equal(job->attached_bytes, 209000);
    assert_int_equal(tokens_of_job(job) - unmeasured, 4 * TOKENS_PAGE + 4000 / 4);
    assert_int_equal(tokens_ceiling_of_job(job) - tokens_of_job(job) -
                         (tokens_ceiling_of_job(bare) - tokens_of_job(bare)),
                     3000);
    job_free(job);
    job_free(bare);
}

static void the_name_of_a_file_is_identity_and_its_place_is_not_there(void **state)
{
    struct job *named = exchange_job(JOB(IMAGE));
    struct job *same = exchange_job(JOB("{'filename':'a.png','media_type':'image/png','blob':'" A
                                        "','type':'file'}"));
    struct job *other = exchange_job(JOB("{'type':'file','blob':'" A "','media_type':'image/png'}"));
    (void)state;
    assert_true(id_equal(&named->id, &same->id));
    assert_false(id_equal(&named->id, &other->id));
    job_free(named);
    job_free(same);
    job_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chat_completions_get_image_urls_files_and_texts),
        cmocka_unit_test(responses_get_input_images_and_files),
        cmocka_unit_test(messages_get_images_and_documents),
        cmocka_unit_test(openais_own_files_pass_and_become_documents),
        cmocka_unit_test(other_bytes_than_the_job_says_are_not_sent),
        cmocka_unit_test(they_count_as_tokens),
        cmocka_unit_test(the_name_of_a_file_is_identity_and_its_place_is_not_there),
    };
    return UNIT_RUN(tests);
}
