"""`rung run` and `rung resume`."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import click

from rung._opening import DEFAULT_STORAGE
from rung._study import Study
from rung._tune import made_by, tune
from rung.cli.experiment import OPTIONS, Experiment, load
from rung.cli.options import budget_options, given, plan_options, quiet_option, source_options, with_options
from rung.cli.output import json_option, storage_option, write_best
from rung.cli.program import load_either, reload_program
from rung.errors import Interrupted, StudyError
from rung.storage import without_passwords

_NOT_KEPT = ("name", "storage")
"""Flags that say which study it is, rather than how it runs."""


@click.command()
@with_options(*source_options, *budget_options, *plan_options)
@click.option("--name", help="Of the study; without it, the name of FILE.py, or of the space's file.")
@click.option("--storage", metavar="FOLDER", help="Where the study is kept.")
@with_options(quiet_option, json_option)
def run(
    *, target: str | None, command: str | None, space: str | None, pattern: str | None,
    quiet: bool, as_json: bool, **flags: Any,
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
    """
    experiment = load_either(target, command, space, pattern)
    typed = given(flags)
    options = {"name": experiment.name, **experiment.options, **typed}
    _tune(experiment, options, typed, quiet, as_json)


@click.command()
@click.argument("name")
@with_options(*budget_options, storage_option, quiet_option, json_option)
def resume(name: str, storage: str, quiet: bool, as_json: bool, **flags: Any) -> None:
    """Go on with a study that `rung run` made.

    It runs up to the budget it was given, or up to a new one. The file is imported again, or the stored
    program run in its folder; flags of the earlier command stay in force.
    """
    study = Study.load(name, storage=storage)
    plan = study.state.plan
    if "file" not in plan and "program" not in plan:
        how = (
            f"continue with: {plan['command']}" if plan.get("command") else "run the code that made it again"
        )
        raise StudyError(f"study {name!r} was not made by `rung run`; {how}")
    if "program" in plan:
        experiment = reload_program(plan["program"], name, study.space)
    elif Path(plan["file"]).resolve().is_relative_to(Path(storage).resolve()):
        raise StudyError(f"study {name!r}: {plan['file']} lies among the studies, whose files are never run")
    else:
        experiment = load(f"{plan['file']}:{plan.get('objective', 'objective')}")
    kept = {flag: value for flag, value in plan.get("flags", {}).items() if flag in OPTIONS}
    typed = {**kept, **given(flags)}
    budget = {key: plan[key] for key in ("n_trials", "timeout", "n_workers", "max_resource") if key in plan}
    options = {**experiment.options, **budget, **typed, "name": name, "storage": storage}
    _tune(experiment, options, typed, quiet, as_json)


def _tune(
    experiment: Experiment, options: Mapping[str, Any], typed: Mapping[str, Any], quiet: bool, as_json: bool
) -> None:
    command = _resume_command(options["name"], options.get("storage"))
    token = made_by.set(
        {
            **experiment.source,
            "flags": {name: value for name, value in typed.items() if name not in _NOT_KEPT},
            "command": command,
        }
    )
    # The objective of a single worker prints on this very stdout, which is to hold JSON alone.
    stdout = redirect_stdout(sys.stderr) if as_json else nullcontext()
    try:
        with stdout, nullcontext() if quiet else messages():
            study = tune(experiment.objective, experiment.space, progress=False if quiet else None, **options)
    except KeyboardInterrupt as stop:
        raise (
            stop if isinstance(stop, Interrupted) else Interrupted(f"killed; continue with: {command}")
        ) from None
    finally:
        made_by.reset(token)
    write_best(study, as_json)


def _resume_command(name: str, storage: Any) -> str:
    known = isinstance(storage, str | Path) and str(storage) != DEFAULT_STORAGE
    where = [without_passwords(str(storage))] if known else []
    return shlex.join(
        ["rung", "resume", str(name), *(word for path in where for word in ("--storage", path))]
    )


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
