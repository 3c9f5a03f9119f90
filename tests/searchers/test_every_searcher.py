"""What every searcher must do, whichever it is."""

import json
import math

import numpy as np
import pytest
from scipy import stats

import rung.searchers
from rung.errors import Error
from rung.searchers import SEARCHERS, Grid, Random, Sobol
from rung.space import Categorical, Float, Int, Ordinal, Space
from rung.study.algorithm import Problem
from rung.study.metrics import Goals
from rung.testing import check_searcher
from rung.testing.searchers import accepts, finite_space, mixed_space

pytestmark = pytest.mark.unmeasured

EVERY = pytest.mark.parametrize("make", SEARCHERS.values(), ids=lambda make: make.name)


def loss(config):
    return float(np.log10(config["lr"]) ** 2 + config["layers"])


def busy(study, searcher, n):
    """Try n configurations on three workers; every fifth trial fails, every seventh is lost and runs again."""
    for _ in range(n):
        study.add(study.ask(searcher))
        if len(study.history.trials) > 2:
            finish(study, len(study.history.trials) - 3)


def finish(study, i):
    study.report(i, 1, loss(study.history.trials[i].config) + 1)
    if i % 7 == 6:
        study.end(i, outcome="lost")
        study.again(i)
    if i % 5 == 4:
        study.end(i, outcome="failed")
    else:
        study.end(i, loss(study.history.trials[i].config))


@pytest.mark.parametrize(
    "make",
    [
        # The Gaussian process, which auto is here, takes longer than all others together.
        pytest.param(make, id=name, marks=[pytest.mark.slow] if name in {"auto", "gp"} else [])
        for name, make in SEARCHERS.items()
    ],
)
def test_it_does_what_rung_relies_on(make):
    check_searcher(make)


@EVERY
def test_the_same_seed_gives_the_same_configs(lab, make):
    space = mixed_space(make)
    assert lab(space, 1).run(make(), 30, loss) == lab(space, 1).run(make(), 30, loss)


@pytest.mark.parametrize("make", [make for make in SEARCHERS.values() if make is not Grid])
def test_another_seed_gives_other_configs(lab, make):
    space = mixed_space(make)
    assert lab(space, 1).run(make(), 5, loss) != lab(space, 2).run(make(), 5, loss)


@EVERY
def test_what_the_user_tried_first_is_not_tried_again(lab, make):
    study = lab(finite_space(make))
    mine = {"a": 2, "b": "y", "c": 1}
    study.add(mine, 0.0)
    assert mine not in study.run(make(), 100)


@EVERY
def test_a_study_folded_anew_gets_the_same_answers(lab, make):
    study, running = lab(mixed_space(make)), make()
    for _ in range(4):
        busy(study, running, 10)
        anew = study.rebuilt()
        assert study.ask(running) == anew.ask(make()) == anew.ask(running)


@EVERY
@pytest.mark.parametrize(
    "losses",
    [
        [0.0],
        [1e30, 0.0, -1e30],
        [1e308, -1e308],
        [math.inf, 1.0],
        [math.inf],
        [-math.inf, math.inf, 0.0],
        [None],
        [None, 1.0],
    ],
)
def test_strange_losses(lab, make, losses):
    space = mixed_space(make)
    study, searcher = lab(space), make()
    for i in range(35):
        config = study.ask(searcher)
        assert space.validate(config) == config
        study.add(config)
        told = losses[i % len(losses)]
        study.end(i, told, "failed" if told is None else "completed")


@EVERY
@pytest.mark.parametrize(
    "space",
    [
        {"x": Float(0, 1, points=40)},
        {"n": Int(1, 2**40)},
        {"k": stats.poisson(3), "p": stats.norm()},
        {
            "a": Categorical(list("abcdef")),
            "b": Categorical([True, False, None]),
            "c": Categorical([1, 2, 3]),
        },
        {"o": Ordinal(range(100))},
        {"s": Float(-0.5, 0.5, step=0.1), "t": Float(0, 1, step=0.25)},
        {"only": 3},
        {"only": 3, "x": Float(0, 1, points=40)},
    ],
    ids="+".join,
)
def test_small_and_uniform_spaces(lab, make, space):
    space = Space(space)
    if not accepts(make, space):
        pytest.skip("refused by check")
    study, searcher = lab(space), make()
    configs = study.run(searcher, 35, lambda config: float(len(str(config))))
    assert len(configs) == min(35, space.size or 35)
    assert all(space.validate(config) == config for config in configs)


@pytest.mark.parametrize("make", [Random, Grid, Sobol])
def test_results_do_not_matter_to_those_that_do_not_learn(lab, make):
    parallel, searcher = lab(mixed_space(make)), make()
    for _ in range(10):
        parallel.add(parallel.ask(searcher))
    one_by_one = lab(mixed_space(make)).run(make(), 10, loss)
    assert [trial.config for trial in parallel.history.trials] == one_by_one


@EVERY
def test_it_accepts_the_space_and_says_what_it_is(make):
    searcher = make()
    searcher.check(Problem(mixed_space(make), Goals.of("loss")))
    assert json.loads(json.dumps(searcher.to_json())) == searcher.to_json()
    assert searcher.to_json()["name"] == make.name


@EVERY
def test_it_is_a_value(make):
    searcher = make()
    assert searcher == make() and hash(searcher) == hash(make())
    assert eval(repr(searcher), vars(rung.searchers)) == searcher
    assert [other() for other in SEARCHERS.values() if other() == searcher] == [searcher]
    for name in searcher.to_json():
        with pytest.raises(AttributeError):
            setattr(searcher, name, None)


@EVERY
def test_it_is_known_by_its_name(make):
    assert SEARCHERS[make.name] is make
    assert type(rung.searchers.get(make.name)) is make
    searcher = make()
    assert rung.searchers.get(searcher) is searcher


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("radnom", r"unknown searcher 'radnom'; did you mean 'random'\? Else choose from auto, gp, random,"),
        ("optimal", "unknown searcher 'optimal'; choose from auto, gp, random, grid, .*cmaes, evolution;"),
        (Random, r"unknown searcher <class '.*Random'>; did you mean Random\(\)\? Else choose from"),
        (3, "unknown searcher 3; .* or give an object with suggest, check, to_json"),
        ("x" * 10**6, r"unknown searcher 'xxx.*\.\.\..*xxx'; choose from"),
    ],
)
def test_a_wrong_name(wrong, message):
    with pytest.raises(Error, match=message):
        rung.searchers.get(wrong)
