#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspool-mock in the protocols beside chat completions: Responses, Messages, completions, Azure.

load mock

setup() {
    mock_setup
}

teardown() {
    mock_teardown
}

# ask PROTOCOL PROMPT [JSON OF FURTHER MEMBERS [CURL OPTION...]]
ask() {
    local path version=(-H 'anthropic-version: 2023-06-01') body='{messages: [{role: "user", content: $p}]}'
    case $1 in
    chat) path=/v1/chat/completions ;;
    azure) path='/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21' ;;
    responses) path=/v1/responses body='{input: $p}' ;;
    completions) path=/v1/completions body='{prompt: $p, max_tokens: 200}' ;;
    messages) path=/v1/messages body="$body + {max_tokens: 200}" ;;
    esac
    post "$path" "$(jq -nc --arg p "$2" --argjson more "${3:-{\}}" \
        "{model: \"gpt-4o-mini\"} + $body + \$more")" "${version[@]}" "${@:4}"
}

protocols='chat azure responses completions messages'

# An answer of any protocol as {text, end, tokens}, from stdin.
gist() {
    jq -c '{
        text: (.choices[0].message.content // .choices[0].message.refusal // .choices[0].text
            // .output[0].content[0].text // .output[0].content[0].refusal // .content[0].text),
        end: (.choices[0].finish_reason // .incomplete_details.reason // .stop_reason // .status),
        tokens: (.usage.completion_tokens // .usage.output_tokens)}'
}

@test "the same question has the same answer and the same key in every protocol" {
    start
    for protocol in $protocols; do
        ask "$protocol" 'Summarize in one sentence: The cat sat. The cat liked the warm mat.' | gist |
            jq -e '.text == "The cat liked the warm mat." and .tokens == 7' || { echo "$protocol"; return 1; }
    done
    [ "$(ledger 'map([.received, .answered, .endpoint])')" = '[[5,5,"messages"]]' ]
    [ "$(summary .endpoints)" = '{"chat":2,"completions":1,"responses":1,"messages":1}' ]
}

@test "instructions count to the key as a system message does" {
    start
    ask chat x '{"messages": [{"role": "system", "content": "Be good."}, {"role": "user", "content": "Hi"}]}' >/dev/null
    ask responses Hi '{"instructions": "Be good."}' >/dev/null
    ask responses x '{"input": [{"role": "developer", "content": "Be good."},
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]}]}' >/dev/null
    ask messages Hi '{"system": "Be good."}' >/dev/null
    ask messages x '{"system": [{"type": "text", "text": "Be good."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}' >/dev/null
    [ "$(ledger 'map([.received, .answered, .prompt])')" = '[[5,5,"Hi"]]' ]
}

@test "a message has all members of the real one" {
    start
    ask messages 'hello world' | jq -e '.type == "message" and .role == "assistant"
        and (.id | startswith("msg_")) and .model == "gpt-4o-mini"
        and .content == [{type: "text", text: "hello world"}] and .stop_reason == "end_turn"
        and .stop_sequence == null and .usage.input_tokens == 9 and .usage.output_tokens == 3
        and .usage.cache_creation_input_tokens == 0 and .usage.cache_read_input_tokens == 0'
    [[ $(header request-id) == req_* ]]
    [ -z "$(header x-request-id)" ]
}

@test "a message ends at its limit or at a stop sequence, and says at which" {
    start
    ask messages 'one two three four' '{"max_tokens": 2}' |
        jq -e '.stop_reason == "max_tokens" and .content[0].text == "one two "'
    ask messages 'one two three four' '{"stop_sequences": ["four", "three"]}' |
        jq -e '.stop_reason == "stop_sequence" and .stop_sequence == "three" and .content[0].text == "one two "'
}

@test "the stream of a message has its events in order" {
    start
    ask messages 'one two three' '{"stream": true}' >"$BATS_TEST_TMPDIR/stream"
    [ "$(grep -c '^event: ' "$BATS_TEST_TMPDIR/stream")" -eq "$(grep -c '^data: ' "$BATS_TEST_TMPDIR/stream")" ]
    [ "$(sed -n 's/^event: //p' "$BATS_TEST_TMPDIR/stream" | tr '\n' ' ')" = "message_start \
content_block_start ping content_block_delta content_block_delta content_block_delta \
content_block_stop message_delta message_stop " ]
    events <"$BATS_TEST_TMPDIR/stream" | jq -es '.[0].message.content == []
        and .[0].message.usage.input_tokens == 10
        and ([.[] | select(.type == "content_block_delta") | .delta.text] | add) == "one two three"
        and (.[] | select(.type == "message_delta") | .delta.stop_reason == "end_turn" and .usage.output_tokens == 4)'
    diff <(sed -n 's/^event: //p' "$BATS_TEST_TMPDIR/stream") <(events <"$BATS_TEST_TMPDIR/stream" | jq -r .type)
}

@test "a tool of a message is called with an object, in a stream with pieces of its text" {
    start
    more='{"tool_choice": {"type": "tool", "name": "weather"}, "tools": [{"name": "other", "input_schema": {}},
        {"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]}'
    ask messages 'in Paris' "$more" | jq -e '.stop_reason == "tool_use" and .content[0].type == "tool_use"
        and .content[0].name == "weather" and .content[0].input == {city: "in Paris"}
        and (.content[0].id | startswith("toolu_"))'
    ask messages 'in Paris' "$(jq '.stream = true' <<<"$more")" | events | jq -es '
        ([.[] | .delta.partial_json? // ""] | add | fromjson) == {city: "in Paris"}'
    ask messages x '{"output_config": {"format": {"type": "json_schema", "schema": {"type": "object",
        "properties": {"n": {"type": "integer"}}, "required": ["n"]}}}}' |
        jq -e '.content[0].text | fromjson | .n | type == "number"'
}

@test "a wrong message is refused in Anthropic's form" {
    start
    while IFS='|' read -r more words; do
        ask messages x "$more" >"$BATS_TEST_TMPDIR/answer"
        [ "$(awk 'NR == 1 { print $2 }' "$head")" = 400 ] || { echo "$more"; return 1; }
        jq -e --arg words "$words" --arg id "$(header request-id)" '.type == "error"
            and .error.type == "invalid_request_error" and (.error.message | contains($words))
            and .request_id == $id' "$BATS_TEST_TMPDIR/answer" || { echo "$more"; return 1; }
    done <<'END'
{"model": null}|model
{"max_tokens": null}|max_tokens
{"max_tokens": 0}|max_tokens
{"messages": []}|messages
{"messages": [{"role": "me", "content": "x"}]}|messages.0.role
{"messages": [{"role": "user", "content": ""}]}|messages.0
{"system": 5}|system
{"temperature": 1.5}|temperature
{"n": 2}|n: Extra inputs
{"seed": 2}|seed: Extra inputs
{"stop_sequences": [" "]}|stop_sequences
{"tools": [{"name": "x"}]}|tools.0.input_schema
{"tool_choice": {"type": "required"}}|tool_choice
{"output_config": {"format": {"type": "json_object"}}}|output_config.format
END
    [ "$(status_of post /v1/messages '{"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}')" = 400 ]
    [ "$(status_of ask messages x '{"temperature": 1}' -H 'anthropic-version: 2026-10-21')" = 200 ]
    body='{"model": "m", "max_tokens": 5, "temperature": 1, "messages": [{"role": "user", "content": "x"}]}'
    [ "$(status_of post /v1/messages "$body" -H 'anthropic-version: 2026-10-21')" = 400 ]
    [ "$(status_of get /v1/messages)" = 405 ]
}

@test "a response has all members of the real one" {
    start
    ask responses 'hello world' '{"metadata": {"a": "b"}}' | jq -e '.object == "response"
        and (.id | startswith("resp_")) and .status == "completed" and .error == null
        and .incomplete_details == null and .output[0].type == "message"
        and .output[0].content[0].type == "output_text" and .output[0].content[0].text == "hello world"
        and .usage.input_tokens == 6 and .usage.output_tokens == 3 and .usage.total_tokens == 9
        and .usage.input_tokens_details.cached_tokens == 0 and .metadata == {a: "b"}'
    ask responses "$(printf 'word %.0s' {1..40})" '{"max_output_tokens": 16}' | jq -e '.status == "incomplete"
        and .incomplete_details.reason == "max_output_tokens" and .usage.output_tokens == 16'
}

@test "the stream of a response has its events in order, numbered, and no [DONE]" {
    start
    ask responses 'one two' '{"stream": true}' >"$BATS_TEST_TMPDIR/stream"
    [ "$(sed -n 's/^event: response.//p' "$BATS_TEST_TMPDIR/stream" | tr '\n' ' ')" = "created \
in_progress output_item.added content_part.added output_text.delta output_text.delta \
output_text.done content_part.done output_item.done completed " ]
    events <"$BATS_TEST_TMPDIR/stream" | jq -es '[.[].sequence_number] == [range(10)]
        and ([.[] | select(.type == "response.output_text.delta") | .delta] | add) == "one two"
        and .[-1].response.status == "completed" and .[-1].response.usage.output_tokens == 2'
    run ! grep -q DONE "$BATS_TEST_TMPDIR/stream"
}

@test "a response calls tools and fits schemas that stand flat" {
    start
    more='{"tool_choice": "required", "tools": [{"type": "function", "name": "weather", "parameters":
        {"type": "object", "properties": {"city": {"type": "string"}}}}]}'
    ask responses 'in Paris' "$more" | jq -e '.output[0].type == "function_call" and .output[0].name == "weather"
        and (.output[0].arguments | fromjson) == {city: "in Paris"}'
    ask responses 'in Paris' "$(jq '.stream = true' <<<"$more")" | events | jq -es '
        ([.[] | select(.type == "response.function_call_arguments.delta") | .delta] | add | fromjson)
        == {city: "in Paris"} and .[-1].response.output[0].name == "weather"'
    ask responses x '{"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object",
        "properties": {"n": {"type": "integer"}}, "required": ["n"]}}}}' |
        jq -e '.output[0].content[0].text | fromjson | .n | type == "number"'
}

@test "a wrong request for a response is refused, and what the API does not know as well" {
    start
    while IFS='|' read -r more param; do
        ask responses x "$more" >"$BATS_TEST_TMPDIR/answer"
        [ "$(awk 'NR == 1 { print $2 }' "$head")" = 400 ] || { echo "$more"; return 1; }
        jq -e --arg param "$param" '.error.param == $param' "$BATS_TEST_TMPDIR/answer" || { echo "$more"; return 1; }
    done <<'END'
{"input": null}|input
{"input": [{"role": "me", "content": "x"}]}|input[0]
{"max_output_tokens": 15}|max_output_tokens
{"stop": "x"}|stop
{"seed": 5}|seed
{"messages": []}|messages
{"max_tokens": 20}|max_tokens
{"text": {"format": {"type": "json_schema", "json_schema": {"name": "x"}}}}|text.format.name
{"tools": [{"type": "function", "function": {"name": "x"}}]}|tools[0].name
END
}

@test "completions go on from each prompt, n times, with stops and a stream" {
    start
    ask completions x '{"prompt": ["one two", "three four"], "n": 2, "stop": "four"}' | jq -e '
        .object == "text_completion" and [.choices[].text] == ["one two", "one two", "three ", "three "]
        and [.choices[].index] == [0, 1, 2, 3] and all(.choices[]; .finish_reason == "stop")
        and .usage.completion_tokens == 8'
    ask completions x "{\"prompt\": \"$(printf 'word %.0s' {1..40})\", \"max_tokens\": null}" |
        jq -e '.choices[0].finish_reason == "length" and .usage.completion_tokens == 16'
    ask completions 'one two' '{"echo": true}' | jq -e '.choices[0].text == "one twoone two"'
    ask completions 'one two' '{"stream": true, "stream_options": {"include_usage": true}}' >"$BATS_TEST_TMPDIR/stream"
    events <"$BATS_TEST_TMPDIR/stream" | jq -es '([.[].choices[0].text // ""] | add) == "one two"
        and .[-2].choices[0].finish_reason == "stop" and .[-1].usage.completion_tokens == 2'
    [ "$(grep . "$BATS_TEST_TMPDIR/stream" | tail -n 1)" = 'data: [DONE]' ]
    for prompt in '[]' '{}' '[[]]' null; do
        [ "$(status_of ask completions x "{\"prompt\": $prompt}")" = 400 ]
    done
}

@test "Azure's paths name the model, want a version, and refuse in Azure's form" {
    start --models gpt-4o-mini --key made-up
    key=(-H 'api-key: made-up')
    ask azure x '{"model": "ignored"}' "${key[@]}" | jq -e '.model == "gpt-4o-mini" and .choices[0].message.content == "x"'
    ask azure x '{"stream": true}' "${key[@]}" | events | jq -es '.[0].choices == [] and (.[0] | has("prompt_filter_results"))'
    ask azure x '{}' | jq -e '.error | keys == ["code", "message"] and .code == "401"'
    [ "$(status_of ask azure x)" = 401 ]
    [ "$(status_of ask azure x '{}' -H 'Authorization: Bearer made-up')" = 200 ]
    path=/openai/deployments/unknown/chat/completions
    body='{"messages": [{"role": "user", "content": "x"}]}'
    post "$path?api-version=2024-10-21" "$body" "${key[@]}" | jq -e '.error.code == "DeploymentNotFound"'
    [ "$(status_of post "$path?api-version=2024-10-21" "$body" "${key[@]}")" = 404 ]
    [ "$(status_of post /openai/deployments/gpt-4o-mini/chat/completions "$body" "${key[@]}")" = 404 ]
    post '/openai/deployments/gpt-4o-mini/embeddings?api-version=2024-10-21' '{"input": "x"}' "${key[@]}" |
        jq -e '.data | length == 1'
    post /openai/v1/chat/completions "$(jq '.model = "gpt-4o-mini"' <<<"$body")" "${key[@]}" | jq -e '.object == "chat.completion"'
    ask azure '[[mock:429]]' '{}' "${key[@]}" | jq -e '.error.code == "429"'
    ask azure '[[mock:prompt-filter]]' '{}' "${key[@]}" |
        jq -e '.error | .code == "content_filter" and .status == 400 and .innererror.code == "ResponsibleAIPolicyViolation"'
}

@test "messages take their key from x-api-key or as a bearer's" {
    start --key made-up --models 'claude*'
    [ "$(status_of ask messages x '{"model": "claude"}')" = 401 ]
    ask messages x '{"model": "claude"}' -H 'x-api-key: other' | jq -e '.error.type == "authentication_error"'
    [ "$(status_of ask messages x '{"model": "claude"}' -H 'x-api-key: made-up')" = 200 ]
    [ "$(status_of ask messages x '{"model": "claude"}' -H 'Authorization: Bearer made-up')" = 200 ]
    ask messages x '{}' -H 'x-api-key: made-up' | jq -e '.error.type == "not_found_error" and .error.message == "model: gpt-4o-mini"'
    [ "$(status_of ask chat x '{"model": "claude"}' -H 'x-api-key: made-up')" = 401 ]
}

@test "models are listed in Anthropic's form for Anthropic's clients" {
    start --key made-up --models 'claude-haiku*'
    get /v1/models -H 'anthropic-version: 2023-06-01' -H 'x-api-key: made-up' | jq -e '.has_more == false
        and [.data[] | [.type, .id]] == [["model", "claude-haiku-4-5"]]'
    get /v1/models/other -H 'anthropic-version: 2023-06-01' -H 'x-api-key: made-up' |
        jq -e '.error.type == "not_found_error"'
    get /v1/models -H 'Authorization: Bearer made-up' | jq -e '.object == "list" and .data[0].object == "model"'
}

@test "each status has Anthropic's type" {
    start
    while read -r kind status type; do
        [ "$(status_of ask messages "[[mock:$kind]]")" = "$status" ] || { echo "$kind"; return 1; }
        ask messages "[[mock:$kind]]" | jq -e --arg type "$type" '.type == "error" and .error.type == $type
            and (.error.message | length) > 0' || { echo "$kind"; return 1; }
    done <<'END'
400 400 invalid_request_error
401 401 authentication_error
402 402 billing_error
403 403 permission_error
404 404 not_found_error
409 409 conflict_error
413 413 request_too_large
429 429 rate_limit_error
quota 400 invalid_request_error
spend-limit 429 rate_limit_error
too-large-for-limit 429 rate_limit_error
prompt-filter 400 invalid_request_error
500 500 api_error
503 503 api_error
529 529 overloaded_error
overloaded 529 overloaded_error
error200 200 api_error
END
    ask messages '[[mock:spend-limit]]' | jq -e '.error.details.error_code == "enforced_spend_limit_reached"'
    start_long=$(printf 'word %.0s' {1..100})
    post /mock/config '{"context": 20}' >/dev/null
    ask messages "$start_long" | jq -e '.error.message | startswith("prompt is too long: ")'
}

@test "broken answers are broken in every protocol, whole and streamed" {
    start
    for protocol in $protocols; do
        for stream in false true; do
            run ask "$protocol" '[[mock:half]] one two' "{\"stream\": $stream}"
            [ "$status" -eq 18 ] || { echo "$protocol $stream"; return 1; }
            run ask "$protocol" '[[mock:reset]] one two' "{\"stream\": $stream}"
            [ "$status" -eq 56 ]
            run ask "$protocol" '[[mock:close]] one two' "{\"stream\": $stream}"
            [ "$status" -eq 52 ]
            ask "$protocol" '[[mock:garbage]]' "{\"stream\": $stream}" >"$BATS_TEST_TMPDIR/answer"
            run ! jq -e . "$BATS_TEST_TMPDIR/answer"
        done
        [ "$(ask "$protocol" '[[mock:big]]' 2>/dev/null | head -c 200000 | wc -c)" -eq 200000 ]
        ask "$protocol" '[[mock:drip,every=0ms]] one' | gist | jq -e '.text == "one"'
        ask "$protocol" '[[mock:empty]]' | jq -e '(.choices // .output // .content) == []'
    done
    post /v1/embeddings '{"model": "m", "input": "[[mock:empty]]"}' | jq -e '.data == []'
    post /v1/embeddings '{"model": "m", "input": "[[mock:no-usage]]"}' | jq -e 'has("usage") | not'
}

@test "contents that go wrong are told as each protocol tells them" {
    start
    while read -r protocol kind end text; do
        ask "$protocol" "[[mock:$kind]] one two three four" | gist |
            jq -e --arg why "$end" --arg text "${text//_/ }" '.end == $why and (.text | startswith($text))' ||
            { echo "$protocol $kind"; return 1; }
    done <<'END'
chat truncated length one_two
responses truncated max_output_tokens one_two
completions truncated length one_two
messages truncated max_tokens one_two
chat content_filter content_filter one_two
responses content_filter content_filter one_two
completions content-filter content_filter one_two
messages content-filter refusal one_two
chat refusal stop I'm_sorry
responses refusal completed I'm_sorry
messages refusal refusal I'm_sorry
chat not-json stop Sure!
responses not-json completed Sure!
messages not-json end_turn Sure!
chat wrong-schema stop [
END
    ask chat '[[mock:refusal]]' | jq -e '.choices[0].message | .content == null and (.refusal | length) > 0'
    ask responses '[[mock:refusal]]' | jq -e '.output[0].content[0].type == "refusal"'
    ask messages '[[mock:refusal]]' | jq -e '.stop_details.type == "refusal"'
    for protocol in $protocols; do
        ask "$protocol" '[[mock:no-usage]] x' | jq -e '.usage == null'
        ask "$protocol" '[[mock:no-finish]] x' | jq -e '(.choices[0].finish_reason // .stop_reason) == null
            and (.status // "in_progress") == "in_progress"' || { echo "$protocol"; return 1; }
    done
    [ "$(summary .answered)" = 5 ]
}

@test "JSON that misses the schema is JSON all the same" {
    start
    schema='{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}'
    ask chat '[[mock:wrong-schema]]' "{\"response_format\": {\"type\": \"json_schema\", \"json_schema\":
        {\"name\": \"n\", \"schema\": $schema}}}" | gist | jq -e '.text | fromjson | has("n") | not'
    ask responses '[[mock:wrong-schema]]' "{\"text\": {\"format\": {\"type\": \"json_schema\", \"name\": \"n\",
        \"schema\": $schema}}}" | gist | jq -e '.text | fromjson | has("n") | not'
    ask messages '[[mock:wrong-schema]]' "{\"output_config\": {\"format\": {\"type\": \"json_schema\",
        \"schema\": $schema}}}" | gist | jq -e '.text | fromjson | has("n") | not'
}

@test "arguments of tools may be no JSON" {
    start
    run ! jq -e '.choices[0].message.tool_calls[0].function.arguments | fromjson' <(ask chat '[[mock:tool-garbage]]')
    run ! jq -e '.output[0].arguments | fromjson' <(ask responses '[[mock:tool-garbage]]')
    ask messages '[[mock:tool-garbage]]' | jq -e '.stop_reason == "tool_use" and (.content[0].input | type) == "string"'
    ask messages '[[mock:tool-garbage]]' '{"stream": true}' | events | jq -es '
        [.[] | .delta.partial_json? // ""] | add | (try fromjson catch "no") == "no"'
}

@test "streams break off, hold an error, or nothing, as each protocol has it" {
    start
    for protocol in $protocols; do
        for kind in cut-stream error-event empty-stream no-finish; do
            ask "$protocol" "[[mock:$kind]] one two three four" '{"stream": true}' >"$BATS_TEST_TMPDIR/$protocol.$kind"
            [[ $(header content-type) == text/event-stream* ]]
        done
        run ! grep -qE 'DONE|message_stop|response.completed' "$BATS_TEST_TMPDIR/$protocol.cut-stream"
        grep -q 'two' "$BATS_TEST_TMPDIR/$protocol.error-event"
        run ! grep -qE '"three|"finish_reason":"|response.completed' "$BATS_TEST_TMPDIR/$protocol.error-event"
    done
    for protocol in chat azure completions; do
        events <"$BATS_TEST_TMPDIR/$protocol.error-event" | jq -es '.[-1].error.type == "server_error"'
        [ "$(grep . "$BATS_TEST_TMPDIR/$protocol.empty-stream")" = 'data: [DONE]' ]
        events <"$BATS_TEST_TMPDIR/$protocol.no-finish" | jq -es 'all(.choices[]?.finish_reason == null)'
        grep -q DONE "$BATS_TEST_TMPDIR/$protocol.no-finish"
    done
    [ "$(events <"$BATS_TEST_TMPDIR/messages.empty-stream" | jq -r .type)" = message_stop ]
    events <"$BATS_TEST_TMPDIR/messages.error-event" | jq -es '.[-1] | .type == "error" and .error.type == "overloaded_error"'
    events <"$BATS_TEST_TMPDIR/messages.no-finish" | jq -es '.[-2].delta.stop_reason == null'
    [ ! -s "$BATS_TEST_TMPDIR/responses.empty-stream" ]
    events <"$BATS_TEST_TMPDIR/responses.error-event" | jq -es '.[-1] | .type == "error" and .code == "server_error"'
    events <"$BATS_TEST_TMPDIR/responses.no-finish" | jq -es '.[-1].type == "response.output_item.done"'
    # Where no stream was asked for they are what comes nearest.
    ask chat '[[mock:error-event]]' | jq -e '.error.type == "server_error"'
    ask messages '[[mock:error-event]]' | jq -e '.error.type == "api_error"'
    ask responses '[[mock:error-event]]' | jq -e '.status == "failed" and .error.code == "server_error"'
    ask messages '[[mock:empty-stream]]' | jq -e '.content == []'
}

@test "a response fails inside its answer" {
    start
    ask responses '[[mock:error200]]' | jq -e '.status == "failed" and .error.code == "server_error" and .output == []'
    ask responses '[[mock:error200]]' '{"stream": true}' | events | jq -es '.[-1].type == "response.failed"
        and .[-1].response.status == "failed"'
}

@test "errors of other servers come as they write them" {
    start
    ask chat '[[mock:array-error]]' | jq -e '.[0].error | .code == 429 and .status == "RESOURCE_EXHAUSTED"'
    ask chat '[[mock:flat-error]]' | jq -e '.object == "error" and .code == "1300"'
    ask chat '[[mock:int-code]]' | jq -e '.error.code == 400 and .error.type == "BadRequestError"'
    ask chat '[[mock:model-loading]]' | jq -e '.error.type == "unavailable_error"'
    [ "$(status_of ask chat '[[mock:model-loading]]')" = 503 ]
    [ "$(status_of ask chat '[[mock:overloaded]]')" = 503 ]
    [ "$(status_of ask chat '[[mock:413]]')" = 413 ]
    ask chat '[[mock:too-large-for-limit]]' | jq -e '.error.type == "tokens" and (.error.message | contains("Limit 100, Requested 200"))'
    [ -z "$(header retry-after)" ]
    ask chat '[[mock:spend-limit]]' | jq -e '.error.type == "insufficient_quota"'
}

@test "when to come again is told in every way that is known" {
    start
    ask chat '[[mock:429-date,retry-after=10]]' >/dev/null
    wait=$(($(date -d "$(header retry-after)" +%s) - $(date +%s)))
    [ "$wait" -ge 8 ] && [ "$wait" -le 11 ]
    [ -z "$(header retry-after-ms)" ]
    ask chat '[[mock:503,retry-after-date=10]]' >/dev/null
    [[ $(header retry-after) == *GMT ]]
    ask chat '[[mock:429-reset,reset=1.5]]' >/dev/null
    [ "$(header x-ratelimit-reset-requests)" = 1.5s ]
    [ "$(header x-ratelimit-remaining-requests)" = 0 ]
    [ -z "$(header retry-after)$(header retry-after-ms)" ]
    ask messages '[[mock:429-reset,reset=100]]' >/dev/null
    wait=$(($(date -d "$(header anthropic-ratelimit-requests-reset)" +%s) - $(date +%s)))
    [ "$wait" -ge 98 ] && [ "$wait" -le 101 ]
    ask messages '[[mock:429,retry-after=1.2]]' >/dev/null
    [ "$(header retry-after)" = 2 ]
    [ -z "$(header retry-after-ms)" ]
    ask chat '[[mock:500,should-retry=false]]' >/dev/null
    [ "$(header x-should-retry)" = false ]
    ask chat '[[mock:400,should-retry=true]]' >/dev/null
    [ "$(header x-should-retry)" = true ]
    [ "$(status_of ask chat '[[mock:400,should-retry=maybe]]')" = 400 ]
    [ -z "$(header x-should-retry)" ]
}

@test "limits are told to Anthropic's clients in Anthropic's headers" {
    start --rpm 60 --input-tpm 1000 --output-tpm 500
    [ "$(status_of ask messages 'hello world')" = 200 ]
    [ "$(header anthropic-ratelimit-requests-limit)" = 60 ]
    [ "$(header anthropic-ratelimit-requests-remaining)" = 59 ]
    [[ $(header anthropic-ratelimit-requests-reset) =~ ^20[0-9-]+T[0-9:]+Z$ ]]
    [ "$(header anthropic-ratelimit-input-tokens-limit)" = 1000 ]
    [ "$(header anthropic-ratelimit-input-tokens-remaining)" = 991 ]
    [ "$(header anthropic-ratelimit-output-tokens-limit)" = 500 ]
    [ "$(header anthropic-ratelimit-output-tokens-remaining)" = 300 ]
    [ "$(header anthropic-ratelimit-tokens-limit)" = 500 ]
    run ! grep -qi '^x-ratelimit' "$head"
    [ "$(status_of ask messages again '{"max_tokens": 400}')" = 429 ]
    [ "$(header retry-after)" -ge 10 ]
    [ -z "$(header retry-after-ms)" ]
    ask messages again '{"max_tokens": 501}' | jq -e '.error.type == "rate_limit_error" and (.error.message | contains("too large"))'
    [ -z "$(header retry-after)" ]
}

@test "requests a day are a limit, too" {
    start --rpd 2
    ask chat x >/dev/null
    [ "$(header x-ratelimit-limit-requests)" = 2 ]
    ask chat x >/dev/null
    ask chat x | jq -e '.error.message | contains("(RPD)")'
    [ "$(header retry-after)" -gt 40000 ]
}

@test "a refusal for a limit comes at once, whatever the latency" {
    start --latency 10s --rpm 1 --max-concurrent 3
    (ask chat first >/dev/null 2>&1 || true) 3>&- &
    until_summary '.in_flight == 1'
    [ "$(ask chat second '{}' -m 5 -o /dev/null -w '%{http_code}')" = 429 ]
}

@test "limits that change hold for the next request" {
    start --rpm 60000 --burst 100
    for _ in {1..5}; do [ "$(status_of ask chat x)" = 200 ]; done
    post /mock/config '{"rpm": 1, "burst": 1}' >/dev/null
    ask chat x >/dev/null
    [ "$(status_of ask chat x)" = 429 ]
    [ "$(header x-ratelimit-limit-requests)" = 1 ]
    # What was used under a larger burst is not owed under a smaller one.
    [ "$(header retry-after)" -le 60 ]
    post /mock/config '{"rpm": 600000, "burst": 100}' >/dev/null
    for _ in {1..5}; do [ "$(status_of ask chat x)" = 200 ]; done
    (ask chat '[[mock:hang]]' >/dev/null 2>&1 || true) 3>&- &
    until_summary '.in_flight == 1'
    post /mock/config '{"max-concurrent": 1}' >/dev/null
    [ "$(status_of ask chat x)" = 429 ]
    [ "$(header x-ratelimit-limit-requests)" = 600000 ]
    post /mock/config '{"max-concurrent": 2}' >/dev/null
    [ "$(status_of ask chat x)" = 200 ]
    post /mock/config '{"max-concurrent": 0, "slots": 1}' >/dev/null
    [ "$(ask chat waits '{}' -m 0.3 -o /dev/null -w '%{http_code}' 2>/dev/null || true)" = 000 ]
    post /mock/config '{"slots": 0, "latency": "300ms"}' >/dev/null
    ask chat late '{}' -o /dev/null -w '%{time_total}\n' | awk '$1 < 0.3 { exit 1 }'
}

@test "the ledger tells what came in each second, and what of it was refused" {
    start --rpm 60 --burst 3
    ask chat '[[mock:500]]' >/dev/null
    for _ in {1..5}; do ask chat x >/dev/null; done
    get '/mock/ledger?rate=1' | jq -e '.start_ms > 1e12 and (.seconds | (map(.requests) | add) == 6
        and (map(.answered + .refused) | add) == 5 and (map(.refused) | add) >= 1
        and (map(.answered) | add) >= 2)'
    get /mock/ledger -X DELETE
    get '/mock/ledger?rate=1' | jq -e '.seconds == []'
    ask chat y >/dev/null
    sleep 1.1
    ask chat y >/dev/null
    get '/mock/ledger?rate=1' | jq -e '(.seconds | length) >= 2 and .seconds[0].requests == 1 and .seconds[-1].requests == 1'
}

@test "a connection that was kept alive is closed at its next request" {
    start
    body() { printf '{"model": "m", "messages": [{"role": "user", "content": "%s"}]}' "$1"; }
    send() {
        printf 'POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s' "${#1}" "$1" >&5
    }
    exec 5<>"/dev/tcp/127.0.0.1/${url##*:}"
    send "$(body '[[mock:keepalive-close]] first')"
    until_summary '.answered == 1'
    send "$(body second)"
    cat <&5 >"$BATS_TEST_TMPDIR/raw"
    exec 5>&-
    grep -q '"first"' "$BATS_TEST_TMPDIR/raw"
    [ "$(grep -c '^HTTP/1.1' "$BATS_TEST_TMPDIR/raw")" -eq 1 ]
    [ "$(ledger 'map([.prompt, .received, .answered, .faults]) | sort')" = \
        '[["[[mock:keepalive-close]] first",1,1,{"keepalive-close":1}],["second",1,0,{"closed":1}]]' ]
    ask chat second | jq -e '.choices[0].message.content == "second"'
}

@test "a redirect goes to the same path where the setting says" {
    start
    [ "$(status_of ask chat '[[mock:redirect]]')" = 307 ]
    [[ $(header location) == http://127.0.0.1:9/v1/chat/completions ]]
    post /mock/config '{"redirect": "http://other.example:81"}' | jq -e '.redirect == "http://other.example:81"'
    ask messages '[[mock:redirect]]' >/dev/null
    [ "$(header location)" = http://other.example:81/v1/messages ]
}

@test "a slow start is late, and then good" {
    start
    ask chat '[[mock:slow-start,latency=400ms]] x' '{}' -o "$BATS_TEST_TMPDIR/answer" -w '%{time_starttransfer}\n' |
        awk '$1 < 0.4 { exit 1 }'
    jq -e '.choices[0].message.content == "x"' "$BATS_TEST_TMPDIR/answer"
    [ "$(summary .answered)" = 1 ]
}

@test "usage tells cached tokens where a marker says so" {
    start
    ask chat '[[mock:ok,cached=4]] x' | jq -e '.usage.prompt_tokens_details.cached_tokens == 4'
    ask responses '[[mock:ok,cached=4]] x' | jq -e '.usage.input_tokens_details.cached_tokens == 4'
    ask messages '[[mock:ok,cached=4]] x' | jq -e '.usage.cache_read_input_tokens == 4 and .usage.input_tokens == 8'
}
