"""`rung report`: the winner with what is only reported."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from rung._view import StudyView
from rung.cli.output import (
    json_option,
    name_argument,
    storage_option,
    write_json,
)
from rung.views.text import visible_lines


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
