/* SPDX-License-Identifier: GPL-2.0-or-later */
/* reload: see reload.h. */
#include "httpd/reload.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/xalloc.h"
#include "httpd/front.h"
#include "httpd/streams.h"
#include "httpd/tls.h"
#include "httpd/tokens.h"

enum { LOOK_MS = 1000 };

/* What tells one content of a file from the next. */
struct stamp {
    const char *path; /* or NULL */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct reload {
    struct front *front;
    struct stamp tokens, certificate, key;
    uv_timer_t timer;
};

static bool is_changed(struct stamp *stamp)
{
    struct stat status;
    struct stamp now;
    bool changed;

    if (stamp->path == NULL || stat(stamp->path, &status) != 0)
        return false;
    now = (struct stamp){stamp->path, status.st_dev, status.st_ino, status.st_size, status.st_ctim};
    changed = now.device != stamp->device || now.inode != stamp->inode || now.size != stamp->size ||
              now.changed.tv_sec != stamp->changed.tv_sec ||
              now.changed.tv_nsec != stamp->changed.tv_nsec;
    *stamp = now;
    return changed;
}

static void read_tokens(struct front *front)
{
    struct error error = {.kind = ERROR_NONE};

    if (!tokens_asked(front->tokens))
        return;
    if (tokens_reread(front->tokens, &error) < 0) {
        log_error(&front->log, "%s; the tokens that were read before stay", error.text);
        return;
    }
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

static void look(uv_timer_t *timer)
{
    struct reload *reload = timer->data;
    bool certificate = is_changed(&reload->certificate);
    bool key = is_changed(&reload->key);

    if (is_changed(&reload->tokens))
        read_tokens(reload->front);
    if (certificate || key)
        read_tls(reload->front);
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
    read_tokens(reload->front);
    read_tls(reload->front);
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void reload_close(struct reload *reload)
{
    if (reload != NULL)
        uv_close((uv_handle_t *)&reload->timer, closed);
}
