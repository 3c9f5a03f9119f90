"""The trial as its objective sees it, and the running of one attempt."""

from __future__ import annotations

import math
import os
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from rung.errors import MetricError
from rung.execution._usage import Usage
from rung.execution.base import AttemptId, End, Job, Report
from rung.execution.objective import Objective, as_metrics
from rung.study.events import Outcome, Verdict

Send = Callable[[Report], Verdict]
"""Hands a report over and returns the verdict once the report is durable."""


class TrialEnded(BaseException):
    """Raised inside an objective to end it; not an Exception, so that ``except Exception`` lets it pass."""

    outcome = Outcome.INTERRUPTED


class TrialStopped(TrialEnded):
    """The scheduler stopped this trial for good."""

    outcome = Outcome.STOPPED


class TrialPaused(TrialEnded):
    """The scheduler paused this trial; it may go on later from its checkpoint."""

    outcome = Outcome.PAUSED


class TrialInterrupted(TrialEnded):
    """The study is being stopped; the trial runs again when it goes on."""


class TrialDiverged(TrialEnded):
    """A tuned metric was reported as NaN or infinite; the trial has failed."""

    outcome = Outcome.FAILED


_RAISES: dict[Verdict, type[TrialEnded]] = {
    Verdict.STOP: TrialStopped,
    Verdict.PAUSE: TrialPaused,
    Verdict.INTERRUPT: TrialInterrupted,
    Verdict.SUPERSEDED: TrialInterrupted,
}


class RunningTrial:
    """What an objective gets as its second argument."""

    def __init__(self, job: Job, tuned: tuple[str, ...], send: Send) -> None:
        self.number = job.id.trial
        """The trial's number in the study, from 0."""
        self.attempt = job.id.attempt
        """1 on the first run of this trial, 2 after a loss or interruption, ..."""
        self.config: dict[str, Any] = dict(job.config)
        self.seed = job.seed
        """A number in [0, 2**31) of this trial's own, the same in every attempt."""
        self.max_resource = job.max_resource
        """The `max_resource` given to `tune`: the number of epochs to train for."""
        self._job, self._tuned, self._send = job, tuned, send
        self._reports = 0
        self._resource = 0
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._over = False

    def report(self, *, epoch: int | None = None, **metrics: Any) -> None:
        """Record metrics at an epoch (1, 2, ...; without `epoch` the next one).

        Returns when they are durable. Raises TrialStopped, TrialPaused or TrialInterrupted, which
        ``except Exception`` does not catch, when the trial is to end here; MetricError when no tuned
        metric is among them, one is no number, or the epoch does not grow.
        """
        verdict, diverged = self.record(epoch, metrics)
        if diverged:
            raise TrialDiverged(diverged)
        if verdict is not Verdict.CONTINUE:
            raise _RAISES[verdict](f"{verdict.value} after epoch {self._resource}")

    def record(self, epoch: int | None, metrics: Mapping[str, Any]) -> tuple[Verdict, str]:
        """Record like `report`, but return the verdict, and why the trial has failed ("" if it has not)."""
        with self._lock:
            if self._over:
                raise TrialInterrupted(f"{self.id} is over")
            values = self._check(epoch, metrics)
            self._resource = self._resource + 1 if epoch is None else int(epoch)
            self._reports += 1
            verdict = self._send(Report(self._job.id, self._reports, self._resource, values))
        bad = next((name for name in self._tuned if not math.isfinite(values.get(name, 0.0))), None)
        return verdict, f"{bad} is {values[bad]} at epoch {self._resource}" if bad else ""

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

    def _check(self, epoch: int | None, metrics: Mapping[str, Any]) -> dict[str, float]:
        if os.getpid() != self._pid:
            raise MetricError("trial.report() was called in a child process; report from the objective's own")
        if epoch is not None and not (_is_whole(epoch) and epoch > self._resource):
            raise MetricError(
                f"epoch={epoch!r} reported after epoch {self._resource}; epochs are whole numbers that grow"
            )
        values = as_metrics(metrics)
        if not any(name in values for name in self._tuned):
            wanted = " or ".join(repr(name) for name in self._tuned)
            raise MetricError(f"a report without {wanted}; it has: {', '.join(values) or 'nothing'}")
        return values


def _is_whole(epoch: Any) -> bool:
    try:
        return not isinstance(epoch, bool) and int(epoch) == epoch
    except (TypeError, ValueError, OverflowError):
        return False


def run_attempt(objective: Objective, job: Job, send: Send) -> End:
    """Run one attempt to its end, whatever the objective does, and measure it."""
    usage, process = Usage(), os.getpid()
    try:
        trial = RunningTrial(job, objective.metrics, send)
        try:
            metrics = objective(trial.config, trial)
        finally:
            if os.getpid() != process:  # a forked child that should have ended by itself
                os._exit(0)
            trial.close()
    except TrialEnded as ended:
        return End(job.id, ended.outcome, usage.measure(), str(ended))
    except KeyboardInterrupt:
        return End(job.id, Outcome.INTERRUPTED, usage.measure(), "KeyboardInterrupt")
    except MetricError as error:
        return End(job.id, Outcome.FAILED, usage.measure(), str(error), _traceback(), broken=True)
    except BaseException as error:  # noqa: BLE001 -- whatever user code raises, SystemExit included, is data
        return End(job.id, Outcome.FAILED, usage.measure(), _describe(error), _traceback())
    return End(job.id, Outcome.COMPLETED, {**usage.measure(), **metrics})


def _describe(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 -- an exception whose own text can't be made
        text = ""
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


def _traceback(limit: int = 20_000) -> str:
    try:
        text = traceback.format_exc()
    except Exception:  # noqa: BLE001
        return ""
    return text if len(text) <= limit else text[:limit] + "\n... (cut)\n"
