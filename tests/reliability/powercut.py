"""Power cuts: python -m tests.reliability.powercut --cuts 10000.

rung's own storage code runs once while everything it asks of the disk is recorded. Then the disk is rebuilt
as a cut at any moment may leave it: what was synced is there; of the rest, also of names in folders, each
write by itself is there, lost or torn. What is promised is checked by rung with Python's own sqlite3.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from unittest import mock

from tests.reliability.disk import Folder, Luck, redo
from tests.reliability.recorder import Recording, recording

from rung.errors import StorageError, StudyNotFound
from rung.space import Float, Space
from rung.storage import Owner
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Event, Reported, StudyCreated
from rung.study.metrics import Goals

CREATED = StudyCreated(
    id="study", t=0.0, space=Space({"x": Float(0, 1)}).to_json(), goals=Goals.of("y").to_json(), seed=1
)
OWNER = Owner("here", 1, 0.0)
CUTS_PER_RECORDING = 500
KINDS = ("lost", "damaged", "wrong")
"""Acknowledged and not there; there and unreadable; there and not what was written."""


def reported(number: int, size: int) -> Reported:
    metrics = {"y": 0.1 * number, "x" * size: 0.0}
    return Reported(id=f"t0/a1/r{number}", t=float(number), trial=0, attempt=1, number=number,
                    resource=number, metrics=metrics)  # fmt: skip


def live(made: Recording, seed: int) -> None:
    """Make a study, write to it in three sessions, the last of which is cut off; make and delete another."""
    rng = random.Random(seed)
    storage = SqliteStorage(made.base / "some" / "studies")
    storage.create("a", CREATED)
    made.events.append(CREATED)
    made.mark(events=1)
    storage.create("b", CREATED)
    made.mark(b=1)
    for session in range(3):
        lease = storage.acquire("a", OWNER)
        made.mark(epoch=lease.epoch)
        # The second is long enough for a checkpoint on the way, at 1,000 pages.
        for _ in range(130 if session == 1 else 25):
            n, size = len(made.events), 30_000 if session == 1 else rng.choice([1, 1, 1, 3000])
            new = [reported(i, size) for i in range(n, n + rng.choice([1, 1, 2, 5] if size == 1 else [1]))]
            assert storage.append(lease, new) == n + len(new)
            made.events += new
            made.mark(events=len(made.events))
        if session < 2:
            storage.release(lease)
        if session == 0:
            made.mark(b=2)
            storage.delete("b", OWNER)
            made.mark(b=0)
    lease.connection.close()
    lease.lock.close()


def broken(root: Path, events: list[Event], promised: dict[str, int]) -> str:
    """What is wrong after a cut: "" if nothing is, else "lost: ...", "damaged: ..." and the like."""
    storage = SqliteStorage(root, "process")
    try:
        said = _broken_other(storage, promised.get("b"))
        found = list(storage.read("a"))
        if found != events[: len(found)]:
            return "wrong: the log is not a beginning of what was written"
        if len(found) < promised.get("events", 0):
            return f"lost: {promised['events'] - len(found)} acknowledged events"
        lease = storage.acquire("a", OWNER)
        if lease.epoch <= promised.get("epoch", 0):
            return f"lost: owner {lease.epoch} after owner {promised['epoch']}"
        (sound,) = lease.connection.execute("PRAGMA integrity_check").fetchone()
        more = reported(10**6, 1)
        storage.append(lease, [more])
        storage.release(lease)
        if sound != "ok" or list(storage.read("a")) != [*found, more]:
            return f"damaged: {sound}; after one more event"
    except StudyNotFound:
        return "lost: the study" if promised.get("events") else ""
    except StorageError as error:
        return f"damaged: {error}"
    return said


def _broken_other(storage: SqliteStorage, promised: int | None) -> str:
    # Made (1), being deleted (2), deleted (0): it is there, either of both, or gone; never half.
    try:
        whole = list(storage.read("b")) == [CREATED]
    except StudyNotFound:
        return "lost: the other study" if promised == 1 else ""
    return "" if whole and promised != 0 else "wrong: the other study"


def cut(cuts: int, seed: int = 0, *, synchronous: str = "FULL", sync_folders: bool = True) -> Counter[str]:
    """Cut the power `cuts` times; returns how often each promise was kept ("kept") or broken, in words."""
    found: Counter[str] = Counter()
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="powercut-", dir=place) as folder:
        for part, begin in enumerate(range(0, cuts, CUTS_PER_RECORDING)):
            home = Path(folder) / str(part)
            home.mkdir()
            with (
                mock.patch.dict("rung.storage.sqlite._SYNCHRONOUS", machine=synchronous),
                recording(home, sync_folders=sync_folders) as made,
            ):
                live(made, seed + part)
            shutil.rmtree(home)
            found += _cut_one(made, min(CUTS_PER_RECORDING, cuts - begin), random.Random(seed + part), home)
    return found


def _cut_one(made: Recording, cuts: int, rng: random.Random, home: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    base, promised, done = Folder(), dict[str, int](), 0
    # Half of the cuts at any step, half just after something was acknowledged, or in the making of a study.
    marks = [
        i + 1
        for i, step in enumerate(made.steps)
        if step[0] in {"mark", "mkdir", "rename", "unlink", "rmtree"}
    ]
    places = [
        rng.randrange(len(made.steps) + 1) if rng.random() < 0.5 else rng.choice(marks) for _ in range(cuts)
    ]
    for place in sorted(places):
        for step in made.steps[done:place]:
            redo(step, base, promised)
        done = place
        base.after_cut(Luck(rng), home)
        problem = broken(home / "some" / "studies", made.events, promised)
        found[problem or "kept"] += 1
        shutil.rmtree(home)
    return found


def by_kind(found: Counter[str]) -> dict[str, int]:
    """How many cuts broke a promise, by its kind."""
    return {kind: sum(n for what, n in found.items() if what.startswith(kind)) for kind in KINDS}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    arguments.add_argument("--cuts", type=int, default=10_000)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--synchronous", default="FULL", help="NORMAL and OFF show what FULL is for")
    arguments.add_argument("--no-folder-sync", action="store_true", help="show what syncing folders is for")
    given = arguments.parse_args()
    found = cut(given.cuts, given.seed, synchronous=given.synchronous, sync_folders=not given.no_folder_sync)
    for what, times in found.most_common(5):
        print(f"{times:>7}  {what}")
    bad = by_kind(found)
    print(f"{given.cuts} cuts: " + ", ".join(f"{n} {kind}" for kind, n in bad.items()))
    sys.exit(any(bad.values()))


if __name__ == "__main__":
    main()
