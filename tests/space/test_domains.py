import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rung.errors import ConfigError, SpaceError
from rung.space import Categorical, Constant, Float, Int, Ordinal, Space, param


def draws(domain, n=20_000, seed=0):
    return domain.decode_all(np.random.default_rng(seed).random(n))


def chi_square(values, probabilities):
    """p-value of the observed `values` under `probabilities` (a dict)."""
    observed = [values.count(k) for k in probabilities]
    assert sum(observed) == len(values)
    return stats.chisquare(observed, [p * len(values) for p in probabilities.values()]).pvalue


@pytest.mark.parametrize("domain", [Int(1, 6), Int(-3, 3), Int(0, 20, step=5), Float(0, 1, step=0.25)])
def test_the_ends_of_an_int_are_as_likely_as_its_middle(domain):
    size = domain.size
    assert chi_square(draws(domain), dict.fromkeys(domain.lattice(), 1 / size)) > 0.01


def test_an_int_on_a_log_scale_has_log_cells():
    total = math.log(8.5) - math.log(0.5)
    law = {k: (math.log(k + 0.5) - math.log(k - 0.5)) / total for k in range(1, 9)}
    assert chi_square(draws(Int(1, 8, log=True)), law) > 0.01


def test_a_float_is_uniform_on_its_scale():
    assert stats.kstest(draws(Float(-1, 3)), stats.uniform(-1, 4).cdf).pvalue > 0.01
    assert stats.kstest(draws(Float(1e-6, 1e-1, log=True)), stats.loguniform(1e-6, 1e-1).cdf).pvalue > 0.01


@pytest.mark.parametrize("kind", [Categorical, Ordinal])
def test_choices_are_equally_likely(kind):
    assert chi_square(draws(kind(["a", "b", "c"])), dict.fromkeys("abc", 1 / 3)) > 0.01


@pytest.mark.parametrize("log", [False, True])
def test_the_ends_are_met_exactly(log):
    low, high = 1e-6, 0.3
    assert Float(low, high, log=log).decode(0.0) == low
    assert Float(low, high, log=log).decode(1.0) == high
    assert Int(32, 256, log=log).decode(0.0) == 32
    assert Int(32, 256, log=log).decode(1.0) == 256


@pytest.mark.parametrize("domain", [Int(1, 2**40, log=True), Int(-(2**40), 2**40), Int(1, 1000, log=True)])
def test_large_integers_come_back_exactly(domain):
    values = [domain.low, domain.low + 1, domain.low + 37, domain.high - 1, domain.high]
    assert domain.decode_all(domain.encode(values)) == values


def test_integers_and_choices_lie_inside_their_cells():
    np.testing.assert_allclose(Int(1, 4).encode([1, 2, 3, 4]), [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(Categorical(["a", "b"]).encode(["b", "a"]), [0.75, 0.25])
    assert Constant("x").encode(["x", "x"]).tolist() == [0.5, 0.5]


def test_bounds_are_plain_numbers():
    assert Float(np.float32(0), np.int64(2)) == Float(0.0, 2.0)
    assert type(Int(np.int64(1), 3.0).high) is int


def test_canonical_makes_plain_values():
    assert type(Float(0, 1).canonical(np.float32(0.5))) is float
    assert type(Float(0, 1).canonical(1)) is float
    assert type(Int(1, 9).canonical(8.0)) is int
    assert type(Int(1, 9).canonical(np.int32(8))) is int
    assert Categorical([True, None]).canonical(np.True_) is True
    assert str(Float(-1, 1).canonical(-0.0)) == "0.0"
    assert Constant(("a", 1)).canonical(("a", 1)) == ("a", 1)


@pytest.mark.parametrize(
    ("domain", "value", "message"),
    [
        (Float(0, 1), 2, r"2 is out of range; use a value from 0.0 to 1.0"),
        (Float(0, 1), math.nan, "nan is not a finite number"),
        (Float(0, 1), True, r"True \(bool\) is not a number"),
        (Int(1, 3), True, r"True \(bool\) is not a number"),
        (Int(1, 3), 2.5, r"2.5 is not an integer; use 2 or 3"),
        (Int(1, 3), "2", r"'2' \(str\) is not a number"),
        (Int(0, 8, step=4), 6, "6 is off the step of 4; use 4 or 8"),
        (Float(0, 1, step=0.1), 0.25, "0.25 is off the step of 0.1; use 0.2 or 0.3"),
        (Float(-1, 1, step=0.5), 1.5, "1.5 is out of range; use a value from -1.0 to 1.0"),
        (Categorical(["relu", "tanh"]), "rleu", "'rleu' is no choice; did you mean 'relu'?"),
        (Categorical(["relu", "tanh"]), [1], r"\[1\] is no choice; use one of 'relu', 'tanh'"),
        (Constant(3), 4, "4 is not the constant; use 3"),
    ],
)
def test_canonical_refuses(domain, value, message):
    with pytest.raises(ConfigError, match=message):
        domain.canonical(value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Float(0, 1, log=True),
            r"^Float\(low=0, high=1, log=True\): low=0 with log=True; a log scale",
        ),
        (lambda: Int(0, 8, log=True), "low=0 with log=True; a log scale needs low > 0"),
        (lambda: Float(2, 1), "low=2 > high=1; swap them"),
        (lambda: Float(1, 1), "low and high are both 1; use a constant, 1"),
        (lambda: Int(3, 3), "low and high are both 3; use a constant, 3"),
        (lambda: Float(0, math.inf), "inf is not a finite number"),
        (lambda: Int(0, 10**400), "0 is not a finite number; use one that a float can hold"),
        (lambda: Float(math.nan, 1), "nan is not a finite number"),
        (lambda: Float("0", 1), r"'0' \(str\) is not a number"),
        (lambda: Float(False, 1), r"False \(bool\) is not a number"),
        (lambda: Int(True, 3), r"True \(bool\) is not a number"),
        (lambda: Int(1.5, 3), "1.5 is not an integer; use 1 or 2"),
        (lambda: Float(-1e308, 1e308), "high - low is more than a float can hold"),
        (lambda: Float(0, 1, log="yes"), "log='yes'; use True or False"),
        (lambda: Float(0, 1, points=1), "points=1; a grid needs an int of at least 2"),
        (lambda: Int(0, 2**60), "bounds beyond"),
        (lambda: Int(1, 8, step=0), "step=0; a step needs to be at least 1"),
        (lambda: Int(1, 9, log=True, step=2), "log=True with step=2; use only one of them"),
        (lambda: Int(1, 10, step=4), "step=4 does not lead from 1 to 10; use high=9"),
        (lambda: Float(0, 1, step=0), "step=0.0; a step needs to be above 0"),
        (lambda: Float(0, 1, step="0.1"), r"'0.1' \(str\) is not a number"),
        (lambda: Float(1e-3, 1, log=True, step=0.1), "log=True with step=0.1; use only one of them"),
        (lambda: Float(0, 1, points=3, step=0.1), "points=3 with step=0.1; use only one of them"),
        (lambda: Float(0, 1, step=0.3), "step=0.3 does not lead from 0.0 to 1.0; use high=0.9"),
        (lambda: Float(0, 1, step=2), "step=2.0 does not lead from 0.0 to 1.0; use high=2.0"),
        (lambda: Float(0, 1, step=1e-7), "step=1e-07 makes more than 1,000,000 values; use a larger step"),
        (lambda: Float(1e15, 1e15 + 1, step=0.25), "step=0.25 is too small: floats can't tell"),
        (lambda: Categorical([]), "no choices; give at least one"),
        (lambda: Categorical(["a", "a"]), "'a' equals another choice"),
        (lambda: Categorical([1, True]), r"True equals another choice \(in Python 1 == 1.0 == True\)"),
        (lambda: Categorical([[1, 2]]), r"\[1, 2\] \(list\) can't be stored as JSON; use a string"),
        (lambda: Categorical([print]), "can't be stored as JSON; use a string .* map it in the objective"),
        (lambda: Categorical([math.nan]), "nan is not a finite number"),
        (lambda: Categorical([("a", math.inf)]), "inf is not a finite number"),
        (lambda: Categorical("relu"), r"choices of type str; use a list, \[...\]"),
        (lambda: Categorical({"a", "b"}), "choices of type set"),
        (lambda: Categorical(3), "choices of type int"),
        (lambda: Constant([1]), r"\[1\] \(list\) can't be stored"),
        (lambda: Categorical(["a"]).lattice(3), "points=3 for choices; leave it out"),
        (lambda: Float(0, 1).lattice(), r"a grid needs the number of points; use Float\(..., points=5\)"),
    ],
)
def test_a_wrong_domain_says_what_to_do(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_a_single_choice_is_fine():
    assert Categorical(["only"]).decode(0.7) == "only"
    assert Categorical(["only"]).move("only", np.random.default_rng(0)) == "only"


def test_lattices():
    np.testing.assert_allclose(Float(1e-4, 1, log=True, points=5).lattice(), [1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert Float(0, 1, points=3).lattice(2) == [0.0, 1.0]
    assert list(Int(1, 7, step=2).lattice()) == [1, 3, 5, 7]
    assert Int(8, 256, log=True).lattice(2) == [8, 256]
    assert Int(1, 3).lattice(100) == [1, 2, 3]
    assert Ordinal([3, 1, 2]).lattice() == (3, 1, 2)
    assert Float(0.1, 0.7, step=0.1).lattice() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert Float(0, 1, step=0.1).lattice(3) == [0.0, 0.5, 1.0]
    assert Float(0, 1, step=1 / 3).lattice() == [0.0, 1 / 3, 2 / 3, 1.0]


def test_a_value_that_was_computed_is_on_the_step():
    assert [Float(0, 1, step=0.1).canonical(0.1 * k) for k in (3, 6, 7)] == [0.3, 0.6, 0.7]
    assert Float(1e6, 1e6 + 1e-3, step=1e-5).canonical(1e6 + 3 * 1e-5) == 1000000.00003


@given(
    st.integers(-1000, 1000), st.integers(1, 400), st.integers(1, 1000), st.sampled_from([1, 10, 1000, 10**7])
)
def test_a_step_keeps_the_decimals_that_one_reads(low, n, step, scale):
    domain = Float(low / scale, (low + n * step) / scale, step=step / scale)
    assert domain.lattice() == [(low + k * step) / scale for k in range(n + 1)]
    assert domain.size == n + 1
    assert [domain.canonical(low / scale + k * (step / scale)) for k in range(n + 1)] == domain.lattice()
    assert domain.decode_all(domain.encode(domain.lattice())) == domain.lattice()


def test_a_condition_on_a_step_can_hold():
    gate = Float(0, 1, step=0.1)
    space = Space({"gate": gate, "x": Float(0, 1).when(param("gate") == 0.3)})
    assert space.validate({"gate": 0.3, "x": 0.5}) == {"gate": 0.3, "x": 0.5}
    with pytest.raises(SpaceError, match=r"0.30000000000000004 is not quite the value on the step; use 0.3"):
        Space({"gate": gate, "x": Float(0, 1).when(param("gate") == 0.1 * 3)})
    with pytest.raises(SpaceError, match=r"0.25 is off the step of 0.1; use 0.2 or 0.3"):
        Space({"gate": gate, "x": Float(0, 1).when(param("gate") == 0.25)})


def test_a_float_without_a_step_is_stored_as_ever():
    assert "step" not in Space({"x": Float(0, 1)}).to_json()["domains"][0][1]


@pytest.mark.parametrize(
    "domain", [Int(1, 2), Int(1, 1000, log=True), Int(0, 30, step=10), Float(0, 0.3, step=0.1)]
)
def test_an_int_always_moves_to_another_one(domain):
    rng = np.random.default_rng(0)
    for value in [domain.low, domain.high]:
        moved = [domain.move(value, rng) for _ in range(200)]
        assert value not in moved
        assert [domain.canonical(other) for other in moved] == moved


def test_an_ordinal_moves_one_place_and_a_categorical_anywhere():
    rng = np.random.default_rng(0)
    assert {Ordinal(["a", "b", "c", "d"]).move("b", rng) for _ in range(50)} == {"a", "c"}
    assert {Ordinal(["a", "b", "c", "d"]).move("d", rng) for _ in range(50)} == {"c"}
    assert {Categorical(["a", "b", "c", "d"]).move("b", rng) for _ in range(50)} == {"a", "c", "d"}


def test_a_float_moves_by_a_fifth_of_its_scale():
    rng = np.random.default_rng(0)
    domain = Float(1e-6, 1, log=True)
    steps = domain.encode([domain.move(1e-3, rng) for _ in range(4000)]) - 0.5
    assert abs(steps.std() - 0.2) < 0.01
    assert all(0 <= domain.move(0.0, rng) <= 1 for domain in [Float(0, 1)] for _ in range(100))


def test_domains_are_values():
    assert Categorical(["a"]) == Categorical(("a",))
    assert Categorical(["a"]) != Ordinal(["a"])
    assert hash(Int(1, 3)) == hash(Int(1, 3))
    assert repr(Int(8, 256, log=True)) == "Int(low=8, high=256, log=True)"
    assert repr(Categorical(["tanh", "relu"])) == "Categorical(['tanh', 'relu'])"
    assert Space({"a": Categorical([True])}) != Space({"a": Categorical([1])})
