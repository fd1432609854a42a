#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Shared spools: three people, each with a uid of their own.

load rig

@test "nobody is another: a job's user is its file's owner, but for trusted droppers" {
    scenario colleagues.py nobody_is_another
}

@test "nobody cancels another's job" {
    scenario colleagues.py nobody_cancels_anothers
}

@test "a file that the daemon cannot read waits with its reason until it is mended" {
    scenario colleagues.py a_file_that_cannot_be_read_waits
}

@test "visibility = group: the group reads results" {
    scenario colleagues.py the_group_reads_results
}

@test "visibility = owner: results, jobs and errors are their user's alone" {
    scenario colleagues.py results_are_their_owners
}

@test "visibility = owner: what was dropped, waits, runs or was archived is its user's alone" {
    scenario colleagues.py what_waits_is_its_owners
}

@test "each user's figures are told, of today also after a restart" {
    scenario colleagues.py each_user_has_figures
}
