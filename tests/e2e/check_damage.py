# SPDX-License-Identifier: GPL-2.0-or-later
"""check_damage: what may be wrong with a spool, one function each, and how llmspool-check must call it.

A function gets the spool (rig.Spool) and the world (the IDs of the jobs that are in it, by what
they are), and does the damage. The row says under which code it must be found, whether --repair
mends it, and with which exit code a check leaves before.
"""
import collections
import hashlib
import json
import os
import shutil
import time

from rig import identity

DAY = 24 * 3600
NOBODY = 65534

Damage = collections.namedtuple("Damage", "function code mended exit root loses")
damages = {}


def damage(code, mended=True, leaves=1, root=False, loses=False):
    """root: only root can do it; loses: what is lost by it is meant to go, or is gone already."""
    def register(function):
        damages[function.__name__] = Damage(function, code, mended, leaves, root, loses)
        return function
    return register


def write(path, data, mode=0o600):
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    os.chmod(path, mode)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def change(path, function):
    """Changes a JSON file in place."""
    document = json.loads(read(path))
    function(document)
    write(path, json.dumps(document) + "\n")


# --- the layout ------------------------------------------------------------------------------------------

@damage("spool_json", mended=False)
def settings_missing(spool, world):
    os.unlink(spool.at("spool.json"))


@damage("spool_json", mended=False)
def settings_torn(spool, world):
    write(spool.at("spool.json"), '{"llmspool": 1, "defa')


@damage("folder_missing")
def folder_missing(spool, world):
    os.rmdir(spool.at("blobs"))


@damage("folder_type", mended=False)
def folder_is_file(spool, world):
    os.rmdir(spool.at("flows"))
    write(spool.at("flows"), "")


@damage("folder_mode")
def folder_open_to_all(spool, world):
    os.chmod(spool.at("done"), 0o755)


@damage("folder_mode")
def spool_open_to_all(spool, world):
    os.chmod(spool.path, 0o755)


@damage("folder_owner", root=True)
def folder_of_another(spool, world):
    os.chown(spool.at("outbox"), NOBODY, NOBODY)


@damage("file_mode")
def settings_open_to_all(spool, world):
    os.chmod(spool.at("spool.json"), 0o666)


# --- entries ---------------------------------------------------------------------------------------------

@damage("unknown_entry")
def stray_in_done(spool, world):
    write(spool.at("done", "notes.txt"), "mine")


@damage("unknown_entry")
def stray_in_cur(spool, world):
    write(spool.at("cur", world["waiting"] + ".json.bak"), "{}")


@damage("misplaced")
def output_in_failed(spool, world):
    one = world["done"]
    shutil.copy(spool.at("done", one + ".v1.json"), spool.at("failed", one + ".v1.json"))


@damage("misplaced")
def output_in_cur(spool, world):
    one = world["waiting"]
    write(spool.at("cur", one + ".v1.json"), "{}")


@damage("misplaced")
def state_in_done(spool, world):
    write(spool.at("done", world["done"] + ".state.json"), "{}")


@damage("entry_type")
def job_is_link(spool, world):
    os.symlink("/etc/passwd", spool.at("cur", "a" * 64 + ".json"))


@damage("entry_type")
def output_is_folder(spool, world):
    os.mkdir(spool.at("done", world["done"] + ".v2.json"))


@damage("entry_type")
def state_is_fifo(spool, world):
    os.mkfifo(spool.at("cur", world["waiting2"] + ".state.json"))


@damage("file_mode")
def output_writable(spool, world):
    os.chmod(spool.at("done", world["done"] + ".v1.json"), 0o666)


@damage("file_mode")
def job_with_bits(spool, world):
    os.chmod(spool.at("cur", world["waiting"] + ".json"), 0o610)


@damage("file_owner", root=True)
def output_of_another(spool, world):
    os.chown(spool.at("done", world["done"] + ".v1.json"), NOBODY, NOBODY)


@damage("hard_link", mended=False)
def job_linked(spool, world):
    os.link(spool.at("done", world["done"] + ".json"), spool.path + ".other")


# --- jobs --------------------------------------------------------------------------------------------------

@damage("job_json")
def job_torn(spool, world):
    path = spool.at("cur", world["waiting"] + ".json")
    write(path, read(path)[:20])


@damage("job_json")
def job_of_done_torn(spool, world):
    write(spool.at("done", world["done"] + ".json"), "")


@damage("job_json")
def job_not_complete(spool, world):
    change(spool.at("failed", world["failed"] + ".json"), lambda job: job.pop("model"))


@damage("job_id")
def job_changed(spool, world):
    change(spool.at("done", world["reruns"] + ".json"), lambda job: job.update(prompt="another"))


@damage("job_id")
def job_swapped_in_failed(spool, world):
    change(spool.at("failed", world["failed"] + ".json"), lambda job: job.update(prompt="another"))


@damage("job_twice")
def moved_by_link(spool, world):
    one = world["done"] + ".json"
    os.link(spool.at("done", one), spool.at("cur", one))


@damage("job_twice")
def failed_moved_by_link(spool, world):
    one = world["failed"] + ".json"
    os.link(spool.at("failed", one), spool.at("cur", one))


@damage("job_twice")
def copied_back(spool, world):
    one = world["done"] + ".json"
    shutil.copy2(spool.at("done", one), spool.at("failed", one))


@damage("done_no_output", leaves=65)
def output_deleted(spool, world):
    os.unlink(spool.at("done", world["done"] + ".v1.json"))


@damage("done_no_good", leaves=65)
def no_good_version(spool, world):
    """The good one is gone, the failed rerun is left."""
    os.unlink(spool.at("done", world["worse"] + ".v1.json"))


@damage("answered_failed")
def answered_moved_to_failed(spool, world):
    one = world["done"]
    os.rename(spool.at("done", one + ".json"), spool.at("failed", one + ".json"))
    shutil.copy2(spool.at("failed", world["failed"] + ".error.json"),
                 spool.at("failed", one + ".error.json"))
    change(spool.at("failed", one + ".error.json"), lambda error: error.update(id=one))


@damage("failed_no_error")
def reason_deleted(spool, world):
    os.unlink(spool.at("failed", world["failed"] + ".error.json"))


@damage("stuck_mark", mended=False)
def mark_in_doubt(spool, world):
    os.chmod(spool.at("cur", world["waiting"] + ".json"), 0o710)


@damage("stuck_mark")
def mark_recorded(spool, world):
    """Its state file has as many requests as the mark says."""
    path = spool.at("cur", world["waiting"] + ".state.json")
    change(path, lambda state: state.update(sends=1, throttled=1, attempts=[
        {"n": 1, "started": "2026-01-01T00:00:00.000Z", "ended": "2026-01-01T00:00:01.000Z",
         "outcome": "throttled"}]))
    os.chmod(spool.at("cur", world["waiting"] + ".json"), 0o710)


# --- outputs -----------------------------------------------------------------------------------------------

@damage("output_json", leaves=65)
def output_torn(spool, world):
    path = spool.at("done", world["done"] + ".v1.json")
    write(path, read(path)[:100])


@damage("output_json", leaves=65)
def output_emptied(spool, world):
    write(spool.at("done", world["reruns"] + ".v3.json"), "")


@damage("output_id", leaves=65)
def output_of_another_job(spool, world):
    shutil.copy2(spool.at("done", world["named"] + ".v1.json"),
                 spool.at("done", world["done"] + ".v1.json"))


@damage("output_id", leaves=65)
def output_of_another_version(spool, world):
    os.rename(spool.at("done", world["reruns"] + ".v3.json"),
              spool.at("done", world["reruns"] + ".v4.json"))
    shutil.copy2(spool.at("done", world["reruns"] + ".v2.json"),
                 spool.at("done", world["reruns"] + ".v3.json"))


@damage("output_sha256", leaves=65)
def output_flipped(spool, world):
    change(spool.at("done", world["done"] + ".v1.json"),
           lambda output: output.update(output=output["output"] + "!"))


@damage("output_schema", mended=False)
def output_without_usage(spool, world):
    change(spool.at("done", world["done"] + ".v1.json"), lambda output: output.pop("usage"))


@damage("output_schema", mended=False)
def output_of_wrong_type(spool, world):
    change(spool.at("done", world["done"] + ".v1.json"),
           lambda output: output["times"].update(started=12))


@damage("output_orphan")
def job_of_output_deleted(spool, world):
    os.unlink(spool.at("done", world["reruns"] + ".json"))


@damage("version_gap", mended=False, leaves=65)
def version_between_deleted(spool, world):
    os.unlink(spool.at("done", world["reruns"] + ".v2.json"))


# --- beside the jobs ---------------------------------------------------------------------------------------

@damage("state_json")
def state_torn(spool, world):
    path = spool.at("cur", world["waiting"] + ".state.json")
    write(path, read(path)[:50])


@damage("state_orphan")
def state_without_job(spool, world):
    path = spool.at("cur", world["waiting"] + ".state.json")
    change(path, lambda state: state.update(id="b" * 64))
    shutil.copy2(path, spool.at("cur", "b" * 64 + ".state.json"))
    change(path, lambda state: state.update(id=world["waiting"]))


@damage("answer_orphan")
def answer_without_job(spool, world):
    shutil.copy2(spool.at("done", world["done"] + ".v1.json"),
                 spool.at("cur", world["done"] + ".out.v2"))


@damage("answer_orphan")
def answer_published_already(spool, world):
    shutil.copy2(spool.at("done", world["done"] + ".v1.json"),
                 spool.at("cur", world["done"] + ".out.v1"))


@damage("partial_orphan")
def partial_without_job(spool, world):
    write(spool.at("cur", world["done"] + ".partial"), "Once upon")


@damage("gone_unfinished", loses=True)
def deletion_cut_short(spool, world):
    one = world["reruns"]
    os.rename(spool.at("done", one + ".json"), spool.at("done", one + ".gone"))


@damage("gone_unfinished", loses=True)
def deletion_of_failed_cut_short(spool, world):
    one = world["failed"]
    os.rename(spool.at("failed", one + ".json"), spool.at("failed", one + ".gone"))


@damage("gone_beside_job")
def deletion_mark_beside_job(spool, world):
    one = world["done"]
    shutil.copy2(spool.at("done", one + ".json"), spool.at("done", one + ".gone"))


@damage("error_json")
def error_torn(spool, world):
    path = spool.at("failed", world["failed"] + ".error.json")
    write(path, read(path)[:60])


@damage("error_json")
def error_without_message(spool, world):
    change(spool.at("failed", world["failed"] + ".error.json"), lambda error: error.pop("message"))


@damage("error_json")
def error_of_another_job(spool, world):
    change(spool.at("failed", world["failed"] + ".error.json"),
           lambda error: error.update(id="c" * 64))


@damage("error_orphan")
def error_without_job(spool, world):
    os.unlink(spool.at("failed", world["failed"] + ".json"))


@damage("error_orphan")
def error_of_answered_run(spool, world):
    one = world["done"]
    shutil.copy2(spool.at("failed", world["failed"] + ".error.json"),
                 spool.at("failed", one + ".error.json"))
    change(spool.at("failed", one + ".error.json"), lambda error: error.update(id=one))


@damage("refused_no_error")
def refusal_deleted(spool, world):
    os.unlink(spool.at("failed", "bad.json.error.json"))


@damage("refused_orphan")
def refused_deleted(spool, world):
    os.unlink(spool.at("failed", "bad.json"))


# --- names -------------------------------------------------------------------------------------------------

@damage("name_dangling")
def name_of_old_place(spool, world):
    link(spool, "report", f"../cur/{world['named']}.json")


@damage("name_dangling")
def name_of_nothing(spool, world):
    link(spool, "lost", f"../done/{'d' * 64}.v1.json")


@damage("name_outside")
def name_leads_out(spool, world):
    link(spool, "secret", "../../../etc/passwd")


@damage("name_no_link")
def name_is_file(spool, world):
    write(spool.at("by-name", "plain"), "text")


def link(spool, name, target):
    path = spool.at("by-name", name)
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)


# --- the rest ----------------------------------------------------------------------------------------------

@damage("run_batch", mended=False)
def batch_damaged(spool, world):
    write(spool.at("runs", "night", "batch.json"), b"{}\n")


@damage("run_manifest", mended=False)
def manifest_damaged(spool, world):
    path = spool.at("runs", "night", "manifest.jsonl")
    lines = read(path).split(b"\n")
    write(path, b"\n".join([lines[0][:9]] + lines[1:]))


@damage("run_entry", mended=False)
def run_is_file(spool, world):
    write(spool.at("runs", "stray"), "")


@damage("template_bad", mended=False)
def template_torn(spool, world):
    write(spool.at("templates", "shout.json"), '{"prompt": "{text')


@damage("template_bad", mended=False)
def template_open_to_all(spool, world):
    write(spool.at("templates", "shout.json"), '{"prompt": "{text}!"}', 0o666)


@damage("template_bad", mended=False)
def template_of_a_plain_type(spool, world):
    write(spool.at("templates", "chat.json"), "{}")


@damage("flow_damaged")
def flow_damaged(spool, world):
    os.mkdir(spool.at("flows", "torn"), 0o700)
    write(spool.at("flows", "torn", "flow.jsonl"), b'{"flow": "torn", "sha')


@damage("flow_entry", mended=False)
def flow_is_file(spool, world):
    write(spool.at("flows", "stray"), "")


@damage("outbox_json")
def debt_torn(spool, world):
    name = spool.names("outbox")[0]
    write(spool.at("outbox", name), read(spool.at("outbox", name))[:30])


@damage("outbox_json")
def debt_without_webhook(spool, world):
    change(spool.at("outbox", spool.names("outbox")[0]), lambda debt: debt.pop("webhook"))


@damage("outbox_failed", mended=False)
def given_up_torn(spool, world):
    os.makedirs(spool.at("outbox", "failed"), exist_ok=True)
    write(spool.at("outbox", "failed", "7" * 64 + ".json"), '{"webhook_id"')


@damage("event_line", mended=False)
def event_overwritten(spool, world):
    path = spool.at("events", sorted(spool.names("events"))[0])
    lines = read(path).split(b"\n")
    write(path, b"\n".join([lines[0], b"{\"time\": 12}"] + lines[1:]))


@damage("money_damaged", mended=False)
def money_overwritten(spool, world):
    write(spool.at("state", "money"), "not money\n")


@damage("money_line", mended=False)
def money_line_damaged(spool, world):
    path = spool.at("state", "money")
    write(path, read(path) + b"{\"reserve\": tru\n{}\n")


@damage("prune_idle", mended=False)
def prune_forgotten(spool, world):
    then = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - 5 * DAY))
    write(spool.at("state", "prune.json"), json.dumps({"finished": then}) + "\n")


# --- archives ----------------------------------------------------------------------------------------------

def archived(spool, end):
    """The path of a file of the archive."""
    for folder, _, files in os.walk(spool.at("archive")):
        for name in files:
            if name.endswith(end):
                return os.path.join(folder, name)
    raise FileNotFoundError(end)


def flip(path, part):
    data = bytearray(read(path))
    data[int(len(data) * part)] ^= 1
    write(path, bytes(data))


@damage("archive_volume", mended=False, leaves=65)
def archive_flipped(spool, world):
    flip(archived(spool, ".tar.zst"), 0.7)


@damage("archive_volume", mended=False, leaves=65)
def archive_cut(spool, world):
    path = archived(spool, ".tar.zst")
    write(path, read(path)[:-10])


@damage("archive_volume", mended=False, leaves=65)
def index_flipped(spool, world):
    flip(archived(spool, ".idx.jsonl.zst"), 0.5)


@damage("archive_volume", mended=False, leaves=65)
def digests_deleted(spool, world):
    os.unlink(archived(spool, ".sha256"))


@damage("archive_missing", mended=False, leaves=65)
def archive_deleted(spool, world):
    os.unlink(archived(spool, ".tar.zst"))


@damage("archive_unknown")
def ids_deleted(spool, world):
    os.unlink(spool.at("archive", "ids"))


@damage("archive_ids")
def ids_flipped(spool, world):
    flip(spool.at("archive", "ids"), 0.4)


@damage("archive_ids")
def ids_cut(spool, world):
    path = spool.at("archive", "ids")
    write(path, read(path)[:-20])


# --- attachments -----------------------------------------------------------------------------------------

IMAGE = b"\x89PNG\r\n\x1a\n"


def attaching(spool):
    """Puts a job into cur/ that has an image attached."""
    part = {"type": "file", "blob": hashlib.sha256(IMAGE).hexdigest(), "media_type": "image/png"}
    job = {"model": "m", "not_before": "2099-01-01T00:00:00Z",
           "messages": [{"role": "user", "content": [part]}]}
    write(spool.at("cur", identity(job, "m") + ".json"), json.dumps(job))
    return part["blob"], identity(job, "m")


@damage("blob_damaged")
def blob_flipped(spool, world):
    write(spool.at("blobs", hashlib.sha256(IMAGE).hexdigest()), IMAGE[:-1] + b"!")


@damage("blob_missing", mended=False)
def blob_deleted(spool, world):
    attaching(spool)


@damage("blob_unmarked")
def blob_mark_deleted(spool, world):
    blob, _ = attaching(spool)
    write(spool.at("blobs", blob), IMAGE)


@damage("unknown_entry")
def blob_of_no_digest(spool, world):
    write(spool.at("blobs", "picture.png"), IMAGE)


# --- a day of events that is compressed --------------------------------------------------------------------

PACKED = "2026-01-01.jsonl.zst"


@damage("event_line", mended=False)
def packed_day_flipped(spool, world):
    flip(spool.at("events", PACKED), 0.5)


@damage("event_line", mended=False)
def packed_day_cut(spool, world):
    path = spool.at("events", PACKED)
    write(path, read(path)[:-3])
