/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prune_tell: see prune_tell.h.
 */
#include "client/prune_tell.h"

#include <jansson.h>
#include <stddef.h>

#include "base/buffer.h"
#include "client/screen.h"
#include "client/show.h"

/* What went, in the order in which it is told. */
static const struct {
    const char *key;
    const char *singular;
    const char *plural;
    size_t offset;
} kinds[] = {
    {"done", "answered job", "answered jobs", offsetof(struct prune_report, done)},
    {"failed", "failed job", "failed jobs", offsetof(struct prune_report, failed)},
    {"versions", "old version", "old versions", offsetof(struct prune_report, versions)},
    {"refused", "refused file", "refused files", offsetof(struct prune_report, refused)},
    {"events", "day of events", "days of events", offsetof(struct prune_report, events)},
    {"notices", "given-up notification", "given-up notifications",
     offsetof(struct prune_report, notices)},
    {"temporary", "old temporary file", "old temporary files",
     offsetof(struct prune_report, droppings)},
    {"attachments", "attachment", "attachments", offsetof(struct prune_report, attachments)},
    {"runs", "run", "runs", offsetof(struct prune_report, runs)},
    {"flows", "flow", "flows", offsetof(struct prune_report, flows)},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const struct prune_tally *tally_of(const struct prune_report *report, size_t kind)
{
    return (const void *)((const char *)report + kinds[kind].offset);
}

static void list_what_went(struct buffer *line, const struct prune_report *report,
                           uint64_t *bytes)
{
    *bytes = 0;
    for (size_t i = 0; i < KINDS; i++) {
        const struct prune_tally *tally = tally_of(report, i);

        if (tally->count > 0) {
            buffer_printf(line, "%s%zu %s", line->length > 0 ? ", " : "", tally->count,
                          tally->count == 1 ? kinds[i].singular : kinds[i].plural);
            *bytes += tally->bytes;
        }
    }
}

static void tell_stays(FILE *out, size_t count, const char *why)
{
    if (count > 0) {
        fprintf(out, "%zu job%s %s\n", count, screen_plural(count), why);
    }
}

void prune_tell(FILE *out, const struct prune_report *report, bool dry_run)
{
    struct buffer line = {0};
    char size[SCREEN_SIZE_SIZE];
    uint64_t bytes;

    list_what_went(&line, report, &bytes);
    if (line.length == 0) {
        fprintf(out, "nothing to prune among %zu finished job%s\n", report->seen,
                screen_plural(report->seen));
    } else {
        fprintf(out, "%s %s, %s, of %zu finished job%s\n", dry_run ? "would prune" : "pruned",
                line.bytes, screen_bytes((int64_t)bytes, size), report->seen,
                screen_plural(report->seen));
    }
    if (report->compressed.count > 0) {
        fprintf(out, "%s %zu day%s of events\n", dry_run ? "would compress" : "compressed",
                report->compressed.count, screen_plural(report->compressed.count));
    }
    tell_stays(out, report->unarchived,
               "could go and wait for llmspool-archive (archive_before_prune = yes)");
    tell_stays(out, report->owed, "could go and stay: a notification is owed, or a hold is on");
    tell_stays(out, report->busy, "could go and were locked by another program");
    tell_stays(out, report->unreadable, "cannot be read: see llmspool-check");
    buffer_free(&line);
}

static json_t *tally_json(const struct prune_tally *tally)
{
    return json_pack("{s:I, s:I}", "count", (json_int_t)tally->count, "bytes",
                     (json_int_t)tally->bytes);
}

void prune_tell_json(FILE *out, const struct prune_report *report, bool dry_run)
{
    json_t *object = json_pack("{s:b, s:I}", "dry_run", dry_run, "seen", (json_int_t)report->seen);

    for (size_t i = 0; i < KINDS; i++) {
        json_object_set_new(object, kinds[i].key, tally_json(tally_of(report, i)));
    }
    json_object_set_new(object, "compressed", tally_json(&report->compressed));
    json_object_set_new(object, "names", json_integer((json_int_t)report->names));
    json_object_set_new(object, "leftovers", json_integer((json_int_t)report->leftovers));
    json_object_set_new(object, "unarchived", json_integer((json_int_t)report->unarchived));
    json_object_set_new(object, "overdue", json_integer((json_int_t)report->overdue));
    json_object_set_new(object, "owed", json_integer((json_int_t)report->owed));
    json_object_set_new(object, "busy", json_integer((json_int_t)report->busy));
    json_object_set_new(object, "unreadable", json_integer((json_int_t)report->unreadable));
    show_json(out, object);
    json_decref(object);
}

void prune_tell_progress(FILE *out, const struct prune_report *report)
{
    if (report == NULL) {
        fputs("\r\033[K", out);
    } else {
        fprintf(out, "\r\033[K%zu looked at, %zu pruned", report->seen,
                report->done.count + report->failed.count);
    }
    fflush(out);
}
