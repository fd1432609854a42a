#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""status: how long llmspool-status takes with a million jobs that wait, and for a run of 100,000.

usage: status.py BUILD [COUNT [FOLDER]]

The jobs are dropped as lists into a spool that is paused; then each page is asked for seven times, and
the middle of the seven is printed, with the memory of one, first with the daemon and then without.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUN = 100_000


def measure(arguments):
    """Milliseconds, the middle of seven, and MiB."""
    times = []
    for _ in range(7):
        start = time.monotonic()
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        times.append((time.monotonic() - start) * 1000)
        if status != 0:
            sys.exit(f"{' '.join(arguments)} left with {status}")
    return statistics.median(times), usage.ru_maxrss / 1024


def show(name, arguments):
    ms, memory = measure(arguments)
    print(f"{name:44} {ms:9.1f} ms  {memory:7.1f} MiB", flush=True)


def fill(spool, count):
    """Lists of 1,000 lines; the first 100,000 jobs are a run."""
    for first in range(0, count, 1000):
        name = os.path.join(spool, "tmp", f"list-{first}")
        with open(name, "w", encoding="ascii") as file:
            if first < RUN:
                file.write(json.dumps({"run": "bench", "first": first}) + "\n")
            for i in range(first, min(first + 1000, count)):
                file.write(f'{{"model":"model-{i % 5}","prompt":"job {i}"}}\n')
        os.rename(name, os.path.join(spool, "new", f"list-{first:09}.jsonl"))


def main():
    build = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    folder = tempfile.mkdtemp(prefix="bench-status.", dir=sys.argv[3] if len(sys.argv) > 3 else None)
    spool = os.path.join(folder, "spool")
    status = [os.path.join(build, "llmspool-status"), "-s", spool]
    daemon = None
    try:
        subprocess.run([os.path.join(build, "llmspool-init"), spool, "--model", "m"], check=True,
                       stdout=subprocess.DEVNULL)
        open(os.path.join(spool, "ctl", "pause"), "wb").close()
        daemon = subprocess.Popen([os.path.join(build, "llmspoold"), "-s", spool],
                                  env={**os.environ, "OPENAI_API_KEY": "k",
                                       "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"},
                                  stderr=subprocess.DEVNULL)
        start = time.monotonic()
        fill(spool, count)
        while True:
            try:
                with open(os.path.join(spool, "state", "status.json"), encoding="utf-8") as file:
                    if json.load(file)["counts"]["waiting"] >= count:
                        break
            except (OSError, ValueError):
                pass
            if daemon.poll() is not None:
                sys.exit("the daemon left")
            time.sleep(0.5)
        print(f"{count} jobs wait (accepted in {time.monotonic() - start:.0f} s)", flush=True)
        show("llmspool-status", status)
        show("llmspool-status --json", [*status, "--json"])
        show(f"llmspool-status bench (a run of {min(count, RUN)})", [*status, "bench"])
        show("llmspool-status --shape", [*status, "--shape"])
        show("llmspool-status --users", [*status, "--users"])
        daemon.terminate()
        daemon.wait(300)
        print("without a daemon", flush=True)
        show("llmspool-status", status)
        show("llmspool-status --shape", [*status, "--shape"])
    finally:
        if daemon is not None and daemon.poll() is None:
            daemon.kill()
            daemon.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
