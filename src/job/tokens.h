/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tokens: how many tokens a text is, estimated without a tokenizer's data.
 *
 * Floor: job. Made to fit o200k_base (the encoding of gpt-4o and later): within 15 % for English,
 * 30 % for Chinese, Russian, German, French, Spanish, source code and JSON in texts of some KB;
 * tests/unit/test_tokens holds it to that. Others' tokenizers differ by more; the daemon corrects
 * the estimate of each model by what its servers report.
 */
#ifndef JOB_TOKENS_H
#define JOB_TOKENS_H

#include <stddef.h>
#include <stdint.h>

#include "job/job.h"

/* Tokens of a text (UTF-8; bytes that are none count one each). One pass, no allocation. 0 for an
 * empty text, otherwise at least 1. */
int64_t tokens_estimate(const char *text, size_t length);

/* Tokens of what a job asks with: prompt or messages, system, input, the tools and schema in
 * params, and what each message and tool adds by itself. An image counts TOKENS_IMAGE, or
 * TOKENS_IMAGE_LOW with "detail": "low"; other parts that are no text count as their JSON does.
 * Attachments count by their kind: images as above, a text by its bytes, a PDF TOKENS_PAGE for each
 * TOKENS_PAGE_BYTES begun; the latter two once they were measured (job/attachment.h). Input that is
 * given as tokens counts exactly. At least 1. */
int64_t tokens_of_job(const struct job *job);

/* The most tokens that it can be: as tokens_of_job, with as many for a text as it has bytes, as no
 * tokenizer makes more of it. What is set aside of a budget is reckoned with it, so that an
 * estimate that is too low cannot overdraw it. Images
 * and PDF are counted as there. */
int64_t tokens_ceiling_of_job(const struct job *job);

/* The most tokens that the answer may have: what params bounds it to (max_tokens,
 * max_completion_tokens, max_output_tokens; the largest), else usual; as many times as choices are
 * asked for (params.n, at most 128). 0 for embeddings. */
int64_t tokens_of_output(const struct job *job, uint64_t usual);

/* The bound that params gives, or 0 for none. */
int64_t tokens_bound(const struct job *job);

enum {
    TOKENS_IMAGE = 1100, /* 1024 x 1024 in high detail is 765 to 1,105 with most models */
    TOKENS_IMAGE_LOW = 85,
    TOKENS_PAGE = 2500, /* of a PDF: its text and its image, 1,500 to 3,000 with those that say */
    TOKENS_PAGE_BYTES = 64 * 1024, /* that are taken for one */
    TOKENS_TEXT_BYTES = 4, /* of an attached text for each token, as English has it */
};

#endif
