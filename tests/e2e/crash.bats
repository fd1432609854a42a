#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The daemon is killed, and nothing is lost. The scenarios are in crash.py; the first prints a seed, and
# LLMSPOOL_SEED repeats it. LLMSPOOL_LONG=1 kills ten times as often.

bats_require_minimum_version 1.5.0
load rig

@test "200 kills at random moments under load lose no job, no output and no request" {
    scenario crash.py random_kills
}

@test "killed at any system call that changes the spool, the next start puts all in order" {
    scenario crash.py killed_at_calls
}

@test "killed while jobs come back into cur/, none is away" {
    scenario crash.py killed_coming_back
}

@test "killed while new jobs take the places of old ones, no place is lost or doubled" {
    scenario crash.py replaced_at_calls
}

@test "a list of replacements that is taken again takes the same places, and no others" {
    scenario crash.py taken_again_at_calls
}
