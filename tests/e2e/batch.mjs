// SPDX-License-Identifier: GPL-2.0-or-later
// batch.mjs: OpenAI's client, unchanged, reads a batch's files of results as it reads its own.
//
//   node batch.mjs SPOOL RUN
//       the client asks for the batch, its files and each answer; what it is given are the files of the spool
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import OpenAI from "openai";

const [spool, run] = process.argv.slice(2);
const read = (name) => fs.readFileSync(path.join(spool, name), "utf8");
const lines = (text) => text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
const json = (value, status = 200) =>
    new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });

let body; // what any other endpoint answers with

const client = new OpenAI({
    baseURL: "http://spool/v1", apiKey: "made-up", maxRetries: 0,
    fetch: async (url) => {
        const words = decodeURIComponent(new URL(url).pathname).split("/").slice(2);
        if (words[0] === "batches") return json(JSON.parse(read(`runs/${words[1]}/batch.json`)));
        if (words[0] === "files") return new Response(read(words.slice(1, -1).join("/")));
        return json(body);
    },
});

// What each endpoint's own call makes of a body.
const calls = {
    "/v1/chat/completions": async () => {
        const answer = await client.chat.completions.create({ model: "m", messages: [] });
        assert.equal(answer.object, "chat.completion");
        assert.equal(typeof answer.choices[0].message.content, "string");
        assert.equal(answer.choices[0].finish_reason, "stop");
        assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
    },
    "/v1/completions": async () => {
        const answer = await client.completions.create({ model: "m", prompt: "" });
        assert.equal(answer.object, "text_completion");
        assert.equal(typeof answer.choices[0].text, "string");
    },
    "/v1/embeddings": async () => {
        const answer = await client.embeddings.create({ model: "m", input: "", encoding_format: "float" });
        assert.equal(typeof answer.data[0].embedding[0], "number");
    },
    "/v1/responses": async () => {
        const answer = await client.responses.create({ model: "m", input: "" });
        assert.equal(typeof answer.output_text, "string"); // the client's own sum of the output's texts
        assert.notEqual(answer.output_text, "");
    },
};

const batch = await client.batches.retrieve(run);
assert.equal(batch.status, "completed");
assert.equal(batch.object, "batch");
const input = lines(await (await client.files.content(batch.input_file_id)).text());
const output = lines(await (await client.files.content(batch.output_file_id)).text());
assert.equal(batch.request_counts.total, input.length);
assert.equal(batch.request_counts.completed, output.length);
assert.deepEqual(output.map((line) => line.custom_id), input.map((line) => line.custom_id));
for (const line of output) {
    assert.deepEqual(Object.keys(line).sort(), ["custom_id", "error", "id", "response"]);
    assert.deepEqual(Object.keys(line.response).sort(), ["body", "request_id", "status_code"]);
    assert.equal(line.error, null);
    body = line.response.body;
    await calls[batch.endpoint]();
}
