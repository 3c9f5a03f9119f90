"""What the model of a study says, for the page: importance, and the metric over two hyperparameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from rung.errors import ArgumentError, NoTrialError
from rung.page.plain import number, numbers, text
from rung.study.state import StudyState

_CELLS = 28
"""Values of each of two hyperparameters, or all of one that has no more."""


def importance(state: StudyState, metric: str | None) -> dict[str, Any]:
    """How much each hyperparameter matters; with too few trials, why there is no number."""
    from rung.analysis.importance import Share, importance  # loads the searchers

    def share(found: Share | None) -> list[float] | None:
        return None if found is None else [found.value, found.low, found.high]

    try:
        found = importance(state, metric)
    except NoTrialError as error:
        return {"version": state.events, "why": text(error), "each": []}
    return {
        "version": state.events,
        "metric": found.metric,
        "trials": found.trials,
        "level": found.level,
        "explained": None if found.explained is None else number(found.explained),
        "best": found.best,
        "each": [
            {
                "name": text(one.name),
                "active": one.active,
                "overall": share(one.overall.most if one.overall else None),
                "alone": share(one.overall.alone if one.overall else None),
                "good": share(one.good.most if one.good else None),
            }
            for one in found
        ],
    }


def surface(state: StudyState, metric: str | None, x: int, y: int) -> dict[str, Any]:
    """What the model expects over two hyperparameters, all others as in the best trial."""
    from rung.searchers.landscape import Landscape  # loads the searchers
    from rung.study.history import History

    space = state.space
    names = list(space)
    if not (0 <= x < len(names) and 0 <= y < len(names)) or x == y:
        raise ArgumentError(f"surface: x={x}, y={y}; give the places of two hyperparameters")
    best = state.standing.best
    objective = next((m for m in state.goals.metrics if m.name == metric), state.goals.first)
    anchor = best.trial if best is not None else next(iter(state.standing.front), None)
    if anchor is None:
        return {"version": state.events, "why": "There is no best trial yet."}
    try:
        landscape = Landscape.of(History(state), objective)
    except NoTrialError as error:
        return {"version": state.events, "why": text(error)}
    across, up = (_places(space[names[i]].size) for i in (x, y))
    points = np.repeat(space.encode([anchor.config]), len(across) * len(up), axis=0)
    points[:, x], points[:, y] = np.tile(across, len(up)), np.repeat(up, len(across))
    points = space.snap(points)
    known = np.isfinite(points[:, x]) & np.isfinite(points[:, y])
    expected = np.where(known, landscape.mean(points), np.nan).tolist()
    return {
        "version": state.events,
        "trial": anchor.number,
        "across": len(across),
        "up": len(up),
        "value": [number(value) for value in expected],
        "explained": numbers([landscape.explained])[0],
    }


def _places(size: int | None) -> Any:
    cells = _CELLS if size is None else min(size, _CELLS)
    return (np.arange(cells) + 0.5) / cells
