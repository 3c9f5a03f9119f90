"""From the arguments of a study to the study, created or opened."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rung._text import visible
from rung.errors import StudyExists, StudyMismatch, StudyNotFound
from rung.space import Space
from rung.storage import Storage, open_storage, without_passwords
from rung.storage.snapshots import open_state
from rung.study.events import StudyCreated
from rung.study.state import StudyState

if TYPE_CHECKING:  # it loads the searchers, which `rung status` does without
    from rung.settings import Settings

logger = logging.getLogger("rung")

DEFAULT_STORAGE = "rung_studies"


def where(storage: str | Storage | None) -> str | Storage:
    """The storage given, else that of the environment, else the folder `rung_studies`."""
    return storage if storage is not None else os.environ.get("RUNG_STORAGE") or DEFAULT_STORAGE


def latest(storage: Storage) -> str:
    """The name of the study that was changed last; raises StudyNotFound if there is none."""
    studies = storage.studies()
    if not studies:
        raise StudyNotFound(f"there is no study yet in {storage}; name another storage=, or set RUNG_STORAGE")
    return studies[0].name


def look(name: str | None, storage: str | Storage | None) -> tuple[Storage, str, StudyState]:
    """Where the stored study `name` is (the one changed last, if None), its name, and its state.

    Raises StudyNotFound.
    """
    opened = open_storage(where(storage))
    name = name if name is not None else latest(opened)
    return opened, name, open_state(opened, name)


def create_or_open(storage: Storage, name: str, space: Space, settings: Settings) -> StudyState:
    """The state of the study `name`; raises StudyMismatch if it is stored with other arguments."""
    import secrets

    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    goals = settings.goals.to_json()
    created = StudyCreated(id="study", t=0.0, space=space.to_json(), goals=goals, seed=seed)
    try:
        storage.create(name, created)
    except StudyExists:
        pass
    else:
        return StudyState(created)
    state = open_state(storage, name)
    for difference in _differences(state, space, settings):
        raise StudyMismatch(
            f"study {name!r} is stored with other arguments: {difference}. Go on with the old ones, "
            f"use another name=, or delete it by `{shlex.join(['rung', 'delete', name])}`; it is in {storage}"
        )
    return state


def _differences(state: StudyState, space: Space, settings: Settings) -> Iterator[str]:
    if state.space != space:
        yield state.space.diff(space)
    if state.goals != settings.goals:
        yield f"its goals are {state.goals}, not {settings.goals}"
    if settings.seed is not None and settings.seed != state.seed:
        yield f"its seed is {state.seed}, not {settings.seed}"
    if state.trials and state.plan.get("max_resource") != settings.max_resource:
        yield f"its max_resource is {state.plan.get('max_resource')}, not {settings.max_resource}"


def warn_of_objectives(study: str, settings: Settings) -> None:
    """Warn if `study` has objectives that its searcher or its scheduler does not use."""
    first, *others = map(visible, settings.goals.tuned)
    chosen = {"searcher": settings.searcher, "scheduler": settings.scheduler}
    parts = [
        f"{part}={algorithm.name!r}"
        for part, algorithm in chosen.items()
        if getattr(algorithm, "first_objective_only", False)  # one of the user's own need not derive
    ]
    if others and parts:
        logger.warning(
            "study %r: %s only searches for the first objective, %s; %s is recorded and not searched for. "
            'To search for all of them, use searcher="auto" and scheduler="asha" or "fifo"',
            study, " with ".join(parts), first, ", ".join(others),
        )  # fmt: skip


def command() -> str:
    """What one types to run this program again, without passwords; "" if that is not known."""
    # In a notebook or at a prompt there is no command to type again.
    script = Path(sys.argv[0])
    if not script.is_file() or script.name == "ipykernel_launcher.py":
        return ""
    words = ["python", *sys.argv] if script.suffix == ".py" else sys.argv
    return shlex.join(map(without_passwords, words))
