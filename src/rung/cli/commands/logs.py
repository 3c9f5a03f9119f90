"""`rung logs`: what a trial printed."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import click

from rung._disk import open_regular
from rung._view import StudyView
from rung.cli.output import find_trial, name_argument, number_argument, storage_option
from rung.errors import NoTrialError, StorageError
from rung.objectives.guard import LIMIT
from rung.views.text import visible

_LARGEST = 2 * LIMIT
"""Bytes of a log that are shown: rung's own are shorter."""


@click.command()
@number_argument
@name_argument
@storage_option
@click.option("--attempt", type=int, help="Which run of the trial; without it, the last.")
@click.option("--follow", "-f", is_flag=True, help="Go on showing it until the attempt is over.")
def logs(number: int, name: str | None, storage: str, attempt: int | None, follow: bool) -> None:
    """What a trial printed.

    Kept for trials that ran in worker processes: the first quarter of a megabyte and the last part. On a
    terminal no escape sequence gets through; into a file or a pipe go the bytes as they are.
    """
    study = StudyView.load(name, storage=storage)
    found = find_trial(study, number)
    wanted = len(found.attempts) if attempt is None else attempt
    if not 1 <= wanted <= len(found.attempts):
        raise NoTrialError(f"trial {number} has attempts 1 to {len(found.attempts)}, and none {attempt}")
    path = log_path(study, number, wanted)
    shown = None if path is None else _copy(path)
    if path is None or (shown is None and not follow):
        click.echo(_nothing(study, number, path), err=True)
        return
    while follow and _runs(study, number, wanted):
        time.sleep(0.5)
        shown = _copy(path, shown or 0)


def log_path(study: StudyView, trial: int, attempt: int) -> Path | None:
    """Where the output of an attempt is kept, if anywhere."""
    folder = study.folder
    return folder / "logs" / f"t{trial}-a{attempt}.log" if folder else None


def _nothing(study: StudyView, trial: int, path: Path | None) -> str:
    alone = study.state.plan.get("n_workers", 1) == 1 and not (path and path.parent.is_dir())
    where = " that was kept: it ran in the process that called tune, and printed there" if alone else ""
    return f"trial {trial} of study {study.name!r} printed nothing{where}"


def _runs(study: StudyView, trial: int, attempt: int) -> bool:
    study.refresh()
    return study.trials[trial].attempts[attempt - 1].ended is None


def _copy(path: Path, start: int = 0) -> int | None:
    """Show the file from `start` on; returns where it ended, None if there is none.

    It may have been shortened since.
    """
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path} is not shown: {error.strerror}") from error
    with open(descriptor, "rb") as file:  # noqa: PTH123 -- a descriptor
        size = os.fstat(descriptor).st_size
        file.seek(start if size >= start else 0)
        data = file.read(_LARGEST)
    if sys.stdout.isatty():  # what a progress bar drew over is left out, and no escape gets through
        text = data.decode(errors="replace")
        data = "".join(visible(line.rpartition("\r")[2]) + "\n" for line in text.splitlines()).encode()
    click.echo(data, nl=False)
    return size
