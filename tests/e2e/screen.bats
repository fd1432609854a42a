#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What is seen on a terminal, through tmux; screens are kept in tests/e2e/screens/.

load rig

@test "--watch fills the terminal, follows its size, and gives it back on Ctrl-C" {
    scenario screen.py watched
}

@test "--watch gives the terminal back on Ctrl-Z, goes on after it, and ends by q and SIGTERM" {
    scenario screen.py stopped_and_ended
}

@test "--watch shows a run" {
    scenario screen.py a_run_is_watched
}

@test "the overview keeps to the height of the terminal" {
    scenario screen.py one_screen
}

@test "submit --wait draws its progress, narrow too, and goes on after Ctrl-C by the same command" {
    scenario screen.py progress_and_back
}

@test "submit --try shows a few answers and asks" {
    scenario screen.py asked_after_a_few
}
