#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What the official clients send for the inputs of data/requests.json, recorded.

load node
load mock

setup() {
    mock_setup
    requests=$BATS_TEST_DIRNAME/data/requests.json
    recorded=$BATS_TEST_TMPDIR/recorded
}

teardown() {
    mock_teardown
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
    command -v node >/dev/null || skip "node is missing (Debian package: nodejs)"
    mkfifo "$BATS_TEST_TMPDIR/out"
    node "$BATS_TEST_DIRNAME/clients_requests.mjs" serve "$recorded" >"$BATS_TEST_TMPDIR/out" 3>&- &
    pid=$!
    read -r _ _ url <"$BATS_TEST_TMPDIR/out"
    post /v1/chat/completions '{"model": "m", "messages": []}' -H 'Content-Type: application/json' \
        -H 'Authorization: Bearer secret' | jq -e '.choices[0].finish_reason == "stop"'
    post /v1/messages '{"model": "m", "stream": true}' -H 'x-api-key: secret' | grep -q '^event: message_stop'
    post /v1/responses '{"model": "m", "stream": true}' | grep -q '^event: response.completed'
    jq -es '.[0].path == "/v1/chat/completions" and .[0].body == {model: "m", messages: []}
        and .[0].headers.authorization == "Bearer ***" and .[1].headers["x-api-key"] == "***"' "$recorded"
    run ! grep -q secret "$recorded"
}
