#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""archive: llmspool-archive create beside tar --zstd on the same tree, in one run; prints a table.

usage: archive.py BUILD [COUNT]   (100000 jobs; the project's goal is for 1000000)

Not a test: it asserts nothing. Goals: create --keep within 1.5 times tar's time at level 3, 64 MiB,
time linear in the number of jobs. Each is run twice, and the better one counts.
"""
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 100000


def program(*parts):
    return os.path.join(BUILD, *parts)


def measure(arguments, **options):
    """Wall and CPU seconds and the largest resident size in MiB of a command and its children."""
    start = time.monotonic()
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{arguments} ended with {process.returncode}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(what, measured, beside=None):
    wall, cpu, size = measured
    ratio = f"{wall / beside[0]:5.2f} x tar" if beside else ""
    print(f"{what:34} {wall:8.2f} s {cpu:8.2f} s CPU {size:7.1f} MiB  {ratio}", flush=True)


def best(run):
    return min(run(), run())


def bench(folder, count):
    spool, tar = os.path.join(folder, "spool"), os.path.join(folder, "spool.tar.zst")
    subprocess.run([program("llmspool-init"), spool], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([program("tests", "bench", "make_spool"), spool, str(count), "--versions", "2",
                    "--failed", "5", "--days", "400"], check=True)
    create = [program("llmspool-archive"), "create", "-s", spool, "--failed", "--older-than", "0"]

    def keep():
        shutil.rmtree(os.path.join(spool, "archive"))
        os.mkdir(os.path.join(spool, "archive"), 0o700)
        return measure([*create, "--keep"])

    def tar_all():
        return measure(["sh", "-c", f"tar --zstd -cf {tar} done failed"], cwd=spool)

    print(f"{count} jobs")
    beside = best(tar_all)
    row("tar --zstd -cf", beside)
    row("create --keep", best(keep), beside)
    row("create, archived before (deletes)", measure(create))
    # Children of children are counted for tar; ours has none.
    print(f"{'volumes':34} {sum(f.stat().st_size for f in scan(spool)) / 1e6:8.1f} MB, "
          f"tar {os.path.getsize(tar) / 1e6:.1f} MB\n")
    shutil.rmtree(spool)


def scan(spool):
    for folder, _, names in os.walk(os.path.join(spool, "archive")):
        for entry in os.scandir(folder):
            if entry.name in names:
                yield entry


def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    folder = tempfile.mkdtemp(prefix="llmspool-bench.")
    try:
        for count in (COUNT // 4, COUNT):
            bench(folder, count)
    finally:
        shutil.rmtree(folder)


main()
