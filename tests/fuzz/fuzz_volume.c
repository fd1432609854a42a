/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_volume: libFuzzer target: no volume and no index crashes or hangs who reads it. The input is read
 * as a compressed file as it is, and as the content of one: a tar, an index.
 *
 * Built by hand, in the build folder:
 *     clang -std=gnu17 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -I$SOURCE/src -I. \
 *         $SOURCE/tests/fuzz/fuzz_volume.c libllmspool.a -larchive -lzstd -ljansson -lcrypto -luv \
 *         -lm -o fuzz_volume
 *     mkdir corpus && ./fuzz_volume -max_len=65536 -timeout=5 corpus
 * where libllmspool.a was built by clang with -fsanitize=fuzzer-no-link,address,undefined. A corpus to
 * begin with: the tar and the index of a volume, as zstd -d gives them.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/xalloc.h"
#include "retain/bundle.h"
#include "retain/manifest.h"
#include "retain/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static int file_of(const void *bytes, size_t length)
{
    int fd = memfd_create("volume", MFD_CLOEXEC);

    assert(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
    return fd;
}

/* A frame as archives have them. */
static int frame_of(const void *bytes, size_t length)
{
    size_t room = ZSTD_compressBound(length);
    void *out = xmalloc(room);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    int fd;

    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    fd = file_of(out, ZSTD_compress2(context, out, room, bytes, length));
    ZSTD_freeCCtx(context);
    free(out);
    return fd;
}

static void walk_all(int fd)
{
    struct walk *walk = walk_open(fd, 0, 0, FRAMES_ALL);
    struct walk_entry entry;
    struct error error;
    const void *piece;

    while (walk_next(walk, &entry, &error) == 1) {
        while (walk_data(walk, &piece, &error) > 0) {
        }
    }
    walk_close(walk);
}

static void read_all(int fd, size_t length)
{
    struct index_unit unit = {0};
    struct bundle bundle;
    struct error error;
    struct index *index = index_open(dup(fd), &error);
    struct manifest *manifest = manifest_open(fd, &error);

    while (index != NULL && index_next(index, &unit, &error) == 1) {
        if (manifest != NULL) {
            (void)manifest_unit(manifest, &unit, &error);
        }
    }
    manifest_close(manifest);
    index_unit_clear(&unit);
    index_close(index);
    if (bundle_read(fd, 0, 0, length, NULL, &bundle, &error) == 0) {
        assert(bundle.count >= 2 && bundle_record(&bundle, 0) != NULL);
        bundle_clear(&bundle);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    int files[2] = {file_of(bytes, length), frame_of(bytes, length)};

    for (size_t i = 0; i < 2; i++) {
        walk_all(files[i]);
        read_all(files[i], length);
        close(files[i]);
    }
    return 0;
}
