# SPDX-License-Identifier: GPL-2.0-or-later
"""examples: the commands of README and of the manual pages' EXAMPLES, executed as they stand there."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from rig import BUILD, PATIENCE, equal, expect, run_scenario, scenario, spawn, until

SOURCE = os.environ["LLMSPOOL_SOURCE"]

# --- the tables ------------------------------------------------------------------------------------

# What does not run here, and why. It is held to the shell's grammar all the same.
NOT_HERE = [
    (r"^(sudo )?systemctl ", "needs systemd as the first process"),
    (r"^\./(quickstart|runtests)$", "they are what runs this, or build all once more"),
    (r"^\./bootstrap && \./configure", "installs; its parts are what tests begin with"),
    (r"^dpkg-buildpackage|^sudo apt install", "is what package.bats does"),
    (r"--watch( |$)|--follow( |$)", "needs a terminal, or ends when a person ends it: screen.bats has both"),
    (r"--mail ", "needs a daemon that sends mail: hooks.bats has one"),
    (r"^\$? ?duckdb ", "Debian has no package of it"),
    (r"^install -m 600 -o llmspool|^cat >/etc/llmspool/", "needs the service's user, and a key typed at a terminal"),
]

# What stands for a placeholder; {…} are places of the prepared world.
PLACEHOLDERS = [
    (r"(?<![\w.])ID(?![\w@.])", "{id}"),
    (r"(~/\.local/state/llmspool|~/llmspool|/var/spool/llmspool|/tmp/spool)\b", "{spool}"),
    (r"/etc/llmspool/", "{home}/etc/"),
    (r"127\.0\.0\.1:8080", "{mock}"),
    (r"--group (research|llmspool-users)\b", "--group {group}"),
    (r"llmspool-ctl forget", "llmspool-ctl forget --yes"),  # what a person says at the terminal
]

# A spool that is to be made is a new one.
INIT = re.compile(r"(llmspool-init .*?)\{spool\}")

# Commands that say by their exit code what they found, and with what they may leave.
CODES = [
    (r"llmspool-(result|wait).*(--run|- <ids|ids)", (0, 1), "some jobs of the run failed, on purpose"),
    (r"llmspool-wait (-$|.*reviews)", (0, 1), "what had failed may fail again"),
    (r"--audit|llmspool-check", (0, 1), "the prepared spool is worked on meanwhile"),
]

COMMAND = re.compile(r"^(\$ |# |[0-9]+ [0-9]+ \* \* [0-9*] |[A-Z_]+=\S+ +\S|(sudo|systemctl|dpkg-buildpackage|find|jq|"
                     r"echo|mv|python3|set|for|git|curl|install|cat|cut|id=\$\(|\./[a-z.]+|llmspool[a-z-]*)( |$))")
SERVER = re.compile(r"(^|\s)(llmspool-mock --listen|llmspoold(?! --probe| --check| .*--until-empty))")


# --- what the documents say ------------------------------------------------------------------------

def man_blocks(name):
    """The literal blocks of EXAMPLES, as a reader sees them."""
    with open(os.path.join(SOURCE, "man", name), encoding="utf-8") as file:
        section = re.search(r"^\.Sh EXAMPLES\n(.*?)(?=^\.Sh |\Z)", file.read(), re.M | re.S)
    if section is None:
        return []
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section.group(1), re.M | re.S)
    for roff, sign in (r"\e", "\\"), (r"\-", "-"), (r"\&", ""), (r"\(aq", "'"):
        blocks = [block.replace(roff, sign) for block in blocks]
    return blocks


def readme_blocks():
    """The indented blocks of README that begin with a command, or are a configuration."""
    with open(os.path.join(SOURCE, "README"), encoding="utf-8") as file:
        text = file.read()
    text = re.sub(r"^THE COMMANDS\n.*?(?=^[A-Z][A-Z ,]+$\n\n)", "", text, flags=re.M | re.S)
    blocks = []
    for block in re.findall(r"(?:^ {4}.*\n)+", text, re.M):
        block = re.sub(r"^ {4}", "", block, flags=re.M)
        if COMMAND.match(block):  # words beside a command, behind three spaces, are no part of it
            blocks.append(re.sub(r"(?<=\S) {3,}\S.*$", "", block, flags=re.M))
        elif re.match(r'provider "', block):
            blocks.append(block)
    return blocks


def commands_of(block):
    """A block's commands: each line with a prompt and what follows it; else the whole is one script."""
    if re.search(r"^[$#] ", block, re.M):
        return [part.strip("\n") for part in re.split(r"^[$#] ", block, flags=re.M) if part.strip()]
    if re.match(r"[0-9]+ [0-9]+ \* \*", block):
        return [re.sub(r"^(\S+ ){5}", "", line) for line in block.splitlines()]
    if re.match(r"(for|id=|python3|OPENAI|llmspool-mock|curl|set|cat|install|llmspool-init|echo|git)", block) or "\\\n" in block:
        return [block.strip("\n")]
    return re.sub(r"\|\n\s+", "| ", block.strip("\n")).splitlines()


def is_configuration(block):
    return not COMMAND.match(block) and re.search(r'^(provider|model|user) "', block, re.M)


def documents():
    pages = sorted(os.path.basename(path) for path in glob.glob(os.path.join(SOURCE, "man", "*.[1-9]")))
    return {"README": readme_blocks(), **{page: man_blocks(page) for page in pages}}


# --- the world in which they run -------------------------------------------------------------------

class World:
    """A spool with all that examples speak of, a mock and a daemon."""

    def __init__(self, rig):
        self.rig = rig
        self.home = os.path.join(rig.folder, "home")
        self.mock = rig.mock()
        self.daemon = None
        self.fresh = 0
        self.places = {"spool": rig.spool.path, "home": self.home, "mock": self.mock.url.partition("//")[2],
                       "group": subprocess.run(["id", "-gn"], check=True, capture_output=True, text=True).stdout.strip()}
        self.environment = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"], "HOME": self.home,
                            "LLMSPOOL_DIR": rig.spool.path, "OPENAI_API_KEY": "k",
                            "OPENAI_BASE_URL": self.mock.url + "/v1"}
        self.write_files()
        self.start()
        self.drop_jobs()

    def write_files(self):
        shutil.copytree(os.path.join(SOURCE, "spool-layout", "clients"), self.home)
        os.mkdir(os.path.join(self.home, "etc"))
        os.mkdir(os.path.join(self.home, "letters"))
        shutil.copy(os.path.join(SOURCE, "README"), os.path.join(self.home, "letters", "one.txt"))
        files = {"question.txt": "What is a spool?", "letter.txt": "Dear Eve, I am 33.", "openai.key": "k\n",
                 "person.json": '{"type": "object", "properties": {"age": {"type": "integer"}},'
                                ' "required": ["age"], "additionalProperties": false}',
                 "job.json": '{"prompt": "From a client"}', "ids": "", "reviews.tsv": "1\ta\tgood\n2\tb\tbad\n",
                 "items.csv": "lang,text\nGerman,one\nFrench,two\n", "prompt.txt": "Answer this: {}\n",
                 "chart.png": "\u0089PNG\r\n\u001a\n", "report.pdf": "%PDF-1.4\n",
                 "nightly.jsonl": json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {
                     "model": "m", "messages": [{"role": "user", "content": "Say one"}]}}) + "\n"}
        for name, text in files.items():
            with open(os.path.join(self.home, name), "w", encoding="latin-1") as file:
                file.write(text)
        with open(os.path.join(SOURCE, "spool-layout", "providers", "openai.conf"), encoding="utf-8") as file:
            text = file.read().replace("https://api.openai.com", self.mock.url)
        with open(os.path.join(self.home, "openai.conf"), "w", encoding="utf-8") as file:
            file.write(text)
        git = ["git", "-C", self.home, "-c", "user.name=a", "-c", "user.email=a@b.example"]
        if shutil.which("git"):
            for words in ["init", "-q"], ["add", "letter.txt"], ["commit", "-qm", "one"]:
                subprocess.run([*git, *words], check=True, timeout=PATIENCE)
            with open(os.path.join(self.home, "letter.txt"), "a", encoding="utf-8") as file:
                file.write("Yours, Ann\n")

    def drop_jobs(self):
        spool = self.rig.spool
        more = {"prompt": "[[mock:400]] too long", "user": "eve"}
        jobs = [{"prompt": "Name three primary colours.", "name": "colours"},
                {"prompt": "Write report 7", "name": "report-7", "metadata": {"sheet": 7}, "user": "ann"},
                {"prompt": "A long story " * 40, "params": {"max_tokens": 3}, "user": "ann"}]
        ids = [spool.drop(job) for job in jobs]
        spool.put('{"run": "reviews", "first": 0}\n{"prompt": "Review one"}\n{"prompt": "Review two"}\n'
                  '{"prompt": "[[mock:400]] Review three"}\n', name="reviews.jsonl")
        spool.drop(more)
        spool.put(json.dumps({"flow": "review-7", "steps": [{"name": "draft", "prompt": "Draft it"}]}))
        until(lambda: len(spool.jobs("done")) == 6 and len(spool.jobs("failed")) == 2, "the prepared jobs' end")
        self.call("llmspool-ctl -q rerun report-7 && llmspool-wait -q report-7@v2")
        self.call("llmspool-archive create --older-than 0s --keep -q")
        self.places["id"] = self.environment["id"] = ids[1]  # the variable of an earlier example
        with open(os.path.join(self.home, "ids"), "w", encoding="utf-8") as file:
            file.write("\n".join(ids) + "\n")

    def call(self, script):
        subprocess.run(["bash", "-c", script], check=True, env=self.environment, cwd=self.home, timeout=PATIENCE)

    def start(self):
        if self.daemon is None:
            self.daemon = self.rig.daemon()

    def stop(self):
        if self.daemon is not None:
            self.daemon.stop()
            self.daemon = None

    def filled(self, command):
        for place, value in PLACEHOLDERS:
            command = re.sub(place, value, command)
        while INIT.search(command):
            self.fresh += 1
            command = INIT.sub(rf"\g<1>{self.rig.folder}/fresh-{self.fresh}", command, count=1)
        for name, value in self.places.items():
            command = command.replace("{" + name + "}", value)
        return command

    def folder(self, command):
        in_spool = re.search(r'\btmp/\$\$|"tmp/"|by-name/|find cur|failed/', command)
        return self.rig.spool.path if in_spool else self.home

    def execute(self, command):
        """Runs it to its end; a server until it is ready, when it is stopped."""
        if re.search(r"(^|\s)llmspoold( |$)|llmspool-check --repair", command):
            self.stop()
        server = SERVER.search(command) and not re.search(r"&$", command, re.M)
        text = self.filled(command)
        log = os.path.join(self.rig.folder, "log")
        with open(log, "wb") as file:
            process = spawn(["bash", "-c", text + "\n"], env=self.environment, cwd=self.folder(command), stdout=file,
                            stderr=file, stdin=subprocess.DEVNULL, start_new_session=True)
        if server:
            until(lambda: re.search(r"listening on| jobs in cur/", self.read(log)) or process.poll() is not None,
                  lambda: f"{text}: {self.read(log)}")
            expect(process.poll() is None, f"{text} leaves: {self.read(log)}")
            os.killpg(process.pid, signal.SIGTERM)
        try:
            code = process.wait(PATIENCE)
        finally:  # what it left in the background ends as well
            try:
                os.killpg(process.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        allowed = next((codes for pattern, codes, _ in CODES if re.search(pattern, command)), (0,))
        if server:
            allowed = (0, -signal.SIGTERM)
        expect(code in allowed, f"exit code {code}\n$ {text}\n{self.read(log)}")
        if re.search(r"llmspool-ctl (rerun|retry)", command):  # a person looks at the next one later
            until(self.idle, "the end of what is asked again")
        if self.daemon is None:
            until(self.unowned, "the example's daemon to be gone")
            self.start()

    def idle(self):
        spool = self.rig.spool
        return not any(spool.names(folder) for folder in ("ctl", "new", "cur"))

    def unowned(self):
        done = subprocess.run(["llmspool-status", "--json"], env=self.environment, capture_output=True, check=True)
        return b'"daemon_up":false' in done.stdout

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()


def check_configuration(rig, text):
    path = os.path.join(rig.folder, "example.conf")
    keys = re.sub(r"/etc/llmspool/", rig.folder + "/", text)
    for name in re.findall(r'key_file = "([^"]*)"', keys):
        with open(name, "w", encoding="utf-8") as file:
            file.write("k\n")
        os.chmod(name, 0o600)
    for name in re.findall(r'key_credential = "([^"]*)"', keys):
        with open(os.path.join(rig.folder, name), "w", encoding="utf-8") as file:
            file.write("k\n")
    with open(path, "w", encoding="utf-8") as file:
        file.write(keys)
    done = subprocess.run([os.path.join(BUILD, "llmspoold"), "--check-config", "-c", path], capture_output=True,
                          check=False, timeout=PATIENCE,
                          env={**os.environ, "OPENAI_API_KEY": "k", "OPENAI_API_KEY_2": "k2",
                               "CREDENTIALS_DIRECTORY": rig.folder})
    equal(done.returncode, 0, f"--check-config of\n{text}\n{done.stderr.decode()}")


@scenario
def found(rig):  # pylint: disable=unused-argument
    with open(os.path.join(SOURCE, "tests", "e2e", "examples.bats"), encoding="utf-8") as file:
        tested = re.findall(r"examples\.py run (\S+);", file.read())
    equal(sorted(tested), sorted(documents()), "the documents whose examples are tested")
    for name, blocks in documents().items():
        expect(blocks, f"{name} has no examples")
        for block in blocks:
            expect(is_configuration(block) or commands_of(block), f"{name}: nothing found in\n{block}")


@scenario
def run(rig):
    world = World(rig)
    for block in documents()[sys.argv[2]]:
        if is_configuration(block):
            check_configuration(rig, block)
            continue
        for command in commands_of(block):
            subprocess.run(["bash", "-n", "-c", command], check=True, timeout=PATIENCE)
            reason = next((why for pattern, why in NOT_HERE if re.search(pattern, command)), None)
            if reason:
                print(f"not executed, {reason}: {command}")
            else:
                print(f"$ {command}")
                world.execute(command)


@scenario
def help(rig):  # pylint: disable=unused-argument,redefined-builtin
    programs = [name for name in os.listdir(BUILD) if re.fullmatch(r"llmspoold?(-[a-z]+)?", name)]
    expect(len(programs) >= 12, f"programs: {programs}")
    calls = [(name,) for name in programs]
    text = subprocess.run([os.path.join(BUILD, "llmspool-archive"), "--help"], capture_output=True, check=True, text=True)
    calls += [("llmspool-archive", word) for word in re.findall(r"^  ([a-z]+)  ", text.stdout, re.M)]
    wide = []
    for name, *words in calls:
        done = subprocess.run([os.path.join(BUILD, name), *words, "--help"], capture_output=True, check=True,
                              text=True, timeout=PATIENCE)
        wide += [f"{name}: {line}" for line in done.stdout.splitlines() if len(line.expandtabs()) >= 80]
    expect(not wide, "80 columns or wider:\n" + "\n".join(wide))


run_scenario()
