"""Earlier results: what was measured before the study, or by another one, as trials of origin "imported"."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung._opening import look
from rung._text import brief, visible
from rung._view import StudyView
from rung.errors import ArgumentError, ConfigError, MetricError, StudyNotFound
from rung.objectives.metrics import as_metrics
from rung.settings import Settings
from rung.space import Config, Constant, Space
from rung.study.events import (
    AttemptEnded,
    AttemptStarted,
    Event,
    Outcome,
    Reported,
    ResultsImported,
    TrialCreated,
)
from rung.study.metrics import MEASURED, Goals
from rung.study.state import StudyState
from rung.study.trial import IMPORTED, Trial

logger = logging.getLogger("rung")

_GIVEN = "an earlier result"
"""The source of results that were given one by one."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a configuration gave."""

    config: Config
    metrics: Mapping[str, float]
    curve: Sequence[tuple[int, Mapping[str, float]]] = ()
    """Its reports: resource and metrics."""
    outcome: str = Outcome.COMPLETED
    source: str = _GIVEN


@dataclass(frozen=True, slots=True)
class Import:
    """Results of one source, and what of it could not be taken over."""

    source: str
    results: Sequence[Result]
    left_out: str = ""
    """How many and why, in words."""
    n_left_out: int = 0

    @classmethod
    def of_one(cls, result: Result) -> Import:
        """An import of a result that was given."""
        return cls(_GIVEN, (result,))

    def log(self, study: str) -> None:
        """Say what is taken over and what is not, in one line."""
        total = len(self.results) + self.n_left_out
        left_out = f"; left out: {self.left_out}" if self.left_out else ""
        logger.log(logging.WARNING if left_out else logging.INFO,
                   "study %r: %d of %d trials taken over from %s%s",
                   study, len(self.results), total, self.source, left_out)  # fmt: skip


def imports_of(settings: Settings, space: Space) -> list[Import]:
    """What `add` and `continue_from` of the settings name.

    Raises ArgumentError for a result that does not fit the space or the goals, StudyNotFound.
    """
    found = []
    if settings.continue_from is not None and not _taken_over(settings):
        found.append(_of_study(_opened(settings), space, settings))
    if results := [
        result_of(f"add[{i}]", *pair, space, settings.goals) for i, pair in enumerate(settings.add)
    ]:
        found.append(Import(_GIVEN, results))
    return found


def result_of(what: str, config: Mapping[str, Any], value: Any, space: Space, goals: Goals) -> Result:
    """Check one result; raises ConfigError or ArgumentError, which begin with `what`."""
    try:
        checked = space.validate(config)
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from None
    tuned = goals.tuned
    if not isinstance(value, Mapping) and len(tuned) > 1:
        example = ", ".join(f"{name!r}: ..." for name in tuned)
        raise ArgumentError(f"{what}: value={brief(value)}; with several metrics give a dict: {{{example}}}")
    try:
        metrics = as_metrics(value if isinstance(value, Mapping) else {tuned[0]: value}, tuned)
    except MetricError as error:
        raise ArgumentError(f"{what}: {error}") from None
    if problem := _problem(metrics, goals):
        raise ArgumentError(f"{what}: {problem}; give a number for it, or leave the result out")
    return Result(checked, metrics)


def still_new(found: Iterable[Import], state: StudyState) -> list[Import]:
    """The same without what the study has: a source, or the same metrics of the same configuration."""
    new = []
    for each in found:
        if each.source != _GIVEN:
            new += [] if each.source in state.sources else [each]
            continue
        have = {_key(state.space, t.config, t.metrics) for t in state.trials if t.is_imported}
        keyed = {_key(state.space, result.config, result.metrics): result for result in each.results}
        if results := [result for key, result in keyed.items() if key not in have]:
            new.append(Import(_GIVEN, results))
    return new


def added(result: Result, state: StudyState) -> Trial:
    """The trial that holds this result; it is there."""
    key = _key(state.space, result.config, result.metrics)
    return next(t for t in state.trials if t.is_imported and _key(state.space, t.config, t.metrics) == key)


def events_of(found: Import, state: StudyState) -> list[Event]:
    """The facts to log, all or none."""
    mark = f"s{state.epoch}/i{len(state.sources) + 1}"
    events: list[Event] = [
        ResultsImported(id=mark, t=state.t, source=found.source, trials=len(found.results),
                        left_out=found.left_out)
    ]  # fmt: skip
    for number, result in enumerate(found.results, len(state.trials)):
        events += _trial(number, result, state)
    return events


def _trial(number: int, result: Result, state: StudyState) -> Iterator[Event]:
    t, attempt = state.t, f"t{number}/a1"
    config = state.space.config_to_json(result.config)
    yield TrialCreated(id=f"t{number}", t=t, trial=number, config=config, origin=IMPORTED)
    yield AttemptStarted(id=attempt, t=t, trial=number, attempt=1)
    for i, (resource, metrics) in enumerate(result.curve, 1):
        yield Reported(id=f"{attempt}/r{i}", t=t, trial=number, attempt=1, number=i, resource=resource,
                       metrics=metrics)  # fmt: skip
    yield AttemptEnded(id=f"{attempt}/end", t=t, trial=number, attempt=1, outcome=result.outcome,
                       metrics=result.metrics, reason=result.source)  # fmt: skip


def _key(
    space: Space, config: Config, metrics: Mapping[str, float]
) -> tuple[str, tuple[tuple[str, float], ...]]:
    return space.key(config), tuple(sorted(metrics.items()))


def _problem(metrics: Mapping[str, float], goals: Goals) -> str:
    for name in goals.required:
        if name not in metrics:
            return f"no {name!r} in it"
        if not math.isfinite(metrics[name]):
            return f"{name!r} is {metrics[name]}"
    return ""


# ---- from another study


def _taken_over(settings: Settings) -> bool:
    # Then the earlier study may be gone: what was taken over stands in this one's log.
    if settings.name is None or not isinstance(settings.continue_from, str):
        return False
    try:
        _, _, state = look(settings.name, settings.storage)
    except StudyNotFound:
        return False
    return f"study {visible(settings.continue_from)!r}" in state.sources


def _opened(settings: Settings) -> StudyView:
    earlier = settings.continue_from
    if isinstance(earlier, StudyView):
        view = earlier
    elif isinstance(earlier, str):
        view = StudyView(*look(earlier, settings.storage))
    else:
        raise ArgumentError(f"continue_from={brief(earlier)}; give a study, or the name of one in storage=")
    if view.name == settings.name:
        raise ArgumentError(
            f"continue_from={view.name!r} is the study itself, which the same call goes on with by its name; "
            "a changed space needs another name="
        )
    return view


def _of_study(earlier: StudyView, space: Space, settings: Settings) -> Import:
    results: list[Result] = []
    left_out: Counter[str] = Counter()
    first: dict[str, str] = {}
    for trial in earlier.trials:
        found, why = _of_trial(trial, earlier, space, settings)
        if found is not None:
            results.append(found)
            continue
        kind, _, detail = why.partition(": ")
        left_out[kind] += 1
        first.setdefault(kind, detail)
    reasons = (f"{n} {kind}" + (f" ({first[kind]})" if first[kind] else "") for kind, n in left_out.items())
    name = visible(earlier.name)
    return Import(f"study {name!r}", results, ", ".join(reasons), left_out.total())


def _of_trial(
    trial: Trial, earlier: StudyView, space: Space, settings: Settings
) -> tuple[Result | None, str]:
    goals = settings.goals
    if trial.status not in {Outcome.COMPLETED, Outcome.STOPPED, Outcome.PAUSED}:
        return None, trial.status if trial.status == Outcome.FAILED else "not finished"
    gone = {n for n in trial.config if n not in space and isinstance(earlier.space[n], Constant)}
    try:
        config = space.validate({n: v for n, v in trial.config.items() if n not in gone})
    except ConfigError as error:
        return None, f"outside the new space: trial {trial.number}, {error}"
    most = settings.max_resource or math.inf
    curve = [(r.resource, _kept(r.metrics, r.held_back, goals)) for r in trial.reports if r.resource <= most]
    metrics = _kept(trial.metrics, trial.held_back, goals)
    if trial.reports and trial.resource > most:
        if not curve:
            return None, "without a report by the new max_resource"
        metrics, whole = curve[-1][1], True
    elif trial.status != Outcome.COMPLETED:
        whole = False
    else:
        whole = not curve or settings.max_resource in {earlier.max_resource, trial.resource}
    if whole and (problem := _problem(metrics, goals)):
        return None, f"lacking a metric: trial {trial.number}, {problem}"
    if not whole and not any(goals.first.name in reported for _, reported in curve):
        return None, f"lacking a metric: trial {trial.number}, no {goals.first.name!r} in its reports"
    outcome = Outcome.COMPLETED if whole else Outcome.STOPPED
    source = f"trial {trial.number} of study {visible(earlier.name)!r}"
    return Result(config, metrics, curve, outcome, source), ""


def _kept(metrics: Mapping[str, float], held_back: Mapping[str, float], goals: Goals) -> dict[str, float]:
    # What the earlier trial took is no cost here; what is not to be shown there is not to be shown here.
    unused = {name for name in MEASURED if name not in goals.required}
    shown = {name: value for name, value in metrics.items() if name not in unused}
    return shown | {name: value for name, value in held_back.items() if name in goals.report_only}
