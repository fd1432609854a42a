#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Bad files of every kind: kept with their reasons, while good jobs are unharmed.

load rig

hostile() {
    scenario hostile.py "$@"
}

@test "thirty kinds of bad file are kept with their reasons while good jobs flow" { hostile all_kinds; }
@test "a device is refused" { hostile as_root; }
@test "files written straight into new/ piece by piece are taken whole" { hostile changing_while_read; }
