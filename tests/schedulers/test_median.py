"""The median stopping rule against a reading of section 3.2.2 of Golovin et al. (2017) by brute force."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.schedulers import MedianRule
from rung.schedulers.median import median
from rung.study.events import Reported
from rung.study.state import StudyState


def verdict(state, number, min_resource, min_trials, r):
    trial = state.trials[number]
    step = trial.resource
    averages = []
    for other in state.trials:
        values = [report.metrics["y"] for report in other.reports if report.resource <= step]
        if other.status == "completed" and values:
            averages.append(sum(values) / len(values))
    if step < min_resource or step >= r or len(averages) < min_trials:
        return None
    best = min(report.metrics["y"] for report in trial.reports)
    return "stop" if best > statistics.median(averages) else None


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    capacity=st.integers(1, 5),
    min_resource=st.integers(1, 9),
    min_trials=st.integers(1, 6),
)
def test_every_verdict_is_the_papers(lab, seed, capacity, min_resource, min_trials):
    simulation = lab.simulation(
        MedianRule(min_resource, min_trials), lab.chaos(seed), n_trials=20, capacity=capacity, seed=seed
    )
    simulation.run()
    log = simulation.log
    judged = {e.id: e.verdict for e in log if e.kind == "Judged"}
    state = StudyState(log[0])
    for event in log[1:]:
        state.apply(event)
        if isinstance(event, Reported):
            expected = verdict(state, event.trial, min_resource, min_trials, lab.R)
            assert judged.get(f"{event.id}/v") == expected, event.id


@given(st.lists(st.floats(allow_nan=False, width=16), min_size=1))
def test_the_median_of_sorted_numbers(numbers):
    expected = statistics.median(numbers)
    found = median(sorted(numbers))
    assert found == expected or np.isnan([found, expected]).all()


def test_it_works_without_max_resource(lab):
    scheduler = MedianRule(min_trials=2)
    scheduler.check(lab.problem(None))
    state = lab.simulation(scheduler, lab.chaos(1, 0.0), n_trials=20).run()
    assert {t.status for t in state.trials} == {"completed", "stopped"}


@pytest.mark.parametrize("capacity", [1, 4])
def test_the_best_is_never_stopped(lab, capacity):
    """With curves that don't cross the best trial completes, whatever the order."""

    def curve(job):
        for epoch in range(job.start_resource + 1, lab.R + 1):
            yield 1.0, {"y": job.config["x"] + 1 / epoch}

    for seed in range(10):
        state = lab.simulation(MedianRule(), curve, n_trials=30, capacity=capacity, seed=seed).run()
        assert min(state.trials, key=lambda t: t.config["x"]).status == "completed"
        assert state.counts["stopped"] > 5
