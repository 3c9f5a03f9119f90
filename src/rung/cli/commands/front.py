"""`rung front`: the trials between which several objectives leave the choice."""

from __future__ import annotations

import click

from rung._view import StudyView
from rung.cli.output import (
    front_of,
    json_option,
    name_argument,
    storage_option,
    trial_json,
    write_json,
    write_table,
)


@click.command()
@name_argument
@storage_option
@json_option
def front(name: str | None, storage: str, as_json: bool) -> None:
    """The trials that no other one beats in every objective."""
    study = StudyView.load(name, storage=storage)
    found, volume = front_of(study), study.hypervolume()
    if as_json:
        worth = {"value": volume.value, "reference": volume.reference}
        goals = study.goals.to_json()
        write_json(
            {"study": study.name, "metric": goals["metric"], "constraints": goals["constraints"]}
            | {"front": [trial_json(trial) for trial in found], "hypervolume": worth}
        )
        return
    header, *rows = found.table()
    write_table(header, rows)
    click.echo(f"{len(found)} of {len(study.trials)} trials; {volume}")
