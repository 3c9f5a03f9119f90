"""Sections 19.2 and 19.4: searcher, schedulers and tuner. None of this needs PyTorch."""

from __future__ import annotations

import inspect
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from rung.errors import ArgumentError, ObjectiveError

Config = dict[str, Any]
T = TypeVar("T")


class HyperParameters:
    """A base whose subclasses need not write ``self.x = x`` for each argument of their ``__init__``."""

    def save_hyperparameters(self, ignore: Collection[str] = ()) -> None:
        """Make attributes of the calling method's arguments, and collect them in `hparams`.

        Call it first in ``__init__``: local variables set before the call are taken for arguments.
        """
        frame = inspect.currentframe()
        assert frame is not None
        assert frame.f_back is not None
        hidden = {"self", *ignore}
        found = frame.f_back.f_locals.items()
        self.hparams = {k: v for k, v in found if k not in hidden and not k.startswith("_")}
        for name, value in self.hparams.items():
            setattr(self, name, value)


def add_to_class(cls: type) -> Callable[[T], T]:
    """Make the decorated function a method of `cls`; the name stays bound to the function, too."""

    def add(function: T) -> T:
        setattr(cls, function.__name__, function)  # type: ignore[attr-defined]
        return function

    return add


def numpy(tensor: Any) -> npt.NDArray[Any]:
    """The tensor as a numpy array, wherever it lives and whether or not it has a gradient."""
    array: npt.NDArray[Any] = tensor.detach().cpu().numpy()
    return array


class HPOSearcher(HyperParameters):
    """Says which configuration to try next; subclass it and write `sample_configuration`."""

    def sample_configuration(self) -> Config:
        """Return the next configuration."""
        raise NotImplementedError

    def update(self, config: Config, error: float, additional_info: Any = None) -> None:
        """Learn from the error of a configuration; by default nothing is learnt."""


class RandomSearcher(HPOSearcher):
    """Draws each configuration at random, independently of all others.

    `config_space` maps names to domains, scipy's frozen distributions or rung's own. `initial_config`, if
    given, is tried first. The same `seed` gives the same configurations; ``numpy.random.seed`` has no effect.
    """

    def __init__(
        self, config_space: Mapping[str, Any], initial_config: Config | None = None, seed: int | None = None
    ) -> None:
        from rung.space import Space  # here, since it brings scipy along

        self.config_space = config_space
        self.initial_config = initial_config
        self._space = Space(config_space)
        self._rng = np.random.default_rng(seed)

    def sample_configuration(self) -> Config:
        """Return `initial_config` the first time, then random draws."""
        if self.initial_config is None:
            return dict(self._space.sample(self._rng))
        first, self.initial_config = self.initial_config, None
        return first


class HPOScheduler(HyperParameters):
    """Says what to run next and gets the results; subclass it and write both methods."""

    def suggest(self) -> Config:
        """Return the arguments of the next call of the objective."""
        raise NotImplementedError

    def update(self, config: Config, error: float, info: Any = None) -> None:
        """Take note of the error that the objective had with `config`."""
        raise NotImplementedError


class BasicScheduler(HPOScheduler):
    """Runs whatever its searcher proposes, each configuration once and in full."""

    def __init__(self, searcher: HPOSearcher) -> None:
        self.searcher = searcher

    def suggest(self) -> Config:
        """Return the searcher's next configuration."""
        return self.searcher.sample_configuration()

    def update(self, config: Config, error: float, info: Any = None) -> None:
        """Hand the result to the searcher."""
        self.searcher.update(config, error, additional_info=info)


class SuccessiveHalvingScheduler(HPOScheduler):
    """Runs many configurations for `r_min` epochs, the best 1/eta of them for eta times as many, and so on.

    The rungs are r_min, r_min * eta, r_min * eta^2, ... and `r_max`; on the last but k of them,
    prefact * eta^k configurations run. Each call of the objective trains from epoch 1 and gets its epochs as
    `max_epochs`. When a round is over the next one begins with new configurations. `rung.schedulers` has
    relatives that go on from checkpoints and keep all workers busy.

    `all_observed_error_at_rungs` holds the pairs (config, error) of all rounds by rung,
    `observed_error_at_rungs` those that wait for the rest of their rung.
    """

    def __init__(self, searcher: HPOSearcher, eta: int, r_min: int, r_max: int, prefact: float = 1) -> None:
        _check_rungs(eta, r_min, r_max, prefact)
        self.searcher = searcher
        self.eta, self.r_min, self.r_max, self.prefact = eta, r_min, r_max, prefact
        self.rung_levels = _rung_levels(eta, r_min, r_max)
        self.K = len(self.rung_levels) - 1
        self.observed_error_at_rungs: dict[int, list[tuple[Config, float]]] = defaultdict(list)
        self.all_observed_error_at_rungs: dict[int, list[tuple[Config, float]]] = defaultdict(list)
        self.queue: list[Config] = []

    def suggest(self) -> Config:
        """Return the next configuration with its `max_epochs`; new ones once the queue is empty."""
        if not self.queue:
            self.queue = [self._new() for _ in range(self._size(0))]
        return self.queue.pop()

    def update(self, config: Config, error: float, info: Any = None) -> None:
        """Take the error in; the last one of a rung sends the rung's best on to the next."""
        epochs = int(config["max_epochs"])
        if epochs not in self.rung_levels:
            raise ArgumentError(
                f"max_epochs={epochs} is no rung; suggest() gives configurations for {self.rung_levels}"
            )
        self.searcher.update(config, error, additional_info=info)
        self.all_observed_error_at_rungs[epochs].append((config, error))
        if epochs == self.r_max:
            return
        self.observed_error_at_rungs[epochs].append((config, error))
        rung = self.rung_levels.index(epochs)
        if len(self.observed_error_at_rungs[epochs]) >= self._size(rung):
            self._promote(rung)

    def get_top_n_configurations(self, rung_level: int, n: int) -> list[Config]:
        """Return the n best configurations that wait at a rung; those without a number (NaN) come last."""
        waiting = self.observed_error_at_rungs[rung_level]
        ranked = sorted(waiting, key=lambda pair: (math.isnan(pair[1]), pair[1]))
        return [config for config, _ in ranked[:n]]

    def _promote(self, rung: int) -> None:
        level, higher = self.rung_levels[rung], self.rung_levels[rung + 1]
        best = self.get_top_n_configurations(level, self._size(rung + 1))
        self.queue = [{**config, "max_epochs": higher} for config in best] + self.queue
        self.observed_error_at_rungs[level] = []

    def _new(self) -> Config:
        return {**self.searcher.sample_configuration(), "max_epochs": self.r_min}

    def _size(self, rung: int) -> int:
        return int(self.prefact * self.eta ** (self.K - rung))


def _rung_levels(eta: int, r_min: int, r_max: int) -> list[int]:
    below = [r_min]
    while below[-1] * eta < r_max:
        below.append(below[-1] * eta)
    return [level for level in below if level < r_max] + [r_max]


def _check_rungs(eta: int, r_min: int, r_max: int, prefact: float) -> None:
    if eta < 2:
        raise ArgumentError(f"SuccessiveHalvingScheduler: eta={eta!r}; give at least 2: one of eta goes on")
    if not 1 <= r_min <= r_max:
        raise ArgumentError(
            f"SuccessiveHalvingScheduler: r_min={r_min!r}; use a number from 1 to r_max={r_max!r}"
        )
    if prefact < 1:
        raise ArgumentError(
            f"SuccessiveHalvingScheduler: prefact={prefact!r}; give at least 1: one must reach r_max"
        )


class HPOTuner(HyperParameters):
    """Runs one trial after another in this process and remembers the best, the incumbent.

    After each trial, `incumbent_trajectory` gets the lowest error so far, `cumulative_runtime` the seconds so
    far, and `records` a dict with config, error and runtime. For parallel runs, or such as survive a
    crash, use `rung.tune`.
    """

    def __init__(self, scheduler: HPOScheduler, objective: Callable[..., Any]) -> None:
        self.scheduler = scheduler
        self.objective = objective
        self.incumbent: Config | None = None
        self.incumbent_error: float | None = None
        self.incumbent_trajectory: list[float] = []
        self.cumulative_runtime: list[float] = []
        self.current_runtime = 0.0
        self.records: list[dict[str, Any]] = []

    def run(self, number_of_trials: int) -> None:
        """Evaluate so many more configurations, calling ``objective(**config)`` and showing each result."""
        for number in range(number_of_trials):
            start = time.perf_counter()
            config = self.scheduler.suggest()
            _say(f"Trial {number}: {config}")
            error = _as_number(self.objective(**config))
            self.scheduler.update(config, error)
            runtime = time.perf_counter() - start
            self.bookkeeping(config, error, runtime)
            _say(f"    error {error:.4g} after {runtime:.1f} s")

    def bookkeeping(self, config: Config, error: float, runtime: float) -> None:
        """Record a finished trial; call it yourself only if you do not call `run`."""
        self.records.append({"config": config, "error": error, "runtime": runtime})
        if self.incumbent_error is None or error < self.incumbent_error or math.isnan(self.incumbent_error):
            self.incumbent, self.incumbent_error = config, error
        self.incumbent_trajectory.append(self.incumbent_error)
        self.current_runtime += runtime
        self.cumulative_runtime.append(self.current_runtime)


def _as_number(error: Any) -> float:
    """The objective's result, be it a number, a numpy array or a tensor of one element."""
    try:
        return float(error)
    except (TypeError, ValueError) as why:
        raise ObjectiveError(f"the objective returned {error!r}; return one number, the error") from why


def _say(line: str) -> None:
    """Show a line at once, as the book's tuner does: a cell may run for minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
