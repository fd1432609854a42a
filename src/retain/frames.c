/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frames: zstd frames read from a file that is not trusted. */
#include "retain/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/xalloc.h"

enum {
    IN_SIZE = 128 * 1024,
    OUT_SIZE = 128 * 1024,
    HEADER_MAX = 18, /* bytes of the longest frame header */
    HEADER_MIN = 6,
    HAS_CHECKSUM = 0x04, /* in the byte that describes a frame (RFC 8878, 3.1.1.1.1) */
    HAS_DICTIONARY = 0x03,
};

struct frame {
    uint64_t file;    /* where it begins in the file */
    uint64_t content; /* where its content begins, counted over all that was read */
    uint64_t size;    /* of its content, or FRAMES_ALL */
};

struct frames {
    int fd;
    bool sized;
    uint64_t skip;   /* bytes of content still to be passed over */
    uint64_t length; /* bytes of content still wanted, or FRAMES_ALL */
    uint64_t read;   /* bytes taken from the file: where the next reading begins */
    uint64_t passed; /* bytes of content so far */
    bool file_ended;
    bool in_frame;
    ZSTD_DCtx *context;
    ZSTD_inBuffer in; /* of in_bytes */
    struct frame *list;
    size_t count;
    size_t capacity;
    unsigned char in_bytes[IN_SIZE];
    unsigned char out_bytes[OUT_SIZE];
};

struct frames *frames_open(int fd, uint64_t frame, uint64_t skip, uint64_t length, bool sized)
{
    struct frames *frames = xcalloc(1, sizeof *frames);

    frames->fd = fd;
    frames->read = frame;
    frames->skip = skip;
    frames->length = length;
    frames->sized = sized;
    frames->in.src = frames->in_bytes;
    frames->context = ZSTD_createDCtx();
    if (frames->context == NULL) {
        abort(); /* no memory */
    }
    return frames;
}

void frames_close(struct frames *frames)
{
    if (frames != NULL) {
        ZSTD_freeDCtx(frames->context);
        free(frames->list);
        free(frames);
    }
}

static size_t in_left(const struct frames *frames)
{
    return frames->in.size - frames->in.pos;
}

/* Where the next byte of the input is in the file. */
static uint64_t in_place(const struct frames *frames)
{
    return frames->read - in_left(frames);
}

/* Reads more behind what is left of the input. */
static int fill(struct frames *frames, struct error *error)
{
    size_t left = in_left(frames);
    ssize_t count;

    memmove(frames->in_bytes, frames->in_bytes + frames->in.pos, left);
    frames->in.pos = 0;
    frames->in.size = left;
    do {
        count = pread(frames->fd, frames->in_bytes + left, IN_SIZE - left, (off_t)frames->read);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        error_system(error, errno, "cannot read it at byte %llu", (unsigned long long)frames->read);
        return -1;
    }
    frames->file_ended = count == 0;
    frames->in.size += (size_t)count;
    frames->read += (uint64_t)count;
    return 0;
}

static int damaged(const struct frames *frames, const char *what, struct error *error)
{
    uint64_t place = frames->count > 0 ? frames->list[frames->count - 1].file : 0;

    error_set(error, ERROR_DATA, "%s in the zstd frame at byte %llu", what,
              (unsigned long long)(frames->in_frame ? place : in_place(frames)));
    return -1;
}

/* Looks at a frame's header, all of which is in the input. */
static int judge_header(struct frames *frames, uint64_t *size, struct error *error)
{
    static const unsigned char magic[4] = {0x28, 0xB5, 0x2F, 0xFD};
    const unsigned char *header = frames->in_bytes + frames->in.pos;
    unsigned long long told;

    if (in_left(frames) < HEADER_MIN || memcmp(header, magic, sizeof magic) != 0) {
        return damaged(frames, "there is something else than a frame", error);
    }
    if ((header[4] & HAS_CHECKSUM) == 0 || (header[4] & HAS_DICTIONARY) != 0) {
        return damaged(frames, "there is no checksum", error);
    }
    told = ZSTD_getFrameContentSize(header, in_left(frames));
    if (told == ZSTD_CONTENTSIZE_ERROR) {
        return damaged(frames, "the header is damaged", error);
    }
    *size = told == ZSTD_CONTENTSIZE_UNKNOWN ? FRAMES_ALL : told;
    if (frames->sized && *size > FRAMES_LIMIT) {
        return damaged(frames, "the size of the content is missing or above any bound", error);
    }
    return 0;
}

/* Begins the next frame. Returns 1, 0 at the end of the file, -1. */
static int begin_frame(struct frames *frames, struct error *error)
{
    uint64_t size;

    while (in_left(frames) < HEADER_MAX && !frames->file_ended) {
        if (fill(frames, error) < 0) {
            return -1;
        }
    }
    if (in_left(frames) == 0) {
        return 0;
    }
    if (judge_header(frames, &size, error) < 0) {
        return -1;
    }
    if (frames->count == frames->capacity) {
        frames->capacity = 2 * frames->capacity + 16;
        frames->list = xrealloc(frames->list, frames->capacity * sizeof *frames->list);
    }
    frames->list[frames->count++] =
        (struct frame){.file = in_place(frames), .content = frames->passed, .size = size};
    frames->in_frame = true;
    return 1;
}

/* Goes on with the frame that is begun. Returns how many bytes came out, also 0, or -1. */
static ssize_t step(struct frames *frames, struct error *error)
{
    ZSTD_outBuffer out = {.dst = frames->out_bytes, .size = OUT_SIZE};
    size_t result;

    if (in_left(frames) == 0 && fill(frames, error) < 0) {
        return -1;
    }
    if (in_left(frames) == 0) {
        return damaged(frames, "the file ends", error);
    }
    result = ZSTD_decompressStream(frames->context, &out, &frames->in);
    if (ZSTD_isError(result)) {
        return damaged(frames, ZSTD_getErrorName(result), error);
    }
    frames->in_frame = result != 0;
    frames->passed += out.pos;
    return (ssize_t)out.pos;
}

/* The next piece of content, wanted or not. Returns as frames_next. */
static ssize_t decompress(struct frames *frames, struct error *error)
{
    ssize_t count = 0;

    while (count == 0) {
        int begun = frames->in_frame ? 1 : begin_frame(frames, error);

        if (begun <= 0) {
            return begun;
        }
        count = step(frames, error);
    }
    return count;
}

ssize_t frames_next(struct frames *frames, const void **bytes, struct error *error)
{
    for (;;) {
        ssize_t count;
        size_t from, length;

        if (frames->length == 0) {
            return 0;
        }
        count = decompress(frames, error);
        if (count < 0 || (count == 0 && frames->length == FRAMES_ALL && frames->skip == 0)) {
            return count;
        }
        if (count == 0) {
            error_set(error, ERROR_DATA, "it ends too early");
            return -1;
        }
        from = frames->skip < (uint64_t)count ? (size_t)frames->skip : (size_t)count;
        frames->skip -= from;
        length = (size_t)count - from;
        if (frames->length != FRAMES_ALL) {
            length = frames->length < length ? (size_t)frames->length : length;
            frames->length -= length;
        }
        if (length > 0) {
            *bytes = frames->out_bytes + from;
            return (ssize_t)length;
        }
    }
}

int frames_finish(struct frames *frames, struct error *error)
{
    while (frames->in_frame) {
        if (step(frames, error) < 0) {
            return -1;
        }
    }
    return 0;
}

int frames_pass(int fd, uint64_t length, bool sized, struct error *error)
{
    struct frames *frames = frames_open(fd, 0, 0, length, sized);
    const void *bytes;
    ssize_t count;
    int result;

    do {
        count = frames_next(frames, &bytes, error);
    } while (count > 0);
    result = count == 0 ? frames_finish(frames, error) : -1;
    frames_close(frames);
    return result;
}

bool frames_find(const struct frames *frames, uint64_t place, struct frames_place *found)
{
    size_t low = 0, high = frames->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (frames->list[middle].content <= place) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return false;
    }
    const struct frame *frame = &frames->list[low - 1];

    found->frame = frame->file;
    found->at = place - frame->content;
    found->left = frame->size == FRAMES_ALL ? FRAMES_ALL : frame->size - found->at;
    return frame->size == FRAMES_ALL || found->at < frame->size;
}
