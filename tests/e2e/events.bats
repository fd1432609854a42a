#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The log of events: read back by llmspool-status --events, over plain and compressed days, and what a
# crash left of a last line.

load spool
load rig

setup() {
    spool_start
    one=$(printf '1%.0s' {1..64})
    two=$(printf '2%.0s' {1..64})
    three=$(printf '3%.0s' {1..64})
}

teardown() {
    spool_stop
}

# A line of a day: line TIME EVENT ID MORE
line() {
    jq -cn --arg time "$1" --arg event "$2" --arg id "$3" --argjson more "${4:-{\}}" \
        '{time: $time, event: $event, id: $id} + $more' >>"$LLMSPOOL_DIR/events/${1%%T*}.jsonl"
}

# Two days of old, the first of them compressed; none of the jobs is in the spool.
old_days() {
    line 2026-01-05T10:00:00.000Z accepted "$one" '{"name":"first","user":"ann","model":"gpt-a"}'
    line 2026-01-05T10:00:01.000Z completed "$one" '{"name":"first","user":"ann","model":"gpt-a"}'
    line 2026-01-05T23:59:59.999Z accepted "$two" '{"user":"bob","model":"claude-b"}'
    line 2026-01-06T00:00:00.000Z failed "$two" '{"user":"bob","model":"claude-b","reason":"timeout"}'
    line 2026-01-06T09:00:00.000Z pruned "$one"
    zstd -q --rm "$LLMSPOOL_DIR/events/2026-01-05.jsonl"
}

# What was printed as JSON, as "event digit", on one line.
told() {
    llmspool-status --events --json "$@" |
        jq -r '.event + " " + (.id // "-")[:1]' | paste -sd, -
}

@test "events of all days are told in their order, one line each" {
    old_days
    [ "$(told)" = "accepted 1,completed 1,accepted 2,failed 2,pruned 1" ]
    run llmspool-status --events
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 5 ]
    [[ "${lines[3]}" == *" failed "*" 222222222222  claude-b, bob, reason timeout" ]]
}

@test "events of a job that is gone are found by ID, by digits and by name" {
    old_days
    [ "$(told "$one")" = "accepted 1,completed 1,pruned 1" ]
    [ "$(told 2222222)" = "accepted 2,failed 2" ]
    [ "$(told first)" = "accepted 1,completed 1,pruned 1" ]
    [ "$(printf '%s\n' first 222222 | told -)" = "accepted 1,completed 1,accepted 2,failed 2,pruned 1" ]
}

@test "a job that nothing tells of is said to be unknown" {
    old_days
    for word in "$three" 333333 third; do
        run --separate-stderr llmspool-status --events "$word"
        [ "$status" -eq 69 ]
        [ -z "$output" ]
        [[ "$stderr" == *"no event tells of a job $word"* ]]
    done
    run llmspool-status --events 'no/job'
    [ "$status" -eq 64 ]
}

@test "events are chosen by time, user, model and kind" {
    old_days
    [ "$(told --since 2026-01-06)" = "failed 2,pruned 1" ]
    [ "$(told --until 2026-01-05)" = "accepted 1,completed 1,accepted 2" ]
    [ "$(told --since 2026-01-05T10:00:01Z --until 2026-01-06T00:00:00Z)" = "completed 1,accepted 2" ]
    [ "$(told --user bob)" = "accepted 2,failed 2" ]
    [ "$(told --model 'gpt-*')" = "accepted 1,completed 1" ]
    [ "$(told --event accepted)" = "accepted 1,accepted 2" ]
    [ "$(told --event accepted --user ann)" = "accepted 1" ]
    [ "$(told --since 1h)" = "" ]
    line "$(date -u +%FT%T.000Z)" started "$three"
    [ "$(told --since 1h)" = "started 3" ]
    [ "$(told --until 1h --event started)" = "" ]
}

@test "events are chosen by the run of their jobs" {
    old_days
    mkdir "$LLMSPOOL_DIR/runs/nightly"
    jq -cn --arg id "$two" '{position: 0, id: $id}' >"$LLMSPOOL_DIR/runs/nightly/manifest.jsonl"
    [ "$(told --run nightly)" = "accepted 2,failed 2" ]
    run llmspool-status --events --run weekly
    [ "$status" -eq 69 ]
}

@test "what is no event is passed over, and a damaged day is told after the others" {
    old_days
    printf '{"torn\nno json\n\n[1]\n{"event":5}\n' >>"$LLMSPOOL_DIR/events/2026-01-06.jsonl"
    [ "$(told --since 2026-01-01)" = "accepted 1,completed 1,accepted 2,failed 2,pruned 1" ]
    printf 'garbage, garbage' >"$LLMSPOOL_DIR/events/2026-01-05.jsonl.zst"
    run --separate-stderr llmspool-status --events --event failed
    [ "$status" -ne 0 ]
    [[ "$output" == *" failed "* ]]
    [[ "$stderr" == *2026-01-05.jsonl.zst* ]]
}

@test "options that do not go together are refused" {
    for words in "--since 2026-01-01" "--until 1h" "--user ann" "--event failed" \
        "--events --spend" "--events --gates" "--events --csv" "--events --since yesterday"; do
        run llmspool-status $words
        [ "$status" -eq 64 ] || { echo "$words: $status"; return 1; }
    done
}

@test "the story of a job has its events of compressed days" {
    mock_start
    daemon_start
    id=$(llmspool-submit --name kept 'Say hello')
    llmspool-wait "$id"
    daemon_stop
    day=$(date -u -d '40 days ago' +%F)
    cat "$LLMSPOOL_DIR"/events/*.jsonl | zstd -q >"$LLMSPOOL_DIR/events/$day.jsonl.zst"
    rm "$LLMSPOOL_DIR"/events/*.jsonl
    [ "$(llmspool-status --json "$id" | jq -r '[.events[].event] | first, last' | paste -sd,)" = \
        accepted,completed ]
}

@test "a torn last line is cut when the daemon starts, and told" {
    day=$(date -u +%F)
    old_days
    printf '{"time":"2026-01-06T1' >>"$LLMSPOOL_DIR/events/2026-01-06.jsonl"
    printf '{"time":"' >"$LLMSPOOL_DIR/events/$day.jsonl"
    mock_start
    daemon_start
    daemon_stop
    ! grep -q '"2026-01-06T1$' "$LLMSPOOL_DIR/events/2026-01-06.jsonl"
    jq -es '.[0] | .event == "events_cut" and .bytes == 30' "$LLMSPOOL_DIR/events/$day.jsonl"
    grep -q 'cut 30 bytes' "$BATS_TEST_TMPDIR/daemon.log"
    daemon_start
    daemon_stop
    [ "$(grep -c events_cut "$LLMSPOOL_DIR/events/$day.jsonl")" = 1 ]
}

# Codes that the audit finds, with the begin of the file's ID; exits as llmspool-check does.
audit() {
    llmspool-check --audit --json 2>/dev/null | jq -r 'select(.check | startswith("audit")) | .check + " " + .file'
    return "${PIPESTATUS[0]}"
}

@test "an audit finds what is gone without a word, what nobody told of, and only that" {
    mock_start
    daemon_start
    for name in kept archived lost untold twice; do
        llmspool-submit --name "$name" "Say $name" >"$BATS_TEST_TMPDIR/$name"
    done
    llmspool-wait kept archived lost untold twice
    llmspool-ctl rerun twice
    wait_until test -e "$LLMSPOOL_DIR/done/$(cat "$BATS_TEST_TMPDIR/twice").v2.json"
    daemon_stop
    for name in kept archived lost untold twice; do
        read -r "${name?}" <"$BATS_TEST_TMPDIR/$name"
    done
    run audit
    [ "$status" -eq 0 ]
    [ -z "$output" ]

    # archived by the program, and the event of it lost: the archive tells
    cp -r "$LLMSPOOL_DIR/events" "$BATS_TEST_TMPDIR/events"
    llmspool-archive create --older-than 0 --where "id=$archived" 2>/dev/null
    [ ! -e "$LLMSPOOL_DIR/done/$archived.json" ]
    run audit
    [ "$status" -eq 0 ]
    for day in "$LLMSPOOL_DIR"/events/*.jsonl; do
        sed -i '/"event":"archived"/d' "$day"
    done
    run audit
    [ "$status" -eq 0 ]

    rm "$LLMSPOOL_DIR/done/$lost".* "$LLMSPOOL_DIR/by-name/lost"
    rm "$LLMSPOOL_DIR/done/$twice.v2.json"
    for day in "$LLMSPOOL_DIR"/events/*.jsonl; do
        sed -i "/$untold/d" "$day"
    done
    # what has only just finished may still be told of, and what is older than all events was
    run audit
    [[ "$output" != *audit_untold* ]]
    : >"$LLMSPOOL_DIR/events/2020-01-01.jsonl"
    output=$LLMSPOOL_DIR/done/$untold.v1.json
    jq -c '.times.finished = "2020-01-01T12:00:00.000Z"' "$output" >"$BATS_TEST_TMPDIR/output"
    cat "$BATS_TEST_TMPDIR/output" >"$output"
    run audit
    [ "$status" -eq 65 ]
    [ "$(sort <<<"$output")" = "audit_lost done/$lost.json
audit_untold done/$untold.json
audit_version done/$twice.v2.json" ]

    # without the option nothing is compared
    run llmspool-check
    [[ "$output" != *audit_* ]]
}

@test "an audit reads compressed days" {
    mock_start
    daemon_start
    id=$(llmspool-submit 'Say hello')
    llmspool-wait "$id"
    daemon_stop
    zstd -q --rm "$LLMSPOOL_DIR"/events/*.jsonl
    run audit
    [ "$status" -eq 0 ]
    rm "$LLMSPOOL_DIR/done/$id".*
    run audit
    [ "$output" = "audit_lost done/$id.json" ]
}

@test "an audit finds what was archived when its archive is gone, and jobs that are in no folder" {
    mock_start
    daemon_start
    archived=$(llmspool-submit --name archived 'Say archived')
    llmspool-wait archived
    waiting=$(llmspool-submit --not-before 2099-01-01T00:00:00Z 'Say later')
    wait_until test -e "$LLMSPOOL_DIR/cur/$waiting.json"
    daemon_stop
    llmspool-archive create --older-than 0 2>/dev/null
    run audit
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    rm "$LLMSPOOL_DIR/cur/$waiting.json" "$LLMSPOOL_DIR"/archive/*/*/llmspool-*
    llmspool-archive reindex
    run audit
    [ "$status" -eq 65 ]
    [ "$(sort <<<"$output")" = "audit_job cur/$waiting.json
audit_lost done/$archived.json" ]
}

# bats test_tags=sweep
@test "compressing days, killed at any call, loses and doubles no line" {
    scenario events.py killed_at_calls
}

@test "compressing days, failing at any call, loses and doubles no line" {
    scenario events.py failing_at_calls
}
