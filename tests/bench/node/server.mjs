// SPDX-License-Identifier: GPL-2.0-or-later
// A queue in Redis behind a web server: POST /v1/jobs adds a job, GET /v1/jobs/ID tells its state.
import Fastify from "fastify";
import { Queue } from "bullmq";

const connection = { host: "127.0.0.1", port: Number(process.argv[2]) };
const queue = new Queue("jobs", { connection });
const server = Fastify({ logger: false });

server.post("/v1/jobs", async (request, reply) => {
    const job = await queue.add("job", request.body);
    reply.code(201).header("Location", `/v1/jobs/${job.id}`);
    return { id: job.id, state: "waiting" };
});

server.get("/v1/jobs/:id", async (request, reply) => {
    const job = await queue.getJob(request.params.id);
    if (!job) return reply.code(404).send({ title: "Not Found" });
    return { id: job.id, state: await job.getState(), job: job.data, result: job.returnvalue ?? null };
});

await queue.waitUntilReady();
await server.listen({ host: "127.0.0.1", port: 0 });
console.log(`listening on http://127.0.0.1:${server.server.address().port}`);
