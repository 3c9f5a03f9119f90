import numpy as np
import pytest

from rung.errors import Error
from rung.searchers import Local, Random
from rung.space import Float, Int, Ordinal, Space

SPACE = Space({"lr": Float(1e-6, 1, log=True), "momentum": Float(0, 1), "layers": Int(1, 10)})


def loss(config):
    return abs(np.log10(config["lr"]) + 2) + 3 * abs(config["momentum"] - 0.9) + abs(config["layers"] - 4) / 3


def best(lab, searcher, seed, mode="min", sign=1):
    study = lab(SPACE, seed, mode)
    study.run(searcher, 60, lambda config: sign * loss(config))
    return sign * study.history.best.value


def test_it_finds_better_ones_than_random(lab):
    local = [best(lab, Local(), seed) for seed in range(12)]
    random = [best(lab, Random(), seed) for seed in range(12)]
    assert np.median(local) < 0.6 * np.median(random)


def test_it_maximises_as_well(lab):
    assert best(lab, Local(), 0, "max", -1) == best(lab, Local(), 0)


def test_p_local_one_stays_near_the_best(lab):
    study = lab({"x": Ordinal(list(range(100)))})
    study.add({"x": 50}, 0.0)
    assert {study.ask(Local(1.0))["x"] for _ in range(3)} <= {49, 51}


def test_p_local_zero_is_random_search(lab):
    study = lab(SPACE)
    study.run(Local(0.0), 5, loss)
    assert study.ask(Local(0.0)) is not None


def test_without_a_result_it_draws_at_random(lab):
    study = lab(SPACE)
    study.add(study.ask(Random()))
    assert study.ask(Local()) == study.ask(Random())


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_p_local_is_a_probability(p):
    with pytest.raises(Error, match="a probability lies in"):
        Local(p)
