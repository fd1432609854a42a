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
