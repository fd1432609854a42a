# SPDX-License-Identifier: GPL-2.0-or-later
"""page: GET /v1/status and the page of llmspool-httpd, in a real browser. What the browser does and
sees is in page.mjs; this script makes the spool that it looks at."""
import json
import os
import subprocess
import time

from rig import BUILD, PATIENCE, Skip, equal, expect, numbered, provider, run_scenario, scenario, until
from scripted import Scripted, chat, reply

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'
PRICES = 'model "m" {\n    provider = "p"\n    input_price = "1"\n    output_price = "100"\n}\n'


def folder():
    """Where pictures of the page are kept."""
    path = os.path.join(BUILD, "screens", "page")
    os.makedirs(path, exist_ok=True)
    return path


class Browser:
    """page.mjs at its work; it is answered where it asks for something to be done."""

    def __init__(self, rig, name, *arguments, **doings):
        if not os.path.exists(CHROMIUM):
            raise Skip("chromium is missing (Debian package: chromium)")
        self.doings = doings
        profile = os.path.join(rig.folder, "profile-" + name)
        environment = {**os.environ, "PAGE_SCREENS": folder(), "PAGE_PROFILE": profile, "CHROMIUM": CHROMIUM}
        script = os.path.join(os.environ["NODE_FOLDER"], "run", "page.mjs")
        self.process = subprocess.Popen(["node", script, name, *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=environment, text=True)

    def run(self):
        """Until it leaves, with success."""
        for line in self.process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "DO":
                verb, _, value = rest.partition(" ")
                answer = self.doings[verb](*([value] if value else []))
                self.process.stdin.write(json.dumps(answer) + "\n")
                self.process.stdin.flush()
            else:
                print(line, end="", flush=True)
        code = self.process.wait(PATIENCE)
        expect(code == 0, f"the browser's part leaves with {code}")


def browse(rig, server, name, **doings):
    Browser(rig, name, server.url, **doings).run()


def scripted():
    """Answers that say something about other models than the mock's."""
    error = {"error": {"message": f"refused: {HOSTILE}", "type": "invalid_request_error", "code": "bad_thing"}}
    return Scripted({
        "bad": [reply(error, status=400)],
        "twice": [reply(chat("Red\nyellow\nblue", model="twice")), reply(chat("Red\ngreen\nblue", model="twice"))],
    })


def prepare(rig, *options, general="", pace="20ms"):
    """A mock for the model m and a scripted server for others. Returns that."""
    mock = rig.mock("--pace", pace, *options)
    other = scripted()
    rig.configuration('backoff = 1ms\nmax_attempts = 1\n' + general + provider(mock) +
                      provider(other, name="s") + PRICES +
                      'model "bad" {\n    provider = "s"\n    price = free\n}\n'
                      'model "twice" {\n    provider = "s"\n    price = free\n}\n'
                      'model "*" {\n    provider = "p"\n}\n')
    return other


def ended(rig, *ids):
    """Waits until these jobs are in done/ or failed/."""
    until(lambda: all(i in rig.spool.jobs("done") | rig.spool.jobs("failed") for i in ids), "jobs to end")


def status(server):
    answer = server.get("/v1/status")
    equal(answer.status, 200, "status of GET /v1/status")
    return json.loads(answer.data)


def fresh(server, wanted, what):
    """Waits until what is told is as wanted: it may be a second old."""
    last = {}

    def good():
        last.update(status(server))
        return wanted(last)
    until(good, lambda: f"{what}: {json.dumps(last)[:2000]}")
    return last


# --- GET /v1/status ---

@scenario
def status_equals_spool(rig):
    """What is told equals what the spool holds, with and without a daemon."""
    prepare(rig)
    server = rig.httpd()
    found = status(server)
    equal((found["daemon_up"], found["status_age_ms"]), (False, None), "daemon and age of its word before the first")
    equal(found["states"]["done"], 0, "done of a new spool")
    good = [rig.spool.drop(job) for job in numbered(0, 7)]
    bad = [rig.spool.drop({"model": "bad", "prompt": f"{HOSTILE} {i}"}) for i in range(3)]
    rig.spool.put("no job at all")
    found = fresh(server, lambda s: s["states"]["dropped"] == 11, "drops in new/")
    rig.until_empty(code=(0, 1))
    ended(rig, *good, *bad)
    found = fresh(server, lambda s: s["states"]["done"] == 7, "done jobs")
    for state, wanted in (("dropped", 0), ("waiting", 0), ("running", 0), ("failed", 3), ("refused", 1)):
        equal(found["states"][state], wanted, state)
    equal([found["states"][s] for s in ("delayed", "held")], [None, None], "what only a daemon knows")
    group = next(g for g in found["failures"] if g["reason"] == "bad_thing")
    equal((group["jobs"], group["status"]), (3, "failed"), "the group of failures")
    expect(group["id"] in bad and HOSTILE in group["message"], f"a sample of it: {group}")
    equal((sum(found["trend"]["completed"]), sum(found["trend"]["failed"])), (7, 3), "ends in the last hour")
    expect(max(t for t in found["trend"]["p95_ms"] if t is not None) > 0, "latencies are told")
    equal(found["webhooks"]["owed"], 0, "webhooks owed")
    expect(found["disk"]["free_bytes"] > 0, "room on the disk")
    # Jobs that wait while a daemon runs, and their ages.
    old = rig.spool.drop({"model": "m", "prompt": "held"})
    server.post("/v1/pause")
    rig.spool.drop({"model": "m", "prompt": "later", "not_before": "2099-01-01T00:00:00Z"})
    daemon = rig.daemon()
    found = fresh(server, lambda s: s["daemon_up"] and s["states"]["delayed"] == 1 and s["states"]["waiting"] == 1,
                  "one waiting, one delayed")
    equal(found["paused"], True, "paused")
    equal(found["ages"]["jobs"], [2] + [0] * 9, "ages of what waits")
    equal(found["ages"]["minutes"], [5, 10, 20, 40, 80, 160, 320, 640, 1280, None], "limits of ages")
    expect(found["money"]["today"]["requests"] == 7, f"requests of today: {found['money']}")
    daemon.stop()
    # Without a daemon ages are those of the files.
    an_hour_ago = time.time() - 3600
    os.utime(rig.spool.at("cur", old + ".json"), (an_hour_ago, an_hour_ago))
    found = fresh(server, lambda s: not s["daemon_up"] and s["ages"]["jobs"][4] == 1, "a job of an hour ago")
    equal(found["states"]["waiting"], 2, "waiting without a daemon")
    server.stop()


@scenario
def pause_and_resume(rig):
    """The switch is the file ctl/pause, turned once; what is told afterwards knows of it."""
    server = rig.httpd()
    path = rig.spool.at("ctl", "pause")
    for verb, on in (("pause", True), ("pause", True), ("resume", False), ("resume", False), ("pause", True)):
        before = os.path.exists(path)
        answer = server.post("/v1/" + verb)
        equal((answer.status, json.loads(answer.data)), (200, {"paused": on, "changed": before != on}), verb)
        equal(os.path.exists(path), on, "ctl/pause")
        equal(status(server)["paused"], on, "paused, as told")
    equal(server.get("/v1/pause").status, 405, "GET /v1/pause")
    server.stop()


@scenario
def scopes(rig):
    """Reading needs read, the switch admin; the page is for anybody."""
    tokens = os.path.join(rig.folder, "tokens")
    secrets = {}
    for name, scope in (("reader", "read"), ("boss", "read,submit,admin")):
        made = subprocess.run([os.path.join(BUILD, "llmspool-httpd"), "--tokens", tokens, "--new-token", name, "--scope",
                               scope], check=True, capture_output=True, text=True, timeout=PATIENCE)
        secrets[name] = made.stdout.split()[-1]
    server = rig.httpd("--tokens", tokens)

    def code(method, path, who=None):
        headers = {"Authorization": f"Bearer {secrets[who]}"} if who else {}
        return server.request(method, path, headers=headers).status
    equal([code("GET", p) for p in ("/", "/page.js", "/page.css")], [200] * 3, "the page for a stranger")
    equal([code("GET", "/v1/status", who) for who in (None, "reader", "boss")], [401, 200, 200], "GET /v1/status")
    equal([code("POST", "/v1/pause", who) for who in (None, "reader", "boss")], [401, 403, 200], "POST /v1/pause")
    browse_with_token(rig, server, secrets["boss"])
    server.stop()


def browse_with_token(rig, server, secret):
    if os.path.exists(CHROMIUM):
        browse(rig, server, "login", secret=lambda: secret)


@scenario
def files(rig):
    """The page's files: types, policy, ETag, size."""
    server = rig.httpd()
    total = 0
    for path, media in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
        answer = server.get(path)
        total += len(answer.data)
        equal(answer.status, 200, path)
        expect(answer.headers["Content-Type"].startswith(media), f"{path} is {answer.headers['Content-Type']}")
        policy = answer.headers["Content-Security-Policy"]
        expect("default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy, policy)
        again = server.get(path, headers={"If-None-Match": f'"other", {answer.headers["ETag"]}'})
        equal((again.status, again.data), (304, b""), f"{path} that is known")
        name = "index.html" if path == "/" else path[1:]
        source = os.path.join(os.environ["LLMSPOOL_SOURCE"], "spool-layout", "page", name)
        with open(source, "rb") as file:
            equal(answer.data, file.read(), f"the bytes of {path}")
    expect(total < 50000, f"the page has {total} bytes")
    print(f"the page has {total} bytes")
    server.stop()


# --- in the browser ---

@scenario
def overview(rig):
    """Loads without a complaint, moves when something happens, shows failures and what is hostile as text."""
    other = prepare(rig, general='budget {\n    day = "50.00"\n}\n')
    rig.daemon()
    server = rig.httpd()
    bad = []

    def fail(count):
        bad.extend(rig.spool.drop({"model": "bad", "prompt": f"{HOSTILE} {len(bad)} {i}", "name": f"b{len(bad)}-{i}"})
                   for i in range(int(count)))
        ended(rig, *bad)
        return bad[0]

    def drop(count):
        ids = [rig.spool.drop(job) for job in numbered(len(rig.spool.dropped), int(count))]
        ended(rig, *ids)
        return ids[0]
    browse(rig, server, "overview", drop=drop, fail=fail,
           paused=lambda: os.path.exists(rig.spool.at("ctl", "pause")))
    other.close()


@scenario
def submitting(rig):
    """From the form to the end, by keyboard alone; a job is cancelled; a hostile one stays text."""
    other = prepare(rig, "--answer", "echo")
    rig.daemon()
    server = rig.httpd()
    browse(rig, server, "submitting", where=lambda job: next((f for f in ("new", "cur", "done", "failed")
                                                             if job in rig.spool.jobs(f)), None))
    other.close()


@scenario
def story(rig):
    """Versions and what differs between them, attempts, running again, the list of jobs."""
    other = prepare(rig)
    rig.daemon()
    server = rig.httpd()
    twice = rig.spool.drop({"model": "twice", "prompt": "Name three colours.", "name": "colours"})
    many = [rig.spool.drop(job) for job in numbered(0, 30)]
    ended(rig, twice, *many)
    browse(rig, server, "story", twice=lambda: twice, other=lambda: many[0],
           again=lambda: until(lambda: rig.spool.versions(twice) == 2, "a second version"))
    other.close()


@scenario
def away(rig):
    """The server goes away and comes back; the daemon, too."""
    prepare(rig)
    daemon = rig.daemon()
    servers = [rig.httpd()]
    port = servers[0].url.rsplit(":", 1)[1]

    def stop():
        servers.pop().kill()

    def start():
        servers.append(rig.httpd("--listen", f"127.0.0.1:{port}"))
    browse(rig, servers[0], "away", stop=stop, start=start, stop_daemon=daemon.stop, start_daemon=lambda: bool(rig.daemon()))


@scenario
def looks(rig):
    """Pictures of all views, narrow and wide, light and dark; axe finds nothing serious; nothing moves by
    itself; nothing is wider than the window."""
    other = prepare(rig, "--latency", "lognormal:120ms,0.6", "--max-concurrent", "3",
                    general='budget {\n    day = "2.00"\n    month = "40.00"\n}\n')
    rig.daemon()
    server = rig.httpd()
    jobs = [rig.spool.drop({**job, "user": ("ann", "ben")[i % 2], "name": f"letter-{i}"})
            for i, job in enumerate(numbered(0, 24, "Write a friendly letter about number"))]
    jobs += [rig.spool.drop({"model": "bad", "prompt": f"{HOSTILE} {i}"}) for i in range(4)]
    twice = rig.spool.drop({"model": "twice", "prompt": "Name three colours.", "system": "One a line.", "name": "colours"})
    ended(rig, twice, *jobs)
    rig.spool.order("rerun", twice)
    until(lambda: rig.spool.versions(twice) == 2, "a second version")
    rig.spool.drop({"model": "m", "prompt": "later", "not_before": "2099-01-01T00:00:00Z"})
    held = [rig.spool.drop(job) for job in numbered(0, 9, "Held back")]
    for job in held[:2]:
        rig.spool.switch(f"hold.{job}")
    rig.spool.put("no job at all")
    browse(rig, server, "looks", twice=lambda: twice)
    other.close()
    print(f"pictures are in {folder()}")


run_scenario()
