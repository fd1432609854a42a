# SPDX-License-Identifier: GPL-2.0-or-later
# The lines for cron in README and llmspool(7), run as they are written, on a spool in which all is
# well: they say nothing.

load spool

setup() {
    spool_start
    mock_start
    daemon_start
}

teardown() {
    spool_stop
}

# The crontab lines of a text, each without its times.
commands_of() {
    sed -nE 's/^ *([0-9*]+ +){5}(llmspool-.*)$/\2/p' "$1"
}

# A job that finished longer ago than anything is kept.
age() {
    local record=$LLMSPOOL_DIR/$1
    sed -i -E 's/"(submitted|accepted|started|finished|ended|first_token)":"20[0-9]{2}/"\1":"2001/g' \
        "$record"
    [[ $(jq -r .times.finished "$record") == 2001* ]]
}

run_lines() {
    local text=$1 old new bad
    old=$(llmspool-submit "Say old for $BATS_TEST_NUMBER")
    llmspool-wait "$old" >/dev/null
    new=$(llmspool-submit "Say new for $BATS_TEST_NUMBER")
    llmspool-wait "$new" >/dev/null
    # One that may have been paid for though it failed.
    bad=$(llmspool-submit "[[mock:400]] no for $BATS_TEST_NUMBER")
    run llmspool-wait "$bad"
    [ "$status" -eq 1 ]
    age "done/$old.v1.json"
    age "failed/$bad.error.json"
    [ "$(commands_of "$text" | wc -l)" -eq 3 ]
    while IFS= read -r command; do
        run sh -c "$command" </dev/null
        echo "$command: $status: $output"
        [ "$status" -eq 0 ]
        [ -z "$output" ]
    done < <(commands_of "$text")
    # They were of use: what is old is archived and gone, the new one stays.
    [ ! -e "$LLMSPOOL_DIR/failed/$bad.json" ]
    llmspool-archive search --state failed | grep -qxF "$bad"
    [ ! -e "$LLMSPOOL_DIR/done/$old.json" ]
    [ -e "$LLMSPOOL_DIR/done/$new.json" ]
    llmspool-archive get "$old" >/dev/null
}

@test "the lines for cron in README work as written" {
    run_lines "$LLMSPOOL_SOURCE/README"
}

@test "the lines for cron in llmspool(7) work as written" {
    run_lines "$LLMSPOOL_SOURCE/man/llmspool.7"
}

@test "README, llmspool(7) and the installed fragment have the same lines" {
    diff <(commands_of "$LLMSPOOL_SOURCE/README") <(commands_of "$LLMSPOOL_SOURCE/man/llmspool.7")
    diff <(commands_of "$LLMSPOOL_SOURCE/README") \
        <(commands_of "$LLMSPOOL_BUILD/spool-layout/cron/llmspool.crontab")
}
