/* SPDX-License-Identifier: GPL-2.0-or-later */
/* watched: see watched.h. */
#include "httpd/watched.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/locate.h"
#include "client/records.h"
#include "httpd/answer_text.h"
#include "httpd/sse.h"

enum {
    LOOK_MS = 1000,
    SURE_MS = 2000, /* so long a job has ended by the files before that counts without its event */
    BYTES_OF_A_TOKEN = 4, /* as English has it */
};

struct watched {
    struct front *front;
    struct id id;
    char text_id[ID_TEXT_SIZE];
    json_t *job;              /* its file, or NULL: not accepted yet */
    struct answer_text *text; /* NULL: not wanted */
    const char *state;        /* as it was last looked at; NULL: there is no such job */
    const char *end;          /* the last event that was heard, when that ended the job */
    bool state_told;          /* that it has ended */
    int64_t look_ms;          /* not looked at before */
    int64_t ended_ms;         /* since when it has ended by the files; 0: it has not */
    char *told;               /* the last progress, but for its time */
};

static int64_t mono_ms(const struct watched *watched)
{
    return clock_mono(watched->front->clock).ms;
}

struct watched *watched_open(struct front *front, const struct watched_plan *plan)
{
    struct watched *watched = xcalloc(1, sizeof *watched);

    watched->front = front;
    watched->id = plan->id;
    id_write(&plan->id, watched->text_id);
    if (plan->tokens)
        watched->text = answer_text_open(front->spool, &plan->id, plan->offset);
    watched->state = locate_state(front->spool, &plan->id);
    return watched;
}

void watched_close(struct watched *watched)
{
    if (watched == NULL)
        return;
    json_decref(watched->job);
    answer_text_close(watched->text);
    free(watched->told);
    free(watched);
}

static const char *end_word(const char *word)
{
    static const char *const ends[] = {"completed", "failed", "cancelled", "expired"};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strcmp(ends[i], word) == 0)
            return ends[i];
    }
    return NULL;
}

bool watched_is_end(const char *kind)
{
    return end_word(kind) != NULL;
}

/* A job that is not there any more has ended, too. */
static bool is_end(const char *state)
{
    return state == NULL || end_word(state) != NULL;
}

bool watched_final(const struct watched *watched)
{
    return is_end(watched->state);
}

bool watched_moves(const struct watched *watched)
{
    return watched->ended_ms != 0 || watched->state == NULL ||
           strcmp(watched->state, "running") == 0 || strcmp(watched->state, "dropped") == 0;
}

static const json_t *job_of(struct watched *watched)
{
    if (watched->job == NULL)
        watched->job = records_job(watched->front->spool, &watched->id, NULL);
    return watched->job;
}

static void append(struct buffer *out, const char *name, json_t *data)
{
    struct buffer text = {0};

    jsontext_write(&text, data);
    json_decref(data);
    sse_event(out, name, NULL, text.bytes, text.length);
    buffer_free(&text);
}

/* --- how far it is --- */

static uint64_t partial_size(const struct watched *watched)
{
    char name[ENTRY_NAME_SIZE];
    struct stat status;

    entry_write(ENTRY_PARTIAL, &watched->id, 0, name);
    return fstatat(watched->front->spool->dir[FOLDER_CUR], name, &status, AT_SYMLINK_NOFOLLOW) == 0
               ? (uint64_t)status.st_size
               : 0;
}

/* The most tokens that the job lets its answer have; 0: not bounded. */
static json_int_t bound(const json_t *job)
{
    static const char *const keys[] = {"max_tokens", "max_completion_tokens", "max_output_tokens"};
    const json_t *params = json_object_get(job, "params");
    json_int_t most = 0;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_int_t tokens = jsontext_get_int(params, keys[i], 0);

        most = tokens > most ? tokens : most;
    }
    return most;
}

static char *running(struct watched *watched, int *percent)
{
    uint64_t tokens = (partial_size(watched) + BYTES_OF_A_TOKEN - 1) / BYTES_OF_A_TOKEN;
    json_int_t most = bound(job_of(watched));

    *percent = -1;
    if (tokens == 0)
        return xstrdup("running");
    if (most > 0)
        *percent = tokens < (uint64_t)most ? (int)(tokens * 100 / (uint64_t)most) : 99;
    return xasprintf("running, about %llu tokens so far", (unsigned long long)tokens);
}

static char *later(const struct watched *watched)
{
    struct waiting waiting;
    char time[TIMETEXT_SIZE];

    if (records_waiting(watched->front->spool, &watched->id, &waiting) < 0 || waiting.due_ms == 0)
        return xstrdup("delayed");
    timetext_write((struct wall){waiting.due_ms}, time);
    return xasprintf("delayed until %s", time);
}

static char *held(const struct watched *watched)
{
    struct waiting waiting;

    if (records_waiting(watched->front->spool, &watched->id, &waiting) < 0 || waiting.hold == NULL)
        return xstrdup("held");
    return xasprintf("held: %s", waiting.hold);
}

/* Dropped or waiting: why it does not move. */
static char *obstructed(struct watched *watched)
{
    const json_t *job = job_of(watched);
    bool loud;
    char *why = records_obstacle(watched->front->spool, jsontext_get_text(job, "model", NULL),
                                 jsontext_get_text(job, "type", NULL),
                                 jsontext_get_text(job, "provider", NULL), &loud);
    char *message =
        why != NULL ? xasprintf("%s: %s", watched->state, why) : xstrdup(watched->state);

    free(why);
    return message;
}

/* What a person reads; *percent is -1 where it is not known. */
static char *describe(struct watched *watched, int *percent)
{
    const char *state = watched->state;

    *percent = 0;
    if (state == NULL || (is_end(state) && strcmp(state, "completed") != 0)) {
        *percent = -1;
        return xstrdup(state != NULL ? state : "not there any more");
    }
    if (strcmp(state, "completed") == 0) {
        *percent = 100;
        return xstrdup(state);
    }
    if (strcmp(state, "running") == 0)
        return running(watched, percent);
    if (strcmp(state, "delayed") == 0)
        return later(watched);
    if (strcmp(state, "held") == 0)
        return held(watched);
    return obstructed(watched);
}

/* Tells it once. */
static void progress(struct watched *watched, struct buffer *out)
{
    char time[TIMETEXT_SIZE], *line;
    int percent;
    char *message = describe(watched, &percent);

    line = xasprintf("%d %s", percent, message);
    if (watched->told == NULL || strcmp(watched->told, line) != 0) {
        timetext_write(clock_wall(watched->front->clock), time);
        append(out, "progress",
               json_pack("{s:s, s:s, s:o, s:s}", "jobId", watched->text_id, "message", message,
                         "progress", percent < 0 ? json_null() : json_integer(percent), "timestamp",
                         time));
        free(watched->told);
        watched->told = line;
        line = NULL;
    }
    free(line);
    free(message);
}

/* --- its text --- */

static bool token(struct watched *watched, bool rest, struct buffer *out)
{
    struct buffer piece = {0};
    uint64_t offset;
    bool found = rest ? answer_text_rest(watched->text, &piece, &offset)
                      : answer_text_next(watched->text, &piece, &offset);

    if (found)
        append(out, "token",
               json_pack("{s:s, s:I, s:s%}", "jobId", watched->text_id, "offset",
                         (json_int_t)offset, "text", piece.bytes, piece.length));
    buffer_free(&piece);
    return found;
}

bool watched_rest(struct watched *watched, struct buffer *out)
{
    return watched->text != NULL && watched->state != NULL &&
           strcmp(watched->state, "completed") == 0 && token(watched, true, out);
}

/* --- */

/* The job's shape is that of GET /v1/jobs/ID, without its files. */
static void state(struct watched *watched, struct buffer *out)
{
    const json_t *job = job_of(watched);

    append(out, "state",
           json_pack("{s:s, s:s?, s:s?, s:s?, s:s?}", "id", watched->text_id, "state",
                     watched->state, "name", jsontext_get_text(job, "name", NULL), "user",
                     jsontext_get_text(job, "user", NULL), "model",
                     jsontext_get_text(job, "model", NULL)));
}

void watched_begin(struct watched *watched, struct buffer *out)
{
    state(watched, out);
    progress(watched, out);
    watched->state_told = is_end(watched->state);
    if (watched->state_told)
        watched->ended_ms = mono_ms(watched) - SURE_MS;
}

/* The files say that a job has ended a moment later than the log; a job that was asked again says
 * so in both. */
static void look_at_state(struct watched *watched, int64_t now)
{
    watched->look_ms = now + LOOK_MS;
    watched->state = locate_state(watched->front->spool, &watched->id);
    if (!is_end(watched->state))
        watched->ended_ms = 0;
    else if (watched->ended_ms == 0)
        watched->ended_ms = now;
}

void watched_look(struct watched *watched, bool anyway, struct buffer *out)
{
    int64_t now = mono_ms(watched);

    if (watched->end != NULL)
        return;
    if (anyway || now >= watched->look_ms) {
        look_at_state(watched, now);
        if (!is_end(watched->state))
            progress(watched, out);
    }
    if (watched->text != NULL && !is_end(watched->state))
        (void)token(watched, false, out);
}

void watched_hear(struct watched *watched, const struct event *event, struct buffer *out)
{
    watched->end = end_word(event->kind);
    watched->look_ms = 0;
    if (watched->text != NULL && strcmp(event->kind, "started") == 0)
        answer_text_doubt(watched->text);
    if (watched->end != NULL) {
        watched->state = watched->end;
        progress(watched, out);
    }
}

bool watched_end(struct watched *watched, struct buffer *out)
{
    bool sure = watched->ended_ms != 0 && mono_ms(watched) - watched->ended_ms >= SURE_MS;

    if (watched->end == NULL && !sure)
        return false;
    if (watched->end == NULL) {
        if (watched_rest(watched, out))
            return false;
        if (!watched->state_told) {
            state(watched, out);
            progress(watched, out);
        }
    }
    append(out, "end",
           json_pack("{s:s, s:s?}", "jobId", watched->text_id, "state", watched->state));
    return true;
}
