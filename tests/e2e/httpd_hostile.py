# SPDX-License-Identifier: GPL-2.0-or-later
"""httpd_hostile: requests byte by byte, as no HTTP library would send them, and clients that are slow."""
import concurrent.futures
import json
import os
import re
import resource
import selectors
import socket
import threading
import time

from rig import LONG, PATIENCE, Failure, equal, expect, run_scenario, scenario, seed, until

SOURCE = os.environ.get("LLMSPOOL_SOURCE", "")


def converse(port, data, end=True, patience=PATIENCE):
    """Sends bytes on a connection of their own; all that comes back until the server ends it."""
    with socket.create_connection(("127.0.0.1", port), patience) as peer:
        got = b""
        try:
            peer.sendall(data)
            if end:
                peer.shutdown(socket.SHUT_WR)
            while True:
                more = peer.recv(65536)
                if not more:
                    return got
                got += more
        except TimeoutError:
            raise Failure(f"the server neither answers nor ends: {data[:200]!r} -> {got[:200]!r}") from None
        except OSError:  # reset, or not connected any more
            return got


def statuses(got):
    """Those of all answers, which follow each other by their lengths. Where libmicrohttpd itself refuses a
    Content-Length, it sends the head of its last answer twice (0.9.75); there may not be another one."""
    found = []
    while got:
        head, end, rest = got.partition(b"\r\n\r\n")
        line = re.match(rb"HTTP/1\.1 (\d{3}) [ -~]+\r\n", head + b"\r\n")
        expect(line and end, f"this is no answer: {got[:200]!r}")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        found.append(int(line[1]))
        if b"\r\nConnection: close" in head and rest.startswith(line[0]) and found[-1] in (400, 413):
            equal(set(re.findall(rb"HTTP/1\.1 \d{3}", rest)), {line[0][:12]}, "answers")
            return found
        got = rest[int(length[1]):] if length and found[-1] not in (204, 304) else rest
    return found


def get(*fields, target=b"/healthz", version=b"HTTP/1.1", end=b"\r\n"):
    return end.join([b"GET " + target + b" " + version, *fields, b"", b""])


HOST = b"Host: localhost"
CLOSE = b"Connection: close"
SECOND = get(HOST, CLOSE, target=b"/second")


def post(*fields, body=b""):
    return b"\r\n".join([b"POST /v1/session HTTP/1.1", HOST, *fields, b"", b""]) + body


# name, bytes, the statuses of all answers; what follows a refused request is not looked at.
HEADS = [
    ("plain", get(HOST, CLOSE), [200]),
    ("two of them", get(HOST) + get(HOST, CLOSE), [200, 200]),
    ("a body", post(b"Content-Length: 2", CLOSE, body=b"{}"), [200]),
    ("chunks", post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\n\r\n"), [200]),
    ("chunks with a trailer", post(b"Transfer-Encoding: chunked", body=b"2\r\n{}\r\n0\r\nA: b\r\n\r\n"), [200]),
    ("empty line before", b"\r\n" + get(HOST, CLOSE), [200]),
    ("no Host, HTTP/1.0", get(version=b"HTTP/1.0"), [200]),
    ("no blanks", get(b"Host:localhost", b"Connection:close"), [200]),
    ("blanks", get(b"Host: \t localhost", CLOSE), [200]),
    ("empty value", get(HOST, b"X:", CLOSE), [200]),
    ("obs-text", get(HOST, b"X: \xc3\xa4\xff", CLOSE), [200]),
    # Bodies whose end is not clear, each with a request behind it.
    ("length and chunks", post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SECOND), [400]),
    ("chunks and length", post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n" + SECOND), [400]),
    ("two lengths", post(b"Content-Length: 0", b"Content-Length: 50", body=SECOND), [400]),
    ("two equal lengths", post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}" + SECOND), [400]),
    ("list of lengths", post(b"Content-Length: 2, 2", body=b"{}" + SECOND), [400]),
    ("negative length", post(b"Content-Length: -1", body=SECOND), [400]),
    ("signed length", post(b"Content-Length: +2", body=b"{}" + SECOND), [400]),
    ("hex length", post(b"Content-Length: 0x2", body=b"{}" + SECOND), [400]),
    ("empty length", post(b"Content-Length:", body=SECOND), [400]),
    ("blank in length", post(b"Content-Length: 2 0", body=b"{}" + SECOND), [400]),
    ("blank behind length", post(b"Content-Length: 2 ", body=b"{}" + SECOND), [400]),
    ("long length", post(b"Content-Length: 00000000000000000002", body=b"{}" + SECOND), [400]),
    ("length of 2^64", post(b"Content-Length: 18446744073709551618", body=b"{}" + SECOND), [413]),
    ("length of 2^63", post(b"Content-Length: 9223372036854775808", body=b"{}"), [400]),
    ("other coding", post(b"Transfer-Encoding: gzip", body=SECOND), [400]),
    ("two codings", post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n" + SECOND), [400]),
    ("chunked twice", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), [400]),
    ("chunked, identity", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"), [400]),
    ("identity", post(b"Transfer-Encoding: identity", b"Content-Length: 2", body=b"{}" + SECOND), [400]),
    ("xchunked", post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SECOND), [400]),
    ("quoted chunked", post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n" + SECOND), [400]),
    ("vertical tab", post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + SECOND), [400]),
    ("chunked of 1.0", b"POST /v1/session HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    ("blank before colon", post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + SECOND), [400]),
    ("tab before colon", post(b"Content-Length\t: 2", body=b"{}" + SECOND), [400]),
    ("CR in a name", post(b"Transfer\r-Encoding: chunked", body=SECOND), [400]),
    ("CR in a value", post(b"X: a\rTransfer-Encoding: chunked", body=SECOND), [400]),
    ("folded", post(b"X: a", b" b", body=SECOND), [400]),
    ("folded by tab", post(b"X: a", b"\tb", body=SECOND), [400]),
    ("folded coding", post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n" + SECOND), [400]),
    # The library appends what is folded to the name: this would be Transfer-Encoding.
    ("forged by folding", post(b"Transfer: chunked", b" -Encoding", body=b"0\r\n\r\n" + SECOND), [400]),
    ("folded Host", b"GET /healthz HTTP/1.1\r\nHo: localhost\r\n st\r\n\r\n", [400]),
    ("folded first", b"GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n", [400]),
    ("folded last", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n \r\n\r\n", [400]),
    ("bare LF", get(HOST, CLOSE, end=b"\n"), [400]),
    ("bare LF behind the request line", b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n", [400]),
    ("bare LF between fields", b"GET /healthz HTTP/1.1\r\nX: y\nHost: localhost\r\n\r\n", [400]),
    ("bare LF at the end", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n" + SECOND, [400]),
    ("bare LF before the end", b"GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n" + SECOND, [400]),
    ("NUL in a name", get(HOST, b"X\0Y: z"), [400]),
    ("NUL in a value", get(HOST, b"X: a\0b"), [400]),
    ("NUL in Host", get(b"Host: localhost\0.evil.example"), [400]),
    ("NUL in the target", get(HOST, target=b"/healthz\0x"), [400]),
    ("control in a value", get(HOST, b"X: a\x01b"), [400]),
    ("DEL in a value", get(HOST, b"X: a\x7fb"), [400]),
    ("no colon", get(HOST, b"X"), [400]),
    ("empty name", get(HOST, b": x"), [400]),
    ("name with blank", get(HOST, b"X Y: z"), [400]),
    ("name with bracket", get(HOST, b"X(Y): z"), [400]),
    ("name with 8 bits", get(HOST, b"X\xe4: z"), [400]),
    ("no Host", get(), [400]),
    ("two Host", get(HOST, b"Host: evil.example"), [400]),
    ("two equal Host", get(HOST, HOST), [400]),
    ("another Host", get(b"Host: evil.example", CLOSE), [421]),
    # Request lines.
    ("HTTP/0.9", b"GET /healthz\r\n\r\n", [400]),
    ("HTTP/0.9 by number", get(HOST, version=b"HTTP/0.9"), [505]),
    ("HTTP/2.0", get(HOST, version=b"HTTP/2.0"), [505]),
    ("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    ("http/1.1", get(HOST, version=b"http/1.1"), [400]),
    ("HTTP/1.1x", get(HOST, version=b"HTTP/1.1x"), [400]),
    ("HTTP/1.10", get(HOST, version=b"HTTP/1.10"), [400]),
    ("HTTP/ 1.1", get(HOST, version=b"HTTP/ 1.1"), [400]),
    ("blank behind the version", get(HOST, version=b"HTTP/1.1 "), [400]),
    ("two blanks", b"GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("two blanks later", b"GET /healthz  HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("tab", b"GET\t/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("blank first", b" GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", []),
    ("blank in the target", get(HOST, target=b"/heal thz"), [400]),
    ("absolute", get(HOST, target=b"http://localhost/healthz"), [400]),
    ("absolute of another", get(HOST, target=b"http://evil.example/healthz"), [400]),
    ("authority", b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("asterisk", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("no slash", get(HOST, target=b"healthz"), [400]),
    ("fragment", get(HOST, target=b"/healthz#x"), [400]),
    ("8 bits", get(HOST, target=b"/h\xc3\xa4lthz"), [400]),
    ("overlong", get(HOST, target=b"/%c0%af"), [400]),
    ("half a character", get(HOST, target=b"/%e2%82"), [400]),
    ("%00", get(HOST, target=b"/healthz%00"), [400]),
    ("%00 in the query", get(HOST, target=b"/healthz?a=%00"), [400]),
    ("%0a", get(HOST, target=b"/healthz%0aX"), [400]),
    ("half an escape", get(HOST, target=b"/healthz%2"), [400]),
    ("wrong escape", get(HOST, target=b"/healthz%zz"), [400]),
    ("%2F", get(HOST, target=b"/v1%2Fsession"), [400]),
    ("backslash", get(HOST, target=b"/v1\\session"), [400]),
    ("%5C", get(HOST, target=b"/v1%5csession"), [400]),
    ("dots", get(HOST, target=b"/v1/../healthz"), [400]),
    ("%2e", get(HOST, target=b"/v1/%2e%2E/healthz"), [400]),
    ("one dot", get(HOST, target=b"/./healthz"), [400]),
    ("dots last", get(HOST, target=b"/healthz/.."), [400]),
    ("escaped twice", get(HOST, CLOSE, target=b"/%252e%252e/healthz"), [404]),
    ("two slashes", get(HOST, CLOSE, target=b"//healthz"), [404]),
    ("three dots", get(HOST, CLOSE, target=b"/.../healthz"), [404]),
    ("method in small letters", b"get /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", [405]),
    ("unknown method", b"FROB /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", [405]),
    ("TRACE", b"TRACE /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", [405]),
    ("method with 8 bits", b"G\xe4T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("method with a bracket", b"G(T /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", [400]),
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n", None),
    # Chunks: a body that is wrong, and a next request that must not be found in it.
    ("chunk size of letters", post(b"Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"), [400]),
    ("chunk size with 0x", post(b"Transfer-Encoding: chunked", body=b"0x2\r\n{}\r\n0\r\n\r\n"), [400]),
    ("negative chunk size", post(b"Transfer-Encoding: chunked", body=b"-2\r\n{}\r\n0\r\n\r\n"), [400]),
    ("blank in chunk size", post(b"Transfer-Encoding: chunked", body=b" 2\r\n{}\r\n0\r\n\r\n"), [400]),
    ("chunk size of 17 digits", post(b"Transfer-Encoding: chunked", body=b"10000000000000002\r\n{}\r\n0\r\n\r\n"), [413]),
    ("chunk longer than its size", post(b"Transfer-Encoding: chunked", body=b"1\r\n{}\r\n0\r\n\r\n"), [400]),
    ("chunk without an end", post(b"Transfer-Encoding: chunked", body=b"2\r\n{}0\r\n\r\n"), [400]),
    ("empty chunk size", post(b"Transfer-Encoding: chunked", body=b"\r\n{}\r\n0\r\n\r\n"), [400]),
    ("chunks, then another", post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + SECOND), [200]),
    ("chunk extension", post(b"Transfer-Encoding: chunked", body=b"2;a=b\r\n{}\r\n0\r\n\r\n" + SECOND), [200]),
    ("extension with bare LF", post(b"Transfer-Encoding: chunked", body=b"2;\n{}\r\n0\r\n\r\n" + SECOND), [200]),
    ("chunks with bare LF", post(b"Transfer-Encoding: chunked", body=b"2\n{}\n0\n\n" + SECOND), [200]),
    ("trailer that says length", post(b"Transfer-Encoding: chunked",
                                      body=b"0\r\nContent-Length: 50\r\n\r\n" + SECOND), [200]),
    ("many fields", get(HOST, *[b"X%d: y" % i for i in range(62)], CLOSE), [200]),
    ("too many fields", get(HOST, *[b"X%d: y" % i for i in range(64)]), [400]),
]


@scenario
def heads(rig):
    server = rig.httpd()
    port = server.address.port
    wrong = []
    for name, data, wanted in HEADS:
        for end in (True, False):
            # Where the server has to end the connection, nothing else may.
            got = statuses(converse(port, data, end=end)) if end or wanted and name != "TLS" else wanted
            if end and name == "two of them" and got == wanted[:1]:
                continue  # the end of the client's half came with its second request: the library ends with it
            if wanted is not None and got != wanted or 500 in (got or []):
                wrong.append(f"{name}: {got}, and not {wanted}")
    expect(not wrong, "\n".join(wrong))
    equal(server.get("/healthz").status, 200, "it serves")
    print(f"{len(HEADS)} raw requests")


def patterns():
    """The routes, as they stand in the tables of the sources."""
    found = set()
    folder = os.path.join(SOURCE, "src", "httpd")
    for name in os.listdir(folder):
        if name.endswith(".c"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found |= set(re.findall(r'\{"([A-Z]+)",\s*"(/[^"]*)",\s*SCOPE_', file.read()))
    expect(("GET", "/healthz") in found, f"no routes: {found}")
    return sorted(found)


TRAVERSALS = ["..", ".", "%2e%2e", "..%2f..%2fetc%2fpasswd", "..%5c..", "%2e%2e%2f", "..%00", "%00", "etc%2Fpasswd",
              "%2Fetc%2Fpasswd", "....//", "..;", "..;/..", "%252e%252e", "%c0%ae%c0%ae", "%uff0e", "..%c0%af",
              "a/../../../../etc/passwd", "../spool.json", "..%2Fspool.json", "spool.json", "state", "tmp", "ctl",
              "%0d%0aX:%20y", "a%20b", "~root", "-rf", "*", "?", "a.json", "0" * 63, "0" * 64, "0" * 65,
              "g" * 64, "0" * 64 + ".v1.json", "0" * 64 + "%00.json", "0" * 6, "x" * 300, "x" * 5000, "%F0%9F%98%80"]


@scenario
def paths(rig):
    server = rig.httpd()
    secret = os.path.join(rig.spool.path, "..", "secret")
    with open(secret, "w", encoding="utf-8") as file:
        file.write("the secret of the folder above")
    before = {folder: sorted(rig.spool.names(folder)) for folder in os.listdir(rig.spool.path)
              if os.path.isdir(rig.spool.at(folder)) and folder != "events"}
    tried = 0
    for method, pattern in patterns():
        for form in TRAVERSALS:
            targets = {re.sub(r"\{\w+\}", lambda _: form, pattern, count=1)} if "{" in pattern else set()
            targets = {re.sub(r"\{\w+\}", "1", target) for target in targets}
            targets |= {pattern.rstrip("/") + "/" + form, "/" + form + pattern}
            for target in targets:
                target = target.replace("{", "%7B").replace("}", "%7D")
                data = (f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                        "Content-Length: 0\r\n\r\n").encode()
                got = converse(server.address.port, data)
                found = statuses(got)
                tried += 1
                expect(len(found) == 1 and found[0] < 500 and (found[0] >= 400 or "." not in form),
                       f"{method} {target}: {found}")
                expect(b"root:" not in got and b"the secret" not in got, f"{method} {target}: a file")
    after = {folder: sorted(rig.spool.names(folder)) for folder in before}
    equal(after, before, "files of the spool")
    print(f"{tried} targets")


@scenario
def sizes(rig):
    server = rig.httpd()
    port = server.address.port
    for name, data, wanted in (
            ("a long target", get(HOST, target=b"/" + b"a" * 30000), [414]),
            ("a long query", get(HOST, target=b"/healthz?a=" + b"a" * 30000), [414]),
            ("a long field", get(HOST, b"X: " + b"a" * 30000), [431]),
            ("many long fields", get(HOST, *[b"X%d: " % i + b"a" * 1000 for i in range(40)]), [431]),
            ("very many fields", get(HOST, *[b"X%d: y" % i for i in range(20000)]), [431]),
            ("a line without end", b"a" * 40000, [414]),
            ("a long method", b"A" * 3000 + b" /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", [405]),
            ("a body that is told", post(b"Content-Length: 1025", CLOSE, body=b"x" * 1025), [413]),
            ("a body that waits", post(b"Content-Length: 100000", b"Expect: 100-continue"), [413]),
            ("a body that is not told", post(b"Transfer-Encoding: chunked",
                                             body=b"%x\r\n" % 2000 + b"x" * 2000 + b"\r\n0\r\n\r\n"), [413]),
            ("a body where none is wanted", get(HOST, CLOSE, b"Content-Length: 5") + b"12345", [413])):
        got = statuses(converse(port, data, end=False))
        # A client that goes on sending may hear nothing of its answer.
        expect(got == wanted or (got == [] and len(data) > 16000), f"{name}: {got}, and not {wanted}")
    # What never ends is ended.
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
        peer.sendall(post(b"Transfer-Encoding: chunked"))
        sent = 0
        try:
            while sent < 1 << 26:
                sent += peer.send(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        except ConnectionError:
            pass
        expect(sent < 1 << 25, f"{sent} bytes were taken of a body that is refused")
    equal(server.get("/healthz").status, 200, "it serves")


@scenario
def crowded(rig):
    conf = os.path.join(rig.folder, "conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("limits { body = 1MiB bodies = 2MiB }\n")
    server = rig.httpd("-c", conf)
    peers = [socket.create_connection(("127.0.0.1", server.address.port), PATIENCE) for _ in range(2)]
    for peer in peers:
        peer.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 1048576\r\n\r\n" + b"x" * 900000)
    job = json.dumps({"prompt": "y" * 500000}).encode()

    def ask(encoding, body):
        connection = server.connect()
        try:
            connection.request("POST", "/v1/jobs", body, {"Content-Type": "application/json", **encoding})
            answer = connection.getresponse()
            return answer.status, answer.headers["Retry-After"], json.loads(answer.read())
        finally:
            connection.close()

    def chunked():
        pieces = [job[at:at + 50000] for at in range(0, len(job), 50000)] + [b""]
        return ask({"Transfer-Encoding": "chunked"}, b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces))

    def expected():
        with socket.create_connection(("127.0.0.1", server.address.port), PATIENCE) as peer:
            peer.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n"
                         b"Expect: 100-continue\r\n\r\n")
            return peer.recv(1000).split(b" ")[1]

    until(lambda: expected() == b"503", "the bodies that are held")
    equal(ask({}, job)[0], 503, "one that is sent all the same")
    status, after, problem = chunked()
    equal((status, after, problem["type"]), (503, "1", "urn:llmspool:problem:full"), "a body that is not told")
    equal(server.post("/v1/jobs", {"prompt": "short"}).status, 201, "a short one")
    equal(server.get("/healthz").status, 200, "it serves")
    peers.pop().close()
    until(lambda: ask({}, job)[0] in (200, 201), "room again")
    equal(chunked()[0], 200, "without its length, too")
    peers.pop().close()
    lines = b"".join(json.dumps({"prompt": f"{i} " + "z" * 1000}).encode() + b"\n" for i in range(900))
    for _ in range(6):  # what was taken over is given back, too
        answer = server.post("/v1/jobs", lines, headers={"Content-Type": "application/jsonl"})
        equal(answer.status, 201, f"{answer}")


PIECES = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"%", b"%00", b"%2e%2e", b"/", b"..",
          b"\xff", b"chunked", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: x\r\n",
          b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"0\r\n\r\n", b"HTTP/1.1", b"Origin: null\r\n",
          b"Authorization: Bearer x\r\n", b"Cookie: llmspool-session=\r\n", b"18446744073709551616", b"-1", b"A" * 20000]


def mutate(random, data):
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(5)
        if kind == 0 and data:
            data[at % len(data)] = random.randrange(256)
        elif kind == 1:
            data[at:at] = random.choice(PIECES)
        elif kind == 2:
            del data[at:at + random.randrange(1, 12)]
        elif kind == 3:
            data[at:at] = data[at:at + random.randrange(1, 60)]
        else:
            lines = bytes(data).split(b"\r\n")
            random.shuffle(lines)
            data = bytearray(b"\r\n".join(lines))
    return bytes(data)


ANSWERS = {200, 201, 204, 400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 421, 422, 429, 431, 501, 505}


@scenario
def mutations(rig):
    """LLMSPOOL_LONG: 100,000 of them."""
    random = seed()
    conf = os.path.join(rig.folder, "conf")
    with open(conf, "w", encoding="utf-8") as file:
        # Many are heads that never end.
        file.write("limits { head_timeout = 500ms body_timeout = 500ms }\n")
    server = rig.httpd("-c", conf)
    seeds = [data for _, data, _ in HEADS if len(data) < 2000]
    seeds += [f"{method} {pattern.replace('{', '').replace('}', '')} HTTP/1.1\r\nHost: localhost\r\n"
              "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode()
              for method, pattern in patterns() if pattern != "/v1/events"]  # which does not end
    count = 100000 if LONG else 2500
    told = {}
    requests = [mutate(random, random.choice(seeds)) for _ in range(count)]
    with concurrent.futures.ThreadPoolExecutor(32) as crowd:
        answers = list(crowd.map(lambda data: converse(server.address.port, data), requests))
    for data, got in zip(requests, answers):
        for status in statuses(got.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")):
            expect(status in ANSWERS, f"{status} for {data!r}")
            told[status] = told.get(status, 0) + 1
    equal(server.get("/healthz").status, 200, "it serves")
    server.stop()
    expect("runtime error" not in server.text() and "Sanitizer" not in server.text(), server.text()[-3000:])
    print(f"{count} mutated requests: {told}")


def raise_descriptors(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


class Crowd:
    """Clients that send a byte now and then."""

    def __init__(self, port, count):
        self.selector = selectors.DefaultSelector()
        self.open = set()
        self.told = 0
        for i in range(count):
            peer = socket.create_connection(("127.0.0.1", port), PATIENCE)
            peer.setblocking(False)
            start = (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ",
                     b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n",
                     b"G", b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")[i % 4]
            peer.send(start)
            self.open.add(peer)
            self.selector.register(peer, selectors.EVENT_READ)

    def leave(self, peer):
        self.selector.unregister(peer)
        self.open.discard(peer)
        peer.close()

    def turn(self, seconds):
        """Each sends one byte; those that the server has cut leave."""
        for peer in list(self.open):
            try:
                peer.send(b"0")
            except BlockingIOError:
                pass
            except OSError:
                self.leave(peer)
        end = time.monotonic() + seconds
        while self.open and time.monotonic() < end:
            for key, _ in self.selector.select(max(0, end - time.monotonic())):
                try:
                    data = key.fileobj.recv(1000)
                except OSError:
                    data = b""
                self.told += data.startswith(b"HTTP/1.1 408")
                if not data:
                    self.leave(key.fileobj)


class Neighbours(threading.Thread):
    """A client as it should be, which asks again and again, each time on a new connection."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.over = threading.Event()
        self.answered = 0
        self.bad = []
        self.longest = 0.0

    def run(self):
        while not self.over.is_set():
            began = time.monotonic()
            try:
                got = converse(self.server.address.port, get(HOST, CLOSE))
                if not got.startswith(b"HTTP/1.1 200"):
                    self.bad.append(got[:100])
                self.answered += 1
            except Exception as error:  # pylint: disable=broad-except
                self.bad.append(repr(error))
            self.longest = max(self.longest, time.monotonic() - began)


@scenario
def slow(rig):
    """1,000 slow clients; LLMSPOOL_LONG: 5,000."""
    count = 5000 if LONG else 1000
    raise_descriptors(count + 200)
    conf = os.path.join(rig.folder, "conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("limits { head_timeout = 2s body_timeout = 3s answer_timeout = 2s }\n")
    server = rig.httpd("-c", conf)
    crowd = Crowd(server.address.port, count)
    neighbours = [Neighbours(server) for _ in range(4)]
    for one in neighbours:
        one.start()
    # Who asks and does not read: the answers fill what the kernel keeps, then the server waits.
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", server.address.port))
    deaf.settimeout(0.2)
    try:
        for _ in range(60):
            deaf.sendall(get(HOST) * 500)
    except (TimeoutError, ConnectionError):
        pass
    until(lambda: crowd.turn(0.3) or not crowd.open, lambda: f"the end of {len(crowd.open)} slow clients")

    def deaf_is_cut():
        found = re.findall(r"answer (\d+)", server.text())
        return found and int(found[-1]) >= 1

    until(deaf_is_cut, "the end of who does not read")
    for one in neighbours:
        one.over.set()
    for one in neighbours:
        one.join(PATIENCE)
    bad = [word for one in neighbours for word in one.bad]
    expect(not bad, f"{len(bad)} of the others were not served: {bad[:5]}")
    answered = sum(one.answered for one in neighbours)
    expect(answered > 100, f"only {answered} requests of the others were served")
    expect(crowd.told > count / 2, f"only {crowd.told} were told why")
    deaf.close()
    equal(server.get("/healthz").status, 200, "it serves")

    def counted():
        found = re.findall(r"cut (\d+) slow", server.text())
        return found and int(found[-1]) >= count * 9 // 10

    until(counted, lambda: f"the count of them: {server.text()[-500:]}")
    print(f"{count} slow clients cut; meanwhile {answered} requests of others, the longest "
          f"{max(one.longest for one in neighbours):.2f} s")


@scenario
def room(rig):
    conf = os.path.join(rig.folder, "conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("limits { connections = 50 }\n")
    server = rig.httpd("-c", conf)
    peers = []
    for i in range(300):
        peers.append(socket.create_connection(("127.0.0.1", server.address.port), PATIENCE))
        peers[-1].sendall(b"GET /hea" if i % 2 else b"")
    for _ in range(20):
        equal(server.get("/healthz").status, 200, "a client beside them")
        server.connection.close()
    for peer in peers:
        peer.close()


if __name__ == "__main__":
    run_scenario()
