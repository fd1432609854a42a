/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_webhook_secret: the spool's own secret, and signatures of Standard Webhooks. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/config_sections.h"
#include "daemon/key.h"
#include "daemon/webhook_secret.h"

struct fixture {
    char folder[64];
    struct spool spool;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.spool.path = fixture.folder};
    (void)strcpy(fixture.folder, "/tmp/test_secret.XXXXXX");
    assert_non_null(mkdtemp(fixture.folder));
    int dir = open(fixture.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir >= 0);
    fixture.spool.dir[FOLDER_TMP] = fixture.spool.dir[FOLDER_STATE] = dir;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    (void)unlinkat(fixture->spool.dir[FOLDER_STATE], WEBHOOK_SECRET_NAME, 0);
    assert_int_equal(rmdir(fixture->folder), 0); /* nothing else was left */
    (void)close(fixture->spool.dir[FOLDER_STATE]);
    return 0;
}

static void put(const struct fixture *fixture, mode_t mode, const char *text)
{
    int dir = fixture->spool.dir[FOLDER_STATE];
    (void)unlinkat(dir, WEBHOOK_SECRET_NAME, 0);
    int fd = openat(dir, WEBHOOK_SECRET_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void a_secret_is_made_once(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    struct stat status;
    bool made;
    char *first = webhook_secret_own(&fixture->spool, &made, &error);
    assert_non_null(first);
    assert_true(made);
    assert_int_equal(config_secret_check(first, "here", &error), 0);
    assert_int_equal(
        fstatat(fixture->spool.dir[FOLDER_STATE], WEBHOOK_SECRET_NAME, &status, 0), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    char *second = webhook_secret_own(&fixture->spool, &made, &error);
    assert_non_null(second);
    assert_false(made);
    assert_string_equal(first, second);
    assert_int_equal(unlinkat(fixture->spool.dir[FOLDER_STATE], WEBHOOK_SECRET_NAME, 0), 0);
    char *other = webhook_secret_own(&fixture->spool, &made, &error);
    assert_string_not_equal(first, other);
    key_free(first);
    key_free(second);
    key_free(other);
}

static void what_others_can_read_or_is_none_is_no_secret(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        mode_t mode;
        const char *text, *words;
    } bad[] = {
        {0640, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "is not the daemon's alone"},
        {0604, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "is not the daemon's alone"},
        {0600, "", "is no secret"},
        {0600, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "cannot be used"},
        {0600, "whsec_c2hvcnQ=\n", "24 to 64 bytes"},
        {0600, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nmore\n", "control characters"},
    };
    for (size_t i = 0; i < UNIT_COUNT(bad); i++) {
        struct error error = {0};
        bool made;
        put(fixture, bad[i].mode, bad[i].text);
        assert_null(webhook_secret_own(&fixture->spool, &made, &error));
        if (strstr(error.text, bad[i].words) == NULL)
            fail_msg("no \"%s\" in: %s", bad[i].words, error.text);
        assert_null(strstr(error.text, "MfKQ9"));
        assert_int_equal(error.kind, ERROR_SYSTEM); /* what is to be signed waits */
    }
}

static void secrets_have_24_to_64_bytes(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", true},       /* 24 */
        {"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=", false},      /* 23 */
        {"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI", false},       /* without padding */
        {"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"
         "yMw==", true},                                         /* 64 */
        {"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"
         "yMzQ=", false},                                        /* 65 */
        {"whsk_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz", false},
        {"whsec_MDEyMzQ1Njc4OTAx-_M0NTY3ODkwMTIz", false},
        {"whsec_", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < UNIT_COUNT(cases); i++) {
        struct error error = {0};
        int result = config_secret_check(cases[i].text, "/a/file", &error);
        if ((result == 0) != cases[i].good)
            fail_msg("%s: %s", cases[i].text, error.text);
        assert_true(result == 0 || strstr(error.text, "/a/file") != NULL);
    }
}

/* The example of the specification's text and libraries. */
static void signatures_are_those_of_the_specification(void **state)
{
    static const char *const secrets[] = {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                                          "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"};
    struct buffer body = {0}, out = {0};
    (void)state;
    buffer_text(&body, "{\"test\": 2432232314}");
    webhook_secret_sign(&out, secrets, 1, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, &body);
    assert_string_equal(out.bytes, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    webhook_secret_sign(&out, secrets, 2, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, &body);
    assert_non_null(strstr(out.bytes, "OLJ1OE= v1,"));
    buffer_free(&body);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_secret_is_made_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_others_can_read_or_is_none_is_no_secret, set_up,
                                        tear_down),
        cmocka_unit_test(secrets_have_24_to_64_bytes),
        cmocka_unit_test(signatures_are_those_of_the_specification),
    };
    return UNIT_RUN(tests);
}
