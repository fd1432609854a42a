# SPDX-License-Identifier: GPL-2.0-or-later
"""sse: events by Server-Sent Events from llmspool-httpd, compared with the log itself."""
import datetime
import fcntl
import json
import os
import re
import resource
import select
import socket
import subprocess
import time

from rig import LONG, equal, expect, provider, run_scenario, scenario, until

TEXT = "Ein größeres Stück: das 漢字 für Wörter und ein 🙂 dazwischen. " * 6
IDS = ("a" * 64, "b" * 64, "c" * 64)
TODAY = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


class Stream:
    """A stream of events, read as the standard says, from a socket of its own."""

    def __init__(self, server, path, last_id=None, headers=(), receive=None):
        self.socket = socket.socket()
        if receive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(20)
        self.socket.connect((server.address.hostname, server.address.port))
        lines = [f"GET {path} HTTP/1.1", f"Host: {server.address.netloc}", *headers]
        if last_id is not None:
            lines.append(f"Last-Event-ID: {last_id}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.raw = b""       # chunks that are not read yet
        self.text = b""      # of the body, lines that are not read yet
        self.last_id = last_id
        self.retry = None
        self.comments = 0
        self.over = False    # the body has ended as it should
        head = self.until(b"\r\n\r\n")
        self.status = int(head.split()[1])
        self.headers = dict(line.lower().split(": ", 1)
                            for line in head.decode().split("\r\n")[1:] if line)
        if self.status != 200:
            length = int(self.headers.get("content-length", 0))
            while len(self.raw) < length:
                self.more()
            self.data = self.raw[:length]

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the connection has ended")
        self.raw += data

    def until(self, end):
        while end not in self.raw:
            self.more()
        found, self.raw = self.raw.split(end, 1)
        return found

    def chunk(self):
        size = int(self.until(b"\r\n"), 16)
        while len(self.raw) < size + 2:
            self.more()
        expect(self.raw[size:size + 2] == b"\r\n", "a chunk has no end")
        self.text += self.raw[:size]
        self.raw = self.raw[size + 2:]
        self.over = size == 0

    def line(self):
        while b"\n" not in self.text and not self.over:
            self.chunk()
        if b"\n" not in self.text:
            raise EOFError("the stream is over")
        line, self.text = self.text.split(b"\n", 1)
        return line.decode()

    def event(self):
        """(name, id, data) of the next event."""
        name, data = "message", []
        while True:
            line = self.line()
            if line == "" and data:
                return name, self.last_id, "\n".join(data)
            if line == "":
                name = "message"
            elif line.startswith(":"):
                self.comments += 1
            else:
                field, value = line.split(": ", 1)
                if field == "event":
                    name = value
                elif field == "data":
                    data.append(value)
                elif field == "id":
                    self.last_id = value
                elif field == "retry":
                    self.retry = int(value)
                else:
                    raise ValueError(line)

    def events(self, count):
        return [self.event() for _ in range(count)]

    def rest(self):
        """All events until the end of the stream."""
        found = []
        try:
            while True:
                found.append(self.event())
        except EOFError:
            expect(self.over, "the stream is cut")
        return found

    def close(self):
        self.socket.close()


def line(number, kind="completed", day=TODAY, text="", **more):
    """A line of the log, with its newline."""
    event = {"time": f"{day}T08:{number // 60 % 60:02}:{number % 60:02}.000Z", "event": kind,
             "id": IDS[number % len(IDS)], "run": 1, "user": f"u{number % 2}",
             "model": f"m{number % 3}", "message": f"event {number}{text}", **more}
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def write_day(spool, day, lines, mode="ab"):
    with open(spool.at("events", day + ".jsonl"), mode) as file:
        file.write(b"".join(lines))


def add(spool, *lines, day=TODAY):
    """Appends as every writer does: under the lock."""
    with open(spool.at("events", day + ".jsonl"), "ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        file.write(b"".join(lines))


def log(spool):
    """[(id, line)] of all that is in the log, compressed or not; lines that are no events are passed
    over, as a torn one that somebody ended."""
    found = []
    for name in sorted({n[:10] for n in spool.names("events")}):
        data = b""
        if os.path.exists(spool.at("events", name + ".jsonl.zst")):
            data = subprocess.run(["zstd", "-dcq", spool.at("events", name + ".jsonl.zst")],
                                  check=True, capture_output=True).stdout
        if os.path.exists(spool.at("events", name + ".jsonl")):
            with open(spool.at("events", name + ".jsonl"), "rb") as file:
                data += file.read()
        at = 0
        for text in data.split(b"\n")[:-1]:
            at += len(text) + 1
            try:
                json.loads(text)
            except ValueError:
                continue
            found.append((f"{name.replace('-', '')}-{at:09}", text.decode()))
    return found


def told(events):
    return [(i, data) for _, i, data in events]


def three_days(rig, count=50):
    for day in ("2026-11-20", "2026-11-22", TODAY):
        write_day(rig.spool, day, [line(n, day=day) for n in range(count)])


def stream(rig, server, path="/v1/events", **more):
    found = Stream(server, path, **more)
    equal(found.status, 200, "the status")
    return found


@scenario
def from_the_start(rig):
    """All that is kept comes, in its order, with the places of the lines as ids."""
    three_days(rig)
    server = rig.httpd()
    found = stream(rig, server, "/v1/events?since=start")
    equal(found.headers["content-type"], "text/event-stream; charset=utf-8", "the type")
    equal(found.headers["cache-control"], "no-store, no-transform", "who may keep it")
    equal(found.headers["x-accel-buffering"], "no", "what proxies may do")
    name, begin, data = found.event()
    equal((name, begin, json.loads(data)), ("begin", "20261120-000000000",
                                            {"position": "20261120-000000000"}), "the beginning")
    expect(1000 <= found.retry < 2000, f"come again after {found.retry} ms")
    events = found.events(150)
    equal(told(events), log(rig.spool), "the log")
    equal({name for name, _, _ in events}, {"completed"}, "the names")
    add(rig.spool, line(1, "started"))
    equal(found.event()[0], "started", "what comes then")
    found.close()
    now = stream(rig, server)
    equal(now.event()[:2], ("begin", log(rig.spool)[-1][0]), "from now on")
    add(rig.spool, line(2, "failed"))
    equal(now.event()[:2], ("failed", log(rig.spool)[-1][0]), "what comes then")
    server.stop()


@scenario
def goes_on(rig):
    """Behind each id that was told exactly the rest follows."""
    three_days(rig, 12)
    server = rig.httpd()
    whole = log(rig.spool)
    for number, (position, _) in enumerate(whole):
        for how in ("header", "query", "since"):
            path = {"header": "/v1/events", "query": f"/v1/events?last_event_id={position}",
                    "since": f"/v1/events?since={position}"}[how]
            found = stream(rig, server, path, last_id=position if how == "header" else None)
            if how == "since":
                equal(found.event()[0], "begin", "the beginning")
            rest = whole[number + 1:]
            equal(told(found.events(len(rest))), rest, f"what follows {position} by {how}")
            found.close()
    begin = stream(rig, server, last_id="20261120-000000000")
    equal(told(begin.events(len(whole))), whole, "what follows the beginning")
    server.kill()
    again = stream(rig, rig.httpd(), last_id=whole[-2][0])
    equal(again.event()[1], whole[-1][0], "what follows after a kill")


@scenario
def since_a_time(rig):
    three_days(rig)
    server = rig.httpd()
    found = stream(rig, server, "/v1/events?since=2026-11-22T08:00:30Z")
    equal(found.event()[0], "begin", "the beginning")
    equal(told(found.events(70)), log(rig.spool)[80:], "what was written since")
    found = stream(rig, server, "/v1/events?since=2027-11-22T08:00:30Z")
    equal(found.event()[1], log(rig.spool)[-1][0], "what is to come")
    for since in ("yesterday", "", "2026-13-01"):
        bad = Stream(server, "/v1/events?since=" + since)
        equal((bad.status, bad.headers["content-type"]), (400, "application/problem+json"), since)


@scenario
def chosen(rig):
    """Filters by kind, model, user and run."""
    lines = [line(n, ("accepted", "started", "completed", "failed")[n % 4]) for n in range(60)]
    lines.append(line(1, "gate_closed", id=None, user=None, model=None, gate="p/m"))
    lines = [re.sub(rb'"(id|user|model)":null,', b"", text) for text in lines]
    write_day(rig.spool, TODAY, lines)
    os.makedirs(rig.spool.at("runs", "night"))
    manifest = rig.spool.at("runs", "night", "manifest.jsonl")
    with open(manifest, "w", encoding="utf-8") as file:
        file.write(json.dumps({"position": 1, "id": IDS[0]}) + "\n")
    server = rig.httpd()
    whole = [(i, json.loads(text)) for i, text in log(rig.spool)]

    def same(query, test):
        found = stream(rig, server, f"/v1/events?since=start&{query}")
        found.event()
        wanted = [i for i, event in whole if test(event)]
        expect(0 < len(wanted) < len(whole), f"{query} chooses {len(wanted)}")
        equal([i for _, i, _ in found.events(len(wanted))], wanted, query)
        return found

    same("types=completed,failed", lambda e: e["event"] in ("completed", "failed")).close()
    same("types=gate_closed", lambda e: e["event"] == "gate_closed").close()
    same("model=m1", lambda e: e.get("model") == "m1").close()
    same("model=*[12]", lambda e: e.get("model") in ("m1", "m2")).close()
    same("user=u1", lambda e: e.get("user") == "u1").close()
    same("types=failed&user=u1&model=m0",
         lambda e: (e["event"], e.get("user"), e.get("model")) == ("failed", "u1", "m0")).close()
    run = same("run=night", lambda e: e.get("id") == IDS[0])
    with open(manifest, "a", encoding="utf-8") as file:
        file.write(json.dumps({"position": 2, "id": IDS[1]}) + "\n")
    add(rig.spool, line(2, "started"), line(1, "expired"))
    equal(run.event()[0], "expired", "of a job that is in the run since then")
    for query, status in (("run=none", 404), ("types=", 400), ("types=Done", 400),
                          ("retry=x", 400), ("retry=100000", 400)):
        equal(Stream(server, "/v1/events?" + query).status, status, query)


@scenario
def gaps(rig):
    """A place that is none, or is none any more, is told, and all that is kept follows."""
    three_days(rig, 20)
    server = rig.httpd()
    whole = log(rig.spool)
    middle = int(whole[3][0][9:]) + 5
    wrong = ["20261119-000000000", "20261119-000000120", "20261121-000000001",
             f"20261120-{middle:09}", "20261120-000999999", TODAY.replace("-", "") + "-000999999",
             "20270101-000000000", "garbage", "20261120-1", "20261120-0000000001", "-", "20269999-000000000"]
    for position in wrong:
        found = stream(rig, server, last_id=position)
        name, begin, data = found.event()
        equal((name, begin, json.loads(data)["from"]), ("gap", "20261120-000000000", begin), position)
        equal(told(found.events(len(whole))), whole, f"what follows {position}")
        found.close()
    old = stream(rig, server, last_id=whole[5][0])
    equal(old.event()[1], whole[6][0], "what follows while it is kept")
    os.unlink(rig.spool.at("events", "2026-11-20.jsonl"))
    found = stream(rig, server, last_id=whole[5][0])
    equal(found.event()[:2], ("gap", "20261122-000000000"), "of a day that was pruned")
    equal(told(found.events(40)), whole[20:], "what is kept")
    equal(stream(rig, server, last_id=whole[19][0]).event()[0], "gap", "its very end")
    empty = stream(rig, server, last_id="20261121-000000000")
    equal(empty.event()[0], "gap", "a day without a file, before those that are kept")
    empty = stream(rig, server, last_id="20261123-000000000")
    equal(empty.event()[1], whole[40][0], "a day without a file, among those that are kept")


@scenario
def compressed(rig):
    """Places stay the same when a day is compressed, and what is appended late has places behind."""
    three_days(rig, 40)
    server = rig.httpd()
    whole = log(rig.spool)
    for day in ("2026-11-20", "2026-11-22"):
        subprocess.run(["zstd", "-q", "--rm", rig.spool.at("events", day + ".jsonl")], check=True)
    for number in (0, 17, 39, 40, 79, 80):
        found = stream(rig, server, last_id=whole[number][0])
        equal(told(found.events(119 - number)), whole[number + 1:], f"what follows event {number}")
        found.close()
    for position in ("20261120-000000003", "20261122-000999999"):
        found = stream(rig, server, last_id=position)
        equal(found.event()[0], "gap", position)
        equal(told(found.events(120)), whole, f"what follows {position}")
        found.close()
    write_day(rig.spool, "2026-11-20", [line(99, day="2026-11-20")])
    late = log(rig.spool)
    found = stream(rig, server, last_id=whole[38][0])
    equal(told(found.events(3)), late[39:42], "with a late line")
    found = stream(rig, server, last_id=late[40][0])
    equal(told(found.events(2)), late[41:43], "behind a late line")


@scenario
def compressed_by_prune(rig):
    """The places of a day that llmspool-prune compresses, while a stream reads it."""
    three_days(rig, 4000)
    server = rig.httpd()
    whole = log(rig.spool)
    slow = stream(rig, server, "/v1/events?since=start", receive=4096)
    slow.event()
    first = slow.events(10)
    subprocess.run([os.path.join(os.environ["LLMSPOOL_BUILD"], "llmspool-prune"), "-s",
                    rig.spool.path, "--yes"], check=False, capture_output=True)
    expect(not os.path.exists(rig.spool.at("events", "2026-11-20.jsonl")), "nothing was compressed")
    equal(told(first + slow.events(11990)), whole, "the log")
    found = stream(rig, server, last_id=whole[2000][0])
    equal(told(found.events(9999)), whole[2001:], "what follows")


@scenario
def torn(rig):
    """Half a line is never told; what takes its place is, once."""
    write_day(rig.spool, TODAY, [line(1)])
    server = rig.httpd()
    found = stream(rig, server, "/v1/events?since=start")
    found.event()
    equal(told(found.events(1)), log(rig.spool), "the log")
    torn_line, path = line(2, text=" that is cut"), rig.spool.at("events", TODAY + ".jsonl")
    size = os.path.getsize(path)
    for end in (10, len(torn_line) // 2):
        add(rig.spool, torn_line[:end])
        again = stream(rig, server, last_id=log(rig.spool)[-1][0])
        time.sleep(0.05)
        os.truncate(path, size)
        add(rig.spool, line(10 + end))
        size = os.path.getsize(path)
        last = log(rig.spool)[-1]
        equal(told([found.event()]), [last], "what came in its place")
        equal(told([again.event()]), [last], "what came in its place, for whoever came meanwhile")
        again.close()
    add(rig.spool, torn_line[:20])
    add(rig.spool, b"\n", line(3))
    equal(told([found.event()]), log(rig.spool)[-1:], "behind one that was ended")
    add(rig.spool, line(4)[:-1])
    time.sleep(0.05)
    add(rig.spool, b"\n", line(5))
    equal(told(found.events(2)), log(rig.spool)[-2:], "one whose newline came later")


@scenario
def taken_back(rig):
    """A writer that cannot write all of its lines takes those back that it wrote: under its lock they
    are not told."""
    write_day(rig.spool, TODAY, [line(1)])
    server = rig.httpd()
    found = stream(rig, server)
    found.event()
    path = rig.spool.at("events", TODAY + ".jsonl")
    size = os.path.getsize(path)
    lock = __import__("struct").pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    with open(path, "ab", buffering=0) as file:
        fcntl.fcntl(file, 37, lock)  # F_OFD_SETLK
        file.write(line(2) + line(3))
        other = stream(rig, server, last_id=log(rig.spool)[0][0])
        ready, _, _ = select.select([found.socket], [], [], 0.3)
        expect(not ready, "what may be taken back is told")
        os.truncate(path, size)
    other.close()
    add(rig.spool, line(4))
    equal(told([found.event()]), log(rig.spool)[-1:], "what stays")


@scenario
def next_day(rig):
    """The day changes under a stream; a line that comes late to the day before is told, without an id."""
    yesterday, day = "2026-11-20", "2026-11-21"
    write_day(rig.spool, yesterday, [line(1, day=yesterday)])
    server = rig.httpd()
    found = stream(rig, server)
    found.event()
    add(rig.spool, line(2, day=yesterday), day=yesterday)
    equal(told([found.event()]), log(rig.spool)[-1:], "the day before")
    write_day(rig.spool, day, [line(3, day=day)])
    add(rig.spool, line(4, day=yesterday), day=yesterday)  # the writer of the day before was slow
    equal(told(found.events(2)), log(rig.spool)[2:], "in their order over midnight")
    add(rig.spool, line(5, day=day), day=day)
    equal(told([found.event()]), log(rig.spool)[-1:], "the new day")
    late = line(6, day=yesterday)
    add(rig.spool, late, day=yesterday)
    name, position, data = found.event()
    equal((name, position, data), ("completed", log(rig.spool)[-1][0], late.decode().strip()),
          "a late line, whose id is still that of the event before")
    add(rig.spool, line(7, day=day), day=day)
    equal(told([found.event()]), log(rig.spool)[-1:], "what follows")
    found.close()
    again = stream(rig, server, last_id=log(rig.spool)[0][0])
    equal(told(again.events(6)), log(rig.spool)[1:], "whoever comes later hears all in their places")


@scenario
def first_day(rig):
    """A stream that begins before there is any log."""
    for name in rig.spool.names("events"):
        os.unlink(rig.spool.at("events", name))
    server = rig.httpd()
    found = stream(rig, server)
    begin = found.event()[1]
    equal(begin, TODAY.replace("-", "") + "-000000000", "the beginning")
    write_day(rig.spool, TODAY, [line(1), line(2)])
    equal(told(found.events(2)), log(rig.spool), "the log")
    equal(told(stream(rig, server, last_id=begin).events(2)), log(rig.spool), "from the beginning")


if __name__ == "__main__":
    run_scenario()
