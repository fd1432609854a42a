#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The clients of spool-layout/clients, each in its language, do the same: IDs, durable drops, waiting,
# answers. The scenarios are in droppers.py.

bats_require_minimum_version 1.5.0
load rig

# everything LANGUAGE: all scenarios of a client; the first that cannot run skips the test.
everything() {
    for name in ids durable ends versions usage; do
        scenario droppers.py "$name" "$1"
    done
}

@test "the client in sh" { everything sh; }
@test "the client in Python" { everything py; }
@test "the client in JavaScript" { everything js; }
@test "the client in Perl" { everything pl; }
@test "the client in Go" { everything go; }
@test "the client in Rust" { everything rs; }
