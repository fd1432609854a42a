/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check: the looks at a spool, the second look at what is suspected, and the telling. */
#include "retain/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/jsontext.h"
#include "base/xalloc.h"
#include "retain/audit.h"
#include "retain/check_mend.h"
#include "retain/check_topic.h"
#include "spool/events.h"
#include "spool/file.h"
#include "spool/settings.h"

enum {
    BATCH = 4096,           /* suspicions that are kept before they are looked at again */
    FULL_ENTRIES = 3000000, /* of a folder */
    PASSES_MAX = 10,        /* of mending: what one mends may bring another thing to light */
    UNOWNED_PART = 10,
    SETTINGS_LIMIT = 1 << 20,
};

/* --- the second look --- */

static void pause_ms(int64_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&rest, &rest) < 0 && errno == EINTR) {
    }
}

static int64_t moment_ms(const struct check *check)
{
    return check->owned ? check->options->moment_ms : check->options->moment_ms / UNOWNED_PART;
}

void check_look_again(struct check *check, const struct suspicion *suspicion)
{
    struct check_entry entry = {.folder = suspicion->folder, .name = suspicion->name};

    suspicions_clear(&check->second);
    if (suspicion->folder != FOLDER_COUNT) {
        entry.is = entry_read(suspicion->name);
    }
    check->topic = suspicion->topic;
    check->entry = &entry;
    check->into = &check->second;
    check->again = true;
    suspicion->topic->look(check, &entry);
    check->again = false;
    check->into = &check->first;
}

static bool same_entry(const struct suspicion *a, const struct suspicion *b)
{
    return a->topic == b->topic && a->folder == b->folder && strcmp(a->name, b->name) == 0;
}

/* Whether the second look saw the same of the same inode. */
bool check_is_confirmed(const struct check *check, const struct suspicion *suspicion)
{
    for (size_t i = 0; i < check->second.count; i++) {
        const struct suspicion *seen = &check->second.all[i];

        if (seen->code == suspicion->code && same_entry(seen, suspicion) &&
            seen->inode == suspicion->inode && seen->changed.tv_sec == suspicion->changed.tv_sec &&
            seen->changed.tv_nsec == suspicion->changed.tv_nsec) {
            return true;
        }
    }
    return false;
}

/* --- telling --- */

static void tell(struct check *check, const struct suspicion *suspicion, enum check_result result,
                 const char *done)
{
    const struct check_row *row = check_row(suspicion->code);
    char *file = suspicion->folder == FOLDER_COUNT
                     ? xstrdup(suspicion->name)
                     : xasprintf("%s/%s", folder_name(suspicion->folder), suspicion->name);
    struct check_finding finding = {
        .row = row, .file = file, .message = suspicion->message, .result = result, .done = done};

    if (result == CHECK_MENDED) {
        check->totals->mended++;
    } else {
        check->totals->severities[row->severity]++;
    }
    check->totals->paid |= row->paid;
    check->listener->finding(check->listener->context, &finding);
    free(file);
}

static void mend_and_tell(struct check *check, const struct suspicion *suspicion)
{
    struct error error = {.kind = ERROR_NONE};
    char *done = NULL;
    int result = check_mend(check, suspicion, &done, &error);

    if (result > 0) {
        check->mended++;
        tell(check, suspicion, CHECK_MENDED, done);
    } else if (result < 0 && !check->quiet) {
        tell(check, suspicion, CHECK_LEFT, error.kind != ERROR_NONE ? error.text : NULL);
    }
    free(done);
}

static int by_code(const void *a, const void *b)
{
    const struct suspicion *left = a, *right = b;
    int order = (int)left->code - (int)right->code;

    return order != 0 ? order : strcmp(left->name, right->name);
}

/* Looks again at what is suspected, drops what was only passing, and sorts the rest. */
static void confirm(struct check *check)
{
    struct suspicions *list = &check->first;
    size_t kept = 0;

    pause_ms(moment_ms(check));
    for (size_t i = 0; i < list->count; i++) {
        if (i == 0 || !same_entry(&list->all[i], &list->all[i - 1])) {
            check_look_again(check, &list->all[i]);
        }
        if (check_is_confirmed(check, &list->all[i])) {
            struct suspicion confirmed = list->all[i];

            list->all[i] = list->all[kept];
            list->all[kept++] = confirmed;
        }
    }
    while (list->count > kept) {
        struct suspicion *dropped = &list->all[--list->count];

        free(dropped->name);
        free(dropped->message);
    }
}

static bool mends(const struct check *check)
{
    return check->options->repair && !check->options->dry_run;
}

/* What is suspected becomes findings, or nothing. */
static void settle(struct check *check)
{
    const struct check_topic *topic = check->topic;
    const struct check_entry *entry = check->entry;

    if (check->first.count == 0) {
        return;
    }
    if (!mends(check)) { /* mending looks again at each by itself */
        confirm(check);
    }
    if (check->first.count > 0) {
        qsort(check->first.all, check->first.count, sizeof check->first.all[0], by_code);
    }
    for (size_t i = 0; i < check->first.count; i++) {
        if (mends(check)) {
            mend_and_tell(check, &check->first.all[i]);
        } else {
            tell(check, &check->first.all[i], CHECK_FOUND, NULL);
        }
    }
    suspicions_clear(&check->first);
    check->topic = topic;
    check->entry = entry;
}

/* --- the first look --- */

static void look_at(struct check *check, const char *name)
{
    struct check_entry entry = {
        .folder = check->topic->folder, .name = name, .is = entry_read(name)};

    check->entry = &entry;
    check->topic->look(check, &entry);
    check->entry = NULL;
    if (check->first.count >= BATCH) {
        settle(check);
    }
}

/* What NFS keeps of a deleted file that is still open. */
static bool is_of_nfs(const char *name)
{
    return strncmp(name, ".nfs", 4) == 0;
}

static void cannot_list(struct check *check, int errnum)
{
    check_suspect_name(check, CHECK_UNREADABLE, folder_name(check->topic->folder),
                       "cannot be listed: %s", strerror(errnum));
}

static uint64_t look_at_folder(struct check *check)
{
    const char *name = folder_name(check->topic->folder);
    DIR *list = file_list(check->spool->dir[check->topic->folder]);
    const struct dirent *found;
    uint64_t entries = 0;
    int result;

    if (list == NULL) {
        cannot_list(check, errno);
        return 0;
    }
    while ((result = file_list_next(list, &found)) == 0 && found != NULL) {
        if (!is_of_nfs(found->d_name)) {
            look_at(check, found->d_name);
            entries++;
        }
    }
    (void)closedir(list);
    if (result < 0) {
        cannot_list(check, -result);
    }
    if (entries >= FULL_ENTRIES) {
        check_suspect_name(check, CHECK_FOLDER_FULL, name, "has %llu entries",
                           (unsigned long long)entries);
    }
    return entries;
}

static void look_at_topic(struct check *check, const struct check_topic *topic)
{
    struct check_entry none = {.folder = FOLDER_COUNT, .name = "."};
    uint64_t entries = 0;

    check->topic = topic;
    if (topic->folder != FOLDER_COUNT) {
        entries = look_at_folder(check);
    } else {
        check->entry = &none;
        topic->look(check, &none);
    }
    if (topic->end != NULL) {
        topic->end(check);
    }
    if (!check->quiet) {
        check->listener->topic(check->listener->context, topic->word, topic->what, entries);
    }
}

/* --- events --- */

/* Tells a finding of the audit, which has looked twice itself. */
static void on_audit(void *context, const char *file, const char *code, const char *message)
{
    struct check *check = context;
    char *name = xstrdup(file), *text = xstrdup(message);
    struct suspicion suspicion = {.folder = FOLDER_COUNT, .name = name, .message = text};

    for (int i = 0; i < CHECK_CODE_COUNT; i++) {
        if (strcmp(check_row((enum check_code)i)->word, code) == 0) {
            suspicion.code = (enum check_code)i;
        }
    }
    tell(check, &suspicion, CHECK_FOUND, NULL);
    free(name);
    free(text);
}

static void audit(struct check *check)
{
    const struct wall now = clock_wall(check->options->clock);
    struct error error;

    if (audit_run(check->spool, now, moment_ms(check), on_audit, check, &error) < 0) {
        on_audit(check, "events", check_row(CHECK_UNREADABLE)->word, error.text);
    }
    check->listener->topic(check->listener->context, "audit", "events against what they tell of", 0);
}

static void look_at_all(struct check *check)
{
    check->now_ms = clock_wall(check->options->clock).ms;
    check->owned = check->spool->lock < 0 && spool_owned(check->spool);
    for (size_t i = 0; i < check_topic_count; i++) {
        if (check->quiet && check_topics[i].look == check_look_system) {
            continue; /* nothing there can be mended */
        }
        look_at_topic(check, &check_topics[i]);
    }
    settle(check);
    if (check->options->audit && !check->quiet) {
        audit(check);
    }
}

/* Mends in passes until one finds nothing more that it can; then tells what is left. */
static void look_and_mend(struct check *check)
{
    check->quiet = true;
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        check->mended = 0;
        look_at_all(check);
        if (check->mended == 0) {
            break;
        }
    }
    check->quiet = false;
    look_at_all(check);
}

/* --- the layout, before the spool can be opened --- */

static int count_folders(int root)
{
    int count = 0;

    for (int i = 0; i < FOLDER_COUNT; i++) {
        if (faccessat(root, folder_name((enum folder)i), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
            count++;
        }
    }
    return count;
}

/* Refuses what is no spool, or one of another version. */
static int is_spool(const struct check *check)
{
    struct buffer text = {0};
    int result = file_read_at(check->root, SETTINGS_NAME, SETTINGS_LIMIT, &text, NULL);
    json_t *object = result == 0 ? jsontext_read_object(text.bytes, text.length, NULL) : NULL;
    json_int_t version = jsontext_get_int(object, "llmspool", LAYOUT_VERSION);

    json_decref(object);
    buffer_free(&text);
    if (version != LAYOUT_VERSION) {
        error_set(check->error, ERROR_ABSENT,
                  "the spool %s has version %lld, and this program knows version %d only",
                  check->path, (long long)version, LAYOUT_VERSION);
        return -1;
    }
    if (result < 0 && count_folders(check->root) < FOLDER_COUNT / 2) {
        error_set(check->error, ERROR_ABSENT, "there is no spool at %s", check->path);
        return -1;
    }
    return 0;
}

static int open_root(struct check *check)
{
    check->root = open(check->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (check->root >= 0) {
        return is_spool(check);
    }
    if (errno == ENOENT || errno == ENOTDIR) {
        error_set(check->error, ERROR_ABSENT, "there is no spool at %s", check->path);
    } else {
        error_system(check->error, errno, "cannot open the spool %s", check->path);
    }
    return -1;
}

/* Holds the owner's lock while the layout is mended. */
static int lock_settings(struct check *check)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    check->lock = openat(check->root, SETTINGS_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (check->lock < 0 && errno == ENOENT) {
        return 0;
    }
    if (check->lock >= 0 && fcntl(check->lock, F_OFD_SETLK, &lock) == 0) {
        return 0;
    }
    if (check->lock >= 0 && (errno == EAGAIN || errno == EACCES)) {
        error_set(check->error, ERROR_LATER, "a daemon owns the spool %s: stop it before repairing",
                  check->path);
    } else {
        error_system(check->error, errno, "cannot lock %s/" SETTINGS_NAME, check->path);
    }
    return -1;
}

static void unlock_settings(struct check *check)
{
    if (check->lock >= 0) {
        (void)close(check->lock);
        check->lock = -1;
    }
}

/* Whether nothing of the layout keeps the spool from being opened; what does was told. */
static bool is_whole(const struct check *check)
{
    for (size_t i = 0; i < check->second.count; i++) {
        switch (check->second.all[i].code) {
        case CHECK_SPOOL_JSON:
        case CHECK_FOLDER_MISSING:
        case CHECK_FOLDER_TYPE:
        case CHECK_FOLDER_DEVICE:
            return false;
        default:
            break;
        }
    }
    return true;
}

/* 1 when the spool can be opened now, 0 when not, or -1. */
static int look_at_layout(struct check *check)
{
    struct suspicion whole = {
        .topic = &check_layout_topic, .folder = FOLDER_COUNT, .name = (char[]){"."}};
    int passable;

    if (mends(check) && lock_settings(check) < 0) {
        return -1;
    }
    look_at_topic(check, &check_layout_topic);
    settle(check);
    check_look_again(check, &whole);
    passable = is_whole(check);
    unlock_settings(check);
    if (passable == 0) {
        whole.code = CHECK_NOT_LOOKED;
        whole.message = (char[]){"cannot be opened as it is"};
        tell(check, &whole, CHECK_FOUND, NULL);
    }
    return passable;
}

/* --- all of it --- */

static int open_spool(struct check *check)
{
    check->spool = spool_open(check->path, check->error);
    if (check->spool == NULL) {
        return -1;
    }
    if (!mends(check)) {
        return 0;
    }
    check->events = events_open(check->spool, check->options->clock);
    return spool_own(check->spool, check->error);
}

static int check_opened(struct check *check)
{
    int result = look_at_layout(check);

    if (result <= 0) {
        return result;
    }
    if (open_spool(check) < 0) {
        return -1;
    }
    if (mends(check)) {
        look_and_mend(check);
    } else {
        look_at_all(check);
    }
    return 0;
}

int check_spool(const char *path, const struct check_options *options,
                const struct check_listener *listener, struct check_totals *totals,
                struct error *error)
{
    struct check check = {
        .options = options,
        .listener = listener,
        .totals = totals,
        .error = error,
        .path = path,
        .root = -1,
        .lock = -1,
    };
    int result;

    *totals = (struct check_totals){0};
    check.into = &check.first;
    result = open_root(&check) < 0 ? -1 : check_opened(&check);
    unlock_settings(&check);
    events_close(check.events);
    spool_close(check.spool);
    if (check.root >= 0) {
        (void)close(check.root);
    }
    suspicions_clear(&check.first);
    suspicions_clear(&check.second);
    free(check.first.all);
    free(check.second.all);
    free(check.lost);
    return result;
}
