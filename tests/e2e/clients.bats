#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# The providers' official clients, unchanged, talk to llmspool-mock: what they take for good is good,
# and its errors are theirs.

load node
load mock

setup() {
    mock_setup
    node_packages
    unset OPENAI_API_KEY OPENAI_BASE_URL ANTHROPIC_API_KEY ANTHROPIC_BASE_URL ANTHROPIC_AUTH_TOKEN \
        AZURE_OPENAI_API_KEY OPENAI_API_VERSION
}

teardown() {
    mock_teardown
}

scenario() {
    start --key made-up --models 'gpt-*' --models 'claude*' --models 'text-*'
    node_run clients.mjs "$1" "$url"
}

@test "OpenAI's client: a chat" {
    scenario chat
}

@test "OpenAI's client: a chat, streamed" {
    scenario chat-stream
}

@test "OpenAI's client: structured output, and what goes wrong with it" {
    scenario chat-structured
}

@test "OpenAI's client: calls of tools" {
    scenario chat-tools
}

@test "OpenAI's client: embeddings, packed by default" {
    scenario embeddings
}

@test "OpenAI's client: completions" {
    scenario completions
}

@test "OpenAI's client: responses" {
    scenario responses
}

@test "OpenAI's client: responses, streamed" {
    scenario responses-stream
}

@test "OpenAI's client for Azure" {
    scenario azure
}

@test "OpenAI's client: each error is of its class" {
    scenario openai-errors
}

@test "Anthropic's client: messages" {
    scenario messages
}

@test "Anthropic's client: messages, streamed" {
    scenario messages-stream
}

@test "Anthropic's client: calls of tools" {
    scenario messages-tools
}

@test "Anthropic's client: each error is of its class" {
    scenario anthropic-errors
}

@test "both clients list models" {
    scenario models
}

@test "both clients try again as they are told" {
    scenario retries
}
