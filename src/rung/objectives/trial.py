"""The trial as its objective sees it."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung._text import brief
from rung.errors import MetricError, ObjectiveError
from rung.objectives.checkpoints import CheckpointStore, is_full
from rung.objectives.ended import ENDED_BY, DiskFull, TrialDiverged, TrialInterrupted
from rung.objectives.job import AttemptId, Job, Log, Report
from rung.objectives.metrics import as_metrics
from rung.objectives.notes import Notes
from rung.study.events import Verdict

Send = Callable[[Report | Log], Verdict]
"""Hands a report or a log over and returns the verdict once it is durable; raises if it can't be stored."""


class RunningTrial:
    """A trial while it runs: the second argument of an objective, and the result of `Study.ask`.

    Attributes
    ----------
    number : int
        The trial's number in the study, from 0.
    attempt : int
        1 on the first run of this trial, 2 after a pause, a loss or an interruption, and so on.
    config : dict
        The configuration; inactive hyperparameters are absent.
    seed : int
        A number in [0, 2**31) of this trial's own, the same in every attempt.
    repeat : int or None
        Where the trial runs a finalist again: the number of its seed, from 0; None in the search.
    max_resource : int or None
        The `max_resource` given to `tune`: the number of epochs to train for.
    target_resource : int or None
        The epoch at whose report the scheduler decides about this trial; `max_resource` without a scheduler
        that stops early.
    verdict : Verdict
        The answer to the last report.
    """

    def __init__(
        self, job: Job, tuned: tuple[str, ...], send: Send, store: CheckpointStore | None = None
    ) -> None:
        self.number = job.id.trial
        self.attempt = job.id.attempt
        self.config: dict[str, Any] = dict(job.config)
        self.seed = job.seed
        self.repeat = job.repeat
        self.max_resource = job.max_resource
        self.target_resource = job.target_resource or job.max_resource
        self._job, self._tuned, self._send = job, tuned, send
        self._store = None if store is None else store.of(job.id.attempt, job.reported)
        with _saving():
            self._begun_at = self._begin()
        self._notes = Notes(self.number, self.attempt, job.folder)
        self._reports = 0
        self._resource = 0
        self._epoch: int | None = None
        """The epoch that `epochs` is in."""
        self.verdict = Verdict.CONTINUE
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._over = False

    if not TYPE_CHECKING:  # for a type checker, a trial has no such attributes

        def __getattr__(self, name: str) -> Any:
            from rung._other_libraries import TRIAL, advice

            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}"
                                 f"{advice(name, TRIAL)}", name=name, obj=self)  # fmt: skip

    def __repr__(self) -> str:
        return f"<rung.RunningTrial {self.number}, attempt {self.attempt}: {self.config}>"

    # ---- checkpoints

    def _begin(self) -> int:
        job, store = self._job, self._store
        if store is None:
            return job.start_resource
        # An attempt expects to train an epoch at least.
        most = math.inf if job.max_resource is None else job.max_resource - 1
        saved = None
        if job.id.attempt == 1:
            # Of a trial that a power cut took from the log, whose number this one has.
            store.discard(self.number)
        else:
            # What was saved and not reported is trained again; so is the last epoch, of whose end nothing is
            # known.
            saved = store.fetch(self.number, min(job.start_resource, most))
        if job.parent is not None:
            # Also where the copy of an attempt before was of a later epoch, and is gone by now.
            store.copy(job.parent, self.number)
            saved = store.fetch(self.number, most)
        return 0 if saved is None else saved or job.start_resource

    @property
    def resumes(self) -> bool:
        """Whether there is a checkpoint to go on from (of a trial of `ask`: whether it reported before)."""
        return self._store.has(self.number) if self._store else self._job.start_resource > 0

    @property
    def start_resource(self) -> int:
        """The epoch at which the checkpoint was saved, 0 without one: train from the next one on.

        Of a trial of `ask`, whose files are the caller's: the last epoch it reported.
        """
        return self._begun_at

    @property
    def checkpoint_dir(self) -> Path:
        """A folder that outlives the attempt, and goes with the trial to whatever worker runs it next.

        Prefer `checkpoint` to writing into it: a crash in the middle of a write then costs nothing.
        """
        with _saving():
            return self._checkpoints().path(self.number)

    @contextmanager
    def checkpoint(self, epoch: int | None = None) -> Iterator[Path]:
        """Save: an empty folder that replaces the checkpoint in one step when the block ends.

            with trial.checkpoint() as path:
                torch.save(model.state_dict(), path / "model.pt")

        Save before you report: a trial may be paused at its report.

        Parameters
        ----------
        epoch : int, optional
            The one whose end this is; inside `trial.epochs()` it is known.

        Yields
        ------
        Path
            The folder to write into.

        Raises
        ------
        StorageError
            On a full disk: the study stops, and the trial runs again once there is room.
        """
        with _saving(), self._checkpoints().save(self.number, self._next(epoch)) as path:
            yield path

    def _checkpoints(self) -> CheckpointStore:
        if self._store is None:
            raise ObjectiveError(
                "a trial that was asked for has no checkpoint folder; keep its files yourself"
            )
        return self._store

    # ---- reports

    def epochs(self) -> Iterator[int]:
        """The epochs to train: from the checkpoint's next one up to `max_resource`.

        The loop ends by itself when the scheduler stops or pauses the trial; `report` then raises nothing,
        unless the report could not be stored.

            for epoch in trial.epochs():
                ...
                trial.report(epoch=epoch, validation_error=error)

        Yields
        ------
        int
            From `start_resource` + 1 to `max_resource`.

        Raises
        ------
        ObjectiveError
            If the study has no `max_resource`.
        """
        if self.max_resource is None:
            raise ObjectiveError("trial.epochs(): how many? give max_resource= to tune")
        try:
            for epoch in range(self.start_resource + 1, self.max_resource + 1):
                self._epoch = epoch
                yield epoch
                if self.verdict is not Verdict.CONTINUE:
                    return
        finally:
            self._epoch = None

    @property
    def resource(self) -> str:
        """What an epoch is called: the keyword of `report`."""
        return self._job.resource

    @property
    def tuned(self) -> tuple[str, ...]:
        """The names of the tuned metrics."""
        return self._tuned

    def report(self, /, *, epoch: int | None = None, **metrics: Any) -> None:
        """Record metrics, and return when they are durable.

        Parameters
        ----------
        epoch : int, optional
            The epoch at whose end this is, from 1 and growing; by default the next one. With
            `tune(resource="step")` the keyword is `step`.
        **metrics : float
            The tuned metric, and any others by their names; at most 1 MB in all.

        Raises
        ------
        TrialEnded
            When the trial is to end here: TrialStopped, TrialPaused or TrialInterrupted, which
            ``except Exception`` does not catch.
        MetricError
            If no tuned metric is among them, one is no number, or the epoch does not grow.
        """
        verdict, diverged = self.record(epoch, metrics)
        if diverged:
            raise TrialDiverged(diverged)
        # A superseded attempt's report is not stored: it must not look as if it were, not in `epochs` either.
        if verdict is Verdict.SUPERSEDED or (verdict is not Verdict.CONTINUE and self._epoch is None):
            raise ENDED_BY[verdict](f"{verdict.value} after {self._job.resource} {self._resource}")

    def log(self, /, **values: Any) -> None:
        """Keep something of your own with the trial, and return when it is durable.

            trial.log(note="the loss jumped at epoch 3", gradient_norm=12.5, image=Path("curve.png"))

        `rung trial N` shows it, and `study.trials[n].notes` has it; nothing is tuned for it. A run of a trial
        keeps 16,384 bytes of values, and 20 files of 5 MB; an attempt that runs again logs again.

        Parameters
        ----------
        **values : str, number or path
            Text and numbers by names of your own; of a `Path`, the file is copied into the study's folder.

        Raises
        ------
        ArgumentError
            If a value is something else or a file can't be read, or there is too much of them.
        TrialInterrupted
            If the trial is over, or the study could not store it.
        """
        with self._lock:
            if self._over:
                raise TrialInterrupted(f"{self.id} is over")
            self._check_process("log")
            kept, files = self._notes.take(values)
            verdict = self._send(Log(self._job.id, self._notes.number, kept, files))
        if verdict is Verdict.SUPERSEDED:
            raise TrialInterrupted(f"{self.id} was superseded")

    def record(self, epoch: int | None, metrics: Mapping[str, Any]) -> tuple[Verdict, str]:
        """Record like `report`, but return the verdict, and why the trial has failed ("" if it has not)."""
        with self._lock:
            if self._over:
                raise TrialInterrupted(f"{self.id} is over")
            epoch, metrics = self._split(epoch, metrics)
            values = self._check(epoch, metrics)
            self._resource = self._next(epoch)
            self._reports += 1
            saved = self._store is not None and self._store.has(self.number)
            verdict = self._send(Report(self._job.id, self._reports, self._resource, values, saved))
            self.verdict = verdict
            if self._resource != self.max_resource:
                self.settle()
        bad = next((name for name in self._tuned if not math.isfinite(values.get(name, 0.0))), None)
        return verdict, f"{bad} is {values[bad]} at {self._job.resource} {self._resource}" if bad else ""

    def _split(self, epoch: int | None, metrics: Mapping[str, Any]) -> tuple[int | None, Mapping[str, Any]]:
        name = self._job.resource
        if name == "epoch":
            return epoch, metrics
        others = {k: v for k, v in metrics.items() if k != name}
        return metrics.get(name), others if epoch is None else {**others, "epoch": epoch}

    def settle(self) -> None:
        """The objective has done its work: of its checkpoints the last one counts."""
        if self._store is not None:
            with _saving():
                self._store.settle(self.number)

    def close(self) -> None:
        """Take no more reports: a thread that lives on must not speak for the next attempt."""
        with self._lock:
            self._over = True

    def is_of(self, send: Send) -> bool:
        """Whether this trial reports by `send`."""
        return self._send == send

    @property
    def id(self) -> AttemptId:
        """Which run of which trial this is."""
        return self._job.id

    def _next(self, epoch: int | None) -> int:
        if epoch is not None:
            return int(epoch)
        return self._epoch if self._epoch is not None else max(self._resource, self.start_resource) + 1

    def _check_process(self, called: str) -> None:
        if os.getpid() != self._pid:
            raise MetricError(
                f"trial.{called}() was called in a child process; {called} from the objective's own"
            )

    def _check(self, epoch: int | None, metrics: Mapping[str, Any]) -> dict[str, float]:
        self._check_process("report")
        what = self._job.resource
        if epoch is not None and (not _is_whole(epoch) or epoch < 1):
            raise MetricError(f"{what}={brief(epoch)}; {what}s are whole numbers that count from 1")
        if epoch is not None and epoch <= self._resource:
            raise MetricError(f"{what}={epoch!r} reported after {what} {self._resource}; {what}s must grow")
        if self.max_resource is not None and self._next(epoch) > self.max_resource:
            raise MetricError(
                f"{what} {self._next(epoch)} reported, but max_resource={self.max_resource}; "
                "train `for epoch in trial.epochs()`, or up to trial.max_resource"
            )
        values = as_metrics(metrics, self._tuned)
        if not any(name in values for name in self._tuned):
            wanted = " or ".join(repr(name) for name in self._tuned)
            raise MetricError(f"a report without {wanted}; it has: {', '.join(values) or 'nothing'}")
        return values


def _is_whole(epoch: Any) -> bool:
    try:
        return not isinstance(epoch, bool) and int(epoch) == epoch and epoch < 2**53
    except (TypeError, ValueError, OverflowError):
        return False


@contextmanager
def _saving() -> Iterator[None]:
    """That a checkpoint can't be saved or copied since the disk is full is no fault of the trial's."""
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise DiskFull(f"its checkpoint can't be saved: {error}") from error
        raise
