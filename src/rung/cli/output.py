"""What commands share: options, and JSON, CSV and tables on stdout."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from rung._opening import where
from rung.analysis.results import incumbent
from rung.errors import NoTrialError
from rung.study.standing import Incumbent
from rung.study.trial import Trial
from rung.views.text import number, one_line, visible, visible_lines

if TYPE_CHECKING:
    from rung._view import StudyView
    from rung.analysis.front import Front


def _default_storage(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    return str(where(value))


class _TrialNumber(click.types.IntParamType):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return int(value)
        except ValueError:
            command, other = (ctx.info_name, ctx.params.get("name")) if ctx else ("", None)
            number = other if other and other.isdecimal() else "3"
            self.fail(f"{value!r} is no number; it comes first: rung {command} {number} {value}", param, ctx)


name_argument = click.argument("name", required=False, is_eager=True)  # the number's error needs it
number_argument = click.argument("number", type=_TrialNumber())
storage_option = click.option(
    "--storage", metavar="FOLDER", callback=_default_storage, help="Where the studies are."
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON, and nothing else on stdout.")


def write_json(data: Any) -> None:
    """Write strict JSON: NaN and infinities become null."""
    click.echo(json.dumps(_finite(data), indent=2, allow_nan=False))


def _finite(data: Any) -> Any:
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, Mapping):
        return {str(key): _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, list | tuple) else data


def write_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a header with every name that some row has, and the rows; None is an empty cell."""
    buffer = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(map(_csv_cell, columns))
    writer.writerows([_csv_cell(row.get(name)) for name in columns] for row in rows)
    click.echo(buffer.getvalue(), nl=False)


def _csv_cell(value: Any) -> str:
    if value is None or isinstance(value, float | int):
        return "" if value is None else str(value)
    text = visible(str(value))
    # A spreadsheet would run it as a formula; the apostrophe makes it text there.
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def write_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write aligned columns; on a terminal, lines are cut to its width."""
    cells = [[one_line(name) for name in columns], *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    limit = get_terminal_size().columns if sys.stdout.isatty() else None
    for line in cells:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        click.echo(text if limit is None or len(text) <= limit else f"{text[: limit - 1]}…")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else one_line(str(value))


def trial_json(trial: Trial) -> dict[str, Any]:
    """A trial as plain types."""
    return {
        "trial": trial.number,
        "status": trial.status,
        "value": trial.value,
        "feasible": trial.value is not None and trial.feasible,
        "config": trial.config,
        "metrics": trial.metrics,
        "origin": trial.origin,
        "attempts": len(trial.attempts),
        "created": trial.created,
        "ended": trial.ended,
        "reason": trial.reason,
    }


def write_best(study: StudyView, as_json: bool) -> None:
    """Write the best trial, or the Pareto front of several objectives; raises NoTrialError without one."""
    if len(study.goals.metrics) == 1:
        _write_incumbent(study, incumbent(study.state), as_json)
        return
    winners = front_of(study)
    if as_json:
        front = [trial_json(trial) for trial in winners]
        write_json({"study": study.name, "metric": study.goals.to_json()["metric"], "front": front})
        return
    for trial in winners:
        values = ", ".join(f"{visible(m.name)} = {trial.metrics[m.name]!r}" for m in study.goals.metrics)
        _write_winner(study, trial, f"not beaten in every objective: {values}")


def front_of(study: StudyView) -> Front:
    """Return the front of a study; raises NoTrialError if it is empty."""
    if not (found := study.front):
        raise NoTrialError(f"study {study.name!r}: no trial has completed and keeps the constraints yet")
    return found


def _write_incumbent(study: StudyView, best: Incumbent, as_json: bool) -> None:
    trial, name = best.trial, study.goals.first.name
    if as_json:
        # Of a trial that has not completed, the resource of the report that was best.
        found = {**trial_json(trial), "value": best.value, "unfinished_at": best.resource}
        winner = study.winner().to_json() if study.state.confirmed else None
        metric = study.goals.to_json()["metric"]
        write_json({"study": study.name, "metric": metric, "best": found, "winner": winner})
        return
    at = ""
    if best.resource is not None:
        at = f" at {visible(study.state.resource)} {best.resource} of an unfinished trial"
    _write_winner(study, trial, f"best{' so far' if at else ''}: {visible(name)} = {best.value!r}{at}")
    if study.state.confirmed:
        click.echo(visible_lines(str(study.winner())))


def _write_winner(study: StudyView, trial: Trial, title: str) -> None:
    click.echo(f"{title}  (trial {trial.number} of {len(study.trials)})")
    for name, value in trial.config.items():
        click.echo(f"  {visible(name)} = {visible(str(value))}")


def find_trial(study: StudyView, wanted: int) -> Trial:
    """Return that trial of the study; raises NoTrialError with the numbers that there are."""
    if not 0 <= wanted < len(study.trials):
        there = f"0 to {len(study.trials) - 1}" if study.trials else "none yet"
        raise NoTrialError(f"study {study.name!r} has no trial {wanted}; its trials are {there}")
    return study.trials[wanted]
