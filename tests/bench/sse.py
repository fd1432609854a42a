#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""sse: what idle streams of events cost llmspool-httpd: memory, processor, and how long news takes to all.

usage: sse.py BUILD [COUNT]   (10000 streams; the project's goal: below 100 MB)
"""
import datetime
import os
import re
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time

IDLE_S = 20


def memory(pid):
    """Resident kB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def processor(pid):
    """Seconds of processor time so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def connect(port, count):
    """Streams, each of which has begun."""
    streams = []
    for number in range(count):
        # Another address of loopback for each 100: a server bounds the connections of one.
        one = socket.socket()
        one.bind((f"127.{number // 100 // 250 + 1}.{number // 100 % 250 + 1}.1", 0))
        one.connect(("127.0.0.1", port))
        one.sendall(b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % port)
        streams.append(one)
    for one in streams:
        one.settimeout(30)
        data = b""
        while b"event: begin" not in data:
            piece = one.recv(4096)
            if not piece:
                raise SystemExit(f"a stream is refused: {data[:200]!r}")
            data += piece
    return streams


def hear(streams, line, path):
    """Seconds until all streams have heard a new event."""
    poll = select.epoll()
    for one in streams:
        one.setblocking(False)
        poll.register(one.fileno(), select.EPOLLIN)
    by_fd = {one.fileno(): one for one in streams}
    left = set(by_fd)
    begin = time.monotonic()
    with open(path, "ab") as file:
        file.write(line)
    while left:
        for fd, _ in poll.poll(30):
            if b"event: completed" in by_fd[fd].recv(65536):
                left.discard(fd)
    poll.close()
    return time.monotonic() - begin


def main():
    build, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4 * count + 4096), hard))
    with tempfile.TemporaryDirectory(prefix="llmspool-sse.") as folder:
        spool = os.path.join(folder, "spool")
        subprocess.run([os.path.join(build, "llmspool-init"), spool, "--model", "m"], check=True,
                       stdout=subprocess.DEVNULL)
        today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
        path = os.path.join(spool, "events", today + ".jsonl")
        line = f'{{"time":"{today}T08:00:00.000Z","event":"completed"}}\n'.encode()
        with open(path, "wb") as file:
            file.write(line)
        server = subprocess.Popen([os.path.join(build, "llmspool-httpd"), "-s", spool, "--listen",
                                   "127.0.0.1:0"], stdout=subprocess.PIPE)
        try:
            port = int(server.stdout.readline().decode().rsplit(":", 1)[1])
            before = memory(server.pid)
            streams = connect(port, count)
            full = memory(server.pid)
            begin, used = time.monotonic(), processor(server.pid)
            time.sleep(IDLE_S)
            share = (processor(server.pid) - used) / (time.monotonic() - begin)
            seconds = hear(streams, line, path)
            print(f"{'streams':<34}{count:>12}")
            print(f"{'resident without them, MB':<34}{before / 1024:>12.1f}")
            print(f"{'resident with them, MB':<34}{full / 1024:>12.1f}")
            print(f"{'each, kB':<34}{(full - before) / count:>12.2f}")
            print(f"{'processor while idle, % of one':<34}{100 * share:>12.2f}")
            print(f"{'an event to all of them, ms':<34}{1000 * seconds:>12.1f}")
            print(f"{'resident after it, MB':<34}{memory(server.pid) / 1024:>12.1f}")
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    main()
