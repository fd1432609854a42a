#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Completion in bash, zsh and fish, by what the shells themselves make of it. Scenarios in completions.py.

bats_require_minimum_version 1.5.0
load rig

@test "bash completes the options of each command's --help and no others" { scenario completions.py options; }
@test "bash completes commands, orders, names, IDs, runs, models and users" { scenario completions.py words; }
@test "zsh completes the same" { scenario completions.py in_zsh; }
@test "fish completes the same" { scenario completions.py in_fish; }
@test "completion never lists cur/ or done/" { scenario completions.py bounded; }
