#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bench: llmspool beside a bare libcurl loop on the same mock, in one run; prints a table.

usage: bench.py BUILD [--quick] [--flight]

--flight: the part about requests in flight only.

Not a test: it asserts nothing. Machines are noisy, so compare the ratios of one run. Goals of the
project stand in the last column.
"""
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

QUICK = "--quick" in sys.argv
BUILD = os.path.abspath(next((a for a in sys.argv[1:] if not a.startswith("-")), "."))


def program(name):
    return os.path.join(BUILD, name)


class Mock:
    """llmspool-mock on a port of its own."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            [program("llmspool-mock"), "--listen", "127.0.0.1:0", "--answer", "echo", *options],
            stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().split()[-1]

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return answer.read().decode()

    def stop(self):
        self.process.terminate()
        self.process.wait()


def rss_mib(pid, key="VmRSS"):
    with open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) / 1024 for line in status if line.startswith(key)), 0)


def parse_seconds(latency):
    return float(latency[:-2]) / 1000 if latency.endswith("ms") else float(latency.rstrip("s"))


class Measured:
    """Wall and CPU seconds, and the largest resident size, of one command."""

    def __init__(self, command, env=None):
        with tempfile.TemporaryFile("w+") as words:
            began = time.monotonic()
            process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=words)
            self.rss_mib = 0
            # The kernel's ru_maxrss would include this interpreter before the exec.
            while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                self.rss_mib = max(self.rss_mib, rss_mib(process.pid, "VmHWM"))
                time.sleep(0.01)
            _, status, usage = os.wait4(process.pid, 0)
            self.wall = time.monotonic() - began
            words.seek(0)
            self.words = words.read()
        self.code = process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime


def make_spool(where):
    path = os.path.join(where, "spool")
    subprocess.run([program("llmspool-init"), "--model", "m", path], check=True,
                   stdout=subprocess.DEVNULL)
    return path


def drop(spool, jobs, word):
    for number in range(jobs):
        temp = f"{spool}/tmp/{word}{number}"
        with open(temp, "w") as out:
            json.dump({"model": "m", "prompt": f"{word} {number}"}, out)
        os.rename(temp, f"{spool}/new/{word}{number}.json")


def daemon_env():
    return {**os.environ, "BENCH_KEY": "bench"}


def daemon_command(mock, spool, concurrency, *options):
    """The window is configured, so that it need not be found first."""
    conf = os.path.join(os.path.dirname(spool), "llmspoold.conf")
    with open(conf, "w", encoding="utf-8") as out:
        out.write(f'provider "openai" {{\n    url = "{mock.url}/v1"\n    key_env = "BENCH_KEY"\n'
                  f'    max_in_flight = {concurrency}\n}}\n')
    return [program("llmspoold"), "-s", spool, "-c", conf, "-j", str(concurrency),
            "--log-level", "warning", *options]


def row(what, figure, goal=""):
    print(f"{what:<58} {figure:>16}  {goal}")


def throughput(title, latency, jobs, concurrency, goals):
    """The same number of requests by the bare loop and by llmspool."""
    mock = Mock("--latency", latency)
    where = tempfile.mkdtemp(dir=PLACE)
    try:
        bare = Measured([program("tests/bench/bare"), mock.url + "/v1", str(jobs),
                         str(concurrency)])
        spool = make_spool(where)
        drop(spool, jobs, "job")
        ours = Measured(daemon_command(mock, spool, concurrency, "--until-empty"), daemon_env())
        done = sum(name.count(".") == 1 for name in os.listdir(spool + "/done"))
    finally:
        mock.stop()
    print(f"\n{title}: {jobs} jobs, {concurrency} in flight, {latency} latency")
    if bare.code != 0 or ours.code != 0 or done != jobs:
        print(f"  not valid: bare {bare.code}, llmspoold {ours.code}, {done} done\n{ours.words}")
        return
    row("  bare loop, requests/s", f"{jobs / bare.wall:.0f}")
    row("  llmspool end to end, durable jobs/s", f"{jobs / ours.wall:.0f}", goals.get("rate", ""))
    row("  bare loop, CPU per request", f"{bare.cpu / jobs * 1e6:.0f} us")
    row("  llmspool, CPU per job", f"{ours.cpu / jobs * 1e6:.0f} us")
    row("  ratio of CPU", f"{ours.cpu / bare.cpu:.1f} x", goals.get("cpu", ""))
    row("  bare loop, peak RSS", f"{bare.rss_mib:.1f} MiB")
    row("  llmspool, peak RSS", f"{ours.rss_mib:.1f} MiB")
    row("  ratio of RSS", f"{ours.rss_mib / bare.rss_mib:.2f} x", goals.get("rss", ""))
    if latency != "0ms":
        ideal = jobs / concurrency * parse_seconds(latency)
        row("  share of the ideal rate, bare loop", f"{ideal / bare.wall:.0%}")
        row("  share of the ideal rate, llmspool", f"{ideal / ours.wall:.0%}",
            goals.get("ideal", ""))


def flight(title, latency, requests, concurrency, goals):
    """The transfer module alone beside the bare loop: what thousands in flight cost."""
    mock = Mock("--latency", latency)
    counts = [str(requests), str(concurrency)]
    try:
        bare = Measured([program("tests/bench/bare"), mock.url + "/v1", *counts])
        ours = Measured([program("tests/bench/flight"), mock.url + "/v1/chat/completions", *counts])
    finally:
        mock.stop()
    print(f"\n{title}: {requests} requests, {concurrency} in flight, {latency} latency")
    if bare.code != 0 or ours.code != 0:
        print(f"  not valid: bare {bare.code}, flight {ours.code}\n{bare.words}{ours.words}")
        return
    ideal = requests / concurrency * parse_seconds(latency)
    row("  bare loop, wall time to the ideal", f"{bare.wall / ideal:.2f} x")
    row("  transfer, wall time to the ideal", f"{ours.wall / ideal:.2f} x", goals.get("wall", ""))
    row("  bare loop, CPU per request", f"{bare.cpu / requests * 1e6:.0f} us")
    row("  transfer, CPU per request", f"{ours.cpu / requests * 1e6:.0f} us")
    row("  bare loop, peak RSS", f"{bare.rss_mib:.1f} MiB")
    row("  transfer, peak RSS", f"{ours.rss_mib:.1f} MiB")
    row("  ratio of RSS", f"{ours.rss_mib / bare.rss_mib:.2f} x", goals.get("rss", ""))


def choosing():
    """The next job among many that wait, half of them gated."""
    counts = [1000, 10000, 100000, 1000000]
    done = subprocess.run([program("tests/bench/pick"), *map(str, counts)], capture_output=True,
                          text=True, check=True)
    print("\nchoosing the next job: 10 models, half of their gates closed, 100 users")
    for line in done.stdout.splitlines():
        found = json.loads(line)
        row(f"  {found['waiting']} waiting", f"{found['pick_us']:.1f} us")


def looking_up():
    """A dropped job in archive/ids."""
    with tempfile.TemporaryDirectory() as folder:
        spool = os.path.join(folder, "spool")
        subprocess.run([program("llmspool-init"), spool], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run([program("tests/bench/look"), spool, "100", "100000"],
                              capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print("\nlooking up a dropped job in archive/ids: 100 archives of 100,000 jobs")
    row("  opening it", f"{found['open_us']:.0f} us")
    row("  a look-up, pages not touched before", f"{found['first_us']:.1f} us")
    row("  a look-up", f"{found['look_us']:.1f} us", "10 us")


def telling():
    """The log of events."""
    done = subprocess.run([program("tests/bench/events"), "100000" if QUICK else "1000000", "1", "16",
                           "256"], capture_output=True, text=True, check=True)
    print("\nevents: lines added and flushed in batches")
    for line in done.stdout.splitlines():
        found = json.loads(line)
        row(f"  {found['batch']} lines a flush", f"{found['line_us']:.2f} us a line",
            "< 3 us" if found["batch"] > 1 else "")


def switches(pid):
    """Voluntary context switches of all threads: each is a wake-up that ended."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as status:
            total += sum(int(line.split()[1]) for line in status
                         if line.startswith("voluntary_ctxt_switches"))
    return total


def first_seen(mock, prompt):
    """Wall ms at which the mock had read the request for this prompt."""
    query = urllib.parse.urlencode({"prompt": prompt})
    for _ in range(400):
        lines = mock.get("/mock/ledger?" + query).splitlines()
        if lines:
            return json.loads(lines[0])["first_ms"]
        time.sleep(0.005)
    raise SystemExit(f"bench: the mock never saw {prompt!r}")


def idle_daemon():
    """How quick a daemon with nothing to do is, and what it costs while it waits."""
    mock = Mock()
    spool = make_spool(tempfile.mkdtemp(dir=PLACE))
    daemon = subprocess.Popen(daemon_command(mock, spool, 64), env=daemon_env(),
                              stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        delays = []
        for number in range(50 if QUICK else 200):
            prompt = f"latency {number}"
            temp = f"{spool}/tmp/l{number}"
            with open(temp, "w") as out:
                json.dump({"model": "m", "prompt": prompt}, out)
            dropped = time.time() * 1000
            os.rename(temp, f"{spool}/new/l{number}.json")
            delays.append(first_seen(mock, prompt) - dropped)
            time.sleep(0.02)
        seconds = 10 if QUICK else 60
        time.sleep(3)
        before = switches(daemon.pid)
        time.sleep(seconds)
        woken = switches(daemon.pid) - before
        print("\nidle daemon")
        row("  rename into new/ -> request at the mock, median",
            f"{statistics.median(delays):.2f} ms", "<= 5 ms")
        row("  the same, 99th percentile", f"{sorted(delays)[len(delays) * 99 // 100]:.2f} ms")
        row(f"  wake-ups in {seconds} s", f"{woken}", "<= 2 in 60 s")
        row("  RSS", f"{rss_mib(daemon.pid):.1f} MiB", "<= 24 MiB")
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait()
        mock.stop()


def others():
    """Programs of their own: what each measures, and beside what, is told at its beginning."""
    for name, count in (("prune", 100000), ("archive", 100000), ("submit", 10000), ("harvest", 100000),
                        ("status", 1000000), ("webhooks", 20000)):
        print(flush=True)
        subprocess.run([sys.executable, "-B", os.path.join(os.path.dirname(__file__), name + ".py"),
                        BUILD, "2000" if QUICK else str(count)], check=True,
                       env={**os.environ, "TMPDIR": PLACE})


def main():
    print(f"{os.cpu_count()} CPUs; goals in the last column")
    flight("transfers, a crowd", "5000ms", 4096, 4096, {"rss": "<= 1.4 x, of the daemon"})
    flight("transfers, a slow model", "200ms", 2000, 200, {"wall": "<= 1.1 x"})
    if "--flight" in sys.argv:
        return
    jobs = 2000 if QUICK else 20000
    throughput("no latency", "0ms", jobs, 64, {"rate": ">= 2000", "cpu": "<= 10 x"})
    throughput("slow model", "200ms", 2000, 200, {"ideal": ">= 90 %"})
    throughput("a crowd", "5000ms", 4096, 4096, {"rss": "<= 1.4 x"})
    choosing()
    looking_up()
    telling()
    idle_daemon()
    others()


# One place for all spools, removed at the very end: ext4 goes round inodes that were deleted in the last
# seconds (minutes, without a journal), which would slow the measurements that follow.
PLACE = tempfile.mkdtemp(prefix="llmspool-bench-", dir=os.environ.get("BENCH_DIR"))
try:
    main()
finally:
    shutil.rmtree(PLACE)
