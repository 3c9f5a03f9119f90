"""A study opens to what its log tells, whatever lies beside the log."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from simulation import Simulation
from study.snapshots import facts

from rung.engine.recovery import take
from rung.errors import Error, StudyCorrupt
from rung.schedulers import Asha
from rung.settings import Settings
from rung.storage import MemoryStorage, Owner, snapshots
from rung.storage.snapshots import NAME, Keeper, kept_state, open_state
from rung.storage.sqlite import SqliteStorage
from rung.study import snapshot
from rung.study.events import FinalReportShown
from rung.study.state import StudyState
from rung.testing.faults import Setting, World

OWNER = Owner("here", 1, 0.0)


@pytest.fixture(autouse=True)
def a_piece_every_20_events(monkeypatch):
    monkeypatch.setattr(snapshots, "EVERY", 20)


def run(storage, n_trials):
    simulation = Simulation(
        storage=storage,
        scheduler=Asha(eta=2),
        max_resource=4,
        settings=Settings.of(n_trials=n_trials, max_resource=4),
    )
    return simulation.run()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshots, "EVERY", 20)
        run(SqliteStorage(root, "process"), 20)
    return root


@pytest.fixture
def storage(made, tmp_path):
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    storage = SqliteStorage(tmp_path, "process")
    assert kept_state(storage, "s") is not None
    return storage


@pytest.fixture
def file(storage):
    return storage.folder("s") / NAME


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
        state = open_state(storage, "s", to_go_on=to_go_on)
        assert facts(state) == folded(storage)
        assert state.kept.size == file.stat().st_size
        assert 0 <= state.events - state.kept.events < 40  # a step may bring several
    assert read == [0, state.kept.events - 1, 0] * 2  # the first event, the rest; and what the test folds


def test_sessions_go_on_with_the_snapshot_they_find(storage, file):
    before = file.read_bytes()
    run(storage, 40)
    assert file.read_bytes().startswith(before)
    assert facts(open_state(storage, "s")) == folded(storage)
    assert open_state(storage, "s", to_go_on=True).kept.size == file.stat().st_size


def test_a_small_study_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "EVERY", 10_000)
    storage = SqliteStorage(tmp_path, "process")
    run(storage, 20)
    assert not (storage.folder("s") / NAME).exists()
    assert facts(open_state(storage, "s")) == folded(storage)


def test_a_study_in_memory_has_none():
    storage = MemoryStorage()
    assert facts(run(storage, 20)) == folded(storage)
    assert kept_state(storage, "s") is None


@pytest.mark.parametrize("seeds", [range(8), pytest.param(range(8, 60), marks=pytest.mark.slow)])
def test_coordinators_that_die_anywhere_leave_snapshots_that_tell_the_truth(seeds, monkeypatch):
    monkeypatch.setattr(snapshots, "EVERY", 7)
    opened = []
    monkeypatch.setattr(
        snapshots, "kept_state", lambda *a, **k: opened.append(kept_state(*a, **k)) or opened[-1]
    )

    class Watched(World):
        def appended(self, lease, events, count):
            super().appended(lease, events, count)
            assert facts(open_state(self.storage, self.study)) == folded(self.storage)

    for seed in seeds:
        Watched(replace(Setting.draw(seed), sqlite=True)).run()
    assert any(opened)


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
        assert facts(open_state(storage, "s", to_go_on=True)) == truth


def test_who_goes_on_after_a_torn_piece_writes_over_it(storage, file):
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    state = run(storage, 40)
    assert state.kept.size == file.stat().st_size
    assert facts(open_state(storage, "s")) == folded(storage)
    assert kept_state(storage, "s").kept == state.kept


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
    shutil.copyfile(file, other.folder("s") / NAME)
    assert kept_state(other, "s") is None
    assert facts(open_state(other, "s")) == folded(other)


def test_a_log_from_before_the_snapshot_is_what_counts(storage, file, tmp_path):
    # As after a power cut with durability="process", or from a copy: shorter at first, then another one.
    older = SqliteStorage(tmp_path / "older", "process")
    events = list(storage.read("s"))
    older.restore("s", events[:30])
    shutil.copyfile(file, older.folder("s") / NAME)
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
        open_state(storage, "s", to_go_on=True)
    with pytest.raises(StudyCorrupt, match="event 15 is damaged") as caught:
        take(storage, "s", {})
    assert caught.traceback  # which holds all that was open, and must not keep the log from being closed
    assert not (storage.folder("s") / "study.db-wal").exists()


def test_a_log_that_lost_a_row_is_damaged_with_a_snapshot_too(storage):
    edit(storage, "DELETE FROM event WHERE seq = 15")
    with pytest.raises(StudyCorrupt, match="event 15 is damaged"):
        open_state(storage, "s", to_go_on=True)


def test_an_empty_log_is_damaged_with_a_snapshot_too(storage):
    edit(storage, "DELETE FROM event")
    for to_go_on in (False, True):
        with pytest.raises(StudyCorrupt, match="the log begins with None"):
            open_state(storage, "s", to_go_on=to_go_on)


def test_damage_beyond_the_snapshot_is_named(storage):
    lease, state = take(storage, "s", {})
    storage.release(lease)
    last = state.events
    assert state.kept.events < last
    edit(storage, f"UPDATE event SET crc = crc + 1 WHERE seq = {last}")
    with pytest.raises(StudyCorrupt, match=f"event {last} is damaged"):
        open_state(storage, "s")


def test_a_forged_snapshot_gives_one_error_to_look_at_and_goes_on_by_the_log(storage, file, monkeypatch):
    line = snapshot._line

    def forged(state, trial):
        hidden = (
            trial.status == "completed" and trial is not state.incumbent
        )  # so that opening does not ask for it
        return line(state, trial).replace(b'},"searcher"', b"},7", hidden)

    monkeypatch.setattr(snapshot, "_line", forged)
    file.unlink()
    run(storage, 40)
    study = open_state(storage, "s")
    with pytest.raises(StudyCorrupt, match="delete study"):
        list(study.trials)
    assert facts(open_state(storage, "s", to_go_on=True)) == folded(storage)


# ---- who may read and write it


def test_a_link_or_a_pipe_in_its_place_is_not_followed(storage, file, tmp_path):
    mine = tmp_path / "mine"
    shutil.move(file, mine)
    before = mine.read_bytes()
    file.symlink_to(mine)
    assert facts(open_state(storage, "s")) == folded(storage)
    state = open_state(storage, "s")
    Keeper(storage, "s").keep(state, list(storage.read("s"))[-1])
    assert state.kept.size == 0
    assert mine.read_bytes() == before
    file.unlink()
    os.mkfifo(file)
    assert facts(open_state(storage, "s")) == folded(storage)


def test_a_study_goes_on_though_its_snapshot_can_not_be_written(storage, file):
    file.unlink()
    file.mkdir()
    state = run(storage, 40)
    assert state.kept.size == 0
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
        state = kept_state(postgres, "s", to_go_on=to_go_on)
        assert facts(state) == folded(postgres)
    with postgres._connect() as db:
        db.execute("ALTER TABLE rung.event DISABLE TRIGGER ALL")
        db.execute("UPDATE rung.event SET body = '{}' WHERE seq = 15")
    with pytest.raises(Error, match="event 15 is damaged"):
        open_state(postgres, "s", to_go_on=True)
