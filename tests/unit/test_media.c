/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_media: what kind of file some bytes are. */
#include "unit.h"

#include "base/media.h"

#define BYTES(literal) (literal), sizeof(literal) - 1

static void each_signature_is_known(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *type;
        enum media media;
    } rows[] = {
        {BYTES("\x89PNG\r\n\x1a\n"), "image/png", MEDIA_IMAGE},
        {BYTES("\xff\xd8\xff\xe0"), "image/jpeg", MEDIA_IMAGE},
        {BYTES("GIF87a\0"), "image/gif", MEDIA_IMAGE},
        {BYTES("GIF89a\0"), "image/gif", MEDIA_IMAGE},
        {BYTES("RIFF\0\0\0\0WEBPVP8 "), "image/webp", MEDIA_IMAGE},
        {BYTES("%PDF-1.7\n\xe2\xe3"), "application/pdf", MEDIA_PDF},
        {BYTES("Gr\xc3\xbc\xc3\x9f""e\r\n"), "text/plain", MEDIA_TEXT},
        {BYTES("%PDF"), "text/plain", MEDIA_TEXT},
        {BYTES("RIFF0000WEBM"), "text/plain", MEDIA_TEXT},
        {BYTES("<svg/>"), "text/plain", MEDIA_TEXT},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(rows); i++) {
        assert_string_equal(media_type(rows[i].bytes, rows[i].length), rows[i].type);
        assert_int_equal(media_read(rows[i].type), rows[i].media);
    }
}

static void all_else_is_none(void **state)
{
    (void)state;
    assert_null(media_type("", 0));
    assert_null(media_type(BYTES("a\0b")));
    assert_null(media_type(BYTES("a\xff")));
    assert_null(media_type(BYTES("\x89PNG\r\n\x1a"))); /* one byte short */
    assert_null(media_type(BYTES("RIFF\0\0\0\0WAVE")));
    assert_null(media_type(BYTES("\xc3")));
    assert_int_equal(media_read("image/tiff"), MEDIA_NONE);
    assert_int_equal(media_read("image/PNG"), MEDIA_NONE);
    assert_int_equal(media_read(""), MEDIA_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_signature_is_known),
        cmocka_unit_test(all_else_is_none),
    };
    return UNIT_RUN(tests);
}
