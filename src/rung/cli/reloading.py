"""A study of `rung run` by its name: its file or its program, and the flags that hold on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung._view import StudyView
from rung.cli.experiment import Experiment, load
from rung.cli.options import given
from rung.cli.program import reload_program
from rung.cli.tuning import kept_flags
from rung.errors import StudyError


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What a stored study was made of."""

    experiment: Experiment
    options: Mapping[str, Any]
    """Arguments of `rung.tune`."""
    typed: Mapping[str, Any]
    """Those of them that were typed, now or before."""


def reload(name: str, storage: str, flags: Mapping[str, Any]) -> Reloaded:
    """Import the file of a study again, or take its stored program; `flags` are those typed now.

    Raises StudyError if `rung run` did not make the study.
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
    typed = {**kept_flags(plan.get("flags", {})), **given(flags)}
    budget = {key: plan[key] for key in ("n_trials", "timeout", "n_workers", "max_resource") if key in plan}
    options = {**experiment.options, **budget, **typed, "name": name, "storage": storage}
    return Reloaded(experiment, options, typed)
