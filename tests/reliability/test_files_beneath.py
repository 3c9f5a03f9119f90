"""Files of a study that are closed, cut or deleted while it runs: nothing is acknowledged that is not kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from rung.errors import StorageError
from rung.space import Float, Space
from rung.storage import Owner
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Reported, StudyCreated
from rung.study.metrics import Goals
from rung.testing import check_log

CREATED = StudyCreated(
    id="study", t=0.0, space=Space({"x": Float(0, 1)}).to_json(), goals=Goals.of("y").to_json(), seed=1
)
SCRIPT = """
import os, resource, sys, rung
how, durability = sys.argv[1], sys.argv[2]
opened = []

def objective(config, trial):
    for epoch in trial.epochs():
        trial.report(epoch=epoch, y=config["x"])
        with open("acks", "a") as acks:
            print(f"t{trial.number}/a{trial.attempt}/r{epoch}", file=acks)
    if how != "sound" and trial.number == 2:
        os.closerange(3, 256)
        for i in range(12 if how == "opened" else 0):
            opened.append(open(f"results{i}.csv", "w+"))
            opened[-1].write("x,y\\n" * 3000)
            opened[-1].flush()
    if opened:
        opened[0].write(f"{trial.number}\\n")

rung.tune(objective, {"x": rung.Float(0, 1)}, metric="y", n_trials=8, max_resource=3, seed=0, name="s",
          storage="studies", progress=False, searcher="random", durability=durability)
"""


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], check=False, cwd=folder, capture_output=True, text=True, timeout=120
    )  # fmt: skip


@pytest.mark.parametrize("durability", ["machine", pytest.param("process", marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", ["opened", "closed"])
def test_who_closes_all_descriptors_loses_neither_the_study_nor_files_of_its_own(tmp_path, how, durability):
    """As becoming a daemon does; files that are opened then have the numbers that SQLite and the lock had."""
    done = run(tmp_path, how, durability)
    assert done.returncode == 1
    assert "StorageError: study 's': code in this process closed rung's files" in done.stderr
    for i in range(12 if how == "opened" else 0):
        assert (tmp_path / f"results{i}.csv").read_text() == "x,y\n" * 3000 + "2\n" * (i == 0)
    acknowledged = (tmp_path / "acks").read_text().split()
    assert len(acknowledged) == 9
    events = list(SqliteStorage(tmp_path / "studies").read("s"))
    assert {event.id for event in events}.issuperset(acknowledged)
    done = run(tmp_path, "sound", durability)
    assert done.returncode == 0, done.stderr
    state = check_log(list(SqliteStorage(tmp_path / "studies").read("s")), n_trials=8, capacity=1)
    assert state.counts["completed"] == 8


# ---- the write-ahead log


def owner() -> Owner:
    return Owner("here", os.getpid(), time.time())


def reported(number: int) -> Reported:
    return Reported(id=f"t0/a1/r{number}", t=float(number), trial=0, attempt=1, number=number, resource=number,
                    metrics={"y": 0.1 * number})  # fmt: skip


CUT = """
import os, sys, time
from rung.errors import StorageError
from rung.storage import Owner
from rung.storage.sqlite import SqliteStorage
sys.path[:0] = {path!r}
from reliability.test_files_beneath import reported, owner
storage = SqliteStorage(sys.argv[1], sys.argv[2])
lease = storage.acquire("a", owner())
for n in range(1, 300):
    if n == 200:
        log = storage.folder("a") / "study.db-wal"
        size = log.stat().st_size if sys.argv[2] == "process" else 300_000
        os.truncate(log, int(size * float(sys.argv[3])))
    try:
        storage.append(lease, [reported(n)])
    except StorageError as error:
        print(n, error)
        break
storage.release(lease)
"""


@pytest.mark.parametrize("durability", ["machine", "process"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_log_that_is_cut_beneath_a_study_is_noticed_at_once(tmp_path, share, durability):
    storage = SqliteStorage(tmp_path, durability)
    storage.create("a", CREATED)
    done = subprocess.run(
        [sys.executable, "-c", CUT.format(path=sys.path), str(tmp_path), durability, str(share)], check=False,
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.startswith("200 study 'a': its write-ahead log was cut while it ran"), done.stderr
    # What is left is a beginning of what was stored, and goes on.
    kept = list(storage.read("a"))
    assert kept == [CREATED, *map(reported, range(1, len(kept)))]
    lease = storage.acquire("a", owner())
    assert storage.append(lease, [reported(len(kept))]) == len(kept) + 1
    storage.release(lease)


def test_a_log_that_is_deleted_beneath_a_study_is_noticed_and_what_it_held_is_kept(tmp_path):
    storage = SqliteStorage(tmp_path)
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    storage.append(lease, [reported(1)])
    (storage.folder("a") / "study.db-wal").unlink()
    with pytest.raises(StorageError, match="its write-ahead log was deleted while it ran"):
        storage.append(lease, [reported(2)])
    storage.release(lease)
    assert list(storage.read("a")) == [CREATED, reported(1)]


@pytest.mark.parametrize(
    "pragma", ["wal_checkpoint(PASSIVE)", "wal_checkpoint(RESTART)", "wal_checkpoint(TRUNCATE)"]
)
def test_a_log_that_another_program_saved_is_no_loss(tmp_path, pragma):
    storage = SqliteStorage(tmp_path, "process")
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    for n in range(1, 50):
        storage.append(lease, [reported(n)])
        if n % 10 == 0:
            code = f"import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA {pragma}').fetchone())"
            path = str(storage.folder("a") / "study.db")
            done = subprocess.run(
                [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
            )
            assert done.stdout.startswith("(0, ")
    storage.release(lease)
    assert list(storage.read("a")) == [CREATED, *map(reported, range(1, 50))]
