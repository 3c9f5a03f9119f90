"""`rung check` and `rung simulate`: before the hours are spent."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import click

from rung._check import check_objective
from rung._dry_run import dry_run
from rung.cli.options import (
    given,
    options_of,
    quiet_option,
    source_options,
    time_or_number,
    with_options,
)
from rung.cli.output import json_option, write_json
from rung.cli.program import load_either
from rung.cli.running import messages
from rung.settings import SETTINGS
from rung.views.text import visible_lines

_CHECKED = ("metric", "resource", "seed")
_SIMULATED = tuple(name for name in inspect.signature(dry_run).parameters if name in SETTINGS)
"""The settings that count for these commands; what else a file sets is for `rung run`."""


@click.command()
@with_options(*source_options)
@click.option("--max-resource", type=click.IntRange(min=2), help="Epochs of each run (4).")
@click.option("--timeout", metavar="TIME", callback=time_or_number, help="Of each of three runs (10min).")
@with_options(*options_of(*_CHECKED), quiet_option, json_option)
def check(
    *, target: str | None, command: str | None, space: str | None, pattern: str | None,
    quiet: bool, as_json: bool, **flags: Any,
) -> None:  # fmt: skip
    """Try out whether an objective reports, is seeded, and goes on after a kill.

    It runs for 4 epochs straight, and for 2 + 2 with its process killed in between; the two curves must
    agree. Of the file's settings `metric`, `resource` and `seed` count. Nothing is stored. The exit code is
    1 if something needs a fix.
    """
    experiment = load_either(target, command, space, pattern)
    options = {**_of(experiment.options, _CHECKED), **given(flags)}
    with nullcontext() if quiet else messages():
        report = check_objective(experiment.objective, experiment.space, **options)
    _write(report, {"ok": report.ok, **asdict(report)}, as_json)
    click.get_current_context().exit(0 if report.ok else 1)


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
    options = {**_of(experiment.options, _SIMULATED), **given(flags)}
    with nullcontext() if quiet else messages():
        found = dry_run(experiment.objective, experiment.space, **options)
    derived = {"cut_off": found.cut_off, "full_epochs": found.full_epochs}
    _write(found, {**asdict(found), **derived}, as_json)


def _of(options: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}


def _write(found: object, data: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        write_json(data)
    else:
        click.echo(visible_lines(str(found)))
