/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flaw: what is wrong with an answer that came with status 200, and what follows from it.
 *
 * Floor: provider. Shared by all protocols, so that the same flaw has the same code and the same
 * outcome in each.
 */
#ifndef PROVIDER_FLAW_H
#define PROVIDER_FLAW_H

#include <jansson.h>
#include <stdbool.h>

#include "base/clock.h"
#include "job/job.h"
#include "job/record.h"
#include "provider/classify.h"
#include "provider/provider.h"

enum flaw {
    FLAW_NONE,
    FLAW_NOT_JSON,
    FLAW_NO_CHOICES,
    FLAW_NO_MESSAGE,
    FLAW_NO_FINISH,
    FLAW_NO_CONTENT,
    FLAW_INVALID_JSON,
    FLAW_CUT_JSON,
    FLAW_NO_LABEL,
    FLAW_NO_VECTORS,
    FLAW_FINISH_ERROR,
    FLAW_FILTERED,
};

/* Where the job asks for JSON: replaces *output, an owned string, by the value that it denotes; where
 * it asks for a label, by the label that it is.
 * cut: the model was stopped by a bound. */
enum flaw flaw_parse_output(const struct job *job, bool cut, json_t **output);

/* Reads the document of an answer with status 200 and no error in it into *answer, which is empty
 * before and may hold anything after a flaw. */
typedef enum flaw flaw_reader(const struct job *job, json_t *document, struct answer *answer);

/* What every provider's read does: parses the body, has an error judged by the protocol's rules and
 * anything else read by the reader, holds the output to the job's own schema, and says what is
 * wrong with it. answer->response is the
 * document unless the reader has set it. */
struct verdict flaw_read(flaw_reader *reader, const struct error_rule *rules, const struct job *job,
                         const struct provider_reply *reply, struct wall now,
                         struct answer *answer);

/* A count of tokens in an object; -1 where the server did not say. */
int64_t flaw_count_tokens(const json_t *object, const char *key);

#endif
