/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_job: libFuzzer target: what is accepted as a job must come out of its own text as the same.
 *
 * Built by hand, in the build folder, with the examples as a start:
 *     clang -std=gnu17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -I$SOURCE/src \
 *         $SOURCE/tests/fuzz/fuzz_job.c $SOURCE/src/job/[a-z]*.c $SOURCE/src/base/[a-z]*.c \
 *         $SOURCE/src/spool/layout.c -ljansson -lcrypto -lm -o fuzz_job
 *     mkdir corpus && ./fuzz_job -max_len=4096 corpus $SOURCE/spool-layout/examples
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "job/job.h"
#include "job/record.h"
#include "job/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_job(const char *text, size_t length)
{
    const struct job_context context = {.default_model = "m", .submitted = {1000}};
    struct buffer written = {0};
    struct error error;
    struct job *job = job_read(text, length, &context, &error);
    if (job == NULL) {
        return;
    }
    job_write(job, &written);
    struct job *again = job_read_accepted(written.bytes, written.length, &error);
    assert(again != NULL && id_equal(&again->id, &job->id));
    job_free(again);
    job_free(job);
    buffer_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    const char *text = (const char *)bytes;
    const struct id id = {{0}};
    struct error error;
    check_job(text, length);
    state_free(state_read(text, length, &id, &error));
    record_output_whole(text, length, &id, 1);
    return 0;
}
