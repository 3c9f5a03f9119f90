"""What every searcher must do, whichever it is."""

import copy
import json

import numpy as np
import pytest
from scipy import stats

import rung.searchers
from rung.errors import Error
from rung.searchers import SEARCHERS, Grid, Local, Random, Sobol
from rung.space import Categorical, Distribution, Float, Int, Ordinal, Space, param

EVERY = pytest.mark.parametrize("make", [Random, Grid, Sobol, Local], ids=lambda make: make.name)

MIXED = Space(
    {
        "lr": Float(1e-4, 1, log=True, points=4),
        "momentum": Distribution(stats.randint(0, 10)).when(param("optimizer") == "sgd"),
        "optimizer": Categorical(["sgd", "adam"]),
        "layers": Int(1, 3),
        "units": Int(8, 64, log=True, step=1).when(param("layers") >= 2),
    },
    forbid=[(param("optimizer") == "adam") & (param("layers") == 3)],
)
FINITE = Space(
    {"a": Int(1, 3), "b": Categorical(["x", "y"]).when(param("a") >= 2), "c": Ordinal([1, 2, 4])},
    forbid=[(param("b") == "y") & (param("c") == 4)],
)


def loss(config):
    return float(np.log10(config["lr"]) ** 2 + config["layers"])


@EVERY
def test_suggestions_are_valid(lab, make):
    for config in lab(MIXED).run(make(), 25, loss):
        assert MIXED.validate(config) == config


@EVERY
def test_the_same_seed_gives_the_same_configs(lab, make):
    assert lab(MIXED, 1).run(make(), 12, loss) == lab(MIXED, 1).run(make(), 12, loss)


@pytest.mark.parametrize("make", [Random, Sobol, Local])
def test_another_seed_gives_other_configs(lab, make):
    assert lab(MIXED, 1).run(make(), 5, loss) != lab(MIXED, 2).run(make(), 5, loss)


@EVERY
def test_a_fresh_instance_answers_as_a_running_one(lab, make):
    study, running = lab(MIXED), make()
    for _ in range(20):
        config = study.ask(running)
        assert study.ask(make()) == config
        assert study.ask(running) == config, "asking twice changes nothing"
        study.add(config, loss(config))


@EVERY
def test_one_instance_can_serve_two_studies_in_turn(lab, make):
    shared, first, second = make(), lab(MIXED, 1), lab(MIXED, 2)
    for _ in range(10):
        for study in (first, second):
            config = study.ask(shared)
            assert config == study.ask(make())
            study.add(config, loss(config))


@EVERY
def test_a_copy_goes_on_like_the_original(lab, make):
    study, running = lab(FINITE), make()
    study.run(running, 4)
    assert study.ask(copy.copy(running)) == study.ask(running)


@EVERY
def test_a_finite_space_is_tried_once_and_then_it_is_over(lab, make):
    study = lab(FINITE)
    configs = study.run(make(), 100, lambda config: config["a"] + config["c"])
    keys = {FINITE.key(config) for config in configs}
    assert len(configs) == len(keys) == FINITE.size == 13
    assert study.ask(make()) is None


@EVERY
def test_what_the_user_tried_first_is_not_tried_again(lab, make):
    study = lab(FINITE)
    mine = {"a": 2, "b": "y", "c": 1}
    study.add(mine, 0.0)
    assert mine not in study.run(make(), 100)


@EVERY
def test_running_trials_count_as_tried(lab, make):
    study, searcher = lab(FINITE), make()
    for _ in range(13):
        study.add(study.ask(searcher))
    assert len({FINITE.key(trial.config) for trial in study.history.trials}) == 13
    assert study.ask(searcher) is None


@pytest.mark.parametrize("make", [Random, Grid, Sobol])
def test_results_do_not_matter_to_those_that_do_not_learn(lab, make):
    parallel, searcher = lab(MIXED), make()
    for _ in range(10):
        parallel.add(parallel.ask(searcher))
    one_by_one = lab(MIXED).run(make(), 10, loss)
    assert [trial.config for trial in parallel.history.trials] == one_by_one


@EVERY
def test_it_accepts_the_space_and_says_what_it_is(make):
    searcher = make()
    searcher.check(MIXED)
    assert json.loads(json.dumps(searcher.to_json())) == searcher.to_json()
    assert searcher.to_json()["name"] == make.name
    assert repr(searcher).startswith(make.__name__)


@EVERY
def test_it_is_known_by_its_name(make):
    assert SEARCHERS[make.name] is make
    assert type(rung.searchers.get(make.name)) is make
    searcher = make()
    assert rung.searchers.get(searcher) is searcher


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("radnom", "searcher='radnom': there is none of that name; did you mean 'random'?"),
        ("optimal", "use one of 'random', 'grid'"),
        (Random, r"no searcher; use a name such as 'random' or an object, Random\(\)"),
        (3, "searcher=3: no searcher"),
    ],
)
def test_a_wrong_name(wrong, message):
    with pytest.raises(Error, match=message):
        rung.searchers.get(wrong)
