import numpy as np
import pytest
from scipy import stats

from rung.errors import SpaceError
from rung.searchers import Grid
from rung.space import Categorical, Float, Int, Space, param
from rung.study.algorithm import Problem
from rung.study.metrics import Goals


def test_the_last_name_changes_fastest(lab):
    space = {"a": Categorical(["x", "y"]), "b": Int(1, 2).when(param("a") == "y"), "c": Int(0, 1)}
    assert [tuple(c.values()) for c in lab(space).run(Grid(), 100)] == [
        ("x", 0), ("x", 1), ("y", 1, 0), ("y", 1, 1), ("y", 2, 0), ("y", 2, 1),
    ]  # fmt: skip


def test_points(lab):
    space = {
        "lr": Float(1e-4, 1, log=True),
        "p": stats.uniform(0, 1),
        "n": Int(1, 100),
        "k": stats.poisson(2),
    }
    by_name = lab(space).run(Grid({"lr": 3, "p": 2, "n": 2, "k": 2}), 100)
    assert len(by_name) == 3 * 2 * 2 * 2
    np.testing.assert_allclose(sorted({c["lr"] for c in by_name}), [1e-4, 1e-2, 1])
    assert {c["n"] for c in by_name} == {1, 100}
    assert {c["p"] for c in by_name} == {0.25, 0.75}


def test_one_number_of_points_serves_all_that_need_it(lab):
    space = {"x": Float(0, 1), "y": Float(0, 1, points=2), "n": Int(1, 5)}
    assert len(lab(space).run(Grid(3), 100)) == 3 * 2 * 5


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (
            Grid(),
            r"lr: Float.*a grid needs the number of points; use Float\(..., points=5\) or Grid\(points=5\)",
        ),
        (Grid(1), "lr: points=1; a grid needs an int of at least 2"),
        (Grid({"lrr": 3}), "'lrr' is no hyperparameter of this space; did you mean 'lr'?"),
        (Grid({"lr": 3, "act": 2}), "act: .*points=2 for choices; leave it out"),
    ],
)
def test_check_names_what_is_wrong(grid, message):
    space = {"lr": Float(0, 1), "act": Categorical(["tanh", "relu"])}
    with pytest.raises(SpaceError, match=message):
        grid.check(Problem(Space(space), Goals.of("loss")))


def test_numbers_of_points_by_name_are_a_value_too():
    points = {"lr": 3, "n": 2}
    grid = Grid(points)
    points["lr"] = 4
    assert grid == Grid({"n": 2, "lr": 3}) != Grid(points)
    assert hash(grid) == hash(Grid({"n": 2, "lr": 3}))
    assert grid.to_json() == {"name": "grid", "points": {"lr": 3, "n": 2}}


def test_a_huge_grid_costs_nothing(lab):
    space = {f"x{i}": Int(1, 1000) for i in range(30)}
    assert [c["x29"] for c in lab(space).run(Grid(), 3)] == [1, 2, 3]
