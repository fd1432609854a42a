# SPDX-License-Identifier: GPL-2.0-or-later
"""killing: a program killed, or held up, at a system call, by ptrace(2)."""
import ctypes
import os
import signal
import struct
import subprocess

PTRACE_TRACEME, PTRACE_SYSCALL, PTRACE_SETOPTIONS, PTRACE_GET_SYSCALL_INFO = 0, 24, 0x4200, 0x420e
INFO_ENTRY = 1
ARM = os.uname().machine == "aarch64"
RENAMEAT2 = 276 if ARM else 316
NAMES = {82 if ARM else 74: "fsync", 267 if ARM else 306: "syncfs", RENAMEAT2: "rename",
         36 if ARM else 266: "symlink"}
EXITKILL, SYSGOOD = 0x00100000, 1
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def traced():
    LIBC.ptrace(PTRACE_TRACEME, 0, None, None)


def entered(process):
    """The number of the system call that is being entered, or None."""
    info = ctypes.create_string_buffer(88)
    LIBC.ptrace(PTRACE_GET_SYSCALL_INFO, process.pid, len(info), info)
    return struct.unpack_from("=Q", info, 24)[0] if info[0] == bytes([INFO_ENTRY]) else None


def run(arguments, kill_at=0, before=None, calls=None, **options):
    """Runs a program of one thread. Kills it at its stop number kill_at, counted from 1 over entries and
    exits of system calls; or calls before(n) in front of each n-th renameat2(2). calls, a list, gets
    the NAMES of those that it enters. Returns (exit code, or None when it was killed, and the
    stops seen)."""
    environment = {**os.environ, **options}
    # The sanitizers' search for leaks traces, too, and only one may.
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    process = subprocess.Popen(arguments, preexec_fn=traced, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    os.waitpid(process.pid, 0)
    LIBC.ptrace(PTRACE_SETOPTIONS, process.pid, None, SYSGOOD | EXITKILL)
    stops, deliver, renames = 0, 0, 0
    while True:
        LIBC.ptrace(PTRACE_SYSCALL, process.pid, None, deliver)
        _, status = os.waitpid(process.pid, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            process.returncode = 0  # it was waited for
            return (os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)), stops
        number = os.WSTOPSIG(status)
        deliver = 0 if number & 0x80 else number
        if not number & 0x80:
            continue
        stops += 1
        number = entered(process) if before is not None or calls is not None else None
        if calls is not None and number in NAMES:
            calls.append(NAMES[number])
        if before is not None and number == RENAMEAT2:
            renames += 1
            before(renames)
        if kill_at and stops == kill_at:
            os.kill(process.pid, signal.SIGKILL)
            os.waitpid(process.pid, 0)
            process.returncode = 0
            return None, stops


# Calls that change what is on disk, and those that make it durable: a kill between two others leaves
# what a kill behind the one before left. By the numbers of x86_64 and of all newer machines.
CHANGING = {1, 18, 20, 74, 75, 77, 82, 83, 86, 87, 88, 91, 257, 258, 263, 264, 265, 266, 268,
            316} if os.uname().machine == "x86_64" else {
                33, 34, 35, 36, 37, 38, 46, 52, 53, 56, 64, 66, 68, 82, 83, 276}
TRACECLONE, EVENT_CLONE, WALL = 8, 3, 0x40000000


def at_change(thread, inside):
    """Whether a thread stands before or behind a call that changes something. inside: the threads that
    are in one."""
    info = ctypes.create_string_buffer(88)
    LIBC.ptrace(PTRACE_GET_SYSCALL_INFO, thread, len(info), info)
    if info[0] != bytes([INFO_ENTRY]):
        if thread in inside:
            inside.discard(thread)
            return True
        return False
    if struct.unpack_from("=Q", info, 24)[0] in CHANGING:
        inside.add(thread)
        return True
    return False


def run_threads(arguments, kill_at=0):
    """Runs a program of several threads. Kills it at the kill_at-th stop, counted from 1, before or
    behind a call that changes something. Returns as run does."""
    environment = {**os.environ}
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    process = subprocess.Popen(arguments, preexec_fn=traced, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    os.waitpid(process.pid, 0)
    LIBC.ptrace(PTRACE_SETOPTIONS, process.pid, None, SYSGOOD | EXITKILL | TRACECLONE)
    LIBC.ptrace(PTRACE_SYSCALL, process.pid, None, 0)
    stops, inside, known = 0, set(), {process.pid}
    while True:
        thread, status = os.waitpid(-1, WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if thread != process.pid:
                continue
            process.returncode = 0  # it was waited for
            return (os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)), stops
        number, deliver = os.WSTOPSIG(status), 0
        if number & 0x80:
            stops += at_change(thread, inside)
            if kill_at and stops == kill_at:
                os.kill(process.pid, signal.SIGKILL)
                while thread != process.pid or not os.WIFSIGNALED(status):
                    thread, status = os.waitpid(-1, WALL)
                process.returncode = 0
                return None, stops
        elif status >> 8 != signal.SIGTRAP | EVENT_CLONE << 8 and thread in known:
            deliver = number
        known.add(thread)
        LIBC.ptrace(PTRACE_SYSCALL, thread, None, deliver)
