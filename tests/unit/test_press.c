/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_press: frames of several files, compressed by a thread. */
#include "unit.h"

#include <zstd.h>

#include "fresh.h"
#include "retain/press.h"

static int make(struct fresh *fresh, const char *name)
{
    int fd = openat(fresh->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    return fd;
}

/* The content of a file of frames, each with its size and checksum. */
static void unpack(int fd, struct buffer *out, size_t *frames)
{
    struct buffer packed = {0};
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(file_read(fd, SIZE_MAX, &packed), 0);
    *frames = 0;
    for (size_t at = 0; at < packed.length; ++*frames) {
        size_t size = ZSTD_findFrameCompressedSize(packed.bytes + at, packed.length - at);
        assert_false(ZSTD_isError(size));
        unsigned long long content = ZSTD_getFrameContentSize(packed.bytes + at, size);
        assert_true(content != ZSTD_CONTENTSIZE_UNKNOWN && content != ZSTD_CONTENTSIZE_ERROR);
        assert_true((packed.bytes[at + 4] & 4) != 0); /* Content_Checksum_flag */
        buffer_reserve(out, content);
        assert_int_equal(
            ZSTD_decompress(out->bytes + out->length, content, packed.bytes + at, size), content);
        out->length += content;
        at += size;
    }
    buffer_free(&packed);
}

static void files_are_written_side_by_side(void **state)
{
    struct fresh *fresh = *state;
    struct press *press = press_open(3);
    struct press_stream streams[2];
    struct buffer due[2] = {{0}, {0}};
    unsigned char digest[SHA256_SIZE], found[SHA256_SIZE];
    int fds[2] = {make(fresh, "a"), make(fresh, "b")};
    uint64_t begins = 1, before = 0;
    for (size_t s = 0; s < 2; s++) {
        press_begin(&streams[s], press, fds[s], s == 0);
    }
    for (int i = 0; i < 40; i++) {
        for (size_t s = 0; s < 2; s++) {
            for (int line = 0; line < 1000; line++) {
                buffer_printf(&streams[s].filling, "%zu %d %d\n", s, i, line);
            }
            buffer_append(&due[s], streams[s].filling.bytes, streams[s].filling.length);
            assert_int_equal(press_frame(&streams[s], s == 0 ? &begins : NULL), 0);
        }
        assert_true(i == 0 ? begins == 0 : begins > before);
        before = begins;
    }
    for (size_t s = 0; s < 2; s++) {
        struct buffer content = {0};
        size_t frames;
        assert_int_equal(press_finish(&streams[s]), 0);
        unpack(fds[s], &content, &frames);
        assert_int_equal(frames, 40);
        assert_int_equal(content.length, due[s].length);
        assert_memory_equal(content.bytes, due[s].bytes, content.length);
        assert_int_equal(streams[s].written, lseek(fds[s], 0, SEEK_END));
        buffer_free(&content);
        buffer_free(&due[s]);
    }
    press_end(&streams[0], digest);
    press_end(&streams[1], NULL);
    struct buffer packed = {0};
    assert_int_equal(lseek(fds[0], 0, SEEK_SET), 0);
    assert_int_equal(file_read(fds[0], SIZE_MAX, &packed), 0);
    sha256_digest(packed.bytes, packed.length, found);
    assert_memory_equal(digest, found, sizeof digest);
    buffer_free(&packed);
    press_close(press);
    close(fds[0]);
    close(fds[1]);
}

static void a_write_that_fails_is_told(void **state)
{
    (void)state;
    struct press *press = press_open(1);
    struct press_stream stream;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        skip();
    }
    press_begin(&stream, press, fd, false);
    buffer_text(&stream.filling, "x");
    assert_int_equal(press_frame(&stream, NULL), 0);
    assert_int_equal(press_finish(&stream), -ENOSPC);
    buffer_text(&stream.filling, "y");
    assert_int_equal(press_frame(&stream, NULL), -ENOSPC);
    assert_int_equal(press_finish(&stream), -ENOSPC);
    press_end(&stream, NULL);
    press_end(&stream, NULL);
    press_close(press);
    press_close(NULL);
    close(fd);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_written_side_by_side, fresh_folder, fresh_end),
        cmocka_unit_test(a_write_that_fails_is_told),
    };
    return UNIT_RUN(tests);
}
