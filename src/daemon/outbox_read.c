/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * outbox_read: debts as they lie in outbox/.
 */
#include "daemon/outbox_core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/timetext.h"
#include "base/xalloc.h"
#include "daemon/webhook_message.h"
#include "spool/file.h"

enum {
    READ_AT_ONCE = 200,
    NAMES_AT_ONCE = 5000,
    FARTHEST_MS = 48 * 3600 * 1000, /* a next try that is farther away is a clock's mistake */
};

static const int64_t never_ms = INT64_MAX / 4;

json_t *outbox_document(const struct outbox *outbox, int dir, const char *name, int *result)
{
    struct buffer text = {0};
    json_t *document = NULL;

    (void)outbox;
    *result = file_read_at(dir, name, OUTBOX_DEBT_LIMIT, &text, NULL);
    if (*result == 0) {
        document = jsontext_read_object(text.bytes != NULL ? text.bytes : "", text.length, NULL);
        if (jsontext_get_text(document, "webhook", NULL) == NULL &&
            jsontext_get_text(document, "hook", NULL) == NULL) {
            json_decref(document);
            document = NULL;
        }
        *result = document != NULL ? 0 : -EINVAL;
    }
    buffer_free(&text);
    return document;
}

char *outbox_key(const struct core *core, const json_t *document)
{
    const char *hook = jsontext_get_text(document, "hook", NULL);
    const char *webhook = jsontext_get_text(document, "webhook", "");
    const char *url = hook == NULL ? webhook_message_url(core->config, webhook, NULL) : NULL;
    char *key;

    if (hook != NULL)
        return xasprintf("hook %s", hook);
    if (url == NULL)
        return xasprintf("endpoint %s", webhook);
    key = deliver_receiver(url);
    return key != NULL ? key : xstrdup("no URL");
}

static int64_t time_of(const json_t *document, const char *key, int64_t otherwise)
{
    struct wall time;

    return timetext_read(jsontext_get_text(document, key, ""), &time) == 0 ? time.ms : otherwise;
}

char *outbox_remember(const struct outbox *outbox, const struct id *hash, const json_t *document,
                      struct debt *debt)
{
    int64_t now = clock_wall(outbox->core->clock).ms;
    json_int_t attempts = jsontext_get_int(document, "attempts", 0);
    int64_t made = time_of(document, "time", now);

    *debt = (struct debt){.hash = *hash};
    debt->attempts = attempts > 0 && attempts < 1000000 ? (unsigned)attempts : 0;
    debt->made = made < now ? made : now;
    debt->since = time_of(document, "again", debt->made);
    debt->next_try = time_of(document, "next_try", debt->made);
    if (debt->next_try > now + FARTHEST_MS)
        debt->next_try = now + FARTHEST_MS;
    return outbox_key(outbox->core, document);
}

int outbox_open_failed(const struct outbox *outbox, bool make)
{
    const struct spool *spool = outbox->core->spool;
    int dir = spool->dir[FOLDER_OUTBOX];
    mode_t mode = layout_folder_mode(FOLDER_OUTBOX, spool->shared);
    int fd;

    if (make && mkdirat(dir, OUTBOX_FAILED, mode) == 0 &&
        fchmodat(dir, OUTBOX_FAILED, mode, 0) < 0) /* the umask does not count */
        return -errno;
    fd = openat(dir, OUTBOX_FAILED, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

void outbox_unreadable(struct outbox *outbox, const struct id *hash, const char *name, int result)
{
    struct debt debt = {.hash = *hash, .next_try = never_ms, .made = never_ms, .since = never_ms};
    bool broken = result == -EINVAL || result == -EFBIG;

    if (!broken) /* a disk may answer later */
        debt.next_try = clock_wall(outbox->core->clock).ms + 60 * 1000;
    log_warning(&outbox->core->log, "outbox/%s is kept and not delivered: %s", name,
                broken ? "it is no debt" : strerror(-result));
    if (receivers_find(&outbox->receivers, hash) == NULL)
        receivers_add(&outbox->receivers, &debt, "unreadable");
    core_touch(outbox->core);
}

/* A kill came between writing that it was given up and moving it. */
static bool was_given_up(struct outbox *outbox, const char *name, const json_t *document)
{
    int dir = outbox->core->spool->dir[FOLDER_OUTBOX];
    int failed;

    if (jsontext_get_text(document, "gave_up", NULL) == NULL)
        return false;
    failed = outbox_open_failed(outbox, true);
    if (failed >= 0 && renameat(dir, name, failed, name) == 0)
        outbox->given_up++;
    if (failed >= 0)
        close(failed);
    return true;
}

static void read_debt(struct outbox *outbox, const struct id *hash, const char *name)
{
    int result;
    json_t *document =
        outbox_document(outbox, outbox->core->spool->dir[FOLDER_OUTBOX], name, &result);
    struct debt debt;
    char *key;

    if (document == NULL) {
        if (result != -ENOENT)
            outbox_unreadable(outbox, hash, name, result);
        return;
    }
    if (!was_given_up(outbox, name, document)) {
        key = outbox_remember(outbox, hash, document, &debt);
        if (jsontext_get_text(document, "hook", NULL) != NULL)
            receivers_set_free(&outbox->receivers, key);
        receivers_add(&outbox->receivers, &debt, key);
        free(key);
    }
    json_decref(document);
}

/* A look ended; of several that failed one after another the first is told. */
static void look_ended(struct outbox *outbox, int result)
{
    if (result < 0 && !outbox->look_failed)
        log_warning(&outbox->core->log, "outbox/ cannot be read, trying again: %s",
                    strerror(-result));
    outbox->look_failed = result < 0;
}

static void end_look(struct outbox *outbox, int result)
{
    look_ended(outbox, result);
    closedir(outbox->look);
    outbox->look = NULL;
    core_touch(outbox->core);
    if (outbox->look_again)
        outbox_look(outbox);
}

bool outbox_read_on(struct outbox *outbox)
{
    const struct dirent *found = NULL;
    int result = 0, read = 0;

    for (int i = 0; outbox->look != NULL && i < NAMES_AT_ONCE && read < READ_AT_ONCE; i++) {
        struct entry entry;

        result = file_list_next(outbox->look, &found);
        if (result < 0 || found == NULL) {
            end_look(outbox, result);
            return outbox->look != NULL;
        }
        entry = entry_read(found->d_name);
        if (entry.kind != ENTRY_JOB || receivers_find(&outbox->receivers, &entry.id) != NULL)
            continue;
        read_debt(outbox, &entry.id, found->d_name);
        read++;
    }
    return outbox->look != NULL;
}

static size_t count_given_up(const struct outbox *outbox)
{
    int fd = outbox_open_failed(outbox, false);
    DIR *list = fd >= 0 ? file_list(fd) : NULL;
    const struct dirent *found;
    size_t count = 0;

    while (list != NULL && file_list_next(list, &found) == 0 && found != NULL)
        count += entry_read(found->d_name).kind == ENTRY_JOB;
    if (list != NULL)
        closedir(list);
    if (fd >= 0)
        close(fd);
    return count;
}

void outbox_look(struct outbox *outbox)
{
    int dir = outbox->core->spool->dir[FOLDER_OUTBOX];
    struct stat status;

    outbox->look_again = outbox->look != NULL;
    if (outbox->look != NULL)
        return;
    if (fstat(dir, &status) == 0)
        outbox->changed = status.st_mtim;
    outbox->looked = clock_mono(outbox->core->clock);
    outbox->look = file_list(dir);
    if (outbox->look == NULL) {
        look_ended(outbox, -errno);
        return;
    }
    outbox->given_up = count_given_up(outbox);
    receivers_count_anew(&outbox->receivers);
    outbox->core->kick(outbox->core);
}

void outbox_minute(struct outbox *outbox)
{
    struct stat status;

    if (outbox->look != NULL)
        return;
    /* Where some are left out, hunger says when to look. */
    if (!outbox->look_failed && (outbox->receivers.left_out > 0 ||
                                 fstat(outbox->core->spool->dir[FOLDER_OUTBOX], &status) < 0 ||
                                 (status.st_mtim.tv_sec == outbox->changed.tv_sec &&
                                  status.st_mtim.tv_nsec == outbox->changed.tv_nsec)))
        return;
    outbox_look(outbox);
}
