# SPDX-License-Identifier: GPL-2.0-or-later
"""shared: a spool of a group, its daemon and two colleagues, each with a uid of its own.

The accounts are some that every Debian has; the programs are copied where all of them may run them.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from rig import (BUILD, PATIENCE, Mock, Skip, equal, expect, run_scenario, scenario, spawn, until)

KEEPER, ALICE, BOB, FRONT, GROUP = "news", "games", "man", "lp", "users"
PROGRAMS = ["llmspoold", "llmspool-init", "llmspool-submit", "llmspool-ctl", "llmspool-result",
            "llmspool-status", "llmspool-archive", "llmspool-check", "llmspool-httpd"]
SECRET = "the merger of Alpha"


def be(user, *command):
    """A command as a user of the group."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={GROUP}", "--", *command]


class Office:
    """The spool, its daemon's user and who drops jobs."""

    def __init__(self, folder):
        self.folder = folder
        self.bin = os.path.join(folder, "bin")
        self.path = os.path.join(folder, "spool")
        self.conf = os.path.join(folder, "llmspoold.conf")
        self.log = os.path.join(folder, "log")
        self.daemon = None
        os.chmod(folder, 0o755)
        os.mkdir(self.bin)
        for program in PROGRAMS:
            shutil.copy(os.path.join(BUILD, program), self.bin)
        os.mkdir(self.path)
        shutil.chown(self.path, KEEPER, KEEPER)
        self.mock = Mock(folder, "--pace", "20ms")
        self.must(KEEPER, "llmspool-init", "--group", GROUP, "--model", "m", self.path)

    def start(self, visibility=None, more=""):
        with open(self.conf, "w", encoding="utf-8") as file:
            if visibility is not None:
                file.write(f"visibility = {visibility}\n")
            file.write(more + f'provider "p" {{ protocol = "openai" url = "{self.mock.url}/v1" '
                              'key_env = "RIG_KEY" }\nmodel "*" { provider = "p" }\n')
        self.daemon = spawn(be(KEEPER, os.path.join(self.bin, "llmspoold"), "-s", self.path, "-c",
                               self.conf), env={**os.environ, "RIG_KEY": "k"},
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=open(self.log, "ab"))
        until(lambda: " jobs in cur/" in self.said() or self.daemon.poll() is not None,
              "the daemon's start")
        expect(self.daemon.poll() is None, "the daemon left:\n" + self.said())

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        equal(self.daemon.wait(PATIENCE), 0, "exit code of the daemon")
        self.daemon = None
        os.truncate(self.log, 0)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def run(self, user, program, *words, stdin=None):
        """A program of ours on the spool, as a user."""
        place = () if program == "llmspool-init" else ("-s", self.path)
        if program == "llmspool-archive":
            words, place = words[1:], (words[0], *place)
        return subprocess.run(be(user, os.path.join(self.bin, program), *place, *words),
                              input=stdin, capture_output=True, text=True, check=False,
                              timeout=PATIENCE)

    def must(self, user, program, *words, stdin=None):
        done = self.run(user, program, *words, stdin=stdin)
        equal(done.returncode, 0, f"exit code of {user}'s {program} {words}: {done.stderr}")
        return done.stdout

    def at(self, *parts):
        return os.path.join(self.path, *parts)

    def drop(self, user, text, mode="0640", end=".json"):
        """Drops bytes as a dropper in sh does. Returns the name in new/."""
        name = f"{user}.{time.monotonic_ns()}"
        script = ('umask 0022 && cat >"$1/tmp/$2" && chmod "$3" "$1/tmp/$2" && '
                  'ln "$1/tmp/$2" "$1/new/$2$4" && rm "$1/tmp/$2"')
        done = subprocess.run(be(user, "sh", "-c", script, "sh", self.path, name, mode, end),
                              input=text, text=True, capture_output=True, check=False,
                              timeout=PATIENCE)
        equal(done.returncode, 0, f"{user} cannot drop: {done.stderr}")
        return name + end

    def reads(self, user, path):
        """Whether a user can read a file."""
        return subprocess.run(be(user, "cat", path), stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False,
                              timeout=PATIENCE).returncode == 0

    def with_secret(self):
        """All files of the spool with the secret in them."""
        found = []
        for folder, _, names in os.walk(self.path):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    continue
                try:
                    with open(path, "rb") as file:
                        if SECRET.encode() in file.read():
                            found.append(path)
                except FileNotFoundError:
                    pass  # it moved on
        return found

    def until_refused(self, name):
        path = self.at("failed", name + ".error.json")
        until(lambda: os.path.exists(path), f"{name} in failed/")
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def until_done(self, job):
        until(lambda: os.path.exists(self.at("done", f"{job}.json")), f"done/{job}.json")

    def close(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
        self.mock.close()


def office(function):
    """A scenario that gets an office."""
    def play(rig):
        if os.geteuid() != 0:
            raise Skip("it needs root, to be several users")
        folder = tempfile.mkdtemp(prefix="office.", dir="/tmp")
        place = Office(folder)
        try:
            function(place)
        except BaseException:
            print("--- end of the daemon's log\n" + place.said()[-4000:])
            raise
        finally:
            place.close()
            shutil.rmtree(folder, ignore_errors=True)
    play.__name__ = function.__name__
    return scenario(play)


def hers_alone(place, user=ALICE, other=BOB, least=1):
    """Each file with the secret is readable by its user, and by no colleague."""
    found = place.with_secret()
    expect(len(found) >= least, f"the secret is in {found} only")
    for path in found:
        expect(not place.reads(other, path), f"{other} can read {path}")
        expect(place.reads(user, path) or not os.path.exists(path), f"{user} cannot read {path}")


@office
def owner_alone(place):
    """With visibility = owner: from the drop to the answer, by command and by hand."""
    place.start("owner")
    answer = place.must(ALICE, "llmspool-submit", "--wait", f"Sum up: {SECRET}")
    expect(SECRET in answer, f"the answer: {answer!r}")
    hers_alone(place, least=2)
    job = place.must(ALICE, "llmspool-submit", "--print-id", f"Sum up: {SECRET}").strip()
    expect(SECRET in place.must(ALICE, "llmspool-result", job), "her own answer")
    theirs = place.run(BOB, "llmspool-result", job)
    expect(theirs.returncode != 0 and SECRET not in theirs.stdout, f"bob's: {theirs}")
    expect("ermission denied" in theirs.stderr, f"bob is told: {theirs.stderr!r}")
    overview = place.must(BOB, "llmspool-status")
    expect("1" in overview and SECRET not in overview, f"status for bob: {overview!r}")
    place.must(BOB, "llmspool-submit", "--wait", "Another question")
    equal(place.must(KEEPER, "llmspool-check"), "", "llmspool-check")


@office
def owner_waiting(place):
    """In new/ without a daemon, in cur/ while held, refused, as a line of a list, and in a run."""
    place.start("owner")
    place.stop()
    place.drop(ALICE, json.dumps({"prompt": f"Dropped: {SECRET}", "delay": "1h"}))
    place.must(ALICE, "llmspool-submit", "--delay", "1h", f"Submitted: {SECRET}")
    hers_alone(place, least=2)
    place.start("owner")
    until(lambda: len(os.listdir(place.at("cur"))) >= 2 and not os.listdir(place.at("new")),
          "two jobs in cur/")
    hers_alone(place, least=2)
    refused = place.drop(ALICE, json.dumps({"prompt": SECRET, "promt": 1}))
    place.until_refused(refused)
    lines = [{"run": "deal"}, {"prompt": f"Line: {SECRET}", "metadata": {"note": SECRET}},
             {"prompt": SECRET, "promt": 1}]
    place.drop(ALICE, "".join(json.dumps(line) + "\n" for line in lines), end=".jsonl")
    until(lambda: any("Line" in open(path, encoding="utf-8", errors="replace").read()
                      for path in place.with_secret() if "/done/" in path), "the line's answer")
    hers_alone(place, least=7)
    expect(place.reads(ALICE, place.at("runs", "deal", "manifest.jsonl")), "her run")


@office
def owner_streaming(place):
    """The answer so far is hers, too."""
    place.start("owner")
    place.must(ALICE, "llmspool-submit", "--stream", f"Stream: {SECRET} " + "word " * 200)
    partial = until(lambda: [n for n in os.listdir(place.at("cur")) if n.endswith(".partial")],
                    "the answer so far")[0]
    path = place.at("cur", partial)
    expect(not place.reads(BOB, path), "bob reads along")
    expect(place.reads(ALICE, path) or not os.path.exists(path), "she cannot follow her answer")


@office
def owner_archived(place):
    """An archive is the keeper's; what comes back from it is hers again."""
    place.start("owner")
    question = f"Keep: {SECRET}"
    place.must(ALICE, "llmspool-submit", "--wait", question)
    job = place.must(ALICE, "llmspool-submit", "--print-id", question).strip()
    place.must(KEEPER, "llmspool-archive", "create", "--older-than", "0s")
    expect(not os.path.exists(place.at("done", f"{job}.json")), "it was not archived")
    for folder, _, names in os.walk(place.at("archive")):
        for name in names:
            expect(not place.reads(BOB, os.path.join(folder, name)), f"bob can read {name}")
    place.must(ALICE, "llmspool-submit", "--wait", question)
    equal(place.mock.requests(), 1, "requests")
    hers_alone(place, least=2)


@office
def owner_runs(place):
    """Batches and flows: what they are made of, and what comes of them."""
    place.start("owner")
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": f"Batch: {SECRET}"}]}}
    place.must(ALICE, "llmspool-submit", "--batch", "-", "--run", "deal", stdin=json.dumps(line) + "\n")
    output = place.at("runs", "deal", "output.jsonl")
    until(lambda: os.path.exists(output), "the batch's results")
    flow = {"flow": "plan", "steps": [{"name": "first", "prompt": f"First: {SECRET}"},
                                      {"name": "then", "prompt": "{{outputs.first}}", "after": ["first"]}]}
    answer = place.must(ALICE, "llmspool-submit", "--flow", "-", "--wait", stdin=json.dumps(flow))
    expect(SECRET in answer, answer)
    hers_alone(place, least=7)
    expect("completed" in place.must(ALICE, "llmspool-status", "--flow", "plan"), "her flow")
    expect("completed" in place.must(ALICE, "llmspool-status", "deal"), "her batch")
    expect(place.run(BOB, "llmspool-status", "--flow", "plan").returncode != 0, "bob sees her flow")


@office
def owner_parents(place):
    """Who is after another's job waits as if it were not there, and never has its output."""
    place.start("owner", more='trusted_droppers = {"' + FRONT + '"}\n')
    place.must(ALICE, "llmspool-submit", "--wait", "--name", "report", f"Report: {SECRET}")
    report = os.path.basename(os.readlink(place.at("by-name", "report"))).split(".")[0]

    def after(word, number, **more):
        return json.dumps({"prompt": f"{number}: {{{{outputs.{word}}}}}", "after": [word], **more})

    def fence(number):
        """Her own job after it has an answer: what was dropped before it was looked at."""
        place.drop(ALICE, after("report", number, name=f"fence-{number}"))
        until(lambda: "/done/" in os.readlink(place.at("by-name", f"fence-{number}"))
              if os.path.lexists(place.at("by-name", f"fence-{number}")) else False, "her own step")

    def flow(word):
        steps = [{"name": "one", "prompt": f"{{{{outputs.{word}}}}}", "after": [word]}]
        refused = place.until_refused(place.drop(BOB, json.dumps({"flow": "spy", "steps": steps})))
        return refused["reason"], refused["message"].replace(word, "X")

    place.drop(BOB, after("report", 1))
    place.drop(BOB, after(report, 2))
    place.drop(BOB, after("report", 3, on_failure="run"))
    place.drop(BOB, after("later", 4))
    place.drop(FRONT, after("report", 5, user=BOB))
    equal(flow("report"), flow("nobody"), "a flow after hers, and one after nobody's")
    until(lambda: len(os.listdir(place.at("flows"))) == 5, "the steps that wait")
    fence(1)
    place.must(ALICE, "llmspool-submit", "--wait", "--name", "later", f"Later: {SECRET}")
    place.drop(FRONT, after("report", 0, user=ALICE, name="front"))
    until(lambda: os.path.lexists(place.at("by-name", "front")) and
          "/done/" in os.readlink(place.at("by-name", "front")), "what is dropped for her")
    place.stop()
    place.start("owner")
    fence(2)
    equal(place.mock.requests(), 5, "requests: hers alone")
    place.must(KEEPER, "llmspool-archive", "create", "--older-than", "0s")
    place.drop(BOB, after(report, 6))
    place.must(ALICE, "llmspool-submit", "--wait", "--name", "report", f"Report: {SECRET}")
    fence(3)
    equal(place.mock.requests(), 6, "requests: hers alone")
    hers_alone(place, least=2)
    place.drop(BOB, json.dumps({"prompt": "Mine.", "name": "later"}))
    until(lambda: place.mock.requests() == 8, "his own job of that name, and what is after it")
    place.stop()
    place.start("group")
    until(lambda: place.mock.requests() == 13, "the others, where the group may read it")


@office
def owner_and_back(place):
    """The setting is taken up at a start and by SIGHUP; what was there stays as it was."""
    place.start()
    first = f"First: {SECRET}"
    place.must(ALICE, "llmspool-submit", "--wait", first)
    open_files = place.with_secret()
    expect(all(place.reads(BOB, path) for path in open_files), "visibility = group is the default")
    with open(place.conf, encoding="utf-8") as file:
        text = file.read()
    with open(place.conf, "w", encoding="utf-8") as file:
        file.write("visibility = owner\n" + text)
    # The daemon is the child of nobody else: setpriv became it.
    place.daemon.send_signal(signal.SIGHUP)
    until(lambda: "configuration read again" in place.said(), "the new configuration")
    place.must(ALICE, "llmspool-submit", "--wait", f"Second: {SECRET}")
    expect(all(place.reads(BOB, path) for path in open_files), "what was there stays as it was")
    closed = [path for path in place.with_secret() if path not in open_files]
    expect(len(closed) >= 2, f"files of the second job: {closed}")
    expect(not any(place.reads(BOB, path) for path in closed), f"bob can read one of {closed}")
    place.stop()
    place.start("group")
    place.must(ALICE, "llmspool-submit", "--wait", f"Third: {SECRET}")
    third = [path for path in place.with_secret() if path not in open_files + closed]
    expect(len(third) >= 2, f"files of the third job: {third}")
    expect(all(place.reads(BOB, path) for path in third), "the group reads again")


@office
def nobody_is_spoofed(place):
    """A job is its file's owner's, unless a trusted dropper says whose."""
    place.start(more='trusted_droppers = {"' + FRONT + '"}\n')
    refused = place.until_refused(place.drop(ALICE, json.dumps({"prompt": "x", "user": BOB})))
    equal(refused["reason"], "foreign_user", "the reason")
    place.must(ALICE, "llmspool-submit", "--wait", "--json", "whose?")
    place.drop(FRONT, json.dumps({"prompt": "for bob", "user": BOB, "name": "bobs"}))
    until(lambda: os.path.lexists(place.at("by-name", "bobs")) and
          os.readlink(place.at("by-name", "bobs")).startswith("../done/"), "the answer for bob")
    users = []
    for name in os.listdir(place.at("done")):
        if ".v" in name:
            with open(place.at("done", name), encoding="utf-8") as file:
                users.append(json.load(file)["user"])
    equal(sorted(users), sorted([ALICE, BOB]), "users")


class Counter:
    """A llmspool-httpd with a uid of its own, and the tokens of its clients."""

    def __init__(self, place):
        self.place = place
        folder = os.path.join(place.folder, "httpd")
        os.mkdir(folder, 0o700)
        shutil.chown(folder, FRONT, FRONT)
        self.file = os.path.join(folder, "tokens")
        program = os.path.join(place.bin, "llmspool-httpd")
        self.tokens = {}
        for user, scopes in ((ALICE, "read,submit"), (BOB, "read,submit"), (KEEPER, "read,submit,admin")):
            # By root, for the server: the file is the server's.
            done = subprocess.run([program, "--tokens", self.file, "--new-token", user, "--scope", scopes],
                                  check=True, capture_output=True, text=True, timeout=PATIENCE)
            self.tokens[user] = done.stdout.strip()
        equal(os.stat(self.file).st_uid, os.stat(folder).st_uid, "owner of the tokens file")
        self.process = spawn(be(FRONT, program, "-s", place.path, "--listen", "127.0.0.1:0", "--tokens", self.file),
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(place.log, "ab"))
        line = self.process.stdout.readline().decode()
        expect(line.startswith("listening on "), f"llmspool-httpd says {line!r}: {place.said()}")
        self.url = line.split()[-1]

    def ask(self, user, method, path, body=None):
        """Status and JSON of an answer."""
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(),
                                         {"Authorization": "Bearer " + self.tokens[user],
                                          "Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


@office
def over_http(place):
    """A token's jobs are its user's, from the drop to the answer, and so are its orders."""
    place.start(more='trusted_droppers = {"' + FRONT + '"}\n')
    counter = Counter(place)
    try:
        status, job = counter.ask(ALICE, "POST", "/v1/jobs", {"prompt": "whose?"})
        equal((status, job["user"]), (201, ALICE), "a job of a token")
        place.until_done(job["id"])
        with open(place.at("done", job["id"] + ".v1.json"), encoding="utf-8") as file:
            equal(json.load(file)["user"], ALICE, "user of the output")
        equal(counter.ask(ALICE, "GET", "/v1/jobs/" + job["id"])[1]["state"], "completed", "state")
        equal(counter.ask(ALICE, "POST", "/v1/jobs", {"prompt": "x", "user": BOB})[0], 403, "for somebody else")
        expect(place.reads(ALICE, place.at("done", job["id"] + ".v1.json")), "she reads it as a file, too")
        status, later = counter.ask(ALICE, "POST", "/v1/jobs", {"prompt": "later", "delay": "1h"})
        equal(status, 201, "a job for later")
        until(lambda: os.path.exists(place.at("cur", later["id"] + ".json")), "the job in cur/")
        equal(counter.ask(BOB, "POST", f"/v1/jobs/{later['id']}/cancel")[0], 403, "an order for another's job")
        equal(counter.ask(ALICE, "POST", f"/v1/jobs/{later['id']}/cancel")[0], 202, "an order for her own")
        until(lambda: os.path.exists(place.at("failed", later["id"] + ".error.json")), "the cancelled job")
        status, other = counter.ask(BOB, "POST", "/v1/jobs", {"prompt": "later", "delay": "1h"})
        expect(other["id"] != later["id"], "the same question of another user is his own job")
        until(lambda: os.path.exists(place.at("cur", other["id"] + ".json")), "his job in cur/")
        equal(counter.ask(KEEPER, "POST", f"/v1/jobs/{other['id']}/cancel")[0], 202, "an admin's order")
        until(lambda: os.path.exists(place.at("failed", other["id"] + ".error.json")), "his cancelled job")
        # Without the daemon's trust nobody is believed.
        place.stop()
        place.start()
        status, job = counter.ask(ALICE, "POST", "/v1/jobs", {"prompt": "believe me"})
        equal(status, 201, "taken")
        until(lambda: counter.ask(ALICE, "GET", "/v1/jobs/" + job["id"])[1].get("state") == "refused", "the refusal")
    finally:
        counter.close()


@office
def no_foreign_order(place):
    """Neither cancel nor hold of another's job; an administrator's is obeyed."""
    place.start()
    job = place.must(ALICE, "llmspool-submit", "--delay", "1h", "later").strip()
    until(lambda: os.path.exists(place.at("cur", f"{job}.json")), "the job in cur/")
    place.run(BOB, "llmspool-ctl", "cancel", job)
    until(lambda: not [n for n in os.listdir(place.at("ctl")) if n.startswith("cancel.")],
          "bob's order is taken")
    expect(os.path.exists(place.at("cur", f"{job}.json")), "bob's order was obeyed")
    place.must(ALICE, "llmspool-ctl", "cancel", job)
    until(lambda: os.path.exists(place.at("failed", f"{job}.error.json")), "her own order")
    second = place.must(ALICE, "llmspool-submit", "--delay", "1h", "later still").strip()
    until(lambda: os.path.exists(place.at("cur", f"{second}.json")), "the job in cur/")
    place.must(KEEPER, "llmspool-ctl", "cancel", second)
    until(lambda: os.path.exists(place.at("failed", f"{second}.error.json")), "the keeper's order")


@office
def no_foreign_flow(place):
    """A colleague neither cancels a flow nor takes its place, before its end or after it."""
    def press(first):
        return json.dumps({"flow": "press", "steps": [{"name": "draft", "prompt": first, "delay": "1h"},
                                                      {"name": "final", "prompt": "End", "after": ["draft"]}]})

    def ends():
        with open(place.at("flows", "press", "progress.jsonl"), encoding="utf-8") as file:
            return [line for line in map(json.loads, file) if "ended" in line]

    place.start()
    place.drop(ALICE, press("Hers"))
    until(lambda: os.path.exists(place.at("by-name", "draft")), "her first step in cur/")
    job = os.path.basename(os.readlink(place.at("by-name", "draft")))
    for text in (press("His"), press("Hers")):
        equal(place.until_refused(place.drop(BOB, text))["reason"], "foreign_flow",
              "a flow of her flow's name")
    place.run(BOB, "llmspool-ctl", "cancel", "--flow", "press")
    until(lambda: not [n for n in os.listdir(place.at("ctl")) if n.startswith("cancel.")],
          "bob's order is taken")
    expect(os.path.exists(place.at("cur", job)) and not ends(), "bob's order was obeyed")
    place.must(ALICE, "llmspool-ctl", "cancel", "--flow", "press")
    until(ends, "her own order")
    equal(place.until_refused(place.drop(BOB, press("His")))["reason"], "foreign_flow",
          "a flow of her flow's name after its end")
    expect(ends(), "his flow took the place of hers")


@office
def no_foreign_redelivery(place):
    """A notification that was given up is brought back for whose job it tells of, and for nobody else."""
    place.start(more='webhook { allow = {"127.0.0.0/8"} retries = {"10ms"} }\n')
    place.must(ALICE, "llmspool-submit", "--wait", "--webhook", "http://127.0.0.1:9/", "told of")

    def given_up():
        names = os.listdir(place.at("outbox", "failed")) if os.path.exists(place.at("outbox", "failed")) else []
        return [(name, os.stat(place.at("outbox", "failed", name)).st_ino) for name in names]

    before = until(given_up, "the debt is given up")
    place.run(BOB, "llmspool-ctl", "redeliver", "ALL")
    until(lambda: not [n for n in os.listdir(place.at("ctl")) if n.startswith("redeliver.")],
          "bob's order is taken")
    equal(given_up(), before, "what bob's order did")
    place.must(ALICE, "llmspool-ctl", "redeliver", "ALL")
    until(lambda: given_up() and given_up()[0][1] != before[0][1], "tried again, and given up again")


@office
def unreadable_drop(place):
    """A drop of mode 0600 waits with its reason, and is taken when that is mended."""
    for visibility in ("group", "owner"):
        place.start(visibility)
        name = place.drop(ALICE, json.dumps({"prompt": f"closed, {visibility}"}), mode="0600")
        until(lambda: "chmod g+r" in place.run(ALICE, "llmspool-status").stdout,
              lambda: place.run(ALICE, "llmspool-status").stdout)
        expect(os.path.exists(place.at("new", name)), "it left new/")
        subprocess.run(be(ALICE, "chmod", "g+r", place.at("new", name)), check=True,
                       timeout=PATIENCE)
        until(lambda: not os.path.exists(place.at("new", name)), "it is taken", 90)
        until(lambda: not os.listdir(place.at("cur")), "it is done")
        place.stop()


@office
def mail_to_strangers(place):
    """Mail goes to whoever submits; to others where the configuration or a trusted dropper says so."""
    told = os.path.join(place.folder, "told")
    os.mkdir(told)
    shutil.chown(told, KEEPER, KEEPER)
    script = os.path.join(place.folder, "hook")
    with open(script, "w", encoding="utf-8") as file:
        file.write(f'#!/bin/sh\ncat >"{told}/$LLMSPOOL_NOTICE_ID.new" && '
                   f'mv "{told}/$LLMSPOOL_NOTICE_ID.new" "{told}/$LLMSPOOL_NOTICE_ID"\n')
    os.chmod(script, 0o755)
    hook = f'hook "mail" {{\n command = {{"{script}"}}\n gather = 0s\n}}\n'

    def receivers():
        found = []
        for name in os.listdir(told):
            if len(name) == 64:
                with open(os.path.join(told, name), encoding="utf-8") as file:
                    notice = json.load(file)
                found += [notice["to"]] * notice.get("count", 1)  # jobs that end together are one mail
        return sorted(found)

    def job(prompt, to, **more):
        return json.dumps({"prompt": prompt, "mail": {"on": ["end"], **({"to": to} if to else {})}, **more})

    def refused(name):
        return place.until_refused(name)["reason"]

    place.start(more=hook + 'mail_allow = {"*@example.org"}\ntrusted_droppers = {"' + FRONT + '"}\n')
    equal(refused(place.drop(ALICE, job("a", "victim@example.com"))), "foreign_mail", "a stranger")
    equal(refused(place.drop(ALICE, job("b", BOB))), "foreign_mail", "a colleague")
    equal(refused(place.drop(ALICE, job("c", "x@example.org.evil.com"))), "foreign_mail", "a trick")
    line = json.dumps({"run": "r", "mail": {"to": "victim@example.com", "on": ["end"]}}) + "\n"
    text = place.until_refused(place.drop(ALICE, line + json.dumps({"prompt": "l"}) + "\n", end=".jsonl"))
    expect("mail to victim@example.com is not sent for " + ALICE in text["message"], text["message"])
    equal(receivers(), [], "mails so far")
    place.drop(ALICE, job("d", None))
    place.drop(ALICE, job("e", ALICE))
    place.drop(ALICE, job("f", "list@example.org"))
    place.drop(FRONT, job("g", "anybody@example.net", user=BOB))
    place.drop(FRONT, job("h", None, user=BOB))
    line = json.dumps({"run": "s", "mail": {"on": ["end"]}}) + "\n"
    place.drop(BOB, line + json.dumps({"prompt": "m"}) + "\n", end=".jsonl")
    wanted = sorted([ALICE, ALICE, "list@example.org", "anybody@example.net", BOB, BOB])
    until(lambda: receivers() == wanted, lambda: f"mails to {wanted}: {receivers()}")
    place.stop()


if __name__ == "__main__":
    run_scenario()
