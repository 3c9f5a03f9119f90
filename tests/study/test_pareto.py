"""Fronts and hypervolumes, against counting by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.study.pareto import (
    crowding,
    farthest_first,
    hypervolume,
    hypervolumes,
    layers,
    nondominated,
    ranks,
    violations,
)

COARSE = st.integers(0, 4).map(float)  # few values, so that there are ties


@st.composite
def rows(draw):
    m = draw(st.integers(1, 5))
    return np.array(draw(st.lists(st.tuples(*[COARSE] * m), max_size=12))).reshape(-1, m)


def dominates(a, b):
    return (a <= b).all() and (a < b).any()


def counted(losses, top):
    """The volume by counting unit cells: losses are whole numbers below `top`."""
    m = losses.shape[1]
    cells = np.stack(np.meshgrid(*[np.arange(top)] * m, indexing="ij"), axis=-1).reshape(-1, m)
    return float((losses[:, None, :] <= cells).all(axis=2).any(axis=0).sum())


@given(rows())
def test_the_front_is_what_nothing_dominates(losses):
    expected = [not any(dominates(other, row) for other in losses) for row in losses]
    assert nondominated(losses).tolist() == expected


@given(rows())
def test_a_layer_is_the_front_of_what_the_layers_before_leave(losses):
    layer = layers(losses)
    for n in range(int(layer.max(initial=-1)) + 1):
        left = layer >= n
        assert (layer[left] == n).tolist() == nondominated(losses[left]).tolist()


@given(rows())
def test_the_hypervolume_is_the_number_of_unit_cells(losses):
    reference = np.full(losses.shape[1], 4.0)
    assert hypervolume(losses, reference) == pytest.approx(counted(losses, 4))


@given(rows())
def test_any_time_hypervolumes_are_those_of_the_beginnings(losses):
    reference = np.full(losses.shape[1], 3.0)
    each = [hypervolume(losses[: i + 1], reference) for i in range(len(losses))]
    assert hypervolumes(losses, reference).tolist() == pytest.approx(each)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_the_hypervolume_of_a_random_front_is_the_share_of_random_points_below_it(m):
    rng = np.random.default_rng(m)
    losses = rng.random((40, m)) ** 2
    points = rng.random((20_000, m))
    share = (losses[:, None, :] <= points).all(axis=2).any(axis=0).mean()
    assert hypervolume(losses, np.ones(m)) == pytest.approx(share, abs=0.02)


def test_what_does_not_beat_the_reference_adds_nothing():
    assert hypervolume(np.array([[1.0, 0.0], [0.0, 1.0], [2.0, -9.0]]), np.ones(2)) == 0
    assert hypervolume(np.empty((0, 3)), np.ones(3)) == 0


def test_crowding_is_the_distance_of_the_neighbours_in_units_of_the_range():
    losses = np.array([[0.0, 10.0], [1.0, 5.0], [4.0, 0.0], [2.0, 4.0]])
    assert crowding(losses).tolist() == [np.inf, 2 / 4 + 6 / 10, np.inf, 3 / 4 + 5 / 10]
    assert crowding(np.ones((3, 2)))[1] == 0


def test_ranks_go_by_violation_then_layer_then_room():
    losses = np.array([[0.0, 0.0], [1.0, 3.0], [2.0, 2.0], [2.1, 1.9], [3.0, 1.0], [4.0, 4.0], [0.0, 0.0]])
    violations = np.array([0.5, 0, 0, 0, 0, 0, 0.1])
    place = ranks(losses, violations).tolist()
    assert place[6] == 5 and place[0] == 6  # however good, they break bounds
    assert place[5] == 4
    assert {place[1], place[4]} == {0, 1}  # the ends of the first layer


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_the_hypervolume_is_that_of_moocore(m):
    moocore = pytest.importorskip("moocore")
    rng = np.random.default_rng(m)
    for n in (1, 10, 40):
        losses, reference = rng.random((n, m)), np.full(m, 0.9)  # some lie beyond the reference point
        assert hypervolume(losses, reference) == pytest.approx(moocore.hypervolume(losses, ref=reference))


def test_farthest_first_is_spread_from_the_first_column_on():
    points = np.array([[0.0, 4.0], [1.0, 3.0], [2.0, 2.0], [4.0, 0.0], [0.0, 4.0]])
    order = farthest_first(points).tolist()
    assert order[:3] == [0, 3, 2] and sorted(order) == list(range(5)) and order[-1] == 4


def test_violations_count_each_bound_by_its_farthest():
    excess = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 30.0], [0.0, np.inf]])
    assert violations(excess)[:2].tolist() == [0, 1]
    assert violations(excess)[2] >= 0.5 and violations(excess)[3] == 1
    assert violations(np.zeros((3, 0))).tolist() == [0, 0, 0]
