// SPDX-License-Identifier: GPL-2.0-or-later
// standard_webhooks.mjs NAME=SECRET…: a receiver of webhooks on 127.0.0.1 that verifies what it gets
// with the npm package standardwebhooks. Its first line is its URL; each request gives one more, a
// JSON object: path, headers, the body as text, and for each secret what becomes of the request as it
// is and of forged ones: "ok" or the package's words. /busy answers 500 once for each id, all else 204.
import http from "node:http";
import { Webhook } from "standardwebhooks";

const secrets = process.argv.slice(2).map((word) => word.split(/=(.*)/s).slice(0, 2));
const seen = new Set();

function outcome(verify) {
    try {
        verify();
        return "ok";
    } catch (error) {
        return String(error.message);
    }
}

// As if the clock stood elsewhere by so many seconds.
function at(seconds, verify) {
    const now = Date.now;
    Date.now = () => now() + seconds * 1000;
    const RealDate = globalThis.Date;
    globalThis.Date = class extends RealDate {
        constructor(...given) {
            super(...(given.length > 0 ? given : [RealDate.now()]));
        }
    };
    try {
        return outcome(verify);
    } finally {
        globalThis.Date = RealDate;
        Date.now = now;
    }
}

function cases(secret, body, headers) {
    const webhook = new Webhook(secret);
    const older = { ...headers, "webhook-timestamp": String(headers["webhook-timestamp"] - 400) };
    const other = { ...headers, "webhook-id": `${headers["webhook-id"].slice(0, -1)}x` };
    const changed = Buffer.from(body);
    changed[changed.length - 3] ^= 1;
    return {
        good: outcome(() => webhook.verify(body, headers)),
        body_changed: outcome(() => webhook.verify(changed, headers)),
        body_longer: outcome(() => webhook.verify(Buffer.concat([body, Buffer.from(" ")]), headers)),
        id_changed: outcome(() => webhook.verify(body, other)),
        timestamp_changed: outcome(() => webhook.verify(body, older)),
        replayed_in_time: at(290, () => webhook.verify(body, headers)),
        replayed_late: at(310, () => webhook.verify(body, headers)),
        clock_behind: at(-310, () => webhook.verify(body, headers)),
    };
}

const server = http.createServer((request, response) => {
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
        const body = Buffer.concat(pieces);
        const id = request.headers["webhook-id"];
        const busy = request.url === "/busy" && !seen.has(id);
        seen.add(id);
        response.writeHead(busy ? 500 : 204).end();
        console.log(JSON.stringify({
            path: request.url,
            headers: request.headers,
            body: body.toString("utf8"),
            cases: Object.fromEntries(
                secrets.map(([name, secret]) => [name, cases(secret, body, request.headers)])),
        }));
    });
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0)); // whoever started it has gone
