"""Databases of every format that rung ever wrote open for ever; those of a newer rung are refused by name."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import pytest
from storage.make_golden import GOLDEN, SPACES, facts, objective

import rung
from rung.errors import StorageError
from rung.storage.sqlite import SqliteStorage
from rung.study import snapshot
from rung.study.events import SCHEMA_VERSION
from rung.study.state import StudyState
from rung.testing import check_log

FORMATS = range(1, SCHEMA_VERSION + 1)


def placed(root: Path, version: int) -> SqliteStorage:
    storage = SqliteStorage(root)
    folder = storage.folder("golden")
    folder.mkdir()
    shutil.copyfile(GOLDEN / f"format-{version}.db", folder / "study.db")
    return storage


@pytest.mark.parametrize("version", FORMATS)
def test_it_folds_to_what_it_always_did(tmp_path, version):
    storage = placed(tmp_path, version)
    events = list(storage.read("golden"))
    told = json.loads((GOLDEN / f"format-{version}.json").read_text())
    assert facts(StudyState.replay(events)) == told
    assert len(events) == told["events"]
    assert [info.name for info in storage.studies()] == ["golden"]


def test_the_first_one_has_every_kind_of_event(tmp_path):
    assert len({event.kind for event in placed(tmp_path, 1).read("golden")}) == 11


@pytest.mark.parametrize("version", FORMATS)
def test_it_goes_on(tmp_path, version):
    storage = placed(tmp_path, version)
    before = len(list(storage.read("golden")))
    study = rung.tune(
        objective, SPACES[version], metric="error", report_only=["test_error"], scheduler="asha", max_resource=9,
        n_trials=20, searcher="random", name="golden", storage=tmp_path, progress=False,
    )  # fmt: skip
    assert len(study.trials) - study.state.n_imported == 20
    assert all(trial.is_finished for trial in study.trials)
    events = list(storage.read("golden"))
    assert len(events) > before
    check_log(events, n_trials=20, capacity=2)


@pytest.mark.parametrize("version", FORMATS)
def test_what_is_added_is_of_todays_format(tmp_path, version):
    storage = placed(tmp_path, version)
    with closing(sqlite3.connect(storage.database("golden"))) as db:
        before = db.execute("SELECT * FROM event ORDER BY seq").fetchall()
    study = rung.tune(
        objective, SPACES[version], metric="error", report_only=["test_error"], scheduler="asha", max_resource=9,
        n_trials=20, n_workers=2, searcher="random", name="golden", storage=tmp_path, progress=False,
    )  # fmt: skip
    with closing(sqlite3.connect(storage.database("golden"))) as db:
        after = db.execute("SELECT * FROM event ORDER BY seq").fetchall()
        workers = db.execute("SELECT body FROM event WHERE kind = 'WorkerStarted' ORDER BY seq").fetchall()
    assert after[: len(before)] == before  # append only: what is there is never rewritten
    first, *_, last = (json.loads(body).keys() for (body,) in workers)
    assert ("pid" in first) == (version < 3)
    assert last == {"worker", "backend", "identity"}
    assert study.state.sessions[-1].versions["schema"] == str(SCHEMA_VERSION)
    again = rung.Study.load("golden", storage=tmp_path)
    assert again.state.digest() == study.state.digest()
    assert all(worker.backend == "processes" for worker in again.events() if worker.kind == "WorkerStarted")


@pytest.mark.skipif(sys.byteorder != "little", reason="numbers lie there as in memory")
def test_what_a_snapshot_holds_is_of_its_format(tmp_path):
    # If this fails, the fold or the pieces have changed: raise snapshot.FORMAT, so that no older piece is
    # believed, and write down the new fingerprint.
    state = StudyState.replay(placed(tmp_path, 1).read("golden"))
    text = snapshot.piece(state, snapshot.Mark(), range(len(state.trials)), state.created, "").replace(
        snapshot.BY.encode(), b""
    )
    assert blake2b(text, digest_size=8).hexdigest() == {6: "008818cc6d7b1879"}[snapshot.FORMAT]


def test_a_newer_one_is_refused_by_its_version(tmp_path):
    storage = placed(tmp_path, SCHEMA_VERSION)
    path = storage.folder("golden") / "study.db"
    newer = SCHEMA_VERSION + 1
    db = sqlite3.connect(path)
    db.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (newer,))
    db.commit()
    db.close()
    bytes_ = path.read_bytes()
    said = f"written in format {newer}; this rung reads up to {SCHEMA_VERSION}: upgrade rung"
    with pytest.raises(StorageError, match=said):
        list(storage.read("golden"))
    with pytest.raises(StorageError, match=said):
        rung.Study.load("golden", storage=tmp_path)
    with pytest.raises(StorageError, match=said):
        rung.Study(SPACES[SCHEMA_VERSION], name="golden", storage=tmp_path)
    with pytest.raises(StorageError, match=said):
        storage.acquire("golden", rung.storage.Owner("here", 1, 0.0))
    assert path.read_bytes() == bytes_
