#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Without hints from inotify, and with nobody to ask: nothing fails, the reason is told, work goes on.

load rig

watching() {
    scenario watching.py "$@"
}

@test "without inotify jobs run all the same, and it is told" { watching without_inotify; }
@test "when inotify overflows all drops are found at once" { watching overflowed; }
@test "when the watch is lost the minute's scan finds the drops" { watching watch_removed; }
@test "a wrong key fails none of a thousand jobs; the right one and SIGHUP, and all are done" { watching wrong_key; }
@test "an unknown model fails none of a thousand jobs; when it is there, all are done" { watching unknown_model; }
@test "a thousand jobs without a provider wait, and are done when there is one" { watching no_provider; }
@test "a thousand jobs for a server that is away wait, and are sent once" { watching nobody_listens; }
