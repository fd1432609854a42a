#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""webhooks: how many webhooks a second a daemon delivers to a receiver that answers at once.

usage: webhooks.py BUILD [COUNT [FOLDER]]

A job is done; then a daemon starts on a spool whose outbox/ has COUNT (20,000) debts of it. Printed
are webhooks a second, from the first to the last, and the daemon's processor time for each; then the same
while as many are owed to a receiver that is not there.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time


def debts(spool, count, urls):
    """Writes them, of the one job that is done, each with a webhook of its own."""
    record = next(n for n in os.listdir(os.path.join(spool, "done")) if n.endswith(".v1.json"))
    job = record[:64]
    for i in range(count * len(urls)):
        url = urls[i % len(urls)] + f"/{i}"
        name = hashlib.sha256(f"{job}\n1\ncompleted\n{url}".encode()).hexdigest()
        with open(os.path.join(spool, "outbox", name + ".json"), "w", encoding="ascii") as file:
            json.dump({"webhook_id": name, "id": job, "run": 1, "event": "completed", "webhook": url,
                       "record": "done/" + record, "time": "2026-01-01T00:00:00.000Z"}, file)


def cpu(pid):
    """Seconds of processor time that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def taken(receiver):
    receiver.stdin.write("\n")
    receiver.stdin.flush()
    return int(receiver.stdout.readline())


def run(build, spool, conf, receiver, count, name, urls):
    debts(spool, count, urls)
    before = taken(receiver)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "ANTHROPIC_"))}
    daemon = subprocess.Popen([os.path.join(build, "llmspoold"), "-s", spool, "-c", conf],
                              stderr=subprocess.DEVNULL, env=environment)
    try:
        while taken(receiver) == before:
            time.sleep(0.001)
        start, used, first = time.monotonic(), cpu(daemon.pid), taken(receiver)
        end = start + 120
        while taken(receiver) < before + count and time.monotonic() < end:
            time.sleep(0.005)
        seconds, used = time.monotonic() - start, cpu(daemon.pid) - used
        sent = taken(receiver) - first
        print(f"{name:28} {sent / seconds:10,.0f} webhooks/s {used / sent * 1e6:8.0f} us of CPU each",
              flush=True)
    finally:
        daemon.terminate()
        daemon.wait(60)


def main():
    build = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    folder = tempfile.mkdtemp(prefix="bench-webhooks.", dir=sys.argv[3] if len(sys.argv) > 3 else None)
    spool, conf = os.path.join(folder, "spool"), os.path.join(folder, "conf")
    receiver = subprocess.Popen([os.path.join(build, "tests", "bench", "receiver")],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    mock = subprocess.Popen([os.path.join(build, "llmspool-mock"), "--listen", "127.0.0.1:0"],
                            stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
    try:
        port = int(receiver.stdout.readline())
        url = mock.stdout.readline().split()[-1]
        subprocess.run([os.path.join(build, "llmspool-init"), spool, "--model", "m"], check=True,
                       stdout=subprocess.DEVNULL)
        with open(conf, "w", encoding="ascii") as file:
            file.write('webhook {\n    allow = {"127.0.0.0/8"}\n}\n')
        subprocess.run([os.path.join(build, "llmspool-submit"), "-s", spool, "Say hello"], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([os.path.join(build, "llmspoold"), "-s", spool, "--until-empty"], check=True,
                       stderr=subprocess.DEVNULL,
                       env={**os.environ, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": url + "/v1"})
        run(build, spool, conf, receiver, count, "one receiver", [f"http://127.0.0.1:{port}"])
        run(build, spool, conf, receiver, count, "as many to one that is dead",
            [f"http://127.0.0.1:{port}", "http://127.0.0.1:1"])
    finally:
        receiver.terminate()
        mock.terminate()
        receiver.wait(20)
        mock.wait(20)
        shutil.rmtree(folder)


main()
