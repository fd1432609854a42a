/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reload: see reload.h. */
#include "httpd/reload.h"

#include <stdbool.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/xalloc.h"
#include "httpd/front.h"
#include "httpd/jobs.h"
#include "httpd/kept.h"
#include "httpd/streams.h"
#include "httpd/tls.h"
#include "httpd/tokens.h"
#include "spool/visible.h"

enum { LOOK_MS = 1000 };

/* What tells one content of a file from the next. */
struct stamp {
    const char *path; /* or NULL */
    int missing;      /* errno of the look, or 0 */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct reload {
    struct front *front;
    struct stamp tokens, certificate, key;
    char *told; /* why tokens cannot be read, or NULL: they were */
    uv_timer_t timer;
};

static bool is_changed(struct stamp *stamp)
{
    struct stat status = {0};
    struct stamp now = {.path = stamp->path};
    bool changed;

    if (stamp->path == NULL)
        return false;
    if (stat(stamp->path, &status) != 0)
        now.missing = errno;
    now.device = status.st_dev;
    now.inode = status.st_ino;
    now.size = status.st_size;
    now.changed = status.st_ctim;
    changed = now.missing != stamp->missing || now.device != stamp->device ||
              now.inode != stamp->inode || now.size != stamp->size ||
              now.changed.tv_sec != stamp->changed.tv_sec ||
              now.changed.tv_nsec != stamp->changed.tv_nsec;
    *stamp = now;
    return changed;
}

/* Tells it once, however often it is tried. */
static void tell_unread(struct reload *reload, const struct error *error)
{
    if (reload->told != NULL && strcmp(reload->told, error->text) == 0)
        return;
    free(reload->told);
    reload->told = xstrdup(error->text);
    log_error(&reload->front->log, "%s; %s", error->text,
              error->kind == ERROR_ABSENT ? "no token is valid until it is there again"
                                          : "the tokens that were read before stay");
}

/* What was not read is tried again at the next look: a token may have been revoked in it. */
static void read_tokens(struct reload *reload)
{
    struct front *front = reload->front;
    struct error error = {.kind = ERROR_NONE};
    int result = tokens_reread(front->tokens, &error);

    if (result < 0) {
        reload->tokens = (struct stamp){.path = reload->tokens.path};
        tell_unread(reload, &error);
        return;
    }
    free(reload->told);
    reload->told = NULL;
    if (result > 0)
        log_info(&front->log, "read %zu tokens", tokens_count(front->tokens));
    streams_judge(front->streams);
}

static void read_tls(struct front *front)
{
    struct error error = {.kind = ERROR_NONE};

    if (front->tls == NULL)
        return;
    if (tls_reload(front->tls, &error) < 0)
        log_error(&front->log, "%s; the former certificate stays in use", error.text);
    else
        log_info(&front->log, "read the certificate %s", front->options->tls_certificate);
}

/* The daemon's setting, which may change while we serve. */
static void read_visibility(struct front *front)
{
    if (!visible_reread(front->spool))
        return;
    kept_clear(front->jobs->kept);
    streams_end(front->streams);
    log_info(&front->log, "visibility is %s now", front->spool->owner_only ? "owner" : "group");
}

static void look(uv_timer_t *timer)
{
    struct reload *reload = timer->data;
    bool certificate = is_changed(&reload->certificate);
    bool key = is_changed(&reload->key);

    if (is_changed(&reload->tokens))
        read_tokens(reload);
    if (certificate || key)
        read_tls(reload->front);
    read_visibility(reload->front);
}

/* The first look reads all once more: they may have changed since they were opened. */
struct reload *reload_open(struct front *front)
{
    struct reload *reload = xcalloc(1, sizeof *reload);

    reload->front = front;
    reload->tokens.path = tokens_path(front->tokens);
    reload->certificate.path = front->options->tls_certificate;
    reload->key.path = front->options->tls_key;
    (void)uv_timer_init(front->loop, &reload->timer);
    reload->timer.data = reload;
    (void)uv_timer_start(&reload->timer, look, LOOK_MS, LOOK_MS);
    return reload;
}

void reload_now(struct reload *reload)
{
    (void)is_changed(&reload->tokens);
    (void)is_changed(&reload->certificate);
    (void)is_changed(&reload->key);
    free(reload->told);
    reload->told = NULL;
    read_tokens(reload);
    read_tls(reload->front);
    read_visibility(reload->front);
}

static void closed(uv_handle_t *handle)
{
    struct reload *reload = handle->data;

    free(reload->told);
    free(reload);
}

void reload_close(struct reload *reload)
{
    if (reload != NULL)
        uv_close((uv_handle_t *)&reload->timer, closed);
}
