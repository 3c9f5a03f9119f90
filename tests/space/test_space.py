import pickle

import numpy as np
import pytest

from rung.errors import ConfigError, SpaceError
from rung.space import Categorical, Constant, Float, Int, Ordinal, Space, param

SMALL = {"lr": Float(1e-4, 1, log=True), "layers": Int(1, 3), "units": Int(8, 64).when(param("layers") >= 2)}


def rng(seed=0):
    return np.random.default_rng(seed)


def test_it_is_a_collection_of_domains():
    space = Space(SMALL)
    assert space.names == tuple(space) == ("lr", "layers", "units")
    assert len(space) == 3
    assert "lr" in space
    assert "momentum" not in space
    assert space["layers"] == Int(1, 3)
    assert Space.of(space) is space
    assert Space.of(SMALL) == space
    assert pickle.loads(pickle.dumps(space)) == space
    assert (space == 3) is False


def test_it_shows_itself_as_python():
    space = Space(SMALL | {"optimizer": "sgd"}, forbid=[(param("layers") == 3) & (param("units") > 32)])
    assert repr(space) == (
        "Space({\n"
        "    'lr': Float(low=0.0001, high=1.0, log=True),\n"
        "    'layers': Int(low=1, high=3),\n"
        "    'units': Int(low=8, high=64).when(param('layers') >= 2),\n"
        "    'optimizer': 'sgd',\n"
        "}, forbid=[(param('layers') == 3) & (param('units') > 32)])"
    )
    assert eval(repr(space)) == space


@pytest.mark.parametrize("value", ["sgd", 3, 0.5, True, None, np.float64(0.5), np.int64(3)])
def test_a_plain_value_is_a_constant(value):
    space = Space({"x": value})
    assert space["x"] == Constant(value)
    assert space.sample(rng()) == {"x": value}
    assert space.size == 1


@pytest.mark.parametrize(
    ("domains", "message"),
    [
        ({}, "the space is empty; give at least one hyperparameter"),
        ([("a", 1)], "a list; a space is a dict"),
        ({"": 1}, "'': the name of a hyperparameter needs to be a str"),
        ({3: 1}, "3: the name of a hyperparameter needs to be a str"),
        ({"act": ["tanh", "relu"]}, r"act: \['tanh', 'relu'\] is a list; use Categorical\(\[...\]\)"),
        ({"act": ("tanh", "relu")}, r"act: .* is a tuple; use Categorical\(\[...\]\)"),
        ({"act": {"tanh"}}, r"act: .* is a set; use Categorical\(\[...\]\)"),
        ({"f": print}, "f: .* is no domain; use Float, Int"),
        ({"f": Float}, "f: .* is no domain; use Float, Int"),
        ({"f": float("nan")}, "f: nan is no domain"),
    ],
)
def test_a_wrong_space_names_the_hyperparameter(domains, message):
    with pytest.raises(SpaceError, match=message):
        Space(domains)


@pytest.mark.parametrize(
    ("forbid", "message"),
    [
        (param("layers") >= 1, r"one condition; use a list, forbid=\[...\]"),
        ([True], "forbid: True is no condition"),
        ([param("layers") >= 1], r"10,000 draws in a row were forbidden by param\('layers'\) >= 1"),
    ],
)
def test_a_wrong_forbid(forbid, message):
    with pytest.raises(SpaceError, match=message):
        Space(SMALL, forbid=forbid)


def test_forbidden_combinations_are_never_drawn():
    space = Space(
        {"solver": Categorical(["lbfgs", "saga"]), "penalty": Categorical(["l1", "l2"])},
        forbid=[(param("solver") == "lbfgs") & (param("penalty") == "l1")],
    )
    drawn = {tuple(space.sample(rng(seed)).values()) for seed in range(50)}
    assert drawn == {("lbfgs", "l2"), ("saga", "l1"), ("saga", "l2")}
    assert space.size == 3
    with pytest.raises(
        ConfigError, match=r"is forbidden by \(param\('solver'\) == 'lbfgs'\) & .*; change one"
    ):
        space.validate({"solver": "lbfgs", "penalty": "l1"})


def test_activity_of_one_does_not_shift_the_draws_of_others():
    free = Space({"a": Int(1, 2), "b": Float(0, 1), "c": Float(0, 1)})
    bound = Space({"a": Int(1, 2), "b": Float(0, 1).when(param("a") == 2), "c": Float(0, 1)})
    for seed in range(20):
        assert free.sample(rng(seed)) | bound.sample(rng(seed)) == free.sample(rng(seed))


def test_a_grandchild_is_inactive_with_its_parent():
    space = Space(
        {
            "grandchild": Float(0, 1).when(param("child") != 9),
            "child": Int(1, 9).when(param("parent") == "yes"),
            "parent": Categorical(["yes", "no"]),
        }
    )
    assert space.validate({"parent": "no"}) == {"parent": "no"}
    full = space.validate({"parent": "yes", "child": np.int64(3), "grandchild": 1})
    assert list(full.items()) == [("grandchild", 1.0), ("child", 3), ("parent", "yes")]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"lr": 0.1, "layers": 1, "momentun": 1},
            "'momentun' is no hyperparameter of this space; use one of",
        ),
        ({"lr": 0.1, "layer": 1}, "'layer' is no hyperparameter of this space; did you mean 'layers'?"),
        ({"lr": 0.1}, r"layers: missing; add a value of Int\(low=1, high=3\)"),
        ({"lr": 0.1, "layers": 2}, "units: missing"),
        (
            {"lr": 0.1, "layers": 1, "units": 9},
            r"units: 9 given though it is inactive, since param\('layers'\) >= 2 does not hold; leave it out",
        ),
        ({"lr": 7, "layers": 1}, "lr: 7 is out of range; use a value from 0.0001 to 1.0"),
        ({"lr": float("nan"), "layers": 1}, "lr: nan is not a finite number"),
        ({"lr": 0.1, "layers": True}, r"layers: True \(bool\) is not a number"),
        ({"lr": 0.1, "layers": 1.5}, "layers: 1.5 is not an integer; use 1 or 2"),
        ([0.1, 1], "a list; a configuration is a dict"),
    ],
)
def test_validate_names_the_value_and_the_mend(config, message):
    with pytest.raises(ConfigError, match=message):
        Space(SMALL).validate(config)


def test_validate_makes_canonical():
    config = Space(SMALL).validate({"units": 8.0, "layers": np.int64(2), "lr": 1})
    assert list(config.items()) == [("lr", 1.0), ("layers", 2), ("units", 8)]
    assert [type(value) for value in config.values()] == [float, int, int]


def test_decode_refuses_what_is_no_point():
    space = Space(SMALL)
    with pytest.raises(SpaceError, match=r"points of shape \(3,\); decode needs \(n, 3\)"):
        space.decode(np.zeros(3))
    with pytest.raises(SpaceError, match="layers: NaN in row 0, where it is active"):
        space.decode(np.array([[0.5, np.nan, 0.5]]))
    assert space.decode(np.array([[1, 0, np.nan]])) == [{"lr": 1.0, "layers": 1}]
    assert space.decode(np.empty((0, 3))) == []
    assert space.encode([]).shape == (0, 3)


def test_configs_goes_last_name_fastest_and_does_not_multiply_the_inactive():
    space = Space({"a": Int(1, 2), "b": Categorical(["x", "y"]).when(param("a") == 2), "c": Int(0, 1)})
    assert [tuple(config.values()) for config in space.configs()] == [
        (1, 0), (1, 1), (2, "x", 0), (2, "x", 1), (2, "y", 0), (2, "y", 1),
    ]  # fmt: skip


def test_configs_is_lazy():
    space = Space({f"x{i}": Int(1, 1000) for i in range(20)})
    assert space.size == 1000**20
    assert next(space.configs())["x19"] == 1


def test_configs_needs_points_at_once():
    with pytest.raises(SpaceError, match=r"lr: .* a grid needs the number of points"):
        Space(SMALL).configs()
    with pytest.raises(SpaceError, match=r"'lr2' is no hyperparameter of this space; did you mean 'lr'?"):
        Space(SMALL).configs({"lr2": 3})
    assert len(list(Space({"x": Float(0, 1, points=3)}).configs())) == 3
    assert len(list(Space({"x": Float(0, 1)}).configs({"x": 4}))) == 4


def test_size_is_none_where_it_can_not_be_counted():
    assert Space(SMALL).size is None
    wide = {"a": Int(1, 10**6), "b": Int(1, 2).when(param("a") > 5)}
    assert Space(wide).size is None
    assert Space(wide | {"b": Int(1, 2)}).size == 2 * 10**6


def test_size_multiplies_what_no_condition_mentions():
    space = Space(
        {"n": Int(1, 2), "u": Int(1, 10**9).when(param("n") == 2), "v": Int(1, 10)},
        forbid=[param("n") == 1],
    )
    assert space.size == 10**10


def test_a_lonely_config_has_no_neighbours():
    assert Space({"x": "only"}).neighbours({"x": "only"}, rng(), 3) == []
    space = Space({"x": Ordinal([1, 2, 3])}, forbid=[param("x") == 2])
    assert space.neighbours({"x": 1}, rng(), 3) == []
    assert space.neighbours({"x": 1}, rng(), 0) == []


def test_neighbours_draw_what_becomes_active_and_drop_what_does_not():
    space = Space(
        {"n": Int(1, 2), "one": Float(0, 1).when(param("n") == 1), "two": Float(0, 1).when(param("n") == 2)}
    )
    near = space.neighbours({"n": 1, "one": 0.5}, rng(), 30)
    assert all(("two" in c) == (c["n"] == 2) for c in near)
    assert len({c["two"] for c in near if c["n"] == 2}) > 5


def test_key_is_canonical_json():
    space = Space(SMALL | {"c": Categorical([("a", 1)])})
    assert space.key({"c": ("a", 1), "layers": 1, "lr": 0.1}) == '{"lr":0.1,"layers":1,"c":["a",1]}'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        (
            {"lr": Float(1e-4, 2)},
            "'lr' was Float(low=0.0001, high=1.0, log=True) and is now Float(low=0.0001, high=2.0)",
        ),
        ({"momentum": 0.9}, "'momentum' is new"),
    ],
)
def test_diff(change, words):
    assert Space(SMALL).diff(Space(SMALL | change)) == words


def test_diff_of_names_order_and_forbid():
    space = Space(SMALL)
    assert space.diff(Space({"lr": SMALL["lr"]})) == "'layers' is gone"
    turned = Space(dict(reversed(SMALL.items())))
    assert space.diff(turned) == "the order was lr, layers, units and is now units, layers, lr"
    assert space.diff(Space(SMALL, forbid=[param("layers") == 2])).startswith("forbid was [] and is now")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"domains": 3, "forbid": []},
        {"domains": [["x"]], "forbid": []},
        {"domains": [["x", {"type": "float", "low": 0}]], "forbid": []},
        {"domains": [["x", {"type": "float", "low": 0, "high": 1, "eval": "1"}]], "forbid": []},
        {"domains": [["x", {"type": "quantum"}]], "forbid": []},
        {"domains": [["x", {"type": ["float"]}]], "forbid": []},
        {"domains": [["x", {"type": "int", "low": 0, "high": 1, "when": 3}]], "forbid": []},
        {"domains": [["x", {"type": "int", "low": 0, "high": 1}]], "forbid": [{"and": [1]}]},
        [],
        None,
    ],
)
def test_from_json_refuses_what_to_json_does_not_write(data):
    with pytest.raises(SpaceError):
        Space.from_json(data)
