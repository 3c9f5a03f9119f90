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
from rung._tune import run_study
from rung._view import StudyView
from rung.cli.experiment import Experiment, load
from rung.cli.options import given, options_of, quiet_option, source_options, with_options
from rung.cli.output import json_option, storage_option, write_best
from rung.cli.program import load_either, reload_program
from rung.errors import Interrupted, StudyError
from rung.settings import SETTINGS, Settings
from rung.storage import without_passwords


@click.command()
@with_options(*source_options, *options_of(), quiet_option, json_option)
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
    """  # noqa: D301 -- click's \b keeps the lines of the table
    experiment = load_either(target, command, space, pattern)
    typed = given(flags)
    options = {"name": experiment.name, **experiment.options, **typed}
    _tune(experiment, options, typed, quiet, as_json)


@click.command()
@click.argument("name")
@with_options(*options_of("n_trials", "timeout", "n_workers"), storage_option, quiet_option, json_option)
def resume(name: str, storage: str, quiet: bool, as_json: bool, **flags: Any) -> None:
    """Go on with a study that `rung run` made.

    It runs up to the budget it was given, or up to a new one. The file is imported again, or the stored
    program run in its folder; flags of the earlier command stay in force.
    """
    study = StudyView.load(name, storage=storage)
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
    typed = {**_kept(plan.get("flags", {})), **given(flags)}
    budget = {key: plan[key] for key in ("n_trials", "timeout", "n_workers", "max_resource") if key in plan}
    options = {**experiment.options, **budget, **typed, "name": name, "storage": storage}
    _tune(experiment, options, typed, quiet, as_json)


def _tune(
    experiment: Experiment, options: Mapping[str, Any], typed: Mapping[str, Any], quiet: bool, as_json: bool
) -> None:
    command = _resume_command(options["name"], options.get("storage"))
    settings = Settings.of(progress=False if quiet else None, **options)
    # The objective of a single worker prints on this very stdout, which is to hold JSON alone.
    stdout = redirect_stdout(sys.stderr) if as_json else nullcontext()
    try:
        with stdout, nullcontext() if quiet else messages():
            study = run_study(experiment.objective, experiment.space, settings,
                              {**experiment.source, "flags": _kept(typed), "command": command})  # fmt: skip
    except KeyboardInterrupt as stop:
        raise (
            stop if isinstance(stop, Interrupted) else Interrupted(f"killed; continue with: {command}")
        ) from None
    write_best(study, as_json)


def _kept(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that hold on at `rung resume`: not the place, whose address may hold a password."""
    return {n: value for n, value in flags.items() if n in SETTINGS and SETTINGS[n].scope != "place"}


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
