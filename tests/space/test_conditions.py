import pytest

from rung.errors import SpaceError
from rung.space import Categorical, Float, Int, Ordinal, Space, param
from rung.space.conditions import Comparison


@pytest.mark.parametrize(
    ("condition", "true", "false"),
    [
        (param("n") == 2, 2, 3),
        (param("n") != 2, 3, 2),
        (param("n") < 2, 1, 2),
        (param("n") <= 2, 2, 3),
        (param("n") > 2, 3, 2),
        (param("n") >= 2, 2, 1),
        (2 <= param("n"), 2, 1),  # noqa: SIM300
        (param("n").isin([2, 3]), 3, 4),
        ((param("n") >= 2) & (param("n") < 4), 3, 4),
        ((param("n") < 2) | (param("n") > 4), 5, 3),
    ],
)
def test_comparisons(condition, true, false):
    assert condition.holds({"n": true})
    assert not condition.holds({"n": false})
    assert not condition.holds({"other": true}), "a comparison on an inactive hyperparameter is False"


def test_conditions_are_values_and_read_like_their_source():
    condition = (param("a") == "x") & (param("b").isin([1, 2]) | (param("c") != None))  # noqa: E711
    assert repr(condition) == "(param('a') == 'x') & ((param('b').isin([1, 2])) | (param('c') != None))"
    assert (param("a") == 1) == (param("a") == 1)
    assert hash(param("a") == 1) == hash(param("a") == 1)
    assert [c.name for c in condition.comparisons()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "use",
    [
        lambda: (param("a") == 1) and (param("b") == 2),
        lambda: (param("a") == 1) or (param("b") == 2),
        lambda: not (param("a") == 1),  # noqa: SIM201
        lambda: 2 <= param("a") < 4,
    ],
)
def test_and_or_not_are_refused(use):
    with pytest.raises(SpaceError, match=r"join conditions with & and \|"):
        use()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: param("a") == param("b"), r"param\('a'\) == param\('b'\): .* can't be stored"),
        (lambda: param("a") == [1], r"\[1\] \(list\) can't be stored"),
        (lambda: param("a").isin("relu"), r"isin\('relu'\): a str; use a list, \['relu'\]"),
        (lambda: param("a").isin([]), "can never hold; give at least one value"),
        (lambda: Int(1, 3).when(param("a")), r"when\(param\('a'\)\): no condition; compare it"),
        (lambda: Int(1, 3).when(True), r"when\(True\): no condition"),
        (lambda: Comparison("a", "in", 1), "'a' in 1: no tuple"),
        (lambda: Comparison("a", "~", 1), "'~' is no comparison; use one of ==, !="),
    ],
)
def test_a_wrong_condition_says_what_to_do(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_only_conditions_join():
    with pytest.raises(TypeError):
        (param("a") == 1) & True
    with pytest.raises(TypeError):
        (param("a") == 1) | 2


def test_when_twice_means_both():
    domain = Int(1, 3).when(param("a") == 1).when(param("b") == 2)
    assert domain.condition == (param("a") == 1) & (param("b") == 2)
    assert Int(1, 3).condition is None


def test_an_ordinal_compares_by_the_order_of_its_choices():
    space = Space(
        {"size": Ordinal(["small", "medium", "large"]), "x": Float(0, 1).when(param("size") >= "medium")}
    )
    assert space.validate({"size": "small"}) == {"size": "small"}
    assert space.validate({"size": "large", "x": 0.5}) == {"size": "large", "x": 0.5}


PARENTS = {"act": Categorical(["relu", "tanh"]), "n": Int(1, 3), "size": Ordinal(["s", "m"]), "opt": "sgd"}


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (param("layer") > 1, "x: .*there is no 'layer'; use one of 'act', 'n'"),
        (param("actt") == "relu", "x: .*there is no 'actt'; did you mean 'act'?"),
        (param("act") == "rleu", r"x: param\('act'\) == 'rleu': 'rleu' is no choice; did you mean 'relu'?"),
        (param("act").isin(["relu", "than"]), "'than' is no choice; did you mean 'tanh'?"),
        (param("act") > "relu", r"x: param\('act'\) > 'relu': a Categorical has no order; use Ordinal"),
        (param("n") > 3, "can never hold; the values go from 1 to 3"),
        (param("n") < 1, "can never hold"),
        (param("n") <= 0, "can never hold"),
        (param("n") >= 4, "can never hold"),
        (param("n") == 4, "4 is out of range; use a value from 1 to 3"),
        (param("n") >= "2", r"'2' \(str\) is not a number"),
        (param("size") > "m", r"can never hold; the order is \['s', 'm'\]"),
        (param("size") > "l", "'l' is no choice"),
        (param("opt") > 1, r"'sgd' \(str\) is not a number"),
    ],
)
def test_a_condition_that_does_not_fit_its_parent(condition, message):
    with pytest.raises(SpaceError, match=message):
        Space(PARENTS | {"x": Float(0, 1).when(condition)})
    with pytest.raises(SpaceError, match=message.removeprefix("x: ")):
        Space(PARENTS, forbid=[condition])


def test_a_cycle_is_shown():
    a = Int(1, 3).when(param("b") > 1)
    b = Int(1, 3).when(param("c") > 1)
    c = Int(1, 3).when(param("b") > 1)
    with pytest.raises(SpaceError, match="b: its condition depends on itself, b -> c -> b"):
        Space({"a": a, "b": b, "c": c})
    with pytest.raises(SpaceError, match="a -> a"):
        Space({"a": Int(1, 3).when(param("a") > 1)})
