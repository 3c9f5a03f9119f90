"""`rung doctor` and `rung export`."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import rung
from rung.cli.commands import doctor
from rung.cli.main import commands
from rung.storage.sqlite import SqliteStorage


@pytest.fixture
def storage(tmp_path: Path) -> SqliteStorage:
    for name in ("a b", "sound"):
        study = rung.Study({"x": rung.Float(0, 1)}, metric="loss", name=name, storage=tmp_path, seed=1)
        for _ in range(3):
            trial = study.ask()
            assert trial is not None
            study.tell(trial, trial.config["x"])
        study.close()
    return SqliteStorage(tmp_path)


def call(storage: SqliteStorage, *arguments: str) -> Result:
    return CliRunner().invoke(commands, [*arguments, "--storage", str(storage)])


def spoil(storage: SqliteStorage, event: int) -> None:
    db = sqlite3.connect(storage.database("a b"))
    db.execute("DROP TRIGGER event_is_never_changed")
    db.execute("UPDATE event SET crc = crc + 1 WHERE seq = ?", (event,))
    db.commit()
    db.close()


def test_all_is_well(storage: SqliteStorage) -> None:
    done = call(storage, "doctor")
    assert done.exit_code == 0
    assert "ok  a b: sound, 12 events, 3 trials, 3 finished, best loss = " in done.stdout
    assert "ok  sound: sound, " in done.stdout
    assert "; nobody runs it\n" in done.stdout
    assert "BAD" not in done.stdout


def test_damage_is_named_and_saved(storage: SqliteStorage) -> None:
    spoil(storage, 9)
    assert call(storage, "doctor", "sound").exit_code == 0
    done = call(storage, "doctor")
    assert done.exit_code == 1
    assert (
        "event 9 is damaged; the last good one is event 8\n    good: 8 events, 2 trials, 2 finished"
        in done.stdout
    )
    assert "to save that as another study: rung export 'a b' --salvage" in done.stdout
    assert "damaged, see: rung doctor" in call(storage, "studies").stdout
    assert call(storage, "export", "a b").exit_code == 74
    done = call(storage, "export", "a b", "--salvage")
    assert done.exit_code == 0, done.output
    assert "continue with: the same code with name='a b-salvaged'" in done.stdout
    assert call(storage, "doctor", "a b-salvaged").exit_code == 0
    assert call(storage, "export", "a b", "--salvage").exit_code == 2  # it is there already
    assert call(storage, "export", "a b", "--salvage", "--as", "c").exit_code == 0
    assert call(storage, "export", "sound", "--salvage").exit_code == 2


def test_what_is_left_and_what_is_no_study(storage: SqliteStorage, tmp_path: Path) -> None:
    for name in (".new-xyz", ".deleted-a-1", "mine"):
        (tmp_path / name).mkdir()
    done = call(storage, "doctor", "--json")
    found = {Path(f["about"]).name: (f["sound"], f["said"]) for f in json.loads(done.stdout)}
    assert done.exit_code == 1
    assert found["mine"] == (False, "no study: it holds no study.db")
    assert found[".new-xyz"][0]
    assert "while it was made" in found[".new-xyz"][1]
    assert "while it was deleted" in found[".deleted-a-1"][1]


def test_a_running_study_is_sound(storage: SqliteStorage) -> None:
    with rung.Study({"x": rung.Float(0, 1)}, metric="loss", name="sound", storage=str(storage)) as study:
        study.ask()
        done = call(storage, "doctor", "sound")
    assert done.exit_code == 0
    assert "; run by process " in done.stdout


def test_a_network_file_system_is_told(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "file_system", lambda path: "nfs4")
    done = call(storage, "doctor")
    assert done.exit_code == 1
    assert "on nfs4, a network file system" in done.stdout


@pytest.mark.parametrize(
    ("version", "affected"),
    [((3, 6, 23), False), ((3, 7, 0), True), ((3, 40, 1), True), ((3, 44, 5), True), ((3, 44, 6), False),
     ((3, 45, 0), True), ((3, 50, 7), False), ((3, 51, 2), True), ((3, 51, 3), False), ((3, 52, 0), False)],
)  # fmt: skip
def test_which_releases_of_sqlite_may_lose_data(version: tuple[int, ...], affected: bool) -> None:
    assert doctor.has_wal_reset_bug(version) is affected


def test_export_is_the_log(storage: SqliteStorage, tmp_path: Path) -> None:
    events = list(storage.read("sound"))
    printed = [json.loads(line) for line in call(storage, "export", "sound").stdout.splitlines()]
    assert [line["id"] for line in printed] == [event.id for event in events]
    assert printed[3]["body"] == events[3].body()
    assert call(storage, "export", "sound", "-o", str(tmp_path / "log.jsonl")).exit_code == 0
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == printed
    done = call(storage, "export", "sound", "-o", str(tmp_path / "none" / "log.jsonl"))
    assert done.exit_code == 74
    assert "can't be written" in done.stderr
