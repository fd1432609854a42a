#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check: llmspool-check names each damage, mends what can be mended, loses nothing, and stays silent
where nothing is wrong."""
import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time

from check_damage import PACKED, damages
from rig import (BUILD, LONG, Checker, Failure, Rig, Skip, Spool, equal, expect, numbered, preload,
                 run_scenario, scenario, spawn, until, sweep_of_kills)

MONEY = ('model "m" {\n    input_price = "1"\n    output_price = "2"\n}\n'
         'budget {\n    day = "50.00"\n}\n')
# What puts jobs away and brings them back while others look.
ARCHIVER = """while sleep 1
do
    "$1/llmspool-archive" create -s "$2" --older-than 0 --failed
    "$1/llmspool-archive" restore -s "$2" --model m
    "$1/llmspool-prune" -s "$2" --versions 1
done"""
FAR = "2099-01-01T00:00:00Z"


def run(spool, *options, environment=None, timeout=60):
    """Runs llmspool-check; returns its exit code and its findings."""
    found = subprocess.run([os.path.join(BUILD, "llmspool-check"), "-s", spool.path, "--json",
                            *options], capture_output=True, timeout=timeout, check=False,
                           env={**os.environ, **(environment or {})})
    findings = [json.loads(line) for line in found.stdout.splitlines()]
    expect(b"Sanitizer" not in found.stderr, found.stderr.decode())
    return found.returncode, findings


def told(findings):
    return "\n  ".join(json.dumps(finding) for finding in findings)


def wrong(findings):
    return [finding for finding in findings if finding["severity"] != "note"]


def tree(spool):
    """All of a spool: each entry's type, mode, inode and content."""
    found = {}
    for folder, folders, files in os.walk(spool.path):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            content = None
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(path, spool.path)] = (status.st_mode, status.st_ino, content)
    return found


def contents(spool):
    return {entry[2] for entry in tree(spool).values()}


def paid(spool):
    """The hashes of all that may be an answer, whole or not, wherever it lies."""
    return {entry[2] for name, entry in tree(spool).items()
            if entry[2] is not None and (".v" in name or ".out." in name)}


def make_world(rig):
    """A spool with some of everything: the fixture that is copied and damaged."""
    mock = rig.mock()
    spool = rig.spool
    rig.configure(mock, MONEY + 'backoff = "20ms"\n')
    world = {
        "done": spool.drop({"model": "m", "prompt": "plain"}),
        "named": spool.drop({"model": "m", "prompt": "named", "name": "report",
                             "webhook": "http://127.0.0.1:9/told"}),
        "reruns": spool.drop({"model": "m", "prompt": "thrice", "name": "again"}),
        "worse": spool.drop({"model": "m", "prompt": "worse"}),
        "failed": spool.drop({"model": "m", "prompt": "[[mock:400]] no", "name": "bad"}),
    }
    spool.put("no job", name="bad.json")
    spool.put('{"run": "night"}\n' + "".join(
        json.dumps({"model": "m", "prompt": f"night {i}"}) + "\n" for i in range(3)),
        name="night.jsonl")
    rig.until_empty(code=1)
    for i in range(3):
        spool.drop({"model": "m", "prompt": f"archived {i}", "user": "old"})
    rig.until_empty()
    subprocess.run([os.path.join(BUILD, "llmspool-archive"), "create", "-s", spool.path,
                    "--older-than", "0", "--user", "old"], check=True, timeout=60)
    for _ in range(2):
        spool.order("rerun", world["reruns"])
        rig.until_empty(code=(0, 1))
    worsen(spool, world["worse"])
    pack_events(spool)
    waiting = {"model": "m", "prompt": "waits", "not_before": FAR}
    world["waiting"] = spool.drop(waiting)
    world["waiting2"] = spool.drop({"model": "m", "prompt": "waits, too", "not_before": FAR})
    daemon = rig.daemon()
    until(lambda: len(spool.jobs("cur")) == 2, "two jobs in cur/")
    spool.put(json.dumps({**waiting, "priority": 1}))
    until(lambda: os.path.exists(spool.at("cur", world["waiting"] + ".state.json")), "a state file")
    daemon.stop()
    return world


def pack_events(spool):
    """A day of long ago, compressed as llmspool-prune does it."""
    day = sorted(spool.names("events"))[0]
    subprocess.run(["zstd", "-q", "-o", spool.at("events", PACKED), spool.at("events", day)],
                   check=True, timeout=20)


def worsen(spool, job):
    """Gives a finished job a second version that failed, as a rerun that the server refuses does."""
    output = spool.json("done", f"{job}.v1.json")
    output.update(version=2, status="failed", reason="http_400", message="Refused.", output=None,
                  finish_reason=None, sha256=hashlib.sha256(b"null").hexdigest())
    output["attempts"][0].update(outcome="job")
    output.pop("response", None)
    path = spool.at("done", f"{job}.v2.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(output) + "\n")
    os.chmod(path, 0o600)


def check_sound(spool, what):
    code, findings = run(spool)
    expect(code == 0 and not wrong(findings), f"{what}: exit {code}:\n  {told(findings)}")


def judge(spool, what):
    """The independent checker's word on a spool whose jobs may have been put aside."""
    problems = Checker(spool.path).judge(idle=False)
    expect(not problems, f"{what}: the checker says:\n  " + "\n  ".join(problems))


# --- each damage -----------------------------------------------------------------------------------------

def damaged(rig, number, name, world):
    spool = Spool.copy(rig.spool, os.path.join(rig.folder, f"copy-{number}"))
    damages[name].function(spool, world)
    return spool


def look(spool, name):
    """It is found and named; looking changes nothing."""
    row = damages[name]
    before = tree(spool)
    code, findings = run(spool)
    expect(row.code in {f["check"] for f in findings}, f"{name}: no {row.code}:\n  {told(findings)}")
    equal(code, row.exit, f"{name}: exit code")
    for finding in findings:
        equal(sorted(finding), ["check", "file", "message", "repair", "severity"], "keys")
    _, planned = run(spool, "--repair", "--dry-run")
    expect(row.code in {f["check"] for f in planned}, f"{name}: not told by --dry-run")
    equal(tree(spool), before, f"{name}: what was only looked at")


def check_told(spool, what):
    """What repairing took away is in the events: an audit misses nothing."""
    _, findings = run(spool, "--audit")
    missed = [finding for finding in findings if finding["check"].startswith("audit_")]
    expect(not missed, f"{what}: an audit misses:\n  {told(missed)}")


def mend(spool, name):
    row = damages[name]
    answers = paid(spool)
    _, findings = run(spool, "--repair")
    named = [f for f in findings if f["check"] == row.code]
    expect(named, f"{name}: --repair does not tell of {row.code}:\n  {told(findings)}")
    expect(any(f["mended"] for f in named) == row.mended, f"{name}: mended:\n  {told(named)}")
    lost = answers - contents(spool)
    expect(row.loses or not lost or row.function.__name__ == "answer_published_already",
           f"{name}: {len(lost)} answers are nowhere")
    code, findings = run(spool)
    if row.mended:
        expect(code == 0 and not wrong(findings),
               f"{name}: exit {code} after it was mended:\n  {told(findings)}")
        judge(spool, name)
        check_told(spool, name)
    else:
        expect(row.code in {f["check"] for f in findings}, f"{name}: not told again")
    before = tree(spool)
    _, findings = run(spool, "--repair")
    expect(not any(f["mended"] for f in findings), f"{name}: mended twice:\n  {told(findings)}")
    equal(tree(spool), before, f"{name}: a second repair")


@scenario
def each_damage(rig):
    world = make_world(rig)
    check_sound(rig.spool, "the fixture")
    judge(rig.spool, "the fixture")
    check_told(rig.spool, "the fixture")
    chosen, failures = sys.argv[2:] or list(damages), []
    for number, name in enumerate(chosen):
        if damages[name].root and os.geteuid() != 0:
            print(f"{name}: left out, only root can do it")
            continue
        spool = damaged(rig, number, name, world)
        try:
            look(spool, name)
            mend(spool, name)
        except Failure as failure:
            failures.append(str(failure))
    codes = {damages[name].code for name in chosen}
    expect(not failures, f"{len(failures)} of {len(chosen)}:\n" + "\n".join(failures))
    print(f"{len(chosen)} kinds of damage, {len(codes)} codes")

@scenario
def lost_and_asked_again(rig):
    """A job whose answer was lost is tried again, and its name leads to the new answer."""
    job = {"model": "m", "prompt": "lost", "name": "report"}
    rig.mock()
    one = rig.spool.drop(job)
    rig.until_empty()
    path = rig.spool.at("done", f"{one}.v1.json")
    with open(path, "r+b") as file:
        file.truncate(99)
    code, findings = run(rig.spool, "--repair")
    equal(code, 65, "exit code of the repair that put an answer aside")
    equal({f["check"] for f in findings}, {"output_json", "done_no_output", "name_dangling"},
          "what it told")
    equal(rig.spool.json("failed", f"{one}.error.json")["reason"], "answer_lost", "its reason")
    equal(os.readlink(rig.spool.at("by-name", "report")), f"../failed/{one}.error.json", "its name")
    rig.spool.order("retry", one)
    rig.until_empty()
    equal(os.readlink(rig.spool.at("by-name", "report")), f"../done/{one}.v1.json", "its name then")
    equal(rig.mocks[-1].requests(), 2, "requests")
    judge(rig.spool, "the spool then")
    check_told(rig.spool, "the spool then")
    rig.check()


# --- killed while it mends -------------------------------------------------------------------------------

def kill_at(rig, name, world, number, call):
    """Repairs a damaged copy and kills that at its call-th change of anything; a second run finishes.
    Returns whether there was such a call."""
    spool = damaged(rig, number, name, world)
    answers = paid(spool)
    code, _ = run(spool, "--repair", environment=preload(f"any:KILL:{call}"))
    what = f"{name}, killed at change {call}"
    _, findings = run(spool, "--repair")
    left = [finding for finding in wrong(findings) if not finding["mended"]]
    expect(not left, f"{what}: left by the next run:\n  {told(left)}")
    judge(spool, what)
    check_told(spool, what)
    lost = answers - contents(spool)
    expect(damages[name].loses or not lost or name == "answer_published_already",
           f"{what}: {len(lost)} answers are nowhere")
    shutil.rmtree(spool.path)
    return code == -signal.SIGKILL


@scenario
def killed_everywhere(rig):
    """A part of the table, as PART/PARTS."""
    sweep_of_kills()
    part, parts = (int(word) for word in sys.argv[2].split("/"))
    world = make_world(rig)
    mendable = [name for name, row in damages.items()
                if row.mended and not (row.root and os.geteuid() != 0)]
    kills = 0
    for name in mendable[part - 1::parts]:
        call = 1
        while kill_at(rig, name, world, f"{name}-{call}", call):
            call += 1
        kills += call - 1
    print(f"{kills} kills")


FAILING = ("output_torn", "output_deleted", "copied_back", "reason_deleted", "deletion_cut_short",
           "answered_moved_to_failed", "error_without_job", "folder_missing", "name_of_old_place",
           "ids_deleted")


@scenario
def failing_everywhere(rig):
    """Each change fails once with EIO: that is told, and the next run finishes."""
    world = make_world(rig)
    faults = 0
    for name in FAILING if LONG else FAILING[:2]:
        count = changes(rig, name, world)
        for call in range(1, count + 1):
            fail_at(rig, name, world, call)
        faults += count
    print(f"{faults} failed calls")


def fail_at(rig, name, world, call):
    spool = damaged(rig, f"{name}-{call}", name, world)
    answers = paid(spool)
    what = f"{name}, change {call} failed"
    first, _ = run(spool, "--repair", environment=preload(f"any:EIO:{call}"))
    expect(first in (0, 1, 65), f"{what}: exit {first}")
    run(spool, "--repair")
    check_sound(spool, what)
    judge(spool, what)
    expect(damages[name].loses or not answers - contents(spool), f"{what}: answers are nowhere")
    shutil.rmtree(spool.path)


def changes(rig, name, world):
    """How many changes the whole repair makes: a kill behind the last one does not happen."""
    least, beyond = 0, 128
    while beyond - least > 1:
        call = (least + beyond) // 2
        spool = damaged(rig, f"{name}-count", name, world)
        code, _ = run(spool, "--repair", environment=preload(f"any:KILL:{call}"))
        shutil.rmtree(spool.path)
        least, beyond = (call, beyond) if code == -signal.SIGKILL else (least, call)
    return least


@scenario
def abilities(rig):
    """What the file system refuses is told."""
    for fault, code, leaves in (("renameat2:EINVAL:1+", "no_noreplace", 0),
                                ("linkat:EPERM:1+", "no_link", 1)):
        code_found, findings = run(rig.spool, "-v", environment=preload(fault))
        expect(code in {f["check"] for f in findings}, f"{fault}: {told(findings)}")
        equal(code_found, leaves, f"{fault}: exit code")
    equal(rig.spool.names("tmp"), [], "tmp/")


# --- where nothing is wrong ------------------------------------------------------------------------------

@scenario
def beside_a_busy_daemon(rig):
    """For 20 s hundreds of jobs flow, and checks that look twice see nothing wrong."""
    seconds = 60 if LONG else 12
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, 'backoff = "5ms"\n')
    rig.daemon()
    archiver = spawn(["sh", "-c", ARCHIVER, "sh", BUILD, rig.spool.path],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end, checks, count = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        check = spawn([os.path.join(BUILD, "llmspool-check"), "-s", rig.spool.path, "--json"],
                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while check.poll() is None and time.monotonic() < end + 30:
            count = flow(rig, count)
        text, words = check.communicate(timeout=60)
        expect(check.returncode == 0 and not text,
               f"check {checks} beside {count} jobs: {text.decode()}{words.decode()}")
        checks += 1
    archiver.kill()
    expect(os.path.exists(rig.spool.at("archive", "ids")), "nothing was archived meanwhile")
    print(f"{checks} checks beside {count} jobs")
    expect(count > 300, f"only {count} jobs flowed")
    until(lambda: not rig.spool.jobs("cur") and not rig.spool.names("new", ".json"), "the end")


def flow(rig, count):
    """Drops some jobs, and orders reruns and retries of others."""
    for number, job in enumerate(numbered(count, 10, "Flow")):
        job["name"] = f"flow-{(count + number) % 500}"
        job["stream"] = number % 4 == 1
        if number == count % 50:
            job["prompt"] += " [[mock:422,times=1]]"
        rig.spool.drop(job, by=os.link)
    if count % 100 == 0:
        done = sorted(rig.spool.jobs("done"))[:5]
        if done:
            rig.spool.order("rerun", *done)
        failed = sorted(rig.spool.jobs("failed"))[:5]
        if failed:
            rig.spool.order("retry", *failed)
    time.sleep(0.05)
    return count + 10


if __name__ == "__main__":
    run_scenario()
