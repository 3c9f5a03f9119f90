"""A session from its first worker to its last message."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rung import views
from rung._earlier import Import, events_of
from rung._interrupts import stoppable
from rung._session import begin
from rung._text import visible, visible_lines
from rung._transfer import Lesson
from rung._view import StudyView
from rung.engine.confirming import Confirming
from rung.engine.forecast import TimeLeft
from rung.errors import ObjectiveError
from rung.execution.backends import EXECUTORS, backend_for
from rung.execution.base import Executor
from rung.execution.work import Backend, Work
from rung.objectives.checkpoints import FolderStore
from rung.objectives.function import Objective, fingerprint
from rung.settings import Settings
from rung.views.callbacks import telling

logger = logging.getLogger("rung")


def work_of(objective: Objective, settings: Settings) -> tuple[Work, Backend]:
    """What a session is to run, and the backend that runs it; raises what that one's check raises."""
    work = Work(
        objective, settings.n_workers, settings.trial_timeout, settings.trial_memory, settings.gpus_per_trial,
        pauses=settings.scheduler.pauses,
    )  # fmt: skip
    return work, backend_for(work, settings.executor)


def run_session(
    study: StudyView,
    settings: Settings,
    work: Work,
    backend: Backend,
    *,
    made_by: Mapping[str, Any],
    confirming: Confirming | None = None,
    found: Sequence[Import] = (),
    lessons: Sequence[Lesson] = (),
) -> None:
    """Run a session of `study` to its end; raises KeyboardInterrupt after Ctrl-C."""
    with _home(study.folder) as home, telling(study.name, settings.callbacks) as tell:
        logs = home / "logs" if study.folder is not None else None
        store = FolderStore(home / "trials")
        placed = replace(work, checkpoints=store, logs=logs)
        session = begin(
            study,
            lambda: _started(backend, placed, settings),
            settings,
            {"objective_code": fingerprint(work.objective.function), **made_by},
            backend=backend,
            discard=store.discard,
            confirming=confirming,
            lessons=lessons,
        )
        coordinator = session.coordinator
        coordinator.tell = tell
        logger.info("stored in %s", study.folder or "memory only")
        for each in found:
            coordinator.note(*events_of(each, study.state))
            each.log(study.name)
        coordinator.heeds_requests = True
        view = views.watch(
            study.name,
            coordinator.reading,
            coordinator.now,
            settings.budget,
            lambda: TimeLeft(settings),
            progress=settings.progress,
        )
        try:
            with view, stoppable(coordinator):
                coordinator.run()
        finally:
            session.close()
    if coordinator.engine.stopping in {"interrupted", "by hand"}:
        raise KeyboardInterrupt
    _warn_of_failures(study)


def _warn_of_failures(study: StudyView) -> None:
    counts = study.state.counts
    if counts["failed"] and not counts["completed"] + counts["stopped"]:
        first = next(t for t in study.trials if t.status == "failed")
        logger.warning("no trial has succeeded; the first, trial %d: %s\n%s",
                       first.number, visible(first.reason), visible_lines(first.traceback))  # fmt: skip


@contextmanager
def _home(folder: Path | None) -> Iterator[Path]:
    # A study in memory keeps its checkpoints as long as it runs.
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="rung-", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)


def _started(backend: Backend, work: Work, settings: Settings) -> Executor:
    try:
        return backend.start(work)
    except ObjectiveError as error:
        if settings.executor is not None or work.limits:
            raise
        logger.warning(
            "%s; running it in this process, one trial at a time, not by %d workers", error, work.n_workers
        )
        return EXECUTORS["inline"]().start(work)
