#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The manual pages are there and well-formed.

setup() {
    top=$BATS_TEST_DIRNAME/../..
}

@test "every manual page passes mandoc's lint without a word" {
    command -v mandoc >/dev/null || skip "mandoc is missing (Debian package: mandoc)"
    ls "$top"/man/*.[1-9]
    for page in "$top"/man/*.[1-9]; do
        run mandoc -T lint -W warning "$page"
        [ "$output" = "" ]
        [ "$status" -eq 0 ]
    done
}

@test "every program has a manual page" {
    programs=$(sed -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' "$top/bin/Makemodule.am" |
        sed -n 's/^bin_PROGRAMS *+= *//p' | tr -s ' \t' '\n' | sed 's,^bin/,,')
    [ -n "$programs" ]
    for program in $programs; do
        ls "$top/man/$program".[18] || { echo "$program has no page"; return 1; }
    done
}

@test "every manual page is installed, and every page that is installed exists" {
    cd "$top"
    listed=$(tr -s ' \t\\' '\n' <man/Makemodule.am | grep '^man/' | sort)
    [ "$listed" = "$(ls man/*.[1-9] | sort)" ]
}

@test "every page that a manual page refers to is there, or is the system's" {
    cd "$top"
    for page in man/*.[1-9]; do
        sed -nE 's/^\.(It )?Xr (llmspool[^ ]*) ([0-9]).*/\2.\3/p' "$page" | while read -r other; do
            [ -e "man/$other" ] || { echo "$page refers to $other"; exit 1; }
        done
    done
}

@test "no file of the protocol's page is missing from its manual page" {
    for word in spool.json tmp new cur done failed by-name runs flows templates blobs outbox ctl events archive state; do
        grep -qE "^\.It Pa (\.\.\.)?$word" "$top/man/llmspool-spool.5" || { echo "$word"; return 1; }
    done
}
