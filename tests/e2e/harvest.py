# SPDX-License-Identifier: GPL-2.0-or-later
"""harvest: answers in the order of the input, in formats and files, however a command ends."""
import csv
import fcntl
import io
import json
import os
import pty
import signal
import struct
import subprocess
import termios

from rig import BUILD, PATIENCE, equal, expect, run_scenario, scenario, seed, spawn, until

ESCAPES = {"\\": "\\\\", "\r": "\\r", "\n": "\\n", "\t": "\\t"}
FAILING = "[[mock:400]] "
NASTY = ["plain", "tab\there", "back\\slash \\n", "two\nlines", "cr\r\nlf", "\\N", "comma, \"quote\"",
         "  blanks  ", "é € 𝄞"]


def escaped(text):
    return "".join(ESCAPES.get(c, c) for c in text)


def program(name, rig, *words):
    return [os.path.join(BUILD, name), "-s", rig.spool.path, *words]


def call(name, rig, *words, code=0, binary=False):
    """Runs a command to its end; returns what it printed, and what it said."""
    done = subprocess.run(program(name, rig, *words), stdin=subprocess.DEVNULL, check=False,
                          capture_output=True, timeout=PATIENCE)
    said = done.stderr.decode()
    equal(done.returncode, code, f"exit code of {name} {words[:4]} ({said})")
    return done.stdout if binary else done.stdout.decode(), said


def submit(rig, *words, **options):
    return call("llmspool-submit", rig, "--wait", *words, **options)


def result(rig, *words, **options):
    return call("llmspool-result", rig, *words, **options)


def drop_run(rig, name, jobs, size=1000):
    """Drops a run as lists, as a submission of many jobs does."""
    for first in range(0, len(jobs), size):
        head = json.dumps({"run": name, "first": first}) + "\n"
        text = "".join(json.dumps(job) + "\n" for job in jobs[first:first + size])
        rig.spool.put(head + text, name=f"{name}-{first}.jsonl")


def prompts(count, text="Say number"):
    return [f"{text} {i}" for i in range(count)]


def start(rig):
    rig.mock()
    rig.daemon()


# --- order ---------------------------------------------------------------------------------------


@scenario
def ordered(rig):
    """One slow early job holds the answers back, and none is lost, doubled or out of place."""
    start(rig)
    words = prompts(300)
    words[2] = "slow[[mock:ok,latency=1500ms]]"
    words[7] = words[5]
    printed, _ = submit(rig, *words)
    equal(printed.splitlines(), [w.split("[[")[0] for w in words], "answers")


@scenario
def early(rig):
    """What is next is printed before the last job has ended."""
    start(rig)
    command = spawn(program("llmspool-submit", rig, "--wait", "one", "two", "last[[mock:hang]]"),
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    equal([command.stdout.readline(), command.stdout.readline()], [b"one\n", b"two\n"], "the first")
    expect(command.poll() is None, "it waits for the last one")
    command.kill()
    command.wait()
    command.stdout.close()


@scenario
def unordered(rig):
    """Answers come as they come; equal jobs have a line each."""
    start(rig)
    words = ["slow[[mock:ok,latency=1500ms]]", *prompts(40), "Say number 3"]
    printed, _ = submit(rig, "--unordered", *words)
    lines = printed.splitlines()
    equal(sorted(lines), sorted(["slow", *prompts(40), "Say number 3"]), "answers")
    equal(lines[-1], "slow", "the slow one is the last")


# --- formats -------------------------------------------------------------------------------------


def nasty_run(rig):
    """A run whose answers are hard to tell apart; answers it has, with None for a failure."""
    jobs, answers = [], []
    for number, text in enumerate(NASTY):
        jobs.append({"model": "m", "prompt": text, "metadata": {"text": text, "n": number}})
        answers.append(text)
        if number % 3 == 0:
            jobs.append({"model": "m", "prompt": f"{FAILING}{number}",
                         "metadata": {"text": "bad", "n": number}})
            answers.append(None)
    drop_run(rig, "nasty", jobs, 5)
    call("llmspool-wait", rig, "nasty", "-q", code=1)
    answers = [text if text is None else rig_answer(rig, job) for text, job in zip(answers, jobs)]
    return jobs, answers


def rig_answer(rig, job):
    """The answer as the spool has it: what is printed is compared with that."""
    return rig.spool.json("done", rig.spool.remember(job) + ".v1.json")["output"]


@scenario
def formats(rig):
    """Each format can be read back, and has a row for each line of the input."""
    start(rig)
    jobs, answers = nasty_run(rig)
    printed, said = result(rig, "--run", "nasty", "--lines", code=1)
    equal(printed.count("\n"), len(jobs), "lines of --lines")
    equal(printed.split("\n")[:-1], ["\\N" if a is None else escaped(a) for a in answers], "lines")
    equal(len(said.splitlines()), answers.count(None), "a reason for each failure")
    printed, _ = result(rig, "nasty", "-0", code=1, binary=True)
    equal(printed.decode().split("\0")[:-1], ["\\N" if a is None else a for a in answers], "-0")
    printed, _ = result(rig, "nasty", "--format", "csv", code=1, binary=True)
    rows = list(csv.DictReader(io.StringIO(printed.decode(), newline="")))
    equal([row["answer"] for row in rows], [a or "" for a in answers], "CSV")
    equal([row["text"] for row in rows], [job["metadata"]["text"] for job in jobs], "its columns")
    printed, _ = result(rig, "nasty", "--format", "tsv", code=1, binary=True)
    lines = printed.decode().split("\n")[:-1]
    equal(lines[0], "text\tn\tanswer\tstatus\terror\tid", "header of TSV")
    equal([line.split("\t")[2] for line in lines[1:]],
          ["\\N" if a is None else escaped(a) for a in answers], "TSV")
    printed, _ = result(rig, "nasty", "--format", "jsonl", code=1)
    equal([json.loads(line)["answer"] for line in printed.split("\n")[:-1]], answers, "JSONL")
    printed, _ = result(rig, "nasty", "--format", "json", code=1)
    equal([row["status"] for row in json.loads(printed)],
          ["failed" if a is None else "completed" for a in answers], "JSON")
    _, said = result(rig, "nasty", "--format", "yaml", code=64)
    expect("yaml is none of text" in said, said)


@scenario
def submitted_formats(rig):
    """Formats of a submission; what failed has its place, its reason and its line of --errors."""
    start(rig)
    errors = os.path.join(rig.folder, "errors")
    words = ["one", FAILING + "two", "three, four"]
    printed, said = submit(rig, "--format", "csv", "--errors", errors, *words, code=1)
    rows = list(csv.DictReader(io.StringIO(printed)))
    equal([(row["answer"], row["status"]) for row in rows],
          [("one", "completed"), ("", "failed"), ("three, four", "completed")], "rows")
    expect("1 of 3 not answered (1 failed)" in said, said)
    with open(errors, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    equal([(line["position"], line["status"], line["reason"]) for line in lines],
          [(1, "failed", "context_length_exceeded")], "--errors")
    equal(lines[0]["message"], rows[1]["error"], "its message")
    printed, _ = submit(rig, "--format", "json", "--unordered", "one")
    equal([row["answer"] for row in json.loads(printed)], ["one"], "a document of JSON")


@scenario
def output_dir(rig):
    """A file for each answer, named; nothing outside of the folder, nothing half written."""
    start(rig)
    folder = os.path.join(rig.folder, "out")
    submit(rig, "--output-dir", folder, "one", FAILING + "two", "three", code=1)
    equal(sorted(os.listdir(folder)), ["1.txt", "3.txt"], "files")
    with open(os.path.join(folder, "3.txt"), encoding="utf-8") as file:
        equal(file.read(), "three", "an answer")
    submit(rig, "--output-dir", folder, "--name", "report", "--format", "json", "four")
    with open(os.path.join(folder, "report.json"), encoding="utf-8") as file:
        equal(json.load(file)["answer"], "four", "a named answer")
    os.symlink(rig.folder, os.path.join(folder, "5"))
    _, said = submit(rig, "--output-dir", os.path.join(folder, "1.txt"), "five", code=71)
    expect("--output-dir" in said, said)
    submit(rig, "--output-dir", folder, "--format", "csv", "five", code=64)


@scenario
def before(rig):
    """What was answered from before is told once, with its age."""
    start(rig)
    submit(rig, "one", "two")
    _, said = submit(rig, "one", "two", "three")
    lines = [line for line in said.splitlines() if "from before" in line]
    equal(len(lines), 1, "told once")
    expect("2 of 3 answered from before, oldest " in lines[0] and "--fresh" in lines[0], lines[0])
    _, said = submit(rig, "--quiet", "one", "two")
    equal(said, "", "with --quiet")


# --- ends ----------------------------------------------------------------------------------------


@scenario
def halt(rig):
    """soon waits for what was submitted; now cancels what waits."""
    start(rig)
    words = [FAILING + text for text in prompts(4)] + ["good"]
    printed, said = submit(rig, "--halt", "soon,fail=2", *words, code=1)
    equal(printed, "good\n", "what was submitted goes on")
    expect("halted: " in said, said)
    held = rig.spool.remember({"model": "m", "prompt": "held"})
    rig.spool.switch("hold." + held)
    printed, said = submit(rig, "--halt", "now,fail=50%", "--format", "csv",
                           *[FAILING + text for text in prompts(4, "No")], "held", code=1)
    equal(list(csv.DictReader(io.StringIO(printed)))[-1]["status"], "cancelled", "the held one")
    for text in ("soon", "soon,fail=0", "later,fail=1", "now,fail=101%", "now,fail=-1"):
        _, said = submit(rig, "--halt", text, "x", code=64)
        expect(text in said, said)


@scenario
def closed(rig):
    """With head behind it, it ends by SIGPIPE, the work goes on and the way back is told."""
    start(rig)
    command = spawn(program("llmspool-submit", rig, "--wait", *prompts(3), "hung[[mock:hang]]",
                            *prompts(2000, "More")), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(command.stdout.readline(), b"Say number 0\n", "the first line")
    command.stdout.close()
    # What can be written without a reader is not there before the hung one ends: it is cancelled.
    hung = rig.spool.remember({"model": "m", "prompt": "hung[[mock:hang]]"})
    until(lambda: hung in rig.spool.jobs("cur"), "the job")
    rig.spool.order("cancel", hung)
    command.stdout = None
    said = command.communicate(timeout=PATIENCE)[1].decode()
    equal(command.returncode, -signal.SIGPIPE, f"its end ({said})")


@scenario
def interrupted(rig):
    """Interrupted, it says how to come back; the work goes on, or is cancelled where that is wanted."""
    rig.mock()
    rig.spool.switch("pause")
    rig.daemon()
    for number, extra in ((signal.SIGINT, []), (signal.SIGHUP, []),
                          (signal.SIGINT, ["--cancel-on-interrupt"])):
        command = spawn(program("llmspool-submit", rig, "--wait", *extra, "one", "two"),
                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        line = command.stderr.readline().decode()
        expect("still waiting: paused" in line, line)
        command.send_signal(number)
        said = command.communicate(timeout=PATIENCE)[1].decode()
        equal(command.returncode, 130, "exit code")
        expect("interrupted; 2 " in said, said)
        expect(("llmspool-wait" in said) != bool(extra), said)
    rig.spool.switch("pause", False)
    until(lambda: len(rig.spool.jobs("failed")) == 2, "both are cancelled")
    printed, _ = submit(rig, "one", "two")
    equal(printed, "one\ntwo\n", "the same command again")


@scenario
def repeated(rig):
    """Killed at any moment and repeated, it prints the same bytes, and nothing is paid twice."""
    random = seed()
    start(rig)
    rig.mocks[-1].configure(latency="2ms")
    words = [*prompts(200), *prompts(20)]
    wanted = "".join(word + "\n" for word in words)
    for _ in range(3):
        command = spawn(program("llmspool-submit", rig, "--wait", *words),
                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            command.wait(random.uniform(0.02, 0.5))
        except subprocess.TimeoutExpired:
            command.kill()
            command.wait()
    printed, _ = submit(rig, *words)
    equal(printed, wanted, "what the last one prints")
    equal(rig.mocks[-1].requests(), 200, "requests")


def on_terminal(rig, columns, *words, **variables):
    """Runs a submission on a terminal of so many columns; returns its exit code and what was seen."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = spawn(program("llmspool-submit", rig, "--wait", *words), stdin=follower,
                    stdout=subprocess.DEVNULL, stderr=follower,
                    env={**os.environ, "TERM": "xterm", **variables})
    os.close(follower)
    seen = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # no program has the terminal any more
            break
        if not part:
            break
        seen += part
    os.close(leader)
    return command.wait(PATIENCE), seen.decode()


def drawings(seen):
    """The lines that were drawn over each other."""
    return [part.split("\033[K")[0] for part in seen.split("\r") if "done" in part]


@scenario
def terminal(rig):
    """Progress on a terminal: no wider than it, no colour where none is wanted, gone at the end."""
    start(rig)
    words = [*[text + "[[mock:ok,latency=700ms]]" for text in prompts(5)], FAILING + "bad"]
    for columns in (30, 120):
        code, seen = on_terminal(rig, columns, *[f"{columns} {word}" for word in words],
                                 NO_COLOR="1")
        equal(code, 1, seen)
        lines = drawings(seen)
        expect(any("/6 done, 1 failed" in line for line in lines), seen)
        expect(all(len(line) < columns for line in lines), seen)
        expect("\033[31m" not in seen, seen)
        equal(any("[" in line for line in lines), columns == 120, "a bar")
        expect("1 of 6 not answered (1 failed)" in seen.split("\033[K")[-1], "its last words")
    code, seen = on_terminal(rig, 80, *[f"red {word}" for word in words], NO_COLOR="")
    expect("\033[31m1 failed\033[0m" in seen, seen)
    code, seen = on_terminal(rig, 80, "--quiet", "quiet[[mock:ok,latency=700ms]]")
    equal((code, seen), (0, ""), "with --quiet")


# --- runs ----------------------------------------------------------------------------------------


def many(rig, count):
    jobs = [{"model": "m", "prompt": f"Line {i % (count - 10)}", "metadata": {"n": i}}
            for i in range(count)]
    drop_run(rig, "many", jobs)
    return [job["prompt"] for job in jobs]


@scenario
def runs(rig):
    """A run is waited for and printed by its name, in the order of its input, while it is taken, too."""
    rig.mock()
    wanted = many(rig, 2500)
    waiting = spawn(program("llmspool-wait", rig, "-q", "many"), stderr=subprocess.PIPE)
    rig.daemon()
    equal(waiting.wait(PATIENCE), 0, "llmspool-wait RUN")
    waiting.stderr.close()
    printed, _ = result(rig, "--run", "many", "--lines")
    equal(printed.splitlines(), wanted, "answers")
    equal(result(rig, "many")[0].splitlines(), wanted, "by its name as a word")
    call("llmspool-wait", rig, "--run", "many", "--state", "completed", "--any")
    call("llmspool-wait", rig, "no-such-run", code=69)


@scenario
def unfinished(rig):
    """Rows of a run that goes on keep their places; the exit code says that it does."""
    rig.mock()
    rig.daemon()
    drop_run(rig, "two", [{"model": "m", "prompt": "slow[[mock:hang]]"},
                          {"model": "m", "prompt": "quick"}])
    until(lambda: len(rig.spool.jobs("done")) == 1, "the quick one")
    printed, said = result(rig, "two", "--lines", code=75)
    equal(printed, "\\N\nquick\n", "lines")
    expect("it has not ended" in said, said)
    call("llmspool-wait", rig, "two", "--timeout", "300ms", code=75)
    call("llmspool-wait", rig, "two", "--any")
    call("llmspool-ctl", rig, "cancel", "two")
    call("llmspool-wait", rig, "two", "-q", code=1)


@scenario
def orders(rig):
    """A run's name means its jobs, in orders too."""
    rig.mock()
    rig.spool.switch("pause")
    rig.daemon()
    drop_run(rig, "both", [{"model": "m", "prompt": "a"}, {"model": "m", "prompt": FAILING + "b"}])
    until(lambda: len(rig.spool.jobs("cur")) == 2, "both are taken")
    call("llmspool-ctl", rig, "hold", "both")
    equal(len([n for n in rig.spool.names("ctl") if n.startswith("hold.")]), 2, "held")
    call("llmspool-ctl", rig, "release", "both")
    rig.spool.switch("pause", False)
    call("llmspool-wait", rig, "both", "-q", code=1)
    said = call("llmspool-ctl", rig, "--dry-run", "retry", "both")[1]
    equal(len(said.splitlines()) <= 1, True, "one is tried again")
    call("llmspool-ctl", rig, "cancel", "neither", code=69)


@scenario
def archives(rig):
    """Archived answers are printed as if they were there, and have ended for who waits."""
    start(rig)
    jobs, answers = nasty_run(rig)
    wanted = [result(rig, "nasty", "--format", f, code=1)[0] for f in ("text", "csv", "jsonl")]
    subprocess.run([os.path.join(BUILD, "llmspool-archive"), "create", "-s", rig.spool.path,
                    "--older-than", "0", "--failed", "--state",
                    "completed,failed"], check=True, timeout=PATIENCE,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    equal(rig.spool.jobs("done") | rig.spool.jobs("failed"), set(), "all are put away")
    found = [result(rig, "nasty", "--format", f, code=1)[0] for f in ("text", "csv", "jsonl")]
    equal(found, wanted, "a run from the archive")
    first = rig.spool.remember(jobs[0])
    equal(result(rig, first)[0], answers[0] + "\n", "one answer")
    equal(json.loads(result(rig, "--request", "--json", first)[0])["prompt"], jobs[0]["prompt"],
          "its job")
    call("llmspool-wait", rig, "nasty", "-q", code=1)
    call("llmspool-wait", rig, first)


if __name__ == "__main__":
    run_scenario()
