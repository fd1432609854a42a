#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# llmspoold --check-config: every configuration that we hand out is one.

setup() {
    top=$LLMSPOOL_SOURCE
    providers=$top/spool-layout/providers
    for name in OPENAI_API_KEY OPENAI_API_KEY_2 ANTHROPIC_API_KEY AZURE_OPENAI_API_KEY \
        OPENROUTER_API_KEY VLLM_API_KEY LLAMA_API_KEY; do
        export "$name=canary-$name"
    done
    unset OPENAI_BASE_URL ANTHROPIC_BASE_URL
    key=$BATS_TEST_TMPDIR/openai.key
    (umask 077 && echo canary-of-a-file >"$key")
    export CREDENTIALS_DIRECTORY=$BATS_TEST_TMPDIR
}

# accepted FILE: is a configuration that is printed without its keys and reads back as the same.
accepted() {
    local first=$BATS_TEST_TMPDIR/first second=$BATS_TEST_TMPDIR/second
    "$LLMSPOOL_BUILD/llmspoold" --check-config -c "$1" >"$first" || return 1
    "$LLMSPOOL_BUILD/llmspoold" --check-config -c "$first" >"$second" || return 1
    diff <(tail -n +2 "$first") <(tail -n +2 "$second") || return 1
    ! grep canary- "$first"
}

# provider NAME: its configuration, as it is and with what it offers beside, is accepted.
provider() {
    local file=$providers/$1.conf other=$BATS_TEST_TMPDIR/other.conf
    if grep -q '^ *protocol = "anthropic"' "$file" && ! speaks_anthropic; then
        skip "this build does not speak Anthropic's protocol"
    fi
    accepted "$file"
    # Each setting that stands there as a comment, in place of the one that counts.
    grep -oE '^ *# (key_file|key_env|headers|url) = .*' "$file" | while read -r _ name _; do
        sed -E -e "s,^( *)$name = .*,\1," -e "s,^( *)# ($name = .*),\1\2," \
            -e "s,\"/etc/llmspool/[a-z]*\.key\",\"$key\"," \
            -e "/^ *key_file/{s,^,#KEEP,}" "$file" >"$other"
        [ "$name" != key_file ] || sed -i -e 's,^ *key_env.*,,' -e 's,^#KEEP,,' "$other"
        accepted "$other" || { echo "$name"; cat "$other"; exit 1; }
    done
}

speaks_anthropic() {
    printf 'provider a { url = "http://a" protocol = "anthropic" }' >"$BATS_TEST_TMPDIR/a.conf"
    "$LLMSPOOL_BUILD/llmspoold" --check-config -c "$BATS_TEST_TMPDIR/a.conf" >/dev/null 2>&1
}

@test "the configuration for OpenAI is accepted" {
    provider openai
}

@test "the configuration for Anthropic is accepted" {
    provider anthropic
}

@test "the configuration for Azure is accepted" {
    provider azure
}

@test "the configuration for OpenRouter is accepted" {
    provider openrouter
}

@test "the configuration for vLLM is accepted" {
    provider vllm
}

@test "the configuration for llama.cpp is accepted" {
    provider llama.cpp
}

@test "the configuration for Ollama is accepted" {
    provider ollama
}

@test "each of them is tested here, installed, and named in the README" {
    for file in "$providers"/*.conf; do
        name=${file##*/}
        grep -qE "^    provider ${name%.conf}\$" "$BATS_TEST_FILENAME"
        grep -qF "spool-layout/providers/$name" "$top/spool-layout/Makemodule.am"
        grep -qF "$name" "$top/README"
    done
}

@test "the examples of the manual page are configurations" {
    sed -n '/^\.Sh EXAMPLES/,/^\.Sh DIAG/p' "$top/man/llmspoold.conf.5" |
        sed -e "s,/etc/llmspool/[a-z]*\.key,$key," |
        awk -v folder="$BATS_TEST_TMPDIR" '
            /^\.Bd/ { file = folder "/example" ++count ".conf"; inside = 1; next }
            /^\.Ed/ { inside = 0; close(file) }
            inside { print >file }'
    found=0
    for file in "$BATS_TEST_TMPDIR"/example*.conf; do
        grep -q '^provider' "$file" || continue
        accepted "$file" || { cat "$file"; return 1; }
        found=$((found + 1))
    done
    [ "$found" -eq 4 ]
}

@test "the whole of the example is a configuration, with what is commented out too" {
    example=$top/spool-layout/llmspoold.conf.example
    for file in ca.pem client.pem client.key prices.json openai.key alice.key; do
        (umask 077 && echo "canary-of-$file" >"$BATS_TEST_TMPDIR/$file")
    done
    for file in webhook.secret shop.secret; do
        (umask 077 && echo "whsec_$(printf 'canary-of-a-long-enough-secret' | base64)" >"$BATS_TEST_TMPDIR/$file")
    done
    echo http://a >"$BATS_TEST_TMPDIR/urls"
    # The settings that exclude or repeat others stay comments.
    sed -E -e '/key_credential|url = \{|url_file/d' \
        -e 's,^( *)# ([a-z_]+ = .*),\1\2,' -e 's,^( *)# ((user|budget|retention|hook|webhook|endpoint).*\{),\1\2,' \
        -e 's,^( *)#( +[a-z_]+ (= .*|\{)),\1\2,' -e 's,^( *)#( *\}),\1\2,' \
        -e "s,/etc/llmspool,$BATS_TEST_TMPDIR," -e 's,"/usr/(libexec|local)/[a-z/-]*","/bin/true",' "$example" >"$BATS_TEST_TMPDIR/all.conf"
    accepted "$BATS_TEST_TMPDIR/all.conf" || { cat "$BATS_TEST_TMPDIR/all.conf"; return 1; }
    [ "$(grep -cE '^ *# .* = ' "$BATS_TEST_TMPDIR/all.conf")" -eq 0 ]
}

@test "a configuration with a mistake is refused with its line" {
    printf 'provider a {\n url = "http://{model}/"\n}\n' >"$BATS_TEST_TMPDIR/bad.conf"
    run "$LLMSPOOL_BUILD/llmspoold" --check-config -c "$BATS_TEST_TMPDIR/bad.conf"
    [ "$status" -eq 65 ]
    [[ $output == *"bad.conf:2: "* ]]
}
