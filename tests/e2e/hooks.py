#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""hooks: commands of this machine that are told what happened, at least once, and given nothing else."""
import hashlib
import json
import os
import re
import signal
import subprocess
import time

from rig import (BUILD, PATIENCE, Rig, equal, expect, numbered, provider, run_scenario, scenario, spawn, until)

CANARY = "sk-canary-3141592653589793"
TELL = r"""#!/usr/bin/python3 -B
# Notes what it was given as one line, then does as the words say that stand behind its label.
import json, os, sys, time
folder, label = sys.argv[1:3]
links = {}
for name in os.listdir("/proc/self/fd"):
    try:
        links[name] = os.readlink("/proc/self/fd/" + name)
    except OSError:
        pass  # that of the listing
text = sys.stdin.read()
line = json.dumps({"label": label, "environ": dict(os.environ), "links": links, "text": text,
                   "cwd": os.getcwd(), "session": os.getsid(0) == os.getpid(),
                   "notice": json.loads(text)})
fd = os.open(os.path.join(folder, "told"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.write(fd, line.encode() + b"\n")
for word in sys.argv[3:]:
    if word == "fail-once" and not os.path.exists(os.path.join(folder, label + ".failed")):
        open(os.path.join(folder, label + ".failed"), "w").close()
        print("no luck\x1b[2J this time")
        sys.exit(75)
    if word == "fail":
        sys.exit("never any luck")
    if word == "hang":
        child = os.fork()
        open(os.path.join(folder, f"pid.{os.getpid()}"), "w").close()
        time.sleep(1000)
    if word in ("slow", "slower"):
        time.sleep(0.3 if word == "slow" else 2)
    if word == "flood":
        block = b"x" * 65536
        while True:
            os.write(1, block)
"""


def prepare(rig):
    """The script that is told; returns its path."""
    path = os.path.join(rig.folder, "tell")
    with open(path, "w", encoding="utf-8") as file:
        file.write(TELL)
    os.chmod(path, 0o755)
    return path


def hook(rig, name, *words, more="", label=None):
    command = ", ".join(f'"{w}"' for w in (os.path.join(rig.folder, "tell"), rig.folder,
                                           label or name, *words))
    return f'hook "{name}" {{\n    command = {{{command}}}\n    {more}\n}}\n'


def told(rig, label=None):
    """What hooks were told, in order."""
    path = os.path.join(rig.folder, "told")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file if line.endswith("\n")]
    return [line for line in lines if label is None or line["label"] == label]


def owed(rig):
    return [name for name in rig.spool.names("outbox", ".json")]


def run_list(name, jobs, **more):
    return "".join(json.dumps(line) + "\n" for line in [{"run": name, **more}, *jobs])


def paid(rig):
    until(lambda: not owed(rig), lambda: f"nothing owed: {owed(rig)}")


@scenario
def run_finished(rig: Rig):
    """One notice of a run, with its counts, when all of it has ended, and none twice."""
    prepare(rig)
    mock = rig.mock()
    rig.configure(mock, hook(rig, "run-finished") + hook(rig, "run-finished:too"))
    jobs = numbered(0, 8) + [{"model": "m", "prompt": "late", "expires": "2026-01-01T00:00:00Z"}]
    rig.spool.put(run_list("night", jobs), name="a.jsonl")
    daemon = rig.daemon()
    until(lambda: len(told(rig)) == 2, "both hooks were told")
    paid(rig)
    for label in ("run-finished", "run-finished:too"):
        notice = told(rig, label)[0]["notice"]
        equal(notice["event"], "run-finished", "event")
        run = notice["run"]
        equal((run["name"], run["jobs"], run["completed"], run["expired"], run["failed"]),
              ("night", 9, 8, 1, 0), "counts")
        equal([r["reason"] for r in run["reasons"]], ["expired"], "reasons")
        equal(len(run["failures"]), 1, "failures")
        equal(told(rig, label)[0]["environ"]["LLMSPOOL_RUN"], "night", "LLMSPOOL_RUN")
    equal(len(rig.spool.events("run_finished")), 1, "events")
    expect(not os.path.exists(rig.spool.at("runs", "night", "notice.json")), "notice.json is left")

    # More is dropped into the run: it ends once more. A list that says more do follow tells nobody.
    rig.spool.put(run_list("night", numbered(20, 2), first=9, more=True), name="b.jsonl")
    until(lambda: not rig.spool.jobs("cur") and not rig.spool.names("new"), "the second list")
    rig.spool.put(run_list("night", numbered(30, 2), first=11), name="c.jsonl")
    until(lambda: len(told(rig)) == 4, "told again")
    equal(told(rig)[-1]["notice"]["run"]["jobs"], 13, "jobs of the run then")
    paid(rig)
    daemon.stop()
    rig.until_empty()
    equal(len(told(rig)), 4, "notices after a restart")
    ids = {t["notice"]["notice_id"] for t in told(rig)}
    equal(len(ids), 4, "different ids")


@scenario
def failed(rig: Rig):
    """Many failures make few notices: one at once, the others together."""
    prepare(rig)
    rig.configuration(hook(rig, "failed", more="gather = 1s"))
    daemon = rig.daemon()
    jobs = numbered(0, 60, expires="2026-01-01T00:00:00Z")
    rig.spool.drop_list(jobs)
    until(lambda: sum(t["notice"]["count"] for t in told(rig)) == 60, "all failures were told")
    paid(rig)
    expect(len(told(rig)) <= 5, f"{len(told(rig))} notices of 60 failures")
    for t in told(rig):
        notice = t["notice"]
        expect(len(notice["jobs"]) == min(notice["count"], 20), "at most 20 samples")
        equal(notice["reasons"][0]["reason"], "expired", "reason")
        equal(notice["statuses"], [{"status": "expired", "count": notice["count"]}], "statuses")
    equal(len(rig.spool.events("hook_delivered")), 60, "debts that were paid")
    daemon.stop()


@scenario
def gate(rig: Rig):
    """A gate that closes for what a person must mend is told once; a passing throttle is not."""
    prepare(rig)
    mock = rig.mock()
    rig.configure(mock, "probe_interval = 1s\n" + hook(rig, "gate-closed"))
    rig.spool.drop_list(numbered(0, 5, text="[[mock:401]] number"))
    daemon = rig.daemon()
    until(lambda: told(rig), "a notice of the gate")
    time.sleep(1.5)  # probes find it closed still
    paid(rig)
    equal(len(told(rig)), 1, "notices of one closing")
    notice = told(rig)[0]["notice"]
    equal(notice["event"], "gate-closed", "event")
    equal(notice["gate"]["name"], "openai/m", "gate")
    expect("401" in notice["gate"]["reason"], notice["gate"]["reason"])
    expect("RIG_KEY" not in told(rig)[0]["text"], "the key's name")
    daemon.stop()


@scenario
def budget(rig: Rig):
    """A budget that is used up is told once a period, also over a restart of the command's failure."""
    prepare(rig)
    mock = rig.mock()
    rig.configure(mock, hook(rig, "budget") + 'model "m" {\n input_price = "0"\n output_price = "100"\n}\n'
                  'budget {\n    day = "0.02"\n}\n')
    text = "All work and no play makes the model a dull one. " * 20
    rig.spool.drop_list([{"model": "m", "prompt": f"{i} {text}", "params": {"max_tokens": 100}}
                         for i in range(6)])
    daemon = rig.daemon()
    until(lambda: told(rig), "a notice of the budget")
    paid(rig)
    equal(len(told(rig)), 1, "notices")
    notice = told(rig)[0]["notice"]
    equal((notice["event"], notice["budget"]["scope"], notice["budget"]["period"], notice["budget"]["limit"]),
          ("budget", "all", "day", "0.02"), "budget")
    daemon.stop()


@scenario
def keyless(rig: Rig):
    """A child has no key, no descriptor and no ignored signal of the daemon, and a session of its own."""
    prepare(rig)
    key = os.path.join(rig.folder, "key")
    with open(key, "w", encoding="utf-8") as file:
        file.write(CANARY + "\n")
    os.chmod(key, 0o600)
    rig.configuration(provider(rig.mock(), key_env=None, key_file=f'"{key}"') + hook(rig, "failed"))
    secrets = {"OPENAI_API_KEY": CANARY, "CREDENTIALS_DIRECTORY": "/run/" + CANARY, "AWS_SECRET": CANARY,
               "LD_LIBRARY_PATH": "/nowhere", "LC_TIME": "C.UTF-8", "TZ": "Europe/Berlin"}
    inherited = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    rig.spool.drop({"model": "m", "prompt": "late", "expires": "2026-01-01T00:00:00Z"})
    arguments = [os.path.join(BUILD, "llmspoold"), "-s", rig.spool.path, "-c", rig.conf]
    process = spawn(arguments, env={**os.environ, **secrets}, pass_fds=[inherited], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=open(rig.spool.path + ".log", "ab"))
    try:
        until(lambda: told(rig), "a notice")
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            expect(CANARY.encode() in file.read() or os.geteuid() != 0, "the daemon has no canary: nothing is tested")
        expect(os.path.exists(f"/proc/{process.pid}/fd/{inherited}"), "the daemon has no odd descriptor")
    finally:
        process.terminate()
        equal(process.wait(PATIENCE), 0, "exit code")
    child = told(rig)[0]
    expect(CANARY not in json.dumps(child), "the key is in what the child sees")
    allowed = {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "LC_TIME", "LC_ALL", "LC_CTYPE",
               "LLMSPOOL_DIR", "LLMSPOOL_EVENT", "LLMSPOOL_ID", "LLMSPOOL_NOTICE_ID"}
    expect(set(child["environ"]) <= allowed, f"environment: {sorted(child['environ'])}")
    equal(child["environ"]["TZ"], "Europe/Berlin", "TZ passes")
    equal(sorted(child["links"]), ["0", "1", "2"], "descriptors")
    expect(child["session"], "no session of its own")
    equal(child["cwd"], "/", "folder")
    equal(child["environ"]["LLMSPOOL_NOTICE_ID"], child["notice"]["notice_id"], "id")
    paid(rig)


@scenario
def failing(rig: Rig):
    """A command that fails is run again with the same id; output is told in one harmless line."""
    prepare(rig)
    rig.configuration('webhook {\n    retries = {"300ms", "300ms"}\n}\n'
                      + hook(rig, "failed", "fail-once", more="gather = 0s")
                      + hook(rig, "failed:never", "fail", more="gather = 0s"))
    daemon = rig.daemon()
    rig.spool.drop({"model": "m", "prompt": "late", "expires": "2026-01-01T00:00:00Z"})
    until(lambda: len(told(rig, "failed")) == 2, "run twice")
    until(lambda: os.path.isdir(rig.spool.at("outbox/failed")) and rig.spool.names("outbox/failed", ".json"),
          "the other is given up")
    until(lambda: not owed(rig), "nothing is owed")
    equal(len({t["notice"]["notice_id"] for t in told(rig, "failed")}), 1, "ids of one notice")
    expect("exit code 75; it said: no luck [2J this time" in daemon.text(), daemon.text())
    equal(len(told(rig, "failed:never")), 3, "tries before giving up")
    given = rig.spool.json("outbox/failed", rig.spool.names("outbox/failed", ".json")[0])
    equal((given["hook"], given["attempts"]), ("failed:never", 3), "what was given up")
    expect("never any luck" in given["last"], given["last"])
    until(lambda: len(rig.spool.events("hook_gave_up")) == 1, "the event of giving up")
    daemon.stop()


@scenario
def not_read_at_first(rig: Rig):
    """A debt that could not be read at first is told as any other, side by side with the next."""
    prepare(rig)
    rig.configuration(hook(rig, "failed", "slower", more="gather = 0s"))
    name, away = "7" * 64 + ".json", os.path.join(rig.folder, "away")
    with open(away, "w", encoding="utf-8") as file:
        json.dump({"webhook_id": "7" * 64, "hook": "failed", "event": "failed", "time": "2026-01-01T00:00:00Z",
                   "notice": {"event": "failed", "time": "2026-01-01T00:00:00Z", "run": {"name": "x"}}}, file)
    os.symlink(away, rig.spool.at("outbox", name))
    daemon = rig.daemon()
    daemon.until_says(f"outbox/{name} is kept and not delivered")
    os.rename(away, rig.spool.at("outbox", name))
    rig.spool.order("redeliver", "ALL")
    until(lambda: told(rig), "the debt's command")
    rig.spool.drop({"model": "m", "prompt": "late", "expires": "2026-01-01T00:00:00Z"})
    until(lambda: len(told(rig)) == 2, "the next command")
    paid(rig)
    daemon.stop()


@scenario
def not_written_at_first(rig: Rig):
    """What is owed at a run's end and cannot be written is written later."""
    prepare(rig)
    rig.configure(rig.mock(), hook(rig, "run-finished"))
    rig.spool.switch("pause")
    daemon = rig.daemon()
    rig.spool.put(run_list("night", numbered(0, 2)), name="a.jsonl")
    until(lambda: len(rig.spool.jobs("cur")) == 2, "the run's jobs")
    since = rig.spool.json("runs", "night", "notice.json")["since"]
    words = "hook\nrun-finished\nrun-finished\n\nnight\n" + since
    path = rig.spool.at("outbox", hashlib.sha256(words.encode()).hexdigest() + ".json")
    os.mkdir(path)
    rig.spool.switch("pause", False)
    until(lambda: daemon.text().count("run night: what is owed at its end cannot be written") >= 2, "two tries")
    os.rmdir(path)
    until(lambda: told(rig), "the notice")
    paid(rig)
    daemon.stop()
    equal(told(rig)[0]["notice"]["run"]["completed"], 2, "jobs that were told")


@scenario
def hanging(rig: Rig):
    """One that hangs is killed with its children, one that floods is cut; others are told meanwhile."""
    prepare(rig)
    rig.configuration('webhook {\n    retries = {"1h"}\n}\n'
                      + hook(rig, "failed:hangs", "hang", more="timeout = 1s")
                      + hook(rig, "failed:floods", "flood", more="timeout = 30s")
                      + hook(rig, "failed:well"))
    daemon = rig.daemon()
    rig.spool.drop({"model": "m", "prompt": "late", "expires": "2026-01-01T00:00:00Z"})
    until(lambda: told(rig, "failed:well"), "the good one is told")
    daemon.until_says("did not end within its timeout and was killed")
    daemon.until_says("wrote more than 1 MiB")
    groups = [int(name[4:]) for name in os.listdir(rig.folder) if name.startswith("pid.")]
    expect(groups, "the hanging one told no pid")

    def gone():
        for group in groups:
            try:
                os.killpg(group, 0)
                return False
            except ProcessLookupError:
                pass
        return True
    until(gone, "nothing of its process group is left")
    rig.spool.drop({"model": "m", "prompt": "later", "expires": "2026-01-01T00:00:00Z"})
    until(lambda: rig.spool.jobs("failed") and len(rig.spool.jobs("failed")) == 2, "the daemon goes on")
    daemon.stop()


@scenario
def missing(rig: Rig):
    """A command that is not there is refused with its line; one that goes later waits for its return."""
    path = prepare(rig)
    rig.configuration('# one\nhook "failed" {\n    command = {"/nowhere/prog"}\n}\n')
    daemon = rig.daemon()
    expect(daemon.wait() != 0, "it starts")
    expect(f"{rig.conf}:3: command cannot be used: /nowhere/prog is no program that can be run"
           in daemon.text(), daemon.text())
    for text, words in (('hook "failed" {\n command = {"tell"}\n}\n', "begins with the program's whole path"),
                        ('hook "fialed" {\n command = {"/bin/true"}\n}\n', "is for no event"),
                        ('hook "failed:no good" {\n command = {"/bin/true"}\n}\n', "is for no event"),
                        ('hook "mail:two" {\n command = {"/bin/true"}\n}\n', "is for no event"),
                        ('hook "failed" {\n timeout = 1s\n}\n', "has no command"),
                        ('hook "failed" {\n command = {"/bin/true"}\n shell = yes\n}\n', "no setting \"shell\"")):
        rig.configuration(text)
        daemon = rig.daemon()
        expect(daemon.wait() != 0 and words in daemon.text(), f"{text}: {daemon.text()}")
    rig.configuration('webhook {\n    retries = {"300ms", "300ms", "300ms", "300ms", "300ms", "300ms"}\n}\n'
                      + hook(rig, "failed", more="gather = 0s"))
    daemon = rig.daemon()
    os.rename(path, path + ".away")
    rig.spool.drop({"model": "m", "prompt": "late", "expires": "2026-01-01T00:00:00Z"})
    daemon.until_says(f"{path} cannot be run")
    os.rename(path + ".away", path)
    until(lambda: told(rig), "told when it is back")
    paid(rig)
    daemon.stop()


@scenario
def killed(rig: Rig):
    """A daemon that is killed while a command runs, or before, runs it again with the same id."""
    prepare(rig)
    rig.configuration(hook(rig, "failed", "slow", more="gather = 0s") + hook(rig, "run-finished", "slow"))
    rig.spool.put(run_list("night", numbered(0, 3, expires="2026-01-01T00:00:00Z")), name="a.jsonl")
    for _ in range(12):
        before = len(told(rig))
        daemon = rig.daemon()
        until(lambda: len(told(rig)) > before or not (owed(rig) or rig.spool.names("new")),
              "a command runs", 20)
        daemon.kill()
    rig.until_empty(code=(0, 1))
    paid(rig)
    runs = told(rig, "run-finished")
    expect(runs, "the run's end was never told")
    ids = {t["notice"]["notice_id"] for t in runs}
    equal(len(ids), 1, "ids of the run's notice")
    jobs = {job["id"] for t in told(rig, "failed") for job in t["notice"]["jobs"]}
    equal(jobs, rig.spool.jobs("failed"), "failures that were told")


@scenario
def once(rig: Rig):
    """Where nothing is killed each notice is told once, also when the daemon is stopped meanwhile."""
    prepare(rig)
    rig.configuration(hook(rig, "failed", "slow", more="gather = 0s"))
    for i in range(3):
        daemon = rig.daemon()
        before = len(told(rig))
        rig.spool.drop({"model": "m", "prompt": f"late {i}", "expires": "2026-01-01T00:00:00Z"})
        until(lambda: len(told(rig)) > before, "a command runs")  # noqa: B023
        daemon.stop()
    rig.until_empty()
    paid(rig)
    equal(sum(t["notice"]["count"] for t in told(rig)), 3, "jobs that were told")
    equal(len({t["notice"]["notice_id"] for t in told(rig)}), 3, "notices")


# --- mail


SENDMAIL = """#!/bin/sh
# Keeps what it is given.
{ echo "args: $*"; cat; echo "=== end"; } > "$0.$$.new" && mv "$0.$$.new" "$0.$$.mail"
"""


def post(rig):
    """A sendmail that keeps mails; returns the hook that uses it."""
    path = os.path.join(rig.folder, "sendmail")
    with open(path, "w", encoding="utf-8") as file:
        file.write(SENDMAIL)
    os.chmod(path, 0o755)
    return path


def mail_hook(rig, name="mail", *words, more=""):
    command = [os.path.join(BUILD, "llmspool-mail"), "--from", "spool@example.org", "--sendmail",
               os.path.join(rig.folder, "sendmail"), *words]
    return f'hook "{name}" {{\n    command = {{{", ".join(json.dumps(w) for w in command)}}}\n    {more}\n}}\n'


def mails(rig):
    found = []
    for name in sorted(os.listdir(rig.folder)):
        if name.startswith("sendmail.") and name.endswith(".mail"):
            with open(os.path.join(rig.folder, name), encoding="utf-8") as file:
                found.append(file.read())
    return found


def submit(rig, *words, stdin=None):
    return subprocess.run([os.path.join(BUILD, "llmspool-submit"), "-s", rig.spool.path, *words], input=stdin,
                          capture_output=True, text=True, check=False, timeout=PATIENCE)


@scenario
def mail(rig: Rig):
    """llmspool-submit --mail: of a job, of a run, on end and on failure alone."""
    post(rig)
    mock = rig.mock()
    rig.configure(mock, mail_hook(rig, more="gather = 0s"))
    daemon = rig.daemon()
    until(lambda: "hooks" in rig.spool.status(), "status tells of hooks")
    done = submit(rig, "--mail", "end", "--mail-to", "alice@example.org", "Say one")
    equal(done.returncode, 0, done.stderr)
    until(lambda: len(mails(rig)) == 1, "a mail of the job")
    text = mails(rig)[0]
    job = done.stdout.strip()
    expect(text.startswith("args: -oi -t\n"), text)
    expect("\nTo: alice@example.org\n" in text and "\nFrom: llmspool <spool@example.org>\n" in text, text)
    expect(f"\nSubject: [llmspool] job {job[:12]} completed\n" in text, text)
    expect("\nAuto-Submitted: auto-generated\n" in text and re.search(r"\nMessage-ID: <[0-9a-f]{64}@", text), text)
    expect(f"llmspool-status -s {rig.spool.path} {job}" in text, text)

    # Of a run: on its end, once; on failure alone nothing when all is well.
    lines = "".join(f"Say {i}\n" for i in range(5))
    done = submit(rig, "--lines", "--run", "well", "--mail", "fail", "--mail-to", "bob", stdin=lines)
    equal(done.returncode, 0, done.stderr)
    done = submit(rig, "--lines", "--run", "night", "--mail", "end,fail", "--mail-to", "bob",
                  stdin=lines.replace("Say", "Tell"))
    equal(done.returncode, 0, done.stderr)
    until(lambda: len(mails(rig)) == 2, "a mail of the run")
    text = [m for m in mails(rig) if "run night" in m][0]
    expect("Subject: [llmspool] run night has ended: 5 completed\n" in text and "\nTo: bob\n" in text, text)
    until(lambda: not os.path.exists(rig.spool.at("runs", "well", "notice.json")), "the other run has ended")
    done = submit(rig, "--lines", "--run", "bad", "--mail", "fail", "--mail-to", "bob", "--expires",
                  "2026-01-01T00:00:00Z", stdin=lines.replace("Say", "Shout"))
    equal(done.returncode, 0, done.stderr)
    until(lambda: len(mails(rig)) == 3, "a mail of the run that failed")
    text = [m for m in mails(rig) if "run bad" in m][0]
    expect("Subject: [llmspool] run bad has ended: 0 completed, 5 not\n" in text, text)
    expect(re.search(r"\n +5  expired: The job expired", text), text)

    # A duplicate's mail is added, to the job and when it is done already.
    daemon.send(signal.SIGSTOP)
    for address in ("carol@example.org", "dave@example.org"):
        equal(submit(rig, "--mail", "end", "--mail-to", address, "Say two").returncode, 0, "submit")
    daemon.send(signal.SIGCONT)
    until(lambda: len(mails(rig)) == 5, lambda: f"both are sent one: {mails(rig)}")
    equal(submit(rig, "--mail", "end", "--mail-to", "erin@example.org", "Say two").returncode, 0, "submit")
    until(lambda: len(mails(rig)) == 6, "an answer that was there")
    expect(all(sum(f"\nTo: {a}@example.org\n" in m for m in mails(rig)) == 1 for a in ("carol", "dave", "erin")),
           "each once")
    paid(rig)
    daemon.stop()
    rig.check()


@scenario
def mail_stream(rig: Rig):
    """A run that is submitted in many lists ends once, also where the last list is exactly full."""
    post(rig)
    mock = rig.mock()
    prepare(rig)
    rig.configure(mock, mail_hook(rig) + hook(rig, "run-finished"))
    daemon = rig.daemon()
    until(lambda: "hooks" in rig.spool.status(), "status tells of hooks")
    stream = subprocess.Popen([os.path.join(BUILD, "llmspool-submit"), "-s", rig.spool.path, "--lines", "--run", "s",
                               "--mail", "end", "--mail-to", "bob", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL)
    for i in range(6):
        stream.stdin.write(f"Line {i}\n".encode())
        stream.stdin.flush()
        until(lambda: len(rig.spool.jobs("done")) > i, "the line is answered")  # noqa: B023
    stream.stdin.close()
    equal(stream.wait(PATIENCE), 0, "submit")
    until(lambda: mails(rig) and told(rig), "told")
    paid(rig)
    equal(len(mails(rig)), 1, "mails")
    equal(len(told(rig)), 1, "notices")
    equal(told(rig)[0]["notice"]["run"]["jobs"], 6, "jobs")
    daemon.stop()


@scenario
def mail_refused(rig: Rig):
    """Nobody who would send it, bad words and addresses: said at once, and nothing is dropped."""
    rig.configuration("")
    daemon = rig.daemon()
    until(lambda: "hooks" in rig.spool.status(), "status tells of hooks")
    done = submit(rig, "--mail", "end", "Say one")
    equal(done.returncode, 64, done.stderr)
    expect('hook "mail" { command = {"' in done.stderr and rig.conf in done.stderr, done.stderr)
    for address in ("a b@example.org", "a@b\nBcc: c@d", "-f@x", "a@", "|prog", "a@b..c", "a..b@c", "/etc/passwd",
                    "a,b@c", "<a@b>", "a@b;c", '"a"@b', "ä@b.c", "", "a@-b", "x" * 65 + "@b", "a@" + "b." * 130 + "c"):
        done = submit(rig, "--mail", "end", "--mail-to=" + address, "Say one")
        equal((done.returncode, done.stdout), (64, ""), f"{address!r}: {done.stderr}")
        rig.spool.put(json.dumps({"model": "m", "prompt": "p", "mail": {"to": address, "on": ["end"]}}))
    for words in ("", "end,", "ende", "end,fail,end", "END"):
        equal(submit(rig, "--mail=" + words, "Say one").returncode, 64, words)
    equal(submit(rig, "--mail-to", "bob", "Say one").returncode, 64, "--mail-to alone")
    until(lambda: len([n for n in rig.spool.names("failed", ".error.json")]) == 17, "each was refused")
    equal(len(rig.spool.jobs("cur")), 0, "jobs that were taken")
    rig.spool.put(run_list("x", numbered(0, 1), mail={"to": "a@b\r\nX: y", "on": ["end"]}), name="l.jsonl")
    until(lambda: os.path.exists(rig.spool.at("failed", "l.jsonl.error.json")), "the list is refused")
    daemon.stop()


@scenario
def letters(rig: Rig):
    """Each event's mail is readable, and no text of a stranger gets out of its line."""
    path = post(rig)
    program = os.path.join(BUILD, "llmspool-mail")
    evil = "x\r\nBcc: victim@example.org\n\n.\n\x1b[2J\u0085\u2028" + "y" * 3000
    notice_id = "ab" * 32
    base = {"notice_id": notice_id, "spool": "/var/spool/it's", "time": "2026-11-26T00:00:00Z"}
    job = {"id": "cd" * 32, "status": "failed", "name": evil, "reason": evil, "message": evil}
    notices = [
        {**base, "event": "gate-closed", "gate": {"name": evil, "provider": "p", "model": "m", "reason": evil}},
        {**base, "event": "budget", "budget": {"scope": evil, "period": "day", "limit": "1.00", "used": "1.00",
                                               "currency": "USD", "message": evil}},
        {**base, "event": "failed", "count": 1, "jobs": [job], "reasons": [{"reason": evil, "count": 1, "message": evil}],
         "statuses": [{"status": "failed", "count": 1}], "runs": [{"run": evil, "count": 1}]},
        {**base, "event": "run-finished", "run": {"name": evil, "jobs": 3, "completed": 2, "failed": 1, "cost": 1.25,
                                                  "currency": "USD", "duration_ms": 61000, "failures": [job],
                                                  "reasons": [{"reason": evil, "count": 1}]}},
    ]
    for number, notice in enumerate(notices):
        done = subprocess.run([program, "--sendmail", path, "ops@example.org"], input=json.dumps(notice).encode(),
                              capture_output=True, check=False, timeout=PATIENCE)
        equal(done.returncode, 0, done.stderr)
        equal(len(mails(rig)), number + 1, "mails")
        for text in mails(rig):
            head, body = text.split("\n", 1)[1].split("\n\n", 1)
            expect(all(re.match(r"[A-Za-z-]+: [ -~]*$", line) for line in head.split("\n")), head)
            expect("Bcc" not in [line.split(":")[0] for line in head.split("\n")], head)
            equal(head.count("\nTo: ops@example.org"), 0 if head.startswith("To:") else 1, head)
            expect(all(len(line.encode()) < 998 for line in body.split("\n")), "long lines")
            expect(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", body), "control characters")
            expect("\n.\n" not in body, "a line with a dot alone")
    text = [m for m in mails(rig) if "run " in m and "cost" in m][0]
    expect("\ncost        1.25 USD\n" in text and "\nduration    1m 1s\n" in text, text)
    for words, stdin, code in ((["a b"], b"{}", 64), (["--from", "x\ny", "bob"], b"{}", 64), ([], b"{}", 65),
                               (["bob"], b"nothing", 65), (["bob"], b'{"event": "budget"}', 65), (["bob"], b"", 65),
                               (["--sendmail", "/nowhere", "bob"], json.dumps(notices[0]).encode(), 78),
                               (["--sendmail", "/bin/false", "bob"], json.dumps(notices[0]).encode(), 1)):
        done = subprocess.run([program, *words], input=stdin, capture_output=True, check=False, timeout=PATIENCE)
        equal(done.returncode, code, f"{words} {stdin}: {done.stderr}")


if __name__ == "__main__":
    run_scenario()
