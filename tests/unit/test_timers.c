/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command by which a person lets the timers run. */
#include "unit.h"

#include "client/timers.h"

#define TIMERS "llmspool-archive.timer llmspool-prune.timer llmspool-check.timer"

static void expect(enum timers timers, const char *place, bool usual, const char *wanted)
{
    char *command = timers_command(timers, place, usual);

    assert_string_equal(command, wanted);
    free(command);
}

static void test_machine(void **state)
{
    (void)state;
    expect(TIMERS_SYSTEM, "/var/spool/llmspool", true, "systemctl enable --now " TIMERS);
}

static void test_user(void **state)
{
    (void)state;
    expect(TIMERS_USER, "/home/u/.local/state/llmspool", true,
           "systemctl --user enable --now " TIMERS);
    expect(TIMERS_USER, "/srv/spool", false,
           "mkdir -p ~/.config/llmspool && echo LLMSPOOL_DIR=/srv/spool "
           ">>~/.config/llmspool/environment && systemctl --user enable --now " TIMERS);
}

static void test_cron(void **state)
{
    (void)state;
    expect(TIMERS_CRON, "/srv/spool", false,
           "{ crontab -l; echo LLMSPOOL_DIR=/srv/spool; cat " PKGDATADIR
           "/spool-layout/cron/llmspool.crontab; } | crontab -");
}

/* A path is one word for the shell, whatever is in it. */
static void test_quoted(void **state)
{
    (void)state;
    expect(TIMERS_CRON, "/srv/it's $(mine)", false,
           "{ crontab -l; echo 'LLMSPOOL_DIR=/srv/it'\\''s $(mine)'; cat " PKGDATADIR
           "/spool-layout/cron/llmspool.crontab; } | crontab -");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine),
        cmocka_unit_test(test_user),
        cmocka_unit_test(test_cron),
        cmocka_unit_test(test_quoted),
    };

    return UNIT_RUN(tests);
}
