#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Lines, rows, objects and files through llmspool-submit. The scenarios are in feed.py.

bats_require_minimum_version 1.5.0
load rig

@test "lines are answered once each, whatever is killed, and the output is that of an undisturbed run" {
    scenario feed.py killed_and_repeated
}

@test "lines, texts ended by NUL, rows and objects give an answer each, in their order" {
    scenario feed.py inputs
}

@test "the files of folders and patterns are a job each, with their names" {
    scenario feed.py files_of_folders
}

@test "what a slow program writes is answered before it writes more" {
    scenario feed.py slow_input
}

@test "a run lies in lists that say where they begin" {
    scenario feed.py lists_of_a_run
}

@test "the same command goes on where it was, and pays for nothing twice" {
    scenario feed.py another_command_goes_on
}

@test "no more jobs wait than --max-waiting says" {
    scenario feed.py room
}

@test "a fault anywhere in a file keeps all of it from being dropped" {
    scenario feed.py refused
}

@test "of a stream what came before a fault stays" {
    scenario feed.py refused_in_a_stream
}

@test "what is dearer than confirm_above needs consent" {
    scenario feed.py money
}

@test "an estimate counts what is answered and what is the same as nothing" {
    scenario feed.py done_costs_nothing
}

@test "consent is asked for on the terminal" {
    scenario feed.py asked_on_a_terminal
}

@test "--try asks some, and goes on when that is wanted" {
    scenario feed.py some_first
}

@test "IDs are one a line, or ended by NUL" {
    scenario feed.py ids_for_xargs
}

@test "an interrupt while input is waited for leaves the jobs" {
    scenario feed.py interrupted
}
