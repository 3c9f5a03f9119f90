"""`rung plot`: a picture of a study in a file."""

from __future__ import annotations

from inspect import signature
from pathlib import Path
from typing import Any

import click

from rung._view import StudyView
from rung.analysis.plots import PLOTS, drawing
from rung.cli.output import name_argument, storage_option


@click.command()
@click.argument("kind", type=click.Choice(list(PLOTS)))
@name_argument
@click.option(
    "-o", "--out", metavar="FILE", help="Its ending says the format: .pdf, .svg, .png; by default KIND.pdf."
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="The best N trials alone.")
@click.option("--states", metavar="LIST", help="Trials in these states alone, such as completed,stopped.")
@storage_option
def plot(
    *, kind: str, name: str | None, out: str | None, top: int | None, states: str | None, storage: str
) -> None:
    """Draw a picture of a study, into a file. Needs matplotlib.

    PDF and SVG are for papers: they stay sharp at any size, and their text stays text.
    """
    path = Path(out or f"{kind}.pdf")
    options: dict[str, Any] = {} if top is None else {"top": top}
    if states is not None:
        options["states"] = [state.strip() for state in states.split(",")]
    for option in options.keys() - signature(drawing(PLOTS[kind])).parameters.keys():
        raise click.UsageError(f"{kind} is a picture of the whole study: it has no --{option}")
    figure = StudyView.load(name, storage=storage).plot(kind, **options)
    formats = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in formats:
        raise click.BadParameter(
            f"{path.name!r} has no format; end it on one of {', '.join(formats)}", param_hint="--out"
        )
    figure.savefig(path, dpi=150)
    click.echo(str(path))
