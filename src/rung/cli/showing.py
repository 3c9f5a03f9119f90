"""Commands that only look."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, replace
from typing import Any

import click

from rung._study import Study
from rung.analysis.frame import rows as flat_rows
from rung.analysis.usage import folder_bytes
from rung.cli.output import (
    json_option,
    storage_option,
    trial_json,
    write_best,
    write_csv,
    write_json,
    write_table,
)
from rung.errors import StorageError
from rung.storage import Owner, StudyInfo, open_storage
from rung.study.budget import Budget
from rung.study.sizes import size_text
from rung.study.trial import Trial
from rung.views.summary import Summary, ending, rows, summarise
from rung.views.text import visible, visible_lines

_name_argument = click.argument("name", required=False)


@click.command()
@_name_argument
@storage_option
@json_option
def status(name: str | None, storage: str, as_json: bool) -> None:
    """How a study stands (without NAME: the one changed last)."""
    study = Study.load(name, storage=storage)
    owner = _owner(study)
    summary = _summary(study, owner)
    folder = study._storage.folder(study.name)
    saved = folder_bytes(folder / "trials") if folder else 0
    if as_json:
        extra = {
            "state": _state(study, owner),
            "owner": asdict(owner) if owner else None,
            "folder": str(folder),
            "checkpoint_bytes": saved,
        }
        write_json({**extra, **asdict(summary), "finished": summary.finished})
        return
    lines = [("study", study.name), ("state", _state_text(study, owner))]
    lines += [(row.label, row.text) for row in rows(summary)]
    if saved:
        lines.append(("on disk", f"{size_text(saved)} of checkpoints"))
    for label, text in [*lines, ("stored", str(folder))]:
        click.echo(f"{label:<9}{visible(text)}")


def _owner(study: Study) -> Owner | None:
    return next((info.owner for info in study._storage.studies() if info.name == study.name), None)


def _summary(study: Study, owner: Owner | None) -> Summary:
    state, plan = study.state, study.state.plan
    budget = Budget(plan.get("n_trials"), plan.get("timeout"))
    if owner is None:
        # What was cut off runs no more; nobody can say when it is done.
        return replace(summarise(study.name, state, state.t, budget), running=())
    session = state.sessions[-1] if state.sessions else None
    now = session.t + time.time() - session.wall if session else 0.0
    return summarise(study.name, state, max(now, state.t), budget)


def _state(study: Study, owner: Owner | None) -> str:
    if owner is not None:
        return "running"
    if not study.state.sessions:
        return "new"
    return study.state.ended or "killed"


def _state_text(study: Study, owner: Owner | None) -> str:
    state = _state(study, owner)
    if owner is not None:
        return f"running: {owner}"
    if state in {"new", "done", "exhausted"}:
        return ending(state)
    command = study.state.plan.get("command")
    return f"{ending(state)}; continue with: {command}" if command else ending(state)


@click.command()
@_name_argument
@storage_option
@json_option
def best(name: str | None, storage: str, as_json: bool) -> None:
    """The best trial and its configuration."""
    write_best(Study.load(name, storage=storage), as_json)


@click.command()
@_name_argument
@storage_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values.")
def trials(name: str | None, storage: str, as_json: bool, as_csv: bool) -> None:
    """All trials of a study."""
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    study = Study.load(name, storage=storage)
    if as_json:
        write_json([trial_json(trial) for trial in study.trials])
    elif as_csv:
        write_csv(flat_rows(study.state))
    else:
        _write_trials(study)


def _write_trials(study: Study) -> None:
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
@storage_option
@json_option
def studies(storage: str, as_json: bool) -> None:
    """All studies, the one changed last first."""
    infos = open_storage(storage).studies()
    if as_json:
        write_json([asdict(info) for info in infos])
        return
    table = [[info.name, *_standing(info, storage), _clock(info.changed)] for info in infos]
    write_table(["study", "state", "trials", "best", "changed"], table)


def _standing(info: StudyInfo, storage: str) -> list[Any]:
    try:
        study = Study.load(info.name, storage=storage)
    except StorageError:
        return ["damaged, see: rung doctor", "", None]
    summary = _summary(study, info.owner)
    trials = f"{summary.finished} of {summary.n_trials}" if summary.n_trials else str(summary.finished)
    return [_state(study, info.owner), trials, summary.best.value if summary.best else None]


@click.command()
@click.argument("name")
@storage_option
@click.option("--yes", is_flag=True, help="Don't ask.")
def delete(name: str, storage: str, yes: bool) -> None:
    """Delete a study: its log, checkpoints and logs of workers."""
    study = Study.load(name, storage=storage)
    if not yes:
        click.confirm(f"Delete study {visible(name)} with {len(study.trials)} trials?", abort=True)
    study._storage.delete(name, Owner(os.uname().nodename, os.getpid(), time.time()))


def _clock(wall: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall))


@click.command()
@_name_argument
@storage_option
@json_option
def report(name: str | None, storage: str, as_json: bool) -> None:
    """The winner with what is only reported.

    Each look is counted in the study's log: a number that is looked at often is soon tuned for.
    """
    shown: Any = Study.load(name, storage=storage).final_report()
    if as_json:
        write_json(asdict(shown))
        return
    click.echo(visible_lines(str(shown)))
