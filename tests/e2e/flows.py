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
from checker import Checker  # noqa: E402


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


if __name__ == "__main__":
    run_scenario()
