"""Reading the file that `rung run` is given."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click

from rung._tune import importing
from rung.errors import ArgumentError, Error, ObjectiveError, SpaceError
from rung.settings import SETTINGS
from rung.views.text import visible

OPTIONS = tuple(name for name in SETTINGS if name != "progress")
"""Settings that a file may give by names of its own."""
_FUNCTIONS = ("stop_when",)
"""Those of them that a file may define as a function; any other function is the user's own."""
_LONGEST = 50  # characters of what may be a typo of these
_PARSERS = {"argparse", "optparse", "click", "typer", "docopt", "fire", "tyro"}
"""Modules that read a script's arguments."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """What is to be tuned."""

    name: str
    """Of the study, if nothing else names it."""
    objective: Any
    space: Any
    options: Mapping[str, Any]
    """Arguments of `rung.tune` that the file sets."""
    source: Mapping[str, Any]
    """The part that the log keeps, from which `rung resume` loads the rest."""


def load(target: str) -> Experiment:
    """Import `FILE.py[:objective]`; raises Error with what is missing in it."""
    path, function = _split(target)
    if not path.is_file():
        also = path.with_suffix(".py")
        hint = f"; did you mean {also}?" if also.is_file() else ""
        raise ArgumentError(f"{path}: there is no such file{hint}")
    if path.suffix != ".py":
        raise ArgumentError(f"{path} is not a Python file; give one that defines `objective` and `space`")
    module = _import(path.resolve())
    _hint_at_typos(module)
    names = vars(module)  # not getattr: a module may have a __getattr__ of its own
    if names.get(function) is None:
        hint = f"; {_as_a_program(path)}" if _PARSERS & names.keys() else ""
        raise ObjectiveError(f"{path} has no {function!r}; {_functions(module)}{hint}")
    if "space" not in names:
        raise SpaceError(f'{path} has no `space`; add one, such as space = {{"x": rung.Float(0, 1)}}')
    options = {name: names[name] for name in OPTIONS if name in names and not _is_own(name, names[name])}
    source = {"file": str(path.resolve()), "objective": function}
    return Experiment(path.stem, names[function], names["space"], options, source)


def _is_own(name: str, value: object) -> bool:
    # Many a file has a function of that name.
    return name == "add" and callable(value)


def _hint_at_typos(module: ModuleType) -> None:
    for name, value in vars(module).items():
        if not isinstance(name, str) or len(name) > _LONGEST:  # globals() takes any key
            continue
        options = _FUNCTIONS if callable(value) else OPTIONS
        close = difflib.get_close_matches(name, options, n=1, cutoff=0.8)
        if close and name not in OPTIONS:
            click.echo(f"note: {visible(name)} is not a setting; did you mean {close[0]}?", err=True)


def _split(target: str) -> tuple[Path, str]:
    path, colon, function = target.rpartition(":")
    return (Path(path), function) if colon and function.isidentifier() else (Path(target), "objective")


def _import(path: Path) -> ModuleType:
    import cloudpickle

    spec = importlib.util.spec_from_file_location(f"__rung_{path.stem}__", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent))
    token = importing.set(True)
    try:
        spec.loader.exec_module(module)
        sys.modules[spec.name] = module  # it may have thrown itself out
        # Workers can't import a module of this name: they get its functions and classes themselves.
        cloudpickle.register_pickle_by_value(module)
    except Error:
        raise
    except (Exception, SystemExit, GeneratorExit) as error:
        if isinstance(error, SystemExit) and _was_parsing(error):
            raise Error(_as_a_program(path)) from None
        raise Error(f"{path} can't be imported:\n{_traceback(error, path)}") from error
    finally:
        importing.reset(token)
    return module


def _was_parsing(error: SystemExit) -> bool:
    frames = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(name.partition(".")[0] in _PARSERS for name in frames)


def _as_a_program(path: Path) -> str:
    return (
        f"{path} parses its own arguments: tune it as a program, such as "
        f"rung run --command 'python {path.name} --lr {{lr}}' --space space.toml"
    )


def _traceback(error: BaseException, path: Path) -> str:
    # From the user's own file on; how rung came to import it says nothing.
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != str(path):
        frames = frames.tb_next
    return "".join(traceback.format_exception(type(error), error, frames)).rstrip()


def _functions(module: ModuleType) -> str:
    own = [n for n, v in vars(module).items() if inspect.isfunction(v) and v.__module__ == module.__name__]
    return f"name one of its functions after a colon: {', '.join(own)}" if own else "it defines no function"
