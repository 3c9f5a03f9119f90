"""`rung confirm`: fresh runs for the best configurations of a study that is over."""

from __future__ import annotations

from typing import Any

import click

from rung._confirm import confirm as confirm_study
from rung._study import study_of
from rung.cli.options import options_of, quiet_option, with_options
from rung.cli.output import json_option, storage_option, write_json
from rung.cli.reloading import reload
from rung.cli.tuning import at_work, command_for, kept_flags
from rung.settings import Settings
from rung.space import Space
from rung.views.text import visible_lines


@click.command()
@click.argument("name")
@click.option("--runs", default=20, show_default=True, help="Fresh runs in all.")
@click.option("--finalists", default=4, show_default=True, help="Configurations that are run again, at most.")
@with_options(*options_of("n_workers"), storage_option, quiet_option, json_option)
def confirm(
    name: str, storage: str, *, runs: int, finalists: int, quiet: bool, as_json: bool, **flags: Any
) -> None:
    """Run the best configurations of a study of `rung run` again, on fresh seeds.

    Then say which one wins, and what may be claimed for it.
    """
    again = reload(name, storage, flags)
    settings = Settings.of(progress=False if quiet else None, **again.options)
    command = command_for("confirm", name, storage)
    with at_work(command, quiet=quiet, as_json=as_json):
        study = study_of(Space.of(again.experiment.space), settings)
        made_by = {**again.experiment.source, "flags": kept_flags(again.typed), "command": command}
        winner = confirm_study(
            study,
            settings,
            again.experiment.objective,
            runs=runs,
            finalists=finalists,
            compare=(),
            made_by=made_by,
        )
    if as_json:
        write_json({"study": study.name, "winner": winner.to_json()})
        return
    click.echo(visible_lines(str(winner)))
