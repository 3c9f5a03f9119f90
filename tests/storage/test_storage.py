"""Every storage gives the same answers; SQLite's also survive a process."""

from __future__ import annotations

import itertools
import math
import os
import sqlite3
import stat
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import (
    ArgumentError,
    LeaseLost,
    StorageError,
    StudyCorrupt,
    StudyExists,
    StudyInUse,
    StudyNotFound,
)
from rung.storage import MemoryStorage, Owner, open_storage
from rung.storage.sqlite import SqliteStorage
from rung.study.decoding import decode
from rung.study.events import KINDS, AttemptEnded, Event, TrialCreated
from rung.testing import check_storage
from rung.testing.storages import CREATED, reported, unreadable


def owner() -> Owner:
    return Owner("here", os.getpid(), time.time())


@pytest.fixture(
    params=["memory", "sqlite-machine", "sqlite-process", pytest.param("postgres", marks=pytest.mark.slow)]
)
def make(request, tmp_path):
    """Makes an empty storage."""
    if request.param == "memory":
        return MemoryStorage
    if request.param == "postgres":
        return request.getfixturevalue("make_postgres")
    folders = (tmp_path / f"studies-{n}" for n in itertools.count())
    return lambda: SqliteStorage(next(folders), request.param.split("-")[1])


@pytest.fixture
def storage(make):
    return make()


def test_every_storage_does_what_rung_relies_on(make):
    check_storage(make)


def test_what_could_not_be_read_back_is_said_to_be(storage):
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    for event in unreadable().values():
        with pytest.raises(StorageError, match="could not be read back"):
            storage.append(lease, [reported(5), event])
    storage.release(lease)
    assert list(storage.read("a")) == [CREATED]


def test_a_study_is_created_once(storage):
    storage.create("a", CREATED)
    with pytest.raises(StudyExists, match="'a' is there already"):
        storage.create("a", CREATED)


def test_a_study_that_is_not_there(storage):
    with pytest.raises(StudyNotFound, match="no study 'nope'"):
        storage.acquire("nope", owner())
    with pytest.raises(StudyNotFound, match="no study 'nope'"):
        list(storage.read("nope"))


def test_a_second_owner_is_refused_with_who_where_and_since_when(storage):
    storage.create("a", CREATED)
    lease = storage.acquire("a", Owner("node7", 4321, 0.0))
    with pytest.raises(StudyInUse, match=r"process 4321 on node7, since 19\d\d-"):
        storage.acquire("a", owner())
    (info,) = storage.studies()
    assert info.owner is not None
    assert info.owner.pid == 4321
    storage.release(lease)
    assert storage.studies()[0].owner is None
    again = storage.acquire("a", owner())
    assert again.epoch > lease.epoch
    storage.release(again)


@pytest.mark.parametrize("name", ["", " a", "a\n", "a\x00b", "x" * 201, "\ud800", 7, None])
def test_names_that_are_none(storage, name):
    with pytest.raises(ArgumentError, match="name="):
        storage.create(name, CREATED)


@pytest.mark.parametrize(
    "name", ["../../etc", "a/b", "CON", "'; DROP TABLE event; --", "ünï ☃", "." * 30, "x" * 200]
)
def test_strange_names_stay_in_the_folder(tmp_path, name):
    storage = SqliteStorage(tmp_path / "root")
    storage.create(name, CREATED)
    (folder,) = (tmp_path / "root").iterdir()
    assert storage.folder(name) == folder
    assert [info.name for info in storage.studies()] == [name]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["root"]


def test_a_stale_lease_writes_nothing(tmp_path):
    storage = SqliteStorage(tmp_path)
    storage.create("a", CREATED)
    stale = storage.acquire("a", owner())
    (storage.folder("a") / "study.lock").unlink()  # as if the lock were lost: safety is the epoch's alone
    fresh = storage.acquire("a", owner())
    storage.append(fresh, [reported(1)])
    with pytest.raises(LeaseLost, match="taken over"):
        storage.append(stale, [reported(2)])
    assert list(storage.read("a")) == [CREATED, reported(1)]
    storage.release(stale)
    storage.append(fresh, [reported(3)])
    storage.release(fresh)
    assert not (storage.folder("a") / "study.db-wal").exists()


def test_an_append_is_all_or_nothing(tmp_path):
    storage = SqliteStorage(tmp_path)
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    with pytest.raises(StorageError, match="can't be written"):
        storage.append(lease, [reported(1), reported(1)])
    assert list(storage.read("a")) == [CREATED]
    storage.append(lease, [reported(1)])
    storage.release(lease)


def test_the_log_can_only_grow(tmp_path):
    SqliteStorage(tmp_path).create("a", CREATED)
    (path,) = tmp_path.glob("*/study.db")
    db = sqlite3.connect(path)
    for statement in ("UPDATE event SET t = 1", "DELETE FROM event"):
        with pytest.raises(sqlite3.IntegrityError, match="append only"):
            db.execute(statement)
    db.close()


def test_files_are_private(tmp_path):
    storage = SqliteStorage(tmp_path / "root")
    storage.create("a", CREATED)
    (path,) = (tmp_path / "root").glob("*/study.db")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_damage_is_named_with_the_last_good_event(tmp_path):
    storage = SqliteStorage(tmp_path)
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    storage.append(lease, [reported(n) for n in range(1, 6)])
    storage.release(lease)
    (path,) = tmp_path.glob("*/study.db")
    db = sqlite3.connect(path)
    db.execute("DROP TRIGGER event_is_never_changed")
    db.execute("UPDATE event SET body = replace(body, '0.3', '0.4') WHERE seq = 4")
    db.commit()
    db.close()
    with pytest.raises(StudyCorrupt, match="event 4 is damaged; the last good one is event 3"):
        list(storage.read("a"))


def test_a_file_that_is_no_database(tmp_path):
    storage = SqliteStorage(tmp_path)
    storage.create("a", CREATED)
    (path,) = tmp_path.glob("*/study.db")
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StudyCorrupt, match="can't be read"):
        list(storage.read("a"))
    assert not storage.studies()


def test_a_folder_that_cant_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="no study can be made in"):
        SqliteStorage(tmp_path / "file" / "sub").create("a", CREATED)


def test_a_dead_owner_is_followed_at_once(tmp_path):
    storage = SqliteStorage(tmp_path)
    storage.create("a", CREATED)
    code = (
        "import os, sys, time; from rung.storage import *; from rung.storage.sqlite import SqliteStorage\n"
        "s = SqliteStorage(sys.argv[1]); lease = s.acquire('a', Owner('here', os.getpid(), time.time()))\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(StudyInUse, match=f"process {process.pid} on here"):
        storage.acquire("a", owner())
    process.kill()
    process.wait()
    process.stdout.close()
    lease = storage.acquire("a", owner())
    assert lease.epoch == 2
    storage.release(lease)


def test_of_many_that_create_at_once_one_wins(tmp_path):
    code = (
        "import sys; from rung.errors import *; from rung.storage.sqlite import SqliteStorage\n"
        "from rung.study.events import StudyCreated\n"
        "sys.stdin.readline()\n"
        "try:\n    SqliteStorage(sys.argv[1]).create('a', StudyCreated(id='study', t=0.0, space={}, goals={}, seed=0))\n"
        "except StudyExists: print('exists')\n"
        "else: print('made')"
    )
    many = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]  # fmt: skip
    time.sleep(0.5)
    for process in many:
        process.stdin.write("\n")
        process.stdin.flush()
    said = sorted(process.communicate()[0].strip() for process in many)
    assert said == ["exists", "exists", "exists", "made"]
    assert len(list(tmp_path.iterdir())) == 1


def test_open_storage(tmp_path):
    assert isinstance(open_storage(":memory:"), MemoryStorage)
    assert isinstance(open_storage(str(tmp_path)), SqliteStorage)
    own = MemoryStorage()
    assert open_storage(own) is own
    with pytest.raises(ArgumentError, match=r"storage=mongodb://\.\.\."):
        open_storage("mongodb://user:secret@host")
    with pytest.raises(ArgumentError, match="durability='disk'"):
        open_storage(str(tmp_path), "disk")


METRICS = st.dictionaries(st.text(min_size=1), st.floats(allow_nan=True, allow_infinity=True), max_size=3)


@settings(max_examples=40)
@given(metrics=METRICS, reason=st.text(), t=st.floats(0, 1e9))
def test_events_come_back_equal(tmp_path_factory, metrics, reason, t):
    storage = SqliteStorage(tmp_path_factory.mktemp("s"), "process")
    storage.create("a", CREATED)
    lease = storage.acquire("a", owner())
    event = AttemptEnded(id="t0/a1/end", t=t, trial=0, attempt=1, outcome="failed", metrics=metrics,
                         reason=reason.encode("utf-8", "replace").decode())  # fmt: skip
    storage.append(lease, [event])
    storage.release(lease)
    (_, read) = storage.read("a")
    assert (read.id, read.t, read.reason) == (event.id, event.t, event.reason)
    assert {k: (v if not math.isnan(v) else "nan") for k, v in read.metrics.items()} == {
        k: (v if not math.isnan(v) else "nan") for k, v in metrics.items()
    }


def test_bodies_that_no_rung_wrote():
    for kind, body in [("Nonsense", {}), ("Reported", {"trial": 1}), ("Reported", {"metrics": 3}),
                       ("TrialCreated", {"trial": 0, "config": {}, "origin": "", "extra": 1})]:  # fmt: skip
        with pytest.raises(StudyCorrupt, match="can't be read"):
            decode(kind, "id", 0.0, body)


def test_every_kind_has_its_name():
    assert all(name == cls.kind == cls.__name__ for name, cls in KINDS.items())
    assert all(issubclass(cls, Event) for cls in KINDS.values())
    created = TrialCreated(id="t0", t=0.0, trial=0, config={"a": [1, 2]}, origin="user")
    assert decode("TrialCreated", "t0", 0.0, created.body()) == created


def test_delete(storage):
    for name in ("a", "b"):
        storage.create(name, CREATED)
    lease = storage.acquire("a", owner())
    with pytest.raises(StudyInUse, match="'a' is run by"):
        storage.delete("a", owner())
    storage.release(lease)
    storage.delete("a", owner())
    assert [info.name for info in storage.studies()] == ["b"]
    with pytest.raises(StudyNotFound, match="no study 'a'"):
        storage.delete("a", owner())
    storage.create("a", CREATED)
    assert list(storage.read("a")) == [CREATED]


def test_delete_leaves_nothing(tmp_path):
    storage = SqliteStorage(tmp_path)
    storage.create("a", CREATED)
    (storage.folder("a") / "trials" / "0").mkdir(parents=True)
    storage.delete("a", owner())
    assert not list(tmp_path.iterdir())
