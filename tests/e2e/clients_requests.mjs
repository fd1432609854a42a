// SPDX-License-Identifier: GPL-2.0-or-later
// clients_requests.mjs: what clients really send.
//
//   node clients_requests.mjs record FILE
//       lets the official clients make the calls of FILE (data/requests.json), and prints what each
//       sent as a line of JSON: {"name", "protocol", "method", "path", "headers", "body"}
//   node clients_requests.mjs serve FILE
//       listens on a loopback port, prints "listening on URL", answers whatever is posted well, and
//       appends it to FILE as such a line without name and protocol; until it gets SIGTERM
//
// data/requests.json is a list of inputs: "name"; "protocol", as llmspool's configuration calls it;
// "job", to be dropped into a spool; and "client", the same for a library: "call" names the method,
// "arguments" is what it is given.
//   node clients_requests.mjs compare FILE DIFFERENCES RECORDED SENT
//       compares what llmspoold sent for the jobs of FILE (SENT, written by serve, in their order)
//       with what the clients sent (RECORDED): method, path, headers, and each member of the body.
//       Prints what differs and is not in DIFFERENCES (data/differences.json) with a reason, and what
//       is there and does not differ; exits 1 when there is any
import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:http";

// Headers that say what a body is and how it is wanted; and, without its value, where the key stood.
const kept = ["content-type", "accept", "anthropic-version"];
const keys = ["authorization", "x-api-key", "api-key"];

function recordOf(request, text) {
    const headers = {};
    kept.filter((name) => name in request.headers).forEach((name) => { headers[name] = request.headers[name]; });
    keys.filter((name) => name in request.headers).forEach((name) => {
        headers[name] = request.headers[name].startsWith("Bearer ") ? "Bearer ***" : "***";
    });
    return { method: request.method, path: request.url, headers, body: JSON.parse(text) };
}

// Fits every schema that is asked for in data/requests.json.
const answerText = '{"label":"bug"}';
const chat = (body) => ({ id: "chatcmpl-1", object: "chat.completion", created: 1, model: body.model,
    choices: [{ index: 0, message: { role: "assistant", content: answerText, refusal: null }, logprobs: null,
        finish_reason: "stop" }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } });
const chunk = (body) => ({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: body.model,
    choices: [{ index: 0, delta: { role: "assistant", content: answerText }, finish_reason: "stop" }] });
const completion = (body) => ({ id: "cmpl-1", object: "text_completion", created: 1, model: body.model,
    choices: [{ index: 0, text: "x", logprobs: null, finish_reason: "stop" }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } });
const embeddings = (body) => ({ object: "list", model: body.model,
    data: [body.input].flat().map((_, index) => ({ object: "embedding", index, embedding: "AACAPw==" })),
    usage: { prompt_tokens: 1, total_tokens: 1 } });
const response = (body) => ({ id: "resp_1", object: "response", created_at: 1, status: "completed", error: null,
    incomplete_details: null, model: body.model, output: [{ id: "msg_1", type: "message", role: "assistant",
        status: "completed", content: [{ type: "output_text", text: answerText, annotations: [] }] }],
    usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } });
const message = (body, content = [{ type: "text", text: answerText }]) => ({ id: "msg_1", type: "message",
    role: "assistant", model: body.model, content, stop_reason: "end_turn", stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 } });

// By the end of the path: the answer, and the events of a stream.
const answers = [
    ["/chat/completions", chat, (body) => [chunk(body), "[DONE]"]],
    ["/completions", completion, (body) => [completion(body), "[DONE]"]],
    ["/embeddings", embeddings],
    ["/responses", response, (body) => [
        { type: "response.created", sequence_number: 0, response: { ...response(body), status: "in_progress", output: [] } },
        { type: "response.completed", sequence_number: 1, response: response(body) }]],
    ["/messages", message, (body) => [
        { type: "message_start", message: message(body, []) },
        { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
        { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: answerText } },
        { type: "content_block_stop", index: 0 },
        { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 1 } },
        { type: "message_stop" }]],
];

function answer(reply, path, body) {
    const found = answers.find(([ending]) => path.split("?")[0].endsWith(ending));
    if (!found) {
        reply.writeHead(404, { "content-type": "application/json" }).end('{"error":{"message":"unknown path"}}');
    } else if (body.stream) {
        const events = found[2](body).map((data) => (data.type ? `event: ${data.type}\n` : "") +
            `data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
        reply.writeHead(200, { "content-type": "text/event-stream" }).end(events.join(""));
    } else {
        reply.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(found[1](body)));
    }
}

// A server on loopback that calls keep with each request. Returns it and its URL.
async function listen(keep) {
    const server = createServer((request, reply) => {
        const pieces = [];
        request.on("data", (piece) => pieces.push(piece));
        request.on("end", () => {
            const record = recordOf(request, Buffer.concat(pieces).toString("utf8") || "null");
            keep(record);
            answer(reply, record.path, record.body ?? {});
        });
    });
    await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
    return { server, url: `http://127.0.0.1:${server.address().port}` };
}

// Loaded only where they are needed: a server has no use for them.
async function makeClients(url) {
    const { default: OpenAI, AzureOpenAI } = await import("openai");
    const { default: Anthropic } = await import("@anthropic-ai/sdk");
    const options = { apiKey: "made-up", maxRetries: 0 };
    return {
        openai: new OpenAI({ baseURL: `${url}/v1`, ...options }),
        azure: new AzureOpenAI({ endpoint: url, apiVersion: "2024-10-21", ...options }),
        anthropic: new Anthropic({ baseURL: url, ...options }),
    };
}

async function callClient(clients, { library, call, arguments: given }) {
    const path = call.split(".");
    const method = path.pop();
    const holder = path.reduce((object, name) => object[name], clients[library]);
    const result = await holder[method](given);
    if (given.stream) {
        for await (const event of result) void event;
    }
}

async function record(file) {
    let sent;
    const { server, url } = await listen((request) => { sent = request; });
    const clients = await makeClients(url);
    for (const { name, protocol, client } of JSON.parse(readFileSync(file, "utf8"))) {
        sent = undefined;
        await callClient(clients, client);
        console.log(JSON.stringify({ name, protocol, ...sent }));
    }
    server.closeAllConnections();
    server.close();
}

async function serve(file) {
    const { url } = await listen((request) => appendFileSync(file, `${JSON.stringify(request)}\n`));
    process.on("SIGTERM", () => process.exit(0));
    console.log(`listening on ${url}`);
}

const isObject = (value) => value !== null && typeof value === "object";

// The paths at which two values differ: "body.messages.0.content".
function differences(client, ours, path) {
    if (isObject(client) && isObject(ours) && Array.isArray(client) === Array.isArray(ours)) {
        const names = new Set([...Object.keys(client), ...Object.keys(ours)]);
        return [...names].flatMap((name) => differences(client[name], ours[name], `${path}.${name}`));
    }
    return client === ours ? [] : [{ path, client, ours }];
}

// The entry that gives the reason of a difference.
function reasonFor(reasons, path, { protocol, job }) {
    return reasons.find((reason) => reason.path === path && protocol === (reason.protocol ?? protocol) &&
        (job?.stream ?? false) === (reason.stream ?? job?.stream ?? false));
}

function compare(file, reasonsFile, recordedFile, sentFile) {
    const lines = (name) => readFileSync(name, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const show = (value) => (value === undefined ? "nothing" : JSON.stringify(value));
    const [recorded, sent] = [lines(recordedFile), lines(sentFile)];
    const [cases, reasons] = [file, reasonsFile].map((name) => JSON.parse(readFileSync(name, "utf8")));
    const used = new Set();
    const told = [];
    cases.forEach((one, at) => {
        const found = ["method", "path", "headers", "body"]
            .flatMap((part) => differences(recorded[at]?.[part], sent[at]?.[part], part));
        for (const { path, client, ours } of found) {
            const reason = reasonFor(reasons, path, one);
            used.add(reason);
            if (!reason) {
                told.push(`${one.name}: ${path}: clients send ${show(client)}, llmspool ${show(ours)}`);
            }
        }
    });
    reasons.filter((reason) => !used.has(reason)).forEach(({ path }) => told.push(`${path}: does not differ any more`));
    if (sent.length !== cases.length || recorded.length !== cases.length) {
        told.push(`${cases.length} cases, ${recorded.length} requests of clients, ${sent.length} of llmspool`);
    }
    told.forEach((line) => console.log(line));
    process.exitCode = told.length > 0 ? 1 : 0;
}

const [verb, ...files] = process.argv.slice(2);
await { record, serve, compare }[verb](...files);
