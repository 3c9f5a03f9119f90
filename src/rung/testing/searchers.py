"""What every searcher must do: `check_searcher(make)`, for rung's own and for a user's."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

from rung._study import Study
from rung.errors import ArgumentError
from rung.execution.base import End, Job
from rung.execution.simulator import Curve, Simulator
from rung.searchers.base import Searcher
from rung.space import Categorical, Config, Distribution, Float, Int, Ordinal, Space, param
from rung.storage import MemoryStorage
from rung.study.algorithm import Problem
from rung.study.events import Event, Outcome, TrialCreated
from rung.study.history import History
from rung.study.metrics import Goals
from rung.study.state import StudyState
from rung.study.streams import stream
from rung.testing._values import check_value
from rung.testing.invariants import check_log

_STRANGE = ((math.nan, 1.0), (math.inf,), (1e308, -1e308), (None, 0.0), (None,), (0.0,))
"""Losses by turns; None is a trial that fails."""


def check_searcher(make: Callable[[], Searcher], *, space: Space | Mapping[str, Any] | None = None) -> None:
    """Raise AssertionError, naming the promise, unless a searcher does what rung relies on.

    Whole studies run in virtual time, with trials that run side by side, fail, get lost and diverge. At each
    decision the searcher is asked several times, also as a copy and as a new instance that knows nothing
    but the history.

    Parameters
    ----------
    make : callable
        Returns the searcher: its class, if that needs no arguments.
    space : Space or mapping, optional
        The space of the studies. By default a mixed one and a finite one with conditions, or spaces of
        numbers only where the searcher's `check` refuses those.

    Examples
    --------
    >>> from rung.searchers import Random
    >>> check_searcher(Random)
    """
    check_value(make)
    mixed, finite = (mixed_space(make), finite_space(make)) if space is None else (Space.of(space),) * 2
    make().check(Problem(mixed, Goals.of("y")))
    asked = AskedAgain(make)
    _it_survives_all(make, asked, mixed)
    _it_serves_two_studies(asked, mixed)
    for losses in _STRANGE:
        _it_survives(make, losses, mixed)
    if finite.size is not None:
        for capacity in (2, finite.size):
            _it_exhausts(asked, finite, capacity)


class AskedAgain:
    """A searcher that is asked again in every way in which its answer must be the same."""

    def __init__(self, make: Callable[[], Searcher]) -> None:
        self.make, self.running = make, make()

    def suggest(self, history: History, rng: Generator) -> Config | None:
        """Return the searcher's answer; raises AssertionError if another one is given, or it is wrong."""
        config = self.running.suggest(history, copy.deepcopy(rng))
        number = len(history.trials)
        check_suggestion(history, config)
        for who, searcher, known in (
            ("asked again", self.running, history),
            ("a copy", copy.copy(self.running), history),
            ("a fresh instance with a fresh History", self.make(), History(history._state)),
        ):
            answer = searcher.suggest(known, copy.deepcopy(rng))
            assert answer == config, (
                f"equal history, equal answers: for trial {number} it suggests {config}; {who}, {answer}"
            )
        return config

    def check(self, problem: Problem) -> None:
        """See `Searcher`."""
        self.running.check(problem)

    def to_json(self) -> dict[str, Any]:
        """See `Searcher`."""
        return self.running.to_json()


class _Checked(AskedAgain):
    """A searcher that is asked once, and whose answer must be in the space."""

    def suggest(self, history: History, rng: Generator) -> Config | None:
        config = self.running.suggest(history, rng)
        check_suggestion(history, config)
        return config


def check_suggestion(history: History, config: Config | None) -> None:
    """Raise AssertionError unless `config` is in the space, and new where the space is finite."""
    if config is None:
        return
    try:
        valid = history.space.validate(config)
    except ArgumentError as error:
        raise AssertionError(f"configurations lie in the space: {config!r} does not: {error}") from error
    assert valid == config, f"configurations lie in the space: {config!r} is there as {valid!r}"
    assert history.space.size is None or not history.seen(config), (
        f"a finite space is exhausted, not repeated: {config!r} is suggested again"
    )


def _it_survives_all(make: Callable[[], Searcher], asked: AskedAgain, space: Space) -> None:
    """Three trials at once; every fifth fails, every seventh is lost once; three sessions."""
    study, storage = _study(space, seed=1)
    for n in (10, 20, 30):
        study.drive(Simulator(_busy(space), 3), searcher=asked, n_trials=n, max_failures=10**6)
    events = list(storage.read("study"))
    check_log(events, n_trials=30, capacity=3)
    assert len(study.trials) == min(30, space.size or 30), (
        f"it ended a study after {len(study.trials)} trials"
    )
    _check_replay(events, make())


def _it_serves_two_studies(asked: AskedAgain, space: Space) -> None:
    studies = [_study(space, seed)[0] for seed in (2, 3)]
    for n in (5, 10, 15):
        for study in studies:
            study.drive(Simulator(_busy(space), 1), searcher=asked, n_trials=n, max_failures=10**6)


def _it_survives(make: Callable[[], Searcher], losses: Sequence[float | None], space: Space) -> None:
    def curve(job: Job) -> Iterator[tuple[float, Mapping[str, float] | End]]:
        loss = losses[job.id.trial % len(losses)]
        yield 1.0, End(job.id, Outcome.FAILED, reason="as planned") if loss is None else {"y": loss}

    study, _ = _study(space)
    try:
        study.drive(Simulator(curve, 1), searcher=_Checked(make), n_trials=20, max_failures=10**6)
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(
            f"failures and strange losses are survived: losses {losses}: {error!r}"
        ) from error
    n = len(study.trials)
    assert n == min(20, space.size or 20), (
        f"failures and strange losses are survived: losses {losses}: {n} trials"
    )


def _it_exhausts(asked: AskedAgain, space: Space, capacity: int) -> None:
    """With a configuration that the user tried first; at most `capacity` trials are pending."""
    first = space.sample(stream(0, "first"))
    study, _ = _study(space, initial_configs=[first])
    study.drive(Simulator(_busy(space), capacity), searcher=asked, max_failures=10**6)
    n = len({space.key(trial.config) for trial in study.trials})
    assert n == len(study.trials) == space.size, (
        f"a finite space is exhausted: {n} of {space.size} configurations in {len(study.trials)} trials"
    )


def _check_replay(events: Sequence[Event], searcher: Searcher) -> None:
    """Compare what a searcher says, after a restart, with what was said."""
    state = StudyState.replay(events[:1])
    history = History(state)
    for event in events[1:]:
        if isinstance(event, TrialCreated):
            config = searcher.suggest(history, stream(state.seed, "suggest", event.trial))
            stored = config if config is None else history.space.config_to_json(config)
            assert stored == event.config, (
                f"equal history, equal answers: {event.id} was {event.config}; replayed, {stored}"
            )
        state.apply(event)


def _study(space: Space, seed: int = 0, **more: Any) -> tuple[Study, MemoryStorage]:
    storage = MemoryStorage()
    study = Study(space, metric="y", searcher="random", seed=seed, storage=storage, name="study", **more)
    return study, storage


def _busy(space: Space) -> Curve:
    """One report each; every fifth trial fails, every seventh is lost once, some diverge."""

    def curve(job: Job) -> Iterator[tuple[float, Mapping[str, float] | End]]:
        loss = float(np.nansum(space.encode([space.validate(job.config)])))
        number, attempt = job.id
        yield 1.0, {"y": math.nan if number % 11 == 10 else loss + 1}
        if number % 7 == 6 and attempt == 1:
            yield 0.5, End(job.id, Outcome.LOST, reason="as planned")
        if number % 5 == 4:
            yield 0.5, End(job.id, Outcome.FAILED, reason="as planned")
        yield 1.0, End(job.id, Outcome.COMPLETED, {"y": loss})

    return curve


def mixed_space(make: Callable[[], Searcher]) -> Space:
    """An infinite space that the searcher accepts: numbers and categories, conditions, a forbidden part."""
    from scipy import stats

    mixed = Space(
        {
            "lr": Float(1e-4, 1, log=True, points=4),
            "momentum": Distribution(stats.randint(0, 10)).when(param("optimizer") == "sgd"),
            "optimizer": Categorical(["sgd", "adam"]),
            "layers": Int(1, 3),
            "units": Int(8, 64, log=True, step=1).when(param("layers") >= 2),
        },
        forbid=[(param("optimizer") == "adam") & (param("layers") == 3)],
    )
    numbers = Space(
        {
            "lr": Float(1e-4, 1, log=True, points=4),
            "momentum": Distribution(stats.randint(0, 10)),
            "layers": Int(1, 3),
            "units": Int(8, 64, log=True, step=1),
            "kind": "numbers only",
        },
        forbid=[(param("momentum") > 5) & (param("layers") == 3)],
    )
    return mixed if accepts(make, mixed) else numbers


def finite_space(make: Callable[[], Searcher]) -> Space:
    """A space of 13 configurations that the searcher accepts."""
    mixed = Space(
        {"a": Int(1, 3), "b": Categorical(["x", "y"]).when(param("a") >= 2), "c": Ordinal([1, 2, 4])},
        forbid=[(param("b") == "y") & (param("c") == 4)],
    )
    numbers = Space(
        {"a": Int(1, 3), "b": Ordinal(["x", "y"]), "c": Ordinal([1, 2, 4])},
        forbid=[
            (param("b") == "y") & (param("c") == 4) & (param("a") >= 2),
            (param("a") == 1) & (param("b") == "y"),
        ],
    )
    return mixed if accepts(make, mixed) else numbers


def accepts(make: Callable[[], Searcher], space: Space) -> bool:
    """Whether the searcher's `check` takes the space."""
    try:
        make().check(Problem(space, Goals.of("y")))
    except ArgumentError:
        return False
    return True
