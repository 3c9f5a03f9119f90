"""`rung delete`: a study and all that belongs to it."""

from __future__ import annotations

import os
import time

import click

from rung._view import StudyView
from rung.cli.output import (
    storage_option,
)
from rung.storage import Owner, open_storage, snapshots
from rung.views.text import visible


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
