/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_log: one line each to stderr. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/timetext.h"

/* A log into a socket that keeps writes apart, so that each read is one write. */
struct fixture {
    struct log log;
    int reader;
    char line[8192];
};

static void open_log(struct fixture *fixture, enum log_level level, bool journal)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    fixture->log = (struct log){level, ends[0], journal};
    fixture->reader = ends[1];
}

/* The next write, or NULL when there was none. */
static const char *next_line(struct fixture *fixture)
{
    ssize_t length = recv(fixture->reader, fixture->line, sizeof fixture->line - 1, 0);
    if (length <= 0) {
        return NULL;
    }
    fixture->line[length] = '\0';
    return fixture->line;
}

static void close_log(struct fixture *fixture)
{
    close(fixture->log.fd);
    close(fixture->reader);
}

static void the_journal_gets_a_priority_and_one_write_a_line(void **state)
{
    (void)state;
    struct fixture fixture;
    open_log(&fixture, LOG_LEVEL_DEBUG, true);
    log_error(&fixture.log, "job %d", 1);
    log_warning(&fixture.log, "job %d", 2);
    log_info(&fixture.log, "job %d", 3);
    log_debug(&fixture.log, "job %d", 4);
    assert_string_equal(next_line(&fixture), "<3>job 1\n");
    assert_string_equal(next_line(&fixture), "<4>job 2\n");
    assert_string_equal(next_line(&fixture), "<6>job 3\n");
    assert_string_equal(next_line(&fixture), "<7>job 4\n");
    assert_null(next_line(&fixture));
    close_log(&fixture);
}

static void elsewhere_a_line_begins_with_time_and_level(void **state)
{
    (void)state;
    struct fixture fixture;
    char time[TIMETEXT_SIZE];
    struct wall then = {0};
    open_log(&fixture, LOG_LEVEL_INFO, false);
    struct wall before = clock_wall(&clock_system);
    log_warning(&fixture.log, "low on %s", "space");
    struct wall after = clock_wall(&clock_system);
    const char *line = next_line(&fixture);
    assert_non_null(line);
    const char *rest = strchr(line, ' ');
    assert_non_null(rest);
    snprintf(time, sizeof time, "%.*s", (int)(rest - line), line);
    assert_int_equal(timetext_read(time, &then), 0);
    assert_true(before.ms <= then.ms && then.ms <= after.ms);
    assert_string_equal(rest, " warning: low on space\n");
    close_log(&fixture);
}

static void lines_above_the_level_are_dropped(void **state)
{
    (void)state;
    struct fixture fixture;
    open_log(&fixture, LOG_LEVEL_WARNING, true);
    log_debug(&fixture.log, "no");
    log_info(&fixture.log, "no");
    log_warning(&fixture.log, "yes");
    assert_string_equal(next_line(&fixture), "<4>yes\n");
    assert_null(next_line(&fixture));
    close_log(&fixture);
}

static void nothing_can_forge_a_line(void **state)
{
    (void)state;
    struct fixture fixture;
    open_log(&fixture, LOG_LEVEL_INFO, true);
    log_info(&fixture.log, "%s", "a\n<3>b\r\t\x1B[2J\x7F|\xC2\x85|\xFF\xC3|gr\xC3\xBC\xC3\x9F");
    assert_string_equal(next_line(&fixture),
                        "<6>a\\x0a<3>b\\x0d\\x09\\x1b[2J\\x7f|\\xc2\\x85|\\xff\\xc3|"
                        "gr\xC3\xBC\xC3\x9F\n");
    close_log(&fixture);
}

static void long_lines_are_whole(void **state)
{
    (void)state;
    struct fixture fixture;
    char text[5001];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    open_log(&fixture, LOG_LEVEL_INFO, true);
    log_info(&fixture.log, "%s", text);
    assert_int_equal(strlen(next_line(&fixture)), 5000 + strlen("<6>\n"));
    close_log(&fixture);
}

static void logging_leaves_errno_alone_even_when_it_fails(void **state)
{
    (void)state;
    const struct log log = {LOG_LEVEL_INFO, -1, false};
    errno = ENOENT;
    log_error(&log, "into nowhere");
    assert_int_equal(errno, ENOENT);
}

static void level_words_are_read(void **state)
{
    (void)state;
    static const char *const words[] = {"error", "warning", "info", "debug"};
    enum log_level level;
    for (size_t i = 0; i < UNIT_COUNT(words); i++) {
        assert_true(log_level_read(words[i], &level));
        assert_int_equal(level, i);
    }
    level = LOG_LEVEL_INFO;
    assert_false(log_level_read("warn", &level));
    assert_false(log_level_read("", &level));
    assert_false(log_level_read("Error", &level));
    assert_int_equal(level, LOG_LEVEL_INFO);
}

static void the_journal_is_known_by_its_device_and_inode(void **state)
{
    (void)state;
    struct stat status;
    struct log log;
    char name[64];
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    setenv("JOURNAL_STREAM", name, 1);
    log_init(&log, LOG_LEVEL_DEBUG);
    assert_true(log.journal);
    assert_int_equal(log.fd, STDERR_FILENO);
    assert_int_equal(log.level, LOG_LEVEL_DEBUG);
    setenv("JOURNAL_STREAM", "1:1", 1);
    log_init(&log, LOG_LEVEL_DEBUG);
    assert_false(log.journal);
    unsetenv("JOURNAL_STREAM");
    log_init(&log, LOG_LEVEL_ERROR);
    assert_false(log.journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_journal_gets_a_priority_and_one_write_a_line),
        cmocka_unit_test(elsewhere_a_line_begins_with_time_and_level),
        cmocka_unit_test(lines_above_the_level_are_dropped),
        cmocka_unit_test(nothing_can_forge_a_line),
        cmocka_unit_test(long_lines_are_whole),
        cmocka_unit_test(logging_leaves_errno_alone_even_when_it_fails),
        cmocka_unit_test(level_words_are_read),
        cmocka_unit_test(the_journal_is_known_by_its_device_and_inode),
    };
    return UNIT_RUN(tests);
}
