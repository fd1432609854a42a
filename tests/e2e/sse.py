# SPDX-License-Identifier: GPL-2.0-or-later
"""sse: events by Server-Sent Events from llmspool-httpd, compared with the log itself."""
import datetime
import fcntl
import json
import os
import re
import resource
import select
import shutil
import socket
import struct
import subprocess
import threading
import time

from rig import (Failure, LONG, Skip, Spool, equal, expect, provider, run_scenario, scenario, seed,
                 spawn, until)

TEXT = "Ein größeres Stück: das 漢字 für Wörter und ein 🙂 dazwischen. " * 6
SANITIZED = os.environ.get("LLMSPOOL_SANITIZED", "0") == "1"  # memory is not what it is without
IDS = ("a" * 64, "b" * 64, "c" * 64)
TODAY = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


class Stream:
    """A stream of events, read as the standard says, from a socket of its own."""

    def __init__(self, server, path, last_id=None, headers=(), receive=None, connected=None):
        self.socket = socket.socket()
        if receive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(20)
        self.socket.connect((server.address.hostname, server.address.port))
        if connected is not None:
            connected()
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
        file.write(f'{{"position":1,"id":"{IDS[0]}"}}\n')
    server = rig.httpd()
    whole = [(i, json.loads(text)) for i, text in log(rig.spool)]

    def now():
        """What is added to a run is looked for again for events that are younger than the last look."""
        return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

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
        file.write(f'{{"position":2,"id":"{IDS[1]}"}}\n')
    add(rig.spool, line(2, "started"), line(1, "expired", time=now()))
    equal(run.event()[0], "expired", "of a job that is in the run since then")
    both = [run, stream(rig, server, "/v1/events?run=night")]
    both[1].event()
    for n in range(5):
        added = f"{n:064x}"
        with open(manifest, "a", encoding="utf-8") as file:
            file.write(f'{{"position":{3 + n},"id":"{added}"}}\n{{"position":{4 + n},"id":"{IDS[2]}')
        add(rig.spool, line(2, "started"), line(2, "accepted", id=added, time=now()))
        equal([json.loads(one.event()[2])["id"] for one in both], [added] * 2, "of one that came then")
        os.truncate(manifest, os.path.getsize(manifest) - len(f'{{"position":{4 + n},"id":"{IDS[2]}'))
    with open(manifest, "a", encoding="utf-8") as file:
        file.write(f'{{"position":1,"id":"{IDS[2]}"}}\n')
    add(rig.spool, line(2, "started", time=now()))
    equal([one.event()[0] for one in both], ["started"] * 2, "of one that took another's place")
    time.sleep(1.1)
    add(rig.spool, line(3, id="f" * 64), line(0, "retry", time=now()), line(2, "failed", time=now()))
    equal([one.event()[0] for one in both], ["failed"] * 2, "not of the one whose place it took")
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
                    rig.spool.path], check=True,
                   stdout=subprocess.DEVNULL)
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
    add(rig.spool, b"what is no event\n")
    time.sleep(0.2)
    began = time.monotonic()
    add(rig.spool, line(6))
    equal(told([found.event()]), log(rig.spool)[-1:], "behind what is no event")
    expect(time.monotonic() - began < 5, "what is no event keeps silent streams asleep")


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
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
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
def unreadable(rig):
    """A log that cannot be read for a moment is no gap: the client comes again with the id it has."""
    three_days(rig, 20)
    server = rig.httpd()
    whole = log(rig.spool)
    stream(rig, server).event()
    process = server.process.pid
    limits = resource.prlimit(process, resource.RLIMIT_NOFILE)

    def exhaust():
        time.sleep(0.5)  # it is accepted
        resource.prlimit(process, resource.RLIMIT_NOFILE, (3, limits[1]))

    for last in (whole[3][0], whole[-3][0]):
        found = stream(rig, server, last_id=last, connected=exhaust)
        equal((found.rest(), found.last_id), ([], last), f"what is told behind {last}")
        expect(found.retry is not None, "it does not say when to come again")
        resource.prlimit(process, resource.RLIMIT_NOFILE, limits)
        again = stream(rig, server, last_id=last)
        rest = whole[[i for i, _ in whole].index(last) + 1:]
        equal(told(again.events(len(rest))), rest, "what follows then")
        again.close()


@scenario
def turns(rig):
    """Compressed days are read by so many at once; others wait, at no cost, until it is their turn."""
    old = "2026-11-20"
    write_day(rig.spool, old, [line(n, day=old, text=" " + "x" * 300) for n in range(20000)])
    subprocess.run(["zstd", "-q", "--rm", rig.spool.at("events", old + ".jsonl")], check=True)
    write_day(rig.spool, TODAY, [line(1)])
    server = rig.httpd()
    readers = [stream(rig, server, "/v1/events?since=start", receive=4096) for _ in range(64)]
    for one in readers:
        one.events(2)
    late = [stream(rig, server, "/v1/events?since=start") for _ in range(3)]
    for one in late:
        equal(one.event()[0], "begin", "the beginning")
    until(lambda: work_ms(server, 0.5) < 50, "the kernel to keep all that it can")
    busy = work_ms(server, 2)
    for one in late:
        while select.select([one.socket], [], [], 0)[0]:
            words = (one.line(), one.line())
            equal(words, (": ", ""), "what comes while 64 read compressed days")
    expect(busy < 300, f"{busy} ms of work in 2 s while some wait")
    for one in readers[1:]:
        one.close()
    for one in (readers[0], late[0]):
        equal(told(one.events(20000)), log(rig.spool)[one is readers[0]:][:20000], "each hears all")
    equal(told(late[2].events(100)), log(rig.spool)[:100], "another")


def work_ms(server, seconds):
    """For how much of a time a server works."""
    def used():
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")

    before = used()
    time.sleep(seconds)
    return used() - before


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


# --- a job's stream ---

def call(*words):
    """What a program says."""
    return subprocess.run([os.path.join(os.environ["LLMSPOOL_BUILD"], words[0]), *words[1:]],
                          check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def configure(rig, *options, general=""):
    mock = rig.mock(*options)
    rig.configuration(f"backoff = 1ms\n{general}\n" + provider(mock, "openai"))
    return mock


def parts(events):
    """Events by their names, those without the log's ids as data alone."""
    return [(name, json.loads(data)) for name, _, data in events]


def of_log(spool, events):
    """Those that are in the log, as (id, line)."""
    known = set(log(spool))
    return [(i, data) for _, i, data in events if (i, data) in known]


@scenario
def job(rig):
    """State, events of the log, progress and the end; then there is nothing more to tell."""
    configure(rig)
    server = rig.httpd()
    wanted = {"model": "m", "prompt": "Say hello", "name": "hello", "user": "ann"}
    identity = rig.spool.remember(wanted)
    rig.spool.put(json.dumps(wanted), name=f"{identity}.1.json")
    other = rig.spool.drop({"model": "m", "prompt": "Say something else"})
    path = f"/v1/jobs/{identity}/events"
    found = stream(rig, server, path)
    name, begin, _ = found.event()
    equal(name, "begin", "the beginning")
    name, _, data = found.event()
    equal((name, json.loads(data)["id"], json.loads(data)["state"]), ("state", identity, "dropped"),
          "the job")
    rig.daemon()
    events = found.rest()
    names = [name for name, _, _ in events]
    equal([name for name in names if name != "progress"], ["accepted", "started", "completed", "end"],
          "the events")
    equal(of_log(rig.spool, events), [(i, text) for i, text in log(rig.spool) if identity in text],
          "the job's lines of the log")
    steps = [data for name, data in parts(events) if name == "progress"]
    equal(steps[-1], {"jobId": identity, "message": "completed", "progress": 100,
                      "timestamp": steps[-1]["timestamp"]}, "the last progress")
    expect(steps[0]["progress"] == 0 and steps[0]["message"].startswith("dropped"), steps[0])
    equal(parts(events)[-1], ("end", {"jobId": identity, "state": "completed"}), "the end")
    until(lambda: rig.spool.jobs("done") >= {identity, other}, "both to be done")
    equal(Stream(server, path, last_id=events[-1][1]).status, 204, "whoever comes again")
    late = stream(rig, server, f"/v1/jobs/{identity[:12]}/events").rest()
    equal([name for name, _, _ in late], ["begin", "state", "progress", "end"], "of a job that is done")
    named = stream(rig, server, "/v1/jobs/hello/events", last_id=begin).rest()
    equal([name for name, _, _ in named if name != "progress"],
          ["state", "accepted", "started", "completed", "end"], "from the beginning")
    watches = inotify(server)
    for _ in range(3):
        stream(rig, server, path).rest()
        equal(inotify(server), watches, "the log is watched on")
    equal(Stream(server, f"/v1/jobs/{'0' * 64}/events").status, 404, "of no job")
    equal(Stream(server, "/v1/jobs/nobody/events").status, 404, "of no name")
    equal(Stream(server, "/v1/jobs/..%2f..%2fetc/events").status, 400, "of no word")


def inotify(server):
    """What a server watches, by numbers that no later watch has."""
    found = []
    folder = f"/proc/{server.process.pid}/fdinfo"
    for name in os.listdir(folder):
        try:
            with open(os.path.join(folder, name), encoding="ascii") as file:
                found += [text.split()[1] for text in file if text.startswith("inotify wd:")]
        except FileNotFoundError:
            pass  # closed meanwhile
    return sorted(found)


@scenario
def asked_again(rig):
    """A stream that ended goes on when the job is asked again."""
    configure(rig)
    server = rig.httpd()
    rig.daemon()
    identity = rig.spool.drop({"model": "m", "prompt": "[[mock:status:400]] no"})
    until(lambda: rig.spool.jobs("failed"), "the job to fail")
    path = f"/v1/jobs/{identity}/events"
    first = stream(rig, server, path + "?since=start").rest()
    equal([name for name, _, _ in first if name != "progress"][-2:], ["failed", "end"], "the end")
    equal(Stream(server, path, last_id=first[-1][1]).status, 204, "whoever comes again")
    rig.spool.order("retry", identity)
    until(lambda: len(rig.spool.events("failed")) == 2, "the second end")
    second = stream(rig, server, path, last_id=first[-1][1]).rest()
    names = [name for name, _, _ in second if name != "progress"]
    equal((names[0], names[1], names[-2:]), ("state", "retried", ["failed", "end"]), "what is new")
    equal(of_log(rig.spool, first + second),
          [(i, text) for i, text in log(rig.spool) if identity in text], "all of the job's lines")


def put_together(events):
    """The text that tokens say, as a client keeps it."""
    text = b""
    for name, _, data in events:
        if name == "token":
            piece = json.loads(data)
            expect(piece["offset"] <= len(text), f"a hole before {piece['offset']}")
            text = text[:piece["offset"]] + piece["text"].encode()
    return text.decode()


@scenario
def tokens(rig):
    """The text comes as it grows, in whole characters, and is the output at the end."""
    configure(rig, "--pace", "40ms")
    server = rig.httpd()
    rig.daemon()
    identity = rig.spool.drop({"model": "m", "prompt": TEXT, "stream": True,
                               "params": {"max_tokens": 400}})
    path = f"/v1/jobs/{identity}/events"
    until(lambda: os.path.exists(rig.spool.at("cur", identity + ".json")), "the job to be taken")
    found = stream(rig, server, path + "?tokens=1")
    half = []
    while not any(name == "token" for name, _, _ in half):
        half.append(found.event())
    offset = len(put_together(half).encode())
    cut = stream(rig, server, f"{path}?tokens=1&offset={offset}")
    middle = stream(rig, server, f"{path}?tokens=1&offset={offset + 1}")
    whole = half + found.rest()
    output = rig.spool.json("done", identity + ".v1.json")["output"]
    equal(put_together(whole), output, "the text")
    expect(sum(name == "token" for name, _, _ in whole) > 3, "it came at once")
    names = [name for name, _, _ in whole if name != "progress"]
    equal(names[-2:], ["completed", "end"], "the end")
    percents = [data["progress"] for name, data in parts(whole) if name == "progress"]
    growing = [p for p in percents if p is not None]
    expect(len(growing) > 1 and growing == sorted(growing) and growing[-1] == 100, f"{percents}")
    pieces = [json.loads(data) for name, _, data in cut.rest() if name == "token"]
    equal(pieces[0]["offset"], offset, "where it goes on")
    equal("".join(piece["text"] for piece in pieces),
          output.encode()[offset:].decode(), "the rest of the text")
    expect(middle.rest()[-1][0] == "end", "an offset within a character")
    late = stream(rig, server, path + "?tokens=1").rest()
    equal(put_together(late), output, "of a job that is done")
    silent = stream(rig, server, path).rest()
    expect(all(name != "token" for name, _, _ in silent), "nobody asked for it")


@scenario
def tokens_anew(rig):
    """A stream of the upstream that breaks is asked again: the text begins anew."""
    configure(rig, "--pace", "20ms")
    server = rig.httpd()
    rig.daemon()
    identity = rig.spool.drop({"model": "m", "prompt": "[[mock:cut-stream,times=1]]" + TEXT, "stream": True})
    until(lambda: os.path.exists(rig.spool.at("cur", identity + ".json")), "the job to be taken")
    found = stream(rig, server, f"/v1/jobs/{identity}/events?tokens=1").rest()
    equal(put_together(found), rig.spool.json("done", identity + ".v1.json")["output"], "the text")
    equal(found[-1][0], "end", "the end")


@scenario
def half_closed(rig):
    """A client that says no more still hears; one that goes away is forgotten at the next heartbeat."""
    write_day(rig.spool, TODAY, [line(1)])
    server = rig.httpd()
    found = stream(rig, server)
    found.event()
    gone = [stream(rig, server) for _ in range(20)]
    for one in gone:
        one.event()
    descriptors = f"/proc/{server.process.pid}/fd"
    before = len(os.listdir(descriptors))
    for one in gone:
        one.close()
    found.socket.shutdown(socket.SHUT_WR)
    until(lambda: len(os.listdir(descriptors)) <= before - len(gone), "the others to be forgotten", 25)
    add(rig.spool, line(2))
    try:
        equal(told([found.event()]), log(rig.spool)[-1:], "what the half-closed one hears")
    except (EOFError, ConnectionError):
        raise Failure("a half-closed client is cut") from None


@scenario
def heartbeats(rig):
    """A silent stream has a sign of life each 15 s; the id goes on with the log, for those who choose."""
    write_day(rig.spool, TODAY, [line(1)])
    server = rig.httpd()
    silent, choosy = stream(rig, server), stream(rig, server, "/v1/events?types=failed")
    for one in (silent, choosy):
        one.event()
    add(rig.spool, line(2))
    silent.event()
    begin = time.monotonic()
    while choosy.last_id != log(rig.spool)[-1][0] or silent.comments == 0:
        expect(time.monotonic() - begin < 40, "there is no sign of life")
        for one in select.select([silent.socket, choosy.socket], [], [], 1)[0]:
            text = (silent if one is silent.socket else choosy).line()
            silent.comments += one is silent.socket and text.startswith(":")
            if one is choosy.socket and text.startswith("id: "):
                choosy.last_id = text[4:]


@scenario
def slow_reader(rig):
    """Who reads nothing is cut with a hint, keeps no memory busy, and goes on where he was."""
    write_day(rig.spool, TODAY, [line(1)])
    server = rig.httpd()
    slow = stream(rig, server, "/v1/events?retry=50", receive=65536)
    slow.event()
    before = memory(server)
    lines = [line(n, text=" " + "x" * 200) for n in range(1000)]
    quick = stream(rig, server)
    quick.event()
    for _ in range(20):  # more than the kernel keeps for a connection
        add(rig.spool, *lines)
    equal(told(quick.events(20000)), log(rig.spool)[1:], "who reads hears all")
    expect(memory(server) - before < (4_000 if not SANITIZED else 1 << 20),
           f"{memory(server) - before} kB for one slow reader")
    time.sleep(8)  # longer than anybody is waited for
    heard, cut = [], False
    try:
        while True:
            heard.append(slow.event())
    except EOFError:
        cut = slow.over
    expect(cut and len(heard) < 20000, f"it is not cut, after {len(heard)} events")
    equal(slow.retry, 50, "when to come again")
    again = stream(rig, server, last_id=slow.last_id)
    equal(told(heard) + told(again.events(20000 - len(heard))), log(rig.spool)[1:], "both together")


def memory(server):
    """Resident kB of a server."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


@scenario
def slow_replay(rig):
    """The log is read as the reader takes it, not at once."""
    write_day(rig.spool, TODAY, [line(n, text=" " + "x" * 200) for n in range(30000)])
    server = rig.httpd()
    found = stream(rig, server, receive=4096)
    found.close()
    before = memory(server)
    slow = stream(rig, server, "/v1/events?since=start", receive=4096)
    slow.events(100)
    time.sleep(0.3)
    expect(memory(server) - before < (4_000 if not SANITIZED else 12_000),
           f"{memory(server) - before} kB for a slow reader")
    equal(told(slow.events(29901))[-1], log(rig.spool)[-1], "the last")


@scenario
def many(rig):
    """Idle streams are cheap."""
    count = 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    write_day(rig.spool, TODAY, [line(1)])
    server = rig.httpd()
    stream(rig, server).event()
    before = memory(server)
    streams = [Stream(server, "/v1/events") for _ in range(count)]
    for one in streams:
        equal((one.status, one.event()[0]), (200, "begin"), "each")
    each = (memory(server) - before) / count
    limit = 20 if not SANITIZED else 100
    print(f"{each:.1f} kB for each stream")
    expect(each < limit, f"{each:.1f} kB for each stream")
    add(rig.spool, line(2))
    for one in streams:
        equal(told([one.event()]), log(rig.spool)[-1:], "each hears it")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@scenario
def too_many(rig):
    """As many as fit; the next is told to come later, and others are served."""
    write_day(rig.spool, TODAY, [line(1)])
    conf = os.path.join(rig.folder, "httpd.conf")
    for descriptors, connections, most in (("100:2048", 320, 240), ("1024", 40, 30), ("300", 16384, 177)):
        with open(conf, "w", encoding="utf-8") as file:
            file.write(f"limits {{ connections = {connections} }}\n")
        server = rig.httpd("-c", conf, prefix=("prlimit", "--nofile=" + descriptors))
        streams = []
        while True:
            streams.append(Stream(server, "/v1/events"))
            if streams[-1].status != 200:
                break
        refused = streams.pop()
        equal((refused.status, refused.headers["retry-after"]), (503, "30"), "the one too many")
        equal(len(streams), most, f"streams of {connections} connections, {descriptors} descriptors")
        equal(server.get("/healthz").status, 200, "another request")
        refused.close()
    streams.pop().close()
    until(lambda: Stream(server, "/v1/events").status == 200, "a place to be free", 40)


@scenario
def too_many_of_one(rig):
    """A token gets a quarter of the streams; others are served as before."""
    write_day(rig.spool, TODAY, [line(1)])
    path = os.path.join(rig.folder, "tokens")
    headers = [["Authorization: Bearer " + call("llmspool-httpd", "--tokens", path, "--new-token", user)]
               for user in ("ann", "ben")]
    server = rig.httpd("--tokens", path, prefix=("prlimit", "--nofile=300"))
    streams = []
    while not streams or streams[-1].status == 200:
        streams.append(Stream(server, "/v1/events", headers=headers[0]))
    refused = streams.pop()
    # Of 300 descriptors 64 are for the server itself; of the connections three in four may be streams.
    quarter = (300 - 64) // 4 * 3 // 4
    equal((refused.status, refused.headers["retry-after"], len(streams)), (429, "30", quarter), "the one too many")
    equal(Stream(server, "/v1/events", headers=headers[1]).status, 200, "another token")
    streams.pop().close()
    until(lambda: Stream(server, "/v1/events", headers=headers[0]).status == 200, "a place to be free", 40)


# --- cuts ---

class Cutter(threading.Thread):
    """A proxy on one port that cuts each connection at a random byte of the answer, so many times; then it cuts
    none. The server behind it may be another one each time."""

    def __init__(self, cuts, chance, most=1500):
        super().__init__(daemon=True)
        self.left, self.chance, self.most = cuts, chance, most
        self.target = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            server = socket.create_connection(self.target, 20)
        except OSError:
            client.close()
            return
        room = None
        if self.left > 0:
            self.left -= 1
            room = self.chance.randrange(self.most)
        try:
            self.carry(client, server, room)
        except OSError:
            pass
        if room is not None and room % 2:  # a reset, not an end
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for one in (client, server):
            one.close()

    @staticmethod
    def carry(client, server, room):
        while True:
            ready, _, _ = select.select([client, server], [], [], 60)
            for one in ready:
                data = one.recv(4096)
                if not data:
                    return
                if one is client:
                    server.sendall(data)
                elif room is None:
                    client.sendall(data)
                elif len(data) < room:
                    client.sendall(data)
                    room -= len(data)
                else:
                    client.sendall(data[:room])
                    return


class Reader(threading.Thread):
    """Reads what the client writes."""

    def __init__(self, arguments):
        super().__init__(daemon=True)
        self.process = spawn(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.events = []
        self.start()

    def run(self):
        for text in self.process.stdout:
            self.events.append(json.loads(text))

    def close(self):
        self.process.kill()
        self.process.wait(20)


def ended(rig):
    return len(rig.spool.jobs("done")) + len(rig.spool.jobs("failed"))


@scenario
def cuts(rig):
    """A client that is cut at random bytes, while jobs run and both processes are killed, hears every event
    exactly once and in the order of the log."""
    chance = seed()
    count = 1000 if LONG else 100
    mock = configure(rig, general="concurrency = 4")
    cutter = Cutter(count, chance)
    server = rig.httpd()
    cutter.target = (server.address.hostname, server.address.port)
    rig.daemon()
    kinds = ("accepted,duplicate,started,retry,doubt,completed,failed,daemon_started,daemon_stopping,"
             "daemon_stopped,gap,events_cut,gate_closed,gate_opened,held,begin")
    reader = Reader(["node", os.environ["SSE_CLIENT"],
                     cutter.url + "/v1/events?since=start&retry=2", kinds])
    number, kills = 0, 0
    while cutter.left > 0:
        rig.spool.drop_list([{"model": "m", "prompt": f"Say {number + i}"} for i in range(5)])
        number += 5
        left = cutter.left
        until(lambda: cutter.left <= max(left - 4, 0) or ended(rig) == number, "cuts or jobs")
        if kills < 12 and chance.random() < 0.4:
            kills += 1
            if kills % 2:
                server.kill()
                server = rig.httpd()
                cutter.target = (server.address.hostname, server.address.port)
            else:
                rig.daemons[-1].kill()
                rig.daemon()
    until(lambda: ended(rig) == number, "all jobs")
    rig.daemons[-1].stop()
    whole = log(rig.spool)
    heard = lambda: [(i, text) for name, i, text in reader.events if name != "begin"]
    until(lambda: len(heard()) >= len(whole) or reader.process.poll() is not None, "all events")
    reader.close()
    expect(mock.requests() >= number, "the mock was asked")
    print(f"{count} cuts, {kills} kills, {len(whole)} events")
    equal(len(heard()), len(whole), "how many events were heard")
    equal(heard(), whole, "the log")


# --- whose events ---

@scenario
def others(rig):
    """A caller who has a user and is no administrator hears of his own jobs in a shared spool where each
    sees his own."""
    if os.geteuid() != 0:
        raise Skip("it needs root, to make a spool of a group")
    rig.spool = Spool(os.path.join(rig.folder, "shared"), make=False)
    call("llmspool-init", rig.spool.path, "--model", "m", "--group", "users")
    configure(rig, general='visibility = "owner"\ntrusted_droppers = {"root"}\n'
                           'budget { day = "9" }\nuser "ann" { budget { day = "5" } }\n'
                           'user "ben" { budget { day = "5" } }\nmodel "m" { price = free }')
    rig.daemon()
    path = os.path.join(rig.folder, "tokens")
    tokens = {user: call("llmspool-httpd", "--tokens", path, "--new-token", user, "--scope", scope)
              for user, scope in (("ann", "read"), ("ben", "read"), ("boss", "read,submit,admin"))}
    server = rig.httpd("--tokens", path)
    jobs = {user: rig.spool.drop({"model": "m", "prompt": f"For {user}", "user": user})
            for user in ("ann", "ben")}
    until(lambda: rig.spool.jobs("done") == set(jobs.values()), "both jobs")
    whole = log(rig.spool)

    def ask(user, path):
        return Stream(server, path, headers=[f"Authorization: Bearer {tokens[user]}"])

    own = {user: [(i, text) for i, text in whole if f'"user":"{user}"' in text] for user in jobs}
    for user, wanted in own.items():
        expect(wanted and len(wanted) < len(whole), f"{user} has {len(wanted)} events")
        found = ask(user, "/v1/events?since=start")
        equal(found.event()[0], "begin", "the beginning")
        equal(told(found.events(len(wanted))), wanted, f"what {user} hears")
        ready, _, _ = select.select([found.socket], [], [], 0.2)
        expect(not ready, f"{user} hears more")
    found = ask("boss", "/v1/events?since=start")
    found.event()
    equal(told(found.events(len(whole))), whole, "what the administrator hears")
    equal(ask("ann", f"/v1/jobs/{jobs['ben']}/events").status, 404, "another's job")
    mine = ask("ann", f"/v1/jobs/{jobs['ann']}/events")
    equal((mine.status, mine.rest()[-1][0]), (200, "end"), "the own job")
    equal(Stream(server, "/v1/events").status, 401, "nobody's")
    # Runs, and what else could tell of others' jobs.
    for user in jobs:
        rig.spool.drop_list([{"run": f"of-{user}"}, {"model": "m", "prompt": f"In a run of {user}", "user": user}])
    until(lambda: len(rig.spool.jobs("done")) == 4, "the jobs of both runs")

    def get(user, path):
        return server.get(path, headers={"Authorization": f"Bearer {tokens[user]}"})

    for path in ("/v1/runs/", "/v1/jobs?run=", "/v1/events?run="):
        for user, run in (("ann", "of-ann"), ("boss", "of-ann"), ("boss", "of-ben")):
            equal(ask(user, path + run).status, 200, f"{user}: {path}{run}")
        said = [get("ann", path + run) for run in ("of-ben", "of-nobody")]
        equal([answer.status for answer in said], [404, 404], f"another's run and none: {path}")
        equal(said[0].json["detail"], said[1].json["detail"].replace("of-nobody", "of-ben"), "what is told")
    equal(get("ann", "/v1/runs/of-ann").json["completed"], 1, "how far the own run is")
    twin = jobs["ben"][:8] + "0" * 56
    shutil.copy(rig.spool.at("done", jobs["ben"] + ".json"), rig.spool.at("done", twin + ".json"))
    for user, status in (("boss", 409), ("ann", 404)):
        equal(get(user, "/v1/jobs/" + twin[:8]).status, status, f"the beginning of two IDs, to {user}")
    status = {user: json.loads(get(user, "/v1/status").data) for user in ("ann", "boss")}
    private = {"spool", "users", "webhook"}
    equal({user: private & set(told) for user, told in status.items()}, {"ann": set(), "boss": private},
          "what the owner of jobs is told, and who may do everything")
    budgets = {user: {b["scope"] for b in told["money"]["budgets"]} for user, told in status.items()}
    equal(budgets, {"ann": {"all"}, "boss": {"all", "user ann", "user ben"}}, "budgets that are told")
    equal((get("boss", "/metrics").status, get("ann", "/metrics").status), (200, 403), "who sees metrics")


@scenario
def withdrawn(rig):
    """A stream ends with what let it in: a token that is revoked, changed or has expired, a session that was
    given back. Who waits for a job is refused by then."""
    rig.spool.switch("pause")
    rig.mock()
    rig.daemon()
    path = os.path.join(rig.folder, "tokens")

    def token(user, *words):
        return "Authorization: Bearer " + call("llmspool-httpd", "--tokens", path, "--new-token", user, *words)

    def lines():
        with open(path, encoding="utf-8") as file:
            return [text.split() for text in file if text[0] != "#"]

    revoked, changed, kept = (token(user) for user in ("ann", "ben", "eve"))
    brief = token("sue", "--expires", "3s")
    server = rig.httpd("--tokens", path)
    posted = server.post("/v1/jobs", {"prompt": "later"}, headers=dict([revoked.split(": ", 1)])).json["id"]
    until(lambda: posted in rig.spool.jobs("cur"), "the job in cur/")
    given = server.post("/v1/session", "", headers=dict([kept.split(": ", 1)])).headers["Set-Cookie"]
    cookie = "Cookie: " + given.split(";")[0]

    def start(header, path="/v1/events?since=start"):
        found = Stream(server, path, headers=[header])
        equal((found.status, found.event()[0]), (200, "begin"), header)
        return found

    streams = {header: start(header) for header in (revoked, changed, kept, brief, cookie)}
    of_job = start(revoked, f"/v1/jobs/{posted}/events")
    waiter = socket.create_connection((server.address.hostname, server.address.port), 20)
    waiter.sendall(f"GET /v1/jobs/{posted}?wait=4s HTTP/1.1\r\nHost: {server.address.netloc}\r\n"
                   f"{revoked}\r\n\r\n".encode())
    call("llmspool-httpd", "--tokens", path, "--revoke-token", lines()[0][0])
    for found in (streams[revoked], of_job, streams[changed], streams[cookie]):
        found.socket.settimeout(5)  # long before the next heartbeat
    streams[revoked].rest()
    of_job.rest()
    equal(Stream(server, "/v1/events", headers=[revoked]).status, 401, "he comes again")
    expect(waiter.recv(4096).startswith(b"HTTP/1.1 401 "), "who waits is answered")
    other = [words if words[2] != "ben" else [*words[:3], "submit", *words[4:]] for words in lines()]
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.writelines(" ".join(words) + "\n" for words in other)
    os.chmod(path + ".new", 0o600)
    os.rename(path + ".new", path)
    streams[changed].rest()
    equal(Stream(server, "/v1/events", headers=[changed]).status, 403, "without the scope")
    equal(server.request("DELETE", "/v1/session", headers={**dict([cookie.split(": ", 1)]), "Origin": server.url})
          .status, 204, "the session is given back")
    streams[cookie].rest()
    streams[brief].rest()
    ready, _, _ = select.select([streams[kept].socket], [], [], 0)
    if ready:
        streams[kept].more()
    rig.spool.switch("pause", False)
    until(lambda: any(name == "completed" for name, _, _ in streams[kept].events(1)), "the stream that stays")


if __name__ == "__main__":
    run_scenario()
