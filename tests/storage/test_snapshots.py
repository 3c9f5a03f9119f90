"""A study opens to what its log tells, whatever lies beside the log."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from simulation import Simulation
from study.snapshots import facts

from rung.engine.recovery import take
from rung.errors import Error, StudyCorrupt
from rung.schedulers import ASHA
from rung.settings import Settings
from rung.storage import MemoryStorage, Owner, snapshots
from rung.storage.snapshots import kept_state, open_state, open_to_go_on, path
from rung.storage.sqlite import SqliteStorage
from rung.study import snapshot
from rung.study.events import FinalReportShown
from rung.study.state import StudyState
from rung.testing.faults import Setting, World

pytestmark = pytest.mark.unmeasured

OWNER = Owner("here", 1, 0.0)


@pytest.fixture(autouse=True)
def a_piece_every_20_events(monkeypatch):
    monkeypatch.setattr(snapshots, "EVERY", 20)


def run(storage, n_trials):
    simulation = Simulation(
        storage=storage,
        scheduler=ASHA(eta=2),
        max_resource=4,
        settings=Settings.of(n_trials=n_trials, max_resource=4),
    )
    return simulation.run()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "EVERY", 20)
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        run(SqliteStorage(root / "studies", "process"), 20)
    return root


@pytest.fixture
def storage(made, tmp_path):
    shutil.copytree(made / "studies", tmp_path / "studies")
    storage = SqliteStorage(tmp_path / "studies", "process")
    file = path(storage, "s")
    file.parent.mkdir(parents=True)
    (kept,) = (made / "cache" / "rung" / "snapshots").iterdir()
    shutil.copyfile(kept, file)
    assert kept_state(storage, "s") is not None
    return storage


@pytest.fixture
def file(storage):
    return path(storage, "s")


def opened(storage, to_go_on):
    return open_to_go_on(storage, "s")[0] if to_go_on else open_state(storage, "s")


def folded(storage):
    return facts(StudyState.replay(storage.read("s")))


def edit(storage, sql):
    with closing(sqlite3.connect(storage.database("s"), isolation_level=None)) as db:
        db.execute("DROP TRIGGER event_is_never_changed")
        db.execute("DROP TRIGGER event_is_never_deleted")
        db.execute(sql)


# ---- what it tells


def test_a_study_opens_by_its_snapshot_to_what_its_log_tells(storage, file, monkeypatch):
    read = []
    monkeypatch.setattr(
        storage,
        "read",
        lambda study, after=0: read.append(after) or SqliteStorage.read(storage, study, after),
    )
    for to_go_on in (False, True):
        assert facts(opened(storage, to_go_on)) == folded(storage)
    state, keeper = open_to_go_on(storage, "s")
    mark = keeper.kept.mark
    assert mark.size == file.stat().st_size
    assert 0 <= state.events - mark.events < 40  # a step may bring several
    assert read[:6] == [0, mark.events - 1, 0] * 2  # the first event, the rest; and what the test folds


def test_sessions_go_on_with_the_snapshot_they_find(storage, file):
    before = file.read_bytes()
    run(storage, 40)
    assert file.read_bytes().startswith(before)
    assert facts(open_state(storage, "s")) == folded(storage)
    assert open_to_go_on(storage, "s")[1].kept.mark.size == file.stat().st_size


def test_a_small_study_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "EVERY", 10_000)
    storage = SqliteStorage(tmp_path, "process")
    run(storage, 20)
    assert not path(storage, "s").exists()
    assert facts(open_state(storage, "s")) == folded(storage)


def test_a_study_in_memory_has_none():
    storage = MemoryStorage()
    assert facts(run(storage, 20)) == folded(storage)
    assert kept_state(storage, "s") is None


@pytest.mark.parametrize("seeds", [range(8), pytest.param(range(8, 24), marks=pytest.mark.slow)])
def test_coordinators_that_die_anywhere_leave_snapshots_that_tell_the_truth(seeds, monkeypatch):
    monkeypatch.setattr(snapshots, "EVERY", 7)
    found = []
    monkeypatch.setattr(
        snapshots, "kept_state", lambda *a, **k: found.append(kept_state(*a, **k)) or found[-1]
    )

    class Watched(World):
        def appended(self, lease, events, count):
            super().appended(lease, events, count)
            assert facts(open_state(self.storage, self.study)) == folded(self.storage)

    for seed in seeds:
        Watched(replace(Setting.draw(seed), sqlite=True)).run()
    assert any(found)


# ---- what may befall it


@pytest.mark.parametrize("seed", range(6))
def test_no_damage_of_a_snapshot_changes_what_a_study_opens_to(storage, file, seed):
    rng, truth, whole = random.Random(seed), folded(storage), file.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        match rng.randrange(5):
            case 0:
                del data[rng.randrange(len(data)) :]
            case 1:
                data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
            case 2:
                at = rng.randrange(len(data))
                data[at : at + 512] = bytes(len(data[at : at + 512]))
            case 3:
                data += rng.randbytes(rng.choice([1, 16, 500]))
            case 4:
                data[:] = rng.choice(
                    [b"", b"rung", bytes(5000), rng.randbytes(5000), whole[16:], whole + whole]
                )
        file.write_bytes(data)
        assert facts(open_state(storage, "s")) == truth
        assert facts(opened(storage, to_go_on=True)) == truth


def test_who_goes_on_after_a_torn_piece_writes_over_it(storage, file):
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    run(storage, 40)
    assert facts(open_state(storage, "s")) == folded(storage)
    assert open_to_go_on(storage, "s")[1].kept.mark.size == file.stat().st_size


def test_what_was_written_by_another_version_is_written_anew(storage, file, monkeypatch):
    monkeypatch.setattr(snapshot, "BY", "a newer one")
    assert kept_state(storage, "s") is None
    assert facts(open_state(storage, "s")) == folded(storage)
    run(storage, 40)
    assert kept_state(storage, "s") is not None
    assert b"a newer one" in file.read_bytes()[:200]


def test_the_snapshot_of_another_study_tells_nothing(storage, file, tmp_path):
    other = SqliteStorage(tmp_path / "other", "process")
    Simulation(storage=other, seed=1).run()
    shutil.copyfile(file, path(other, "s"))
    assert kept_state(other, "s") is None
    assert facts(open_state(other, "s")) == folded(other)


def test_a_log_from_before_the_snapshot_is_what_counts(storage, file, tmp_path):
    # As after a power cut with durability="process", or from a copy: shorter at first, then another one.
    older = SqliteStorage(tmp_path / "older", "process")
    events = list(storage.read("s"))
    older.restore("s", events[:30])
    shutil.copyfile(file, path(older, "s"))
    assert kept_state(older, "s") is None
    assert facts(open_state(older, "s")) == folded(older)
    lease = older.acquire("s", OWNER)
    more = [FinalReportShown(id=f"look {i}", t=events[29].t, trial=0) for i in range(len(events))]
    older.append(lease, more)
    older.release(lease)
    assert kept_state(older, "s", to_go_on=False) is None
    assert facts(open_state(older, "s")) == folded(older)


@pytest.mark.parametrize(
    "change", ["body = '{}'", "crc = crc + 1", "t = t + 0.25", "epoch = epoch + 1", "id = id || ' '"]
)
def test_nobody_goes_on_with_a_log_that_was_damaged_beneath_its_snapshot(storage, change):
    truth = folded(storage)
    edit(storage, f"UPDATE event SET {change} WHERE seq = 15")
    assert facts(open_state(storage, "s")) == truth  # who looks sees what was there
    with pytest.raises(StudyCorrupt, match="event 15 is damaged"):
        open_to_go_on(storage, "s")
    with pytest.raises(StudyCorrupt, match="event 15 is damaged") as caught:
        take(storage, "s", {})
    assert caught.traceback  # which holds all that was open, and must not keep the log from being closed
    assert not (storage.folder("s") / "study.db-wal").exists()


def test_a_log_that_lost_a_row_is_damaged_with_a_snapshot_too(storage):
    edit(storage, "DELETE FROM event WHERE seq = 15")
    with pytest.raises(StudyCorrupt, match="event 15 is damaged"):
        open_to_go_on(storage, "s")


def test_an_empty_log_is_damaged_with_a_snapshot_too(storage):
    edit(storage, "DELETE FROM event")
    for to_go_on in (False, True):
        with pytest.raises(StudyCorrupt, match="the log begins with None"):
            opened(storage, to_go_on)


def test_damage_beyond_the_snapshot_is_named(storage):
    lease, state, keeper = take(storage, "s", {})
    storage.release(lease)
    last = state.events
    assert keeper.kept.mark.events < last
    edit(storage, f"UPDATE event SET crc = crc + 1 WHERE seq = {last}")
    with pytest.raises(StudyCorrupt, match=f"event {last} is damaged"):
        open_state(storage, "s")


# ---- who may read and write it


def test_a_copy_or_a_move_of_a_study_takes_no_snapshot_along(storage, tmp_path):
    shutil.copytree(tmp_path / "studies", tmp_path / "sent")
    sent = SqliteStorage(tmp_path / "sent", "process")
    assert kept_state(sent, "s") is None
    assert facts(opened(sent, to_go_on=True)) == folded(sent)
    run(sent, 40)
    assert kept_state(sent, "s") is not None


def test_only_its_user_reads_it_and_what_is_not_used_goes(storage, file, monkeypatch):
    file.unlink()
    old, young = file.with_name("old"), file.with_name("young")
    for other, age in ((old, 100 * 86400), (young, 86400)):
        other.write_bytes(b"rung")
        os.utime(other, (time.time() - age,) * 2)
    run(storage, 40)
    assert file.stat().st_mode & 0o777 == 0o600
    assert not old.exists()
    assert young.exists()


def test_without_a_home_none_is_kept(storage, file, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert path(storage, "s") is None
    run(storage, 40)
    assert facts(opened(storage, to_go_on=True)) == folded(storage)


def test_a_study_goes_on_though_its_snapshot_can_not_be_written(storage, file):
    file.unlink()
    file.mkdir()
    state = run(storage, 40)
    assert file.is_dir()
    assert len(state.trials) == 40
    assert facts(open_state(storage, "s")) == folded(storage)


def test_who_looks_writes_nothing(storage, file):
    before = file.read_bytes()
    file.write_bytes(before[:-3])
    open_state(storage, "s")
    assert file.read_bytes() == before[:-3]


# ---- checksums of a log


def test_a_checksum_tells_of_each_change(storage):
    first, second = storage.checksum("s", 0, 20), storage.checksum("s", 20, 40)
    assert first != second
    assert first == storage.checksum("s", 0, 20)
    seen = {first}
    changes = ("t = t + 1", "t = t * (1 + 3e-16)", "kind = 'Judged'", "id = id || 'x'", "seq = -seq")
    for change in changes:
        edit_again(storage, f"UPDATE event SET {change} WHERE seq = 7")
        seen.add(storage.checksum("s", 0, 20))
    assert len(seen) == 1 + len(changes)
    assert storage.checksum("s", 20, 40) == second


def edit_again(storage, sql):
    with closing(sqlite3.connect(storage.database("s"), isolation_level=None)) as db:
        db.execute("DROP TRIGGER IF EXISTS event_is_never_changed")
        db.execute(sql)


@pytest.mark.slow
def test_studies_in_postgresql_have_them_too(postgres):
    run(postgres, 20)
    for to_go_on in (False, True):
        state, _ = kept_state(postgres, "s", to_go_on=to_go_on)
        assert facts(state) == folded(postgres)
    with postgres._connect() as db:
        db.execute("ALTER TABLE rung.event DISABLE TRIGGER ALL")
        db.execute("UPDATE rung.event SET body = '{}' WHERE seq = 15")
    with pytest.raises(Error, match="event 15 is damaged"):
        open_to_go_on(postgres, "s")
