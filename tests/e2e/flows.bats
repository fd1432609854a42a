#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Flows: jobs that wait for others, resolved and asked when these have ended.

load rig

flows() {
    scenario flows.py "$@"
}

@test "a diamond is asked in order, and the same flow again asks nothing" { flows diamond; }
