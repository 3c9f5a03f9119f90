"""`rung check`: try an objective out."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

import click

from rung._check import check_objective
from rung.cli.options import (
    given,
    options_of,
    quiet_option,
    source_options,
    time_or_number,
    with_options,
)
from rung.cli.output import json_option
from rung.cli.program import load_either
from rung.cli.trying import chosen, write_found
from rung.cli.tuning import messages

_CHECKED = ("metric", "resource", "seed")
"""The settings that count for this command; what else a file sets is for `rung run`."""


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
    options = {**chosen(experiment.options, _CHECKED), **given(flags)}
    with nullcontext() if quiet else messages():
        report = check_objective(experiment.objective, experiment.space, **options)
    write_found(report, {"ok": report.ok, **asdict(report)}, as_json)
    click.get_current_context().exit(0 if report.ok else 1)
