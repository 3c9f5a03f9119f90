"""The model of a finished study: functions drawn from it, and the metric it expects."""

import numpy as np
import pytest

import rung
from rung.searchers.landscape import Landscape
from rung.searchers.models.draws import Draws
from rung.searchers.models.exact_gp import Posterior
from rung.searchers.models.kernels import Coordinates, Hyperparameters, QuadraticTrend
from rung.study.history import History

MIXED = Coordinates((0, 3, 0))


def mixed(n, rng):
    x = rng.random((n, 3))
    x[:, 1] = rng.choice([1 / 6, 3 / 6, 5 / 6, -1.0], n)
    return x


def test_the_basis_is_that_of_the_trend():
    a, b = mixed(6, np.random.default_rng(0)), mixed(5, np.random.default_rng(1))
    trend = QuadraticTrend(MIXED)
    assert trend.basis(a) @ trend.basis(b).T == pytest.approx(trend(a, b))


def test_drawn_functions_have_the_mean_and_the_covariance_of_the_posterior():
    rng = np.random.default_rng(0)
    x, at = mixed(8, rng), mixed(4, rng)
    y = np.sin(5 * x[:, 0]) + x[:, 2]
    theta = Hyperparameters(np.log([0.4, 1.5, 0.8, 0.3, 1.0, 0.05]))
    posterior = Posterior(MIXED, theta, x, y)
    found = np.concatenate(
        [Draws(posterior, y, 500, np.random.default_rng(i)).at(at) for i in range(8)], axis=1
    )
    mean, sd = posterior.at(at)
    assert found.mean(axis=1) == pytest.approx(mean, abs=0.07)
    assert found.std(axis=1) == pytest.approx(sd, rel=0.1)


def test_it_expects_what_was_seen_and_more_of_the_same_beyond():
    study = rung.tune(
        lambda config: -100 * config["x"], {"x": rung.Float(0, 1)}, n_trials=12, searcher="sobol", mode="max",
        storage=":memory:", progress=False,
    )  # fmt: skip
    landscape = Landscape.of(History(study.state), study.goals.first)
    at = np.array([[0.0], [0.3], [0.7], [1.0]])
    assert landscape.mean(at) == pytest.approx([0, -30, -70, -100], abs=5)
    assert landscape.draws(at).shape == (64, 4)
    assert landscape.explained > 0.95


def test_a_few_that_diverged_count_as_bad_and_no_more():
    def objective(config):
        return config["x"] if config["x"] < 0.8 else 1e12

    study = rung.tune(
        objective, {"x": rung.Float(0, 1)}, n_trials=16, searcher="sobol", storage=":memory:", progress=False
    )
    landscape = Landscape.of(History(study.state), study.goals.first)
    low, middle, high = landscape.mean(np.array([[0.1], [0.6], [0.95]]))
    assert low < middle < high < 100
