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

# Prints the indented block of the protocol's page that begins at the line which matches $1.
block_of_readme() {
    sed -n "/^    $1/,/^\$/p" "$layout/README" | sed 's/^    //; /^$/d'
}

drops_durably() {
    strace -o /dev/null true 2>/dev/null || skip "strace cannot trace here (Debian package: strace)"
    mkdir -p "$spool/tmp" "$spool/new"
    run "$1" "$spool" <"$layout/examples/job.named.json"
    [ "$status" -eq 0 ]
    cmp "$spool/new/$output" "$layout/examples/job.named.json"
    [ "$(stat -c '%a %h' "$spool/new/$output")" = "640 1" ]
    [ -z "$(ls -A "$spool/tmp")" ]
    strace -f -e trace=fsync,linkat,link,unlink,unlinkat -o "$BATS_TEST_TMPDIR/calls" \
        "$1" "$spool" <"$layout/examples/job.minimal.json"
    [ "$(grep -oE 'fsync|link|unlink' "$BATS_TEST_TMPDIR/calls" | tr '\n' ' ')" = "fsync link fsync unlink " ]
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

@test "the worked example's line hashes to the ID that the protocol's page shows" {
    line=$(block_of_readme '{"model":')
    id=$(printf %s "$line" | sha256sum | cut -d' ' -f1)
    [ "$(block_of_readme "$id")" = "$id" ]
    job=$(block_of_readme '{"prompt": "Name three primary colours.",$')
    [ "$(jq -S . <<<"$job")" = "$(jq -S . "$layout/examples/job.named.json")" ]
}

@test "the shell dropper drops durably and as the protocol's page prints it" {
    drops_durably "$layout/clients/drop.sh"
    [ "$(block_of_readme 'name=\$(uname')" = "$(grep -A5 '^name=' "$layout/clients/drop.sh")" ]
}

@test "the Python dropper drops durably and as the protocol's page prints it" {
    drops_durably "$layout/clients/drop.py"
    [ "$(block_of_readme 'name = secrets')" = \
        "$(sed -n '/name = secrets/,/os.unlink/s/^    //p' "$layout/clients/drop.py")" ]
}

@test "the droppers never replace what is in new/" {
    mkdir -p "$spool/tmp" "$spool/new"
    mkdir "$BATS_TEST_TMPDIR/bin"
    printf '#!/bin/sh\necho same\n' >"$BATS_TEST_TMPDIR/bin/date"
    cp "$BATS_TEST_TMPDIR/bin/date" "$BATS_TEST_TMPDIR/bin/uname"
    chmod +x "$BATS_TEST_TMPDIR/bin/"*
    sed 's/\$\$/same/' "$layout/clients/drop.sh" >"$BATS_TEST_TMPDIR/drop.sh"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH sh "$BATS_TEST_TMPDIR/drop.sh" "$spool" <<<'{"prompt": "one"}'
    run env PATH="$BATS_TEST_TMPDIR/bin:$PATH" sh "$BATS_TEST_TMPDIR/drop.sh" "$spool" <<<'{"prompt": "two"}'
    [ "$status" -ne 0 ]
    [ "$(cat "$spool/new/same.same.same.json")" = '{"prompt": "one"}' ]
}

@test "everything in spool-layout is installed" {
    cd "$top"
    for file in $(find spool-layout -type f ! -name Makemodule.am); do
        grep -qE "^[[:space:]]$file( \\\\)?\$" spool-layout/Makemodule.am || { echo "$file is not listed"; return 1; }
    done
}
