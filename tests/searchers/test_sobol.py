import numpy as np
import pytest
from scipy.stats import qmc

from rung.errors import Error
from rung.searchers import Random, Sobol
from rung.searchers._sobol_sequence import sobol_point
from rung.space import Categorical, Float, Space

CUBE = Space({f"x{i}": Float(0, 1) for i in range(4)})


def test_trial_n_is_point_n_of_one_sequence(lab):
    study = lab(CUBE, seed=3)
    points = CUBE.encode(study.run(Sobol(), 20))
    seed = int(study.history.stream("sobol").integers(2**63))
    np.testing.assert_array_equal(points, qmc.Sobol(4, seed=seed).random(32)[:20])


@pytest.mark.parametrize(("d", "n"), [(1, 0), (2, 1), (7, 1000), (256, 2**20 + 5)])
def test_the_points_are_those_of_scipy(d, n):
    for seed in (0, 2**62 + 1):
        sequence = qmc.Sobol(d, seed=seed)
        if n:
            sequence.fast_forward(n)
        np.testing.assert_array_equal(sobol_point(n, d, seed), sequence.random(1)[0])


def test_more_dimensions_than_the_table_has_are_uniform():
    points = np.array([sobol_point(n, 300, seed=0) for n in range(64)])
    np.testing.assert_array_equal(points[:, :256], qmc.Sobol(256, seed=0).random(64))
    beyond = points[:, 256:]
    assert len(np.unique(beyond)) == beyond.size
    assert 0 <= beyond.min() < 0.01 < 0.99 < beyond.max() < 1
    np.testing.assert_allclose(beyond.mean(axis=0), 0.5, atol=0.2)


def test_a_trial_of_the_user_takes_a_point(lab):
    study, other = lab(CUBE), lab(CUBE)
    study.add({f"x{i}": 0.5 for i in range(4)}, 0.0)
    assert study.run(Sobol(), 5) == other.run(Sobol(), 6)[1:]


def test_it_covers_the_cube_more_evenly_than_random(lab):
    def unevenness(searcher, seed):
        return qmc.discrepancy(CUBE.encode(lab(CUBE, seed).run(searcher, 32)))

    seeds = range(10)
    assert max(unevenness(Sobol(), s) for s in seeds) < min(unevenness(Random(), s) for s in seeds)


def test_a_share_keeps_numbers_in_the_middle_and_every_choice(lab):
    space = Space({"x": Float(0, 1), "lr": Float(1e-4, 1, log=True), "k": Categorical(["a", "b", "c"])})
    configs = lab(space).run(Sobol(share=0.5), 32)
    points = space.encode(configs)[:, :2]
    assert points.min() >= 0.25
    assert points.max() <= 0.75
    assert points.min() < 0.3
    assert points.max() > 0.7
    assert {config["k"] for config in configs} == {"a", "b", "c"}


@pytest.mark.parametrize("share", [0, 1.1, -0.5, "half", float("nan")])
def test_a_share_that_is_no_share_is_refused(share):
    with pytest.raises(Error, match="above 0 and at most 1"):
        Sobol(share)
