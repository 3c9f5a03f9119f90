"""Learning curves and what is read off them, thinned to what a screen can show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.page.plain import number, numbers
from rung.study.events import Outcome
from rung.study.state import StudyState
from rung.study.trial import Trial

CURVES = 200
"""Curves that are drawn at once."""
_POINTS = 20_000
"""Of all curves together ..."""
_FEWEST, _MOST = 40, 400
"""... and of each."""
_BEST = 60
"""Of the curves that are drawn where there are too many, how many are those of the best trials."""

Array = NDArray[np.float64]


def curves(
    state: StudyState, metric: str, which: Iterable[int] | None = None, most: int | None = None
) -> dict[str, Any]:
    """The curves of a metric over the resource and over time, of some trials or of those to look at."""
    chosen = [state.trials[n] for n in (chosen_trials(state) if which is None else which)][:CURVES]
    most = most or max(_FEWEST, min(_MOST, _POINTS // max(1, len(chosen))))
    found = [(t, *_curve(t, metric, most)) for t in chosen]
    return {
        "version": state.events,
        "metric": metric,
        "most": most,
        "curves": [
            {"trial": trial.number, "x": x, "y": y, "t": t, "thinned": len(x) < len(trial.reports)}
            for trial, x, y, t in found
            if x
        ],
    }


def _curve(trial: Trial, metric: str, most: int) -> tuple[list[int], list[float | str | None], list[float]]:
    points = [(r.resource, r.metrics[metric], r.t) for r in trial.reports if metric in r.metrics]
    points = [points[i] for i in thinned([y for _, y, _ in points], most)]
    return [x for x, _, _ in points], numbers(y for _, y, _ in points), [t for _, _, t in points]


def thinned(values: Sequence[float], most: int) -> Sequence[int]:
    """At most `most` indices that keep a curve's shape: the ends, and the extremes of even pieces."""
    if len(values) <= most:
        return range(len(values))
    pieces = np.array_split(np.nan_to_num(np.asarray(values, float)), max(1, (most - 2) // 2))
    kept, start = {0, len(values) - 1}, 0
    for piece in pieces:
        kept |= {start + int(piece.argmin()), start + int(piece.argmax())}
        start += len(piece)
    return sorted(kept)


def chosen_trials(state: StudyState, most: int = CURVES) -> list[int]:
    """The trials to look at where there are many: those that run, the best, and the rest evenly."""
    reported = [t for t in state.trials if t.reports]
    if len(reported) <= most:
        return [t.number for t in reported]
    metric = state.goals.first
    ranked = sorted(
        (t for t in reported if t.value is not None), key=lambda t: metric.loss(t.value or 0.0)
    )  # fmt: skip
    first = [t.number for t in reported if t.number in state.open] + [t.number for t in ranked[:_BEST]]
    kept = dict.fromkeys(first[:most])
    rest = [t.number for t in reported if t.number not in kept]
    places = np.linspace(0, len(rest) - 1, most - len(kept)).astype(int).tolist()
    return sorted({*kept, *(rest[i] for i in places)})


def of_trial(trial: Trial, held_back: Iterable[str], most: int = 2000) -> dict[str, Any]:
    """Every metric's curve of one trial."""
    hidden = set(held_back)
    names = dict.fromkeys(name for report in trial.reports for name in report.metrics if name not in hidden)
    found = {}
    for name in names:
        x, y, t = _curve(trial, name, most)
        found[name] = {"x": x, "y": y, "t": t}
    return found


def column(state: StudyState, name: str, start: int = 0) -> Array:
    """A metric of every report from row `start` on; NaN where it is absent."""
    curve = state.curve
    shapes, first = np.array(curve.shape[start:]), np.array(curve.start[start:], dtype=np.int64)
    offset = int(first[0]) if len(first) else 0
    values = np.array(curve.values[offset:])
    found = np.full(len(shapes), np.nan)
    for shape, names in enumerate(curve.shapes):
        if name in names:
            rows = shapes == shape
            found[rows] = values[first[rows] - offset + names.index(name)]
    return found


def anytime(state: StudyState) -> dict[str, Any]:
    """When the best report so far changed, and to what: (seconds, value, trial)."""
    metric = state.goals.first
    values = column(state, metric.name)
    usable = np.isfinite(values)
    for constraint in state.goals.constraints:
        bounded = column(state, constraint.name)
        usable &= np.array([constraint.holds(x) for x in bounded.tolist()], dtype=bool)
    out = [t.number for t in state.trials if t.status == Outcome.FAILED or t.repeats is not None]
    numbers_ = np.array(state.curve.trial, dtype=np.int64)
    usable &= ~np.isin(numbers_, out)
    rows = np.flatnonzero(usable)
    losses = values[rows] if metric.mode == "min" else -values[rows]
    best = np.minimum.accumulate(losses) if len(losses) else losses
    new = rows[np.flatnonzero(np.diff(best, prepend=np.inf) < 0)] if len(rows) else rows
    times = np.array(state.curve.t)[new]
    return {
        "version": state.events,
        "now": state.t,
        "t": times.tolist(),
        "value": numbers(values[new].tolist()),
        "trial": numbers_[new].tolist(),
    }


def new_points(state: StudyState, start: int, names: Sequence[str]) -> Mapping[str, Any]:
    """The reports from row `start` on."""
    curve = state.curve
    return {
        "trial": list(curve.trial[start:]),
        "x": list(curve.resource[start:]),
        "t": list(curve.t[start:]),
        "metrics": {name: [_present(v) for v in column(state, name, start).tolist()] for name in names},
    }


def _present(value: float) -> float | str | None:
    return number(value)


def rungs(state: StudyState) -> dict[str, Any]:
    """What each trial was worth at each rung that it reached: its first report there or before the next."""
    from rung.analysis.rungs import levels  # loads the schedulers

    found = levels(state)
    places = np.asarray(found, dtype=np.int64)
    values = column(state, state.goals.first.name)
    resources = np.array(state.curve.resource, dtype=np.int64)
    at = np.searchsorted(places, resources, side="right") - 1
    trials: list[int] = []
    reached: list[int] = []
    worth: list[float] = []
    for trial in state.searched:
        if trial.reports.last < 0:
            continue
        rows = np.asarray(state.curve.rows(trial.reports.last))
        rungs_, first = np.unique(at[rows], return_index=True)
        for rung, row in zip(rungs_.tolist(), rows[first].tolist(), strict=True):
            if rung >= 0:
                trials.append(trial.number)
                reached.append(found[rung])
                worth.append(float(values[row]))
    return {
        "version": state.events,
        "levels": found,
        "trial": trials,
        "level": reached,
        "value": numbers(worth),
        "brackets": _brackets(state),
    }


def _brackets(state: StudyState) -> list[dict[str, Any]]:
    """The brackets of a scheduler that has some: their rungs, and how many trials each of them takes."""
    from rung import schedulers
    from rung.study.algorithm import Problem

    full = state.plan.get("max_resource")
    found = schedulers.stored(state.plan.get("scheduler", {}), Problem(state.space, state.goals, full))
    shapes = getattr(found, "shapes", None)
    if full is None or shapes is None:
        return []
    return [{"levels": list(shape.levels), "size": shape.size} for shape in shapes(full)]


def hypervolume(state: StudyState) -> dict[str, Any]:
    """How the front of several objectives grew."""
    from rung.analysis.front import Hypervolume

    found: dict[str, Any] = {"version": state.events, "now": state.t, "t": [], "value": [], "trial": []}
    objectives = len(state.goals.metrics)
    most = _VOLUMES.get(objectives, 0)
    completed = state.counts[Outcome.COMPLETED] + state.n_imported
    if objectives < 2 or completed == 0:
        return found
    if completed > most:
        return {
            **found,
            "why": f"The hypervolume of {objectives} objectives takes too long for {completed} trials.",
        }
    grown = Hypervolume.of(state)
    gained = np.flatnonzero(np.diff(np.array(grown.values), prepend=0.0) > 0).tolist()
    return {
        **found,
        "t": [grown.times[i] for i in gained],
        "value": numbers(grown.values[i] for i in gained),
        "trial": [grown.trials[i] for i in gained],
        "reference": {name: number(x) for name, x in grown.reference.items()},
    }


_VOLUMES = {2: 100_000, 3: 3000, 4: 500, 5: 150}
"""Completed trials whose hypervolume, by the number of objectives, is there within about a second."""
