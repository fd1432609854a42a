#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# All programs on one spool at once; the scenario is in together.py and prints a seed, which LLMSPOOL_SEED
# repeats. LLMSPOOL_LONG=1: for two minutes.

bats_require_minimum_version 1.5.0
load rig

@test "prune, archive, restore, check, submit, rerun and a daemon that is killed: nothing is lost" {
    scenario together.py all_at_once
}
