#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-mock, asked over HTTP as any client would ask it.

load mock

setup() {
    mock_setup
}

teardown() {
    mock_teardown
}

# chat PROMPT [JSON OF FURTHER MEMBERS [CURL OPTION...]]
chat() {
    post /v1/chat/completions "$(jq -nc --arg prompt "$1" --argjson more "${2:-{\}}" \
        '{model: "gpt-4o-mini", messages: [{role: "user", content: $prompt}]} + $more')" "${@:3}"
}

answer() {
    chat "$@" | jq -r '.choices[0].message.content'
}

@test "it says where it listens, and leaves cleanly on SIGTERM" {
    start
    kill -TERM "$pid"
    wait "$pid"
    pid=
}

@test "SIGINT ends it too, also while requests wait" {
    start
    (chat '[[mock:hang]]' >/dev/null 2>&1 || true) 3>&- &
    until_summary '.in_flight == 1'
    kill -INT "$pid"
    wait "$pid"
    pid=
}

@test "an address that other machines reach is refused unless asked for" {
    run "$mock" --listen 0.0.0.0:0
    [ "$status" -eq 64 ]
    [[ $output == *--allow-remote* ]]
}

@test "an address or option that makes no sense is refused" {
    for words in '--listen nowhere' '--listen 127.0.0.1:99999' '--fault 500' '--fault 501=1' \
        '--fault 500=2' '--latency soon' '--answer maybe' '--rpm many' '--wrong' 'word'; do
        run "$mock" $words
        [ "$status" -eq 64 ] || { echo "$words: $status"; return 1; }
    done
}

@test "every answer, good or not, says that it is the mock's" {
    start
    for path in /v1/models /v1/nothing /mock/ledger; do
        get "$path" >/dev/null
        [ "$(header x-llmspool-mock)" = 1 ]
        [ -n "$(header x-request-id)" ]
        [[ $(header openai-processing-ms) =~ ^[0-9]+$ ]]
    done
    chat '[[mock:500]]' >/dev/null
    [ "$(header x-llmspool-mock)" = 1 ]
}

@test "a chat completion has all members of the real one" {
    start
    chat 'hello world' >"$BATS_TEST_TMPDIR/answer"
    jq -e '.object == "chat.completion" and (.id | startswith("chatcmpl-")) and .model == "gpt-4o-mini"
        and (.created | type) == "number" and (.choices | length) == 1
        and .choices[0].index == 0 and .choices[0].finish_reason == "stop"
        and .choices[0].logprobs == null and .choices[0].message.role == "assistant"
        and .choices[0].message.content == "hello world" and .choices[0].message.refusal == null
        and .usage.prompt_tokens == 9 and .usage.completion_tokens == 3
        and .usage.total_tokens == 12 and .usage.prompt_tokens_details.cached_tokens == 0
        and .usage.completion_tokens_details.reasoning_tokens == 0' "$BATS_TEST_TMPDIR/answer"
    [ "$(header content-type)" = application/json ]
}

@test "a stream has role, deltas, finish, usage and [DONE]" {
    start
    chat 'one two three' '{"stream": true, "stream_options": {"include_usage": true}}' \
        >"$BATS_TEST_TMPDIR/stream"
    [[ $(header content-type) == text/event-stream* ]]
    [ "$(grep -c . "$BATS_TEST_TMPDIR/stream")" -eq "$(grep -c '^data: ' "$BATS_TEST_TMPDIR/stream")" ]
    [ "$(grep . "$BATS_TEST_TMPDIR/stream" | tail -n 1)" = 'data: [DONE]' ]
    sed -n 's/^data: {/{/p' "$BATS_TEST_TMPDIR/stream" | jq -es '
        all(.object == "chat.completion.chunk") and .[0].choices[0].delta.role == "assistant"
        and ([.[].choices[0].delta.content // ""] | add) == "one two three" and length > 4
        and .[-2].choices[0].finish_reason == "stop" and .[-2].usage == null
        and .[-1].choices == [] and .[-1].usage.completion_tokens == 4'
}

@test "without include_usage no chunk of a stream speaks of usage" {
    start
    chat 'one two three' '{"stream": true}' | sed -n 's/^data: {/{/p' |
        jq -es 'all(has("usage") | not) and .[-1].choices[0].finish_reason == "stop"'
}

@test "max_tokens cuts, stop stops, n multiplies" {
    start
    chat 'one two three four' '{"max_tokens": 2, "n": 3}' | jq -e '(.choices | length) == 3
        and all(.choices[]; .message.content == "one two " and .finish_reason == "length")
        and .choices[2].index == 2 and .usage.completion_tokens == 6'
    chat 'one two three four' '{"stop": ["four", "three"]}' |
        jq -e '.choices[0] | .message.content == "one two " and .finish_reason == "stop"'
}

@test "a character is never cut in two" {
    start
    [ "$(answer 'äöüäöü' '{"max_completion_tokens": 1}')" = äö ]
    [ "$(answer 'xäöüäöü' '{"max_completion_tokens": 1}')" = xä ]
}

@test "a summary is made of the text's own central sentence" {
    start
    text='The cat sat on the mat. The cat liked the warm mat because the mat was warm. Dogs bark.'
    [ "$(answer "Summarize in one sentence: $text")" = \
        'The cat liked the warm mat because the mat was warm.' ]
    [ "$(answer "$text")" = "$text" ]
}

@test "a classification is one of the listed labels" {
    start
    [ "$(answer 'Classify as positive, negative or neutral: I love it, great!')" = positive ]
    [ "$(answer 'Classify as positive, negative or neutral: Awful, it broke.')" = negative ]
    [ "$(answer 'Classify as positive, negative or neutral: It is a box.')" = neutral ]
    [ "$(answer $'Label the ticket.\nLabels:\n- billing\n- bug\n\nThe app crashes')" = bug ]
}

@test "the manner echo repeats whatever it is asked" {
    start --answer echo
    [ "$(answer 'Summarize: One. Two.')" = 'Summarize: One. Two.' ]
}

@test "json_object gives an object, and wants the word json" {
    start
    answer 'as json please' '{"response_format": {"type": "json_object"}}' |
        jq -e '.answer == "as json please"'
    [ "$(status_of chat 'please' '{"response_format": {"type": "json_object"}}')" = 400 ]
}

@test "json_schema gives a value that fits" {
    start
    schema='{"type": "object", "required": ["mood", "extra"], "$defs": {"node": {"type": "object",
        "properties": {"value": {"type": "integer", "minimum": 5}, "next": {"anyOf":
        [{"$ref": "#/$defs/node"}, {"type": "null"}]}}, "required": ["value", "next"]}},
        "properties": {"mood": {"enum": ["negative", "positive"]}, "seven": {"const": 7},
        "list": {"type": "array", "minItems": 2, "items": {"type": "number",
        "exclusiveMinimum": 0, "maximum": 0.2}}, "tree": {"$ref": "#/$defs/node"},
        "short": {"type": ["null", "string"], "maxLength": 3}, "yes": {"type": "boolean"}}}'
    answer 'I love it' "{\"response_format\": {\"type\": \"json_schema\",
        \"json_schema\": {\"name\": \"mood\", \"schema\": $schema}}}" | jq -e '
        .mood == "positive" and .seven == 7 and (.list | length) == 2
        and all(.list[]; . > 0 and . <= 0.2) and .tree.value >= 5 and (.tree | has("next"))
        and (.short | length) <= 3 and (.yes | type) == "boolean" and has("extra")'
}

@test "a tool that must be called is called" {
    start
    chat 'weather in Paris' '{"tool_choice": "required", "tools": [{"type": "function", "function":
        {"name": "weather", "parameters": {"type": "object", "properties": {"city":
        {"type": "string"}}}}}]}' | jq -e '.choices[0] | .finish_reason == "tool_calls"
        and .message.content == null and .message.tool_calls[0].function.name == "weather"
        and (.message.tool_calls[0].function.arguments | fromjson | .city == "weather in Paris")'
}

@test "a wrong request is refused in the real form, saying what is wrong" {
    start
    while IFS='|' read -r body param code; do
        post /v1/chat/completions "$body" >"$BATS_TEST_TMPDIR/answer"
        [ "$(awk 'NR == 1 { print $2 }' "$head")" = 400 ] || { echo "$body"; return 1; }
        jq -e --arg param "$param" --arg code "$code" '.error | keys == ["code", "message", "param",
            "type"] and .type == "invalid_request_error" and (.message | length) > 0
            and (.param // "") == $param and (.code // "") == $code' "$BATS_TEST_TMPDIR/answer" ||
            { echo "$body"; return 1; }
    done <<'END'
{"model": "m"||
[]||
{"messages": [{"role": "user", "content": "x"}]}||
{"model": 5}|model|invalid_type
{"model": "m"}|messages|missing_required_parameter
{"model": "m", "messages": "x"}|messages|invalid_type
{"model": "m", "messages": []}|messages|empty_array
{"model": "m", "messages": [{"content": "x"}]}|messages[0].role|missing_required_parameter
{"model": "m", "messages": [{"role": "me", "content": "x"}]}|messages[0].role|invalid_value
{"model": "m", "messages": [{"role": "user"}]}|messages[0].content|invalid_type
{"model": "m", "messages": [{"role": "user", "content": "x"}], "n": 0}|n|integer_below_min_value
{"model": "m", "messages": [{"role": "user", "content": "x"}], "temperature": 3}|temperature|decimal_above_max_value
{"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": "yes"}|stream|invalid_type
{"model": "m", "messages": [{"role": "user", "content": "x"}], "stop": 5}|stop|invalid_type
{"model": "m", "messages": [{"role": "user", "content": "x"}], "stream_options": {}}|stream_options|
{"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1, "max_completion_tokens": 1}|max_tokens|invalid_parameter_combination
{"model": "o3", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}|max_tokens|unsupported_parameter
{"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_schema"}}|response_format.json_schema|missing_required_parameter
{"model": "m", "messages": [{"role": "user", "content": "[[mock:501]]"}]}|messages|invalid_value
END
    [ "$(summary .answered)" = 0 ]
    [ "$(summary '.faults["bad-request"]')" = 19 ]
}

@test "an unknown path is 404, a wrong method 405" {
    start
    [ "$(status_of get /v1/nothing)" = 404 ]
    [ "$(status_of get /v1/chat/completions)" = 405 ]
    [ "$(header allow)" = POST ]
}

@test "a key is wanted where one is set" {
    start --key made-up
    [ "$(status_of chat x)" = 401 ]
    [ "$(status_of chat x '{}' -H 'Authorization: Bearer other')" = 401 ]
    chat x '{}' -H 'Authorization: Bearer other' | jq -e '.error.code == "invalid_api_key"'
    [ "$(status_of get /v1/models)" = 401 ]
    [ "$(status_of chat x '{}' -H 'Authorization: Bearer made-up')" = 200 ]
    [ "$(summary '.faults["bad-key"]')" = 3 ]
    run ! grep -q made-up <(get /mock/config)
}

@test "only the models that match are known and listed" {
    start --models 'gpt-*' --models special
    [ "$(status_of chat x)" = 200 ]
    chat x '{"model": "llama"}' | jq -e '.error.code == "model_not_found"'
    [ "$(status_of chat x '{"model": "llama"}')" = 404 ]
    get /v1/models | jq -e '[.data[].id] == ["special", "gpt-4o", "gpt-4o-mini"]'
    get /v1/models/special | jq -e '.id == "special" and .object == "model"'
    [ "$(status_of get /v1/models/llama)" = 404 ]
}

@test "embeddings are unit vectors, near for texts with common words" {
    start
    post /v1/embeddings '{"model": "text-embedding-3-small",
        "input": ["the red car", "the red cars and car", "nothing alike"]}' | jq -e '
        def dot(a; b): [a, b] | transpose | map(.[0] * .[1]) | add;
        .object == "list" and (.data | length) == 3 and all(.data[]; (.embedding | length) == 1536)
        and ([.data[].index] == [0, 1, 2])
        and all(.data[]; dot(.embedding; .embedding) | . > 0.999 and . < 1.001)
        and dot(.data[0].embedding; .data[1].embedding)
            > dot(.data[0].embedding; .data[2].embedding) + 0.3
        and .usage.prompt_tokens == .usage.total_tokens and (.usage | has("completion_tokens") | not)'
}

@test "an embedding in base64 is the same floats, packed" {
    start
    post /v1/embeddings '{"model": "m", "input": "x y", "dimensions": 3}' |
        jq -r '.data[0].embedding[]' >"$BATS_TEST_TMPDIR/floats"
    post /v1/embeddings '{"model": "m", "input": "x y", "dimensions": 3, "encoding_format": "base64"}' |
        jq -r '.data[0].embedding' | base64 -d | od -An -v -t f4 -w4 --endian=little >"$BATS_TEST_TMPDIR/packed"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/packed")" -eq 3 ]
    paste "$BATS_TEST_TMPDIR/floats" "$BATS_TEST_TMPDIR/packed" |
        awk '{ d = $1 - $2; if (d < -1e-6 || d > 1e-6) exit 1 }'
}

@test "embeddings without a proper input are refused" {
    start
    for input in '""' '[]' '[""]' '{}' '["a", 5]' null; do
        [ "$(status_of post /v1/embeddings "{\"model\": \"m\", \"input\": $input}")" = 400 ]
    done
    [ "$(status_of post /v1/embeddings '{"model": "m", "input": [[1, 2], [3]]}')" = 200 ]
}

@test "the ledger tells how often each prompt was asked and answered" {
    start
    chat one >/dev/null
    chat one >/dev/null
    chat 'two [[mock:500,times=1]]' >/dev/null
    chat 'two [[mock:500,times=1]]' >/dev/null
    [ "$(ledger 'map([.prompt, .received, .answered, .faults]) | sort')" = \
        '[["one",2,2,{}],["two [[mock:500,times=1]]",2,1,{"500":1}]]' ]
    key=$(printf one | sha256sum | cut -d' ' -f1)
    get "/mock/ledger?key=$key" | jq -e '.prompt == "one" and .received == 2 and .first_ms <= .last_ms'
    get '/mock/ledger?prompt=one' | jq -e --arg key "$key" '.key == $key'
    [ "$(summary '[.requests, .answered, .partial, .prompts, .in_flight]')" = '[4,3,0,2,0]' ]
    [ "$(status_of get /mock/ledger -X DELETE)" = 204 ]
    [ "$(summary '[.requests, .answered, .prompts]')" = '[0,0,0]' ]
}

@test "the key of a prompt is the hash of all its text" {
    start
    post /v1/chat/completions '{"model": "m", "messages": [{"role": "system", "content": "Be "},
        {"role": "user", "content": [{"type": "text", "text": "good"}]}]}' >/dev/null
    [ "$(ledger '.[0] | [.key, .prompt]')" = \
        "[\"$(printf 'Be good' | sha256sum | cut -d' ' -f1)\",\"good\"]" ]
}

@test "the ledger file has a request before it is answered, and survives a kill" {
    start --ledger-file "$BATS_TEST_TMPDIR/ledger"
    chat one >/dev/null
    (chat '[[mock:hang]]' >/dev/null 2>&1 || true) 3>&- &
    until_summary '.in_flight == 1'
    kill -KILL "$pid"
    wait "$pid" || true
    pid=
    jq -es '[.[] | [.prompt, .model, .nth]] ==
        [["one", "gpt-4o-mini", 1], ["[[mock:hang]]", "gpt-4o-mini", 1]]' "$BATS_TEST_TMPDIR/ledger"
}

@test "a request whose body does not come wholly counts as partial" {
    start
    for _ in {1..20}; do
        exec 5<>"/dev/tcp/127.0.0.1/${url##*:}"
        printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"mod' >&5
        exec 5>&-
    done
    until_summary '.partial == 20'
    [ "$(summary .requests)" = 0 ]
}

@test "a request that was read counts, though its client left at once" {
    start
    body='{"model": "m", "messages": [{"role": "user", "content": "left"}]}'
    for _ in {1..20}; do
        exec 5<>"/dev/tcp/127.0.0.1/${url##*:}"
        printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s' \
            "${#body}" "$body" >&5
        exec 5>&-
    done
    until_summary '.requests == 20 and .in_flight == 0'
    [ "$(summary .partial)" = 0 ]
}

@test "429 tells when to come again, 429-bare does not" {
    start
    [ "$(status_of chat '[[mock:429,retry-after=2]]')" = 429 ]
    [ "$(header retry-after)" = 2 ]
    [ "$(header retry-after-ms)" = 2000 ]
    [ "$(status_of chat '[[mock:429-bare]]')" = 429 ]
    [ -z "$(header retry-after)$(header retry-after-ms)" ]
    chat '[[mock:429-bare]]' | jq -e '.error | .code == "rate_limit_exceeded" and .type == "requests"'
    chat '[[mock:quota]]' | jq -e '.error.code == "insufficient_quota"'
}

@test "each status can be asked for" {
    start
    for status in 400 401 402 403 404 408 409 422 500 502 503 529; do
        [ "$(status_of chat "[[mock:$status]]")" = "$status" ]
        chat "[[mock:$status]]" | jq -e '.error | has("message") and has("type") and has("code")'
    done
    [ "$(summary .answered)" = 0 ]
}

@test "markers take turns, and then the prompt is answered without them" {
    start
    prompt='Hello [[mock:500,times=2]] [[mock:503,times=1]] world'
    for wanted in 500 500 503 200 200; do
        [ "$(status_of chat "$prompt")" = "$wanted" ]
    done
    [ "$(answer "$prompt")" = 'Hello world' ]
}

@test "broken connections are broken as they are named" {
    start
    run chat '[[mock:reset]]'
    [ "$status" -eq 56 ] # received a reset
    run chat '[[mock:close]]'
    [ "$status" -eq 52 ] # nothing received
    run chat '[[mock:half]]'
    [ "$status" -eq 18 ] # less than was told
    run chat '[[mock:half]]' '{"stream": true}'
    [ "$status" -eq 18 ]
    run chat '[[mock:length,by=5]]'
    [ "$status" -eq 18 ]
    [ "$(summary '[.requests, .answered]')" = '[5,0]' ]
}

@test "half an answer is half of what its length tells" {
    start
    run chat '[[mock:half]]'
    wanted=$(header content-length)
    [ "${#output}" -gt 100 ]
    chat '[[mock:half]]' 2>/dev/null >"$BATS_TEST_TMPDIR/half" || true
    [ "$(wc -c <"$BATS_TEST_TMPDIR/half")" -eq $((wanted / 2)) ]
}

@test "a length that is too small comes with the whole body" {
    start
    body='{"model": "m", "messages": [{"role": "user", "content": "[[mock:length]] x"}]}'
    exec 5<>"/dev/tcp/127.0.0.1/${url##*:}"
    printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s' \
        "${#body}" "$body" >&5
    tr -d '\r' <&5 >"$BATS_TEST_TMPDIR/raw"
    exec 5>&-
    [ "$(grep -ci '^content-length' "$BATS_TEST_TMPDIR/raw")" -eq 1 ]
    told=$(sed -n 's/^content-length: //Ip' "$BATS_TEST_TMPDIR/raw")
    sed '1,/^$/d' "$BATS_TEST_TMPDIR/raw" >"$BATS_TEST_TMPDIR/body"
    jq -e '.choices[0].message.content == "x"' "$BATS_TEST_TMPDIR/body"
    [ "$told" -lt "$(wc -c <"$BATS_TEST_TMPDIR/body")" ]
}

@test "answers that are no answers come with status 200, or as a page" {
    start
    run ! jq -e . <(chat '[[mock:garbage]]')
    [ "$(status_of chat '[[mock:garbage]]')" = 200 ]
    chat '[[mock:empty]]' | jq -e '.choices == []'
    chat '[[mock:error200]]' | jq -e '.error.message | length > 0'
    [ "$(status_of chat '[[mock:error200]]')" = 200 ]
    [ "$(status_of chat '[[mock:html]]')" = 502 ]
    [ "$(header content-type)" = text/html ]
}

@test "a dripped answer comes whole and counts as answered" {
    start
    chat '[[mock:drip,every=1ms]] x' | jq -e '.choices[0].message.content == "x"'
    [ "$(ledger '.[0] | [.answered, .faults.drip]')" = '[1,1]' ]
}

@test "a cut stream ends without finish and [DONE]" {
    start
    chat '[[mock:cut-stream]] one two' '{"stream": true}' >"$BATS_TEST_TMPDIR/stream"
    sed -n 's/^data: {/{/p' "$BATS_TEST_TMPDIR/stream" | jq -es 'length > 1
        and all(.choices[0].finish_reason == null)'
    run ! grep -q DONE "$BATS_TEST_TMPDIR/stream"
}

@test "an endless answer goes on for as long as the client reads" {
    start
    [ "$(chat '[[mock:big]]' '{}' 2>/dev/null | head -c 3000000 | wc -c)" -eq 3000000 ]
    until_summary '.in_flight == 0 and .answered == 0'
}

@test "a hanging request is given up when the client leaves, or at the limit" {
    start --hang-limit 100ms
    run chat '[[mock:hang]]'
    [ "$status" -eq 52 ]
    post /mock/config '{"hang-limit": "10m"}' >/dev/null
    run chat '[[mock:hang]]' '{}' -m 0.3
    [ "$status" -eq 28 ]
    until_summary '.in_flight == 0'
}

@test "faults by rate are the same for the same seed, in whatever order prompts come" {
    start --fault 500=0.3 --fault 503=0.2 --seed 7
    for i in {1..40}; do status_of chat "prompt $i"; done >"$BATS_TEST_TMPDIR/first"
    get /mock/ledger -X DELETE
    for i in {40..1}; do status_of chat "prompt $i"; done | tac >"$BATS_TEST_TMPDIR/second"
    cmp "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second"
    for wanted in 200 500 503; do
        grep -q $wanted "$BATS_TEST_TMPDIR/first"
    done
}

@test "the group transient shares its rate out" {
    start --fault transient=0.34
    get /mock/config | jq -e '.fault | length == 17 and all(.[]; . > 0.0199 and . < 0.0201)
        and (has("400") or has("hang") | not)'
}

@test "requests a minute: 429 with the real headers" {
    start --rpm 2 --burst 2
    [ "$(status_of chat x)" = 200 ]
    [ "$(header x-ratelimit-limit-requests)" = 2 ]
    [ "$(header x-ratelimit-remaining-requests)" = 1 ]
    [[ $(header x-ratelimit-reset-requests) =~ ^(30|29\.[0-9]+)s$ ]]
    [ "$(status_of chat y)" = 200 ]
    [ "$(status_of chat z)" = 429 ]
    [[ $(header retry-after) =~ ^[12]?[0-9]$|^30$ ]]
    [[ $(header retry-after-ms) =~ ^[0-9]+$ ]]
    [ "$(status_of chat z '{"model": "another"}')" = 200 ]
    [ "$(summary '.faults["rate-limit"]')" = 1 ]
}

@test "tokens a minute count what the request allows for" {
    start --tpm 1000
    chat x '{"max_tokens": 5000}' | jq -e '.error | .type == "tokens" and .code == "rate_limit_exceeded"'
    [ -z "$(header retry-after)" ]
    [ "$(status_of chat x '{"max_tokens": 900}')" = 200 ]
    [ "$(header x-ratelimit-limit-tokens)" = 1000 ]
    [ "$(status_of chat x '{"max_tokens": 900}')" = 429 ]
    [ "$(header retry-after)" -ge 40 ]
}

@test "limits without headers keep them to themselves" {
    start --rpm 1 --no-rate-headers
    chat x >/dev/null
    [ "$(status_of chat x)" = 429 ]
    run ! grep -qi '^\(x-ratelimit\|retry-after\)' "$head"
}

@test "more than max-concurrent in flight are refused" {
    start --max-concurrent 1
    (chat '[[mock:hang]]' >/dev/null 2>&1 || true) 3>&- &
    until_summary '.in_flight == 1'
    [ "$(status_of chat x)" = 429 ]
    [ "$(header retry-after)" = 1 ]
    [ "$(summary '.faults["too-busy"]')" = 1 ]
}

@test "slots let the others wait until one is free" {
    start --slots 1
    (chat '[[mock:hang]]' '{}' -m 5 >/dev/null 2>&1 || true) 3>&- &
    until_summary '.in_flight == 1'
    [ "$(answer waited)" = waited ]
    [ "$(summary '[.answered, .max_in_flight]')" = '[1,2]' ]
}

@test "who leaves the queue for a slot does not take one later" {
    start --slots 1
    (chat '[[mock:hang]]' >/dev/null 2>&1 || true) 3>&- &
    until_summary '.in_flight == 1'
    run chat leaving '{}' -m 0.2
    [ "$status" -eq 28 ]
    until_summary '.in_flight == 1 and .requests == 2'
    post /mock/config '{"slots": 0}' >/dev/null
    [ "$(ledger 'map(select(.prompt == "leaving")) | .[0].answered')" = 0 ]
}

@test "latency is waited, by many requests at once" {
    start --latency 400ms
    for i in {1..20}; do
        chat "number $i" '{}' -o /dev/null -w '%{time_total}\n' >"$BATS_TEST_TMPDIR/time.$i" 3>&- &
        clients+=($!)
    done
    wait "${clients[@]}"
    cat "$BATS_TEST_TMPDIR"/time.* | awk '$1 < 0.4 { exit 1 }'
    [ "$(summary '.answered == 20 and .max_in_flight > 1')" = true ]
}

@test "everything can be changed while it runs, and nonsense changes nothing" {
    start
    post /mock/config '{"latency": "lognormal:5ms,0.5", "models": ["a", "b*"], "rpm": 5,
        "fault": {"500": 0.5}, "key": "made-up", "slots": 3, "no-rate-headers": true}' |
        jq -e '.latency == "lognormal:5ms,0.5" and .models == ["a", "b*"] and .rpm == 5
            and .fault == {"500": 0.5} and .key == "***" and .slots == 3 and .["no-rate-headers"]'
    post /mock/config '{"rmp": 5}' | jq -e '.error.message | contains("rpm")'
    [ "$(status_of post /mock/config '{"rpm": 9, "fault": {"500": 0.9, "503": 0.9}}')" = 400 ]
    get /mock/config | jq -e '.rpm == 5 and .fault == {"500": 0.5}'
    post /mock/config '{"models": null, "fault": null, "key": null, "latency": null}' |
        jq -e '.models == [] and .fault == {} and .key == null and .latency == "0"'
}

@test "the page names every option and every kind of fault" {
    page=$BATS_TEST_DIRNAME/../../man/llmspool-mock.1
    options=$("$mock" --help | grep -o '^  --[a-z-]*' | tr -d ' -' | sort -u)
    [ "$(wc -l <<<"$options")" -gt 15 ]
    while read -r option; do
        grep -E '^\.It Fl' "$page" | tr -d ' -' | grep -q "Fl$option" || { echo "$option"; return 1; }
    done <<<"$options"
    for kind in $(sed -n 's/^.*\.name = "\([a-z0-9-]*\)".*/\1/p' \
        "$BATS_TEST_DIRNAME/../../src/mock/fault.c" | grep -v none); do
        grep -qE "(^|[ ,.])$kind([ ,.:]|$)" "$page" || { echo "$kind"; return 1; }
    done
}
