#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Limits, outages and turns, against a server that has them. The scenarios are in limits.py; with
# --long they run for as long as their figures need.

bats_require_minimum_version 1.5.0
load rig

@test "a limit that headers tell is used in full and hardly ever met" {
    scenario limits.py told
}

@test "a limit that nothing tells is found" {
    scenario limits.py found
}

@test "a limit that is halved and doubled in mid-run is found again within 20 s" {
    [ "${LLMSPOOL_LONG:-0}" != 0 ] || skip "takes 80 s: --long"
    scenario limits.py moving
}

@test "a silent queue of two slots is kept busy, and nothing times out" {
    scenario limits.py silent
}

@test "in an outage few requests leave, no job fails, and the full rate is back at once" {
    scenario limits.py outage
}

@test "a configured rate is kept, over a restart too" {
    scenario limits.py configured
}

@test "one job of another user is sent within five dispatches of a large batch" {
    scenario limits.py newcomer
}

@test "a user's own bounds hold for that user" {
    scenario limits.py bounded_user
}
