"""Trials as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rung.errors import Error
from rung.study.state import StudyState

if TYPE_CHECKING:
    from pandas import DataFrame

_OWN = ("trial", "status", "origin", "started", "ended", "reason")


def rows(state: StudyState) -> list[dict[str, Any]]:
    """A flat dict per trial, all with the same keys: number, status, hyperparameters, metrics, times (s).

    What a trial does not have is None. A hyperparameter or metric whose name is taken (by rung's own columns,
    a hyperparameter's also by a metric) gets `config.` or `metric.` before it.
    """
    metrics = list(dict.fromkeys(name for trial in state.trials for name in trial.metrics))
    metric_columns = {n: f"metric.{n}" if n in _OWN else n for n in metrics}
    config_columns = {n: f"config.{n}" if n in metrics or n in _OWN else n for n in state.space.names}
    return [
        {
            "trial": trial.number,
            "status": trial.status,
            **{column: trial.config.get(name) for name, column in config_columns.items()},
            **{column: trial.metrics.get(name) for name, column in metric_columns.items()},
            "started": trial.attempts[0].started if trial.attempts else None,
            "ended": trial.ended,
            "origin": trial.origin,
            "reason": trial.reason,
        }
        for trial in state.trials
    ]


def to_dataframe(state: StudyState) -> DataFrame:
    """`rows` as a pandas DataFrame; raises Error without pandas."""
    try:
        import pandas as pd
    except ImportError as error:
        raise Error("to_dataframe() needs pandas: pip install 'rung[pandas]'") from error
    return pd.DataFrame(rows(state))
