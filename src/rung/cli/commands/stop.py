"""`rung stop`: a study, or one of its trials, from another terminal."""

from __future__ import annotations

import time

import click

from rung._view import StudyView
from rung.cli.output import find_trial, storage_option
from rung.errors import StudyError
from rung.storage import Storage, open_storage
from rung.views.text import visible_lines

_PATIENCE = 12.0
"""Seconds that the command waits for the effect: running trials have 5 s, and are then ended by force."""
_PAUSE = 0.1


@click.command()
@click.argument("name")
@click.argument("number", metavar="[TRIAL]", type=int, required=False)
@storage_option
def stop(name: str, number: int | None, storage: str) -> None:
    """Stop a study that another process runs, as Ctrl-C would, or one of its trials for good.

    Trials of a stopped study run again when it goes on; a trial that was stopped never does.
    """
    study, opened = StudyView.load(name, storage=storage), open_storage(storage)
    what = f"study {name!r}" if number is None else f"trial {number} of study {name!r}"
    if number is not None and find_trial(study, number).is_finished:
        raise StudyError(f"{what} is {study.trials[number].status}: there is nothing to stop")
    if not _runs(opened, name):
        raise StudyError(f"nobody runs study {name!r} now: there is nothing to stop")
    opened.request(name, "stop" if number is None else f"stop-{number}")
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        running = _runs(opened, name)
        study.refresh()
        if number is not None and study.trials[number].is_finished:
            click.echo(visible_lines(f"{what} is {study.trials[number].status}"))
            return
        if not running:
            _say_how_it_ended(study, what, number)
            return
        time.sleep(_PAUSE)
    why = "what runs in the process that called tune can't be ended by force"
    click.echo(visible_lines(f"{what} will stop at the next report: {why}"))


def _runs(storage: Storage, name: str) -> bool:
    return any(info.owner is not None for info in storage.studies() if info.name == name)


def _say_how_it_ended(study: StudyView, what: str, number: int | None) -> None:
    ended = study.state.ended
    if number is not None or not ended:
        raise StudyError(
            f"{what} was not stopped: the process that ran the study is gone; nothing is kept of this"
        )
    command = study.state.plan.get("command") or "the same call"
    click.echo(visible_lines(f"{what} has stopped ({ended}); continue with: {command}"))
