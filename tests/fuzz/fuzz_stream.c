/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_stream: libFuzzer target: a stream must mean the same however its bytes are cut, and what is
 * no whole answer must not be taken for one. The first byte chooses the protocol.
 *
 * Built by hand, in the build folder:
 *     clang -std=gnu17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -I$SOURCE/src \
 *         $SOURCE/tests/fuzz/fuzz_stream.c $SOURCE/src/provider/[a-z]*.c $SOURCE/src/job/[a-z]*.c \
 *         $SOURCE/src/base/[a-z]*.c $SOURCE/src/spool/layout.c -ljansson -lcrypto -lm -o
 * fuzz_stream mkdir corpus && ./fuzz_stream -max_len=4096 -dict=$SOURCE/tests/fuzz/stream.dict
 * corpus
 */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsontext.h"
#include "base/utf8.h"
#include "provider/provider.h"
#include "provider/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static const struct wall now = {INT64_C(1796126400000)};

/* What became of a body that came in parts of this size. */
static struct verdict run(const struct provider *provider, const struct job *job,
                          const struct provider_reply *reply, size_t part, struct buffer *out)
{
    struct stream *stream = stream_new(provider);
    struct answer answer;
    for (size_t at = 0; at < reply->body_length; at += part) {
        size_t left = reply->body_length - at;
        if (!stream_feed(stream, reply->body + at, left < part ? left : part)) {
            break;
        }
    }
    const struct buffer *text = stream_text(stream);
    assert(text->length == 0 || utf8_valid(text->bytes, text->length));
    buffer_append(out, text->bytes != NULL ? text->bytes : "", text->length);
    struct verdict verdict = stream_end(stream, job, reply, now, &answer);
    if (verdict.outcome == OUTCOME_OK) {
        assert(answer.output != NULL && answer.finish_reason != NULL && answer.response != NULL);
        jsontext_write(out, answer.response);
    } else {
        assert(verdict.code[0] != '\0' && answer.output == NULL && answer.response == NULL);
    }
    answer_clear(&answer);
    stream_free(stream);
    return verdict;
}

static void check_stream(const struct provider *provider, const struct job *job,
                         const struct provider_reply *reply)
{
    struct buffer whole = {0};
    struct buffer pieces = {0};
    struct verdict first = run(provider, job, reply, reply->body_length + 1, &whole);
    struct verdict second = run(provider, job, reply, 1, &pieces);
    assert(first.outcome == second.outcome && strcmp(first.code, second.code) == 0);
    assert(whole.length == pieces.length);
    assert(whole.length == 0 || memcmp(whole.bytes, pieces.bytes, whole.length) == 0);
    buffer_free(&whole);
    buffer_free(&pieces);
}

static void check_answer(const struct provider *provider, const struct job *job,
                         const struct provider_reply *reply)
{
    struct answer answer;
    struct verdict verdict = provider->read(job, reply, now, &answer);
    assert((verdict.outcome == OUTCOME_OK) == (answer.output != NULL));
    answer_clear(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const char text[] = "{\"prompt\": \"hi\"}";
    const struct job_context context = {.default_model = "m", .submitted = {1000}};
    const char *const *protocols = provider_protocols();
    size_t count = 0;
    struct error error;
    if (length == 0) {
        return 0;
    }
    while (protocols[count] != NULL) {
        count++;
    }
    struct job *job = job_read(text, sizeof text - 1, &context, &error);
    const struct provider *provider = provider_find(protocols[bytes[0] % count], "chat");
    const struct provider_reply reply = {.status = bytes[0] & 0x80 ? 500 : 200,
                                         .body = (const char *)bytes + 1,
                                         .body_length = length - 1};
    check_stream(provider, job, &reply);
    check_answer(provider, job, &reply);
    job_free(job);
    return 0;
}
