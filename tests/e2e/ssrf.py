#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ssrf: webhooks go to no forbidden address, in whatever form it is written, whatever a name leads to
and wherever a receiver redirects to.

Each scenario runs in a network namespace of its own. There the loopback interface has an address of
each forbidden network, and two that are none; on all of them listen servers that count connections. A
name server answers as a hostile one would."""
import json
import os
import socket
import struct
import subprocess
import sys
import threading

from rig import BUILD, Skip, equal, expect, run_scenario, scenario, until

PUBLIC, PUBLIC6 = "8.8.8.8", "2606:4700::1111"  # in this namespace nobody else's
PORT = 8080

INNER = ["10.0.0.1", "10.0.0.2", "172.16.0.1", "172.31.255.254", "192.168.1.1", "100.64.0.1",
         "100.100.100.200", "169.254.0.1", "169.254.169.254", "168.63.129.16", "192.0.0.1",
         "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
         "240.0.0.1", "0.0.0.5"]
INNER6 = ["fd00:ec2::254", "fd20:ce::254", "fc00::1", "fe80::1", "fec0::1", "64:ff9b::7f00:1",
          "64:ff9b:1::1", "2001::1", "2001:2::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1",
          "3fff::1", "5f00::1", "100::1", "::7f00:1", "::ffff:0:7f00:1", "4000::1"]

# What a host looks like in a URL, and the words with which it is refused at the door.
ODD = "four decimal numbers"
BEYOND = "beyond ASCII"
FORMS = {
    "127.0.0.1": "a loopback address", "127.0.0.2": "a loopback address",
    "127.255.255.254": "a loopback address", "127.0.0.1.": "a loopback address",
    "127.1": ODD, "127.0.1": ODD, "2130706433": ODD, "0x7f000001": ODD, "0X7F.1": ODD,
    "0x7f.0x0.0x0.0x1": ODD, "0177.0.0.1": ODD, "017700000001": ODD, "0177.0x0.1": ODD,
    "00000177.1": ODD, "127.000.000.001": ODD, "127.0.0.01": ODD, "127.1.": ODD, "0": ODD,
    "0x0": ODD, "4294967295": ODD, "127.0.0.1.5": ODD, "256.256.256.256": ODD,
    "0.0.0.0": "an address of this network", "0.0.0.5": "an address of this network",
    "%31%32%37.0.0.1": "a percent sign", "127%2e0%2e0%2e1": "a percent sign",
    "localhost%00.example.org": "a percent sign", "127。0。0。1": BEYOND, "①②⑦.0.0.1": BEYOND,
    "１２７.0.0.1": BEYOND, "lⓞcalhost": BEYOND, "localhost。": BEYOND,
    "localhost": "a loopback address", "LOCALHOST": "a loopback address",
    "LocalHost.": "a loopback address", "a.localhost": "a loopback address",
    "a.b.LOCALHOST.": "a loopback address", "localhost.localdomain": "a loopback address",
    "ip6-localhost": "a loopback address", "localhost..": "an empty part",
    ".localhost": "an empty part",
    "user@127.0.0.1": "a user or password", "u:p@127.0.0.1": "a user or password",
    "example.org@127.0.0.1": "a user or password", "8.8.8.8:80@127.0.0.1": "a user or password",
    "8.8.8.8\\@127.0.0.1": "a backslash", "127.0.0.1\\": "a backslash",
    "127.0.0.1 ": "a space", "127.0.0.1\t": "a control character",
    "10.0.0.1": "a private address", "172.16.0.1": "a private address",
    "172.31.255.254": "a private address", "192.168.1.1": "a private address",
    "0xc0a80101": ODD, "012.0.0.1": ODD, "100.64.0.1": "a shared address",
    "169.254.0.1": "a link-local address", "169.254.169.254": "a metadata address",
    "2852039166": ODD, "0xa9fea9fe": ODD, "0251.0376.0251.0376": ODD,
    "100.100.100.200": "a metadata address", "168.63.129.16": "a metadata address",
    "192.0.0.192": "a metadata address", "192.0.0.1": "an address of IETF protocols",
    "192.0.2.1": "an address for documentation", "192.88.99.1": "a 6to4 relay",
    "198.18.0.1": "an address for benchmarks", "198.51.100.1": "an address for documentation",
    "203.0.113.1": "an address for documentation", "224.0.0.1": "a multicast address",
    "240.0.0.1": "a reserved address", "255.255.255.255": "the broadcast address",
    "[::1]": "a loopback address", "[0:0:0:0:0:0:0:1]": "a loopback address",
    "[0000:0000:0000:0000:0000:0000:0000:0001]": "a loopback address",
    "[::]": "the unspecified address", "[::ffff:127.0.0.1]": "a loopback address",
    "[::FFFF:7F00:1]": "a loopback address", "[0:0:0:0:0:ffff:7f00:1]": "a loopback address",
    "[::ffff:169.254.169.254]": "a metadata address", "[::ffff:10.0.0.1]": "a private address",
    "[::ffff:8.8.8.8]": "an IPv4-mapped address", "[::127.0.0.1]": "an IPv4-compatible address",
    "[::ffff:0:7f00:1]": "an IPv4-translated address", "[64:ff9b::7f00:1]": "an address of NAT64",
    "[64:ff9b:1::1]": "an address of local NAT64", "[2001::1]": "an address of Teredo",
    "[2001:db8::1]": "an address for documentation", "[2002:7f00:1::1]": "an address of 6to4",
    "[fc00::1]": "a unique local address", "[fd00:ec2::254]": "a metadata address",
    "[fe80::1]": "a link-local address", "[fe80::1%25lo]": "no IPv6 address without a zone",
    "[::1%25lo]": "no IPv6 address without a zone", "[fec0::1]": "a site-local address",
    "[ff02::1]": "a multicast address", "[4000::1]": "a reserved address",
    "[127.0.0.1]": "no IPv6 address", "[localhost]": "no IPv6 address",
}

# Names, what the name server answers at the first question and from the second on, and the words with
# which the delivery fails.
NAMES = {
    "loop.test": ["127.0.0.1"],
    "six.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "zero.test": ["0.0.0.0"],
    "inner.test": ["10.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "metadata6.test": ["fd00:ec2::254"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "many.test": ["10.0.0.1", "127.0.0.1", "::1", "fc00::1"],
    "127.0.0.1.nip.test": ["127.0.0.1"],
    "xn--bcher-kva.test": ["127.0.0.1"],
}
WORDS = "where webhooks may not go"


# --- the namespace ---------------------------------------------------------------------------------


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)


def enter():
    """Begins again in namespaces of its own, where this process is root."""
    if os.environ.get("SSRF_INSIDE") == "1":
        return
    os.environ["SSRF_INSIDE"] = "1"
    try:
        run("unshare", "-Urnm", "ip", "link", "set", "lo", "up")
    except (OSError, subprocess.SubprocessError):
        print("skip: no network namespace can be made here")
        sys.exit(77)
    os.execvp("unshare", ["unshare", "-Urnm", sys.executable, "-B", *sys.argv])


def dress(rig):
    """Gives the namespace its addresses and the name server."""
    run("ip", "link", "set", "lo", "up")
    for address in (*INNER, PUBLIC):
        run("ip", "addr", "add", address + "/32", "dev", "lo")
    missing = []
    for address in (*INNER6, PUBLIC6):
        try:
            run("ip", "-6", "addr", "add", address + "/128", "dev", "lo", "nodad")
        except subprocess.CalledProcessError:
            missing.append(address)
    expect(len(missing) <= 3 and PUBLIC6 not in missing, f"the kernel takes no {missing}")
    for name, text in (("resolv.conf", "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n"),
                       ("hosts", "127.0.0.1 localhost\n"),
                       ("nsswitch.conf", "hosts: files dns\n")):
        path = os.path.join(rig.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o644)
        run("mount", "--bind", path, os.path.realpath("/etc/" + name))


class Listeners:
    """All addresses of this machine, on one port: counts who comes to which. Those at an address in
    `open` answer with what says (a status line's end, and headers)."""

    def __init__(self, *good, says="200 OK", port=PORT):
        self.good = good
        self.says = says
        self.came = []
        self.got = []  # requests of the good
        for family, any_address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((any_address, port))
            listener.listen(64)
            threading.Thread(target=self.serve, args=(listener,), daemon=True).start()

    def serve(self, listener):
        while True:
            peer, _ = listener.accept()
            address = peer.getsockname()[0]
            self.came.append(address)
            if address in self.good:
                threading.Thread(target=self.answer, args=(peer,), daemon=True).start()
            else:
                peer.close()

    def answer(self, peer):
        data = b""
        peer.settimeout(20)
        with peer:
            while b"\r\n\r\n" not in data:
                data += peer.recv(65536)
            head, body = data.split(b"\r\n\r\n", 1)
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n")
                          if line.startswith(b"content-length:"))
            while len(body) < length:
                body += peer.recv(65536)
            self.got.append((head.decode(), json.loads(body)))
            peer.sendall(f"HTTP/1.1 {self.says}\r\nContent-Length: 0\r\n"
                         "Connection: close\r\n\r\n".encode())

    def forbidden(self):
        return [address for address in self.came if address not in self.good]


class Names:
    """A name server. names: of each the lists of addresses with which it answers, one a question for
    each kind of address; the last one for ever."""

    def __init__(self, names):
        self.names = names
        self.asked = {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.53", 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            self.socket.sendto(self.answer(query), peer)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        question = query[12:at + 5]
        name = ".".join(labels)
        turns = self.names.get(name, [])
        turn = self.asked.setdefault((name, kind), 0)
        self.asked[name, kind] += 1
        found = turns[min(turn, len(turns) - 1)] if turns else []
        family = {1: socket.AF_INET, 28: socket.AF_INET6}.get(kind)
        records = [socket.inet_pton(family, address) for address in found
                   if (":" in address) == (kind == 28)] if family else []
        rcode = 0 if turns else 3
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, len(records), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(record)) + record
                        for record in records)
        return head + question + body


# --- what the scenarios share ----------------------------------------------------------------------


def section(more="", retries="{}"):
    return f"webhook {{ timeout = 5s retries = {retries} {more} }}\n"


def hook(host, number):
    return {"model": "m", "prompt": f"Say {number}", "webhook": f"http://{host}:{PORT}/hook"}


def gave_up(rig):
    """What is known of each webhook that was given up, by its URL."""
    folder = rig.spool.at("outbox", "failed")
    debts = [rig.spool.json("outbox", "failed", name) for name in os.listdir(folder)] \
        if os.path.isdir(folder) else []
    return {debt["webhook"]: debt for debt in debts}


def refused(rig):
    """Why each file was refused at the door, by its name."""
    found = {}
    for name in rig.spool.names("failed", ".json.error.json"):
        error = rig.spool.json("failed", name)
        found[error["name"]] = error
    return found


def submit(rig, *words):
    return subprocess.run([os.path.join(BUILD, "llmspool-submit"), "-s", rig.spool.path, *words],
                          capture_output=True, text=True, timeout=60, check=False)


def hosts(names):
    return {name: [answers] for name, answers in names.items()}


# --- scenarios -------------------------------------------------------------------------------------


@scenario
def forms(rig):
    """Each form is refused at the door with the words of its rule, and nobody is connected to."""
    expect(len(FORMS) >= 60, f"{len(FORMS)} forms")
    dress(rig)
    listeners = Listeners()
    rig.configure(rig.mock(), section())
    daemon = rig.daemon()
    dropped = {}
    for number, host in enumerate(FORMS):
        name = rig.spool.put(json.dumps(hook(host, number)), name=f"form-{number}.json")
        dropped[name] = host
    until(lambda: len(refused(rig)) == len(FORMS), lambda: f"{len(refused(rig))} refusals")
    for name, error in refused(rig).items():
        host = dropped[name]
        expect(FORMS[host] in error["message"], f"{host}: {error['message']}")
        wanted = "webhook_forbidden" if WORDS in error["message"] else "bad_value"
        equal(error["reason"], wanted, f"reason of {host}")
        expect(os.path.exists(rig.spool.at("failed", name)), f"{name} is not kept")
    equal(rig.spool.jobs("cur") | rig.spool.jobs("done"), set(), "jobs that came in")
    daemon.stop()
    equal(listeners.came, [], "connections")


@scenario
def submitting(rig):
    """llmspool-submit says the same before it drops, with the line that allows it."""
    dress(rig)
    rig.configure(rig.mock(), section())
    equal(submit(rig, "--webhook", "http://localhost:8000/", "first").returncode, 0,
          "a submission to a spool that no daemon ran on")
    daemon = rig.daemon()
    until(lambda: len(refused(rig)) == 1, "the daemon's own refusal")
    line = f'webhook {{ allow = {{"127.0.0.0/8"}} }}  in {rig.conf}'
    expect(line in list(refused(rig).values())[0]["message"], "the daemon says no line")
    before = sorted(os.listdir(rig.spool.at("new")))
    for url, words in (("http://localhost:8000/", line), ("http://127.0.0.1/", line),
                       ("http://[::1]/", '{"::1"}'), ("http://10.1.1.1/", '{"10.0.0.0/8"}'),
                       ("http://169.254.169.254/", '{"169.254.169.254"}'),
                       ("http://127.1/", ODD), ("http://u:p@example.org/", "a user or password"),
                       ("shop", 'the endpoint "shop", which is not there')):
        said = submit(rig, "--webhook", url, "again")
        equal((said.returncode, said.stdout), (65, ""), f"end of a submission with {url}")
        expect(words in said.stderr, f"{url}: {said.stderr}")
    equal(sorted(os.listdir(rig.spool.at("new"))), before, "what is in new/")
    equal(submit(rig, "--webhook", "http://name.test/", "again").returncode, 0, "a name")
    daemon.stop()
    equal(submit(rig, "--webhook", "http://10.1.1.1/", "again").returncode, 65, "with no daemon")
    rig.configure(rig.mocks[-1], section('allow = {"10.0.0.0/8"}'))
    equal(submit(rig, "--webhook", "http://10.1.1.1/", "again").returncode, 0,
          "with a configuration that the daemon has not seen")


@scenario
def allowed(rig):
    """What is allowed is reached, and its neighbours are not."""
    dress(rig)
    listeners = Listeners("10.0.0.1", PUBLIC, PUBLIC6)
    rig.configure(rig.mock(), section('allow = {"10.0.0.1", "64:ff9b::/96"}'))
    daemon = rig.daemon()
    good = ["10.0.0.1", PUBLIC, f"[{PUBLIC6}]"]
    bad = ["10.0.0.2", "127.0.0.1", "[::1]", "169.254.169.254", "[64:ff9b::7f00:1]"]
    for number, host in enumerate(good + bad):
        rig.spool.put(json.dumps(hook(host, number)))
    until(lambda: len(listeners.got) == len(good), lambda: f"{listeners.came} and {daemon.text()}")
    until(lambda: len(refused(rig)) == len(bad), "refusals")
    until(lambda: not rig.spool.names("outbox", ".json"), "an empty outbox")
    daemon.stop()
    equal(sorted(listeners.came), sorted(["10.0.0.1", PUBLIC, PUBLIC6]), "who was connected to")


@scenario
def names(rig):
    """Names come in; what they lead to is looked at when a connection is made."""
    dress(rig)
    Names(hosts(NAMES))
    listeners = Listeners(PUBLIC)
    rig.configure(rig.mock(), section())
    daemon = rig.daemon()
    for number, name in enumerate(NAMES):
        rig.spool.drop(hook(name, number))
    until(lambda: len(gave_up(rig)) == len(NAMES),
          lambda: f"{len(gave_up(rig))} given up; {daemon.text()}")
    for url, debt in gave_up(rig).items():
        expect(WORDS in debt["last"], f"{url}: {debt['last']}")
    daemon.stop()
    equal(listeners.came, [], "connections")


@scenario
def rebinding(rig):
    """A name that leads to a stranger first and home the next time, or to both at once."""
    dress(rig)
    server = Names({"rebind.test": [[PUBLIC], ["127.0.0.1"]],
                    "both.test": [[PUBLIC, "127.0.0.1", "10.0.0.1"]],
                    "closed.test": [["8.8.4.4", "127.0.0.1"]]})
    listeners = Listeners(PUBLIC, says="500 Busy")
    rig.configure(rig.mock(), section(retries='{"50ms", "50ms", "50ms"}'))
    daemon = rig.daemon()
    for number, name in enumerate(server.names):
        rig.spool.drop(hook(name, number))
    until(lambda: len(gave_up(rig)) == 3, lambda: f"{gave_up(rig)}; {daemon.text()}")
    daemon.stop()
    expect(PUBLIC in listeners.came, "nobody came to the stranger")
    equal(listeners.forbidden(), [], "connections")
    # libcurl remembers what a name led to for a minute; asked anew it led home.
    daemon = rig.daemon()
    url = f"http://rebind.test:{PORT}/hook"
    rig.spool.order("redeliver", gave_up(rig)[url]["id"])
    until(lambda: WORDS in gave_up(rig).get(url, {}).get("last", ""),
          lambda: f"{gave_up(rig)}; {daemon.text()}")
    daemon.stop()
    equal(listeners.forbidden(), [], "connections")


@scenario
def redirects(rig):
    """A receiver that redirects is not followed, wherever to."""
    dress(rig)
    targets = ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254", "localhost"]
    Names({})
    for number, (status, target) in enumerate(zip((301, 302, 303, 307, 308), targets)):
        listeners = Listeners(PUBLIC, port=PORT + number, says=(
            f"{status} Moved\r\nLocation: http://{target}:{PORT}/"))
        if number == 0:
            rig.configure(rig.mock(), section())
            daemon = rig.daemon()
        url = f"http://{PUBLIC}:{PORT + number}/"
        rig.spool.drop({"model": "m", "prompt": f"Say {number}", "webhook": url})
        until(lambda: url in gave_up(rig), daemon.text)  # pylint: disable=cell-var-from-loop
        expect(f"answered {status}; redirects" in gave_up(rig)[url]["last"],
               gave_up(rig)[url]["last"])
        equal(listeners.came, [PUBLIC], "who was connected to")
    daemon.stop()


@scenario
def narrowed(rig):
    """What was allowed when a job came in is looked at again when it is told, and after a reload."""
    dress(rig)
    listeners = Listeners("10.0.0.1")
    rig.configure(rig.mock("--latency", "400ms"), section('allow = {"10.0.0.0/8"}'))
    daemon = rig.daemon()
    rig.spool.drop(hook("10.0.0.1", 1))
    until(lambda: len(listeners.got) == 1, "the first webhook")
    rig.spool.drop(hook("10.0.0.1", 2))
    until(lambda: rig.mocks[-1].requests() == 2, "the second request")
    rig.configure(rig.mocks[-1], section())
    daemon.send(1)  # SIGHUP
    until(lambda: len(gave_up(rig)) == 1, daemon.text)
    last = list(gave_up(rig).values())[0]["last"]
    expect("10.0.0.1 is a private address" in last and WORDS in last, last)
    equal(len(listeners.came), 1, "connections")
    daemon.stop()


@scenario
def environment(rig):
    """No proxy of the environment is used, and no key is sent."""
    dress(rig)
    listeners = Listeners(PUBLIC)
    proxy = f"http://10.0.0.1:{PORT}"
    rig.configure(rig.mock(), section())
    daemon = rig.daemon(environment={"http_proxy": proxy, "HTTP_PROXY": proxy, "all_proxy": proxy,
                                     "ALL_PROXY": proxy, "RIG_KEY": "sk-canary-0123456789"})
    rig.spool.drop(hook(PUBLIC, 1))
    until(lambda: len(listeners.got) == 1, daemon.text)
    head, body = listeners.got[0]
    expect("sk-canary" not in head + json.dumps(body), "the key was sent")
    expect("authorization" not in head.lower(), "there is an authorization")
    equal(listeners.came, [PUBLIC], "who was connected to")
    daemon.stop()


if __name__ == "__main__":
    enter()
    run_scenario()
