/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * letter: see letter.h.
 */
#include "client/letter.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/amount.h"
#include "base/jsontext.h"
#include "base/timetext.h"
#include "spool/layout.h"

enum {
    HEADER_LIMIT = 150, /* bytes of a subject */
    TEXT_LIMIT = 300,   /* bytes of a text in the body, of whose lines RFC 5322 allows 998, with three at most */
};

/* --- texts of strangers ------------------------------------------------------------------------------------ */

/* Into a header: printable ASCII. */
static void add_plain(struct buffer *out, const char *text)
{
    size_t start = out->length;

    for (; *text != '\0' && out->length - start < HEADER_LIMIT; text++) {
        if (((unsigned char)*text & 0xc0) != 0x80) { /* a character, not a further byte of one */
            buffer_byte(out, *text >= ' ' && *text <= '~' ? *text : '?');
        }
    }
}

/* Into a line of the body: valid UTF-8 as it came, without controls, and not too long. */
static void add_text(struct buffer *out, const char *text)
{
    size_t length = strlen(text);

    if (length > TEXT_LIMIT) {
        length = TEXT_LIMIT;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        bool c1 = byte == 0xc2 && i + 1 < length && (unsigned char)text[i + 1] < 0xa0;

        buffer_byte(out, byte < ' ' || byte == 0x7f || c1 ? ' ' : (char)byte);
        i += c1;
    }
}

/* As it is, where a word of ours is expected. */
static void add_line(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, "%-11s ", name);
    add_text(out, text);
    buffer_byte(out, '\n');
}

static void add_member(struct buffer *out, const char *name, const json_t *object, const char *key)
{
    const char *text = jsontext_get_text(object, key, NULL);

    if (text != NULL) {
        add_line(out, name, text);
    }
}

/* --- parts of bodies --------------------------------------------------------------------------------------- */

/* What to type to learn more; the spool's path is the administrator's, in quotes for a shell. */
static void add_command(struct buffer *out, const char *words, const char *what, const json_t *notice)
{
    const char *spool = jsontext_get_text(notice, "spool", "");
    bool plain = spool[strspn(spool, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789/._-")] == '\0';

    buffer_text(out, "    ");
    add_text(out, words);
    buffer_text(out, plain ? " -s " : " -s '");
    add_text(out, spool);
    buffer_text(out, plain ? " " : "' ");
    add_text(out, what);
    buffer_byte(out, '\n');
}

static void add_reasons(struct buffer *out, const json_t *reasons)
{
    const json_t *row;
    size_t i;

    if (json_array_size(reasons) > 0) {
        buffer_text(out, "\nWhy:\n");
    }
    json_array_foreach(reasons, i, row) {
        buffer_printf(out, "%8lld  ", (long long)jsontext_get_int(row, "count", 0));
        add_text(out, jsontext_get_text(row, "reason", "?"));
        if (json_object_get(row, "message") != NULL) {
            buffer_text(out, ": ");
            add_text(out, jsontext_get_text(row, "message", ""));
        }
        buffer_byte(out, '\n');
    }
}

static void add_job(struct buffer *out, const json_t *job)
{
    const char *name = jsontext_get_text(job, "name", NULL);
    char id[ID_SHORT_SIZE];

    snprintf(id, sizeof id, "%.12s", jsontext_get_text(job, "id", ""));
    buffer_text(out, "    ");
    add_text(out, id);
    buffer_text(out, "  ");
    add_text(out, jsontext_get_text(job, "status", "failed"));
    if (name != NULL) {
        buffer_text(out, "  ");
        add_text(out, name);
    }
    if (json_object_get(job, "message") != NULL) {
        buffer_text(out, "  ");
        add_text(out, jsontext_get_text(job, "message", ""));
    }
    buffer_byte(out, '\n');
}

static void add_jobs(struct buffer *out, const json_t *jobs, long long all)
{
    const json_t *job;
    size_t i;

    if (json_array_size(jobs) > 0) {
        buffer_text(out, "\nJobs:\n");
    }
    json_array_foreach(jobs, i, job) {
        add_job(out, job);
    }
    if (all > (long long)json_array_size(jobs)) {
        buffer_printf(out, "    and %lld more\n", all - (long long)json_array_size(jobs));
    }
}

/* --- the events -------------------------------------------------------------------------------------------- */

static long long failures_of(const json_t *run)
{
    return jsontext_get_int(run, "jobs", 0) - jsontext_get_int(run, "completed", 0);
}

static void run_subject(struct buffer *out, const json_t *notice)
{
    const json_t *run = json_object_get(notice, "run");

    buffer_text(out, "run ");
    add_plain(out, jsontext_get_text(run, "name", ""));
    buffer_printf(out, " has ended: %lld completed", (long long)jsontext_get_int(run, "completed", 0));
    if (failures_of(run) > 0) {
        buffer_printf(out, ", %lld not", failures_of(run));
    }
}

static void run_counts(struct buffer *out, const json_t *run)
{
    static const char *const words[] = {"completed", "failed",  "cancelled",
                                        "expired",   "refused", "gone"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        json_int_t count = jsontext_get_int(run, words[i], 0);

        if (count > 0 || i == 0) {
            buffer_printf(out, "%-11s %lld\n", words[i], (long long)count);
        }
    }
}

static void run_body(struct buffer *out, const json_t *notice)
{
    const json_t *run = json_object_get(notice, "run");
    const char *name = jsontext_get_text(run, "name", "");
    char text[AMOUNT_SIZE + TIMETEXT_SIZE];
    int64_t nano;

    add_line(out, "run", name);
    run_counts(out, run);
    if (json_object_get(run, "cost") != NULL &&
        amount_of_double(json_number_value(json_object_get(run, "cost")), &nano)) {
        amount_show(nano, text);
        buffer_printf(out, "%-11s %s ", "cost", text);
        add_text(out, jsontext_get_text(run, "currency", ""));
        buffer_byte(out, '\n');
    }
    if (jsontext_get_int(run, "duration_ms", 0) > 0) {
        timetext_write_duration(jsontext_get_int(run, "duration_ms", 0), text);
        add_line(out, "duration", text);
    }
    add_member(out, "began", run, "began");
    add_member(out, "ended", run, "ended");
    add_reasons(out, json_object_get(run, "reasons"));
    add_jobs(out, json_object_get(run, "failures"), failures_of(run));
    buffer_text(out, "\nTo look further:\n");
    add_command(out, "llmspool-status", name, notice);
    add_command(out, "llmspool-result", name, notice);
}

static void gate_subject(struct buffer *out, const json_t *notice)
{
    buffer_text(out, "gate ");
    add_plain(out, jsontext_get_text(json_object_get(notice, "gate"), "name", ""));
    buffer_text(out, " closed");
}

static void gate_body(struct buffer *out, const json_t *notice)
{
    const json_t *gate = json_object_get(notice, "gate");

    add_member(out, "gate", gate, "name");
    add_member(out, "provider", gate, "provider");
    add_member(out, "model", gate, "model");
    add_member(out, "reason", gate, "reason");
    buffer_text(out, "\nIts jobs wait and none of them fails. Somebody must mend what is wrong there.\n"
                     "\nTo look further:\n");
    add_command(out, "llmspool-status", "--gates", notice);
}

static void budget_subject(struct buffer *out, const json_t *notice)
{
    const json_t *budget = json_object_get(notice, "budget");

    buffer_text(out, "budget used up: ");
    add_plain(out, jsontext_get_text(budget, "scope", ""));
    buffer_text(out, " a ");
    add_plain(out, jsontext_get_text(budget, "period", ""));
}

static void budget_body(struct buffer *out, const json_t *notice)
{
    const json_t *budget = json_object_get(notice, "budget");

    add_member(out, "budget of", budget, "scope");
    add_member(out, "period", budget, "period");
    add_member(out, "run", budget, "run");
    add_member(out, "limit", budget, "limit");
    add_member(out, "used", budget, "used");
    add_member(out, "currency", budget, "currency");
    add_member(out, "until", budget, "until");
    buffer_byte(out, '\n');
    add_text(out, jsontext_get_text(budget, "message", ""));
    buffer_text(out, "\nJobs that it does not pay for wait and none of them fails.\n"
                     "\nTo look further:\n");
    add_command(out, "llmspool-status", "--spend", notice);
}

static void jobs_subject(struct buffer *out, const json_t *notice)
{
    const json_t *jobs = json_object_get(notice, "jobs");
    const json_t *job = json_array_get(jobs, 0);
    long long count = jsontext_get_int(notice, "count", 0);
    char id[ID_SHORT_SIZE];
    bool ended = strcmp(jsontext_get_text(notice, "event", ""), "ended") == 0;

    snprintf(id, sizeof id, "%.12s", jsontext_get_text(job, "id", ""));
    if (count != 1) {
        buffer_printf(out, "%lld jobs %s", count, ended ? "have ended" : "failed");
        return;
    }
    buffer_text(out, "job ");
    add_plain(out, jsontext_get_text(job, "name", id));
    buffer_byte(out, ' ');
    add_plain(out, jsontext_get_text(job, "status", "failed"));
}

static void add_groups(struct buffer *out, const json_t *groups, const char *member)
{
    const json_t *row;
    size_t i;

    json_array_foreach(groups, i, row) {
        buffer_printf(out, "%8lld  ", (long long)jsontext_get_int(row, "count", 0));
        add_text(out, jsontext_get_text(row, member, "?"));
        buffer_byte(out, '\n');
    }
}

static void jobs_body(struct buffer *out, const json_t *notice)
{
    const json_t *jobs = json_object_get(notice, "jobs");
    const char *first = jsontext_get_text(json_array_get(jobs, 0), "id", "");

    add_groups(out, json_object_get(notice, "statuses"), "status");
    add_reasons(out, json_object_get(notice, "reasons"));
    if (json_array_size(json_object_get(notice, "runs")) > 0) {
        buffer_text(out, "\nIn runs:\n");
        add_groups(out, json_object_get(notice, "runs"), "run");
    }
    add_jobs(out, jobs, jsontext_get_int(notice, "count", 0));
    buffer_text(out, "\nTo look further:\n");
    add_command(out, "llmspool-status", first, notice);
    add_command(out, "llmspool-result", first, notice);
}

static const struct {
    const char *event;
    const char *member; /* that it must have */
    void (*subject)(struct buffer *out, const json_t *notice);
    void (*body)(struct buffer *out, const json_t *notice);
} kinds[] = {
    {"run-finished", "run", run_subject, run_body},
    {"gate-closed", "gate", gate_subject, gate_body},
    {"budget", "budget", budget_subject, budget_body},
    {"failed", "jobs", jobs_subject, jobs_body},
    {"ended", "jobs", jobs_subject, jobs_body},
};

/* --- the message ------------------------------------------------------------------------------------------- */

static void add_addresses(struct buffer *out, const struct letter *letter)
{
    for (size_t i = 0; i < letter->to_count; i++) {
        buffer_printf(out, "%s%s", i == 0 ? "To: " : ",\n    ", letter->to[i]);
    }
    buffer_byte(out, '\n');
}

static void add_date(struct buffer *out, struct wall now)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(now.ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    buffer_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\n", days[tm.tm_wday], tm.tm_mday,
                  months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void add_headers(struct buffer *out, const char *id, const struct letter *letter)
{
    if (letter->from != NULL) {
        buffer_printf(out, "From: llmspool <%s>\n", letter->from);
    }
    add_addresses(out, letter);
    add_date(out, letter->now);
    buffer_printf(out, "Message-ID: <%s@", id);
    add_plain(out, letter->host);
    buffer_text(out, ">\n"
                     "Auto-Submitted: auto-generated\n"
                     "MIME-Version: 1.0\n"
                     "Content-Type: text/plain; charset=utf-8\n"
                     "Content-Transfer-Encoding: 8bit\n"
                     "Subject: [llmspool] ");
}

int letter_write(struct buffer *out, json_t *notice, const struct letter *letter,
                 struct error *error)
{
    const char *event = jsontext_get_text(notice, "event", "");
    const char *id = jsontext_get_text(notice, "notice_id", "");
    struct id hash;

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].event, event) != 0 || json_object_get(notice, kinds[i].member) == NULL ||
            !id_read(id, &hash)) {
            continue;
        }
        add_headers(out, id, letter);
        kinds[i].subject(out, notice);
        buffer_text(out, "\n\n");
        kinds[i].body(out, notice);
        buffer_byte(out, '\n');
        add_member(out, "spool", notice, "spool");
        add_member(out, "time", notice, "time");
        add_line(out, "notice", id);
        return 0;
    }
    error_set(error, ERROR_DATA, "standard input has no notice of a hook");
    return -1;
}
