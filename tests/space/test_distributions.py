import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from rung.errors import ConfigError, SpaceError
from rung.space import Distribution, Float, Space, param

CONTINUOUS = [
    stats.loguniform(1e-4, 1),
    stats.uniform(loc=-1, scale=3),
    stats.norm(1, 2),
    stats.lognorm(0.9),
    stats.truncnorm(-1, 2, loc=3),
    stats.beta(2, 5),
]
DISCRETE = [stats.randint(32, 40), stats.poisson(4), stats.binom(6, 0.3), stats.geom(0.4)]


def draws(rv, n):
    space = Space({"x": rv})
    return [config["x"] for config in space.decode(np.random.default_rng(0).random((n, 1)))]


@pytest.mark.parametrize("rv", CONTINUOUS, ids=lambda rv: rv.dist.name)
def test_a_continuous_prior_keeps_its_law(rv):
    values = draws(rv, 5000)
    assert type(values[0]) is float
    assert stats.kstest(values, rv.cdf).pvalue > 0.01


@pytest.mark.parametrize("rv", DISCRETE, ids=lambda rv: rv.dist.name)
def test_a_discrete_prior_keeps_its_law(rv):
    values = draws(rv, 5000)
    assert type(values[0]) is int
    for k in range(int(rv.ppf(0.01)), int(rv.ppf(0.99)) + 1):
        assert abs(values.count(k) / 5000 - rv.pmf(k)) < 0.025


@pytest.mark.parametrize("rv", CONTINUOUS + DISCRETE, ids=lambda rv: rv.dist.name)
def test_the_ends_of_the_unit_interval_are_in_the_support(rv):
    domain = Distribution(rv)
    low, high = domain.support
    for value in (domain.decode(0.0), domain.decode(1.0)):
        assert np.isfinite(value)
        assert low <= value <= high
        assert domain.canonical(value) == value


def test_the_upper_end_of_randint_is_excluded_as_in_scipy():
    domain = Distribution(stats.randint(32, 256))
    assert (domain.decode(0.0), domain.decode(1.0)) == (32, 255)
    assert domain.size == 224
    with pytest.raises(ConfigError, match=r"256 is outside randint\(32, 256\); use a value from 32 to 255"):
        domain.canonical(256)


def test_encoding_is_the_distribution_function():
    np.testing.assert_allclose(Distribution(stats.norm(0, 1)).encode([0.0]), [0.5])
    np.testing.assert_allclose(Distribution(stats.randint(0, 4)).encode([0, 3]), [0.125, 0.875])


def test_lattices():
    assert list(Distribution(stats.randint(2, 5)).lattice()) == [2, 3, 4]
    np.testing.assert_allclose(Distribution(stats.uniform(0, 1)).lattice(2), [0.25, 0.75])
    with pytest.raises(SpaceError, match=r"norm\(0, 1\): a grid needs the number of points"):
        Distribution(stats.norm(0, 1)).lattice()


def test_a_discrete_prior_moves_to_another_integer():
    rng = np.random.default_rng(0)
    domain = Distribution(stats.randint(0, 2))
    assert {domain.move(0, rng) for _ in range(50)} == {1}


def test_a_prior_can_be_conditional():
    space = Space({"on": [True, False][0], "x": Distribution(stats.norm(0, 1)).when(param("on") == True)})  # noqa: E712
    assert repr(space["x"]) == "Distribution(norm(0, 1)).when(param('on') == True)"
    assert "x" in space.sample(np.random.default_rng(0))
    with pytest.raises(SpaceError, match=r"can never hold; the values go from 0.0 to 1.0"):
        Space({"p": stats.beta(2, 2), "x": Float(0, 1).when(param("p") > 2)})


class _Mine(stats.rv_continuous):
    def _pdf(self, x):
        return 2 * x


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (stats.loguniform, "x: .*not frozen; use a frozen univariate distribution"),
        (stats.multivariate_normal([0, 0]), "x: .*not frozen; use a frozen univariate distribution"),
        (stats.loguniform(1, 1e-4), r"x: loguniform\(1, 0.0001\): an argument is out of its range"),
        (stats.uniform([0, 1], 3), r"\[0, 1\] \(list\) is not a number"),
        (stats.randint(0, 3, loc=0.5), "values that are not integers; use an integer loc"),
        (stats.zipf(1.5), r"infinite variance, where .* use Int\(..., log=True\)"),
        (_Mine(a=0, b=1, name="mine")(), "'mine' is no distribution of scipy.stats"),
        (_Mine(a=0, b=1, name="norm")(), "'norm' is another one than scipy.stats.norm"),
    ],
)
def test_a_wrong_prior_says_what_to_do(value, message):
    with pytest.raises(SpaceError, match=message):
        Space({"x": value})


@pytest.mark.parametrize(
    ("name", "args", "kwds"),
    [
        ("kstest", [], {}),
        ("__loader__", [], {}),
        ("rv_continuous", [], {}),
        ("norm", ["0"], {}),
        ("norm", [[0, 1]], {}),
        ("norm", [0, 1, 2], {}),
        ("norm", [], {"scale": "__import__('os')"}),
        ("norm", [], {"nonsense": 1}),
    ],
)
def test_json_makes_nothing_but_distributions_of_numbers(name, args, kwds):
    stored = {
        "domains": [["x", {"type": "scipy.stats", "name": name, "args": args, "kwds": kwds}]],
        "forbid": [],
    }
    with pytest.raises(SpaceError):
        Space.from_json(stored)


def test_numpy_arguments_become_plain():
    space = Space({"x": stats.norm(np.float64(0), scale=np.int64(2))})
    assert Space.from_json(space.to_json()) == space == Space({"x": stats.norm(0.0, scale=2)})


def test_a_space_without_priors_does_not_import_scipy():
    code = (
        "import sys; from rung.space import Float, Space; Space({'x': Float(0, 1)}).sample; "
        "assert 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
