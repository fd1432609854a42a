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
#include "httpd/answer_text.h"
#include "httpd/brief.h"
#include "httpd/jobs.h"
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
    json_int_t most;          /* tokens of its answer; 0: not bounded; below 0: not read yet */
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
    watched->most = -1;
    watched->state = plan->state;
    return watched;
}

void watched_close(struct watched *watched)
{
    if (watched == NULL)
        return;
    answer_text_close(watched->text);
    free(watched->told);
    free(watched);
}

static const char *end_word(const char *word)
{
    static const char *const ends[] = {"completed", "failed", "cancelled", "expired", "refused"};

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
static json_int_t bound(const struct brief *brief)
{
    static const char *const keys[] = {"max_tokens", "max_completion_tokens", "max_output_tokens"};
    json_t *job = jsontext_read_object(brief->job.bytes, brief->job.length, NULL);
    const json_t *params = json_object_get(job, "params");
    json_int_t most = 0;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_int_t tokens = jsontext_get_int(params, keys[i], 0);

        most = tokens > most ? tokens : most;
    }
    json_decref(job);
    return most;
}

static char *running(struct watched *watched, const struct brief *brief, int *percent)
{
    uint64_t tokens = (partial_size(watched) + BYTES_OF_A_TOKEN - 1) / BYTES_OF_A_TOKEN;

    *percent = -1;
    if (tokens == 0)
        return xstrdup("running");
    if (watched->most < 0)
        watched->most = bound(brief);
    if (watched->most > 0)
        *percent =
            tokens < (uint64_t)watched->most ? (int)(tokens * 100 / (uint64_t)watched->most) : 99;
    return xasprintf("running, about %llu tokens so far", (unsigned long long)tokens);
}

/* What a person reads; *percent is -1 where it is not known. */
static char *describe(struct watched *watched, const struct brief *brief, int *percent)
{
    const char *state = watched->state;

    *percent = -1;
    if (state == NULL)
        return xstrdup("not there any more");
    if (strcmp(state, "running") == 0)
        return running(watched, brief, percent);
    if (strcmp(state, "completed") == 0)
        *percent = 100;
    else if (!is_end(state))
        *percent = 0;
    return brief->reason != NULL ? xasprintf("%s: %s", state, brief->reason) : xstrdup(state);
}

/* Tells it once. */
static void progress(struct watched *watched, const struct brief *brief, struct buffer *out)
{
    char time[TIMETEXT_SIZE], *line;
    int percent;
    char *message = describe(watched, brief, &percent);

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

/* Reads the job as it is now. One that was dropped is looked for in new/ only when it is nowhere
 * else. */
static void read_job(struct watched *watched, struct brief *brief)
{
    struct buffer nothing = {0};

    if (!jobs_brief(watched->front->jobs, &watched->id, brief) &&
        locate_pending(watched->front->spool, &watched->id))
        brief_dropped(brief, &watched->id, &nothing);
    watched->state = brief->state;
}

static void tell_state(struct watched *watched, const struct brief *brief, struct buffer *out)
{
    struct buffer text = {0};

    if (watched->state != NULL)
        brief_write(brief, false, &text);
    else
        buffer_printf(&text, "{\"id\":\"%s\",\"state\":null}", watched->text_id);
    sse_event(out, "state", NULL, text.bytes, text.length);
    buffer_free(&text);
    progress(watched, brief, out);
    watched->state_told = is_end(watched->state);
}

void watched_begin(struct watched *watched, struct buffer *out)
{
    struct brief brief = {.state = NULL};

    read_job(watched, &brief);
    tell_state(watched, &brief, out);
    brief_clear(&brief);
    if (watched->state_told)
        watched->ended_ms = mono_ms(watched) - SURE_MS;
}

/* The files say that a job has ended a moment later than the log; a job that was asked again says
 * so in both. */
static void look_at_state(struct watched *watched, int64_t now, struct buffer *out)
{
    struct brief brief = {.state = NULL};

    watched->look_ms = now + LOOK_MS;
    read_job(watched, &brief);
    if (!is_end(watched->state)) {
        watched->ended_ms = 0;
        progress(watched, &brief, out);
    } else if (watched->ended_ms == 0) {
        watched->ended_ms = now;
    }
    brief_clear(&brief);
}

void watched_look(struct watched *watched, bool anyway, struct buffer *out)
{
    int64_t now = mono_ms(watched);

    if (watched->end != NULL)
        return;
    if (anyway || now >= watched->look_ms)
        look_at_state(watched, now, out);
    if (watched->text != NULL && !is_end(watched->state))
        (void)token(watched, false, out);
}

void watched_hear(struct watched *watched, const struct event *event, struct buffer *out)
{
    const struct brief nothing = {.state = NULL};

    watched->end = end_word(event->kind);
    watched->look_ms = 0;
    if (watched->text != NULL && strcmp(event->kind, "started") == 0)
        answer_text_doubt(watched->text);
    if (watched->end != NULL) {
        watched->state = watched->end;
        progress(watched, &nothing, out);
    }
}

/* By the files alone. Returns false while there is more of its text. */
static bool end_unheard(struct watched *watched, struct buffer *out)
{
    struct brief brief = {.state = NULL};

    if (watched_rest(watched, out))
        return false;
    if (!watched->state_told) {
        read_job(watched, &brief);
        tell_state(watched, &brief, out);
        brief_clear(&brief);
    }
    return true;
}

bool watched_end(struct watched *watched, struct buffer *out)
{
    bool sure = watched->ended_ms != 0 && mono_ms(watched) - watched->ended_ms >= SURE_MS;

    if (watched->end == NULL && (!sure || !end_unheard(watched, out)))
        return false;
    append(out, "end",
           json_pack("{s:s, s:s?}", "jobId", watched->text_id, "state", watched->state));
    return true;
}
