"""`rung importance`: which hyperparameters matter."""

from __future__ import annotations

from typing import Literal

import click

from rung._view import StudyView
from rung.cli.output import json_option, name_argument, storage_option, write_json


@click.command()
@name_argument
@click.option("--metric", metavar="NAME", help="What they matter for; by default the first objective.")
@click.option(
    "--method", type=click.Choice(["fanova", "ped-anova"]), default="fanova", show_default=True,
    help="Parts of the variance in a model, or how the best trials differ from all.",
)  # fmt: skip
@click.option(
    "--best", type=float, default=0.1, show_default=True, help="The part of the configurations that is best."
)
@storage_option
@json_option
def importance(
    *,
    name: str | None,
    metric: str | None,
    method: Literal["fanova", "ped-anova"],
    best: float,
    storage: str,
    as_json: bool,
) -> None:
    """How much each hyperparameter matters, over the whole space and among the best configurations."""
    study = StudyView.load(name, storage=storage)
    found = study.importance(metric, method=method, best=best)
    if as_json:
        write_json({"study": study.name} | found.to_json())
        return
    click.echo(str(found))
