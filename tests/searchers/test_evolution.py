from itertools import pairwise

import numpy as np
import pytest

from rung.errors import Error
from rung.searchers import Evolution, Random
from rung.space import Categorical, Int, Ordinal, Space, param

CELL = Space(
    {f"op{i}": Categorical(["conv", "pool", "skip", "none"]) for i in range(8)}
    | {"width": Int(1, 32), "heads": Ordinal([1, 2, 4, 8]).when(param("op0") == "conv")}
)


def loss(config):
    """Pairs of neighbours matter, as they do in an architecture."""
    ops = [config[f"op{i}"] for i in range(8)]
    alike = sum(a == b for a, b in pairwise(ops))
    return alike + ops.count("none") + abs(config["width"] - 20) / 8 + abs(config.get("heads", 0) - 4) / 4


def best(lab, searcher, seed):
    study = lab(CELL, seed)
    study.run(searcher, 150, loss)
    return study.history.best.value


def test_it_finds_better_ones_than_random(lab):
    found = [best(lab, Evolution(), seed) for seed in range(20)]
    random = [best(lab, Random(), seed) for seed in range(20)]
    assert np.median(found) < 0.6 * np.median(random)


def line(lab, losses):
    study = lab({"x": Ordinal(list(range(1000)))})
    for i, value in enumerate(losses):
        study.add({"x": 20 * i + 10}, value)
    return study


def parents(study, searcher, n=40):
    near = []
    for seed in range(n):
        study.state.seed = seed
        near.append(study.ask(searcher)["x"] // 20)
    return set(near)


def test_the_best_of_the_sample_is_the_parent(lab):
    study = line(lab, [5.0, 3.0, 1.0, 4.0])
    near = [study.ask(Evolution(4, 4))["x"] // 20 for study.state.seed in range(60)]
    assert np.bincount(near, minlength=4).argmax() == 2
    assert set(near) != {2}, "the sample is drawn with replacement"


def test_the_oldest_die_however_good(lab):
    study = line(lab, [0.0, 5.0, 3.0, 4.0, 6.0])
    assert 0 not in parents(study, Evolution(4, 4))
    assert 2 in parents(study, Evolution(4, 4))


def test_age_is_told_by_the_end_and_not_by_the_beginning(lab):
    study = lab({"x": Ordinal(list(range(1000)))})
    for i in range(4):
        study.add({"x": 20 * i + 10})
    for i in (1, 2, 3, 0):
        study.end(i, float(i))
    assert parents(study, Evolution(3, 3)) <= {0, 2, 3}


def test_failed_trials_are_parents_only_among_themselves(lab):
    study = line(lab, [1.0, 2.0])
    for i in (2, 3):
        study.add({"x": 20 * i + 10})
        study.end(i, outcome="failed")
    near = [study.ask(Evolution(4, 3))["x"] // 20 for study.state.seed in range(60)]
    assert sum(x in {2, 3} for x in near) < 20


def test_who_got_further_is_the_better_one(lab):
    study = lab({"x": Ordinal(list(range(1000)))})
    for i, (resource, value) in enumerate([(1, 0.1), (9, 0.5), (1, 0.2), (3, 0.3)]):
        study.add({"x": 20 * i + 10})
        study.report(i, resource, value)
        study.end(i, outcome="stopped")
    near = [study.ask(Evolution(4, 4))["x"] // 20 for study.state.seed in range(60)]
    assert np.bincount(near, minlength=4).argmax() == 1


def test_what_is_lost_is_no_parent(lab):
    study = line(lab, [1.0, 2.0, 3.0])
    study.add({"x": 70})
    study.end(3, outcome="lost")
    assert parents(study, Evolution(4, 1)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"population": 1}, "Evolution: population=1; use a whole number of at least 2"),
        ({"sample": 21}, "Evolution: sample=21; use a whole number from 1 to population=20"),
        ({"sample": 0}, "Evolution: sample=0; use a whole number from 1 to"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(Error, match=message):
        Evolution(**arguments)
