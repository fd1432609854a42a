#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Jobs whose type is a template's. The scenarios are in templates.py.

bats_require_minimum_version 1.5.0
load rig

@test "each built-in type is answered in its form, and has the ID that submit says" {
    scenario templates.py every_type
}

@test "flags, dropped jobs and lines of lists make the same jobs" {
    scenario templates.py same_by_flags
}

@test "a file in templates/ is a type and wins over a built-in one" {
    scenario templates.py own_template
}

@test "an edited or removed template changes no waiting job" {
    scenario templates.py edited
}

@test "a template that goes while jobs lie in new/ has them refused, and no others" {
    scenario templates.py removed_while_waiting
}

@test "what is wrong with a template is said exactly" {
    scenario templates.py bad_templates
}

@test "links, folders and pipes are no templates" {
    scenario templates.py links_are_no_templates
}

@test "what a typed job lacks or has too much is said exactly" {
    scenario templates.py jobs_are_refused
}

@test "an answer is mapped to its label, and another one is unusable" {
    scenario templates.py labels
}

@test "an answer that is no label costs one attempt" {
    scenario templates.py wrong_then_right
}

@test "extract takes a schema instead of fields" {
    scenario templates.py extract_by_schema
}

@test "all lines of a list are made with one template" {
    scenario templates.py many_lines
}

@test "--types tells all types and what they take" {
    scenario templates.py listed
}

@test "submit says when a template changed since the last run with it" {
    scenario templates.py changed_since_a_run
}

@test "in a shared spool the owner's templates are everybody's, and his alone to change" {
    scenario templates.py shared
}

# bats test_tags=sweep
@test "a list that is taken again with an edited template leaves no run without its jobs" {
    scenario templates.py edited_after_a_kill
}

# bats test_tags=sweep
@test "killed at any call while typed jobs come in, none is lost or doubled" {
    scenario templates.py killed
}
