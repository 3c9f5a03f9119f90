"""ASHA: Li et al. (2020), A System for Massively Parallel Hyperparameter Tuning, MLSys."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from rung.errors import ArgumentError
from rung.schedulers._rungs import Ladders, check_levels, levels
from rung.schedulers.base import Action, Finish, Resume, Start, Wait, resume_first
from rung.space import Config
from rung.study.events import Outcome, Verdict
from rung.study.history import History
from rung.study.trial import Trial

Form = Literal["promotion", "stopping"]


class Asha:
    """Let only the best 1/eta of the trials at each rung go on; no worker ever waits for another.

    Rungs lie at min_resource * eta^k epochs, up to the study's `max_resource`. In the form "promotion"
    (Algorithm 2 of the paper) a trial pauses at its rung and goes on from its checkpoint once it is among
    the best 1/eta there. In the form "stopping" it is stopped at once unless it is among them, and
    otherwise never pauses: for objectives without checkpoints. (The first eta - 1 at a rung all go on.)

    `brackets` > 1 is asynchronous Hyperband (section 3.2 there): bracket s has its first rung at
    min_resource * eta^s, and gets new trials in the proportions of Hyperband's brackets.

    Good with many workers and where early epochs tell something. Where curves cross late, or the first report
    comes before training and tells nothing, use more brackets or a larger `min_resource`.
    """

    def __init__(
        self, form: Form = "promotion", *, min_resource: int = 1, eta: int = 3, brackets: int = 1
    ) -> None:
        if form not in {"promotion", "stopping"}:
            raise ArgumentError(f'asha: form={form!r}; use "promotion" or "stopping"')
        self.form, self.min_resource, self.eta, self.brackets = form, min_resource, eta, brackets
        self._cache: Ladders | None = None

    def next(self, history: History, propose: Callable[[], Config | None]) -> Action:
        """Promote the best promotable trial, from the highest rung down; else start a new one."""
        ladders = self._ladders(history)
        ladders.update()
        if self.form == "promotion" and (promotion := self._promotion(history, ladders)):
            return promotion
        if self.form == "stopping" and (paused := resume_first(history)):
            return paused
        config = propose()
        if config is not None:
            ladder = ladders.levels[ladders.bracket(len(history.trials))]
            return Start(config, ladder[0] if self.form == "promotion" else None)
        return Wait() if history.running else Finish()

    def judge(self, history: History, trial: Trial) -> Verdict:
        """At a rung below the top: pause, or stop unless among the best 1/eta."""
        ladders = self._ladders(history)
        reached = ladders.update()
        assert history.max_resource is not None
        if reached is None or trial.resource >= history.max_resource:
            return Verdict.CONTINUE
        if self.form == "promotion":
            return Verdict.PAUSE
        level, is_best = reached
        few = ladders.rungs[ladders.bracket(trial.number)][level].count < self.eta
        return Verdict.CONTINUE if is_best or few else Verdict.STOP

    def check(self, max_resource: int | None) -> None:
        """Raise ArgumentError unless the arguments make rungs below `max_resource`."""
        check_levels("asha", max_resource, self.min_resource, self.eta)
        assert max_resource is not None
        most = len(levels(self.min_resource, max_resource, self.eta))
        if not isinstance(self.brackets, int) or not 1 <= self.brackets <= most:
            raise ArgumentError(
                f"asha: brackets={self.brackets!r}; give a whole number from 1 to {most}, the rungs there are"
            )

    def to_json(self) -> dict[str, Any]:
        """Name and arguments, for the log."""
        return {"name": "asha", "form": self.form, "min_resource": self.min_resource, "eta": self.eta,
                "brackets": self.brackets}  # fmt: skip

    def _promotion(self, history: History, ladders: Ladders) -> Resume | None:
        def may_go_on(number: int, attempt: int) -> bool | None:
            trial = history.trials[number]
            if len(trial.attempts) > attempt or trial.is_finished:
                return False
            return True if trial.status == Outcome.PAUSED else None

        for k in reversed(range(len(ladders.levels[0]) - 1)):
            for ladder, rungs in zip(ladders.levels, ladders.rungs, strict=True):
                if (at := len(ladder) - len(ladders.levels[0]) + k) < 0:
                    continue
                number = rungs[ladder[at]].promotable(may_go_on)
                if number is not None:
                    return Resume(number, ladder[at + 1])
        return None

    def _ladders(self, history: History) -> Ladders:
        if self._cache is None or self._cache.history is not history:
            assert history.max_resource is not None
            whole = levels(self.min_resource, history.max_resource, self.eta)
            ladders = [whole[bracket:] for bracket in range(self.brackets)]
            self._cache = Ladders(history, ladders, lambda n: self._bracket(history, n, len(whole)), self.eta)
        return self._cache

    def _bracket(self, history: History, number: int, rungs: int) -> int:
        if self.brackets == 1:
            return 0
        # Hyperband's n_s = ceil((s_max + 1) / (s + 1) * eta^s), where bracket 0 is its s_max.
        sizes = np.array(
            [math.ceil(rungs / (rungs - b) * self.eta ** (rungs - 1 - b)) for b in range(self.brackets)]
        )
        return int(history.stream("bracket", number).choice(self.brackets, p=sizes / sizes.sum()))
