"""`trial.log`: values and files of the user's own, kept with the trial."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cli.commands import environment, rung_here

import rung
from rung.errors import ArgumentError, StorageError, StudyCorrupt
from rung.execution.worker import frames
from rung.space import Space
from rung.storage import MemoryStorage, open_storage, snapshots
from rung.storage.sqlite import SqliteStorage
from rung.study.events import Noted
from rung.study.notes import LARGEST_FILE
from rung.study.state import StudyState
from rung.testing import check_log

SPACE = Space({"x": rung.Float(0, 1)})


def tune(objective, folder, **arguments):
    given = {
        "n_trials": 2,
        "searcher": "random",
        "storage": str(folder),
        "name": "s",
        "progress": False,
        "seed": 1,
    }
    return rung.tune(objective, SPACE, **{**given, **arguments})


def objective(config, trial):
    picture = Path(f"picture {trial.number}.png")
    picture.write_bytes(b"PNG" + bytes([trial.number]))
    trial.log(note="begins", seed=trial.seed, share=np.float32(0.5), good=True)
    trial.log(image=picture)
    picture.unlink()
    trial.report(value=config["x"])
    trial.log(worst=math.nan)


@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_values_and_files_are_kept_with_the_trial(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tune(objective, tmp_path / "out", executor=executor)
    study = rung.StudyView.load("s", storage=str(tmp_path / "out"))
    for trial in study.trials:
        first, second, third = trial.notes
        assert first.values == {"note": "begins", "seed": first.values["seed"], "share": 0.5, "good": True}
        assert list(first.values) == ["note", "seed", "share", "good"]
        assert (first.attempt, second.values) == (1, {})
        assert first.t <= second.t <= third.t
        assert str(third.values["worst"]) == "nan"
        copied = study.folder / second.files["image"]
        assert copied.parent == study.folder / "notes" / str(trial.number)
        assert copied.suffix == ".png"
        assert copied.read_bytes() == b"PNG" + bytes([trial.number])
        assert "note" not in trial.metrics
    check_log(list(study.events()))
    assert "notes" not in str(study.best_trial.metrics)


def test_what_a_trial_logs_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def odd(config, trial):
        Path("a.txt").write_text("a")
        trial.log(**{"a name\x1b[31m": "red\x1b[31m\nsecond line", "../../etc/passwd": Path("a.txt")})
        return config["x"]

    tune(odd, tmp_path / "out")
    shown = rung_here("trial", "1", "s", "--storage", "out", cwd=tmp_path).stdout
    assert r"note     a name\x1b[31m = red\x1b[31m\nsecond line" in shown
    assert f"../../etc/passwd = {tmp_path}/out/" in shown
    assert "/notes/1/1-1-1--etc-passwd.txt" in shown
    found = json.loads(rung_here("trial", "1", "s", "--storage", "out", "--json", cwd=tmp_path).stdout)
    (note,) = found["notes"]
    assert Path(note["files"]["../../etc/passwd"]).read_text() == "a"
    assert rung_here("status", "s", "--storage", "out", cwd=tmp_path).returncode == 0


def test_notes_are_durable_when_log_returns(tmp_path):
    """The whole study is killed right after: the note and its file are there."""
    script = tmp_path / "job.py"
    script.write_text(
        "import os, signal, rung\nfrom pathlib import Path\n"
        "def objective(config, trial):\n"
        "    Path('a.bin').write_bytes(b'abc')\n"
        "    if trial.attempt == 1:\n"
        "        trial.log(note='first', file=Path('a.bin'))\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    trial.log(note='second')\n"
        "    return 1.0\n"
        "rung.tune(objective, {'x': rung.Float(0, 1)}, n_trials=1, name='s', storage='out', progress=False,\n"
        "          executor='inline')\n"
    )
    for expected in (-signal.SIGKILL, 0):
        done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, env=environment(), timeout=60,
                              check=False)  # fmt: skip
        assert done.returncode == expected
    study = rung.StudyView.load("s", storage=str(tmp_path / "out"))
    first, second = study.trials[0].notes
    assert (first.attempt, first.values, second.attempt, second.values) == (
        1, {"note": "first"}, 2, {"note": "second"},
    )  # fmt: skip
    assert (study.folder / first.files["file"]).read_bytes() == b"abc"


def test_ask_and_tell(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with rung.Study(SPACE, n_trials=1, searcher="random", storage=str(tmp_path / "out"), name="s") as study:
        trial = study.ask()
        trial.log(note="by hand", text=tmp_path / "a.txt")
        study.tell(trial, 1.0)
    (note,) = study.trials[0].notes
    assert (study.folder / note.files["text"]).read_text() == "a"
    with pytest.raises(rung.TrialInterrupted):
        trial.log(note="too late")


def test_a_study_in_memory_keeps_values_and_no_files(tmp_path):
    (tmp_path / "a.txt").write_text("a")

    def both(config, trial):
        trial.log(note="here", text=tmp_path / "a.txt")
        return 1.0

    study = rung.tune(both, SPACE, n_trials=1, storage=":memory:", progress=False)
    (note,) = study.trials[0].notes
    assert (note.values, note.files) == ({"note": "here"}, {"text": ""})


def test_checkpoints_are_discarded_and_files_stay(tmp_path):
    (tmp_path / "a.txt").write_text("a")

    def saves(config, trial):
        trial.log(text=tmp_path / "a.txt")
        for epoch in trial.epochs():
            with trial.checkpoint() as path:
                (path / "model").write_text("m")
            trial.report(epoch=epoch, value=1.0)

    study = tune(saves, tmp_path / "out", max_resource=2, keep_checkpoints="none")
    assert not list((study.folder / "trials").glob("*/checkpoint"))
    assert len(list((study.folder / "notes").glob("*/*.txt"))) == 2


# ---- bounds


def logging(call, tmp_path):
    """Return the error of a trial that makes this call."""

    def objective(config, trial):
        with pytest.raises(ArgumentError) as error:
            call(trial)
        trial.log(note=str(error.value))  # it goes on
        return 1.0

    return tune(objective, tmp_path / "out", n_trials=1).trials[0].notes[-1].values["note"]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda trial: trial.log(), "give values"),
        (lambda trial: trial.log(a=[1, 2]), "a=[1, 2]; give text, a number, or the Path of a file"),
        (lambda trial: trial.log(a={"b": 1}), "give text, a number, or the Path of a file"),
        (lambda trial: trial.log(a="x" * 20_000), "of at most 16384; write more to a file"),
        (lambda trial: [trial.log(a="x" * 1000) for _ in range(20)], "of at most 16384"),
        (lambda trial: trial.log(**{"x" * 300: 1}), "a name has 1 to 200 characters"),
        (lambda trial: trial.log(a=Path("/nowhere/a.png")), "'/nowhere/a.png' can't be read: No such file"),
        (lambda trial: trial.log(a=Path("/")), "a='/' is not a regular file"),
        (lambda trial: trial.log(a=Path("/dev/zero")), "a='/dev/zero' is not a regular file"),
        (lambda trial: trial.log(**{f"f{i}": Path(__file__) for i in range(21)}), "would make 21 files"),
    ],
)  # fmt: skip
def test_what_is_too_much_is_a_clear_error_and_the_trial_can_go_on(call, said, tmp_path):
    assert said in logging(call, tmp_path)


def test_a_pipe_or_a_large_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    assert "is not a regular file" in logging(lambda trial: trial.log(a=tmp_path / "pipe"), tmp_path)
    said = logging(lambda trial: trial.log(a=tmp_path / "large"), tmp_path / "other")
    assert "5000001 bytes, of at most 5000000; save what is larger in trial.checkpoint()" in said


def test_a_link_in_the_studys_folder_is_not_written_through(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "elsewhere").mkdir()

    def objective(config, trial):
        folder = next((tmp_path / "out").glob("s-*"))
        (folder / "notes").symlink_to(tmp_path / "elsewhere")
        trial.log(text=tmp_path / "a.txt")

    study = tune(objective, tmp_path / "out", n_trials=1, max_failures=5)
    assert study.trials[0].status == "failed"
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_child_process_does_not_log(tmp_path):
    def objective(config, trial):
        if os.fork() == 0:
            try:
                trial.log(note="from the child")
            finally:
                os._exit(0)
        os.wait()
        return 1.0

    assert not tune(objective, tmp_path, n_trials=1).trials[0].notes


# ---- what others may have written


def noted(**changes):
    fields = {
        "trial": 0,
        "attempt": 1,
        "number": 1,
        "values": {"a": 1},
        "files": {"f": "1-1-1-f.png"},
        **changes,
    }
    return Noted(id="t0/a1/n1", t=0.0, **fields)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {"f": "../../secret"}}, {"files": {"f": "/etc/passwd"}}, {"files": {"f": ".."}},
        {"files": {"f": 3}}, {"values": {"a": [1]}}, {"values": {"": 1}}, {"attempt": 7}, {"trial": 5},
    ],
)  # fmt: skip
def test_a_strangers_note_is_refused(changes):
    storage = MemoryStorage()
    study = rung.Study(SPACE, n_trials=1, searcher="random", storage=storage, name="s")
    study.ask()
    events = list(study.events())
    assert StudyState.replay([*events, noted()]).trials[0].notes[0].files == {"f": "notes/0/1-1-1-f.png"}
    with pytest.raises(StudyCorrupt):
        StudyState.replay([*events, noted(**changes)])


@pytest.mark.parametrize(
    "changes",
    [
        {"values": {"a": {}}}, {"values": {"a": "x" * 20_000}}, {"files": {"a": "../b"}}, {"files": []},
        {"number": "1"}, {"more": 1},
    ],
)  # fmt: skip
def test_a_forged_frame_is_refused(changes):
    frame = {"what": "log", "id": [0, 1], "number": 1, "values": {"a": "b"}, "files": {"c": "1-1-1-c.png"}}
    assert frames.read(json.dumps(frame).encode()).values == {"a": "b"}
    with pytest.raises(ValueError, match=r"\S"):
        frames.read(json.dumps({**frame, **changes}).encode())


def test_an_attempt_that_was_given_up_logs_nothing(tmp_path):
    study = rung.Study(SPACE, n_trials=1, searcher="random", storage=str(tmp_path), name="s")
    trial = study.ask()
    study.close()
    study.ask()
    with pytest.raises(rung.TrialInterrupted):
        trial.log(note="stale")
    assert not study.trials[0].notes


def test_a_log_that_cannot_be_stored_does_not_return(tmp_path):
    class Full(MemoryStorage):
        def append(self, lease, events):
            if any(isinstance(event, Noted) for event in events):
                raise StorageError("no room")
            return super().append(lease, events)

    returned = []

    def objective(config, trial):
        trial.log(note="lost")
        returned.append(True)
        return 1.0

    with pytest.raises(StorageError, match="no room"):
        rung.tune(objective, SPACE, n_trials=1, storage=Full(), progress=False, executor="inline")
    assert not returned


def test_notes_come_back_from_a_snapshot(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "EVERY", 10)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    study = tune(lambda config, trial: trial.log(note=trial.number) or 1.0, tmp_path, n_trials=6)
    reopened = rung.StudyView.load("s", storage=str(tmp_path))
    assert snapshots.kept_state(open_storage(str(tmp_path)), "s") is not None
    assert [trial.notes[0].values for trial in reopened.trials] == [{"note": i} for i in range(6)]
    assert study.state.digest() == reopened.state.digest()


def test_files_are_salvaged_with_their_trials(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tune(objective, tmp_path / "out")
    folder, (file,) = study.folder, study.trials[1].notes[1].files.values()
    saved = SqliteStorage(tmp_path / "out")
    saved.restore("t", list(study.events()), [folder / "notes" / "0", folder / "notes" / "1"])
    assert (saved.folder("t") / file).read_bytes() == (folder / file).read_bytes()
