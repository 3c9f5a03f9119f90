"""What algorithms see of a study."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rung.errors import StudyError
from rung.space import Config, Space
from rung.study.confirmations import Confirmation
from rung.study.earlier import EarlierStudy
from rung.study.events import Outcome
from rung.study.metrics import MEASURED, Goals, Metrics
from rung.study.state import StudyState
from rung.study.streams import stream
from rung.study.trial import Trial

T = TypeVar("T")


class History:
    """A read-only view of a study for searchers and schedulers, and the place for what they derive from it.

    An answer of theirs is a function of (space, history, generator): equal logs give equal answers.
    """

    __slots__ = ("_caches", "_encoded", "_points", "_state")

    def __init__(self, state: StudyState) -> None:
        self._state = state
        self._caches: dict[Hashable, Any] = {}
        self._points = np.empty((0, len(state.space)))
        self._encoded = 0

    @property
    def space(self) -> Space:
        """The configuration space."""
        return self._state.space

    @property
    def goals(self) -> Goals:
        """Metrics, constraints."""
        return self._state.goals

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials in order of creation; `len` of it is the number of decisions so far."""
        return self._state.trials

    @property
    def points(self) -> NDArray[np.float64]:
        """`space.encode` of all trials' configurations, shape (n, d)."""
        n, known = len(self.trials), self._encoded
        if n > len(self._points):
            room = np.empty((n + n // 2, len(self.space)))
            self._points = np.concatenate([self._points[:known], room])
        if n > known:
            self._points[known:n] = self.space.encode([trial.config for trial in self.trials[known:n]])
            self._encoded = n
        return self._points[:n]

    @property
    def losses(self) -> NDArray[np.float64]:
        """Every objective of all trials, lower is better, shape (n, m).

        Those of a trial's end, or of its last pause; infinite where it gave no number, and where it failed.
        """
        metrics = self.goals.metrics
        rows = [
            [math.inf if trial.status == Outcome.FAILED else m.loss_in(trial.metrics) for m in metrics]
            for trial in self.trials
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, len(metrics))

    @property
    def best(self) -> Trial | None:
        """The best feasible completed trial by the first metric, None before there is one."""
        return self._state.best

    @property
    def max_resource(self) -> int | None:
        """The resource at which a trial is complete; None if the study has none."""
        return self._state.plan.get("max_resource")

    @property
    def full_resource(self) -> int:
        """`max_resource`; raises StudyError if the study has none."""
        if self.max_resource is None:
            raise StudyError("max_resource=None; give the epochs of a whole trial: rungs lie below them")
        return self.max_resource

    @property
    def rising(self) -> Collection[str]:
        """Metrics that only rise in training: a bound that one breaks stays broken."""
        return {*MEASURED, *self._state.plan.get("rising", ())}

    @property
    def cost(self) -> str | None:
        """The metric that says what a trial cost; None if costs do not count."""
        return self._state.plan.get("cost")

    @property
    def timeout(self) -> float | None:
        """Seconds that the study may take in all; None if only trials or the space bound it."""
        return self._state.plan.get("timeout")

    @property
    def t(self) -> float:
        """Seconds on the study's clock at the latest event."""
        return self._state.t

    @property
    def n_trials(self) -> int | None:
        """How many trials the study may have in all; None if only time or the space bounds them."""
        return self._state.plan.get("n_trials")

    @property
    def curve(self) -> Sequence[tuple[int, int, int, Metrics]]:
        """Every report in order of arrival: trial, attempt, resource, metrics. It only ever grows."""
        return self._state.curve

    @property
    def ends(self) -> Sequence[tuple[int, int]]:
        """Every end of an attempt in order: trial, attempt. It only ever grows."""
        return self._state.ends

    def known(self, trial: int) -> tuple[int, int]:
        """The lengths of `curve` and `ends` when that trial was suggested; those of now if it is the next."""
        known = self._state.known
        return known[trial] if trial < len(known) else (len(self.curve), len(self.ends))

    @property
    def checkpoints(self) -> bool:
        """Whether any trial has saved a checkpoint: then a paused one can go on where it stopped."""
        return self._state.checkpoints

    @property
    def running(self) -> Collection[int]:
        """Numbers of the trials that run now."""
        return self._state.open.keys()

    @property
    def first_paused(self) -> int | None:
        """The paused trial of the lowest number, None if there is none."""
        if not self._state.counts[Outcome.PAUSED]:
            return None
        return next(t.number for t in self._state.trials if t.status == Outcome.PAUSED)

    @property
    def counted(self) -> int:
        """How many trials count towards the budget: all but earlier results."""
        return self._state.counted

    @property
    def confirmations(self) -> Sequence[Confirmation]:
        """Each choice of finalists with its fresh runs."""
        return self._state.confirmations

    @property
    def earlier(self) -> Sequence[EarlierStudy]:
        """The studies to learn from, in the order of `learn_from`; none is added once there are trials."""
        return self.cached(
            EarlierStudy, lambda _: [EarlierStudy.of(event, self.space) for event in self._state.earlier]
        )

    def loss(self, metrics: Metrics) -> float:
        """The first objective, lower is better; infinite where it is missing or NaN."""
        return self._state.goals.first.loss_in(metrics)

    def cached(self, key: Hashable, make: Callable[[History], T]) -> T:
        """Return what `make(self)` returned when `key` was new: the one place for every cache.

        It may be thrown away at any time, so it must change no answer: a constant of the log, or a summary
        of it that is read forward. An algorithm, being a frozen value, is a key.

        Parameters
        ----------
        key : hashable
            Equal keys share one object.
        make : callable
            Makes it from this history.
        """
        if key not in self._caches:
            self._caches[key] = make(self)
        return cast("T", self._caches[key])

    def seen(self, config: Config) -> bool:
        """Whether a trial with this configuration exists, in constant time."""
        return self._state.seen(config)

    def stream(self, name: str, index: int = 0) -> Generator:
        """A generator that belongs to the study, `name` and `index`: the same at every call."""
        return stream(self._state.seed, name, index)
