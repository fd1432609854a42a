# SPDX-License-Identifier: GPL-2.0-or-later
# live.bash: a spool of one's own with a real daemon and a mock, for tests of commands.

bats_require_minimum_version 1.5.0

# For setup(): the commands of this build on a spool that is not made yet.
live_setup() {
    export PATH=$LLMSPOOL_BUILD:$PATH
    export LLMSPOOL_DIR=$BATS_TEST_TMPDIR/spool
    export HOME=$BATS_TEST_TMPDIR
    unset XDG_STATE_HOME LLMSPOOL_NO_INOTIFY NO_COLOR
    spool=$LLMSPOOL_DIR
    mock_pid= daemon_pid=
}

# For teardown(): ends what this test started.
live_teardown() {
    stop_process "$daemon_pid"
    stop_process "$mock_pid"
}

stop_process() {
    [ -z "$1" ] || ! kill "$1" 2>/dev/null || wait "$1" || true
}

# Starts llmspool-mock with these options; its URL is $url.
start_mock() {
    mkfifo "$BATS_TEST_TMPDIR/ready"
    llmspool-mock --listen 127.0.0.1:0 "$@" >"$BATS_TEST_TMPDIR/ready" 3>&- &
    mock_pid=$!
    read -r _ _ url <"$BATS_TEST_TMPDIR/ready"
}

# Changes options of the mock: a JSON object.
tell_mock() {
    curl -sS -m 10 -o /dev/null -d "$1" "$url/mock/config"
}

# How often the mock was asked this prompt.
asked() {
    curl -sS -m 10 "$url/mock/ledger?prompt=$(jq -rn --arg p "$1" '$p | @uri')" |
        jq -s '.[0].received // 0'
}

# Starts llmspoold with these options; it has the key "good" and the settings of $settings.
start_daemon() {
    printf '%s\n' "${settings:-}" >"$BATS_TEST_TMPDIR/llmspoold.conf"
    OPENAI_API_KEY=good OPENAI_BASE_URL=$url/v1 llmspoold --drain-timeout 2s \
        -c "$BATS_TEST_TMPDIR/llmspoold.conf" \
        "$@" 2>>"$BATS_TEST_TMPDIR/daemon.log" 3>&- &
    daemon_pid=$!
    eventually daemon_is_up
}

daemon_is_up() {
    [ "$(llmspool-status --json | jq .daemon_up)" = true ]
}

stop_daemon() {
    stop_process "$daemon_pid"
    daemon_pid=
}

# A spool, a mock and a daemon.
live() {
    llmspool-init --model gpt-4o-mini "$spool" >/dev/null
    start_mock "$@"
    start_daemon
}

# Drops a job named $1: a JSON object.
drop() {
    local file
    file=$1.$BASHPID.$RANDOM
    jq -c --arg name "$1" '. + {name: $name}' <<<"$2" >"$spool/tmp/$file"
    mv -n "$spool/tmp/$file" "$spool/new/$file.json"
}

# Runs a command again and again until it succeeds; gives up after 30 s.
eventually() {
    local _
    for _ in $(seq 300); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    echo "never: $*"
    llmspool-status || true
    tail -20 "$BATS_TEST_TMPDIR/daemon.log" || true
    return 1
}

state() {
    llmspool-status --json "$1" | jq -r .state
}

state_is() {
    [ "$(state "$1")" = "$2" ]
}

# Waits until the job is in a state.
until_state() {
    eventually state_is "$1" "$2"
}

id_of() {
    llmspool-status --json "$1" | jq -r .id
}

# How many of a job's events are of a kind.
events_of() {
    llmspool-status --json "$1" | jq --arg kind "$2" '[.events[] | select(.event == $kind)] | length'
}

no_orders() {
    [ "$(llmspool-status --json | jq .folders.orders)" = 0 ]
}

has_versions() {
    [ "$(llmspool-status --json "$1" | jq '.outputs | length')" = "$2" ]
}
