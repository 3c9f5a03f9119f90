"""How a study stands, as a small value that every view renders."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rung._text import counted
from rung.space import Space
from rung.study.budget import Budget
from rung.study.events import FINAL, Outcome
from rung.study.standing import Incumbent
from rung.study.state import StudyState
from rung.study.trial import Attempt, Trial
from rung.views.text import duration, number, one_line, shown

_IMPROVEMENTS = 4
_POINTS = 12
"""Of a running trial's curve."""
ROWS = 8
"""Running trials that are listed; the rest is counted."""

_ENDINGS = {
    "done": "done",
    "exhausted": "done, nothing is left to try",
    "timeout": "time is up",
    "failures": "stopped, too many failures",
    "broken objective": "stopped, the objective is broken",
    "error": "stopped, a trial raised",
    "disk full": "stopped, the disk is full",
    "interrupted": "interrupted",
    "by hand": "stopped by hand",
    "closed": "closed",
    "killed": "killed",
    "new": "not run yet",
    "": "cut short",
}


@dataclass(frozen=True, slots=True)
class Best:
    """The incumbent."""

    trial: int
    value: float
    config: Mapping[str, Any]
    varied: Mapping[str, Any]
    """The configuration without constants: they say nothing on a line."""
    at: str = ""
    """Where an unfinished trial reported it, such as "epoch 3"; "" of a completed one."""


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt that runs, and its last report (resource 0 before the first one)."""

    trial: int
    attempt: int
    resource: int
    value: float | None
    seconds: float
    unit: str = "epoch"
    """What the resource is called."""
    curve: tuple[float, ...] = ()
    """The values that it reported, a few of them if they are many; empty before the second."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The failed trial of the highest number."""

    trial: int
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """How a study stands at one moment; times are seconds on the study's clock."""

    name: str
    metric: str
    counts: Mapping[str, int]
    """Trials that are not running, by status; none is zero."""
    n_trials: int | None
    elapsed: float
    timeout: float | None
    best: Best | None
    running: tuple[Running, ...]
    failure: Failure | None
    ended: str
    """Why the session ended; "" while it runs."""
    front: int | None = None
    """Trials on the front of several objectives; None with one, which has a best."""
    end: float | None = None
    """When the trials will be done; None if unknown."""
    improvements: tuple[tuple[float, float], ...] = ()
    """When the last few best values came, and what they are."""

    @property
    def finished(self) -> int:
        """Trials that never run again."""
        return sum(self.counts.get(status, 0) for status in ("completed", "stopped", "failed"))

    @property
    def seconds_left(self) -> float | None:
        """Until the budget is used up; None if unknown."""
        ends = [end for end in (self.timeout, self.end) if end is not None]
        return max(0.0, min(ends) - self.elapsed) if ends else None

    @property
    def part(self) -> float | None:
        """How much of the trials' work is done, as a part of its time; None if there is no end to it."""
        if self.n_trials is None:
            return None
        if self.end is None or self.ended:
            return self.finished / self.n_trials
        return self.elapsed / max(self.elapsed, self.end, 1e-9)


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled line; `part` in [0, 1] is how much of a budget is used."""

    label: str
    text: str
    part: float | None = None
    curve: tuple[float, ...] = ()
    """Values to draw behind the text, where a view can."""


def summarise(name: str, state: StudyState, now: float, budget: Budget, end: float | None = None) -> Summary:
    """Return how the study stands `now`, in seconds on its clock, if its trials will be done at `end`."""
    counts = {status: n for status, n in state.counts.items() if n}
    best, metric = state.standing.best, state.goals.first.name
    return Summary(
        name=name,
        metric=metric,
        counts=counts,
        n_trials=budget.n_trials,
        elapsed=now,
        timeout=budget.timeout,
        best=_best(state, best) if best else None,
        running=tuple(
            _running(state.trials[i], attempt, metric, now, state.resource)
            for i, attempt in state.open.items()
        ),
        failure=_last_failure(state),
        ended=state.ended,
        front=len(state.standing.front) if len(state.goals.metrics) > 1 else None,
        end=_end(state, now, budget) if end is None else end,
        improvements=tuple(state.standing.improvements[-_IMPROVEMENTS:]),
    )


def _best(state: StudyState, best: Incumbent) -> Best:
    trial, at = best.trial, "" if best.resource is None else f"{state.resource} {best.resource}"
    return Best(trial.number, best.value, trial.config, varied(state.space, trial.config), at)


def _end(state: StudyState, now: float, budget: Budget) -> float | None:
    """By the pace of the finished trials; None while trials pause, of which it is not known what is left."""
    finished = sum(state.counts[status] for status in FINAL)
    if budget.n_trials is None or not finished or state.counts[Outcome.PAUSED]:
        return None
    return max(now, now * budget.n_trials / finished)


def varied(space: Space, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The configuration without constants."""
    return {name: value for name, value in config.items() if name in space.varying}


def _running(trial: Trial, attempt: Attempt, metric: str, now: float, unit: str) -> Running:
    last = trial.reports[-1:]
    resource, value = (last[0].resource, last[0].metrics.get(metric)) if last else (0, None)
    seconds = max(0.0, now - attempt.started)
    return Running(trial.number, attempt.number, resource, value, seconds, unit, _curve(trial, metric))


def _curve(trial: Trial, metric: str) -> tuple[float, ...]:
    n = len(trial.reports)
    if n < 2:
        return ()
    # A long curve is not read as a whole, five times a second.
    rows = range(n) if n <= _POINTS else (round(i * (n - 1) / (_POINTS - 1)) for i in range(_POINTS))
    values = (trial.reports[row].metrics.get(metric, math.nan) for row in rows)
    return tuple(y for y in values if math.isfinite(y))


def _last_failure(state: StudyState) -> Failure | None:
    number = state.last_failed
    return None if number is None else Failure(number, state.trials[number].reason)


def rows(summary: Summary, most: int = ROWS) -> Iterator[Row]:
    """The study as labelled lines, at most `most` of them for running trials."""
    yield _trials_row(summary)
    yield _time_row(summary)
    if paused := summary.counts.get("paused"):
        yield Row("paused", _paused_text(paused, summary.ended))
    if summary.best:
        yield Row("best", best_text(summary.metric, summary.best))
        if steps := summary.improvements:
            text = ", ".join(f"{number(y)} after {duration(t)}" for t, y in steps)
            yield Row("improved", text, curve=tuple(y for _, y in steps))
    elif summary.front is not None:
        yield Row("front", counted(summary.front, "trial"))
    for i, running in enumerate(summary.running[:most]):
        yield Row("" if i else "running", _running_text(summary.metric, running), curve=running.curve)
    if len(summary.running) > most:
        yield Row("", f"and {len(summary.running) - most} more")
    if summary.failure:
        yield Row("failed", f"last: trial {summary.failure.trial}, {one_line(summary.failure.reason)}")


def _trials_row(summary: Summary) -> Row:
    counts = counts_text(summary)
    if summary.n_trials is None:
        return Row("trials", counts)
    return Row("trials", f"{summary.finished} of {summary.n_trials}: {counts}", summary.part)


def _time_row(summary: Summary) -> Row:
    left = summary.seconds_left
    about = f", about {duration(left)} left" if left else ""
    if summary.timeout is None:
        return Row("time", duration(summary.elapsed) + about)
    text = f"{duration(summary.elapsed)} of {duration(summary.timeout)}{about}"
    return Row("time", text, min(1.0, summary.elapsed / summary.timeout))


def _paused_text(paused: int, ended: str) -> str:
    if ended:
        return f"{paused} at a rung, with their checkpoints; they may go on if the study does"
    return f"{paused} wait at a rung: the best of them go on later, the others are stopped at the end"


def counts_text(summary: Summary) -> str:
    """Such as `10 completed, 2 failed`."""
    return ", ".join(f"{n} {status}" for status, n in summary.counts.items()) or "none yet"


def best_text(metric: str, best: Best) -> str:
    """The incumbent in one line."""
    at = f", unfinished, at {best.at}" if best.at else ""
    return f"{one_line(metric)}={number(best.value)}  trial {best.trial}{at}  {shown(best.varied)}"


def _running_text(metric: str, running: Running) -> str:
    parts = [f"trial {running.trial}"]
    if running.attempt > 1:
        parts.append(f"attempt {running.attempt}")
    if running.resource:
        parts.append(f"{running.unit} {running.resource}")
    if running.value is not None:
        parts.append(f"{one_line(metric)}={number(running.value)}")
    return "  ".join([*parts, duration(running.seconds)])


def ending(reason: str) -> str:
    """Why a session ended, in words."""
    return _ENDINGS.get(reason, reason)


def closing(summary: Summary) -> str:
    """How it ended, in one line."""
    text = f"{summary.name}: {ending(summary.ended)} after {duration(summary.elapsed)}"
    best = f"; best: {best_text(summary.metric, summary.best)}" if summary.best else ""
    if summary.front is not None:
        best = f"; front: {counted(summary.front, 'trial')}"
    return f"{text}, trials: {counts_text(summary)}{best}"
