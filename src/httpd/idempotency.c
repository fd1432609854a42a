/* SPDX-License-Identifier: GPL-2.0-or-later */
/* idempotency: see idempotency.h. */
#include "httpd/idempotency.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "spool/file.h"

#define KEYS_FILE "httpd-keys"

enum {
    KEYS_MAX = 100 * 1000,
    LINES_MAX = 3 * KEYS_MAX, /* of the file, before it is written anew */
    FILE_MAX = 256 * 1024 * 1024,
};

/* Whoever waits for his key to be durable. */
struct ending {
    STAILQ_ENTRY(ending) entry;
    void (*done)(void *context);
    void *context;
};

STAILQ_HEAD(endings, ending);

struct idempotency {
    struct jobs *jobs;
    struct keys *keys;
    int dir;      /* where the file is; -1: nowhere */
    bool kept;    /* keys go to the file */
    int fd;       /* of the file, locked and appended to; -1: it must be written anew */
    size_t lines; /* of the file */

    struct endings waiting; /* for the next write */
    struct buffer text;     /* their lines */

    /* The write under way. */
    bool writing;
    bool anew;
    uv_work_t work;
    struct endings written;
    struct buffer writes;
    int result;
};

/* --- the file ---------------------------------------------------------------------------------- */

static int open_file(int dir)
{
    const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = openat(dir, KEYS_FILE, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        int problem = errno;

        (void)close(fd);
        errno = problem;
        return -1;
    }
    return fd;
}

/* Puts all that is known into a new file. The old one's lock goes with it. After a failure it may be that the
 * file is another already: it is opened again, and its lock taken, before the next is made. */
static int write_anew(struct idempotency *idempotency, const struct buffer *text)
{
    int dir = idempotency->dir, old = idempotency->fd, result;

    if (old < 0)
        old = open_file(dir);
    if (old < 0)
        return -errno;
    result = file_replace_as_guest(dir, dir, KEYS_FILE, 0600,
                                   text->bytes != NULL ? text->bytes : "", text->length, true);
    idempotency->fd = result == 0 ? open_file(dir) : -1;
    if (result == 0 && idempotency->fd < 0)
        result = -errno;
    (void)close(old);
    return result;
}

/* What a failed write left may be torn, and what is appended to that is lost: the next write is one anew. */
static void note_failure(struct idempotency *idempotency, int result)
{
    idempotency->lines = LINES_MAX + 1;
    log_warning(&idempotency->jobs->front->log, KEYS_FILE " cannot be written: %s",
                strerror(-result));
}

static void load(struct idempotency *idempotency)
{
    struct buffer text = {0}, fresh = {0};
    struct jobs *jobs = idempotency->jobs;
    size_t kept, lines = 0;
    int result = file_read(idempotency->fd, FILE_MAX, &text);

    if (result == 0 && text.length > 0)
        lines = keys_read(idempotency->keys, text.bytes, text.length,
                          clock_wall(jobs->front->clock));
    kept = keys_write_all(idempotency->keys, &fresh);
    idempotency->lines = kept;
    if (kept != lines || result < 0)
        result = write_anew(idempotency, &fresh);
    if (result < 0)
        note_failure(idempotency, result);
    buffer_free(&text);
    buffer_free(&fresh);
}

/* The unit gives us a folder of our own, as it lets us write little of the spool. */
static int open_folder(const struct spool *spool)
{
    const char *own = getenv("STATE_DIRECTORY");

    return own != NULL && own[0] == '/'
               ? open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
               : openat(spool->dir[FOLDER_STATE], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

struct idempotency *idempotency_new(struct jobs *jobs)
{
    struct idempotency *idempotency = xcalloc(1, sizeof *idempotency);

    idempotency->jobs = jobs;
    idempotency->keys = keys_new(KEYS_MAX);
    idempotency->work.data = idempotency;
    STAILQ_INIT(&idempotency->waiting);
    STAILQ_INIT(&idempotency->written);
    idempotency->dir = open_folder(jobs->front->spool);
    idempotency->fd = idempotency->dir >= 0 ? open_file(idempotency->dir) : -1;
    idempotency->kept = idempotency->fd >= 0;
    if (idempotency->kept)
        load(idempotency);
    else
        log_warning(&jobs->front->log,
                    "idempotency keys are not remembered over a restart: " KEYS_FILE
                    " cannot be written: %s", strerror(errno));
    return idempotency;
}

void idempotency_free(struct idempotency *idempotency)
{
    if (idempotency == NULL)
        return;
    if (idempotency->fd >= 0)
        (void)close(idempotency->fd);
    if (idempotency->dir >= 0)
        (void)close(idempotency->dir);
    keys_free(idempotency->keys);
    buffer_free(&idempotency->text);
    free(idempotency);
}

/* --- beginning --------------------------------------------------------------------------------- */

static enum idempotency_begin refuse(struct request *request, enum keys_verdict verdict)
{
    if (verdict == KEYS_OTHER)
        request_problem(request, MHD_HTTP_UNPROCESSABLE_CONTENT, "idempotency",
                        "this Idempotency-Key was used for another request: take a new one");
    else
        request_problem(request, MHD_HTTP_CONFLICT, "conflict",
                        "a request with this Idempotency-Key is under way");
    return IDEMPOTENCY_ANSWERED;
}

enum idempotency_begin idempotency_begin(struct request *request, struct idempotency_use *use,
                                         struct key_answer *answer)
{
    struct idempotency *idempotency = request->front->jobs->idempotency;
    const char *text = request_header(request, "Idempotency-Key");
    enum keys_verdict verdict;

    *use = (struct idempotency_use){0};
    if (text == NULL)
        return IDEMPOTENCY_NONE;
    if (!key_use_make(&use->use, request->caller.user, text,
                      request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE),
                      request_query(request, "run"), request->body.bytes, request->body.length)) {
        request_problem(request, MHD_HTTP_BAD_REQUEST, "bad-request",
                        "an Idempotency-Key has 1 to %d visible characters", KEYS_TEXT_MAX);
        return IDEMPOTENCY_ANSWERED;
    }
    verdict = keys_begin(idempotency->keys, &use->use, clock_wall(request->front->clock), answer);
    if (verdict == KEYS_SAME)
        return IDEMPOTENCY_REPEATED;
    if (verdict != KEYS_NEW)
        return refuse(request, verdict);
    use->used = true;
    return IDEMPOTENCY_NONE;
}

void idempotency_abandon(struct idempotency *idempotency, struct idempotency_use *use)
{
    if (use->used)
        keys_abandon(idempotency->keys, &use->use);
    use->used = false;
}

/* --- ending ------------------------------------------------------------------------------------ */

/* In the pool. */
static void write_keys(uv_work_t *work)
{
    struct idempotency *idempotency = work->data;
    const struct buffer *text = &idempotency->writes;

    if (idempotency->anew) {
        idempotency->result = write_anew(idempotency, text);
        return;
    }
    idempotency->result = file_write(idempotency->fd, text->bytes, text->length);
    if (idempotency->result == 0 && fdatasync(idempotency->fd) < 0)
        idempotency->result = -errno;
}

static void start(struct idempotency *idempotency);

/* A key that could not be kept is no reason to say that its jobs were not taken. */
static void keys_written(uv_work_t *work, int status)
{
    struct idempotency *idempotency = work->data;
    struct ending *ending;

    (void)status;
    idempotency->writing = false;
    idempotency->jobs->busy--;
    if (idempotency->result < 0)
        note_failure(idempotency, idempotency->result);
    buffer_free(&idempotency->writes);
    while ((ending = STAILQ_FIRST(&idempotency->written)) != NULL) {
        STAILQ_REMOVE_HEAD(&idempotency->written, entry);
        ending->done(ending->context);
        free(ending);
    }
    if (!STAILQ_EMPTY(&idempotency->waiting) && !idempotency->writing)
        start(idempotency);
}

static void start(struct idempotency *idempotency)
{
    idempotency->writing = true;
    idempotency->jobs->busy++;
    STAILQ_CONCAT(&idempotency->written, &idempotency->waiting);
    idempotency->writes = idempotency->text;
    idempotency->text = (struct buffer){0};
    idempotency->anew = idempotency->lines > LINES_MAX;
    if (idempotency->anew) {
        buffer_clear(&idempotency->writes);
        idempotency->lines = keys_write_all(idempotency->keys, &idempotency->writes);
    }
    (void)uv_queue_work(idempotency->jobs->front->loop, &idempotency->work, write_keys,
                        keys_written);
}

void idempotency_end(struct idempotency *idempotency, struct idempotency_use *use,
                     const struct key_answer *answer, void (*done)(void *context), void *context)
{
    struct ending *ending;

    if (use->used)
        keys_end(idempotency->keys, &use->use, answer,
                 clock_wall(idempotency->jobs->front->clock));
    if (!use->used || !idempotency->kept) {
        done(context);
        return;
    }
    use->used = false;
    keys_write(idempotency->keys, &use->use, &idempotency->text);
    idempotency->lines++;
    ending = xmalloc(sizeof *ending);
    ending->done = done;
    ending->context = context;
    STAILQ_INSERT_TAIL(&idempotency->waiting, ending, entry);
    if (!idempotency->writing)
        start(idempotency);
}
