"""Functions with a known best, and hard ones: the default searcher ends better than random search does."""

import math

import numpy as np
import pytest
from scipy.stats import wilcoxon

from rung.searchers import Auto, Random
from rung.space import Categorical, Float, Int, Ordinal

pytestmark = pytest.mark.slow


def branin(config):
    x, y = config["x"], config["y"]
    bowl = (y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann(config):
    x = np.array([config[f"x{i}"] for i in range(6)])
    return -float(np.array([1, 1.2, 3, 3.2]) @ np.exp(-(_A * (x - _P) ** 2).sum(axis=1)))


def ackley(config):
    kinds = {"zero": 0.0, "one": 1.0, "two": 2.0}
    x = np.array([config[f"x{i}"] for i in range(5)] + [config[f"n{i}"] for i in range(3)])
    x = np.append(x, [kinds[config["c0"]], kinds[config["c1"]]])
    return float(
        -20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e
    )


def embedded(config):
    x = np.array([config[f"x{i}"] for i in range(6)])
    return float(((x - np.array([0.1, 0.3, 0.5, 0.7, 0.9, 0.2])) ** 2).sum())


def chosen(config):
    return sum(config[f"c{i}"] != "bdfhace"[i] for i in range(7)) + 0.0


CHOICES = {f"c{i}": Categorical(list("abcdefgh")) for i in range(7)}
MIXED = {
    **{f"x{i}": Float(-4, 6) for i in range(5)},
    **{f"n{i}": Int(-4, 6) for i in range(3)},
    **{f"c{i}": Categorical(["two", "one", "zero"]) for i in range(2)},
}
PLANE = {"x": Float(-5, 10), "y": Float(0, 15)}
KNOWN = {
    "Branin": (branin, PLANE, 8, 40),
    "Hartmann in 6 dimensions": (hartmann, {f"x{i}": Float(0, 1) for i in range(6)}, 8, 40),
    "Ackley in 10 mixed dimensions": (ackley, MIXED, 8, 40),
    "60 dimensions of which 6 matter": (embedded, {f"x{i}": Float(0, 1) for i in range(60)}, 6, 100),
    "choices only": (chosen, CHOICES, 8, 40),
    "one dimension": (lambda c: math.sin(3 * c["x"]) + c["x"] ** 2 / 10, {"x": Float(-9, 9)}, 8, 40),
}
"""The function, its space, how many seeds, and how many trials of each."""


@pytest.mark.parametrize("name", KNOWN)
def test_better_than_random_search(lab, name):
    function, space, seeds, trials = KNOWN[name]
    learned, random = [], []
    for seed in range(seeds):
        learned.append(min(map(function, lab(space, seed).run(Auto(), trials, function))))
        random.append(min(map(function, lab(space, seed).run(Random(), trials, function))))
    assert wilcoxon(learned, random, alternative="less").pvalue < 0.02


def best_though_a_third_is_spoilt(study, searcher, instead):
    """The best of 48 trials, each third of which gives `instead` of its loss; None is a failure."""
    values = []
    for n in range(48):
        config = study.ask(searcher)
        study.add(config)
        if n % 3 != 1:
            values.append(branin(config))
            study.end(n, values[-1])
        elif instead is None:
            study.end(n, outcome="failed")
        else:
            study.end(n, instead)
    return min(values)


@pytest.mark.parametrize("instead", [None, 1e30], ids=["failures", "large outliers"])
def test_better_than_random_search_though_a_third_is_spoilt(lab, instead):
    learned, random = (
        [best_though_a_third_is_spoilt(lab(PLANE, seed), searcher, instead) for seed in range(10)]
        for searcher in (Auto(), Random())
    )
    assert wilcoxon(learned, random, alternative="less").pvalue < 0.02


def test_small_outliers_are_searched_without_complaint(lab):
    """They are the best there is: to look there again is right."""
    assert best_though_a_third_is_spoilt(lab(PLANE), Auto(), -1e30) < 100


def test_a_constant_is_searched_without_complaint(lab):
    space = {"x": Float(0, 1), "k": Ordinal([1, 2, 3])}
    assert len(lab(space).run(Auto(), 100, lambda config: 0.5)) == 100
