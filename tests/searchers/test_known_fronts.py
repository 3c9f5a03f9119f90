"""The front of several objectives on known problems, and with raw units instead of logarithms."""

from __future__ import annotations

import math
from statistics import mean

import numpy as np
import pytest

import rung
from rung.searchers import GP
from rung.space import Float
from rung.study.pareto import hypervolume

pytestmark = pytest.mark.slow

UNIT = {f"x{i}": Float(0, 1) for i in range(3)}


def tried(objective, n, metric, searcher=GP(n_initial=5), seed=0):  # noqa: B008 -- it is frozen
    study = rung.Study(UNIT, metric=metric, searcher=searcher, storage=":memory:", seed=seed)
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, objective(trial.config))
    return study


def zdt2(config):
    first, *others = config.values()
    g = 1 + 9 * mean(others)
    return {"a": first, "b": g * (1 - (first / g) ** 2)}


def zdt3(config):
    first, *others = config.values()
    g = 1 + 9 * mean(others)
    return {"a": first, "b": g * (1 - math.sqrt(first / g) - first / g * math.sin(10 * math.pi * first))}


def dtlz2(config):
    x, y, last = config.values()
    g, a, b = 1 + (last - 0.5) ** 2, x * math.pi / 2, y * math.pi / 2
    return {
        "a": g * math.cos(a) * math.cos(b), "b": g * math.cos(a) * math.sin(b), "c": g * math.sin(a),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "reference", "least"),
    [
        (zdt2, {"a": 1.1, "b": 1.1}, 0.3),  # 0.54 is the most there is: a hollow front
        (zdt3, {"a": 1.1, "b": 1.1}, 0.42),  # 1.33: a front in five pieces
        (dtlz2, {"a": 1.2, "b": 1.2, "c": 1.2}, 0.85),  # 1.20: three objectives
    ],
)
def test_a_known_front_is_found_sooner_than_by_chance(problem, reference, least):
    metric = dict.fromkeys(reference, "min")
    study = tried(problem, 24, metric)
    found = study.hypervolume(reference).value
    assert found > least
    assert found > tried(problem, 24, metric, "random").hypervolume(reference).value
    assert len(study.front) >= 3


def error_and_seconds(config):
    """The seconds span three and a half decades."""
    u, x, y = config.values()
    return 0.05 + 0.4 * (1 - u) ** 2 + (x - 0.3) ** 2, 10 ** (3 * u + 0.5 * y)


def worth(study):
    """The hypervolume of the error and the logarithm of the seconds."""
    found = [error_and_seconds(trial.config) for trial in study.trials]
    return hypervolume(np.array([[e, math.log10(s)] for e, s in found]), np.array([0.5, 3.0]))


def test_raw_seconds_are_searched_as_well_as_their_logarithm():
    def raw(config):
        return dict(zip("ab", error_and_seconds(config), strict=True))

    def logarithm(config):
        return raw(config) | {"b": math.log10(raw(config)["b"])}

    two = {"a": "min", "b": "min"}
    of_raw, of_logarithms = (mean(worth(tried(f, 20, two, seed=s)) for s in (0, 1)) for f in (raw, logarithm))
    assert of_raw > 0.9 * of_logarithms
