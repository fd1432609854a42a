#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# A scenario that no file of tests names would never fail.

@test "every scenario of a script is run" {
    cd "$LLMSPOOL_SOURCE/tests/e2e"
    forgotten=
    for script in *.py; do
        while read -r name; do
            grep -qE "(^|[ /])$name( |;|\$)" ./*.bats || forgotten+="$script $name;"
        done < <(sed -nE '/^@(scenario|office)/{n;s/^def ([a-z_0-9]+)\(.*/\1/p}' "$script")
    done
    echo "forgotten: $forgotten"
    [ -z "$forgotten" ]
}

@test "every test is in the build's list" {
    cd "$LLMSPOOL_SOURCE/tests"
    for file in e2e/*.bats unit/test_*.c; do
        grep -qE "tests/${file%.c}( |\$)" Makemodule.am || forgotten+="$file;"
    done
    echo "forgotten: ${forgotten-}"
    [ -z "${forgotten-}" ]
}

@test "every sweep of kills has the tag by which the build without sanitizers finds it" {
    cd "$LLMSPOOL_SOURCE/tests/e2e"
    untagged=
    while read -r script name; do
        untagged+=$(awk -v call="(^|{) *[a-z_]+( [a-z_]+[.]py)? $name( |;|\$)" '
            /^@test/ { tagged = before ~ /^# bats test_tags=sweep$/ }
            $0 ~ call && !tagged { print FILENAME ": " $0 }
            { before = $0 }' "${script%.py}.bats")
    done < <(awk '/^def / { name = $2; sub(/\(.*/, "", name) }
        /sweep_of_kills\(\)$/ && name != "" && !/^def/ { print FILENAME, name }' ./*.py)
    echo "untagged: $untagged"
    [ -z "$untagged" ]
}
