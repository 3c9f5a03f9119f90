"""dry_run(): what a study would cost, from a few real trials and the rest in virtual time."""

from __future__ import annotations

import logging
import math
import secrets
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung._other_libraries import explained
from rung._simulate import simulate
from rung._study import Study, study_of
from rung.analysis.usage import busy_share, checkpoint_bytes, trials_per_level
from rung.errors import ArgumentError, NoTrialError
from rung.execution.processes import Processes
from rung.objectives.checkpoints import FolderStore
from rung.objectives.function import Objective
from rung.schedulers.base import Scheduler
from rung.searchers.base import Searcher
from rung.settings import KeepCheckpoints, Settings
from rung.space import Config, Space
from rung.study.budget import whole
from rung.study.events import FINAL, AttemptEnded, Event, Outcome, Reported, TrialDropped
from rung.study.metrics import Goals
from rung.study.sizes import size_text
from rung.study.streams import stream
from rung.study.trial import Trial
from rung.views.summary import ending
from rung.views.text import duration

logger = logging.getLogger("rung")

_MOST_EPOCHS = 1_000_000
"""A simulation of more takes minutes, and tells nothing new."""
_MOST_LEVELS = 12
"""Levels that the text lists."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a study would do. Times are virtual seconds, sizes bytes; its text is for people."""

    pilots: int
    """Pilot trials that completed."""
    failed_pilots: int
    pilot_seconds: float
    """What the pilots took, in real seconds."""
    first_epoch_seconds: float
    """The median, over pilots, of a trial's first epoch with all that comes before it."""
    epoch_seconds: float
    """The median of the other epochs (of the first, if there is but one)."""
    checkpoint_bytes: int
    """Of one trial: the largest among the pilots."""
    reporting: bool
    """Whether pilots reported epochs; if not, no scheduler can stop them: all run in full."""
    n_workers: int
    max_resource: int
    started: int
    completed: int
    stopped: int
    failed: int
    """Their workers died more often than `tune` retries."""
    paused: int
    trials_per_level: Mapping[int, int]
    """How many trials got up to each epoch and no further."""
    epochs: int
    """Trained in all, those that are trained again after a loss included."""
    busy: float
    """The part of the workers' time in which trials ran."""
    seconds: float
    """When the study ends."""
    ended: str
    """Why it ends: "done", "exhausted" (nothing is left to try), "timeout"."""
    peak_bytes: int
    """Checkpoints on disk at their most, each worker writing one beside its old one."""

    @property
    def full_epochs(self) -> int:
        """Epochs, if all trials that were started ran in full."""
        return self.started * self.max_resource

    @property
    def cut_off(self) -> int:
        """Trials that run when the time is up."""
        return self.started - self.completed - self.stopped - self.failed - self.paused

    def __str__(self) -> str:
        return "\n".join(f"{label:<10}{text}" for label, text in self._rows())

    def _rows(self) -> list[tuple[str, str]]:
        first, others = _brief(self.first_epoch_seconds), _brief(self.epoch_seconds)
        part = f"{self.epochs / self.full_epochs:.0%}" if self.full_epochs else "0%"
        failed = f", {self.failed_pilots} failed" if self.failed_pilots else ""
        rows = [
            ("pilots", f"{self.pilots} completed{failed}, in {duration(self.pilot_seconds)} of real time"),
            ("epoch", f"{others}; a trial's first one {first}"),
            ("workers", f"{self.n_workers}, busy {self.busy:.0%} of the time"),
            ("trials", f"{self.started:,}: {self._counts_text()}"),
            ("reached", _levels_text(self.trials_per_level)),
            ("epochs", f"{self.epochs:,}, {part} of the {self.full_epochs:,} of all trials in full"),
            ("time", f"{duration(self.seconds)} ({ending(self.ended)})"),
        ]
        if self.checkpoint_bytes:
            most = size_text(self.peak_bytes)
            rows.append(
                ("disk", f"checkpoints of {size_text(self.checkpoint_bytes)}, at most {most} at once")
            )
        if not self.reporting:
            rows.append(
                ("note", "pilots reported no epochs: nothing can stop trials early, so fifo was simulated")
            )
        return rows

    def _counts_text(self) -> str:
        counts = [(self.completed, "completed"), (self.stopped, "stopped"), (self.failed, "failed"),
                  (self.paused, "paused"), (self.cut_off, "cut off")]  # fmt: skip
        return ", ".join(f"{n:,} {status}" for n, status in counts if n)


@explained
def dry_run(
    objective: Callable[..., Any],
    space: Space | Mapping[str, Any],
    *,
    metric: str | Mapping[str, str] = "value",
    mode: str = "min",
    n_trials: int | None = None,
    timeout: str | float | timedelta | None = None,
    n_workers: int = 1,
    searcher: str | Searcher = "random",
    scheduler: str | Scheduler = "fifo",
    max_resource: int | None = None,
    resource: str = "epoch",
    initial_configs: Sequence[Mapping[str, Any]] = (),
    constraints: Mapping[str, str] | None = None,
    cost: str | None = None,
    rising: Sequence[str] = (),
    seed: int | None = None,
    keep_checkpoints: KeepCheckpoints = "best",
    pilots: int = 3,
    stragglers: float = 0.0,
    failures: float = 0.0,
) -> DryRun:
    """Say what `tune` with these arguments would do: trials, epochs, hours and gigabytes.

    A few pilot trials of random configurations run in worker processes, in full and in real time. Then the
    study runs in virtual time, with the real scheduler and searcher. A simulated trial takes the curve and
    the seconds of a random pilot; its curve is shifted by normal noise, as wide as the pilots lie apart (a
    smoothed bootstrap). So the curves know nothing of the configuration: the forecast is good for counts
    and times, not for values, and a searcher that learns has nothing to learn from.

    Parameters
    ----------
    objective, space, metric, mode, n_trials, timeout, n_workers, scheduler, max_resource, resource
        As in `tune`.
    initial_configs, constraints, cost, rising, seed, keep_checkpoints
        As in `tune`.
    searcher : str or Searcher
        As in `tune`; by default "random".
    pilots : int
        Their number, at least 1. Up to `n_workers` of them run at once, but one less than there are, so that
        one comes second in its process: the costs of a process's first trial are left out.
    stragglers, failures : float
        As in `simulate`.

    Returns
    -------
    DryRun
        Counts, virtual seconds and bytes; print it.

    Raises
    ------
    ArgumentError
        Before the first pilot, if an argument is wrong.
    NoTrialError, MetricError, TooManyFailures
        If no pilot completes.

    Examples
    --------
    >>> import rung
    >>> def objective(config, trial):
    ...     for epoch in trial.epochs():
    ...         trial.report(epoch=epoch, error=config["x"] / epoch)
    >>> found = rung.dry_run(
    ...     objective, {"x": rung.Float(0, 1)}, metric="error", max_resource=9, n_trials=27, n_workers=4,
    ...     scheduler="asha", pilots=1,
    ... )
    >>> found.started, found.full_epochs
    (27, 243)
    """
    space, pilots = Space.of(space), whole("pilots", pilots, 1)
    settings = Settings.of(
        metric=metric, mode=mode, n_trials=n_trials, timeout=timeout, n_workers=n_workers, searcher=searcher,
        scheduler=scheduler, max_resource=max_resource, resource=resource, initial_configs=initial_configs,
        constraints=constraints, cost=cost, rising=rising, seed=seed,
        keep_checkpoints=keep_checkpoints, storage=":memory:",
    )  # fmt: skip
    _check_odds(stragglers, failures)
    settings.check_budget(space)
    seed = secrets.randbits(32) if settings.seed is None else settings.seed
    settings = settings.but(seed=seed).for_space(space)
    bound = Objective.of(objective, space, settings.goals, settings.max_resource)
    flown = _fly(bound, space, settings, pilots)
    curves = _Curves(space, settings.goals, flown, seed, settings.max_resource)
    _check_size(curves, settings)
    study = simulate(
        space, curves, metric=settings.metric, mode=settings.mode, n_workers=settings.n_workers,
        max_resource=curves.epochs,
        scheduler=settings.scheduler if flown.reporting else "fifo", searcher=settings.searcher,
        n_trials=settings.n_trials, timeout=settings.timeout, initial_configs=settings.initial_configs,
        constraints=settings.constraints, cost=settings.cost, rising=settings.rising, seed=seed,
        stragglers=stragglers, failures=failures,
    )  # fmt: skip
    return _forecast(study, flown, curves, settings)


def _check_odds(stragglers: float, failures: float) -> None:
    if not 0 <= stragglers < math.inf:
        raise ArgumentError(
            f"stragglers={stragglers!r}; give a standard deviation, such as 0.5, or 0 for none"
        )
    if not 0 <= failures < 1:
        raise ArgumentError(f"failures={failures!r}; give a probability below 1, such as 0.01")


# ---- real trials


@dataclass(frozen=True, slots=True)
class _Pilots:
    """Real trials of random configurations."""

    completed: Sequence[Trial]
    failed: int
    seconds: float
    checkpoint_bytes: int

    @property
    def reporting(self) -> bool:
        return any(trial.reports for trial in self.completed)


def _fly(objective: Objective, space: Space, settings: Settings, n: int) -> _Pilots:
    """Run `n` trials in full; raises NoTrialError with the reason if none completes."""
    logger.info("dry run: %d pilot trials of %s epochs", n, settings.max_resource or "all")
    n_workers = min(max(1, n - 1), settings.n_workers)
    study = study_of(space, settings.but(
        searcher="random", scheduler="fifo", initial_configs=(), n_trials=n, timeout=None, max_failures=n,
        keep_checkpoints="all",
    ))  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="rung-dry-run-", ignore_cleanup_errors=True) as folder:
        trials = Path(folder) / "trials"
        executor = Processes(objective, n_workers, Path(folder) / "output", FolderStore(trials))
        study.drive(executor)
        sizes = [checkpoint_bytes([trials / str(trial.number)]) for trial in study.trials]
    completed = [trial for trial in study.trials if trial.status == Outcome.COMPLETED]
    if not completed:
        raise NoTrialError(f"no pilot has completed; trial 0: {study.trials[0].reason}")
    return _Pilots(completed, len(study.trials) - len(completed), study.state.t, max(sizes))


# ---- what they tell


class _Curves:
    """What simulated training gives: a function of (config, epoch), as `simulate` takes it.

    A smoothed bootstrap: a trial takes the curves of a random pilot, and shifts each by one normal number
    times the standard deviation of the pilots at each epoch times Silverman's bandwidth.
    """

    def __init__(
        self, space: Space, goals: Goals, flown: _Pilots, seed: int, max_resource: int | None = None
    ) -> None:
        pilots = flown.completed
        self.epochs = 1 if not flown.reporting else max_resource or max(trial.resource for trial in pilots)
        self.seconds = _without_warming_up(np.array([_seconds(trial, self.epochs) for trial in pilots]))
        self._values = {name: np.array([_values(trial, name, self.epochs) for trial in pilots])
                        for name in goals.required}  # fmt: skip
        width = (4 / (3 * len(pilots))) ** 0.2
        self._widths = {name: width * values.std(axis=0) for name, values in self._values.items()}
        self._space, self._seed = space, seed

    def __call__(self, config: Config, epoch: int) -> tuple[Mapping[str, float], float]:
        rng = stream(self._seed, f"dry run {self._space.key(config)}")
        pilot, shift = rng.integers(len(self.seconds)), rng.standard_normal()
        metrics = {name: float(values[pilot, epoch - 1] + shift * self._widths[name][epoch - 1])
                   for name, values in self._values.items()}  # fmt: skip
        return metrics, float(self.seconds[pilot, epoch - 1])


def _seconds(trial: Trial, epochs: int) -> NDArray[np.float64]:
    """Seconds of each epoch; the first holds all that comes before it, but not the start of the worker."""
    total, reports = trial.metrics["train_seconds"], trial.reports
    ends = [max(0.0, total - (reports[-1].t - report.t)) for report in reports] or [total]
    known = [report.resource for report in reports] or [1]
    return np.diff(np.interp(np.arange(epochs + 1), [0, *known], [0.0, *ends]))


def _without_warming_up(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let each first epoch take as much longer than the pilot's others as it did for the luckiest pilot.

    The first trial of a worker process pays for imports and caches; those after it don't.
    """
    if seconds.shape[1] == 1:
        return seconds
    others = np.median(seconds[:, 1:], axis=1)
    before = max(0.0, (seconds[:, 0] - others).min())
    return np.column_stack([others + before, seconds[:, 1:]])


def _values(trial: Trial, name: str, epochs: int) -> NDArray[np.float64]:
    """A metric at each epoch, between reports on a straight line; one that was only returned is constant."""
    points = [(r.resource, r.metrics[name]) for r in trial.reports if name in r.metrics]
    known, values = zip(*points or [(1, trial.metrics[name])], strict=True)
    curve: NDArray[np.float64] = np.interp(np.arange(1, epochs + 1), known, values)
    return curve


def _check_size(curves: _Curves, settings: Settings) -> None:
    """Raise ArgumentError if the time is enough for more epochs than can be simulated."""
    if settings.n_trials is not None or settings.timeout is None:
        return
    each = float(curves.seconds.mean())
    if settings.timeout * settings.n_workers > _MOST_EPOCHS * each:
        raise ArgumentError(
            f"timeout={settings.timeout:g}: an epoch takes {_brief(each)}, so these are more than "
            f"{_MOST_EPOCHS:,} epochs to simulate; give n_trials= or a shorter timeout="
        )


# ---- the result


def _forecast(study: Study, flown: _Pilots, curves: _Curves, settings: Settings) -> DryRun:
    state, seconds, n_workers = study.state, curves.seconds, settings.n_workers
    held = _most_held(study.events(), settings.keep_checkpoints)
    most = held + min(n_workers, len(state.trials))
    return DryRun(
        pilots=len(flown.completed),
        failed_pilots=flown.failed,
        pilot_seconds=flown.seconds,
        first_epoch_seconds=float(np.median(seconds[:, 0])),
        epoch_seconds=float(np.median(seconds[:, 1:] if curves.epochs > 1 else seconds)),
        checkpoint_bytes=flown.checkpoint_bytes,
        reporting=flown.reporting,
        n_workers=n_workers,
        max_resource=curves.epochs,
        started=len(state.trials),
        completed=state.counts["completed"],
        stopped=state.counts["stopped"],
        failed=state.counts["failed"],
        paused=state.counts["paused"],
        trials_per_level=trials_per_level(state),
        epochs=len(state.curve),
        busy=busy_share(state, n_workers),
        seconds=state.t,
        ended=state.ended,
        peak_bytes=most * flown.checkpoint_bytes,
    )


def _most_held(events: Iterable[Event], keep: KeepCheckpoints) -> int:
    """How many trials had a checkpoint at once, at most; the best finished one's stays, or all, or none."""
    held, most, kept = set[int](), 0, 0
    for event in events:
        match event:
            case Reported():
                held.add(event.trial)
            case AttemptEnded(outcome=outcome) if outcome in FINAL and keep != "all":
                held.discard(event.trial)
                kept = int(keep == "best")
            case TrialDropped() if keep != "all":
                held.discard(event.trial)
        most = max(most, len(held) + kept)
    return most


def _levels_text(levels: Mapping[int, int]) -> str:
    shown = [f"epoch {level}: {n:,}" if level else f"none: {n:,}" for level, n in levels.items()]
    rest = len(shown) - _MOST_LEVELS
    return ", ".join(shown[:_MOST_LEVELS] + [f"and {rest} other epochs"] * (rest > 0))


def _brief(value: float) -> str:
    return duration(value) if value >= 1 else f"{1000 * value:.3g} ms"
