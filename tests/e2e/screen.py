# SPDX-License-Identifier: GPL-2.0-or-later
"""screen: the terminal faces of commands, seen through tmux.

A screen is compared with a text kept in tests/e2e/screens/, in which what differs from run to run (times,
figures of speed, paths) is normalised. LLMSPOOL_SCREENS=keep writes them anew.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from rig import BUILD, Skip, equal, expect, numbered, run_scenario, scenario, until

SCREENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "screens")


class Terminal:
    """A shell in a terminal of a size, with a server of its own."""

    def __init__(self, rig, columns, lines):
        if shutil.which("tmux") is None:
            raise Skip("tmux is missing (Debian package: tmux)")
        self.socket = os.path.join(rig.folder, "tmux")
        # A path of one length, so that lines break where they did when the screens were kept.
        rig.shown = tempfile.mktemp(prefix="ls", dir="/tmp")
        os.symlink(rig.spool.path, rig.shown)
        self.rig = rig
        environment = {**os.environ, "PATH": f"{BUILD}:{os.environ['PATH']}", "LLMSPOOL_DIR": rig.shown, "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
                       "HOME": rig.folder, "TZ": "UTC"}
        environment.pop("TMUX", None)
        subprocess.run(["tmux", "-S", self.socket, "-f", "/dev/null", "new-session", "-d", "-x",
                        str(columns), "-y", str(lines), "sh"], env=environment, check=True,
                       timeout=30)
        self.tmux("set-option", "-g", "status", "off")
        self.resize(columns, lines)
        until(lambda: self.shows(r"[$#]"), "the shell's prompt", 30)

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], check=True, timeout=30,
                              stdout=subprocess.PIPE).stdout.decode()

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def run(self, command):
        self.keys("-l", command)
        self.keys("Enter")

    def resize(self, columns, lines):
        self.tmux("set-option", "-g", "window-size", "manual")
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def screen(self):
        return self.tmux("capture-pane", "-p").rstrip("\n")

    def shows(self, words):
        return re.search(words, self.screen(), re.MULTILINE) is not None

    def until(self, words, what):
        until(lambda: words in self.screen(), lambda: f"{what}: {words} in\n{self.screen()}", 30)

    def flags(self):
        """Alternate screen, cursor, wrapping: as the program left them."""
        return self.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}").strip()

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], check=False, timeout=30,
                       stderr=subprocess.DEVNULL)
        os.unlink(self.rig.shown)


def normal(rig, text):
    """Without what differs from run to run."""
    text = text.replace(rig.shown, "SPOOL")
    for pattern, word in ((r"\d\d:\d\d:\d\d", "HH:MM:SS"), (r"pid \d+", "pid N"),
                          (r"\d+(\.\d+)? [kMGTP]?B free", "SIZE free"), (r"\d+ inodes", "N inodes"),
                          (r"within \d+(\.\d+)?m?s", "within TIME"), (r"waits for(\s+)\S+", r"waits for\1TIME"),
                          (r"\(\S+ ago\)", "(TIME ago)"), (r"\d+(\.\d+)? a minute", "N a minute"),
                          (r"\d+ commits of [^)]*\)", "N commits"),
                          (r"0/\d+ +", "0/W "), (r" +$", "")):
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text + "\n"


def kept(rig, name, text):
    path = os.path.join(SCREENS, name + ".txt")
    if os.environ.get("LLMSPOOL_SCREENS") == "keep":
        os.makedirs(SCREENS, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(normal(rig, text))
    with open(path, encoding="utf-8") as file:
        equal(normal(rig, text), file.read(), f"screen {name}")


def terminal(columns, lines):
    def wrap(function):
        def run(rig):
            opened = Terminal(rig, columns, lines)
            try:
                function(rig, opened)
            finally:
                opened.close()
        run.__name__ = function.__name__
        return scenario(run)
    return wrap


def fits(screen, columns, lines):
    rows = screen.split("\n")
    expect(len(rows) <= lines, f"{len(rows)} lines on a screen of {lines}")
    expect(all(len(row) <= columns for row in rows), f"a line is wider than {columns}")


def settled(rig):
    """A daemon that is paused with two jobs that wait, one completed, one failed."""
    rig.mock()
    daemon = rig.daemon()
    done = rig.spool.drop({"model": "m", "prompt": "done"})
    failed = rig.spool.drop({"model": "m", "prompt": "[[mock:400]] failed"})
    until(lambda: rig.spool.jobs("done") == {done} and rig.spool.jobs("failed") == {failed}, "ends")
    rig.spool.switch("pause")
    until(lambda: rig.spool.status().get("paused"), "the pause")
    for job in numbered(1, 2, text="wait"):
        rig.spool.drop(job)
    until(lambda: rig.spool.status()["counts"].get("waiting") == 2, "jobs that wait")
    time.sleep(1.1)  # the last change is in state/status.json
    return daemon


@terminal(80, 24)
def watched(rig, tty):
    """--watch fills 80x24, follows to 40x12 and 200x50, and gives the terminal back on Ctrl-C."""
    settled(rig)
    tty.run("echo before; llmspool-status --watch=0.5")
    tty.until("q ends", "the page")
    tty.until("2 waiting", "the figures")
    equal(tty.flags(), "1 0 0", "alternate screen, cursor, wrapping under --watch")
    fits(tty.screen(), 80, 24)
    kept(rig, "watch-80x24", tty.screen())
    tty.resize(40, 12)
    until(lambda: "waiting" in tty.screen() and len(tty.screen().split("\n")) <= 12, "40x12", 30)
    time.sleep(1.2)
    fits(tty.screen(), 40, 12)
    kept(rig, "watch-40x12", tty.screen())
    tty.resize(200, 50)
    time.sleep(1.2)
    tty.until("context_length_exceeded", "200x50")
    fits(tty.screen(), 200, 50)
    kept(rig, "watch-200x50", tty.screen())
    tty.keys("C-c")
    tty.until("before", "what was there before")
    equal(tty.flags(), "0 1 1", "alternate screen, cursor, wrapping after it")
    tty.run("echo code $?; stty -a | grep -o -e '-*icanon' -e '-*echo '")
    tty.until("code 130", "its exit code")
    expect(not tty.shows(r"^-icanon") and not tty.shows(r"^-echo"), "keys are as they were")


@terminal(80, 24)
def stopped_and_ended(rig, tty):
    """Ctrl-Z gives the terminal back and fg goes on; q ends it, and so does SIGTERM."""
    settled(rig)
    tty.run("set -m; llmspool-status --watch=0.5")
    tty.until("q ends", "the page")
    tty.keys("C-z")
    until(lambda: tty.flags() == "0 1 1", lambda: f"the terminal under Ctrl-Z: {tty.flags()}", 30)
    tty.run("fg")
    tty.until("q ends", "the page after fg")
    until(lambda: tty.flags() == "1 0 0", "the alternate screen after fg", 30)
    tty.keys("q")
    until(lambda: tty.flags() == "0 1 1", "the terminal after q", 30)
    tty.run("clear; echo code $?")
    tty.until("code 0", "the exit code of q")
    tty.run("clear; llmspool-status --watch=0.5; echo code $?")
    tty.until("q ends", "the page again")
    pid = int(subprocess.run(["tmux", "-S", tty.socket, "display-message", "-p", "#{pane_pid}"],
                             stdout=subprocess.PIPE, check=True, timeout=30).stdout)
    children = subprocess.run(["ps", "--no-headers", "-o", "pid", "--ppid", str(pid)],
                              stdout=subprocess.PIPE, check=True, timeout=30).stdout.split()
    os.kill(int(children[0]), 15)
    tty.until("code 143", "the exit code of SIGTERM")
    equal(tty.flags(), "0 1 1", "the terminal after SIGTERM")


@terminal(80, 24)
def a_run_is_watched(rig, tty):
    """A run's page on a terminal."""
    rig.mock()
    rig.daemon()
    jobs = numbered(1, 20, text="run")
    jobs[3]["prompt"] = "[[mock:400]] bad"
    text = "".join([line + "\n" for line in ['{"run": "reviews", "first": 1}'] +
                    [json.dumps(job) for job in jobs]])
    rig.spool.put(text, name="reviews.jsonl")
    until(lambda: len(rig.spool.jobs("done")) == 19 and rig.spool.jobs("failed"), "the run's end")
    tty.run("llmspool-status --watch=0.5 reviews")
    tty.until("all have ended", "the end of the run")
    tty.until("19 requests", "what the run cost")
    kept(rig, "run-80x24", tty.screen())


@terminal(80, 24)
def one_screen(rig, tty):
    """The overview keeps to the terminal's height however many gates and reasons there are."""
    rig.mock()
    rig.daemon()
    rig.spool.switch("pause")
    for i in range(30):
        rig.spool.drop({"model": f"model-{i}", "prompt": "x"})
        rig.spool.drop({"model": f"other-{i}", "prompt": "x", "provider": f"nobody-{i}"})
    until(lambda: rig.spool.status()["counts"].get("waiting") == 60, "jobs that wait")
    time.sleep(1.1)
    tty.run("clear; llmspool-status")
    tty.until("other gates (--gates)", "the overview")
    time.sleep(0.5)
    expect(tty.screen().startswith("llmspoold"), f"its first line is still to be seen:\n{tty.screen()}")


def lines_file(rig, count):
    path = os.path.join(rig.folder, "lines")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"Say line {i}\n" for i in range(count))
    return path


@terminal(80, 24)
def progress_and_back(rig, tty):
    """submit --wait draws how far it is, narrow too; Ctrl-C tells the way back, and the same goes on."""
    mock = rig.mock("--latency", "400ms")
    rig.daemon("--concurrency", "2")
    path = lines_file(rig, 60)
    out = os.path.join(rig.folder, "answers")
    command = f"llmspool-submit --lines {path} --run reviews --wait >{out}; echo code $?"
    tty.run("clear; " + command)
    until(lambda: tty.shows(r"^\[=+>? *\] +\d+% \d+/60 done"), lambda: f"the bar in\n{tty.screen()}", 30)
    fits(tty.screen(), 80, 24)
    until(lambda: tty.shows(r"/60 done.* left"), lambda: f"the time left in\n{tty.screen()}", 30)
    tty.resize(32, 12)
    tty.run("")  # wakes nothing: the line follows the size by itself
    time.sleep(1)
    fits(tty.screen(), 32, 12)
    tty.resize(80, 24)
    tty.keys("C-c")
    tty.until("code 130", "its exit code")
    expect("llmspool-wait reviews" in tty.screen() or "llmspool-result --run reviews" in tty.screen(),
           f"the way back is not told:\n{tty.screen()}")
    mock.configure(latency="0s")
    tty.run("clear; " + command)
    tty.until("code 0", "the end of the same command")
    with open(out, encoding="utf-8") as found, open(path, encoding="utf-8") as wanted:
        equal(found.read(), wanted.read(), "the answers")
    equal(mock.requests(), 60, "requests")


@terminal(80, 24)
def asked_after_a_few(rig, tty):
    """--try shows some answers and what the rest takes, and asks; no ends it, yes goes on."""
    mock = rig.mock()
    rig.daemon()
    path = lines_file(rig, 200)
    out = os.path.join(rig.folder, "answers")
    command = f"llmspool-submit --lines {path} --run r --try 3 --wait >{out}; echo code $?"
    tty.run("clear; " + command)
    tty.until("[y/N]", "the question")
    expect("the rest   197 requests" in tty.screen(), tty.screen())
    fits(tty.screen(), 80, 24)
    tty.keys("n", "Enter")
    tty.until("code 0", "its exit code after no")
    equal(mock.requests(), 3, "requests after no")
    tty.run("clear; " + command)
    tty.until("[y/N]", "the question again")
    tty.keys("y", "Enter")
    tty.until("code 0", "its exit code after yes")
    with open(out, encoding="utf-8") as found, open(path, encoding="utf-8") as wanted:
        equal(found.read(), wanted.read(), "the answers")
    equal(mock.requests(), 200, "requests")


if __name__ == "__main__":
    run_scenario()
