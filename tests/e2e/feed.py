# SPDX-License-Identifier: GPL-2.0-or-later
"""feed: lines, rows, objects and files through llmspool-submit, end to end."""
import csv
import glob
import io
import json
import os
import pty
import signal
import subprocess
import time

from rig import (BUILD, LONG, PATIENCE, equal, expect, run_scenario, scenario, seed, spawn, until)

SUBMIT = os.path.join(BUILD, "llmspool-submit")


def command(rig, *words):
    return [SUBMIT, "-s", rig.spool.path, *words]


def submit(rig, *words, code=0, data=b"", **options):
    """Runs it; returns what it printed on stdout and stderr."""
    data = data.encode() if isinstance(data, str) else data
    done = subprocess.run(command(rig, *words), input=data, capture_output=True, check=False,
                          timeout=PATIENCE * (15 if LONG else 1), **options)
    equal(done.returncode, code, f"exit code of {words}: {done.stderr.decode()[-600:]}")
    return done.stdout.decode(), done.stderr.decode()


def lines(count, text="Say line"):
    return "".join(f"{text} {i}\n" for i in range(count))


def write(rig, name, data):
    path = os.path.join(rig.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data.encode() if isinstance(data, str) else data)
    return path


def listed(rig):
    """The lists in new/, each as its header and jobs."""
    found = []
    for name in rig.spool.names("new", ".jsonl"):
        records = rig.spool.lines("new", name)
        found.append((records[0], records[1:]))
    return sorted(found, key=lambda pair: pair[0]["first"])


def nothing_dropped(rig, why):
    equal(rig.spool.names("new"), [], f"files in new/ {why}")


def positions(rig, run):
    """What a run's manifest says: the job of each position."""
    return {line["position"]: line["id"] for line in rig.spool.lines("runs", run, "manifest.jsonl")}


# --- the main road -----------------------------------------------------------------------------------


@scenario
def killed_and_repeated(rig):
    """2,501 lines (100,001 with --long), submit and daemon killed meanwhile: the third run's output is that of an undisturbed one."""
    chance = seed()
    count = 100_000 if LONG else 2500
    text = lines(count) + "Say line 7\n"
    path = write(rig, "reviews.txt", text)
    mock = rig.mock("--latency", "20ms")
    words = ("--lines", path, "--wait", "--run", "reviews")
    for line in text.splitlines():
        rig.spool.remember({"model": "m", "prompt": line})
    for _ in range(2):
        daemon = rig.daemon()
        process = spawn(command(rig, *words), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.05, 20 if LONG else 0.8))
        process.kill()
        found = process.communicate()[0].decode()
        expect(text.startswith(found), "what was printed before the kill is no beginning of it all")
        daemon.kill()
    rig.daemon()
    found, _ = submit(rig, *words)
    equal(found == text, True, "the third run's answers are those of an undisturbed one")
    for name in rig.spool.names("tmp"):  # what a killed dropper left is nobody's
        os.unlink(rig.spool.at("tmp", name))
    rig.judge()
    rig.completed()
    equal(len(positions(rig, "reviews")), count + 1, "positions of the run")
    asked = mock.requests()
    found, told = submit(rig, *words)
    equal(found == text, True, "the fourth run's answers, too")
    equal(mock.requests(), asked, "requests after a run that was complete")
    expect(f"{count + 1} of {count + 1} answered from before" in told, f"it is not told: {told}")


@scenario
def inputs(rig):
    """Each kind of input gives its answers in its order, one for each record."""
    rig.mock()
    rig.daemon()
    table = io.StringIO()
    rows = [["id", "text"]] + [[str(i), t] for i, t in
                               enumerate(['plain', 'a, b', 'say "hi"', 'two\nlines', '日本 é'])]
    csv.writer(table).writerows(rows)
    wanted = [row[0] + ":" + row[1] for row in rows[1:]]
    escaped = [text.replace("\n", "\\n") for text in wanted]
    path = write(rig, "rows.csv", "\ufeff" + table.getvalue())
    found, _ = submit(rig, "--wait", "--csv", path, "--template", "{id}:{text}")
    equal(found.split("\n")[:-1], escaped, "answers to rows")
    table = io.StringIO()
    csv.writer(table, dialect="excel-tab").writerows(rows)
    found, _ = submit(rig, "--wait", "--tsv", "--template", "{1}:{2}", data=table.getvalue())
    equal(found.split("\n")[:-1], escaped, "answers to rows with tabs")
    objects = "".join(json.dumps(dict(zip(rows[0], row))) + "\n\n" for row in rows[1:])
    found, _ = submit(rig, "--wait", "--jsonl", "--template", "{id}:{text}", data=objects)
    equal(found.split("\n")[:-1], escaped, "answers to objects")
    jobs = "".join(json.dumps({"prompt": text}) + "\n" for text in wanted)
    found, _ = submit(rig, "--wait", "--jsonl", data=jobs)
    equal(found.split("\n")[:-1], escaped, "answers to jobs")
    found, _ = submit(rig, "--wait", "-0", data="\0".join(wanted))
    equal(found.split("\0")[:-1], wanted, "answers to texts that NUL ends")
    equal(len(rig.spool.jobs("done")), len(wanted), "jobs, as all asked the same")


@scenario
def files_of_folders(rig):
    """Folders and patterns: one job a file, with its name; what is filtered out is not read."""
    for name in ("a.txt", "b.md", "sub/c.txt", "sub/deep/d.txt", ".hidden.txt", "skip/e.txt", "two words.txt"):
        write(rig, "tree/" + name, f"text of {name}")
    tree = os.path.join(rig.folder, "tree")
    found, _ = submit(rig, "--dry-run", "--each-file", tree, "--include", "*.txt", "--exclude", "skip")
    jobs = [json.loads(line) for line in found.splitlines()]
    equal([(job["prompt"], job.get("name")) for job in jobs],
          [("text of a.txt", "a.txt"), ("text of sub/c.txt", "sub.c.txt"),
           ("text of sub/deep/d.txt", "sub.deep.d.txt"), ("text of two words.txt", None)],
          "jobs of a folder")
    found, _ = submit(rig, "--dry-run", "--each-file", tree + "/*.{txt,md}", "--template", "{file}: {}")
    equal([json.loads(line)["prompt"] for line in found.splitlines()],
          [f"{tree}/{n}: text of {n}" for n in ("a.txt", "b.md", "two words.txt")], "jobs of a pattern")
    found, _ = submit(rig, "--dry-run", "--name", "mine", "-f", f"{tree}/a.txt")
    equal(json.loads(found)["name"], "mine", "name that was given")
    _, told = submit(rig, "--each-file", tree + "/none*", code=65)
    expect("no such file or folder" in told, told)
    nothing_dropped(rig, "after all this")


@scenario
def slow_input(rig):
    """What was written is answered before more comes."""
    rig.mock()
    rig.daemon()
    process = spawn(command(rig, "--lines", "--wait"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL)
    for i in range(3):
        process.stdin.write(f"Say {i}\nSay".encode() if i == 0 else f" half {i}\nSay".encode())
        process.stdin.flush()
        equal(process.stdout.readline().decode(), "Say 0\n" if i == 0 else f"Say half {i}\n",
              "the answer to what was written")
    process.stdin.close()
    equal(process.stdout.read(), b"Say\n", "the answer to the last line, which no newline ends")
    equal(process.wait(PATIENCE), 0, "exit code")
    process.stdout.close()


# --- runs ----------------------------------------------------------------------------------------------


@scenario
def lists_of_a_run(rig):
    """A run lies in lists of 1,000 jobs that say where they begin; one job is none."""
    found, told = submit(rig, "--lines", "--max-cost", "2.50", "--samples", "2", "--limit", "1100",
                         data=lines(2000))
    ids = found.split()
    equal(len(ids), 2200, "IDs")
    lists = listed(rig)
    equal([(head["first"], len(jobs)) for head, jobs in lists], [(0, 1000), (1000, 1000), (2000, 200)],
          "lists")
    run = lists[0][0]["run"]
    expect(f"run {run}\n" in told, told)
    expect(run.startswith(time.strftime("%Y-%m-%d-stdin-")), run)
    equal({(head["run"], head["max_cost"]) for head, _ in lists}, {(run, "2.50")}, "headers")
    equal([job["sample"] for _, jobs in lists for job in jobs], [1, 2] * 1100, "samples")
    equal(lists[2][1][-1]["prompt"], "Say line 1099", "the last record")
    found, _ = submit(rig, "--lines", "--print-id", "--samples", "2", "--limit", "1100",
                      data=lines(2000))
    equal(found.split(), ids, "IDs that are only printed")
    for name in rig.spool.names("new"):
        os.unlink(rig.spool.at("new", name))
    submit(rig, "--lines", data="just one\n")
    equal([name.count(".json") for name in rig.spool.names("new", ".json")], [1], "one job's file")


@scenario
def another_command_goes_on(rig):
    """The same run again keeps its positions; without --run a new one finds the work done."""
    mock = rig.mock()
    rig.daemon()
    submit(rig, "--lines", "--run", "r", "--wait", "--limit", "600", data=lines(1500))
    submit(rig, "--lines", "--run", "r", "--wait", data=lines(1500))
    equal(sorted(positions(rig, "r")), list(range(1500)), "positions")
    submit(rig, "--lines", "--wait", data=lines(1500))
    equal(len(rig.spool.names("runs")), 2, "runs")
    equal(mock.requests(), 1500, "requests")
    _, told = submit(rig, "--lines", "--run", "deadbeef", code=64, data="x\n")
    expect("--run deadbeef is no name" in told, told)


@scenario
def room(rig):
    """--max-waiting: no more than that many wait, until there is a daemon that takes them."""
    path = write(rig, "lines", lines(5000))
    process = spawn(command(rig, "--lines", path, "--max-waiting", "2000"), stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE)
    told = process.stderr.readline() + process.stderr.readline()
    expect(b"2000 jobs wait in the spool" in told, told)
    equal(len(listed(rig)), 2, "lists while it waits")
    rig.mock()
    rig.daemon()
    equal(process.wait(PATIENCE), 0, "exit code")
    process.stderr.close()
    until(lambda: len(rig.spool.jobs("done")) == 5000, "all jobs done")


# --- what is refused ---------------------------------------------------------------------------------------


@scenario
def refused(rig):
    """What is wrong in a file is found before anything is dropped, and told by file and line."""
    good = lines(1500).encode()
    path = write(rig, "lines", good + b"caf\xe9\n" + good)
    _, told = submit(rig, "--lines", path, code=65)
    expect(f"{path}, line 1501: the prompt is not text in UTF-8: byte 4 is not part" in told, told)
    nothing_dropped(rig, "after a line that is no text")
    path = write(rig, "nul", good + b"a\0b\n")
    _, told = submit(rig, "--lines", path, code=65)
    expect("line 1501: the prompt is not text in UTF-8: byte 2 is NUL" in told, told)
    path = write(rig, "empty", good + b"\n")
    _, told = submit(rig, "--lines", path, code=65)
    expect("line 1501" in told and "must be text that is not empty" in told, told)
    objects = "".join(json.dumps({"a": i}) + "\n" for i in range(1500))
    path = write(rig, "objects", objects + '{"b": 1}\n')
    _, told = submit(rig, "--jsonl", path, "--template", "{a}", code=65)
    expect("line 1501: there is nothing for {a} of the template; it has b" in told, told)
    for text, words in (('a,b\n1,2\n3\n', "line 3: it has 1 cells, and the first row has 2"),
                        ('a,a\n1,2\n', "line 1: two columns have the name a"),
                        ('a,b\n"x\ny",1\n"z,2\n', "line 4: cell 1 begins with a quote that is never"),
                        ('a,b\n"x"y,2\n', "line 2: cell 1 has something behind"),
                        ('a,b\n1,2\n', "line 2: there is nothing for {text} of the template; it has a, b")):
        path = write(rig, "rows.csv", text)
        _, told = submit(rig, "--csv", path, "--template", "{text}{a}" if "nothing" in words else "{a}",
                         code=65)
        expect(words in told, f"{words!r} is not in {told!r}")
    _, told = submit(rig, "--csv", path, code=65)
    expect("there is no column prompt; say with --template" in told, told)
    _, told = submit(rig, "--lines", "--template", "an { alone", code=65, data=good)
    expect("the { at character 4 begins no {name}" in told, told)
    _, told = submit(rig, "--lines", "--template", "{column}", code=65, data=good)
    expect("standard input, line 1: there is nothing for {column}" in told, told)
    _, told = submit(rig, "--lines", "/no/such", code=65)
    expect("/no/such cannot be read" in told, told)
    for words in (("--lines", "--csv"), ("--try", "0"), ("--limit", "x"), ("--max-cost", "-1"),
                  ("--template", "a", "--template-file", "b")):
        submit(rig, "x", *words, code=64)
    nothing_dropped(rig, "after all that was refused")


@scenario
def refused_in_a_stream(rig):
    """Of what can be read once only the lists before a fault stay, and it is told where the fault is."""
    found, told = submit(rig, "--lines", "--run", "r", code=65, data=lines(2500).encode() + b"\xff\n")
    expect("standard input, line 2501" in told, told)
    equal(len(found.split()), 2000, "IDs of jobs that are durable")
    equal([len(jobs) for _, jobs in listed(rig)], [1000, 1000], "lists that stay")


# --- money -----------------------------------------------------------------------------------------------


def prices(rig):
    """A file in which a model's answers are dear: 2,500 of them likely cost 7.50."""
    return write(rig, "prices.json", json.dumps(
        {"date": "2026-02-10", "currency": "USD", "models": {"dear": {"input": 0, "output": 10}}}))


def home(rig, text):
    """An environment whose client file says text."""
    write(rig, "home/.config/llmspool/llmspool.conf", text)
    return {"env": {**os.environ, "HOME": os.path.join(rig.folder, "home")}}


@scenario
def money(rig):
    """What is likely dearer than confirm_above is asked about first, and refused where nobody can be asked."""
    path = write(rig, "lines", lines(2500))
    dear = ("--lines", "-m", "dear", "--prices", prices(rig))
    words = (*dear, path)
    told = submit(rig, *words, "--estimate", "--json")[0]
    likely = json.loads(told)["cost"]["likely"]
    expect(5 < likely < 50, f"the likely cost is {likely}")
    _, told = submit(rig, *words, code=64)
    expect("2500 requests will likely cost" in told and "nothing was submitted" in told, told)
    expect("above 5.00 (confirm_above)" in told and "--yes" in told, told)
    nothing_dropped(rig, "without consent")
    submit(rig, *words, **home(rig, "confirm_above = never\n"))
    equal(len(listed(rig)), 3, "lists")
    submit(rig, *words, "--max-cost", "1")
    submit(rig, *words, "--yes")
    equal(len(listed(rig)), 9, "lists of what was agreed to")
    before = len(listed(rig))
    _, told = submit(rig, *dear, code=64, data=lines(2500),
                     **home(rig, "confirm_above = 4.00\n"))
    expect("so far" in told and "the jobs before were submitted" in told, told)
    equal(len(listed(rig)), before + 1, "lists of a stream until it became too dear")
    _, told = submit(rig, *words, code=65, **home(rig, "confirm_above = much\n"))
    expect("confirm_above = much is neither a sum" in told, told)


@scenario
def done_costs_nothing(rig):
    """--estimate of what is answered already, and of lines that are the same."""
    rig.mock()
    rig.daemon()
    submit(rig, "--lines", "--wait", data=lines(1200))
    told = json.loads(submit(rig, "--lines", "--estimate", "--json",
                             data=lines(1500) + lines(1300))[0])
    equal((told["requests"], told["done"], told["again"]), (300, 1200, 1300), "what would be asked")


def on_a_terminal(rig, words, answer, path):
    """Runs it on a terminal of its own with stdin from path; returns its exit code and what was shown."""
    child, terminal = pty.fork()
    if child == 0:
        os.dup2(os.open(path, os.O_RDONLY), 0)
        os.dup2(os.open(os.path.join(rig.folder, "answers"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.execv(SUBMIT, command(rig, *words))
    shown = b""
    try:
        while b"[y/N]" not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, answer)
        while True:
            shown += os.read(terminal, 4096)
    except OSError:  # its other end is closed
        pass
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode(errors="replace")


@scenario
def asked_on_a_terminal(rig):
    """The question comes on the terminal, whatever stdin is; only yes goes on."""
    path = write(rig, "lines", lines(2500))
    words = ("--lines", "-m", "dear", "--prices", prices(rig))
    code, shown = on_a_terminal(rig, words, b"\n", path)
    equal(code, 75, f"exit code after no answer: {shown}")
    expect("nothing was submitted" in shown, shown)
    nothing_dropped(rig, "after no")
    code, shown = on_a_terminal(rig, words, b"y\n", path)
    equal(code, 0, f"exit code after yes: {shown}")
    equal(len(listed(rig)), 3, "lists")


@scenario
def some_first(rig):
    """--try asks a few, tells of the rest and stops, or goes on where that is wanted, paying for none twice."""
    mock = rig.mock()
    rig.daemon()
    words = ("--lines", "--wait", "--run", "r", "--try", "5")
    found, told = submit(rig, *words, data=lines(1500))
    equal(found, "", "answers on stdout")
    equal(mock.requests(), 5, "requests of the trial")
    expect("the rest   1495 requests" in told and "the same command with --yes" in told, told)
    expect(told.count("Say line") == 10, f"prompts and answers shown: {told}")
    equal(len(positions(rig, "r")), 5, "positions of the trial")
    path = write(rig, "lines", lines(1500))
    code, shown = on_a_terminal(rig, words, b"n\n", path)
    equal(code, 0, f"exit code: {shown}")
    expect("the rest was not submitted" in shown, shown)
    found, _ = submit(rig, *words, "--yes", data=lines(1500))
    equal(found, lines(1500), "all answers, in order")
    equal(mock.requests(), 1500, "requests")
    equal(len(positions(rig, "r")), 1500, "positions")


@scenario
def ids_for_xargs(rig):
    """IDs one a line, or ended by NUL."""
    found, _ = submit(rig, "-0", "-q", data="a\nb\0c\0")
    equal([len(word) for word in found.split("\0")], [64, 64, 0], "IDs ended by NUL")
    found, told = submit(rig, "--lines", "--json", "-q", data="a\nb\n")
    equal([len(json.loads(line)["id"]) for line in found.splitlines()], [64, 64], "IDs as JSON")
    equal(told, "", "words on stderr with --quiet")


@scenario
def interrupted(rig):
    """Ctrl-C while it waits for input: what was submitted goes on, and the same command is told of."""
    rig.mock("--latency", "300s")
    rig.daemon()
    process = spawn(command(rig, "--lines", "--wait", "--run", "r"), stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b"one\ntwo\n")
    process.stdin.flush()
    until(lambda: len(glob.glob(rig.spool.at("cur", "*.json"))) == 2, "both jobs accepted")
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=PATIENCE)[1].decode()
    equal(process.returncode, 130, f"exit code: {told}")
    expect("r" in told and "2 " in told, told)


if __name__ == "__main__":
    run_scenario()
