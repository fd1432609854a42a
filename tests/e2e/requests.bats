#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the official clients send for the inputs of data/requests.json, recorded, and that llmspoold
# sends the same for the jobs there.

load node
load mock
load live

setup() {
    mock_setup
    live_setup
    requests=$BATS_TEST_DIRNAME/data/requests.json
    recorded=$BATS_TEST_TMPDIR/recorded
    sent=$BATS_TEST_TMPDIR/sent
}

teardown() {
    stop_daemon
    mock_teardown
}

# The recorder, writing to $sent.
serve() {
    command -v node >/dev/null || skip "node is missing (Debian package: nodejs)"
    mkfifo "$BATS_TEST_TMPDIR/out"
    node "$BATS_TEST_DIRNAME/clients_requests.mjs" serve "$sent" >"$BATS_TEST_TMPDIR/out" 3>&- &
    pid=$!
    read -r _ _ url <"$BATS_TEST_TMPDIR/out"
}

# Does the jobs of the file one after the other, each at the provider that its clients are of.
do_jobs() {
    llmspool-init "$spool"
    settings=$(
        for protocol in openai openai-responses anthropic; do
            printf 'provider "%s" { url = "%s/v1" protocol = "%s" key_env = "OPENAI_API_KEY" }\n' $protocol "$url" $protocol
        done
        printf 'provider "azure" { url = "%s/openai/deployments/{model}" query = "api-version=2024-10-21" key_header = "api-key" key_env = "OPENAI_API_KEY" }\n' "$url"
        printf 'model "*" { provider = "openai" }\n'
    )
    start_daemon
    while read -r job; do
        drop "$(jq -r .name <<<"$job")" "$job"
        until_state "$(jq -r .name <<<"$job")" completed
    done < <(jq -c '.[] | .job + {name: ("is-" + .name),
        provider: (if .client.library == "azure" then "azure" else .protocol end)}' "$requests")
}

@test "each call is recorded, and its body is the call's arguments and nothing else" {
    node_packages
    node_run clients_requests.mjs record "$requests" >"$recorded"
    [ "$(jq -r .name "$recorded")" = "$(jq -r '.[].name' "$requests")" ]
    [ "$(jq -r .name "$recorded" | sort -u | wc -l)" -eq "$(wc -l <"$recorded")" ]
    diff <(jq -S .body "$recorded") <(jq -S '.[].client.arguments' "$requests")
    jq -es 'all(.method == "POST" and .headers["content-type"] == "application/json")' "$recorded"
    run ! grep -q made-up "$recorded"
}

@test "the mock answers each recorded request well" {
    node_packages
    node_run clients_requests.mjs record "$requests" >"$recorded"
    start
    while read -r line; do
        version=$(jq -r '.headers["anthropic-version"] // "none"' <<<"$line")
        [ "$(status_of post "$(jq -r .path <<<"$line")" "$(jq -c .body <<<"$line")" \
            -H "anthropic-version: $version")" = 200 ] || { echo "$line"; return 1; }
    done <"$recorded"
    [ "$(summary .answered)" -eq "$(wc -l <"$recorded")" ]
}

@test "the recorder keeps what others post to it" {
    serve
    post /v1/chat/completions '{"model": "m", "messages": []}' -H 'Content-Type: application/json' \
        -H 'Authorization: Bearer secret' | jq -e '.choices[0].finish_reason == "stop"'
    post /v1/messages '{"model": "m", "stream": true}' -H 'x-api-key: secret' | grep -q '^event: message_stop'
    post /v1/responses '{"model": "m", "stream": true}' | grep -q '^event: response.completed'
    jq -es '.[0].path == "/v1/chat/completions" and .[0].body == {model: "m", messages: []}
        and .[0].headers.authorization == "Bearer ***" and .[1].headers["x-api-key"] == "***"' "$sent"
    run ! grep -q secret "$sent"
}

@test "for the same question llmspoold sends what the official clients send" {
    node_packages
    node_run clients_requests.mjs record "$requests" >"$recorded"
    serve
    do_jobs
    node "$BATS_TEST_DIRNAME/clients_requests.mjs" compare "$requests" \
        "$BATS_TEST_DIRNAME/data/differences.json" "$recorded" "$sent"
}

@test "the comparison tells a member that is another, one that is missing and one too many" {
    command -v node >/dev/null || skip "node is missing (Debian package: nodejs)"
    jq -n '[{name: "one"}]' >"$BATS_TEST_TMPDIR/cases"
    jq -n '[{path: "body.same", reason: "said"}, {path: "body.said", reason: "said"}]' >"$BATS_TEST_TMPDIR/reasons"
    echo '{"method": "POST", "path": "/a", "headers": {}, "body": {"a": 1, "b": {"c": [1, 2]}, "same": 1, "said": 1}}' >"$recorded"
    echo '{"method": "POST", "path": "/a", "headers": {}, "body": {"b": {"c": [1, 3]}, "d": null, "same": 1, "said": 2}}' >"$sent"
    run node "$BATS_TEST_DIRNAME/clients_requests.mjs" compare \
        "$BATS_TEST_TMPDIR/cases" "$BATS_TEST_TMPDIR/reasons" "$recorded" "$sent"
    [ "$status" -eq 1 ]
    [ "${lines[0]}" = "one: body.a: clients send 1, llmspool nothing" ]
    [ "${lines[1]}" = "one: body.b.c.1: clients send 2, llmspool 3" ]
    [ "${lines[2]}" = "one: body.d: clients send nothing, llmspool null" ]
    [ "${lines[3]}" = "body.same: does not differ any more" ]
    [ "${#lines[@]}" -eq 4 ]
}
