/* SPDX-License-Identifier: GPL-2.0-or-later */
/* templates: finding, reading and remembering them. */
#include "job/templates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/nearest.h"
#include "base/xalloc.h"
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>
#include "job/builtin.h"
#include "job/question.h"
#include "job/refusal.h"
#include "spool/file.h"

enum {
    RECENT_MS = 2000,  /* a file that changed so lately may change again without another ctime */
    KNOWN_LIMIT = 256, /* names that are remembered, before those that are none are forgotten */
};

/* What is known of a name. */
struct known {
    UT_hash_handle hh;
    char *name;
    unsigned long look; /* at which its file was looked at last */
    bool recent;        /* it had just been changed then */
    struct stat status; /* of its file; st_ino 0: there is none */
    struct template *template;
    struct error error; /* why there is no template */
};

struct templates {
    const struct spool *spool;
    const struct clock *clock;
    unsigned long look;
    struct known *known; /* by name */
};

struct templates *templates_new(const struct spool *spool, const struct clock *clock)
{
    struct templates *templates = xcalloc(1, sizeof *templates);
    templates->spool = spool;
    templates->clock = clock;
    templates->look = 1;
    return templates;
}

static void known_free(struct templates *templates, struct known *known)
{
    HASH_DEL(templates->known, known);
    template_free(known->template);
    free(known->name);
    free(known);
}

void templates_free(struct templates *templates)
{
    struct known *known, *next;
    if (templates == NULL) {
        return;
    }
    HASH_ITER(hh, templates->known, known, next)
    {
        known_free(templates, known);
    }
    free(templates);
}

/* Who drops jobs of ever new types must not fill our memory. */
static void forget_absent(struct templates *templates)
{
    struct known *known, *next;
    HASH_ITER(hh, templates->known, known, next)
    {
        if (known->template == NULL && known->error.kind == ERROR_ABSENT) {
            known_free(templates, known);
        }
    }
}

void templates_look_again(struct templates *templates)
{
    templates->look++;
    forget_absent(templates);
}

/* --- names ------------------------------------------------------------------------------------ */

static const struct builtin *find_builtin(const char *name)
{
    for (const struct builtin *builtin = builtin_templates; builtin->name != NULL; builtin++) {
        if (strcmp(builtin->name, name) == 0) {
            return builtin;
        }
    }
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_name(char ***names, size_t *count, const char *name)
{
    for (size_t i = 0; i < *count; i++) {
        if (strcmp((*names)[i], name) == 0) {
            return;
        }
    }
    *names = xrealloc(*names, (*count + 1) * sizeof **names);
    (*names)[(*count)++] = xstrdup(name);
}

/* A folder that cannot be listed has none: whoever asks for one by name hears why. */
static void add_files(const struct spool *spool, char ***names, size_t *count)
{
    DIR *list = file_list(spool->dir[FOLDER_TEMPLATES]);
    const struct dirent *entry;
    char name[NAME_LIMIT];
    while (list != NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        if (template_name_read(entry->d_name, name) && question_type(name) == NULL) {
            add_name(names, count, name);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
}

char **templates_names(const struct templates *templates, size_t *count)
{
    char **names = NULL;
    *count = 0;
    for (const struct builtin *builtin = builtin_templates; builtin->name != NULL; builtin++) {
        add_name(&names, count, builtin->name);
    }
    add_files(templates->spool, &names, count);
    qsort(names, *count, sizeof *names, compare_names);
    return names;
}

/* --- files ------------------------------------------------------------------------------------ */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return file_same(a, b) && a->st_size == b->st_size && a->st_uid == b->st_uid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void note_status(const struct templates *templates, struct known *known,
                        const struct stat *status)
{
    known->status = *status;
    known->recent = clock_wall(templates->clock).ms - clock_ms(status->st_ctim) < RECENT_MS;
}

static void tell_unreadable(struct known *known, const char *file, int result)
{
    switch (result) {
    case -EFBIG:
        error_set(&known->error, ERROR_DATA, "templates/%s is larger than %d bytes", file,
                  TEMPLATE_SIZE_LIMIT);
        break;
    case -ELOOP:
    case -EISDIR:
    case -EINVAL:
    case -ENXIO:
        error_set(&known->error, ERROR_DATA,
                  "templates/%s is no regular file: put a copy there instead of a link", file);
        break;
    default:
        error_system(&known->error, -result, "templates/%s cannot be read", file);
    }
}

static bool trusted(const struct spool *spool, const struct stat *status)
{
    return status->st_uid == spool->owner || status->st_uid == 0;
}

static void read_file(const struct templates *templates, struct known *known, const char *file)
{
    struct buffer text = {0};
    struct stat status;
    int result = file_read_at(templates->spool->dir[FOLDER_TEMPLATES], file, TEMPLATE_SIZE_LIMIT,
                              &text, &status);
    if (result != 0) {
        tell_unreadable(known, file, result);
    } else if (!trusted(templates->spool, &status)) {
        note_status(templates, known, &status);
        error_set(&known->error, ERROR_DATA,
                  "templates/%s belongs to uid %lu, and only the spool's owner's count", file,
                  (unsigned long)status.st_uid);
    } else {
        note_status(templates, known, &status);
        known->template = template_read(known->name, text.bytes != NULL ? text.bytes : "",
                                        text.length, &known->error);
        if (known->template == NULL) {
            error_prefix(&known->error, "templates/%s", file);
        }
    }
    buffer_free(&text);
}

/* What to say of a name that is none. */
static void tell_absent(const struct templates *templates, struct known *known)
{
    static const char *const types[] = {"chat", "completion", "embed"};
    char shown[REFUSAL_QUOTE_SIZE];
    struct buffer list = {0};
    size_t count;
    char **names = templates_names(templates, &count);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        add_name(&names, &count, types[i]);
    }
    const char *nearest = nearest_word(known->name, (const char *const *)names, count);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    refusal_quote(known->name, shown);
    if (nearest != NULL) {
        error_set(&known->error, ERROR_ABSENT,
                  "there is no type \"%s\" (did you mean \"%s\"?); there are %s", shown, nearest,
                  list.bytes);
    } else {
        error_set(&known->error, ERROR_ABSENT, "there is no type \"%s\"; there are %s", shown,
                  list.bytes);
    }
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    buffer_free(&list);
}

static void take_builtin(const struct templates *templates, struct known *known)
{
    const struct builtin *builtin = find_builtin(known->name);
    if (builtin == NULL) {
        tell_absent(templates, known);
        return;
    }
    known->template =
        template_read(known->name, builtin->text, strlen(builtin->text), &known->error);
    if (known->template != NULL) {
        known->template->built_in = true;
    }
}

static void look(struct templates *templates, struct known *known)
{
    char file[NAME_LIMIT];
    struct stat status = {.st_ino = 0};
    bool named = template_name_write(known->name, file);
    bool there = named && fstatat(templates->spool->dir[FOLDER_TEMPLATES], file, &status,
                                  AT_SYMLINK_NOFOLLOW) == 0;
    bool first = known->look == 0;
    int problem = named && !there && errno != ENOENT ? errno : 0;
    known->look = templates->look;
    if (!first && problem == 0 && !known->recent && same_file(&status, &known->status)) {
        return;
    }
    template_free(known->template);
    known->template = NULL;
    known->error = (struct error){0};
    known->recent = false;
    known->status = status;
    if (problem != 0) {
        tell_unreadable(known, file, -problem);
    } else if (there) {
        read_file(templates, known, file);
    } else {
        take_builtin(templates, known);
    }
}

const struct template *templates_find(struct templates *templates, const char *name,
                                      struct error *error)
{
    struct known *known;
    HASH_FIND_STR(templates->known, name, known);
    if (known == NULL) {
        if (HASH_COUNT(templates->known) >= KNOWN_LIMIT) {
            forget_absent(templates);
        }
        known = xcalloc(1, sizeof *known);
        known->name = xstrdup(name);
        HASH_ADD_KEYPTR(hh, templates->known, known->name, strlen(known->name), known);
    }
    if (known->look != templates->look) {
        look(templates, known);
    }
    if (known->template == NULL && error != NULL) {
        *error = known->error;
    }
    return known->template;
}
