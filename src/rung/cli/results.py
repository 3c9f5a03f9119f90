"""Reading what `rung run --add` is given: earlier results, one a row."""

from __future__ import annotations

import ast
import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from rung.analysis.frame import OWN
from rung.errors import ArgumentError, ConfigError
from rung.space import Domain, Space
from rung.study.events import Outcome

Result = tuple[Any, Any]
"""A configuration and its metrics, as `rung.tune(add=...)` takes them."""


def read_results(file: str, space: Space) -> list[Result]:
    """The results in a CSV or JSON file, such as `rung trials --csv` and `--json` write.

    A CSV file has a column for each hyperparameter; its other numbers are metrics. A JSON file is a list of
    such rows, of objects with `config` and `metrics`, or of pairs. Where rows have a status, the completed
    ones count. Raises ArgumentError; whether the results fit is checked by `tune`.
    """
    path = Path(file)
    readers: dict[str, Callable[[TextIO], Any]] = {
        ".csv": lambda text: list(csv.DictReader(text)),
        ".json": json.load,
    }
    if path.suffix not in readers:
        raise ArgumentError(f"--add {path}: give a file whose name ends in {' or '.join(readers)}")
    try:
        with path.open(encoding="utf-8", newline="") as text:
            rows = _READERS[path.suffix](text)
    except OSError as error:
        raise ArgumentError(f"--add {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError, csv.Error) as error:
        raise ArgumentError(f"--add {path} is not {path.suffix[1:].upper()}: {error}") from None
    if not isinstance(rows, list):
        raise ArgumentError(f"--add {path}: a {type(rows).__name__}; write a list of results")
    return [_result(row, space) for row in rows if _counts(row)]


_READERS: Mapping[str, Callable[[TextIO], Any]] = {
    ".csv": lambda text: list(csv.DictReader(text)),
    ".json": json.load,
}


def _counts(row: Any) -> bool:
    return not isinstance(row, dict) or row.get("status", Outcome.COMPLETED) == Outcome.COMPLETED


def _result(row: Any, space: Space) -> Result:
    if not isinstance(row, dict):
        return tuple(row) if isinstance(row, list) else row
    if isinstance(row.get("config"), dict):
        metrics = row.get("metrics", row.get("value"))
        return row["config"], _known(metrics) if isinstance(metrics, dict) else metrics
    columns = {name: f"config.{name}" if f"config.{name}" in row else name for name in space.names}
    config = {
        name: _value(space[name], row[column])
        for name, column in columns.items()
        if row.get(column) not in {None, ""}
    }
    others = {name: cell for name, cell in row.items() if name not in {*columns.values(), *OWN}}
    return config, {str(name).removeprefix("metric."): cell for name, cell in _known(others).items()}


def _known(cells: Mapping[str, Any]) -> dict[str, float]:
    """Those that are numbers."""
    found = {name: _number(cell) for name, cell in cells.items()}
    return {name: number for name, number in found.items() if number is not None}


def _number(cell: Any) -> float | None:
    try:
        return None if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError, OverflowError):
        return None


def _value(domain: Domain, cell: Any) -> Any:
    """The value of the domain that a cell is: of CSV, a number or a text."""
    if not isinstance(cell, str):
        return cell
    for read in (str, json.loads, ast.literal_eval, lambda text: text.removeprefix("'")):
        try:
            return domain.canonical(read(cell))
        except (ValueError, SyntaxError, RecursionError, MemoryError, ConfigError):
            continue
    return cell
