"""simulate(): a study in virtual time, by the real coordinator, schedulers and searchers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from rung._other_libraries import explained
from rung._study import Study, study_of
from rung._text import brief, is_iterable
from rung._transfer import LearnFrom
from rung._view import StudyView
from rung.errors import ArgumentError
from rung.execution.base import End, Job
from rung.execution.simulator import Simulator
from rung.objectives.metrics import as_metrics
from rung.schedulers.base import Scheduler
from rung.searchers.base import Searcher
from rung.settings import Settings
from rung.space import Config, Space
from rung.study.budget import whole
from rung.study.events import Outcome
from rung.study.stopping import StopWhen
from rung.study.streams import stream
from rung.study.trial import Trial

Metrics = Mapping[str, float]
CurveFunction = Callable[[Config, int], tuple[Metrics, float]]
"""(config, epoch) to the metrics at that epoch, and the seconds that it took."""
Row = tuple[Mapping[str, Any], Sequence[tuple[Metrics, float]]]
"""A configuration, and for each epoch its metrics and the seconds that it took."""


@explained
def simulate(
    space: Space | Mapping[str, Any],
    curve: CurveFunction | Sequence[Row] | StudyView,
    *,
    metric: str | Mapping[str, str] = "value",
    mode: str = "min",
    n_workers: int = 1,
    max_resource: int,
    scheduler: str | Scheduler = "asha",
    searcher: str | Searcher = "random",
    n_trials: int | None = None,
    timeout: str | float | timedelta | None = None,
    stop_when: StopWhen = None,
    initial_configs: Sequence[Mapping[str, Any]] = (),
    learn_from: Sequence[LearnFrom] = (),
    constraints: Mapping[str, str] | None = None,
    cost: str | None = None,
    rising: Sequence[str] = (),
    seed: int | None = None,
    stragglers: float = 0.0,
    failures: float = 0.0,
    max_failures: int = 10,
) -> Study:
    """Run a study in virtual time: hours on hundreds of workers pass in seconds.

    The coordinator, schedulers and searchers are the real ones.

    Parameters
    ----------
    space, metric, mode, searcher, initial_configs, learn_from, constraints
        As in `tune`.
    cost, rising, seed, max_failures
        As in `tune`.
    curve : callable, sequence of rows or study
        The results of training: a function of (config, epoch) that returns ({metric: value}, seconds); a
        table of rows (config, [({metric: value}, seconds), ...]), a pair for each epoch; or a study, whose
        log is such a table. Of a table, its configurations are tried, in its order.
    n_workers : int
        Trials at once, at least 1.
    max_resource : int
        Epochs of a whole trial, at least 1.
    scheduler : str or Scheduler
        As in `tune`; by default "asha".
    n_trials : int, optional
        As in `tune`; by default all rows of a table.
    timeout : str, float or timedelta, optional
        As in `tune`, in virtual time.
    stop_when : str, Target, NoImprovement, callable, or list of these, optional
        As in `tune`; hours are virtual ones.
    stragglers : float
        Standard deviation of the logarithm of a random factor on each attempt's seconds, in [0, 10]; 0.5
        makes one attempt in 40 take more than 2.7 times as long.
    failures : float
        Probability that a worker dies in an epoch, in [0, 1]; its trial runs again from its last checkpoint.

    Returns
    -------
    Study
        In memory; its clock is the virtual one.

    Raises
    ------
    ArgumentError
        If an argument is wrong, or neither `n_trials`, `timeout`, `stop_when`, a table nor a finite space
        bounds the study.

    Examples
    --------
    >>> import rung
    >>> def curve(config, epoch):
    ...     return {"error": config["x"] + 1 / epoch}, 60.0  # an epoch takes a minute
    >>> study = rung.simulate(
    ...     {"x": rung.Float(0, 1)}, curve, metric="error", max_resource=9, n_workers=99, n_trials=999, seed=0
    ... )
    >>> study.best_trial.resource
    9
    """
    space = Space.of(space)
    settings = Settings.of(
        metric=metric, mode=mode, constraints=constraints, cost=cost, rising=rising, searcher=searcher,
        scheduler=scheduler,
        initial_configs=initial_configs, learn_from=learn_from, n_trials=n_trials, timeout=timeout,
        stop_when=stop_when,
        n_workers=n_workers,
        max_resource=whole("max_resource", max_resource, 1), seed=seed, max_failures=max_failures,
        storage=":memory:",
    )  # fmt: skip
    if not callable(curve):
        rows = rows_of(curve) if isinstance(curve, StudyView) else _rows(curve)
        curves = _curves(space, rows, max_resource)
        settings = settings.but(
            initial_configs=[config for config, _ in curves.values()],
            n_trials=min(settings.n_trials or len(curves), len(curves)),
        )
        curve = _lookup(space, curves)
    settings.check_budget(space)
    study = study_of(space, settings)
    study.drive(_simulator(study, curve, stragglers, failures))
    return study


def _rows(table: Any) -> list[Row]:
    pairs: list[Row] = []
    for pair in table if is_iterable(table) else [table]:  # row by row: what has no end is refused at once
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[1], Sequence)):
            raise ArgumentError(
                f"curve: {brief(pair)}; give a function, a study, or rows (config, [(metrics, seconds), ...])"
            )
        pairs.append((pair[0], pair[1]))
    return pairs


def rows_of(study: StudyView) -> list[Row]:
    """The curves of a study's trials, with the seconds between reports, as a table for `simulate`."""
    return [(t.config, list(_curve_of(t))) for t in study.trials if t.reports]


def _curve_of(trial: Trial) -> Iterator[tuple[Metrics, float]]:
    began = {attempt.number: attempt.started for attempt in trial.attempts}
    for epoch, report in enumerate(trial.reports, 1):
        if report.resource != epoch:
            raise ArgumentError(
                f"trial {trial.number} has no report of epoch {epoch}: a table needs each of them"
            )
        yield report.metrics, max(0.0, report.t - began[report.attempt])
        began[report.attempt] = report.t


def _curves(space: Space, rows: Sequence[Row], max_resource: int) -> dict[str, Row]:
    curves = {space.key(space.validate(config)): (config, curve) for config, curve in rows}
    short = sum(len(curve) < max_resource for _, curve in curves.values())
    if short or not curves:
        raise ArgumentError(
            f"{short} of {len(curves)} configurations of the table have fewer epochs than "
            f"max_resource={max_resource}; give whole trials (a study run with fifo), or a smaller one"
        )
    return curves


def _lookup(space: Space, curves: Mapping[str, Row]) -> CurveFunction:
    def look_up(config: Config, epoch: int) -> tuple[Metrics, float]:
        row = curves.get(space.key(config))
        if row is None:
            raise ArgumentError(
                f"a table knows its own configurations only, not {config!r}; simulate a function instead"
            )
        return row[1][epoch - 1]

    return look_up


def _factor(name: str, value: Any, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise ArgumentError(f"{name}={brief(value)}; give a number from 0 to {high:g}")
    return float(value)


def _point(given: Any) -> tuple[dict[str, float], float]:
    try:
        metrics, seconds = given
        seconds = float(seconds)
    except (TypeError, ValueError, OverflowError):
        metrics, seconds = None, math.nan
    if not isinstance(metrics, Mapping) or not 0 <= seconds < math.inf:
        raise ArgumentError(f"curve: it gave {brief(given)}; give ({{metric: number}}, seconds)")
    return as_metrics(metrics), seconds


def _simulator(study: Study, curve: CurveFunction, stragglers: float, failures: float) -> Simulator:
    stragglers, failures = _factor("stragglers", stragglers, 10.0), _factor("failures", failures, 1.0)
    max_resource = study.max_resource
    assert max_resource is not None

    def run(job: Job) -> Iterator[tuple[float, Metrics | End]]:
        rng = stream(study.seed, "simulator", 1000 * job.id.trial + job.id.attempt)
        factor = float(rng.lognormal(0.0, stragglers)) if stragglers else 1.0
        for epoch in range(job.start_resource + 1, max_resource + 1):
            metrics, seconds = _point(curve(dict(job.config), epoch))
            if failures and rng.random() < failures:
                yield seconds * factor * float(rng.random()), End(job.id, Outcome.LOST, reason="simulated")
            yield seconds * factor, metrics

    return Simulator(run, study.settings.n_workers)
