"""What can be saved of a damaged study goes on as a new one, and the damaged one stays as it is."""

from __future__ import annotations

import sqlite3

import pytest

import rung
from rung.errors import StorageError, StudyCorrupt, StudyError, StudyExists
from rung.storage import Owner
from rung.storage.salvage import examine, salvage
from rung.storage.sqlite import SqliteStorage
from rung.testing import check_log

SPACE = {"x": rung.Float(0, 1)}


def objective(config, trial):
    for epoch in trial.epochs():
        with trial.checkpoint() as path:
            (path / "epoch").write_text(str(epoch))
        trial.report(epoch=epoch, value=config["x"] / epoch)


def tune(root, name: str, n_trials: int = 8) -> rung.Study:
    return rung.tune(objective, SPACE, n_trials=n_trials, scheduler="asha", max_resource=4, searcher="random",
                     seed=1, name=name, storage=root, progress=False, keep_checkpoints="all",
                     durability="process")  # fmt: skip


def edit(storage: SqliteStorage, statement: str) -> bytes:
    path = storage.database("a")
    db = sqlite3.connect(path)
    db.execute("DROP TRIGGER event_is_never_changed")
    db.execute(statement)
    db.commit()
    db.close()
    return path.read_bytes()


@pytest.fixture
def storage(tmp_path):
    tune(tmp_path, "a")
    return SqliteStorage(tmp_path, "process")


@pytest.mark.parametrize("bad", range(3, 40, 4))
def test_what_is_before_the_damage_goes_on_as_a_new_study(storage, tmp_path, bad):
    events = list(storage.read("a"))
    before = edit(storage, f"UPDATE event SET body = body || ' ' WHERE seq = {bad}")
    found = examine(storage, "a")
    assert f"event {bad} is damaged; the last good one is event {bad - 1}" in found.fault
    assert list(found.events) == events[: bad - 1]
    saved = salvage(storage, "a", "b")
    assert storage.database("a").read_bytes() == before
    assert list(storage.read("b")) == list(saved.events)
    assert not examine(storage, "b").fault
    known = {str(e.trial) for e in saved.events if e.kind == "TrialCreated"}
    there = {path.name for path in storage.folder("b").glob("trials/*")}
    assert there == known  # a checkpoint without its trial would be taken for another one's
    study = tune(tmp_path, "b")
    assert len(study.trials) == 8
    assert all(trial.is_finished for trial in study.trials)
    check_log(list(storage.read("b")), n_trials=8, capacity=1)


def test_a_file_that_can_be_read_and_not_written_is_damaged(storage, tmp_path):
    path, events = storage.database("a"), list(storage.read("a"))
    data = bytearray(path.read_bytes())
    data[18] = 77  # the version of the file format that a writer needs
    path.write_bytes(data)
    assert list(storage.read("a")) == events
    assert "header is damaged" in examine(storage, "a").fault
    salvage(storage, "a", "b")
    assert list(storage.read("b")) == events


def test_a_sound_study_needs_no_salvage(storage):
    with pytest.raises(StudyError, match="'a' is sound"):
        salvage(storage, "a", "b")


def test_nothing_is_saved_over_another_study_or_of_nothing(storage, tmp_path):
    edit(storage, "UPDATE event SET crc = 0 WHERE seq = 9")
    tune(tmp_path, "b", 1)
    with pytest.raises(StudyExists, match="'b' is there already"):
        salvage(storage, "a", "b")
    storage.database("a").write_bytes(b"")
    with pytest.raises(StudyCorrupt, match="nothing of study 'a' can be saved"):
        salvage(storage, "a", "c")
    assert {info.name for info in storage.studies()} == {"b"}


def test_text_that_is_no_utf_8_in_the_schema(storage):
    path = storage.database("a")
    path.write_bytes(path.read_bytes().replace(b"WITHOUT ROWID", b"WITHOUT R\xd0WID"))
    with pytest.raises(StudyCorrupt, match="can't be read"):
        list(storage.read("a"))
    with pytest.raises(StorageError):
        storage.acquire("a", Owner("here", 1, 0.0))
    assert not storage.studies()


def test_an_epoch_below_the_logs_is_raised_above_it(storage, tmp_path):
    edit(storage, "UPDATE meta SET value = '0' WHERE key = 'epoch'")
    assert len(tune(tmp_path, "a", 9).trials) == 9
    check_log(list(storage.read("a")))


def test_a_name_that_is_not_the_folders_is_not_listed(storage):
    edit(storage, "UPDATE meta SET value = 'aa' WHERE key = 'name'")
    assert not storage.studies()
    assert "name" in examine(storage, "a").fault
