#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""submit: how fast llmspool-submit makes jobs durable, and a file of lines end to end beside others.

usage: submit.py BUILD [LINES [MEMORY_LINES]]; make bench runs it with 10,000 and 1,000,000.

Prints durable jobs a second and memory of one process for many lines, the wall time of one job, and a
table of wall and processor time for LINES lines on one mock: llmspool-submit --lines --wait with its
daemon, `xargs -P 16 curl`, and GNU parallel where it is installed. The processor time of the mock is
not counted.
"""
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PARALLEL = 16  # requests at a time, for all


def spool(build, folder, name):
    path = os.path.join(folder, name)
    subprocess.run([os.path.join(build, "llmspool-init"), path, "--model", "m"], check=True,
                   stdout=subprocess.DEVNULL)
    return path


def write_lines(folder, count):
    path = os.path.join(folder, f"lines.{count}")
    with open(path, "w", encoding="ascii") as file:
        for i in range(count):
            file.write(f"Classify the sentiment of review number {i}: it works as it should.\n")
    return path


def measure(arguments, **options):
    """Seconds, seconds of processor time with all children, MiB of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, **options)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if status != 0:
        sys.exit(f"{arguments[0]} left with {process.returncode}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, cpu, usage.ru_maxrss / 1024


def bulk(build, folder, count, words=(), pipe=False):
    path = write_lines(folder, count)
    place = spool(build, folder, f"bulk.{count}.{pipe}")
    os.sync()
    submit = [os.path.join(build, "llmspool-submit"), "-s", place, "-q", "--max-waiting", "0", "--lines",
              *words]
    if pipe:
        with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
            took, cpu, memory = measure(submit, stdin=cat.stdout, stdout=subprocess.DEVNULL)
    else:
        took, cpu, memory = measure([*submit, path], stdout=subprocess.DEVNULL)
    print(f"{count:>9} lines from a {'pipe' if pipe else 'file'}: {count / took:9.0f} durable jobs/s, "
          f"{took:6.2f} s, {cpu:6.2f} s CPU, {memory:6.1f} MiB")
    shutil.rmtree(place)


def one(build, folder):
    place = spool(build, folder, "one")
    times = sorted(measure([os.path.join(build, "llmspool-submit"), "-s", place, f"job {i}"],
                           stdout=subprocess.DEVNULL)[0] for i in range(50))
    print(f"one job: {times[25] * 1000:.1f} ms wall (median of 50), {times[-1] * 1000:.1f} ms at most")


class Mock:
    def __init__(self, build, latency):
        self.process = subprocess.Popen([os.path.join(build, "llmspool-mock"), "--listen",
                                         "127.0.0.1:0", "--latency", latency],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.url = self.process.stdout.readline().decode().split()[-1]

    def close(self):
        self.process.terminate()
        self.process.wait()


def with_llmspool(build, folder, url, path):
    """One run by the daemon and submit; the processor time of both."""
    place = spool(build, folder, "end")
    conf = os.path.join(folder, "conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write(f'concurrency = {PARALLEL}\n'
                   f'provider "openai" {{\n protocol = "openai"\n url = "{url}/v1"\n'
                   ' key_env = "BENCH_KEY"\n}\n'
                   'model "*" {\n provider = "openai"\n}\n')
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    daemon = subprocess.Popen([os.path.join(build, "llmspoold"), "-s", place, "-c", conf],
                              env={**os.environ, "BENCH_KEY": "k"}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    start = time.monotonic()
    with open(os.path.join(folder, "out"), "wb") as out:
        measure([os.path.join(build, "llmspool-submit"), "-s", place, "--lines", "--wait", "--fail-fast",
                 path],
                stdout=out)
    took = time.monotonic() - start
    daemon.send_signal(signal.SIGTERM)
    daemon.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def with_curl(folder, url, path, tool):
    """Nothing durable, no order, no retries: what a shell loop does."""
    request = ('curl -sS -H "Content-Type: application/json" -H "Authorization: Bearer k" -d '
               '"{\\"model\\":\\"m\\",\\"messages\\":[{\\"role\\":\\"user\\",\\"content\\":\\"$1\\"}]}" '
               f'{url}/v1/chat/completions')
    script = os.path.join(folder, "ask")
    with open(script, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n" + request + "\necho\n")
    os.chmod(script, 0o755)
    words = {"xargs": ["xargs", "-d", "\n", "-n", "1", "-P", str(PARALLEL), script],
             "parallel": ["parallel", "--will-cite", "-k", "-j", str(PARALLEL), script]}[tool]
    with open(path, "rb") as lines, open(os.path.join(folder, "out"), "wb") as out:
        return measure(words, stdin=lines, stdout=out)[:2]


def show(name, figures, answers, count):
    if answers != count:
        sys.exit(f"{name}: {answers} answers to {count} lines")
    print(f"{name:34} {figures[0]:8.2f} s  {figures[1]:8.2f} s CPU")


def answers(folder):
    with open(os.path.join(folder, "out"), "rb") as file:
        return sum(1 for line in file if line.strip())


def main():
    build = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    many = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    folder = tempfile.mkdtemp(prefix="bench-submit.")
    mock = Mock(build, "20ms")
    try:
        one(build, folder)
        bulk(build, folder, 100_000)
        bulk(build, folder, many)
        bulk(build, folder, many, pipe=True)
        path = write_lines(folder, count)
        print(f"{count} lines end to end, {PARALLEL} at a time, 20 ms an answer:")
        show("llmspool-submit --lines --wait", with_llmspool(build, folder, mock.url, path),
             answers(folder), count)
        for tool in ("xargs", "parallel"):
            if shutil.which(tool) is None:
                print(f"{tool} is not installed")
                continue
            show(f"{tool} curl", with_curl(folder, mock.url, path, tool), answers(folder), count)
    finally:
        mock.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
