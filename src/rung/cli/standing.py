"""`rung status` and `rung studies`; few imports, so that they answer at once."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import Any

import click

from rung._opening import look
from rung.analysis.usage import folder_bytes
from rung.cli.output import json_option, name_argument, storage_option, write_json, write_table
from rung.errors import StorageError, StudyNewer
from rung.storage import Owner, StudyInfo, open_storage
from rung.study.budget import Budget
from rung.study.sizes import size_text
from rung.study.state import StudyState
from rung.views.summary import Summary, ending, rows, summarise
from rung.views.text import visible


@click.command()
@name_argument
@storage_option
@json_option
def status(name: str | None, storage: str, as_json: bool) -> None:
    """How a study stands (without NAME: the one changed last)."""
    opened, name, state = look(name, storage)
    owner = next((info.owner for info in opened.studies() if info.name == name), None)
    summary = _summary(name, state, owner)
    folder = opened.folder(name)
    saved = folder_bytes(folder / "trials") if folder else 0
    if as_json:
        extra = {
            "state": _standing(state, owner),
            "owner": asdict(owner) if owner else None,
            "folder": str(folder),
            "checkpoint_bytes": saved,
        }
        write_json({**extra, **asdict(summary), "finished": summary.finished})
        return
    lines = [("study", name), ("state", _state_text(state, owner))]
    lines += [(row.label, row.text) for row in rows(summary)]
    if saved:
        lines.append(("on disk", f"{size_text(saved)} of checkpoints"))
    for label, text in [*lines, ("stored", str(folder))]:
        click.echo(f"{label:<9}{visible(text)}")


def _summary(name: str, state: StudyState, owner: Owner | None) -> Summary:
    budget = Budget(state.plan.get("n_trials"), state.plan.get("timeout"))
    if owner is None:
        # A session that was cut off runs no more, so there is no time left to show.
        return replace(summarise(name, state, state.t, budget), running=())
    session = state.sessions[-1] if state.sessions else None
    now = session.t + time.time() - session.wall if session else 0.0
    return summarise(name, state, max(now, state.t), budget)


def _standing(state: StudyState, owner: Owner | None) -> str:
    if owner is not None:
        return "running"
    if not state.sessions:
        return "new"
    return state.ended or "killed"


def _state_text(state: StudyState, owner: Owner | None) -> str:
    standing = _standing(state, owner)
    if owner is not None:
        return f"running: {owner}"
    if standing in {"new", "done", "exhausted"}:
        return ending(standing)
    command = state.plan.get("command")
    return f"{ending(standing)}; continue with: {command}" if command else ending(standing)


@click.command()
@storage_option
@json_option
def studies(storage: str, as_json: bool) -> None:
    """All studies, the one changed last first."""
    infos = open_storage(storage).studies()
    if as_json:
        write_json([asdict(info) for info in infos])
        return
    table = [[info.name, *_cells(info, storage), _clock(info.changed)] for info in infos]
    write_table(["study", "state", "trials", "best", "changed"], table)


def _cells(info: StudyInfo, storage: str) -> list[Any]:
    try:
        _, name, state = look(info.name, storage)
    except StudyNewer:
        return ["of a newer rung: upgrade rung", "", None]
    except StorageError:
        return ["damaged, see: rung doctor", "", None]
    summary = _summary(name, state, info.owner)
    trials = f"{summary.finished} of {summary.n_trials}" if summary.n_trials else str(summary.finished)
    return [_standing(state, info.owner), trials, summary.best.value if summary.best else None]


def _clock(wall: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall))
