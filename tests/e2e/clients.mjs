// SPDX-License-Identifier: GPL-2.0-or-later
// clients.mjs: the official clients, unchanged, against llmspool-mock.
//
//   node clients.mjs SCENARIO URL
//       exits 0 when the client took what the mock says for what it is
import assert from "node:assert/strict";
import OpenAI, { AzureOpenAI } from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { ContentFilterFinishReasonError, LengthFinishReasonError } from "openai/error";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";

const [name, url] = process.argv.slice(2);

const openai = (options) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "made-up", maxRetries: 0, ...options });
const anthropic = (options) => new Anthropic({ baseURL: url, apiKey: "made-up", maxRetries: 0, ...options });
const azure = (options) => new AzureOpenAI({ endpoint: url, apiKey: "made-up", apiVersion: "2024-10-21",
    maxRetries: 0, ...options });

const model = "gpt-4o-mini";
const user = (content) => [{ role: "user", content }];
const Ticket = z.object({ mood: z.enum(["negative", "positive"]), count: z.number().int() });
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"],
    additionalProperties: false };

const chat = (prompt, more, options) =>
    openai(options).chat.completions.create({ model, messages: user(prompt), ...more });
const respond = (input, more, options) => openai(options).responses.create({ model, input, ...more });
const message = (prompt, more, options) =>
    anthropic(options).messages.create({ model: "claude", max_tokens: 200, messages: user(prompt), ...more });

async function collect(stream) {
    const events = [];
    for await (const event of stream) events.push(event);
    return events;
}
const texts = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? "").join("");

// What a client makes of an error, as the name of its class.
async function caught(promise) {
    try {
        await promise;
    } catch (error) {
        return error;
    }
    return assert.fail("nothing was thrown");
}
async function throws(promise, type, check) {
    const error = await caught(promise);
    assert.ok(error instanceof type, `${error.constructor.name}: ${error.message}`);
    Object.entries(check ?? {}).forEach(([key, value]) => assert.deepEqual(error[key], value, key));
    return error;
}

const scenarios = {
    async chat() {
        const answer = await chat("hello world");
        assert.equal(answer.choices[0].message.content, "hello world");
        assert.equal(answer.choices[0].finish_reason, "stop");
        assert.equal(answer.usage.total_tokens, 12);
        assert.match(answer._request_id, /^req_/);
    },

    async "chat-stream"() {
        const chunks = await collect(await chat("one two three",
            { stream: true, stream_options: { include_usage: true } }));
        assert.equal(texts(chunks), "one two three");
        assert.equal(chunks.at(-1).usage.completion_tokens, 4);
        const stream = openai().chat.completions.stream({ model, messages: user("one two three") });
        const last = await stream.finalChatCompletion();
        assert.equal(last.choices[0].message.content, "one two three");
        assert.equal(last.choices[0].finish_reason, "stop");
    },

    async "chat-structured"() {
        const answer = await openai().chat.completions.parse({ model, messages: user("I love it"),
            response_format: zodResponseFormat(Ticket, "ticket") });
        assert.equal(answer.choices[0].message.parsed.mood, "positive");
        assert.ok(Number.isInteger(answer.choices[0].message.parsed.count));
        const refused = await openai().chat.completions.parse({ model, messages: user("[[mock:refusal]]"),
            response_format: zodResponseFormat(Ticket, "ticket") });
        assert.equal(refused.choices[0].message.parsed, null);
        assert.match(refused.choices[0].message.refusal, /sorry/);
        await throws(openai().chat.completions.parse({ model, messages: user("[[mock:wrong-schema]]"),
            response_format: zodResponseFormat(Ticket, "ticket") }), Error);
        await throws(openai().chat.completions.parse({ model, messages: user("[[mock:truncated]] x"),
            response_format: zodResponseFormat(Ticket, "ticket") }), LengthFinishReasonError);
        await throws(openai().chat.completions.parse({ model, messages: user("[[mock:content-filter]] x"),
            response_format: zodResponseFormat(Ticket, "ticket") }), ContentFilterFinishReasonError);
    },

    async "chat-tools"() {
        const more = { tools: [{ type: "function", function: { name: "weather", parameters } }],
            tool_choice: { type: "function", function: { name: "weather" } } };
        const answer = await chat("Paris", more);
        const call = answer.choices[0].message.tool_calls[0];
        assert.equal(answer.choices[0].finish_reason, "tool_calls");
        assert.deepEqual(JSON.parse(call.function.arguments), { city: "Paris" });
        const stream = openai().chat.completions.stream({ model, messages: user("Paris"), ...more });
        const last = await stream.finalChatCompletion();
        assert.deepEqual(JSON.parse(last.choices[0].message.tool_calls[0].function.arguments), { city: "Paris" });
        const garbage = await chat("[[mock:tool-garbage]]", more);
        assert.throws(() => JSON.parse(garbage.choices[0].message.tool_calls[0].function.arguments));
    },

    async embeddings() {
        const ask = (more) => openai().embeddings.create({ model: "text-embedding-3-small",
            input: ["the red car", "nothing alike"], dimensions: 64, ...more });
        const packed = await ask();   // asks for base64 by itself
        const floats = await ask({ encoding_format: "float" });
        assert.equal(packed.data.length, 2);
        assert.equal(packed.data[0].embedding.length, 64);
        packed.data[0].embedding.forEach((value, i) =>
            assert.ok(Math.abs(value - floats.data[0].embedding[i]) < 1e-6));
    },

    async completions() {
        const answer = await openai().completions.create({ model, prompt: "one two", max_tokens: 50 });
        assert.equal(answer.choices[0].text, "one two");
        const chunks = await collect(await openai().completions.create({ model, prompt: "one two", stream: true }));
        assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), "one two");
    },

    async responses() {
        const answer = await respond("hello world");
        assert.equal(answer.output_text, "hello world");
        assert.equal(answer.usage.total_tokens, 9);
        const parsed = await openai().responses.parse({ model, input: "I love it",
            text: { format: zodTextFormat(Ticket, "ticket") } });
        assert.equal(parsed.output_parsed.mood, "positive");
        const called = await respond("Paris", { tool_choice: "required",
            tools: [{ type: "function", name: "weather", parameters, strict: true }] });
        assert.equal(called.output[0].type, "function_call");
        assert.deepEqual(JSON.parse(called.output[0].arguments), { city: "Paris" });
        const cut = await respond("word ".repeat(40), { max_output_tokens: 16 });
        assert.equal(cut.status, "incomplete");
        assert.equal(cut.incomplete_details.reason, "max_output_tokens");
        assert.equal((await respond("[[mock:error200]]")).status, "failed");
        assert.equal((await respond("[[mock:refusal]]")).output[0].content[0].type, "refusal");
    },

    async "responses-stream"() {
        const events = await collect(await respond("one two three", { stream: true }));
        const deltas = events.filter((event) => event.type === "response.output_text.delta");
        assert.equal(deltas.map((event) => event.delta).join(""), "one two three");
        events.forEach((event, i) => assert.equal(event.sequence_number, i));
        assert.equal(events.at(-1).type, "response.completed");
        const last = await openai().responses.stream({ model, input: "one two three" }).finalResponse();
        assert.equal(last.output_text, "one two three");
        const called = await openai().responses.stream({ model, input: "Paris", tool_choice: "required",
            tools: [{ type: "function", name: "weather", parameters, strict: true }] }).finalResponse();
        assert.deepEqual(JSON.parse(called.output[0].arguments), { city: "Paris" });
    },

    async messages() {
        const answer = await message("hello world", { system: "Be good." });
        assert.deepEqual(answer.content.map(({ type, text }) => [type, text]), [["text", "hello world"]]);
        assert.equal(answer.stop_reason, "end_turn");
        assert.equal(answer.usage.output_tokens, 3);
        assert.equal(answer.usage.cache_read_input_tokens, 0);
        assert.match(answer._request_id, /^req_/);
        assert.equal((await message("one two", { stop_sequences: ["two"] })).stop_sequence, "two");
        assert.equal((await message("one two three", { max_tokens: 1 })).stop_reason, "max_tokens");
        assert.equal((await message("[[mock:refusal]]")).stop_reason, "refusal");
        const bearer = await message("hello", {}, { apiKey: null, authToken: "made-up" });
        assert.equal(bearer.content[0].text, "hello");
        const parsed = await anthropic().messages.parse({ model: "claude", max_tokens: 200,
            messages: user("I love it"), output_config: { format: zodOutputFormat(Ticket) } });
        assert.equal(parsed.parsed_output.mood, "positive");
    },

    async "messages-stream"() {
        const events = await collect(await message("one two three", { stream: true }));
        assert.equal(events[0].type, "message_start");
        assert.equal(events.at(-1).type, "message_stop");
        const last = await anthropic().messages.stream({ model: "claude", max_tokens: 200,
            messages: user("one two three") }).finalMessage();
        assert.equal(last.content[0].text, "one two three");
        assert.equal(last.stop_reason, "end_turn");
        assert.equal(last.usage.output_tokens, 4);
    },

    async "messages-tools"() {
        const more = { tools: [{ name: "weather", input_schema: parameters }], tool_choice: { type: "any" } };
        const answer = await message("Paris", more);
        assert.equal(answer.stop_reason, "tool_use");
        assert.deepEqual(answer.content[0].input, { city: "Paris" });
        const last = await anthropic().messages.stream({ model: "claude", max_tokens: 200,
            messages: user("Paris"), ...more }).finalMessage();
        assert.deepEqual(last.content[0].input, { city: "Paris" });
        assert.equal(last.content[0].name, "weather");
    },

    async azure() {
        const answer = await azure().chat.completions.create({ model, messages: user("hello world") });
        assert.equal(answer.choices[0].message.content, "hello world");
        const chunks = await collect(await azure().chat.completions.create({ model, messages: user("one two"),
            stream: true }));
        assert.equal(texts(chunks), "one two");
        const vectors = await azure().embeddings.create({ model, input: "x" });
        assert.equal(vectors.data.length, 1);
        const unknown = azure().chat.completions.create({ model: "unknown", messages: user("x") });
        await throws(unknown, OpenAI.NotFoundError, { code: "DeploymentNotFound" });
        const wrong = azure({ apiKey: "wrong" }).chat.completions.create({ model, messages: user("x") });
        await throws(wrong, OpenAI.AuthenticationError, { code: "401" });
    },

    async "openai-errors"() {
        await throws(chat("x", {}, { apiKey: "wrong" }), OpenAI.AuthenticationError, { code: "invalid_api_key" });
        await throws(chat("x", { model: "unknown" }), OpenAI.NotFoundError, { code: "model_not_found" });
        await throws(chat("x", { temperature: 5 }), OpenAI.BadRequestError, { param: "temperature" });
        await throws(respond("x", { stop: "y" }), OpenAI.BadRequestError, { code: "unknown_parameter" });
        const kinds = { 400: OpenAI.BadRequestError, 401: OpenAI.AuthenticationError,
            403: OpenAI.PermissionDeniedError, 404: OpenAI.NotFoundError, 409: OpenAI.ConflictError,
            422: OpenAI.UnprocessableEntityError, 429: OpenAI.RateLimitError, quota: OpenAI.RateLimitError,
            500: OpenAI.InternalServerError, 503: OpenAI.InternalServerError,
            overloaded: OpenAI.InternalServerError, html: OpenAI.InternalServerError,
            "array-error": OpenAI.RateLimitError, "flat-error": OpenAI.RateLimitError,
            reset: OpenAI.APIConnectionError, close: OpenAI.APIConnectionError };
        for (const [kind, type] of Object.entries(kinds)) {
            await throws(chat(`[[mock:${kind}]]`), type);
            await throws(respond(`[[mock:${kind}]]`), type);
        }
        await throws(chat("[[mock:quota]]"), OpenAI.RateLimitError, { code: "insufficient_quota" });
        await throws(chat("[[mock:hang]]", {}, { timeout: 200 }), OpenAI.APIConnectionTimeoutError);
        const stream = await chat("[[mock:error-event]] one two three four", { stream: true });
        await throws(collect(stream), OpenAI.APIError);
    },

    async "anthropic-errors"() {
        await throws(message("x", {}, { apiKey: "wrong" }), Anthropic.AuthenticationError);
        await throws(message("x", { model: "unknown" }), Anthropic.NotFoundError);
        await throws(message("x", { max_tokens: 0 }), Anthropic.BadRequestError);
        const kinds = { 400: Anthropic.BadRequestError, 401: Anthropic.AuthenticationError,
            403: Anthropic.PermissionDeniedError, 404: Anthropic.NotFoundError, 409: Anthropic.ConflictError,
            429: Anthropic.RateLimitError, "spend-limit": Anthropic.RateLimitError,
            500: Anthropic.InternalServerError, overloaded: Anthropic.InternalServerError,
            reset: Anthropic.APIConnectionError, close: Anthropic.APIConnectionError };
        for (const [kind, type] of Object.entries(kinds)) {
            await throws(message(`[[mock:${kind}]]`), type);
        }
        const error = await throws(message("[[mock:overloaded]]"), Anthropic.InternalServerError, { status: 529 });
        assert.equal(error.error.error.type, "overloaded_error");
        assert.equal(error.error.request_id, error.requestID);
        await throws(message("[[mock:hang]]", {}, { timeout: 200 }), Anthropic.APIConnectionTimeoutError);
        const events = await message("[[mock:error-event]] one two three four", { stream: true });
        await throws(collect(events), Anthropic.APIError);
        const cut = anthropic().messages.stream({ model: "claude", max_tokens: 200,
            messages: user("[[mock:empty-stream]]") });
        await throws(cut.finalMessage(), Anthropic.AnthropicError);
    },

    async models() {
        const names = async (list) => (await collect(list)).map((entry) => entry.id);
        assert.ok((await names(openai().models.list())).includes(model));
        assert.ok((await names(anthropic().models.list())).includes("claude-haiku-4-5"));
        assert.equal((await anthropic().models.retrieve("claude-haiku-4-5")).type, "model");
    },

    async retries() {
        const again = await chat("[[mock:429,retry-after=0.01,times=2]] x", {}, { maxRetries: 2 });
        assert.equal(again.choices[0].message.content, "x");
        const told = await chat("[[mock:400,should-retry=true,times=1]] y", {}, { maxRetries: 1 });
        assert.equal(told.choices[0].message.content, "y");
        await throws(chat("[[mock:500,should-retry=false,times=1]] z", {}, { maxRetries: 2 }),
            OpenAI.InternalServerError);
        const other = await message("[[mock:529,retry-after=0.01,times=1]] x", {}, { maxRetries: 1 });
        assert.equal(other.content[0].text, "x");
    },
};

if (name === "list") {
    console.log(Object.keys(scenarios).join("\n"));
} else {
    await scenarios[name]();
}
