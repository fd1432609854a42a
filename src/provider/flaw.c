/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flaw: what is wrong with an answer that came with status 200. */
#include "provider/flaw.h"

#include "base/jsontext.h"
#include "job/label.h"
#include "provider/structured.h"

static const struct {
    enum outcome outcome;
    const char *code;
    const char *message;
} flaws[] = {
    [FLAW_NOT_JSON] = {OUTCOME_UNUSABLE, "not_json", "the answer is not JSON"},
    [FLAW_NO_CHOICES] = {OUTCOME_UNUSABLE, "no_choices", "the answer has no choices"},
    [FLAW_NO_MESSAGE] = {OUTCOME_UNUSABLE, "no_message",
                         "the answer has a choice without a message"},
    [FLAW_NO_FINISH] = {OUTCOME_UNUSABLE, "no_finish_reason",
                        "the answer does not say why it ended: it may not be whole"},
    [FLAW_NO_CONTENT] = {OUTCOME_UNUSABLE, "no_content",
                         "the answer has neither text nor tool calls"},
    [FLAW_INVALID_JSON] = {OUTCOME_UNUSABLE, PROVIDER_INVALID_JSON,
                           "JSON was asked for and the text of the answer is none"},
    [FLAW_CUT_JSON] =
        {OUTCOME_UNUSABLE, PROVIDER_INVALID_JSON,
         "JSON was asked for and the answer was cut before its end: raise max_tokens"},
    [FLAW_NO_LABEL] = {OUTCOME_UNUSABLE, PROVIDER_NO_LABEL,
                       "the answer is none of the labels that the job names"},
    [FLAW_NO_VECTORS] = {OUTCOME_UNUSABLE, "no_vectors",
                         "the answer does not have one vector for each input"},
    [FLAW_FINISH_ERROR] = {OUTCOME_TRANSIENT, "finish_reason_error",
                           "the server broke the answer off with an error"},
    [FLAW_FILTERED] = {OUTCOME_JOB, "content_filter",
                       "the provider withheld the answer for its content"},
};

static enum flaw take_label(const json_t *labels, json_t **output)
{
    const json_t *label =
        label_match(labels, json_string_value(*output), json_string_length(*output));
    if (label == NULL) {
        return FLAW_NO_LABEL;
    }
    json_decref(*output);
    *output = json_string(json_string_value(label));
    return FLAW_NONE;
}

enum flaw flaw_parse_output(const struct job *job, bool cut, json_t **output)
{
    const json_t *labels = structured_labels(job);
    if (labels != NULL) {
        return take_label(labels, output);
    }
    if (!structured_wanted(job)) {
        return FLAW_NONE;
    }
    json_t *value =
        jsontext_read_lenient(json_string_value(*output), json_string_length(*output), NULL);
    if (value == NULL) {
        return cut ? FLAW_CUT_JSON : FLAW_INVALID_JSON;
    }
    json_decref(*output);
    *output = value;
    return FLAW_NONE;
}

int64_t flaw_count_tokens(const json_t *object, const char *key)
{
    json_int_t count = jsontext_get_int(object, key, -1);
    return count < 0 ? -1 : (int64_t)count;
}

static struct verdict judge(enum flaw flaw, const struct provider_reply *reply, struct wall now)
{
    if (flaw == FLAW_NONE) {
        return verdict_begin(reply, now, OUTCOME_OK);
    }
    struct verdict verdict = verdict_begin(reply, now, flaws[flaw].outcome);
    verdict.moderation = flaw == FLAW_FILTERED;
    verdict.refused = flaw == FLAW_FILTERED;
    verdict.cut = flaw == FLAW_CUT_JSON;
    verdict_say(&verdict, flaws[flaw].code, "%s", flaws[flaw].message);
    return verdict;
}

static void hold_to_schema(const struct job *job, const struct answer *answer,
                           struct verdict *verdict)
{
    struct error error = {0};
    if (structured_check(job, answer, &error) != 0) {
        verdict->outcome = OUTCOME_UNUSABLE;
        verdict_say(verdict, PROVIDER_SCHEMA, "%s", error.text);
    }
}

struct verdict flaw_read(flaw_reader *reader, const struct error_rule *rules, const struct job *job,
                         const struct provider_reply *reply, struct wall now, struct answer *answer)
{
    json_t *document = reply->body_length == 0
                           ? NULL
                           : jsontext_read_lenient(reply->body, reply->body_length, NULL);
    struct verdict verdict;
    *answer = (struct answer){.output = NULL};
    if (reply->status != 200 || classify_find_error(document) != NULL) {
        verdict = classify_error(rules, reply, document, now);
    } else {
        verdict =
            judge(document == NULL ? FLAW_NOT_JSON : reader(job, document, answer), reply, now);
    }
    if (verdict.outcome == OUTCOME_OK) {
        verdict.refused = answer->refusal != NULL;
        answer->response = answer->response != NULL ? answer->response : json_incref(document);
        hold_to_schema(job, answer, &verdict);
    }
    if (verdict.outcome != OUTCOME_OK) {
        answer_clear(answer);
    }
    json_decref(document);
    return verdict;
}
