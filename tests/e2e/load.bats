#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Many jobs at once: each answered once, each request accounted for. The scenarios are in load.py.

bats_require_minimum_version 1.5.0
load rig

@test "1,000 distinct jobs, 64 in flight, make 1,000 outputs and exactly 1,000 requests" {
    scenario load.py distinct
}

@test "with 30 % faults of all kinds 1,000 jobs are answered, and all requests are recorded" {
    scenario load.py faults
}

@test "requests that hang, end early or never end are recorded, too" {
    scenario load.py hangs
}

@test "500 jobs dropped three times each from 4 processes make 500 requests" {
    scenario load.py duplicates
}

@test "duplicates widen the one job, also when the daemon is killed while it takes them" {
    scenario load.py widening_killed
}

@test "a list of 1,000 lines is taken once, however often the daemon is killed meanwhile" {
    scenario load.py list_killed
}

@test "the bad lines of a list are kept once each, with their reasons" {
    scenario load.py list_with_bad_lines
}
