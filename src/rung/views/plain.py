"""A line per finished trial, for logs, pipes and plain terminals."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import click

from rung._text import counted
from rung.study.events import Outcome
from rung.study.standing import remark
from rung.study.state import StudyState
from rung.study.trial import Trial
from rung.views.summary import Summary, closing, counts_text, varied
from rung.views.text import duration, number, one_line, shown

_LINES_A_SECOND = 20


class Plain:
    """Says each finished trial once, on stderr; beyond 20 a second the rest is counted."""

    period = 0.2
    shows_time_left = False

    def __init__(self, reading: Callable[[], AbstractContextManager[StudyState]]) -> None:
        self._reading = reading
        with reading() as state:
            self._goals, self._space = state.goals, state.space
        self._seen = 0
        self._unfinished: list[Trial] = []
        self._best: float | None = None
        self._front: int | None = None
        self._second = -1
        self._room = 0
        self._left_out = 0

    def start(self, summary: Summary) -> None:
        """See `View`; trials of earlier sessions are only counted."""
        self._newly_finished()
        self._best = summary.best.value if summary.best and not summary.best.at else None
        goal = f", {summary.n_trials} trials" if summary.n_trials else ""
        limit = f", {duration(summary.timeout)}" if summary.timeout else ""
        before = f"; it goes on, trials so far: {counts_text(summary)}" if summary.finished else ""
        _say(f"study {summary.name}{goal}{limit}{before}")

    def update(self, summary: Summary) -> None:
        """See `View`."""
        second, self._front = int(time.monotonic()), summary.front
        if second != self._second:
            self._say_left_out()
            self._second, self._room = second, _LINES_A_SECOND
        for trial, why in self._newly_finished():
            self._compare(trial)
            if self._room:
                self._room -= 1
                _say(self._line(trial, why))
            else:
                self._left_out += 1

    def finish(self, summary: Summary) -> None:
        """See `View`."""
        self.update(summary)
        self._say_left_out()
        _say(closing(summary))

    def _say_left_out(self) -> None:
        if self._left_out:
            _say(f"... and {self._left_out} more trials")
            self._left_out = 0

    def _newly_finished(self) -> list[tuple[Trial, str]]:
        with self._reading() as state:
            return self._read(state)

    def _read(self, state: StudyState) -> list[tuple[Trial, str]]:
        """Those that have ended since, and what is to be noted of each."""
        new = state.trials[self._seen :]
        self._seen += len(new)
        finished: list[Trial] = []
        unfinished: list[Trial] = []
        for trial in self._unfinished + new:
            (finished if trial.is_finished else unfinished).append(trial)
        self._unfinished = unfinished
        return [(trial, remark(trial, state)) for trial in sorted(finished, key=lambda t: t.ended or 0.0)]

    def _line(self, trial: Trial, why: str) -> str:
        best = "" if self._best is None else f"best {number(self._best)}"
        if self._front is not None:
            best = f"front: {counted(self._front, 'trial')}"
        took, why = f"({duration(_seconds(trial))})", one_line(why)
        said = [f"trial {trial.number}", trial.status, self._said(trial), why, took, best]
        return "  ".join(filter(None, said))

    def _compare(self, trial: Trial) -> None:
        value = trial.value if trial.feasible and trial.status == Outcome.COMPLETED else None
        if value is not None and (self._best is None or self._goals.first.better(value, self._best)):
            self._best = value

    def _said(self, trial: Trial) -> str:
        # What is no number, the reason says.
        failed = trial.status == Outcome.FAILED
        known = {name: trial.metrics[name] for name in self._goals.required if name in trial.metrics}
        metrics = (f"{one_line(n)}={number(v)}" for n, v in known.items() if math.isfinite(v) or not failed)
        return "  ".join([*metrics, shown(varied(self._space, trial.config))])


def _seconds(trial: Trial) -> float:
    last = trial.attempts[-1]
    return (last.ended or last.started) - last.started


def _say(line: str) -> None:
    click.echo(line, err=True)
