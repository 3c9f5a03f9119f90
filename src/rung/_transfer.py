"""Earlier studies to learn from: where they are, and their trials put on the space of the new study."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rung._opening import look
from rung._text import brief, counted, visible
from rung._view import StudyView
from rung.errors import ArgumentError, ConfigError, StudyNotFound
from rung.searchers.earlier import observations
from rung.settings import Settings
from rung.space import Config, Domain, Float, Int, Space
from rung.storage import Storage, open_storage
from rung.study.events import EarlierStudyRead
from rung.study.history import History
from rung.study.metrics import Metric
from rung.study.state import StudyState

logger = logging.getLogger("rung")

Array: TypeAlias = NDArray[np.floating[Any]]

Given: TypeAlias = StudyView | str | PathLike[str]
"""A study, its name, or a folder."""
LearnFrom: TypeAlias = Given | tuple[Given, Mapping[str, Any]]
"""The same, and values of hyperparameters that it does not have."""

_LEAST = 3
"""Trials that say anything of a space."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an earlier study teaches."""

    source: str
    configs: Sequence[Mapping[str, Any]]
    losses: Sequence[float]
    taken: str
    """How much of it was taken, in words."""

    def event(self, state: StudyState) -> EarlierStudyRead:
        """The fact to log."""
        return EarlierStudyRead(
            id=f"e{len(state.earlier) + 1}",
            t=state.t,
            source=self.source,
            results={"configs": list(self.configs), "losses": list(self.losses)},
            taken=self.taken,
        )


def lessons_of(settings: Settings, space: Space) -> list[Lesson]:
    """What `learn_from` names, without what the stored study of that name has read.

    Raises ArgumentError for a study that can't be learned from, StudyNotFound.
    """
    known, begun = _stored(settings) if settings.learn_from else (set(), False)
    found = []
    for given, values in settings.learn_from:
        source = given.name if isinstance(given, StudyView) else str(given)
        if source in known:  # it may be gone since
            continue
        if begun:
            logger.warning("study %r learns from what it was given before its first trial: %r is not read; "
                           "use another name=", settings.name, visible(source))  # fmt: skip
            continue
        found += _lessons(source, studies_of(given, settings.storage), values, space, settings)
    return found


def _lessons(
    source: str, views: Sequence[StudyView], values: Mapping[str, Any], space: Space, settings: Settings
) -> list[Lesson]:
    if len(views) == 1:
        return [_lesson(source, views[0], values, space, settings)]
    found, refused = [], ""
    for view in views:  # of a folder, some of which may be about something else
        if view.name == settings.name:
            continue
        try:
            found.append(_lesson(source, view, values, space, settings))
        except ArgumentError as error:
            refused = str(error)
            logger.warning("%s", refused)
    if not found:
        raise ArgumentError(refused or f"learn_from: {source} has no study but this one")
    return found


def _stored(settings: Settings) -> tuple[set[str], bool]:
    """The sources that the stored study has read, and whether it has trials."""
    if settings.name is None:
        return set(), False
    try:
        _, _, state = look(settings.name, settings.storage)
    except StudyNotFound:
        return set(), False
    return {event.source for event in state.earlier}, len(state.trials) > 0


def studies_of(given: Given, storage: str | Storage | None) -> list[StudyView]:
    """A study, the one of a name in `storage`, or those of a folder; raises StudyNotFound."""
    if isinstance(given, StudyView):
        return [given]
    if isinstance(given, str):
        try:  # nobody has put a study into a memory that is made here
            return [StudyView(*look(given, None if storage == ":memory:" else storage))]
        except StudyNotFound:
            if not Path(given).is_dir():
                raise
    return _in_folder(Path(given).absolute())


def _in_folder(folder: Path) -> list[StudyView]:
    """The study whose folder this is, or all that lie in it."""
    one = (folder / "study.db").is_file()
    storage = open_storage(folder.parent if one else folder)
    names = sorted(info.name for info in storage.studies() if not one or storage.folder(info.name) == folder)
    if not names:
        raise StudyNotFound(f"{folder}: there is no study here; give the name of a study, or its folder")
    return [StudyView.load(name, storage=storage) for name in names]


def _lesson(
    source: str, view: StudyView, values: Mapping[str, Any], space: Space, settings: Settings
) -> Lesson:
    what, metric = f"learn_from: study {visible(view.name)!r}", settings.goals.first
    if view.name == settings.name:
        raise ArgumentError(f"{what} is the study itself; name earlier ones")
    configs, losses, n_failed = tried(what, view, metric)
    placed = put(what, configs, view.space, space, values)
    rows = [i for i, config in enumerate(placed.configs) if config is not None]
    if len(rows) < _LEAST:
        raise ArgumentError(
            f"{what} has {counted(len(rows), 'trial')} to learn from, which are too few"
            + "".join(f"; {change}" for change in placed.changes)
        )
    failed = [f"{n_failed} that failed count as its worst"] if n_failed else []
    taken = [f"{len(rows)} of {counted(len(view.trials), 'trial')} of study {visible(view.name)!r}"]
    return Lesson(
        source,
        [space.config_to_json(config) for config in placed.configs if config is not None],
        losses[rows].tolist(),
        "; ".join([*taken, *placed.changes, *failed]),
    )


def tried(what: str, view: StudyView, metric: Metric) -> tuple[list[Config], Array, int]:
    """Return at most 300 configurations of a study, their losses, and how many of them failed.

    Raises ArgumentError, which begins with `what`, if the study does not tune this metric.
    """
    if metric not in view.goals.metrics:
        tuned = ", ".join(f"{visible(m.name)} ({m.mode})" for m in view.goals.metrics)
        raise ArgumentError(
            f"{what} tunes {tuned}, not {visible(metric.name)} ({metric.mode}); name studies of that metric"
        )
    numbers, losses, n_failed = observations(History(view.state), metric)
    return [view.trials[number].config for number in numbers], losses, n_failed


@dataclass(frozen=True, slots=True)
class Placed:
    """Configurations of one space on another."""

    configs: Sequence[Config | None]
    """None where there is no such configuration."""
    changes: Sequence[str]
    """What was done to them, in words."""


def put(
    what: str, configs: Sequence[Config], earlier: Space, space: Space, values: Mapping[str, Any]
) -> Placed:
    """Put configurations of the space `earlier` on another one: hyperparameters are matched by name.

    One that `earlier` lacks has its value in `values`, or the middle of its range; numbers are clipped to
    its range. Raises ArgumentError, which begins with `what`, if the spaces have nothing in common.
    """
    if not any(name in earlier.varying for name in space.varying):
        raise ArgumentError(f"{what} has no hyperparameter in common with this space: its own are "
                            f"{', '.join(map(visible, earlier.varying))}")  # fmt: skip
    for name in values:
        if name not in space or name in earlier:
            why = "its trials have values of it" if name in earlier else "it is not in the space"
            raise ArgumentError(f"{what}: a value is given for {brief(name)}, but {why}; leave it out")
    points = np.full((len(configs), len(space)), 0.5)
    changes: list[str] = []
    fits = np.ones(len(configs), dtype=bool)
    for j, name in enumerate(space.names):
        domain = space[name]
        if name in earlier:
            places = [_place(domain, config[name]) if name in config else 0.5 for config in configs]
            points[:, j] = [0.5 if place is None else place for place in places]
            fits &= [place is not None for place in places]
            changes += _range_changes(name, domain, earlier[name], configs)
        elif name in space.varying:
            value = _given(what, name, domain, values[name]) if name in values else domain.decode(0.5)
            points[:, j] = domain.encode([value])
            changes.append(f"{visible(name)} taken as {brief(value)}")
    if ignored := [visible(name) for name in earlier.varying if name not in space]:
        changes.append(f"{', '.join(ignored)} ignored")
    decoded = space.decode(points)
    fits &= [space.allows(config) for config in decoded]
    if not fits.all():
        changes.append(f"{int((~fits).sum())} are not in this space")
    return Placed([config if fit else None for config, fit in zip(decoded, fits, strict=True)], changes)


def _place(domain: Domain, value: Any) -> float | None:
    """Where a value lies in the domain, or the nearest one if it is a number; None if there is none."""
    if isinstance(domain, Float | Int) and isinstance(value, int | float) and not isinstance(value, bool):
        return float(domain.encode([min(max(value, domain.low), domain.high)])[0])
    try:
        return float(domain.encode([domain.canonical(value)])[0])
    except ConfigError:
        return None


def _range_changes(name: str, domain: Domain, earlier: Domain, configs: Sequence[Config]) -> list[str]:
    """How the range of a number has changed, in words."""
    if not isinstance(domain, Float | Int) or not isinstance(earlier, Float | Int):
        return []
    values: list[Any] = [config[name] for config in configs if name in config]
    outside = sum(not domain.low <= value <= domain.high for value in values)
    changes = []
    if outside:
        changes.append(f"{visible(name)} clipped to {domain.low:g} to {domain.high:g} in {outside}")
    if domain.low < earlier.low or domain.high > earlier.high:
        changes.append(f"{visible(name)} known from {earlier.low:g} to {earlier.high:g} only")
    return changes


def _given(what: str, name: str, domain: Domain, value: Any) -> Any:
    try:
        return domain.canonical(value)
    except ConfigError as error:
        raise ArgumentError(f"{what}: {visible(name)}: {error}") from None
