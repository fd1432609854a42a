#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""prune: what llmspool-prune deletes, what it never does, and what a kill or a failure leaves."""
import datetime
import itertools
import json
import os
import shutil
import signal
import subprocess
import time

from rig import (BUILD, LONG, PATIENCE, Checker, Rig, Spool, equal, expect, identity, numbered, preload,
                 run_scenario, scenario, until, sweep_of_kills)

NOW = datetime.datetime.now(datetime.timezone.utc)
NO_ARCHIVE = ("--archive-before-prune", "no")
# All calls by which prune changes a spool.
CALLS = ("renameat2", "renameat", "unlinkat", "fsync", "openat", "write", "symlinkat")
DAY = (NOW - datetime.timedelta(days=5)).date()
EVENTS = "".join(f'{{"time":"{DAY}T00:00:{i:02}.000Z","event":"resumed"}}\n' for i in range(20))


def nothing_said(spool):
    """A configuration that says nothing."""
    path = spool.path + ".conf"
    open(path, "ab").close()
    return path


def prune(spool, *options, code=0, environment=None, conf=None):
    """Runs it and returns its report."""
    done = subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-s", spool.path, "--json",
                           "-c", conf or nothing_said(spool), *options],
                          env={**os.environ, **(environment or {})},
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    if done.returncode != code:
        raise AssertionError(f"llmspool-prune {options} left with {done.returncode} instead of {code}: "
                             f"{done.stderr}")
    return (json.loads(done.stdout) if done.stdout else None), done.stderr


def fill(spool, count, *options):
    subprocess.run([os.path.join(BUILD, "tests/bench/make_spool"), spool.path, str(count), *options],
                   check=True, timeout=PATIENCE)


def age_of(spool, folder, job):
    """Days since a unit finished."""
    if folder == "done":
        newest = max(int(name.split(".")[1][1:]) for name in spool.names("done", ".json")
                     if name.startswith(job + ".v"))
        record = spool.json("done", f"{job}.v{newest}.json")
    else:
        record = spool.json("failed", f"{job}.error.json")
    finished = datetime.datetime.fromisoformat(record["times"]["finished"].replace("Z", "+00:00"))
    return (NOW - finished).total_seconds() / 86400


def ages(spool, folder):
    return {job: age_of(spool, folder, job) for job in spool.jobs(folder)}


def sound(spool, what=""):
    problems = Checker(spool.path).judge()
    expect(not problems, f"{what}: " + "\n  ".join(problems[:10]))


@scenario
def by_age(rig: Rig):
    """Each folder by its age, neither sooner nor later; a second run finds nothing."""
    spool = rig.spool
    # A job may be as old as a limit to the second, and passes it before it is looked at.
    fill(spool, 300, "--versions", "3", "--failed", "30", "--days", "200", "--names", "30")
    stay = {folder: {job for job, days in ages(spool, folder).items() if days < limit - 0.01}
            for folder, limit in (("done", 90), ("failed", 30))}
    gone = {folder: spool.jobs(folder) - stay[folder] for folder in stay}
    dry, _ = prune(spool, "-n", *NO_ARCHIVE)
    equal(len(spool.jobs("done")) + len(spool.jobs("failed")), 300, "jobs after a dry run")
    report, _ = prune(spool, *NO_ARCHIVE)
    for folder in stay:
        equal(spool.jobs(folder), stay[folder], f"jobs of {folder}/")
        equal(report[folder]["count"], len(gone[folder]), f"told of {folder}/")
        equal(report[folder], dry[folder], f"a dry run's word on {folder}/")
    told = {event["id"] for event in spool.events("pruned")}
    equal(told, gone["done"] | gone["failed"], "pruned events")
    left = {name[:64] for folder in stay for name in spool.names(folder)}
    equal(left, stay["done"] | stay["failed"], "files of jobs that went")
    sound(spool)
    again, _ = prune(spool, *NO_ARCHIVE)
    equal(again["done"]["count"] + again["failed"]["count"], 0, "jobs of a second run")
    expect(spool.json("state", "prune.json")["finished"] > "2026", "state/prune.json")


@scenario
def by_number_and_bytes(rig: Rig):
    """The oldest go."""
    spool = rig.spool
    fill(spool, 200, "--versions", "3", "--failed", "20", "--days", "20")
    order = sorted([(days, folder, job) for folder in ("done", "failed")
                    for job, days in ages(spool, folder).items()])
    prune(spool, "--count", "120", *NO_ARCHIVE)
    equal(spool.jobs("done") | spool.jobs("failed"), {job for _, _, job in order[:120]},
          "the newest 120")

    def size(folder, job):
        return sum(os.stat(spool.at(folder, name)).st_blocks * 512
                   for name in spool.names(folder) if name.startswith(job))
    sizes = [size(folder, job) for _, folder, job in order[:120]]
    limit = sum(sizes[:50])
    prune(spool, "--bytes", str(limit), *NO_ARCHIVE)
    equal(spool.jobs("done") | spool.jobs("failed"), {job for _, _, job in order[:50]},
          "the newest that take so much")
    disk = os.statvfs(spool.path)
    free = disk.f_bavail * disk.f_frsize
    report, _ = prune(spool, "-n", "--free-space", str(free + 64 * 1024 * 1024), *NO_ARCHIVE)
    expect(report["done"]["count"] > 0, "a fuller disk than wanted")
    report, _ = prune(spool, "-n", "--free-space", "1", *NO_ARCHIVE)
    equal(report["done"]["count"], 0, "jobs with enough free space")
    sound(spool)


@scenario
def old_versions(rig: Rig):
    """The newest stay, and the latest good one whatever came after it."""
    spool = rig.spool
    fill(spool, 60, "--versions", "5", "--days", "5")
    before = {job: spool.versions(job) for job in spool.jobs("done")}
    name = next(job for job, count in before.items() if count == 5)
    for version in (4, 5):  # its last two failed
        path = spool.at("done", f"{name}.v{version}.json")
        record = spool.json("done", f"{name}.v{version}.json")
        record.update(status="failed", output=None, message="x", reason="max_attempts",
                      sha256="74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b")
        for attempt in record["attempts"]:
            attempt["outcome"] = "transient"
        with open(path, "w", encoding="utf-8") as file:
            json.dump(record, file)
    os.symlink(f"../done/{name}.v1.json", spool.at("by-name", "early"))
    report, _ = prune(spool, "--versions", "2", *NO_ARCHIVE)
    for job, count in before.items():
        first = 3 if job == name else max(1, count - 1)
        there = sorted(int(n.split(".v")[1][:-5]) for n in spool.names("done") if
                       n.startswith(job + ".v"))
        equal(there, list(range(first, count + 1)), f"versions of {job[:12]}")
    expect(report["versions"]["count"] > 10, "told of old versions")
    equal(os.readlink(spool.at("by-name", "early")), f"../done/{name}.v3.json",
          "a name that led to an old version")
    equal(report["done"]["count"], 0, "jobs pruned")
    sound(spool)


@scenario
def what_the_job_says(rig: Rig):
    """`keep` of a job wins, then its user's, then its model's."""
    rig.configure(rig.mock(), 'user "ann" { keep = "1s" }\nmodel "brief*" { keep = "1s" }\n')
    spool = rig.spool
    short = spool.drop({"model": "m", "prompt": "a", "keep": "1s"})
    longer = spool.drop({"model": "m", "prompt": "b", "user": "ann", "keep": "10d"})
    user = spool.drop({"model": "m", "prompt": "c", "user": "ann"})
    model = spool.drop({"model": "brief-1", "prompt": "d"})
    plain = spool.drop({"model": "m", "prompt": "e"})
    rig.until_empty()
    time.sleep(1.2)
    prune(spool, *NO_ARCHIVE, conf=rig.conf)
    equal(spool.jobs("done"), {longer, plain}, "jobs that stay")
    del spool.dropped[short], spool.dropped[user], spool.dropped[model]
    rig.spool.dropped = {}
    sound(spool)


def run(program, *arguments):
    """Its exit code and its words, without its name."""
    done = subprocess.run([os.path.join(BUILD, program), *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    return done.returncode, done.stderr.replace(f"{program}: ", "")


@scenario
def configuration(rig: Rig):
    """The daemon's file is read without its keys, and refused in the daemon's words."""
    spool, conf = rig.spool, rig.spool.path + ".rules"
    fill(spool, 40, "--days", "20")

    def say(text):
        with open(conf, "w", encoding="utf-8") as file:
            file.write(text)
    for bad in ('retention { outputs = "soon" }', "retention {\n output = 3d\n}", "retention { bytes = 3GB }",
                "retention { free_space = 100% }", 'retention { archive_after = "40000d" }',
                'model "x" { keep = 5 }', 'user "x" { keep = ever }', "retention { archive_before_prune = 1 }"):
        say(bad)
        code, words = run("llmspoold", "--check-config", "-c", conf)
        equal(code, 65, f"llmspoold on {bad}: {words}")
        equal(run("llmspool-prune", "-s", spool.path, "-c", conf), (65, words), f"llmspool-prune on {bad}")
        equal(run("llmspool-archive", "create", "-s", spool.path, "-c", conf), (65, words),
              f"llmspool-archive on {bad}")
    equal(len(spool.jobs("done")), 40, "jobs after refused configurations")
    say('provider "p" { protocol = "openai" url = "https://127.0.0.1/v1" key_file = "/nowhere/key" }\n'
        'retention { outputs = "228h" archive_after = "348h" }\n')
    expect(run("llmspoold", "--check-config", "-c", conf)[0] != 0, "llmspoold without its key")
    old = {job for job, days in ages(spool, "done").items() if days > 14.5}
    equal(run("llmspool-archive", "create", "-q", "-s", spool.path, "-c", conf), (0, ""), "archiving")
    equal(len(spool.jobs("done")), 40 - len(old), "jobs younger than archive_after")
    late = {job for job, days in ages(spool, "done").items() if days > 9.5}
    report, _ = prune(spool, conf=conf)
    equal((report["unarchived"], report["overdue"], report["done"]["count"]), (len(late), 0, 0),
          "jobs that wait for an archive, none for long")
    report, _ = prune(spool, "--outputs", "2d", conf=conf)
    expect(report["overdue"] > 0, "jobs that wait for long")
    done = subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-q", "-s", spool.path, "-c", conf],
                          capture_output=True, text=True, timeout=PATIENCE, check=True)
    equal(done.stdout + done.stderr, "", "words of -q when jobs wait since yesterday")
    done = subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-q", "-s", spool.path, "-c", conf,
                           "--outputs", "2d"], capture_output=True, text=True, timeout=PATIENCE, check=True)
    expect("wait for llmspool-archive" in done.stdout, f"words of -q when jobs wait for long: {done.stdout!r}")
    report, _ = prune(spool, *NO_ARCHIVE, conf=conf)
    equal(report["done"]["count"], len(late), "jobs that are older than the file says")
    sound(spool)


@scenario
def what_is_owed(rig: Rig):
    """A webhook, a hold, and what is not archived, stays."""
    rig.configure(rig.mock())
    spool = rig.spool
    hook = spool.drop({"model": "m", "prompt": "a", "webhook": "http://127.0.0.1:9/x"})
    held = spool.drop({"model": "m", "prompt": "b"})
    free = spool.drop({"model": "m", "prompt": "c"})
    rig.until_empty()
    spool.put("", folder="ctl", name=f"hold.{held}")
    report, _ = prune(spool, "--outputs", "0")
    equal((report["unarchived"], report["owed"], report["done"]["count"]), (1, 2, 0),
          "unarchived, owed, pruned")
    report, _ = prune(spool, "--outputs", "0", *NO_ARCHIVE)
    equal(spool.jobs("done"), {hook, held}, "jobs that stay")
    os.unlink(spool.at("ctl", f"hold.{held}"))
    for name in spool.names("outbox", ".json"):
        os.unlink(spool.at("outbox", name))
    subprocess.run([os.path.join(BUILD, "llmspool-archive"), "create", "-s", spool.path, "--older-than",
                    "0s", "--keep"], check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
    report, _ = prune(spool, "--outputs", "0")
    equal(spool.jobs("done"), set(), "jobs that stay when they are archived")
    expect(free not in spool.jobs("done"), "the free one went first")


@scenario
def what_is_no_job(rig: Rig):
    """Refused files, old temporary files, given-up notifications, events, runs, names."""
    rig.configure(rig.mock())
    spool = rig.spool
    spool.put("{no json", name="bad.json")
    spool.drop_list([{"run": "old-run"}, *numbered(0, 3)], name="old")
    spool.dropped = {identity(job, "m"): job for job in numbered(0, 3)}
    rig.until_empty(code=(0, 1))
    os.makedirs(spool.at("outbox", "failed"), exist_ok=True)
    old = time.time() - 400 * 86400
    for folder, name in (("tmp", "left"), ("outbox/failed", "x.json"), ("events", "2020-01-01.jsonl")):
        with open(spool.at(folder, name), "w", encoding="utf-8") as file:
            file.write('{"time":"2020-01-01T00:00:00.000Z","event":"paused"}\n')
        os.utime(spool.at(folder, name), (old, old))
    day = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=5)).date()
    with open(spool.at("events", f"{day}.jsonl"), "w", encoding="utf-8") as file:
        file.write('{"time":"%sT00:00:00.000Z","event":"resumed"}\n' % day)
    report, _ = prune(spool)
    equal((report["refused"]["count"], report["temporary"]["count"], report["runs"]["count"]),
          (0, 0, 0), "young things")  # by ctime, which nobody can set back
    equal((report["events"]["count"], report["compressed"]["count"]), (1, 1), "days of events")
    expect(os.path.exists(spool.at("events", f"{day}.jsonl.zst")), "a compressed day")
    later = {"FAKETIME": "+400d", "LD_PRELOAD": faketime(), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with open(spool.at("runs", "old-run", "manifest.jsonl"), "ab") as file:  # damage for check to tell
        file.write(b'{"position":3,"id":"%s",,,\n' % (b"0" * 64))
    size = sum(os.stat(spool.at("failed", name)).st_blocks * 512 for name in spool.names("failed"))
    report, _ = prune(spool, "-n", *NO_ARCHIVE, environment=later)
    equal(report["refused"], {"count": 1, "bytes": size}, "a refused file and its error file")
    os.unlink(spool.at("failed", "bad.json"))  # as a kill in between leaves them
    size = os.stat(spool.at("failed", "bad.json.error.json")).st_blocks * 512
    report, _ = prune(spool, *NO_ARCHIVE, environment=later)
    equal(report["refused"]["bytes"], size, "bytes of an error file alone")
    equal({key: report[key]["count"] for key in ("done", "refused", "temporary", "notices", "runs")},
          {"done": 3, "refused": 1, "temporary": 1, "notices": 1, "runs": 1}, "400 days later")
    for folder in ("done", "failed", "tmp", "runs", "outbox/failed", "by-name"):
        equal(spool.names(folder), [], f"what is left in {folder}/")


def faketime():
    """The library of faketime(1), in a build without sanitizers' own preloading."""
    for folder in ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/faketime",
                   "/usr/lib/aarch64-linux-gnu/faketime"):
        path = os.path.join(folder, "libfaketime.so.1")
        if os.path.exists(path):
            os.environ["ASAN_OPTIONS"] = "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")
            return path
    raise AssertionError("libfaketime is not installed")


@scenario
def beside_others(rig: Rig):
    """Two prunes and a daemon that answers duplicates and runs jobs again, all at once."""
    mock = rig.mock()
    rig.configure(mock, 'retention { archive_before_prune = no outputs = "0s" }\n')
    spool = rig.spool
    rig.daemon()
    jobs = numbered(0, 40)
    for turn in range(12):
        for job in jobs:
            spool.drop(job, by=os.link)
        spool.drop_list([{"run": "again"}, *numbered(40, 10)], name=f"list{turn}")
        both = [subprocess.Popen([os.path.join(BUILD, "llmspool-prune"), "-s", spool.path, "-c",
                                  rig.conf, "-q"], stderr=subprocess.PIPE) for _ in range(2)]
        for one in both:
            _, words = one.communicate(timeout=PATIENCE)
            equal((one.returncode, words), (0, b""), "a prune beside another")
    until(lambda: not spool.names("new") and not spool.names("cur"), "the daemon's end of work")
    rig.daemons[-1].stop()
    prune(spool, conf=rig.conf)
    for folder in ("cur", "done", "failed"):
        equal(spool.names(folder), [], f"what is left in {folder}/")
    with open(spool.at("runs", "again", "manifest.jsonl"), encoding="utf-8") as file:
        equal(sorted(json.loads(line)["position"] for line in file), list(range(10)),
              "places of the run that was dropped again and again")


def sweep_template(rig):
    spool = rig.spool
    fill(spool, 14, "--versions", "3", "--failed", "30", "--days", "200", "--names", "50")
    spool.put("{no json", folder="failed", name="bad.json")
    spool.put('{"status":"refused","name":"bad.json","reason":"bad_json","message":"x","times":{}}',
              folder="failed", name="bad.json.error.json")
    first = next(job for job, days in sorted(ages(spool, "done").items())
                 if days < 60 and spool.versions(job) > 1)
    os.symlink(f"../done/{first}.v1.json", spool.at("by-name", "alias"))
    spool.put(EVENTS, folder="events", name=f"{DAY}.jsonl")
    spool.put('{"time":"2020-01-01T00:00:00.000Z","event":"paused"}\n', folder="events",
              name="2020-01-01.jsonl")
    os.makedirs(spool.at("outbox", "failed"), exist_ok=True)
    spool.put('{"id":"x"}', folder=os.path.join("outbox", "failed"), name="notice.json")
    return spool


def rest_is_done(spool, what):
    """What is no job is pruned as well, and no event of a day that is kept is lost."""
    equal(spool.names("outbox/failed"), [], f"{what}: given-up notifications")
    today = datetime.datetime.now(datetime.timezone.utc).date()
    others = [n for n in spool.names("events") if not n.startswith((str(NOW.date()), str(today)))]
    equal(others, [f"{DAY}.jsonl.zst"], f"{what}: days of events")
    text = subprocess.run(["zstd", "-dcq", spool.at("events", others[0])], check=True,
                          stdout=subprocess.PIPE, timeout=PATIENCE).stdout.decode()
    equal(text, EVENTS, f"{what}: events of a compressed day")


OPTIONS = ("--outputs", "60d", "--failures", "0", "--versions", "1", *NO_ARCHIVE)


def whole_or_gone(spool, before, what):
    """Each unit that is under ID.json has its record; nothing that must stay went."""
    for folder, jobs in before.items():
        for job, days in jobs.items():
            there = os.path.exists(spool.at(folder, f"{job}.json"))
            records = [n for n in spool.names(folder) if n.startswith(job + (".v" if folder == "done" else
                                                                             ".error"))]
            expect(not there or records, f"{what}: {folder}/{job[:12]} is there without its records")
            if folder == "done" and days < 60:
                expect(there, f"{what}: {job[:12]} went, which is {days:.0f} days old")


@scenario
def killed_at_calls(rig: Rig):
    """Before and after the first, second, … call of each kind; the second run finishes."""
    sweep_of_kills()
    template = sweep_template(rig)
    before = {folder: ages(template, folder) for folder in ("done", "failed")}
    after = {job for job, days in before["done"].items() if days < 60}
    first = os.readlink(template.at("by-name", "alias"))[8:72]
    alias = f"../done/{first}.v{template.versions(first)}.json"
    points = 0
    for call, what in itertools.product(CALLS, ("KILL", "AFTER")):
        for when in itertools.count(1):
            fault = f"{call}:{what}:{when}"
            spool = Spool.copy(template, os.path.join(rig.folder, fault.replace(":", "-")))
            done = subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-s", spool.path, "-c",
                                   nothing_said(spool), *OPTIONS], env={**os.environ, **preload(fault)},
                                  capture_output=True, timeout=PATIENCE, check=False)
            killed = done.returncode == -signal.SIGKILL
            expect(killed or done.returncode == 0, f"{fault}: {done.returncode} {done.stderr}")
            whole_or_gone(spool, before, fault)
            prune(spool, *OPTIONS)
            equal(spool.jobs("done"), after, f"{fault}: jobs after a second run")
            equal({n for n in spool.names("done") if n.endswith(".gone")}, set(), f"{fault}: leftovers")
            equal(spool.names("failed"), [], f"{fault}: failed/")
            names = {n for n in spool.names("by-name") if not os.path.exists(spool.at("by-name", n))}
            equal(names, set(), f"{fault}: names that lead nowhere")
            equal(os.readlink(spool.at("by-name", "alias")), alias, f"{fault}: a name that led to an "
                  "old version")
            for name in spool.names("tmp"):  # a link or file that was being made; prune takes it in time
                expect(not name.startswith("llmspoold."), f"{fault}: a starting daemon removes tmp/{name}")
                os.unlink(spool.at("tmp", name))
            rest_is_done(spool, fault)
            sound(spool, fault)
            shutil.rmtree(spool.path)
            points += killed
            if not killed:
                break
    print(f"killed at {points} calls")
    expect(points >= 60, f"only {points} calls")


@scenario
def failing_at_calls(rig: Rig):
    """Each call fails once: it is told, nothing is half gone, and the second run finishes."""
    template = sweep_template(rig)
    before = {folder: ages(template, folder) for folder in ("done", "failed")}
    after = {job for job, days in before["done"].items() if days < 60}
    told = 0
    for call, errno in (("renameat2", "EIO"), ("unlinkat", "EACCES"), ("unlinkat", "EIO"), ("fsync", "EIO"),
                        ("write", "ENOSPC"), ("openat", "EMFILE"), ("renameat", "EROFS")):
        for when in itertools.count(1, 1 if LONG else 2):
            fault = f"{call}:{errno}:{when}"
            spool = Spool.copy(template, os.path.join(rig.folder, fault.replace(":", "-")))
            done = subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-s", spool.path, "-c",
                                   nothing_said(spool), *OPTIONS], env={**os.environ, **preload(fault)},
                                  capture_output=True, text=True, timeout=PATIENCE, check=False)
            expect(done.returncode in (0, 71, 73), f"{fault}: {done.returncode} {done.stderr}")
            expect(done.returncode == 0 or "cannot" in done.stderr, f"{fault}: {done.stderr!r}")
            whole_or_gone(spool, before, fault)
            prune(spool, *OPTIONS)
            equal(spool.jobs("done"), after, f"{fault}: jobs after a second run")
            rest_is_done(spool, fault)
            shutil.rmtree(spool.path)
            told += done.returncode != 0
            if done.returncode == 0:
                break
    expect(told >= 10, f"only {told} failures were told")


if __name__ == "__main__":
    run_scenario()
