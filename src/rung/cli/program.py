"""Reading what `rung run --command` is given: a program and the file of its space."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from rung.cli.documents import read_document
from rung.cli.experiment import Experiment, load
from rung.errors import SpaceError
from rung.objectives.command import Command
from rung.space import Space
from rung.space.documents import space_of
from rung.views.text import visible

_SYNTAX = re.compile(r"\|\|?|&&?|;|\d?>>?(&\d)?|<<?")
"""Words that mean something to a shell alone."""


def load_either(
    target: str | None, command: str | None, space: str | None, pattern: str | None
) -> Experiment:
    """What is to be tuned, from the arguments of a command: a Python file, or a program and its space."""
    if (target is None) == (command is None):
        raise click.UsageError("give either a FILE.py, or --command with --space")
    if command is None and (space is not None or pattern is not None):
        raise click.UsageError("--space and --pattern go with --command; a FILE.py defines `space` itself")
    if command is None:
        return load(target or "")
    if space is None:
        raise click.UsageError("--command needs --space FILE.toml, its hyperparameters (or FILE.json)")
    return load_program(command, space, pattern)


def load_program(text: str, space: str, pattern: str | None) -> Experiment:
    """The program of a command line, tuned in the space of a file; raises Error with what is wrong."""
    path, command = Path(space), Command(text, pattern=pattern, cwd=Path.cwd())
    found = read_space(path)
    _hint(command, found)
    return _experiment(path.stem, command, found)


def reload_program(stored: Mapping[str, Any], name: str, space: Space) -> Experiment:
    """The experiment of a stored program, from its `Experiment.source` and the study's name and space."""
    command = Command(stored["words"], pattern=stored["pattern"], cwd=stored["cwd"])
    return _experiment(name, command, space)


def _experiment(name: str, command: Command, space: Space) -> Experiment:
    pattern = command.pattern.pattern if command.pattern else None
    program = {"words": list(command.words), "pattern": pattern, "cwd": str(command.cwd)}
    return Experiment(name, command, space, {}, {"program": program})


def read_space(path: Path) -> Space:
    """The space of a TOML or JSON file; raises SpaceError that names the file, the key and the fix."""
    document = read_document(path, SpaceError, "--space ")
    if not isinstance(document, dict):
        raise SpaceError(f"{path}: a {type(document).__name__}; write an object of names and domains")
    try:
        return space_of(document)
    except SpaceError as error:
        raise SpaceError(f"{path}: {error}") from None


def _hint(command: Command, space: Space) -> None:
    for word in command.words:
        if _SYNTAX.fullmatch(word):
            _note(f"no shell runs the command: {word!r} is an argument like any other")
    unused = [name for name in space.varying if name not in command.names]
    if unused and len(unused) < len(space.varying) and "config" not in command.names:
        _note(f"not in the command: {', '.join(unused)} (RUNG_CONFIG alone tells the program)")


def _note(text: str) -> None:
    click.echo(f"note: {visible(text)}", err=True)
