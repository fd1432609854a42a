#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-check: a spool that is sound is left in silence; what is not is named, and mended.

# Hundreds of repairs, one after the other, on a machine that may have other things to do.
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}

load rig
load spool

setup() {
    spool_start
}

teardown() {
    spool_stop
}

way() {
    scenario check.py "$@"
}

@test "each kind of damage is found under its code, mended where that needs no guess, and nothing is lost" {
    way each_damage
}

# bats test_tags=sweep
@test "a repair killed at any change is finished by the next: part 1 of 6 of the damages" {
    way killed_everywhere 1/6
}

# bats test_tags=sweep
@test "a repair killed at any change is finished by the next: part 2 of 6 of the damages" {
    way killed_everywhere 2/6
}

# bats test_tags=sweep
@test "a repair killed at any change is finished by the next: part 3 of 6 of the damages" {
    way killed_everywhere 3/6
}

# bats test_tags=sweep
@test "a repair killed at any change is finished by the next: part 4 of 6 of the damages" {
    way killed_everywhere 4/6
}

# bats test_tags=sweep
@test "a repair killed at any change is finished by the next: part 5 of 6 of the damages" {
    way killed_everywhere 5/6
}

# bats test_tags=sweep
@test "a repair killed at any change is finished by the next: part 6 of 6 of the damages" {
    way killed_everywhere 6/6
}

@test "a repair whose disk fails once, at any change, tells so, and the next finishes" {
    way failing_everywhere
}

@test "a job whose answer was lost can be asked again" { way lost_and_asked_again; }

@test "what root mends in another user's spool is that user's" {
    [ "$(id -u)" -eq 0 ] || skip "only root can give files away"
    echo junk >"$LLMSPOOL_DIR/failed/x.json"
    touch "$LLMSPOOL_DIR/done/stray"
    rmdir "$LLMSPOOL_DIR/blobs"
    chown -R nobody "$LLMSPOOL_DIR"
    run llmspool-check --repair
    [ "$status" -eq 0 ]
    [ -e "$LLMSPOOL_DIR/failed/x.json.error.json" ]
    [ -d "$LLMSPOOL_DIR/blobs" ]
    [ -z "$(find "$LLMSPOOL_DIR" ! -user nobody)" ]
}

@test "renaming without replacing and links that are refused are told" { way abilities; }

@test "beside a busy daemon nothing is found wrong" { way beside_a_busy_daemon; }

@test "a spool that is sound: no word, exit 0; -v says what was looked at" {
    run --separate-stderr llmspool-check
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ]
    run --separate-stderr llmspool-check -v
    [ "$status" -eq 0 ]
    [[ "$stderr" == *"done: finished jobs"* ]]
}

@test "no spool: 69; another version: 69, and untouched, by --repair too" {
    run llmspool-check "$BATS_TEST_TMPDIR/none"
    [ "$status" -eq 69 ]
    run llmspool-check "$BATS_TEST_TMPDIR"
    [ "$status" -eq 69 ]
    echo '{"llmspool": 2}' >"$LLMSPOOL_DIR/spool.json"
    rmdir "$LLMSPOOL_DIR/blobs"
    run llmspool-check --repair
    [ "$status" -eq 69 ]
    [[ "$output" == *"version 2"* ]]
    [ ! -e "$LLMSPOOL_DIR/blobs" ]
}

@test "words for a person: what is wrong, with which file, and what to do" {
    touch "$LLMSPOOL_DIR/done/stray"
    run --separate-stderr llmspool-check
    [ "$status" -eq 1 ]
    [[ "${lines[0]}" == "warning unknown_entry: "* ]]
    [[ "${lines[1]}" == "    llmspool-check --repair moves it to failed/"* ]]
    [[ "${lines[2]}" == "  done/stray: is none of the files of this folder" ]]
    [[ "$stderr" == *"0 errors, 1 warning" ]]
    run --separate-stderr llmspool-check --repair
    [ "$status" -eq 0 ]
    [[ "$output" == *"moved to failed/stray"* ]]
    [ "$(jq -r .reason "$LLMSPOOL_DIR/failed/stray.error.json")" = unknown_entry ]
}

@test "a file name cannot command the terminal" {
    touch "$LLMSPOOL_DIR/done/"$'\e[31mred\nline'
    run llmspool-check
    [ "$status" -eq 1 ]
    [[ "$output" != *$'\e'* ]]
    [ "${#lines[@]}" -eq 4 ]
}

@test "while a daemon runs --repair refuses, and --repair --dry-run tells" {
    daemon_start
    touch "$LLMSPOOL_DIR/done/stray"
    run llmspool-check --repair
    [ "$status" -eq 75 ]
    [ -e "$LLMSPOOL_DIR/done/stray" ]
    run llmspool-check --repair --dry-run
    [ "$status" -eq 1 ]
    [ -e "$LLMSPOOL_DIR/done/stray" ]
}

@test "a shared spool has its own modes; a wrong one is mended" {
    [ "$(id -u)" -eq 0 ] || skip "only root can make a spool of any group"
    group=$(getent group | cut -d: -f1 | tail -n 1)
    llmspool-init --group "$group" "$BATS_TEST_TMPDIR/shared" >/dev/null
    run llmspool-check "$BATS_TEST_TMPDIR/shared"
    [ "$status" -eq 0 ]
    chmod 0700 "$BATS_TEST_TMPDIR/shared/new"
    rmdir "$BATS_TEST_TMPDIR/shared/tmp"
    run llmspool-check --repair "$BATS_TEST_TMPDIR/shared"
    [ "$status" -eq 0 ]
    [ "$(stat -c %a:%G "$BATS_TEST_TMPDIR/shared/new")" = "3770:$group" ]
    [ "$(stat -c %a:%G "$BATS_TEST_TMPDIR/shared/tmp")" = "3770:$group" ]
}

@test "every code is in the manual page, with its severity" {
    llmspool-check --codes | while IFS=$'\t' read -r code severity _; do
        grep -qx ".It Cm $code Pq $severity" "$LLMSPOOL_SOURCE/man/llmspool-check.1" || {
            echo "$code ($severity) is not in the page"
            exit 1
        }
    done
}

@test "wrong words are a wrong usage" {
    run llmspool-check --dry-run
    [ "$status" -eq 64 ]
    run llmspool-check a b
    [ "$status" -eq 64 ]
    run llmspool-check --mend
    [ "$status" -eq 64 ]
}
