#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-init: making a spool; and no program touching one that it does not know.

load live

setup() {
    live_setup
}

teardown() {
    live_teardown
}

folders="archive blobs by-name ctl cur done events failed flows new outbox runs state templates tmp"

# Names, modes, sizes, times and contents of all of the spool.
fingerprint() {
    (cd "$spool" && find . -printf '%p %M %s %i %T@\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

mode() {
    stat -c %a "$1"
}

@test "a spool has all folders, private to its owner" {
    run llmspool-init "$spool"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "$spool: spool made" ]
    [ "$(ls "$spool" | tr '\n' ' ')" = "$(tr ' ' '\n' <<<"$folders spool.json" | sort | tr '\n' ' ')" ]
    for folder in . $folders; do
        [ "$(mode "$spool/$folder")" = 700 ]
    done
    [ "$(mode "$spool/spool.json")" = 600 ]
    [ "$(jq -c . "$spool/spool.json")" = '{"llmspool":1}' ]
}

@test "modes do not hang on the umask" {
    (umask 0 && llmspool-init "$spool")
    [ "$(mode "$spool")" = 700 ]
    [ "$(mode "$spool/new")" = 700 ]
    [ "$(mode "$spool/spool.json")" = 600 ]
}

@test "the default model is kept in spool.json and used for jobs without one" {
    live
    [ "$(jq -r .default_model "$spool/spool.json")" = gpt-4o-mini ]
    drop one '{"prompt": "x"}'
    until_state one completed
    [ "$(llmspool-result --request one | jq -r .model)" = gpt-4o-mini ]
}

@test "a second call changes nothing" {
    llmspool-init --model m "$spool"
    before=$(fingerprint)
    run llmspool-init "$spool"
    [ "$status" -eq 0 ]
    [ "$output" = "$spool: is a spool already, nothing changed" ]
    run llmspool-init --model m "$spool"
    [ "$status" -eq 0 ]
    [ "$(fingerprint)" = "$before" ]
}

@test "what a killed call left is completed" {
    llmspool-init "$spool"
    rm "$spool/spool.json"
    rmdir "$spool/state" "$spool/cur"
    run llmspool-init "$spool"
    [ "$status" -eq 0 ]
    [ -d "$spool/cur" ] && [ -d "$spool/state" ] && [ -f "$spool/spool.json" ]
}

@test "another default model than the one there is refused" {
    llmspool-init --model one "$spool"
    before=$(fingerprint)
    run llmspool-init --model two "$spool"
    [ "$status" -eq 73 ]
    [ "$(fingerprint)" = "$before" ]
}

@test "a folder of something else is refused untouched" {
    mkdir "$spool"
    echo mine >"$spool/diary"
    before=$(fingerprint)
    run llmspool-init "$spool"
    [ "$status" -eq 73 ]
    [[ "$output" == "llmspool-init: $spool "* ]]
    [ "$(fingerprint)" = "$before" ]
}

@test "a shared spool lets the group drop and order, and read the rest" {
    group=$(id -gn)
    run llmspool-init --group "$group" "$spool"
    [ "$status" -eq 0 ]
    for folder in tmp new ctl; do
        [ "$(stat -c '%a %G' "$spool/$folder")" = "3770 $group" ]
    done
    for folder in cur done failed by-name events state; do
        [ "$(stat -c '%a %G' "$spool/$folder")" = "2750 $group" ]
    done
    before=$(fingerprint)
    llmspool-init --group "$group" "$spool"
    [ "$(fingerprint)" = "$before" ]
    run llmspool-init --group no-such-group-here "$BATS_TEST_TMPDIR/other"
    [ "$status" -eq 64 ]
    [ ! -e "$BATS_TEST_TMPDIR/other" ]
}

@test "the spool is made where the other commands look first" {
    llmspool-init
    [ -f "$spool/spool.json" ]
    unset LLMSPOOL_DIR
    export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
    llmspool-init
    [ -f "$XDG_STATE_HOME/llmspool/spool.json" ]
    llmspool-status
}

@test "every program refuses a spool of an unknown version and leaves it untouched" {
    llmspool-init "$spool"
    echo '{"llmspool": 2}' >"$spool/spool.json"
    : >"$BATS_TEST_TMPDIR/llmspoold.conf"
    before=$(fingerprint)
    id=$(printf '%064d' 1)
    for command in "llmspool-init $spool" "llmspool-status" "llmspool-status $id" "llmspool-result $id" \
        "llmspool-ctl pause" "llmspool-ctl cancel ALL" "llmspoold -c $BATS_TEST_TMPDIR/llmspoold.conf"; do
        run timeout 20 $command
        [ "$status" -eq 69 ] || [ "$status" -eq 73 ] || { echo "$command: $status $output"; return 1; }
        [[ "$output" == *"version"* ]] || { echo "$command: $output"; return 1; }
    done
    [ "$(fingerprint)" = "$before" ]
}

@test "without a spool every command names the line that makes one" {
    unset LLMSPOOL_DIR
    export XDG_STATE_HOME=$BATS_TEST_TMPDIR/nothing
    [ ! -e /var/spool/llmspool ] || skip "this machine has a spool of its own"
    for command in llmspool-status "llmspool-result x" "llmspool-ctl pause" llmspoold; do
        run timeout 20 $command
        [ "$status" -eq 69 ]
        [[ "$output" == *"llmspool-init $XDG_STATE_HOME/llmspool"* ]] || { echo "$command: $output"; return 1; }
    done
}

@test "the dispatcher runs the commands and lists them" {
    run llmspool init "$spool"
    [ "$status" -eq 0 ]
    run llmspool
    [ "$status" -eq 0 ]
    for command in init submit status wait result ctl mock; do
        [[ "$output" == *"  $command "* ]]
    done
    run llmspool stats
    [ "$status" -eq 64 ]
    [[ "$output" == *"did you mean status?"* ]]
}

@test "a new spool is told with the command that enables the timers, which works as printed" {
    run llmspool-init "$spool"
    command=$(sed -n 's/^    //p' <<<"$output")
    if [ -d /run/systemd/system ] && [ "$(id -u)" -ne 0 ]; then
        [[ $command == *"systemctl --user enable --now llmspool-archive.timer "* ]]
        return 0
    fi
    # A crontab(1) that keeps the table in a file, and the fragment where it will be installed.
    mkdir "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\n[ "$1" = -l ] && exec cat "%s"\ncat >"%s.new" && mv "%s.new" "%s"\n' \
        "$BATS_TEST_TMPDIR"/{tab,tab,tab,tab} >"$BATS_TEST_TMPDIR/bin/crontab"
    chmod +x "$BATS_TEST_TMPDIR/bin/crontab"
    echo '0 0 * * * true' >"$BATS_TEST_TMPDIR/tab"
    fragment=$(sed -n 's/.*cat \(.*\);.*/\1/p' <<<"$command")
    [[ $fragment == */llmspool/spool-layout/cron/llmspool.crontab ]]
    PATH=$BATS_TEST_TMPDIR/bin:$PATH sh -c "${command/"$fragment"/"$LLMSPOOL_BUILD/spool-layout/cron/llmspool.crontab"}"
    grep -qxF '0 0 * * * true' "$BATS_TEST_TMPDIR/tab"
    grep -qxF "LLMSPOOL_DIR=$spool" "$BATS_TEST_TMPDIR/tab"
    grep -qxF '10 3 * * * llmspool-prune --nice -q' "$BATS_TEST_TMPDIR/tab"
    run llmspool-init "$spool"
    [ "$output" = "$spool: is a spool already, nothing changed" ]
}
