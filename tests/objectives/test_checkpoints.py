"""Checkpoints: replaced in one step, carried from attempt to attempt, gone when nobody needs them."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import jobs
import pytest

import rung
from rung.errors import ArgumentError, MetricError, ObjectiveError
from rung.execution.base import AttemptId, Job, Report
from rung.objectives.attempt import run_attempt
from rung.objectives.checkpoints import CheckpointStore, FolderStore
from rung.objectives.function import Objective
from rung.objectives.trial import RunningTrial
from rung.schedulers import ASHA
from rung.storage import MemoryStorage
from rung.study.events import Verdict
from rung.testing import check_log

SPACE = {"x": rung.Float(0, 1)}


def tune(objective, **options):
    options = {
        "n_trials": 9,
        "storage": ":memory:",
        "progress": False,
        "seed": 0,
        "max_resource": 9,
        "searcher": "random",
        **options,
    }
    return rung.tune(objective, SPACE, **options)


def test_replaced_in_one_step(tmp_path):
    saved = FolderStore(tmp_path)
    assert (saved.has(3), saved.fetch(3)) == (False, None)
    for epoch in (1, 2):
        with saved.save(3, epoch) as path:
            (path / "model").write_text(str(epoch))
            assert saved.fetch(3) == (None if epoch == 1 else 1)  # the old one counts until the end
    assert (saved.has(3), saved.fetch(3), (saved.path(3) / "model").read_text()) == (True, 2, "2")
    with pytest.raises(ZeroDivisionError), saved.save(3, 3):
        raise ZeroDivisionError
    assert (saved.fetch(3), (saved.path(3) / "model").read_text()) == (2, "2")
    assert len(list((tmp_path / "3").iterdir())) == 3  # the link, what it points to, and the one before
    with saved.save(3, 3) as path:
        (path / "model").write_text("3")
    assert len(list((tmp_path / "3").iterdir())) == 3
    saved.discard(3)
    assert not (tmp_path / "3").exists()


def test_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    synced = []
    sync = os.fsync

    def recorded(handle):
        path = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append((str(path), (tmp_path / "0" / "checkpoint").exists()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", recorded)
    with FolderStore(tmp_path).save(0, epoch=1) as path:
        (path / "layers").mkdir()
        (path / "layers" / "1").write_text("weights")
    assert sorted(synced) == [
        (str(tmp_path / "0"), True),
        (str(path), False),
        (str(path / "layers"), False),
        (str(path / "layers" / "1"), False),
    ]


def test_settled_when_the_report_is_through(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")  # as /tmp is on some systems
    saved = FolderStore(tmp_path / "linked")
    saved.settle(3)
    for epoch in (1, 2):
        with saved.save(3, epoch) as path:
            (path / "model").write_text(str(epoch))
    assert len(list((tmp_path / "real" / "3").iterdir())) == 3
    saved.settle(3)
    assert len(list((tmp_path / "real" / "3").iterdir())) == 2
    assert (saved.fetch(3), (saved.path(3) / "model").read_text()) == (2, "2")


def test_rolled_back_to_what_was_reported(tmp_path):
    saved = FolderStore(tmp_path)
    for epoch in (1, 2, 3):
        with saved.save(3, epoch) as path:
            (path / "model").write_text(str(epoch))
    assert saved.fetch(3, 3) == 3
    assert saved.fetch(3, 2) == 2
    assert (saved.fetch(3), (saved.path(3) / "model").read_text()) == (2, "2")
    assert saved.fetch(3, 0) is None
    assert not saved.has(3)


def write(store, trial, epoch, text):
    with store.save(trial, epoch) as path:
        (path / "model").write_text(text)


def test_an_attempt_that_is_believed_no_more_spoils_nothing_and_does_not_count(tmp_path):
    old = FolderStore(tmp_path).of(1, None)
    for epoch in (1, 2, 3):
        write(old, 7, epoch, f"{epoch} of 1")
    # The log has its report of epoch 2. What it saved since, on a machine that is out of reach, does not count.
    new = FolderStore(tmp_path).of(2, {1: 2})
    assert (new.fetch(7, 2), (new.path(7) / "model").read_text()) == (2, "2 of 1")
    write(new, 7, 3, "3 of 2")
    with pytest.raises(rung.TrialInterrupted, match="attempt 2 runs elsewhere"):
        write(old, 7, 4, "4 of 1")
    old.settle(7)
    assert (new.path(7) / "model").read_text() == "3 of 2"
    # Even one that the log would take for newer, as its machine did not see that it was over.
    (tmp_path / "7" / ".attempt").unlink()
    write(old, 7, 9, "9 of 1")
    third = FolderStore(tmp_path).of(3, {1: 2, 2: 3})
    assert (third.fetch(7, 3), (third.path(7) / "model").read_text()) == (3, "3 of 2")


def test_what_an_earlier_rung_saved_still_counts(tmp_path):
    write(FolderStore(tmp_path), 7, 3, "of attempt 1, which was not in the name then")
    assert FolderStore(tmp_path).of(2, {1: 3}).fetch(7, 3) == 3


def test_leftovers_of_killed_saves_are_cleared_and_never_count(tmp_path):
    saved = FolderStore(tmp_path)
    with saved.save(3, 1) as path:
        (path / "model").write_text("1")
    for name in (".epoch-2-killed", ".epoch-3-killed"):
        (tmp_path / "3" / name).mkdir()
    (tmp_path / "3" / ".epoch-4.link").symlink_to("nowhere")
    assert saved.fetch(3, 0) is None
    assert not saved.has(3)
    with saved.save(3, 1) as path:
        (path / "model").write_text("1")
    (tmp_path / "3" / ".epoch-2-killed").mkdir()
    (tmp_path / "3" / ".epoch-4.link").symlink_to("nowhere")
    with saved.save(3, 2) as path:
        (path / "model").write_text("2")
    assert sorted(p.name.split("-")[0] for p in (tmp_path / "3").iterdir()) == [
        "checkpoint",
        "epoch",
        "epoch",
    ]


def test_a_copy_of_the_parents(tmp_path):
    store = FolderStore(tmp_path)
    store.copy(0, 1)
    assert not store.has(1)
    with store.save(0, 4) as path:
        (path / "weights").mkdir()
        (path / "weights" / "a").write_text("w")
    store.copy(0, 1)
    assert (store.fetch(1), (store.path(1) / "weights" / "a").read_text()) == (4, "w")
    with store.save(1, 5) as path:
        (path / "b").write_text("w")
    store.copy(0, 1)  # it has its own by now
    assert store.fetch(1) == 5


def begin(folder: Path, attempt: int) -> int:
    """Where an attempt of trial 1 begins, a clone of trial 0 at epoch 2."""
    job = Job(AttemptId(1, attempt), {}, seed=0, max_resource=9, start_resource=2, parent=0)
    return RunningTrial(job, ("value",), lambda report: Verdict.CONTINUE, FolderStore(folder)).start_resource


def test_a_clone_that_died_before_its_first_report_begins_from_its_parent_again(tmp_path):
    with FolderStore(tmp_path).save(0, 3) as path:  # the parent has gone on since the clone was decided
        (path / "model").write_text("3")
    assert begin(tmp_path, attempt=1) == 3
    assert begin(tmp_path, attempt=2) == 3


def test_a_clone_of_a_parent_that_was_trained_to_the_end_has_something_to_train(tmp_path):
    with FolderStore(tmp_path).save(0, 9) as path:
        (path / "model").write_text("9")
    assert begin(tmp_path, attempt=1) == 0


def test_a_copy_while_the_parent_saves(tmp_path):
    done = threading.Event()
    store = FolderStore(tmp_path)

    def save_on():
        epoch = 0
        while not done.is_set():
            epoch += 1
            with store.save(0, epoch) as path:
                for name in "abcdef":
                    (path / name).write_text(str(epoch))

    thread = threading.Thread(target=save_on)
    thread.start()
    copies = []
    while not store.has(0):
        pass
    for number in range(1, 40):
        with contextlib.suppress(FileNotFoundError):  # it saves so fast that no copy is ever whole
            store.copy(0, number)
            copies.append((store.fetch(number), {p.read_text() for p in store.path(number).iterdir()}))
    done.set()
    thread.join()
    assert copies
    assert all(texts == {str(epoch)} for epoch, texts in copies)  # never half of one and half of another


class Packed:
    """Checkpoints as files of another machine, `shared`, with copies of this one's, `local`."""

    def __init__(self, shared: Path, local: Path) -> None:
        self.shared, self.local = shared, local

    def of(self, attempt: int, reported) -> Packed:
        return self

    def _saved(self, trial: int) -> dict[int, Path]:
        return {int(p.stem): p for p in sorted(self.shared.glob(f"{trial}/*.tar"), key=lambda p: int(p.stem))}

    def fetch(self, trial: int, until: float = math.inf) -> int | None:
        for epoch in [epoch for epoch in self._saved(trial) if epoch > until]:
            self._saved(trial)[epoch].unlink()
        shutil.rmtree(self.path(trial))
        if not self.has(trial):
            return None
        newest = max(self._saved(trial))
        shutil.unpack_archive(self._saved(trial)[newest], self.path(trial), filter="data")
        return newest

    def has(self, trial: int) -> bool:
        return bool(self._saved(trial))

    def path(self, trial: int) -> Path:
        (self.local / str(trial)).mkdir(parents=True, exist_ok=True)
        return self.local / str(trial)

    @contextlib.contextmanager
    def save(self, trial: int, epoch: int) -> Iterator[Path]:
        shutil.rmtree(self.path(trial))
        yield self.path(trial)
        shutil.make_archive(str(self.shared / str(trial) / str(epoch)), "tar", self.path(trial))

    def settle(self, trial: int) -> None:
        for older in list(self._saved(trial).values())[:-1]:
            older.unlink()

    def copy(self, parent: int, trial: int) -> None:
        if self.has(parent) and not self.has(trial):
            shutil.copytree(self.shared / str(parent), self.shared / str(trial))

    def discard(self, trial: int) -> None:
        shutil.rmtree(self.shared / str(trial), ignore_errors=True)


@pytest.mark.parametrize("packed", [False, True])
def test_any_store_carries_a_trial_from_place_to_place(tmp_path, packed):
    def store(place: str) -> CheckpointStore:
        return Packed(tmp_path / "shared", tmp_path / place) if packed else FolderStore(tmp_path / "shared")

    def run(
        place: str, trial: int, attempt: int, reported: int, *verdicts: Verdict, parent: int | None = None
    ):
        job = Job(AttemptId(trial, attempt), {"x": 0.0}, 0, 9, start_resource=reported, parent=parent)
        answers = iter([*verdicts, *[Verdict.CONTINUE] * 9])
        heard: list[Report] = []
        objective = Objective.bind(counting, ("x",), ("value",))
        end = run_attempt(objective, job, lambda report: heard.append(report) or next(answers), store(place))
        assert end.outcome in {"paused", "completed"}, end.reason
        return [report.resource for report in heard], end.metrics.get("state")

    first = (Verdict.CONTINUE, Verdict.CONTINUE, Verdict.PAUSE)
    assert run("a", 0, 1, 0, *first) == ([1, 2, 3], None)
    assert run("b", 1, 1, 3, Verdict.PAUSE, parent=0) == ([4], None)  # a clone
    assert run("b", 0, 2, 3) == ([4, 5, 6, 7, 8, 9], 9)
    assert run("c", 1, 2, 4) == ([5, 6, 7, 8, 9], 9)
    store("c").discard(1)
    assert run("c", 1, 2, 0) == ([1, 2, 3, 4, 5, 6, 7, 8, 9], 9)


def counting(config, trial):
    """Trains by counting: its state is the number of epochs, kept in the checkpoint."""
    state = int((trial.checkpoint_dir / "state").read_text()) if trial.resumes else 0
    assert state == trial.start_resource
    for epoch in trial.epochs():
        state += 1
        with trial.checkpoint() as path:
            (path / "state").write_text(str(state))
        trial.report(epoch=epoch, value=config["x"] + 1 / epoch, state=state, pid=os.getpid())
    return {"state": state}


@pytest.mark.parametrize("n_workers", [1, 2])
def test_paused_trials_go_on_from_their_checkpoints(tmp_path, n_workers):
    study = tune(counting, scheduler="asha", n_workers=n_workers, storage=str(tmp_path), name="s")
    for trial in study.trials:
        assert [r.metrics["state"] for r in trial.reports] == [r.resource for r in trial.reports]
    assert {len(t.attempts) for t in study.trials} == {1, 2, 3}
    assert [t.status for t in study.trials].count("completed") == 1
    assert all(t.is_finished for t in study.trials)
    check_log(list(study._storage.read("s")), n_trials=9, capacity=n_workers)


@pytest.mark.parametrize(("keep", "left"), [("best", 1), ("all", 9), ("none", 0)])
def test_what_is_kept(tmp_path, keep, left):
    study = tune(counting, scheduler="asha", storage=str(tmp_path), name="s", keep_checkpoints=keep)
    folder = study._storage.folder("s") / "trials"
    names = sorted(int(p.name) for p in folder.iterdir())
    assert len(names) == left
    if keep == "best":
        assert names == [study.best_trial.number]


def test_disk_use_stays_bounded_while_it_runs(tmp_path):
    seen = []

    def objective(config, trial):
        seen.append(len(list(trial.checkpoint_dir.parent.parent.iterdir())))
        counting(config, trial)

    tune(objective, n_trials=12, storage=str(tmp_path), name="s")  # fifo: each trial ends before the next
    assert max(seen) <= 3


def test_keep_checkpoints_is_checked():
    with pytest.raises(ArgumentError, match="keep_checkpoints='some'"):
        tune(counting, keep_checkpoints="some")


def test_without_checkpoints_a_promoted_trial_begins_anew():
    def forgetful(config, trial):
        for epoch in trial.epochs():
            trial.report(epoch=epoch, value=config["x"] + 1 / epoch)

    study = tune(forgetful, scheduler="asha")
    whole = next(t for t in study.trials if t.status == "completed")
    assert [r.resource for r in whole.reports] == list(range(1, 10))
    assert whole.reports[0].attempt == len(whole.attempts)  # told again from the start


def test_epochs_end_the_loop_and_report_raises_nothing():
    after = []

    def objective(config, trial):
        for epoch in trial.epochs():
            trial.report(epoch=epoch, value=config["x"])
        after.append(trial.number)

    study = tune(objective, scheduler=ASHA("stopping"), n_trials=9)
    assert after == list(range(9))
    assert {t.status for t in study.trials} == {"completed", "stopped"}


def test_report_raises_outside_epochs():
    raised = []

    def objective(config, trial):
        for epoch in range(1, trial.max_resource + 1):
            try:
                trial.report(epoch=epoch, value=config["x"])
            except rung.TrialEnded as ended:
                raised.append(type(ended))
                raise

    tune(objective, scheduler=ASHA("stopping"), n_trials=9)
    assert set(raised) == {rung.TrialStopped}
    tune(objective, scheduler=ASHA("promotion"), n_trials=9)
    assert set(raised) == {rung.TrialStopped, rung.TrialPaused}


def test_more_epochs_than_there_are_is_an_error():
    def objective(config, trial):
        for epoch in range(1, 100):
            trial.report(epoch=epoch, value=1.0)

    with pytest.raises(
        MetricError, match=r"epoch 10 reported, but max_resource=9; train `for epoch in trial.epochs\(\)`"
    ):
        tune(objective)


def test_epochs_need_a_number():
    def objective(config, trial):
        return sum(trial.epochs())

    study = tune(objective, max_resource=None, n_trials=1)
    assert "give max_resource= to tune" in study.trials[0].reason


def test_what_was_asked_for_has_no_folder():
    trial = rung.Study(SPACE, storage=":memory:").ask()
    assert (trial.resumes, trial.start_resource) == (False, 0)
    with pytest.raises(ObjectiveError, match="keep its files yourself"):
        trial.checkpoint_dir  # noqa: B018


def test_files_written_directly_count_too(tmp_path):
    def direct(config, trial):
        file = Path(trial.checkpoint_dir) / "state"
        start = int(file.read_text()) if trial.resumes else 0
        for epoch in range(start + 1, trial.max_resource + 1):
            file.write_text(str(epoch))
            trial.report(epoch=epoch, value=config["x"] + 1 / epoch)

    study = tune(direct, scheduler="asha", storage=str(tmp_path), name="s")
    whole = next(t for t in study.trials if t.status == "completed")
    assert [r.resource for r in whole.reports] == list(range(1, 10))
    assert whole.reports[0].attempt == 1


def test_a_lost_worker_goes_on_from_the_checkpoint(tmp_path):
    study = rung.tune(jobs.dies_late, SPACE, n_trials=4, n_workers=2, max_resource=4, metric="y", seed=0,
                      storage=str(tmp_path), name="s", progress=False)  # fmt: skip
    for trial in study.trials:
        assert [a.outcome for a in trial.attempts] == ["lost", "completed"]
        assert [(r.resource, r.attempt) for r in trial.reports] == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_the_resource_may_have_another_name():
    def objective(config, trial):
        for step in trial.epochs():
            trial.report(step=step, value=config["x"], epoch=7)

    study = tune(objective, scheduler=ASHA("stopping"), resource="step")
    assert {t.resource for t in study.trials} <= {1, 3, 9}
    assert study.trials[0].reports[0].metrics == {"value": study.trials[0].config["x"], "epoch": 7.0}
    assert study.state.resource == "step"
    assert study.plot_learning_curves().axes[0].get_xlabel() == "step"

    def backwards(config, trial):
        trial.report(step=2, value=1.0)
        trial.report(step=1, value=1.0)

    with pytest.raises(MetricError, match="step=1 reported after step 2; steps must grow"):
        tune(backwards, resource="step")
    with pytest.raises(ArgumentError, match="resource='a step'"):
        tune(objective, resource="a step")


def killed_once(where: str, returns: bool):
    """An objective that dies once, at one moment of its last epoch."""

    def objective(config, trial):
        state = int((trial.checkpoint_dir / "state").read_text()) if trial.resumes else 0
        for epoch in trial.epochs():
            state += 1
            error = config["x"] + 1 / epoch
            with trial.checkpoint() as path:
                (path / "state").write_text(str(state))
            if (where, epoch, trial.attempt) == ("saved", trial.max_resource, 1):
                os.kill(os.getpid(), signal.SIGKILL)
            trial.report(epoch=epoch, value=error, state=state)
        if (where, trial.attempt) == ("after", 1):
            os.kill(os.getpid(), signal.SIGKILL)
        return {"value": error} if returns else None

    return objective


@pytest.mark.parametrize("where", ["saved", "after"])
@pytest.mark.parametrize("returns", [True, False])
@pytest.mark.parametrize("max_resource", [1, 3])
def test_killed_around_the_last_epoch(where, returns, max_resource):
    study = tune(killed_once(where, returns), max_resource=max_resource, n_trials=2, n_workers=2)
    for trial in study.trials:
        assert [a.outcome for a in trial.attempts] == ["lost", "completed"]
        assert trial.value == trial.config["x"] + 1 / max_resource
        assert [(r.resource, r.metrics["state"]) for r in trial.reports] == [
            (e, e) for e in range(1, max_resource + 1)
        ]


def test_labels_outside_epochs():
    """A loop of one's own, from start_resource on, without naming epochs: state, label and report agree."""

    def own_loop(config, trial):
        state = int((trial.checkpoint_dir / "state").read_text()) if trial.resumes else 0
        assert state == trial.start_resource
        for _ in range(trial.start_resource, trial.max_resource):
            state += 1
            with trial.checkpoint() as path:
                (path / "state").write_text(str(state))
            trial.report(value=config["x"], state=state)

    study = tune(own_loop, scheduler="asha")
    assert any(len(t.attempts) > 1 for t in study.trials)
    assert all(r.metrics["state"] == r.resource for t in study.trials for r in t.reports)


def test_direct_writes_every_second_epoch():
    def objective(config, trial):
        file = trial.checkpoint_dir / "state"
        start = int(file.read_text()) if trial.resumes else 0
        for epoch in range(start + 1, trial.max_resource + 1):
            if epoch % 2 == 0:
                file.write_text(str(epoch))
            trial.report(epoch=epoch, value=config["x"], state=epoch)

    study = tune(objective, scheduler=ASHA(min_resource=2, eta=2), max_resource=8)
    assert all(r.metrics["state"] == r.resource for t in study.trials for r in t.reports)


@pytest.mark.parametrize(("keep", "left"), [("best", 1), ("none", 0)])
def test_checkpoints_of_objectives_that_never_report_go_too(tmp_path, keep, left):
    def objective(config, trial):
        with trial.checkpoint(epoch=1) as path:
            (path / "state").write_text("x")
        return config["x"]

    study = tune(objective, storage=str(tmp_path), name="s", keep_checkpoints=keep)
    folder = study._storage.folder("s") / "trials"
    assert [int(p.name) for p in folder.iterdir()] == [study.best_trial.number] * left


def test_failures_between_pauses_are_not_in_a_row():
    def objective(config, trial):
        for epoch in trial.epochs():
            trial.report(epoch=epoch, value=float("nan") if trial.number % 3 == 0 else config["x"])

    study = tune(objective, scheduler="asha", n_trials=45)
    assert [t.status for t in study.trials].count("failed") == 15
    assert all(t.value is None for t in study.trials if t.status == "failed")


def test_fifo_goes_on_with_what_asha_paused():
    epochs = itertools.count()

    def outlasting(config, trial):
        for epoch in trial.epochs():
            time.sleep(1 if next(epochs) == 20 else 0.005)
            with trial.checkpoint() as path:
                (path / "state").write_text(str(epoch))
            trial.report(epoch=epoch, value=config["x"])

    storage = MemoryStorage()
    study = tune(outlasting, scheduler="asha", timeout=1, n_trials=30, storage=storage, name="s")
    assert [t.status for t in study.trials].count("paused") > 3
    begun = len(study.trials)
    study = tune(outlasting, scheduler="fifo", n_trials=begun, storage=storage, name="s")
    assert [(t.status, t.resource) for t in study.trials] == [("completed", 9)] * begun
    whole = study.trials[0]
    assert whole.metrics["train_seconds"] > 9 * 0.005  # of all attempts together


def test_a_trial_begins_without_the_checkpoint_of_one_that_the_log_lost(tmp_path):
    with FolderStore(tmp_path).save(0, 7) as path:
        (path / "weights").write_text("of another configuration")
    job = Job(AttemptId(0, 1), {"x": 1.0}, seed=0, max_resource=9)
    trial = RunningTrial(job, ("y",), lambda report: Verdict.CONTINUE, FolderStore(tmp_path))
    assert (trial.resumes, trial.start_resource) == (False, 0)
