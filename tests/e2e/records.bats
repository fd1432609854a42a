#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What src/job writes passes the schemas, which here refuse keys that they do not describe.

setup() {
    /usr/bin/python3 -c 'import jsonschema' 2>/dev/null ||
        skip "python3-jsonschema is missing (Debian package: python3-jsonschema)"
    "$LLMSPOOL_BUILD/tests/unit/record_samples" "$BATS_TEST_TMPDIR"
}

# Holds all samples of one kind, at least $2 of them, against the schema of that name.
check() {
    set -- "$1" "$2" "$BATS_TEST_TMPDIR/$1".*.json
    [ $(($# - 2)) -ge "$2" ]
    kind=$1
    shift 2
    /usr/bin/python3 "$BATS_TEST_DIRNAME/schemas.py" check "$kind" "$@"
}

@test "outputs of every shape pass the schema of outputs" {
    check output 4
}

@test "error files of every status pass the schema of errors" {
    check error 3
}

@test "state files, fresh and full, pass the schema of states" {
    check state 3
}

@test "a job completed at acceptance passes the schema of jobs" {
    check job 1
}
