#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Answers in the order of the input: formats, files, ends, runs.

load rig

harvest() {
    scenario harvest.py "$@"
}

@test "one slow early job holds answers back, and the order is that of the input" { harvest ordered; }
@test "an answer is printed as soon as it is next" { harvest early; }
@test "unordered, answers come as they come" { harvest unordered; }
@test "each format of a run can be read back, with a row for each line" { harvest formats; }
@test "formats and --errors of a submission" { harvest submitted_formats; }
@test "--output-dir has a file for each answer" { harvest output_dir; }
@test "what was answered from before is told once" { harvest before; }
@test "--halt stops soon or now" { harvest halt; }
@test "when nobody reads its output it ends as coreutils do" { harvest closed; }
@test "interrupted, it says how to come back, or cancels" { harvest interrupted; }
@test "killed and repeated it prints the same, and nothing is paid twice" { harvest repeated; }
@test "progress on a terminal fits it, and is gone at the end" { harvest terminal; }
@test "a run is waited for and printed by its name" { harvest runs; }
@test "rows of a run that goes on keep their places" { harvest unfinished; }
@test "orders take a run by its name" { harvest orders; }
@test "archived answers are printed, and have ended" { harvest archives; }
