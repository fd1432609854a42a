#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""httpd: submissions and status reads a second of llmspool-httpd, and of a queue in Redis behind Fastify.

Usage: httpd.py BUILD [FOLDER]: the programs of BUILD, spools in FOLDER (its file system is what is
measured; the working directory). Needs wrk; for the queue redis-server and npm, which installs
tests/bench/node into FOLDER. What is missing is said and left out. LLMSPOOL_BENCH_S says how long each
figure is measured (8 seconds), with 64 connections that are kept alive and bodies of a kilobyte.
"""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = int(os.environ.get("LLMSPOOL_BENCH_S", "8"))
CONNECTIONS, JOBS = 64, 3000
TEXT = "The quick brown fox jumps over the lazy dog. " * 21


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def spawn(words, **options):
    return subprocess.Popen(words, preexec_fn=die_with_parent, **options)


def start(words, **options):
    """A program that says where it listens."""
    process = spawn(words, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **options)
    line = process.stdout.readline().decode()
    if not line.startswith("listening on "):
        sys.exit(f"{words[0]} says {line!r}")
    return process, line.split()[-1]


def stop(process):
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def cpu_s(processes):
    """Processor time of processes and their threads."""
    ticks = 0
    for process in processes:
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wrk(url, script, argument, *processes):
    """Figures of one measurement: requests a second, the 99th percentile, processor time of each."""
    before = cpu_s(processes)
    done = subprocess.run(["wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "--latency",
                           "-s", os.path.join(HERE, script), url, "--", argument],
                          capture_output=True, text=True, check=True, timeout=SECONDS + 60)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])
    count = int(re.search(r"(\d+) requests in", done.stdout)[1])
    p99 = re.search(r"^ +99% +(\S+)", done.stdout, re.M)[1]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if bad or done.stderr:
        print(f"  {bad[0] if bad else ''} {done.stderr.strip()[:300]}")
    return rate, p99, 1e6 * (cpu_s(processes) - before) / count


def tell(what, figures):
    rate, p99, cpu_us = figures
    print(f"{what:<58} {rate:>9.0f}/s  p99 {p99:>9}  {cpu_us:>6.0f} us of CPU each", flush=True)


class Spool:
    def __init__(self, build, folder, name):
        self.build, self.path = build, os.path.join(folder, name)
        self.run("llmspool-init", self.path, "--model", "m", spool=False)

    def run(self, program, *words, spool=True, **options):
        return subprocess.run([os.path.join(self.build, program), *(("-s", self.path) if spool else ()),
                               *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=600, **options).stdout

    def serve(self):
        return start([os.path.join(self.build, "llmspool-httpd"), "-s", self.path, "--listen",
                      "127.0.0.1:0"])

    def daemon(self, mock):
        return spawn([os.path.join(self.build, "llmspoold"), "-s", self.path],
                                env={**os.environ, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": mock + "/v1"},
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ours(build, folder):
    mock, mock_url = start([os.path.join(build, "llmspool-mock"), "--listen", "127.0.0.1:0"])
    spool = Spool(build, folder, "alone")
    server, url = spool.serve()
    tell("llmspool: durable submissions, no daemon", wrk(url, "http_post.lua", "alone", server))
    stop(server)
    for state in ("paused", "draining its queue"):
        spool = Spool(build, folder, state.split()[0])
        if state == "paused":
            spool.run("llmspool-ctl", "pause")
        daemon = spool.daemon(mock_url)
        server, url = spool.serve()
        tell(f"llmspool: durable submissions, daemon {state}", wrk(url, "http_post.lua", state[0], server))
        stop(server)
        daemon.kill()
        daemon.wait()
    reads(build, folder, mock_url)
    stop(mock)


def reads(build, folder, mock_url):
    spool = Spool(build, folder, "reads")
    path = os.path.join(spool.path, "tmp", "jobs")
    with open(path, "w", encoding="ascii") as file:
        for i in range(JOBS):
            file.write(json.dumps({"model": "m", "prompt": f"{TEXT} number {i}"}) + "\n")
    os.rename(path, os.path.join(spool.path, "new", "jobs.jsonl"))
    spool.run("llmspoold", "--until-empty",
              env={**os.environ, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": mock_url + "/v1"})
    ids = [name[:64] for name in os.listdir(os.path.join(spool.path, "done")) if len(name) == 69]
    server, url = spool.serve()
    for what, some in (("each seldom", ids), ("each often", ids[:200])):
        tell(f"llmspool: status reads of {len(some)} done jobs, {what}",
             wrk(url, "http_get.lua", paths_file(folder, some), server))
    stop(server)


def paths_file(folder, ids):
    path = os.path.join(folder, "paths")
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"/v1/jobs/{job}\n" for job in ids)
    return path


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def theirs(folder):
    if shutil.which("redis-server") is None or shutil.which("npm") is None:
        print("redis-server or npm is missing: no queue to compare with")
        return
    place = os.path.join(folder, "node")
    shutil.copytree(os.path.join(HERE, "node"), place)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"],
                   cwd=place, check=True, timeout=600)
    port = free_port()
    redis = spawn(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", place,
                              "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""],
                             stdout=subprocess.DEVNULL)
    time.sleep(1)
    server, url = start(["node", "server.mjs", str(port)], cwd=place)
    tell("BullMQ and Fastify: submissions, lost up to 1 s", wrk(url, "http_post.lua", "queue", server, redis))
    ids = []
    for i in range(200):
        request = urllib.request.Request(url + "/v1/jobs", json.dumps({"prompt": f"{TEXT} {i}"}).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            ids.append(json.load(answer)["id"])
    tell("BullMQ and Fastify: status reads of 200 jobs",
         wrk(url, "http_get.lua", paths_file(folder, ids), server, redis))
    stop(server)
    stop(redis)


def main():
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing")
    build = os.path.abspath(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="bench.", dir=sys.argv[2] if len(sys.argv) > 2 else ".")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {CONNECTIONS} connections, "
          f"{SECONDS} s each")
    try:
        ours(build, folder)
        theirs(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
