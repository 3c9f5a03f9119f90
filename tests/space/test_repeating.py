"""Parts that repeat: `Space.repeat` and `Space.blocks`."""

from __future__ import annotations

import numpy as np
import pytest

from rung import Categorical, Float, Int, Space, param
from rung.errors import SpaceError

LAYER = {"kind": Categorical(["dense", "skip"]), "units": Int(8, 64).when(param("kind") == "dense")}


def test_parts_beyond_the_number_are_inactive_and_conditions_hold_of_the_same_part():
    space = Space({"x": Float(0, 1), **Space.repeat("layer", Int(1, 3), LAYER)})
    rng = np.random.default_rng(0)
    for _ in range(30):
        config = space.sample(rng)
        layers = Space.blocks(config, "layer")
        assert len(layers) == config["num_layers"]
        assert all(("units" in layer) == (layer["kind"] == "dense") for layer in layers)
    assert space.validate({"x": 0, "num_layers": 1, "layer_1_kind": "skip"})
    assert Space.from_json(space.to_json()) == space


def test_a_fixed_number_is_no_hyperparameter():
    assert list(Space.repeat("cell", 2, {"k": Int(1, 3)})) == ["cell_1_k", "cell_2_k"]
    assert Space(Space.repeat("cell", 2, {"k": Int(1, 3), "on": True})).size == 9


def test_repeats_nest_and_may_depend_on_what_stands_outside():
    inner = Space.repeat("op", Int(1, 2), {"k": Categorical([1, 3])})
    space = Space(Space.repeat("cell", 2, inner))
    assert space.size == 36
    config = {
        "cell_1_num_ops": 1,
        "cell_1_op_1_k": 3,
        "cell_2_num_ops": 2,
        "cell_2_op_1_k": 1,
        "cell_2_op_2_k": 1,
    }
    assert Space.blocks(Space.blocks(space.validate(config), "cell")[1], "op") == [{"k": 1}, {"k": 1}]
    deep = Int(0, 2).when(param("deep") == True)  # noqa: E712
    space = Space({"deep": Categorical([False, True]), **Space.repeat("layer", deep, {"k": Int(1, 2)})})
    assert space.validate({"deep": False}) == {"deep": False}
    assert space.size == 1 + (1 + 2 + 4)


@pytest.mark.parametrize(
    ("name", "n", "domains", "said"),
    [
        ("a layer", 2, {"k": 1}, "repeat: 'a layer'; name a part by a word"),
        ("layer", 0, {"k": 1}, "repeat: layer: n=0; give a number from 1"),
        ("layer", True, {"k": 1}, "n=True; give a number"),
        ("layer", 5000, {"k": 1}, "n=5000"),
        ("layer", Int(-1, 2), {"k": 1}, "give a number from 1"),
        ("layer", 2, {}, "give a dict from names to domains"),
        ("layer", 2, {"k": [1, 2]}, "use Categorical"),
    ],
)
def test_wrong_arguments(name, n, domains, said):
    with pytest.raises(SpaceError, match=said):
        Space.repeat(name, n, domains)
