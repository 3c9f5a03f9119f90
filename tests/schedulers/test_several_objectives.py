"""Early stopping with several objectives, with constraints, or both."""

from __future__ import annotations

import numpy as np
import pytest

import rung
from rung.errors import ArgumentError
from rung.schedulers import ASHA, MedianRule, SuccessiveHalving
from rung.schedulers._ranking import Result, placed, ranked
from rung.study.metrics import Goals

TWO = {"a": "min", "b": "min"}


def simulated(rows, scheduler, metric=TWO, n_workers=1, max_resource=4, **options):
    """A study of the given trials, whose metrics are the same at each of four epochs, a second each."""
    names = list(metric) if isinstance(metric, dict) else [metric]

    def curve(config, epoch):
        found = rows[config["n"]]
        return (found(epoch) if callable(found) else dict(zip(names, found, strict=True))), 1.0

    return rung.simulate(
        {"n": rung.Int(0, len(rows) - 1)}, curve, metric=metric, scheduler=scheduler, n_workers=n_workers,
        max_resource=max_resource, initial_configs=[{"n": n} for n in range(len(rows))], n_trials=len(rows),
        seed=0, **options,
    )  # fmt: skip


def reached(study):
    return [trial.resource for trial in study.trials]


def results(*losses, excess=None):
    return [Result(row, (0.0,) if excess is None else (excess[i],)) for i, row in enumerate(losses)]


# ---- the order


def test_first_by_layers_then_spread_over_the_layer():
    found = results((0, 10), (1, 9), (2, 8), (5, 5), (10, 0), (1, 10), (11, 11))
    assert placed(found).tolist() == [0, 0, 0, 0, 0, 1, 2]
    order = ranked(found)
    assert order[:2] == [0, 4]  # the best of the first objective, and what is farthest from it
    assert set(order[:5]) == {0, 1, 2, 3, 4} and order[5:] == [5, 6]
    assert ranked(found, 2) == order[:2]


def test_units_and_logarithms_do_not_matter():
    rng = np.random.default_rng(0)
    losses = rng.random((40, 2))
    scaled = np.stack([np.exp(9 * losses[:, 0]), 1e6 * losses[:, 1]], axis=1)
    assert ranked(results(*map(tuple, losses))) == ranked(results(*map(tuple, scaled)))


def test_what_breaks_a_bound_comes_after_all_else_the_least_broken_first():
    found = results((1, 1), (0, 0), (5, 5), (0, 0), (0, float("inf")), excess=[0, 2, 0, 1, 0])
    assert ranked(found) == [0, 2, 3, 1, 4]  # and at last what gave no number


def test_a_bound_that_a_report_says_nothing_about_is_not_broken():
    goals = Goals.of("a", constraints={"mb": "<= 2", "fps": "> 10"})
    assert Result.of(goals, {"a": 1.0}).excess == (0, 0)
    assert Result.of(goals, {"a": 1.0, "mb": 5, "fps": 7}).excess == (3, 3)
    assert Result.of(goals, {"a": 1.0, "fps": 10}).excess[1] > 0


# ---- decisions

FRONT_AND_BEHIND = [(0, 9), (9, 0), (10, 10), (11, 11), (5, 5), (12, 12), (13, 13), (14, 14), (15, 15)]


def test_both_ends_of_the_front_go_on():
    assert reached(simulated(FRONT_AND_BEHIND, ASHA(), max_resource=3)) == [3, 3, 1, 1, 3, 1, 1, 1, 1]
    halving = SuccessiveHalving(eta=2)  # eight trials begin a bracket
    epochs = reached(simulated(FRONT_AND_BEHIND[:8], halving, max_resource=8))
    assert epochs == [8, 4, 2, 1, 2, 1, 1, 1]


def test_asha_that_stops():
    rows = [(0, 9), (9, 0), (5, 5), (10, 10), (0, 0)]
    assert reached(simulated(rows, ASHA("stopping", eta=2))) == [4, 1, 1, 1, 4]


def test_a_trial_that_breaks_a_bound_is_not_promoted():
    rows = [(5, 1), (1, 9), (2, 8), (6, 1), (7, 1), (0, 7)]
    study = simulated(
        [lambda epoch, row=row: {"a": row[0], "mb": row[1]} for row in rows], ASHA(eta=3), metric="a",
        constraints={"mb": "<= 2"}, max_resource=3,
    )  # fmt: skip
    assert reached(study) == [3, 1, 1, 3, 1, 1]


def test_median_stops_what_lies_behind_most_in_every_objective():
    rows = [(0, 9), (9, 0), (5, 5), (12, 12), (0.5, 8.5), (4, 11)]
    study = simulated(rows, MedianRule(min_trials=3))
    assert [t.status for t in study.trials] == ["completed"] * 3 + ["stopped", "completed", "stopped"]


# ---- bounds that are broken for good


def rising_to(last):
    return lambda epoch: {"a": 1.0, "seconds": last * epoch / 4}


@pytest.mark.parametrize("scheduler", ["fifo", "asha", "median", "pbt"])
def test_a_trial_whose_rising_metric_is_above_its_bound_is_stopped_at_once(scheduler):
    rows = [rising_to(4), rising_to(40), rising_to(10)]
    study = simulated(
        rows, scheduler, metric="a", constraints={"seconds": "<= 8"}, rising=["seconds"], n_workers=3
    )
    assert reached(study)[1] == 1 and study.trials[1].status == "stopped"
    if scheduler == "fifo":
        assert reached(study) == [4, 1, 4]
        assert [t.feasible for t in study.trials] == [True, False, False]
    study = simulated(rows, "fifo", metric="a", constraints={"seconds": "<= 8"})
    assert reached(study) == [4, 4, 4]  # it may fall again: nothing says that it does not


def test_the_seconds_of_training_are_known_from_the_times_of_the_reports():
    study = simulated([(1.0,), (2.0,)], "fifo", metric="a", constraints={"train_seconds": "< 2"})
    assert reached(study) == [3, 3]  # two seconds after the first report


def test_rising_names_an_upper_bound():
    with pytest.raises(ArgumentError, match=r"rising: 'second' has no upper bound.*did you mean 'seconds'"):
        rung.Study({"x": rung.Float(0, 1)}, constraints={"seconds": "<= 8"}, rising=["second"])
    with pytest.raises(ArgumentError, match=r'give constraints=\{"seconds": "<= 60"\} too'):
        rung.Study({"x": rung.Float(0, 1)}, rising=["seconds"])
    with pytest.raises(ArgumentError, match=r"give a list: rising=\['seconds'\]"):
        rung.Study({"x": rung.Float(0, 1)}, constraints={"seconds": "<= 8"}, rising="seconds")
