"""A study to read: trials, winners, tables, plots. Nothing here runs a trial."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rung import analysis
from rung._exports import Exports
from rung._opening import look
from rung._other_libraries import STUDY, advice
from rung._text import brief
from rung.errors import ArgumentError
from rung.space import Config, Space
from rung.storage import Owner, Storage
from rung.storage.snapshots import open_state
from rung.study.events import Event, FinalReportShown, StudyCreated
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.study.trial import Trial

if TYPE_CHECKING:
    from rung.analysis.confirmed_front import ConfirmedFront
    from rung.analysis.front import Front, Hypervolume
    from rung.analysis.importance import Importance
    from rung.analysis.recommendation import Recommendation
    from rung.analysis.winner import Winner

_WRITING = ("add", "ask", "report", "tell", "fail", "drive", "confirm", "close")
"""What `Study` has and a view has not."""


class StudyView(Exports):
    """A study to look at: its trials, winners, tables and plots.

    `StudyView.load` reads a stored study, also one that another process is running; `refresh` takes in what
    was added to its log since. `rung.Study`, which `rung.tune` returns, is a view that can also run trials.

    Examples
    --------
    >>> import tempfile, rung
    >>> folder = tempfile.mkdtemp()
    >>> study = rung.tune(
    ...     lambda x: x**2, {"x": rung.Float(-1, 1)}, n_trials=5, searcher="random", name="parabola",
    ...     storage=folder, progress=False,
    ... )
    >>> view = rung.StudyView.load("parabola", storage=folder)
    >>> view.best_config == study.best_config, len(view.trials), view.refresh()
    (True, 5, 0)
    """

    def __init__(self, storage: Storage, name: str, state: StudyState) -> None:
        self._storage, self._name, self._state = storage, name, state

    @staticmethod
    def load(name: str | None = None, *, storage: str | Storage | None = None) -> StudyView:
        """Read a stored study, to look at.

        Parameters
        ----------
        name : str, optional
            By default the study that was changed last.
        storage : str or Storage, optional
            As in `tune`.

        Returns
        -------
        StudyView
            As the log was; `refresh` brings it up to date.

        Raises
        ------
        StudyNotFound
            If there is no such study.
        """
        return StudyView(*look(name, storage))

    if not TYPE_CHECKING:  # for a type checker, a view has no such methods

        def __getattr__(self, name: str) -> Any:
            if name in _WRITING:
                raise AttributeError(
                    f"study {self._name!r} was loaded to look at and has no {name}(); to go on with it, call "
                    f"rung.tune or rung.Study with name={self._name!r} and the arguments that made it"
                )
            known = [word for word in dir(type(self)) if not word.startswith("_")]
            hint = "" if name.startswith("_") else advice(name, STUDY, known)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    # ---- the log

    def refresh(self) -> int:
        """Take in what was added to the log, by another process too.

        Returns
        -------
        int
            The number of new events.
        """
        before = self._state.events
        if self._state.torn:
            self._state = open_state(self._storage, self._name)
        elif self._made_again():
            self._state, before = open_state(self._storage, self._name), 0
        else:
            self._state.follow(self.events(after=before))
        return max(0, self._state.events - before)

    def _made_again(self) -> bool:
        # Deleted, and made again under the same name: when its first session began tells the two apart.
        first, second = (*islice(self.events(), 2), None, None)[:2]
        if not isinstance(first, StudyCreated) or first.seed != self._state.seed:
            return True
        return any(getattr(second, "wall", None) != session.wall for session in self._state.sessions[:1])

    def events(self, after: int = 0) -> Iterator[Event]:
        """Read the stored events, report-only metrics and all.

        Parameters
        ----------
        after : int
            How many to leave out, from the first.

        Yields
        ------
        Event
            In the order of the log. They may be more than `state.events`, which `refresh` brings up to date.
        """
        return iter(self._storage.read(self._name, after))

    # ---- what is known

    @property
    def name(self) -> str:
        """The study's name."""
        return self._name

    @property
    def folder(self) -> Path | None:
        """Where the study's files lie; None if it has none."""
        return self._storage.folder(self._name)

    @property
    def space(self) -> Space:
        """The configuration space."""
        return self._state.space

    @property
    def goals(self) -> Goals:
        """Metrics, constraints, and what is only reported."""
        return self._state.goals

    @property
    def seed(self) -> int:
        """What all random choices of the study come from."""
        return self._state.seed

    @property
    def max_resource(self) -> int | None:
        """Epochs of a whole trial."""
        found: int | None = self._state.plan.get("max_resource")
        return found

    @property
    def state(self) -> StudyState:
        """The fold of the log; read it, don't change it."""
        return self._state

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials in order of creation."""
        return tuple(self._state.trials)

    @property
    def best_trial(self) -> Trial:
        """The completed trial with the best value that keeps all constraints; after confirming, the winner.

        Before one has completed, as where a short `timeout` cut all of them off, the trial of the best report
        so far; its `status` is not "completed".

        Raises
        ------
        NoTrialError
            If there is neither (with the reason of the first failure), or if the study has several
            objectives: see `front` and `best`.
        """
        return analysis.best_trial(self._state)

    @property
    def best_config(self) -> Config:
        """The configuration of `best_trial`."""
        return dict(self.best_trial.config)

    @property
    def best_value(self) -> float:
        """The tuned metric of `best_trial`.

        After confirming, what may be claimed for it; before, what chose it, and too good to be claimed.
        """
        return analysis.incumbent(self._state).value

    @property
    def recommended(self) -> Recommendation:
        """The trial to take: of which a model of all trials expects the best value. See its `reason`.

        Where the metric is noisy, `best_trial` is the luckiest of the good ones; this one is the most likely
        to be as good again. Both are among the completed trials. Raises NoTrialError as `best_trial` does.
        """
        from rung.analysis.recommendation import recommended  # loads numpy

        return recommended(self._state)

    @property
    def front(self) -> Front:
        """The feasible completed trials that no other one beats in every objective; prints as a table."""
        from rung.analysis.front import Front  # loads numpy

        return Front.of(self._state)

    def best(
        self, *, weights: Mapping[str, float] | None = None, limits: Mapping[str, str] | None = None
    ) -> Trial:
        """Choose a trial from the front, after the fact.

        Parameters
        ----------
        weights : mapping of str to float, optional
            How much each objective counts; one that is not named counts nothing. Each is measured from its
            best value on the front (0) to its worst (1), and the trial is chosen whose largest weighted
            loss is the smallest. So equal weights give the trial that is nowhere far from the best.
        limits : mapping of str to str, optional
            Bounds of any metrics, such as ``{"inference_ms": "<= 5"}``. If they leave one objective without
            a bound, the best trial in that one is chosen.

        Returns
        -------
        Trial
            Feasible and completed.

        Raises
        ------
        NoTrialError
            If none keeps the limits; it names the nearest.
        ArgumentError
            If an argument is wrong, or does not choose between several objectives.
        """
        from rung.analysis.front import chosen

        return chosen(self._state, weights, limits)

    def hypervolume(self, reference: Mapping[str, float] | None = None) -> Hypervolume:
        """The volume of what some trial beats in all objectives, over time: one number for a whole front.

        Parameters
        ----------
        reference : mapping of str to float, optional
            A point that all trials of interest beat, with a number for each objective. By default it lies a
            tenth of the front's range beyond the worst of the front, so it is another one for another study.

        Returns
        -------
        Hypervolume
            `value`, `times`, `values` and the `reference` itself.
        """
        from rung.analysis.front import Hypervolume

        return Hypervolume.of(self._state, reference)

    def winner(self, level: float = 0.9) -> Winner:
        """The configuration that fresh runs chose, and what may be claimed for it. Print it.

        For a study with `confirm=`, or after `Study.confirm`; raises NoTrialError if no winner is confirmed.
        `level` of the intervals lies in (0, 1). Metrics of `report_only` are left to `final_report`.
        """
        from rung.analysis.winner import winner_of  # loads scipy

        return winner_of(self._state, _level(level))

    def confirmed_front(self, level: float = 0.9) -> ConfirmedFront:
        """Points of the front of several objectives with what fresh runs say of each. Print it.

        For a study with `confirm=`, or after `Study.confirm`: as many points as get three runs each, those
        that lie widest apart. Raises NoTrialError if they are not confirmed. `level` of the intervals, which
        hold for all points at once, lies in (0, 1).
        """
        from rung.analysis.confirmed_front import confirmed_front_of

        return confirmed_front_of(self._state, _level(level))

    def importance(
        self,
        metric: str | None = None,
        *,
        method: Literal["fanova", "ped-anova"] = "fanova",
        best: float = 0.1,
        level: float = 0.9,
    ) -> Importance:
        """How much each hyperparameter matters: over the whole space, and among the best configurations.

        A hyperparameter with a condition is looked at where it is active. See also `plot.importance`.

        Parameters
        ----------
        metric : str, optional
            What it is to matter for: an objective, a metric with a bound, or any other that trials have, such
            as "train_seconds". By default the first objective.
        method : {"fanova", "ped-anova"}
            "fanova" is the part of the metric's variance that a hyperparameter explains, alone and with
            others, in a Gaussian process through all trials (Hutter et al. 2014). "ped-anova" needs no model:
            it says how differently the best trials and all trials are distributed (Watanabe et al. 2023).
        best : float
            The part that counts as best, in (0, 1).
        level : float
            The probability of the intervals, in (0, 1).

        Returns
        -------
        Importance
            A sequence, the most important first, which prints as a table; `plot()` draws it.

        Raises
        ------
        NoTrialError
            If fewer than 8 trials have the metric.
        """
        from rung.analysis.importance import importance  # loads numpy

        return importance(self._state, metric, method, best, level)

    def _repr_html_(self) -> str:
        from rung.views.notebook import study_html

        return study_html(self._name, self._state)

    def final_report(self) -> analysis.FinalReport:
        """The winner with the metrics that are only reported (the test set's).

        Each look is counted in the log, since a number that is looked at often is soon tuned for.

        Raises
        ------
        NoTrialError
            As `best_trial` does.
        StudyInUse
            While another process runs the study.
        """
        trial = self.best_trial
        lease = self._storage.acquire(self._name, Owner(os.uname().nodename, os.getpid(), time.time()))
        try:
            self.refresh()  # others may have looked since
            trial = self.best_trial
            shown = self._shown(trial, lease.epoch)
            self._storage.append(lease, [shown])
        finally:
            self._storage.release(lease)
        self._state.apply(shown)
        return analysis.FinalReport.of(self._state, self._name)

    def _shown(self, trial: Trial, epoch: int) -> FinalReportShown:
        event_id = f"s{epoch}/look{self._state.looks + 1}"
        return FinalReportShown(id=event_id, t=self._state.t, trial=trial.number)

    def explain(self) -> str:
        """Which searcher and scheduler are at work, what "auto" chose and why, and what its model is worth.

        How well it has predicted is computed again from the log: a second or two in a long study.
        """
        from rung.analysis.explanation import explain  # loads numpy

        return explain(self._state, self._plan)

    @property
    def _plan(self) -> Mapping[str, Any]:
        return self._state.plan

    def __repr__(self) -> str:
        counts = {k: v for k, v in self._state.counts.items() if v}
        trials = ", ".join(f"{v} {k}" for k, v in counts.items()) or "no trial yet"
        return f"<rung.{type(self).__name__} {self._name!r}: {trials}>"


def _level(level: float) -> float:
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise ArgumentError(f"level={brief(level)}; give a number in (0, 1), such as 0.9")
    return level
