"""Attacks by a trial and by a stranger, in full: python -m tests.reliability.attacks.

Frames: every kind of malformed frame that `forging` knows, each written by a trial of one study to its own
worker's line. Each must cost that trial alone. Studies: crafted folders of studies, which the commands
that only look are run on. None may take longer than `--limit` seconds, hold more than 500 MB, end in a traceback,
show a file from outside the folder, or change one.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.reliability.forging import FORGED, MALFORMED, forge

import rung
from rung.storage._rows import crc_of
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

COMMANDS = [
    ["studies"], ["status"], ["status", "s"], ["best", "s"], ["best", "fine"], ["trials", "s"], ["trials", "s", "--csv"],
    ["trial", "0", "s"], ["logs", "0", "s"], ["front", "s"], ["doctor"], ["export", "s"],
]  # fmt: skip
RUN = """
import json, resource, sys, time
from pathlib import Path
from click.testing import CliRunner
from rung.cli.main import commands
said = []
for words in json.loads(sys.argv[2]):
    began = time.monotonic()
    result = CliRunner().invoke(commands, [*words, "--storage", sys.argv[1]])
    fine = result.exception is None or isinstance(result.exception, SystemExit)
    said.append([words, repr(result.exception)[:500] if not fine else "", result.output, time.monotonic() - began])
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps([said, int(peak.split()[1]) * 1024]))
"""
MEMORY = 500e6
SECRET = "what lies outside"
FILES = [
    "study.db", "study.db-journal", "study.db-wal", "study.db-shm", "study.snapshot", "study.lock", "logs/t0-a1.log",
    "notes/0/1-1-1-note.txt",
]  # fmt: skip
ENDLESS = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"
DATABASES = {
    "a view": "DROP TABLE event; CREATE VIEW event AS SELECT 1 AS seq, 'study' AS id, 0 AS epoch, 0.0 AS t, "
              "'StudyCreated' AS kind, '{}' AS body, 0 AS crc",
    "an endless view": f"DROP TABLE event; CREATE VIEW event AS {ENDLESS} SELECT n AS seq, 'a' AS id, 0 AS epoch, 0.0 AS t, "
                       "'x' AS kind, '{}' AS body, 0 AS crc FROM c",
    "endless meta": f"DROP TABLE meta; CREATE VIEW meta AS {ENDLESS} SELECT 'name' AS key, max(n) AS value FROM c",
    "a trigger": f"CREATE TRIGGER t AFTER INSERT ON event BEGIN INSERT INTO meta {ENDLESS} SELECT 'x' || n, n FROM c; END",
    "a generated column": "DROP TABLE event; CREATE TABLE event (seq INTEGER PRIMARY KEY, id TEXT, epoch, t, kind, crc, "
                          "body AS (hex(zeroblob(400000000))))",
    "a virtual table": "DROP TABLE event; CREATE VIRTUAL TABLE event USING fts5(seq, id, epoch, t, kind, body, crc)",
    "no table": "DROP TABLE event",
    "no meta": "DROP TABLE meta",
    "another name": "UPDATE meta SET value = '../../outside' WHERE key = 'name'",
    "escapes in its name": "UPDATE meta SET value = char(27) || '[2J' WHERE key = 'name'",
    "a name of 20 MB": "UPDATE meta SET value = replace(hex(zeroblob(10000000)), '0', 'x') WHERE key = 'name'",
    "a body of 200 MB": "DROP TRIGGER event_is_never_changed; UPDATE event SET body = hex(zeroblob(100000000)) WHERE seq = 1",
    "an index": "CREATE TABLE x(y); CREATE INDEX i ON event (body)",
    "many pages": "PRAGMA page_size = 512; VACUUM",
}  # fmt: skip
CONTENTS = {
    "empty": b"",
    "a letter": b"x",
    "a head alone": b"SQLite format 3\0" + b"\xff" * 5000,
    "zeros": b"\0" * 4096,
}
DEEP = {"plan": 900, "owner": 900, "versions": 900, "space": 900, "goals": 900, "config": 900, "metrics": 900}


def frames(root: Path) -> int:
    """Let a trial write each malformed frame; returns how many there are."""
    names = [*FORGED, *MALFORMED]
    space = {"what": rung.Categorical(["fine", *names, "fine, too"]), "x": rung.Float(0, 1)}
    rung.tune(
        forge, space, n_trials=len(names) + 2, n_workers=2, retries=0, max_failures=10**6, trial_timeout=300, name="forged",
        initial_configs=[{"what": what, "x": 0.5} for what in ("fine", *names, "fine, too")], storage=str(root),
        searcher="random", durability="process", progress=False,
    )  # fmt: skip
    state = check_log(list(SqliteStorage(root).read("forged")), capacity=2)
    assert state.ended == "done", state.ended
    first, *others, last = state.trials
    assert (first.status, last.status) == ("completed", "completed")
    for trial in others:
        assert trial.status == "failed", trial.config["what"]
        assert "worker died: killed by SIG" in trial.reason, (trial.config["what"], trial.reason)
        assert not trial.reports, trial.config["what"]
    return len(names)


def crafted() -> Iterator[tuple[str, Callable[[Path, Path], Any]]]:
    """Names of crafted studies, and what makes one of a study's folder, given a folder outside of it."""
    for name in FILES:
        yield f"{name} is a pipe", lambda folder, _, name=name: os.mkfifo(place(folder, name))
        yield (
            f"{name} is a link out",
            lambda folder, out, name=name: place(folder, name).symlink_to(out / "secret"),
        )
        yield (
            f"{name} is a link to zeros",
            lambda folder, _, name=name: place(folder, name).symlink_to("/dev/zero"),
        )
        yield f"{name} has 8 GB of holes", lambda folder, _, name=name: holes(place(folder, name))
    for what, script in DATABASES.items():
        yield f"a database with {what}", lambda folder, _, script=script: execute(folder / "study.db", script)
    for what, content in CONTENTS.items():
        yield (
            f"a database, {what}",
            lambda folder, _, content=content: (folder / "study.db").write_bytes(content),
        )
    for field, depth in DEEP.items():
        yield (
            f"{field} nested {depth} deep",
            lambda folder, _, at=(field, depth): nest(folder / "study.db", *at),
        )
    for name in ("logs", "trials", "notes"):
        yield f"{name} is a link out", lambda folder, out, name=name: replaced(folder / name).symlink_to(out)
        yield (
            f"{name} is a link to itself",
            lambda folder, _, name=name: replaced(folder / name).symlink_to(folder / name),
        )
    yield "folders 400 deep", lambda folder, _: (folder / "/".join(["d"] * 400)).mkdir(parents=True)
    yield "30,000 files", lambda folder, _: [(folder / f"f{n}").touch() for n in range(30_000)]


def place(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def replaced(path: Path) -> Path:
    if path.is_dir():
        path.rename(path.with_name(f"{path.name}-before"))
    return path


def holes(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(8 * 10**9)


def execute(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)


def nest(path: Path, field: str, depth: int) -> None:
    """Put nested objects, with good checksums, in the place of a field of each event that has it."""
    deep = '{"a":' * depth + "1" + "}" * depth
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TRIGGER IF EXISTS event_is_never_changed")
        for *fact, body in db.execute("SELECT seq, id, epoch, t, kind, body FROM event").fetchall():
            fields = json.loads(body)
            if field in fields:
                text = json.dumps(fields | {field: "HERE"}).replace('"HERE"', deep)
                crc = crc_of(*fact, text)
                db.execute("UPDATE event SET body = ?, crc = ? WHERE seq = ?", (text, crc, fact[0]))
        db.commit()


def make(root: Path, name: str) -> Path:
    """A small study; returns its folder."""

    def objective(config: dict[str, float], trial: Any) -> dict[str, float]:
        trial.log(note="a note")
        trial.report(epoch=1, y=config["x"])
        return {"y": config["x"]}

    study = rung.tune(objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=3, max_resource=2, seed=0, name=name,
                      storage=str(root), progress=False, durability="process", searcher="random")  # fmt: skip
    assert study.folder is not None
    return study.folder


def look(root: Path, limit: float) -> tuple[float, float]:
    """Run the commands on a storage; returns the seconds of the slowest, and the most memory."""
    words = [sys.executable, "-c", RUN, str(root / "studies"), json.dumps(COMMANDS)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=limit * len(COMMANDS))
    assert done.returncode == 0, done.stderr[-2000:]
    said, memory = json.loads(done.stdout)
    for command, error, output, seconds in said:
        assert not error, (command, error)
        assert "Traceback" not in output, (command, output[-2000:])
        assert SECRET not in output, (command, output[-2000:])
        assert seconds < limit, (command, f"{seconds:.1f} s")
    assert memory < MEMORY, f"{memory / 1e6:.0f} MB"
    return max(seconds for *_, seconds in said), memory


def attack(what: str, craft: Callable[[Path, Path], Any], limit: float) -> tuple[float, float]:
    """Look at one crafted study beside a sound one; AssertionError says what came of it."""
    with tempfile.TemporaryDirectory(prefix="attack-") as name:
        root, outside = Path(name), Path(name) / "outside"
        outside.mkdir()
        for kept in ("secret", "t0-a1.log", "study.db"):
            (outside / kept).write_text(SECRET)
        folder = make(root / "studies", "s")
        make(root / "studies", "fine")
        craft(folder, outside)
        try:
            found = look(root, limit)
            left = {path.name: path.read_text() for path in outside.iterdir()}
            assert left == dict.fromkeys(("secret", "t0-a1.log", "study.db"), SECRET), left
        except (AssertionError, subprocess.TimeoutExpired) as error:
            error.add_note(f"the study: {what}")
            raise
        return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    arguments.add_argument(
        "--limit", type=float, default=10.0, help="seconds of a command; more on a busy machine"
    )
    arguments.add_argument("--only", choices=["frames", "studies"])
    given = arguments.parse_args()
    if given.only != "studies":
        with tempfile.TemporaryDirectory(prefix="attack-") as root:
            began = time.monotonic()
            print(
                f"{frames(Path(root))} kinds of malformed frames: 0 studies ended, {time.monotonic() - began:.0f} s"
            )
    if given.only != "frames":
        found = []
        for what, craft in crafted():
            seconds, memory = attack(what, craft, given.limit)
            found.append((seconds, memory, what))
            print(f"{what}: {seconds:.1f} s, {memory / 1e6:.0f} MB", flush=True)
        (seconds, _, slow), (_, memory, large) = max(found), max(found, key=lambda each: each[1])
        print(f"{len(found)} crafted studies: nothing read or written outside; the slowest command {seconds:.1f} s "
              f"({slow}), the most memory {memory / 1e6:.0f} MB ({large})")  # fmt: skip


if __name__ == "__main__":
    main()
