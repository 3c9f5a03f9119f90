import math

import numpy as np
import pytest
from scipy import stats

from rung.errors import Error
from rung.searchers import TPE, Random
from rung.searchers.tpe import _kernels, _Mixture
from rung.space import Categorical, Distribution, Float, Int, Ordinal, Space, param

SQUARE = Space({"x": Float(-5, 10), "y": Float(0, 15)})
LINE = Space({"x": Float(0, 1)})
MIXED = Space(
    {
        "lr": Float(1e-5, 1, log=True),
        "layers": Int(1, 8),
        "optimizer": Categorical(["adam", "sgd", "rmsprop"]),
        "momentum": Float(0, 1).when(param("optimizer") == "sgd"),
        "act": Categorical(["relu", "tanh", "gelu"]),
    }
)


def branin(config):
    x, y = config["x"], config["y"]
    bowl = (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
    return float(bowl + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10 - 0.397887)


def mixed(config):
    loss = (
        abs(math.log10(config["lr"]) + 2.5)
        + 0.5 * abs(config["layers"] - 3)
        + 0.2 * (config["act"] != "relu")
    )
    if config["optimizer"] == "sgd":
        return loss + abs(config["momentum"] - 0.9)
    return loss + {"adam": 0.2, "rmsprop": 1.0}[config["optimizer"]]


def best(lab, searcher, space, loss, n, seed):
    study = lab(space, seed)
    study.run(searcher, n, loss)
    return study.history.best.value


@pytest.mark.slow
@pytest.mark.parametrize(("space", "loss"), [(SQUARE, branin), (MIXED, mixed)])
def test_it_finds_better_ones_than_random(lab, space, loss):
    found = [best(lab, TPE(), space, loss, 50, seed) for seed in range(20)]
    random = [best(lab, Random(), space, loss, 50, seed) for seed in range(20)]
    assert np.median(found) < 0.6 * np.median(random)


TREE = Space(
    {
        "kind": Categorical(["a", "b", "c"]),
        "x": Float(0, 1).when(param("kind") == "a"),
        "n": Int(1, 9, log=True).when(param("kind").isin(["a", "b"])),
        "o": Ordinal([1, 2, 4, 8]),
        "k": Distribution(stats.binom(6, 0.4)).when(param("n") >= 3),
        "step": Int(0, 100, step=10),
        "only": 3,
    }
)


def mixture():
    rng = np.random.default_rng(0)
    points = TREE.encode([TREE.sample(rng) for _ in range(4)])
    return _Mixture(_kernels(TREE, points), points, np.array([1.0, 2.0, 0.5, 0.5]))


@pytest.mark.slow
def test_the_densities_are_relative_to_the_distribution_of_the_space():
    # The mean of p(x) / law(x) over draws x from the law is the integral of p.
    rng = np.random.default_rng(1)
    draws = TREE.encode([TREE.sample(rng) for _ in range(5_000)])
    ratio = np.exp(mixture().log_density(draws))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / len(draws) ** 0.5


def test_the_samples_follow_the_density():
    # Likewise the mean of law(x) / p(x) over draws from p; it would not be 1 if a mode was drawn too often.
    drawn = TREE.encode(TREE.decode(mixture().sample(20_000, np.random.default_rng(2))))
    ratio = np.exp(-mixture().log_density(drawn))
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / len(drawn) ** 0.5
    for kind, u in (("a", 1 / 6), ("b", 3 / 6), ("c", 5 / 6)):
        share = ratio[np.isclose(drawn[:, 0], u)].sum() / len(drawn)
        assert abs(share - 1 / 3) < 0.03, kind


def told(lab, space, pairs):
    study = lab(space)
    for config, loss in pairs:
        study.add(config, loss)
    return study


def asked(study, n, **arguments):
    """What n workers that ask one after the other get."""
    for _ in range(n):
        study.add(study.ask(TPE(**arguments)))
    return [trial.config for trial in study.history.trials[-n:]]


def test_failed_trials_are_bad(lab):
    study = lab(LINE)
    for i in range(30):
        study.add({"x": (i + 0.5) / 30})
        study.end(i, *((None, "failed") if i < 15 else (1.0 - i / 100,)))
    assert np.mean([config["x"] > 0.5 for config in asked(study, 10)]) >= 0.8


def test_with_failures_only_it_draws_at_random(lab):
    study = lab(LINE)
    for i in range(12):
        study.add({"x": i / 12})
        study.end(i, outcome="failed")
    assert study.ask(TPE()) == study.ask(Random())


def test_workers_spread(lab):
    study, alone = (
        told(lab, LINE, [({"x": x}, (x - 0.3) ** 2) for x in np.linspace(0, 1, 21)]) for _ in "ab"
    )
    for i in range(30):
        study.add({"x": 0.3 + i / 1e6})
    far = [abs(study.ask(TPE())["x"] - 0.3) for study.state.seed in range(20)]
    near = [abs(alone.ask(TPE())["x"] - 0.3) for alone.state.seed in range(20)]
    assert np.median(far) > 3 * np.median(near)
    places = [config["x"] for config in asked(study, 10)]
    assert len(set(places)) == 10


def test_the_highest_resource_with_enough_trials_counts(lab):
    # At epoch 1 the left looks good, at epoch 9 the right is.
    study = lab(LINE)
    for i, x in enumerate(np.linspace(0, 1, 60)):
        study.add({"x": float(x)})
        study.report(i, 1, float(x))
        if i % 2:
            study.report(i, 9, 2 - float(x))
        study.end(i, outcome="paused")
    assert np.mean([config["x"] > 0.5 for config in asked(study, 10)]) >= 0.8


def test_few_trials_at_a_resource_do_not_make_a_model(lab):
    study = lab(LINE)
    for i, x in enumerate(np.linspace(0, 1, 60)):
        study.add({"x": float(x)})
        study.report(i, 1, float(x))
        if i % 20 == 19:
            study.report(i, 9, 2 - float(x))
        study.end(i, outcome="paused")
    assert np.mean([config["x"] < 0.5 for config in asked(study, 10)]) >= 0.8


def test_the_first_ones_are_random(lab):
    n = TPE(n_initial=5).n_initial
    assert lab(SQUARE).run(TPE(n_initial=5), n, branin) == lab(SQUARE).run(Random(), n, branin)
    assert lab(SQUARE).run(TPE(n_initial=5), 6, branin) != lab(SQUARE).run(Random(), 6, branin)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gamma": 1.0}, r"TPE: gamma=1.0; the share of good trials lies in \(0, 1\)"),
        ({"n_initial": 0}, "TPE: n_initial=0; use a whole number of at least 1"),
        ({"n_candidates": 2.5}, "TPE: n_candidates=2.5; use a whole number"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(Error, match=message):
        TPE(**arguments)
