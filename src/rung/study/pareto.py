"""Results of several objectives: which no other dominates, and what volume they dominate together.

Losses are rows of shape (n, m), lower is better. A row dominates another if it is nowhere worse and somewhere
better; equal rows don't dominate each other.

| here | papers |
| --- | --- |
| layers | the fronts F_1, F_2, ... of Deb et al. (2002), NSGA-II, section III-A |
| crowding | i_distance, there in section III-B |
| volume gained | the exclusive hypervolume of While, Bradstreet and Barone (2012), WFG, section III |
| limited | `limitset`, there |
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]


def nondominated(losses: Array) -> NDArray[np.bool_]:
    """Return which rows (n, m) no other one dominates."""
    found = np.zeros(len(losses), dtype=bool)
    front = np.empty((0, losses.shape[1]))
    for i in np.lexsort(losses.T[::-1]):  # a row is dominated by earlier ones only
        row = losses[i]
        if not ((front <= row).all(axis=1) & (front != row).any(axis=1)).any():
            found[i] = True
            front = np.vstack([front, row])
    return found


def layers(losses: Array) -> NDArray[np.int_]:
    """Return the layer of each row (n, m): 0 if nothing dominates it, 1 if only those of layer 0 do, ..."""
    order = np.lexsort(losses.T[::-1])  # a row is dominated by earlier ones only
    if losses.shape[1] <= 2:
        return _layers_of_two(losses, order)
    layer = np.zeros(len(losses), dtype=int)
    members: list[list[Array]] = []
    for i in order:
        row = losses[i]
        # What no row of a layer dominates, none of a later layer does: the first such layer by halving.
        layer[i] = bisect_left(members, True, key=lambda rows: not _dominates(rows, row))
        if layer[i] == len(members):
            members.append([])
        members[layer[i]].append(row)
    return layer


def _layers_of_two(losses: Array, order: NDArray[np.int_]) -> NDArray[np.int_]:
    # Of a layer so far, the last row has the least second objective, which grows from layer to layer.
    layer = np.zeros(len(losses), dtype=int)
    last: list[list[float]] = []
    least: list[float] = []
    for i, row in zip(order.tolist(), losses[order].tolist(), strict=True):
        n = bisect_right(least, row[-1])
        if n and last[n - 1] == row:  # equal rows don't dominate each other
            n -= 1
        layer[i] = n
        last[n : n + 1], least[n : n + 1] = [row], [row[-1]]
    return layer


def _dominates(rows: Sequence[Array], row: Array) -> bool:
    """Whether one of the rows of a layer dominates `row`."""
    before = np.array(rows)
    return bool(((before <= row).all(axis=1) & (before != row).any(axis=1)).any())


def farthest_first(points: Array) -> NDArray[np.int_]:
    """Return the rows of points (n, m), at least one, each as far as can be from those before it.

    The epsilon-net of Clarkson (2006), "Nearest-neighbor searching and metric space dimensions", section 2.
    It begins with the row that is least in the first column.
    """
    order = [int(np.argmin(points[:, 0]))]
    distance = np.full(len(points), np.inf)
    for _ in range(len(points) - 1):
        distance = np.minimum(distance, ((points - points[order[-1]]) ** 2).sum(axis=1))
        distance[order] = -1.0  # of equal rows the first comes first
        order.append(int(np.argmax(distance)))
    return np.array(order)


def violations(excess: Array) -> Array:
    """Return how far each row (n, c) breaks the bounds in all, the farthest in each of them counting as 1."""
    finite = np.nan_to_num(excess, posinf=np.finfo(float).max)
    return (finite / np.maximum(finite.max(axis=0, initial=0.0), 1e-300)).sum(axis=1)  # type: ignore[no-any-return]


def crowding(losses: Array) -> Array:
    """Return how far the neighbours of each row (n, m) of a layer lie apart; infinite at the ends."""
    distance = np.zeros(len(losses))
    for column in losses.T:
        order = np.argsort(column, kind="stable")
        span = column[order[-1]] - column[order[0]]
        distance[order[[0, -1]]] = np.inf
        if span > 0:
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / span
    return distance


def ranks(losses: Array, violations: Array) -> Array:
    """Return the place of each row (n, m) in the order of NSGA-II, 0 for the best: Deb et al., section VI.

    First those with the least violation (n,) of the constraints, 0 if all are kept; of these by layer; in a
    layer those with the most room around them.
    """
    layer, room = layers(losses), np.zeros(len(losses))
    for n in range(int(layer.max(initial=-1)) + 1):
        room[layer == n] = crowding(losses[layer == n])
    order = np.lexsort((-room, layer, violations))
    place = np.empty(len(losses))
    place[order] = np.arange(len(losses))
    return place


def hypervolume(losses: Array, reference: Array) -> float:
    """Return the volume that rows (n, m) dominate and that dominates the reference point (m,)."""
    return float(hypervolumes(losses, reference)[-1]) if len(losses) else 0.0


def hypervolumes(losses: Array, reference: Array) -> Array:
    """Return the hypervolume of the first row, of the first two, and so on: shape (n,)."""
    gained = np.zeros(len(losses))
    front = np.empty((0, losses.shape[1]))
    for i, row in enumerate(losses):
        if (row < reference).all() and not (front <= row).all(axis=1).any():
            gained[i] = _gained(row, front, reference)
            front = np.vstack([front[~(row <= front).all(axis=1)], row])
    return np.cumsum(gained)


def _gained(row: Array, front: Array, reference: Array) -> float:
    """The volume that `row` dominates and the front (n, m) does not."""
    return float((reference - row).prod()) - _volume(np.maximum(front, row), reference)


def _volume(limited: Array, reference: Array) -> float:
    if not len(limited):
        return 0.0
    front = np.unique(limited[nondominated(limited)], axis=0)  # by the first objective
    if front.shape[1] == 1:
        return float(reference[0] - front[0, 0])
    if front.shape[1] == 2:  # stairs
        above = np.concatenate([[reference[1]], front[:-1, 1]])
        return float(((reference[0] - front[:, 0]) * (above - front[:, 1])).sum())
    return sum(_gained(row, front[i + 1 :], reference) for i, row in enumerate(front))
