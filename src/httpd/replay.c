/* SPDX-License-Identifier: GPL-2.0-or-later */
/* replay: see replay.h. */
#include "httpd/replay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "httpd/dayfile.h"
#include "httpd/event.h"
#include "retain/eventlog_day.h"
#include "retain/eventlog_list.h"

enum { LINE_COST = 128 }; /* bytes that reading a line counts for beside its own */

struct replay {
    const struct spool *spool;
    struct position at;
    uint64_t target; /* in a day that is read from its beginning: where reading begins */
    bool exact;      /* at was not looked for yet, and has to be there */
    struct dayfile plain;
    struct eventlog_day packed; /* a day of which a compressed file is there */
    bool packed_open;
    unsigned *packed_count;
    bool waits; /* for others to close theirs */
};

struct replay *replay_open(const struct spool *spool, unsigned *packed_count, struct position from,
                           bool exact)
{
    struct replay *replay = xcalloc(1, sizeof *replay);

    replay->spool = spool;
    replay->packed_count = packed_count;
    replay->at = from;
    replay->exact = exact;
    replay->plain = DAYFILE_NONE;
    return replay;
}

static void close_day(struct replay *replay)
{
    dayfile_close(&replay->plain);
    if (replay->packed_open) {
        eventlog_day_close(&replay->packed);
        --*replay->packed_count;
    }
    replay->packed_open = false;
}

void replay_close(struct replay *replay)
{
    if (replay == NULL)
        return;
    close_day(replay);
    free(replay);
}

struct position replay_oldest(const struct spool *spool, struct position otherwise)
{
    struct eventlog_list list;
    struct position oldest = otherwise;

    if (eventlog_list(spool, &list, NULL) == 0 && list.count > 0)
        oldest = (struct position){list.entries[0].day, 0};
    free(list.entries);
    return oldest;
}

/* --- days --- */

/* Whether it is no fault of the day: it may be read later, and must not be passed over. */
static enum replay_result failed(const struct replay *replay, struct position limit, int problem)
{
    return replay->at.day >= limit.day || problem == EMFILE || problem == ENFILE ||
                   problem == ENOMEM
               ? REPLAY_RETRY
               : REPLAY_FAILED;
}

static enum replay_result open_plain(struct replay *replay, struct position limit)
{
    int result = dayfile_open(&replay->plain, replay->spool, replay->at.day, replay->at.at);

    if (result == -ENOENT) /* it was compressed since it was found */
        return REPLAY_LATER;
    if (result == 0)
        result = dayfile_settle_soon(&replay->plain);
    if (result == 0 && replay->exact) {
        result = dayfile_is_end(&replay->plain, replay->target);
        if (result == 0)
            return REPLAY_GAP;
    }
    return result < 0 ? failed(replay, limit, -result) : REPLAY_LINE;
}

static enum replay_result open_packed(struct replay *replay, struct position limit)
{
    if (*replay->packed_count >= REPLAY_PACKED_MOST) {
        replay->waits = true;
        return REPLAY_WAIT;
    }
    errno = 0;
    if (eventlog_day_open(replay->spool, replay->at.day, &replay->packed, NULL) < 0)
        return failed(replay, limit, errno);
    replay->packed_open = true;
    ++*replay->packed_count;
    replay->at.at = 0;
    return REPLAY_LINE;
}

/* Opens a day at the position's place in it. */
static enum replay_result open_day(struct replay *replay, const struct eventlog_entry *entry,
                                   struct position limit)
{
    enum replay_result result;

    if (entry->day != replay->at.day)
        replay->at = (struct position){entry->day, 0};
    replay->target = replay->at.at;
    result = entry->packed ? open_packed(replay, limit) : open_plain(replay, limit);
    replay->exact &= result == REPLAY_LATER || result == REPLAY_WAIT;
    return result;
}

/* Whether what followed the position may have been deleted, with its whole day. Before a day's
 * first line there is a position though the day has no file, as long as older days are kept. */
static bool is_deleted(const struct replay *replay, const struct eventlog_list *list, size_t found)
{
    if (!replay->exact || (found < list->count && list->entries[found].day == replay->at.day))
        return false;
    return replay->at.at > 0 || (list->count > 0 && list->entries[0].day > replay->at.day);
}

static enum replay_result find_day(struct replay *replay, struct position limit)
{
    struct eventlog_list list;
    enum replay_result result = REPLAY_END;
    size_t found = 0;

    if (!replay->exact && replay->at.day > limit.day)
        return REPLAY_END;
    if (eventlog_list(replay->spool, &list, NULL) < 0)
        return REPLAY_RETRY;
    while (found < list.count && list.entries[found].day < replay->at.day)
        found++;
    if (is_deleted(replay, &list, found))
        result = REPLAY_GAP;
    else if (found < list.count && list.entries[found].day <= limit.day)
        result = open_day(replay, &list.entries[found], limit);
    free(list.entries);
    return result;
}

static void next_day(struct replay *replay)
{
    close_day(replay);
    replay->at = (struct position){replay->at.day + 1, 0};
}

/* --- lines --- */

static int plain_line(struct replay *replay, bool last_day, struct replay_line *line)
{
    int result = dayfile_next(&replay->plain, &line->text, &line->length);

    if (result == 0 && dayfile_settle_soon(&replay->plain) == 0)
        result = dayfile_next(&replay->plain, &line->text, &line->length);
    if (result == 0 && !last_day && dayfile_rest(&replay->plain, &line->text, &line->length) &&
        event_is(line->text, line->length)) {
        dayfile_take_rest(&replay->plain); /* its newline is written by who is late, or never */
        result = 1;
    }
    return result;
}

static int day_line(struct replay *replay, bool last_day, struct replay_line *line)
{
    int result = replay->packed_open
                     ? eventlog_day_next(&replay->packed, &line->text, &line->length, NULL)
                     : plain_line(replay, last_day, line);

    if (result == 1) {
        replay->at.at += line->length + 1;
        line->position = replay->at;
    }
    return result;
}

static bool day_is_open(const struct replay *replay)
{
    return replay->packed_open || replay->plain.fd >= 0;
}

/* The next line of the open day. */
static enum replay_result step(struct replay *replay, struct position limit,
                               struct replay_line *line)
{
    bool last_day = replay->at.day >= limit.day;
    int result;

    if (last_day && replay->at.at >= replay->target && replay->at.at >= limit.at)
        return REPLAY_END;
    errno = 0;
    result = day_line(replay, last_day, line);
    if (result < 0)
        return failed(replay, limit, errno);
    if (result == 1) {
        if (replay->at.at <= replay->target)
            return REPLAY_LATER; /* it comes before the position */
        return replay->at.at - line->length - 1 < replay->target ? REPLAY_GAP : REPLAY_LINE;
    }
    if (replay->at.at < replay->target)
        return REPLAY_GAP;
    if (last_day)
        return REPLAY_END;
    next_day(replay);
    return REPLAY_LATER;
}

enum replay_result replay_next(struct replay *replay, struct position limit, size_t *room,
                               struct replay_line *line)
{
    enum replay_result result;

    if (replay->exact && position_compare(replay->at, limit) > 0)
        return REPLAY_GAP;
    if (replay->waits && *replay->packed_count >= REPLAY_PACKED_MOST)
        return REPLAY_WAIT;
    replay->waits = false;
    do {
        size_t cost = LINE_COST;

        if (*room == 0)
            return REPLAY_LATER;
        result = day_is_open(replay) ? REPLAY_LINE : find_day(replay, limit);
        if (result == REPLAY_LINE)
            result = step(replay, limit, line);
        else if (result == REPLAY_LATER)
            return result;
        if (result == REPLAY_LINE)
            cost += line->length;
        *room -= cost < *room ? cost : *room;
    } while (result == REPLAY_LATER);
    if (result == REPLAY_FAILED) {
        next_day(replay);
        line->position = replay->at;
    }
    return result;
}
