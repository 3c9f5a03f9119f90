"""Asking and telling by hand: what `Study` does where the caller is the executor."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rung._session import begin, rule_that_holds
from rung._text import brief
from rung._transfer import Lesson
from rung._view import StudyView
from rung.engine.session import Session
from rung.errors import ArgumentError, MetricError, StudyError
from rung.execution.base import End, Log, Message, Report
from rung.execution.manual import Manual
from rung.objectives.function import Objective
from rung.objectives.trial import RunningTrial
from rung.settings import Settings
from rung.study.events import Outcome, Verdict, after_verdict


class AskAndTell(StudyView):
    """A study that is run step by step: `ask`, `report`, `tell`, `fail`."""

    def _ready(self, settings: Settings, lessons: Sequence[Lesson]) -> None:
        self._settings, self._lessons = settings, lessons
        self._session: Session[Manual] | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()  # ask, report and tell may come from several threads

    def ask(self, config: Mapping[str, Any] | None = None) -> RunningTrial | None:
        """Return the next trial to run.

        A trial that was asked for in a process that died comes again first.

        Parameters
        ----------
        config : mapping, optional
            A configuration to run next; by default the searcher chooses.

        Returns
        -------
        RunningTrial or None
            None when budget or space are used up or a rule of `stop_when` holds, or while a scheduler that
            promotes waits for the reports of running trials.

        Raises
        ------
        ConfigError
            If `config` does not fit the space.
        StudyInUse
            If another process runs the study.
        """
        with self._lock:
            if config is None and self._session is None and rule_that_holds(self, self._settings):
                return None
            session = self._manual()
            if config is None:
                self._step(session, (), capacity=len(self._state.open) + 1)
            else:
                session.coordinator.create(self.space.validate(config))
            jobs = session.executor.jobs
            return RunningTrial(jobs.pop(), self.goals.tuned, self._send) if jobs else None

    def report(self, trial: RunningTrial, *, epoch: int | None = None, **metrics: Any) -> Verdict:
        """Record metrics of a running trial and return whether it should go on.

        Parameters
        ----------
        trial : RunningTrial
            From `ask`.
        epoch : int, optional
            The epoch at whose end this is, from 1 and growing; by default the next one.
        **metrics : float
            The tuned metric, and any others by their names.

        Returns
        -------
        Verdict
            After STOP or PAUSE the trial is over for now: don't call `tell`. `ask` may give a paused one
            again, to go on after `trial.start_resource`; keep its model. On a NaN or infinite tuned metric
            the trial has failed, and the answer is STOP.

        Raises
        ------
        MetricError
            If no tuned metric is among them, one is no number, or the epoch does not grow.
        """
        self._check_trial(trial)
        verdict, diverged = trial.record(epoch, metrics)
        if diverged:
            self.fail(trial, diverged)
            return Verdict.STOP
        return verdict

    def tell(self, trial: RunningTrial, result: Any = None) -> None:
        """End a trial with its result.

        Parameters
        ----------
        trial : RunningTrial
            From `ask`.
        result : float, mapping of str to float or None
            The tuned metric, several metrics, or None if the trial reported.

        Raises
        ------
        MetricError
            If the tuned metric is missing; the trial runs on.
        StudyError
            If the trial does not run in this study.
        """
        self._check_mine(trial)
        metrics = Objective(lambda: None, False, False, self.goals.tuned).read(result)
        reports = self._state.trials[trial.number].reports
        known = {**reports[-1].metrics, **metrics} if reports else metrics
        if missing := self.goals.missing(known):
            raise MetricError(f"trial {trial.number}: {missing}")
        self._end(trial, End(trial.id, Outcome.COMPLETED, metrics))

    def fail(self, trial: RunningTrial, reason: str | Exception) -> None:
        """End a trial that did not work.

        Parameters
        ----------
        trial : RunningTrial
            From `ask`.
        reason : str or Exception
            Kept in the log.
        """
        self._check_trial(trial)
        self._end(trial, End(trial.id, Outcome.FAILED, reason=str(reason)))

    def close(self) -> None:
        """Give the study back; trials that still run are asked for again when it goes on."""
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Without this, running a notebook's cell again would find the study in use by its own process.
        try:
            if os.getpid() == self._pid:  # not a fork's copy
                self.close()
        except Exception:  # noqa: BLE001, S110 - any name may be gone when the interpreter exits
            pass

    def _manual(self) -> Session[Manual]:
        if self._session is not None and self._session.coordinator.torn:
            self.close()  # what is in the log is what counts
        if self._session is None:
            self._session = begin(self, Manual, self._settings, {}, lessons=self._lessons)
            self._session.coordinator.heeds_requests = True
        return self._session

    def _send(self, report: Report | Log) -> Verdict:
        with self._lock:
            session = self._manual()
            session.coordinator.step((report,), capacity=0)
            verdict = session.executor.verdict
            metrics = report.metrics if isinstance(report, Report) else {}
            finite = all(math.isfinite(metrics.get(name, 0.0)) for name in self.goals.tuned)
            if finite and verdict in {Verdict.PAUSE, Verdict.STOP}:  # the caller gets it and stops
                self._step(session, (End(report.id, after_verdict(verdict)),), capacity=0)
            return verdict

    def _step(self, session: Session[Manual], messages: Sequence[Message], capacity: int) -> None:
        if session.coordinator.step(messages, capacity=capacity).finished:
            self.close()  # the next ask begins another session

    def _end(self, trial: RunningTrial, end: End) -> None:
        with self._lock:
            self._check_mine(trial)
            assert self._session is not None
            self._step(self._session, (end,), capacity=0)

    def _check_trial(self, trial: object) -> None:
        if not isinstance(trial, RunningTrial):
            raise ArgumentError(f"trial={brief(trial)}; give what study.ask() returned")

    def _check_mine(self, trial: RunningTrial) -> None:
        self._check_trial(trial)
        current = self._state.open.get(trial.number)
        if (
            not trial.is_of(self._send)
            or self._session is None
            or current is None
            or current.number != trial.attempt
        ):
            raise StudyError(
                f"trial {trial.number}: attempt {trial.attempt} is not running in study {self._name!r}; "
                "it has ended, was given up, or was asked for elsewhere"
            )
