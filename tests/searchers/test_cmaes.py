import sys

import numpy as np
import pytest

from rung.errors import Error, SpaceError
from rung.searchers import CMAES, Random
from rung.space import Categorical, Float, Int, Ordinal, Space, param
from rung.study.algorithm import Problem
from rung.study.metrics import Goals

SPACE = Space({f"x{i}": Float(0, 1) for i in range(4)} | {"n": Int(0, 50)})


def check(space):
    CMAES().check(Problem(Space.of(space), Goals.of("loss")))


def bent(config):
    """A narrow valley that no axis follows."""
    x = np.array([config[f"x{i}"] for i in range(4)]) - 0.3
    return float(10 * (x[1:] - x[:-1]) @ (x[1:] - x[:-1]) + x.sum() ** 2 + (config["n"] / 50 - 0.7) ** 2)


def best(lab, searcher, seed, n=120):
    study = lab(SPACE, seed)
    study.run(searcher, n, bent)
    return study.history.best.value


def test_it_finds_better_ones_than_random(lab):
    found = [best(lab, CMAES(), seed) for seed in range(20)]
    random = [best(lab, Random(), seed) for seed in range(20)]
    assert np.median(found) < 0.5 * np.median(random)


def test_the_law_moves_with_each_generation_of_results(lab):
    study, searcher = lab(SPACE), CMAES(population=6)
    study.run(searcher, 5, bent)
    config = study.ask(CMAES(population=100))  # as long as its first generation is not full, the law stands
    assert study.ask(searcher) == config
    study.add(config, 0.0)
    assert study.ask(searcher) != study.ask(CMAES(population=100))


def test_the_order_of_arrival_counts_and_not_that_of_creation(lab):
    first, second = lab(SPACE), lab(SPACE)
    rng = np.random.default_rng(0)
    configs = [SPACE.sample(rng) for _ in range(12)]
    for study, order in ((first, range(12)), (second, reversed(range(12)))):
        for config in configs:
            study.add(config)
        for i in order:
            study.end(i, bent(configs[i]))
    assert first.ask(CMAES(population=8)) != second.ask(CMAES(population=8))
    assert first.ask(CMAES(population=12)) == pytest.approx(second.ask(CMAES(population=12)))


def paused_and_resumed(study, ask):
    """Trials that pause at epoch 1; every other one goes on later. Asks after each step."""
    asked = []
    for i in range(24):
        study.add(ask(study))
        study.report(i, 1, bent(study.history.trials[i].config))
        study.end(i, outcome="paused")
        asked.append(ask(study))
        if i % 2:
            study.again(i - 1)
            study.report(i - 1, 2, 100.0)
            study.end(i - 1, 100.0)
            asked.append(ask(study))
    return asked


def test_a_trial_counts_at_its_first_pause_however_it_goes_on(lab):
    running = CMAES(population=5)
    kept = paused_and_resumed(lab(SPACE), lambda study: study.ask(running))
    fresh = paused_and_resumed(lab(SPACE), lambda study: study.ask_afresh(CMAES(population=5)))
    assert kept == fresh


def test_a_law_that_has_shrunk_begins_anew(lab):
    study = lab({"x": Float(0, 1)})
    configs = study.run(CMAES(population=4), 260, lambda config: 1.0)
    late = [config["x"] for config in configs[160:]]
    assert study.ask(CMAES(population=4)) is not None
    assert np.ptp(late) > 0.1


def test_it_searches_a_finite_space_to_the_end(lab):
    space = Space({"a": Int(1, 6), "b": Ordinal([1, 2, 3, 4, 5])})
    configs = lab(space).run(CMAES(), 100, lambda config: config["a"] - config["b"])
    assert len({space.key(config) for config in configs}) == len(configs) == 30


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            {"optimizer": Categorical(["sgd", "adam"])},
            r"optimizer: Categorical.*; cmaes needs an order, use Ordinal\(\[...\]\) or searcher=\"tpe\"",
        ),
        (
            {"layers": Int(1, 3), "units": Int(8, 64).when(param("layers") >= 2)},
            'units: Int.*; cmaes has no conditions, use searcher="tpe"',
        ),
    ],
)
def test_check_names_what_is_wrong(space, message):
    with pytest.raises(SpaceError, match=message):
        check(space)


def test_one_choice_is_no_choice():
    check({"x": Float(0, 1), "optimizer": Categorical(["sgd"]), "epochs": 3})


def test_without_its_package_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(Error, match=r"cmaes, which is not installed: pip install 'rung\[cmaes\]'"):
        check(SPACE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigma": 0}, r"CMAES: sigma=0; use a standard deviation in \(0, 1\]"),
        ({"population": 3}, "CMAES: population=3; use a whole number of at least 4, or None"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(Error, match=message):
        CMAES(**arguments)
