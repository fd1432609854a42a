// SPDX-License-Identifier: GPL-2.0-or-later
// https: a server of HTTP/2 and HTTP/1.1 over TLS that misbehaves on request, and a proxy before it.
//
// usage: https.mjs FOLDER CERTIFICATE [CLIENT_CA]
//
// Serves with FOLDER/CERTIFICATE.pem and .key; with CLIENT_CA clients must prove who they are. Prints
// {"port": N, "proxy": N} when it listens; GET /report of the proxy's port tells what both have seen.
// Ends with its standard input.
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';

const [folder, certificate, clientCa] = process.argv.slice(2);
const read = (name) => fs.readFileSync(`${folder}/${name}`);

// A prompt counts as paid each time that its request was read as a whole.
const seen = { sessions: 0, heads: 0, paid: {}, refused: 0, connects: [], keys: 0, identity: 0 };

const sockets = new Set();

const { NGHTTP2_REFUSED_STREAM, NGHTTP2_INTERNAL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = http2.constants;

function answer(response, delay) {
    setTimeout(() => {
        if (response.destroyed || response.stream?.destroyed)
            return;
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end('{"text": "hello"}');
    }, delay);
}

// What each path does with a request that was read; session is null with HTTP/1.1.
const behaviours = {
    '/ok': (response) => answer(response, 200),
    '/now': (response) => answer(response, 0),
    // An answer of 4 MiB.
    '/big': (response) => response.end(Buffer.alloc(4 << 20, 'x')),
    // Reads, is paid, and breaks the stream off.
    '/reset': (response) => response.stream.close(NGHTTP2_INTERNAL_ERROR),
    '/calm': (response) => response.stream.close(NGHTTP2_ENHANCE_YOUR_CALM),
    // The same in the middle of the answer.
    '/half': (response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half', () => response.stream.close(NGHTTP2_INTERNAL_ERROR));
    },
    // Says goodbye with each tenth request, and answers all that it has read.
    '/goaway': (response, session) => {
        session.count = (session.count ?? 0) + 1;
        if (session.count % 10 === 0)
            session.goaway(0);
        answer(response, 50);
    },
    // A goodbye that disowns all that is in flight, and means it of those not read yet alone.
    '/disown': (response, session) => {
        session.count = (session.count ?? 0) + 1;
        if (session.count === 10)
            session.goaway(0, 1);
        answer(response, 100);
    },
    // Each tenth request ends all connections.
    '/gone': (response, session) => {
        session.count = (session.count ?? 0) + 1;
        if (session.count % 10 === 0)
            setTimeout(() => sockets.forEach((socket) => socket.destroy()), 20);
        answer(response, 100);
    },
    '/refuse': (response) => answer(response, 20),
    '/silent': () => {},
    '/drip': (response) => {
        response.writeHead(200);
        const timer = setInterval(() => response.write('d'), 50);
        response.on('close', () => clearInterval(timer));
    },
};

function serve(request, response) {
    const session = request.httpVersionMajor === 2 ? request.stream.session : null;
    const pieces = [];
    seen.heads++;
    seen.keys += request.headers.authorization === 'Bearer sk-canary';
    seen.identity += request.headers['accept-encoding'] === 'identity';
    request.on('error', () => {});
    response.on('error', () => {});
    if (request.url === '/refuse' && Math.random() < 0.5) {
        seen.refused++;
        request.stream.close(NGHTTP2_REFUSED_STREAM);
        return;
    }
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
        const body = Buffer.concat(pieces).toString();
        let prompt;
        try {
            prompt = JSON.parse(body).messages[0].content;
        } catch {
            return; // not whole: nobody would work on it
        }
        seen.paid[prompt] = (seen.paid[prompt] ?? 0) + 1;
        behaviours[request.url](response, session);
    });
}

const server = http2.createSecureServer({
    allowHTTP1: true,
    maxSessionMemory: 1000,
    cert: read(`${certificate}.pem`),
    key: read(`${certificate}.key`),
    ...(clientCa ? { ca: read(`${clientCa}.pem`), requestCert: true, rejectUnauthorized: true } : {}),
}, serve);
server.on('session', (session) => {
    seen.sessions++;
    session.on('error', () => {});
});
server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
});
server.on('sessionError', () => {});
server.on('tlsClientError', () => {});

function report(response) {
    const counts = Object.values(seen.paid);
    response.end(JSON.stringify({
        ...seen,
        paid: counts.reduce((sum, count) => sum + count, 0),
        paid_most: Math.max(0, ...counts),
    }));
}

const proxy = http.createServer((request, response) => {
    if (request.url === '/report')
        report(response);
    else
        response.writeHead(400).end();
});
proxy.on('connect', (request, socket, head) => {
    seen.connects.push({ to: request.url, headers: request.rawHeaders });
    socket.on('error', () => {});
    const [host, port] = request.url.split(':');
    if (request.headers['proxy-authorization'] === 'Basic ' + btoa('closed:door')) {
        socket.end('HTTP/1.1 403 No\r\nX-Proxy-Word: no\r\nContent-Length: 0\r\n\r\n');
        return;
    }
    const origin = net.connect(port, host, () => {
        socket.write('HTTP/1.1 200 Go on\r\nX-Proxy-Word: yes\r\n\r\n');
        origin.write(head);
        origin.pipe(socket).pipe(origin);
    });
    origin.on('error', () => socket.destroy());
});

server.listen(0, '127.0.0.1', () => {
    proxy.listen(0, '127.0.0.1', () => {
        console.log(JSON.stringify({ port: server.address().port, proxy: proxy.address().port }));
    });
});
process.on('uncaughtException', (error) => console.error(error));
process.stdin.on('end', () => process.exit(0)).resume();
