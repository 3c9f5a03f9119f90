"""How `rung run` and `rung resume` tune: with messages on stderr, and JSON alone on stdout if asked for."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from rung._opening import DEFAULT_STORAGE
from rung._tune import run_study
from rung.cli.experiment import Experiment
from rung.cli.output import write_best
from rung.errors import Interrupted
from rung.settings import SETTINGS, Settings
from rung.storage import without_passwords


def tune_file(
    experiment: Experiment, options: Mapping[str, Any], typed: Mapping[str, Any], quiet: bool, as_json: bool
) -> None:
    """Tune an experiment and write its best trial; the log keeps the `typed` flags for `rung resume`."""
    command = command_for("resume", options["name"], options.get("storage"))
    settings = Settings.of(progress=False if quiet else None, **options)
    with at_work(command, quiet=quiet, as_json=as_json):
        made_by = {**experiment.source, "flags": kept_flags(typed), "command": command}
        study = run_study(experiment.objective, experiment.space, settings, made_by)
    write_best(study, as_json)


@contextmanager
def at_work(command: str, *, quiet: bool, as_json: bool) -> Iterator[None]:
    """Show messages while a study runs, and after Ctrl-C the `command` that goes on with it."""
    # The objective of a single worker prints on this very stdout, which is to hold JSON alone.
    stdout = redirect_stdout(sys.stderr) if as_json else nullcontext()
    try:
        with stdout, nullcontext() if quiet else messages():
            yield
    except KeyboardInterrupt as stop:
        raise (
            stop if isinstance(stop, Interrupted) else Interrupted(f"killed; continue with: {command}")
        ) from None


def kept_flags(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that hold on at `rung resume`: not the place, whose address may hold a password."""
    return {n: value for n, value in flags.items() if n in SETTINGS and SETTINGS[n].scope != "place"}


def command_for(verb: str, name: str, storage: Any) -> str:
    """The command that does `verb` with a study."""
    known = isinstance(storage, str | Path) and str(storage) != DEFAULT_STORAGE
    where = [without_passwords(str(storage))] if known else []
    return shlex.join(["rung", verb, str(name), *(word for path in where for word in ("--storage", path))])


@contextmanager
def messages() -> Iterator[None]:
    """Show what rung logs, such as where the study is, on stderr, unless the file has set up logging."""
    logger, handler = logging.getLogger("rung"), logging.StreamHandler(sys.stderr)
    if logging.getLogger().handlers or logger.handlers:
        yield
        return
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
