#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# GET /v1/status and the page of llmspool-httpd. The scenarios are in page.py, a browser's part in page.mjs.

bats_require_minimum_version 1.5.0
load rig
load node

browser() {
    node_packages
    install -D -m 644 "$LLMSPOOL_SOURCE/tests/e2e/page.mjs" "$node_folder/run/page.mjs"
    export NODE_FOLDER=$node_folder
    scenario page.py "$1"
}

@test "GET /v1/status tells what the spool holds, with and without a daemon" {
    scenario page.py status_equals_spool
}

@test "POST /v1/pause and /v1/resume turn the switch" {
    scenario page.py pause_and_resume
}

@test "the page's files: bytes, types, policy, ETag, size" {
    scenario page.py files
}

@test "status wants read, the switch wants admin, and the page logs in" {
    browser scopes
}

@test "the overview moves with the spool, groups failures and keeps what is hostile text" {
    browser overview
}

@test "a job is submitted by keyboard and followed to its end; another one is cancelled" {
    browser submitting
}

@test "a job's story: versions, what differs, running again; the list of jobs" {
    browser story
}

@test "the page tells when server or daemon are away, and goes on afterwards" {
    browser away
}

@test "all views fit 360 and 1,440 pixels, stay where they are, and axe finds nothing serious, light and dark" {
    browser looks
}
