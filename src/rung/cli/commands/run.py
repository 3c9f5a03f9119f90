"""`rung run`: tune the objective of a file, or any program."""

from __future__ import annotations

from typing import Any

import click

from rung.cli.options import given, options_of, quiet_option, source_options, with_options
from rung.cli.output import json_option
from rung.cli.program import load_either
from rung.cli.results import read_results
from rung.cli.tuning import tune_file
from rung.space import Space


@click.command()
@with_options(*source_options, *options_of())
@click.option(
    "--add",
    "files",
    metavar="FILE",
    multiple=True,
    help="Earlier results, as a table in CSV or what `rung trials --json` writes; may be repeated.",
)
@with_options(quiet_option, json_option)
def run(
    *, target: str | None, command: str | None, space: str | None, pattern: str | None,
    files: tuple[str, ...], quiet: bool, as_json: bool, **flags: Any,
) -> None:  # fmt: skip
    """Tune the objective of a Python file, or any program.

    The same command again goes on with the study. The file defines `objective` and `space`, and may set
    n_trials, timeout, n_workers, metric, mode and most other arguments of rung.tune by names of its own;
    flags go before them.

    With --command, a program runs for each trial: {name} in its arguments is a hyperparameter, or one of
    config (all as JSON), max_resource, start_resource, target_resource, checkpoint_dir, trial, attempt, seed.
    Reports are lines of its stdout. --space has a table for each hyperparameter:

    \b
        [learning_rate]
        type = "float"       # or int, categorical, ordinal, constant, scipy.stats
        low = 1e-4
        high = 1
        log = true
    """  # noqa: D301 -- click's \b keeps the lines of the table
    experiment = load_either(target, command, space, pattern)
    typed = given(flags)
    options = {"name": experiment.name, **experiment.options, **typed}
    if files:
        found = [result for file in files for result in read_results(file, Space.of(experiment.space))]
        options["add"] = [*options.get("add", ()), *found]
    tune_file(experiment, options, typed, quiet, as_json)
