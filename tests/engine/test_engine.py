"""The engine under the real coordinator, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulation import SPACE, Simulation, constant

from rung.engine.engine import Answer, Engine, Submit
from rung.errors import MetricError, TooManyFailures
from rung.execution.base import AttemptId, End, Job, Report, WorkerUp
from rung.schedulers import FIFO
from rung.searchers import Random
from rung.settings import Settings
from rung.space import Categorical, Float, Space
from rung.study.events import Outcome, StudyCreated, TrialCreated, Verdict
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.testing import check_log

Events = Iterator[tuple[float, Mapping[str, float] | End]]


def configs(simulation: Simulation) -> list[Any]:
    return [e.config for e in simulation.log if isinstance(e, TrialCreated)]


def test_runs_exactly_n_trials_and_ends():
    simulation = Simulation()
    state = simulation.run()
    assert [t.status for t in state.trials] == ["completed"] * 10
    assert state.ended == "done"
    assert check_log(simulation.log, n_trials=10, capacity=2).digest() == state.digest()


def test_workers_are_never_idle():
    simulation = Simulation(capacity=2)
    simulation.run()
    assert simulation.executor.now() == 15.0  # 10 trials of 3 s on 2 workers


def test_the_same_configs_on_any_number_of_workers():
    runs = [Simulation(capacity=n, seed=7) for n in (1, 2, 5)]
    for simulation in runs:
        simulation.run()
    assert configs(runs[0]) == configs(runs[1]) == configs(runs[2])
    other = Simulation(seed=8)
    other.run()
    assert configs(other) != configs(runs[0])


def test_reports_are_the_result_when_nothing_is_returned():
    state = Simulation().run()
    trial = state.trials[0]
    assert [r.resource for r in trial.reports] == [1, 2, 3]
    assert trial.value == trial.config["x"]


def test_a_lost_worker_costs_one_attempt():
    def lose(job: Job) -> Events:
        yield 1.0, {"y": 1.0}
        if job.id.trial == 3 and job.id.attempt == 1:
            yield 0.5, End(job.id, Outcome.LOST, reason="killed by SIGKILL")
        yield 1.0, {"y": 0.5}

    simulation = Simulation(lose)
    state = simulation.run()
    trial = state.trials[3]
    assert [a.outcome for a in trial.attempts] == ["lost", "completed"]
    assert [(r.resource, r.attempt, r.metrics["y"]) for r in trial.reports] == [
        (1, 1, 1.0),
        (2, 2, 1.0),
        (3, 2, 0.5),
    ]
    assert len(state.trials) == 10
    check_log(simulation.log, n_trials=10, capacity=2)


def test_a_lost_machine_costs_neither_a_trial_nor_a_retry():
    def lose(job: Job) -> Events:
        yield 1.0, {"y": 1.0}
        if job.id.attempt <= 4:
            yield 0.5, End(job.id, Outcome.INTERRUPTED, reason="its machine is gone", blameless=True)

    simulation = Simulation(lose, settings=Settings.of(n_trials=2, retries=0))
    state = simulation.run()
    assert [a.outcome for a in state.trials[0].attempts] == [*["interrupted"] * 4, "completed"]
    assert state.trials[0].attempts[0].reason == "its machine is gone"
    check_log(simulation.log, n_trials=2)


def test_a_trial_that_kills_each_worker_fails_at_last():
    def always(job: Job) -> Events:
        yield 1.0, End(job.id, Outcome.LOST, reason="killed by SIGSEGV")

    simulation = Simulation(always, settings=Settings.of(n_trials=2, retries=2))
    state = simulation.run()
    assert [a.outcome for a in state.trials[0].attempts] == ["lost", "lost", "failed"]
    assert state.trials[0].reason == "killed by SIGSEGV (3 times)"
    assert state.ended == "done"


def test_initial_configs_come_first():
    first = ({"x": 0.25}, {"x": 0.75})
    simulation = Simulation(settings=Settings.of(n_trials=4, initial_configs=first))
    state = simulation.run()
    assert [t.config for t in state.trials[:2]] == list(first)
    assert [t.origin for t in state.trials] == ["initial", "initial", "searcher", "searcher"]


def test_a_finite_space_ends_the_study():
    simulation = Simulation(
        space=Space({"x": Categorical([0.1, 0.2, 0.3])}), settings=Settings.of(n_trials=50)
    )
    state = simulation.run()
    assert sorted(t.config["x"] for t in state.trials) == [0.1, 0.2, 0.3]
    assert state.ended == "exhausted"


def test_timeout_interrupts_what_runs_and_a_longer_one_goes_on():
    simulation = Simulation(settings=Settings.of(n_trials=10, timeout=7.5), grace=1.0)
    state = simulation.run()
    assert state.ended == "timeout"
    assert sum(t.status == "completed" for t in state.trials) == 4
    assert sum(t.status == "interrupted" for t in state.trials) == 2
    assert simulation.executor.now() <= 7.5 + 1.0
    simulation.settings = Settings.of(n_trials=10, timeout=100.0)
    state = simulation.run()
    assert [t.status for t in state.trials] == ["completed"] * 10
    check_log(simulation.log, n_trials=10, capacity=2)


def test_a_raised_budget_goes_on():
    simulation = Simulation(settings=Settings.of(n_trials=3))
    simulation.run()
    simulation.settings = Settings.of(n_trials=5)
    assert len(simulation.run().trials) == 5
    unbroken = Simulation(settings=Settings.of(n_trials=5))
    unbroken.run()
    assert configs(simulation) == configs(unbroken)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_fails_the_trial(bad):
    def diverge(job: Job) -> Events:
        yield 1.0, {"y": bad if job.id.trial == 1 else 1.0}

    state = Simulation(diverge).run()
    assert state.trials[1].status == "failed"
    assert f"y is {bad}" in state.trials[1].reason
    assert state.best is not None


def test_of_a_long_reason_and_traceback_the_beginning_is_kept():
    def wordy(job: Job) -> Events:
        yield 1.0, End(job.id, Outcome.FAILED, reason="r" * 10**6, traceback="t" * 10**7)

    simulation = Simulation(wordy, settings=Settings.of(n_trials=2), capacity=1)
    trials = simulation.run().trials
    assert {t.reason for t in trials} == {"r" * 4_000}
    assert {t.traceback for t in trials} == {"t" * 40_000}


def test_a_missing_metric_stops_the_study_with_the_names_seen_and_loses_no_budget():
    def wrong(job: Job) -> Events:
        yield 1.0, {"loss": 1.0, "accuracy": 0.5}

    simulation = Simulation(wrong, capacity=1)
    with pytest.raises(MetricError, match=r"trial 0: the objective gave no 'y'; it gave: accuracy, loss"):
        simulation.run()
    assert [t.status for t in StudyState.replay(simulation.log).trials] == ["interrupted"]
    simulation.curve = constant  # mended: the trial runs again
    assert [t.status for t in simulation.run().trials] == ["completed"] * 10


def test_failures_in_a_row_stop_the_study():
    def fail(job: Job) -> Events:
        yield 1.0, End(job.id, Outcome.FAILED, reason="ValueError: no", traceback="Traceback ...")

    simulation = Simulation(fail, settings=Settings.of(n_trials=50, max_failures=5), capacity=1)
    with pytest.raises(TooManyFailures, match=r"5 trials in a row failed.*trial 4: ValueError: no"):
        simulation.run()
    assert len(StudyState.replay(simulation.log).trials) == 5


def test_failures_between_successes_do_not():
    def odd(job: Job) -> Events:
        if job.id.trial % 2:
            yield 1.0, End(job.id, Outcome.FAILED, reason="no")
        yield 1.0, {"y": 1.0}

    state = Simulation(odd, settings=Settings.of(n_trials=40, max_failures=3), capacity=1).run()
    assert state.counts["failed"] == 20


def fresh_engine(n_trials: int = 3) -> Engine:
    created = StudyCreated(id="study", t=0.0, space=SPACE.to_json(), goals=Goals.of("y").to_json(), seed=0)
    return Engine(StudyState(created), Settings.of(n_trials=n_trials, searcher=Random(), scheduler=FIFO()))


def submitted(step: Any) -> list[AttemptId]:
    return [c.job.id for c in step.commands if isinstance(c, Submit)]


def test_a_repeated_report_has_one_effect():
    engine = fresh_engine()
    (attempt,) = submitted(engine.handle((), now=0.0, capacity=1))
    report = Report(attempt, 1, 1, {"y": 1.0})
    first = engine.handle((report,), now=1.0, capacity=1)
    again = engine.handle((report,), now=2.0, capacity=1)
    assert [e.id for e in first.events] == ["t0/a1/r1"]
    assert not again.events
    assert len(engine.state.trials[0].reports) == 1


def test_a_repeated_worker_is_logged_once():
    engine = fresh_engine()
    up = WorkerUp(0, "somewhere", {"node": "b"})
    events = [e.id for now in (1.0, 2.0) for e in engine.handle((up,), now=now, capacity=0).events]
    assert events == ["s0/w0"]


def test_a_late_attempt_is_superseded():
    engine = fresh_engine()
    (first,) = submitted(engine.handle((), now=0.0, capacity=1))
    (second,) = submitted(engine.handle((End(first, Outcome.LOST),), now=1.0, capacity=1))
    assert second == AttemptId(0, 2)
    step = engine.handle(
        (Report(first, 1, 1, {"y": 1.0}), End(first, Outcome.COMPLETED, {"y": 0.0})), now=2.0, capacity=1
    )
    assert [c.verdict for c in step.commands if isinstance(c, Answer)] == [Verdict.SUPERSEDED]
    assert not step.events


def test_the_clock_of_the_study_never_goes_back():
    engine = fresh_engine()
    engine.handle((), now=10.0, capacity=1)
    (attempt,) = engine.state.open.items()
    step = engine.handle((Report(AttemptId(0, 1), 1, 1, {"y": 1.0}),), now=3.0, capacity=1)
    assert step.events[0].t == 10.0
    assert attempt[0] == 0


@given(
    seed=st.integers(0, 2**31),
    capacity=st.integers(1, 6),
    n_trials=st.integers(1, 15),
    timeout=st.one_of(st.none(), st.floats(0.1, 30.0)),
)
def test_invariants_hold_whatever_happens(seed, capacity, n_trials, timeout):
    """Random durations, losses, failures, interruptions by timeout; two sessions; every invariant."""

    def chaos(job: Job) -> Events:
        rng = np.random.default_rng([seed, job.id.trial, job.id.attempt])
        for _ in range(rng.integers(0, 4)):
            yield float(rng.exponential()), {"y": float(rng.normal())}
        fate = rng.choice(["complete", "lost", "fail"], p=[0.6, 0.2, 0.2])
        if fate == "lost":
            yield float(rng.exponential()), End(job.id, Outcome.LOST, reason="lost")
        elif fate == "fail":
            yield float(rng.exponential()), End(job.id, Outcome.FAILED, reason="fail")
        yield float(rng.exponential()), {"y": float(rng.normal())}

    simulation = Simulation(
        chaos, capacity=capacity, settings=Settings.of(n_trials=n_trials, timeout=timeout, max_failures=100)
    )
    state = simulation.run()
    assert check_log(simulation.log, n_trials=n_trials, capacity=capacity).digest() == state.digest()
    simulation.settings = Settings.of(n_trials=n_trials, max_failures=100)
    state = simulation.run()
    assert check_log(simulation.log, n_trials=n_trials, capacity=capacity).digest() == state.digest()
    assert len(state.trials) == n_trials
    assert all(t.is_finished for t in state.trials)


def test_constraints_choose_the_best_feasible():
    def curve(job: Job) -> Events:
        yield 1.0, {"y": job.config["x"], "size": 1.0 - job.config["x"]}

    goals = Goals.of("y", constraints={"size": "<= 0.5"})
    state = Simulation(curve, goals=goals, space=Space({"x": Float(0, 1)})).run()
    assert state.best is not None
    assert state.best.config["x"] == min(t.config["x"] for t in state.trials if t.config["x"] >= 0.5)
