"""Costs: `cost="train_seconds"`."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rung
from rung.errors import ArgumentError, MetricError
from rung.searchers import GP
from rung.searchers._costs import CostFit, Costs, cost_of, share_left
from rung.study.history import History

SPACE = {"size": rung.Float(1, 100, log=True), "x": rung.Float(0, 1)}


def study_of(**options):
    return rung.Study(
        SPACE, metric="loss", storage=":memory:", seed=0, **{"cost": "seconds", "n_trials": 40, **options}
    )


def told(study, n):
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, {"loss": trial.config["x"], "seconds": trial.config["size"]})
    return History(study.state)


def test_the_model_knows_what_is_cheap_and_cost_counts_less_towards_the_end():
    history = told(study_of(searcher="auto"), 8)
    points = np.array([[0.1, 0.5], [0.9, 0.5]])
    cheap, dear = Costs(history, CostFit.to(history, 8)).log_weight(points)
    assert 1.5 < cheap - dear < 0.8 * math.log(100)  # of points whose costs differ 40-fold; eight are known
    assert share_left(history) == pytest.approx(1 - 8 / 40)
    assert Costs(history, None).log_weight(points) == 0


def test_every_other_trial_asks_for_improvement_alone():
    history = told(study_of(searcher="auto"), 7)
    assert not Costs(history, CostFit.to(history, 7)).log_weight(np.array([[0.1, 0.5], [0.9, 0.5]])).any()


def test_a_trial_that_can_not_end_in_the_time_left_is_not_begun():
    def curve(config, epoch):
        return {"loss": -config["size"]}, config["size"]  # the larger, the better

    options = {"metric": "loss", "max_resource": 1, "timeout": 800, "seed": 1, "scheduler": "fifo"}
    study = rung.simulate(SPACE, curve, searcher=GP(n_initial=4), cost="train_seconds", **options)
    # Before, as large as can be; at the end, what still fits.
    assert max(t.config["size"] for t in study.trials) > 70
    *others, last = study.trials
    assert [t.status for t in others] == ["completed"] * len(others)
    assert last.created > 790  # the time is used all the same


def test_a_trial_that_was_stopped_early_says_what_a_whole_one_costs():
    def curve(config, epoch):
        return {"loss": config["x"]}, config["size"]

    study = rung.simulate(
        SPACE, curve, metric="loss", max_resource=9, n_trials=6, seed=0, cost="train_seconds",
        scheduler=rung.schedulers.ASHA("stopping"), searcher="gp",
    )  # fmt: skip
    history = History(study.state)
    for trial in study.trials:
        assert cost_of(history, trial) == pytest.approx(9 * trial.config["size"])
    assert {t.resource for t in study.trials} > {1}


def test_several_objectives_count_costs_too():
    study = rung.Study(
        SPACE, metric={"a": "min", "b": "min"}, cost="seconds", searcher="gp", storage=":memory:", seed=0
    )
    sizes = []
    for _ in range(16):
        trial = study.ask()
        x = trial.config["x"]
        study.tell(trial, {"a": x, "b": 1 - x, "seconds": trial.config["size"]})
        sizes.append(trial.config["size"])
    assert np.median(sizes[4::2]) < 3  # the size is of no use: the cheapest will do


def test_wrong_costs():
    with pytest.raises(ArgumentError, match=r"cost='seconds': searcher=Random\(\) does not look at costs"):
        study_of(searcher="random")
    with pytest.raises(ArgumentError, match="cost"):
        study_of(cost="")
    with pytest.raises(MetricError, match="gave no 'second'; it gave: loss, seconds"):
        rung.tune(
            lambda x, size: {"loss": x, "seconds": size}, SPACE, metric="loss", cost="second", n_trials=3,
            storage=":memory:", progress=False,
        )  # fmt: skip


@pytest.mark.slow
def test_a_target_is_reached_at_less_cost():
    """Costs differ a hundredfold; the best size costs 6."""

    def spent(seed, cost):
        study = rung.Study(
            SPACE | {"y": rung.Float(0, 1)}, metric="loss", searcher="gp", storage=":memory:", seed=seed, cost=cost,
            n_trials=60,
        )  # fmt: skip
        total = 0.0
        for _ in range(60):
            trial = study.ask()
            size = trial.config["size"]
            u = math.log(size) / math.log(100)
            loss = (trial.config["x"] - 0.3) ** 2 + (trial.config["y"] - 0.6) ** 2 + 0.5 * (u - 0.4) ** 2
            total += size
            study.tell(trial, {"loss": loss, "seconds": size})
            if loss < 0.003:
                break
        return total

    seeds = range(6)
    assert sum(spent(s, "seconds") for s in seeds) < 0.8 * sum(spent(s, None) for s in seeds)
