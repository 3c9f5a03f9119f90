"""Taking a study for a session."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from rung._opening import command, warn_of_objectives
from rung._transfer import Lesson
from rung._view import StudyView
from rung.engine.confirming import Confirming
from rung.engine.coordinator import Coordinator
from rung.engine.engine import Engine
from rung.engine.recovery import take
from rung.engine.session import Session
from rung.execution.base import Executor
from rung.execution.work import Backend
from rung.settings import Settings
from rung.study.stopping import ask, asking, reason_to_stop

E = TypeVar("E", bound=Executor)

logger = logging.getLogger("rung")


def begin(
    study: StudyView,
    start: Callable[[], E],
    settings: Settings,
    extra: Mapping[str, Any],
    *,
    backend: Backend | None = None,
    discard: Callable[[int], object] | None = None,
    confirming: Confirming | None = None,
    lessons: Sequence[Lesson] = (),
) -> Session[E]:
    """Take `study` for a session on the executor that `start` makes; the log keeps settings and `extra`.

    `backend` made that executor, if it has one; `discard` deletes the checkpoints of a trial, if they are the
    session's to delete; `confirming` says how the winner is confirmed, if it is not as the settings say;
    `lessons` of earlier studies are logged unless that was done.
    """
    warn_of_objectives(study.name, settings)
    again = command() if settings.name is not None else ""
    # The study is ours, and a dead coordinator's leftovers are gone, before the first worker starts.
    plan = {**settings.to_json(), "command": again, **extra}
    lease, study._state, keeper = take(study._storage, study.name, plan, backend)
    try:
        executor = start()
    except BaseException:
        study._storage.release(lease)
        raise
    engine = Engine(study._state, settings, confirming=confirming)
    coordinator = Coordinator(engine, study._storage, lease, executor, keeper, discard=discard)
    engine.folder = study.folder
    coordinator.stop_when = asking(settings.stop_when, StudyView(study._storage, study.name, study._state))
    _teach(coordinator, study, lessons)
    return Session(study._storage, lease, executor, coordinator)


def rule_that_holds(study: StudyView, settings: Settings) -> str:
    """Why a stored study is not gone on with, or ""; one that was cut off is always taken, to end it."""
    state, rules = study.state, settings.stop_when
    if state.open or not state.trials:
        return ""
    return reason_to_stop(rules, state, state.t) or ask(rules, study)


def _teach(coordinator: Coordinator, study: StudyView, lessons: Sequence[Lesson]) -> None:
    state = study._state
    if not lessons or state.earlier or state.trials:
        return
    for lesson in lessons:
        coordinator.note(lesson.event(state))
        level = logging.WARNING if ";" in lesson.taken else logging.INFO
        logger.log(level, "study %r learns from %s", study.name, lesson.taken)
