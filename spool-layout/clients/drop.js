#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// drop.js: a client of a spool in one file, to run or to require; the protocol is in ../README.
'use strict';
const usage = `drop.js submit SPOOL < JOB      drops a job durably; prints its ID and its name in new/
drop.js wait SPOOL ID [NAME]    until it has ended: 0 completed, 1 failed or refused
drop.js result SPOOL ID         prints its newest answer
drop.js id SPOOL < JOB          prints the ID that a job gets`;
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');

const identity = ['type', 'model', 'prompt', 'messages', 'input', 'system', 'params', 'user',
    'provider', 'sample'];

// The canonical form of RFC 8785, which is ECMAScript's own but for the order of keys.
function canonical(value) {
    if (Array.isArray(value)) return '[' + value.map(canonical).join(',') + ']';
    if (value === null || typeof value !== 'object') return JSON.stringify(value);
    const members = Object.keys(value).sort().map((key) => JSON.stringify(key) + ':' + canonical(value[key]));
    return '{' + members.join(',') + '}';
}

function read(...path) {
    return JSON.parse(fs.readFileSync(path.join('/'), 'utf8'));
}

// The ID of a job (an object, or JSON) in this spool.
function jobId(spool, job) {
    if (typeof job === 'string' || Buffer.isBuffer(job)) job = JSON.parse(job);
    const group = { type: 'chat' };
    for (const key of identity) {
        if (Object.hasOwn(job, key)) group[key] = job[key];
    }
    const model = group.model ?? read(spool, 'spool.json').default_model;
    if (model !== undefined) group.model = model;
    if (fs.statSync(`${spool}/new`).mode & 0o20) group.user ??= os.userInfo().username; // a shared spool
    return crypto.createHash('sha256').update(canonical(group)).digest('hex');
}

function sync(path, flags, content) {
    const fd = fs.openSync(path, flags, 0o640);
    try {
        if (content !== undefined) fs.writeFileSync(fd, content);
        fs.fsyncSync(fd);
    } finally {
        fs.closeSync(fd);
    }
}

// Drops a job (an object, or JSON) durably; returns its ID and its name in new/.
function submit(spool, job) {
    const text = typeof job === 'string' || Buffer.isBuffer(job) ? job : JSON.stringify(job);
    const id = jobId(spool, text);
    const unique = crypto.randomBytes(16).toString('hex');
    sync(`${spool}/tmp/${unique}`, 'wx', text);
    fs.linkSync(`${spool}/tmp/${unique}`, `${spool}/new/${unique}.json`);
    sync(`${spool}/new`, 'r');
    fs.unlinkSync(`${spool}/tmp/${unique}`);
    return { id, name: `${unique}.json` };
}

// Waits until a job has ended; name is that of its drop. Rejects with the reason of a failure.
async function wait(spool, id, name) {
    for (let pause = 50; ; pause = Math.min(pause * 1.5, 1000)) {
        if (name && fs.existsSync(`${spool}/failed/${name}.error.json`)) {
            throw new Error(read(spool, 'failed', `${name}.error.json`).message);
        }
        if (!(name && fs.existsSync(`${spool}/new/${name}`)) && !fs.existsSync(`${spool}/cur/${id}.json`)) {
            if (fs.existsSync(`${spool}/failed/${id}.json`)) {
                throw new Error(read(spool, 'failed', `${id}.error.json`).message);
            }
            if (fs.existsSync(`${spool}/done/${id}.json`)) return;
        }
        await new Promise((wake) => setTimeout(wake, pause));
    }
}

// The newest good answer: a text, or the value that was asked for. Throws the reason of a failure.
function result(spool, id) {
    const at = (version) => `${spool}/done/${id}.v${version}.json`;
    let last = 1;
    if (fs.existsSync(at(1))) { // the folder may be large: it is listed last
        while (fs.existsSync(at(last + 1))) last++;
    } else {
        const versions = fs.readdirSync(`${spool}/done`).filter((name) => name.startsWith(`${id}.v`));
        last = Math.max(0, ...versions.map((name) => parseInt(name.slice(id.length + 2), 10)));
    }
    for (let version = last; version > 0 && fs.existsSync(at(version)); version--) {
        const record = read(at(version));
        if (record.status === 'completed') return record.output;
    }
    const error = `${spool}/failed/${id}.error.json`;
    throw new Error(fs.existsSync(error) ? read(error).message : 'there is no answer yet');
}

async function main(verb, spool, ...words) {
    if (verb === 'submit' && spool && words.length === 0) {
        const { id, name } = submit(spool, fs.readFileSync(0));
        console.log(id, name);
    } else if (verb === 'id' && spool && words.length === 0) {
        console.log(jobId(spool, fs.readFileSync(0)));
    } else if (verb === 'wait' && (words.length === 1 || words.length === 2)) {
        await wait(spool, ...words);
    } else if (verb === 'result' && (words.length === 1 || words.length === 2)) {
        const answer = result(spool, words[0]);
        console.log('%s', typeof answer === 'string' ? answer : canonical(answer));
    } else {
        console.error(usage);
        process.exitCode = 64;
    }
}

module.exports = { canonical, jobId, submit, wait, result };
if (require.main === module) {
    main(...process.argv.slice(2)).catch((error) => {
        console.error(`drop.js: ${error.message}`);
        process.exitCode = 1;
    });
}
