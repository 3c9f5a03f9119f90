"""`rung trials`: all trials of a study."""

from __future__ import annotations

from typing import Any

import click

from rung._view import StudyView
from rung.analysis.frame import report_rows
from rung.analysis.frame import rows as flat_rows
from rung.cli.output import (
    json_option,
    name_argument,
    storage_option,
    trial_json,
    write_csv,
    write_json,
    write_table,
)
from rung.study.standing import remark
from rung.study.trial import Trial


@click.command()
@name_argument
@storage_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
@click.option("--reports", is_flag=True, help="A row for each report, with the study's seconds.")
def trials(name: str | None, storage: str, as_json: bool, as_csv: bool, reports: bool) -> None:
    """All trials of a study."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    study = StudyView.load(name, storage=storage)
    if reports:
        _write_reports(report_rows(study.state), as_json, as_csv)
    elif as_json:
        write_json([trial_json(trial) for trial in study.trials])
    elif as_csv:
        write_csv(flat_rows(study.state))
    else:
        _write_trials(study)


def _write_reports(found: list[dict[str, Any]], as_json: bool, as_csv: bool) -> None:
    if as_json:
        write_json(found)
    elif as_csv:
        write_csv(found)
    elif found:
        write_table(list(found[0]), [list(row.values()) for row in found])


def _write_trials(study: StudyView) -> None:
    metrics, names = study.goals.required, study.space.names
    table = [
        [t.number, t.status, *map(t.metrics.get, metrics), *map(t.config.get, names), _seconds(t),
         remark(t, study.state)]
        for t in study.trials
    ]  # fmt: skip
    write_table(["trial", "status", *metrics, *names, "seconds", "reason"], table)


def _seconds(trial: Trial) -> float | None:
    ended = trial.ended
    return None if ended is None else ended - trial.attempts[-1].started
