"""The study as its user sees it: results, and asking and telling by hand."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rung import analysis, schedulers, searchers
from rung._names import generated_name
from rung.engine.coordinator import Coordinator
from rung.engine.engine import Engine, Plan
from rung.engine.recovery import take
from rung.errors import MetricError, StudyError, StudyExists, StudyMismatch, StudyNotFound
from rung.execution.base import AttemptId, End, Executor, Report
from rung.execution.manual import Manual
from rung.execution.objective import Objective
from rung.execution.running import RunningTrial
from rung.schedulers.base import Scheduler
from rung.searchers.base import Searcher
from rung.space import Config, Domain, Space
from rung.storage import Durability, Lease, Owner, Storage, open_storage
from rung.study.budget import Budget
from rung.study.events import FinalReportShown, Outcome, StudyCreated, Verdict
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.study.trial import Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

logger = logging.getLogger("rung")

DEFAULT_STORAGE = "rung_studies"


class Study:
    """A space, its metrics, and every trial so far.

    `Study(space, metric=...)` makes the study, or goes on with the one of that `name`. Use it step by
    step with `ask`, `report` and `tell`; `rung.tune` does all three for an objective. `n_trials` and
    `timeout` bound what `ask` gives.

        study = rung.Study({"x": rung.Float(-1, 1)}, metric="y", storage=":memory:", n_trials=20)
        while trial := study.ask():
            study.tell(trial, trial.config["x"] ** 2)
        print(study.best_config)
    """

    def __init__(
        self,
        space: Space | Mapping[str, Domain | Any],
        *,
        metric: str | Mapping[str, str] = "value",
        mode: str = "min",
        constraints: Mapping[str, str] | None = None,
        report_only: Sequence[str] = (),
        searcher: str | Searcher = "random",
        scheduler: str | Scheduler = "fifo",
        initial_configs: Sequence[Mapping[str, Any]] = (),
        n_trials: int | None = None,
        timeout: Any = None,
        max_resource: int | None = None,
        seed: int | None = None,
        name: str | None = None,
        storage: str | Storage | None = None,
        durability: Durability = "machine",
    ) -> None:
        space = Space.of(space)
        goals = Goals.of(metric, mode, constraints, report_only)
        self._searcher, self._scheduler = searchers.get(searcher), schedulers.get(scheduler)
        self._searcher.check(space)
        self._plan = Plan(Budget.of(n_trials, timeout), _distinct(space, initial_configs), max_resource)
        self._storage = open_storage(_where(storage), durability)
        self._name = name if name is not None else generated_name()
        self._state = _create_or_open(self._storage, self._name, space, goals, seed)
        self._session: _Session | None = None

    @classmethod
    def load(cls, name: str | None = None, *, storage: str | Storage | None = None) -> Study:
        """The stored study `name` (the one changed last, if None), to look at; nothing is written.

        Raises StudyNotFound.
        """
        study = cls.__new__(cls)
        study._storage = open_storage(_where(storage))
        study._name = name if name is not None else _latest(study._storage)
        study._state = StudyState.replay(study._storage.read(study._name))
        study._searcher, study._scheduler, study._plan = (
            searchers.get("random"),
            schedulers.get("fifo"),
            Plan(),
        )
        study._session = None
        return study

    # ---- what is known

    @property
    def name(self) -> str:
        """The study's name."""
        return self._name

    @property
    def space(self) -> Space:
        """The configuration space."""
        return self._state.space

    @property
    def goals(self) -> Goals:
        """Metrics, constraints, and what is only reported."""
        return self._state.goals

    @property
    def seed(self) -> int:
        """What all random choices of the study come from."""
        return self._state.seed

    @property
    def state(self) -> StudyState:
        """The fold of the log; read it, don't change it."""
        return self._state

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials in order of creation."""
        return tuple(self._state.trials)

    @property
    def best_trial(self) -> Trial:
        """The completed trial with the best value that keeps all constraints.

        Raises NoTrialError if there is none (telling the first failure's reason), or if the study has
        several objectives: see `pareto_front`.
        """
        return analysis.best_trial(self._state)

    @property
    def best_config(self) -> Config:
        """The configuration of `best_trial`."""
        return dict(self.best_trial.config)

    @property
    def best_value(self) -> float:
        """The tuned metric of `best_trial`: what chose it, and too good to be claimed for it."""
        value = self.best_trial.value
        assert value is not None
        return value

    @property
    def pareto_front(self) -> Sequence[Trial]:
        """The feasible completed trials that no other one beats in every objective."""
        return analysis.pareto_front(self._state)

    def to_dataframe(self) -> DataFrame:
        """A row per trial: number, status, hyperparameters, metrics. Needs pandas (``rung[pandas]``)."""
        return analysis.to_dataframe(self._state)

    def final_report(self) -> analysis.FinalReport:
        """The winner with the metrics that are only reported (the test set's).

        Each look is counted in the log, since a number that is looked at often is soon tuned for.
        """
        trial = self.best_trial
        event = FinalReportShown(id=f"look{self._state.looks + 1}", t=self._state.t, trial=trial.number)
        self._log(event)
        return analysis.FinalReport.of(self._state, trial)

    def plot_learning_curves(self) -> Figure:
        """Every trial's reported metric over epochs. Needs matplotlib (``rung[plot]``)."""
        from rung.analysis.plots import learning_curves

        return learning_curves.figure(self._state)

    def plot_anytime(self) -> Figure:
        """The incumbent's value over the time since the study began. Needs matplotlib."""
        from rung.analysis.plots import anytime

        return anytime.figure(self._state)

    def plot_slice(self) -> Figure:
        """The tuned metric over each hyperparameter. Needs matplotlib."""
        from rung.analysis.plots import slice as slices

        return slices.figure(self._state)

    def __repr__(self) -> str:
        counts = {k: v for k, v in self._state.counts.items() if v}
        told = ", ".join(f"{v} {k}" for k, v in counts.items()) or "no trial yet"
        return f"<rung.Study {self._name!r}: {told}>"

    # ---- step by step

    def ask(self, config: Mapping[str, Any] | None = None) -> RunningTrial | None:
        """The next trial to run (or one of `config`); None when budget or space are used up.

        A trial that was asked for in a process that died is asked for again first.
        """
        session = self._manual()
        if config is None:
            session.coordinator.step((), capacity=len(self._state.open) + 1)
        else:
            session.coordinator.create(self.space.validate(config))
        assert isinstance(session.executor, Manual)
        if not session.executor.jobs:
            return None
        return RunningTrial(session.executor.jobs.pop(), self._tuned, self._send)

    def report(self, trial: RunningTrial, *, epoch: int | None = None, **metrics: Any) -> Verdict:
        """Record metrics of a running trial and return whether it should go on.

        On a NaN or infinite tuned metric the trial has failed, and the answer is STOP.
        """
        verdict, diverged = trial.record(epoch, metrics)
        if diverged:
            self.fail(trial, diverged)
            return Verdict.STOP
        return verdict

    def tell(self, trial: RunningTrial, result: Any = None) -> None:
        """End a trial with its result: a number, a dict of metrics, or None if it reported.

        Raises MetricError, and the trial runs on, if the tuned metric is missing.
        """
        metrics = Objective(lambda: None, False, False, self._tuned).read(result)
        reports = self._state.trials[trial.number].reports
        known = {**reports[-1].metrics, **metrics} if reports else metrics
        if missing := self.goals.missing(known):
            raise MetricError(f"trial {trial.number}: {missing}")
        self._end(trial.id, End(trial.id, Outcome.COMPLETED, metrics))

    def fail(self, trial: RunningTrial, reason: str) -> None:
        """End a trial that did not work."""
        self._end(trial.id, End(trial.id, Outcome.FAILED, reason=reason))

    def close(self) -> None:
        """Give the study back; trials that still run are asked for again when it goes on."""
        if self._session is not None:
            session, self._session = self._session, None
            session.close()

    def __enter__(self) -> Study:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Without this, running a notebook's cell again would find the study in use by its own process.
        with contextlib.suppress(Exception):
            self.close()

    @property
    def _tuned(self) -> tuple[str, ...]:
        return tuple(m.name for m in self.goals.metrics)

    def _manual(self) -> _Session:
        if self._session is None:
            self._session = self._begin(Manual, self._plan, {})
        return self._session

    def _begin(self, start: Callable[[], Executor], plan: Plan, extra: Mapping[str, Any]) -> _Session:
        # The study is ours, and a dead coordinator's leftovers are gone, before the first worker starts.
        lease, self._state = take(self._storage, self._name, self._described(plan, extra))
        try:
            executor = start()
        except BaseException:
            self._storage.release(lease)
            raise
        engine = Engine(self._state, self._searcher, self._scheduler, plan)
        return _Session(self._storage, lease, executor, Coordinator(engine, self._storage, lease, executor))

    def _described(self, plan: Plan, extra: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "searcher": self._searcher.to_json(),
            "scheduler": self._scheduler.to_json(),
            "n_trials": plan.budget.n_trials,
            "timeout": plan.budget.timeout,
            "max_resource": plan.max_resource,
            "command": _command(),
            **extra,
        }

    def _send(self, report: Report) -> Verdict:
        session = self._manual()
        session.coordinator.step((report,), capacity=0)
        assert isinstance(session.executor, Manual)
        return session.executor.verdict

    def _end(self, attempt: AttemptId, end: End) -> None:
        current = self._state.open.get(attempt.trial)
        if self._session is None or current is None or current.number != attempt.attempt:
            raise StudyError(
                f"trial {attempt.trial}: attempt {attempt.attempt} is not running; it was told or given up"
            )
        self._session.coordinator.step((end,), capacity=0)

    def _log(self, event: FinalReportShown) -> None:
        if self._session is not None:
            self._session.coordinator.note(event)
            return
        lease = self._storage.acquire(self._name, Owner(os.uname().nodename, os.getpid(), time.time()))
        try:
            self._storage.append(lease, [event])
        finally:
            self._storage.release(lease)
        self._state.apply(event)


class _Session:
    """A lease, and the coordinator that works under it."""

    def __init__(self, storage: Storage, lease: Lease, executor: Executor, coordinator: Coordinator) -> None:
        self.executor, self.coordinator = executor, coordinator
        self._storage, self._lease = storage, lease

    def close(self) -> None:
        """End what is open, say why, and give the study back."""
        try:
            if not self.coordinator.engine.state.ended:
                self.coordinator.give_up()
        finally:
            self.executor.close()
            self._storage.release(self._lease)


def _command() -> str:
    # In a notebook or at a prompt there is no command to type again.
    script = Path(sys.argv[0])
    if not script.is_file() or script.name == "ipykernel_launcher.py":
        return ""
    return shlex.join(["python", *sys.argv] if script.suffix == ".py" else sys.argv)


def _where(storage: str | Storage | None) -> str | Storage:
    return storage if storage is not None else os.environ.get("RUNG_STORAGE") or DEFAULT_STORAGE


def _latest(storage: Storage) -> str:
    studies = storage.studies()
    if not studies:
        raise StudyNotFound("there is no study yet in this storage")
    return studies[0].name


def _distinct(space: Space, configs: Sequence[Mapping[str, Any]]) -> tuple[Config, ...]:
    valid = [space.validate(config) for config in configs]
    return tuple({space.key(config): config for config in valid}.values())


def _create_or_open(storage: Storage, name: str, space: Space, goals: Goals, seed: int | None) -> StudyState:
    created = StudyCreated(id="study", t=0.0, space=space.to_json(), goals=goals.to_json(),
                           seed=secrets.randbits(32) if seed is None else seed)  # fmt: skip
    try:
        storage.create(name, created)
    except StudyExists:
        state = StudyState.replay(storage.read(name))
        _check_same(name, state, space, goals, seed)
        return state
    return StudyState(created)


def _check_same(name: str, state: StudyState, space: Space, goals: Goals, seed: int | None) -> None:
    for difference in _differences(state, space, goals, seed):
        raise StudyMismatch(
            f"study {name!r} is stored with other arguments: {difference}. "
            "Use another name= for another study, or the old arguments to go on"
        )


def _differences(state: StudyState, space: Space, goals: Goals, seed: int | None) -> Iterator[str]:
    if state.space != space:
        yield state.space.diff(space)
    if state.goals != goals:
        yield f"its goals are {state.goals.to_json()}, not {goals.to_json()}"
    if seed is not None and seed != state.seed:
        yield f"its seed is {state.seed}, not {seed}"
