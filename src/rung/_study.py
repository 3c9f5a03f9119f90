"""The study as its user sees it: results, and asking and telling by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rung._ask_tell import AskAndTell
from rung._earlier import Import, added, events_of, imports_of, result_of, still_new
from rung._names import generated_name
from rung._opening import create_or_open, where
from rung._other_libraries import explained
from rung._session import begin
from rung._transfer import LearnFrom, Lesson, lessons_of
from rung._view import StudyView
from rung.analysis import FinalReport
from rung.analysis.confirmed_front import ConfirmedFront
from rung.analysis.winner import Winner
from rung.errors import ArgumentError
from rung.execution.base import Executor
from rung.schedulers.base import Scheduler
from rung.searchers.base import Searcher
from rung.settings import SETTINGS, Settings
from rung.space import Domain, Space
from rung.storage import Durability, Storage, open_storage
from rung.study.stopping import StopWhen
from rung.study.trial import Trial


class Study(AskAndTell):
    """A space, its metrics, and every trial so far.

    `Study(space, metric=...)` makes the study, or goes on with the one of that `name`. Use it step by step
    with `ask`, `report` and `tell`; `rung.tune` does all three for an objective. Results and plots are those
    of `StudyView`.

    Parameters
    ----------
    space : Space or mapping
        A `Space`, or a dict of names and domains, as in `tune`.
    metric : str or mapping of str to str
        The name of the tuned metric, or for several objectives a dict of names and "min" or "max".
    mode : {"min", "max"}
        Whether small or large values of a single metric are good.
    constraints : mapping of str to str, optional
        Bounds that the winner must keep, such as `{"model_mb": "<= 20"}`.
    cost : str, optional
        The metric that says what a trial cost, such as "train_seconds": the search is then for improvement
        per cost, and with a `timeout` for what can still be finished. Searchers "auto" and "gp".
    rising : sequence of str
        Metrics of `constraints` that only rise in training, such as seconds or the peak of memory: a trial
        that reports one above its bound is stopped at once. `train_seconds` is one by itself.
    report_only : sequence of str
        Metrics that are stored but shown by `final_report` only, such as the test error.
    searcher : str or Searcher
        A name of `rung.searchers.SEARCHERS`, or a searcher.
    scheduler : str or Scheduler
        A name of `rung.schedulers.SCHEDULERS`, or a scheduler.
    initial_configs : sequence of mappings
        Configurations that `ask` gives first.
    add : sequence of pairs
        Earlier results, as in `tune`; `Study.add` takes one at a time.
    continue_from : StudyView or str, optional
        An earlier study whose trials are taken over, as in `tune`.
    n_trials : int, optional
        Trials that `ask` gives in all, at least 1; unbounded by default.
    learn_from : sequence of StudyView, str, path or pairs
        Earlier studies to learn from, as in `tune`.
    timeout : str, float or timedelta, optional
        Running time after which `ask` gives none: seconds, "2h", or a timedelta. Unbounded by default.
    stop_when : str, Target, NoImprovement, callable, or list of these, optional
        When `ask` gives none before, as in `tune`.
    confirm : float or int, optional
        Trials that run the best configurations again, as in `tune`.
    max_resource : int, optional
        Epochs of a whole trial, at least 1; schedulers that stop trials early need it.
    resource : str
        The name of an epoch, which is the keyword of `RunningTrial.report`.
    seed : int, optional
        Of all random choices, at least 0; by default it is drawn and stored.
    name : str, optional
        Of the study; by default it is generated.
    storage : str or Storage, optional
        A folder (by default `RUNG_STORAGE`, else "rung_studies"), "postgresql://...", or ":memory:".
    durability : {"machine", "process"}
        What a stored report survives: a crash of the machine, or of any process.

    Raises
    ------
    ArgumentError
        If an argument is wrong. It is a ValueError.
    StudyMismatch
        If the stored study was made with other arguments.

    Examples
    --------
    >>> import rung
    >>> study = rung.Study({"x": rung.Float(-1, 1)}, metric="y", n_trials=20, seed=0, storage=":memory:")
    >>> while trial := study.ask():
    ...     study.tell(trial, trial.config["x"] ** 2)
    >>> study.best_value < 0.01
    True
    """

    @explained
    def __init__(
        self,
        space: Space | Mapping[str, Domain | Any],
        *,
        metric: str | Mapping[str, str] = "value",
        mode: str = "min",
        constraints: Mapping[str, str] | None = None,
        cost: str | None = None,
        rising: Sequence[str] = (),
        report_only: Sequence[str] = (),
        searcher: str | Searcher = "auto",
        scheduler: str | Scheduler = "fifo",
        initial_configs: Sequence[Mapping[str, Any]] = (),
        add: Sequence[tuple[Mapping[str, Any], float | Mapping[str, float]]] = (),
        continue_from: StudyView | str | None = None,
        learn_from: Sequence[LearnFrom] = (),
        n_trials: int | None = None,
        timeout: Any = None,
        stop_when: StopWhen = None,
        confirm: float | None = None,
        max_resource: int | None = None,
        resource: str = "epoch",
        seed: int | None = None,
        name: str | None = None,
        storage: str | Storage | None = None,
        durability: Durability = "machine",
    ) -> None:
        settings = Settings.of(
            metric=metric, mode=mode, constraints=constraints, cost=cost, rising=rising,
            report_only=report_only, searcher=searcher, scheduler=scheduler,
            initial_configs=initial_configs, add=add, continue_from=continue_from,
            n_trials=n_trials, timeout=timeout, stop_when=stop_when, confirm=confirm, learn_from=learn_from,
            max_resource=max_resource, resource=resource, seed=seed, name=name, storage=storage,
            durability=durability,
        )  # fmt: skip
        space = Space.of(space)
        found = imports_of(settings, space)
        self._create_or_open(space, settings)
        if found := still_new(found, self._state):
            with self:
                self._take_over(found)

    def _create_or_open(self, space: Space, settings: Settings) -> None:
        self._ready(settings.for_space(space), lessons_of(settings, space))
        storage = open_storage(where(settings.storage), settings.durability)
        name = generated_name() if settings.name is None else settings.name
        super().__init__(storage, name, create_or_open(storage, name, space, settings))

    @property
    def settings(self) -> Settings:
        """The arguments that the study was made or opened with, checked."""
        return self._settings

    @property
    def lessons(self) -> Sequence[Lesson]:
        """What is to be learned from earlier studies, if the log has not got it yet."""
        return self._lessons

    @property
    def max_resource(self) -> int | None:
        """Epochs of a whole trial."""
        return self._settings.max_resource or super().max_resource

    @property
    def _plan(self) -> Mapping[str, Any]:
        return super()._plan or self._settings.to_json()

    def refresh(self) -> int:
        """Take in what another process added to the log, unless the study runs here: then none did.

        Returns the number of new events.
        """
        with self._lock:
            return 0 if self._session is not None else super().refresh()

    def final_report(self) -> FinalReport:
        """The winner with the metrics that are only reported (the test set's).

        Each look is counted in the log, since a number that is looked at often is soon tuned for.
        """
        with self._lock:
            if self._session is None:
                return super().final_report()
            trial = self.best_trial
            self._session.coordinator.note(self._shown(trial, self._state.epoch))
            return FinalReport.of(self._state, self.name)

    def confirm(
        self,
        objective: Callable[..., Any],
        *,
        runs: int = 20,
        finalists: int = 4,
        compare: Sequence[Mapping[str, Any]] = (),
    ) -> Winner | ConfirmedFront:
        """Run the best configurations of a study that is over again, on fresh seeds: see `winner`.

        Parameters
        ----------
        objective : callable
            The one that the study tuned.
        runs : int
            Fresh runs in all, at least 3; they come on top of the study's trials.
        finalists : int
            How many configurations are run again, at most.
        compare : sequence of mappings
            Configurations of the study, such as the default, that are run as often and can't win.
        """
        from rung._confirm import confirm

        return confirm(self, self._settings, objective, runs=runs, finalists=finalists, compare=compare)

    def _take_over(self, found: Sequence[Import]) -> None:
        coordinator = self._manual().coordinator
        for each in found:
            coordinator.note(*events_of(each, self._state))
            each.log(self._name)

    def add(self, config: Mapping[str, Any], value: float | Mapping[str, float]) -> Trial:
        """Take in an earlier result, as a completed trial of origin "imported": see `add` of `rung.tune`.

        Parameters
        ----------
        config : mapping
            The configuration; constants of the space need not be repeated.
        value : float or mapping of str to float
            The tuned metric, or several metrics.

        Returns
        -------
        Trial
            The trial that holds it.

        Examples
        --------
        >>> import rung
        >>> study = rung.Study({"x": rung.Float(0, 1)}, metric="error", storage=":memory:")
        >>> study.add({"x": 0.25}, 0.5).origin
        'imported'
        """
        with self._lock:
            result = result_of("add", config, value, self.space, self.goals)
            self._take_over(still_new([Import.of_one(result)], self._state))
            return added(result, self._state)

    def drive(self, executor: Executor, **settings: Any) -> None:
        """Run the study to its end on an executor of one's own, such as a simulator.

        Parameters
        ----------
        executor : Executor
            Where trials run; it is closed at the end.
        **settings
            Those of the session, such as `n_trials` or `max_failures`, may differ from the study's.
        """
        for name in settings:
            if name in SETTINGS and SETTINGS[name].scope != "session":
                raise ArgumentError(f"drive: {name} is the study's own; give it to rung.Study")
        settings.setdefault("n_workers", max(1, executor.capacity))
        changed = self._settings.but(**settings).for_space(self.space)
        with self._lock:
            session = begin(self, lambda: executor, changed, {}, lessons=self._lessons)
            try:
                session.coordinator.run()
            finally:
                session.close()


def study_of(space: Space, settings: Settings) -> Study:
    """Make the study of these settings, or go on with the one of their name; raises as `Study` does."""
    study = Study.__new__(Study)
    study._create_or_open(space, settings)
    return study
