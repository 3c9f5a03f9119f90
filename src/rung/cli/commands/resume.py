"""`rung resume`: go on with a study that `rung run` made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rung._view import StudyView
from rung.cli.experiment import load
from rung.cli.options import given, options_of, quiet_option, with_options
from rung.cli.output import json_option, storage_option
from rung.cli.program import reload_program
from rung.cli.tuning import kept_flags, tune_file
from rung.errors import StudyError


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
    study = StudyView.load(name, storage=storage)
    plan = study.state.plan
    if "file" not in plan and "program" not in plan:
        how = (
            f"continue with: {plan['command']}" if plan.get("command") else "run the code that made it again"
        )
        raise StudyError(f"study {name!r} was not made by `rung run`; {how}")
    if "program" in plan:
        experiment = reload_program(plan["program"], name, study.space)
    elif Path(plan["file"]).resolve().is_relative_to(Path(storage).resolve()):
        raise StudyError(f"study {name!r}: {plan['file']} lies among the studies, whose files are never run")
    else:
        experiment = load(f"{plan['file']}:{plan.get('objective', 'objective')}")
    typed = {**kept_flags(plan.get("flags", {})), **given(flags)}
    budget = {key: plan[key] for key in ("n_trials", "timeout", "n_workers", "max_resource") if key in plan}
    options = {**experiment.options, **budget, **typed, "name": name, "storage": storage}
    tune_file(experiment, options, typed, quiet, as_json)
