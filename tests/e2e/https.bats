#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Requests over TLS: HTTP/2, trust, proxies, and that nothing is ever paid for twice.

bats_require_minimum_version 1.5.0

load https

setup_file() {
    https_certificates
}

setup() {
    certs=$BATS_FILE_TMPDIR/certs
    flight=$LLMSPOOL_BUILD/tests/bench/flight
}

teardown() {
    https_stop
}

# fly PATH N C [OPTION...]: the outcome is in $outcome.
fly() {
    outcome=$("$flight" --ca "$certs/ca.pem" "${@:4}" "https://localhost:$port$1" "$2" "$3")
    echo "$outcome"
}

# Whether a filter of jq holds of the outcome.
flown() {
    jq -e "$1" <<<"$outcome" >/dev/null
}

# Whether a filter of jq holds of what the server saw.
server_saw() {
    https_report . | tee "$BATS_TEST_TMPDIR/report"
    jq -e "$1" "$BATS_TEST_TMPDIR/report" >/dev/null
}

@test "a crowd shares few connections" {
    https_start good
    fly /ok 400 100
    flown '.answered == 400 and .statuses == {"200": 400} and .connections <= 8'
    server_saw '.sessions <= 8 and .paid == 400 and .paid_most == 1'
}

@test "large bodies go out over HTTP/2, and large answers come in" {
    https_start good
    fly /now 20 20 --size 1000000
    flown '.answered == 20'
    fly /big 10 10
    flown '.answered == 10 and .kept == 10 * 4194304'
    server_saw '.paid_most <= 2'
}

@test "a goodbye in the middle loses nothing and pays nothing twice" {
    https_start good
    fly /goaway 300 30
    flown '.answered + .unknown + .not_sent == 300'
    server_saw '.paid_most == 1 and .sessions > 1'
}

@test "a goodbye that disowns what was read is not believed" {
    https_start good
    fly /disown 100 20
    flown '.answered + .unknown + .not_sent == 100'
    server_saw '.paid_most == 1'
}

@test "a refused stream was not paid for, and is paid once at most" {
    https_start good
    fly /refuse 200 20
    flown '.answered + .unknown == 200'
    server_saw '.refused > 0 and .paid_most == 1'
}

@test "a stream that is reset after it was paid for is unknown" {
    https_start good
    for path in /reset /calm /half; do
        fly $path 50 10
        flown '.unknown == 50'
    done
    server_saw '.paid == 150 and .paid_most == 3'
}

@test "a connection that is gone in the middle leaves its requests unknown" {
    https_start good
    fly /gone 200 20
    flown '.answered + .unknown + .not_sent == 200 and .unknown > 0'
    server_saw '.paid_most == 1'
}

@test "silence and drips end at their time-outs, one by one" {
    https_start good
    fly /silent 10 10 --first-byte 300
    flown '.unknown == 10 and .timed_out == 10'
    fly /drip 10 10 --total 700
    flown '.unknown == 10 and .timed_out == 10'
    fly /ok 10 10
    flown '.answered == 10'
}

@test "a certificate that does not hold is not sent to" {
    for certificate in other old alone; do
        https_start $certificate
        fly /now 3 1
        flown '.not_sent == 3'
        server_saw '.heads == 0'
        https_stop
    done
}

@test "a private authority is trusted in place of the system's, not beside it" {
    https_start good
    run -0 "$flight" "https://localhost:$port/now" 1 1
    jq -e '.not_sent == 1' <<<"$output"
    run -0 "$flight" --ca "$certs/alone.pem" "https://localhost:$port/now" 1 1
    jq -e '.not_sent == 1' <<<"$output"
    run -0 "$flight" --ca "$certs/none.pem" "https://localhost:$port/now" 1 1
    jq -e '.not_sent == 1' <<<"$output"
}

@test "a client proves who it is" {
    https_start good ca
    fly /now 3 1 --cert "$certs/client.pem" --key "$certs/client.key"
    flown '.answered == 3'
    fly /now 1 1
    flown '.answered == 0'
    fly /now 1 1 --cert "$certs/alone.pem" --key "$certs/alone.key"
    flown '.answered == 0'
    server_saw '.paid == 3'
}

@test "requests that differ in trust, certificate or proxy share no connection" {
    https_start good ca
    fly /now 20 1 --alternate --cert "$certs/client.pem" --key "$certs/client.key"
    flown '.answered == 10'
    https_stop
    https_start good
    run -0 "$flight" --ca "$certs/alone.pem" --own-ca "$certs/ca.pem" --alternate \
        "https://localhost:$port/now" 20 1
    jq -e '.answered == 10 and .not_sent == 10' <<<"$output"
    https_stop
    https_start good
    fly /now 20 1 --alternate --proxy "http://127.0.0.1:$proxy"
    flown '.answered == 20 and .connections == 2'
    server_saw '.sessions == 2 and (.connects | length) == 1'
}

@test "the key passes a proxy unseen" {
    https_start good
    fly /now 5 1 --proxy "http://me:word@127.0.0.1:$proxy" --secret "Authorization: Bearer sk-canary"
    flown '.answered == 5 and .statuses == {"200": 5}'
    server_saw '.keys == 5 and (.connects | length) == 1'
    [ "$(https_report '.connects | tostring | contains("sk-canary")')" = false ]
    [ "$(https_report '.connects | tostring | contains("Content-Type")')" = false ]
}

@test "a proxy that refuses means not sent, and its words are no answer" {
    https_start good
    fly /now 2 1 --proxy "http://closed:door@127.0.0.1:$proxy"
    flown '.not_sent == 2 and .statuses == {}'
    server_saw '.heads == 0 and (.connects | length) == 2'
    [[ $outcome != *door* ]]
}

@test "what a proxy says of its tunnel is not the first byte of an answer" {
    https_start good
    fly /silent 3 3 --first-byte 500 --total 5000 --proxy "http://127.0.0.1:$proxy"
    flown '.unknown == 3 and .timed_out == 3 and .silent == 3 and .statuses == {}'
}

@test "a proxy in the environment is ignored, and so is an exception" {
    https_start good
    https_proxy=http://127.0.0.1:9 all_proxy=http://127.0.0.1:9 fly /now 1 1
    flown '.answered == 1'
    no_proxy='*' fly /now 1 1 --proxy "http://127.0.0.1:$proxy"
    flown '.answered == 1'
    server_saw '(.connects | length) == 1'
}

@test "of compression and of pieces only who wants them hears" {
    https_start good
    fly /now 2 1 --listen
    flown '.told == .kept and .told > 0'
    server_saw '.identity == 2'
    fly /now 2 1
    server_saw '.identity == 2'
}
