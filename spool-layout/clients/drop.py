#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""drop.py: a client of a spool in one file, to run or to import; the protocol is in ../README.

  drop.py submit SPOOL < JOB      drops a job durably; prints its ID and its name in new/
  drop.py wait SPOOL ID [NAME]    until it has ended: 0 completed, 1 failed or refused
  drop.py result SPOOL ID         prints its newest answer
  drop.py id SPOOL < JOB          prints the ID that a job gets
"""
import glob
import hashlib
import json
import os
import pwd
import secrets
import stat
import sys
import time

IDENTITY = ("type", "model", "prompt", "messages", "input", "system", "params", "user", "provider",
            "sample")


class Failed(Exception):
    """Why there is no answer."""


def number(value):
    """A number as ECMAScript prints the double that it denotes."""
    mantissa, _, exponent = repr(abs(float(value))).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits.strip("0"):
        return "0"
    point = len(digits) - len(fraction) + int(exponent or 0)  # digits before the decimal point
    digits = digits.rstrip("0")
    if 0 < point <= 21:
        text = digits[:point].ljust(point, "0") + ("." + digits[point:] if digits[point:] else "")
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + f"e{point - 1:+d}"
    return "-" + text if value < 0 else text


def canonical(value):
    """The canonical form of RFC 8785."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(canonical(k) + ":" + canonical(value[k]) for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def read(*path):
    with open("/".join(path), encoding="utf-8") as file:
        return json.load(file)


def job_id(spool, job):
    """The ID of a job (a dict, or JSON) in this spool."""
    job = job if isinstance(job, dict) else json.loads(job)
    group = {key: job[key] for key in IDENTITY if key in job}
    group.setdefault("type", "chat")
    if "model" not in group and "default_model" in read(spool, "spool.json"):
        group["model"] = read(spool, "spool.json")["default_model"]
    if os.stat(f"{spool}/new").st_mode & stat.S_IWGRP:  # a shared spool
        group.setdefault("user", pwd.getpwuid(os.geteuid()).pw_name)
    return hashlib.sha256(canonical(group).encode()).hexdigest()


def submit(spool, job):
    """Drops a job (a dict, or JSON as bytes) durably; returns its ID and its name in new/."""
    job = json.dumps(job).encode() if isinstance(job, dict) else job
    identity = job_id(spool, job)
    name = secrets.token_hex(16)
    temporary = f"{spool}/tmp/{name}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    with os.fdopen(fd, "wb") as file:
        file.write(job)
        file.flush()
        os.fsync(fd)
    os.link(temporary, f"{spool}/new/{name}.json")
    folder = os.open(f"{spool}/new", os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(folder)
    os.close(folder)
    os.unlink(temporary)
    return identity, f"{name}.json"


def wait(spool, identity, name=None):
    """Waits until a job has ended; name is that of its drop. Raises Failed."""
    pause = 0.05
    while True:
        refused = f"{spool}/failed/{name}"
        if name and os.path.exists(refused) and os.path.exists(refused + ".error.json"):
            raise Failed(read(refused + ".error.json")["message"])
        if not (name and os.path.exists(f"{spool}/new/{name}")
                or os.path.exists(f"{spool}/cur/{identity}.json")):
            if os.path.exists(f"{spool}/failed/{identity}.json"):
                raise Failed(read(spool, "failed", identity + ".error.json")["message"])
            if os.path.exists(f"{spool}/done/{identity}.json"):
                return
        time.sleep(pause)
        pause = min(pause * 1.5, 1)


def result(spool, identity):
    """The newest good answer: a text, or the value that was asked for. Raises Failed."""
    start = f"{spool}/done/{identity}.v"
    last = 1
    if os.path.exists(start + "1.json"):  # the folder may be large: it is listed last
        while os.path.exists(f"{start}{last + 1}.json"):
            last += 1
    else:
        last = max((int(path[len(start):-5]) for path in glob.glob(glob.escape(start) + "*.json")),
                   default=0)
    for version in range(last, 0, -1):
        if os.path.exists(f"{start}{version}.json"):
            record = read(f"{start}{version}.json")
            if record["status"] == "completed":
                return record["output"]
    if os.path.exists(f"{spool}/failed/{identity}.error.json"):
        raise Failed(read(spool, "failed", identity + ".error.json")["message"])
    raise Failed("there is no answer yet")


def main(verb=None, spool=None, *words):
    if verb == "submit" and spool and not words:
        print(*submit(spool, sys.stdin.buffer.read()))
    elif verb == "id" and spool and not words:
        print(job_id(spool, sys.stdin.buffer.read()))
    elif verb == "wait" and len(words) in (1, 2):
        wait(spool, *words)
    elif verb == "result" and len(words) in (1, 2):
        answer = result(spool, words[0])
        print(answer if isinstance(answer, str) else canonical(answer))
    else:
        sys.exit(print(__doc__, file=sys.stderr) or 64)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Failed, OSError, ValueError) as error:
        sys.exit(f"drop.py: {error}")
