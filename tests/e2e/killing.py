# SPDX-License-Identifier: GPL-2.0-or-later
"""killing: a program killed at its k-th system call, by ptrace(2)."""
import ctypes
import os
import signal
import subprocess

PTRACE_TRACEME, PTRACE_SYSCALL, PTRACE_SETOPTIONS = 0, 24, 0x4200
EXITKILL, SYSGOOD = 0x00100000, 1
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def traced():
    LIBC.ptrace(PTRACE_TRACEME, 0, None, None)


def run(arguments, kill_at, first=0, **options):
    """Runs a program of one thread and kills it at its stop number kill_at, counted from 1 over entries
    and exits of system calls, those before the first passed over. Returns (exit code or None when
    it was killed, stops seen)."""
    environment = {**os.environ, **options}
    # The sanitizers' search for leaks traces, too, and only one may.
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    process = subprocess.Popen(arguments, preexec_fn=traced, env=environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    os.waitpid(process.pid, 0)
    LIBC.ptrace(PTRACE_SETOPTIONS, process.pid, None, SYSGOOD | EXITKILL)
    stops, deliver = 0, 0
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
        if kill_at and stops == first + kill_at:
            os.kill(process.pid, signal.SIGKILL)
            os.waitpid(process.pid, 0)
            process.returncode = 0
            return None, stops
