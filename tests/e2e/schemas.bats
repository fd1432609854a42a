#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The protocol's page, schemas, examples and droppers agree with each other.

setup() {
    top=$BATS_TEST_DIRNAME/../..
    layout=$top/spool-layout
    schemas=$BATS_TEST_DIRNAME/schemas.py
    spool=$BATS_TEST_TMPDIR/spool
    /usr/bin/python3 -c 'import jsonschema' 2>/dev/null ||
        skip "python3-jsonschema is missing (Debian package: python3-jsonschema)"
}

teardown() {
    [ -z "${mock:-}" ] || kill "$mock" 2>/dev/null || true
}

# Makes an empty spool with a default model.
make_spool() {
    mkdir -m 700 "$spool"
    for folder in tmp new cur done failed by-name runs flows templates blobs outbox ctl events archive state; do
        mkdir -m 700 "$spool/$folder"
    done
    cp "$layout/examples/spool.with-default.json" "$spool/spool.json"
}

# Starts llmspool-mock; its URL is $url, its process $mock.
start_mock() {
    mkfifo "$BATS_TEST_TMPDIR/ready"
    "$LLMSPOOL_BUILD/llmspool-mock" --listen 127.0.0.1:0 >"$BATS_TEST_TMPDIR/ready" 3>&- &
    mock=$!
    read -r _ _ url <"$BATS_TEST_TMPDIR/ready"
}

# Lets a daemon work on the spool until nothing moves for $1; its exit status is $status.
run_daemon() {
    touch "$BATS_TEST_TMPDIR/llmspoold.conf"
    run env OPENAI_API_KEY=test OPENAI_BASE_URL="$url/v1" timeout 120 \
        "$LLMSPOOL_BUILD/llmspoold" -s "$spool" -c "$BATS_TEST_TMPDIR/llmspoold.conf" \
        --until-empty --patience "$1"
}

# Drops each argument as a job.
drop() {
    for job in "$@"; do
        "$layout/clients/drop.py" submit "$spool" <<<"$job"
    done
}

check() {
    /usr/bin/python3 "$schemas" check "$@"
}

# Prints the indented block of the protocol's page that begins at the line which matches $1.
block_of_readme() {
    sed -n "/^    $1/,/^\$/p" "$layout/README" | sed 's/^    //; /^$/d'
}

@test "the schemas are valid in draft 2020-12 and explain every property" {
    run /usr/bin/python3 "$schemas" self
    [ "$output" = "" ]
    [ "$status" -eq 0 ]
}

@test "each example passes its schema, and each invalid one fails it for one reason" {
    run /usr/bin/python3 "$schemas" examples
    [ "$output" = "" ]
    [ "$status" -eq 0 ]
}

@test "a file of a real spool is checked for keys that no schema describes" {
    sed 's/"truncated"/"truncatd": 1, "truncated"/' "$layout/examples/output.text.json" >"$BATS_TEST_TMPDIR/o.json"
    run /usr/bin/python3 "$schemas" check output "$BATS_TEST_TMPDIR/o.json"
    [ "$status" -eq 1 ]
    [[ "$output" == *truncatd* ]]
    /usr/bin/python3 "$schemas" check event - <"$layout/examples/event.one-job.jsonl"
}

@test "the daemon takes the examples as their schemas say" {
    make_spool
    start_mock
    printf '\211PNG\r\n\032\nrest' >"$spool/tmp/blob"
    mv "$spool/tmp/blob" "$spool/new/$(sha256sum <"$spool/tmp/blob" | cut -c1-64).blob"
    for example in "$layout"/examples/job.*.json "$layout"/examples/invalid/job.*.json; do
        cp "$example" "$spool/tmp/drop"
        mv "$spool/tmp/drop" "$spool/new/$(basename "$example")"
    done
    run_daemon 3s
    [ "$status" -eq 75 ] # two of the jobs are delayed
    refused=$(cd "$spool/failed" && ls job.*.json | grep -v '\.error\.json$')
    [ "$refused" = "$(cd "$layout/examples/invalid" && ls job.*.json)" ]
    [ "$(ls "$spool/new")" = "" ]
}

@test "what a daemon leaves in a spool passes the schemas" {
    make_spool
    start_mock
    drop '{"prompt": "Name a colour.", "name": "one", "metadata": {"a": [1]}, "keep": "1d"}' \
        '{"prompt": "Name a colour.", "name": "two", "timeout": "1m"}' \
        '{"prompt": "A JSON object, please.", "params": {"response_format": {"type": "json_object"}}}' \
        '{"prompt": "[[mock:500,times=1]] again", "webhook": "https://hooks.example/"}' \
        '{"prompt": "[[mock:400]] never"}' '{"promt": "unknown key"}' '{"prompt": "past", "expires": "1999-12-31T00:00:00Z"}' \
        '{"prompt": "[[mock:503]] later", "model": "busy", "name": "later"}'
    printf '%s\n' '{"prompt": "a line"}' '{"nothing": 1}' >"$spool/new/list.jsonl"
    run_daemon 3s
    [ "$status" -eq 75 ]
    check output "$spool"/done/*.v1.json
    check error "$spool"/failed/*.error.json
    check state "$spool"/cur/*.state.json
    check status "$spool/state/status.json"
    cat "$spool"/events/*.jsonl | check event -
    for event in accepted duplicate started retry throttled completed failed expired refused daemon_started; do
        cat "$spool"/events/*.jsonl | jq -e --slurp "any(.event == \"$event\")" || { echo "$event"; return 1; }
    done
}

@test "the worked example's line hashes to the ID that the protocol's page shows" {
    line=$(block_of_readme '{"model":')
    id=$(printf %s "$line" | sha256sum | cut -d' ' -f1)
    [ "$(block_of_readme "$id")" = "$id" ]
    job=$(block_of_readme '{"prompt": "Name three primary colours.",$')
    [ "$(jq -S . <<<"$job")" = "$(jq -S . "$layout/examples/job.named.json")" ]
}

@test "the shell client drops as the protocol's page prints it" {
    [ "$(block_of_readme 'name=\$(uname')" = \
        "$(sed -n '/^    name=/,/^    rm/s/^    //p' "$layout/clients/drop.sh" | grep -v '^id=')" ]
}

@test "the Python client drops as the protocol's page prints it" {
    [ "$(block_of_readme 'name = secrets')" = \
        "$(sed -n '/name = secrets/,/os.unlink/s/^    //p' "$layout/clients/drop.py")" ]
}

@test "a client never replaces what is in new/" {
    make_spool
    mkdir "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\necho same\n' >"$BATS_TEST_TMPDIR/bin/date"
    cp "$BATS_TEST_TMPDIR/bin/date" "$BATS_TEST_TMPDIR/bin/uname"
    chmod +x "$BATS_TEST_TMPDIR/bin/"*
    sed 's/\$\$/same/' "$layout/clients/drop.sh" >"$BATS_TEST_TMPDIR/drop.sh"
    export PATH=$BATS_TEST_TMPDIR/bin:$PATH
    sh "$BATS_TEST_TMPDIR/drop.sh" submit "$spool" <<<'{"prompt": "one"}'
    run sh "$BATS_TEST_TMPDIR/drop.sh" submit "$spool" <<<'{"prompt": "two"}'
    [ "$status" -ne 0 ]
    [ "$(cat "$spool/new/same.same.same.json")" = '{"prompt": "one"}' ]
}

@test "everything in spool-layout is installed" {
    cd "$top"
    for file in $(find spool-layout -type f ! -name Makemodule.am); do
        grep -qE "^[[:space:]]$file( \\\\)?\$" spool-layout/Makemodule.am || { echo "$file is not listed"; return 1; }
    done
}
