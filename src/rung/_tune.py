"""tune(): checks everything, wires the parts, runs the loop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from rung._earlier import imports_of, still_new
from rung._interrupts import interrupted
from rung._other_libraries import explained
from rung._running import run_session, work_of
from rung._session import rule_that_holds
from rung._study import Study, study_of
from rung._transfer import LearnFrom
from rung._view import StudyView
from rung.errors import ObjectiveError
from rung.execution.work import Backend
from rung.objectives.function import Objective, fingerprint
from rung.schedulers.base import Scheduler
from rung.searchers.base import Searcher
from rung.settings import KeepCheckpoints, OnError, Settings
from rung.space import Space
from rung.storage import Durability, Storage
from rung.study.stopping import StopWhen
from rung.views.callbacks import Update

logger = logging.getLogger("rung")

importing: ContextVar[bool] = ContextVar("importing", default=False)
"""Whether the command line reads a file, which is then not to tune by itself."""


@explained
def tune(
    objective: Callable[..., Any],
    space: Space | Mapping[str, Any],
    *,
    metric: str | Mapping[str, str] = "value",
    mode: str = "min",
    n_trials: int | None = None,
    timeout: str | float | timedelta | None = None,
    stop_when: StopWhen = None,
    confirm: float | None = None,
    n_workers: int = 1,
    executor: str | Backend | None = None,
    searcher: str | Searcher = "auto",
    scheduler: str | Scheduler = "fifo",
    max_resource: int | None = None,
    resource: str = "epoch",
    initial_configs: Sequence[Mapping[str, Any]] = (),
    add: Sequence[tuple[Mapping[str, Any], float | Mapping[str, float]]] = (),
    continue_from: StudyView | str | None = None,
    learn_from: Sequence[LearnFrom] = (),
    constraints: Mapping[str, str] | None = None,
    cost: str | None = None,
    rising: Sequence[str] = (),
    report_only: Sequence[str] = (),
    seed: int | None = None,
    keep_checkpoints: KeepCheckpoints = "best",
    trial_timeout: str | float | timedelta | None = None,
    trial_memory: str | int | None = None,
    gpus_per_trial: float | None = None,
    retries: int = 1,
    max_failures: int = 10,
    on_error: OnError = "continue",
    callbacks: Sequence[Callable[[Update], object]] = (),
    name: str | None = None,
    storage: str | Storage | None = None,
    durability: Durability = "machine",
    progress: bool | None = None,
) -> Study:
    """Find the configuration in `space` for which `objective` gives the best `metric`.

    The same call again goes on with the study `name`: after a crash it finishes the study, after its end it
    does nothing. Give `n_trials`, `timeout` or `stop_when`; the first two are totals of the study.

    Parameters
    ----------
    objective : callable
        `f(config)`, `f(config, trial)` or `f(**config)`; it returns a number, a dict of metrics, or None if
        it reported by `trial.report(epoch=..., metric=...)`. `trial` is a `RunningTrial`. Or a `Command`.
    space : Space or mapping
        A `Space`, or a dict of names and domains: `Float`, `Int`, `Categorical`, `Ordinal`, a frozen
        `scipy.stats` distribution, or a constant.
    metric : str or mapping of str to str
        The name of the tuned metric, or for several objectives a dict of names and "min" or "max". Of
        several, "auto", "gp", "tpe" and "evolution" search for the whole front; other searchers that learn
        and schedulers that stop trials use the first alone, and say so. `Study.front` compares by all.
    mode : {"min", "max"}
        Whether small or large values of a single metric are good.
    n_trials : int, optional
        Trials in all, failed ones included; at least 1.
    timeout : str, float or timedelta, optional
        Running time in all: seconds, "2h", "1h 30m", or a timedelta. Trials that run then are interrupted;
        they run again if the study goes on with a longer one.
    stop_when : str, Target, NoImprovement, callable, or list of these, optional
        When to stop before: "<= 0.05" or `rung.Target(0.05)`; "no improvement in 20 trials", "no improvement
        in 2h" or `rung.NoImprovement(trials=20, hours=2)`; or a function of the study (a `StudyView`), called
        after a trial has ended. The first that holds stops the study as a timeout does.
    confirm : float or int, optional
        The share of the trials (0.2), or their number, that run the best configurations again on fresh seeds
        after the search, out of the same total: see `Study.winner`. With a timeout alone, the share of it.
    n_workers : int
        Trials at once, at least 1.
    executor : str or Backend, optional
        "inline" runs the objective in this process, "processes" in worker processes, "remote" wherever a
        `rung worker` is started (`Remote`), "ray", "slurm" and "dask" where these place one; or an object
        with `check`, `reap` and `start` (see docs/extending.md). The default is "inline" for one worker,
        unless one of `trial_timeout`, `trial_memory` and `gpus_per_trial` is given, and "processes" for more.
    searcher : str or Searcher
        "auto" (a Gaussian process, or local search where fitting one would cost more than 5 % of the trials'
        time), another name of `rung.searchers.SEARCHERS` such as "random", or a searcher.
    scheduler : str or Scheduler
        A name of `rung.schedulers.SCHEDULERS` ("fifo", "asha", "hyperband", ...) or a scheduler.
    max_resource : int, optional
        Epochs of a whole trial, at least 1, handed to the objective as `trial.max_resource`.
    resource : str
        The name of an epoch, which is the keyword of `trial.report`: "step", for example.
    initial_configs : sequence of mappings
        Configurations to run first; constants of the space need not be repeated.
    add : sequence of pairs
        Earlier results: `(config, value)`, or a dict of metrics for the value. They are kept as completed
        trials of origin "imported", from which searchers learn; they do not count towards `n_trials`, and the
        same one is added once.
    continue_from : StudyView or str, optional
        An earlier study, or its name in `storage`, whose space may have been another. Its trials that fit are
        taken over once, as with `add`, and it is said how many do not.
    learn_from : sequence of StudyView, str, path or pairs
        Earlier studies of the same metric, on a space that overlaps: each a study, its name in `storage`, or
        a folder of one or of many. A pair such as `("old", {"momentum": 0.9})` says what a hyperparameter was
        that the earlier study does not have. Only how they rank configurations counts; see docs/transfer.md.
    constraints : mapping of str to str, optional
        Bounds that the winner must keep, such as `{"model_mb": "<= 20"}`.
    cost : str, optional
        The metric that says what a trial cost, such as "train_seconds": the search is then for improvement
        per cost, and with a `timeout` for what can still be finished. Searchers "auto" and "gp".
    rising : sequence of str
        Metrics of `constraints` that only rise in training, such as seconds or the peak of memory: a trial
        that reports one above its bound is stopped at once. `train_seconds` is one by itself.
    report_only : sequence of str
        Metrics that are stored but shown by `Study.final_report` only, such as the test error.
    seed : int, optional
        Of all random choices, at least 0; by default it is drawn and stored.
    keep_checkpoints : {"best", "all", "none"}
        Whose checkpoints stay on disk when their trials are over.
    trial_timeout : str, float or timedelta, optional
        How long a trial may run, such as "2h"; it is then ended by force, and has failed.
    trial_memory : str or int, optional
        What a trial's process and those it starts may hold together: bytes, or such as "8GB".
    gpus_per_trial : float, optional
        GPUs that each worker sees (CUDA_VISIBLE_DEVICES): 1, 2, or a share such as 0.5.
    retries : int
        How often a trial whose worker died is run again, at least 0.
    max_failures : int
        Failed trials in a row that stop the study, at least 1.
    on_error : {"continue", "raise"}
        "continue" counts a trial that raises as failed; "raise" stops the study with TrialError, and the same
        call again runs that trial again. A trial whose worker died, or whose metric is no number, has failed
        either way.
    callbacks : sequence of callables
        Each is called with an `Update` whenever a trial has started, reported or ended and that is stored, in
        a thread of its own: one that fails or lags costs the study nothing.
    name : str, optional
        Of the study; by default it is generated, shown and logged.
    storage : str or Storage, optional
        A folder (by default `RUNG_STORAGE`, else "rung_studies"), "postgresql://...", or ":memory:".
    durability : {"machine", "process"}
        What a stored report survives: a crash of the machine, or of any process.
    progress : bool, optional
        Whether it is shown; by default in a terminal, a notebook, or as plain lines.

    Returns
    -------
    Study
        With `best_config`, `best_value`, `trials` and more.

    Raises
    ------
    ArgumentError
        Before the first trial, if an argument is wrong. It is a ValueError.
    ObjectiveError
        If the objective can't be called; MetricError if the first trial gives no `metric`, TrialError under
        `on_error="raise"`.
    TooManyFailures
        After `max_failures` failed trials in a row.
    StudyInUse, StudyMismatch
        If another process runs the study `name`, or it was made with other arguments.
    Interrupted
        After Ctrl-C. It is a KeyboardInterrupt; uncaught, it ends the program in a line, with exit code 130.

    Examples
    --------
    >>> import rung
    >>> def objective(config):
    ...     return (config["x"] - 0.3) ** 2
    >>> study = rung.tune(
    ...     objective, {"x": rung.Float(0, 1)}, n_trials=20, seed=0, storage=":memory:", progress=False
    ... )
    >>> abs(study.best_config["x"] - 0.3) < 0.05
    True
    """
    if importing.get():
        raise ObjectiveError("the file calls rung.tune itself: run it with python, not with rung")
    if _in_a_child_that_imports_the_script():
        raise ObjectiveError(
            "rung.tune is called while multiprocessing imports this script in a process of a pool; "
            'put the call under `if __name__ == "__main__":`'
        )
    settings = Settings.of(
        metric=metric, mode=mode, n_trials=n_trials, timeout=timeout, stop_when=stop_when,
        confirm=confirm,
        n_workers=n_workers, executor=executor, searcher=searcher, scheduler=scheduler,
        max_resource=max_resource, resource=resource, initial_configs=initial_configs,
        add=add, continue_from=continue_from, learn_from=learn_from,
        constraints=constraints, cost=cost, rising=rising, report_only=report_only, seed=seed,
        keep_checkpoints=keep_checkpoints,
        trial_timeout=trial_timeout, trial_memory=trial_memory, gpus_per_trial=gpus_per_trial,
        retries=retries, max_failures=max_failures, on_error=on_error, callbacks=callbacks,
        name=name, storage=storage, durability=durability, progress=progress,
    )  # fmt: skip
    return run_study(objective, space, settings)


def _in_a_child_that_imports_the_script() -> bool:
    multiprocessing = sys.modules.get("multiprocessing.process")
    return multiprocessing is not None and getattr(multiprocessing.current_process(), "_inheriting", False)


def run_study(
    objective: Callable[..., Any],
    space: Space | Mapping[str, Any],
    settings: Settings,
    made_by: Mapping[str, Any] | None = None,
) -> Study:
    """Do what `tune` does; the log keeps `made_by`, where the command line finds its file again."""
    space = Space.of(space)
    bound = Objective.of(objective, space, settings.goals, settings.max_resource)
    work, backend = work_of(bound, settings)
    settings.check_budget(space)
    found = imports_of(settings, space)
    study = study_of(space, settings)
    _warn_of_changes(study, bound)
    found = still_new(found, study.state)
    if _nothing_left(study) and not found:
        _say_complete(study, logging.INFO if settings.progress is False else logging.WARNING)
        return study
    if not found and (reason := rule_that_holds(study, study.settings)):
        logger.warning("study %r stopped by stop_when: %s; nothing was run; to go on, give another one, or "
                       "none (--stop-when never)", study.name, reason)  # fmt: skip
        return study
    with interrupted(lambda: _how_to_go_on(study)):
        run_session(
            study, study.settings, work, backend, made_by=made_by or {}, found=found, lessons=study.lessons
        )
    return study


def _warn_of_changes(study: Study, objective: Objective) -> None:
    before, now = study.state.plan, study.settings.to_json()
    if not study.trials:
        return
    if before.get("objective_code", "") not in {"", fingerprint(objective.function)}:
        logger.warning("the objective's code has changed since trials of study %r were run; "
                       "use another name= to compare like with like", study.name)  # fmt: skip
    for part in ("searcher", "scheduler"):
        # An argument that is new in this version of rung is no change.
        if any(now[part].get(name) != value for name, value in before.get(part, {}).items()):
            logger.warning("study %r: its %s was %s and is now %s", study.name, part, before[part], now[part])


def _say_complete(study: Study, level: int) -> None:
    where = study.folder or "in memory"
    logger.log(level, "study %r is complete with %d trials, nothing was run (%s); for more raise n_trials "
               "or timeout, for a new study use another name=",
               study.name, study.state.counted, where)  # fmt: skip


def _nothing_left(study: Study) -> bool:
    state, budget = study.state, study.settings.budget
    if state.open:
        return False
    if budget.time_left(state.t) <= 0:
        return True
    return all(t.is_finished for t in state.trials) and not budget.trials_left(state.counted)


def _how_to_go_on(study: Study) -> str:
    settings, done = study.settings, sum(t.is_finished and not t.is_imported for t in study.trials)
    total = f" of {settings.n_trials}" if settings.n_trials else ""
    if study.folder is None:
        return f"study {study.name!r} stopped after {done}{total} trials; it was in memory only"
    by_name = "the same call" if settings.name is not None else f"name={study.name!r}"
    command = study.state.plan["command"] or by_name
    return (
        f"study {study.name!r} stopped after {done}{total} trials, every report is stored; "
        f"continue with: {command}"
    )
