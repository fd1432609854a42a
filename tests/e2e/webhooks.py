#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""webhooks: delivered with body and headers, tried again by the schedule, each receiver by itself,
over restarts and kills, given up, and brought back by an order."""
import base64
import hashlib
import hmac
import http.server
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import killing
from rig import (BUILD, LONG, Rig, Skip, Spool, equal, expect, preload, run_scenario, scenario,
                 sweep_of_kills, until)

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of no great use").decode()
QUICK = ("100ms", "200ms", "300ms")


class Receiver:
    """An HTTP server that keeps what it gets. answers: what it says, (status, headers), for each path
    in turn, the last one for ever; slow: seconds before each answer."""

    def __init__(self, port=0, slow=0.0):
        self.got = []  # (path, headers, body, time)
        self.answers = {}
        self.slow = slow
        self.lock = threading.Lock()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers = receiver.take(self.path, dict(self.headers.items()), body)
                if receiver.slow:
                    time.sleep(receiver.slow)
                try:
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    pass  # who asked has gone

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def take(self, path, headers, body):
        with self.lock:
            self.got.append((path, {k.lower(): v for k, v in headers.items()}, body, time.time()))
            answers = self.answers.setdefault(path, [(200, {})])
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def says(self, path, *answers):
        self.answers[path] = [a if isinstance(a, tuple) else (a, {}) for a in answers]

    def on(self, path):
        with self.lock:
            return [each for each in self.got if each[0] == path]

    def ids(self, path=None):
        with self.lock:
            return [h["webhook-id"] for p, h, _, _ in self.got if path in (None, p)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def verify(headers, body):
    """As a receiver does it, by the specification."""
    signed = f'{headers["webhook-id"]}.{headers["webhook-timestamp"]}.'.encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    expect(wanted in headers["webhook-signature"].split(" "), "the signature does not fit")
    expect(abs(time.time() - int(headers["webhook-timestamp"])) < 300, "the timestamp is old")


def settings(rig, more="", retries=QUICK, timeout="2s"):
    secret = os.path.join(rig.folder, "secret")
    with open(secret, "w", encoding="ascii") as file:
        file.write(SECRET + "\n")
    os.chmod(secret, 0o600)
    words = ", ".join(f'"{each}"' for each in retries)
    return (f'webhook {{\n    secret_file = {{"{secret}"}}\n    allow = {{"127.0.0.0/8"}}\n'
            f'    timeout = {timeout}\n    retries = {{{words}}}\n{more}\n}}\n')


def start(rig, more="", general="", **options):
    """A mock, a configuration and a receiver."""
    receiver = Receiver()
    rig.configure(rig.mock(), general + settings(rig, more.replace("URL", receiver.url), **options))
    return receiver


def job(number, url, **more):
    return {"model": "m", "prompt": f"Say {number}", "webhook": url, **more}


def owed(rig):
    return rig.spool.names("outbox", ".json")


def given_up(rig):
    path = rig.spool.at("outbox", "failed")
    return os.listdir(path) if os.path.isdir(path) else []


def events(rig, kind):
    return rig.spool.events("webhook_" + kind)


def told(rig):
    return rig.spool.status().get("webhooks", {})


# --- one try and several -------------------------------------------------------------------------


@scenario
def delivered(rig: Rig):
    receiver = start(rig)
    job_id = rig.spool.drop(job(1, receiver.url + "/told?x=1", metadata={"row": 7}))
    rig.until_empty()
    equal(owed(rig), [], "debts left")
    equal(len(receiver.got), 1, "requests")
    path, headers, body, _ = receiver.got[0]
    equal(path, "/told?x=1", "path")
    verify(headers, body)
    message = json.loads(body)
    equal(message["data"]["id"], job_id, "the job")
    expect(message["type"].endswith("completed"), f"type {message['type']}")
    expect("authorization" not in headers, "a key was sent along")
    equal([(e["id"], e["attempt"]) for e in events(rig, "delivered")], [(job_id, 1)], "events")
    rig.judge()


@scenario
def tried_again(rig: Rig):
    """After errors, redirects and refused connections; with one id and fresh signatures."""
    receiver = start(rig)
    receiver.says("/a", 500, (302, {"location": receiver.url + "/elsewhere"}), 404, 200)
    rig.spool.drop(job(1, receiver.url + "/a"))
    daemon = rig.daemon()
    until(lambda: len(receiver.on("/a")) == 4, "four tries")
    until(lambda: not owed(rig), "the debt's end")
    daemon.stop()
    equal(receiver.on("/elsewhere"), [], "redirects that were followed")
    equal(len(set(receiver.ids())), 1, "ids")
    for _, headers, body, _ in receiver.got:
        verify(headers, body)
    times = [at for _, _, _, at in receiver.on("/a")]
    for i, least in enumerate((0.08, 0.16, 0.24)):
        expect(times[i + 1] - times[i] >= least, f"try {i + 2} came {times[i + 1] - times[i]} s later")
    equal([(e["attempt"], e["message"].split(";")[0]) for e in events(rig, "failed")],
          [(1, "answered 500"), (2, "answered 302"), (3, "answered 404")], "events")
    rig.judge()


@scenario
def retry_after(rig: Rig):
    """What a receiver asks for is a floor, for all that is owed to it."""
    receiver = start(rig, retries=("10ms",) * 9)
    receiver.says("/a", (429, {"retry-after": "1"}), 200)
    rig.spool.drop(job(1, receiver.url + "/a"))
    daemon = rig.daemon()
    until(lambda: receiver.on("/a"), "the first try")
    rig.spool.drop(job(2, receiver.url + "/b"))
    until(lambda: len(receiver.on("/a")) == 2 and receiver.on("/b"), "the second try")
    daemon.stop()
    first, second = (at for _, _, _, at in receiver.on("/a"))
    expect(second - first >= 1.0, f"the second try came {second - first} s after the first")
    expect(receiver.on("/b")[0][3] - first >= 0.99, "another debt did not wait")
    equal([e["message"] for e in events(rig, "failed")], ["answered 429, asks to wait 1s"], "events")


@scenario
def gone(rig: Rig):
    """410 stops at once; what is given up is kept, told, and no job's hindrance."""
    receiver = start(rig)
    receiver.says("/a", 410)
    job_id = rig.spool.drop(job(1, receiver.url + "/a"))
    rig.until_empty()
    equal((len(receiver.got), owed(rig)), (1, []), "requests, and what is owed")
    equal(given_up(rig), [receiver.ids()[0] + ".json"], "outbox/failed/")
    debt = rig.spool.json("outbox", "failed", given_up(rig)[0])
    equal((debt["id"], debt["attempts"], debt["last"]),
          (job_id, 1, "answered 410: it wants no more"), "the debt")
    expect(debt["gave_up"] >= debt["time"], "no time")
    equal([(e["id"], e["attempts"]) for e in events(rig, "gave_up")], [(job_id, 1)], "events")
    equal(told(rig)["failed"], 1, "failed in status.json")
    rig.judge()


@scenario
def gives_up(rig: Rig):
    """When the schedule is through; an order brings it back with fresh counters."""
    receiver = start(rig, retries=("20ms", "40ms"))
    receiver.says("/a", 500, 500, 500, 200)
    job_id = rig.spool.drop(job(1, receiver.url + "/a"))
    other = rig.spool.drop(job(2, receiver.url + "/b"))
    receiver.says("/b", 410, 200)
    daemon = rig.daemon()
    until(lambda: len(given_up(rig)) == 2, "both given up")
    equal(len(receiver.on("/a")), 3, "tries")
    rig.spool.order("redeliver", job_id)
    until(lambda: len(receiver.on("/a")) == 4, "the fourth try")
    until(lambda: not owed(rig) and not rig.spool.names("ctl"), "the order's end")
    equal([rig.spool.json("outbox", "failed", n)["id"] for n in given_up(rig)], [other],
          "what is still given up")
    rig.spool.order("redeliver", "ALL")
    until(lambda: len(receiver.on("/b")) == 2, "the other's second try")
    until(lambda: not owed(rig) and not given_up(rig) and not rig.spool.names("ctl"), "the end")
    until(lambda: (told(rig)["owed"], told(rig)["failed"]) == (0, 0), "status.json")
    daemon.stop()
    equal(len(set(receiver.ids("/a"))), 1, "ids")
    rig.judge()


@scenario
def flushed(rig: Rig):
    """An order also hurries what waits for its next try."""
    receiver = start(rig, retries=("1h", "1h"))
    receiver.says("/a", 500, 200)
    job_id = rig.spool.drop(job(1, receiver.url + "/a"))
    daemon = rig.daemon()
    until(lambda: events(rig, "failed"), "the first failure")
    rig.spool.order("redeliver", "0" * 64)
    until(lambda: not rig.spool.names("ctl"), "an order for another job")
    equal(len(receiver.got), 1, "tries so far")
    rig.spool.order("redeliver", job_id)
    until(lambda: len(receiver.got) == 2, "the second try")
    until(lambda: not owed(rig), "the debt's end")
    daemon.stop()


def give_up_all(rig, receiver, count, then, **changes):
    """Debts that were given up, with a daemon that goes on; then is what the receiver says afterwards."""
    for n in range(count):
        receiver.says(f"/{n}", 410, then)
    rig.spool.drop_list([job(n, f"{receiver.url}/{n}") for n in range(count)])
    daemon = rig.daemon()
    until(lambda: len(given_up(rig)) == count and not owed(rig), "all given up")
    for name in given_up(rig):
        debt = rig.spool.json("outbox", "failed", name)
        rig.spool.put(json.dumps({**debt, **changes}), folder="outbox/failed", name=name)
    return daemon


@scenario
def brought_back_old(rig: Rig):
    """What is old when it is brought back waits from then on: it is not given up again untried."""
    receiver = start(rig, retries=("1h",))
    daemon = give_up_all(rig, receiver, 12, 500, time="2020-01-01T00:00:00.000Z")
    rig.spool.order("redeliver", "ALL")
    until(lambda: len(events(rig, "failed")) >= 3, "three failures in a row")
    until(lambda: not rig.spool.names("ctl"), "the order's end")
    daemon.until_says("fails: its webhooks wait")
    time.sleep(0.3)
    daemon.stop()
    equal((given_up(rig), len(owed(rig))), ([], 12), "given up again, and owed")
    expect(all("again" in rig.spool.json("outbox", name) for name in owed(rig)), "no time of the order")
    rig.judge()


@scenario
def stopped_amid_order(rig: Rig):
    """A stop while debts are being brought back does not wait for it: the next daemon obeys."""
    receiver = start(rig)
    os.mkdir(rig.spool.at("outbox", "failed"))
    for n in range(1000):
        name = hashlib.sha256(str(n).encode()).hexdigest()
        rig.spool.put(json.dumps({"webhook_id": name, "id": "9" * 64, "run": 1, "event": "completed",
                                  "webhook": receiver.url, "record": "done/" + "9" * 64 + ".v1.json",
                                  "time": "2026-01-01T00:00:00Z", "attempts": 3, "last": "answered 500",
                                  "gave_up": "2026-01-02T00:00:00Z"}),
                      folder="outbox/failed", name=name + ".json")
    daemon = rig.daemon()
    rig.spool.order("redeliver", "ALL")
    until(lambda: len(given_up(rig)) < 1000, "the order's begin")
    daemon.stop()
    daemon = rig.daemon()
    until(lambda: not given_up(rig) and not owed(rig) and not rig.spool.names("ctl"), "the order's end")
    daemon.stop()
    equal(len(set(receiver.ids())), 1000, "ids")


@scenario
def orders_wait(rig: Rig):
    """An order is obeyed when outbox/failed/ could be read, and not before; one behind it has its turn."""
    receiver = start(rig)
    daemon = give_up_all(rig, receiver, 2, 200)
    path = rig.spool.at("outbox", "failed")
    os.rename(path, path + ".away")
    with open(path, "wb"):
        pass
    ids = [rig.spool.json("outbox", "failed.away", name)["id"] for name in os.listdir(path + ".away")]
    rig.spool.order("redeliver", ids[0])
    daemon.until_says("is not obeyed yet, outbox/failed/ cannot be read")
    rig.spool.order("redeliver", ids[1])
    time.sleep(0.3)
    equal(len(rig.spool.names("ctl")), 2, "orders that wait")
    os.unlink(path)
    os.rename(path + ".away", path)
    until(lambda: len(events(rig, "delivered")) == 2 and not rig.spool.names("ctl"), "both orders' ends")
    daemon.stop()
    equal((owed(rig), given_up(rig)), ([], []), "debts left")
    rig.judge()


def command(rig, program, *arguments):
    done = subprocess.run([os.path.join(BUILD, program), "-s", rig.spool.path, *arguments], check=True,
                          capture_output=True, text=True, timeout=60)
    return done.stdout


@scenario
def commands(rig: Rig):
    """llmspool-ctl redeliver, and what llmspool-status tells: of all, and of one job."""
    receiver = start(rig, retries=("1h",))
    receiver.says("/a", 500, 410, 200)
    job_id = rig.spool.drop(job(1, receiver.url + "/a"))
    daemon = rig.daemon()
    until(lambda: told(rig).get("receivers"), "trouble in status.json")
    page = command(rig, "llmspool-status")
    expect("1 owed" in page and "answered 500" in page, f"overview:\n{page}")
    page = command(rig, "llmspool-status", job_id)
    expect("owed, 1 try failed (answered 500), next at" in page, f"story:\n{page}")
    until(lambda: not rig.spool.names("cur"), "the job's end")
    expect("told again" in command(rig, "llmspool-ctl", "redeliver", job_id), "what ctl says")
    until(lambda: given_up(rig), "given up")
    expect("given up after 2 tries" in command(rig, "llmspool-status", job_id), "story, given up")
    command(rig, "llmspool-ctl", "redeliver", "ALL")
    until(lambda: events(rig, "delivered"), "the delivery")
    page = command(rig, "llmspool-status", job_id)
    expect("told of completed at" in page, f"story:\n{page}")
    daemon.stop()
    rig.judge()


# --- receivers -----------------------------------------------------------------------------------


@scenario
def apart(rig: Rig):
    """One receiver that hangs and one that is not there, each with many debts: those of a third are not
    kept waiting, and the bad ones see few tries at once."""
    receiver = start(rig, timeout="3s", retries=("200ms", "1h"))
    hanging = Receiver(slow=60)
    dead = Receiver()
    dead.close()
    rig.spool.drop_list([job(f"{n} hanging", f"{hanging.url}/{n}") for n in range(60)] +
                        [job(f"{n} dead", f"{dead.url}/{n}") for n in range(60)] +
                        [job(f"{n} good", f"{receiver.url}/{n}") for n in range(100)])
    daemon = rig.daemon()
    until(lambda: len(receiver.got) == 100, "all that a good receiver is owed")
    expect(len(hanging.got) <= 4, f"{len(hanging.got)} tries at a receiver that hangs")
    until(lambda: len(told(rig).get("receivers", [])) == 2, "two receivers in trouble")
    trouble = {r["receiver"]: r for r in told(rig)["receivers"]}
    equal(set(trouble), {hanging.url, dead.url}, "receivers in trouble")
    expect("onnect" in trouble[dead.url]["message"], f"words: {trouble[dead.url]}")
    equal(trouble[dead.url]["owed"], 60, "owed to the dead one")
    expect(len([e for e in events(rig, "failed") if e["receiver"] == dead.url]) < 30,
           "a dead receiver was tried with each of its debts")
    daemon.until_says(f"{dead.url} fails")
    daemon.stop()
    equal(len(owed(rig)), 120, "debts that stay")
    rig.judge()


@scenario
def recovers(rig: Rig):
    """A receiver that was away gets all of it, once it is there."""
    receiver = start(rig, retries=("50ms",) * 30)
    port = receiver.port
    receiver.close()
    rig.spool.drop_list([job(n, f"{receiver.url}/{n}") for n in range(40)])
    daemon = rig.daemon()
    daemon.until_says("fails: its webhooks wait")
    receiver = Receiver(port=port)
    until(lambda: len(set(receiver.ids())) == 40 and not owed(rig), "all of it")
    until(lambda: told(rig)["receivers"] == [], "no trouble left in status.json")
    daemon.stop()
    rig.judge()


@scenario
def kept_alive(rig: Rig):
    """A receiver that closes kept-alive connections as soon as they are used again: no failure of it."""
    receiver = start(rig)
    rig.spool.drop(job(0, receiver.url + "/0"))
    daemon = rig.daemon()
    until(lambda: len(receiver.got) == 1, "the first")
    original = receiver.take

    def take(path, headers, body):
        if path == "/1" and not receiver.on("/1"):
            original(path, headers, body)
            raise ConnectionError  # its handler ends, and with it the connection
        return original(path, headers, body)

    receiver.take = take
    rig.spool.drop(job(1, receiver.url + "/1"))
    until(lambda: len(receiver.on("/1")) == 2 and not owed(rig), "the second")
    daemon.stop()
    equal(events(rig, "failed"), [], "failures")
    equal(len(set(receiver.ids("/1"))), 1, "ids")


# --- who hears -----------------------------------------------------------------------------------


@scenario
def listeners(rig: Rig):
    """The spool's own webhook and endpoints hear of the ends that they ask for; one URL hears once."""
    receiver = start(rig, '    url = "URL/all"\n    events = {"completed", "failed"}')
    with open(rig.conf, "a", encoding="utf-8") as file:
        file.write(f'endpoint "alarm" {{\n    url = "{receiver.url}/alarm"\n    events = {{"failed"}}\n}}\n'
                   f'endpoint "quiet" {{\n    url = "{receiver.url}/quiet"\n}}\n')
    good = rig.spool.drop(job(1, "quiet"))
    bad = rig.spool.drop({"model": "m", "prompt": "Fail [[mock:422,times=9]]"})
    both = rig.spool.drop(job(3, receiver.url + "/all"))
    rig.spool.drop({"model": "m", "prompt": "Late", "expires": "2020-01-01T00:00:00Z"})
    rig.until_empty(code=1)
    heard = sorted((path, json.loads(body)["data"]["id"]) for path, _, body, _ in receiver.got)
    equal(heard, sorted([("/all", good), ("/quiet", good), ("/all", bad), ("/alarm", bad),
                         ("/all", both)]), "who heard of what")
    equal(owed(rig), [], "debts left")


@scenario
def endpoint_moves(rig: Rig):
    """What an endpoint's name means is asked at each try; one that is gone is given up."""
    receiver = start(rig, retries=("1h",))
    text = settings(rig, retries=("1h",))
    mock = rig.mocks[-1]

    def configure(path):
        rig.configure(mock, text + (f'endpoint "e" {{\n    url = "{receiver.url}/{path}"\n}}\n'
                                    if path else ""))

    configure("old")
    receiver.says("/old", 500)
    rig.spool.drop(job(1, "e"))
    rig.spool.drop(job(2, "e", name="second"))
    daemon = rig.daemon()
    until(lambda: len(events(rig, "failed")) == 2, "two failures")
    configure("new")
    daemon.send(signal.SIGHUP)
    daemon.until_says("configuration read again")
    rig.spool.order("redeliver", "ALL")
    until(lambda: len(receiver.on("/new")) == 2 and not owed(rig), "both at the new place")
    receiver.says("/new", 500)
    rig.spool.drop(job(3, "e"))
    until(lambda: len(events(rig, "failed")) == 3, "a third failure")
    configure(None)
    daemon.send(signal.SIGHUP)
    until(lambda: daemon.text().count("configuration read again") == 2, "the new configuration")
    rig.spool.order("redeliver", "ALL")
    until(lambda: len(given_up(rig)) == 1, "given up")
    daemon.stop()
    expect("e" in rig.spool.json("outbox", "failed", given_up(rig)[0])["last"], "no reason")


# --- starts, stops and odd states ----------------------------------------------------------------


@scenario
def over_restarts(rig: Rig):
    """What is in flight when the daemon is stopped stays owed and counts for nothing; --until-empty waits for
    first tries and says what is still owed."""
    receiver = start(rig, retries=("1h",), timeout="30s")
    receiver.slow = 20
    rig.spool.drop_list([job(n, f"{receiver.url}/{n}") for n in range(10)])
    daemon = rig.daemon()
    until(lambda: len(receiver.got) >= 4, "tries in flight")
    daemon.stop(15)
    equal(len(owed(rig)), 10, "debts that stay")
    equal([n for n in owed(rig) if "attempts" in rig.spool.json("outbox", n)], [], "tries counted")
    receiver.slow = 0
    receiver.says("/3", 500)
    daemon = rig.until_empty()
    equal([rig.spool.json("outbox", n)["attempts"] for n in owed(rig)], [1], "what is still owed")
    expect("1 notification is still owed" in daemon.text(), "not told")
    equal(len(set(receiver.ids())), 10, "ids")
    rig.judge()


@scenario
def while_paused(rig: Rig):
    receiver = start(rig)
    receiver.says("/a", 500, 200)
    rig.spool.drop(job(1, receiver.url + "/a"))
    daemon = rig.daemon()
    until(lambda: receiver.on("/a"), "the first try")
    rig.spool.switch("pause")
    until(lambda: len(receiver.on("/a")) == 2 and not owed(rig), "the second try")
    until(lambda: rig.spool.status().get("paused"), "the pause")
    daemon.stop()


@scenario
def odd_files(rig: Rig):
    """Debts that cannot be read are kept and told; one that says too little is given up; one whose record is
    gone is told all the same."""
    receiver = start(rig, retries=("1h",))
    receiver.says("/a", 500)
    job_id = rig.spool.drop(job(1, receiver.url + "/a"))
    rig.until_empty()
    debt = rig.spool.json("outbox", owed(rig)[0])
    for name, text in (("1" * 64, "{torn"), ("2" * 64, '{"webhook_id": "x"}'), ("3" * 64, "")):
        rig.spool.put(text, folder="outbox", name=name + ".json")
    fresh = {key: value for key, value in debt.items() if key not in ("attempts", "next_try", "last")}
    rig.spool.put(json.dumps({**fresh, "webhook": receiver.url + "/gone", "id": "9" * 64,
                              "record": "done/" + "9" * 64 + ".v1.json"}),
                  folder="outbox", name="4" * 64 + ".json")
    fresh.pop("run")
    rig.spool.put(json.dumps(fresh), folder="outbox", name="5" * 64 + ".json")
    daemon = rig.daemon()
    until(lambda: len(given_up(rig)) == 1, "the one without a run")
    until(lambda: receiver.on("/gone"), "the one whose record is gone")
    for digit in "123":
        daemon.until_says(f"outbox/{digit * 64}.json is kept and not delivered")
    until(lambda: told(rig).get("unreadable") == 3, "status.json")
    equal(len(receiver.on("/a")), 1, "tries")
    until(lambda: len(owed(rig)) == 4, "what is left")
    daemon.stop()
    equal(given_up(rig), ["5" * 64 + ".json"], "the one given up")
    equal(rig.spool.json("outbox", "failed", given_up(rig)[0])["id"], job_id, "its job")


@scenario
def not_listed(rig: Rig):
    """What came into outbox/ when it could not be listed is found the next time, though nothing changes."""
    if os.geteuid() == 0:
        raise Skip("no folder's mode keeps root out")
    receiver = start(rig, retries=("1h",))
    receiver.says("/a", 500, 200)
    rig.spool.drop(job(1, receiver.url + "/a"))
    rig.until_empty()
    name = owed(rig)[0]
    debt = {key: value for key, value in rig.spool.json("outbox", name).items() if key != "next_try"}
    os.unlink(rig.spool.at("outbox", name))
    daemon = rig.daemon(environment={"LLMSPOOL_NO_INOTIFY": "1"})  # its minute is a second
    mode = os.stat(rig.spool.at("outbox")).st_mode & 0o7777
    os.chmod(rig.spool.at("outbox"), 0o300)
    rig.spool.put(json.dumps(debt), folder="outbox", name=name)
    daemon.until_says("outbox/ cannot be read, trying again: Permission denied")
    os.chmod(rig.spool.at("outbox"), mode)
    until(lambda: len(receiver.on("/a")) == 2 and not owed(rig), "the second try")
    daemon.stop()


@scenario
def secret_away(rig: Rig):
    """A secret that cannot be read makes webhooks wait, and one that was read goes on."""
    receiver = Receiver()
    words = ", ".join(['"300ms"'] * 30)
    rig.configure(rig.mock(), f'webhook {{\n    allow = {{"127.0.0.0/8"}}\n    retries = {{{words}}}\n}}\n')
    rig.until_empty()
    secret = rig.spool.at("state", "webhook.secret")
    os.chmod(secret, 0o644)
    daemon = rig.daemon()
    expect(daemon.says("webhooks cannot be signed"), "not told")
    rig.spool.drop(job(1, receiver.url + "/a"))
    until(lambda: events(rig, "failed"), "a failed try")
    expect("is not the daemon's alone" in events(rig, "failed")[0]["message"], "what was wrong")
    equal(given_up(rig), [], "given up")
    os.chmod(secret, 0o600)
    until(lambda: receiver.on("/a") and not owed(rig), "the delivery")
    failed = len(events(rig, "failed"))
    os.chmod(secret, 0o644)
    daemon.send(signal.SIGHUP)
    daemon.until_says("webhooks are signed with the secret as it was")
    rig.spool.drop(job(2, receiver.url + "/b"))
    until(lambda: receiver.on("/b") and not owed(rig), "the second delivery")
    daemon.stop()
    equal(len(events(rig, "failed")), failed, "failed tries")


@scenario
def full_disk(rig: Rig):
    """Counters that cannot be written are kept in memory: nothing is lost and the schedule goes on."""
    receiver = start(rig, retries=("50ms", "50ms", "1h"))
    receiver.says("/a", 500, 500, 500, 200)
    rig.spool.drop(job(1, receiver.url + "/a"))
    rig.until_empty()
    name = owed(rig)[0]
    before = rig.spool.json("outbox", name)
    tries = before["attempts"]
    daemon = rig.daemon(environment=preload("fsync:ENOSPC:1+"))
    until(lambda: len(receiver.on("/a")) > tries, "a try")
    daemon.until_says("tries cannot be noted")
    equal(rig.spool.json("outbox", name), before, "the debt")
    until(lambda: len(receiver.on("/a")) == 3, "the third try")
    rig.spool.order("redeliver", "ALL")
    until(lambda: len(receiver.on("/a")) == 4, "the fourth try")
    until(lambda: not owed(rig), "the end")
    daemon.kill()
    equal(len(set(receiver.ids())), 1, "ids")


@scenario
def stuck(rig: Rig):
    """What cannot be removed or moved is told and kept: delivered again rather than not at all."""
    receiver = start(rig)
    rig.spool.drop(job(1, receiver.url + "/a"))
    daemon = rig.daemon(environment=preload("unlinkat:EIO:1+"))
    until(lambda: receiver.got, "the delivery")
    daemon.until_says("is delivered and cannot be removed")
    daemon.kill()
    equal(len(owed(rig)), 1, "debts")
    rig.until_empty()
    equal((len(receiver.got), len(set(receiver.ids())), owed(rig)), (2, 1, []), "deliveries, ids, debts")


# --- kills ---------------------------------------------------------------------------------------


@scenario
def killed_by_receiver(rig: Rig):
    """Killed when a message has arrived and before its answer, many times: it comes again with its id."""
    receiver = start(rig)
    original, daemons = receiver.take, []

    def take(path, headers, body):
        answer = original(path, headers, body)
        if len(receiver.on(path)) <= 3 and daemons:
            daemons[-1].send(signal.SIGKILL)
        return answer

    receiver.take = take
    rig.spool.drop(job(1, receiver.url + "/a"))
    for _ in range(3):
        daemons.append(rig.daemon(wait=False))
        equal(daemons[-1].wait(), -signal.SIGKILL, "how the daemon ended")
    equal(len(owed(rig)), 1, "debts")
    rig.until_empty()
    equal((len(receiver.got), len(set(receiver.ids())), owed(rig)), (4, 1, []), "deliveries, ids, debts")
    rig.judge()


def half_done(rig, receiver):
    """A spool as a kill left it whose job has its output, but neither debt nor move."""
    receiver.says("/a", 410)
    job_id = rig.spool.drop(job(1, receiver.url + "/a"))
    rig.until_empty()
    shutil.rmtree(rig.spool.at("outbox", "failed"))
    os.rename(rig.spool.at("done", job_id + ".json"), rig.spool.at("cur", job_id + ".json"))
    wanted = receiver.ids()[0]
    receiver.got.clear()
    return wanted


@scenario
def killed_at_calls(rig: Rig):
    """Killed before and behind each call that changes something, from the output's being done to the
    webhook's being delivered at its second try: never undelivered, the same id each time."""
    sweep_of_kills()
    receiver = start(rig, retries=("1ms",) * 20)
    wanted = half_done(rig, receiver)
    template, kills = rig.spool, 0
    first, step = (1, 1) if LONG else (os.getpid() % 16 + 1, 16)
    for point in itertools.count(first, step):
        receiver.says("/a", 500, 200)
        receiver.got.clear()
        rig.spool = Spool.copy(template, os.path.join(rig.folder, f"spool-{point}"))
        code, _ = killing.run_threads([os.path.join(BUILD, "llmspoold"), "-s", rig.spool.path,
                                       "--until-empty", "-c", rig.conf], point)
        for _ in range(5):
            rig.until_empty()
            if not owed(rig):
                break
        equal(owed(rig), [], f"kill {point}: debts left")
        equal(set(receiver.ids()), {wanted}, f"kill {point}: ids")
        expect(receiver.on("/a"), f"kill {point}: never delivered")
        equal(len(rig.spool.jobs("done")), 1, f"kill {point}: jobs in done/")
        equal(given_up(rig), [], f"kill {point}: given up")
        shutil.rmtree(rig.spool.path)
        if code is not None:
            break
        kills += 1
    print(f"{kills} kills")
    expect(kills * step >= 150, f"only {kills} kills, each {step}th")


run_scenario()
