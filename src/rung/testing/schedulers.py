"""What every scheduler must do: `check_scheduler(make)`, for rung's own and for a user's."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from rung._study import Study
from rung.execution.base import End, Job
from rung.execution.simulator import Curve, Simulator
from rung.schedulers.base import Action, Propose, Scheduler
from rung.space import Float, Int, Space
from rung.storage import MemoryStorage
from rung.study.algorithm import Problem
from rung.study.events import AttemptStarted, Outcome, Verdict
from rung.study.history import History
from rung.study.state import StudyState
from rung.study.trial import Trial
from rung.testing._values import check_value
from rung.testing.decisions import check_decisions
from rung.testing.invariants import check_log

_SPACE = Space({"x": Float(0.0, 1.0)})
_N_TRIALS = 20


def check_scheduler(make: Callable[[], Scheduler], *, max_resource: int = 9) -> None:
    """Raise AssertionError, naming the promise, unless a scheduler does what rung relies on.

    Whole studies run in virtual time, on one to five workers, with trials that fail and get lost, and in
    several sessions. At each decision the scheduler is asked several times, also as a copy and as a new
    instance that knows nothing but the history.

    Parameters
    ----------
    make : callable
        Returns the scheduler: its class, if that needs no arguments.
    max_resource : int
        Epochs of a whole trial.

    Examples
    --------
    >>> from rung.schedulers import ASHA
    >>> check_scheduler(ASHA)
    """
    check_value(make)
    asked = AskedAgain(make)
    for seed, capacity in enumerate((1, 2, 3, 5)):
        _every_trial_ends(make, asked, seed, capacity, max_resource)
    _several_objectives_end(make, asked, max_resource)
    _max_mirrors_min(make, max_resource)
    _a_finite_space_is_used_up(make, max_resource)
    _trials_of_the_users_own_end(make, max_resource)
    _trials_without_reports_end(make, max_resource)


class AskedAgain:
    """A scheduler that is asked again in every way in which its answer must be the same."""

    def __init__(self, make: Callable[[], Scheduler]) -> None:
        self.make, self.running = make, make()

    def next(self, history: History, propose: Propose) -> Action:
        """Return the scheduler's answer; raises AssertionError if another one is given."""
        action = self.running.next(history, propose)
        for who, scheduler, known in self._others(history):
            answer = scheduler.next(known, propose)
            assert answer == action, f"asked twice, the same answer: next gave {action}; {who}, {answer}"
        return action

    def judge(self, history: History, trial: Trial) -> Verdict:
        """Return the scheduler's answer; raises AssertionError if another one is given."""
        verdict = self.running.judge(history, trial)
        for who, scheduler, known in self._others(history):
            answer = scheduler.judge(known, trial)
            assert answer == verdict, f"asked twice, the same answer: judge gave {verdict}; {who}, {answer}"
        self.running.next(history, lambda: None)
        answer = self.running.judge(history, trial)
        assert answer == verdict, (
            f"the same decisions whatever is asked in between: judge gave {verdict}; after next, {answer}"
        )
        return verdict

    def check(self, problem: Problem) -> None:
        """See `Scheduler`."""
        self.running.check(problem)

    def to_json(self) -> dict[str, Any]:
        """See `Scheduler`."""
        return self.running.to_json()

    def _others(self, history: History) -> Iterator[tuple[str, Scheduler, History]]:
        yield "asked again", self.running, history
        yield "a copy", copy.copy(self.running), history
        yield "a fresh instance with a fresh History", self.make(), History(history._state)


def chaos(seed: int, faults: float = 0.05, sign: float = 1.0, max_resource: int = 9) -> Curve:
    """Noisy falling curves with ties, random durations, losses and failures."""

    def curve(job: Job) -> Iterator[tuple[float, Mapping[str, float] | End]]:
        rng = np.random.default_rng([seed, job.id.trial, job.id.attempt])
        for epoch in range(job.start_resource + 1, max_resource + 1):
            seconds = float(rng.exponential())
            if rng.random() < faults:
                outcome = str(rng.choice([Outcome.LOST, Outcome.FAILED]))
                yield seconds, End(job.id, outcome, reason="chaos")
                return
            noise = np.random.default_rng([seed, job.id.trial, epoch]).normal(0, 0.1)
            yield seconds, {"y": sign * float(np.round(job.config["x"] + 1 / epoch + noise, 1))}
        if rng.random() < 2 * faults:
            yield 0.5, End(job.id, Outcome.FAILED, reason="chaos at the end")

    return curve


def _every_trial_ends(
    make: Callable[[], Scheduler], asked: AskedAgain, seed: int, capacity: int, max_resource: int
) -> None:
    """One instance serves all studies; a study is interrupted, goes on, and is given more trials later."""
    study, storage = _study(asked, max_resource, seed)
    curve = chaos(seed, max_resource=max_resource)
    for n_trials, timeout in ((_N_TRIALS, 8.0), (_N_TRIALS, None), (_N_TRIALS + 7, None)):
        study.drive(Simulator(curve, capacity), n_trials=n_trials, timeout=timeout, max_failures=10**6)
    events = list(storage.read("study"))
    state = check_log(events, n_trials=_N_TRIALS + 7, capacity=capacity)
    assert len(state.trials) == _N_TRIALS + 7, (
        f"as many trials as were asked for: {len(state.trials)}, not {_N_TRIALS + 7}"
    )
    _check_ends(state, "done")
    for event in events:
        if isinstance(event, AttemptStarted) and event.target is not None:
            assert 1 <= event.target <= max_resource, (
                f"targets lie in 1 to max_resource={max_resource}: {event.id} has {event.target}"
            )
    check_decisions(events, make())


def _several_objectives_end(make: Callable[[], Scheduler], asked: AskedAgain, max_resource: int) -> None:
    """Two objectives and two bounds, one of them on a metric that only rises and that some reports lack."""
    first = chaos(3, max_resource=max_resource)

    def curve(job: Job) -> Iterator[tuple[float, Mapping[str, float] | End]]:
        cost = 1 - float(job.config["x"])
        for n, (seconds, result) in enumerate(first(job), job.start_resource + 1):
            more = {} if n % 4 == 0 else {"used": cost * n}
            yield seconds, result if isinstance(result, End) else {**result, "size": cost, **more}

    bounds = {"used": f"<= {0.8 * max_resource}", "size": ">= 0.05"}
    study, storage = _study(
        asked, max_resource, 3, metric={"y": "min", "used": "min"}, constraints=bounds, rising=["used"]
    )
    study.drive(Simulator(curve, 3), n_trials=_N_TRIALS, max_failures=10**6)
    events = list(storage.read("study"))
    state = check_log(events, n_trials=_N_TRIALS, capacity=3)
    _check_ends(state, "done")
    check_decisions(events, make())
    for trial in state.trials:
        over = [r for r in trial.reports if r.metrics.get("used", 0.0) > 0.8 * max_resource]
        assert not over[1:], f"trial {trial.number} went on though a bound was broken for good"


def _max_mirrors_min(make: Callable[[], Scheduler], max_resource: int) -> None:
    states = []
    for sign, mode in ((1.0, "min"), (-1.0, "max")):
        study, storage = _study(make(), max_resource, 7, mode=mode)
        curve = chaos(7, sign=sign, max_resource=max_resource)
        study.drive(Simulator(curve, 3), n_trials=_N_TRIALS, max_failures=10**6)
        states.append(StudyState.replay(storage.read("study")))
    least, most = ([(t.status, t.parent, t.config, len(t.reports)) for t in s.trials] for s in states)
    assert least == most, 'mode="max" of -y decides as mode="min" of y does: it does not; use history.loss'


def _a_finite_space_is_used_up(make: Callable[[], Scheduler], max_resource: int) -> None:
    study, storage = _study(make(), max_resource, 0, space=Space({"x": Int(1, 7)}))
    study.drive(Simulator(chaos(0, max_resource=max_resource), 3), max_failures=10**6)
    state = StudyState.replay(storage.read("study"))
    tried = sorted({int(t.config["x"]) for t in state.trials})
    assert tried == list(range(1, 8)), f"a finite space is used up: of x = 1 to 7 it tried {tried}"
    _check_ends(state, "exhausted")


def _trials_of_the_users_own_end(make: Callable[[], Scheduler], max_resource: int) -> None:
    study, _ = _study(make(), max_resource, 0, n_trials=12)
    with study:
        trial = study.ask({"x": 0.5})
        while trial is not None:
            known = study.trials[trial.number].resource
            for epoch in range(known + 1, max_resource + 1):
                if study.report(trial, epoch=epoch, y=trial.config["x"]) is not Verdict.CONTINUE:
                    break
            else:
                study.tell(trial)
            trial = study.ask()
        assert len(study.trials) == 12, f"trials of the user's own are counted: {len(study.trials)} of 12"
        _check_ends(study.state, "")


def _trials_without_reports_end(make: Callable[[], Scheduler], max_resource: int) -> None:
    def curve(job: Job) -> Iterator[tuple[float, Mapping[str, float] | End]]:
        yield 1.0, End(job.id, Outcome.COMPLETED, {"y": float(job.config["x"])})

    study, _ = _study(make(), max_resource, 0)
    study.drive(Simulator(curve, 2), n_trials=6)
    statuses = [trial.status for trial in study.trials]
    assert statuses == [Outcome.COMPLETED] * 6, f"trials that only return a result complete: {statuses}"


def _check_ends(state: StudyState, reason: str) -> None:
    unfinished = [trial.number for trial in state.trials if not trial.is_finished]
    assert not unfinished, f"every trial ends: trials {unfinished} did not"
    assert not reason or state.ended == reason, f"a study ends as {reason!r}: this one as {state.ended!r}"


def _study(
    scheduler: Any, max_resource: int, seed: int, *, space: Space = _SPACE, metric: Any = "y", **more: Any
) -> tuple[Study, MemoryStorage]:
    storage = MemoryStorage()
    study = Study(
        space, metric=metric, searcher="random", scheduler=scheduler, max_resource=max_resource, seed=seed,
        storage=storage, name="study", **more,
    )  # fmt: skip
    return study, storage
