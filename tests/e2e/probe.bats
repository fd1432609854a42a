#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspoold --probe: what is told of each provider, URL, key and model.

load live

setup() {
    live_setup
    unset OPENAI_API_KEY OPENAI_BASE_URL ANTHROPIC_API_KEY ANTHROPIC_BASE_URL
    unset LLMSPOOL_DIR
    good=sk-canary-of-a-good-key
    wrong=sk-canary-of-a-wrong-key
    config=$BATS_TEST_TMPDIR/llmspoold.conf
}

teardown() {
    live_teardown
}

# probe [OPTION...]: with the configuration on stdin; no key is ever printed whole.
probe() {
    local status=0
    cat >"$config"
    chmod 600 "$config"
    llmspoold --probe -c "$config" "$@" >"$BATS_TEST_TMPDIR/told" 2>&1 || status=$?
    cat "$BATS_TEST_TMPDIR/told"
    ! grep -q canary "$BATS_TEST_TMPDIR/told" || return 99
    return "$status"
}

one_provider() {
    printf 'provider p {\n url = "%s"\n key = "%s"\n protocol = "%s"\n}\n' "$url/v1" "${1:-$good}" "${2:-openai}"
}

@test "a good upstream is reachable, its key good, its model known, and a mock is called one" {
    start_mock --key "$good" --models 'gpt-*'
    run probe --model gpt-4o < <(one_provider)
    [ "$status" -eq 0 ]
    [[ "$output" =~ ^"p/gpt-4o: reachable, key sk-***ey good, model known, mock, "[0-9]+" ms"$ ]]
    run probe --model gpt-4o --json < <(one_provider)
    [ "$status" -eq 0 ]
    jq -e '.gate == "p/gpt-4o" and .ok and .reachable and .key_is == "good" and .model_is == "good"
        and .mock and .http_status == 200 and .latency_ms >= 0 and .key == "sk-***ey"' <<<"$output"
}

@test "one request is sent" {
    start_mock
    probe --model gpt-4o < <(one_provider)
    [ "$(curl -sS "$url/mock/ledger" | jq -s length)" = 1 ]
}

@test "a wrong key is refused, and a key that is missing is told" {
    start_mock --key "$good"
    run probe --model gpt-4o < <(one_provider "$wrong")
    [ "$status" -eq 1 ]
    [[ "$output" == "p/gpt-4o: reachable, key sk-***ey refused, model not judged, mock, "*" ms: key refused: "* ]]
    run probe --model gpt-4o < <(printf 'provider p { url = "%s" }' "$url/v1")
    [ "$status" -eq 1 ]
    [[ "$output" == "p/gpt-4o: reachable, a key is wanted, "* ]]
}

@test "a model that is not there is told, and the key is good all the same" {
    start_mock --key "$good" --models 'gpt-*'
    run probe --model llama < <(one_provider)
    [ "$status" -eq 1 ]
    [[ "$output" == "p/llama: reachable, key sk-***ey good, model not known, "*": model not found: "* ]]
    run probe --model llama --json < <(one_provider)
    jq -e '.ok == false and .key_is == "good" and .model_is == "refused" and .code == "model_not_found"' <<<"$output"
}

@test "where nobody listens nothing is reachable" {
    url=http://127.0.0.1:9
    run probe --model gpt-4o < <(one_provider)
    [ "$status" -eq 1 ]
    [[ "$output" == "p/gpt-4o: not reachable, http://127.0.0.1:9/v1: "* ]]
    run probe --model gpt-4o --json < <(one_provider)
    jq -e '.ok == false and .reachable == false and .key_is == "unknown"' <<<"$output"
}

@test "a server that never answers is given up after the timeout" {
    start_mock --fault hang=1
    run probe --model gpt-4o --timeout 200ms < <(one_provider)
    [ "$status" -eq 1 ]
    [[ "$output" == "p/gpt-4o: reachable, key sk-***ey not judged, model not judged, "* ]]
}

@test "limits are shown as the headers tell them, in each protocol" {
    start_mock --rpm 60 --tpm 10000
    run probe --model gpt-4o < <(one_provider)
    [[ "$output" =~ ", 59 of 60 requests left, "99[0-9]+" of 10000 tokens left"$ ]]
    run probe --model claude --json < <(one_provider "$good" anthropic)
    [ "$status" -eq 0 ]
    jq -e '.limits | any(.of == "requests" and .limit == 60)' <<<"$output"
}

@test "a limit that is reached is told, and the key is good" {
    start_mock --rpm 1 --burst 1
    probe --model gpt-4o < <(one_provider)
    run probe --model gpt-4o < <(one_provider)
    [ "$status" -eq 1 ]
    [[ "$output" == "p/gpt-4o: reachable, key sk-***ey good, model not judged, "* ]]
}

@test "all protocols are asked in their own words, each model that a section names" {
    start_mock --key "$good"
    run probe < <(
        for protocol in openai openai-responses anthropic; do
            printf 'provider %s { url = "%s" key = "%s" protocol = "%s" }\n' $protocol "$url/v1" "$good" $protocol
        done
        printf 'model "m-%s" { provider = "openai" }\n' 1 embedding
        printf 'model "m-2" { provider = "openai-responses" }\nmodel "m-3" { provider = "anthropic" }\nmodel "*" { provider = "openai" }\n'
    )
    [ "$status" -eq 0 ]
    [ "$(cut -d: -f1 <<<"$output" | tr '\n' ' ')" = "openai/m-1 openai/m-embedding openai-responses/m-2 anthropic/m-3 " ]
    [ "$(curl -sS "$url/mock/ledger?summary=1" | jq .answered)" = 4 ]
}

@test "each URL and each key is asked, users' too, and one that is bad makes the end 1" {
    start_mock --key "$good"
    run probe < <(
        printf 'provider p { url = {"%s", "http://127.0.0.1:9/v1"} key = {"%s", "%s"} }\n' "$url/v1" "$good" "$wrong"
        printf 'model m { provider = "p" }\nuser alice { key = "%s" }\n' "$good"
    )
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 6 ]
    [[ "${lines[0]}" == "p/m: reachable, key sk-***ey good, model known, "* ]]
    [[ "${lines[1]}" == "p#2/m: reachable, key sk-***ey refused, "* ]]
    [[ "${lines[2]}" == "p#3/m: not reachable, "* ]]
    [[ "${lines[4]}" == "p@alice/m: reachable, key sk-***ey good, "* ]]
}

@test "the model is that of --model, else the spool's default; without either it is asked for" {
    start_mock
    run probe < <(one_provider)
    [ "$status" -eq 64 ]
    [[ "$output" == "llmspoold: which model provider p is to be asked for is not known: "* ]]
    llmspool-init --model from-the-spool "$spool"
    run probe -s "$spool" < <(one_provider)
    [[ "$output" == "p/from-the-spool: reachable, "* ]]
    run probe -s "$spool" --model given < <(one_provider)
    [[ "$output" == "p/given: reachable, "* ]]
    run probe -s "$BATS_TEST_TMPDIR" < <(one_provider)
    [ "$status" -eq 69 ]
}

@test "a model is asked of the provider that serves it, and the others are told as not asked" {
    start_mock --models 'gpt-*'
    two() {
        printf 'provider %s { url = "%s" }\n' shop "$url/v1" home http://127.0.0.1:9/v1
        printf 'model "gpt-*" { provider = shop }\nmodel "*" { provider = home }\n'
    }
    run probe --model gpt-4o < <(two)
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 2 ]
    [[ "${lines[0]}" == "shop/gpt-4o: reachable, "* ]]
    [ "${lines[1]}" = "home: not asked: it serves none of these models; --model names one" ]
    run probe --model llama < <(two)
    [ "$status" -eq 1 ]
    [ "${lines[0]}" = "shop: not asked: it serves none of these models; --model names one" ]
    [[ "${lines[1]}" == "home/llama: not reachable, "* ]]
    llmspool-init --model gpt-of-the-spool "$spool"
    run probe -s "$spool" --json < <(two)
    [ "$status" -eq 0 ]
    jq -se '.[0].gate == "shop/gpt-of-the-spool" and .[0].ok and
        .[1] == {provider: "home", asked: false, message: .[1].message}' <<<"$output"
}

@test "models of sections are asked, and the given one beside them, each once" {
    start_mock
    some() {
        printf 'provider %s { url = "%s" }\n' one "$url/v1" two "$url/v1"
        printf 'model "m" { provider = one }\n'
        printf '%s\n' "$@"
    }
    run probe < <(some)
    [ "$status" -eq 0 ]
    [ "$(cut -d: -f1 <<<"$output" | tr '\n' ' ')" = "one/m two " ]
    run probe --model n < <(some 'model "*" { provider = one }')
    [ "$(cut -d: -f1 <<<"$output" | tr '\n' ' ')" = "one/m one/n two " ]
    run probe --model m < <(some)
    [ "$(cut -d: -f1 <<<"$output" | tr '\n' ' ')" = "one/m two " ]
    run probe --model n < <(some | grep -v '^model')
    [ "$status" -eq 64 ]
    [[ "$output" == "llmspoold: no provider serves n: "* ]]
}

# A server that repeats the key in its error.
repeat_keys() {
    /usr/bin/python3 -u -c '
import http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"error": {"message": "wrong: " + self.headers["Authorization"]}}).encode()
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print("listening on http://127.0.0.1:%d" % server.server_port)
server.serve_forever()'
}

@test "a key that a server repeats is not printed" {
    mkfifo "$BATS_TEST_TMPDIR/ready"
    repeat_keys >"$BATS_TEST_TMPDIR/ready" 3>&- &
    mock_pid=$!
    read -r _ _ url <"$BATS_TEST_TMPDIR/ready"
    run probe --model m < <(one_provider)
    [ "$status" -eq 1 ]
    [[ "$output" == *"no mock"*": key refused: wrong: Bearer ***"* ]]
    run probe --model m --json < <(one_provider)
    [ "$status" -eq 1 ]
}

# All but what the daemon writes while it does nothing: its state, by way of tmp/.
what_lies_there() {
    find "$spool" ! -path '*/state*' ! -path '*/tmp*' -printf '%p %i %T@\n' | sort
}

tmp_is_empty() {
    [ -z "$(ls -A "$spool/tmp")" ]
}

@test "the spool is left as it is, also beside a daemon" {
    export LLMSPOOL_DIR=$spool
    live
    eventually grep -rq daemon_started "$spool/events"
    before=$(what_lies_there)
    run probe < <(one_provider)
    [ "$status" -eq 0 ]
    [[ "$output" == "p/gpt-4o-mini: reachable, "* ]]
    [ "$(what_lies_there)" = "$before" ]
    eventually tmp_is_empty
    [ "$(llmspool-status --json | jq .daemon_up)" = true ]
}

@test "wrong words, a bad configuration and none at all have their exit codes" {
    run llmspoold --json
    [ "$status" -eq 64 ]
    run llmspoold --probe --check-config
    [ "$status" -eq 64 ]
    run llmspoold --probe --timeout soon
    [ "$status" -eq 64 ]
    run probe <<<'no such setting'
    [ "$status" -eq 65 ]
    run probe --model m <<<''
    [ "$status" -eq 69 ]
    [[ "$output" == "llmspoold: no provider is configured: "* ]]
}
