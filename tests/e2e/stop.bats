#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# How the daemon stops, starts again, and keeps others from its spool.

load rig

stop() {
    scenario stop.py "$@"
}

@test "SIGTERM under load finishes what is in flight and leaves no mark" { stop finishes_in_flight; }
@test "a stop whose bound is reached leaves marks, says how many, and is no crash" { stop bound_reached; }
@test "SIGINT twice stops at once" { stop interrupted_twice; }
@test "--until-empty exits 0, 1 or 75 by what happened and what is left" { stop empty_codes; }
@test "a bad configuration is refused at SIGHUP and the old one kept" { stop bad_configuration; }
@test "a job alone in flight at four crashes is held, others go on" { stop poison; }
@test "a job with on_doubt = hold is not sent again by itself" { stop held_on_doubt; }
@test "of eight daemons started on a spool one owns it" { stop one_owner; }
@test "a spool that was away is waited for; one that was replaced is left" { stop spool_replaced; }
