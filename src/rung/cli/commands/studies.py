"""`rung studies`: all studies of a storage."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import click

from rung._opening import look
from rung._status import state_of, summary_of
from rung._text import counted
from rung.cli.output import json_option, storage_option, write_json, write_table
from rung.errors import StorageError, StudyNewer
from rung.storage import StudyInfo, open_storage


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
    summary = summary_of(name, state, info.owner)
    trials = f"{summary.finished} of {summary.n_trials}" if summary.n_trials else str(summary.finished)
    best = (
        summary.best.value if summary.best else summary.front and f"front: {counted(summary.front, 'trial')}"
    )
    return [state_of(state, info.owner), trials, best]


def _clock(wall: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall))
