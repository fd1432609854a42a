#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the daemon tells Prometheus. The scenarios are in metrics.py.

bats_require_minimum_version 1.5.0
load rig

@test "what is told after a run is what the spool holds" {
    scenario metrics.py known_run
}

@test "every event is counted under its kind" {
    scenario metrics.py transitions
}

@test "budgets and what was spent outlast a restart, counters begin anew" {
    scenario metrics.py money
}

@test "promtool finds nothing to say about the files" {
    scenario metrics.py both_files
}

@test "who reads while they are written sees whole files, and counters that grow" {
    scenario metrics.py atomic
}

@test "a textfile that cannot be written is told once and hinders nobody" {
    scenario metrics.py unwritable
}

@test "a reload moves the textfile and names the spool" {
    scenario metrics.py reloaded
}

@test "five hundred models are fifty by name and others" {
    scenario metrics.py bounded
}

@test "a gate that is closed says since when and for what" {
    scenario metrics.py gates
}

@test "an idle daemon is not woken for its metrics" {
    scenario metrics.py idle
}

@test "llmspool-httpd passes them on, and says whether the daemon lives" {
    scenario metrics.py over_http
}

@test "llmspool-httpd counts requests by route and class" {
    scenario metrics.py traffic
}

@test "the manual page, the alerts and the dashboard name what there is" {
    scenario metrics.py names
}

@test "the alerts are sound and pass their tests" {
    scenario metrics.py rules
}

@test "numbers have a point in every locale" {
    command -v localedef >/dev/null || skip "localedef is missing (Debian package: libc-bin)"
    localedef -i de_DE -f UTF-8 "$BATS_TEST_TMPDIR/de_DE.UTF-8" \
        || skip "no data to build a locale from (Debian package: locales)"
    run -0 env LOCPATH="$BATS_TEST_TMPDIR" LC_ALL=de_DE.UTF-8 \
        "$LLMSPOOL_BUILD/tests/unit/test_promtext"
    [[ $output != *SKIP* ]]
}
