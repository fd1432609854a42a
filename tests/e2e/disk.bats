#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Disks that are full or fail.

load rig

disk() {
    scenario disk.py "$@"
}

@test "on a full disk nothing is sent, and work goes on by itself when there is room" { disk full; }
@test "a sync, write or rename that fails once loses nothing and pays nothing twice" { disk sync_fails; }
@test "while syncs fail no job counts as done; afterwards all are" { disk sync_fails_for_long; }
