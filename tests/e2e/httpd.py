# SPDX-License-Identifier: GPL-2.0-or-later
"""httpd: whom llmspool-httpd serves, and how it starts, reloads and ends."""
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

from rig import BUILD, PATIENCE, equal, expect, run_scenario, scenario, spawn, until

PROGRAM = os.path.join(BUILD, "llmspool-httpd")


def call(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE)


def new_token(path, user, *words):
    done = call("--tokens", path, "--new-token", user, *words)
    equal(done.returncode, 0, f"exit code of --new-token: {done.stderr}")
    expect(re.fullmatch(r"llms_[A-Za-z0-9_-]{43}\n", done.stdout), f"a token: {done.stdout!r}")
    return done.stdout.strip()


def new_token_of_running(server, path, user):
    """One that the server knows."""
    token = new_token(path, user)
    until(lambda: server.get("/v1/session", headers=bearer(token)).status == 200, "the new token is read")
    return token


def bearer(token):
    return {"Authorization": "Bearer " + token}


def listed(path):
    done = call("--tokens", path, "--list-tokens")
    equal(done.returncode, 0, f"exit code of --list-tokens: {done.stderr}")
    return [line.split() for line in done.stdout.splitlines()[1:]]


def write(path, text, mode=0o600):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


def refused(rig, *words):
    """What a server that will not start says."""
    done = call("-s", rig.spool.path, *words)
    expect(done.returncode in (64, 65, 69), f"it leaves with {done.returncode}: {done.stderr}")
    equal(done.stdout, "", "what it prints")
    return done.stderr


@scenario
def tokens(rig):
    path = os.path.join(rig.folder, "tokens")
    read = new_token(path, "ann", "--scope", "read")
    both = new_token(path, "ben")
    admin = new_token(path, "root", "--scope", "read,submit,admin")
    brief = new_token(path, "eve", "--expires", "1200ms")
    equal(os.stat(path).st_mode & 0o777, 0o600, "mode of the tokens file")
    with open(path, encoding="ascii") as file:
        text = file.read()
    for token in (read, both, admin, brief):
        expect(token not in text and token[5:] not in text, "a token lies in the file")
        expect(hashlib.sha256(token.encode()).hexdigest() in text, "the digest of a token is not there")
    rows = listed(path)
    equal([row[1:3] for row in rows], [["ann", "read"], ["ben", "read,submit"],
                                       ["root", "read,submit,admin"], ["eve", "read,submit"]], "list")
    server = rig.httpd("--tokens", path, "--log-level", "debug")
    equal(server.get("/healthz").status, 200, "health without a token")
    answer = server.get("/v1/session")
    equal(answer.status, 401, "no token")
    equal(answer.headers["WWW-Authenticate"], 'Bearer realm="llmspool"', "challenge")
    equal(server.get("/v1/session", headers=bearer(read)).json,
          {"user": "ann", "scopes": ["read"], "session": False}, "who a reader is")
    equal(server.get("/v1/session", headers=bearer(admin)).json["scopes"],
          ["read", "submit", "admin"], "scopes of an admin")
    for wrong in ("llms_" + "A" * 43, read[:-1], read + "x", "", "llms_", read.upper()):
        answer = server.get("/v1/session", headers=bearer(wrong))
        equal(answer.status, 401, f"status for {wrong!r}")
    expect('error="invalid_token"' in server.get("/v1/session", headers=bearer("x"))
           .headers["WWW-Authenticate"], "a bad token is not called so")
    for scheme in ("Basic " + read, "Bearer", "bearer  " + read + " x", "Bearer " + read + ",x"):
        equal(server.get("/v1/session", headers={"Authorization": scheme}).status, 401, scheme)
    equal(server.get("/v1/session", headers={"Authorization": "bearer " + read}).status, 200,
          "the scheme's case")
    equal(server.get("/v1/session?access_token=" + read).status, 401, "a token in the query")
    until(lambda: server.get("/v1/session", headers=bearer(brief)).status == 401, "the expiry")
    equal(call("--tokens", path, "--revoke-token", rows[0][0]).returncode, 0, "revoke")
    until(lambda: server.get("/v1/session", headers=bearer(read)).status == 401, "the revocation")
    later = new_token(path, "ann", "--scope", "read")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.get("/v1/session", headers=bearer(later)).status == 200, "the new token")
    equal(call("--tokens", path, "--revoke-token", "00000000").returncode, 69, "one that is not there")
    for row in listed(path):
        call("--tokens", path, "--revoke-token", row[0])
    until(lambda: server.get("/v1/session", headers=bearer(both)).status == 401, "no token left")
    equal(server.get("/v1/session").status, 401, "an empty file asks for tokens, too")
    server.stop()
    log = server.text()
    expect("GET /v1/session 200" in log and "user=ann" in log, "requests are not logged at debug")
    for secret in (read, both, admin, brief, later, "access_token"):
        expect(secret not in log and secret[5:] not in log, "a secret is in the log")


@scenario
def tokens_damaged(rig):
    path = os.path.join(rig.folder, "tokens")
    token = new_token(path, "ann")
    with open(path, encoding="ascii") as file:
        good = file.read()
    line = good.splitlines()[1].split()
    for bad, said in ((" ".join(line[:5]), "six words"), (" ".join(line) + " x", "six words"),
                      (" ".join(["xyz"] + line[1:]), "hex digits"),
                      (" ".join([line[0], "00"] + line[2:]), "SHA-256"),
                      (" ".join(line[:2] + ["a/b"] + line[3:]), "login name"),
                      (" ".join(line[:3] + ["write"] + line[4:]), "scopes"),
                      (" ".join(line[:5] + ["soon"]), "RFC 3339"), ("\0", "no text")):
        write(path, "# one\n" + bad + "\n")
        words = refused(rig, "--tokens", path, "--listen", "127.0.0.1:0")
        expect(said in words, f"{bad!r}: {words}")
        expect("no text" in words or f"{path}:2:" in words, f"no line: {words}")
        expect(line[1] not in words, "a digest is told")
    write(path, good, 0o640)
    expect("chmod 600" in refused(rig, "--tokens", path, "--listen", "127.0.0.1:0"), "mode")
    expect("cannot be read" in refused(rig, "--tokens", path + ".not", "--listen", "127.0.0.1:0"),
           "a file that is missing")
    write(path, good)
    server = rig.httpd("--tokens", path)
    for text, mode in (("nonsense\n", 0o600), (good, 0o644)):
        write(path, text, mode)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.text().count("the tokens that were read before stay") >= 1, "the words")
        equal(server.get("/v1/session", headers=bearer(token)).status, 200, "the former tokens")
    # What was revoked while the file could not be read is revoked as soon as it can be: the file is
    # the same one, with another mode.
    other = new_token(path + ".other", "ben")
    with open(path + ".other", encoding="ascii") as file:
        write(path, file.read(), 0o644)
    count = server.text().count("can be used by others")
    time.sleep(2.5)
    expect(server.text().count("can be used by others") <= count + 1, "it is told at each look")
    equal(server.get("/v1/session", headers=bearer(token)).status, 200, "the former tokens")
    os.chmod(path, 0o600)
    until(lambda: server.get("/v1/session", headers=bearer(token)).status == 401, "the revocation")
    equal(server.get("/v1/session", headers=bearer(other)).status, 200, "the token that is there")
    os.unlink(path)
    until(lambda: server.get("/v1/session", headers=bearer(other)).status == 401, "the file is away")
    expect("no token is valid until it is there again" in server.text(), "that is not told")
    equal(server.get("/v1/session").status, 401, "without a file that was there")
    write(path, good)
    until(lambda: server.get("/v1/session", headers=bearer(token)).status == 200, "it is there again")
    server.stop()


@scenario
def tokens_later(rig):
    """The default file is made while the server runs, in a namespace where its folder is ours."""
    found = re.search(r"tokens file (/\S+/tokens) ", call("--list-tokens").stderr)
    if found is None:
        print("the default tokens file is there: nothing is done")
        return
    path = found[1]
    folder = os.path.dirname(path)
    top = folder
    while not os.path.isdir(top):
        top = os.path.dirname(top)
    script = 'mount -t tmpfs none "$1" && mkdir -p "$2"; shift 2; exec "$@"'
    prefix = ("unshare", "-Urm", "sh", "-c", script, "sh", top, folder)
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        print("no namespace can be made here: nothing is done")
        return
    server = rig.httpd(prefix=prefix)
    inside = f"/proc/{server.process.pid}/root{path}"
    equal(server.get("/v1/session").status, 200, "without a file")
    made = new_token(os.path.join(rig.folder, "tokens"), "ann")
    with open(os.path.join(rig.folder, "tokens"), encoding="ascii") as file:
        write(inside, file.read())
    until(lambda: server.get("/v1/session").status == 401, "tokens are asked for")
    equal(server.get("/v1/session", headers=bearer(made)).status, 200, "the first token")
    os.unlink(inside)
    until(lambda: server.get("/v1/session", headers=bearer(made)).status == 401, "the file is away")
    server.process.send_signal(signal.SIGHUP)
    equal(server.get("/v1/session").status, 401, "tokens are asked for all the same")
    server.stop()
    # A file of which nobody knows what is in it is no lack of one.
    script = 'mount -t tmpfs none "$1" && mkdir -p "$2" && mkdir "$2/tokens"; shift 2; exec "$@"'
    done = subprocess.run(["unshare", "-Urm", "sh", "-c", script, "sh", top, folder, PROGRAM, "-s", rig.spool.path,
                           "--listen", "127.0.0.1:0"], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE)
    expect(done.returncode != 0 and "--tokens FILE" in done.stderr and "cannot be read" in done.stderr,
           f"{done.returncode}: {done.stderr}")


@scenario
def tokens_together(rig):
    path = os.path.join(rig.folder, "tokens")
    crowd = [spawn([PROGRAM, "--tokens", path, "--new-token", f"u{i}"], stdout=subprocess.PIPE)
             for i in range(12)]
    made = {one.communicate(timeout=PATIENCE)[0].decode().strip() for one in crowd}
    equal(len(made), 12, "tokens")
    equal({row[1] for row in listed(path)}, {f"u{i}" for i in range(12)}, "users")
    equal(os.listdir(rig.folder).count("tokens"), 1, "files")
    expect(not [name for name in os.listdir(rig.folder) if "tokens" in name and name != "tokens"],
           "debris")


@scenario
def sessions(rig):
    path = os.path.join(rig.folder, "tokens")
    token = new_token(path, "ann")
    server = rig.httpd("--tokens", path, "--log-level", "debug")
    own = {"Origin": server.url}
    answer = server.post("/v1/session", "", headers={**bearer(token), **own})
    equal(answer.status, 200, "session")
    text = answer.headers["Set-Cookie"]
    found = re.fullmatch(r"llmspool-session=([A-Za-z0-9_-]{43}); Path=/; Max-Age=43200; HttpOnly; "
                         r"SameSite=Strict", text)
    expect(found, f"cookie: {text}")
    cookie = {"Cookie": "other=1; llmspool-session=" + found[1]}
    equal(server.get("/v1/session", headers=cookie).json,
          {"user": "ann", "scopes": ["read", "submit"], "session": True}, "by the cookie")
    equal(server.post("/v1/session", "", headers={**cookie, **own}).headers["Set-Cookie"], None,
          "a session does not beget sessions")
    # Changes by a cookie need our own origin.
    for fields in ({}, {"Origin": "null"}, {"Origin": "http://evil.example"},
                   {"Origin": server.url + "0"}, {"Sec-Fetch-Site": "cross-site"},
                   {"Sec-Fetch-Site": "same-site"}):
        equal(server.request("DELETE", "/v1/session", headers={**cookie, **fields}).status, 403,
              f"a change with {fields}")
    equal(server.get("/v1/session", headers={**cookie, "Origin": "http://evil.example"}).status, 403,
          "a look from another origin")
    equal(server.get("/v1/session", headers={**cookie, "Sec-Fetch-Site": "cross-site"}).status, 403,
          "a look from another site")
    equal(server.get("/v1/session", headers={**cookie, "Sec-Fetch-Site": "same-origin"}).status, 200,
          "a look from the page")
    for wrong in ("", found[1][:-1], found[1] + "A", "A" * 43,
                  found[1] + "; llmspool-session=" + "A" * 43):
        equal(server.get("/v1/session", headers={"Cookie": "llmspool-session=" + wrong}).status, 401,
              f"cookie {wrong!r}")
    equal(server.get("/v1/session", headers={**cookie, **bearer("x")}).status, 401,
          "a bad token beside a good cookie")
    answer = server.request("DELETE", "/v1/session", headers={**cookie, **own})
    equal(answer.status, 204, "the end of a session")
    expect("Max-Age=0" in answer.headers["Set-Cookie"], "the cookie stays")
    equal(server.get("/v1/session", headers=cookie).status, 401, "an ended session")

    def session(bearing):
        answer = server.post("/v1/session", "", headers=bearer(bearing))
        return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}

    # One token's sessions make room for each other, not among those of others.
    other = session(new_token_of_running(server, path, "ben"))
    cookies = [session(token) for _ in range(33)]
    equal([server.get("/v1/session", headers=each).status for each in (other, *cookies[:2], cookies[-1])],
          [200, 401, 200, 200], "33 sessions of a token")
    cookie = cookies[-1]
    call("--tokens", path, "--revoke-token", listed(path)[0][0])
    until(lambda: server.get("/v1/session", headers=cookie).status == 401, "the revocation")
    server.stop()
    expect(found[1] not in server.text(), "a cookie is in the log")


@scenario
def hosts(rig):
    conf = os.path.join(rig.folder, "conf")
    write(conf, 'hosts = {"spool.example", "other.example:8443"}\npublic_url = "https://pub.example/x"\n')
    path = os.path.join(rig.folder, "tokens")
    new_token(path, "ann")
    server = rig.httpd("-c", conf, "--tokens", path)
    port = server.address.port
    for host, status in (
            (f"127.0.0.1:{port}", 200), ("127.0.0.1", 200), (f"localhost:{port}", 200),
            ("LOCALHOST", 200), ("localhost.", 200), ("spool.example", 200), ("Spool.Example:1", 200),
            ("spool.example.", 200), ("other.example:8443", 200), ("other.example", 421),
            ("other.example:80", 421), ("pub.example", 200), ("pub.example:443", 200),
            ("evil.example", 421), (f"evil.example:{port}", 421), ("127.0.0.2", 421),
            ("spool.example.evil.example", 421), ("evil-spool.example", 421), ("0", 421),
            ("127.1", 421), ("2130706433", 421), ("[::1]", 421), ("[::ffff:127.0.0.1]", 421), ("", 421),
            ("localhost:", 421), ("localhost:80:80", 421), ("localhost:x", 421), ("a@localhost", 421),
            ("localhost/", 421), ("localhost localhost", 421), ("[localhost]", 421), ("[::1", 421)):
        answer = server.get("/healthz", headers={"Host": host})
        equal(answer.status, status, f"Host: {host}")
        if status != 200:
            equal(answer.json["type"], "urn:llmspool:problem:host", "problem")
    six = rig.httpd("--listen", "[::1]:0")
    with socket.create_connection(("::1", six.address.port), PATIENCE) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: [0:0::1]:%d\r\nConnection: close\r\n\r\n"
                     % six.address.port)
        expect(peer.makefile("rb").readline().startswith(b"HTTP/1.1 200"), "another form of ::1")


@scenario
def origins(rig):
    conf = os.path.join(rig.folder, "conf")
    path = os.path.join(rig.folder, "tokens")
    token = new_token(path, "ann")
    write(conf, f'cors_origins = {{"https://app.example"}}\ntokens = "{path}"\n')
    plain = rig.httpd()
    listing = rig.httpd("-c", conf)
    for server, more in ((plain, {}), (listing, bearer(token))):
        own = server.url
        for fields, status in (
                ({}, 200), ({"Origin": own}, 200),
                ({"Origin": f"http://localhost:{server.address.port}"}, 403),
                ({"Origin": own.replace("http:", "https:")}, 403), ({"Origin": "null"}, 403),
                ({"Origin": "http://evil.example"}, 403), ({"Origin": own + ".evil.example"}, 403),
                ({"Origin": own, "Sec-Fetch-Site": "same-origin"}, 200)):
            equal(server.post("/v1/session", "", headers={**more, **fields}).status, status,
                  f"POST with {fields}")
    # Without a token nothing but the browser's word tells a stranger's page from ours.
    for fields, status in (({"Sec-Fetch-Site": "cross-site"}, 403), ({"Sec-Fetch-Site": "same-site"}, 403),
                           ({"Sec-Fetch-Site": "same-origin"}, 200), ({"Sec-Fetch-Site": "none"}, 200),
                           ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200)):
        equal(plain.get("/v1/session", headers=fields).status, status, f"GET with {fields}")
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    answer = plain.request("OPTIONS", "/v1/session", headers={"Origin": "https://app.example", **asked})
    equal(answer.headers["Access-Control-Allow-Origin"], None, "CORS is off by default")
    answer = listing.request("OPTIONS", "/v1/session", headers={"Origin": "https://app.example", **asked})
    equal(answer.status, 204, "a preflight")
    equal(answer.headers["Access-Control-Allow-Origin"], "https://app.example", "allowed origin")
    expect("Authorization" in answer.headers["Access-Control-Allow-Headers"], "allowed fields")
    equal(answer.headers["Access-Control-Allow-Credentials"], None, "credentials")
    answer = listing.request("OPTIONS", "/v1/session", headers={"Origin": "https://evil.example", **asked})
    equal(answer.headers["Access-Control-Allow-Origin"], None, "a preflight of another")
    answer = listing.post("/v1/session", "", headers={**bearer(token), "Origin": "https://app.example",
                                                      "Sec-Fetch-Site": "cross-site"})
    equal(answer.status, 200, "a listed page")
    equal(answer.headers["Access-Control-Allow-Origin"], "https://app.example", "… may read it")
    equal(answer.headers["Vary"], "Origin", "Vary")
    cookie = {"Cookie": answer.headers["Set-Cookie"].split(";")[0], "Origin": "https://app.example"}
    equal(listing.get("/v1/session", headers=cookie).status, 403, "… but not by a cookie")


@scenario
def passed_on(rig):
    server = rig.httpd()
    for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host", "X-Forwarded-Proto"):
        answer = server.get("/v1/session", headers={name: "192.0.2.1"})
        equal(answer.status, 403, name)
    # A proxy that is configured may tell nothing of itself.
    conf = os.path.join(rig.folder, "conf")
    for text, word in (('public_url = "https://pub.example"', "public_url"), ('hosts = {"pub.example"}', "hosts")):
        write(conf, text + "\n")
        said = refused(rig, "-c", conf, "--listen", "127.0.0.1:0")
        expect(word in said and "--new-token" in said, said)
    path = os.path.join(rig.folder, "tokens")
    token = new_token(path, "ann")
    server = rig.httpd("-c", conf, "--tokens", path)
    equal(server.get("/v1/session", headers={"Via": "1.1 x", **bearer(token)}).status, 200, "with a token")


@scenario
def fields(rig):
    server = rig.httpd()
    for method, target in (("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/nothing"), ("PUT", "/healthz"),
                           ("GET", "/v1/session"), ("OPTIONS", "/healthz"), ("GET", "/%00")):
        answer = server.request(method, target)
        equal(answer.headers["X-Content-Type-Options"], "nosniff", f"{method} {target}")
        equal(answer.headers["Referrer-Policy"], "no-referrer", f"{method} {target}")
        equal(answer.headers["Cache-Control"], "no-store", f"{method} {target}")
        equal(answer.headers["Cross-Origin-Resource-Policy"], "same-origin", f"{method} {target}")
        expect("default-src 'none'" in answer.headers["Content-Security-Policy"], f"{method} {target}")
        equal(answer.headers["Server"], None, "Server")
        equal(answer.headers["Strict-Transport-Security"], None, "HSTS without TLS")
        equal(answer.headers["Access-Control-Allow-Origin"], None, "CORS")


def certificate(folder, name, serial):
    """A self-signed one; replaced as certbot does it, one file after the other."""
    paths = [os.path.join(folder, name + end) for end in (".pem", ".key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-days", "2", "-set_serial", str(serial), "-out", paths[0] + ".new", "-keyout",
                    paths[1] + ".new"], check=True, capture_output=True, timeout=PATIENCE)
    os.rename(paths[1] + ".new", paths[1])
    os.rename(paths[0] + ".new", paths[0])
    return paths


def context(version=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if version is not None:
        made.minimum_version = made.maximum_version = version
    return made


class Secure:
    """A connection over TLS that is kept."""

    def __init__(self, port, version=None):
        self.socket = context(version).wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE))
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.connection.sock = self.socket

    def get(self, path, headers=None):
        self.connection.request("GET", path, headers=headers or {})
        answer = self.connection.getresponse()
        answer.read()
        return answer

    def digest(self):
        return hashlib.sha256(self.socket.getpeercert(True)).hexdigest()


@scenario
def tls(rig):
    pem, key = certificate(rig.folder, "one", 1)
    server = rig.httpd("--tls-certificate", pem, "--tls-key", key)
    expect(server.url.startswith("https://127.0.0.1:"), f"URL {server.url}")
    port = server.address.port
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        answer = Secure(port, version).get("/healthz")
        equal(answer.status, 200, str(version))
        equal(answer.headers["Strict-Transport-Security"], "max-age=31536000", "HSTS")
    old = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_1", "-cipher",
                          "ALL:@SECLEVEL=0"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         check=False, timeout=PATIENCE)
    expect("Cipher is (NONE)" in old.stdout or old.returncode != 0, f"TLS 1.1 is spoken: {old.stdout}")
    kept = Secure(port)
    first = kept.digest()
    equal(kept.get("/healthz").status, 200, "before")
    # The server finds out by itself; in between, key and certificate do not fit.
    certificate(rig.folder, "one", 2)
    until(lambda: Secure(port).digest() != first, "the new certificate")
    second = Secure(port).digest()
    equal(kept.get("/healthz").status, 200, "the connection goes on")
    equal(kept.digest(), first, "… with what it had")
    # What is no certificate, or has another key, is told and not used.
    write(pem, "nonsense")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "the former certificate stays in use" in server.text(), "the words")
    equal(Secure(port).digest(), second, "the former certificate")
    other, _ = certificate(rig.folder, "other", 3)
    os.rename(other, pem)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "is not that of the certificate" in server.text(), "the words about the key")
    equal(Secure(port).digest(), second, "the former certificate")
    certificate(rig.folder, "one", 4)
    server.process.send_signal(signal.SIGHUP)
    until(lambda: Secure(port).digest() != second, "the certificate after SIGHUP")
    equal(kept.get("/healthz").status, 200, "the first connection goes on still")
    # Plain HTTP to a port of TLS is cut.
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
        peer.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        peer.settimeout(PATIENCE)
        try:
            data = peer.recv(4096)
        except ConnectionError:
            data = b""
        expect(b"HTTP/" not in data, f"plain HTTP is answered: {data!r}")
    answer = Secure(port)
    answer.connection.request("POST", "/v1/session", "", {"Origin": server.url})
    equal(answer.connection.getresponse().status, 200, "own origin with TLS")
    server.stop()
    expect("cannot be read" in refused(rig, "--listen", "127.0.0.1:0", "--tls-certificate", pem, "--tls-key",
                                       key + ".not"), "a key that is missing")
    expect("need each other" in refused(rig, "--listen", "127.0.0.1:0", "--tls-key", key), "a key alone")


@scenario
def remote(rig):
    path = os.path.join(rig.folder, "tokens")
    said = refused(rig, "--listen", "0.0.0.0:0")
    expect("--allow-remote" in said, said)
    said = refused(rig, "--listen", "0.0.0.0:0", "--allow-remote")
    expect("no token" in said, said)
    new_token(path, "ann")
    said = refused(rig, "--listen", "0.0.0.0:0", "--allow-remote", "--tokens", path)
    expect("TLS" in said and "insecure" in said, said)
    server = rig.httpd("--listen", "0.0.0.0:0", "--allow-remote", "--tokens", path, "--insecure")
    port = server.address.port
    # Our own address, whichever the client came to, is a name of ours.
    for address, host, status in (("127.0.0.1", "127.0.0.1", 200), ("127.0.0.2", "127.0.0.2", 200),
                                  ("127.0.0.2", "127.0.0.1", 421), ("127.0.0.1", "evil.example", 421)):
        connection = http.client.HTTPConnection(address, port, timeout=PATIENCE)
        connection.request("GET", "/healthz", headers={"Host": f"{host}:{port}"})
        equal(connection.getresponse().status, status, f"{host} at {address}")
        connection.close()
    pem, key = certificate(rig.folder, "one", 1)
    server = rig.httpd("--listen", "0.0.0.0:0", "--allow-remote", "--tokens", path, "--tls-certificate", pem,
                       "--tls-key", key)
    equal(Secure(server.address.port).get("/healthz").status, 200, "with TLS")


@scenario
def configuration(rig):
    conf = os.path.join(rig.folder, "conf")
    for text, line, words in (
            ("listne = x", 1, 'did you mean "listen"'), ("\n\nfrob = 1", 3, "there is no setting"),
            ("limits { rate = much }", 1, "rate = much"), ("limits {\nconnections = 0\n}", 2, "at least 1"),
            ("limits {\n body = 3 apples\n}", 2, ""), ("limits { head_timeout = soon }", 1, "duration"),
            ("allow_remote = perhaps", 1, "yes or no"), ("log_level = loud", 1, "debug"),
            ('spool = ""', 1, "empty"), ("limits {\n lisp = 1\n}", 2, "there is no setting"),
            ('listen = "x', 1, ""), ("limits {", 1, ""), ("hosts = {", 1, "")):
        write(conf, text + "\n")
        said = refused(rig, "-c", conf)
        expect(f"{conf}:{line}:" in said and words in said, f"{text!r}: {said}")
    for text, words in (('hosts = {"a b"}', "hosts"), ('cors_origins = {"https://x/y"}', "cors_origins"),
                        ('cors_origins = {"*"}', "cors_origins"), ('public_url = "ftp://x"', "public_url")):
        write(conf, text + "\n")
        said = refused(rig, "-c", conf, "--listen", "127.0.0.1:0")
        expect(words in said, f"{text!r}: {said}")
    expect("cannot be read" in refused(rig, "-c", conf + ".not"), "a configuration that is missing")
    path = os.path.join(rig.folder, "tokens")
    new_token(path, "ann")
    write(conf, f'# a comment\nspool = "{rig.spool.path}.not"\nlisten = "127.0.0.3:1"\ntokens = "{path}"\n'
                'log_level = "debug"\nlimits {\n    body = 4KiB\n    rate = 0\n}\n')
    # -s and --listen of the rig win.
    server = rig.httpd("-c", conf)
    equal(server.get("/v1/session").status, 401, "tokens of the configuration")
    until(lambda: "GET /v1/session 401" in server.text(), "log level of the configuration")
    for word in ("--new-token", "--scope", "--frob"):
        equal(call(word).returncode, 64, word)
    equal(call("--tokens", path, "--new-token", "a b").returncode, 64, "a user")
    equal(call("--tokens", path, "--new-token", "a", "--scope", "all").returncode, 64, "a scope")
    equal(call("--tokens", path, "--new-token", "a", "--expires", "soon").returncode, 64, "an expiry")
    equal(call("--tokens", path, "--list-tokens", "--revoke-token", "x").returncode, 64, "two at once")


@scenario
def rates(rig):
    conf = os.path.join(rig.folder, "conf")
    path = os.path.join(rig.folder, "tokens")
    ann, ben = new_token(path, "ann"), new_token(path, "ben")
    # One request in a hundred seconds would be less than one a second: a burst that is not refilled soon.
    write(conf, f'tokens = "{path}"\nlimits {{ rate = 1 burst = 5 limit_loopback = yes per_address = 8 }}\n')
    server = rig.httpd("-c", conf)

    def statuses(count, headers):
        return [server.get("/healthz", headers=headers).status for _ in range(count)]

    found = statuses(60, bearer(ann))
    equal(found[:5], [200] * 5, "the burst")
    expect(found.count(429) > 30, f"no limit: {found}")
    answer = until(lambda: next((a for a in [server.get("/healthz", headers=bearer(ann))]
                                 if a.status == 429), None), "429")
    expect(1 <= int(answer.headers["Retry-After"]) <= 6, f"Retry-After {answer.headers['Retry-After']}")
    equal(answer.json["type"], "urn:llmspool:problem:rate", "problem")
    equal(statuses(5, bearer(ben)), [200] * 5, "another token")
    equal(statuses(5, {})[:5], [200] * 5, "an address without a token")
    expect(429 in statuses(60, bearer("wrong")), "bad tokens are not counted on their address")
    # From this machine, tokens are counted all the same: a proxy may stand here.
    write(conf, f'tokens = "{path}"\nlimits {{ rate = 1 burst = 5 }}\n')
    near = rig.httpd("-c", conf)
    expect(429 in [near.get("/healthz", headers=bearer(ann)).status for _ in range(60)], "a token on this machine")
    equal([near.get("/healthz").status for _ in range(60)], [200] * 60, "this machine without a token")
    near.stop()
    # Connections of an address.
    server.close()
    peers = [socket.create_connection(("127.0.0.1", server.address.port), PATIENCE) for _ in range(8)]
    for peer in peers:
        peer.sendall(b"GET /healthz HTTP/1.1\r\n")

    def ninth():
        with socket.create_connection(("127.0.0.1", server.address.port), PATIENCE) as peer:
            try:
                peer.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                return peer.recv(100)
            except ConnectionError:
                return b""

    until(lambda: ninth() == b"", "the ninth connection is refused")
    with socket.create_connection(("127.0.0.1", server.address.port), PATIENCE,
                                  ("127.0.0.9", 0)) as peer:
        peer.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        expect(peer.recv(100).startswith(b"HTTP/1.1 200"), "another address")
    peers.pop().close()
    until(lambda: ninth().startswith(b"HTTP/1.1"), "room again")
    for peer in peers:
        peer.close()


@scenario
def systemd(rig):
    place = os.path.join(rig.folder, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(place)
        manager.settimeout(PATIENCE)
        server = rig.httpd(environment={"NOTIFY_SOCKET": place})
        expect(manager.recv(1000).startswith(b"READY=1"), "READY")
        server.process.send_signal(signal.SIGHUP)
        said = manager.recv(1000)
        expect(re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", said), f"RELOADING: {said}")
        equal(manager.recv(1000), b"READY=1", "READY after a reload")
        server.process.send_signal(signal.SIGTERM)
        expect(manager.recv(1000).startswith(b"STOPPING=1"), "STOPPING")
        equal(server.process.wait(PATIENCE), 0, "exit code")
        server.close()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        # As systemd does it: descriptor 3, and the pid of whom it is for.
        script = 'exec 3<&"$1"; shift; export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@"'
        process = spawn(["bash", "-c", script, "bash", str(listener.fileno()), PROGRAM, "-s", rig.spool.path,
                         "--listen", "127.0.0.1:1"], stdout=subprocess.PIPE, pass_fds=[listener.fileno()])
        equal(process.stdout.readline().decode().strip(), f"listening on http://127.0.0.1:{port}", "where")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        connection.request("GET", "/healthz")
        equal(connection.getresponse().status, 200, "on a socket that was passed")
        process.terminate()
        equal(process.wait(PATIENCE), 0, "exit code")
        process.stdout.close()


@scenario
def drain(rig):
    server = rig.httpd()
    idle = server.connect()
    idle.request("GET", "/healthz")
    equal(idle.getresponse().read(), b'{"status":"ok"}\n', "an idle connection")
    body = json.dumps({}).encode()
    slow = socket.create_connection(("127.0.0.1", server.address.port), PATIENCE)
    slow.sendall(b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body))
    equal(server.get("/healthz").status, 200, "the slow one is at its body, too")
    server.process.send_signal(signal.SIGTERM)

    def closed():
        try:
            socket.create_connection(("127.0.0.1", server.address.port), PATIENCE).close()
            return False
        except ConnectionRefusedError:
            return True

    until(closed, "the end of listening")
    expect(server.process.poll() is None, "it did not wait for the request in flight")
    slow.sendall(body)
    data = slow.makefile("rb").read()
    expect(data.startswith(b"HTTP/1.1 200"), f"the request in flight: {data[:100]!r}")
    expect(b"Connection: close" in data, "the connection would be kept")
    equal(server.process.wait(PATIENCE), 0, "exit code")
    slow.close()
    server.close()
    # A second signal waits for nobody.
    server = rig.httpd()
    slow = socket.create_connection(("127.0.0.1", server.address.port), PATIENCE)
    slow.sendall(b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n")
    equal(server.get("/healthz").status, 200, "the slow one is at its body, too")
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    until(closed, "the end of listening")
    server.process.send_signal(signal.SIGTERM)
    equal(server.process.wait(PATIENCE), 0, "exit code")
    print(f"a second signal ends it after {time.monotonic() - began:.2f} s")
    slow.close()
    server.close()


if __name__ == "__main__":
    run_scenario()
