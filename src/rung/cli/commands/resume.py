"""`rung resume`: go on with a study that `rung run` made."""

from __future__ import annotations

from typing import Any

import click

from rung.cli.options import options_of, quiet_option, with_options
from rung.cli.output import json_option, storage_option
from rung.cli.reloading import reload
from rung.cli.tuning import tune_file


@click.command()
@click.argument("name")
@with_options(
    *options_of("n_trials", "timeout", "stop_when", "n_workers"), storage_option, quiet_option, json_option
)
def resume(name: str, storage: str, quiet: bool, as_json: bool, **flags: Any) -> None:
    """Go on with a study that `rung run` made.

    It runs up to the budget it was given, or up to a new one. The file is imported again, or the stored
    program run in its folder; flags of the earlier command stay in force.
    """
    again = reload(name, storage, flags)
    tune_file(again.experiment, again.options, again.typed, quiet, as_json)
