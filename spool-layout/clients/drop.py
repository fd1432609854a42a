#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""drop.py SPOOL < JOB: drops the job on stdin durably and prints its name in new/."""
import os
import secrets
import sys


def drop(spool, job):
    """Drops the bytes of a job; returns its file name in new/."""
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
    return f"{name}.json"


if __name__ == "__main__":
    print(drop(sys.argv[1], sys.stdin.buffer.read()))
