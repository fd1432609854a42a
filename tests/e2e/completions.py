# SPDX-License-Identifier: GPL-2.0-or-later
"""completions: what bash, zsh and fish offer for words of command lines."""
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time

from rig import BUILD, PATIENCE, Failure, Skip, equal, expect, run_scenario, scenario, until

SOURCE = os.environ["LLMSPOOL_SOURCE"]
WORDS = os.path.join(SOURCE, "spool-layout", "completions", "words")
with open(os.path.join(SOURCE, "spool-layout", "completions", "llmspool.bash.in"), encoding="utf-8") as file:
    COMMANDS = re.findall(r"\bllmspoold?(?:-[a-z]+)?\b", file.read().partition("complete -F _llmspool ")[2])


def glue(rig, name):
    """The shell's file, with the script where it lies in the sources."""
    path = os.path.join(rig.folder, name)
    with open(os.path.join(BUILD, "spool-layout", "completions", name), encoding="utf-8") as file:
        text = re.sub(r"'[^']*/completions/words'", f"'{WORDS}'", file.read())
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def environment(rig):
    return {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "LLMSPOOL_DIR": rig.spool.path,
            "HOME": rig.folder, "TERM": "dumb"}


def bash(rig, *words):
    """What bash offers in place of the last word."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1));'
              '_llmspool "$1" "${@: -1}" "${@: -2:1}"; printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", script, "bash", glue(rig, "llmspool.bash"), *words], check=True,
                          capture_output=True, timeout=PATIENCE, env=environment(rig))
    equal(done.stderr.decode(), "", f"bash says, for {words}")
    return sorted(done.stdout.decode().split("\n")[:-1]) if done.stdout != b"\n" else []


def help_of(*command):
    return subprocess.run([os.path.join(BUILD, command[0]), *command[1:], "--help"], check=True,
                          capture_output=True, timeout=PATIENCE).stdout.decode()


def options_of(*command):
    found = set(re.findall(r"(?<![\w-])(--[a-z][a-z0-9-]*|-[a-zA-Z](?![\w-]))", help_of(*command)))
    return sorted(found)


def accepts(rig, command, option):
    """Whether the command knows the option: it complains of another one, not of this."""
    wrong = "--no-such-option"
    done = subprocess.run([os.path.join(BUILD, command[0]), *command[1:], option, wrong, wrong], check=False,
                          capture_output=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
                          env={**environment(rig), "LLMSPOOL_DIR": os.path.join(rig.folder, "none")})
    return not re.search(rf"option\W+{option.lstrip('-')}(?![\w-])", done.stderr.decode())


def all_commands():
    with open(os.path.join(SOURCE, "bin", "Makemodule.am"), encoding="utf-8") as file:
        programs = re.findall(r"\bllmspoold?(?:-[a-z]+)?\b", " ".join(
            re.findall(r"^bin_PROGRAMS \+= (.*)$", file.read(), re.M)))
    equal(sorted(programs), sorted(COMMANDS), "the programs that bash completes")
    subcommands = re.findall(r"^  ([a-z]+)  ", help_of("llmspool-archive"), re.M)
    return [(p,) for p in programs if p not in ("llmspool", "llmspool-archive")] + [
        ("llmspool-archive", s) for s in subcommands]


@scenario
def options(rig):
    expect(not accepts(rig, ("llmspool-wait",), "--bogus"), "an unknown option is told from a known one")
    for command in all_commands():
        offered = bash(rig, *command, "-")
        equal(offered, options_of(*command), f"options of {command}")
        for option in offered:
            if option not in ("--help", "--version"):
                expect(accepts(rig, command, option), f"{command} takes no {option}")
    equal(bash(rig, "llmspool-status", "--ga"), ["--gates"], "an option that is begun")
    equal(bash(rig, "llmspool", "status", "--ga"), ["--gates"], "by way of llmspool")


def orders():
    with open(os.path.join(SOURCE, "src", "client", "verb.c"), encoding="utf-8") as file:
        return sorted(re.findall(r'\{"([a-z]+)", VERB_', file.read()) + ["forget"])


def busy_spool(rig):
    """Jobs with names, users, models and a run; a mock whose gate is known."""
    rig.mock()
    daemon = rig.daemon()
    jobs = [{"prompt": f"Say {i}", "name": f"report-{i}", "user": "ann", "model": "gpt-x"} for i in range(3)]
    ids = [rig.spool.drop(job) for job in jobs]
    rig.spool.drop_list([{"run": "reviews", "first": 0}, {"prompt": "one", "model": "gpt-y"}])
    until(lambda: len(rig.spool.jobs("done")) == 4, "the jobs' end")
    until(lambda: rig.spool.status()["gates"], "gates in status")
    daemon.stop()
    return ids


@scenario
def words(rig):
    ids = busy_spool(rig)
    names = ["report-0", "report-1", "report-2"]
    offered = bash(rig, "llmspool-result", "")
    for word in [*names, *ids, "reviews"]:
        expect(word in offered, f"{word} is offered as a job, not only {offered}")
    equal(bash(rig, "llmspool-wait", "rep"), names, "names that begin so")
    equal(bash(rig, "llmspool-status", ids[0][:10]), [ids[0]], "the ID that begins so")
    equal(bash(rig, "llmspool-archive", "get", "report-1"), ["report-1"], "jobs of a subcommand")
    equal(bash(rig, "llmspool-result", "--run", ""), ["reviews"], "runs")
    equal(bash(rig, "llmspool-submit", "--user", ""), ["ann"], "users")
    expect({"gpt-x", "gpt-y", "m"} <= set(bash(rig, "llmspool-submit", "-m", "")), "models")
    equal(bash(rig, "llmspool-submit", "--model", "=", "gpt-x"), ["gpt-x"], "a value behind =")
    equal(bash(rig, "llmspool-prune", "--archive-before-prune", ""), ["no", "yes"], "words of --help")
    expect({"chat", "embed"} <= set(bash(rig, "llmspool-submit", "--type", "")), "types")
    equal(bash(rig, "llmspool-submit", "--delay", ""), [], "a duration")
    offered = bash(rig, "llmspool-ctl", "")
    equal(offered, orders(), "orders")
    equal(bash(rig, "llmspool-ctl", "-q", "cancel", "report-2"), ["report-2"], "what an order is for")
    equal(bash(rig, "llmspool", "res"), ["result"], "commands")
    equal(bash(rig, "llmspool-archive", "ver"), ["verify"], "subcommands")
    open(os.path.join(rig.folder, "letter.txt"), "w", encoding="utf-8").close()
    equal(bash(rig, "llmspool-submit", "-f", os.path.join(rig.folder, "lett")),
          [os.path.join(rig.folder, "letter.txt")], "files")
    equal(bash(rig, "llmspool-check", "-s", rig.spool.path + "/by"), [rig.spool.path + "/by-name"], "folders")
    other = os.path.join(rig.folder, "none")
    equal(bash(rig, "llmspool-result", "-s", other, ""), [], "jobs of a spool that is not there")


def same(rig, offer):
    ids = busy_spool(rig)
    for line in (("llmspool-status", "--"), ("llmspool-wait", "report-"), ("llmspool-result", ids[1][:8]),
                 ("llmspool-archive", "ver"), ("llmspool", "ctl", "re"), ("llmspool-submit", "--user", "")):
        equal(offer(*line), bash(rig, *line), f"what is offered for {line}")


@scenario
def in_fish(rig):
    if shutil.which("fish") is None:
        raise Skip("fish is missing (Debian package: fish)")
    path = glue(rig, "llmspool.fish")

    def offer(*words):
        done = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C '{' '.join(words)}'"],
                              check=True, capture_output=True, timeout=PATIENCE, env=environment(rig))
        return sorted(line.split("\t")[0] for line in done.stdout.decode().splitlines())
    same(rig, offer)


@scenario
def in_zsh(rig):
    """zsh completes only at a terminal: keys are typed at one, and compadd is overheard."""
    if shutil.which("zsh") is None:
        raise Skip("zsh is missing (Debian package: zsh)")
    glue(rig, "_llmspool")
    heard = os.path.join(rig.folder, "heard")
    start = os.path.join(rig.folder, "start.zsh")
    with open(start, "w", encoding="utf-8") as file:
        file.write(f"fpath=({rig.folder} $fpath); autoload -Uz compinit; compinit -u -d {rig.folder}/dump\n"
                   "LISTMAX=100000\n"
                   "compadd() { local -a hits; builtin compadd -O hits \"$@\"\n"
                   f"    print -rl -- $hits >>{heard}; builtin compadd \"$@\"; }}\n"
                   f"overhear() {{ : >{heard}; zle complete-word; print end-of-it >>{heard}; }}\n"
                   "zle -N overhear; bindkey '^I' overhear\n")

    def ended():
        return os.path.exists(heard) and open(heard, encoding="utf-8").read().endswith("end-of-it\n")

    def offer(*words):
        if os.path.exists(heard):
            os.unlink(heard)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], environment(rig))
        seen, end = b"", time.monotonic() + PATIENCE
        os.write(terminal, f"source {start}; echo st''arted\n".encode())
        while not ended() and time.monotonic() < end:
            if select.select([terminal], [], [], 0.05)[0]:
                seen += os.read(terminal, 4096)
            if b"started\r" in seen:
                seen = b""
                os.write(terminal, (" ".join(words) + "\t").encode())
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
        if not ended():
            raise Failure(f"zsh says {seen.decode(errors='replace')!r}")
        with open(heard, encoding="utf-8") as file:
            return sorted({line for line in file.read().splitlines() if line not in ("", "end-of-it")})
    same(rig, offer)


@scenario
def bounded(rig):
    busy_spool(rig)
    trace = os.path.join(rig.folder, "calls")
    command = ["strace", "-f", "-o", trace, "-e", "trace=open,openat,chdir"]
    if shutil.which("strace") is None or subprocess.run([*command, "true"], check=False).returncode:
        raise Skip("strace cannot trace here (Debian package: strace)")
    for line in ("llmspool-result",), ("llmspool-ctl", "hold"), ("llmspool-submit", "-m"), ("llmspool-wait", "--run"):
        subprocess.run([*command, WORDS, "", *line], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE,
                       env=environment(rig))
        with open(trace, encoding="utf-8") as file:
            opened = file.read()
        expect(rig.spool.path in opened, "the spool is looked at")
        expect(not re.search(r'/(cur|done|failed|new)["/]', opened), f"{line} opens a folder of jobs")


run_scenario()
