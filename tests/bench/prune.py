#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""prune: llmspool-prune against `find -delete` on trees of the same finished jobs.

usage: prune.py BUILD [COUNT [FOLDER]]; make bench runs it with 100,000 jobs.

Prints seconds, processor time and memory of both, and the ratio of their times; all jobs are due. A
last line tells what a night costs in which nothing is due.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import time


def measure(arguments, **options):
    """Seconds, seconds of processor time and MiB of a command."""
    start = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, **options)
    words = process.stdout.read().decode().strip()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{arguments[0]} left with {status}")
    return (time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024), words


def make(build, path, count):
    subprocess.run([os.path.join(build, "llmspool-init"), path], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([os.path.join(build, "tests/bench/make_spool"), path, str(count), "--days", "200",
                    "--versions", "1"], check=True)
    os.sync()


def show(name, figures):
    print(f"{name:34} {figures[0]:8.2f} s  {figures[1]:8.2f} s CPU  {figures[2]:7.1f} MiB")


def main():
    build = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    folder = tempfile.mkdtemp(prefix="bench-prune.", dir=sys.argv[3] if len(sys.argv) > 3 else None)
    prune = [os.path.join(build, "llmspool-prune"), "-c", os.path.join(folder, "conf"),
             "--archive-before-prune", "no"]
    open(os.path.join(folder, "conf"), "wb").close()
    try:
        one, other = os.path.join(folder, "one"), os.path.join(folder, "other")
        make(build, one, count)
        make(build, other, count)
        print(f"{count} finished jobs, two files each")
        idle, _ = measure([*prune, "-s", one, "--outputs", "300d"])
        ours, words = measure([*prune, "-s", one, "--outputs", "0", "--count", "0"])
        os.sync()
        theirs, _ = measure(["find", os.path.join(other, "done"), "-type", "f", "-delete"])
        show("llmspool-prune", ours)
        show("find -delete", theirs)
        print(f"ratio of times {ours[0] / theirs[0]:.2f}, of processor time {ours[1] / theirs[1]:.2f}"
              f"  ({words})")
        show("llmspool-prune, nothing due", idle)
        make(build, os.path.join(folder, "third"), count)
        ordered, _ = measure([*prune, "-s", os.path.join(folder, "third"), "--outputs", "300d",
                              "--count", str(count // 2)])
        show("llmspool-prune --count, half goes", ordered)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
