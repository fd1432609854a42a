#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""flows: jobs that wait for others, against a real daemon and a mock that repeats what it is asked."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rig import (BUILD, LONG, Rig, Spool, equal, expect, preload, run_scenario, scenario,  # noqa: E402
                 until)
from prune import faketime  # noqa: E402


def flow(name, *steps):
    return {"flow": name, "steps": list(steps)}


def step(name, prompt, after=(), **more):
    more.update({"after": list(after)} if after else {})
    return {"model": "m", "name": name, "prompt": prompt, **more}


DIAMOND = flow("diamond", step("top", "Say hello"),
               step("left", "Left of {{outputs.top}}", ["top"]),
               step("right", "Right of {{ outputs.top }}", ["top"]),
               step("bottom", "[{{outputs.left}}] [{{outputs.right}}]", ["left", "right"]))


def put(rig, document):
    return rig.spool.put(json.dumps(document))


def output(spool, name):
    """The answer that by-name/NAME leads to."""
    with open(spool.at("by-name", name), encoding="utf-8") as file:
        return json.load(file)["output"]


def progress(spool, name):
    """What flows/NAME says of each step, by name; and when the flow ended."""
    found, ended = {}, None
    for line in spool.lines("flows", name, "progress.jsonl")[1:]:
        ended = line.get("ended", ended)
        if "step" in line:
            found.setdefault(line["step"], {}).update(line)
    return found, ended


def begin(rig):
    mock = rig.mock("--answer", "echo")
    rig.configure(mock)
    return mock


def told(rig, reason):
    """The error files of failed/ with a reason."""
    found = []
    for name in rig.spool.names("failed", ".error.json"):
        record = rig.spool.json("failed", name)
        if record["reason"] == reason:
            found.append(record)
    return found


@scenario
def diamond(rig: Rig):
    """Four steps, the last after two that are after the first; the same file again asks nothing."""
    mock = begin(rig)
    put(rig, DIAMOND)
    rig.until_empty()
    equal(output(rig.spool, "bottom"), "[Left of Say hello] [Right of Say hello]", "the last answer")
    equal(mock.requests(), 4, "requests")
    steps, ended = progress(rig.spool, "diamond")
    expect(ended, "the flow has not ended")
    equal({name: line["status"] for name, line in steps.items()},
          dict.fromkeys(("top", "left", "right", "bottom"), "completed"), "the steps' ends")
    put(rig, DIAMOND)
    rig.until_empty()
    equal(mock.requests(), 4, "requests after the same flow again")
    expect(progress(rig.spool, "diamond")[1], "the flow has not ended again")
    equal(len(rig.spool.events("flow_ended")), 2, "ends of flows")
    rig.check()



def llmspool(rig, command, *arguments, code=0, text=None):
    """Runs a command on the rig's spool; its stdout."""
    done = subprocess.run([os.path.join(BUILD, f"llmspool-{command}"), *arguments], input=text,
                          capture_output=True, timeout=60, check=False, encoding="utf-8",
                          env={**os.environ, "LLMSPOOL_DIR": rig.spool.path})
    equal(done.returncode, code, f"exit code of {command} {' '.join(arguments)}: {done.stderr}")
    return done.stdout + done.stderr


def ended(rig, name):
    try:
        return progress(rig.spool, name)[1]
    except OSError:
        return None


# --- refused ---------------------------------------------------------------------------------------

@scenario
def refused(rig: Rig):
    """Rings, missing parents and places of nobody are kept with the way; nothing is asked."""
    mock = begin(rig)
    wrong = {
        "ring": (flow("ring", step("a", "x", ["b"]), step("b", "x", ["a"])), "cycle", "a -> b -> a"),
        "self": (flow("self", step("a", "x", ["a"])), "cycle", "a -> a"),
        "lost": (flow("lost", step("a", "x"), step("b", "x", ["aa"])), "missing_parent",
                 "b -> aa: there is no step aa"),
        "place": (flow("place", step("a", "x"), step("b", "{{outputs.a}}")), "bad_place",
                  "step b: a text has {{outputs.a}}"),
        "open": (flow("open", step("a", "x"), step("b", "{{outputs.a", ["a"])), "bad_place",
                 "without its }}"),
        "twice": (flow("twice", step("a", "x"), step("a", "y")), "bad_flow", "two steps are named a"),
        "nameless": (flow("nameless", {"model": "m", "prompt": "x"}), "bad_flow",
                     "step 1 has no \"name\""),
        "empty": (flow("empty"), "bad_flow", "\"steps\" must be"),
        "key": ({**flow("key", step("a", "x")), "loop": 3}, "unknown_key", "loop"),
        "lone": (step("l", "x", ["l"]), "cycle", "l -> l"),
    }
    for name, (document, _, _) in wrong.items():
        rig.spool.put(json.dumps(document), name=f"{name}.json")
    rig.until_empty(code=1)
    for name, (document, reason, words) in wrong.items():
        record = rig.spool.json("failed", f"{name}.json.error.json")
        equal(record["reason"], reason, f"reason of {name}")
        expect(words in record["message"], f"{name}: {record['message']}")
        equal(rig.spool.json("failed", f"{name}.json"), document, f"what is kept of {name}")
    equal(mock.requests(), 0, "requests")
    equal(os.listdir(rig.spool.at("flows")), [], "flows")
    rig.check()


@scenario
def ring_of_lone_jobs(rig: Rig):
    """Jobs dropped one by one that would close a ring: the one that would is refused with the way."""
    begin(rig)
    daemon = rig.daemon()
    rig.spool.drop(step("a", "first {{outputs.b}}", ["b"]))
    until(lambda: len(rig.spool.events("flow_accepted")) == 1, "a to wait")
    rig.spool.drop(step("b", "second {{outputs.c}}", ["c"]))
    until(lambda: len(rig.spool.events("flow_accepted")) == 2, "b to wait")
    rig.spool.put(json.dumps(step("c", "third {{outputs.a}}", ["a"])), name="c.json")
    until(lambda: rig.spool.names("failed"), "the refusal")
    expect("c -> a -> b -> c" in rig.spool.json("failed", "c.json.error.json")["message"],
           "the way")
    rig.spool.drop(step("c", "third"))
    until(lambda: os.path.exists(rig.spool.at("by-name", "a")) and
          "done" in os.readlink(rig.spool.at("by-name", "a")), "all three")
    equal(output(rig.spool, "a"), "first second third", "the last answer")
    daemon.stop()


# --- what becomes of failures ------------------------------------------------------------------------

FAILS = "Fail [[mock:422,times=1]]"


@scenario
def failure_policies(rig: Rig):
    """A step fails with its parent, or runs without its output; the flow dropped again tries what failed."""
    mock = begin(rig)
    steps = flow("policies", step("bad", FAILS), step("good", "Good"),
                 step("dies", "Dies [{{outputs.bad}}] [{{outputs.good}}]", ["bad", "good"]),
                 step("lives", "Lives [{{outputs.bad}}] [{{outputs.good}}]",
                      ["bad", "good"], on_failure="run"),
                 step("grandchild", "No place", ["dies"]))
    put(rig, steps)
    rig.until_empty(code=1)
    equal(output(rig.spool, "lives"), "Lives [] [Good]", "the answer without its parent")
    found = {record["name"] if "name" in record else record["message"] for record in
             told(rig, "parent_failed")}
    equal(len(found), 2, "jobs that failed with their parents")
    reasons = {name: line.get("reason") for name, line in progress(rig.spool, "policies")[0].items()}
    equal(reasons["dies"], "parent_failed", "why dies failed")
    equal(reasons["grandchild"], "parent_failed", "why grandchild failed")
    expect("bad, which this job is after, failed" in
           json.dumps(told(rig, "parent_failed")), "the message names the parent")
    rig.check()
    before = mock.requests()
    llmspool(rig, "ctl", "retry", "--flow", "policies")
    rig.until_empty()
    equal(output(rig.spool, "dies"), f"Dies [{output(rig.spool, 'bad')}] [Good]", "after the retry")
    equal(output(rig.spool, "grandchild"), "No place", "the grandchild after the retry")
    equal(rig.spool.names("failed"), [], "failed/")
    equal(mock.requests() - before, 4, "requests of the retry")
    rig.check()


@scenario
def cancelled(rig: Rig):
    """A flow is cancelled with what waits in it and what is in cur/, and nothing is asked."""
    mock = begin(rig)
    rig.spool.switch("pause")
    daemon = rig.daemon()
    put(rig, DIAMOND)
    until(lambda: len(rig.spool.jobs("cur")) == 1, "the first step in cur/")
    until(lambda: {"reason": "after jobs that have not ended", "jobs": 3} in
          rig.spool.status()["reasons"], "the reason of what waits")
    expect("after jobs that have not ended" in llmspool(rig, "status"), "status of the spool")
    told_first = llmspool(rig, "status", "left")
    expect("waiting after top" in told_first, told_first)
    expect("after top" in llmspool(rig, "status", "--json", "diamond/left"), "status of a step")
    llmspool(rig, "ctl", "cancel", "--flow", "diamond")
    until(lambda: ended(rig, "diamond"), "the end")
    steps, _ = progress(rig.spool, "diamond")
    equal({name: line["status"] for name, line in steps.items()},
          dict.fromkeys(("top", "left", "right", "bottom"), "cancelled"), "ends")
    equal(len(rig.spool.jobs("failed")), 4, "jobs in failed/")
    until(lambda: not rig.spool.names("ctl", "") or rig.spool.names("ctl") == ["pause"], "the order")
    rig.spool.switch("pause", on=False)
    daemon.stop()
    equal(mock.requests(), 0, "requests")
    rig.check()


@scenario
def held(rig: Rig):
    """A held flow resolves nothing until it is released."""
    begin(rig)
    daemon = rig.daemon()
    rig.spool.put("", folder="ctl", name="hold.flows.diamond")
    put(rig, DIAMOND)
    until(lambda: rig.spool.events("flow_accepted"), "the flow to be taken")
    time.sleep(1)
    equal(rig.spool.jobs("done"), set(), "answers of a held flow")
    llmspool(rig, "ctl", "release", "--flow", "diamond")
    until(lambda: ended(rig, "diamond"), "the end")
    daemon.stop()
    rig.check()


# --- parents outside -----------------------------------------------------------------------------------

@scenario
def parents_outside(rig: Rig):
    """A job waits for a name that nobody has yet, for an ID, and for what is archived."""
    mock = begin(rig)
    first = rig.spool.drop({"model": "m", "prompt": "Long ago", "name": "old"})
    rig.until_empty()
    llmspool(rig, "archive", "create", "--older-than", "0s")
    equal(rig.spool.jobs("done"), set(), "what was archived is gone")
    daemon = rig.daemon()
    rig.spool.drop(step("by-id", "ID: {{outputs.%s}}" % first, [first]))
    rig.spool.drop(step("by-name", "Name: {{outputs.later}}", ["later"]))
    until(lambda: os.path.exists(rig.spool.at("by-name", "by-id")) and
          "done" in os.readlink(rig.spool.at("by-name", "by-id")), "the archived parent's child")
    equal(output(rig.spool, "by-id"), "ID: Long ago", "the output of an archived job")
    expect(not os.path.lexists(rig.spool.at("by-name", "by-name")), "the name came too early")
    rig.spool.drop({"model": "m", "prompt": "Later on", "name": "later"})
    until(lambda: os.path.exists(rig.spool.at("by-name", "by-name")) and
          "done" in os.readlink(rig.spool.at("by-name", "by-name")), "the child of the name")
    equal(output(rig.spool, "by-name"), "Name: Later on", "the output of the later job")
    daemon.stop()
    equal(mock.requests(), 4, "requests")
    rig.check()


@scenario
def texts_go_in_as_they_are(rig: Rig):
    """An output that looks like a place goes in as it is; braces of other kinds are text."""
    begin(rig)
    rig.spool.drop({"model": "m", "prompt": "Say {{outputs.sly}}", "name": "sly"})
    rig.until_empty()
    put(rig, flow("texts", step("again", "[{{outputs.sly}}] {{user}} {{outputs}}", ["sly"])))
    rig.until_empty()
    equal(output(rig.spool, "again"), "[Say {{outputs.sly}}] {{user}} {{outputs}}", "the text")


# --- crashes -------------------------------------------------------------------------------------------

@scenario
def restart_while_waiting(rig: Rig):
    """Killed while steps wait: the next start goes on, and nothing is asked twice."""
    mock = begin(rig)
    rig.spool.switch("pause")
    daemon = rig.daemon()
    put(rig, DIAMOND)
    until(lambda: len(rig.spool.jobs("cur")) == 1, "the first step in cur/")
    daemon.kill()
    rig.spool.switch("pause", on=False)
    rig.until_empty()
    equal(output(rig.spool, "bottom"), "[Left of Say hello] [Right of Say hello]", "the last answer")
    equal(mock.requests(), 4, "requests")
    rig.check()


CALLS = ("openat", "write", "fsync", "fdatasync", "renameat2", "renameat", "mkdirat", "unlinkat",
         "symlinkat")


def kill_at(rig, template, point, fault):
    """A daemon with a fault on a copy of the template, with a flow and a lone job dropped; then one
    without. Returns whether the fault came."""
    rig.spool = Spool.copy(template, os.path.join(rig.folder, f"spool-{point}"))
    before = rig.mocks[-1].requests()
    put(rig, flow("killed", step("top", f"Top {point}"), step("mid", "Mid {{outputs.top}}", ["top"]),
                  step("bad", f"Bad {point} [[mock:422]]"), step("dies", f"Dies {point}", ["bad"]),
                  step("end", "End {{outputs.mid}}", ["mid"])))
    put(rig, step("lone", "Lone {{outputs.end}}", ["end"]))
    daemon = rig.daemon("--until-empty", wait=False, environment=preload(fault))
    killed = daemon.wait() == -signal.SIGKILL
    rig.until_empty(code=(0, 1))
    equal(output(rig.spool, "lone"), f"Lone End Mid Top {point}", f"{fault}: the last answer")
    equal(len(rig.spool.jobs("done")), 4, f"{fault}: jobs in done/")
    equal(len(rig.spool.jobs("failed")), 2, f"{fault}: jobs in failed/")
    doubts = len(rig.spool.events("doubt"))
    expect(5 <= rig.mocks[-1].requests() - before <= 5 + doubts, f"{fault}: "
           f"{rig.mocks[-1].requests() - before} requests, {doubts} doubts")
    expect(ended(rig, "killed"), f"{fault}: the flow has not ended")
    rig.check()
    shutil.rmtree(rig.spool.path)
    return killed


@scenario
def killed_at_calls(rig: Rig):
    """Before the first, second, ... call of each kind, until one run comes to its end."""
    begin(rig)
    template, points = rig.spool, 0
    for call in CALLS:
        for when in itertools.count(1, 1 if LONG else 3):
            if not kill_at(rig, template, f"{call}-{when}", f"{call}:KILL:{when}"):
                break
            points += 1
    print(f"killed at {points} calls")
    expect(points >= 30, f"only {points} calls")


# --- asked again ---------------------------------------------------------------------------------------

@scenario
def rerun_cascades(rig: Rig):
    """What depends on a step is resolved again when its answer changed, and nothing is paid when not."""
    mock = begin(rig)
    put(rig, DIAMOND)
    rig.until_empty()
    daemon = rig.daemon()
    before = mock.requests()
    llmspool(rig, "ctl", "rerun", "--cascade", "top")
    until(lambda: len(rig.spool.events("flow_ended")) == 2, "the flow's second end")
    equal(mock.requests() - before, 1, "requests when the answer is the same")
    mock.configure(answer="auto")
    llmspool(rig, "ctl", "rerun", "--cascade", "diamond/top")
    until(lambda: len(rig.spool.events("flow_ended")) == 3, "the flow's third end")
    expect(mock.requests() - before >= 2, "the second rerun asked nothing")
    until(lambda: rig.spool.names("ctl") == [], "the orders to be obeyed")
    daemon.stop()
    rig.check()


# --- many ------------------------------------------------------------------------------------------------

@scenario
def wide(rig: Rig):
    """One step, very many after it, and one after all of these."""
    count = 10000 if LONG else 500
    mock = begin(rig)
    names = [f"w{i}" for i in range(count)]
    put(rig, flow("wide", step("first", "One"),
                  *[step(name, f"{name} {{{{outputs.first}}}}", ["first"]) for name in names],
                  step("last", "".join(f"{{{{outputs.{name}}}}}," for name in names), names)))
    started = time.monotonic()
    rig.until_empty()
    seconds = time.monotonic() - started
    print(f"{count + 2} steps in {seconds:.1f} s")
    equal(output(rig.spool, "last"), "".join(f"{name} One," for name in names), "the last answer")
    equal(mock.requests(), count + 2, "requests")
    rig.check()


# --- retention -----------------------------------------------------------------------------------------

@scenario
def forgotten(rig: Rig):
    """To forget a step removes the record of its flow, which has its text; not while it waits."""
    begin(rig)
    put(rig, flow("secret", step("top", "Top secret"), step("end", "End {{outputs.top}}", ["top"])))
    rig.until_empty()
    rig.spool.put("", folder="ctl", name="hold.flows.open")
    daemon = rig.daemon()
    put(rig, flow("open", step("other", "More"), step("more", "More {{outputs.other}}", ["other"])))
    until(lambda: os.path.isdir(rig.spool.at("flows", "open")), "the flow to be taken")
    llmspool(rig, "ctl", "forget", "--yes", "top")
    expect(not os.path.exists(rig.spool.at("flows", "secret")), "the flow's record is still there")
    expect(os.path.exists(rig.spool.at("flows", "open")), "another flow's record is gone")
    daemon.stop()


@scenario
def pruned(rig: Rig):
    """The record of a flow goes when it ended long ago, and not while it waits."""
    begin(rig)
    put(rig, DIAMOND)
    rig.until_empty()
    put(rig, flow("open", step("wait", "x", ["f" * 64])))
    daemon = rig.daemon()
    until(lambda: os.path.isdir(rig.spool.at("flows", "open")), "the flow to be taken")
    daemon.stop()
    rig.configuration("retention {\n    outputs = 30d\n    archive_before_prune = no\n}\n")
    for days, there in (("+20d", True), ("+400d", False)):
        later = {"FAKETIME": days, "LD_PRELOAD": faketime(), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        run = subprocess.run([os.path.join(BUILD, "llmspool-prune"), "-s", rig.spool.path, "-c",
                              rig.conf], env={**os.environ, **later}, capture_output=True,
                             timeout=60, check=False, encoding="utf-8")
        equal(run.returncode, 0, f"exit code of prune: {run.stderr}")
        equal(os.path.exists(rig.spool.at("flows", "diamond")), there, f"the record after {days}")
        expect(os.path.exists(rig.spool.at("flows", "open")), "a flow that waits was pruned")


# --- commands ----------------------------------------------------------------------------------------------

@scenario
def commands(rig: Rig):
    """submit --flow judges, drops, waits; status --flow draws."""
    begin(rig)
    daemon = rig.daemon()
    bad = llmspool(rig, "submit", "--flow", "-", code=65,
                   text=json.dumps(flow("ring", step("a", "x", ["b"]), step("b", "x", ["a"]))))
    expect("a -> b -> a" in bad, bad)
    equal(rig.spool.names("failed"), [], "what the daemon saw of it")
    shown = llmspool(rig, "submit", "--dry-run", "--flow", "-", text=json.dumps(DIAMOND))
    equal([line.split("\t")[0] for line in shown.splitlines()], ["top", "left", "right", "bottom"],
          "steps")
    answer = llmspool(rig, "submit", "--wait", "--flow", "-", text=json.dumps(DIAMOND))
    equal(answer, "[Left of Say hello] [Right of Say hello]\n", "the answer")
    tree = subprocess.run([os.path.join(BUILD, "llmspool-status"), "-s", rig.spool.path, "--flow",
                           "diamond"], capture_output=True, check=True, encoding="utf-8",
                          env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout.splitlines()
    equal(tree[0], "diamond: 4 of 4 steps ended, 0 failed", "the heading")
    equal([line.split("  completed")[0] for line in tree[1:]],
          ["└── top", "    ├── left", "    │   └── bottom", "    └── right"], "the tree")
    expect(tree[3].endswith("(also after right)"), tree[3])
    plain = subprocess.run([os.path.join(BUILD, "llmspool-status"), "-s", rig.spool.path, "--flow",
                            "diamond"], capture_output=True, check=True, encoding="utf-8",
                           env={**os.environ, "LC_ALL": "C"}).stdout
    expect("`-- top" in plain and "    |-- left" in plain, plain)
    story = json.loads(llmspool(rig, "status", "--json", "--flow", "diamond"))
    equal([step["state"] for step in story["steps"]], ["completed"] * 4, "states")
    daemon.stop()


if __name__ == "__main__":
    run_scenario()
