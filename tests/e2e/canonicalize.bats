#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The canonical form, on which identities hang, against other implementations of RFC 8785.

load node

setup() {
    tool=$LLMSPOOL_BUILD/tests/unit/canonical_tool
    input=$BATS_TEST_TMPDIR/input
    wanted=$BATS_TEST_TMPDIR/wanted
    output=$BATS_TEST_TMPDIR/output
}

# Makes the questions KIND SEED COUNT.
ask() {
    node_run canonicalize.mjs "$@" "$input" "$wanted"
}

# Answers them with what was put before the tool, and compares.
compare() {
    env "$@" "$tool" <"$input" >"$output"
    [ -s "$wanted" ]
    diff "$wanted" "$output" | head -n 20
    cmp "$wanted" "$output"
}

@test "1000 documents come out as from npm's canonicalize" {
    node_packages
    ask documents 20260101 1000
    [ "$(wc -l <"$wanted")" -eq 1000 ]
    compare LC_ALL=C
}

@test "20000 random doubles come out as from String() in node" {
    node_packages
    ask numbers 8785 20000
    [ "$(tr -d -c , <"$wanted" | wc -c)" -eq 19800 ]
    compare LC_ALL=C
}

@test "a locale with a decimal comma changes nothing" {
    node_packages
    command -v localedef >/dev/null || skip "localedef is missing (Debian package: libc-bin)"
    localedef -i de_DE -f UTF-8 "$BATS_TEST_TMPDIR/de_DE.UTF-8" \
        || skip "no data to build a locale from (Debian package: locales)"
    export LOCPATH=$BATS_TEST_TMPDIR
    [ "$(LC_ALL=de_DE.UTF-8 locale decimal_point)" = , ]
    ask numbers 42 2000
    compare LC_ALL=de_DE.UTF-8
}

@test "what would be changed silently is refused" {
    printf '%s\n' '{"n":9007199254740993}' '{"a":1,"a":1}' '"\ud800"' >"$input"
    "$tool" <"$input" >"$output"
    [ "$(grep -c '^refused: line 1, column ' "$output")" -eq 3 ]
}
