/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prune_unit: what becomes of one unit. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "retain/prune_parts.h"
#include "spool/file.h"
#include "spool/unit.h"

enum { BLOCK = 512 /* of st_blocks, stat(2) */ };

uint64_t prune_size(int dir, const char *name)
{
    struct stat status;

    return fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) == 0
               ? (uint64_t)status.st_blocks * BLOCK
               : 0;
}

static uint64_t entry_size(const struct pruning *pruning, enum entry_kind kind,
                           const struct id *id, unsigned version)
{
    char name[ENTRY_NAME_SIZE];

    entry_write(kind, id, version, name);
    return prune_size(pruning->spool->dir[pruning->folder], name);
}

static uint64_t versions_size(const struct pruning *pruning, const struct id *id, unsigned first,
                              unsigned last)
{
    uint64_t bytes = 0;

    for (unsigned version = first; version > 0 && version <= last; version++) {
        bytes += entry_size(pruning, ENTRY_OUTPUT, id, version);
    }
    return bytes;
}

/* The name of the document that tells how the unit ended last. */
static void record_name(const struct pruning *pruning, const struct id *id, unsigned highest,
                        char name[ENTRY_NAME_SIZE])
{
    entry_write(pruning->folder == FOLDER_DONE ? ENTRY_OUTPUT : ENTRY_ERROR, id, highest, name);
}

uint64_t prune_unit_size(const struct pruning *pruning, const struct id *id, unsigned lowest,
                         unsigned highest)
{
    return entry_size(pruning, ENTRY_JOB, id, 0) + versions_size(pruning, id, lowest, highest) +
           (pruning->folder == FOLDER_FAILED ? entry_size(pruning, ENTRY_ERROR, id, 0) : 0);
}

/* The time behind a mark at `at`, or 0. */
static int64_t time_at(const char *at, const char *end)
{
    char text[TIMETEXT_SIZE];
    const char *quote = memchr(at, '"', (size_t)(end - at));
    struct wall time = {0};

    if (quote != NULL && (size_t)(quote - at) < sizeof text) {
        memcpy(text, at, (size_t)(quote - at));
        text[quote - at] = '\0';
        (void)timetext_read(text, &time);
    }
    return time.ms;
}

/* The earliest time that a record's text calls "finished", 0 when there is none. times.finished is
 * one of them: what is too young by this is too young, and only the rest is parsed. Inside of a
 * string each quote has a backslash before it. */
static int64_t earliest_finish(const struct buffer *text)
{
    static const char mark[] = "\"finished\":\"";
    const char *at = text->bytes, *end = text->bytes + text->length;
    int64_t earliest = INT64_MAX;

    while (at != NULL && (at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1)) != NULL) {
        int64_t time;

        at += sizeof mark - 1;
        time = time_at(at, end);
        earliest = time < earliest ? time : earliest;
    }
    return earliest == INT64_MAX ? 0 : earliest;
}

int prune_look(struct pruning *pruning, const struct id *id, struct prune_look *look)
{
    static const char when[] = "\"expires_at\"";
    char name[ENTRY_NAME_SIZE];
    int result = 0;

    *look = (struct prune_look){.place = {.hash = prune_order_hash(id)}};
    if (pruning->folder == FOLDER_DONE) {
        result = unit_versions(pruning->spool, id, &look->lowest, &look->highest);
        if (result == 0 && look->highest == 0) {
            result = -ENOENT;
        }
    }
    if (result == 0) {
        record_name(pruning, id, look->highest, name);
        buffer_clear(&pruning->text);
        result = file_read_at(pruning->spool->dir[pruning->folder], name, SIZE_MAX,
                              &pruning->text, NULL);
    }
    if (result == 0 && pruning->text.length > 0) {
        look->place.time_ms = earliest_finish(&pruning->text);
        look->says_when =
            memmem(pruning->text.bytes, pruning->text.length, when, sizeof when - 1) != NULL;
    }
    return result;
}

/* Whether the unit needs a closer look. */
static bool is_suspect(const struct pruning *pruning, const struct prune_look *look)
{
    const struct policy *policy = pruning->plan->policy;

    return look->says_when ||
           pruning->now.ms - look->place.time_ms >= policy_shortest(policy, pruning->folder) ||
           prune_order_surplus(&pruning->order, &look->place) ||
           (policy->versions > 0 && look->highest - look->lowest >= policy->versions);
}

/* Whether something of it may have been paid for. */
static bool was_paid(const struct finished *finished)
{
    return finished->folder == FOLDER_DONE ||
           jsontext_get_int(finished->record, "sends", 1) != 0;
}

/* Archiving goes by an age that may be the one by which pruning goes, and each has its own hour. */
static const int64_t patience_ms = INT64_C(7) * 24 * 3600 * 1000;

/* Counts a unit that goes once it is archived. surplus: whatever its age. */
static void count_unarchived(struct pruning *pruning, const struct finished *finished, bool surplus)
{
    bool late = policy_due(pruning->plan->policy, finished) <= pruning->now.ms - patience_ms;

    pruning->report->unarchived++;
    pruning->report->overdue += surplus || late;
}

/* Whether a unit that should go may go; counts what keeps it. Returns 1, 0, or -1. */
static int is_free(struct pruning *pruning, const struct finished *finished, bool surplus)
{
    int owed = owed_has(pruning->owed, &finished->id);

    if (owed < 0) {
        return prune_fail(pruning, owed, "outbox");
    }
    if (owed > 0) {
        pruning->report->owed++;
        return 0;
    }
    if (pruning->plan->policy->archive_first && was_paid(finished) &&
        !ids_covers(pruning->ids, finished)) {
        count_unarchived(pruning, finished, surplus);
        return 0;
    }
    return 1;
}

static void tell(struct pruning *pruning, const struct finished *finished)
{
    char id[ID_TEXT_SIZE];

    id_write(&finished->id, id);
    events_add(pruning->events, "pruned",
               json_pack("{s:s, s:s}", "id", id, "state", finished->state));
}

/* Deletes the unit, whose lock is taken over (a unit of fd -1 in a dry run). */
static int let_go(struct pruning *pruning, const struct finished *finished, struct unit *unit)
{
    struct prune_tally *tally = finished->folder == FOLDER_DONE ? &pruning->report->done
                                                                 : &pruning->report->failed;

    tally->count++;
    tally->bytes += prune_unit_size(pruning, &finished->id, finished->lowest, finished->highest);
    if (pruning->plan->dry_run) {
        return 0;
    }
    tell(pruning, finished);
    return remove_unit(pruning->remove, unit, pruning->error);
}

/* Written before the first of them goes. */
static int tell_versions(struct pruning *pruning, const struct finished *finished, unsigned first)
{
    char id[ID_TEXT_SIZE];
    int result;

    if (pruning->plan->dry_run) {
        return 0;
    }
    id_write(&finished->id, id);
    events_add(pruning->events, "pruned",
               json_pack("{s:s, s:s, s:i}", "id", id, "state", finished->state, "kept_from",
                         (int)first));
    result = events_flush(pruning->events);
    return result < 0 ? prune_fail(pruning, result, "events") : 0;
}

/* Deletes the outputs below version first, from the lowest up: what stays has no gap. */
static int drop_versions(struct pruning *pruning, const struct finished *finished, unsigned first)
{
    struct prune_tally *tally = &pruning->report->versions;

    if (tell_versions(pruning, finished, first) < 0) {
        return -1;
    }
    for (unsigned version = finished->lowest; version < first; version++) {
        char name[ENTRY_NAME_SIZE];

        tally->count++;
        tally->bytes += entry_size(pruning, ENTRY_OUTPUT, &finished->id, version);
        entry_write(ENTRY_OUTPUT, &finished->id, version, name);
        if (!pruning->plan->dry_run &&
            unlinkat(pruning->spool->dir[FOLDER_DONE], name, 0) < 0 && errno != ENOENT) {
            return prune_fail(pruning, -errno, "done");
        }
    }
    return 0;
}

/* What the documents of a suspect say. Takes the lock over. */
static int judge(struct pruning *pruning, const struct finished *finished, struct unit *unit,
                 const struct prune_place *place)
{
    const struct policy *policy = pruning->plan->policy;
    const struct selection *selection = pruning->plan->selection;
    struct facts facts = finished_facts(finished);
    unsigned first = policy_first_kept(policy, finished);
    bool surplus = prune_order_surplus(&pruning->order, place);
    bool due = surplus || policy_due(policy, finished) <= pruning->now.ms;
    int result = 0;

    if (finished->finished_ms == 0) {
        pruning->report->unreadable++;
    } else if ((due || first > finished->lowest) &&
               (selection == NULL || selection_matches(selection, &facts, pruning->now))) {
        result = is_free(pruning, finished, surplus);
        if (result > 0) {
            result = due ? let_go(pruning, finished, unit)
                         : drop_versions(pruning, finished, first);
        }
    }
    unit_unlock(unit);
    return result;
}

/* Locks a suspect, in a dry run not. Returns 1 when it is to be judged, 0, or -1. */
static int lock(struct pruning *pruning, const struct id *id, struct unit *unit)
{
    int result;

    if (pruning->plan->dry_run) {
        return 1;
    }
    result = unit_lock(pruning->spool, pruning->folder, id, unit);
    if (result == -EAGAIN) {
        pruning->report->busy++;
    }
    if (result == -EAGAIN || result == -ENOENT) {
        return 0;
    }
    if (result < 0) {
        return prune_fail(pruning, result, folder_name(pruning->folder));
    }
    if (unit->gone) { /* begun by another that was killed meanwhile: the next run */
        unit_unlock(unit);
        return 0;
    }
    return 1;
}

/* Whether the end's time and digest decide: then the documents need not be built. */
static bool is_simple(const struct pruning *pruning, const struct prune_look *look)
{
    const struct policy *policy = pruning->plan->policy;

    return pruning->folder == FOLDER_DONE && !look->says_when && pruning->plan->selection == NULL &&
           policy->versions == 0 && policy->user_count == 0 && policy->model_count == 0;
}

/* Reads what the judgement needs. Returns 0, -ENOENT or another -errno. */
static int read_suspect(struct pruning *pruning, const struct id *id,
                        const struct prune_look *look, struct finished *finished)
{
    const struct selection *selection = pruning->plan->selection;
    int result = is_simple(pruning, look) ? gather_glance(pruning->spool, pruning->folder, id,
                                                          &pruning->room, finished)
                                          : 0;

    if (result != 0) {
        return result < 0 ? result : 0;
    }
    return finished_read(pruning->spool, pruning->folder, id,
                         selection != NULL && selection_needs_job(selection), finished);
}

int prune_unit(struct pruning *pruning, const struct id *id)
{
    struct unit unit = {.fd = -1};
    struct prune_look look;
    struct finished finished;
    int result = prune_look(pruning, id, &look);

    if (result == -ENOENT) { /* it left meanwhile, or its record is missing, which is damage */
        return 0;
    }
    if (result < 0) {
        return prune_fail(pruning, result, folder_name(pruning->folder));
    }
    if (!is_suspect(pruning, &look)) {
        return 0;
    }
    result = lock(pruning, id, &unit);
    if (result <= 0) {
        return result;
    }
    result = read_suspect(pruning, id, &look, &finished);
    if (result < 0) {
        unit_unlock(&unit);
        return result == -ENOENT ? 0 : prune_fail(pruning, result, folder_name(pruning->folder));
    }
    if (finished.highest == look.highest) {
        result = judge(pruning, &finished, &unit, &look.place);
    } else { /* it was asked again meanwhile */
        unit_unlock(&unit);
    }
    finished_clear(&finished);
    return result;
}
