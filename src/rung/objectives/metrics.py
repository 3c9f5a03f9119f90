"""The numbers that an objective reports or returns."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from rung._text import brief
from rung.errors import MetricError
from rung.study.metrics import check_metric_name
from rung.study.sizes import size_text

_LARGEST = 1_000_000
"""Bytes of all metrics of a report or a result, as they are stored."""
_FEW = 400
"""Metrics that are never more than that, however long their names are."""


def as_metrics(values: Mapping[Any, Any], tuned: Collection[str] = ()) -> dict[str, float]:
    """Plain floats from numbers, numpy scalars and one-element arrays or tensors; else MetricError.

    Raises MetricError too if there are more of them than a report or a result may have, and if one of the
    `tuned` is a bool: True counts as 1 in other metrics only.
    """
    for name in tuned:
        if type(value := values.get(name)).__name__ in {"bool", "bool_"}:
            raise MetricError(
                f"metric {name!r} is {shown(value)}, and what is tuned is a number: give the loss or the "
                "score itself, or float(...) if 0 and 1 are meant"
            )
    metrics = {
        check_metric_name(name, error=MetricError): _number(name, value) for name, value in values.items()
    }
    if len(metrics) > _FEW and (size := len(json.dumps(metrics))) > _LARGEST:
        raise MetricError(
            f"{len(metrics)} metrics, which are {size_text(size)} together; a report or a result has at most "
            f"{size_text(_LARGEST)}: give the numbers that matter, and save the others by trial.checkpoint()"
        )
    return metrics


def _number(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, complex | str | bytes) or value is None:
        note = (
            f"; text goes to trial.log({name}=...)" if isinstance(value, str) and name.isidentifier() else ""
        )
        raise MetricError(f"metric {name!r} is {shown(value)}; a metric is one number{note}")
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError, RuntimeError) as error:
        raise MetricError(f"metric {name!r} is {shown(value)}; a metric is one number") from error


def shown(value: Any) -> str:
    """A value that is no metric, for an error."""
    return f"{brief(value, 60)} (a {type(value).__name__})"
