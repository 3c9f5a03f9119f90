"""What `rung check` and `rung simulate` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from rung.cli.output import write_json
from rung.views.text import visible_lines


def chosen(options: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return those of the options that a file may set for this command; the rest is for `rung run`."""
    return {name: options[name] for name in names if name in options}


def write_found(found: object, data: Mapping[str, Any], as_json: bool) -> None:
    """Write the result, as text or as JSON."""
    if as_json:
        write_json(data)
    else:
        click.echo(visible_lines(str(found)))
