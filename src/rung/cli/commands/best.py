"""`rung best`: the best trial."""

from __future__ import annotations

import click

from rung._view import StudyView
from rung.cli.output import (
    json_option,
    name_argument,
    storage_option,
    write_best,
)


@click.command()
@name_argument
@storage_option
@json_option
def best(name: str | None, storage: str, as_json: bool) -> None:
    """The best trial and its configuration."""
    write_best(StudyView.load(name, storage=storage), as_json)
