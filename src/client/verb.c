/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verb: see verb.h.
 */
#include "client/verb.h"

#include <assert.h>
#include <string.h>

#include "base/nearest.h"

static const struct verb verbs[] = {
    {"pause", VERB_PAUSE, false, false},  {"resume", VERB_RESUME, false, false},
    {"drain", VERB_DRAIN, false, false},  {"undrain", VERB_UNDRAIN, false, false},
    {"hold", VERB_HOLD, true, false},     {"release", VERB_RELEASE, true, true},
    {"cancel", VERB_CANCEL, true, false}, {"retry", VERB_RETRY, true, false},
    {"rerun", VERB_RERUN, true, false},   {"flush", VERB_FLUSH, true, true},
    {"redeliver", VERB_REDELIVER, true, false},
};

enum { VERBS = sizeof verbs / sizeof verbs[0] };

const struct verb *verb_find(const char *word)
{
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].word, word) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

const char *verb_near(const char *word)
{
    const char *words[VERBS];

    for (size_t i = 0; i < VERBS; i++) {
        words[i] = verbs[i].word;
    }
    return nearest_word(word, words, VERBS);
}

/* --- rules ---------------------------------------------------------------------------------------
 */

/* The states as bits, so that one rule is for several. */
enum states {
    ABSENT = 1 << 0,
    DROPPED = 1 << 1,
    WAITING = 1 << 2,
    DELAYED = 1 << 3,
    HELD = 1 << 4,
    RUNNING = 1 << 5,
    COMPLETED = 1 << 6,
    FAILED = 1 << 7, /* failed, cancelled, expired */
    ACTIVE = DROPPED | WAITING | DELAYED | HELD | RUNNING,
    ANY = ABSENT | ACTIVE | COMPLETED | FAILED,
};

static const struct rule {
    enum verb_kind verb;
    unsigned states;
    struct ruling ruling;
} rules[] = {
    {VERB_HOLD, ABSENT, {EFFECT_ACT, "held when it comes"}},
    {VERB_HOLD, DROPPED | WAITING | DELAYED, {EFFECT_ACT, "held"}},
    {VERB_HOLD, HELD, {EFFECT_ACT, "held by you, too"}},
    {VERB_HOLD, RUNNING, {EFFECT_ACT, "held before any further request"}},
    {VERB_HOLD, ANY, {EFFECT_CANNOT, "has ended, there is nothing to hold"}},
    {VERB_RELEASE, HELD, {EFFECT_ACT, "let go"}},
    {VERB_RELEASE, ANY, {EFFECT_NONE, "is not held"}},
    {VERB_CANCEL, DROPPED, {EFFECT_ACT, "taken and then cancelled"}},
    {VERB_CANCEL, RUNNING, {EFFECT_ACT, "broken off and cancelled"}},
    {VERB_CANCEL, ACTIVE, {EFFECT_ACT, "cancelled"}},
    {VERB_CANCEL, FAILED, {EFFECT_NONE, "has ended already"}},
    {VERB_CANCEL, ANY, {EFFECT_CANNOT, "has its answer, there is nothing to cancel"}},
    {VERB_RETRY, FAILED, {EFFECT_ACT, "tried again"}},
    {VERB_RETRY, ACTIVE, {EFFECT_NONE, "has not ended yet"}},
    {VERB_RETRY, ANY, {EFFECT_CANNOT, "has its answer; rerun asks again"}},
    {VERB_RERUN, COMPLETED, {EFFECT_ACT, "asked again"}},
    {VERB_RERUN, ACTIVE, {EFFECT_NONE, "has not ended yet, the run under way is the answer"}},
    {VERB_RERUN, ANY, {EFFECT_CANNOT, "has no answer yet; retry tries again"}},
    {VERB_FLUSH, DELAYED, {EFFECT_ACT, "tried at once"}},
    {VERB_FLUSH, HELD, {EFFECT_CANNOT, "is held; release lets it go"}},
    {VERB_FLUSH, ACTIVE, {EFFECT_NONE, "waits for no backoff"}},
    {VERB_FLUSH, ANY, {EFFECT_CANNOT, "has ended"}},
    {VERB_REDELIVER, COMPLETED | FAILED, {EFFECT_ACT, "told again, where webhooks are owed or given up"}},
    {VERB_REDELIVER, ANY, {EFFECT_NONE, "has not ended yet"}},
};

static unsigned state_bit(const char *state)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {
        {"dropped", DROPPED}, {"waiting", WAITING}, {"delayed", DELAYED},
        {"held", HELD},       {"running", RUNNING}, {"completed", COMPLETED},
    };

    for (size_t i = 0; state != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, state) == 0) {
            return words[i].bit;
        }
    }
    return state != NULL ? FAILED : ABSENT;
}

struct ruling verb_ruling(const struct verb *verb, const char *state)
{
    unsigned bit = state_bit(state);

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].verb == verb->kind && (rules[i].states & bit) != 0) {
            return rules[i].ruling;
        }
    }
    assert(false && "a verb that is for no jobs has no ruling");
    return (struct ruling){EFFECT_CANNOT, ""};
}
