"""`rung best`, `rung trials`, `rung report` and `rung delete`."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from typing import Any

import click

from rung._view import StudyView
from rung.analysis.frame import rows as flat_rows
from rung.cli.output import (
    json_option,
    name_argument,
    storage_option,
    trial_json,
    write_best,
    write_csv,
    write_json,
    write_table,
)
from rung.storage import Owner, open_storage, snapshots
from rung.study.trial import Trial
from rung.views.text import visible, visible_lines


@click.command()
@name_argument
@storage_option
@json_option
def best(name: str | None, storage: str, as_json: bool) -> None:
    """The best trial and its configuration."""
    write_best(StudyView.load(name, storage=storage), as_json)


@click.command()
@name_argument
@storage_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
def trials(name: str | None, storage: str, as_json: bool, as_csv: bool) -> None:
    """All trials of a study."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    study = StudyView.load(name, storage=storage)
    if as_json:
        write_json([trial_json(trial) for trial in study.trials])
    elif as_csv:
        write_csv(flat_rows(study.state))
    else:
        _write_trials(study)


def _write_trials(study: StudyView) -> None:
    metrics, names = [m.name for m in study.goals.metrics], study.space.names
    table = [
        [t.number, t.status, *map(t.metrics.get, metrics), *map(t.config.get, names), _seconds(t), t.reason]
        for t in study.trials
    ]
    write_table(["trial", "status", *metrics, *names, "seconds", "reason"], table)


def _seconds(trial: Trial) -> float | None:
    ended = trial.ended
    return None if ended is None else ended - trial.attempts[-1].started


@click.command()
@click.argument("name")
@storage_option
@click.option("--yes", is_flag=True, help="Don't ask.")
def delete(name: str, storage: str, yes: bool) -> None:
    """Delete a study: its log, checkpoints and logs of workers."""
    study = StudyView.load(name, storage=storage)
    if not yes:
        click.confirm(f"Delete study {visible(name)} with {len(study.trials)} trials?", abort=True)
    opened = open_storage(storage)
    kept = snapshots.path(opened, name)
    opened.delete(name, Owner(os.uname().nodename, os.getpid(), time.time()))
    if kept is not None:
        kept.unlink(missing_ok=True)


@click.command()
@name_argument
@storage_option
@json_option
def report(name: str | None, storage: str, as_json: bool) -> None:
    """The winner with what is only reported.

    Each look is counted in the study's log: a number that is looked at often is soon tuned for.
    """
    shown: Any = StudyView.load(name, storage=storage).final_report()
    if as_json:
        write_json(asdict(shown))
        return
    click.echo(visible_lines(str(shown)))
