"""Trials as a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from rung.errors import ArgumentError, Error
from rung.study.standing import remark
from rung.study.state import StudyState

if TYPE_CHECKING:
    from pandas import DataFrame

OWN = ("trial", "status", "feasible", "origin", "started", "ended", "reason")
"""Columns of `rows` that are neither hyperparameters nor metrics."""


def rows(state: StudyState) -> list[dict[str, Any]]:
    """A flat dict per trial, all with the same keys: number, status, hyperparameters, metrics, times (s).

    `feasible` is whether it has a value and keeps all constraints.

    What a trial does not have is None. A hyperparameter or metric whose name is taken (by rung's own columns,
    a hyperparameter's also by a metric) gets `config.` or `metric.` before it.
    """
    configs, metrics = _columns(state, OWN, (trial.metrics for trial in state.trials))
    return [
        {
            "trial": trial.number,
            "status": trial.status,
            **{column: trial.config.get(name) for name, column in configs.items()},
            **{column: trial.metrics.get(name) for name, column in metrics.items()},
            "feasible": trial.value is not None and trial.feasible,
            "started": trial.attempts[0].started if trial.attempts else None,
            "ended": trial.ended,
            "origin": trial.origin,
            "reason": remark(trial, state),
        }
        for trial in state.trials
    ]


def report_rows(state: StudyState) -> list[dict[str, Any]]:
    """A flat dict per report, in the order of arrival, all with the same keys.

    They are trial, attempt, the resource under its name ("epoch"), seconds on the study's clock,
    hyperparameters and metrics. Of an epoch that was trained again it is the last report, as in
    `Trial.reports`.
    """
    own = ("trial", "attempt", state.resource, "seconds")
    found = sorted(((r.t, t.number, r) for t in state.trials for r in t.reports), key=lambda row: row[:2])
    configs, metrics = _columns(state, own, (report.metrics for *_, report in found))
    return [
        {
            **dict(zip(own, (number, report.attempt, report.resource, report.t), strict=True)),
            **{column: state.trials[number].config.get(name) for name, column in configs.items()},
            **{column: report.metrics.get(name) for name, column in metrics.items()},
        }
        for _, number, report in found
    ]


def _columns(
    state: StudyState, own: Collection[str], metrics: Iterable[Mapping[str, float]]
) -> tuple[dict[str, str], dict[str, str]]:
    """The columns of hyperparameters and of metrics, by their names."""
    names = list(dict.fromkeys(name for some in metrics for name in some))
    configs = {n: f"config.{n}" if n in names or n in own else n for n in state.space.names}
    return configs, {n: f"metric.{n}" if n in own else n for n in names}


def to_dataframe(state: StudyState, by: Literal["trial", "report"] = "trial") -> DataFrame:
    """`rows`, or `report_rows`, as a pandas DataFrame; raises Error without pandas."""
    if by not in {"trial", "report"}:
        raise ArgumentError(f'by={by!r}; use "trial" or "report"')
    try:
        import pandas as pd
    except ImportError as error:
        raise Error("to_dataframe() needs pandas: pip install 'rung[pandas]'") from error
    return pd.DataFrame(rows(state) if by == "trial" else report_rows(state))
