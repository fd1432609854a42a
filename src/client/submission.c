/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * submission: see submission.h.
 */
#include "client/submission.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "client/drop.h"
#include "client/input.h"
#include "client/records.h"

void submission_add(struct submission *submission, enum source source, const char *word)
{
    size_t count = submission->count;

    /* Grows at each power of two. */
    if ((count & (count - 1)) == 0) {
        submission->jobs =
            xrealloc(submission->jobs, (count > 0 ? 2 * count : 1) * sizeof *submission->jobs);
    }
    submission->jobs[submission->count++] = (struct submitted){.source = source, .word = word};
}

static int check_stdin_once(const struct submission *submission, struct error *error)
{
    size_t readers = 0;

    for (size_t i = 0; i < submission->count; i++) {
        const struct submitted *submitted = &submission->jobs[i];

        readers += submitted->source != SOURCE_TEXT && strcmp(submitted->word, "-") == 0;
    }
    if (readers > 1) {
        error_set(error, ERROR_USAGE, "standard input can be read for one job only");
        return -1;
    }
    return 0;
}

static struct job *read_file(const struct submitted *submitted, struct draft *draft,
                             struct error *error)
{
    struct job *(*make)(const struct draft *, const char *, size_t, struct error *) =
        submitted->source == SOURCE_WHOLE ? draft_whole : draft_prompt;
    struct buffer text = {0};
    struct job *job = NULL;

    draft_beside(draft, submitted->word);
    if (input_read(submitted->word, JOB_SIZE_LIMIT, &text, error) == 0) {
        job = make(draft, text.bytes != NULL ? text.bytes : "", text.length, error);
        if (job == NULL) {
            error_prefix(error, "%s",
                         strcmp(submitted->word, "-") == 0 ? "standard input" : submitted->word);
        }
    }
    buffer_free(&text);
    return job;
}

int submission_read(struct submission *submission, struct draft *draft, struct error *error)
{
    if (check_stdin_once(submission, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < submission->count; i++) {
        struct submitted *submitted = &submission->jobs[i];

        submitted->job = submitted->source == SOURCE_TEXT
                             ? draft_prompt(draft, submitted->word, strlen(submitted->word), error)
                             : read_file(submitted, draft, error);
        if (submitted->job == NULL) {
            return -1;
        }
    }
    return 0;
}

int submission_drop(const struct spool *spool, struct submitted *submitted, struct error *error)
{
    const struct job *job = submitted->job;
    struct buffer text = {0};
    unsigned lowest, highest = 0;
    int result;

    if (records_versions(spool, &job->id, &lowest, &highest) < 0) {
        highest = 0;
    }
    submitted->run = highest + 1;
    job_write(job, &text);
    result = drop_job(spool, &job->id, text.bytes, text.length, submitted->drop, error);
    buffer_free(&text);
    return result;
}

void submission_clear(struct submission *submission)
{
    for (size_t i = 0; i < submission->count; i++) {
        job_free(submission->jobs[i].job);
    }
    free(submission->jobs);
    *submission = (struct submission){0};
}
