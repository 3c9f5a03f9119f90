"""ASHA against a brute-force reading of Algorithm 2 of Li et al. (2020)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation import Simulation

import rung
from rung.errors import Error
from rung.execution.base import End, Job
from rung.schedulers import ASHA
from rung.schedulers._levels import levels
from rung.schedulers.base import Resume, Start
from rung.settings import Settings
from rung.study.events import AttemptStarted, Event, Outcome, Reported, TrialCreated
from rung.study.history import History
from rung.study.state import StudyState
from rung.testing import check_decisions, check_log

R = 27
SPACE = {"x": rung.Float(0, 1)}


def chaos(seed: int, faults: bool = True):
    """Curves with noise, random durations and, with `faults`, losses and failures."""

    def curve(job: Job) -> Iterator[tuple[float, Mapping[str, float] | End]]:
        rng = np.random.default_rng([seed, job.id.trial, job.id.attempt])
        for epoch in range(job.start_resource + 1, R + 1):
            seconds = float(rng.exponential())
            if faults and rng.random() < 0.01:
                yield seconds, End(job.id, Outcome.LOST if rng.random() < 0.7 else Outcome.FAILED)
                return
            noise = np.random.default_rng([seed, job.id.trial, epoch]).normal(0, 0.1)
            yield seconds, {"y": float(np.round(job.config["x"] + 1 / epoch + noise, 1))}  # rounded: ties

    return curve


def simulated(
    seed: int, scheduler: ASHA, capacity: int, n_trials: int, curve=None, mode: str = "min"
) -> Simulation:
    simulation = Simulation(
        curve or chaos(seed), capacity=capacity, scheduler=scheduler, seed=seed, max_resource=R,
        goals=rung.study.metrics.Goals.of("y", mode),
        settings=Settings.of(n_trials=n_trials, max_resource=R, max_failures=10**6),
    )  # fmt: skip
    simulation.run()
    return simulation


def brute_force(log: list[Event], eta: int, ladder: tuple[int, ...]) -> tuple[int, int] | None:
    """Algorithm 2, lines 14 to 23, read from a log: the trial to promote and its next level, or None."""
    reached: dict[int, dict[int, float]] = {level: {} for level in ladder}
    attempt_at: dict[tuple[int, int], int] = {}
    state = StudyState.replay(log)
    for event in log:
        if isinstance(event, Reported):
            for level in ladder:
                if event.resource >= level and event.trial not in reached[level]:
                    reached[level][event.trial] = event.metrics["y"]
                    attempt_at[event.trial, level] = event.attempt
    for k in reversed(range(len(ladder) - 1)):
        rung_ = reached[ladder[k]]
        order = list(rung_)
        best = sorted(order, key=lambda t: (rung_[t], order.index(t)))[: len(rung_) // eta]
        for number in best:
            trial = state.trials[number]
            promoted = len(trial.attempts) > attempt_at[number, ladder[k]]
            if not promoted and trial.status == "paused":
                return number, ladder[k + 1]
    return None


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), eta=st.integers(2, 4), capacity=st.integers(1, 5))
def test_every_decision_is_the_papers(seed, eta, capacity):
    """At each AttemptStarted of the log: was it what the paper's rule says after that prefix?"""
    simulation = simulated(seed, ASHA(eta=eta), capacity, 20)
    log, ladder = simulation.log, levels(1, R, eta)
    check_log(log, n_trials=20, capacity=capacity)
    for i, event in enumerate(log):
        if not isinstance(event, AttemptStarted):
            continue
        new = isinstance(log[i - 1], TrialCreated)
        before = log[: i - 1 if new else i]
        state = StudyState.replay(before)
        if state.waiting:
            assert event.trial == min(state.waiting)
            continue
        expected = brute_force(before, eta, ladder)
        assert (None if new else (event.trial, event.target)) == expected


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6), form=st.sampled_from(["promotion", "stopping"]), brackets=st.integers(1, 3)
)
def test_a_fresh_instance_decides_alike_after_any_prefix(seed, form, brackets):
    log = simulated(seed, ASHA(form, brackets=brackets), 3, 12).log
    for end in range(1, len(log), 7):
        state = StudyState.replay(log[:end])
        if not state.sessions:
            continue
        running, fresh = ASHA(form, brackets=brackets), ASHA(form, brackets=brackets)
        history = History(StudyState.replay(log[:2]))
        for event in log[2:end]:
            history._state.apply(event)
            if isinstance(event, Reported):
                verdict = running.judge(history, history.trials[event.trial])
        if isinstance(log[end - 1], Reported):
            again = fresh.judge(History(state), state.trials[log[end - 1].trial])
            assert again == verdict
        assert running.next(history, dict) == fresh.next(History(state), dict)


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10**6), form=st.sampled_from(["promotion", "stopping"]), brackets=st.integers(1, 3)
)
def test_max_mirrors_min(seed, form, brackets):
    def mirrored(job):
        for seconds, event in chaos(seed)(job):
            yield seconds, event if isinstance(event, End) else {"y": -event["y"]}

    a = simulated(seed, ASHA(form, brackets=brackets), 3, 15)
    b = simulated(seed, ASHA(form, brackets=brackets), 3, 15, mirrored, "max")
    assert [(t.status, len(t.reports)) for t in StudyState.replay(a.log).trials] == [
        (t.status, len(t.reports)) for t in StudyState.replay(b.log).trials
    ]


@settings(max_examples=20)
@given(
    seed=st.integers(0, 10**6), form=st.sampled_from(["promotion", "stopping"]), capacity=st.integers(1, 5)
)
def test_every_trial_ends_and_none_goes_too_far(seed, form, capacity):
    simulation = simulated(seed, ASHA(form, brackets=2), capacity, 15)
    state = check_log(simulation.log, n_trials=15, capacity=capacity)
    assert all(t.is_finished for t in state.trials)
    assert max(t.resource for t in state.trials) <= R
    assert len(state.trials) == 15


def test_a_replay_decides_alike():
    for form in ("promotion", "stopping"):
        simulation = simulated(3, ASHA(form, brackets=2), 3, 20)
        assert check_decisions(simulation.log, ASHA(form, brackets=2)) > 50
        with pytest.raises(AssertionError):
            check_decisions(simulation.log, ASHA(form, eta=4))


def test_stopping_lets_the_best_of_eta_go_on():
    values = {0: 0.5, 1: 0.4, 2: 0.6, 3: 0.45, 4: 0.1, 5: 0.2, 6: 0.05}

    def curve(job):
        for _ in range(R):
            yield 1.0, {"y": values[job.id.trial]}

    state = StudyState.replay(simulated(0, ASHA("stopping"), 1, 7, curve).log)
    # The first two at a rung are fewer than eta and go on; then the best third of those so far.
    assert [t.resource for t in state.trials] == [27, 27, 1, 1, 27, 3, 27]


def test_rungs_of_the_paper():
    assert levels(1, 81, 3) == (1, 3, 9, 27, 81)
    assert levels(1, 52, 3) == (1, 3, 9, 27, 52)
    assert levels(2, 9, 4) == (2, 8, 9)
    assert levels(5, 5, 3) == (5,)


@pytest.mark.slow
def test_brackets_get_trials_in_hyperbands_proportions():
    study = rung.simulate(SPACE, lambda c, e: ({"y": c["x"]}, 1.0), metric="y", n_workers=50, max_resource=81,
                          scheduler=ASHA(brackets=5), n_trials=2000, seed=0)  # fmt: skip
    targets = [t.attempts[0].target for t in study.trials]
    # Li et al. (2018), R = 81, eta = 3: n = 81, 34 (27 * 5 / 4), 15, 8, 5.
    sizes = {1: 81, 3: 34, 9: 15, 27: 8, 81: 5}
    for level, size in sizes.items():
        assert targets.count(level) / 2000 == pytest.approx(size / sum(sizes.values()), abs=0.03)


@pytest.mark.parametrize(
    ("scheduler", "max_resource", "message"),
    [
        ("asha", None, "needs max_resource="),
        (ASHA(eta=1), 9, "eta=1"),
        (ASHA(min_resource=10), 9, "min_resource=10"),
        (ASHA(brackets=9), 9, "brackets=9; give a whole number from 1 to 3"),
    ],
)
def test_arguments_are_checked_before_anything_starts(tmp_path, scheduler, max_resource, message):
    with pytest.raises(Error, match=message):
        rung.tune(
            lambda c: 1 / 0,
            SPACE,
            scheduler=scheduler,
            max_resource=max_resource,
            n_trials=1,
            storage=str(tmp_path),
        )
    assert not list(tmp_path.iterdir())
    with pytest.raises(Error, match="form='both'"):
        ASHA("both")  # type: ignore[arg-type]


@pytest.mark.slow
def test_asha_finds_a_good_config_sooner_than_fifo():
    def curve(config, epoch):
        return {"y": config["x"] + math.exp(-epoch / 5)}, 1.0

    def seconds_to(value, scheduler, seed):
        study = rung.simulate(SPACE, curve, metric="y", n_workers=4, max_resource=27, scheduler=scheduler,
                              timeout=27.0 * 25, seed=seed)  # fmt: skip
        return next((r.t for t in study.trials for r in t.reports if r.metrics["y"] < value), math.inf)

    asha = [seconds_to(0.06, "asha", seed) for seed in range(10)]
    fifo = [seconds_to(0.06, "fifo", seed) for seed in range(10)]
    assert np.median(asha) < np.median(fifo)


def test_actions_are_values():
    assert Start({"x": 1}, 3) == Start({"x": 1}, 3)
    assert Resume(1, 9) != Resume(1, 27)
