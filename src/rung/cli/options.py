"""Flags that several commands share: those of settings are made from the table in `settings.py`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from rung.cli.configs import read_configs
from rung.errors import ArgumentError
from rung.settings import SETTINGS, Kind, Setting
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


def _configs(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> list[Mapping[str, Any]] | None:
    return None if value is None else read_configs(Path(value))


def options_of(*names: str) -> tuple[Callable[[Any], Any], ...]:
    """The flags of these settings, in this order; without names, of all that have one."""
    return tuple(_option(name, SETTINGS[name]) for name in names or SETTINGS if SETTINGS[name].flags)


def _option(name: str, setting: Setting) -> Callable[[Any], Any]:
    read: dict[str, Any] = _READ[setting.kind]
    if setting.choices:
        read = {"type": click.Choice(setting.choices)}
    return click.option(*setting.flags, name, metavar=setting.metavar, help=setting.help, **read)


_READ: Mapping[Kind, dict[str, Any]] = {
    "text": {},
    "texts": {"multiple": True},
    "whole": {"type": int},
    "number": {"type": float},
    "time": {"callback": time_or_number},
    "bounds": {"multiple": True, "callback": _bounds},
    "configs": {"callback": _configs},
}

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
quiet_option = click.option("--quiet", is_flag=True, help="Show no progress.")
