"""Damaged databases: python -m tests.reliability.damage --mutants 10000.

A study is written, with or without a write-ahead log left behind, most with a snapshot in the cache, and one
of these files is damaged in one of many ways. Rung must
answer with a correct beginning of what was written or with one of its own errors, never with anything else;
`doctor` must call the same studies sound that can be worked with; what is salvaged must be a beginning too.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from unittest import mock

from rung.errors import Error, StudyNewer
from rung.storage import Owner, snapshots
from rung.storage.salvage import examine, salvage
from rung.storage.snapshots import Keeper, open_state, open_to_go_on, path
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Event, FinalReportShown
from rung.study.state import StudyState

GOLDEN = Path(__file__).parents[1] / "storage" / "golden" / "format-1.db"
PAGE = 4096
HANGS = 60.0
"""Seconds after which a mutant is said to hang; a loaded machine is slow."""
MORE = FinalReportShown(id="one more", t=1e9, trial=0)
OWNER = Owner("here", 1, 0.0)


def write(root: Path) -> list[Event]:
    """Make `study a` under `root/clean` (one file) and under `root/killed` (with a write-ahead log)."""
    golden = SqliteStorage(root / "golden")
    folder = golden.folder("golden")
    folder.mkdir(parents=True)
    shutil.copyfile(GOLDEN, folder / "study.db")
    events = list(golden.read("golden"))
    storage = SqliteStorage(root / "clean", "process")
    storage.restore("a", events[:90])
    lease = storage.acquire("a", OWNER)
    state, keeper = StudyState.replay(events[:90]), Keeper(storage, "a")
    with mock.patch.object(snapshots, "EVERY", 30):
        for i in range(90, len(events), 7):
            storage.append(lease, events[i : i + 7])
            state.follow(events[i : i + 7])
            keeper.keep(state, events[i : i + 7])
    assert 90 < keeper.kept.mark.events < len(events)
    shutil.copytree(root / "clean", root / "killed")
    storage.release(lease)
    for name in ("clean", "killed"):
        assert list(SqliteStorage(root / name).read("a")) == events
    return events


# ---- ways to damage a file


def flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice([1, 1, 3, 20, 200])):
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)


def flip_header(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(min(100, len(data)))] ^= rng.randrange(1, 256)


def zero(data: bytearray, rng: random.Random) -> None:
    begin, size = rng.randrange(len(data)), rng.choice([1, 16, 512, PAGE])
    data[begin : begin + size] = bytes(len(data[begin : begin + size]))


def shorten(data: bytearray, rng: random.Random) -> None:
    del data[rng.choice([0, rng.randrange(len(data)), rng.randrange(len(data)) // PAGE * PAGE]) :]


def lengthen(data: bytearray, rng: random.Random) -> None:
    data += rng.randbytes(rng.choice([1, 512, PAGE, 5 * PAGE]))


def swap(data: bytearray, rng: random.Random) -> None:
    a, b = (rng.randrange(max(1, len(data) // PAGE)) * PAGE for _ in range(2))
    data[a : a + PAGE], data[b : b + PAGE] = data[b : b + PAGE], data[a : a + PAGE]


def repeat(data: bytearray, rng: random.Random) -> None:
    a, b = (rng.randrange(max(1, len(data) // PAGE)) * PAGE for _ in range(2))
    data[a : a + PAGE] = data[b : b + PAGE]


def replace(data: bytearray, rng: random.Random) -> None:
    data[:] = rng.choice([b"", b"\x89PNG\r\n", b"SQLite format 3\x00", b"a,b\n" * 5000, rng.randbytes(9000)])


IN_BYTES: list[Callable[[bytearray, random.Random], None]] = [
    flip, flip, flip, flip_header, zero, zero, shorten, lengthen, swap, repeat, replace,
]  # fmt: skip

IN_ROWS = [
    "UPDATE event SET body = replace(body, '0', '1') WHERE seq = :seq",
    "UPDATE event SET body = '{}' WHERE seq = :seq",
    "UPDATE event SET t = t + 1 WHERE seq = :seq",
    "UPDATE event SET epoch = epoch + 1 WHERE seq = :seq",
    "UPDATE event SET kind = 'Reported' WHERE seq = :seq",
    "UPDATE event SET id = id || ' ' WHERE seq = :seq",
    "UPDATE event SET crc = crc + 1 WHERE seq = :seq",
    "UPDATE event SET seq = seq + 1000 WHERE seq = :seq",
    "DELETE FROM event WHERE seq = :seq",
    "DELETE FROM event WHERE seq >= :seq",
    "DELETE FROM event",
    "DELETE FROM meta",
    "UPDATE meta SET value = 'x'",
    "UPDATE meta SET value = '99'",
    "UPDATE meta SET value = '' WHERE key = 'epoch'",
    "DROP TABLE event",
    "DROP TABLE meta",
    "ALTER TABLE event RENAME COLUMN body TO text",
    "PRAGMA journal_mode=DELETE",
]


def damage(folder: Path, snapshot: Path, rng: random.Random) -> str:
    """Damage the study in a folder, or its snapshot; returns how."""
    log = folder / "study.db-wal"
    if rng.random() < 0.2:
        edit = rng.choice(IN_ROWS)
        with closing(sqlite3.connect(folder / "study.db", isolation_level=None)) as db:
            db.execute("DROP TRIGGER event_is_never_changed")
            db.execute("DROP TRIGGER event_is_never_deleted")
            db.execute(edit, {"seq": rng.randint(1, 160)} if ":seq" in edit else {})
        return edit
    if rng.random() < 0.2:
        snapshot.unlink()
    elif rng.random() < 0.1:
        return _in_bytes(snapshot, rng)
    logged = log.exists() and log.stat().st_size  # who only reads leaves an empty one
    if logged and rng.random() < 0.1:
        log.unlink()
        return "no write-ahead log"
    return _in_bytes(log if logged and rng.random() < 0.5 else folder / "study.db", rng)


def _in_bytes(path: Path, rng: random.Random) -> str:
    how = rng.choice(IN_BYTES)
    data = bytearray(path.read_bytes())
    how(data, rng)
    path.write_bytes(data)
    return f"{how.__name__} {path.name}"


# ---- what must be


def answer(root: Path, events: list[Event]) -> str:
    """How rung takes it: "whole", "a beginning" or "an error"; anything else is wrong."""
    storage = SqliteStorage(root, "process")
    path = storage.folder("a") / "study.db"
    before = path.read_bytes()
    try:
        found = list(storage.read("a"))
    except Error:
        found = None
    if found is not None and found != events[: len(found)]:
        return "WRONG: not what was written"
    if problem := _opened(storage, events, found):
        return problem
    try:
        seen = examine(storage, "a")
    except StudyNewer:  # the damaged format number: the file must not be called damaged
        return "an error" if found is None else "WRONG: a newer file that can be read"
    if list(seen.events) != events[: len(seen.events)]:
        return "WRONG: examined"
    if seen.fault and (problem := _salvaged(storage, events)):
        return problem
    if path.read_bytes() != before:
        return "WRONG: looking has changed the file"
    if found:
        problem = _goes_on(storage, "a", found)
        if not problem.startswith("an error") and problem:
            return problem
        if problem and not seen.fault:
            return f"WRONG: called sound, but {problem}"
    if seen.fault:
        return "an error"
    return "whole" if found == events else "a beginning"


def _opened(storage: SqliteStorage, events: list[Event], found: list[Event] | None) -> str:
    for to_go_on in (False, True):
        try:
            state = open_to_go_on(storage, "a")[0] if to_go_on else open_state(storage, "a")
        except Error:
            if found:
                return "WRONG: it can be read and not opened"
            continue
        if to_go_on and found is None:
            return "WRONG: gone on with, though its log can't be read"
        truth = StudyState.replay(events[: state.events])
        if (state.events, state.t, state.digest()) != (truth.events, truth.t, truth.digest()):
            return "WRONG: not what was written is opened"
        if found is not None and state.events != len(found):
            return "WRONG: something else is opened than is read"
    return ""


def _salvaged(storage: SqliteStorage, events: list[Event]) -> str:
    try:
        saved = salvage(storage, "a", "b")
    except Error:
        return ""
    n = len(saved.events)
    if not n or list(saved.events) != events[:n] or examine(storage, "b").fault:
        return "WRONG: salvaged"
    return _goes_on(storage, "b", events[:n])


def _goes_on(storage: SqliteStorage, study: str, found: list[Event]) -> str:
    try:
        lease = storage.acquire(study, OWNER)
    except Error as error:
        return f"an error: {error}"
    try:
        storage.append(lease, [MORE])
    except Error as error:
        return f"an error: {error}"
    finally:
        storage.release(lease)
    return "" if list(storage.read(study)) == [*found, MORE] else "WRONG: after one more event"


def mutate(mutants: int, seed: int = 0, *, first: int = 0) -> Counter[str]:
    """Damage a study `mutants` times; returns how rung took it."""
    found: Counter[str] = Counter()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        home = Path(folder)
        events = write(home)
        for number in range(first, first + mutants):
            faulthandler.dump_traceback_later(HANGS, exit=True)
            rng = random.Random(f"{seed}/{number}")
            root = home / "mutant"
            shutil.copytree(home / rng.choice(["clean", "killed"]), root)
            (study,) = root.iterdir()
            snapshot = path(SqliteStorage(root), "a")
            shutil.copyfile(path(SqliteStorage(home / "clean"), "a"), snapshot)
            how = damage(study, snapshot, rng)
            try:
                said = answer(root, events)
            except Exception as error:
                said = f"CRASHED: {error!r}"
            found[said] += 1
            if said[:5] in {"WRONG", "CRASH"}:
                print(f"mutant {number} of seed {seed} ({how}): {said}", flush=True)
            shutil.rmtree(root)
        faulthandler.cancel_dump_traceback_later()
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    arguments.add_argument("--mutants", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--first", type=int, default=0, help="with --mutants 1: this one again")
    given = arguments.parse_args()
    found = mutate(given.mutants, given.seed, first=given.first)
    print(f"{given.mutants} mutants: " + ", ".join(f"{n} {what}" for what, n in found.most_common()))
    sys.exit(not {"whole", "a beginning", "an error"}.issuperset(found))


if __name__ == "__main__":
    main()
