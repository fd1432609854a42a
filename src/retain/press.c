/* SPDX-License-Identifier: GPL-2.0-or-later */
/* press: files of zstd frames, compressed by a thread of their own. */
#include "retain/press.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <zstd.h>

#include "base/xalloc.h"
#include "spool/file.h"

struct press {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct press_stream *stream; /* whose frame is being compressed; NULL: idle */
    bool ending;
    ZSTD_CCtx *context;  /* the thread's from here on */
    struct buffer content;
    struct buffer packed;
};

/* Only want of memory and a wrong level make zstd fail. */
static size_t must(size_t result)
{
    if (ZSTD_isError(result)) {
        fprintf(stderr, "%s: zstd cannot compress: %s\n", program_invocation_short_name,
                ZSTD_getErrorName(result));
        exit(EX_OSERR);
    }
    return result;
}

static void compress_frame(struct press *press, struct press_stream *stream)
{
    size_t bound = ZSTD_compressBound(press->content.length);
    size_t size;

    buffer_clear(&press->packed);
    buffer_reserve(&press->packed, bound);
    size = must(ZSTD_compress2(press->context, press->packed.bytes, bound, press->content.bytes,
                               press->content.length));
    buffer_clear(&press->content);
    if (stream->problem == 0) {
        stream->problem = file_write(stream->fd, press->packed.bytes, size);
        stream->written += size;
    }
    if (stream->sum != NULL) {
        sha256_add(stream->sum, press->packed.bytes, size);
    }
}

static void *run(void *context)
{
    struct press *press = context;

    pthread_mutex_lock(&press->mutex);
    for (;;) {
        while (press->stream == NULL && !press->ending) {
            pthread_cond_wait(&press->changed, &press->mutex);
        }
        if (press->stream == NULL) {
            break;
        }
        /* While stream is set nobody else touches it but its filling, nor the buffers. */
        pthread_mutex_unlock(&press->mutex);
        compress_frame(press, press->stream);
        pthread_mutex_lock(&press->mutex);
        press->stream = NULL;
        pthread_cond_broadcast(&press->changed);
    }
    pthread_mutex_unlock(&press->mutex);
    return NULL;
}

/* Signals are for the program's own thread. */
static int start(struct press *press)
{
    sigset_t all, before;
    int result;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    result = pthread_create(&press->thread, NULL, run, press);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

struct press *press_open(int level)
{
    struct press *press = xcalloc(1, sizeof *press);
    int result;

    press->context = ZSTD_createCCtx();
    if (press->context == NULL) {
        must((size_t)-64); /* the library's own number for want of memory */
    }
    must(ZSTD_CCtx_setParameter(press->context, ZSTD_c_compressionLevel, level));
    must(ZSTD_CCtx_setParameter(press->context, ZSTD_c_checksumFlag, 1));
    must(ZSTD_CCtx_setParameter(press->context, ZSTD_c_contentSizeFlag, 1));
    pthread_mutex_init(&press->mutex, NULL);
    pthread_cond_init(&press->changed, NULL);
    result = start(press);
    if (result != 0) {
        ZSTD_freeCCtx(press->context);
        free(press);
        errno = result;
        return NULL;
    }
    return press;
}

void press_close(struct press *press)
{
    if (press == NULL) {
        return;
    }
    pthread_mutex_lock(&press->mutex);
    press->ending = true;
    pthread_cond_broadcast(&press->changed);
    pthread_mutex_unlock(&press->mutex);
    pthread_join(press->thread, NULL);
    pthread_cond_destroy(&press->changed);
    pthread_mutex_destroy(&press->mutex);
    ZSTD_freeCCtx(press->context);
    buffer_free(&press->content);
    buffer_free(&press->packed);
    free(press);
}

void press_begin(struct press_stream *stream, struct press *press, int fd, bool with_sum)
{
    *stream = (struct press_stream){.press = press, .fd = fd};
    stream->sum = with_sum ? sha256_start() : NULL;
}

/* With the mutex: waits until nothing is being compressed. */
static void wait_idle(struct press *press)
{
    while (press->stream != NULL) {
        pthread_cond_wait(&press->changed, &press->mutex);
    }
}

int press_frame(struct press_stream *stream, uint64_t *begins)
{
    struct press *press = stream->press;
    struct buffer empty;
    int result;

    assert(stream->filling.length > 0);
    pthread_mutex_lock(&press->mutex);
    wait_idle(press);
    result = stream->problem;
    if (begins != NULL) {
        *begins = stream->written;
    }
    empty = press->content;
    press->content = stream->filling;
    stream->filling = empty;
    press->stream = stream;
    pthread_cond_broadcast(&press->changed);
    pthread_mutex_unlock(&press->mutex);
    return result;
}

int press_finish(struct press_stream *stream)
{
    struct press *press = stream->press;

    if (stream->filling.length > 0) {
        (void)press_frame(stream, NULL);
    }
    pthread_mutex_lock(&press->mutex);
    wait_idle(press);
    pthread_mutex_unlock(&press->mutex);
    return stream->problem;
}

void press_end(struct press_stream *stream, unsigned char out[SHA256_SIZE])
{
    if (stream->press == NULL) {
        return;
    }
    pthread_mutex_lock(&stream->press->mutex);
    wait_idle(stream->press);
    pthread_mutex_unlock(&stream->press->mutex);
    if (stream->sum != NULL) {
        sha256_end(stream->sum, out);
    }
    buffer_free(&stream->filling);
    stream->press = NULL;
}
