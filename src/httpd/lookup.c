/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup: see lookup.h. */
#include "httpd/lookup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/xalloc.h"
#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>
#include "client/absent.h"
#include "client/locate.h"
#include "client/pending.h"
#include "httpd/share.h"
#include "job/job.h"
#include "spool/file.h"

enum {
    WAITING_MAX = 256,
    REFUSED_MAX = 100000, /* files of refused drops that are remembered */
};

#define REFUSED_BEGIN "refused-"
#define REFUSED_END   ".json.error.json"
#define ERROR_END     ".error.json"

struct wanted {
    STAILQ_ENTRY(wanted) entry;
    char *word;
    char token_id[TOKEN_ID_SIZE]; /* of who asked */
    lookup_done *done;
    void *context;
    struct lookup_result result;
};

/* A file in failed/ that was refused at the door, and which job it is. */
struct refused {
    UT_hash_handle hh;
    struct id id;
    char name[];
};

struct lookup {
    struct jobs *jobs;
    uv_work_t work;
    STAILQ_HEAD(, wanted) waiting; /* the first is being looked for */
    size_t count;
    struct share *share;

    /* The pool's. */
    struct refused *refused;
    struct timespec listed; /* mtime of failed/ when it was listed */
};

struct lookup *lookup_new(struct jobs *jobs)
{
    struct lookup *lookup = xcalloc(1, sizeof *lookup);

    lookup->jobs = jobs;
    lookup->work.data = lookup;
    lookup->share = share_new(WAITING_MAX);
    STAILQ_INIT(&lookup->waiting);
    return lookup;
}

void lookup_free(struct lookup *lookup)
{
    struct refused *refused, *next;

    if (lookup == NULL)
        return;
    HASH_ITER(hh, lookup->refused, refused, next)
    {
        HASH_DEL(lookup->refused, refused);
        free(refused);
    }
    share_free(lookup->share);
    free(lookup);
}

/* --- in the pool: what was refused ----------------------------------------------------------- */

/* The job that a refused file is; false when it is none that could have an ID. */
static bool refused_id(const struct spool *spool, const char *name, struct id *id)
{
    const struct job_context context = {.default_model = spool->default_model, .trusted = true};
    struct buffer text = {0};
    struct job *job = NULL;

    if (file_read_at(spool->dir[FOLDER_FAILED], name, JOB_SIZE_LIMIT, &text, NULL) == 0)
        job = job_read(text.bytes != NULL ? text.bytes : "", text.length, &context, NULL);
    buffer_free(&text);
    if (job == NULL)
        return false;
    *id = job->id;
    job_free(job);
    return true;
}

/* Takes note of a refused file, by the name of its error file. What is no job is noted, too, so that it is
 * read once. */
static void note_refused(struct lookup *lookup, const char *error_name)
{
    size_t length = strlen(error_name) - (sizeof ERROR_END - 1);
    struct refused *refused;

    HASH_FIND(hh, lookup->refused, error_name, length, refused);
    if (refused != NULL || HASH_COUNT(lookup->refused) >= REFUSED_MAX)
        return;
    refused = xcalloc(1, sizeof *refused + length + 1);
    memcpy(refused->name, error_name, length);
    (void)refused_id(lookup->jobs->front->spool, refused->name, &refused->id);
    HASH_ADD(hh, lookup->refused, name, length, refused);
}

static bool is_refusal(const char *name)
{
    size_t length = strlen(name);

    return strncmp(name, REFUSED_BEGIN, sizeof REFUSED_BEGIN - 1) == 0 &&
           length > sizeof REFUSED_END &&
           strcmp(name + length - (sizeof REFUSED_END - 1), REFUSED_END) == 0;
}

static void list_refused(struct lookup *lookup)
{
    int dir = lookup->jobs->front->spool->dir[FOLDER_FAILED];
    const struct dirent *entry = NULL;
    struct stat status;
    DIR *list;

    if (fstat(dir, &status) < 0 || (status.st_mtim.tv_sec == lookup->listed.tv_sec &&
                                    status.st_mtim.tv_nsec == lookup->listed.tv_nsec))
        return;
    list = file_list(dir);
    while (list != NULL && file_list_next(list, &entry) == 0 && entry != NULL) {
        if (is_refusal(entry->d_name))
            note_refused(lookup, entry->d_name);
    }
    if (list != NULL)
        (void)closedir(list);
    /* What changes within the clock's tick would not be seen. */
    if (clock_wall(&clock_system).ms / 1000 - status.st_mtim.tv_sec > 1)
        lookup->listed = status.st_mtim;
}

/* The file of the job that was refused last. */
static const struct refused *newest_refused(const struct lookup *lookup, const struct id *id)
{
    const struct spool *spool = lookup->jobs->front->spool;
    const struct refused *newest = NULL;
    int64_t newest_ms = 0;

    for (const struct refused *refused = lookup->refused; refused != NULL;
         refused = refused->hh.next) {
        struct stat status;
        int64_t ms;

        if (!id_equal(&refused->id, id) ||
            fstatat(spool->dir[FOLDER_FAILED], refused->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        ms = clock_ms(status.st_ctim);
        if (newest == NULL || ms > newest_ms) {
            newest = refused;
            newest_ms = ms;
        }
    }
    return newest;
}

static bool find_refused(struct lookup *lookup, struct lookup_result *result)
{
    const struct spool *spool = lookup->jobs->front->spool;
    const struct refused *refused;
    char name[2 * NAME_LIMIT];

    list_refused(lookup);
    refused = newest_refused(lookup, &result->id);
    if (refused == NULL)
        return false;
    (void)snprintf(name, sizeof name, "%s%s", refused->name, ERROR_END);
    (void)file_read_at(spool->dir[FOLDER_FAILED], refused->name, JOB_SIZE_LIMIT, &result->job,
                       NULL);
    return file_read_at(spool->dir[FOLDER_FAILED], name, JOB_SIZE_LIMIT, &result->error_file,
                        NULL) == 0;
}

/* --- in the pool: the rest ------------------------------------------------------------------- */

struct drop_search {
    const struct spool *spool;
    struct lookup_result *result;
    bool found;
};

static void match_drop(void *context, const struct id *id, enum folder folder, const char *name)
{
    struct drop_search *search = context;

    if (!search->found && id_equal(id, &search->result->id))
        search->found = file_read_at(search->spool->dir[folder], name, JOB_SIZE_LIMIT,
                                     &search->result->job, NULL) == 0;
}

static bool find_dropped(const struct spool *spool, struct lookup_result *result)
{
    struct drop_search search = {.spool = spool, .result = result};

    (void)pending_drops(spool, match_drop, &search);
    return search.found;
}

/* The ID that a word means. */
static bool find_id(const struct spool *spool, const char *word, struct lookup_result *result)
{
    struct reference reference;

    if (id_read(word, &result->id))
        return true;
    if (locate_reference(spool, word, &reference, &result->error) == 0) {
        result->id = reference.id;
        return true;
    }
    result->end = result->error.kind == ERROR_DATA ? LOOKUP_UNCLEAR : LOOKUP_ABSENT;
    return !locate_is_prefix(word) && layout_name_ok(word) &&
           pending_name(spool, word, &result->id);
}

static void find(uv_work_t *work)
{
    struct lookup *lookup = work->data;
    struct wanted *wanted = STAILQ_FIRST(&lookup->waiting);
    const struct spool *spool = lookup->jobs->front->spool;
    struct lookup_result *result = &wanted->result;
    enum location location;

    if (!find_id(spool, wanted->word, result))
        return;
    location = locate_job(spool, &result->id, NULL);
    if (location != LOCATION_NONE && location != LOCATION_NEW) {
        result->end = LOOKUP_ID;
    } else if (find_dropped(spool, result)) {
        result->end = LOOKUP_DROPPED;
    } else if (find_refused(lookup, result)) {
        result->end = LOOKUP_REFUSED;
    } else {
        absent_tell(spool, &result->id, wanted->word, "get", &result->error);
        result->end = absent_archived(spool, &result->id) ? LOOKUP_ARCHIVED : LOOKUP_ABSENT;
    }
}

/* --- on the loop ----------------------------------------------------------------------------- */

static void start(struct lookup *lookup);

static void found(uv_work_t *work, int status)
{
    struct lookup *lookup = work->data;
    struct wanted *wanted = STAILQ_FIRST(&lookup->waiting);

    (void)status;
    STAILQ_REMOVE_HEAD(&lookup->waiting, entry);
    lookup->count--;
    share_give(lookup->share, wanted->token_id);
    lookup->jobs->busy--;
    if (!STAILQ_EMPTY(&lookup->waiting))
        start(lookup);
    wanted->done(wanted->context, &wanted->result);
    buffer_free(&wanted->result.job);
    buffer_free(&wanted->result.error_file);
    free(wanted->word);
    free(wanted);
}

static void start(struct lookup *lookup)
{
    lookup->jobs->busy++;
    (void)uv_queue_work(lookup->jobs->front->loop, &lookup->work, find, found);
}

bool lookup_start(struct lookup *lookup, struct request *request, const char *word,
                  lookup_done *done, void *context)
{
    struct wanted *wanted;

    if (lookup->count >= WAITING_MAX) {
        jobs_unavailable(request, "too many are looking for jobs that are not there");
        return false;
    }
    if (!share_room(lookup->share, request->token_id)) {
        jobs_crowded(request, "searches for jobs that are not there");
        return false;
    }
    wanted = xcalloc(1, sizeof *wanted);
    memcpy(wanted->token_id, request->token_id, sizeof wanted->token_id);
    share_take(lookup->share, wanted->token_id);
    wanted->word = xstrdup(word);
    wanted->done = done;
    wanted->context = context;
    STAILQ_INSERT_TAIL(&lookup->waiting, wanted, entry);
    if (lookup->count++ == 0)
        start(lookup);
    return true;
}
