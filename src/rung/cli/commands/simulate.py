"""`rung simulate`: what `rung run` would do."""

from __future__ import annotations

import inspect
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import click

from rung._dry_run import dry_run
from rung.cli.options import (
    given,
    options_of,
    quiet_option,
    source_options,
    with_options,
)
from rung.cli.output import json_option
from rung.cli.program import load_either
from rung.cli.trying import chosen, write_found
from rung.cli.tuning import messages
from rung.settings import SETTINGS

_SIMULATED = tuple(name for name in inspect.signature(dry_run).parameters if name in SETTINGS)
"""The settings that count for this command; what else a file sets is for `rung run`."""


@click.command()
@with_options(*source_options, *options_of(*_SIMULATED))
@click.option("--pilots", type=int, help="Real trials to learn from (3).")
@click.option(
    "--stragglers", type=float, help="Spread of the attempts' speed: 0.5 makes one in 40 2.7 times slower."
)
@click.option("--failures", type=click.FloatRange(0, 1), help="Probability that a worker dies in an epoch.")
@with_options(quiet_option, json_option)
def simulate(
    *, target: str | None, command: str | None, space: str | None, pattern: str | None,
    quiet: bool, as_json: bool, **flags: Any,
) -> None:  # fmt: skip
    """Say what `rung run` would do, from a few real trials and the rest in virtual time.

    Takes the file and the flags of `rung run`. Pilot trials of random configurations run in full; simulated
    trials take their curves and seconds, with noise, so this is good for counts, times and disk, not for
    values. Nothing is stored.
    """
    experiment = load_either(target, command, space, pattern)
    options = {**chosen(experiment.options, _SIMULATED), **given(flags)}
    with nullcontext() if quiet else messages():
        found = dry_run(experiment.objective, experiment.space, **options)
    derived = {"cut_off": found.cut_off, "full_epochs": found.full_epochs}
    write_found(found, {**asdict(found), **derived}, as_json)
