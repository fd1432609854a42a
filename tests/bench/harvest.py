#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""harvest: waiting for the jobs of a run and printing their answers.

usage: harvest.py BUILD [COUNT [FOLDER]]; 100,000 jobs unless COUNT says otherwise.

Prints seconds, processor time and memory of llmspool-wait on a run whose jobs end one by one, of
the same on a run that has ended, and of llmspool-result in two formats.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time


def make(build, path, count):
    """A spool with finished jobs, and a run of them all."""
    subprocess.run([os.path.join(build, "llmspool-init"), path], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([os.path.join(build, "tests/bench/make_spool"), path, str(count),
                    "--versions", "1"], check=True)
    jobs = [name[:64] for name in os.listdir(os.path.join(path, "done")) if len(name) == 69]
    os.mkdir(os.path.join(path, "runs", "all"))
    with open(os.path.join(path, "runs", "all", "manifest.jsonl"), "w", encoding="utf-8") as file:
        for position, job in enumerate(jobs):
            line = {"position": position, "id": job}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
    return jobs


def peak(pid):
    """KiB that a process had at most; what wait4(2) tells counts this program's, too."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return max((int(line.split()[1]) for line in file if line.startswith("VmHWM:")),
                       default=0)
    except OSError:
        return 0


def measure(name, arguments, beside=None):
    start = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if beside is not None:
        beside()
    memory = 0
    while True:
        memory = max(memory, peak(process.pid))
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid != 0:
            break
        time.sleep(0.01)
    if status != 0:
        sys.exit(f"{arguments[0]} left with {status}")
    print(f"{name:34} {time.monotonic() - start:8.2f} s  {usage.ru_utime + usage.ru_stime:8.2f} s CPU"
          f"  {memory / 1024:7.1f} MiB")


def main():
    build = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
    folder = tempfile.mkdtemp(dir=sys.argv[3] if len(sys.argv) > 3 else None)
    spool = os.path.join(folder, "spool")
    try:
        jobs = make(build, spool, count)

        def program(name, *words):
            return [os.path.join(build, name), "-s", spool, *words]

        def end_all():
            """What a daemon does at the end of a job."""
            start = time.monotonic()
            for job in jobs:
                os.rename(f"{spool}/cur/{job}.json", f"{spool}/done/{job}.json")
            print(f"(the jobs ended within {time.monotonic() - start:.2f} s)")

        for job in jobs:
            os.rename(f"{spool}/done/{job}.json", f"{spool}/cur/{job}.json")
        measure("wait, while jobs end", program("llmspool-wait", "all"), end_all)
        measure("wait, all have ended", program("llmspool-wait", "all"))
        measure("result --lines", program("llmspool-result", "all", "--lines"))
        measure("result --format csv", program("llmspool-result", "all", "--format", "csv"))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
