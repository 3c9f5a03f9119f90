"""`rung report`: the winner with what is only reported."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from rung._view import StudyView
from rung.cli.output import (
    json_option,
    name_argument,
    storage_option,
    write_json,
)
from rung.views.text import visible, visible_lines


@click.command()
@name_argument
@storage_option
@json_option
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write the page as one file, to send."
)
@click.option("--markdown", is_flag=True, help="A summary for a pull request.")
def report(name: str | None, storage: str, as_json: bool, html: Path | None, markdown: bool) -> None:
    """The winner with what is only reported.

    Each look is counted in the study's log: a number that is looked at often is soon tuned for. Not so with
    --html and --markdown, which leave those metrics out.
    """
    if html is not None or markdown:
        study = StudyView.load(name, storage=storage)
        if markdown:
            click.echo(study.to_markdown(), nl=False)
        if html is not None:
            click.echo(f"wrote {visible(str(study.to_html(html)))}", err=True)
        return
    shown: Any = StudyView.load(name, storage=storage).final_report()
    if as_json:
        write_json(asdict(shown))
        return
    click.echo(visible_lines(str(shown)))
