"""Flags that several commands share, each named as the argument of `rung.tune` that it sets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from rung.errors import ArgumentError
from rung.schedulers import SCHEDULERS
from rung.searchers import SEARCHERS
from rung.study.metrics import Constraint

F = TypeVar("F", bound=Callable[..., Any])


def with_options(*options: Callable[[Any], Any]) -> Callable[[F], F]:
    """Add options to a command, shown in this order."""

    def add(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return add


def given(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were typed."""
    return {name: value for name, value in flags.items() if value is not None and value != ()}


def time_or_number(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> str | float | None:
    """Read `90` as seconds, and leave `2h` to rung."""
    try:
        return None if value is None else float(value)
    except ValueError:
        return value


def _bounds(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, str] | None:
    return dict(map(_bound, values)) or None


def _bound(text: str) -> tuple[str, str]:
    """Split `model_mb <= 20` into the metric and the rest."""
    name = re.split("[<>]", text)[0]
    try:
        Constraint.parse(name, text[len(name) :])
    except ArgumentError:
        name = ""
    if not name.strip():
        raise click.BadParameter(f"{text!r}; write a metric and its bound, such as 'model_mb <= 20'")
    return name.strip(), text[len(name) :]


source_options = (
    click.argument("target", metavar="[FILE.py[:OBJECTIVE]]", required=False),
    click.option(
        "--command", metavar="COMMAND",
        help="Instead of a file: a program in any language, such as 'python train.py --lr {learning_rate} "
        "--epochs {max_resource}', that prints lines such as {\"epoch\": 1, \"validation_error\": 0.2}.",
    ),
    click.option("--space", metavar="FILE", help="With --command: its hyperparameters, in TOML or JSON."),
    click.option(
        "--pattern", metavar="REGEX",
        help="With --command: finds metrics and epoch in a line by named groups, such as "
        "'epoch (?P<epoch>\\d+) .*error (?P<validation_error>\\S+)'; without it, lines are JSON.",
    ),
)  # fmt: skip
n_trials_option = click.option("--n-trials", type=int, help="Trials in all.")
timeout_option = click.option(
    "--timeout", metavar="TIME", callback=time_or_number, help="Running time in all: 90, 2h, 1h 30m."
)
n_workers_option = click.option("--n-workers", "--workers", "n_workers", type=int, help="Trials at once.")
searcher_option = click.option("--searcher", metavar="NAME", help=f"{', '.join(SEARCHERS)}.")
scheduler_option = click.option("--scheduler", metavar="NAME", help=f"{', '.join(SCHEDULERS)}.")
metric_option = click.option("--metric", help="The tuned metric.")
mode_option = click.option("--mode", type=click.Choice(["min", "max"]), help="Which values of it are good.")
max_resource_option = click.option("--max-resource", type=int, help="Epochs of a trial.")
resource_option = click.option("--resource", metavar="NAME", help="What an epoch is called, such as step.")
seed_option = click.option("--seed", type=int, help="Of all random choices.")
keep_checkpoints_option = click.option(
    "--keep-checkpoints", type=click.Choice(["best", "all", "none"]), help="Whose stay when trials are over."
)
constraint_option = click.option(
    "--constraint", "constraints", multiple=True, metavar="BOUND", callback=_bounds,
    help="What the winner must keep, such as 'model_mb <= 20'; may be repeated.",
)  # fmt: skip

budget_options = (n_trials_option, timeout_option, n_workers_option)
plan_options = (
    searcher_option,
    scheduler_option,
    metric_option,
    mode_option,
    constraint_option,
    click.option(
        "--report-only", multiple=True, metavar="METRIC", help="Kept for the final report; may be repeated."
    ),
    max_resource_option,
    resource_option,
    keep_checkpoints_option,
    click.option(
        "--trial-timeout", metavar="TIME", callback=time_or_number, help="How long a trial may run: 90, 2h."
    ),
    click.option("--trial-memory", metavar="SIZE", help="What a trial's processes may hold: 8GB."),
    click.option("--gpus-per-trial", type=float, metavar="N", help="GPUs of each worker: 1, 2, 0.5."),
    click.option("--retries", type=int, help="How often a trial whose worker died runs again."),
    click.option("--max-failures", type=int, help="Failed trials in a row that stop the study."),
    click.option(
        "--on-error",
        type=click.Choice(["continue", "raise"]),
        help="Whether a trial that raises stops the study.",
    ),
    seed_option,
    click.option("--durability", type=click.Choice(["machine", "process"]), help="What a report survives."),
)
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")
