/* SPDX-License-Identifier: GPL-2.0-or-later */
/* brief: see brief.h. */
#include "httpd/brief.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "client/records.h"
#include "job/job.h"
#include "spool/file.h"
#include "spool/unit.h"

enum { DOCUMENT_LIMIT = 256 * 1024 * 1024 };

static int load(const struct spool *spool, enum folder folder, enum entry_kind kind,
                const struct id *id, unsigned version, struct buffer *text, struct stat *status)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return file_read_at(spool->dir[folder], name, DOCUMENT_LIMIT, text, status);
}

static struct jsonspan span(const struct buffer *text)
{
    return (struct jsonspan){text->bytes != NULL ? text->bytes : "", text->length};
}

/* Looks members of a document up; those that are not there stay without a text. */
static void look_up(const struct buffer *document, const struct jsonspan *keys,
                    struct jsonspan *values, size_t count)
{
    if (!jsonscan_find(span(document), keys, values, count))
        memset(values, 0, count * sizeof *values);
}

/* What a member says that is a string, for the caller to free; NULL when it is none. */
static char *text_of(struct jsonspan value)
{
    struct buffer text = {0};

    if (value.text == NULL || !jsonspan_string(value, &text)) {
        buffer_free(&text);
        return NULL;
    }
    return text.bytes != NULL ? buffer_take(&text) : xstrdup("");
}

static int64_t time_of(struct jsonspan value)
{
    char *text = text_of(value);
    struct wall time = {0};

    if (text != NULL)
        (void)timetext_read(text, &time);
    free(text);
    return time.ms;
}

/* --- what the documents say ------------------------------------------------------------------ */

static void read_job(struct brief *brief)
{
    static const struct jsonspan keys[] = {JSONSPAN("name"), JSONSPAN("user"), JSONSPAN("model")};
    struct jsonspan values[3] = {{0}};

    look_up(&brief->job, keys, values, 3);
    brief->name = values[0];
    brief->user = values[1];
    brief->model = values[2];
    brief->submitted_ms = clock_ms(brief->status.st_mtim);
}

static void read_times(struct brief *brief, const struct buffer *record)
{
    static const struct jsonspan outer[] = {JSONSPAN("times")};
    static const struct jsonspan inner[] = {JSONSPAN("submitted"), JSONSPAN("finished")};
    struct jsonspan times = {0}, values[2] = {{0}};

    look_up(record, outer, &times, 1);
    if (times.text == NULL || !jsonscan_find(times, inner, values, 2))
        return;
    if (values[0].text != NULL)
        brief->submitted_ms = time_of(values[0]);
    brief->finished_ms = time_of(values[1]);
}

/* --- cur/ ------------------------------------------------------------------------------------ */

/* What keeps a job that is due. */
static void read_obstacle(struct brief *brief, struct reasons *reasons)
{
    static const struct jsonspan keys[] = {JSONSPAN("type"), JSONSPAN("provider")};
    struct jsonspan values[2] = {{0}};
    char *model = text_of(brief->model), *type, *provider;

    look_up(&brief->job, keys, values, 2);
    type = text_of(values[0]);
    provider = text_of(values[1]);
    if (reasons != NULL)
        brief->reason = xstrdup(reasons_find(reasons, model, type, provider));
    free(model);
    free(type);
    free(provider);
}

static void read_waiting(struct brief *brief, const struct spool *spool, struct reasons *reasons)
{
    struct waiting waiting;
    char due[TIMETEXT_SIZE];

    brief->state = "waiting";
    if (records_waiting(spool, &brief->id, &waiting) < 0)
        return;
    if (waiting.held) {
        brief->state = "held";
        brief->reason = xasprintf("held: %s", waiting.hold);
    } else if (waiting.due_ms > clock_wall(&clock_system).ms) {
        timetext_write((struct wall){waiting.due_ms}, due);
        brief->state = "delayed";
        brief->reason = xasprintf("until %s", due);
    } else {
        read_obstacle(brief, reasons);
    }
}

static void read_current(struct brief *brief, const struct spool *spool, struct reasons *reasons)
{
    static const struct jsonspan keys[] = {JSONSPAN("submitted")};
    struct jsonspan submitted = {0};

    if (load(spool, FOLDER_CUR, ENTRY_STATE, &brief->id, 0, &brief->memory, NULL) == 0) {
        look_up(&brief->memory, keys, &submitted, 1);
        if (submitted.text != NULL && !jsonspan_is(submitted, "null"))
            brief->submitted_ms = time_of(submitted);
    }
    if ((brief->status.st_mode & S_IXUSR) != 0)
        brief->state = "running";
    else
        read_waiting(brief, spool, reasons);
}

/* --- done/ and failed/ ----------------------------------------------------------------------- */

static bool is_good(const struct buffer *output)
{
    static const struct jsonspan keys[] = {JSONSPAN("status")};
    struct jsonspan status = {0};

    look_up(output, keys, &status, 1);
    return jsonspan_is(status, "\"completed\"");
}

/* The newest good output, or the newest where none is good. */
static void read_done(struct brief *brief, const struct spool *spool)
{
    brief->state = "completed";
    for (unsigned version = brief->highest; version > 0 && version >= brief->lowest; version--) {
        struct buffer output = {0};
        bool read =
            load(spool, FOLDER_DONE, ENTRY_OUTPUT, &brief->id, version, &output, NULL) == 0;
        bool good = read && is_good(&output);

        if (good || (read && brief->result.length == 0)) {
            buffer_free(&brief->result);
            brief->result = output;
        } else {
            buffer_free(&output);
        }
        if (good)
            break;
    }
    read_times(brief, &brief->result);
}

static const char *failed_state(struct jsonspan status)
{
    static const char *const states[] = {"failed", "cancelled", "expired", "refused"};
    const char *state = states[0];
    char *word = text_of(status);

    for (size_t i = 0; word != NULL && i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(word, states[i]) == 0)
            state = states[i];
    }
    free(word);
    return state;
}

static void read_error(struct brief *brief)
{
    static const struct jsonspan keys[] = {JSONSPAN("status"), JSONSPAN("message")};
    struct jsonspan values[2] = {{0}};

    look_up(&brief->error, keys, values, 2);
    brief->state = failed_state(values[0]);
    brief->reason = text_of(values[1]);
    read_times(brief, &brief->error);
}

static bool read_from(struct brief *brief, const struct spool *spool, enum folder folder,
                      struct reasons *reasons)
{
    if (load(spool, folder, ENTRY_JOB, &brief->id, 0, &brief->job, &brief->status) < 0) {
        buffer_clear(&brief->job);
        return false;
    }
    brief->folder = folder;
    read_job(brief);
    (void)unit_versions(spool, &brief->id, &brief->lowest, &brief->highest);
    if (folder == FOLDER_CUR) {
        read_current(brief, spool, reasons);
    } else if (folder == FOLDER_DONE) {
        read_done(brief, spool);
    } else {
        (void)load(spool, FOLDER_FAILED, ENTRY_ERROR, &brief->id, 0, &brief->error, NULL);
        read_error(brief);
    }
    return true;
}

bool brief_read(struct brief *brief, const struct spool *spool, const struct id *id,
                struct reasons *reasons)
{
    /* A job moves on or back while it is looked for. */
    static const enum folder folders[] = {FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE,
                                          FOLDER_CUR, FOLDER_FAILED, FOLDER_DONE};

    *brief = (struct brief){.id = *id};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        if (read_from(brief, spool, folders[i], reasons))
            return true;
    }
    brief_clear(brief);
    return false;
}

/* --- others ---------------------------------------------------------------------------------- */

void brief_dropped(struct brief *brief, const struct id *id, struct buffer *job)
{
    *brief = (struct brief){.id = *id, .folder = FOLDER_NEW, .state = "dropped", .job = *job};
    *job = (struct buffer){0};
    read_job(brief);
}

void brief_refused(struct brief *brief, const struct id *id, struct buffer *job,
                   struct buffer *error)
{
    *brief = (struct brief){.id = *id, .folder = FOLDER_FAILED, .job = *job, .error = *error};
    *job = *error = (struct buffer){0};
    read_job(brief);
    read_error(brief);
}

void brief_again(struct brief *brief)
{
    free(brief->reason);
    brief->reason = xasprintf("it was %s and is asked for again", brief->state);
    brief->state = "dropped";
}

bool brief_ended(const struct brief *brief)
{
    return (brief->folder == FOLDER_DONE || brief->folder == FOLDER_FAILED) &&
           strcmp(brief->state, "dropped") != 0;
}

bool brief_is_of(const struct brief *brief, const char *user)
{
    char *owner = text_of(brief->user);
    bool is = owner != NULL && strcmp(owner, user) == 0;

    free(owner);
    return is;
}

void brief_tag(const struct brief *brief, char tag[BRIEF_TAG_SIZE])
{
    (void)snprintf(tag, BRIEF_TAG_SIZE, "%c%x-%" PRIxMAX "-%" PRIxMAX ".%lx",
                   brief->state[0], brief->highest, (uintmax_t)brief->status.st_ino,
                   (uintmax_t)brief->status.st_ctim.tv_sec,
                   (unsigned long)brief->status.st_ctim.tv_nsec);
}

/* --- writing --------------------------------------------------------------------------------- */

void brief_embed(const struct buffer *document, struct buffer *out)
{
    size_t length = document->length;
    json_t *value;

    while (length > 0 && strchr("\n\r\t ", document->bytes[length - 1]) != NULL)
        length--;
    if (length > 0 && jsonscan_find((struct jsonspan){document->bytes, length}, NULL, NULL, 0)) {
        buffer_append(out, document->bytes, length);
        return;
    }
    value = length > 0 ? jsontext_read(document->bytes, length, NULL) : NULL;
    if (value != NULL)
        jsontext_write(out, value);
    else
        buffer_text(out, "null");
    json_decref(value);
}

static void write_span(struct buffer *out, const char *key, struct jsonspan value)
{
    buffer_text(out, key);
    if (value.text != NULL)
        buffer_append(out, value.text, value.length);
    else
        buffer_text(out, "null");
}

static void write_time(struct buffer *out, int64_t ms)
{
    char text[TIMETEXT_SIZE];

    timetext_write((struct wall){ms}, text);
    if (ms > 0)
        buffer_printf(out, "\"%s\"", text);
    else
        buffer_text(out, "null");
}

static void write_short(const struct brief *brief, const char *hex, struct buffer *out)
{
    buffer_text(out, "{\"id\":\"");
    buffer_text(out, hex);
    buffer_text(out, "\",\"state\":\"");
    buffer_text(out, brief->state);
    buffer_text(out, "\",\"reason\":");
    if (brief->reason != NULL)
        jsontext_write_string(out, brief->reason, strlen(brief->reason));
    else
        buffer_text(out, "null");
    write_span(out, ",\"name\":", brief->name);
    write_span(out, ",\"user\":", brief->user);
    write_span(out, ",\"model\":", brief->model);
    buffer_text(out, ",\"submitted\":");
    write_time(out, brief->submitted_ms);
    buffer_printf(out,
                  ",\"links\":{\"self\":\"/v1/jobs/%s\",\"events\":\"/v1/jobs/%s/events\","
                  "\"versions\":\"/v1/jobs/%s/versions\"}",
                  hex, hex, hex);
}

/* How many requests were recorded, and when the next may be sent. */
static void write_memory(const struct brief *brief, struct buffer *out)
{
    static const struct jsonspan keys[] = {JSONSPAN("sends"), JSONSPAN("next_try")};
    struct jsonspan values[2] = {{0}};

    look_up(&brief->memory, keys, values, 2);
    buffer_text(out, ",\"attempts\":");
    if (values[0].text != NULL)
        buffer_append(out, values[0].text, values[0].length);
    else
        buffer_byte(out, '0');
    write_span(out, ",\"next_try\":", values[1]);
}

void brief_write(const struct brief *brief, bool whole, struct buffer *out)
{
    char hex[ID_TEXT_SIZE];

    id_write(&brief->id, hex);
    buffer_reserve(out, 768 + (whole ? brief->job.length + brief->result.length +
                                           brief->error.length
                                     : 0));
    write_short(brief, hex, out);
    if (whole) {
        buffer_text(out, ",\"job\":");
        brief_embed(&brief->job, out);
        buffer_text(out, ",\"result\":");
        brief_embed(&brief->result, out);
        buffer_text(out, ",\"error\":");
        brief_embed(&brief->error, out);
        if (brief->folder == FOLDER_CUR)
            write_memory(brief, out);
        buffer_text(out, ",\"versions\":[");
        for (unsigned version = brief->lowest; version > 0 && version <= brief->highest; version++)
            buffer_printf(out, "%s%u", version > brief->lowest ? "," : "", version);
        buffer_byte(out, ']');
    }
    buffer_byte(out, '}');
}

void brief_clear(struct brief *brief)
{
    free(brief->reason);
    buffer_free(&brief->job);
    buffer_free(&brief->result);
    buffer_free(&brief->error);
    buffer_free(&brief->memory);
    *brief = (struct brief){0};
}
